// A server with a store, in a real Chromium: names with passwords, what was said before, what is found.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { browser, ends } from './cast.mjs';
import { PASSWORD, directory, lines as terminal, register, serveFrom as serve, signIn, visitor, way } from './members.mjs';
import { AXE, BIN, axeFindsNothing, enter, isLive, proxy, say, sees, settled, startServer, texts } from './stage.mjs';

const isTold = (page, words) => page.waitForFunction((text) => document.querySelector('#namehelp').textContent.includes(text), words);

test('a name is made one’s own at the door, and after that it needs its password', async () => {
  const server = await serve(directory());
  const ana = await visitor(['422']);
  await register(ana, server.url, 'ana', 'short');
  await ana.waitForSelector('#namehelp.bad');
  await ana.fill('#password', PASSWORD);
  await ana.keyboard.press('Enter');
  await isLive(ana);
  await say(ana, 'this is me');
  await settled(ana, 1);

  const other = await visitor(['409', '401']);
  await other.goto(server.url);
  await other.fill('#name', 'Ana');
  await other.keyboard.press('Enter');
  await isTold(other, 'Ana is registered');
  assert.equal(await other.evaluate(() => document.activeElement.id), 'password');
  await other.fill('#password', 'wrong-horse');
  await other.keyboard.press('Enter');
  await isTold(other, 'do not belong together');
  await other.fill('#password', PASSWORD);
  await other.keyboard.press('Enter');
  await isLive(other);
  await sees(other, 'this is me');
  assert.equal(await other.inputValue('#password'), '', 'it is not left in the page');
  await say(other, 'me as well');
  await sees(ana, 'me as well');
  assert.equal(await ana.locator('#who li').count(), 1, 'one person, twice');
  await say(other, '/logout');
  await other.waitForSelector('#signin:not([hidden])');
  await other.reload();
  await other.waitForSelector('#signin:not([hidden])');
  await say(ana, 'and still me');
  await settled(ana, 3);
  // Others see whose name is a name of their own.
  const budi = await visitor();
  await enter(budi, server.url, 'budi');
  await say(budi, 'and I am a guest');
  await sees(ana, 'and I am a guest');
  await settled(budi, 4);
  assert.equal(await budi.locator('.msg .owned').count(), 1);
  assert.equal(await ana.locator('.msg .owned').count(), 0);
  assert.deepEqual([...ana.errors, ...other.errors, ...budi.errors], []);
});

test('a restart with the page open: one is in again by the cookie, and what was unsent arrives once', async () => {
  const dir = directory();
  let server = await serve(dir);
  const through = await proxy(server);
  ends.push(through.close);
  const ana = await visitor(['WebSocket', 'ERR_', '401', '502', '503']);
  await register(ana, through.url, 'ana');
  await isLive(ana);
  await say(ana, 'before');
  await settled(ana, 1);
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    await server.stop(signal);
    await ana.waitForFunction(() => document.documentElement.dataset.link !== 'live');
    await say(ana, `while it was away after ${signal}`);
    server = await serve(dir, { line: server.line, web: server.web });
    await isLive(ana);
    await sees(ana, `while it was away after ${signal}`);
  }
  await ana.reload();
  await isLive(ana);
  await settled(ana, 3);
  assert.deepEqual(await texts(ana), ['before', 'while it was away after SIGTERM', 'while it was away after SIGKILL']);
  assert.ok(await ana.isHidden('#signin'));
  assert.deepEqual(ana.errors, []);
});

test('in the settings: the name one has becomes one’s own, another password, signed out everywhere', async () => {
  const server = await serve(directory());
  const ana = await visitor(['401', '403', 'WebSocket']);
  await enter(ana, server.url, 'ana');
  const settings = async () => {
    await ana.click('#me');
    await ana.waitForSelector('#settings[open] .account');
  };
  await settings();
  await ana.fill('#settings .account input[type=password]', PASSWORD);
  await ana.keyboard.press('Enter');
  await ana.waitForSelector('#everywhere');
  const second = await visitor();
  await second.goto(server.url);
  await signIn(second, 'ana');
  await isLive(second);
  // Another password: this browser stays in, the other does not.
  const [old, fresh] = await ana.locator('#settings .account input[type=password]').all();
  await old.fill('wrong-horse');
  await fresh.fill('another-horse');
  await ana.keyboard.press('Enter');
  await ana.waitForSelector('#settings .account .words:not(:empty)');
  await old.fill(PASSWORD);
  await fresh.fill('another-horse');
  second.errors = [];
  await ana.keyboard.press('Enter');
  await second.waitForSelector('#signin:not([hidden])');
  await isTold(second, 'signed out');
  await isLive(ana);
  await ana.keyboard.press('Escape');
  await say(ana, 'still here');
  await settled(ana, 1);
  await settings();
  await ana.click('#everywhere');
  await ana.waitForSelector('#signin:not([hidden])');
  assert.deepEqual(ana.errors, []);
});

test('five wrong passwords: one is told to wait, and the owner comes in all the same elsewhere', async () => {
  const server = await serve(directory());
  const ana = await visitor();
  await register(ana, server.url, 'ana');
  await isLive(ana);
  const guesser = await visitor(['401', '429']);
  await guesser.goto(server.url);
  await way(guesser, 'I have a password');
  await guesser.fill('#name', 'ana');
  for (let i = 0; i < 5; i++) {
    await guesser.fill('#password', `guess-${i}`);
    await guesser.click('#signin .primary:not(:disabled)');
    await guesser.waitForSelector('#namehelp.bad');
    await guesser.waitForSelector('#signin .primary:not(:disabled)');
  }
  await isTold(guesser, 'Try again in');
  await say(ana, 'still in');
  await settled(ana, 1);
  assert.deepEqual([...ana.errors, ...guesser.errors], []);
});

test('a private server lets in by a password or an invitation only', async () => {
  const dir = directory();
  const open = await serve(dir);
  const ana = await visitor(['WebSocket', 'ERR_']);
  await register(ana, open.url, 'ana');
  await isLive(ana);
  await open.stop();
  // Who invites others is at least an op.
  execFileSync(BIN, ['account', '--data', dir, 'role', 'ana', 'op']);
  const server = await serve(dir, { flags: ['--private', 'yes'] });
  const page = await visitor(['401', '403']);
  await page.goto(server.url);
  await page.waitForFunction(() => document.querySelector('#signin .lead').textContent.startsWith('Only members'));
  await page.waitForSelector('#password');
  await way(page, 'Keep a name');
  await page.fill('#name', 'budi');
  await page.fill('#password', PASSWORD);
  await page.keyboard.press('Enter');
  await isTold(page, 'invitation');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'code');
  await signIn(page, 'ana');
  await isLive(page);
  // A code by the commands of every door, shown to its maker alone.
  await say(page, '/invitecode');
  const code = await page.waitForFunction(() => /[a-z0-9]{4}(-[a-z0-9]{4})+/.exec(document.querySelector('.answer')?.textContent ?? '')?.[0]);
  const budi = await visitor();
  await budi.goto(server.url);
  await budi.waitForSelector('#password');
  await way(budi, 'Keep a name');
  await budi.fill('#name', 'budi');
  await budi.fill('#password', PASSWORD);
  await budi.fill('#code', await code.jsonValue());
  await budi.keyboard.press('Enter');
  await isLive(budi);
  assert.deepEqual([...page.errors, ...budi.errors], []);
});

test('the account of an admin opens the dashboard, which makes, shows and ends invitations', async () => {
  const dir = directory();
  const add = (name, role) => execFileSync(BIN, ['account', '--data', dir, 'add', name, '--role', role], { input: `${PASSWORD}\n` });
  add('dewi', 'admin');
  add('oni', 'op');
  const server = await serve(dir);
  const boss = await visitor(['403']);
  await boss.goto(`${server.url}/admin`);
  const enter = async (name) => {
    await boss.fill('#who', name);
    await boss.fill('#key', PASSWORD);
    await boss.keyboard.press('Enter');
  };
  await boss.waitForSelector('#who');
  await enter('oni');
  await boss.waitForFunction(() => document.querySelector('#keyhelp.bad')?.textContent.includes('administrators'));
  await enter('dewi');
  await boss.waitForSelector('#inviting:not([hidden])');
  await boss.fill('#uses', '2');
  await boss.click('#invite button');
  await boss.waitForFunction(() => /\/#join=[a-z0-9-]{14}$/.test(document.querySelector('#made')?.textContent ?? ''));
  await boss.waitForFunction(() => document.querySelector('#invitations').textContent.includes('0 of 2'));
  await boss.click('[aria-label="End the invitation 1"]');
  await boss.waitForFunction(() => document.querySelector('#invitations').textContent.includes('ended'));
  await boss.waitForFunction(() => ['dewi', 'invite', 'end-invitation'].every((word) => document.querySelector('#audit').textContent.includes(word)));
  // Who comes again is still signed in, and out when they say so.
  await boss.goto(`${server.url}/admin`);
  await boss.waitForSelector('#inviting:not([hidden])');
  await boss.click('#close');
  await boss.waitForSelector('#gate:not([hidden])');
  await boss.goto(`${server.url}/admin`);
  await boss.waitForSelector('#gate:not([hidden])');
  assert.deepEqual(boss.errors, []);
});

test('a reset link asks for a new password, once, and one is in', async () => {
  const dir = directory();
  execFileSync(BIN, ['account', '--data', dir, 'add', 'dewi'], { input: `${PASSWORD}\n` });
  const server = await serve(dir);
  const [code, link] = execFileSync(BIN, ['account', '--data', dir, 'reset', 'dewi', '--url', server.url]).toString().split('\n');
  assert.equal(link, `${server.url}/#reset=${code}`);
  const page = await visitor(['401', '422']);
  await page.goto(link);
  await page.waitForSelector('#signin .account input');
  assert.equal(page.url(), `${server.url}/`, 'the code leaves the address');
  const set = async (password) => {
    await page.fill('#signin .account input', password);
    await page.keyboard.press('Enter');
  };
  await set('short');
  await page.waitForSelector('#signin .words:not(:empty)');
  await set('another password');
  await isLive(page);
  const again = await visitor(['401']);
  await again.goto(link);
  await again.fill('#signin .account input', 'a third password');
  await again.keyboard.press('Enter');
  await again.waitForFunction(() => document.querySelector('#signin .words').textContent.includes('used already'));
  assert.deepEqual([...page.errors, ...again.errors], []);
});

test('the link of an invitation leads to a form with its code, which leaves the address, and into its rooms', async () => {
  const dir = directory();
  execFileSync(BIN, ['account', '--data', dir, 'add', 'dewi', '--role', 'op'], { input: `${PASSWORD}\n` });
  const server = await serve(dir, { flags: ['--private', 'yes'] });
  const dewi = await visitor();
  await dewi.goto(server.url);
  await dewi.fill('#name', 'dewi');
  await dewi.fill('#password', PASSWORD);
  await dewi.keyboard.press('Enter');
  await isLive(dewi);
  await say(dewi, '/join #den');
  await dewi.waitForSelector('#rooms .room:has-text("den")');
  await say(dewi, '/invitecode 1 2h #den');
  const code = await dewi.waitForFunction(() => /[a-z0-9]{4}(-[a-z0-9]{4})+/.exec(document.querySelector('.answer')?.textContent ?? '')?.[0]);
  const budi = await visitor();
  await budi.goto(`${server.url}/#join=${await code.jsonValue()}`);
  await budi.waitForFunction(() => document.querySelector('#signin .lead').textContent.startsWith('You are invited'));
  assert.equal(await budi.inputValue('#code'), await code.jsonValue());
  assert.equal(budi.url(), `${server.url}/`);
  await budi.fill('#name', 'budi');
  await budi.fill('#password', PASSWORD);
  await budi.keyboard.press('Enter');
  await isLive(budi);
  await budi.waitForSelector('#rooms .room:has-text("den")');
  // In Indonesian, and used by now: the words say so where the code stands.
  const citra = await visitor(['403'], { locale: 'id-ID' });
  await citra.goto(`${server.url}/#join=${await code.jsonValue()}`);
  await citra.waitForFunction(() => document.querySelector('#signin .lead').textContent.startsWith('Anda diundang'));
  await citra.fill('#name', 'citra');
  await citra.fill('#password', PASSWORD);
  await citra.keyboard.press('Enter');
  await citra.waitForSelector('#namehelp.bad');
  assert.equal(await citra.evaluate(() => document.activeElement.id), 'code');
  assert.deepEqual([...dewi.errors, ...budi.errors, ...citra.errors], []);
});

test('a code that is of no invitation is refused in words, where the code stands, and the right one leads in', async () => {
  for (const [locale, refusal, mode] of [['en-US', 'no invitation with that code', 'yes'], ['id-ID', 'Tidak ada undangan', 'no']]) {
    const dir = directory();
    const made = execFileSync(BIN, ['invite', '--data', dir]).toString();
    const [right] = /[a-z0-9]{4}(-[a-z0-9]{4})+/.exec(made);
    const server = await serve(dir, { flags: ['--private', mode] });
    // The second is no escape of an address: it is shown as it was written. A third wrong one would have to wait.
    for (const wrong of ['aaaa-bbbb-cccc', '%zz']) {
      const page = await visitor(['403'], { locale });
      await page.goto(`${server.url}/#join=${wrong}`);
      await page.waitForSelector('#invitation:not([hidden])');
      assert.equal(page.url(), `${server.url}/`, 'the code leaves the address');
      assert.equal(await page.inputValue('#code'), wrong);
      await page.fill('#name', 'budi');
      await page.fill('#password', PASSWORD);
      await page.keyboard.press('Enter');
      await page.waitForSelector('#namehelp.bad');
      await isTold(page, refusal);
      assert.equal(await page.evaluate(() => document.activeElement.id), 'code');
      assert.equal(await page.getAttribute('#code', 'aria-invalid'), 'true');
      if (wrong === '%zz') {
        await page.fill('#code', right);
        await page.keyboard.press('Enter');
        await isLive(page);
      }
      assert.deepEqual(page.errors, []);
    }
  }
});

test('what was said long ago is found, and one jumps to it; a room one is not in is entered', async () => {
  const dir = directory();
  let server = await serve(dir);
  const budi = await terminal(server, 'budi');
  budi.say('/join #tea');
  budi.say('SAY:#tea a cup of darjeeling');
  budi.say('SAY:#lobby the blue teapot is mine');
  // More than the server loads when it starts: what is older comes from the store.
  for (let i = 0; i < 1_500; i++) budi.say(`SAY:#lobby line ${i}`);
  budi.say('PING:done');
  await budi.hears(/done/);
  budi.end();
  await server.stop();
  server = await serve(dir);
  const ana = await visitor();
  await enter(ana, server.url, 'ana');
  await ana.click('#searchbtn');
  await ana.fill('#searchwords', 'teapot blue');
  await ana.keyboard.press('Enter');
  await ana.waitForSelector('.hit');
  assert.equal(await ana.locator('.hit').count(), 1);
  await ana.click('.hit');
  await ana.waitForFunction(() => document.querySelector('.msg.found')?.textContent.includes('the blue teapot is mine'));
  await ana.waitForSelector('.begin');
  await say(ana, '/search darjeeling');
  await ana.click('.hit');
  await ana.waitForFunction(() => document.querySelector('#title').textContent === '#tea' && document.querySelector('.msg.found')?.textContent.includes('darjeeling'));
  await ana.click('#searchbtn');
  await ana.fill('#searchwords', 'nothing-like-this');
  await ana.keyboard.press('Enter');
  await ana.waitForFunction(() => document.querySelector('#search .none').textContent.startsWith('Nothing'));
  assert.deepEqual(ana.errors, []);
});

test('without a store nothing offers what there is not', async () => {
  const server = await startServer();
  ends.push(() => server.stop());
  const ana = await visitor();
  await enter(ana, server.url, 'ana');
  await ana.click('#me');
  await ana.waitForSelector('#settings[open] .rename');
  assert.equal(await ana.locator('#settings .account').count(), 0);
  await ana.keyboard.press('Escape');
  assert.ok(await ana.isHidden('#searchbtn'));
  assert.deepEqual(ana.errors, []);
});

test('axe finds nothing: the ways in, the account, the search, in both schemes', async () => {
  const server = await serve(directory());
  for (const colorScheme of ['light', 'dark']) {
    const page = await visitor(['409'], { colorScheme, reducedMotion: 'reduce' });
    const clean = (where) => axeFindsNothing(page, `${colorScheme}, ${where}`);
    const name = `ana_${colorScheme}`;
    await page.goto(server.url);
    await page.evaluate(AXE);
    await way(page, 'I have a password');
    await clean('sign in');
    await way(page, 'Keep a name');
    await clean('register');
    await page.fill('#name', name);
    await page.keyboard.press('Enter');
    await isTold(page, 'Type the password');
    await clean('register, refused');
    await page.fill('#password', PASSWORD);
    await page.keyboard.press('Enter');
    await isLive(page);
    await say(page, 'a teapot');
    await settled(page, 1);
    await page.click('#me');
    await page.waitForSelector('#everywhere');
    await clean('account');
    await page.keyboard.press('Escape');
    await page.click('#searchbtn');
    await page.fill('#searchwords', 'teapot');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.hit');
    await clean('search');
    assert.deepEqual(page.errors, []);
  }
});

test('a draft and the looks follow the account to another device, and what is typed there comes back', async () => {
  const server = await serve(directory());
  const desk = await visitor();
  await register(desk, server.url, 'ana');
  await isLive(desk);
  const draftIs = (page, words) => page.waitForFunction((text) => document.querySelector('#text').value === text, words);
  const themeIs = (page, theme) => page.waitForFunction((wanted) => document.documentElement.dataset.theme === wanted, theme);
  await desk.fill('#text', 'not sent yet');
  await desk.click('#me');
  await desk.check('#settings input[name=theme][value=dark]', { force: true });
  await themeIs(desk, 'dark');
  await desk.keyboard.press('Escape');
  // It has come to the account when the server says so.
  const kept = (page) => page.evaluate(async () => (await (await fetch('/api/me/preferences')).json()));
  const until = async (holds) => { while (!holds(await kept(desk))) await desk.waitForTimeout(100); };
  await until((all) => all['draft.lobby'] === 'not sent yet' && all['page.theme'] === 'dark');

  const phone = await visitor();
  await phone.goto(server.url);
  await signIn(phone, 'ana');
  await isLive(phone);
  await draftIs(phone, 'not sent yet');
  await themeIs(phone, 'dark');
  // At once, while both are open; what is sent is a draft nowhere.
  await phone.fill('#text', 'not sent yet, but longer');
  await draftIs(desk, 'not sent yet, but longer');
  await say(phone, 'not sent yet, but longer');
  await sees(desk, 'but longer');
  await draftIs(desk, '');
  await until((all) => !('draft.lobby' in all));
});

test('what was not sent is gone from the browser when its user signs out, and is there for the next one of the account', async () => {
  const server = await serve(directory());
  for (const everywhere of [false, true]) {
    const name = everywhere ? 'budi' : 'ana';
    const page = await visitor(['401']);
    await register(page, server.url, name);
    await isLive(page);
    await page.fill('#text', 'a secret that was not sent');
    const kept = () => page.evaluate(async () => (await (await fetch('/api/me/preferences')).json())['draft.lobby']);
    while ((await kept()) !== 'a secret that was not sent') await page.waitForTimeout(100);
    const left = () => page.evaluate(() => Object.entries(localStorage).filter(([key, value]) => key.startsWith('chat.draft.') || key === 'chat.synced' || value.includes('secret')));
    assert.notEqual((await left()).length, 0, 'this browser has it while its user is here');
    await page.click('#me');
    await page.click(everywhere ? '#everywhere' : '#settings .danger');
    await page.waitForSelector('#signin:not([hidden])');
    assert.deepEqual(await left(), []);
    assert.equal(await page.inputValue('#text'), '');
    // The account has it, where it signs in again.
    await signIn(page, name);
    await isLive(page);
    await page.waitForFunction(() => document.querySelector('#text').value === 'a secret that was not sent');
    assert.deepEqual(page.errors, []);
  }
});

test('the bare name mentions its user where the account wants that, on each of its devices', async () => {
  const server = await serve(directory());
  const desk = await visitor();
  await register(desk, server.url, 'ana');
  await isLive(desk);
  const budi = await terminal(server, 'budi');
  const pinged = (page) => page.locator('.msg.ping').count();
  budi.say('is ana here?');
  await sees(desk, 'is ana here?');
  assert.equal(await pinged(desk), 0);
  const phone = await visitor();
  await phone.goto(server.url);
  await signIn(phone, 'ana');
  await isLive(phone);
  await sees(phone, 'is ana here?');
  await desk.click('#me');
  await desk.click('[data-set=by-name]');
  // What stands there is marked as well, here and there.
  for (const page of [desk, phone]) await page.waitForSelector('.msg.ping');
  assert.ok(await desk.isChecked('[data-set=by-name]'));
  const kept = () => desk.evaluate(async () => (await (await fetch('/api/me/preferences')).json()).mentions);
  while ((await kept()) !== 'bare') await desk.waitForTimeout(100);
  // Another device takes it back.
  await phone.click('#me');
  assert.ok(await phone.isChecked('[data-set=by-name]'));
  await phone.click('[data-set=by-name]');
  for (const page of [desk, phone]) await page.waitForSelector('.msg.ping', { state: 'detached' });
  await desk.waitForFunction(() => !document.querySelector('[data-set=by-name]').checked);
  while ((await kept()) !== undefined) await desk.waitForTimeout(100);
  assert.deepEqual([...desk.errors, ...phone.errors], []);
});

test('a guest reads why the bare name cannot mention them yet, in Indonesian too', async () => {
  const server = await serve(directory());
  const page = await visitor([], { locale: 'id-ID' });
  await enter(page, server.url, 'ana');
  await page.click('#me');
  assert.ok(await page.isDisabled('[data-set=by-name]'));
  assert.match(await page.textContent('#settings'), /Nama saya tanpa @ adalah sebutan.*Simpan dulu nama Anda/s);
  assert.deepEqual(page.errors, []);
});
