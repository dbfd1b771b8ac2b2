// What a paste brings: words, files, or too much; and how long a line is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST_CHARS, MOST_LINES, filesIn, isHeavy, lineCount, overBy } from '../../static/js/paste.js';

const data = (text, ...names) => ({ files: names.map((name) => ({ name })), getData: () => text });
const names = (what) => filesIn(what).map((file) => file.name);

test('copied cells are text, whatever picture stands beside them; copied files are files, whatever names stand there', () => {
  assert.deepEqual(names(data('a\tb\n1\t2', 'image.png')), []);
  assert.deepEqual(names(data('', 'image.png')), ['image.png']);
  assert.deepEqual(names(data('photo 1.jpg', 'photo 1.jpg')), ['photo 1.jpg']);
  assert.deepEqual(names(data('file:///home/ana/photo%201.jpg\r\n/home/ana/b.txt\r\n', 'photo 1.jpg', 'b.txt')), ['photo 1.jpg', 'b.txt']);
  assert.deepEqual(names(data('see photo.jpg for more', 'photo.jpg')), []);
  assert.deepEqual(filesIn(null), []);
});

test('too much is told from enough without a look at each line', () => {
  assert.equal(lineCount(''), 1);
  assert.equal(lineCount('a\nb\n'), 3);
  assert.ok(!isHeavy('x'.repeat(MOST_CHARS)) && isHeavy('x'.repeat(MOST_CHARS), 1));
  assert.ok(!isHeavy('x\n'.repeat(MOST_LINES - 1)) && isHeavy('x\n'.repeat(MOST_LINES)));
});

test('the longest line is measured in bytes, however many lines there are', () => {
  assert.equal(overBy('日'.repeat(683), 2048), 1);
  assert.equal(overBy(`${'a'.repeat(2048)}\nb`, 2048), 0);
  assert.equal(overBy(`short\n${'é'.repeat(1025)}\n`, 2048), 1, 'for people characters count');
  assert.equal(overBy('👍'.repeat(520), 2048), 8);
  assert.equal(overBy(`a\n${'👍'.repeat(300)}`, 2048, 1100), 25);
  assert.ok(overBy('a', 2048) < -1000);
  assert.equal(overBy(`${'a'.repeat(999)}\n`.repeat(17), 2048, 16384), 17_000 - 16384, 'all lines together');
  assert.equal(overBy('a'.repeat(2000), 2048, 512), -48, 'one line has the limit of a line');
  assert.equal(overBy('a\n'.repeat(300_000), 2048), 1 - 2048);
});
