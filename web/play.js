// Runs one of the examples in the whole window: `play.html?app=game`.

import { expectFiles, expectLoss, fail, find, load, readSizes, watch } from './load.js';

const TITLES = { game: 'Regrowth', studio: 'bevy_nca studio' };
/** The frames after which an app is shown. */
const FIRST_FRAMES = 3;

/** What the studio asks of its page: to train in a worker, and to hand files to the visitor. */
class Desk {
  constructor({ glue, module, build }) {
    Object.assign(this, { glue, module, build, worker: null, name: '', model: null });
  }

  train(width, height, rgba, steps, padding, name) {
    this.end();
    this.name = name;
    const { module, build } = this;
    this.worker = new Worker('worker.js', { type: 'module' });
    this.worker.onmessage = ({ data }) => this.hear(data, steps);
    this.worker.onerror = (event) => this.hear({ failed: event.message ?? 'the worker does not start' });
    this.worker.postMessage({ app: 'studio', build, module, picture: { width, height, rgba }, steps, padding, name });
  }

  hear({ failed, loss, step, model, ratio, stopped }, steps) {
    if (loss !== undefined) this.glue.told(step, loss, step / steps);
    if (model) {
      this.glue.learned(model);
      // Not saved yet.
      this.model = model;
    }
    const verdict = ratio <= 1 ? 'passes' : `does not pass (${ratio?.toFixed(2)} of its gate)`;
    const end = failed ?? (stopped && `stopped at step ${step}`) ?? (ratio !== undefined && `done: the model ${verdict} its scorecard`);
    if (!end) return;
    this.end();
    this.glue.ended(end);
  }

  end() {
    this.worker?.terminate();
    this.worker = null;
  }

  stop() {
    this.worker?.postMessage('stop');
  }

  /** Without graphics, the studio can't be asked for what it has learned. */
  rescue() {
    if (!this.model) return;
    const link = find('#rescue');
    Object.assign(link, { hidden: false, download: `${this.name}.nca`, href: URL.createObjectURL(new Blob([this.model])) });
  }

  save(name, bytes) {
    this.model = null;
    const link = document.createElement('a');
    Object.assign(link, { download: name, href: URL.createObjectURL(new Blob([bytes])) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
}

async function main() {
  const app = new URLSearchParams(location.search).get('app') ?? 'game';
  const isStudio = app === 'studio';
  const onFile = expectFiles(isStudio);
  const { [app]: sizes = {}, page } = await readSizes();
  if (!(app in TITLES)) return fail(`“${app}” is none of the apps.`, false);
  document.title = TITLES[app];
  find('#home').hidden = !page;
  const loaded = await load(app, sizes);
  if (!loaded) return;
  const { glue } = loaded;
  const desk = new Desk(loaded);
  expectLoss(find('#stage'), () => desk.worker !== null || desk.model !== null, () => desk.rescue());
  if (isStudio) {
    glue.connect(desk);
    const open = async (file) => glue.open(file.name, new Uint8Array(await file.arrayBuffer()));
    onFile(open);
    find('#open').hidden = false;
    find('#file').addEventListener('change', ({ target }) => {
      [...target.files].forEach(open);
      // The same file may be chosen again.
      target.value = '';
    });
  }
  find('#stage').focus();
  whenDrawn(glue, () => {
    find('#cover').className = 'gone';
    watch(() => glue.frames());
  });
}

/** Waits for the first frames. */
function whenDrawn(glue, then) {
  // Bevy tells its canvas the title of its window.
  const stage = find('#stage');
  stage.setAttribute('aria-label', stage.getAttribute('alt') ?? document.title);
  if (glue.frames() >= FIRST_FRAMES) return then();
  requestAnimationFrame(() => whenDrawn(glue, then));
}

main().catch((error) => fail(`It does not start: ${error.message ?? error}`));
