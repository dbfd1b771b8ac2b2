// Wire: what a frame is. Reads and checks what the server says, fills in what it may leave out, writes what we say.

const str = (v) => typeof v === 'string';
const num = (v) => Number.isSafeInteger(v) && v >= 0;
const person = (v) => !!v && typeof v === 'object' && str(v.name);
const list = (v) => Array.isArray(v);
const file = (v) => !!v && num(v.bytes) && /^[0-9a-f]{32}$/.test(v.token);
const maybe = (check) => (v) => v === undefined || v === null || check(v);

/** The fields that must be there. Whatever else comes is kept: the protocol may grow. */
const FRAMES = {
  Hello: { you: person, rooms: maybe(list), commands: maybe(list), limits: maybe((v) => typeof v === 'object') },
  Token: { token: str },
  People: { room: str, users: maybe(list) },
  Message: {
    room: str,
    seq: num,
    from: person,
    at: str,
    text: maybe(str),
    reply_to: maybe(num),
    reactions: maybe((v) => typeof v === 'object'),
    file: maybe(file),
  },
  MessageEdited: { room: str, seq: num, target: num, text: str },
  MessageDeleted: { room: str, seq: num, target: num },
  Reaction: { room: str, seq: num, target: num, from: person, emoji: str },
  UserJoined: { room: str, user: person },
  UserLeft: { room: str, user: person },
  UserRenamed: { user: person, old: str },
  UserTyping: { room: str, user: person },
  UserStoppedTyping: { room: str, user: person },
  Presence: { user: person, state: str },
  Whisper: { from: person, to: person, text: str, file: maybe(file) },
  Topic: { room: str, text: maybe(str) },
  Invited: { room: str, from: person, text: str },
  Operator: { room: str, user: person },
  Moderated: {
    room: maybe(str),
    what: str,
    user: maybe(person),
    by: maybe(str),
    seconds: maybe(num),
    reason: maybe(str),
    text: str,
  },
  Rights: { role: str, rooms: list },
  Modes: { room: str, modes: str, limit: maybe(num) },
  Feature: {
    kind: str,
    room: maybe(str),
    sentence: str,
    fields: maybe(list),
    pairs: maybe((v) => typeof v === 'object'),
    text: maybe(str),
  },
  Notice: { room: maybe(str), text: str },
  Warning: { text: str },
  RoomEntered: { room: (v) => !!v && str(v.id) },
  RoomLeft: { room: str },
  Read: { room: str, seq: num },
  Preference: { key: str, value: maybe(str) },
  Ack: { ref: maybe(num), seq: maybe(num), text: maybe(str), items: maybe(list) },
  Error: { ref: maybe(num), code: str, title: maybe(str) },
  Resumed: { rooms: maybe((v) => typeof v === 'object') },
  Gap: { room: str, missing_from: num, to: num },
  Pong: {},
  Goodbye: { reason: maybe(str), reconnect_in_ms: maybe(num) },
};

const DEFAULTS = {
  Hello: { rooms: [], commands: [], limits: {}, server: {} },
  People: { users: [] },
  Message: {
    text: '',
    account: false,
    act: false,
    reply_to: null,
    edited: false,
    deleted: false,
    reactions: {},
    cid: null,
  },
  Reaction: { on: false },
  Presence: { away: null },
  Topic: { text: '' },
  Moderated: { room: null, user: null, by: null, seconds: null, reason: null },
  Feature: { room: null, fields: [], pairs: {}, text: '' },
  Notice: { room: null },
  UserLeft: { reason: '' },
  Error: { title: '' },
  Resumed: { rooms: {} },
  Goodbye: { reason: '' },
};

export const SERVER_TYPES = Object.keys(FRAMES);

/** A frame, or null for what is broken or not known: one bad frame must not take the page down. */
export function decode(text) {
  let frame;
  try {
    frame = JSON.parse(text);
  } catch {
    return null;
  }
  return check(frame);
}

export function check(frame) {
  if (!frame || typeof frame !== 'object' || !Object.hasOwn(FRAMES, frame.type)) return null;
  for (const [field, good] of Object.entries(FRAMES[frame.type])) if (!good(frame[field])) return null;
  const full = { ...DEFAULTS[frame.type] };
  for (const [key, value] of Object.entries(frame)) if (value !== null || !(key in full)) full[key] = value;
  return full;
}

/** Whether a text is sealed for devices (docs/sealed.md). */
export const isSealed = (text) => /^sealed:1:[A-Za-z0-9_\n-]+$/.test(text ?? '');

/** A message of a REST page has the shape of a `Message` frame, without `type`. */
export const message = (item) => check({ ...item, type: 'Message' });

/** Leaves out what is null or false, as the contract allows. */
export function encode(frame) {
  const small = {};
  for (const [key, value] of Object.entries(frame))
    if (value !== null && value !== undefined && (value !== false || key === 'on')) small[key] = value;
  return JSON.stringify(small);
}

/** 22 random letters and digits, 131 bits. */
export function newCid(bytes = crypto.getRandomValues(new Uint8Array(22))) {
  const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
  return Array.from(bytes, (b) => letters[b % 62]).join('');
}
