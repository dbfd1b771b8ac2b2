// The page in a real Chromium, against a real chatd, beside people in telnet's door.

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { browser, ends, person, serve, server, terminal } from './cast.mjs';
import { AXE, WAIT, axeFindsNothing, enter, isLive, launch, newPage, proxy, say, sees, settled, texts } from './stage.mjs';

test('the first visit: a name is proposed, Enter, and one is in the lobby', async () => {
  await serve();
  const page = await person();
  await page.goto(server.url);
  assert.match(await page.inputValue('#name'), /^[a-z]+-[a-z]+$/);
  await page.keyboard.press('Enter');
  await isLive(page);
  assert.equal(await page.textContent('#title'), '#lobby');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'text');
  await page.waitForSelector('.begin');
  await page.waitForSelector('#alone:not([hidden])');
  assert.deepEqual(page.errors, []);
});

test('a name that cannot be is told, one that is taken is answered with another', async () => {
  await serve();
  await terminal('ana');
  const page = await person(null, {}, ['409']);
  await page.goto(server.url);
  await page.fill('#name', 'two words');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#namehelp.bad');
  await page.fill('#name', 'Ana');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('#name').value === 'Ana2');
  await page.keyboard.press('Enter');
  await isLive(page);
  assert.deepEqual(page.errors, []);
});

test('two browsers and a terminal are in one room, in one order', async () => {
  await serve();
  const budi = await terminal('budi');
  const [ana, citra] = [await person('ana'), await person('citra', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })];
  for (let i = 0; i < 10; i += 1) {
    await Promise.all([say(ana, `ana ${i}`), say(citra, `citra ${i}`), budi.say(`budi ${i}`)]);
  }
  await Promise.all([settled(ana, 30), settled(citra, 30)]);
  await budi.hears('citra: citra 9');
  await budi.hears('ana: ana 9');
  const seen = await texts(ana);
  assert.equal(seen.length, 30);
  assert.deepEqual(await texts(citra), seen);
  const heard = budi.lines.filter((line) => / MSG /.test(line)).map((line) => line.split(': ')[1]);
  assert.deepEqual(heard, seen.filter((text) => !text.startsWith('budi')));
  assert.deepEqual([...ana.errors, ...citra.errors], []);
});

test('answers, corrections, deletions and reactions reach the other browser and the terminal', async () => {
  await serve();
  const budi = await terminal('budi');
  const [ana, citra] = [await person('ana'), await person('citra')];
  await say(ana, 'lunch at twelv');
  await sees(citra, 'twelv');
  await ana.keyboard.press('ArrowUp');
  await ana.fill('#text', 'lunch at twelve');
  await ana.keyboard.press('Enter');
  await sees(citra, 'lunch at twelve (edited)');
  await budi.hears('EDITED #lobby 2 ana re=1: lunch at twelve');
  await citra.hover('.msg');
  await citra.click('.tools button >> nth=1');
  await say(citra, 'fine');
  await budi.hears('MSG #lobby 3 citra re=1: fine');
  await ana.waitForSelector('.msg .quoted');
  await ana.hover('.msg >> nth=1');
  await ana.click('.msg >> nth=1 >> .tools button >> nth=0');
  await ana.click('.picker button[aria-label=tada]');
  await budi.hears('REACTED #lobby 4 ana re=3: 🎉');
  await citra.waitForFunction(() => document.querySelector('.reactions')?.textContent.includes('🎉1'));
  budi.say('/react 3 🎉');
  await ana.waitForFunction(() => document.querySelector('.reactions')?.textContent.includes('🎉2'));
  await ana.click('.reactions button');
  await budi.hears('UNREACTED #lobby 6 ana re=3: 🎉');
  await ana.hover('.msg');
  await ana.click('.msg >> nth=0 >> .tools button >> nth=2');
  await ana.click('.menu button:has-text("Delete")');
  await ana.click('#confirm button[value=yes]');
  await budi.hears('DELETED #lobby 7 ana re=1');
  await citra.waitForSelector('.msg.gone');
  assert.deepEqual([...ana.errors, ...citra.errors], []);
});

test('fifty cuts in the middle of it: nothing is lost, nothing doubled, the order holds', async () => {
  await serve();
  const budi = await terminal('budi');
  const way = await proxy(server);
  ends.push(way.close);
  const forgive = ['WebSocket', 'Failed to load resource', 'ERR_'];
  const ana = await person('ana', {}, forgive, way.url);
  const citra = await person('citra');
  let state = 7;
  const chance = (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  for (let i = 0; i < 50; i += 1) {
    await say(ana, `a${i}`);
    budi.say(`b${i}`);
    if (chance(3) === 0) await say(ana, `a${i}+`);
    // The cut falls at some byte of what is under way.
    if (chance(2) === 0) await new Promise((go) => setImmediate(go));
    way.cut();
    if (chance(4) === 0) await ana.evaluate(() => globalThis.dispatchEvent(new Event('online')));
  }
  await isLive(ana);
  await ana.waitForFunction(() => !document.querySelector('.msg.pending'), null, { timeout: 60_000 });
  await budi.hears('ana: a49');
  budi.say('the end');
  await Promise.all([sees(ana, 'the end'), sees(citra, 'the end')]);
  const seen = await texts(citra);
  await ana.waitForFunction((n) => document.querySelectorAll('.msg').length === n, seen.length);
  assert.deepEqual(await texts(ana), seen);
  assert.equal(new Set(seen).size, seen.length, 'each once');
  const of = (who) => seen.filter((text) => text.startsWith(who)).map((text) => parseFloat(text.slice(1).replace('+', '.5')));
  for (const who of ['a', 'b']) assert.deepEqual(of(who), [...of(who)].sort((x, y) => x - y), who);
  assert.equal(of('b').length, 50);
  assert.ok(of('a').length >= 50);
  assert.deepEqual([...ana.errors, ...citra.errors], []);
});

test('a restart of the server: what is unsent arrives once, under the same name', async () => {
  await serve();
  const page = await person('ana', {}, ['WebSocket', 'Failed to load resource', 'ERR_']);
  await say(page, 'before');
  await settled(page, 1);
  const { line, web } = server;
  await server.stop('SIGKILL');
  await page.waitForSelector('#banner:not([hidden])');
  await say(page, 'one\ntwo');
  await say(page, 'three');
  await page.waitForFunction(() => document.querySelector('#banner').textContent.includes('2 unsent'));
  await serve({ line, web });
  await isLive(page);
  await page.waitForFunction(() => !document.querySelector('.msg.pending'));
  const kept = await (await fetch(`${server.url}/api/messages`)).json();
  assert.deepEqual(kept.map((message) => [message.from.name, message.text]), [['ana', 'one\ntwo'], ['ana', 'three']]);
  assert.deepEqual(page.errors, []);
});

test('what one reads stays in its place while others talk, and the button tells how much is new', async () => {
  await serve();
  const budi = await terminal('budi');
  for (let i = 0; i < 60; i += 1) budi.say(`line ${i}`);
  budi.say('PING:x');
  await budi.hears('PONG x');
  const page = await person('ana');
  await sees(page, 'line 59');
  await page.mouse.move(640, 400);
  await page.mouse.wheel(0, -900);
  await page.waitForSelector('#jump:not([hidden])');
  const place = () => page.evaluate(() => {
    const row = [...document.querySelectorAll('.msg')].find((one) => one.getBoundingClientRect().top > 120);
    return [row.message.seq, Math.round(row.getBoundingClientRect().top)];
  });
  await page.waitForFunction(() => new Promise((done) => {
    const scroller = document.querySelector('#log');
    const top = scroller.scrollTop;
    requestAnimationFrame(() => requestAnimationFrame(() => done(scroller.scrollTop === top)));
  }));
  const before = await place();
  for (let i = 0; i < 20; i += 1) budi.say(`new ${i}`);
  await page.waitForFunction(() => document.querySelector('#jump').textContent.includes('20'));
  assert.deepEqual(await place(), before);
  await page.click('#jump');
  await page.waitForFunction(() => {
    const scroller = document.querySelector('#log');
    return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 4;
  });
  assert.deepEqual(page.errors, []);
});

test('ten thousand messages: a window of them is on the page, and older ones come by scrolling', async () => {
  await serve();
  const budi = await terminal('budi');
  for (let i = 0; i < 10_000; i += 1) budi.say(`line ${i}`);
  budi.say('PING:done');
  await budi.hears('PONG done');
  const page = await person('ana');
  await sees(page, 'line 9999');
  const count = () => page.evaluate(() => document.querySelectorAll('#messages > li').length);
  assert.ok((await count()) < 120);
  await page.click('.older button');
  await sees(page, 'line 9920');
  // The button has gone with the row that it stood in.
  assert.equal(await page.evaluate(() => document.activeElement.id), 'log');
  for (let i = 0; i < 300; i += 1) budi.say(`more ${i}`);
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.keyboard.press('End');
  await sees(page, 'more 299');
  assert.ok((await count()) < 520, `${await count()} rows`);
  assert.deepEqual(page.errors, []);
});

for (const width of [320, 390, 1280]) {
  test(`nothing runs out of the page at ${width} px`, async () => {
    await serve();
    const budi = await terminal('budi');
    budi.say(`${'x'.repeat(300)} ${'a word '.repeat(40)}`);
    budi.say('TOPIC:a topic that is much longer than any phone is wide, and then some');
    const page = await person('ana', { viewport: { width, height: 700 } });
    await sees(page, 'xxx');
    const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth, document.querySelector('#text').getBoundingClientRect().bottom <= innerHeight]);
    assert.ok(wide[0] <= wide[1] && wide[2], JSON.stringify(wide));
    if (width < 720) {
      await page.click('#menubtn');
      await page.waitForSelector('body.nav');
      await page.keyboard.press('Escape');
      await page.waitForSelector('body:not(.nav)', { state: 'attached' });
    }
    // The longest words are Indonesian.
    const far = await person('budiman', { viewport: { width, height: 700 }, locale: 'id-ID' });
    await far.evaluate(() => document.querySelector('#me').click());
    await far.waitForSelector('#settings[open]');
    const cut = await far.evaluate(() => [...document.querySelectorAll('#settings, #settings *')].filter((el) => el.scrollWidth > el.clientWidth + 1 && el.clientWidth > 0 && !el.matches('input, .vh')).map((el) => el.className || el.id || el.nodeName));
    assert.deepEqual(cut, []);
    const beside = await far.evaluate(() => [...document.querySelectorAll('#settings *')].filter((el) => el.getBoundingClientRect().right > document.querySelector('#settings').getBoundingClientRect().right).length);
    assert.equal(beside, 0);
    assert.deepEqual([...page.errors, ...far.errors], []);
  });
}

test('by keyboard alone', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person();
  await page.goto(server.url);
  await page.keyboard.type('ana');
  await page.keyboard.press('Enter');
  await isLive(page);
  await page.keyboard.type('halo bud');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await budi.hears('ana: halo budi');
  budi.say('halo ana');
  await sees(page, 'halo ana');
  await page.focus('#log');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.menu');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await budi.hears('REACTED #lobby 3 ana re=2: ❤️');
  await page.keyboard.press('Control+k');
  await page.waitForSelector('#switcher[open]');
  await page.keyboard.type('dapur');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('#title').textContent === '#dapur');
  await page.waitForFunction(() => document.activeElement.id === 'text');
  await page.keyboard.type('/topic pisang goreng');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('#topic').textContent === 'pisang goreng');
  await page.keyboard.press('Alt+ArrowUp');
  await page.waitForFunction(() => document.querySelector('#title').textContent === '#lobby');
  await page.keyboard.press('ArrowUp');
  await page.waitForSelector('#context:not([hidden])');
  await page.keyboard.press('Escape');
  await page.keyboard.type('?');
  await page.waitForSelector('#sheet[open]');
  await page.keyboard.press('Escape');
  assert.deepEqual(page.errors, []);
});

test('axe finds nothing, in any state and both schemes', async () => {
  await serve({ key: 'a key for the tests' });
  const budi = await terminal('budi');
  budi.say('see https://example.org and @ana and `code`');
  // A room that the reader is not in.
  budi.say('/join #elsewhere');
  await budi.hears('OK JOIN room=#elsewhere');
  budi.say('/room #lobby');
  for (const colorScheme of ['light', 'dark']) {
    const page = await person(null, { colorScheme, reducedMotion: 'reduce' }, ['409', '403', 'WebSocket', 'ERR_']);
    const clean = (what) => axeFindsNothing(page, `${colorScheme}, ${what}`);
    const arm = () => page.evaluate(AXE);
    await page.goto(server.url);
    await arm();
    await clean('sign-on');
    await page.fill('#name', 'budi');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#namehelp.bad');
    await clean('sign-on with an error');
    await page.fill('#name', `ana_${colorScheme}`);
    await page.keyboard.press('Enter');
    await isLive(page);
    await sees(page, 'see https');
    await say(page, 'halo');
    await settled(page, 2);
    budi.say('/react 1 👍');
    await page.waitForSelector('.reactions');
    await clean('chat');
    // A call of the reader that calls another user as well.
    budi.say(`SAY:#lobby and you, @ana_${colorScheme}, and @budi`);
    await sees(page, 'and you');
    await page.waitForSelector('.ping .mention:not(.me)');
    await page.waitForSelector('.other .room');
    await clean('a call, and a room that one is not in');
    await page.click('#mentions');
    await page.waitForSelector('.called');
    await clean('mentions');
    await page.keyboard.press('Escape');
    await page.hover('.msg');
    await page.click('.tools button >> nth=2');
    await clean('menu');
    await page.keyboard.press('Escape');
    await page.fill('#text', '/');
    await page.waitForSelector('#popup:not([hidden])');
    await clean('suggestions');
    await page.fill('#text', '');
    await page.click('#me');
    await clean('settings');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await clean('switcher');
    await page.keyboard.press('Escape');
    await page.evaluate(() => document.querySelector('#text').focus());
    await page.keyboard.type('?');
    await page.waitForSelector('#sheet[open]');
    await clean('keys');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await page.keyboard.type(`room-${colorScheme}`);
    await page.keyboard.press('Enter');
    await page.waitForFunction((room) => document.querySelector('#title').textContent === `#room-${room}` && document.querySelector('.begin'), colorScheme);
    budi.say(`/w ana_${colorScheme} psst`);
    await page.waitForSelector('.toast');
    await clean('empty room, with a notice');
    await page.setViewportSize({ width: 390, height: 800 });
    await page.click('#peoplebtn');
    await page.waitForSelector('body.aside');
    await clean('phone with people');
    await page.keyboard.press('Escape');
    await page.goto(`${server.url}/admin`);
    await arm();
    await clean('operators, key');
    await page.fill('#key', 'a key for the tests');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.kick');
    await clean('operators');
    assert.deepEqual(page.errors, []);
  }
});

test('forced colours: all is there, edges are lines, the focus is seen, and axe finds nothing', async () => {
  await serve();
  const budi = await terminal('budi');
  budi.say('see https://example.org and @ana and `code`');
  const page = await person(null, { forcedColors: 'active', reducedMotion: 'reduce' });
  await page.goto(server.url);
  await page.evaluate(AXE);
  await axeFindsNothing(page, 'sign-on');
  /** Goes round by Tab and answers with what has the focus and shows nothing of it: no outline there, around it, or beside it. */
  const blind = async (times) => {
    const found = [];
    for (let i = 0; i < times; i += 1) {
      found.push(await page.evaluate(() => {
        const el = document.activeElement;
        if (el === document.body || el.matches('dialog')) return null;
        const outlined = (one) => one && one.matches(':focus-visible, :focus-within, :focus-visible + *')
          && getComputedStyle(one).outlineStyle !== 'none' && parseFloat(getComputedStyle(one).outlineWidth) >= 1;
        return [el, el.parentElement, el.closest('form'), el.nextElementSibling].some(outlined) ? null : el.outerHTML.slice(0, 80);
      }));
      await page.keyboard.press('Tab');
    }
    return found.filter(Boolean);
  };
  assert.deepEqual(await blind(4), []);
  await page.fill('#name', 'ana');
  await page.keyboard.press('Enter');
  await isLive(page);
  await sees(page, 'see https');
  await say(page, 'halo');
  await settled(page, 2);
  await axeFindsNothing(page, 'chat');
  assert.deepEqual(await blind(16), []);
  // A colour that the reader's system takes away is no edge: each of these has a line, or a colour of the system's own.
  const edges = (selectors) => page.evaluate((all) => all.filter((selector) => {
    const style = getComputedStyle(document.querySelector(selector));
    return !(parseFloat(style.borderTopWidth) >= 1 && style.borderTopStyle !== 'none') && style.forcedColorAdjust !== 'none';
  }), selectors);
  assert.deepEqual(await edges(['.msg:not(.mine) .bubble', '.mine .bubble', 'main', '#composer', '.here .room', '#send', '.mention.me']), []);
  await page.focus('.msg');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.menu');
  await axeFindsNothing(page, 'menu');
  assert.deepEqual(await edges(['.menu']), []);
  await page.keyboard.press('Escape');
  await page.focus('#me');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#settings[open]');
  await axeFindsNothing(page, 'settings');
  assert.deepEqual(await blind(8), []);
  assert.deepEqual(await edges(['#settings', '.choice :checked + span', '.switch input']), []);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.waitForSelector('#switcher[open]');
  await axeFindsNothing(page, 'switcher');
  assert.deepEqual(await edges(['#switcher', '#found [aria-selected=true]']), []);
  assert.deepEqual(page.errors, []);
});

test('nothing jumps: at the first visit, on coming in, and while others talk', async () => {
  await serve();
  const budi = await terminal('budi');
  for (let i = 0; i < 60; i += 1) budi.say(`before ${i}`);
  budi.say('PING:said');
  await budi.hears('PONG said');
  for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 800 }]) {
    const name = `ana${viewport.width}`;
    const page = await person(null, { viewport });
    // Those soon after a key count as well: here no key asks for anything to move.
    await page.addInitScript(() => {
      globalThis.shifts = [];
      new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries()) globalThis.shifts.push({ value, of: sources.map(({ node }) => node?.id || node?.className || node?.nodeName).join(' ') });
      }).observe({ type: 'layout-shift', buffered: true });
    });
    const still = async (when) => {
      // Two frames: what was drawn by then has been measured.
      const shifts = await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(globalThis.shifts.splice(0))))));
      const sum = shifts.reduce((all, one) => all + one.value, 0);
      assert.ok(sum < 0.1, `${viewport.width} px, ${when}: ${sum} ${JSON.stringify(shifts)}`);
    };
    await page.goto(server.url);
    await page.waitForFunction(() => !document.querySelector('#here').hidden);
    await still('the first visit');
    await page.fill('#name', name);
    await page.keyboard.press('Enter');
    await isLive(page);
    await sees(page, 'before 59');
    await page.waitForSelector('#rooms .here', { state: 'attached' });
    await still('coming in');
    for (let i = 0; i < 30; i += 1) {
      budi.say(`stream ${name} ${i}`);
      await sees(page, `stream ${name} ${i}`);
    }
    await still('while others talk');
    // The observer sees, else the above says nothing: what jumps is noticed.
    await page.evaluate(() => document.querySelector('.top').style.setProperty('height', '400px'));
    await page.waitForFunction(() => globalThis.shifts.reduce((sum, one) => sum + one.value, 0) > 0.1);
    assert.deepEqual(page.errors, []);
  }
});

test('hostile words do nothing, wherever they stand', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  const corpus = ['<script>document.title="x"</script>', '<img src=//evil.example/x onerror=alert(1)>', '<svg onload=alert(1)>', '"><iframe src=//evil.example>',
    'javascript:alert(1)', '[x](javascript:alert(1))', '**<b onclick=alert(1)>**', '`<style>*{display:none}</style>`', '<a href="javascript:alert(1)">x</a>', '{{constructor}}', '&lt;script&gt;', '<math><mi xlink:href="data:x,<script>">'];
  for (const words of corpus) {
    budi.say(`MSG:${words}`);
    budi.say(`ACT:${words}`);
    budi.say(`WHISPER:ana ${words}`);
    budi.say(`TOPIC:${words}`);
    budi.say(`AWAY:${words}`);
  }
  budi.say('/react 1 <b>');
  budi.say('MSG:that was all');
  await sees(page, 'that was all');
  const found = await page.evaluate(() => [...document.querySelectorAll('script:not([src]), iframe, img:not([src="/icon.svg"]), svg[onload], style, math, [onclick], [onerror], a[href^="javascript"]')].length);
  assert.equal(found, 0);
  assert.deepEqual(asked.filter((url) => !url.startsWith(server.url) && !url.startsWith('ws://127')), []);
  for (const name of ['<b>', 'a"b', 'x y']) {
    const answer = await fetch(`${server.url}/api/users`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ name }) });
    assert.equal(answer.status, 422, name);
  }
  assert.deepEqual(page.errors, []);
});

test('a page of another site gets nowhere', async () => {
  await serve();
  const site = http.createServer((_, answer) => answer.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>evil</title><form method=post></form>'));
  site.listen(0, '127.0.0.1');
  await new Promise((go) => site.once('listening', go));
  ends.push(() => new Promise((go) => { site.close(go); site.closeAllConnections(); }));
  const page = await person('ana', {}, ['WebSocket', 'CORS', 'Failed to load', 'ERR_FAILED', '403', '415', 'Content Security']);
  const other = await page.context().newPage();
  await other.goto(`http://127.0.0.1:${site.address().port}/`);
  const tried = await other.evaluate(async (url) => {
    const socket = await new Promise((done) => {
      const ws = new WebSocket(`${url.replace('http', 'ws')}/ws`);
      ws.onopen = () => done('open');
      ws.onerror = () => done('refused');
    });
    const call = (options) => fetch(`${url}/api/messages`, options).then((answer) => answer.status, () => 'refused');
    return [socket, await call({ method: 'POST', credentials: 'include', headers: { 'Content-Type': 'application/json' }, body: '{"text":"evil"}' }),
      await call({ method: 'POST', credentials: 'include', mode: 'no-cors', headers: { 'Content-Type': 'text/plain' }, body: '{"text":"evil"}' }), await call({ credentials: 'include' })];
  }, server.url);
  assert.equal(tried[0], 'refused');
  assert.equal(tried[1], 'refused');
  assert.equal(tried[3], 'refused', 'nothing can be read either');
  await other.evaluate((url) => {
    const form = document.querySelector('form');
    form.action = `${url}/api/messages`;
    form.enctype = 'text/plain';
    const field = document.createElement('input');
    field.name = '{"text":"evil","x":"';
    field.value = '"}';
    form.append(field);
    form.submit();
  }, server.url);
  await other.waitForURL(/api\/messages/);
  assert.deepEqual(await (await fetch(`${server.url}/api/messages`)).json(), []);
});

test('two tabs are one person: own words in both, read in both, and a closed tab makes no noise', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  const second = await page.context().newPage();
  await second.goto(server.url);
  await isLive(second);
  await say(page, 'from the first');
  await sees(second, 'from the first');
  await say(second, 'from the second');
  await sees(page, 'from the second');
  await second.close();
  await page.reload();
  await isLive(page);
  await sees(page, 'from the second');
  budi.say('PING:still');
  await budi.hears('PONG still');
  assert.deepEqual(budi.lines.filter((line) => / (LEFT|JOINED) /.test(line)).map((line) => line.slice(21)), ['JOINED #lobby ana']);
  assert.deepEqual(page.errors, []);
});

test('whispers, drafts, the title and the language', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  budi.say('/w ana psst');
  await page.waitForFunction(() => document.title.startsWith('(1)'));
  await page.click('#dms .new .room');
  await sees(page, 'psst');
  await say(page, 'siapa?');
  await budi.hears('WHISPER ana budi: siapa?');
  await page.waitForFunction(() => !document.querySelector('.msg.pending'));
  await page.click('#rooms .room >> nth=0');
  await page.fill('#text', 'not finished');
  await page.reload();
  await isLive(page);
  await page.waitForFunction(() => document.querySelector('#text').value === 'not finished');
  await page.click('#me');
  await page.check('#settings input[name=lang][value=id]', { force: true });
  await page.waitForFunction(() => document.documentElement.lang === 'id' && document.querySelector('.lists h2 span').textContent === 'Ruang');
  await page.keyboard.press('Escape');
  budi.say('TYPING:');
  await page.waitForFunction(() => document.querySelector('#typing.on')?.textContent === 'budi sedang mengetik');
  assert.deepEqual(page.errors, []);
});

test('plain http on a name of the network: no secure context, and all of the chat', async () => {
  await serve({ flags: ['--web-hosts', 'chat.lan'] });
  const budi = await terminal('budi');
  const lan = await launch(['--host-resolver-rules=MAP chat.lan 127.0.0.1']);
  ends.push(() => lan.close());
  // Chromium says aloud that it ignores this header on plain http. There is nothing to mend.
  const page = await newPage(lan, {}, ['Cross-Origin-Opener-Policy']);
  await enter(page, `http://chat.lan:${server.web}`, 'ana');
  assert.equal(await page.evaluate(() => globalThis.isSecureContext), false);
  await say(page, 'from the network');
  await budi.hears('ana: from the network');
  budi.say('/react last 👍');
  budi.say('halo ana');
  await sees(page, 'halo ana');
  await page.waitForSelector('.reactions');
  await page.reload();
  await isLive(page);
  await sees(page, 'halo ana');
  assert.deepEqual(page.errors, []);
});

test('a slow connection: the page comes, and what is said arrives', async () => {
  await serve();
  const budi = await terminal('budi');
  const way = await proxy(server, 40);
  ends.push(way.close);
  const page = await person('ana', {}, [], way.url);
  for (let i = 0; i < 5; i += 1) await say(page, `slow ${i}`);
  await budi.hears('ana: slow 4');
  budi.say('I read you');
  await sees(page, 'I read you');
  await settled(page, 6);
  assert.deepEqual((await texts(page)).slice(0, 5), [0, 1, 2, 3, 4].map((i) => `slow ${i}`));
  assert.deepEqual(page.errors, []);
});

test('operators see everybody and can send somebody away', async () => {
  await serve({ key: 'a key for the tests' });
  const budi = await terminal('budi');
  const ana = await person('ana', {}, ['WebSocket']);
  const boss = await person(null, {}, ['403']);
  await boss.goto(`${server.url}/admin`);
  await boss.fill('#key', 'a wrong key, surely');
  await boss.keyboard.press('Enter');
  await boss.waitForSelector('#keyhelp.bad');
  await boss.fill('#key', 'a key for the tests');
  await boss.keyboard.press('Enter');
  await boss.waitForFunction(() => document.querySelectorAll('.kick').length === 2);
  await boss.fill('#words', 'cake in the kitchen');
  await boss.keyboard.press('Enter');
  await budi.hears('NOTE *: cake in the kitchen');
  await ana.waitForFunction(() => document.querySelector('#messages').textContent.includes('cake in the kitchen'));
  await boss.click('[aria-label="Send away ana"]');
  await boss.fill('#why', 'too many bananas');
  await boss.keyboard.press('Enter');
  await budi.hears('LEFT #lobby ana: too many bananas');
  // And it is written down.
  await boss.waitForFunction(() => ['kick', 'ana', 'too many bananas'].every((word) => document.querySelector('#audit').textContent.includes(word)));
  await ana.waitForFunction(() => document.querySelector('#banner').textContent.includes('too many bananas'));
  assert.deepEqual([...ana.errors, ...boss.errors], []);
}, { timeout: 4 * WAIT });

test('operators can forget a room, after a question', async () => {
  await serve({ key: 'a key for the tests' });
  const budi = await terminal('budi');
  budi.say('/join #club');
  await budi.hears('OK JOIN room=#club');
  const boss = await person(null);
  await boss.goto(`${server.url}/admin`);
  await boss.fill('#key', 'a key for the tests');
  await boss.keyboard.press('Enter');
  const ask = () => boss.click('[aria-label="Forget #club"]');
  await ask();
  await boss.waitForSelector('#forget[open]:has-text("Forget #club")');
  await boss.keyboard.press('Escape');
  await boss.waitForSelector('#forget', { state: 'hidden' });
  assert.equal(await boss.locator('[aria-label="Forget #lobby"]').count(), 0, 'the lobby stays');
  await ask();
  await boss.click('#forget .danger');
  await boss.waitForSelector('[aria-label="Forget #club"]', { state: 'detached' });
  await budi.hears(/ (KICKED|LEFT|NOTE) #club/);
  await boss.waitForFunction(() => ['forget', 'club'].every((word) => document.querySelector('#audit').textContent.includes(word)));
  assert.deepEqual(boss.errors, []);
}, { timeout: 4 * WAIT });

test('after a restart one is in the same rooms again, and what waited for them arrives there', async () => {
  await serve();
  const page = await person('ana', {}, ['WebSocket', 'Failed to load resource', 'ERR_']);
  await say(page, '/join #dapur');
  await page.waitForFunction(() => document.querySelector('#title').textContent === '#dapur');
  await say(page, 'before');
  await settled(page, 1);
  const { line, web } = server;
  await server.stop('SIGKILL');
  await page.waitForSelector('#banner:not([hidden])');
  await say(page, 'for the kitchen');
  await page.click('#rooms .room >> nth=0');
  await say(page, 'for everybody');
  await serve({ line, web });
  await isLive(page);
  await sees(page, 'for everybody');
  await page.waitForFunction(() => !document.querySelector('.msg.pending'));
  const kept = async (room) => (await (await fetch(`${server.url}/api/messages?room=${room}`)).json()).map((message) => message.text);
  await page.waitForFunction(() => Object.keys(localStorage).every((key) => !key.startsWith('chat.out.')));
  assert.deepEqual(await kept('lobby'), ['for everybody']);
  assert.deepEqual(await kept('dapur'), ['for the kitchen']);
  assert.deepEqual(page.errors, []);
});

test('what is unsent outlives a reload; what is refused is handed back with words', async () => {
  await serve();
  const page = await person('ana', {}, ['WebSocket', 'Failed to load resource', 'ERR_']);
  await say(page, '/w nobody psst');
  await page.waitForSelector('.msg.failed');
  assert.match(await page.textContent('.trouble'), /nobody/);
  await page.click('.trouble button:has-text("Discard")');
  await page.waitForFunction(() => !document.querySelector('.msg'));
  await page.click('#rooms .room >> nth=0');
  const { line, web } = server;
  await server.stop('SIGKILL');
  await page.waitForSelector('#banner:not([hidden])');
  await say(page, 'kept in the browser');
  await page.waitForFunction(() => Object.keys(localStorage).some((key) => key.startsWith('chat.out.')));
  await serve({ line, web });
  await page.reload();
  await page.waitForFunction(() => document.querySelector('#name')?.value === 'ana' || document.documentElement.dataset.link === 'live');
  if (await page.isVisible('#signin')) await page.keyboard.press('Enter');
  await isLive(page);
  await sees(page, 'kept in the browser');
  assert.deepEqual(page.errors, []);
});

test('the unread line, the title, the calls of one’s name', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  await say(page, '/join #dapur');
  await page.waitForFunction(() => document.querySelector('#title').textContent === '#dapur');
  budi.say('hello all');
  budi.say('@ana are you there?');
  await page.waitForFunction(() => document.title.startsWith('(2) #dapur'));
  await page.waitForSelector('.badge.pinged');
  await page.waitForSelector('.toast:has-text("are you there")');
  assert.match(await page.getAttribute('#favicon', 'href'), /^data:image|^\/icon/);
  await page.click('.toast .link');
  await page.waitForFunction(() => document.querySelector('#title').textContent === '#lobby');
  await page.waitForSelector('.msg.ping');
  await page.waitForFunction(() => !document.title.startsWith('('));
  const order = await page.evaluate(() => [...document.querySelectorAll('#messages > li')].map((row) => row.className.split(' ')[0]));
  assert.ok(order.indexOf('unread') > 0 && order.indexOf('unread') < order.indexOf('msg'), order.join());
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => !document.querySelector('li.unread'));
  assert.deepEqual(page.errors, []);
});

test('the list of mentions leads to each of them, in whatever room', async () => {
  await serve();
  const budi = await terminal('budi');
  const ana = await person('ana');
  await ana.click('#mentions');
  await ana.waitForSelector('.toast:has-text("no recent mentions")');
  await say(ana, '/join #rust');
  await ana.waitForFunction(() => document.querySelector('#title').textContent === '#rust');
  budi.say('@ana look here :tada:');
  for (let i = 0; i < 300; i += 1) budi.say(`more ${i}`);
  budi.say('/join #rust');
  await budi.hears('OK JOIN room=#rust');
  budi.say('SAY:#rust @ana and there');
  await sees(ana, 'and there');
  // The lobby is not looked at; its list is as long as what came in.
  await ana.waitForFunction(() => document.querySelector('#rooms .badge')?.dataset.n);
  await ana.focus('#mentions');
  await ana.keyboard.press('Enter');
  await ana.waitForSelector('.called .item >> nth=1');
  assert.deepEqual(await ana.$$eval('.called .item', (items) => items.map((one) => one.textContent)), ['budi @ana and there#rust', 'budi @ana look here :tada:#lobby']);
  await ana.keyboard.press('ArrowDown');
  await ana.keyboard.press('Enter');
  await ana.waitForFunction(() => document.activeElement.matches('.msg') && document.activeElement.textContent.includes('look here'));
  assert.equal(await ana.textContent('#title'), '#lobby');
  assert.deepEqual(ana.errors, []);
});

test('dice are a line of the server, in the room that is looked at, and no words of a user look like it', async () => {
  await serve();
  const budi = await terminal('budi');
  const ana = await person('ana');
  await say(ana, '/join #rust');
  await ana.waitForFunction(() => document.querySelector('#title').textContent === '#rust');
  budi.say('/join #rust');
  await budi.hears('OK JOIN room=#rust');
  await say(ana, '/roll 2d6');
  await budi.hears('ROLL #rust ana 2d6: ');
  await ana.waitForSelector('.note.feature:has-text("ana rolls 2d6: ")');
  budi.say('/roll d20');
  await ana.waitForSelector('.note.feature:has-text("budi rolls 1d20: ")');
  budi.say('/me rolls 2d6: 6+6 = 12');
  await sees(ana, 'rolls 2d6: 6+6 = 12');
  assert.equal(await ana.locator('.note.feature').count(), 2);
  assert.deepEqual(ana.errors, []);
});

test('an address with a room leads into it, also on an origin that is not secure', async () => {
  await serve({ flags: ['--web-origins', 'http://chat.lan'] });
  const plain = await launch(['--host-resolver-rules=MAP chat.lan 127.0.0.1']);
  ends.push(() => plain.close());
  const page = await newPage(plain, {}, ['Cross-Origin-Opener-Policy']);
  const url = `http://chat.lan:${server.web}`;
  await page.goto(`${url}/#dapur`);
  assert.equal(await page.evaluate(() => isSecureContext), false);
  await page.keyboard.press('Enter');
  await isLive(page);
  await page.waitForFunction(() => document.querySelector('#title').textContent === '#dapur');
  await say(page, 'by plain http :tada:');
  await sees(page, 'by plain http 🎉');
  await page.click('#me');
  assert.ok(await page.isDisabled('#settings [data-set=notify]'), 'notifications are for secure origins');
  assert.deepEqual(page.errors, []);
});

test('to the beginning of a long room by scrolling, with everything once and in order', async () => {
  await serve();
  const budi = await terminal('budi');
  for (let i = 0; i < 1_000; i += 1) budi.say(`line ${i}`);
  budi.say('PING:done');
  await budi.hears('PONG done');
  const page = await person('ana', { viewport: { width: 390, height: 700 } });
  await sees(page, 'line 999');
  const seen = new Set();
  for (let i = 0; i < 400 && !seen.has('line 0'); i += 1) {
    for (const text of await texts(page)) seen.add(text);
    await page.evaluate(() => { document.querySelector('#log').scrollTop = 0; });
    await page.evaluate(() => new Promise((go) => { setTimeout(go, 140); }));
  }
  assert.equal(seen.size, 1_000);
  await page.waitForSelector('.begin');
  const shown = (await texts(page)).map((text) => Number(text.slice(5)));
  assert.deepEqual(shown, shown.map((_, i) => shown[0] + i));
  assert.ok((await page.evaluate(() => document.querySelectorAll('#messages > li').length)) < 420);
  await page.click('#jump');
  await sees(page, 'line 999');
  assert.deepEqual(page.errors, []);
});

test('by the popups: a person, a room, an emoji, a command; several lines are one message', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  await page.focus('#text');
  await page.keyboard.type('hey @bu');
  await page.waitForSelector('#popup [aria-selected=true]');
  await page.keyboard.press('Enter');
  await page.keyboard.type(':tad');
  await page.waitForSelector('#popup:not([hidden])');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await budi.hears('ana: hey @budi 🎉');
  await page.keyboard.type('/nic');
  await page.waitForSelector('#popup:not([hidden])');
  await page.keyboard.press('Enter');
  await page.keyboard.type('citra');
  await page.keyboard.press('Enter');
  await budi.hears('NICK ana citra');
  await page.waitForFunction(() => document.querySelector('#me').textContent.includes('citra'));
  await page.keyboard.type('first');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('second');
  await page.keyboard.press('Enter');
  await budi.hears('citra part=1/2: first');
  await budi.hears('citra part=2/2: second');
  // What is still on its way cannot be edited.
  await page.waitForFunction(
    () => [...document.querySelectorAll('.msg:not(.pending) .text')].at(-1)?.innerText === 'first\nsecond',
  );
  await page.keyboard.press('ArrowUp');
  await page.waitForFunction(() => document.querySelector('#text').value === 'first\nsecond');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('  third');
  await page.keyboard.press('Enter');
  await budi.hears('part=3/3:   third');
  await page.keyboard.type('/nonsense');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.answer.refused');
  await page.keyboard.type('//etc is a folder');
  await page.keyboard.press('Enter');
  await budi.hears('citra: /etc is a folder');
  assert.deepEqual(page.errors, []);
});

// A picture of 2 by 1 dots.
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAD0lEQVR4nGP4z8DA8J8BAAf/Af8Bf4mnAAAAAElFTkSuQmCC', 'base64');
/** Gives the page files as the system does when they are dropped or pasted. */
const hand = (page, kind, files) => page.evaluate(({ kind, files }) => {
  const data = new DataTransfer();
  for (const { name, type, bytes } of files) data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type }));
  const event = kind === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }) : new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector('#text').dispatchEvent(event);
}, { kind, files });

/** Sends what waits in the tray, once so many files do. */
const send = async (page, count) => {
  await page.waitForFunction((n) => document.querySelectorAll('#uploads .staged').length === n, count);
  await page.focus('#text');
  await page.keyboard.press('Enter');
};

test('a file is chosen, dropped or pasted: a picture is shown, anything else is a card, and telnet hears of it', async () => {
  await serve();
  const budi = await terminal('budi');
  const [ana, citra] = [await person('ana'), await person('citra')];
  await ana.waitForSelector('#attach:not([hidden])');
  // By the button, from the keyboard.
  const chosen = ana.waitForEvent('filechooser');
  await ana.focus('#attach');
  await ana.keyboard.press('Enter');
  await (await chosen).setFiles([{ name: 'laporan akhir.txt', mimeType: 'text/plain', buffer: Buffer.from('halo\n') }]);
  await send(ana, 1);
  await budi.hears('ana 5 ');
  await citra.waitForSelector('.file .fname');
  assert.equal(await citra.textContent('.file .fname'), 'laporan akhir.txt');
  const loaded = citra.waitForEvent('download');
  await citra.click('.file');
  assert.equal((await loaded).suggestedFilename(), 'laporan akhir.txt');
  // A picture has its place before it is there, and words for those who do not see it.
  await hand(ana, 'drop', [{ name: 'foto.png', type: 'image/png', bytes: PNG.toString('base64') }]);
  await send(ana, 1);
  const seen = await citra.waitForSelector('.thumb img');
  assert.equal(await seen.getAttribute('alt'), 'Picture: foto.png');
  await citra.waitForFunction(() => { const img = document.querySelector('.thumb img'); return img.complete && img.naturalWidth === 2; });
  const box = await seen.boundingBox();
  assert.deepEqual([Math.round(box.width), Math.round(box.height)], [2, 1], 'as it is, without a frame');
  await hand(ana, 'paste', [{ name: 'tempel.png', type: 'image/png', bytes: Buffer.from('no picture at all').toString('base64') }]);
  await send(ana, 1);
  // What is no picture after all is a card.
  await citra.waitForFunction(() => [...document.querySelectorAll('.file .fname')].some((one) => one.textContent === 'tempel.png'));
  // What could run does not: it is kept, and not shown.
  await hand(ana, 'drop', [{ name: 'jahat.svg', type: 'image/svg+xml', bytes: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="window.bad=1"/>').toString('base64') }]);
  await send(ana, 1);
  await citra.waitForFunction(() => document.querySelectorAll('.file').length === 3);
  await citra.evaluate(AXE);
  await axeFindsNothing(citra);
  // A user who deletes the line takes the file away.
  assert.equal(await citra.evaluate(() => window.bad), undefined);
  assert.deepEqual(ana.errors, []);
});

test('a file that is under way has a bar and can be stopped; one that is too big does not go at all', async () => {
  await serve({ flags: ['--file-bytes', '3000000'] });
  const budi = await terminal('budi');
  // A wire on which it takes a while.
  const wire = await proxy(server, 20);
  ends.push(wire.close);
  const ana = await person('ana', {}, ['ERR_ABORTED'], wire.url);
  await ana.waitForSelector('#attach:not([hidden])');
  await ana.setInputFiles('#file', [{ name: 'besar.bin', mimeType: '', buffer: Buffer.alloc(2_900_000, 7) }]);
  await send(ana, 1);
  const bar = await ana.waitForSelector('#uploads progress');
  assert.equal(await bar.getAttribute('aria-label'), 'Sending besar.bin');
  await ana.waitForFunction(() => document.querySelector('#uploads progress').value > 0);
  await ana.focus('#uploads button');
  await ana.keyboard.press('Enter');
  await ana.waitForSelector('.toast:has-text("besar.bin was not sent: you stopped it.")');
  await ana.waitForSelector('#uploads', { state: 'hidden' });
  await ana.setInputFiles('#file', [{ name: 'terlalu.bin', mimeType: '', buffer: Buffer.alloc(3_000_001, 7) }]);
  await ana.waitForSelector('.toast:has-text("terlalu.bin is too big: 3 MB are allowed.")');
  await budi.say('PING:end');
  assert.ok(!budi.lines.some((line) => / FILE /.test(line)));
  assert.deepEqual(ana.errors, []);
});
