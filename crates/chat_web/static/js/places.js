// Going from room to room, and what is read there.

import { app } from './app.js';
import { ask, send } from './connection.js';
import { draw, drawNow } from './draw.js';
import { closePanels } from './panels.js';
import * as store from './store.js';

export const openRoom = (id) => {
  const room = store.findRoom(app.state, id);
  if (room) return go(room.id);
  return ask({ type: 'Command', line: `/join #${id}` }, () => {
    closePanels();
    app.views.composer.focus();
  });
};

export function go(where) {
  const before = store.findRoom(app.state, app.state.current);
  if (before) before.marker = null;
  app.state.current = where;
  const room = store.findRoom(app.state, where);
  if (room && store.unread(app.state, room) > 0) room.marker = room.read;
  if (where.startsWith('@')) store.dmWith(app.state, where.slice(1)).unread = 0;
  closePanels();
  const swap = () => drawNow();
  if (document.startViewTransition && !matchMedia('(prefers-reduced-motion: reduce)').matches) document.startViewTransition(swap);
  else swap();
  app.views.composer.focus();
}

/** What is at the end of a page that somebody looks at is read. */
export function seen() {
  const room = store.findRoom(app.state, app.state.current);
  if (document.hidden || !room || !room.live || room.last <= room.read || !app.views.timeline.isAtEnd()) return;
  room.read = room.last;
  send({ type: 'Read', room: room.id, seq: room.last });
  draw();
}

export function markRead() {
  const room = store.findRoom(app.state, app.state.current);
  if (room) room.marker = null;
  app.views.timeline.goToEnd();
  drawNow();
  app.views.composer.focus();
}

/** The rooms that one could join. */
export async function lookAround() {
  try {
    const answer = await fetch('/api/rooms');
    if (answer.ok) app.state.others = await answer.json();
    draw();
  } catch {
    // The next look may be luckier.
  }
}
