// What a user shows beside the name: a full name, a status and a picture, in the page and at telnet's door.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD, directory, member, serveFrom, terminal } from './members.mjs';
import { AXE, axeFindsNothing, lineClient, say, sees } from './stage.mjs';
import { ends } from './cast.mjs';

/** A picture of whatever size: noise, which packs badly. */
const noise = (page, width, height) => page.evaluate(async ({ width, height }) => {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const brush = canvas.getContext('2d');
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) {
    brush.fillStyle = `hsl(${(x * 71 + y * 37) % 360} 80% ${30 + ((x * y) % 40)}%)`;
    brush.fillRect(x, y, 1, 1);
  }
  const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
  return [...new Uint8Array(await blob.arrayBuffer())];
}, { width, height }).then((bytes) => Buffer.from(bytes));

const hasFace = (page, where) => page.waitForFunction((selector) => document.querySelector(`${selector} .avatar img`)?.naturalWidth === 64, where);

test('full name, status and picture are seen by all, at once and after a reload, and go with the picture taken away', async () => {
  const dir = directory();
  const server = await serveFrom(dir);
  const ana = await member(server, 'ana');
  const budi = await member(server, 'budi', { viewport: { width: 1280, height: 800 } });
  const telnet = await terminal(server, 'citra');
  await say(ana, 'here I am');
  await sees(budi, 'here I am');
  await ana.click('#me');
  await ana.fill('.profile [aria-label="Full name"]', 'Ana Wijaya');
  await ana.fill('.profile [aria-label^="Status"]', 'on the train');
  await ana.keyboard.press('Enter');
  await budi.waitForSelector('#who [data-user="ana"] .status:has-text("on the train")');
  await ana.setInputFiles('#facefile', { name: 'me.png', mimeType: 'image/png', buffer: await noise(ana, 240, 160) });
  await hasFace(budi, '#who [data-user="ana"]');
  await hasFace(budi, '.msg');
  await hasFace(ana, '#settings .profile');
  await ana.evaluate(AXE);
  await axeFindsNothing(ana, 'the profile in the settings');
  await ana.keyboard.press('Escape');
  // The card of a user, by mouse and keys.
  await budi.click('#who [data-user="ana"]');
  assert.equal(await budi.textContent('.menu .card'), 'Ana Wijayaon the train');
  await hasFace(budi, '.menu .card');
  await budi.evaluate(AXE);
  await axeFindsNothing(budi, 'a card');
  await budi.keyboard.press('Escape');
  assert.equal(await budi.locator('.hover').count(), 0, 'a menu that went leaves no card');
  // The same by resting on a name, until the pointer goes; it may go onto the card.
  await budi.hover('.msg .name[data-user="ana"]');
  await budi.waitForSelector('.hover .card:has-text("Ana Wijaya"):has-text("on the train")');
  await hasFace(budi, '.hover .card');
  assert.equal(await budi.getAttribute('.msg .name[data-user="ana"]', 'aria-describedby'), 'hovercard');
  await axeFindsNothing(budi, 'a card beside a name');
  await budi.hover('.hover .card');
  await budi.hover('#text');
  await budi.waitForSelector('.hover', { state: 'detached' });
  // By the keyboard it comes with the focus, and Escape takes it away and nothing else. What shows nothing has no card.
  await budi.focus('#who [data-user="citra"]');
  await budi.keyboard.press('Shift+Tab');
  assert.equal(await budi.evaluate(() => document.activeElement.dataset.user), 'budi');
  assert.equal(await budi.locator('.hover').count(), 0);
  await budi.keyboard.press('Shift+Tab');
  await budi.waitForSelector('#people .hover .card:has-text("Ana Wijaya")');
  await budi.keyboard.press('Escape');
  assert.equal(await budi.locator('.hover').count(), 0);
  assert.equal(await budi.evaluate(() => document.activeElement.dataset.user), 'ana', 'the focus stays');
  await budi.focus('#text');
  telnet.say('/profile ana');
  await telnet.hears(/PROFILE \* ana name=Ana%20Wijaya picture=[0-9a-f]{16}: on the train/);
  // A status by telnet, one by a command in the page.
  telnet.say('/status frying');
  await budi.waitForSelector('#who .person:has-text("citra") .status:has-text("frying")');
  await say(ana, '/status in the kitchen');
  await budi.waitForSelector('#who .status:has-text("in the kitchen")');
  // No line between the messages tells of it.
  assert.equal(await budi.locator('#log :text("in the kitchen")').count(), 0);
  await budi.reload();
  await budi.waitForSelector('#who .status:has-text("in the kitchen")');
  await hasFace(budi, '.msg');
  await server.stop();
  const again = await serveFrom(dir);
  const back = await lineClient(again, 'guest-1');
  ends.push(back.end);
  back.say(`/login citra ${PASSWORD}`);
  await back.hears('OK LOGIN');
  back.say('/profile ana');
  await back.hears(/PROFILE \* ana name=Ana%20Wijaya picture=[0-9a-f]{16}: in the kitchen/);
  const asked = await fetch(`${again.url}/api/profiles/ana/picture`);
  assert.equal(asked.status, 401, 'for who is signed on');
});

test('a picture is taken away; in Indonesian, on 320 pixels', async () => {
  const server = await serveFrom(directory());
  const ani = await member(server, 'ani', { locale: 'id-ID', viewport: { width: 320, height: 640 } });
  await ani.click('#menubtn');
  await ani.click('#me');
  await ani.setInputFiles('#facefile', { name: 'me.png', mimeType: 'image/png', buffer: await noise(ani, 64, 64) });
  await hasFace(ani, '#settings .profile');
  await ani.evaluate(AXE);
  await axeFindsNothing(ani, 'the profile at 320 pixels');
  assert.ok(await ani.evaluate(() => document.querySelector('#settings').scrollWidth <= document.querySelector('#settings').clientWidth));
  await ani.click('#noface:has-text("Tanpa gambar")');
  await ani.waitForFunction(() => document.querySelector('#settings .profile .avatar').textContent === 'AN');
  // What is no picture is refused in words.
  await ani.setInputFiles('#facefile', { name: 'me.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
  await ani.waitForSelector('.toast:has-text("bukan gambar")');
  assert.deepEqual(ani.errors, []);
});
