// How fast the page opens over Slow 4G, as the developer tools have it: `node tests/browser/speed.mjs`. It prints milliseconds, the
// median of so many visits (5, or the number given): for a first visit until the name can be typed and, after Enter, until one can write
// and the messages stand there; for the second until the messages stand there.

import { performance } from 'node:perf_hooks';
import { isLive, launch, lineClient, newPage, say, settled, startServer } from './stage.mjs';

const VISITS = Number(process.argv[2] ?? 5);
const SLOW_4G = { offline: false, latency: 562.5, downloadThroughput: 180_000, uploadThroughput: 84_375 };
const median = (all) => Math.round([...all].sort((a, b) => a - b)[Math.floor(all.length / 2)]);

const server = await startServer();
const budi = await lineClient(server, 'budi');
budi.say('a word that is there already');
const browser = await launch();
const first = [];
const entered = [];
const second = [];
const asked = [];
for (let visit = 0; visit < VISITS; visit += 1) {
  const page = await newPage(browser);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Network.enable');
  await cdp.send('Network.emulateNetworkConditions', SLOW_4G);
  let began = performance.now();
  await page.goto(server.url, { waitUntil: 'commit' });
  await page.waitForFunction(() => document.activeElement?.id === 'name');
  first.push(performance.now() - began);
  await page.fill('#name', `ana${visit}`);
  began = performance.now();
  await page.keyboard.press('Enter');
  await page.waitForSelector('.msg');
  entered.push(performance.now() - began);
  await isLive(page);
  await say(page, 'hello');
  await settled(page, 1);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(async () => (await caches.keys()).length > 0 && navigator.serviceWorker.controller, null, { timeout: 60_000 });
  began = performance.now();
  await page.reload({ waitUntil: 'commit' });
  await page.waitForSelector('.msg');
  second.push(performance.now() - began);
  asked.push(await page.evaluate(() => performance.getEntriesByType('resource').filter((one) => one.transferSize > 0).length));
  await page.context().close();
}
console.log(`first visit to sign-in ${median(first)} ms, from there to messages ${median(entered)} ms; second visit to messages ${median(second)} ms; ${median(asked)} files and calls asked for at the second`);
await browser.close();
budi.end();
await server.stop();
