// The sheet of a room: what it is about, who is in it, what it tells one of, its files, the programs that post there, the way out.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD, directory, lines, member, serveFrom, terminal } from './members.mjs';
import { AXE, WAIT, axeFindsNothing, say, sees } from './stage.mjs';

const serve = () => serveFrom(directory());
const inRoom = async (page, room) => {
  await say(page, `/join #${room}`);
  await page.waitForFunction((wanted) => document.querySelector('#title').textContent === wanted, `#${room}`);
};
const part = (legend) => `#order fieldset:has(legend:text-is("${legend}"))`;

test('topic, people, notifications, files, a program’s address with its curl line, and leaving', async () => {
  const server = await serve();
  const ana = await member(server, 'ana', { permissions: ['clipboard-read', 'clipboard-write'] });
  await inRoom(ana, 'dapur');
  const budi = await terminal(server, 'budi');
  budi.say('/join #dapur');
  await budi.hears('OK JOIN room=#dapur');
  budi.say('/quit');
  await ana.waitForSelector('#offline .person:has-text("budi")');
  await ana.setInputFiles('#file', { name: 'resep.txt', mimeType: 'text/plain', buffer: Buffer.from('gula') });
  await ana.keyboard.press('Enter');
  await ana.waitForSelector('.msg .file');

  await ana.click('#orderbtn');
  await ana.fill('#order [aria-label="What this room is about"]', 'Soup on Fridays');
  await ana.keyboard.press('Enter');
  await ana.waitForFunction(() => document.querySelector('#topic').textContent === 'Soup on Fridays');
  await ana.waitForSelector(`${part('People')} :text("Here: ana")`);
  await ana.waitForSelector(`${part('People')} :text("Offline: budi")`);
  await ana.click('#order [data-act=link]');
  assert.equal(await ana.evaluate(() => navigator.clipboard.readText()), `${server.url}/#dapur`);
  await ana.waitForSelector(`${part('Files')} a:has-text("resep.txt")`);
  await ana.selectOption(`${part('Notifications')} select`, 'mentions');
  await ana.keyboard.press('Escape');
  await ana.click('#rooms .here .room', { button: 'right' });
  await ana.waitForSelector('.menu .item:has-text("Tell me of mentions only") [d^="M5 12.5l4.5"]');
  await ana.keyboard.press('Escape');

  // Who is connected is not offline, in whatever room.
  const back = await lines(server, 'guest-1');
  back.say(`/login budi ${PASSWORD}`);
  await back.hears('OK LOGIN');
  await ana.click('#orderbtn');
  await ana.waitForSelector(`${part('Files')} a:has-text("resep.txt")`);
  assert.equal(await ana.locator(`${part('People')} :text("Offline:")`).count(), 0);
  await ana.fill('#order [aria-label="Name of the program"]', 'ci');
  await ana.keyboard.press('Enter');
  const line = await (await ana.waitForSelector('#order .made code')).textContent();
  const [, text, url] = /^curl -d '(.*)' (http\S+)$/.exec(line);
  assert.equal((await fetch(url, { method: 'POST', body: text })).status, 200);
  await sees(ana, 'Hello');
  await ana.waitForSelector(`${part('Programs that post here')} li:has-text("ci-bot")`);
  await ana.evaluate(AXE);
  await axeFindsNothing(ana, 'the sheet of a room');
  await ana.click('#order button:has-text("End")');
  await ana.waitForSelector(`${part('Programs that post here')} li`, { state: 'detached' });
  assert.equal((await fetch(url, { method: 'POST', body: text })).status, 404);

  await ana.click('#order [data-act=leave]');
  await ana.waitForFunction(() => document.querySelector('#title').textContent === '#lobby');
  await ana.waitForSelector('#order', { state: 'hidden' });
  assert.deepEqual(ana.errors, []);
}, { timeout: 4 * WAIT });

test('it is in Indonesian, and fits on 320 pixels', async () => {
  const server = await serve();
  const ani = await member(server, 'ani', { locale: 'id-ID', viewport: { width: 320, height: 640 }, colorScheme: 'dark' });
  await inRoom(ani, 'dapur');
  await ani.click('#orderbtn');
  assert.deepEqual(await ani.locator('#order legend').allTextContents(),
    ['Topik', 'Orang', 'Pemberitahuan', 'File', 'Undang seseorang', 'Siapa boleh apa', 'Program yang menulis di sini']);
  await ani.evaluate(AXE);
  await axeFindsNothing(ani, 'the sheet at 320 pixels');
  assert.ok(await ani.evaluate(() => document.querySelector('#order').scrollWidth <= document.querySelector('#order').clientWidth));
  assert.deepEqual(ani.errors, []);
});
