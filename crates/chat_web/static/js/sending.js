// What one says: shown at once, kept until it is acknowledged, sent again after each cut. Commands as well.

import { app } from './app.js';
import { ask, forget, ref, send } from './connection.js';
import { draw, drawNow } from './draw.js';
import { newCid } from './outbox.js';
import * as store from './store.js';

/** How long an unsent message says "sending" before it offers to be sent again, copied or thrown away. */
export const PATIENCE = 30_000;

export function restorePending() {
  for (const item of app.outbox.all()) {
    if (item.to) {
      const dm = store.dmWith(app.state, item.to);
      if (!dm.pending.some((other) => other.cid === item.cid)) dm.pending.push({ state: 'sending', ...item });
    } else store.addPending(store.roomOf(app.state, item.room), item);
  }
}

/** Sends what is not acknowledged, in its order. The server knows each by its cid, so twice is once. */
export function flush() {
  if (app.machine.name !== 'live') return;
  for (const item of app.outbox.all()) if (item.state !== 'failed') push(item);
}

const pendingOf = (item) => (item.to ? store.dmWith(app.state, item.to) : store.roomOf(app.state, item.room)).pending.find((other) => other.cid === item.cid);

export function push(item) {
  const number = ref((answer) => {
    if (answer.type !== 'Error') return;
    const pending = pendingOf(item);
    if (answer.retry_after_ms) {
      setTimeout(() => app.outbox.find(item.cid) && push(item), answer.retry_after_ms);
      if (pending) pending.why = answer.title;
    } else {
      item.state = 'failed';
      if (pending) Object.assign(pending, { state: 'failed', why: answer.title });
    }
    draw();
  });
  const frame = item.to
    ? { type: 'Whisper', ref: number, cid: item.cid, to: item.to, text: item.text }
    : { type: 'Send', ref: number, room: item.room, cid: item.cid, text: item.text, reply_to: item.reply_to, act: item.act || undefined };
  if (!send(frame)) forget(number);
}

export function say(text, answered) {
  const lines = text.split('\n').map((line) => line.trimEnd()).filter(Boolean).slice(0, 200);
  if (lines.length === 1 && lines[0].startsWith('/') && !lines[0].startsWith('//')) return command(lines[0]);
  const direct = app.state.current.startsWith('@') ? app.state.current.slice(1) : null;
  for (const [i, line] of lines.entries()) {
    const words = line.startsWith('//') ? line.slice(1) : line;
    const item = { cid: newCid(), at: new Date().toISOString(), text: words, reply_to: i === 0 ? answered?.seq : undefined };
    if (direct) item.to = direct;
    else item.room = app.state.current;
    app.outbox.add(item);
    if (direct) store.dmWith(app.state, direct).pending.push({ state: 'sending', ...item });
    else store.addPending(store.roomOf(app.state, item.room), item);
    if (app.machine.name === 'live') push(item);
  }
  const room = store.findRoom(app.state, app.state.current);
  if (room) room.marker = null;
  drawNow();
  app.views.timeline.goToEnd();
  setTimeout(draw, PATIENCE + 100);
  return undefined;
}

/** A command of the line protocol: the server's own table, the same as in telnet. `/me` is speech like any other. */
function command(line) {
  const [, word, rest] = line.match(/^\/(\S*)\s*(.*)$/s);
  if (word === 'me' && rest && !app.state.current.startsWith('@')) {
    const item = { cid: newCid(), at: new Date().toISOString(), text: rest, act: true, room: app.state.current };
    app.outbox.add(item);
    store.addPending(store.roomOf(app.state, item.room), item);
    push(item);
    return draw();
  }
  const frame = { type: 'Command', line };
  if (!app.state.current.startsWith('@')) frame.room = app.state.current;
  return ask(frame, (ack) => {
    const room = store.findRoom(app.state, app.state.current);
    const lines = (ack.text ?? '').split('\n').filter(Boolean);
    if (ack.what === 'JOIN') app.views.composer.focus();
    if (ack.what === 'WHISPER' || ack.what === 'JOIN' || ack.what === 'NICK' || lines.length === 0) return;
    if (lines.length === 1 || !room) app.views.toast.tell(lines.slice(0, 6).join(' · '));
    else for (const text of lines) store.addNotice(room, { kind: 'notice', text, at: new Date().toISOString() }, Date.now());
    draw();
  });
}
