// Push and the service worker, in a real Chromium: what a push shows, what the settings keep, and a page that starts without a server.
// A push service cannot be reached from here: the browser's end of it is played by the test.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, ends } from './cast.mjs';
import { WAIT, isLive, lineClient, newPage, proxy, say, sees, settled, startServer } from './stage.mjs';

const folder = () => {
  const made = mkdtempSync(join(tmpdir(), 'chat-push-'));
  ends.push(() => rmSync(made, { recursive: true }));
  return made;
};
async function serve(options) {
  const server = await startServer(options);
  ends.push(() => server.stop());
  return server;
}
async function visitor(forgive = [], options = {}) {
  const page = await newPage(browser, { permissions: ['notifications'], ...options }, forgive);
  ends.push(() => page.context().close());
  return page;
}
async function register(page, url, name) {
  await page.goto(url);
  await page.click('#ways button:has-text("Keep a name")');
  await page.fill('#name', name);
  await page.fill('#password', 'correct-horse');
  await page.keyboard.press('Enter');
  await isLive(page);
}
/** The worker is at work, and what it sends is seen by the page. */
async function worker(page) {
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(() => navigator.serviceWorker.controller);
  return page.context().serviceWorkers()[0] ?? page.context().waitForEvent('serviceworker', { timeout: WAIT });
}
const notes = (page) => page.evaluate(async () => {
  const { getNotifications } = await navigator.serviceWorker.ready.then((one) => ({ getNotifications: () => one.getNotifications() }));
  const all = (await getNotifications()).map((note) => [note.title, note.body, note.tag, note.data?.seq]);
  return all.sort((a, b) => (a[2] < b[2] ? -1 : 1));
});

test('a push becomes one notification of its room, which opens the message', async () => {
  const server = await serve({ flags: ['--data', folder()] });
  const ana = await visitor();
  await register(ana, server.url, 'ana');
  const sw = await worker(ana);
  const cdp = await ana.context().newCDPSession(ana);
  const registration = new Promise((found) => cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => registrations[0] && found(registrations[0])));
  await cdp.send('ServiceWorker.enable');
  const { registrationId, scopeURL } = await registration;
  await sw.evaluate(() => { globalThis.came = []; addEventListener('push', (event) => globalThis.came.push(event.data.text())); });
  const came = () => sw.evaluate(() => globalThis.came);
  // As a push service does: what the worker did not get is sent again.
  const push = async (data) => {
    const words = JSON.stringify(data), deliver = () => cdp.send('ServiceWorker.deliverPushMessage', { origin: new URL(scopeURL).origin, registrationId, data: words });
    await deliver();
    for (let looks = 1; !(await came()).includes(words); looks += 1) {
      assert.ok(looks < WAIT / 50, `the worker did not get ${words}`);
      if (looks % 40 === 0) await deliver();
      await new Promise((go) => setTimeout(go, 50));
    }
  };
  const shows = async (right) => {
    for (const until = Date.now() + WAIT; JSON.stringify(await notes(ana)) !== JSON.stringify(right);) {
      assert.ok(Date.now() < until, JSON.stringify([await notes(ana), await came()]));
      await new Promise((go) => setTimeout(go, 50));
    }
  };
  await push({ why: 'mention', room: 'lobby', seq: 5, count: 1, unread: 1, lang: 'en' });
  await shows([['New message', '', 'chat-lobby', 5]]);
  await push({ why: 'mention', room: 'lobby', seq: 7, count: 2, unread: 3, lang: 'en', from: 'budi', text: '@ana lunch?' });
  await shows([['budi #lobby', '@ana lunch?\n2 new messages', 'chat-lobby', 7]]);
  // What the room shows by now is not shown again by a push that was late.
  await push({ why: 'mention', room: 'lobby', seq: 6, count: 1, unread: 3, lang: 'en' });
  await push({ why: 'talk', room: '@budi', seq: 2, count: 3, unread: 3, lang: 'id' });
  await shows([['3 pesan baru', '', 'chat-@budi', 2], ['budi #lobby', '@ana lunch?\n2 new messages', 'chat-lobby', 7]]);

  // A click cannot be played on a notification: what it does is asked of the worker.
  const budi = await lineClient(server, 'budi');
  ends.push(budi.end);
  budi.say('/join #tea');
  budi.say('a word to be found');
  await budi.hears('OK JOIN');
  await sw.evaluate(() => globalThis.show({ room: 'tea', seq: 1 }));
  await sees(ana, 'a word to be found');
  assert.equal(await ana.textContent('#title'), '#tea');
  await sw.evaluate(() => globalThis.show({ room: '@budi', seq: 2 }));
  await ana.waitForFunction(() => document.querySelector('#title').textContent === '@budi');
  assert.deepEqual(ana.errors, []);
});

test('a browser is told when its user wants that, with words or without, and no more after signing out', async () => {
  const server = await serve({ flags: ['--data', folder()] });
  const ana = await visitor(['401']);
  await ana.addInitScript(() => {
    let kept = null;
    const keys = { p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4', auth: 'BTBZMqHH6r4Tts7J_aSIgg' };
    PushManager.prototype.getSubscription = async () => kept;
    PushManager.prototype.subscribe = async ({ applicationServerKey }) => (kept = {
      options: { applicationServerKey: applicationServerKey.buffer },
      toJSON: () => ({ endpoint: 'https://push.example.org/secret', expirationTime: null, keys }),
      unsubscribe: async () => !(kept = null),
    });
  });
  await register(ana, server.url, 'ana');
  await worker(ana);
  const told = () => ana.evaluate(async () => (await (await fetch('/api/me/push')).json()).subscriptions.map(({ words, rooms, lang }) => [words, rooms, lang]));
  const becomes = async (right) => {
    for (const until = Date.now() + WAIT; JSON.stringify(await told()) !== JSON.stringify(right);) {
      assert.ok(Date.now() < until, JSON.stringify(await told()));
      await new Promise((go) => setTimeout(go, 50));
    }
  };
  await ana.click('#me');
  await ana.click('[data-push=all]');
  await becomes([[false, false, 'en']]);
  await ana.click('[data-push=words]');
  await becomes([[true, false, 'en']]);
  await ana.click('[data-push=rooms]');
  await becomes([[true, true, 'en']]);
  // It is renewed at the next visit, and off when the user says so.
  await ana.reload();
  await isLive(ana);
  await becomes([[true, true, 'en']]);
  await ana.click('#me');
  await ana.click('[data-push=all]');
  await becomes([]);
  await ana.click('[data-push=all]');
  await becomes([[false, false, 'en']]);
  const { token } = await (await fetch(`${server.url}/api/session`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'ana', password: 'correct-horse' }) })).json();
  await ana.click('#settings .danger');
  await ana.waitForSelector('#signin:not([hidden])');
  const left = await (await fetch(`${server.url}/api/me/push`, { headers: { authorization: `Bearer ${token}` } })).json();
  assert.deepEqual(left.subscriptions, []);
  assert.deepEqual(ana.errors, []);
});

const EMBEDDED = { skip: process.env.PAGE_DIR ? 'a page from a folder has no version' : false };

test('the page starts without the network right after the first visit, with what was written in it', EMBEDDED, async () => {
  const server = await serve();
  const line = await proxy(server);
  ends.push(line.close);
  const ana = await visitor(['ERR_', 'Failed to fetch', 'no answer', 'WebSocket']);
  await ana.goto(line.url);
  await ana.fill('#name', 'ana');
  await ana.keyboard.press('Enter');
  await isLive(ana);
  await worker(ana);
  line.down(true);
  await ana.waitForFunction(() => document.documentElement.dataset.link !== 'live');
  await say(ana, 'written in a tunnel');
  await ana.reload();
  await ana.waitForSelector('.msg.pending');
  line.down(false);
  await sees(ana, 'written in a tunnel');
  assert.deepEqual(ana.errors, []);
});

test('the second visit asks for the shell alone, without a server it starts all the same, and an update is not missed', EMBEDDED, async () => {
  const server = await serve();
  const ana = await visitor(['ERR_CONNECTION_REFUSED', 'Failed to fetch', 'no answer', 'WebSocket', '401', '503']);
  await ana.goto(server.url);
  await ana.fill('#name', 'ana');
  await ana.keyboard.press('Enter');
  await isLive(ana);
  await say(ana, 'hello');
  await settled(ana, 1);
  const sw = await worker(ana);
  await ana.waitForFunction(async () => (await caches.keys()).some((name) => name.startsWith('shell-')));

  await ana.reload();
  await isLive(ana);
  const asked = () => ana.evaluate(() => performance.getEntriesByType('resource').filter((one) => /\/a\//.test(one.name) && one.transferSize > 0).map((one) => one.name));
  assert.deepEqual(await asked(), [], 'scripts and styles come from the browser');

  // The port is kept for the server that comes back.
  const { web } = server;
  await server.stop();
  await ana.reload();
  await ana.waitForSelector('#app:not([hidden])');
  await ana.fill('#text', 'written without a server');
  await ana.keyboard.press('Enter');
  await ana.waitForSelector('.msg.pending');

  const copy = folder();
  cpSync(new URL('../../static/', import.meta.url).pathname, copy, { recursive: true });
  const shell = join(copy, 'index.html');
  writeFileSync(shell, readFileSync(shell, 'utf8').replace('<html lang="en">', '<html lang="en" data-updated="yes">'));
  await serve({ web, flags: ['--web-dir', copy] });
  await sees(ana, 'written without a server');
  await ana.reload();
  await isLive(ana);
  assert.equal(await ana.getAttribute('html', 'data-updated'), 'yes', 'the page of the new version is there at once');
  assert.ok(sw);
});
