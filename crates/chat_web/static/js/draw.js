// Brings the page up to date with what is known, at most once in a frame.

import { app, byId } from './app.js';
import { feed } from './connection.js';
import { comeBack, signOut } from './entering.js';
import { directRows, rows } from './rows.js';
import { PATIENCE } from './sending.js';
import * as store from './store.js';
import { el, icon } from './view/dom.js';

let opened = ''; // the conversation that the composer belongs to
let drawing = false;

/** The views were made anew: the composer has to be filled again. */
export const reopen = () => {
  opened = '';
};

export function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(drawNow);
  // A hidden page is drawn as well, only not each frame: its title counts what is unread.
  if (document.hidden) setTimeout(() => drawing && drawNow(), 250);
}

function typingWords(room) {
  const now = Date.now();
  const names = [...(room?.typing.values() ?? [])].filter((one) => one.until > now).map((one) => one.name);
  if (names.length > 0) setTimeout(draw, 1_000);
  if (names.length === 0) return '';
  if (names.length === 1) return app.t('typing1', { a: names[0] });
  if (names.length === 2) return app.t('typing2', { a: names[0], b: names[1] });
  return app.t('typingN', { a: names[0], n: names.length - 1 });
}

export function drawNow() {
  drawing = false;
  if (!app.views || !app.state.me) return drawLink();
  const direct = app.state.current.startsWith('@');
  const room = direct ? null : store.roomOf(app.state, app.state.current);
  const dm = direct ? store.dmWith(app.state, app.state.current.slice(1)) : null;
  const late = (item) => item.state === 'sending' && Date.now() - Date.parse(item.at) > PATIENCE;
  for (const item of (room ?? dm).pending) if (late(item)) item.state = 'failed';
  const where = direct ? app.state.current.slice(1) : `#${app.state.current}`;
  byId('where').textContent = where;
  byId('topic').textContent = room ? room.topic || app.t('noTopic') : '';
  byId('server-name').textContent = app.state.server?.name ?? 'chat';
  app.views.rooms.update(app.state);
  app.views.people.update(app.state, room);
  byId('people-panel').classList.toggle('empty', direct);
  byId('me').replaceChildren(el('span', { class: 'label' }, app.state.me.name), el('button', { type: 'button', class: 'plain', 'aria-label': app.t('signOut'), title: app.t('signOut'), on: { click: signOut } }, icon('door')));
  const find = (seq) => (room ? store.current(room, seq) : null);
  app.views.timeline.update(room ? rows(app.state, room) : directRows(app.state, dm), {
    title: app.state.current, label: app.t('messagesIn', { where }), me: app.state.me.name, find, now: Date.now(),
    language: app.settings.language, hours24: app.settings.hours24, older: Boolean(room?.older && room.loaded && room.messages.size > 0), loaded: room ? room.loaded : true,
    lastShown: room?.read ?? 0, typing: typingWords(room), mentions: (text) => store.mentions(text, app.state.me.name),
    emptyTitle: direct ? app.t('emptyDirect', { name: dm.name }) : app.t('emptyRoom'),
    emptyText: direct ? app.t('emptyDirectText', { name: dm.name }) : app.t('emptyRoomText', { host: location.hostname }),
  });
  if (opened !== app.state.current) {
    opened = app.state.current;
    app.views.composer.open(where, draftOf());
  }
  drawLink();
  drawTitle(where);
  return undefined;
}

function drawLink() {
  const dot = byId('link');
  const down = app.machine.name !== 'live';
  dot.className = `link ${app.machine.name}`;
  byId('link-words').textContent = app.machine.name === 'live' ? app.t('live') : app.t('connecting');
  const bar = byId('offline');
  const stopped = app.machine.name === 'stopped' && app.machine.reason !== 'signed-out';
  bar.hidden = !app.state.me || !(app.machine.name === 'waiting' || stopped);
  if (bar.hidden) return;
  const unsent = app.outbox.all().length;
  const wait = Math.max(0, Math.ceil((app.machine.until - Date.now()) / 1000));
  const said = stopped ? app.t(app.machine.reason, { why: app.machine.words || app.refused }) : app.t('offline', { s: wait });
  bar.replaceChildren(el('span', {}, said), unsent > 0 ? el('span', { class: 'unsent-count' }, app.t('unsent', { n: unsent })) : '',
    el('button', { type: 'button', on: { click: () => (stopped ? comeBack() : feed({ type: 'retry' })) } }, stopped ? app.t('comeBack') : app.t('tryNow')));
  if (down && !stopped) setTimeout(drawLink, 1_000);
}

const favicon = document.querySelector('link[rel=icon]');
function drawTitle(where) {
  let count = 0;
  for (const room of app.state.rooms.values()) count += store.unread(app.state, room);
  for (const dm of app.state.dms.values()) count += dm.unread;
  document.title = count > 0 ? app.t('unreadTitle', { n: count, where }) : `${where} · ${app.state.server?.name ?? 'chat'}`;
  const wanted = count > 0 ? '/icon.svg#new' : '/icon.svg';
  if (favicon.getAttribute('href') !== wanted) favicon.setAttribute('href', wanted);
  const badge = count > 0 ? navigator.setAppBadge?.(count) : navigator.clearAppBadge?.();
  badge?.catch(() => {});
}

// ---- drafts ----

const draftKey = (where) => `chat.draft.${where.toLowerCase()}`;
const draftOf = () => {
  try {
    return app.kept?.getItem(draftKey(app.state.current)) ?? '';
  } catch {
    return '';
  }
};
export const keepDraft = (text) => {
  try {
    if (text) app.kept?.setItem(draftKey(app.state.current), text);
    else app.kept?.removeItem(draftKey(app.state.current));
  } catch {
    // A full store costs the draft, nothing else.
  }
};
