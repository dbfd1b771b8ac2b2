// The owner's first hour: the place gets its name, its first room and an invitation, and the team comes; asked once.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, ends } from './cast.mjs';
import { AXE, BIN, WAIT, axeFindsNothing, isLive, lineClient, newPage, startServer } from './stage.mjs';

const PASSWORD = 'correct-horse';

async function place() {
  const dir = mkdtempSync(join(tmpdir(), 'chat-page-'));
  const chatd = (...words) => execFileSync(BIN, [...words], { input: `${PASSWORD}\n` }).toString();
  chatd('account', '--data', dir, 'add', 'dewi', '--role', 'admin');
  const server = await startServer({ flags: ['--data', dir] });
  ends.push(async () => { await server.stop(); rmSync(dir, { recursive: true }); });
  return { server, dir, chatd };
}
async function owner(server, options = {}) {
  const page = await newPage(browser, options);
  ends.push(() => page.context().close());
  await page.goto(server.url);
  await page.click('#ways button >> nth=0');
  await page.fill('#name', 'dewi');
  await page.fill('#password', PASSWORD);
  await page.keyboard.press('Enter');
  await isLive(page);
  return page;
}

test('name, first room, invitation: and the one who is invited comes into that room of that place', async () => {
  const { server } = await place();
  const dewi = await owner(server);
  await dewi.waitForSelector('#first[open]');
  assert.ok((await dewi.textContent('#first .held')).includes('3 more people to come'));
  await dewi.keyboard.type('Warung Kopi');
  await dewi.keyboard.press('Enter');
  await dewi.waitForSelector('#first .words.good:has-text("That is its name now")');
  const tamu = await lineClient(server, 'tamu');
  ends.push(tamu.end);
  await tamu.hears('Warung');
  await dewi.fill('#first [aria-label="Name of a room"]', 'dapur');
  await dewi.fill('#first [aria-label="What this room is about"]', 'Soup on Fridays');
  await dewi.keyboard.press('Enter');
  await dewi.waitForSelector('#first .words:has-text("#dapur is there.")');
  await dewi.click('#first [data-act=invite]');
  await dewi.waitForFunction(() => document.querySelector('#first .qr')?.naturalWidth > 0);
  await dewi.evaluate(AXE);
  await axeFindsNothing(dewi, 'the first hour');
  const link = await dewi.textContent('#first .link code');
  const budi = await newPage(browser);
  ends.push(() => budi.context().close());
  await budi.goto(link);
  await budi.waitForFunction(() => document.querySelector('#place').textContent === 'Warung Kopi');
  await budi.fill('#name', 'budi');
  await budi.fill('#password', PASSWORD);
  await budi.keyboard.press('Enter');
  await isLive(budi);
  await budi.waitForSelector('#rooms .room:has-text("dapur")');
  // What is done is ticked, and it is not asked again.
  await dewi.keyboard.press('Escape');
  await dewi.waitForSelector('#first', { state: 'detached' });
  await dewi.reload();
  await isLive(dewi);
  await dewi.waitForSelector('#offline, #who .person:has-text("budi")', { state: 'attached' });
  assert.equal(await dewi.locator('#first').count(), 0);
  assert.deepEqual([...dewi.errors, ...budi.errors], []);
}, { timeout: 4 * WAIT });

test('it is in Indonesian, and chatd names the place of a server that runs', async () => {
  const { server, dir, chatd } = await place();
  const dewi = await owner(server, { locale: 'id-ID', viewport: { width: 320, height: 640 }, colorScheme: 'dark' });
  await dewi.waitForSelector('#first[open]');
  assert.deepEqual(await dewi.locator('#first legend').allTextContents(), ['Nama dan gambar', 'Ruang pertama', 'Undang tim']);
  assert.ok((await dewi.textContent('#first .held')).includes('Kurang 3 orang lagi'));
  assert.ok(await dewi.evaluate(() => document.querySelector('#first').scrollWidth <= document.querySelector('#first').clientWidth));
  await dewi.evaluate(AXE);
  await axeFindsNothing(dewi, 'the first hour at 320 pixels');
  const icon = new URL('../../static/icons/192.png', import.meta.url).pathname;
  assert.equal(chatd('place', '--data', dir, '--name', 'Warung Teh', '--picture', icon), 'the place is called Warung Teh now\nthe place has that picture now\n');
  const offer = await (await fetch(`${server.url}/api/server`)).json();
  assert.deepEqual([offer.name, offer.picture.split('?')[0]], ['Warung Teh', '/icons/192.png']);
  assert.equal(chatd('place', '--data', dir), 'Warung Teh\n');
  assert.deepEqual(dewi.errors, []);
}, { timeout: 4 * WAIT });
