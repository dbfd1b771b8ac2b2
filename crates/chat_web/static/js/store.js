// Store: everything the page knows. reduce(state, event) takes one event in and says what has changed; it touches no
// screen.
import * as merge from './merge.js';
import { mentions, sameName } from './names.js';

export const TYPING_MS = 6000;
/** A wider gap is not fetched at once: the user pages what is missing in by scrolling. */
export const WIDE = 200;
const MOST_NOTES = 200;

/** The most names that are remembered to draw mentions. */
const MOST_NAMES = 5000;

export const initial = () => ({
  me: null,
  role: 'member',
  rooms: new Map(),
  current: null,
  commands: [],
  limits: { text_bytes: 2000 },
  server: {},
  epoch: null,
  live: false,
  seen: true,
  note: 0,
  names: new Set(),
  whispered: null,
  invitations: new Map(),
  silent: 0,
});

/** A talk begins empty, until its numbers say that there was something before. */
const untold = (id) => {
  const isTalk = id.startsWith('@');
  return { tl: Object.assign(merge.timeline(), { begun: isTalk }), loaded: isTalk };
};

export function newRoom(id, info = {}) {
  return {
    id,
    dm: id.startsWith('@'),
    topic: info.topic ?? '',
    modes: info.modes ?? '+',
    op: !!info.op,
    joined: info.joined ?? true,
    lastSeq: info.last_seq ?? 0,
    readSeq: info.read_seq ?? 0,
    unread: 0,
    pinged: 0,
    line: null,
    lineAt: null,
    greeted: false,
    ...untold(id),
    notify: 'all',
    muted: false,
    silent: 0,
    held: false,
    notes: [],
    people: new Map(),
    departures: 0,
    typing: new Map(),
    lost: [],
  };
}

export const title = (room) => (room.dm ? membersOf(room).join(', ') : room.id);
export const roomOf = (state, id) => state.rooms.get(id);
export const currentRoom = (state) => state.rooms.get(state.current);

/** Rooms first, as the server names them, then conversations with one person. */
export function sortedRooms(state) {
  const all = [...state.rooms.values()];
  const name = (a, b) => +(b.id === 'lobby') - +(a.id === 'lobby') || +a.muted - +b.muted || a.id.localeCompare(b.id);
  return { rooms: all.filter((r) => !r.dm).sort(name), dms: all.filter((r) => r.dm).sort(name) };
}

/**
 * Whether a room stands out in lists: by what is unread in it, as far as the user wants to be told.
 * @param {Room} room
 */
export const isLoud = (room) =>
  room.unread > 0 && !room.muted && (room.notify === 'all' || (room.notify === 'mentions' && room.pinged > 0));

/** @param {State} state */
export function totals(state) {
  const loud = [...state.rooms.values()].filter(isLoud);
  const sum = (field) => loud.reduce((all, room) => all + room[field], 0);
  return { unread: sum('unread'), pinged: sum('pinged') };
}

const NO_SCREEN = { now: 0, watching: false, above: false, seals: undefined };
/**
 * Changes are `{what, room?, …}`: 'timeline', 'rooms', 'people', 'typing', 'me', 'holes', 'reload', 'read', 'say' (a
 * live message, for the announcer and notifications). `ctx`: {now, watching, above, seals}: now is performance.now(),
 * watching says that the room is on the screen and at its end, above that its user reads further up, seals(room) that
 * what is said in a talk is sealed.
 */
export function reduce(state, event, ctx = NO_SCREEN) {
  const handler = HANDLERS[event.type];
  const isTalk = typeof event.room === 'string' && event.room.startsWith('@');
  const about = isTalk ? { ...event, room: talkOf(state, event.room) } : event;
  return handler ? (handler(state, about, ctx) ?? []) : [];
}

/**
 * A direct talk under its name on the page: the server names all members, the page the others.
 * @param {State} state
 * @param {string} id
 */
export function talkOf(state, id) {
  const all = id.slice(1).split('+');
  const others = all.filter((name) => !state.me || !sameName(name, state.me.name));
  const names = (others.length ? others : all).sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  const mine = `@${names.join('+')}`;
  return [...state.rooms.keys()].find((known) => sameName(known, mine)) ?? mine;
}

/** The names of the others in a talk. */
export const membersOf = (room) => room.id.slice(1).split('+');

const isMe = (state, person) =>
  !!state.me &&
  !!person &&
  (person.id && state.me.id ? person.id === state.me.id : sameName(person.name, state.me.name));
const isNew = (room, seq) => seq > room.lastSeq;

/** Whether this name was ever seen here: a mention stays one when its user leaves. */
export const isKnown = (state, name) => state.names.has(name.toLowerCase());
function meet(state, { name }) {
  // Behind all others: the one that was met the longest time ago makes way.
  state.names.delete(name.toLowerCase());
  state.names.add(name.toLowerCase());
  if (state.names.size > MOST_NAMES) state.names.delete(state.names.values().next().value);
}

function ensure(state, id, info) {
  let room = state.rooms.get(id);
  if (!room) state.rooms.set(id, (room = newRoom(id, info)));
  return room;
}

function note(state, room, kind, fields) {
  const at = Math.max(room.lastSeq, merge.last(room.tl));
  room.notes.push({ key: `n${++state.note}`, kind, after: at, ...fields });
  if (room.notes.length > MOST_NOTES) room.notes.shift();
}

/** The log is another one, after a restart without a store: begin with an empty timeline. */
function reset(room, info = {}) {
  Object.assign(room, {
    ...untold(room.id),
    lastSeq: info.last_seq ?? 0,
    readSeq: info.read_seq ?? 0,
    line: null,
    unread: 0,
    pinged: 0,
    notes: [],
    lost: [],
  });
}

/** What is before a wide gap is forgotten, but for a user who reads there. */
function narrow(state, room, ctx) {
  if (ctx.above && state.current === room.id) return;
  for (const [from, to] of merge.holes(room.tl)) if (to - from + 1 > WIDE) merge.forgetBefore(room.tl, to + 1);
}

function logged(state, event, ctx) {
  // A talk begins with what is said in it.
  const room = event.room.startsWith('@') ? ensure(state, event.room) : state.rooms.get(event.room);
  if (!room) return [];
  const fresh = isNew(room, event.seq);
  const answer = merge.addEvent(room.tl, event);
  if (answer === 'other-log') {
    reset(room);
    return [{ what: 'reload', room: room.id }];
  }
  /** @type {Change[]} */
  const changes = [{ what: 'timeline', room: room.id }];
  if (event.from) meet(state, event.from);
  if (fresh) {
    room.lastSeq = event.seq;
    if (event.type === 'Message') {
      room.typing.delete(event.from.name);
      changes.push(...arrived(state, room, event, ctx));
    }
  }
  if (room.dm && room.tl.begun && merge.first(room.tl) > 1) changes.push(...unload(state, room));
  if (merge.holes(room.tl).length) changes.push({ what: 'holes', room: room.id });
  return changes;
}

/** There is more in a talk than is known: it is fetched when the user looks at it. */
function unload(state, room) {
  room.tl.begun = false;
  room.loaded = false;
  return state.current === room.id ? [{ what: 'reload', room: room.id }] : [];
}

/** A message that is not seen yet: unread counts, the unread line, mentions. */
function arrived(state, room, event, ctx) {
  const mine = isMe(state, event.from);
  const pings = !mine && room.notify !== 'none' && (room.dm || mentions(event.text, state.me?.name));
  const changes = [{ what: 'say', room: room.id, message: event, mine, pings }, { what: 'rooms' }];
  if (mine) return changes;
  if (isWatched(state, room, ctx)) return changes.concat(reduce(state, { type: 'seen', room: room.id }, ctx));
  if (room.line === null) {
    room.line = event.seq - 1;
    room.lineAt = event.at;
  }
  room.unread++;
  if (pings) room.pinged++;
  return changes;
}

const isWatched = (state, room, ctx) => ctx.watching && state.current === room.id;

/**
 * Messages that a page brings after the live ones are unread as well, be it that a gap took them or that they came out
 * of turn. Where all of them are known they are counted anew; until then their numbers are the best that is known.
 */
function recount(state, room) {
  const start = room.held ? room.line : Math.max(room.readSeq, room.line ?? 0);
  const end = room.tl.have.at(-1);
  if (room.unread && end && end[0] <= start + 1) Object.assign(room, unreadAfter(state, room, start));
}

/** How much is unread, and calls one, behind a message: as far as messages are known, and they are to the end. */
function unreadAfter(state, room, seq) {
  const behind = room.tl.order.slice(merge.place(room.tl, seq + 1)).map((one) => room.tl.msgs.get(one));
  const unread = behind.filter((m) => !m.deleted && !isMe(state, m.from));
  const calls = unread.filter((m) => room.dm || mentions(m.text, state.me?.name));
  return { unread: unread.length, pinged: calls.length };
}

function leave(state, event) {
  state.rooms.delete(event.room);
  if (state.current === event.room) state.current = 'lobby';
  return [{ what: 'rooms' }, { what: 'gone', room: event.room }];
}

/** A whisper that stands in no talk is counted here, in the order of coming; one that comes again has its number. */
function unnumbered(room, event) {
  const same = ({ at, text, from }) => at === event.at && text === event.text && sameName(from.name, event.from.name);
  return room.tl.order.find((seq) => same(room.tl.msgs.get(seq))) ?? merge.last(room.tl) + 1;
}

const HANDLERS = {
  Hello(state, event) {
    // Another instance of the server: its numbers mean something else.
    const epoch = event.server.instance ?? null;
    const other = state.epoch && epoch && state.epoch !== epoch;
    Object.assign(state, {
      me: event.you,
      role: event.role ?? 'member',
      commands: event.commands,
      limits: { ...state.limits, ...event.limits },
      server: event.server,
      epoch,
    });
    const changes = [{ what: 'me' }, { what: 'rooms' }];
    const named = new Set(event.rooms.map((info) => info.id));
    for (const info of event.rooms) {
      const room = ensure(state, info.id, info);
      if (!room.greeted) {
        // The first word about this room: what was said since one read it last is unread. Who never read it begins at
        // its end.
        room.greeted = true;
        const { last_seq: last = 0, read_seq: read = 0 } = info;
        if (read && last > read)
          Object.assign(room, { readSeq: read, line: read, unread: last - read, unreadWas: last - read });
      }
      Object.assign(room, { joined: true, topic: info.topic ?? '', modes: info.modes ?? '+', op: !!info.op });
      if (other || (info.last_seq ?? 0) < merge.last(room.tl)) {
        reset(room, info);
        changes.push({ what: 'reload', room: room.id }, { what: 'timeline', room: room.id });
      }
    }
    // A restart forgets who was in a room: it stays on the page, to be entered again.
    for (const room of state.rooms.values()) {
      if (!room.dm && !named.has(room.id)) room.joined = false;
      if (room.dm && other) {
        reset(room);
        changes.push({ what: 'timeline', room: room.id });
      }
    }
    return changes;
  },

  People(state, event) {
    const room = state.rooms.get(event.room);
    if (!room) return [];
    for (const user of event.users) meet(state, user);
    room.people = new Map(event.users.map((user) => [user.id ?? user.name, user]));
    return [
      { what: 'people', room: room.id },
      { what: 'timeline', room: room.id },
    ];
  },

  Message: logged,
  MessageEdited: logged,
  MessageDeleted: logged,
  Reaction: logged,

  /** A REST page: {room, messages, last_seq, before?, after?, prev, next}. */
  page(state, event, ctx) {
    const room = state.rooms.get(event.room);
    if (!room) return [];
    const { messages } = event;
    const low = messages[0]?.seq,
      high = messages.at(-1)?.seq;
    const end = event.next == null && event.before == null ? Math.max(event.last_seq ?? 0, high ?? 0) : (high ?? 0);
    let from, to;
    if (event.before != null) {
      from = event.prev == null ? 1 : (low ?? 1);
      to = event.before - 1;
    } else if (event.after != null) {
      from = event.after + 1;
      to = end;
    } else {
      from = event.prev == null ? 1 : (low ?? end + 1);
      to = end;
    }
    if (from === 1) room.tl.begun = true;
    for (const one of messages) meet(state, one.from);
    const answer = merge.addPage(room.tl, messages, event.last_seq ?? 0, from, to);
    if (answer === 'other-log') {
      reset(room);
      return [{ what: 'reload', room: room.id }];
    }
    if (event.before == null && event.after == null) room.loaded = true;
    room.lastSeq = Math.max(room.lastSeq, to);
    narrow(state, room, ctx);
    recount(state, room);
    const changes = [{ what: 'timeline', room: room.id }, { what: 'rooms' }];
    if (merge.holes(room.tl).length) changes.push({ what: 'holes', room: room.id });
    return changes;
  },

  /** What was asked for and is not kept any more: a hole that stays, and is said. */
  lost(state, event) {
    const room = state.rooms.get(event.room);
    if (!room) return [];
    merge.cover(room.tl, event.from, event.to);
    room.lost.push([event.from, event.to]);
    return [{ what: 'timeline', room: room.id }];
  },

  Gap(state, event, ctx) {
    const room = state.rooms.get(event.room);
    if (!room) return [];
    const from = Math.max(event.missing_from, room.lastSeq + 1);
    room.lastSeq = Math.max(room.lastSeq, event.to);
    /** @type {Change[]} */
    const changes = [{ what: 'rooms' }];
    if (isWatched(state, room, ctx)) changes.push(...reduce(state, { type: 'seen', room: room.id }, ctx));
    else if (from <= event.to) {
      room.line ??= from - 1;
      room.unread += event.to - from + 1;
    }
    if (!room.loaded) return changes;
    // Perhaps the history still has it: it is a hole like any other, and asked for by number.
    merge.cover(room.tl, event.to + 1, event.to + 1);
    narrow(state, room, ctx);
    return changes.concat({ what: 'holes', room: room.id }, { what: 'timeline', room: room.id });
  },

  /** The ack of an item of the outbox: the message stands in its place before its event comes. */
  acked(state, event) {
    const room = state.rooms.get(event.room);
    if (!room || !event.seq || !state.me) return [];
    merge.addAcked(room.tl, { ...event, from: state.me });
    return [{ what: 'timeline', room: room.id }];
  },

  Whisper(state, event, ctx) {
    const other = isMe(state, event.from) ? event.to : event.from;
    const room = ensure(state, talkOf(state, event.room ?? `@${other.name}`));
    // The server's time of the last one is asked from after a cut; it may come again then.
    state.whispered = event.at > (state.whispered ?? '') ? event.at : state.whispered;
    return logged(state, { ...event, type: 'Message', room: room.id, seq: event.seq ?? unnumbered(room, event) }, ctx);
  },

  UserJoined(state, event) {
    const room = state.rooms.get(event.room);
    if (!room) return [];
    meet(state, event.user);
    room.people.set(event.user.id ?? event.user.name, { state: 'online', ...event.user });
    if (!isMe(state, event.user)) note(state, room, 'joined', { who: event.user.name, at: event.at });
    return [
      { what: 'people', room: room.id },
      { what: 'timeline', room: room.id },
    ];
  },

  UserLeft(state, event) {
    const room = state.rooms.get(event.room);
    if (!room) return [];
    room.people.delete(event.user.id ?? event.user.name);
    room.departures += 1;
    room.typing.delete(event.user.name);
    note(state, room, 'left', { who: event.user.name, text: event.reason, at: event.at });
    return [
      { what: 'people', room: room.id },
      { what: 'timeline', room: room.id },
      { what: 'typing', room: room.id },
    ];
  },

  UserRenamed(state, event, ctx) {
    meet(state, event.user);
    const changes = [{ what: 'rooms' }];
    if (isMe(state, { id: event.user.id, name: event.old })) {
      state.me = { ...state.me, name: event.user.name };
      changes.push({ what: 'me' });
    }
    for (const room of state.rooms.values()) {
      if (room.typing.delete(event.old)) changes.push({ what: 'typing', room: room.id });
      const key = event.user.id ?? event.old;
      const known = room.people.get(key);
      if (!known) continue;
      room.people.delete(key);
      room.people.set(event.user.id ?? event.user.name, { ...known, ...event.user });
      note(state, room, 'renamed', {
        who: event.old,
        text: event.user.name,
        at: event.at,
        mine: isMe(state, event.user),
      });
      changes.push({ what: 'people', room: room.id }, { what: 'timeline', room: room.id });
    }
    // A talk follows the new name of its member. One that is sealed is an account's: who has left the account takes a
    // new name, and the talk is not with that user.
    for (const talk of [...state.rooms.values()].filter((room) => room.dm && !ctx.seals?.(room.id))) {
      const names = membersOf(talk);
      if (!names.some((name) => sameName(name, event.old))) continue;
      const id = talkOf(
        state,
        `@${names.map((name) => (sameName(name, event.old) ? event.user.name : name)).join('+')}`,
      );
      if (id === talk.id || state.rooms.has(id)) continue;
      const old = talk.id;
      state.rooms.delete(old);
      talk.id = id;
      state.rooms.set(id, talk);
      changes.push({ what: 'moved', room: id, old });
      if (state.current === old) state.current = id;
    }
    return changes;
  },

  UserTyping(state, event, ctx) {
    const room = state.rooms.get(event.room);
    if (!room || isMe(state, event.user)) return [];
    room.typing.set(event.user.name, ctx.now + TYPING_MS);
    return [{ what: 'typing', room: room.id }];
  },

  UserStoppedTyping(state, event) {
    state.rooms.get(event.room)?.typing.delete(event.user.name);
    return [{ what: 'typing', room: event.room }];
  },

  /** The line is cut: who types is not known any more. */
  down(state) {
    const changes = [];
    for (const room of state.rooms.values())
      if (room.typing.size) {
        room.typing.clear();
        changes.push({ what: 'typing', room: room.id });
      }
    return changes;
  },

  /** The clock: who has not typed for a while is typing no more. */
  tick(state, event, ctx) {
    const changes = [];
    for (const room of state.rooms.values()) {
      for (const [name, until] of room.typing)
        if (until <= ctx.now) {
          room.typing.delete(name);
          changes.push({ what: 'typing', room: room.id });
        }
    }
    return changes;
  },

  Presence(state, event) {
    const changes = [];
    for (const room of state.rooms.values()) {
      const known = room.people.get(event.user.id ?? event.user.name);
      if (known) {
        Object.assign(known, { state: event.state, away: event.away });
        changes.push({ what: 'people', room: room.id });
      }
    }
    return changes;
  },

  Topic(state, event) {
    const room = state.rooms.get(event.room);
    if (!room) return [];
    room.topic = event.text;
    const mine = isMe(state, event.from);
    note(state, room, 'topic', { who: event.from?.name ?? '', text: event.text, at: event.at, mine });
    return [{ what: 'rooms' }, { what: 'timeline', room: room.id }];
  },

  /** The last operator of a room has left, and the next one may be oneself. */
  Operator(state, event) {
    const room = state.rooms.get(event.room);
    if (!room) return [];
    note(state, room, 'operator', { who: event.user.name, at: event.at, mine: isMe(state, event.user) });
    return [{ what: 'rooms' }, { what: 'timeline', room: room.id }];
  },

  /** A moderation action. One against this user is also announced: the room may leave the page with it. */
  Moderated(state, event) {
    const room = event.room ? state.rooms.get(event.room) : currentRoom(state);
    const mine = !!event.user && isMe(state, event.user);
    const { what, by, seconds, reason, at, text } = event;
    const own = !!by && isMe(state, { name: by });
    const order = { who: event.user?.name ?? '', what, by, seconds, reason, mine, own };
    // Who is sent out does not see the room any more.
    const isOut = mine && (what === 'kicked' || what === 'banned');
    const seen = !isOut && room?.id === state.current;
    const changes = mine ? [{ what: 'notice', text, order: { ...order, room: event.room, isOut }, seen }] : [];
    if (mine && (what === 'muted' || what === 'unmuted')) {
      const until = what === 'unmuted' ? 0 : seconds ? Date.parse(at) + seconds * 1000 : Infinity;
      if (event.room) Object.assign(room ?? {}, { silent: until });
      else state.silent = until;
    }
    if (!room || isOut) return changes;
    note(state, room, 'moderated', { ...order, text, at });
    return [...changes, { what: 'rooms' }, { what: 'timeline', room: room.id }];
  },

  /** What one may do is for the server to say: on the whole of it, and in which rooms. */
  Rights(state, event) {
    state.role = event.role;
    for (const room of state.rooms.values()) room.op = event.rooms.includes(room.id);
    return [{ what: 'rooms' }];
  },

  Modes(state, event) {
    const room = state.rooms.get(event.room);
    if (!room) return [];
    room.modes = event.modes;
    room.limit = event.limit ?? null;
    return [{ what: 'rooms' }];
  },

  /** Something of a feature, which has no frame of its own: a line between the messages, which no user can write. */
  Feature(state, event) {
    const room = event.room ? state.rooms.get(event.room) : currentRoom(state);
    if (!room) return [];
    note(state, room, 'feature', { what: event.kind, text: event.sentence, at: event.at });
    return [{ what: 'timeline', room: room.id }];
  },

  /** Into a room that this user is in already, by another device perhaps, no button leads. */
  Invited(state, event) {
    if (state.rooms.has(event.room)) return [];
    state.invitations.set(event.room, event.text);
    return [{ what: 'rooms' }, { what: 'invited', room: event.room, text: event.text }];
  },

  Notice(state, event) {
    const changes = [];
    for (const room of event.room
      ? [state.rooms.get(event.room)].filter(Boolean)
      : [currentRoom(state)].filter(Boolean)) {
      note(state, room, 'notice', { text: event.text, at: event.at });
      changes.push({ what: 'timeline', room: room.id });
    }
    return changes.concat({ what: 'notice', text: event.text });
  },

  /** The answer to a command, shown where it was asked. */
  answer(state, event) {
    const room = state.rooms.get(event.room) ?? currentRoom(state);
    if (!room) return [];
    note(state, room, event.bad ? 'refused' : 'answer', {
      text: event.text,
      items: event.items,
      verb: event.verb,
      at: event.at,
    });
    return [{ what: 'timeline', room: room.id }];
  },

  /** The answer has been read. */
  dropped(state, event) {
    const room = state.rooms.get(event.room);
    room.notes = room.notes.filter((note) => note.key !== event.key);
    return [{ what: 'timeline', room: room.id }];
  },

  /** An invitation that is not wanted. */
  declined(state, event) {
    state.invitations.delete(event.room);
    return [{ what: 'rooms' }];
  },

  RoomEntered(state, event) {
    state.invitations.delete(event.room.id);
    const room = ensure(state, event.room.id, event.room);
    Object.assign(room, {
      joined: true,
      topic: event.room.topic ?? '',
      modes: event.room.modes ?? '+',
      op: !!event.room.op,
    });
    if ((event.room.last_seq ?? 0) < merge.last(room.tl)) reset(room, event.room);
    return [{ what: 'rooms' }, { what: 'entered', room: room.id }];
  },

  RoomLeft: leave,

  Read(state, event) {
    const room = state.rooms.get(event.room);
    if (!room || event.seq < room.lastSeq) return [];
    Object.assign(room, { readSeq: event.seq, unread: 0, pinged: 0 });
    return [{ what: 'rooms' }];
  },

  /** A conversation with one person, opened from here. */
  whisper(state, event) {
    ensure(state, `@${event.name}`);
    return [{ what: 'rooms' }];
  },

  close: leave,

  open(state, event) {
    const old = currentRoom(state);
    if (old && old.id !== event.room) {
      if (!old.held) Object.assign(old, { line: null, lineAt: null });
      if (old.unread && !old.held) old.line = old.readSeq;
    }
    state.current = event.room;
    const room = currentRoom(state);
    if (room) room.held = false;
    return [{ what: 'rooms' }, { what: 'opened', room: event.room }];
  },

  /**
   * The room has been on a visible screen up to `seq`, or to its end. The unread line stays until `unlined`. What the
   * user
   * has marked as unread stays so until the room is opened again.
   */
  seen(state, event, ctx) {
    const room = state.rooms.get(event.room);
    if (!room || room.held) return [];
    const toEnd = event.seq === undefined || event.seq >= merge.last(room.tl);
    const seq = toEnd ? Math.max(room.lastSeq, room.readSeq) : event.seq;
    /** @type {Change[]} */
    const changes = seq > room.readSeq ? [{ what: 'read', room: room.id, seq }] : [];
    if (changes.length && !toEnd) Object.assign(room, { readSeq: seq, ...unreadAfter(state, room, seq) });
    if (!toEnd) return changes.concat(changes.length ? [{ what: 'rooms' }] : []);
    narrow(state, room, ctx);
    if (room.unread || room.pinged) changes.push({ what: 'rooms' });
    Object.assign(room, { readSeq: seq, unread: 0, pinged: 0 });
    return changes;
  },

  /** The user wants to read from there another time. */
  unread(state, event) {
    const room = state.rooms.get(event.room);
    const before = event.seq - 1;
    const line = { line: before, lineAt: room.tl.msgs.get(event.seq)?.at ?? null, unreadWas: 0, held: true };
    Object.assign(room, line, unreadAfter(state, room, before));
    return [{ what: 'rooms' }, { what: 'timeline', room: room.id }];
  },

  /** What the server remembers of one's rooms and talks. */
  Mine(state, event) {
    /** @type {Change[]} */
    const changes = [{ what: 'rooms' }];
    for (const own of event.rooms) {
      const room = own.id.startsWith('@') ? ensure(state, talkOf(state, own.id)) : state.rooms.get(own.id);
      if (!room) continue;
      const { last_seq: last = 0, read_seq: read = 0, unread = 0, mentions: calls = 0 } = own;
      Object.assign(room, { notify: own.notify ?? 'all', muted: !!own.muted });
      // What was heard since it was asked may not be in the answer.
      const greets = room.dm && !room.greeted && unread >= room.unread;
      if (greets) Object.assign(room, { readSeq: read, line: unread ? read : null, unreadWas: unread });
      if (greets || (room.unread && !room.pinged && read === room.readSeq))
        Object.assign(room, { unread: room.dm ? unread : room.unread, pinged: room.dm ? unread : calls });
      room.greeted = true;
      if (room.dm && last > merge.last(room.tl)) changes.push(...unload(state, room));
      room.lastSeq = Math.max(room.lastSeq, last);
    }
    return changes;
  },

  /** The line has done its work: Escape, a message of one's own, or another room. */
  unlined(state, event) {
    const room = state.rooms.get(event.room);
    if (!room || room.line === null) return [];
    Object.assign(room, { line: null, lineAt: null });
    return [{ what: 'timeline', room: room.id }];
  },
};
