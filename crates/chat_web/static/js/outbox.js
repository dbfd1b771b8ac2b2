// Outbox: what was said and not yet acknowledged. One item is under way at a time, so the order typed is the order
// seen.
//
// Each item is stored under a key of its own: two tabs never overwrite each other's, and if both send the same one, its
// cid
// makes it one message all the same.
//
// Waiting goes by performance.now() (`now`), which no clock that is set can move. An item's `at` is the time of day,
// for what outlives
// the page.

import { sameName } from './names.js';

const KEY = 'chat.out.';
/** What lay longer than this before a page was opened is not sent unasked: yesterday's words may be wrong today. */
export const STALE_MS = 10 * 60000;
/** After this long the choice "retry, copy, discard" is shown. */
export const LATE_MS = 30000;

export function outbox(storage, at = Date.now(), now = performance.now()) {
  const items = [];
  for (let i = 0; i < (storage?.length ?? 0); i++) {
    const key = storage.key(i);
    if (!key.startsWith(KEY)) continue;
    try {
      const item = JSON.parse(storage.getItem(key));
      if (!item.cid || typeof item.text !== 'string') continue;
      // A time in the future is from before the clock was set back: its age is not known.
      items.push({
        ...item,
        since: now,
        state: item.state === 'failed' || Math.abs(at - item.at) > STALE_MS ? 'failed' : 'queued',
      });
    } catch {
      /* Not ours, or half written: leave it. */
    }
  }
  items.sort((a, b) => a.n - b.n);
  return { items, storage, last: items.at(-1)?.n ?? 0, wait: 0 };
}

function save(box, item) {
  // A full or forbidden storage costs the safety net, not the message.
  try {
    box.storage?.setItem(KEY + item.cid, JSON.stringify({ ...item, since: undefined }));
  } catch {
    /* see above */
  }
}

/** `what`: {cid, room, text, reply_to?, act?, to?, author?, toSeal?}. */
export function add(box, what, at = Date.now(), now = performance.now()) {
  box.last = Math.max(at * 1000, box.last + 1);
  const item = { ...what, at, since: now, n: box.last, state: 'queued' };
  box.items.push(item);
  save(box, item);
  return item;
}

export const find = (box, cid) => box.items.find((item) => item.cid === cid);

/**
 * The next one to send; null while one is under way, or while the server has asked to wait. `may`: whether its room is
 * open to us.
 * @param {Outbox} box
 * @param {number} now
 * @param {(item: Item) => boolean} may
 * @returns {Item | null}
 */
export function next(box, now, may = () => true) {
  if (now < box.wait || box.items.some((item) => item.state === 'sent')) return null;
  return box.items.find((item) => item.state === 'queued' && may(item)) ?? null;
}

/** The words as they go out. Under one `cid` they must be the same at each try, so they are kept before the first. */
export function rewrite(box, item, text) {
  if (item.text !== text) {
    item.text = text;
    save(box, item);
  }
}

/** What is sealed goes out as this at each try: under one `cid` it must be the same. */
export function wired(box, item, wire) {
  item.wire = wire;
  save(box, item);
}

/** It cannot go: a user has to decide. */
export function fail(box, item, why) {
  Object.assign(item, { state: 'failed', why });
  save(box, item);
}

/** What another account has said on this page does not go out under the name of `me`; `why` says that for an author. */
export function disown(box, me, why) {
  const all = box.items.filter((one) => one.state === 'queued' && one.author && !sameName(one.author, me));
  for (const item of all) fail(box, item, why(item.author));
  return all.length > 0;
}

export function sent(box, cid, ref) {
  const item = find(box, cid);
  if (!item) return;
  item.state = 'sent';
  item.ref = ref;
}

/** Acknowledged, or seen in the room: it is not ours to keep any more. */
export function done(box, cid) {
  const at = box.items.findIndex((item) => item.cid === cid);
  if (at < 0) return null;
  try {
    box.storage?.removeItem(KEY + cid);
  } catch {
    /* nothing to lose */
  }
  return box.items.splice(at, 1)[0];
}

/** The connection is gone: what was under way may or may not have arrived. It goes again, with the same cid. */
export function cut(box) {
  for (const item of box.items)
    if (item.state === 'sent') {
      item.state = 'queued';
      item.ref = null;
    }
}

/** Refused. `after` (ms) means "later"; without it a person has to decide. */
export function refused(box, ref, why, now, after) {
  const item = box.items.find((one) => one.ref === ref && one.state === 'sent');
  if (!item) return null;
  item.ref = null;
  if (after) {
    item.state = 'queued';
    box.wait = now + after;
  } else {
    item.state = 'failed';
    item.why = why;
    save(box, item);
  }
  return item;
}

/** The user wants it to go, as `me` now. */
export function retry(box, cid, me = undefined, at = Date.now(), now = performance.now()) {
  const item = find(box, cid);
  if (item) {
    item.state = 'queued';
    item.why = null;
    item.wire = null;
    if (item.author && me) item.author = me;
    item.at = at;
    item.since = now;
    box.wait = 0;
    save(box, item);
  }
  return item;
}

export const of = (box, room) => box.items.filter((item) => item.room === room);
export const isLate = (item, now) => item.state === 'failed' || now - item.since > LATE_MS;
