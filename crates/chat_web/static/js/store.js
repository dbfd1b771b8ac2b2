// All that the page knows, and how each event changes it. Pure: the view draws it, the link feeds it.
//
// The heart is the merge of a room's timeline. Events come live, by a resume, by pages of history and by acknowledgements,
// in any order and more than once. Each message keeps the newest snapshot of itself with the number up to which that
// snapshot is true (`asOf`); changes with greater numbers are laid over it in their order. So every order of arrival ends
// in the same list.

const NOTICES = 200;

export const newState = () => ({
  me: null, instance: '', commands: [], limits: { text_bytes: 2000 }, server: null,
  rooms: new Map(), dms: new Map(), presence: new Map(), others: [], current: 'lobby',
});

const newRoom = (id) => ({
  id, topic: '', modes: '+', op: false, read: 0, seen: 0, last: 0, live: false,
  messages: new Map(), changes: new Map(), known: new Set(), pending: [], notices: [],
  people: new Map(), typing: new Map(), older: true, loaded: false, gap: null, marker: null, draft: '',
});

const fold = (name) => name.toLowerCase();

export function roomOf(state, id) {
  const key = fold(id);
  if (!state.rooms.has(key)) state.rooms.set(key, newRoom(id));
  return state.rooms.get(key);
}

export const findRoom = (state, id) => state.rooms.get(fold(id));

// ---- the timeline ----

/** Puts a snapshot of a message into a room; the newest snapshot stays. */
export function putMessage(room, message, asOf = message.seq) {
  const old = room.messages.get(message.seq);
  if (!old || old.asOf < asOf) room.messages.set(message.seq, { ...message, asOf });
  if (message.cid) settle(room, message.cid);
  room.last = Math.max(room.last, message.seq);
  note(room, message.seq);
}

/** Puts a change (edit, deletion, reaction) into a room. */
export function putChange(room, change) {
  if (!room.changes.has(change.target)) room.changes.set(change.target, new Map());
  room.changes.get(change.target).set(change.seq, change);
  room.last = Math.max(room.last, change.seq);
  note(room, change.seq);
}

/** A page of history: true up to `lastSeq`. */
export function putPage(room, messages, lastSeq, isNewest) {
  for (const message of messages) putMessage(room, message, Math.max(message.seq, lastSeq));
  room.last = Math.max(room.last, lastSeq);
  if (isNewest) reach(room, lastSeq);
}

/** Everything up to this number is here, or is known to be older than what is shown. */
export function reach(room, seq) {
  if (seq > room.seen) room.seen = seq;
  while (room.known.has(room.seen + 1)) room.seen += 1;
  for (const known of room.known) if (known <= room.seen) room.known.delete(known);
}

function note(room, seq) {
  if (seq > room.seen) room.known.add(seq);
  reach(room, room.seen);
}

/** Whether a number is missing between what is here. */
export const hasHole = (room) => room.known.size > 0;

/** A message as it is now: the snapshot with the later changes over it. */
export function current(room, seq) {
  const base = room.messages.get(seq);
  if (!base) return null;
  const later = [...(room.changes.get(seq)?.values() ?? [])].filter((c) => c.seq > base.asOf).sort((a, b) => a.seq - b.seq);
  const message = { ...base, reactions: Object.fromEntries(Object.entries(base.reactions ?? {}).map(([e, names]) => [e, [...names]])) };
  for (const change of later) {
    if (change.type === 'MessageEdited' && !message.deleted) Object.assign(message, { text: change.text, edited: true });
    if (change.type === 'MessageDeleted') Object.assign(message, { text: '', deleted: true, reactions: {} });
    if (change.type === 'Reaction' && !message.deleted) {
      const names = (message.reactions[change.emoji] ?? []).filter((name) => name !== change.from.name);
      if (change.on) names.push(change.from.name);
      if (names.length > 0) message.reactions[change.emoji] = names;
      else delete message.reactions[change.emoji];
    }
  }
  for (const names of Object.values(message.reactions)) names.sort();
  return message;
}

/** The messages of a room as they are now, in their order. */
export const timeline = (room) => [...room.messages.keys()].sort((a, b) => a - b).map((seq) => current(room, seq));

// ---- what one sends ----

/** A message on its way: shown at once, until its event replaces it. */
export function addPending(room, item) {
  if (!room.pending.some((other) => other.cid === item.cid)) room.pending.push({ state: 'sending', ...item });
}

export function settle(room, cid) {
  room.pending = room.pending.filter((item) => item.cid !== cid);
}

/** An acknowledgement: the message stands at that number, also if its event is yet to come. */
export function acknowledge(state, ack) {
  const room = ack.room && findRoom(state, ack.room);
  if (!room || !ack.cid) return;
  const item = room.pending.find((other) => other.cid === ack.cid);
  if (item && !room.messages.has(ack.seq)) {
    const message = { room: room.id, seq: ack.seq, id: ack.id, from: state.me, at: item.at, text: item.text, act: item.act, reply_to: item.reply_to };
    // Its own event knows better, whenever it comes.
    room.messages.set(ack.seq, { ...message, asOf: ack.seq - 0.5 });
    room.last = Math.max(room.last, ack.seq);
  }
  settle(room, ack.cid);
}

// ---- events ----

/** Takes one frame in. Gives what is to be done: fetch a page, resume a room, announce something. */
export function take(state, frame, now) {
  const effects = [];
  switch (frame.type) {
    case 'Hello': {
      // After a restart of the server its numbers begin anew: what is here belongs to another time.
      if (state.instance && state.instance !== frame.server.instance) {
        for (const room of state.rooms.values()) Object.assign(room, newRoom(room.id), { pending: room.pending, draft: room.draft });
      }
      Object.assign(state, { me: frame.you, instance: frame.server.instance, commands: frame.commands, limits: frame.limits, server: frame.server });
      for (const room of state.rooms.values()) room.live = false;
      for (const info of frame.rooms) {
        const room = enter(state, info);
        effects.push(room.loaded ? { do: 'resume', room: room.id } : { do: 'load', room: room.id });
      }
      for (const [key, room] of state.rooms) if (!room.live && room.pending.length === 0) state.rooms.delete(key);
      if (!findRoom(state, state.current) && !state.current.startsWith('@')) state.current = frame.rooms[0]?.id ?? 'lobby';
      break;
    }
    case 'RoomEntered':
      enter(state, frame.room);
      state.current = frame.room.id;
      effects.push({ do: 'load', room: frame.room.id });
      break;
    case 'RoomLeft':
      state.rooms.delete(fold(frame.room));
      if (fold(state.current) === fold(frame.room)) state.current = [...state.rooms.values()].at(-1)?.id ?? 'lobby';
      break;
    case 'People': {
      const room = roomOf(state, frame.room);
      room.people = new Map(frame.users.map((user) => [user.id, { id: user.id, name: user.name, door: user.door }]));
      for (const user of frame.users) state.presence.set(user.id, { name: user.name, state: user.state, away: user.away ?? null });
      break;
    }
    case 'Message': {
      const room = roomOf(state, frame.room);
      const isNew = !room.messages.has(frame.seq);
      putMessage(room, frame);
      room.typing.delete(frame.from.id);
      if (isNew && room.live) effects.push({ do: 'heard', room: room.id, message: frame });
      if (room.live && room.loaded && hasHole(room)) effects.push({ do: 'resume', room: room.id });
      break;
    }
    case 'MessageEdited':
    case 'MessageDeleted':
    case 'Reaction': {
      const room = roomOf(state, frame.room);
      putChange(room, frame);
      if (room.live && room.loaded && hasHole(room)) effects.push({ do: 'resume', room: room.id });
      break;
    }
    case 'Resumed':
      for (const [id, span] of Object.entries(frame.rooms)) {
        const room = findRoom(state, id);
        if (room) reach(room, span.to);
      }
      break;
    case 'Gap':
      if (findRoom(state, frame.room)) effects.push({ do: 'fill', room: frame.room, after: frame.missing_from - 1, to: frame.to });
      break;
    case 'UserJoined': {
      const room = roomOf(state, frame.room);
      room.people.set(frame.user.id, { ...frame.user });
      addNotice(room, { kind: 'joined', who: frame.user.name, at: frame.at }, now);
      break;
    }
    case 'UserLeft': {
      const room = roomOf(state, frame.room);
      room.people.delete(frame.user.id);
      room.typing.delete(frame.user.id);
      addNotice(room, { kind: 'left', who: frame.user.name, at: frame.at, why: frame.reason }, now);
      break;
    }
    case 'UserRenamed':
      if (state.me?.id === frame.user.id) state.me = frame.user;
      for (const room of state.rooms.values()) {
        if (!room.people.has(frame.user.id)) continue;
        room.people.set(frame.user.id, { ...room.people.get(frame.user.id), name: frame.user.name });
        addNotice(room, { kind: 'renamed', who: frame.old, to: frame.user.name, at: frame.at }, now);
      }
      break;
    case 'UserTyping':
      roomOf(state, frame.room).typing.set(frame.user.id, { name: frame.user.name, until: now + 6_000 });
      break;
    case 'UserStoppedTyping':
      roomOf(state, frame.room).typing.delete(frame.user.id);
      break;
    case 'Presence':
      if (frame.state === 'offline') state.presence.delete(frame.user.id);
      else state.presence.set(frame.user.id, { name: frame.user.name, state: frame.state, away: frame.away ?? null });
      break;
    case 'Whisper': {
      const mine = frame.from.id === state.me?.id;
      const dm = dmWith(state, mine ? frame.to.name : frame.from.name);
      if (frame.cid) dm.pending = dm.pending.filter((item) => item.cid !== frame.cid);
      dm.messages.push({ from: frame.from, at: frame.at, text: frame.text, mine });
      if (!mine) {
        dm.unread += 1;
        effects.push({ do: 'whispered', dm: dm.name, message: frame });
      }
      break;
    }
    case 'Topic': {
      const room = roomOf(state, frame.room);
      const changed = room.topic !== frame.text;
      room.topic = frame.text;
      if (changed && frame.from) addNotice(room, { kind: 'topic', who: frame.from.name, text: frame.text, at: frame.at }, now);
      break;
    }
    case 'Notice':
      for (const room of frame.room ? [roomOf(state, frame.room)] : state.rooms.values()) {
        addNotice(room, { kind: 'notice', text: frame.text, at: frame.at }, now);
      }
      break;
    case 'Read': {
      const room = findRoom(state, frame.room);
      if (room) room.read = Math.max(room.read, frame.seq);
      break;
    }
    case 'Ack':
      acknowledge(state, frame);
      break;
    default:
      break;
  }
  return effects;
}

function enter(state, info) {
  const room = roomOf(state, info.id);
  Object.assign(room, { id: info.id, topic: info.topic ?? '', modes: info.modes ?? '+', op: Boolean(info.op), live: true });
  room.read = Math.max(room.read, info.read_seq ?? 0);
  return room;
}

export function dmWith(state, name) {
  const key = fold(name);
  if (!state.dms.has(key)) state.dms.set(key, { name, messages: [], pending: [], unread: 0, draft: '' });
  return state.dms.get(key);
}

/** A line of the system: it stands behind the message that was last when it came. */
export function addNotice(room, notice, now) {
  room.notices.push({ ...notice, after: room.last, key: `${now}-${Math.random()}` });
  if (room.notices.length > NOTICES) room.notices.shift();
}

/** How many messages of others came after what was read. */
export function unread(state, room) {
  let count = 0;
  for (const message of room.messages.values()) {
    if (message.seq > room.read && message.from.id !== state.me?.id && !message.deleted) count += 1;
  }
  return count;
}

/** Whether a text names somebody. */
export function mentions(text, name) {
  if (!name) return false;
  const letters = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(^|[^\\w-])@?${letters}(?![\\w-])`, 'i').test(text);
}
