// Mentions: the page reads them as the server does, by the same examples.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { mentions } from '../../static/js/names.js';

const EXAMPLES = new URL('../../../../src/features/membership/mentions.txt', import.meta.url);

test('a text mentions those whom it mentions for the server', () => {
  const lines = readFileSync(EXAMPLES, 'utf8').split('\n').filter((line) => line && !line.startsWith('//'));
  const examples = lines.map((line) => line.split('|')).map(([names, ...text]) => [names.trim().split(/\s+/).filter(Boolean), text.join('|').trimStart().replaceAll('\\n', '\n')]);
  assert.ok(examples.length > 20);
  const all = new Set(examples.flatMap(([names]) => names).concat('ani', 'budi').map((name) => name.toLowerCase()));
  for (const [names, text] of examples) {
    const meant = new Set(names.map((name) => name.toLowerCase()));
    for (const name of all) assert.equal(mentions(text, name), meant.has(name), `${name}: ${text}`);
  }
});
