// Runs one of the examples in the whole window: `play.html?app=game`.

import { expectFiles, expectLoss, fail, find, load, readSizes } from './load.js';

const TITLES = { game: 'Regrowth', studio: 'bevy_nca studio' };

/** What the studio asks of its page: to train in a worker, and to hand files to the visitor. */
class Desk {
  constructor({ glue, module, build }) {
    Object.assign(this, { glue, module, build, worker: null, isUnsaved: false });
  }

  train(width, height, rgba, steps, padding) {
    this.end();
    const { module, build } = this;
    this.worker = new Worker('worker.js', { type: 'module' });
    this.worker.onmessage = ({ data }) => this.hear(data, steps);
    this.worker.onerror = (event) => this.hear({ failed: event.message ?? 'the worker does not start' });
    this.worker.postMessage({ app: 'studio', build, module, picture: { width, height, rgba }, steps, padding });
  }

  hear({ failed, loss, step, model, ratio, stopped }, steps) {
    if (loss !== undefined) this.glue.told(step, loss, step / steps);
    if (model) {
      this.glue.learned(model);
      this.isUnsaved = true;
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

  save(name, bytes) {
    this.isUnsaved = false;
    const link = document.createElement('a');
    Object.assign(link, { download: name, href: URL.createObjectURL(new Blob([bytes])) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
}

async function main() {
  const app = new URLSearchParams(location.search).get('app') ?? 'game';
  const { [app]: sizes } = await readSizes();
  if (!(app in TITLES) || !sizes) return fail(`“${app}” is not here: this site has not been built with it.`, false);
  document.title = TITLES[app];
  const loaded = await load(app, sizes);
  if (!loaded) return;
  const { glue } = loaded;
  const desk = new Desk(loaded);
  expectLoss(find('#stage'), () => desk.worker !== null || desk.isUnsaved);
  // The game has no use for files.
  glue.connect?.(desk);
  if (glue.open) expectFiles()(async (file) => glue.open(file.name, new Uint8Array(await file.arrayBuffer())));
  find('#stage').focus();
  whenDrawn(() => (find('#cover').className = 'gone'));
}

/** Waits until Bevy has its canvas, and has drawn into it. */
function whenDrawn(then, frames = 3) {
  // It tells its canvas the title of its window.
  const isOpen = find('#stage').hasAttribute('alt');
  if (frames === 0) return then();
  requestAnimationFrame(() => whenDrawn(then, frames - isOpen));
}

main().catch((error) => fail(`It does not start: ${error.message ?? error}`));
