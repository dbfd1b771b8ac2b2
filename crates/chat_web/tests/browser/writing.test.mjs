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

test('cells that are pasted stay text; a picture alone waits for Enter', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana');
  await page.waitForSelector('#attach:not([hidden])');
  assert.ok(await paste(page, 'a\tb\n1\t2', ['image.png']), 'the browser pastes it');
  assert.equal(await field(page), 'a\tb\n1\t2');
  await page.fill('#text', '');
  assert.ok(!await paste(page, '', ['shot.png']));
  await page.waitForSelector('#uploads .staged:has-text("shot.png")');
  await say(page, 'look');
  await budi.hears('ana: look');
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
  await page.click('#heavy .link:has-text("As a file")');
  await page.waitForSelector('#heavy', { state: 'hidden' });
  await page.waitForSelector('#uploads .staged:has-text("paste.txt")');
  await page.press('#text', 'Enter');
  await budi.hears('paste.txt');
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
  assert.ok(!await paste(page, `  {\n${'}\n'.repeat(150)}`));
  await page.waitForSelector('#heavy:has-text("152 lines")');
  await page.click('#heavy .link:has-text("As one message")');
  await page.waitForSelector('#heavy', { state: 'hidden' });
  await page.focus('#text');
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
  // A browser tells of a drag again and again while it lasts.
  await page.waitForFunction(() => {
    const data = new DataTransfer();
    data.items.add(new File(['x'], 'a.txt'));
    document.body.dispatchEvent(new DragEvent('dragover', { dataTransfer: data, bubbles: true, cancelable: true }));
    const outline = getComputedStyle(document.querySelector('#log')).outlineStyle;
    return outline === 'dashed' && getComputedStyle(document.querySelector('.stage'), '::after').content === '"Drop to send to #lobby"';
  });
  // A link that is dropped beside the field does not lead away.
  const kept = await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData('text/plain', 'https://example.org/');
    return document.querySelector('#log').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
  });
  assert.equal(kept, false);
  assert.deepEqual(page.errors, []);
});

test('a paste of some lines goes into the field, of more it asks; cancelled it leaves no trace, and Ctrl+Z takes it back', async () => {
  await serve();
  const page = await person('ana', { locale: 'id-ID' });
  await page.waitForSelector('#attach:not([hidden])');
  assert.ok(await paste(page, 'satu\n'.repeat(19)));
  await page.fill('#text', 'lihat: ');
  const many = `${'x\n'.repeat(40)}akhir`;
  assert.ok(!await paste(page, many));
  await page.waitForSelector('#heavy:not([hidden]):has-text("41 baris")');
  assert.deepEqual(await page.locator('#heavy .link').allTextContents(), ['Sebagai file', 'Sebagai satu pesan']);
  await page.click('#heavy [aria-label=Batal]');
  assert.ok(!await page.isVisible('#heavy'));
  assert.equal(await field(page), 'lihat: ');
  assert.ok(!await paste(page, many));
  await page.click('#heavy .link:has-text("Sebagai satu pesan")');
  assert.equal(await field(page), `lihat: ${many}`);
  await page.keyboard.press('Control+z');
  assert.equal(await field(page), 'lihat: ');
  // More than a message takes, however it is cut into lines, is a file alone.
  assert.ok(!await paste(page, `${'y'.repeat(99)}\n`.repeat(180)));
  await page.waitForSelector('#heavy:not([hidden])');
  assert.deepEqual(await page.locator('#heavy .link').allTextContents(), ['Sebagai file']);
  assert.deepEqual(page.errors, []);
});

test('after a paste of 5 MB a key takes less than 100 ms', async () => {
  await serve();
  const page = await person('ana');
  await page.waitForSelector('#attach:not([hidden])');
  for (const big of ['x'.repeat(5_000_000), 'a line\n'.repeat(700_000)]) {
    assert.ok(!await paste(page, big));
    await page.waitForSelector('#heavy:not([hidden])');
    // From the key to the frame in which it stands, as the page itself measures it.
    const slowest = await page.evaluate(async () => {
      const input = document.querySelector('#text');
      input.focus();
      let most = 0;
      for (const key of 'how long does a key take?') {
        const began = performance.now();
        document.execCommand('insertText', false, key);
        input.offsetHeight;
        most = Math.max(most, performance.now() - began);
      }
      return most;
    });
    assert.ok(slowest < 100, `${slowest} ms`);
    await page.press('#text', 'Escape');
    await page.fill('#text', '');
  }
  assert.deepEqual(page.errors, []);
});

test('files wait in a tray for Enter, with words beside them, and go in their order, one after another', async () => {
  await serve({ flags: ['--file-bytes', '3000000'] });
  const budi = await terminal('budi');
  const wire = await proxy(server, 4);
  ends.push(wire.close);
  const page = await person('ana', {}, ['ERR_', 'Failed to load resource', 'WebSocket'], wire.url);
  await page.waitForSelector('#attach:not([hidden])');
  const file = (name, size, mimeType = 'text/plain') => ({ name, mimeType, buffer: Buffer.alloc(size, 7) });
  await page.setInputFiles('#file', [file('first.bin', 400_000), file('second.txt', 5), file('third.txt', 5), file('fourth.txt', 5)]);
  const names = () => page.locator('#uploads .staged .fname').allTextContents();
  await page.waitForFunction(() => document.querySelectorAll('#uploads .staged').length === 4);
  // Nothing has gone, and another room has a tray of its own.
  await say(page, '/join #dapur');
  await page.waitForFunction(() => document.querySelector('#title').textContent === '#dapur');
  assert.ok(!await page.isVisible('#uploads'));
  await page.click('#rooms .room >> nth=0');
  await page.waitForSelector('#uploads:not([hidden])');
  await page.click('[aria-label="Send third.txt earlier"]');
  assert.deepEqual(await names(), ['first.bin', 'third.txt', 'second.txt', 'fourth.txt']);
  await page.click('[aria-label="Leave fourth.txt out"]');
  assert.ok(!budi.lines.some((line) => / FILE /.test(line)));
  await page.evaluate(() => {
    globalThis.barsAtOnce = 0;
    new MutationObserver(() => { globalThis.barsAtOnce = Math.max(globalThis.barsAtOnce, document.querySelectorAll('#uploads progress').length); }).observe(document.querySelector('#uploads'), { childList: true, subtree: true });
  });
  await say(page, 'three of them');
  await budi.hears('second.txt');
  await page.waitForSelector('#uploads', { state: 'hidden' });
  const heard = budi.lines.filter((line) => / (FILE|MSG) /.test(line)).map((line) => line.split(': ').at(-1));
  assert.deepEqual(heard, ['three of them', 'first.bin', 'third.txt', 'second.txt']);
  assert.equal(await page.evaluate(() => globalThis.barsAtOnce), 1, 'one at a time');
  // Where the line breaks the file waits on, and goes with the next Enter.
  wire.down(true);
  await page.setInputFiles('#file', [file('again.txt', 5)]);
  await page.waitForSelector('#uploads .staged');
  await page.press('#text', 'Enter');
  await page.waitForSelector('.toast:has-text("again.txt was not sent")');
  assert.deepEqual(await names(), ['again.txt']);
  wire.down(false);
  await page.evaluate(() => globalThis.dispatchEvent(new Event('online')));
  await isLive(page);
  await page.press('#text', 'Enter');
  await budi.hears('again.txt');
  assert.deepEqual(page.errors, []);
});

test('a block of code shows its language, and a button copies it as it was written', async () => {
  await serve();
  const budi = await terminal('budi');
  const page = await person('ana', { permissions: ['clipboard-read', 'clipboard-write'] });
  await say(page, 'like so:\n```rust\nfn main() {\n    *x* = 1;\n}\n```\n*done*');
  await budi.hears('part=7/7: *done*');
  await settled(page, 1);
  assert.equal(await page.textContent('.msg .code > span'), 'rust');
  assert.equal(await page.textContent('.msg .code pre'), 'fn main() {\n    *x* = 1;\n}');
  assert.equal(await page.textContent('.msg .text > strong'), 'done');
  await page.click('.msg .code [aria-label="Copy the code"]');
  await page.waitForSelector('.toast:has-text("Copied.")');
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'fn main() {\n    *x* = 1;\n}');
  assert.deepEqual(page.errors, []);
});

test('commands are shown as the page takes them, in the language of its reader', async () => {
  await serve();
  const page = await person('ani', { locale: 'id-ID' });
  const shown = async (typed) => {
    await page.fill('#text', '');
    await page.focus('#text');
    await page.keyboard.type(typed);
    await page.waitForSelector('#popup [role=option]');
    return page.locator('#popup [role=option]').allTextContents();
  };
  assert.deepEqual(await shown('/join'), ['/join #ruang [kunci]masuk, atau masuk ke ruang'.replace('masuk, atau masuk ke ruang', await page.locator('#popup [role=option] span').first().textContent())]);
  const all = [...await shown('/jo'), ...await shown('/w'), ...await shown('/mu'), ...await shown('/re')].join('\n');
  assert.ok(!/[A-Z]{3,}:|JOIN|\/react|\bor\b|\b(name|why)\b/.test(all), all);
  assert.ok(all.includes('/mute [#ruang|*] <nama> [10m] [alasan]bungkam pengguna') || /\/mute \[#ruang\|\*\] <nama> \[10m\] \[alasan\]/.test(all), all);
  await page.press('#text', 'Escape');
  await page.fill('#text', '');
  // Chosen anew, the language is that of the commands at once.
  await page.click('#me');
  await page.click('#settings .choice label:has-text("English")');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.documentElement.lang === 'en');
  await page.waitForFunction(async () => {
    const input = document.querySelector('#text');
    input.value = '/mute';
    input.setSelectionRange(5, 5);
    input.dispatchEvent(new Event('input'));
    return document.querySelector('#popup').textContent.includes('keep a user from speaking');
  });
  assert.deepEqual(page.errors, []);
});

test('a refusal speaks of the page, in the language of its reader', async () => {
  await serve();
  for (const [locale, words] of [['en-GB', 'No user here is called “mira”.'], ['id-ID', 'Tidak ada pengguna bernama “mira” di sini.']]) {
    const page = await person(`ana${locale.slice(0, 2)}`, { locale });
    await say(page, '/whois mira');
    await say(page, '/w mira hello');
    await page.waitForFunction((wanted) => [...document.querySelectorAll('.trouble span, .answer.refused pre')].some((one) => one.textContent === wanted), words);
    assert.deepEqual(page.errors, []);
  }
});
