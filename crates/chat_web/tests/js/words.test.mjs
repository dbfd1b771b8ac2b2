// Frames, texts, names, times, languages: the small pure parts.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { EMOJI, replaceNames, startingWith } from '../../static/js/emoji.js';
import { format, plain } from '../../static/js/format.js';
import en from '../../static/js/i18n/en.js';
import id from '../../static/js/i18n/id.js';
import { words } from '../../static/js/i18n.js';
import { linkify, safe } from '../../static/js/linkify.js';
import { hue, initials, isName, isRoom, propose } from '../../static/js/names.js';
import { newCid, newOutbox } from '../../static/js/outbox.js';
import { rows } from '../../static/js/rows.js';
import * as store from '../../static/js/store.js';
import { clock, day, dayLabel, toMidnight } from '../../static/js/time.js';
import { SERVER_TYPES, decode, encode } from '../../static/js/wire.js';
import { dice } from './dice.mjs';

const HOSTILE = [
  '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', 'javascript:alert(1)', 'data:text/html,<script>1</script>', '[x](javascript:1)',
  'http://a.example/"onmouseover="x', 'https://user:pass@evil.example', 'vbscript:x', '`<b>`', '**<i>**', '_javascript:1_', 'http://', 'www.',
  'https://example.org/`x`', '> <svg/onload=1>', 'mailto:a@b.c?subject=<x>', 'java\u0000script:1', '\u202ehttp://moc.elpmaxe', 'http://exa mple.org',
];

const walk = (nodes) => nodes.flatMap((node) => [node, ...walk(node.children ?? [])]);

test('a text becomes a tree that holds the same words and no harmful address', () => {
  for (const text of HOSTILE) {
    for (const node of walk(format(text, 'ana'))) {
      if (node.href) assert.match(node.href, /^(https?:\/\/[^@/]+|mailto:)/, text);
      assert.ok(['text', 'code', 'link', 'mention', 'room', 'quote', 'strong', 'em', 's'].includes(node.kind));
    }
  }
  assert.equal(plain(format('plain words, http://example.org/a_b, @ana #rust')), 'plain words, http://example.org/a_b, @ana #rust');
});

test('whatever is typed, nothing of the words is lost but the marks', () => {
  for (let seed = 1; seed <= 3_000; seed += 1) {
    const chance = dice(seed);
    const bits = ['*', '**', '_', '~~', '`', ' ', 'a', 'b c', '@ana', '#rust', 'http://x.example/a_b', '(', ')', '>', '\\', '👍', 'é', ':', '.'];
    const text = Array.from({ length: chance.below(14) }, () => chance.pick(bits)).join('');
    const letters = (words) => words.replace(/[*_~`>\s]/g, '');
    assert.equal(letters(plain(format(text))), letters(text), JSON.stringify(text));
  }
});

test('marks stand at the edges of words', () => {
  const kinds = (text) => walk(format(text)).map((node) => node.kind).filter((kind) => kind !== 'text');
  assert.deepEqual(kinds('*bold* and _this_ and **that** and ~~not~~'), ['em', 'em', 'strong', 's']);
  assert.deepEqual(kinds('snake_case_name and 2*3*4 and a * b * c'), []);
  assert.deepEqual(kinds('`a *b* c`'), ['code']);
  assert.deepEqual(kinds('> said'), ['quote']);
  assert.deepEqual(format('hi @Ana', 'ana')[1], { kind: 'mention', text: '@Ana', me: true });
  assert.deepEqual(kinds('mail@host.example #1st'), ['room']);
});

test('addresses end where their sentence does', () => {
  const links = (text) => linkify(text).filter((part) => part.href).map((part) => part.text);
  assert.deepEqual(links('see https://example.org/a. And (http://b.example/c), www.d.example!'), ['https://example.org/a', 'http://b.example/c', 'www.d.example']);
  assert.deepEqual(links('https://en.example/wiki/Rust_(language)'), ['https://en.example/wiki/Rust_(language)']);
  assert.equal(safe('https://аррӏе.example')?.includes('xn--'), true, 'a host of mixed scripts is shown as it is');
  for (const bad of ['javascript:1', 'data:x', 'ftp://x', 'https://a:b@c', 'nonsense']) assert.equal(safe(bad), null, bad);
});

test('only frames that have what they need come in', () => {
  const good = { type: 'Message', room: 'lobby', seq: 1, id: 'x', from: { id: 'a', name: 'b' }, at: 't', text: '' };
  assert.deepEqual(decode(JSON.stringify(good)), good);
  for (const field of ['room', 'seq', 'id', 'from', 'at', 'text']) assert.equal(decode(JSON.stringify({ ...good, [field]: undefined })), null, field);
  for (const text of ['', '[]', 'null', '1', '{}', '{"type":"toString"}', '{"type":"Nix"}', '{"type":1}', '{']) assert.equal(decode(text), null, text);
  assert.equal(decode(JSON.stringify({ ...good, seq: -1 })), null);
  assert.equal(decode(JSON.stringify({ ...good, unknown: 1 })).unknown, 1, 'what is new is let through');
  assert.equal(encode({ type: 'Send', reply_to: null, act: undefined, text: 'x' }), '{"type":"Send","text":"x"}');
});

test('the page knows every frame of the manual', () => {
  const manual = readFileSync(new URL('../../../../docs/protocol.md', import.meta.url), 'utf8');
  const section = manual.split('### 2.1')[1].split('### 2.2')[0];
  const named = new Set([...section.matchAll(/\{"type":"(\w+)"/g)].map((match) => match[1]));
  assert.deepEqual([...named].sort(), [...SERVER_TYPES].sort());
});

test('names', () => {
  for (let seed = 1; seed < 50; seed += 1) assert.ok(isName(propose(dice(seed).next)));
  assert.ok(isName('_a-1') && !isName('1a') && !isName('two words') && !isName('x'.repeat(33)));
  assert.ok(isRoom('#rust') && isRoom('rust') && !isRoom('#') && !isRoom('a b'));
  assert.equal(initials('bright-otter') + initials('ana'), 'BOAN');
  assert.ok(hue('ana') === hue('ANA') && hue('ana') >= 0 && hue('ana') < 360);
});

test('times', () => {
  const at = new Date(2026, 10, 22, 15, 4).getTime();
  assert.equal(day(at), '2026-11-22');
  assert.match(clock(at, 'en', true), /15.04/);
  assert.match(clock(at, 'en', false), /3.04/);
  assert.equal(dayLabel(at, at, 'en'), 'Today');
  assert.equal(dayLabel(at - 86_400_000, at, 'id'), 'Kemarin');
  assert.match(dayLabel(at - 5 * 86_400_000, at, 'en'), /November 17, 2026|17 November 2026/);
  assert.ok(toMidnight(at) > 0 && toMidnight(at) < 9 * 3_600_000);
});

test('emoji by name', () => {
  assert.equal(replaceNames('yes :+1: :nix: 10:30:00'), 'yes 👍 :nix: 10:30:00');
  assert.ok(startingWith('hea').includes('heart') && Object.hasOwn(EMOJI, 'tada'));
});

test('both languages have the same words to fill', () => {
  assert.deepEqual(Object.keys(en).sort(), Object.keys(id).sort());
  const holes = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort().join();
  for (const key of Object.keys(en)) assert.equal(holes(en[key]), holes(id[key]), key);
  assert.equal(words('id')('peopleHere', { n: 3 }), 'Orang · 3');
  assert.equal(words('xx')('nix'), 'nix');
});

test('every word that the page asks for is there', () => {
  const folder = new URL('../../static/js/', import.meta.url);
  const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.js') && !file.startsWith('i18n'));
  const asked = files.flatMap((file) => [...readFileSync(new URL(file, folder), 'utf8').matchAll(/\bt\('([\w.]+)'/g)].map((match) => match[1]));
  assert.ok(asked.length > 50);
  for (const key of asked) assert.ok(Object.hasOwn(en, key), key);
});

test('what is unsent outlives the page, in its order', () => {
  const kept = new Map();
  const box = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  const outbox = newOutbox(box);
  outbox.add({ cid: 'a', text: '1' });
  outbox.add({ cid: 'b', text: '2' });
  outbox.remove('a');
  outbox.add({ cid: 'c', text: '3' });
  assert.deepEqual(newOutbox(box).all().map((item) => item.cid), ['b', 'c']);
  kept.set('chat.unsent', '{broken');
  assert.deepEqual(newOutbox(box).all(), []);
  assert.deepEqual(newOutbox(null).all(), []);
  assert.match(newCid((bytes) => bytes.fill(171)), /^(ab){16}$/);
});

test('one author’s messages stand together, within five minutes, a day, and one side of the unread line', () => {
  const state = store.newState();
  state.me = { id: 'me', name: 'ana' };
  const room = store.roomOf(state, 'lobby');
  const say = (seq, who, minute, extra = {}) => store.putMessage(room, { room: 'lobby', seq, id: `${seq}`, from: { id: who, name: who }, at: new Date(2026, 10, 22, 10, minute).toISOString(), text: 'x', ...extra });
  say(1, 'b', 0);
  say(2, 'b', 4);
  say(3, 'b', 10);
  say(4, 'c', 10);
  say(5, 'c', 11, { act: true });
  say(6, 'c', 11);
  say(7, 'c', 11);
  const heads = () => rows(state, room).filter((row) => row.kind === 'message').map((row) => row.head);
  assert.deepEqual(heads(), [true, false, true, true, true, true, false]);
  room.marker = 6;
  assert.deepEqual(rows(state, room).map((row) => row.kind), ['day', ...Array(6).fill('message'), 'unread', 'message']);
  assert.equal(heads()[6], true);
  store.putMessage(room, { room: 'lobby', seq: 8, id: '8', from: { id: 'c', name: 'c' }, at: new Date(2026, 10, 23, 0, 1).toISOString(), text: 'x' });
  assert.equal(rows(state, room).filter((row) => row.kind === 'day').length, 2);
});
