// Connects a build with the page.

import { all, expectFiles, expectLoss, fail, find, load, readSizes, watch } from './load.js';

const SHOWS = ['sprites', 'material', 'guest', 'crowd'];
/** The steps of a training. */
const STEPS = 3000;
/** The longest side of a picture, in pixels. */
const LARGEST = 4096;
/** The picture that is there before the visitor brings one. */
const FIRST_GUEST = 'assets/guest.png';

const number = new Intl.NumberFormat('en');

/** The pixels of a picture, with straight alpha. */
async function pixels(blob) {
  const whole = await createImageBitmap(blob);
  const scale = Math.min(1, LARGEST / Math.max(whole.width, whole.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(whole.width * scale));
  canvas.height = Math.max(1, Math.round(whole.height * scale));
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  context.drawImage(whole, 0, 0, canvas.width, canvas.height);
  const { width, height, data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return { width, height, rgba: new Uint8Array(data.buffer) };
}

/** The visitor's picture, and the worker that learns it. */
class Guest {
  constructor(build, module, glue) {
    Object.assign(this, { build, module, glue, picture: null, worker: null, losses: [], pictures: 0 });
  }

  /** Another picture. */
  async welcome(blob, name) {
    const turn = ++this.pictures;
    try {
      const picture = await pixels(blob);
      // Another one was faster.
      if (turn !== this.pictures) return;
      this.glue.welcome(picture.width, picture.height, picture.rgba);
      this.losses = [];
      this.end();
      this.picture = picture;
      find('#progress').hidden = find('#save').hidden = true;
      find('#note').textContent = `${name}: ${picture.width} x ${picture.height} pixels, alive in a generic body.`;
    } catch (error) {
      find('#note').textContent = `${name}: ${error.message ?? error}`;
    }
  }

  /** Whether something has been learned that is not saved by itself. */
  hasLearned() {
    return this.worker !== null || !find('#save').hidden;
  }

  end() {
    this.worker?.terminate();
    this.worker = null;
    find('#train').textContent = this.losses.length ? 'Train anew' : 'Train its own body';
  }

  train() {
    // It answers with what it has learned.
    if (this.worker) return this.worker.postMessage('stop');
    if (!this.picture) return;
    this.losses = [];
    this.worker = new Worker('worker.js', { type: 'module' });
    this.worker.onmessage = ({ data }) => this.hear(data);
    this.worker.onerror = (event) => this.hear({ failed: event.message ?? 'the worker does not start' });
    const { build, module, picture } = this;
    this.worker.postMessage({ app: 'page', build, module, picture, steps: STEPS });
    find('#train').textContent = 'Stop';
    find('#progress').hidden = false;
    find('#rate').textContent = 'It starts from the slime, and learns where its cells belong.';
  }

  hear({ failed, loss, step, steps, seconds, model, ratio, stopped }) {
    if (failed) {
      this.end();
      find('#rate').textContent = failed;
      return;
    }
    if (loss !== undefined) {
      // It has begun anew if nothing lived.
      if (step === 1) this.losses = [];
      this.losses.push(loss);
      const left = ((steps - step) * seconds) / step / 60;
      const rate = step / seconds;
      find('#rate').textContent =
        `step ${number.format(step)} of ${number.format(steps)}, ${rate.toFixed(1)} a second\nloss ${loss.toFixed(4)}, ${left < 1 ? 'less than a minute' : `about ${Math.round(left)} min`} left`;
      this.draw();
    }
    if (model) {
      this.glue.wear(model);
      URL.revokeObjectURL(find('#save').href);
      find('#save').href = URL.createObjectURL(new Blob([model]));
      find('#save').hidden = false;
      find('#note').textContent = `Its own body after ${number.format(step)} steps. It grows again whenever it has learned.`;
    }
    if (stopped) this.end();
    if (ratio !== undefined) {
      this.end();
      const verdict = ratio <= 1 ? 'it grows, keeps its shape and heals' : 'it needs more steps than a page takes';
      find('#rate').textContent = `done: its worst error is ${ratio.toFixed(2)} of what is allowed; ${verdict}`;
    }
  }

  /** Draws the loss, in logarithmic steps, as the moving average that the eye wants. */
  draw() {
    const canvas = find('#losses');
    const context = canvas.getContext('2d');
    const { width, height } = canvas;
    let mean = Math.log(this.losses[0]);
    const curve = this.losses.map((loss) => (mean += (Math.log(loss) - mean) * 0.05));
    const [least, most] = curve.reduce(([a, b], y) => [Math.min(a, y), Math.max(b, y)], [Infinity, -Infinity]);
    context.clearRect(0, 0, width, height);
    context.strokeStyle = '#7cf5b0';
    context.lineWidth = 3;
    context.beginPath();
    curve.forEach((y, index) => {
      const x = (index / Math.max(1, curve.length - 1)) * width;
      context.lineTo(x, 4 + (1 - (y - least) / (most - least || 1)) * (height - 8));
    });
    context.stroke();
  }
}

/** Shows a part of the page. */
function show(glue, part) {
  all('[data-show]').forEach((tab) => tab.setAttribute('aria-pressed', tab.dataset.show === part));
  all('[data-for]').forEach((panel) => (panel.hidden = panel.dataset.for !== part));
  history.replaceState(null, '', `#${part}`);
  if (part === 'material') return showMaterial(glue, find('[data-material][aria-pressed="true"]').dataset.material);
  glue[`show_${part}`]();
}

function showMaterial(glue, name) {
  all('[data-material]').forEach((button) => button.setAttribute('aria-pressed', button.dataset.material === name));
  find('#tools').hidden = !name.startsWith('mossy');
  pour(glue, false);
  glue.show_material(name);
}

function pour(glue, pours) {
  all('[data-pour]').forEach((button) => button.setAttribute('aria-pressed', button.dataset.pour === String(pours)));
  glue.pour(pours);
}

/** Tells the state of the page. */
function tell(glue, rate) {
  const report = glue.report();
  const engine = report.on_gpu ? 'shaders' : 'CPU engine';
  find('#status').textContent = `${engine}, ${Math.round(rate)} frames a second, ${number.format(report.cells)} cells alive`;
  Object.assign(find('#status').dataset, { healing: report.healing, sprites: report.sprites, frames: report.frames });
  find('#count').innerHTML = report.counting
    ? `Counting: <b>${number.format(report.crowd)}</b> so far. The page adds sprites until frames take longer.`
    : `This machine affords <b>${number.format(report.crowd)}</b> such sprites, all awake, with this ${report.on_gpu ? 'GPU' : 'browser'}.`;
  report.free();
}

/** The number of frames so far. */
function frames(glue) {
  const report = glue.report();
  const { frames } = report;
  report.free();
  return frames;
}

async function main() {
  const onFile = expectFiles();
  const { page: sizes = {}, ...apps } = await readSizes();
  all('[data-app]').forEach((link) => (link.hidden = !(link.dataset.app in apps)));
  const loaded = await load('page', sizes);
  if (!loaded) return;
  const { glue, module, build } = loaded;
  glue.start('#stage', new URLSearchParams(location.search).get('engine') === 'gpu');

  const guest = new Guest(build, module, glue);
  expectLoss(find('#stage'), () => guest.hasLearned());
  all('[data-show]').forEach((tab) => tab.addEventListener('click', () => show(glue, tab.dataset.show)));
  all('[data-material]').forEach((button) => button.addEventListener('click', () => showMaterial(glue, button.dataset.material)));
  all('[data-pour]').forEach((button) => button.addEventListener('click', () => pour(glue, button.dataset.pour === 'true')));
  all('[data-slash]').forEach((button) => button.addEventListener('click', () => glue.slash()));
  find('#train').addEventListener('click', () => guest.train());
  const receive = async (file) => {
    show(glue, 'guest');
    await guest.welcome(file, file.name);
  };
  find('#file').addEventListener('change', async ({ target }) => {
    const [file] = target.files;
    if (file) await receive(file);
    // The same file may be chosen again.
    target.value = '';
  });

  const part = location.hash.slice(1);
  const first = await fetch(FIRST_GUEST).then((response) => (response.ok ? response.blob() : null));
  if (first) {
    await guest.welcome(first, 'A guest');
    find('#note').textContent = 'Any picture with a transparent background. It never leaves your machine.';
  }
  show(glue, SHOWS.includes(part) ? part : 'sprites');
  onFile(receive);
  watch(() => frames(glue), (rate) => tell(glue, rate));
  whenAlive(glue, () => (find('#cover').className = 'gone'));
}

/** Waits for the first living cells. */
function whenAlive(glue, then) {
  const report = glue.report();
  const isAlive = report.cells > 0;
  report.free();
  if (!isAlive) return requestAnimationFrame(() => whenAlive(glue, then));
  performance.mark('alive');
  then();
}

main().catch((error) => fail(`It does not start: ${error.message ?? error}`));
