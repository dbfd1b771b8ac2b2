// Makes the first picture of the README: `node offline.mjs`, with CHATD_BIN as for the tests. The network is cut, three messages are
// written, the page is loaded again, and the network is back: each is there once, in order, and a telnet beside it sees them.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { enter, isLive, launch, lineClient, newPage, proxy, say, sees, settled, startServer } from './stage.mjs';

const out = new URL('../../../../docs/screenshots/', import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const WRITTEN = ['the tunnel again', 'I write it down all the same', 'and the next stop is ours'];

const server = await startServer({ flags: ['--name', 'kampus'] });
const browser = await launch();
const line = await proxy(server);
const budi = await lineClient(server, 'budi');
const size = { width: 620, height: 560 };
const ana = await newPage(browser, { viewport: size, reducedMotion: 'reduce', colorScheme: 'light', deviceScaleFactor: 2 });
await enter(ana, line.url, 'ana');
budi.say('are you on the train yet?');
await sees(ana, 'on the train');
await say(ana, 'since ten');
await budi.hears('since ten');
await ana.evaluate(() => navigator.serviceWorker.ready);
await ana.waitForFunction(async () => (await caches.keys()).length > 0 && navigator.serviceWorker.controller);

const pictures = [];
const shoot = async (words) => pictures.push([words, (await ana.screenshot()).toString('base64')]);
const waiting = () => ana.waitForFunction((n) => document.querySelectorAll('.msg.pending').length === n, WRITTEN.length);
line.down(true);
await ana.waitForFunction(() => document.documentElement.dataset.link !== 'live');
for (const words of WRITTEN) await say(ana, words);
await waiting();
await shoot('1. The network is cut. Three messages are written.');
await ana.reload();
await waiting();
await shoot('2. The page is loaded again, still without a network.');
line.down(false);
await isLive(ana);
await settled(ana, 2 + WRITTEN.length);
await budi.hears(WRITTEN.at(-1));
await shoot('3. The network is back.');
const heard = budi.lines.map((one) => one.replace(/^\S+Z /, '')).filter((one) => one.startsWith('MSG '));
// Once, and in order.
assert.deepEqual(heard.map((one) => one.split(': ').pop()).slice(-WRITTEN.length), WRITTEN);
assert.equal(heard.length, 1 + WRITTEN.length);

// The three, and what the telnet has read, side by side.
const sheet = await newPage(browser, { viewport: { width: 1280, height: 900 }, deviceScaleFactor: 2 });
await sheet.evaluate(({ pictures, heard }) => {
  const add = (parent, tag, style, words = '') => {
    const el = Object.assign(document.createElement(tag), { textContent: words });
    el.style.cssText = style;
    parent.append(el);
    return el;
  };
  document.body.style.cssText = 'margin:0;padding:20px;background:#fff;font:15px/1.5 system-ui;color:#222;display:grid;gap:16px;grid-template-columns:1fr 1fr;width:1240px;box-sizing:border-box';
  for (const [words, bytes] of pictures) {
    const part = add(document.body, 'figure', 'margin:0');
    add(part, 'figcaption', 'margin-bottom:6px', words);
    add(part, 'img', 'width:100%;border-radius:10px;box-shadow:0 1px 6px #0004').src = `data:image/png;base64,${bytes}`;
  }
  const part = add(document.body, 'figure', 'margin:0');
  add(part, 'figcaption', 'margin-bottom:6px', '4. The telnet beside it: each once, in order.');
  add(part, 'pre', 'margin:0;padding:18px;border-radius:10px;background:#16181d;color:#cfe3c8;font:14px/1.7 ui-monospace,monospace;white-space:pre-wrap', ['$ telnet localhost 7878', ...heard].join('\n'));
}, { pictures, heard });
await sheet.waitForFunction(() => [...document.images].every((one) => one.complete && one.naturalWidth));
await sheet.screenshot({ path: `${out}offline.png`, fullPage: true });
await browser.close();
budi.end();
line.close();
await server.stop();
