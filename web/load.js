// Picks a build of an app for this browser, and loads it.

export const find = (selector) => document.querySelector(selector);
export const all = (selector) => [...document.querySelectorAll(selector)];

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
  find('#again').addEventListener('click', () => location.reload());
  const build = await pickBuild(sizes);
  if (!build) {
    return fail('This browser has neither WebGL 2 nor WebGPU, or they are turned off. Another one can show living sprites.', false);
  }
  expectErrors(build);
  const { glue, module } = await download(app, build, sizes[build]);
  await glue.default({ module_or_path: module });
  document.documentElement.dataset.build = build;
  return { glue, module, build };
}

/** The browser may take the graphics away: the page begins again once they are back, unless something would be lost. */
export function expectLoss(canvas, wouldLose) {
  canvas.addEventListener('webglcontextlost', (event) => {
    event.preventDefault();
    fail('The browser has taken the graphics away.');
  });
  canvas.addEventListener('webglcontextrestored', () => wouldLose() || location.reload());
}

/** Starts with the other build where WebGPU turns out not to work, and says what went wrong otherwise. */
function expectErrors(build) {
  const hear = (what) => {
    // It lives already, or has said what is wrong.
    if (find('#cover').className) return console.warn(what);
    if (build === 'webgpu') {
      const address = new URL(location);
      address.searchParams.set('build', 'webgl2');
      return location.replace(address);
    }
    fail(`It does not start: ${what}`);
  };
  addEventListener('error', (event) => hear(event.message));
  addEventListener('unhandledrejection', ({ reason }) => hear(reason?.message ?? reason));
}

/** Files that are dropped, also before the page is ready for them. */
export function expectFiles() {
  let [receive, early] = [null, null];
  const isFile = (event) => event.dataTransfer?.types.includes('Files');
  addEventListener('dragover', (event) => {
    event.preventDefault();
    find('#drop').hidden = !isFile(event);
  });
  addEventListener('dragleave', (event) => event.relatedTarget || (find('#drop').hidden = true));
  addEventListener('drop', (event) => {
    event.preventDefault();
    find('#drop').hidden = true;
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    if (receive) receive(file);
    else early = file;
  });
  return (then) => {
    receive = then;
    if (early) receive(early);
  };
}
