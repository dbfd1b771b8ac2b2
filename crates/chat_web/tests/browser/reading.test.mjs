// What is read on the page: it stays where it is while one reads and acts on it, it is drawn as what it is, and nothing of it is lost.

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { browser, ends, person, serve, server, terminal } from './cast.mjs';
import { AXE, WAIT, axeFindsNothing, enter, isLive, newPage, proxy, say, sees, settled, texts } from './stage.mjs';

// A message by all of its words: its time stands right behind them, and "before 3" at 7:04 has "before 37" in it.
const message = (words) => `.msg:has(.text:text-is("${words}"))`;
const atEnd = (page) => page.waitForFunction(() => { const log = document.querySelector('#log'); return log.scrollHeight - log.scrollTop - log.clientHeight < 4; });

const topMessage = (page) => page.evaluate(() => [...document.querySelectorAll('.msg')].find((row) => row.getBoundingClientRect().bottom > document.querySelector('#log').getBoundingClientRect().top + 1).querySelector('.text').textContent);

// ana reads a room in which budi, in a terminal, has said more than the window shows.
const inALivelyRoom = async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  for (let i = 0; i < 40; i += 1) budi.say(`before ${i}`);
  await sees(page, 'before 39');
  await atEnd(page);
  return { budi, page };
};

test('a whisper of the seconds in which the line was cut arrives, and one that nobody reads is told', async () => {
  await serve({ flags: ['--web-grace-secs', '2'] });
  const budi = await terminal('budi');
  const way = await proxy(server);
  ends.push(way.close);
  const page = await person('ana', {}, ['WebSocket', 'Failed to load resource', 'ERR_'], way.url);
  budi.say('/w ana before the cut');
  await page.waitForSelector('#dms .room');
  way.down(true);
  await page.waitForFunction(() => document.documentElement.dataset.link === 'waiting');
  budi.say('/w ana the salary list is wrong');
  await budi.hears('NOTE *: ana is not connected at the moment.');
  way.down(false);
  await page.evaluate(() => globalThis.dispatchEvent(new Event('online')));
  await isLive(page);
  await page.click('#dms .room');
  await sees(page, 'the salary list is wrong');
  assert.deepEqual(await texts(page), ['before the cut', 'the salary list is wrong'], 'each once');
  way.down(true);
  await page.waitForFunction(() => document.documentElement.dataset.link === 'waiting');
  budi.say('/w ana and another');
  await budi.hears('NOTE *: ana was not there to read your whisper: and another');
  assert.deepEqual(page.errors, []);
});

test('in a lively room the menu of a message and the emoji stay open, and the place is kept', async () => {
  const { budi, page } = await inALivelyRoom();
  let said = 0;
  const talk = async () => {
    for (let i = 0; i < 3; i += 1) { budi.say(`lively ${said}`); await page.waitForFunction((n) => document.querySelector('#jump .count').textContent === String(n), i + 1); said += 1; }
  };
  await page.hover(message('before 38'));
  await page.click('.tools button >> nth=2');
  await page.waitForSelector('.menu');
  await talk();
  await page.click('.menu button:has-text("Reply")');
  await page.waitForSelector('#context:has-text("before 38")');
  await atEnd(page);
  await page.waitForFunction(() => document.querySelector('#jump').hidden);
  await page.keyboard.press('Escape');
  await page.hover(message(`lively ${said - 1}`));
  await page.click('.tools button >> nth=0');
  await page.waitForSelector('.picker');
  await talk();
  await page.click('.picker button[aria-label=tada]');
  await budi.hears('🎉');
  await atEnd(page);
  // The reader's own scroll still closes it.
  await page.hover(message('lively 5'));
  await page.click('.tools button >> nth=2');
  await page.waitForSelector('.menu');
  await page.evaluate(() => document.querySelector('#log').scrollBy(0, -300));
  await page.waitForSelector('.menu', { state: 'detached' });
  assert.deepEqual(page.errors, []);
});

test('a selection by the mouse does not grow while others talk', async () => {
  const { budi, page } = await inALivelyRoom();
  const box = await page.locator(`${message('before 37')} .text`).boundingBox();
  await page.mouse.move(box.x + 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 2, box.y + box.height / 2, { steps: 4 });
  for (let i = 0; i < 5; i += 1) budi.say(`talk ${i}`);
  await page.waitForFunction(() => document.querySelector('#jump .count').textContent === '5');
  await page.mouse.move(box.x + box.width - 1, box.y + box.height / 2);
  await page.mouse.up();
  assert.match(await page.evaluate(() => getSelection().toString()), /^before 37?$/);
  await page.evaluate(() => getSelection().removeAllRanges());
  await atEnd(page);
  assert.deepEqual(page.errors, []);
});

// With an outbox as small as that, most of what comes in a burst is told by a gap, as to a page that is too slow.
for (const [how, flags] of [['', []], [', and a gap counts as well', ['--outbox-bytes', '8192']]])
  test(`while one reads further up, the page does not grow with what comes${how}`, async () => {
    await serve({ flags });
    const budi = await terminal('budi');
    for (let i = 0; i < 300; i += 1) budi.say(`before ${i}`);
    budi.say('PING:said');
    await budi.hears('PONG said');
    const page = await person('ana');
    await sees(page, 'before 299');
    await page.evaluate(() => document.querySelector('#log').scrollBy(0, -400));
    await page.waitForFunction(() => !document.querySelector('#jump').hidden);
    const top = await topMessage(page);
    for (let i = 0; i < 1_500; i += 1) budi.say(`new ${i}`);
    await page.waitForFunction(() => document.querySelector('#jump .count').textContent === '1500', null, { timeout: 2 * WAIT });
    assert.equal(await topMessage(page), top, 'the place of the reader is kept');
    const rows = await page.evaluate(() => document.querySelectorAll('#messages > li').length);
    assert.ok(rows < 420, `${rows} rows`);
    // Down from there every message follows the one before.
    const seen = new Set();
    while (!seen.has('new 600')) {
      for (const words of await texts(page)) seen.add(words);
      const last = await page.evaluate(() => { const log = document.querySelector('#log'); log.scrollTop = log.scrollHeight; return [...document.querySelectorAll('.msg .text')].at(-1).textContent; });
      await page.waitForFunction((words) => [...document.querySelectorAll('.msg .text')].at(-1).textContent !== words, last);
    }
    for (let i = 0; i < 600; i += 1) assert.ok(seen.has(`new ${i}`), `new ${i}`);
    await page.click('#jump');
    await sees(page, 'new 1499');
    await atEnd(page);
    assert.deepEqual(page.errors, []);
  });

test('a room and a person that the page comes to know later become a link and a mention', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  budi.say('see #dapur, said @latecomer');
  await sees(page, 'see #dapur');
  assert.equal(await page.locator('.msg .mention').count(), 0);
  const late = await terminal('latecomer');
  await page.waitForSelector('.msg .mention:has-text("@latecomer")');
  budi.say('/join #dapur');
  await budi.hears('OK JOIN room=#dapur');
  await page.keyboard.press('Control+k');
  await page.waitForSelector('.msg a.mention:has-text("#dapur")');
  await page.keyboard.press('Escape');
  // Who was called stays called when they leave.
  late.end();
  await page.waitForFunction(() => document.querySelector('#messages').textContent.includes('latecomer left'));
  await page.evaluate(() => { document.querySelector('.msg').row = {}; });
  budi.say('SAY:#lobby next');
  await sees(page, 'next');
  assert.equal(await page.locator('.msg .mention:has-text("@latecomer")').count(), 1);
  assert.deepEqual(page.errors, []);
});

test('nobody types on a line that is cut', async () => {
  await serve();
  const budi = await terminal('budi');
  const way = await proxy(server);
  ends.push(way.close);
  const page = await person('ana', {}, ['WebSocket', 'Failed to load resource', 'ERR_'], way.url);
  budi.say('TYPING:');
  await page.waitForSelector('#typing.on');
  await page.evaluate(() => {
    new MutationObserver(() => { if (!document.querySelector('#typing.on')) globalThis.linkThen ??= document.documentElement.dataset.link; }).observe(document.querySelector('#typing'), { attributes: true });
  });
  const began = Date.now();
  way.down(true);
  await page.waitForFunction(() => globalThis.linkThen);
  assert.notEqual(await page.evaluate(() => globalThis.linkThen), 'live');
  assert.ok(Date.now() - began < 4_000, 'not by its own clock, which takes 6 s');
  assert.deepEqual(page.errors, []);
});

test('a device whose clock is three days ahead has the days of the others', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await newPage(browser);
  ends.push(() => page.context().close());
  await page.addInitScript(() => { const real = Date.now.bind(Date); const Old = Date; globalThis.Date = class extends Old { constructor(...a) { if (a.length) super(...a); else super(real() + 3 * 86400000); } static now() { return real() + 3 * 86400000; } }; });
  await enter(page, server.url, 'ana');
  budi.say('halo');
  await sees(page, 'halo');
  await say(page, 'mine');
  await settled(page, 2);
  assert.deepEqual(await page.$$eval('.day', (days) => days.map((day) => day.textContent)), ['Today']);
  assert.deepEqual(page.errors, []);
});

test('a browser that shows no notifications of a page loses nothing by it', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await newPage(browser, { permissions: ['notifications'] }, ['401']);
  ends.push(() => page.context().close());
  // As a view of Chrome's within an app on Android, which has no workers.
  await page.addInitScript(() => {
    delete Navigator.prototype.serviceWorker;
    globalThis.Notification = class { constructor() { throw new TypeError('Illegal constructor'); } static permission = 'granted'; static requestPermission = async () => 'granted'; };
    localStorage.setItem('chat.prefs', JSON.stringify({ name: 'ana', notify: true }));
  });
  await enter(page, server.url, 'ana');
  await say(page, '/join #dapur');
  await page.waitForFunction(() => document.querySelector('#title').textContent === '#dapur');
  await page.evaluate(() => { Object.defineProperty(document, 'hidden', { get: () => true }); });
  budi.say('@ana are you there?');
  await page.waitForSelector('.badge.pinged');
  await page.waitForSelector('.toast:has-text("are you there")');
  await page.evaluate(() => { delete document.hidden; });
  // And the settings say so where one switches them on.
  await page.click('#me');
  await page.click('#settings [role=switch]');
  if (!await page.isVisible('.toast:has-text("shows no notifications")')) await page.click('#settings [role=switch]');
  await page.waitForSelector('.toast:has-text("shows no notifications")');
  assert.equal(await page.isChecked('#settings [role=switch]'), false);
  assert.deepEqual(page.errors, []);
});

test('one change that fails does not take the others with it', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana', {}, ['a fault of the test']);
  await page.evaluate(() => { document.querySelector('#said').append = () => { throw new Error('a fault of the test'); }; });
  await page.fill('#text', 'x');
  budi.say('/join #dapur');
  budi.say('SAY:#lobby halo');
  await sees(page, 'halo');
  await page.evaluate(() => { Object.defineProperty(document, 'hidden', { get: () => true }); });
  budi.say('SAY:#lobby more');
  await page.waitForFunction(() => document.title.startsWith('(1)'));
  assert.deepEqual(page.errors, []);
});

test('what is said while a dialog is open stands above it, and its buttons work', async () => {
  await serve();
  const page = await person('ana');
  await page.click('#me');
  await page.waitForSelector('#settings[open]');
  await page.fill('#settings .rename input', 'two words');
  await page.click('#settings .rename button');
  await page.waitForSelector('.toast');
  const top = () => page.evaluate(() => { const box = document.querySelector('.toast p').getBoundingClientRect(); return document.elementFromPoint(box.x + 5, box.y + 5)?.closest('.toast') !== null; });
  await page.waitForFunction(() => document.querySelector('#settings').getAnimations().length === 0);
  assert.ok(await top());
  await page.click('.toast .icon', { timeout: 3_000 });
  // One that was there before stays in sight, and it outlives the dialog.
  await page.keyboard.press('Escape');
  await say(page, '/answer last');
  await page.evaluate(() => document.querySelector('#mentions').click());
  await page.waitForSelector('.toast');
  await page.keyboard.press('Control+k');
  await page.waitForSelector('#switcher[open]');
  await page.waitForFunction(() => document.querySelector('#switcher').getAnimations().length === 0);
  assert.ok(await top());
  await page.keyboard.press('Escape');
  // The event that brings it back comes in a task of its own behind the key.
  await page.waitForSelector('.toast', { timeout: 3_000 });
  assert.deepEqual(page.errors, []);
});

for (const locale of ['en-GB', 'id-ID']) {
  test(`a browser without cookies is told so, and leaves nobody behind (${locale})`, async () => {
    await serve();
    // The browser keeps none, although it says that it does; and one that says so.
    for (const honest of [false, true]) {
      const page = await newPage(browser, { locale }, ['401', '404']);
      ends.push(() => page.context().close());
      await page.route('**/api/**', async (route) => {
        const headers = { ...route.request().headers() };
        delete headers.cookie;
        const answer = await route.fetch({ headers });
        const kept = answer.headers();
        delete kept['set-cookie'];
        await page.context().clearCookies();
        await route.fulfill({ response: answer, headers: kept });
      });
      if (honest) await page.addInitScript(() => Object.defineProperty(navigator, 'cookieEnabled', { get: () => false }));
      await page.goto(server.url);
      for (let i = 0; i < 2; i += 1) {
        await page.fill('#name', 'kuki');
        await page.keyboard.press('Enter');
        await page.waitForSelector('#namehelp.bad:has-text("ookie")');
        await page.waitForFunction(() => !document.querySelector('#signin .primary').disabled);
      }
      assert.deepEqual(await (await fetch(`${server.url}/api/users`)).json(), []);
      assert.deepEqual(page.errors, []);
    }
  });
}

test('a browser that keeps nothing says so once', async () => {
  await serve();
  const page = await newPage(browser);
  ends.push(() => page.context().close());
  await page.addInitScript(() => Object.defineProperty(globalThis, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError'); } }));
  await enter(page, server.url, 'ana');
  await page.waitForSelector('.toast:has-text("keeps nothing")');
  await say(page, 'all the same');
  await settled(page, 1);
  assert.deepEqual(page.errors, []);
});

test('the way in by a terminal names the port that is open, and no other', async () => {
  await serve();
  const page = await person();
  await page.goto(server.url);
  await page.waitForSelector('.terminal');
  assert.equal(await page.textContent('#join'), `telnet 127.0.0.1 ${server.line}`);
  // From elsewhere the door on loopback is not open: nothing is said of it.
  const asked = (host) => new Promise((done) => http.get({ host: '127.0.0.1', port: server.web, path: '/api/server', headers: { host } }, (answer) => {
    let body = '';
    answer.on('data', (part) => { body += part; }).on('end', () => done(JSON.parse(body).line));
  }));
  assert.equal(await asked(`localhost:${server.web}`), server.line);
  assert.equal(await asked(`[::1]:${server.web}`), server.line);
  await page.route('**/api/server', async (route) => route.fulfill({ json: { accounts: false, private: false, files: null, line: null } }));
  await page.reload();
  await page.waitForFunction(() => document.querySelector('#here').textContent !== '' || document.querySelector('#name').value !== '');
  assert.ok(!await page.isVisible('.terminal'));
  assert.deepEqual(page.errors, []);
});

test('a file that a proxy finds too big is said to be that', async () => {
  await serve();
  const page = await person('ana', {}, ['413', '502']);
  await page.waitForSelector('#attach:not([hidden])');
  for (const [status, words] of [[413, 'foto.png (5 byte) was not sent: it is too big for the way to the server'], [502, 'answered with 502']]) {
    await page.route('**/api/files*', (route) => route.fulfill({ status, contentType: 'text/html', body: '<h1>no</h1>' }));
    await page.setInputFiles('#file', [{ name: 'foto.png', mimeType: 'image/png', buffer: Buffer.from('12345') }]);
    await page.waitForSelector(`.toast:has-text("${words}")`);
    await page.unroute('**/api/files*');
  }
  assert.deepEqual(page.errors, []);
});

test('compact: a message is a line, more of them are on the screen, at every width and in both schemes', async () => {
  await serve();
  const budi = await terminal('budi');
  const ana = await person('ana');
  for (let i = 1; i <= 40; i += 1) budi.say(`line ${i} of a long talk`);
  await sees(ana, 'line 40');
  await say(ana, 'mine, with `code`, @budi and https://example.org');
  await settled(ana, 41);
  const onScreen = () => ana.evaluate(() => {
    const { top, bottom } = document.querySelector('#log').getBoundingClientRect();
    return [...document.querySelectorAll('.msg')].filter((row) => { const box = row.getBoundingClientRect(); return box.top >= top && box.bottom <= bottom; }).length;
  });
  const before = await onScreen();
  await ana.click('#me');
  await ana.check('#settings input[name=density][value=compact]', { force: true });
  await ana.keyboard.press('Escape');
  await ana.waitForFunction(() => document.body.matches('.compact'));
  const after = await onScreen();
  assert.ok(after > before * 1.3, `${before} and ${after}`);
  await ana.evaluate(AXE);
  for (const [width, colorScheme] of [[1280, 'light'], [1280, 'dark'], [320, 'light']]) {
    await ana.setViewportSize({ width, height: 800 });
    await ana.emulateMedia({ colorScheme });
    await axeFindsNothing(ana, `compact, ${width}, ${colorScheme}`);
    assert.ok(await ana.evaluate(() => document.querySelector('#log').scrollWidth <= document.querySelector('#log').clientWidth && document.documentElement.scrollWidth <= innerWidth), `${width}`);
    assert.ok(await ana.evaluate(() => [...document.querySelectorAll('.msg .text')].every((text) => text.getBoundingClientRect().width > 40)), `${width}`);
  }
  assert.deepEqual(ana.errors, []);
});
