// What the server remembers of a user, in a real Chromium: rooms, what is unread, mentions, direct talks, invitations.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD, directory, lines, member, serveFrom, signIn, terminal, visitor } from './members.mjs';
import { AXE, axeFindsNothing, enter, isLive, say, sees, settled } from './stage.mjs';

const serve = () => serveFrom(directory());
const isRead = (page) => page.waitForFunction(() => !document.querySelector('#rooms .new, #dms .new'));
const menu = async (page, words, item) => {
  await page.click(`.msg:has-text("${words}") .bubble`, { button: 'right' });
  await page.click(`.menu .item:has-text("${item}")`);
};

test('a direct talk is there after a reload, for who is away as well, with answers, reactions and corrections', async () => {
  const server = await serve();
  const budi = await terminal(server, 'budi');
  const ana = await member(server, 'ana');
  budi.say('/w ana nanti jam 3?');
  await ana.click('#dms .new .room');
  await sees(ana, 'nanti jam 3?');
  await menu(ana, 'nanti', 'Reply');
  await say(ana, 'ya');
  await budi.hears(/MSG @ana\+budi 2 ana re=1: ya/);
  await settled(ana, 2);
  await menu(ana, 'ya', 'Edit');
  await say(ana, 'ya, jam 3');
  await budi.hears('EDITED @ana+budi 3 ana re=2: ya, jam 3');
  await ana.click('.msg:has-text("nanti") .bubble', { button: 'right' });
  await ana.click('.menu .quick button >> nth=0');
  await ana.waitForSelector('.msg:has-text("nanti") .reactions button');
  budi.say('/quit');
  await ana.waitForFunction(() => !document.querySelector('#who li:nth-child(2)') || document.querySelector('#who .dot.offline'));
  await say(ana, 'kamu masih di sana?');
  await settled(ana, 3);
  await ana.reload();
  await isLive(ana);
  await ana.waitForSelector('#dms .room');
  await ana.click('#dms .room');
  await sees(ana, 'kamu masih di sana?');
  assert.deepEqual(await ana.evaluate(() => [...document.querySelectorAll('.msg .text')].map((one) => one.textContent)), ['nanti jam 3?', 'ya, jam 3 (edited)', 'kamu masih di sana?']);
  assert.equal(await ana.locator('.msg:has-text("nanti") .reactions button').count(), 1);
  // One who was away finds it, and what is unread in it.
  const back = await visitor();
  await back.goto(server.url);
  await signIn(back, 'budi');
  await back.waitForSelector('#dms .new .badge');
  await back.click('#dms .room');
  await sees(back, 'kamu masih di sana?');
  await isRead(back);
  assert.deepEqual([ana.errors, back.errors], [[], []]);
});

test('three users talk; the rest do not hear it', async () => {
  const server = await serve();
  const budi = await terminal(server, 'budi'), citra = await terminal(server, 'citra'), dewi = await terminal(server, 'dewi');
  const ana = await member(server, 'ana');
  await ana.keyboard.press('Control+k');
  await ana.fill('#switcher input', '@citra budi');
  await ana.click('#found li:has-text("Talk with citra and budi")');
  assert.equal(await ana.textContent('#title'), '@budi, citra');
  await say(ana, 'for us three');
  await budi.hears('MSG @ana+budi+citra 1 ana: for us three');
  await citra.hears('MSG @ana+budi+citra 1 ana: for us three');
  budi.say('/say @ana+citra good');
  await sees(ana, 'good');
  await settled(ana, 2);
  assert.equal(await ana.locator('#dms .room').count(), 1);
  assert.equal(await ana.locator('#who li').count(), 3);
  dewi.say('/ping');
  await dewi.hears('PONG');
  assert.ok(!dewi.lines.some((line) => line.includes('for us three')));
  await ana.evaluate(AXE);
  await axeFindsNothing(ana, 'a talk of three');
  assert.deepEqual(ana.errors, []);
});

test('a room opens at the first unread, one third down; what was on the screen is read; it can be marked as unread', async () => {
  const server = await serve();
  const budi = await terminal(server, 'budi');
  const ana = await member(server, 'ana');
  budi.say('/join #design');
  await budi.hears('OK JOIN');
  await say(ana, '/join #design');
  await ana.waitForFunction(() => document.querySelector('#title').textContent === '#design');
  for (let i = 1; i <= 5; i += 1) budi.say(`before ${i}`);
  await sees(ana, 'before 5');
  await ana.click('#rooms .room >> nth=0');
  for (let i = 1; i <= 60; i += 1) budi.say(`line ${i} ${i === 40 ? '@ana' : ''}`);
  await ana.waitForFunction(() => document.querySelector('#rooms .new .badge')?.dataset.n === '60');
  await ana.click('#rooms .new .room');
  await ana.waitForSelector('li.unread');
  const place = await ana.evaluate(() => {
    const log = document.querySelector('#log').getBoundingClientRect();
    return (document.querySelector('li.unread').getBoundingClientRect().top - log.top) / log.height;
  });
  assert.ok(place > 0.2 && place < 0.45, `${place}`);
  const left = () => ana.evaluate(() => Number(document.querySelector('#jump .count').textContent || 0));
  await ana.waitForFunction(() => { const n = Number(document.querySelector('#jump .count').textContent); return n > 0 && n < 60; });
  const before = await left();
  await ana.hover('#log');
  await ana.mouse.wheel(0, 700);
  await ana.waitForFunction((n) => Number(document.querySelector('#jump .count').textContent) < n, before);
  await ana.keyboard.press('Alt+Shift+M');
  await ana.waitForFunction(() => document.activeElement.textContent.includes('line 40'));
  await ana.click('#jump');
  await ana.waitForFunction(() => document.querySelector('#jump').hidden);
  await menu(ana, 'line 58', 'Mark as unread');
  await ana.click('#rooms .room >> nth=0');
  await ana.waitForFunction(() => document.querySelector('#rooms .new .badge')?.dataset.n === '3');
  await ana.click('#rooms .new .room');
  await isRead(ana);
  await ana.click('#mentions');
  await ana.click('.menu.called .item:has-text("line 40")');
  await ana.waitForFunction(() => document.activeElement.textContent.includes('line 40'));
  assert.deepEqual(ana.errors, []);
});

test('a room is muted, told of by mentions alone, or not at all; an invitation is a row with a button', async () => {
  const server = await serve();
  const budi = await terminal(server, 'budi');
  const ana = await member(server, 'ana', { viewport: { width: 1280, height: 800 } });
  budi.say('/join #secret');
  await budi.hears('OK JOIN');
  budi.say('/mode #secret +i');
  await budi.hears('OK MODE');
  budi.say('/invite ana #secret');
  await ana.waitForSelector('#invited li');
  await ana.evaluate(AXE);
  await axeFindsNothing(ana, 'with an invitation');
  await ana.click('#invited .soft');
  await ana.waitForFunction(() => document.querySelector('#title').textContent === '#secret');
  assert.equal(await ana.locator('#invited li').count(), 0);
  await ana.click('#rooms .room >> nth=0');
  const tell = async (words) => {
    await ana.click('#rooms li:has-text("secret") .room', { button: 'right' });
    await ana.click(`.menu .item:has-text("${words}")`);
  };
  await tell('mentions only');
  await ana.waitForFunction(() => document.title.startsWith('#lobby'));
  budi.say('not for her');
  budi.say('/say #lobby a sign');
  await sees(ana, 'a sign');
  assert.equal(await ana.locator('#rooms .new').count(), 0);
  budi.say('@ana this is');
  await ana.waitForSelector('#rooms .new .badge.pinged');
  await tell('Mute this room');
  await ana.waitForSelector('#rooms .quiet');
  assert.equal(await ana.locator('#rooms .new').count(), 0);
  await ana.reload();
  await isLive(ana);
  await ana.waitForSelector('#rooms .quiet');
  assert.deepEqual(ana.errors, []);
});

test('who has an account and is offline stands below who is here, and moves up on coming back', async () => {
  const server = await serve();
  const budi = await terminal(server, 'budi');
  const ana = await member(server, 'ana');
  await ana.waitForSelector('#who .person:has-text("budi")');
  assert.equal(await ana.isHidden('#offline'), true);
  budi.say('/quit');
  await ana.waitForSelector('#offline .person:has-text("budi")');
  assert.equal(await ana.textContent('#people h2:visible >> nth=1'), 'Offline');
  assert.equal(await ana.locator('#who .person').count(), 1);
  await ana.evaluate(AXE);
  await axeFindsNothing(ana, 'an offline member');
  await ana.click('#offline .person');
  await ana.click('.menu .item:has-text("Whisper")');
  await ana.waitForFunction(() => document.querySelector('#title').textContent === '@budi');
  assert.equal(await ana.isHidden('#offline'), true, 'a talk shows its own people');
  await ana.goBack();
  await ana.waitForSelector('#offline .person:has-text("budi")');
  const back = await lines(server, 'guest-1');
  back.say(`/login budi ${PASSWORD}`);
  await ana.waitForSelector('#who .person:has-text("budi")');
  await ana.waitForFunction(() => document.querySelector('#offline').hidden);
  assert.deepEqual(ana.errors, []);
});

test('a guest sees who is offline, in Indonesian', async () => {
  const server = await serve();
  const budi = await terminal(server, 'budi');
  budi.say('/quit');
  await budi.hears('BYE');
  const guest = await visitor([], { locale: 'id-ID' });
  await enter(guest, server.url, 'tamu');
  await guest.waitForSelector('#offline .person:has-text("budi")');
  assert.equal(await guest.textContent('#people h2:visible >> nth=1'), 'Tidak terhubung');
  assert.deepEqual(guest.errors, []);
});
