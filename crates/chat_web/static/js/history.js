// What was said before: pages of it, what a cut left out, and the way to one message.

import { app } from './app.js';
import { send } from './connection.js';
import { draw, drawNow } from './draw.js';
import * as store from './store.js';

const resuming = new Set();
/** Asks for all that came after the last number without a hole before it. */
export function resume(id) {
  const room = store.findRoom(app.state, id);
  if (!room || resuming.has(room.id)) return;
  resuming.add(room.id);
  // What comes in the same moment is one resume.
  setTimeout(() => {
    resuming.delete(room.id);
    send({ type: 'Resume', rooms: { [room.id]: room.seen } });
  }, 20);
}

async function page(room, query) {
  const answer = await fetch(`/api/rooms/${encodeURIComponent(room.id)}/messages?${new URLSearchParams(query)}`);
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

export async function load(id) {
  const room = store.findRoom(app.state, id);
  if (!room) return;
  try {
    const found = await page(room, { limit: 50 });
    const first = !room.loaded;
    store.putPage(room, found.messages, found.last_seq, true);
    room.older = found.prev !== null;
    room.loaded = true;
    if (first && room.read === 0) room.read = found.last_seq;
    if (first && room.marker === null && store.unread(app.state, room) > 0) room.marker = room.read;
    resume(room.id);
  } catch {
    // A room that is closed to REST until the server knows us in it, or a cut: the resume brings what there is.
    room.loaded = true;
    resume(room.id);
  }
  draw();
}

let loadingOlder = false;
export async function older() {
  const room = store.findRoom(app.state, app.state.current);
  if (!room || loadingOlder || !room.older) return;
  loadingOlder = true;
  try {
    const first = Math.min(...room.messages.keys());
    const found = await page(room, { before: Number.isFinite(first) ? first : room.last + 1, limit: 50 });
    store.putPage(room, found.messages, found.last_seq, false);
    room.older = found.prev !== null;
  } catch {
    app.views.toast.tell(app.t('lost'));
  }
  loadingOlder = false;
  draw();
}

/** Fills a gap page by page; what is not kept any more is told. */
export async function fill(id, after, to) {
  const room = store.findRoom(app.state, id);
  if (!room) return;
  try {
    let from = after;
    for (let pages = 0; pages < 50; pages += 1) {
      const found = await page(room, { after: from, limit: 200 });
      store.putPage(room, found.messages, found.last_seq, false);
      const last = found.messages.at(-1)?.seq ?? to;
      if (found.next === null || last >= to) break;
      from = last;
    }
    if (!room.messages.has(after + 1) && after > 0) store.addNotice(room, { kind: 'notice', text: app.t('gap'), at: new Date().toISOString() }, Date.now());
  } catch {
    store.addNotice(room, { kind: 'notice', text: app.t('gap'), at: new Date().toISOString() }, Date.now());
  }
  store.reach(room, to);
  draw();
}

export async function jump(seq) {
  if (app.views.timeline.jump(seq)) return;
  const room = store.findRoom(app.state, app.state.current);
  if (!room) return;
  try {
    const found = await page(room, { after: Math.max(0, seq - 25), limit: 100 });
    store.putPage(room, found.messages, found.last_seq, false);
    drawNow();
    app.views.timeline.jump(seq);
  } catch {
    app.views.toast.tell(app.t('quoteGone'));
  }
}
