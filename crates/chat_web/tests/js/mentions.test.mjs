// Mentions: the page reads them as the server does, by the same examples.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { mentions } from '../../static/js/names.js';

/** The examples of a file: the names, and the text. */
function examplesOf(file) {
  const text = readFileSync(new URL(`../../../../src/features/membership/${file}`, import.meta.url), 'utf8');
  const lines = text.split('\n').filter((line) => line && !line.startsWith('//')).map((line) => line.split('|'));
  return lines.map(([names, ...rest]) => [names.trim().split(/\s+/).filter(Boolean), rest.join('|').trimStart().replaceAll('\\n', '\n')]);
}

test('a text mentions those whom it mentions for the server', () => {
  const examples = examplesOf('mentions.txt');
  assert.ok(examples.length > 20);
  const all = new Set(examples.flatMap(([names]) => names).concat('ani', 'budi').map((name) => name.toLowerCase()));
  for (const [names, text] of examples) {
    const meant = new Set(names.map((name) => name.toLowerCase()));
    for (const name of all) assert.equal(mentions(text, name), meant.has(name), `${name}: ${text}`);
  }
});

test('a bare name mentions its user where the account prefers that', () => {
  const examples = examplesOf('bare.txt');
  assert.ok(examples.length > 15);
  for (const [names, text] of examples) {
    const named = names.length > 0;
    assert.equal(mentions(text, 'ani', true), named || mentions(text, 'ani', false), text);
    if (named && !/ani:|@ani/i.test(text)) assert.equal(mentions(text, 'ani', false), false, text);
  }
});
