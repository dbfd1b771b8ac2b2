// The dashboard: every list with its actions, in both languages, on a phone of 320 pixels, and without findings of axe.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, ends } from './cast.mjs';
import { AXE, BIN, WAIT, axeFindsNothing, lineClient, newPage, startServer } from './stage.mjs';

const PASSWORD = 'correct-horse';

/** A server whose owner is dewi, with two members, a room, a ban, a mute and a webhook. */
async function house() {
  const dir = mkdtempSync(join(tmpdir(), 'chat-page-'));
  const add = (name, role) => execFileSync(BIN, ['account', '--data', dir, 'add', name, '--role', role], { input: `${PASSWORD}\n` });
  add('dewi', 'admin');
  add('budi', 'member');
  add('citra', 'member');
  const server = await startServer({ flags: ['--data', dir], key: 'a-key-of-the-house' });
  ends.push(async () => { await server.stop(); rmSync(dir, { recursive: true }); });
  const eka = await lineClient(server, 'eka');
  ends.push(eka.end);
  eka.say('/join #dapur');
  eka.say('/oper a-key-of-the-house');
  eka.say('/topic #dapur Soup on Fridays');
  eka.say('/ban #dapur noisy 1d too loud');
  eka.say('/mute * budi');
  eka.say('/webhook #dapur https://example.org/x');
  await eka.hears('OK WEBHOOK');
  return { server, eka };
}
async function boss(server, options = {}) {
  const page = await newPage(browser, options);
  ends.push(() => page.context().close());
  await page.goto(`${server.url}/admin`);
  await page.fill('#who', 'dewi');
  await page.fill('#key', PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#accounts tr');
  return page;
}
const shows = (page, where, words) => page.waitForFunction(([selector, text]) => document.querySelector(selector)?.textContent.includes(text), [where, words]);
const lacks = (page, where, words) => page.waitForFunction(([selector, text]) => !document.querySelector(selector).textContent.includes(text), [where, words]);

test('people, accounts, rooms, invitations, bans and webhooks are seen and seen to', async () => {
  const { server, eka } = await house();
  const page = await boss(server);
  await shows(page, '#everyone', 'eka');
  // What holds is lifted, and the room hears of it.
  await shows(page, '#bans', '#dapur');
  await page.click('[aria-label="Lift the ban or mute of noisy"]');
  await eka.hears('UNBANNED #dapur noisy dewi');
  await page.click('[aria-label="Lift the ban or mute of budi"]');
  await page.waitForSelector('#nobans:not([hidden])');
  // Roles, a reset link with its picture, and an account that goes.
  await page.selectOption('[aria-label="Role of budi"]', 'op');
  await page.waitForSelector('.toast:has-text("budi: operator.")');
  await page.click('[aria-label="Make a reset link for budi"]');
  await page.waitForFunction(() => /\/#reset=[a-z0-9-]+$/.test(document.querySelector('#resetlink code')?.textContent));
  await page.waitForFunction(() => document.querySelector('#resetlink img')?.naturalWidth > 0);
  await page.click('#linkdialog button[value=""]');
  await page.click('[aria-label="Remove the account citra"]');
  await page.click('#forget .switch input');
  await page.click('#forget .danger');
  await lacks(page, '#accounts', 'citra');
  // Less is kept only after a question.
  await page.selectOption('[aria-label="How long #dapur keeps what is said"]', '30');
  await page.waitForSelector('#forget[open]:has-text("Keep what is said in #dapur for a shorter time")');
  await page.keyboard.press('Escape');
  assert.equal(await page.inputValue('[aria-label="How long #dapur keeps what is said"]'), '');
  await page.selectOption('[aria-label="How long #dapur keeps what is said"]', '30');
  await page.click('#forget .danger');
  await eka.hears('dewi set that what is said here is kept for 30 days');
  await page.waitForFunction(() => document.querySelector('[aria-label="How long #dapur keeps what is said"]').value === '30');
  // An invitation with a picture that a phone reads, and a webhook that ends.
  await page.fill('#into', '#dapur');
  await page.click('#invite button');
  await page.waitForFunction(() => document.querySelector('#link img')?.naturalWidth > 0);
  await shows(page, '#invitations', '#dapur');
  await shows(page, '#webhooks', 'https://example.org');
  await page.click('[aria-label="End the webhook 1"]');
  await lacks(page, '#webhooks', 'https://example.org');
  for (const word of ['unban', 'unmute', 'grant', 'reset', 'remove', 'retain', 'invite', 'unwebhook']) await shows(page, '#audit', word);
  // The name is there at once, at every door.
  await page.fill('#placename', 'Warung Kopi');
  await page.click('#placeform .primary');
  await shows(page, '#server', 'Warung Kopi');
  const tamu = await lineClient(server, 'tamu');
  ends.push(tamu.end);
  await tamu.hears('Warung');
  await page.setInputFiles('#placepicture', new URL('../../static/icons/512.png', import.meta.url).pathname);
  await page.waitForSelector('.toast:has-text("The picture is there")');
  const own = await (await fetch(`${server.url}/icons/192.png`)).arrayBuffer();
  assert.equal(new DataView(own).getUint32(16), 192);
  const door = await newPage(browser);
  ends.push(() => door.context().close());
  await door.goto(server.url);
  await door.waitForFunction(() => document.querySelector('#place').textContent === 'Warung Kopi' && document.querySelector('#signin img.mark')?.naturalWidth === 192);
  assert.equal(await door.title(), 'Warung Kopi');
  // What is refused is said in words.
  await page.fill('#into', '#nowhere');
  await page.click('#invite button');
  await page.waitForSelector('.toast.error');
  page.errors = page.errors.filter((words) => !words.includes('404'));
  assert.deepEqual(page.errors, []);
}, { timeout: 4 * WAIT });

test('axe finds nothing, and nothing runs out at 320 pixels, in either language and scheme', async () => {
  const { server } = await house();
  for (const [locale, width, colorScheme, headings] of [
    ['en-GB', 320, 'light', ['Here now', 'Accounts', 'Rooms', 'Invitations', 'Banned and muted', 'Webhooks', 'What operators did', 'This place']],
    ['id-ID', 320, 'dark', ['Di sini sekarang', 'Akun', 'Ruang', 'Undangan', 'Dilarang masuk dan dibisukan', 'Webhook', 'Tindakan operator', 'Tempat ini']],
    ['id-ID', 1280, 'light', null],
  ]) {
    const page = await boss(server, { locale, viewport: { width, height: 800 }, colorScheme });
    await page.waitForSelector('#webhooks tr');
    if (headings) assert.deepEqual(await page.locator('#sections a').allTextContents(), headings);
    if (locale === 'id-ID') {
      await shows(page, '#stats', 'baris sejak server mulai');
      await lacks(page, '#stats', 'since the start');
      await page.click('[aria-label="Cabut larangan atau pembisuan noisy"] >> nth=0', { trial: true });
    }
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${locale} ${width}: nothing runs out`);
    const wide = await page.evaluate(() => [...document.querySelectorAll('.scroll')].filter((el) => el.scrollWidth > el.clientWidth + 1).map((el) => el.getAttribute('aria-label')));
    if (width === 320) assert.deepEqual(wide, [], `${locale}: no table runs out`);
    await page.evaluate(AXE);
    await axeFindsNothing(page, `the dashboard, ${locale} ${width} ${colorScheme}`);
    await page.click('#allrooms .forget');
    await axeFindsNothing(page, `a question, ${locale} ${width}`);
    await page.keyboard.press('Escape');
    assert.deepEqual(page.errors, []);
    await page.click('#close');
    await page.waitForSelector('#gate:not([hidden])');
  }
}, { timeout: 6 * WAIT });
