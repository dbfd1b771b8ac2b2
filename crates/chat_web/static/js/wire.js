// Frames to and from text: what comes is looked over here once, and trusted everywhere else (docs/protocol.md, 2).

const isText = (v) => typeof v === 'string';
const isSeq = (v) => Number.isSafeInteger(v) && v >= 0;
const isBool = (v) => typeof v === 'boolean';
const isAuthor = (v) => v !== null && typeof v === 'object' && isText(v.id) && isText(v.name);
const isList = (v) => Array.isArray(v);
const isMap = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
const maybe = (check) => (v) => v === undefined || v === null || check(v);

/** What each frame of the server must have. Fields that are not named here are let through unseen. */
const SERVER = {
  Hello: { session: isText, you: isAuthor, rooms: isList, commands: isList, limits: isMap, server: isMap },
  People: { room: isText, users: isList },
  Message: { room: isText, seq: isSeq, id: isText, from: isAuthor, at: isText, text: isText, cid: maybe(isText), reply_to: maybe(isSeq) },
  MessageEdited: { room: isText, seq: isSeq, target: isSeq, from: isAuthor, text: isText },
  MessageDeleted: { room: isText, seq: isSeq, target: isSeq, from: isAuthor },
  Reaction: { room: isText, seq: isSeq, target: isSeq, from: isAuthor, emoji: isText, on: isBool },
  UserJoined: { room: isText, user: isAuthor },
  UserLeft: { room: isText, user: isAuthor },
  UserRenamed: { user: isAuthor, old: isText },
  UserTyping: { room: isText, user: isAuthor },
  UserStoppedTyping: { room: isText, user: isAuthor },
  Presence: { user: isAuthor, state: isText },
  Whisper: { from: isAuthor, to: isAuthor, at: isText, text: isText },
  Topic: { room: isText, text: isText },
  Notice: { text: isText, room: maybe(isText) },
  Warning: { code: isText, text: isText },
  RoomEntered: { room: isMap },
  RoomLeft: { room: isText },
  Read: { room: isText, seq: isSeq },
  Ack: { ref: maybe(isSeq) },
  Error: { code: isText, title: isText, ref: maybe(isSeq) },
  Resumed: { rooms: isMap },
  Gap: { room: isText, missing_from: isSeq, to: isSeq },
  Pong: {},
  Goodbye: { reason: isText },
};

/** Reads one frame. Null is one that we do not know or cannot use: a newer server may send such. */
export function decode(text) {
  let frame;
  try {
    frame = JSON.parse(text);
  } catch {
    return null;
  }
  const shape = isMap(frame) && Object.hasOwn(SERVER, frame.type) ? SERVER[frame.type] : null;
  if (!shape) return null;
  return Object.entries(shape).every(([field, check]) => check(frame[field])) ? frame : null;
}

/** Writes one frame. Fields that are undefined or null are left out. */
export function encode(frame) {
  return JSON.stringify(frame, (_, value) => (value === null ? undefined : value));
}

/** The types that the server may send, for tests. */
export const SERVER_TYPES = Object.keys(SERVER);
