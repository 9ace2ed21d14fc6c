// Plays with the page in a headless Chromium, and fails if it does not do what it should.
//
// usage: node browser.mjs webgl2|webgpu [SECONDS OF TRAINING [A WORD OF THE TESTS TO RUN]]
// It needs target/page (`cargo run --release -p serve -- --build`), a Chromium (CHROMIUM names another than
// /usr/bin/chromium), and `npm install` in this folder. Pictures of what it has seen lie in target/page-BUILD-*.png.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';

const [, , build = 'webgl2', training = '60', only] = process.argv;
const target = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../target');
const root = path.join(target, 'page');
/** Small, because a software driver draws it. */
const SIZE = { width: 480, height: 440 };
/** Chromium's own software drivers. */
const FLAGS = {
  webgl2: ['--enable-unsafe-swiftshader'],
  webgpu: [
    '--enable-unsafe-swiftshader', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader',
    '--enable-features=Vulkan', '--use-vulkan=swiftshader', '--use-angle=swiftshader',
  ],
};
const TYPES = {
  '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm', '.css': 'text/css',
  '.svg': 'image/svg+xml', '.json': 'application/json', '.png': 'image/png',
};

const missing = [];
/** What has been built. */
const sizes = JSON.parse(fs.readFileSync(path.join(root, 'sizes.json')));
const server = http.createServer((request, response) => {
  const name = path.posix.normalize(decodeURIComponent(request.url.split('?')[0])).replace(/\/$/, '/index.html');
  fs.readFile(path.join(root, name), (error, body) => {
    if (error) missing.push(name);
    response.writeHead(error ? 404 : 200, { 'content-type': TYPES[path.extname(name)] ?? 'application/octet-stream' });
    response.end(body);
  });
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const address = `http://127.0.0.1:${server.address().port}/`;

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  protocolTimeout: 180_000,
  args: ['--no-sandbox', '--no-first-run', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...FLAGS[build]],
});
const page = await browser.newPage();
await page.setViewport(SIZE);
// A page that would lose a trained model asks before it is left.
page.on('dialog', (dialog) => dialog.accept());
const errors = [];
page.on('pageerror', (error) => errors.push(error.message));
page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));

const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
const text = (selector) => page.$eval(selector, (element) => element.textContent);
const cells = async () => Number((await text('#status')).match(/([\d,]+) cells/)?.[1].replaceAll(',', '') ?? 0);
/** What the page says of itself: the number of frames, of sprites, and of those that are not whole. */
const data = (name) => page.$eval('#status', (status, name) => Number(status.dataset[name]), name);
const say = (...what) => console.log(`[${(performance.now() / 1000).toFixed(0)}s]`, ...what);
const picture = (name) => page.screenshot({ path: path.join(target, `page-${build}-${name}.png`) });

/** Waits until a condition holds. */
async function until(what, condition, seconds = 60) {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await sleep(0.25)) {
    if (await condition()) return;
  }
  const status = await page.evaluate(() => document.querySelector('#status, #message').textContent);
  assert.fail(`${what} within ${seconds} s; the page says: ${status}`);
}

/** Presses the mouse and moves it across the stage until cells have died. They must come back. */
async function wound(name) {
  let before = 0;
  await until(`${name} at rest`, async () => {
    const last = before;
    before = await cells();
    await sleep(2);
    return Math.abs(before - last) < before * 0.002 && (await data('healing')) === 0;
  }, 300);
  const stage = await (await page.$('#stage')).boundingBox();
  const at = (x, y) => page.mouse.move(stage.x + stage.width * x, stage.y + stage.height * y);
  let least = before;
  await at(0.1, 0.5);
  await page.mouse.down();
  try {
    await until('cells die', async () => {
      for (let x = 0.05; x < 0.95; x += 0.03) await at(x, 0.2 + 0.6 * Math.random());
      least = Math.min(least, await cells());
      return (await data('healing')) > 0;
    }, 120);
    await picture(`${name}-wounded`);
  } finally {
    await page.mouse.up();
  }
  await until('they come back', async () => (await data('healing')) === 0 && Math.abs((await cells()) - before) < before * 0.01, 120);
  await picture(`${name}-healed`);
  say(`${name}: ${before} cells, wounded ${least}, healed ${await cells()}`);
}

async function open(file = '', options = '') {
  await page.goto('about:blank');
  await page.goto(`${address}${file}?build=${build}${options}`, { timeout: 90_000 });
  await until('it lives', async () => (await page.$eval('#cover', (cover) => cover.className)) === 'gone', 90);
}

/** Drops a file on the page. */
async function drop(name, type, bytes) {
  await page.evaluate((name, type, text) => {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], name, { type }));
    dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }));
  }, name, type, Buffer.from(bytes).toString('base64'));
}

const tests = {
  async 'sprites grow, are wounded and heal'() {
    // The shaders, even on Chromium's software driver.
    await open('', build === 'webgpu' ? '&engine=gpu' : '');
    assert.equal(await page.$eval(':root', (html) => html.dataset.build), build);
    const [arrived, alive] = await page.evaluate(() => [
      performance.getEntriesByType('resource').find((entry) => entry.name.endsWith('.wasm')).responseEnd,
      performance.getEntriesByName('alive')[0].startTime,
    ]);
    say(`first living cells ${((alive - arrived) / 1000).toFixed(2)} s after the last byte of the module`);
    await until('all grow', async () => (await cells()) > 4500, 120);
    await sleep(2);
    await wound('sprites');
  },

  async 'the keyboard wounds too'() {
    await page.focus('[data-slash]');
    await until('cells die', async () => {
      await page.keyboard.press('Enter');
      return (await data('healing')) > 0;
    }, 30);
    await until('they come back', async () => (await data('healing')) === 0, 120);
  },

  async 'a material fills the window and heals'() {
    await page.click('[data-show=material]');
    await until('it grows', async () => (await cells()) > 15_000);
    await sleep(8);
    await wound('material');
  },

  async 'a picture that is dropped lives'() {
    // The frames of a sheet play.
    await drop('jellyfish.png', 'image/png', fs.readFileSync(path.join(target, '../assets/art/jellyfish.png')));
    await until('it is named', async () => (await text('#note')).startsWith('jellyfish.png: 1920 x 160'));
    await sleep(4);
    await picture('sheet');
    await drop('tree.png', 'image/png', fs.readFileSync(path.join(target, '../assets/targets/tree.png')));
    await until('it is named', async () => (await text('#note')).startsWith('tree.png: 32 x 36'));
    await until('it alone lives', async () => (await data('sprites')) === 1 && (await cells()) > 100);
    await sleep(3);
    await picture('dropped');
    // What is no picture is refused.
    await drop('notes.txt', 'text/plain', 'no picture');
    await until('it is refused', async () => (await text('#note')).startsWith('notes.txt: '));
  },

  async 'training lowers the loss, and the page goes on'() {
    await page.click('#train');
    const losses = [];
    const [began, frames] = [performance.now(), await data('frames')];
    await until('training goes on', async () => {
      const loss = (await text('#rate')).match(/loss ([\d.]+)/);
      if (loss) losses.push(Number(loss[1]));
      return performance.now() - began > Number(training) * 1000;
    }, Number(training) + 30);
    assert.ok((await data('frames')) > frames + 10, 'the page goes on');
    say((await text('#rate')).replace('\n', ', '));
    assert.ok(await page.$('#save:not([hidden])'), 'there is a model to save');
    await picture('trained');
    const mean = (part) => part.reduce((sum, loss) => sum + loss, 0) / part.length;
    const fifth = Math.ceil(losses.length / 5);
    const [first, last] = [mean(losses.slice(0, fifth)), mean(losses.slice(-fifth))];
    say(`loss ${first.toFixed(4)} at first, ${last.toFixed(4)} at last`);
    assert.ok(last < first * 0.8, 'the loss falls');
    await page.click('#train');
    await until('it stops', async () => (await text('#train')) === 'Train anew', 20);
    assert.match(await text('#note'), /^Its own body after [\d,]+ steps/);
  },

  async 'it counts what the machine affords'() {
    await page.click('[data-show=crowd]');
    await until('it counts', async () => /Counting/.test(await text('#count')), 20);
    await until('it adds sprites', async () => (await cells()) > 500, 120);
    await picture('crowd');
  },

  async 'it goes on when resized, and after it was hidden'() {
    await page.click('[data-show=sprites]');
    for (const size of [{ width: 320, height: 560 }, { width: 760, height: 300 }, { width: 200, height: 200 }, SIZE]) {
      await page.setViewport(size);
      await sleep(1);
      if (size.width === 320) await picture('phone');
    }
    const other = await browser.newPage();
    await other.bringToFront();
    await sleep(4);
    await page.bringToFront();
    await other.close();
    const frames = await data('frames');
    await until('it goes on', async () => (await data('frames')) > frames + 10);
    await until('all live', async () => (await cells()) > 4500, 120);
  },

  async 'lost graphics come back'() {
    if (build !== 'webgl2') return;
    await page.evaluate(() => {
      globalThis.loss = document.querySelector('#stage').getContext('webgl2').getExtension('WEBGL_lose_context');
      globalThis.loss.loseContext();
    });
    await until('the page says so', async () => /taken the graphics away/.test(await text('#message')));
    await sleep(2);
    await page.evaluate(() => globalThis.loss.restoreContext());
    // What was learned would be lost: the visitor decides.
    await sleep(2);
    assert.match(await text('#message'), /taken the graphics away/);
    await page.click('#again');
    await until('it begins again', async () => {
      const state = await page.$eval('#cover', (cover) => cover.className).catch(() => '');
      return state === 'gone';
    });
  },

  async 'the game is played'() {
    if (!sizes.game) return 'the game has not been built';
    await open('play.html', '&app=game');
    // Bevy tells a canvas the title of its window.
    const title = () => page.$eval('#stage', (stage) => stage.getAttribute('alt'));
    await sleep(5);
    await picture('game-title');
    await page.keyboard.press('Enter');
    await until('it begins', async () => /wave 1/.test(await title()), 20);
    await page.keyboard.down('Space');
    // To and fro below the first wave, until a foe has died.
    const end = performance.now() + 120_000;
    for (let key = 'ArrowLeft'; performance.now() < end; key = key === 'ArrowLeft' ? 'ArrowRight' : 'ArrowLeft') {
      await page.keyboard.down(key);
      await sleep(1.5);
      await page.keyboard.up(key);
      if (/[1-9]\d* points/.test(await title())) break;
    }
    await page.keyboard.up('Space');
    await picture('game');
    say(await title());
    assert.match(await title(), /[1-9]\d* points/, 'something was shot');
  },

  async 'the studio opens, trains and saves'() {
    if (!sizes.studio) return 'the studio has not been built';
    await page.setViewport({ width: 1000, height: 640 });
    try {
      await open('play.html', '&app=studio');
      await sleep(4);
      await drop('tree.png', 'image/png', fs.readFileSync(path.join(target, '../assets/targets/tree.png')));
      await sleep(6);
      const downloads = fs.mkdtempSync(path.join(target, 'downloads-'));
      const session = await page.createCDPSession();
      await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: downloads });
      // The buttons of its panel: Train, which becomes Stop, and Save.
      const [train, save] = [[762, 228], [842, 228]];
      await page.mouse.click(...train);
      await until('it trains', () => page.workers().length === 1, 30);
      // Two models at least.
      await sleep(25);
      await picture('studio');
      await page.mouse.click(...train);
      await until('it stops', () => page.workers().length === 0, 30);
      await page.mouse.click(...save);
      const file = path.join(downloads, 'tree.nca');
      await until('a model is saved', () => fs.existsSync(file), 30);
      assert.match(fs.readFileSync(file).subarray(8, 2000).toString(), /"nca"/, 'it is a model');
      fs.rmSync(downloads, { recursive: true });
    } finally {
      await page.setViewport(SIZE);
    }
  },

  async 'a browser without graphics is told'() {
    await page.evaluateOnNewDocument(() => {
      HTMLCanvasElement.prototype.getContext = () => null;
      Object.defineProperty(navigator, 'gpu', { value: undefined });
    });
    await page.goto(address);
    await until('it says so', async () => /neither WebGL 2 nor WebGPU/.test(await text('#message')), 10);
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  if (only && !name.includes(only)) continue;
  try {
    const skipped = await test();
    assert.deepEqual(errors.splice(0), [], 'the console has no errors');
    assert.deepEqual(missing.splice(0), [], 'nothing is missing');
    say(skipped ? `SKIPPED: ${name}: ${skipped}` : `ok: ${name}`);
  } catch (error) {
    failed += 1;
    say(`FAILED: ${name}: ${error.message}`);
    await picture('failed').catch(() => {});
  }
}
await browser.close();
server.close();
process.exit(failed ? 1 : 0);
