// Picks a build of an app for this browser, loads it, and watches over it.

/** Milliseconds without a frame after which an app is taken to be broken. */
const STANDSTILL = 15_000;

export const find = (selector) => document.querySelector(selector);
export const all = (selector) => [...document.querySelectorAll(selector)];

find('#again').addEventListener('click', () => location.reload());

/** Says why nothing can be shown, and offers to start again. */
export function fail(text, canStartAgain = true) {
  find('#message').textContent = text;
  find('#again').hidden = !canStartAgain;
  find('#cover').className = 'failed';
}

/**
 * The build for this browser: shaders where they run on a GPU, else the CPU engine. `?build=webgpu` and `?engine=gpu` run
 * the shaders on a software driver too.
 */
async function pickBuild(sizes) {
  const wanted = new URLSearchParams(location.search).get('build');
  const hasWebGl = 'webgl2' in sizes && document.createElement('canvas').getContext('webgl2') !== null;
  if ((wanted === 'webgl2' || !('webgpu' in sizes)) && hasWebGl) return 'webgl2';
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    const isSoftware =
      adapter?.isFallbackAdapter || adapter?.info?.isFallbackAdapter || adapter?.info?.architecture === 'swiftshader';
    if (adapter && (wanted === 'webgpu' || !isSoftware || !hasWebGl)) return 'webgpu';
  } catch { /* It has WebGPU, but not on this machine. */ }
  return hasWebGl ? 'webgl2' : null;
}

/** Downloads and compiles a build of an app, and shows how far it is. */
async function download(app, build, size) {
  const response = await fetch(`${build}/${app}_bg.wasm`);
  if (!response.ok) throw new Error(`${build}: the server answers ${response.status}`);
  let loaded = 0;
  const counter = new TransformStream({
    transform(chunk, out) {
      loaded += chunk.length;
      find('#bar').value = loaded / size;
      find('#message').textContent = `Loading ${(loaded / 1e6).toFixed(1)} of ${(size / 1e6).toFixed(1)} MB`;
      out.enqueue(chunk);
    },
  });
  const bytes = new Response(response.body.pipeThrough(counter), { headers: { 'content-type': 'application/wasm' } });
  const [glue, module] = await Promise.all([import(`./${build}/${app}.js`), WebAssembly.compileStreaming(bytes)]);
  return { glue, module };
}

/** The sizes of what has been built: bytes of each build of each app. */
export const readSizes = () => fetch('sizes.json').then((sizes) => sizes.json());

/** Loads an app, whose builds have these sizes. Says why, and returns nothing, if it can't run here. */
export async function load(app, sizes) {
  if (Object.keys(sizes).length === 0) return fail(`This site has not been built with the ${app}.`, false);
  const build = await pickBuild(sizes);
  if (!build) {
    return fail('This browser has neither WebGL 2 nor WebGPU, or they are turned off. Another one can show living sprites.', false);
  }
  expectErrors(build, sizes);
  const { glue, module } = await download(app, build, sizes[build]);
  await glue.default({ module_or_path: module });
  document.documentElement.dataset.build = build;
  return { glue, module, build };
}

/**
 * The browser may take the graphics away: the app begins again once they are back, unless something would be lost. A page
 * that is left with something to lose asks first.
 */
export function expectLoss(canvas, wouldLose, onLoss = () => {}) {
  canvas.addEventListener('webglcontextlost', (event) => {
    event.preventDefault();
    onLoss();
    fail('The browser has taken the graphics away.');
  });
  canvas.addEventListener('webglcontextrestored', () => wouldLose() || location.reload());
  addEventListener('beforeunload', (event) => wouldLose() && event.preventDefault());
}

/** Calls `tell` twice a second with the frames a second, and says so if there are none. */
export function watch(frames, tell = () => {}) {
  let last = { frames: frames(), at: performance.now() };
  let still = 0;
  setInterval(() => {
    if (document.hidden) return;
    const now = { frames: frames(), at: performance.now() };
    const passed = now.at - last.at;
    still = now.frames === last.frames ? still + passed : 0;
    if (still > STANDSTILL) fail('The picture stands still: the browser has lost the graphics, or something is broken.');
    tell(((now.frames - last.frames) * 1000) / passed);
    last = now;
  }, 500);
}

/** Starts with the other build where WebGPU turns out not to work, and says what went wrong otherwise. */
function expectErrors(build, sizes) {
  const hear = (what) => {
    // It lives already, or has said what is wrong.
    if (find('#cover').className) return console.warn(what);
    const hasOther = 'webgl2' in sizes && document.createElement('canvas').getContext('webgl2') !== null;
    if (build === 'webgpu' && hasOther) {
      const address = new URL(location);
      address.searchParams.set('build', 'webgl2');
      return location.replace(address);
    }
    fail(`It does not start: ${what}`);
  };
  addEventListener('error', (event) => hear(event.message));
  addEventListener('unhandledrejection', ({ reason }) => hear(reason?.message ?? reason));
}

/** Files that are dropped, also before the app is ready for them. An app without a use for files gets none. */
export function expectFiles(takesFiles = true) {
  const early = [];
  let receive = (file) => early.push(file);
  const isFile = (event) => takesFiles && event.dataTransfer?.types.includes('Files');
  addEventListener('dragover', (event) => {
    event.preventDefault();
    find('#drop').hidden = !isFile(event);
  });
  addEventListener('dragleave', (event) => event.relatedTarget || (find('#drop').hidden = true));
  addEventListener('drop', (event) => {
    event.preventDefault();
    find('#drop').hidden = true;
    if (takesFiles) [...(event.dataTransfer?.files ?? [])].forEach((file) => receive(file));
  });
  return (then) => {
    receive = then;
    early.forEach(then);
  };
}
