// The store: rooms, people, what is unread, whispers, and what a restart of the server leaves of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as store from '../../static/js/store.js';
import * as merge from '../../static/js/merge.js';
import { check } from '../../static/js/wire.js';

const ME = { id: 'me', name: 'ana' };
const BUDI = { id: 'b', name: 'budi' };
const AT = '2026-11-22T10:00:00.000Z';
const away = { now: 0, watching: false }, here = { now: 0, watching: true };

const hello = (instance = 'i1', last = 0, read = 0) => ({
  type: 'Hello', v: 1, session: 'me', you: ME, limits: { text_bytes: 2048 }, commands: [], server: { name: 'chat', instance },
  rooms: [{ id: 'lobby', last_seq: last, read_seq: read, topic: '', modes: '+', op: false }],
});
function begun(...args) {
  const state = store.initial();
  store.reduce(state, hello(...args));
  state.current = 'lobby';
  return { state, room: state.rooms.get('lobby'), take: (event, ctx = away) => store.reduce(state, event, ctx).map((change) => change.what) };
}
const say = (seq, from = BUDI, text = 'x') => ({ type: 'Message', room: 'lobby', seq, id: `${seq}`, from, at: AT, text, reactions: {} });

test('what others say unseen is unread; what one watches is read', () => {
  const { room, take } = begun();
  take(say(1)); take(say(2, ME)); take(say(3));
  assert.deepEqual([room.unread, room.pinged, room.line], [2, 0, 0]);
  take({ type: 'seen', room: 'lobby' });
  assert.deepEqual([room.unread, room.readSeq, room.line], [0, 3, 0], 'the line stays until it has done its work');
  take({ type: 'unlined', room: 'lobby' });
  assert.ok(take(say(4), here).includes('read'));
  assert.deepEqual([room.unread, room.readSeq, room.line], [0, 4, null]);
});

test('a replay counts once, an edit not at all, a name counts as a call', () => {
  const { room, take } = begun();
  take(say(1)); take(say(1));
  take({ type: 'MessageEdited', room: 'lobby', seq: 2, target: 1, from: BUDI, at: AT, text: 'hi ana' });
  assert.deepEqual([room.unread, room.pinged], [1, 0]);
  take(say(3, BUDI, 'hi @ana'));
  assert.deepEqual([room.unread, room.pinged], [2, 1]);
  take({ type: 'Read', room: 'lobby', seq: 3 });
  assert.deepEqual([room.unread, room.pinged], [0, 0], 'another tab has read it');
});

test('what was missed while one was elsewhere is unread from the start, on a first visit it is not', () => {
  assert.deepEqual([begun('i', 50, 40).room.unread, begun('i', 50, 40).room.line], [10, 40]);
  assert.equal(begun('i', 50, 0).room.unread, 0);
});

test('something of a feature is a line of the room it is about, and no message', () => {
  const { room, take } = begun();
  const waved = { type: 'Feature', kind: 'WAVE', room: 'lobby', at: AT, fields: ['budi'], pairs: {}, text: 'hi', sentence: 'budi waves at all: hi' };
  assert.deepEqual(take(check(waved)), ['timeline']);
  assert.deepEqual(room.notes.map(({ kind, text }) => [kind, text]), [['feature', 'budi waves at all: hi']]);
  assert.deepEqual([room.tl.order, room.unread], [[], 0]);
  assert.deepEqual(take(check({ ...waved, room: 'elsewhere' })), []);
  take(check({ ...waved, room: undefined }));
  assert.equal(room.notes.length, 2, 'where it is everywhere, it is here');
});

test('a hole asks to be mended; a gap too wide forgets what is before it', () => {
  const { room, take } = begun();
  take({ type: 'page', room: 'lobby', messages: [say(1), say(2)], last_seq: 2, prev: null, next: null });
  assert.ok(room.loaded && merge.atStart(room.tl));
  assert.ok(take(say(5)).includes('holes'));
  assert.ok(!take({ type: 'page', room: 'lobby', messages: [say(3), say(4)], last_seq: 5, after: 2, prev: 1, next: 4 }).includes('holes'));
  take({ type: 'Gap', room: 'lobby', missing_from: 6, to: 4000 });
  take(say(4001));
  assert.deepEqual(room.tl.order, [4001]);
  assert.ok(!merge.atStart(room.tl) && merge.holes(room.tl).length === 0);
});

test('what a gap took is unread, by its numbers until the page brings it, and read where one watches', () => {
  const page = (messages, last, more) => ({ type: 'page', room: 'lobby', messages, last_seq: last, prev: null, next: null, ...more });
  const { room, take } = begun();
  take(page([say(1)], 1));
  take({ type: 'seen', room: 'lobby' });
  assert.ok(take({ type: 'Gap', room: 'lobby', missing_from: 2, to: 5 }).includes('rooms'));
  assert.deepEqual([room.unread, room.pinged, room.line], [4, 0, 1]);
  take(say(6));
  assert.equal(room.unread, 5);
  take(page([say(2), say(3, ME), say(5, BUDI, 'hi @ana')], 6, { after: 1 }));
  assert.deepEqual([room.unread, room.pinged, room.line], [3, 1, 1], 'one was an edit, and one is one’s own');
  take({ type: 'seen', room: 'lobby' }, here);
  take({ type: 'Gap', room: 'lobby', missing_from: 7, to: 9 }, here);
  assert.deepEqual([room.unread, room.readSeq], [0, 9]);

  const other = begun();
  other.take(page([say(1)], 1));
  other.take(say(4));
  assert.equal(other.room.unread, 1);
  other.take(page([say(2), say(3)], 4, { after: 1 }));
  assert.equal(other.room.unread, 1, 'what came before the line of one who never read here is not counted');
  other.take({ type: 'Gap', room: 'lobby', missing_from: 5, to: 5 + store.WIDE });
  other.take(say(6 + store.WIDE));
  assert.equal(other.room.unread, store.WIDE + 3, 'and what is too much to fetch is counted by its numbers');

  const unseen = begun();
  unseen.take({ type: 'Gap', room: 'lobby', missing_from: 1, to: 3 });
  assert.deepEqual([unseen.room.unread, unseen.room.tl.have], [3, []], 'a room that was not looked at yet counts too');
});

test('what is not kept any more is said, and not asked for again', () => {
  const { room, take } = begun();
  take({ type: 'page', room: 'lobby', messages: [say(1)], last_seq: 1, prev: null, next: null });
  take(say(9));
  take({ type: 'lost', room: 'lobby', from: 2, to: 8 });
  assert.deepEqual([merge.holes(room.tl), room.lost], [[], [[2, 8]]]);
});

test('an empty room has a beginning', () => {
  const { room, take } = begun();
  take({ type: 'page', room: 'lobby', messages: [], last_seq: 0, prev: null, next: null });
  assert.ok(room.loaded && merge.atStart(room.tl) && merge.last(room.tl) === 0);
});

test('after a restart of the server the old numbers count for nothing', () => {
  for (const next of [hello('i2'), hello('i1', 3)]) {
    const { state, room, take } = begun('i1', 0);
    take(say(900));
    const changes = store.reduce(state, next).map((change) => change.what);
    assert.ok(changes.includes('reload') && room.tl.order.length === 0 && !room.loaded);
  }
});

test('people come, go, type and change their names; a conversation goes along', () => {
  const { state, room, take } = begun();
  take({ type: 'UserJoined', room: 'lobby', user: BUDI, at: AT });
  take({ type: 'UserTyping', room: 'lobby', user: BUDI });
  take({ type: 'whisper', name: 'budi' });
  assert.ok(take({ type: 'UserRenamed', user: { id: 'b', name: 'robert' }, old: 'budi', at: AT }).includes('moved'));
  assert.deepEqual([...room.people.values()].map((one) => one.name), ['robert']);
  assert.ok(state.rooms.has('@robert') && !state.rooms.has('@budi'));
  take({ type: 'Presence', user: { id: 'b', name: 'robert' }, state: 'away', away: 'lunch' });
  assert.equal(room.people.get('b').away, 'lunch');
  take({ type: 'tick' }, { now: store.TYPING_MS + 1, watching: false });
  assert.equal(room.typing.size, 0, 'nobody types for ever');
  take({ type: 'UserLeft', room: 'lobby', user: { id: 'b', name: 'robert' }, at: AT, reason: 'quit' });
  assert.equal(room.people.size, 0);
  assert.deepEqual(room.notes.map((note) => note.kind), ['joined', 'renamed', 'left']);
  take({ type: 'UserRenamed', user: { id: 'me', name: 'citra' }, old: 'ana', at: AT });
  assert.equal(state.me.name, 'citra');
});

test('a sealed talk keeps its name when its user leaves the account', () => {
  const { state, take } = begun();
  take({ type: 'whisper', name: 'budi' });
  const ctx = { now: 0, watching: false, above: false, seals: (room) => room === '@budi' };
  assert.ok(!take({ type: 'UserRenamed', user: { id: 'b', name: 'budi2' }, old: 'budi', at: AT }, ctx).includes('moved'));
  assert.ok(state.rooms.has('@budi') && !state.rooms.has('@budi2'));
});

test('a whisper goes to the conversation with the other, one’s own once', () => {
  const { state, take } = begun();
  take({ type: 'Whisper', from: ME, to: BUDI, at: AT, text: 'hi', cid: 'c' });
  take({ type: 'Whisper', from: ME, to: BUDI, at: AT, text: 'hi', cid: 'c' });
  take({ type: 'Whisper', from: BUDI, to: ME, at: AT, text: 'psst' });
  const dm = state.rooms.get('@budi');
  assert.deepEqual([merge.entries(dm.tl).map((one) => one.text), dm.unread, dm.pinged], [['hi', 'psst'], 1, 1]);
});

test('what one may do is what the server says; what is done to oneself is said aloud', () => {
  const { state, room, take } = begun();
  assert.deepEqual([state.role, room.op], ['member', false]);
  assert.deepEqual(take({ type: 'Operator', room: 'lobby', user: BUDI, at: AT }), ['rooms', 'timeline']);
  assert.deepEqual(take({ type: 'Moderated', room: 'lobby', what: 'op', user: ME, by: 'budi', at: AT, text: 'x' }), ['notice', 'rooms', 'timeline']);
  assert.equal(room.op, false, 'nothing is guessed from what one hears');
  take({ type: 'RoomEntered', room: { id: 'tea', last_seq: 0, read_seq: 0, topic: '', modes: '+', op: true } });
  assert.deepEqual(take({ type: 'Rights', role: 'op', rooms: ['lobby'] }), ['rooms']);
  assert.deepEqual([state.role, room.op, state.rooms.get('tea').op], ['op', true, false]);
  assert.deepEqual(take({ type: 'Moderated', room: 'lobby', what: 'muted', user: BUDI, by: 'citra', seconds: 60, at: AT, text: 'x' }), ['rooms', 'timeline']);
  assert.deepEqual(room.notes.map(({ kind, who }) => [kind, who]), [['operator', 'budi'], ['moderated', 'ana'], ['moderated', 'budi']]);
  assert.deepEqual(take({ type: 'Operator', room: 'nowhere', user: ME, at: AT }), []);
  assert.deepEqual(take({ type: 'Modes', room: 'tea', modes: '+im' }), ['rooms']);
  assert.equal(state.rooms.get('tea').modes, '+im');
  assert.deepEqual(take({ type: 'Modes', room: 'nowhere', modes: '+' }), []);
});

test('rooms are entered and left; after a restart they are asked for again', () => {
  const { state, take } = begun();
  assert.ok(take({ type: 'RoomEntered', room: { id: 'rust', last_seq: 0 } }).includes('entered'));
  take({ type: 'open', room: 'rust' });
  take(hello('i2'));
  assert.equal(state.rooms.get('rust').joined, false);
  take({ type: 'RoomLeft', room: 'rust' });
  assert.deepEqual([state.current, state.rooms.has('rust')], ['lobby', false]);
  assert.deepEqual(store.reduce(state, { type: 'SomethingNew' }), [], 'what is not known is let be');
});

test('who types is not known on a line that is cut, and a new name types on under it', () => {
  const state = store.initial();
  state.me = { name: 'ana' };
  state.rooms.set('lobby', store.newRoom('lobby'));
  const typing = () => [...state.rooms.get('lobby').typing.keys()];
  store.reduce(state, { type: 'UserTyping', room: 'lobby', user: { name: 'budi' } }, { now: 0 });
  store.reduce(state, { type: 'People', room: 'lobby', users: [{ name: 'budi' }] });
  const changes = store.reduce(state, { type: 'UserRenamed', old: 'budi', user: { name: 'bambang' }, at: '' });
  assert.deepEqual(typing(), []);
  assert.ok(changes.some((change) => change.what === 'typing'));
  store.reduce(state, { type: 'UserTyping', room: 'lobby', user: { name: 'bambang' } }, { now: 0 });
  assert.deepEqual(store.reduce(state, { type: 'down' }), [{ what: 'typing', room: 'lobby' }]);
  assert.deepEqual(typing(), []);
});

test('a whisper that comes again after a cut stands once, and the next is asked for from its time', () => {
  const state = store.initial();
  state.me = { name: 'ana' };
  const whisper = (text, at) => store.reduce(state, { type: 'Whisper', from: { name: 'budi' }, to: { name: 'ana' }, text, at }, { now: 0 });
  whisper('one', '2026-11-29T10:00:00.000Z');
  whisper('two', '2026-11-29T10:00:00.000Z');
  whisper('one', '2026-11-29T10:00:00.000Z');
  assert.deepEqual(state.rooms.get('@budi').tl.order.length, 2);
  assert.equal(state.rooms.get('@budi').unread, 2);
  assert.equal(state.whispered, '2026-11-29T10:00:00.000Z');
});

test('names that were met are known, the newest of very many', () => {
  const state = store.initial();
  state.rooms.set('lobby', store.newRoom('lobby'));
  for (let i = 0; i < 6000; i += 1) store.reduce(state, { type: 'UserJoined', room: 'lobby', user: { name: `n${i}` }, at: '' });
  assert.ok(store.isKnown(state, 'N5999') && !store.isKnown(state, 'n0'));
  const joins = (name) => store.reduce(state, { type: 'UserJoined', room: 'lobby', user: { name }, at: '' });
  joins('n1000'); joins('another');
  assert.ok(store.isKnown(state, 'n1000') && !store.isKnown(state, 'n1001'), 'who was met again just now is not the oldest');
  assert.ok(state.names.size <= 5000);
});

const talks = (room, seq, text, from = BUDI) => ({ type: 'Message', room, seq, id: `${room}${seq}`, from, at: AT, text, reactions: {} });

test('a direct talk is named by the others, has the numbers of the server, and all that a room has', () => {
  const { state, take } = begun();
  take({ type: 'Whisper', room: '@ana+budi', seq: 1, from: BUDI, to: ME, at: AT, text: 'psst' });
  take({ type: 'Whisper', room: '@ana+budi', seq: 1, from: BUDI, to: ME, at: AT, text: 'psst' });
  const talk = state.rooms.get('@budi');
  assert.deepEqual([talk.tl.order, talk.unread, talk.pinged, store.title(talk)], [[1], 1, 1, 'budi']);
  take({ type: 'Reaction', room: '@Ana+Budi', seq: 2, target: 1, from: ME, emoji: '👍', on: true });
  take({ type: 'MessageEdited', room: '@ana+budi', seq: 3, target: 1, text: 'psst!' });
  assert.deepEqual(merge.entries(talk.tl).map(({ text, reactions }) => [text, reactions]), [['psst!', [['👍', ['ana']]]]]);
  take({ type: 'acked', room: '@budi', seq: 4, cid: 'c', text: 'yes', at: AT });
  assert.deepEqual(talk.tl.order, [1, 4]);
  take({ type: 'UserTyping', room: '@ana+budi', user: BUDI });
  assert.deepEqual([...talk.typing.keys()], ['budi']);
  take(talks('@ana+budi+citra', 1, 'three of us'));
  assert.deepEqual(store.membersOf(state.rooms.get('@budi+citra')), ['budi', 'citra']);
  take({ type: 'UserRenamed', user: { id: 'c', name: 'cinta' }, old: 'citra', at: AT });
  assert.ok(state.rooms.has('@budi+cinta') && !state.rooms.has('@budi+citra'));
  take({ type: 'UserRenamed', user: { id: 'me', name: 'anna' }, old: 'ana', at: AT });
  take(talks('@anna+budi', 5, 'still here'));
  assert.equal(talk.tl.order.at(-1), 5, 'one’s own name is not in it');
  take(hello('i2'));
  assert.deepEqual([talk.tl.order, talk.loaded], [[], true], 'another server may count anew');
  take(talks('@ana+budi', 7, 'there was more'));
  assert.ok(!talk.loaded && !merge.atStart(talk.tl), 'what was before is fetched');
});

test('what the server remembers of rooms and talks: unread, mentions, of what one is told', () => {
  const { state, room, take } = begun('i1', 9, 4);
  const own = (id, more) => ({ id, unread: 0, read_seq: 0, last_seq: 0, mentions: 0, notify: 'all', muted: false, ...more });
  const mine = [own('lobby', { unread: 5, read_seq: 4, last_seq: 9, mentions: 2 }), own('@ana+budi', { unread: 3, read_seq: 1, last_seq: 4 }), own('far', { unread: 1 })];
  take({ type: 'Mine', rooms: mine });
  const talk = state.rooms.get('@budi');
  assert.deepEqual([room.unread, room.pinged, talk.unread, talk.pinged, talk.line], [5, 2, 3, 3, 1]);
  assert.ok(!state.rooms.has('far'), 'a room comes with its own frame');
  assert.deepEqual(store.totals(state), { unread: 8, pinged: 5 });
  take({ type: 'seen', room: '@budi' });
  take({ type: 'Mine', rooms: mine });
  assert.equal(talk.unread, 0, 'what was read meanwhile stays read');
  const told = (notify, muted = false) => take({ type: 'Mine', rooms: [own('lobby', { read_seq: 4, notify, muted })] });
  const loud = () => store.isLoud(room);
  told('mentions');
  assert.ok(loud(), 'it mentions one');
  room.pinged = 0;
  assert.ok(!loud());
  told('all');
  assert.ok(loud());
  told('all', true);
  assert.ok(!loud());
  told('none');
  assert.deepEqual(store.reduce(state, say(10, BUDI, 'hi @ana'), away).find((change) => change.what === 'say').pings, false);
});

test('what was on the screen is read, as far as it was; what is marked as unread stays so while one is there', () => {
  const { state, room, take } = begun();
  for (let seq = 1; seq <= 6; seq += 1) take(say(seq, seq === 5 ? ME : BUDI, seq === 6 ? '@ana' : 'x'));
  assert.deepEqual([room.unread, room.pinged], [5, 1]);
  assert.deepEqual(take({ type: 'seen', room: 'lobby', seq: 3 }), ['read', 'rooms']);
  assert.deepEqual([room.readSeq, room.unread, room.pinged, room.line], [3, 2, 1, 0]);
  assert.deepEqual(take({ type: 'seen', room: 'lobby', seq: 2 }), [], 'not back');
  take({ type: 'seen', room: 'lobby', seq: 6 });
  assert.deepEqual([room.readSeq, room.unread, room.pinged], [6, 0, 0]);
  take({ type: 'unread', room: 'lobby', seq: 4 });
  assert.deepEqual([room.line, room.unread, room.pinged], [3, 2, 1]);
  assert.deepEqual(take({ type: 'seen', room: 'lobby' }), []);
  state.rooms.set('tea', store.newRoom('tea'));
  take({ type: 'open', room: 'tea' });
  assert.equal(room.line, 3);
  take({ type: 'open', room: 'lobby' });
  take({ type: 'seen', room: 'lobby' });
  assert.deepEqual([room.unread, room.readSeq], [0, 6]);
});

test('an invitation stands in a list until it is used or dismissed', () => {
  const { state, take } = begun();
  const invite = (room) => take({ type: 'Invited', room, from: { id: 'b', name: 'budi' }, at: AT, text: `budi invites you to #${room}. /join #${room} takes you there.` });
  assert.deepEqual(invite('tea'), ['rooms', 'invited']);
  invite('rust');
  assert.deepEqual([...state.invitations.keys()], ['tea', 'rust']);
  take({ type: 'RoomEntered', room: { id: 'tea', last_seq: 0 } });
  take({ type: 'declined', room: 'rust' });
  assert.equal(state.invitations.size, 0);
  assert.deepEqual(take({ type: 'Notice', room: 'lobby', at: AT, text: 'It is closed now. /join #lobby' }), ['timeline', 'notice'], 'one is in it');
});

test('a whisper that is heard before the list of talks has come stays unread', () => {
  const { state, take } = begun();
  take({ type: 'Whisper', from: BUDI, to: ME, id: 'w1', at: AT, text: 'psst', room: '@budi', seq: 1, reactions: {} });
  const talk = state.rooms.get('@budi');
  assert.equal(talk.unread, 1);
  take({ type: 'Mine', rooms: [{ id: '@ana+budi', last_seq: 1 }] });
  assert.deepEqual([talk.unread, talk.line], [1, 0]);
});
