// Learns a picture, in the same module as the app.

/** Milliseconds between two models that the app wears: at first, and at most. */
const [FIRST_PAUSE, LONGEST_PAUSE] = [8_000, 30_000];

let isStopped = false;

/** Lets the worker hear what the app says. */
const breathe = () => new Promise((done) => setTimeout(done));

async function train({ app, build, module, picture, steps, padding, name }) {
  const glue = await import(`./${build}/${app}.js`);
  await glue.default({ module_or_path: module });
  const { width, height, rgba } = picture;
  // The studio has sized its picture, and names the model.
  const training = name === undefined
    ? glue.Training.of_picture(width, height, rgba, steps)
    : new glue.Training(width, height, rgba, steps, padding, name);
  let began = performance.now();
  let [pause, last] = [FIRST_PAUSE, began];
  while (training.iteration < steps && !isStopped) {
    const loss = training.step();
    const now = performance.now();
    // It has begun anew.
    if (training.iteration === 1) began = now - 1;
    const message = { loss, step: training.iteration, steps, seconds: (now - began) / 1000 };
    if (now - last > pause) {
      message.model = training.model();
      [pause, last] = [Math.min(pause * 1.5, LONGEST_PAUSE), now];
    }
    postMessage(message);
    await breathe();
  }
  postMessage({ step: training.iteration, model: training.model(), stopped: isStopped });
  if (!isStopped) postMessage({ ratio: training.worst_ratio() });
}

onmessage = ({ data }) => {
  if (data === 'stop') {
    isStopped = true;
    return;
  }
  train(data).catch((error) => postMessage({ failed: `the training has failed: ${error.message ?? error}` }));
};
