// What a timeline shows, without a screen.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import * as merge from '../../static/js/merge.js';
import { isSame } from '../../static/js/dom.js';
import { rows } from '../../static/js/rows.js';
import { newRoom } from '../../static/js/store.js';
import { dice } from './dice.mjs';

const NOON = new Date(2026, 10, 23, 12).getTime();
const at = (minutes) => new Date(NOON + minutes * 60000).toISOString();
const message = (seq, more = {}) => ({ type: 'Message', room: 'tea', seq, id: `i${seq}`, from: { name: 'ana' }, at: at(seq), text: `m${seq}`, reply_to: null, reactions: {}, ...more });
const context = (more = {}) => ({ me: { name: 'budi' }, items: [], lang: 'en', hours: '24', now: NOON, isKnown: () => false, isRoom: () => false, answers: () => 0, answers: () => 0, isLate: () => false, ...more });
const ALL = { start: 0, end: null, busy: false };

function room(...messages) {
  const made = newRoom('tea');
  for (const one of messages) merge.addEvent(made.tl, one);
  made.lastSeq = merge.last(made.tl);
  made.loaded = true;
  return made;
}
const kinds = (list) => list.map((row) => row.kind === 'message' ? row.message.text : row.kind).join(' ');
const of = (list, text) => list.find((row) => row.message?.text === text);

test('a run of one author has one head; another author, five minutes, an answer and a day begin anew', () => {
  const tea = room(message(1), message(2), message(3, { from: { name: 'karl' } }), message(4), message(5, { at: at(30) }), message(6, { at: at(31), reply_to: 1 }), message(7, { at: at(32 + 24 * 60) }));
  const shown = rows(tea, ALL, context());
  assert.equal(kinds(shown), 'begin day m1 m2 m3 m4 m5 m6 day m7');
  assert.equal(shown.filter((row) => row.kind === 'message' && !row.head).map((row) => row.text).join(), 'm2');
  assert.equal(of(shown, 'm6').quoted, of(shown, 'm1').message);
});

test('a window shows its part, and what stands before and behind it', () => {
  const tea = room(...Array.from({ length: 10 }, (_, i) => message(i + 1)));
  assert.equal(kinds(rows(tea, { start: 3, end: 5, busy: false }, context())), 'older day m4 m5 newer');
  assert.equal(kinds(rows(tea, { start: 50, end: null, busy: false }, context())), 'older');
  tea.loaded = false;
  assert.equal(kinds(rows(tea, { start: 3, end: 4, busy: true }, context())), 'skeleton day m4 newer');
});

test('the line of what is new, a hole, what is lost and a note stand in their places', () => {
  const tea = room(message(1), message(2), message(5));
  tea.line = 2;
  assert.equal(kinds(rows(tea, ALL, context())), 'begin day m1 m2 gap unread m5');
  merge.cover(tea.tl, 3, 4);
  tea.lost.push([3, 4]);
  tea.notes.push({ key: 'n1', kind: 'topic', after: 1, who: 'ana', text: 'tea', at: at(1) }, { key: 'n2', kind: 'answer', after: 5, text: 'pong', at: at(5) });
  const shown = rows(tea, ALL, context());
  assert.equal(kinds(shown), 'begin day m1 note m2 gap unread m5 note');
  assert.deepEqual(shown.filter((row) => row.kind === 'gap').map(({ n, lost }) => [n, lost]), [[2, true]]);
});

test('users who come and go are one line, with what is true at the end; it stands below the heading of its day', () => {
  const tea = room(message(1), message(2, { at: at(24 * 60 + 5) }));
  const note = (key, kind, who) => ({ key, kind, who, after: 1, at: at(24 * 60) });
  tea.notes.push(note('n1', 'joined', 'karl'), note('n2', 'left', 'karl'), note('n3', 'joined', 'mira'), note('n4', 'joined', 'karl'));
  const shown = rows(tea, ALL, context());
  assert.equal(kinds(shown), 'begin day m1 day comings m2');
  const { joined, left, key } = shown.find((row) => row.kind === 'comings');
  assert.deepEqual([joined, left, key], ['karl mira', '', 'n1']);
});

test('what is unsent stands at the end, once, and keeps its row when it has arrived', () => {
  const tea = room(message(1));
  const item = { cid: 'c1', room: 'tea', text: 'hello', at: NOON, state: 'queued' };
  const waiting = of(rows(tea, ALL, context({ items: [item] })), 'hello');
  assert.ok(waiting.mine && waiting.message.item === item && waiting.key === 'c1');
  const again = of(rows(tea, ALL, context({ items: [item] })), 'hello');
  assert.ok(isSame(waiting, again), 'nothing is drawn again where nothing has changed');
  assert.ok(!isSame(waiting, of(rows(tea, ALL, context({ items: [Object.assign(item, { state: 'failed', why: 'no' })] })), 'hello')));
  const above = rows(tea, { start: 0, end: 0, busy: false }, context({ items: [item] }));
  assert.equal(kinds(above), 'begin newer', 'not while one reads further up');
  merge.addEvent(tea.tl, message(2, { cid: 'c1', from: { name: 'budi' }, text: 'hello' }));
  const arrived = rows(tea, ALL, context({ items: [item] }));
  assert.equal(kinds(arrived), 'begin day m1 hello');
  assert.equal(of(arrived, 'hello').key, 'c1');
});

test('a row differs where its look does: edit, reaction, quote, a name that is known by now, language, own name', () => {
  const tea = room(message(1, { text: 'hi @mira in #rust' }), message(2, { reply_to: 1, text: 'two' }));
  const look = (more) => rows(tea, ALL, context(more));
  const before = look();
  const differs = (list) => list.filter((row, i) => !isSame(row, before[i])).map((row) => row.text ?? row.kind);
  assert.deepEqual(differs(look()), []);
  assert.deepEqual(differs(look({ isKnown: (name) => name === 'mira' })), ['hi @mira in #rust']);
  assert.deepEqual(differs(look({ isRoom: (id) => id === 'rust' })), ['hi @mira in #rust']);
  assert.equal(differs(look({ lang: 'id' })).length, before.length);
  assert.ok(differs(look({ me: { name: 'mira' } })).length === 2 && of(look({ me: { name: 'mira' } }), 'hi @mira in #rust').ping);
  merge.addEvent(tea.tl, { type: 'MessageEdited', room: 'tea', seq: 3, target: 1, text: 'changed' });
  assert.deepEqual(differs(look()), ['changed', 'two'], 'with the message its quote');
});

test('whatever the history and the window, keys are unique and each message of the window has its row', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const roll = dice(seed);
    const tea = room(...Array.from({ length: roll.below(40) }, (_, i) => message(i * (1 + roll.below(2)) + 1, { from: { name: roll.pick(['ana', 'budi', 'karl']) }, at: at(i * roll.below(400)), act: roll.below(9) === 0, cid: `c${i}` })));
    tea.line = roll.below(3) ? null : roll.below(40);
    for (let i = 0; i < 5; i += 1) tea.notes.push({ key: `n${i}`, kind: roll.pick(['joined', 'left', 'topic']), who: roll.pick(['ana', 'karl']), after: roll.below(40), at: at(0) });
    tea.notes.sort((a, b) => a.after - b.after);
    const start = roll.below(45), end = roll.below(2) ? null : start + roll.below(20);
    const shown = rows(tea, { start, end, busy: false }, context());
    const keys = shown.filter((row) => row.kind !== 'day').map((row) => row.key);
    assert.equal(new Set(keys).size, keys.length, `seed ${seed}`);
    const window = tea.tl.order.slice(Math.min(start, tea.tl.order.length), end ?? undefined);
    assert.deepEqual(shown.filter((row) => row.message).map((row) => row.message.seq), window, `seed ${seed}`);
  }
});

test('a link to a message of this page has that message beside it, once it is known', () => {
  const far = { seq: 4, v: 1, from: { name: 'karl' }, at: at(0), text: 'here it is' };
  const tea = room(message(1, { text: 'see https://chat.example/#rust/4.' }), message(2, { text: 'https://other.example/#rust/4 https://chat.example/#rust' }));
  const look = (known) => rows(tea, ALL, context({ here: 'https://chat.example/', card: (place) => (known && place.room === 'rust' && place.seq === 4 ? far : null) })).filter((row) => row.message);
  assert.deepEqual(look(false).map((row) => row.card), [null, null]);
  assert.deepEqual(look(true).map((row) => row.card), [far, null]);
  assert.ok(!isSame(look(false)[0], look(true)[0]));
});
