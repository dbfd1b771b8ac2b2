// How order is kept on the page: what is offered to whom, what it does, and that it is said in the reader's language.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { person, serve, server, terminal } from './cast.mjs';
import { AXE, WAIT, axeFindsNothing, isLive, say } from './stage.mjs';

/** Does something with a user by the menu of people. */
const menu = async (page, name, item) => {
  await page.click(`#who button.person:has-text("${name}")`);
  await page.click(`.menu .item:has-text("${item}")`);
};
const offers = async (page, name) => {
  await page.click(`#who button.person:has-text("${name}")`);
  await page.waitForSelector('.menu .item');
  const items = await page.locator('.menu .item').allTextContents();
  await page.keyboard.press('Escape');
  return items;
};
const noted = (page, words) => page.waitForFunction((wanted) => [...document.querySelectorAll('.note.moderated')].some((el) => el.textContent.includes(wanted)), words);
const inRoom = async (page, room, line = `/join #${room}`) => {
  await say(page, line);
  await page.waitForFunction((wanted) => document.querySelector('#title').textContent === wanted, `#${room}`);
};
/** Fills the sheet that asks for how long and why. */
const sentence = async (page, time, why) => {
  await page.waitForSelector('#sentence[open]');
  if (time !== null) await page.selectOption('#howlong', time);
  await page.fill('#whysentence', why);
  await page.click('#sentence .primary');
  await page.waitForFunction(() => !document.querySelector('#sentence[open]'));
};

test('who opens a room keeps order in it, and everybody sees it', async () => {
  await serve();
  const ana = await person('ana');
  await inRoom(ana, 'dapur');
  const budi = await terminal('budi');
  budi.say('/join #dapur');
  await budi.hears('OK JOIN room=#dapur');
  const citra = await person('citra');
  await inRoom(citra, 'dapur');
  // A user who floods the room does not close the menu in which something is done about it.
  await ana.click('#who button.person:has-text("budi")');
  for (let i = 1; i <= 60; i += 1) budi.say(`spam ${i}`);
  await ana.waitForFunction(() => [...document.querySelectorAll('.msg .text')].some((one) => one.textContent === 'spam 60'));
  await ana.click('.menu .item:has-text("Mute budi…")');
  await sentence(ana, '10m', 'too loud');
  await budi.hears('MUTED #dapur budi ana for=600: too loud');
  await noted(citra, 'budi is muted for 10 min by ana: too loud');
  budi.say('hello?');
  await budi.hears('ERR 404 cannot-speak');
  await menu(ana, 'budi', 'Let budi speak again');
  await budi.hears('UNMUTED #dapur budi ana');
  await menu(ana, 'budi', 'Make budi an operator');
  await budi.hears('OP #dapur budi ana');
  budi.say('/kick citra mind your words');
  await citra.waitForFunction(() => document.querySelector('#title').textContent !== '#dapur');
  await noted(ana, 'citra is sent out by budi: mind your words');
  // No user is offered what they may not do.
  assert.deepEqual(await offers(citra, 'budi'), ['Whisper to budi', 'Mention budi', 'Hide what budi says']);
  await citra.click('#orderbtn');
  assert.equal(await citra.locator('#order .switch').count(), 0);
  await citra.keyboard.press('Escape');
  await menu(ana, 'budi', 'budi an operator no more');
  await budi.hears('DEOP #dapur budi ana');
  await menu(ana, 'budi', 'Ban budi…');
  await sentence(ana, '1d', 'enough');
  await budi.hears('BANNED #dapur budi ana for=86400: enough');
  budi.say('/join #dapur');
  await budi.hears('ERR 474 banned-from-room');
  // What holds is shown, and lifted where it is shown.
  await ana.click('#orderbtn');
  await ana.waitForSelector('#order .held li:has-text("budi is banned for 1 day by ana: enough")');
  await ana.click('#order .held button:has-text("Lift")');
  await ana.waitForSelector('#order .kept', { state: 'detached' });
  await ana.keyboard.press('Escape');
  budi.say('/join #dapur');
  await budi.hears('OK JOIN room=#dapur users=2');
  assert.deepEqual([...ana.errors, ...citra.errors], []);
}, { timeout: 4 * WAIT });

test('how a room is closed, and who is invited', async () => {
  await serve();
  const ana = await person('ana');
  await inRoom(ana, 'dapur');
  const budi = await terminal('budi');
  const mode = (words) => ana.click(`#order .switch:has-text("${words}") input`);
  await ana.click('#orderbtn');
  await mode('Only who is invited comes in');
  await ana.waitForSelector('#rooms li.here .hash svg');
  budi.say('/join #dapur');
  await budi.hears('ERR 473 invite-only');
  await ana.fill('#order [aria-label="Their name"]', 'nobody-here');
  await ana.keyboard.press('Enter');
  await ana.waitForSelector('#order .words:has-text("nobody-here")');
  await ana.fill('#order [aria-label="Their name"]', 'budi');
  await ana.keyboard.press('Enter');
  await ana.waitForSelector('#order .words:has-text("budi is invited.")');
  await budi.hears('invites you to #dapur');
  budi.say('/join #dapur');
  await budi.hears('OK JOIN room=#dapur users=2');
  await mode('Only operators and users with voice speak');
  await budi.hears('(+im)');
  budi.say('hello?');
  await budi.hears('ERR 404 cannot-speak');
  await mode('Only operators set the topic');
  await budi.hears('(+imt)');
  await ana.fill('#order [aria-label^="A key"]', 'kettle');
  await ana.keyboard.press('Enter');
  await budi.hears('(+ikmt)');
  await ana.click('#order button:has-text("Take it away")');
  // Whatever another operator changes is seen here at once.
  await ana.waitForSelector('#order .switch:has-text("Only operators and users with voice speak") input:checked');
  await ana.keyboard.press('Escape');
  await menu(ana, 'budi', 'Make budi an operator');
  await budi.hears('OP #dapur budi ana');
  await ana.click('#orderbtn');
  budi.say('/mode -m');
  await ana.waitForSelector('#order .switch:has-text("Only operators and users with voice speak") input:not(:checked)');
  assert.deepEqual(ana.errors, []);
}, { timeout: 4 * WAIT });

test('operators of the server are offered what they may do, everywhere, as soon as they are', async () => {
  await serve({ key: 'a-key-of-the-house' });
  const ana = await person('ana');
  const budi = await terminal('budi');
  await ana.waitForSelector('#who button.person:has-text("budi")');
  assert.equal((await offers(ana, 'budi')).length, 3, 'the lobby is nobody’s');
  await say(ana, '/oper a-key-of-the-house');
  await ana.waitForSelector('.answer');
  // In the lobby, where no user is made an operator.
  assert.deepEqual((await offers(ana, 'budi')).slice(2, -1), ['Mute budi…', 'Let budi speak again', 'Send budi out…', 'Ban budi…']);
  budi.say('/join #dapur');
  await budi.hears('OK JOIN room=#dapur');
  await inRoom(ana, 'dapur');
  assert.equal((await offers(ana, 'budi')).length, 9, 'also in a room that is another’s');
  await menu(ana, 'budi', 'Mute budi…');
  await ana.click('#sentence .switch input');
  await sentence(ana, '1h', 'a rest');
  await budi.hears('MUTED * budi ana for=3600: a rest');
  // The page that is loaded anew knows it too.
  await ana.reload();
  await isLive(ana);
  await inRoom(ana, 'dapur');
  await menu(ana, 'budi', 'Send budi out…');
  await ana.click('#sentence .switch input');
  await sentence(ana, null, 'good night');
  await budi.hears('BYE 470 kicked');
  assert.deepEqual(ana.errors, []);
}, { timeout: 4 * WAIT });

test('order is kept in Indonesian: every word of it', async () => {
  await serve({ key: 'a-key-of-the-house' });
  const ani = await person('ani', { locale: 'id-ID' });
  const wulan = await person('wulan', { locale: 'id-ID' });
  await inRoom(ani, 'dapur');
  await inRoom(wulan, 'dapur');
  await ani.waitForSelector('#who button.person:has-text("wulan")');
  assert.deepEqual(await offers(ani, 'wulan'), ['Berbisik kepada wulan', 'Sebut wulan', 'Jadikan wulan operator', 'Berhentikan wulan sebagai operator', 'Bisukan wulan…', 'Izinkan wulan berbicara lagi', 'Keluarkan wulan…', 'Larang wulan masuk…', 'Sembunyikan pesan wulan']);
  await menu(ani, 'wulan', 'Jadikan wulan operator');
  await noted(wulan, 'Anda dijadikan operator oleh ani');
  await noted(ani, 'wulan dijadikan operator oleh Anda');
  assert.equal(await wulan.locator('.toast').count(), 0, 'it is told once');
  await menu(ani, 'wulan', 'Berhentikan wulan sebagai operator');
  await noted(wulan, 'Anda bukan operator lagi oleh ani');
  await menu(ani, 'wulan', 'Bisukan wulan…');
  assert.deepEqual(await ani.locator('#sentence h2, #sentence label, #sentence option, #sentence .primary').allTextContents(),
    ['Bisukan wulan', 'Berapa lama', '10 menit', '1 jam', '1 hari', '1 minggu', 'sampai dicabut', 'Alasan (dibaca semua orang di ruang ini)', 'Bisukan wulan']);
  await sentence(ani, '10m', 'terlalu ribut');
  await noted(wulan, 'Anda dibisukan selama 10 menit oleh ani: terlalu ribut');
  await wulan.waitForFunction(() => document.querySelector('#text').placeholder.startsWith('Anda boleh berbicara lagi di sini pukul '));
  await menu(ani, 'wulan', 'Izinkan wulan berbicara lagi');
  await noted(wulan, 'Anda boleh berbicara lagi');
  await wulan.waitForFunction(() => document.querySelector('#text').placeholder === 'Pesan untuk #dapur');
  await menu(ani, 'wulan', 'Larang wulan masuk…');
  await sentence(ani, '', '');
  await noted(ani, 'wulan dilarang masuk oleh Anda');
  await wulan.waitForFunction(() => document.querySelector('#title').textContent === '#lobby');
  await wulan.waitForSelector('.toast:has-text("#dapur: Anda dilarang masuk oleh ani")');
  await ani.click('#orderbtn');
  await ani.waitForSelector('#order .held li:has-text("wulan dilarang masuk sampai dicabut oleh ani")');
  assert.deepEqual(await ani.locator('#order legend, #order .switch').allTextContents(),
    ['Topik', 'Orang', 'File', 'Undang seseorang', 'Siapa boleh apa', 'Hanya yang diundang boleh masuk', 'Hanya operator dan pengguna dengan hak bicara boleh berbicara', 'Hanya yang ada di ruang ini boleh berbicara', 'Ruang ini tidak ada di daftar mana pun', 'Hanya operator boleh mengubah topik', 'Dilarang masuk dan dibisukan']);
  await ani.click('#order .held button:has-text("Cabut")');
  await ani.waitForSelector('#order .kept', { state: 'detached' });
  await ani.keyboard.press('Escape');
  await noted(ani, 'wulan boleh masuk lagi');
  await inRoom(wulan, 'dapur');
  await menu(ani, 'wulan', 'Keluarkan wulan…');
  await sentence(ani, null, 'sampai besok');
  await noted(ani, 'wulan dikeluarkan oleh Anda: sampai besok');
  assert.deepEqual([...ani.errors, ...wulan.errors], []);
}, { timeout: 6 * WAIT });

test('axe finds nothing in the sheets of order, in both schemes and at every width', async () => {
  await serve({ key: 'a-key-of-the-house' });
  const budi = await terminal('budi');
  for (const [width, colorScheme] of [[1280, 'light'], [320, 'dark']]) {
    // With the key the session gets another cookie; what was asked with the one before is asked again.
    const ana = await person(`ana${width}`, { viewport: { width, height: 700 }, colorScheme }, ['401']);
    await say(ana, '/oper a-key-of-the-house');
    await inRoom(ana, `dapur${width}`);
    budi.say(`/join #dapur${width}`);
    await budi.hears(`OK JOIN room=#dapur${width}`);
    budi.say('hello');
    await say(ana, '/ban 192.0.2.0/24 trouble');
    await ana.waitForSelector('.answer:has-text("192.0.2.0/24 is banned")');
    await ana.evaluate(AXE);
    await ana.click('#orderbtn');
    await ana.waitForSelector('#order .held button');
    await axeFindsNothing(ana, `the room's sheet, ${width} ${colorScheme}`);
    assert.ok(await ana.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing runs out');
    await ana.keyboard.press('Escape');
    if (width < 800) await ana.click('#peoplebtn');
    await menu(ana, 'budi', 'Ban budi…');
    await axeFindsNothing(ana, `the sheet for one person, ${width} ${colorScheme}`);
    await ana.keyboard.press('Escape');
    assert.deepEqual(ana.errors, []);
  }
}, { timeout: 4 * WAIT });

test('who is sent out of the server is told so once, in the banner, by whom and why', async () => {
  await serve({ key: 'a-key-of-the-house' });
  const ana = await person('ana', {}, ['401']);
  const citra = await person('citra', {}, ['401', 'WebSocket']);
  await say(ana, '/oper a-key-of-the-house');
  await ana.waitForSelector('.answer');
  await menu(ana, 'citra', 'Send citra out…');
  await ana.click('#sentence .switch input');
  await sentence(ana, null, 'good night');
  await citra.waitForSelector('#banner.stopped:has-text("You are sent out by ana: good night")');
  assert.equal(await citra.locator('.toast').count(), 0);
  assert.equal(await citra.locator('.note.moderated').count(), 0);
  await noted(ana, 'citra is sent out by you: good night');
  assert.equal(await ana.locator('.note.moderated').count(), 1, 'and by whom it was done, once');
  assert.deepEqual([...ana.errors, ...citra.errors], []);
}, { timeout: 4 * WAIT });
