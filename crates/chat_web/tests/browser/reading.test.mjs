// What is read on the page: it stays where it is while one reads and acts on it, it is drawn as what it is, and nothing of it is lost.

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { browser, ends, person, serve, server, terminal } from './cast.mjs';
import { AXE, WAIT, axeFindsNothing, enter, isLive, newPage, proxy, say, sees, settled, texts } from './stage.mjs';

// A message by all of its words: its time stands right behind them, and "before 3" at 7:04 has "before 37" in it.
const message = (words) => `.msg:has(.text:text-is("${words}"))`;
const atEnd = (page) => page.waitForFunction(() => { const log = document.querySelector('#log'); return log.scrollHeight - log.scrollTop - log.clientHeight < 4; });

// What stands on the screen: behind a hole that is out of sight may be what was said much later.
const inSight = (page) => page.evaluate(() => {
  const { top, bottom } = document.querySelector('#log').getBoundingClientRect();
  const stands = (row) => row.getBoundingClientRect().bottom > top && row.getBoundingClientRect().top < bottom;
  return [...document.querySelectorAll('.msg')].filter(stands).map((row) => row.querySelector('.text').textContent);
});
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
      for (const words of await inSight(page)) seen.add(words);
      await page.evaluate(() => { const log = document.querySelector('#log'); log.scrollBy(0, log.clientHeight / 2); });
      // There is more to read, and what is on the screen has no hole.
      await page.waitForFunction(() => {
        const log = document.querySelector('#log'), { top, bottom } = log.getBoundingClientRect();
        const stands = (row) => row.getBoundingClientRect().bottom > top && row.getBoundingClientRect().top < bottom;
        return log.scrollHeight - log.scrollTop - log.clientHeight > 10 && ![...document.querySelectorAll('#messages > .hole')].some(stands);
      });
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
  await page.click('#settings [data-set=notify]');
  if (!await page.isVisible('.toast:has-text("shows no notifications")')) await page.click('#settings [data-set=notify]');
  await page.waitForSelector('.toast:has-text("shows no notifications")');
  assert.equal(await page.isChecked('#settings [data-set=notify]'), false);
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
    await page.waitForSelector('#uploads .staged');
    await page.press('#text', 'Enter');
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

/** A picture of one colour as a PNG, of whatever size. */
const picture = (page, width, height, colour) => page.evaluate(async ({ width, height, colour }) => {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const brush = canvas.getContext('2d');
  brush.fillStyle = colour;
  brush.fillRect(0, 0, width, height);
  const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
  return [...new Uint8Array(await blob.arrayBuffer())];
}, { width, height, colour }).then((bytes) => Buffer.from(bytes));

/** Sends pictures by the tray. */
const show = async (page, files) => {
  await page.waitForSelector('#attach:not([hidden])');
  await page.setInputFiles('#file', files.map(([name, buffer]) => ({ name, mimeType: 'image/png', buffer })));
  await page.waitForFunction((n) => document.querySelectorAll('#uploads .staged').length === n, files.length);
  await page.press('#text', 'Enter');
};

test('a picture opens over the page: the next by a key, out by Escape, by Back and by a click beside it', async () => {
  await serve();
  const page = await person('ana');
  await show(page, [['red.png', await picture(page, 300, 200, 'red')], ['blue.png', await picture(page, 200, 600, 'blue')]]);
  await page.waitForFunction(() => document.querySelectorAll('.thumb img').length === 2);
  // No bubble stands around it.
  assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('.msg:has(.thumb) .bubble')).backgroundImage), 'none');
  await page.evaluate(AXE);
  for (const out of ['Escape', 'Back', 'beside']) {
    const address = page.url();
    await page.focus('.thumb >> nth=0');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#lightbox[open]');
    assert.equal(await page.getAttribute('#lightbox img', 'alt'), 'Picture: red.png');
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.getAttribute('#lightbox img', 'alt'), 'Picture: blue.png');
    assert.equal(await page.textContent('#lightbox [role=status]'), '2 of 2');
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.getAttribute('#lightbox img', 'alt'), 'Picture: blue.png');
    await axeFindsNothing(page, 'the picture');
    if (out === 'Escape') await page.keyboard.press('Escape');
    else if (out === 'Back') await page.goBack();
    else await page.mouse.click(640, 790);
    await page.waitForSelector('#lightbox', { state: 'hidden' });
    assert.equal(page.url(), address);
    await page.waitForFunction(() => !history.state?.lightbox);
    assert.equal(await page.evaluate(() => document.activeElement.querySelector('img')?.alt), 'Picture: blue.png');
  }
  assert.equal(await page.textContent('#title'), '#lobby');
  assert.deepEqual(page.errors, []);
});

test('a thread opens beside the room: what answers a message, and a field whose words answer it', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  budi.say('lunch at twelve?');
  budi.say('something else');
  budi.say('/answer 1 or at one');
  budi.say('/answer 3 one is late');
  await sees(page, 'one is late');
  await page.click('.msg .answers:has-text("2 answers")');
  const inPane = (n) => page.waitForFunction((count) => document.querySelectorAll('#thread .msg:not(.pending)').length === count, n);
  const words = () => page.locator('#thread .msg .text').allTextContents();
  await inPane(3);
  assert.deepEqual(await words(), ['lunch at twelve?', 'or at one', 'one is late']);
  assert.equal(await page.locator('#thread .quoted').count(), 1, 'only what answers another than the first says whom');
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Reply in this thread');
  await page.keyboard.type('one it is');
  await page.keyboard.press('Enter');
  await budi.hears(/ana re=1: one it is/);
  await inPane(4);
  budi.say('beside it all');
  budi.say('/answer 5 good');
  await inPane(5);
  await sees(page, 'beside it all');
  assert.deepEqual((await words()).slice(3), ['one it is', 'good']);
  // A draft of its own waits there, and the pane goes with the room.
  await page.keyboard.type('half a thou');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#thread', { state: 'hidden' });
  assert.equal(await page.evaluate(() => document.activeElement.id), 'text');
  assert.equal(await page.inputValue('#text'), '');
  await page.hover(message('good'));
  await page.click('#messages .tools button >> nth=2');
  await page.click('.menu .item:has-text("Reply in a thread")');
  await inPane(5);
  assert.equal(await page.inputValue('#thread .input'), 'half a thou');
  // The same component stands twice: what is done in one does not scroll or close the other.
  await page.hover('#thread .msg >> nth=0');
  await page.click('#thread .tools button >> nth=0');
  await page.click('.picker button[aria-label=tada]');
  await budi.hears('🎉');
  await page.waitForFunction(() => document.querySelectorAll('#log .reactions').length === 1 && document.querySelectorAll('#thread .reactions').length === 1);
  await page.evaluate(AXE);
  await still(page);
  await axeFindsNothing(page, 'a thread');
  await say(page, '/join #dapur');
  await page.waitForFunction(() => document.querySelector('#title').textContent === '#dapur');
  await page.waitForSelector('#thread', { state: 'hidden' });
  assert.deepEqual(page.errors, []);
});

test('a thread on a phone lies over the room, in the dark as well', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana', { viewport: { width: 320, height: 640 }, colorScheme: 'dark', locale: 'id-ID', hasTouch: true, isMobile: true });
  budi.say('makan siang?');
  budi.say('/answer 1 jam satu');
  await page.click('.msg .answers:has-text("1 balasan")');
  await page.waitForFunction(() => document.querySelectorAll('#thread .msg').length === 2);
  const box = await page.locator('#thread').boundingBox();
  assert.deepEqual([box.x, box.width, box.height], [0, 320, 640]);
  await page.evaluate(AXE);
  await still(page);
  await axeFindsNothing(page, 'a thread on a phone');
  await page.tap('#thread [aria-label=Tutup]');
  await page.waitForSelector('#thread', { state: 'hidden' });
  assert.deepEqual(page.errors, []);
});

test('under a finger every button has 44 pixels', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const small = async (where) => {
    const found = await page.evaluate(() => [...document.querySelectorAll('button, a[href], [role=option], [role=menuitem], .switch, .choice label')]
      .filter((one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !one.closest('[inert], .vh, .skip, .text') && !one.matches('.vh, .skip'))
      .map((one) => ({ one, box: one.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0 && (Math.round(box.width) < 44 || Math.round(box.height) < 44))
      .map(({ one, box }) => `${one.tagName} ${one.id || one.className} ${one.textContent.slice(0, 20)} ${Math.round(box.width)}x${Math.round(box.height)}`));
    assert.deepEqual(found, [], where);
  };
  budi.say('hello @ana');
  budi.say('/answer 1 and hello again');
  budi.say('/react 1 👍');
  budi.say('/join #dapur');
  await page.waitForSelector('.msg .answers');
  await page.waitForSelector('.reactions button');
  await page.waitForSelector('#attach:not([hidden])');
  await small('the room');
  await page.setInputFiles('#file', [{ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('x') }, { name: 'b.txt', mimeType: 'text/plain', buffer: Buffer.from('y') }]);
  await page.waitForFunction(() => document.querySelectorAll('#uploads .staged').length === 2);
  await small('the tray');
  for (let i = 0; i < 2; i += 1) await page.tap('#uploads .staged >> nth=0 >> button >> nth=1');
  await page.tap('.msg .answers');
  await page.waitForSelector('#thread:not([hidden])');
  await small('a thread');
  await page.tap('#thread [aria-label=Close]');
  await page.tap('.msg .bubble >> nth=0');
  await page.waitForSelector('.menu');
  await page.waitForFunction(() => document.querySelector('.menu').getAnimations().length === 0);
  await small('the menu of a message');
  await page.keyboard.press('Escape');
  await page.tap('#menubtn');
  await page.waitForFunction(() => document.body.classList.contains('nav') && document.querySelector('#nav').getAnimations().length === 0);
  await small('the rooms');
  await page.tap('#me');
  await page.waitForSelector('#settings[open]');
  await page.waitForFunction(() => document.querySelector('#settings').getAnimations().length === 0);
  await small('the settings');
  assert.deepEqual(page.errors, []);
});

/** Nothing moves any more but what moves for ever: colours that come in are paler than they will be. */
const still = (page) => page.waitForFunction(() => document.getAnimations().every((one) => one.playState !== 'running' || one.effect.getTiming().iterations === Infinity));

for (const colorScheme of ['light', 'dark'])
  test(`axe finds nothing with other rooms, mentions, code, pictures and a thread on the stage (${colorScheme})`, async () => {
    await serve();
    const budi = await terminal('budi');
    const citra = await terminal('citra');
    citra.say('/join #dapur');
    await citra.hears('OK JOIN room=#dapur');
    for (const density of ['cosy', 'compact']) {
      const page = await person(`ana${density}`, { colorScheme });
      const me = `ana${density}`;
      budi.say(`hello @${me} and @citra, see #dapur and https://example.org`);
      budi.say('/me looks around');
      await sees(page, `hello @${me}`);
      await say(page, 'mine, with `code`, @budi and #dapur:\n```js\nlet a = 1;\n```');
      await say(page, '/me nods');
      const last = await page.waitForFunction(() => [...document.querySelectorAll('.msg')].at(-1)?.message.seq).then((one) => one.jsonValue());
      budi.say(`/answer ${last} an answer to @citra`);
      budi.say(`/react ${last} 👍`);
      await page.waitForSelector('#others .room, #rooms .room >> nth=1');
      if (density === 'compact') {
        await page.click('#me');
        await page.click('#settings .choice label:has-text("Compact")');
        await page.keyboard.press('Escape');
      }
      await show(page, [['blue.png', await picture(page, 200, 100, 'blue')]]);
      await page.waitForSelector('.thumb img');
      await page.waitForSelector('.msg .answers');
      await page.evaluate(AXE);
      await still(page);
      await axeFindsNothing(page, `${colorScheme} ${density}`);
      await page.click('.msg .answers');
      await page.waitForSelector('#thread:not([hidden])');
      await still(page);
      await axeFindsNothing(page, `a thread, ${colorScheme} ${density}`);
      await page.keyboard.press('Escape');
      await page.hover('.msg >> nth=0');
      await page.waitForSelector('.tools');
      await axeFindsNothing(page, `tools, ${colorScheme} ${density}`);
      assert.deepEqual(page.errors, []);
    }
  });

test('a picture has its size before it comes for the first time, and one of an unknown size moves nothing that is read', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  await show(page, [['tall.png', await picture(page, 200, 800, 'green')]]);
  await page.waitForFunction(() => document.querySelector('.thumb img')?.naturalHeight === 800);
  const shape = () => page.evaluate(() => { const { width, height } = document.querySelector('.thumb img').getBoundingClientRect(); return [Math.round(width), Math.round(height)]; });
  await page.waitForFunction(() => !document.querySelector('.boxed'));
  assert.deepEqual(await shape(), [90, 360], 'as it is, and no higher than 360');
  await atEnd(page);
  for (let i = 0; i < 40; i += 1) budi.say(`after ${i}`);
  await sees(page, 'after 39');
  // The server says how large it is: a page that never saw it keeps its place.
  const first = await person('dewi');
  await first.route('**/files/*', () => {});
  await first.reload();
  await sees(first, 'after 39');
  assert.deepEqual(await first.evaluate(() => { const img = document.querySelector('.thumb img'); return [img.getAttribute('width'), img.getAttribute('height')]; }), ['90', '360']);
  // Of a file of an older server no size is known, so it has a box; where it comes above, the message that is read stays.
  const other = await person('citra');
  await other.addInitScript(() => { const parse = JSON.parse; JSON.parse = (text) => parse(text, (key, value) => (key === 'width' || key === 'height' ? undefined : value)); });
  let give = null;
  await other.route('**/files/*', (route) => { give = () => route.continue(); });
  await other.reload();
  await sees(other, 'after 39');
  await other.evaluate(() => { document.querySelector('#log').scrollTop = 0; });
  await other.waitForFunction(() => document.querySelector('.boxed img'));
  await other.evaluate(() => { const log = document.querySelector('#log'); log.scrollTop = document.querySelector('.boxed').closest('.msg').offsetTop + 150; });
  const place = () => other.evaluate(() => Math.round([...document.querySelectorAll('.msg')].find((row) => row.querySelector('.text').textContent === 'after 3').getBoundingClientRect().top));
  const before = await place();
  while (!give) await other.evaluate(() => new Promise(requestAnimationFrame));
  give();
  await other.waitForFunction(() => document.querySelector('.thumb img') && !document.querySelector('.boxed'));
  assert.equal(await place(), before);
  // Drawn anew, it has its size before it has come.
  await say(other, '/join #dapur');
  await other.waitForFunction(() => document.querySelector('#title').textContent === '#dapur');
  give = null;
  await other.click('#rooms .room >> nth=0');
  await other.waitForFunction(() => document.querySelector('.thumb img')?.getAttribute('height') === '360' && !document.querySelector('.boxed'));
  assert.deepEqual([...page.errors, ...other.errors], []);
});
