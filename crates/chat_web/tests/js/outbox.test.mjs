// The outbox: in order, one at a time, kept over a reload, never lost to another tab.

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';
import * as outbox from '../../static/js/outbox.js';
import { sending } from '../../static/js/sending.js';

function shelf() {
  const kept = new Map();
  return { kept, get length() { return kept.size; }, key: (i) => [...kept.keys()][i], getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v), removeItem: (k) => kept.delete(k) };
}
const item = (cid) => ({ cid, room: 'lobby', text: cid });
const cids = (box) => box.items.map((one) => one.cid);

test('one is under way at a time, in the order they were typed', () => {
  const box = outbox.outbox(shelf());
  for (const cid of ['a', 'b', 'c']) outbox.add(box, item(cid), 1);
  assert.equal(outbox.next(box, 1).cid, 'a');
  outbox.sent(box, 'a', 7);
  assert.equal(outbox.next(box, 1), null);
  outbox.done(box, 'a');
  assert.equal(outbox.next(box, 1).cid, 'b');
});

test('after a cut the same goes again; a refusal that means "later" waits, another asks a person', () => {
  const box = outbox.outbox(shelf());
  outbox.add(box, item('a'), 1);
  outbox.add(box, item('b'), 1);
  outbox.sent(box, 'a', 7);
  outbox.cut(box);
  assert.equal(outbox.next(box, 1).cid, 'a');
  outbox.sent(box, 'a', 8);
  outbox.refused(box, 8, 'too fast', 100, 800);
  assert.equal(outbox.next(box, 500), null);
  assert.equal(outbox.next(box, 901).cid, 'a');
  outbox.sent(box, 'a', 9);
  assert.equal(outbox.refused(box, 8, 'an old answer', 0), null, 'an answer to another sending changes nothing');
  outbox.refused(box, 9, 'You may not speak here.', 1000);
  assert.deepEqual([outbox.find(box, 'a').state, outbox.find(box, 'a').why, outbox.next(box, 1000).cid], ['failed', 'You may not speak here.', 'b']);
  outbox.retry(box, 'a', undefined, 2000);
  assert.equal(outbox.next(box, 2000).cid, 'a', 'it keeps its place');
});

test('what is unsent outlives the page, in its order; what has lain long is not sent unasked', () => {
  const store = shelf();
  const box = outbox.outbox(store);
  for (const cid of ['a', 'b', 'c']) outbox.add(box, item(cid), 1000);
  outbox.done(box, 'b');
  store.kept.set('chat.out.x', '{broken');
  store.kept.set('another page', '{}');
  assert.deepEqual(cids(outbox.outbox(store, 2000)), ['a', 'c']);
  assert.ok(outbox.outbox(store, 2000).items.every((one) => one.state === 'queued'));
  assert.ok(outbox.outbox(store, 1001 + outbox.STALE_MS).items.every((one) => one.state === 'failed'));
  assert.deepEqual(cids(outbox.outbox(null)), []);
});

test('a clock that is set moves neither the order nor what waits', () => {
  const store = shelf(), box = outbox.outbox(store, 1e9, 0);
  outbox.add(box, item('a'), 1e9, 1000);
  outbox.add(box, item('b'), 1e9 - 3600e3, 2000);
  outbox.add(box, item('c'), 1e9 + 3600e3, 3000);
  assert.deepEqual(box.items.map((one) => outbox.isLate(one, 1500 + outbox.LATE_MS)), [true, false, false], 'late is counted from when it was said');
  outbox.retry(box, 'a', undefined, 5, 40000);
  assert.equal(outbox.isLate(outbox.find(box, 'a'), 41000), false);
  assert.deepEqual(cids(outbox.outbox(store, 1e9, 0)), ['a', 'b', 'c']);
  assert.ok([...store.kept.values()].every((kept) => !kept.includes('since')), 'no reading of that clock outlives the page');
  const future = outbox.outbox(store, 1e9 - outbox.STALE_MS - 1, 0);
  assert.equal(outbox.find(future, 'c').state, 'failed', 'a person decides on what was said before the clock was set back');
});

test('no wait asks the time of day', async () => {
  const js = new URL('../../static/js/', import.meta.url);
  // What is shown, or outlives the page, has a time of day.
  const may = { 'outbox.js': /at = Date\.now\(\)/, 'time.js': /ahead = |const now =|looked = / };
  for (const name of await readdir(js, { recursive: true })) {
    if (!name.endsWith('.js')) continue;
    const lines = (await readFile(new URL(name, js), 'utf8')).split('\n').filter((line) => line.includes('Date.now()'));
    assert.ok(lines.every((line) => may[name]?.test(line)), `${name}: ${lines.join('\n')}`);
  }
});

test('two tabs keep theirs side by side', () => {
  const store = shelf();
  const [one, two] = [outbox.outbox(store), outbox.outbox(store)];
  outbox.add(one, item('a'), 1);
  outbox.add(two, item('b'), 2);
  outbox.done(one, 'a');
  assert.deepEqual(cids(outbox.outbox(store, 3)), ['b']);
});

test('a storage that refuses costs nothing but the safety net', () => {
  const box = outbox.outbox({ length: 0, key: () => null, getItem: () => null, setItem() { throw new Error('full'); }, removeItem() { throw new Error('full'); } });
  outbox.add(box, item('a'), 1);
  assert.equal(outbox.done(box, 'a').cid, 'a');
});

test('the words that went out are the words that go out again after a reload', () => {
  const store = shelf();
  const box = outbox.outbox(store);
  outbox.rewrite(box, outbox.add(box, item('a'), 1), 'tada 🎉');
  assert.equal(outbox.outbox(store, 2).items[0].text, 'tada 🎉');
});

test('what one account has said waits for that account, until another user says that it may go', () => {
  const box = outbox.outbox(shelf());
  outbox.add(box, { ...item('a'), author: 'ani' }, 1);
  outbox.add(box, item('b'), 1);
  const why = (name) => `by ${name}`;
  assert.equal(outbox.disown(box, 'Ani', why), false);
  assert.equal(outbox.disown(box, 'ani2', why), true);
  assert.deepEqual([outbox.find(box, 'a').state, outbox.find(box, 'a').why, outbox.next(box, 1).cid], ['failed', 'by ani', 'b']);
  outbox.retry(box, 'a', 'ani2');
  assert.equal(outbox.disown(box, 'ani2', why), false);
});

test('what was to be sealed does not go out in the open', () => {
  const box = outbox.outbox(shelf());
  const asked = [];
  const connection = { isLive: () => true, ask: (frame) => asked.push(frame) };
  const state = { me: { name: 'ani' }, rooms: new Map() };
  const parts = { state, box, connection, take() {}, told() {}, announce() {}, seal: () => null };
  outbox.add(box, { ...item('a'), to: 'budi', toSeal: true, author: 'ani' });
  outbox.add(box, { ...item('b'), to: 'budi', author: 'ani' });
  sending(parts).flush();
  assert.deepEqual([outbox.find(box, 'a').state, asked.map((frame) => frame.text)], ['failed', ['b']]);
});
