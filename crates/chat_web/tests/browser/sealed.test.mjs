// Sealed talks, in a real Chromium: two users seal what they say, nothing of it can be read where the server keeps it, and a new device is
// told before anything is sent.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, ends } from './cast.mjs';
import { AXE, WAIT, axeFindsNothing, isLive, lineClient, newPage, say, sees, startServer } from './stage.mjs';

const folder = () => {
  const made = mkdtempSync(join(tmpdir(), 'chat-sealed-'));
  ends.push(() => rmSync(made, { recursive: true }));
  return made;
};
async function serve(flags, log) {
  const server = await startServer({ flags, log });
  ends.push(() => server.stop());
  return server;
}
/** A browser of its own, whose user keeps a name, or comes in by one. */
async function visitor(url, name, { known = false, ...options } = {}) {
  const page = await newPage(browser, options);
  ends.push(() => page.context().close());
  await page.goto(url);
  const way = [['Keep a name', 'I have a password'], ['Simpan', 'Saya punya']][options.locale ? 1 : 0][+known];
  await page.click(`#ways button:has-text("${way}")`);
  await page.fill('#name', name);
  await page.fill('#password', 'correct-horse');
  await page.keyboard.press('Enter');
  await isLive(page);
  return page;
}
const talkWith = async (page, name) => {
  await page.click(`nav [href*="@${name}"]`);
  await page.waitForFunction((talk) => location.href.endsWith(talk), `@${name}`);
};
/** Opens the sheet of the talk. */
async function sheet(page, name) {
  await page.click(`nav [href*="@${name}"]`, { button: 'right' });
  await page.click('[role="menuitem"]:has-text("Seal this talk"), [role="menuitem"]:has-text("Segel percakapan")');
  await page.waitForSelector('#sealed .safety, #sealed p:has-text("no device"), #sealed [role="alert"]');
}
const number = (page) => page.$$eval('#sealed .safety', (all) => all.map((one) => one.textContent));
async function seals(page, name) {
  await sheet(page, name);
  await page.click('#sealed .primary');
  await page.waitForSelector(`#text[placeholder*="ealed message to ${name}"]`);
}
/** All bytes below a folder. */
const bytesIn = (dir) => readdirSync(dir, { recursive: true }).map((name) => join(dir, name)).filter((path) => statSync(path).isFile())
  .map((path) => readFileSync(path, 'latin1')).join('\n');

test('what two users seal is read by them, and by no one where it is kept', async () => {
  const [data, logs] = [folder(), folder()];
  const server = await serve(['--data', data, '--log', 'trace'], join(logs, 'chatd.log'));
  const [ana, budi] = [await visitor(server.url, 'ana'), await visitor(server.url, 'budi')];
  await say(ana, '/whisper budi shall we?');
  await sees(ana, 'shall we?');
  // Who has no device yet gets one by looking at the sheet.
  await sheet(ana, 'budi');
  assert.match(await ana.textContent('#sealed'), /budi has no device yet/);
  await ana.keyboard.press('Escape');
  await talkWith(budi, 'ana');
  await sheet(budi, 'ana');
  const theirs = await number(budi);
  await budi.evaluate(AXE);
  await axeFindsNothing(budi, 'the sheet of a sealed talk');
  await budi.click('#sealed .primary');
  await sheet(ana, 'budi');
  assert.deepEqual(await number(ana), theirs, 'one number on both sides');
  await ana.click('#sealed .primary');
  await ana.waitForSelector('#text[placeholder="Sealed message to budi"]');

  await say(ana, 'the password of the safe is kelapa-muda');
  await sees(budi, 'kelapa-muda');
  assert.equal(await budi.$$eval('.msg .locked', (all) => all.length), 1);
  await say(budi, 'noted, nanas-madu to you');
  await sees(ana, 'nanas-madu');
  // A correction and an answer are sealed as well.
  await ana.focus('#text');
  await ana.keyboard.press('ArrowUp');
  await say(ana, 'the password of the safe is durian-montong');
  await sees(budi, 'durian-montong');
  // What would go out as it is does not.
  await say(ana, '/say @budi salak-pondoh');
  await ana.waitForSelector('.toast:has-text("Nothing was sent")');
  await ana.click('.toast button');
  await ana.fill('#text', 'rambutan-binjai is a draft');
  // Another room keeps it; what is said there comes behind the draft's time.
  await ana.click('nav a:has-text("lobby")');
  await ana.waitForSelector('#text[placeholder*="lobby"]');
  await say(ana, '/reply salak-pondoh');
  await ana.waitForSelector('.toast:has-text("Nothing was sent")');
  await ana.fill('#text', 'half a word of the lobby');
  const drafts = () => ana.evaluate(() => fetch('/api/me/preferences').then((answer) => answer.json()));
  for (const until = Date.now() + WAIT; !(await drafts())['draft.lobby']; ) assert.ok(Date.now() < until, 'the draft of the lobby');
  assert.deepEqual(Object.keys(await drafts()).filter((key) => key.startsWith('draft.')), ['draft.lobby']);

  // What is to be sealed waits under its user's name: another user of this browser has another talk with budi.
  const waiting = () => ana.evaluate(() => Object.entries(localStorage).filter(([, text]) => text.includes('rambutan')).map(([key]) => key));
  assert.deepEqual(await waiting(), ['chat.draft.ana/@budi']);

  // After a reload the key is still there.
  await ana.reload();
  await isLive(ana);
  await talkWith(ana, 'budi');
  await sees(ana, 'durian-montong');
  await sees(ana, 'nanas-madu');

  // Another door shows no more than that it is sealed.
  const telnet = await lineClient(server, 'guest');
  telnet.say('LOGIN:budi correct-horse');
  await telnet.hears('OK LOGIN');
  telnet.say('OPT:view=plain');
  telnet.say('HISTORY:@ana');
  await telnet.hears('ana: (sealed)');
  telnet.say('SEARCH:@ana kelapa');
  telnet.say('PING:end');
  await telnet.hears('PONG end');
  telnet.end();
  assert.deepEqual([ana.errors, budi.errors], [[], []]);
  await server.stop();
  for (const [where, all] of [['the data', bytesIn(data)], ['the log', bytesIn(logs)], ['another door', telnet.lines.join('\n')]]) {
    for (const word of ['kelapa-muda', 'nanas-madu', 'durian-montong', 'salak-pondoh', 'rambutan-binjai']) assert.ok(!all.includes(word), `${word} in ${where}`);
    assert.ok(all.length > 100, `${where} was looked at`);
  }
  assert.ok(bytesIn(data).includes('sealed:1:'));
});

test('a new device is told before anything is sent, and reads along once it is accepted', async () => {
  const server = await serve(['--data', folder()]);
  const [ana, budi] = [await visitor(server.url, 'ana'), await visitor(server.url, 'budi')];
  await say(ana, '/whisper budi shall we?');
  await sees(ana, 'shall we?');
  await talkWith(budi, 'ana');
  await sheet(budi, 'ana');
  // What waits in the tray is not sealed, and stays there.
  await ana.setInputFiles('#file', { name: 'plan.txt', mimeType: 'text/plain', buffer: Buffer.from('in the open') });
  await ana.waitForSelector('.staged');
  await seals(ana, 'budi');
  await budi.keyboard.press('Escape');
  await seals(budi, 'ana');
  await say(ana, 'before');
  await ana.waitForSelector('.toast:has-text("No file was sent")');
  await ana.click('.staged button:last-child');
  await sees(budi, 'before');
  const tablet = await visitor(server.url, 'budi', { known: true, locale: 'id-ID' });
  await talkWith(tablet, 'ana');
  // It knows by the account that the talk is sealed: what is said there before the devices were compared does not go out.
  await tablet.waitForSelector('#text[placeholder*="ersegel"]');
  await say(tablet, 'too early for plain words');
  await tablet.waitForSelector('.msg.failed:has-text("too early")');
  // A second tab, which has seen the talk without a key as well.
  const beside = await tablet.context().newPage();
  await beside.goto(server.url);
  await isLive(beside);
  await talkWith(beside, 'ana');
  for (const tab of [tablet, beside]) await tab.waitForSelector('.msg:has-text("(tersegel;")');
  await sheet(tablet, 'ana');
  await say(ana, 'is it you?');
  await ana.waitForSelector('.msg.failed:has-text("budi has a new device")');
  await sheet(ana, 'budi');
  assert.match(await ana.textContent('#sealed [role="alert"]'), /budi has a new device/);
  assert.deepEqual(await number(ana), await number(tablet));
  await ana.click('#sealed .primary');
  await tablet.click('#sealed .primary');
  await ana.click('.msg.failed button:has-text("Retry"), .msg.failed button:has-text("again")');
  await sees(budi, 'is it you?');
  await sees(tablet, 'is it you?');
  await say(beside, 'from the tab beside');
  await sees(ana, 'from the tab beside');
  for (const page of [ana, budi]) assert.equal(await page.locator('.msg:has-text("too early")').count(), 0);
  // Ended on the tablet, it stays ended there, and sealed in the other browser.
  await sheet(tablet, 'ana');
  await tablet.click('#sealed .soft:has-text("Berhenti menyegel")');
  await tablet.waitForSelector('#text:not([placeholder*="ersegel"])');
  for (const page of [tablet, budi]) {
    await page.reload();
    await isLive(page);
  }
  await budi.waitForSelector('#text[placeholder*="ealed message to ana"]');
  await seals(budi, 'ana');
  await say(budi, 'sealed as before');
  await sees(ana, 'sealed as before');
  await tablet.waitForFunction(() => document.querySelector('#text').placeholder && !document.querySelector('#text').placeholder.includes('ersegel'));
  assert.deepEqual([ana.errors, budi.errors, tablet.errors], [[], [], []]);
});
