// What is written in the field of the page: it goes where it was meant to go, whole, or it stays where it can be seen.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ends, person, serve, server, terminal } from './cast.mjs';
import { enter, isLive, proxy, say, sees, settled } from './stage.mjs';

const field = (page) => page.inputValue('#text');
/** Pastes as the system does; the page is told whether the browser would have put it in. */
const paste = (page, text, files = []) => page.evaluate(({ text, files }) => {
  const data = new DataTransfer();
  if (text) data.setData('text/plain', text);
  for (const name of files) data.items.add(new File(['a picture'], name, { type: 'image/png' }));
  const input = document.querySelector('#text');
  input.focus();
  const untouched = input.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  if (untouched && text) document.execCommand('insertText', false, text);
  return untouched;
}, { text, files });

test('a command that leads elsewhere leaves nothing of itself in the field', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  await say(page, '/w budi the salary list is wrong');
  await budi.hears('WHISPER ana budi: the salary list is wrong');
  await page.waitForFunction(() => document.querySelector('#title').textContent === '@budi');
  await page.click('#rooms .room >> nth=0');
  await page.waitForFunction(() => document.querySelector('#title').textContent === '#lobby');
  assert.equal(await field(page), '');
  assert.equal(await page.evaluate(() => localStorage.getItem('chat.draft.lobby')), null);
  assert.deepEqual(page.errors, []);
});

test('what is typed in a talk between two stays between the two', async () => {
  await serve();
  const budi = await terminal('budi');
  const citra = await terminal('citra');
  const page = await person('ana');
  await say(page, '/w budi psst');
  await budi.hears('WHISPER ana budi: psst');
  await say(page, '/me sighs');
  await budi.hears('ACT @ana+budi 2 ana: sighs');
  await say(page, '/reply and more');
  await budi.hears('WHISPER ana budi: and more');
  for (const words of ['/topic our plan', '/answer last a secret']) {
    await say(page, words);
    await page.waitForSelector('.toast:has-text("#room")');
    assert.equal(await field(page), words, 'it is given back');
    await page.click('.toast .icon');
  }
  await say(page, '/topic #lobby for all');
  await citra.hears('TOPIC #lobby ana: for all');
  assert.ok(!citra.lines.some((line) => /sighs|and more|our plan|secret/.test(line)), citra.lines.join('\n'));
  assert.deepEqual(page.errors, []);
});

test('a command or a correction that cannot go now stands in the field again', async () => {
  await serve();
  const way = await proxy(server);
  ends.push(way.close);
  const page = await person('ana', {}, ['WebSocket', 'Failed to load resource', 'ERR_'], way.url);
  await say(page, 'lunch at twelv');
  await settled(page, 1);
  way.down(true);
  await page.waitForFunction(() => document.documentElement.dataset.link !== 'live');
  await say(page, '/topic a long one that took a while');
  await page.waitForSelector('.toast');
  assert.equal(await field(page), '/topic a long one that took a while');
  await page.fill('#text', '');
  await page.keyboard.press('ArrowUp');
  await page.fill('#text', 'lunch at twelve');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('#text').value === 'lunch at twelve' && document.querySelector('#composer.editing'));
  way.down(false);
  await page.evaluate(() => globalThis.dispatchEvent(new Event('online')));
  await isLive(page);
  await page.focus('#text');
  await page.keyboard.press('Enter');
  await sees(page, 'lunch at twelve (edited)');
  assert.deepEqual(page.errors, []);
});

test('cells that are pasted stay text; a picture alone is sent', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  await page.waitForSelector('#attach:not([hidden])');
  assert.ok(await paste(page, 'a\tb\n1\t2', ['image.png']), 'the browser pastes it');
  assert.equal(await field(page), 'a\tb\n1\t2');
  await page.fill('#text', '');
  assert.ok(!await paste(page, '', ['shot.png']));
  await budi.hears('shot.png');
  assert.ok(!budi.lines.some((line) => line.includes('image.png')));
  assert.deepEqual(page.errors, []);
});

test('a paste of 5 MB leaves the page alive: it is offered as a file', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  await page.waitForSelector('#attach:not([hidden])');
  const big = 'x'.repeat(5_000_000);
  assert.ok(!await paste(page, big), 'not into the field');
  assert.equal(await field(page), '');
  await page.waitForSelector('#heavy:not([hidden]):has-text("5 MB")');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#heavy', { state: 'hidden' });
  // Lines as well, and what would be too much together with what stands there.
  assert.ok(!await paste(page, 'a line\n'.repeat(130_000)));
  await page.waitForSelector('#heavy:has-text("130001 lines")');
  assert.ok(await paste(page, 'y'.repeat(15_000)));
  assert.ok(!await paste(page, 'z'.repeat(15_000)));
  assert.equal((await field(page)).length, 15_000);
  await page.fill('#text', '');
  await page.click('#heavy .link');
  await budi.hears('paste.txt');
  await page.waitForSelector('#heavy', { state: 'hidden' });
  assert.deepEqual(page.errors, []);
});

test('where no files are passed on, a paste that is too much is refused in words', async () => {
  await serve({ flags: ['--files', 'off'] });
  const page = await person('ana', { locale: 'id-ID' });
  assert.ok(!await paste(page, 'x'.repeat(30_000)));
  await page.waitForSelector('#heavy:has-text("server ini tidak meneruskan file")');
  assert.equal(await page.locator('#heavy .link').count(), 0);
  assert.deepEqual(page.errors, []);
});

test('a paste of many lines is one message, in a talk too, and its author is not muted', async () => {
  await serve({ flags: ['--spam-lines', '90', '--spam-repeats', '5'] });
  const budi = await terminal('budi');
  const page = await person('ana');
  const heard = (kind) => budi.lines.filter((line) => line.includes(` ${kind} `)).length;
  // More lines than may go in a minute, and the same one over and over.
  assert.ok(await paste(page, `  {\n${'}\n'.repeat(150)}`));
  await page.keyboard.press('Enter');
  await budi.hears('ana part=1/151:   {');
  await budi.hears('ana part=151/151: }');
  assert.equal(heard('MSG'), 151);
  await settled(page, 1);
  // What is typed beside a paste is heard.
  await say(page, 'a word beside it');
  await budi.hears('ana: a word beside it');
  assert.equal(await page.locator('#log .msg').count(), 2);
  await say(page, '/w budi satu\ndua');
  await budi.hears('WHISPER ana budi part=1/2: satu');
  await budi.hears('WHISPER ana budi part=2/2: dua');
  await say(page, 'tiga\n\nempat');
  await budi.hears('WHISPER ana budi part=3/3: empat');
  await page.waitForFunction(() => [...document.querySelectorAll('.msg .text')].at(-1).innerText === 'tiga\n\nempat');
  assert.deepEqual(page.errors, []);
});

test('the Enter that ends a word of an input method sends nothing, in the field and in the lists', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  const enters = (selector) => page.evaluate((at) => document.querySelector(at).dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', code: 'Enter', keyCode: 229, bubbles: true, cancelable: true })), selector);
  await page.fill('#text', 'にほん');
  await enters('#text');
  await page.keyboard.press('Control+k');
  await page.waitForSelector('#switcher[open]');
  await page.fill('#switcher input', 'nihon');
  await enters('#switcher input');
  assert.ok(await page.isVisible('#switcher[open]'));
  await page.keyboard.press('Escape');
  await page.click('#emoji');
  await page.fill('.picker input', 'tada');
  await enters('.picker input');
  assert.ok(await page.isVisible('.picker'));
  await page.keyboard.press('Escape');
  assert.equal(await field(page), 'にほん');
  await page.focus('#text');
  await page.keyboard.press('Enter');
  await budi.hears('ana: にほん');
  assert.equal(budi.lines.filter((line) => / MSG /.test(line)).length, 1);
  assert.deepEqual(page.errors, []);
});

test('what a list puts into the field is taken back by Ctrl+Z', async () => {
  await serve();
  await terminal('budi');
  const page = await person('ana');
  await page.focus('#text');
  await page.keyboard.type('hey @bu');
  await page.waitForSelector('#popup [aria-selected=true]');
  await page.keyboard.press('Enter');
  assert.equal(await field(page), 'hey @budi ');
  await page.keyboard.press('Control+z');
  assert.equal(await field(page), 'hey @bu');
  await page.fill('#text', '');
  await page.keyboard.type('one bu');
  await page.keyboard.press('Tab');
  assert.equal(await field(page), 'one budi ');
  await page.keyboard.press('Control+z');
  assert.equal(await field(page), 'one bu');
  await page.keyboard.press('End');
  await page.click('#emoji');
  await page.fill('.picker input', 'tada');
  await page.keyboard.press('Enter');
  assert.equal(await field(page), 'one bu🎉');
  await page.keyboard.press('Control+z');
  assert.equal(await field(page), 'one bu');
  assert.deepEqual(page.errors, []);
});

test('a drag of files is seen, with the room they would go to', async () => {
  await serve();
  const page = await person('ana');
  await page.waitForSelector('#attach:not([hidden])');
  const seen = await page.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(['x'], 'a.txt'));
    document.body.dispatchEvent(new DragEvent('dragover', { dataTransfer: data, bubbles: true, cancelable: true }));
    return [getComputedStyle(document.querySelector('#log')).outlineStyle, getComputedStyle(document.querySelector('.stage'), '::after').content];
  });
  assert.deepEqual(seen, ['dashed', '"Drop to send to #lobby"']);
  // A link that is dropped beside the field does not lead away.
  const kept = await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData('text/plain', 'https://example.org/');
    return document.querySelector('#log').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
  });
  assert.equal(kept, false);
  assert.deepEqual(page.errors, []);
});
