// The heart of the page: any order of arrival gives the same timeline, holes are seen, and the past is forgotten cleanly.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as merge from '../../static/js/merge.js';
import { dice } from './dice.mjs';

const ME = { id: 'me', name: 'ana' };
const BUDI = { id: 'b', name: 'budi' };
const AT = '2026-11-22T10:00:00.000Z';

/** What happens in a room: messages, and changes to them, numbered without a hole. */
export function history(chance, length) {
  const log = [], alive = [];
  for (let seq = 1; seq <= length; seq += 1) {
    const from = chance.pick([ME, BUDI]);
    const what = alive.length > 0 ? chance.pick(['say', 'say', 'say', 'edit', 'delete', 'react', 'react', 'react']) : 'say';
    const target = what === 'say' ? 0 : chance.pick(alive);
    if (what === 'say') {
      log.push({ type: 'Message', room: 'lobby', seq, id: `id${seq}`, from, at: AT, text: `text ${seq}`, reactions: {}, ...(from === ME ? { cid: `cid-${seq}` } : {}) });
      alive.push(seq);
    } else if (what === 'edit') log.push({ type: 'MessageEdited', room: 'lobby', seq, target, from, at: AT, text: `edit ${seq}` });
    else if (what === 'delete') {
      log.push({ type: 'MessageDeleted', room: 'lobby', seq, target, from, at: AT });
      alive.splice(alive.indexOf(target), 1);
    } else log.push({ type: 'Reaction', room: 'lobby', seq, target, from, at: AT, emoji: chance.pick(['👍', '🎉']), on: chance.next() < 0.6 });
  }
  return log;
}

/** The room as it is after the first `upTo` events, by the plainest way there is. */
function truth(log, upTo = log.length) {
  const messages = new Map();
  for (const event of log.slice(0, upTo)) {
    const message = messages.get(event.target);
    if (event.type === 'Message') messages.set(event.seq, { ...event, edited: false, deleted: false, reactions: {} });
    if (event.type === 'MessageEdited') Object.assign(message, { text: event.text, edited: true });
    if (event.type === 'MessageDeleted') Object.assign(message, { text: '', edited: false, deleted: true, reactions: {} });
    if (event.type === 'Reaction') {
      const names = new Set(message.reactions[event.emoji] ?? []);
      if (event.on) names.add(event.from.name); else names.delete(event.from.name);
      if (names.size) message.reactions[event.emoji] = [...names]; else delete message.reactions[event.emoji];
    }
  }
  return [...messages.values()];
}

const plain = (list) => list.map(({ seq, id, from, text, edited, deleted, reactions }) => ({
  seq, id, from: from.name ?? from, text, edited: !!edited, deleted: !!deleted,
  reactions: (Array.isArray(reactions) ? reactions : Object.entries(reactions)).map(([emoji, names]) => [emoji, [...names].sort()]).sort((a, b) => (a[0] < b[0] ? -1 : 1)),
}));

/** A page as REST gives it at the moment when `asOf` events had happened, with the range it speaks of. */
function page(log, chance) {
  const asOf = 1 + chance.below(log.length);
  const all = truth(log, asOf);
  const a = 1 + chance.below(asOf), b = Math.min(asOf, a + chance.below(20));
  return { items: all.filter((one) => one.seq >= a && one.seq <= b), asOf, a, b };
}

test('live events, replays, pages and acks in any order, some of them twice, give the same list', () => {
  for (let seed = 1; seed <= 600; seed += 1) {
    const chance = dice(seed);
    const log = history(chance, 5 + chance.below(40));
    const tl = merge.timeline();
    const deliveries = log.map((event) => () => merge.addEvent(tl, event));
    // A resume that overlaps brings events again; a replay may hold a message as it is by now, before its changes come.
    for (const event of log) if (chance.next() < 0.4) deliveries.push(() => merge.addEvent(tl, event));
    for (const now of truth(log)) if (chance.next() < 0.3) deliveries.push(() => merge.addEvent(tl, now));
    for (let i = 0; i < 4; i += 1) { const p = page(log, chance); deliveries.push(() => merge.addPage(tl, p.items, p.asOf, p.a, p.b)); }
    for (const event of log) if (event.cid && chance.next() < 0.6) deliveries.push(() => merge.addAcked(tl, { ...event, at: 'by my clock' }));
    chance.shuffle(deliveries).forEach((deliver) => deliver());
    assert.deepEqual(plain(merge.entries(tl)), plain(truth(log)), `seed ${seed}`);
    assert.deepEqual(tl.have, [[1, log.length]], `seed ${seed}: everything is known`);
    assert.ok(merge.entries(tl).every((one) => one.at === AT), `seed ${seed}: the server's clock stands`);
    for (const event of log) if (event.cid) assert.equal(tl.cids.get(event.cid), event.seq);
  }
});

test('pages alone give the same list as events alone, for what both tell', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const chance = dice(seed);
    const log = history(chance, 30);
    const asOf = log.length, all = truth(log);
    const tl = merge.timeline();
    const cuts = chance.shuffle([[1, 7], [8, 15], [16, 22], [23, 30]]);
    for (const [a, b] of cuts) merge.addPage(tl, all.filter((one) => one.seq >= a && one.seq <= b), asOf, a, b);
    assert.deepEqual(plain(merge.entries(tl)), plain(all), `seed ${seed}`);
    assert.ok(merge.atStart(tl) && merge.last(tl) === 30 && merge.holes(tl).length === 0);
  }
});

test('holes are what is between, and they close', () => {
  const tl = merge.timeline();
  for (const seq of [1, 2, 5, 9]) merge.addEvent(tl, { type: 'Message', room: 'r', seq, id: `${seq}`, from: BUDI, at: AT, text: 'x' });
  assert.deepEqual(merge.holes(tl), [[3, 4], [6, 8]]);
  merge.addPage(tl, [], 9, 3, 4);
  merge.addEvent(tl, { type: 'Reaction', room: 'r', seq: 7, target: 1, from: BUDI, at: AT, emoji: '👍', on: true });
  assert.deepEqual(merge.holes(tl), [[6, 6], [8, 8]]);
  merge.cover(tl, 6, 8);
  assert.deepEqual(merge.holes(tl), []);
});

test('a change that comes before its message waits for it', () => {
  const tl = merge.timeline();
  assert.equal(merge.addEvent(tl, { type: 'MessageEdited', room: 'r', seq: 2, target: 1, from: BUDI, at: AT, text: 'second' }), 0);
  merge.addEvent(tl, { type: 'Message', room: 'r', seq: 1, id: 'x', from: BUDI, at: AT, text: 'first' });
  assert.equal(merge.entries(tl)[0].text, 'second');
});

test('the same number with another id is another log', () => {
  const tl = merge.timeline();
  merge.addEvent(tl, { type: 'Message', room: 'r', seq: 1, id: 'x', from: BUDI, at: AT, text: 'old' });
  assert.equal(merge.addEvent(tl, { type: 'Message', room: 'r', seq: 1, id: 'y', from: BUDI, at: AT, text: 'new' }), 'other-log');
  assert.equal(merge.addPage(tl, [{ seq: 1, id: 'y', from: BUDI, at: AT, text: 'new' }], 1, 1, 1), 'other-log');
});

test('what is forgotten can be paged in again', () => {
  const chance = dice(5);
  const log = history(chance, 40);
  const tl = merge.timeline();
  log.forEach((event) => merge.addEvent(tl, event));
  merge.forgetBefore(tl, 21);
  assert.ok(merge.entries(tl).every((one) => one.seq >= 21) && merge.first(tl) === 21 && !merge.atStart(tl));
  merge.addPage(tl, truth(log).filter((one) => one.seq < 21), 40, 1, 20);
  assert.deepEqual(plain(merge.entries(tl)), plain(truth(log)));
});
