// Prefs: whose drafts those of this browser are.

import assert from 'node:assert/strict';
import { test } from 'node:test';

const kept = new Map();
globalThis.localStorage = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v), removeItem: (k) => kept.delete(k) };
const { draft, setDraft, setSealed } = await import('../../static/js/prefs.js');

test('a draft of a sealed talk is its account\'s, in the talk and in its threads', () => {
  setDraft('ani', '@budi', 'at eight');
  setDraft('ani', 'lobby', 'hello');
  setSealed('ani', '@budi', true);
  setDraft('ani', 'thread.@budi.7', 'by the river');
  assert.deepEqual([draft('Ani', '@budi'), draft('ani', 'thread.@budi.7')], ['at eight', 'by the river']);
  for (const other of ['citra', undefined]) {
    assert.deepEqual([draft(other, '@budi'), draft(other, 'thread.@budi.7')], ['', ''], 'not another user of this browser');
    assert.equal(draft(other, 'lobby'), 'hello');
  }
  // No longer sealed it is a draft like others.
  setSealed('ani', '@budi', false);
  assert.equal(draft('ani', '@budi'), 'at eight');
  assert.deepEqual([...kept.keys()].filter((key) => key.includes('ani/@budi')), []);
});
