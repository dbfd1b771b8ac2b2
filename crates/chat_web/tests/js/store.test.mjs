// The store: any order of arrival gives the same timeline, and holes are seen.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as store from '../../static/js/store.js';
import { dice } from './dice.mjs';

const ME = { id: 'me', name: 'ana' };
const BUDI = { id: 'b', name: 'budi' };
const AT = '2026-11-22T10:00:00.000Z';

const hello = (instance = 'i1', last = 0) => ({
  type: 'Hello', v: 1, session: 'me', you: ME, limits: { text_bytes: 2048 }, commands: [], server: { name: 'chat', instance },
  rooms: [{ id: 'lobby', last_seq: last, read_seq: 0, topic: '', modes: '+', op: false }],
});

/** What happens in a room: messages, and changes to them, numbered without a hole. */
function history(chance, length) {
  const log = [];
  const alive = [];
  for (let seq = 1; seq <= length; seq += 1) {
    const from = chance.pick([ME, BUDI]);
    const what = alive.length > 0 ? chance.pick(['say', 'say', 'say', 'edit', 'delete', 'react', 'react']) : 'say';
    const target = what === 'say' ? 0 : chance.pick(alive);
    if (what === 'say') {
      log.push({ type: 'Message', room: 'lobby', seq, id: `id${seq}`, from, at: AT, text: `text ${seq}`, ...(from === ME ? { cid: `cid-${seq}` } : {}) });
      alive.push(seq);
    } else if (what === 'edit') log.push({ type: 'MessageEdited', room: 'lobby', seq, target, from, at: AT, text: `edit ${seq}` });
    else if (what === 'delete') {
      log.push({ type: 'MessageDeleted', room: 'lobby', seq, target, from, at: AT });
      alive.splice(alive.indexOf(target), 1);
    } else log.push({ type: 'Reaction', room: 'lobby', seq, target, from, at: AT, emoji: chance.pick(['👍', '🎉']), on: chance.next() < 0.7 });
  }
  return log;
}

/** The room as it is after the first `upTo` events, by the plainest way there is. */
function truth(log, upTo = log.length) {
  const messages = new Map();
  for (const event of log.slice(0, upTo)) {
    const message = messages.get(event.target);
    if (event.type === 'Message') messages.set(event.seq, { seq: event.seq, from: event.from.name, text: event.text, edited: false, deleted: false, reactions: {} });
    if (event.type === 'MessageEdited') Object.assign(message, { text: event.text, edited: true });
    if (event.type === 'MessageDeleted') Object.assign(message, { text: '', deleted: true, reactions: {} });
    if (event.type === 'Reaction') {
      const names = new Set(message.reactions[event.emoji] ?? []);
      if (event.on) names.add(event.from.name);
      else names.delete(event.from.name);
      if (names.size > 0) message.reactions[event.emoji] = [...names].sort();
      else delete message.reactions[event.emoji];
    }
  }
  return [...messages.values()];
}

const shown = (room) => store.timeline(room).map(({ seq, from, text, edited, deleted, reactions }) =>
  ({ seq, from: from.name, text, edited: Boolean(edited), deleted: Boolean(deleted), reactions }));

/** A page as REST gives it at the moment when `asOf` events had happened. */
function page(log, asOf, from, to) {
  const ids = new Map(log.filter((event) => event.type === 'Message').map((event) => [event.seq, event]));
  return truth(log, asOf).filter((message) => message.seq >= from && message.seq <= to)
    .map((message) => ({ ...ids.get(message.seq), ...message, cid: undefined, from: ids.get(message.seq).from }));
}

test('any order of live events, replays, pages and acknowledgements gives the same list', () => {
  for (let seed = 1; seed <= 400; seed += 1) {
    const chance = dice(seed);
    const log = history(chance, 5 + chance.below(40));
    const state = store.newState();
    store.take(state, hello(), 0);
    const room = store.findRoom(state, 'lobby');
    room.loaded = true;
    const deliveries = log.map((event) => () => store.take(state, event, 0));
    // Some events come twice, as by a resume that overlaps.
    for (const event of log) if (chance.next() < 0.4) deliveries.push(() => store.take(state, event, 0));
    for (let i = 0; i < 4; i += 1) {
      const asOf = 1 + chance.below(log.length);
      const from = 1 + chance.below(asOf);
      const to = from + chance.below(20);
      deliveries.push(() => store.putPage(room, page(log, asOf, from, to), asOf, false));
    }
    for (const event of log) {
      if (!event.cid) continue;
      store.addPending(room, { cid: event.cid, text: event.text, at: AT });
      if (chance.next() < 0.5) deliveries.push(() => store.take(state, { type: 'Ack', ref: 1, cid: event.cid, room: 'lobby', seq: event.seq, id: event.id }, 0));
    }
    chance.shuffle(deliveries).forEach((deliver) => deliver());
    assert.deepEqual(shown(room), truth(log), `seed ${seed}`);
    assert.deepEqual(room.pending, [], `seed ${seed}: nothing is pending`);
    assert.equal(room.seen, log.length, `seed ${seed}`);
    assert.equal(store.hasHole(room), false, `seed ${seed}`);
  }
});

test('a replay of a message that was edited before it, and of the edit, is the edit once', () => {
  const state = store.newState();
  store.take(state, hello(), 0);
  const room = store.findRoom(state, 'lobby');
  store.take(state, { type: 'Message', room: 'lobby', seq: 1, id: 'x', from: BUDI, at: AT, text: 'second', edited: true }, 0);
  store.take(state, { type: 'MessageEdited', room: 'lobby', seq: 2, target: 1, from: BUDI, at: AT, text: 'second' }, 0);
  assert.deepEqual(shown(room).map((message) => message.text), ['second']);
});

test('a hole asks for a resume, once the room is loaded', () => {
  const state = store.newState();
  store.take(state, hello('i1', 3), 0);
  const room = store.findRoom(state, 'lobby');
  store.putPage(room, [], 3, true);
  room.loaded = true;
  const say = (seq) => store.take(state, { type: 'Message', room: 'lobby', seq, id: `${seq}`, from: BUDI, at: AT, text: 'x' }, 0);
  assert.deepEqual(say(4).map((effect) => effect.do), ['heard']);
  assert.deepEqual(say(7).map((effect) => effect.do), ['heard', 'resume']);
  assert.equal(room.seen, 4);
  say(5);
  assert.deepEqual(say(6).map((effect) => effect.do), ['heard']);
  assert.equal(room.seen, 7);
});

test('after a restart of the server the old numbers count for nothing, and what is unsent stays', () => {
  const state = store.newState();
  store.take(state, hello('i1'), 0);
  const room = store.findRoom(state, 'lobby');
  store.take(state, { type: 'Message', room: 'lobby', seq: 900, id: 'x', from: BUDI, at: AT, text: 'old' }, 0);
  store.addPending(room, { cid: 'c1', text: 'unsent', at: AT });
  store.take(state, hello('i2'), 0);
  assert.deepEqual(shown(room), []);
  assert.equal(room.pending.length, 1);
  assert.equal(room.loaded, false);
});

test('people come, go, and change their names', () => {
  const state = store.newState();
  store.take(state, hello(), 0);
  const room = store.findRoom(state, 'lobby');
  store.take(state, { type: 'UserJoined', room: 'lobby', user: BUDI, at: AT }, 0);
  store.take(state, { type: 'UserTyping', room: 'lobby', user: BUDI }, 0);
  store.take(state, { type: 'UserRenamed', user: { id: 'b', name: 'robert' }, old: 'budi', at: AT }, 0);
  assert.deepEqual([...room.people.values()].map((one) => one.name), ['robert']);
  store.take(state, { type: 'UserLeft', room: 'lobby', user: { id: 'b', name: 'robert' }, at: AT, reason: 'quit' }, 0);
  assert.equal(room.people.size + room.typing.size, 0);
  assert.deepEqual(room.notices.map((notice) => notice.kind), ['joined', 'renamed', 'left']);
});

test('what is unread counts what others said', () => {
  const state = store.newState();
  store.take(state, hello(), 0);
  const room = store.findRoom(state, 'lobby');
  for (const [seq, from] of [[1, BUDI], [2, ME], [3, BUDI]]) store.take(state, { type: 'Message', room: 'lobby', seq, id: `${seq}`, from, at: AT, text: 'x' }, 0);
  assert.equal(store.unread(state, room), 2);
  store.take(state, { type: 'Read', room: 'lobby', seq: 1 }, 0);
  assert.equal(store.unread(state, room), 1);
});

test('a name is named by itself, not inside a word', () => {
  assert.ok(store.mentions('halo Ana!', 'ana'));
  assert.ok(store.mentions('@ana', 'ana'));
  assert.ok(!store.mentions('banana ana-maria', 'ana'));
  assert.ok(!store.mentions('x', ''));
});

test('a whisper goes to the conversation of the other', () => {
  const state = store.newState();
  store.take(state, hello(), 0);
  store.dmWith(state, 'budi').pending.push({ cid: 'c', text: 'hi' });
  store.take(state, { type: 'Whisper', from: ME, to: BUDI, at: AT, text: 'hi', cid: 'c' }, 0);
  const effects = store.take(state, { type: 'Whisper', from: BUDI, to: ME, at: AT, text: 'psst' }, 0);
  const dm = store.dmWith(state, 'Budi');
  assert.deepEqual([dm.messages.length, dm.pending.length, dm.unread, effects[0].do], [2, 0, 1, 'whispered']);
});
