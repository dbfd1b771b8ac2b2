// Puts the parts together: the link brings frames, the store changes, the views draw. Nothing is decided in here.

import { decode, encode } from './wire.js';
import * as link from './link.js';
import * as store from './store.js';
import { newCid, newOutbox } from './outbox.js';
import { rows, directRows } from './rows.js';
import { isName, propose } from './names.js';
import { toMidnight } from './time.js';
import { words } from './i18n.js';
import { timelineView } from './view/timeline.js';
import { composerView } from './view/composer.js';
import { roomsView } from './view/rooms.js';
import { peopleView } from './view/people.js';
import { toastView } from './view/toast.js';
import { openMenu } from './view/menu.js';
import { loadSettings, saveSettings, settingsView } from './view/settings.js';
import { listen, sheet } from './view/shortcuts.js';
import { el, icon } from './view/dom.js';

const byId = (id) => document.getElementById(id);
const kept = (() => {
  try {
    localStorage.setItem('chat.probe', '1');
    localStorage.removeItem('chat.probe');
    return localStorage;
  } catch {
    return null; // private windows may forbid it
  }
})();
/** How long an unsent message says "sending" before it offers to be sent again, copied or thrown away. */
const PATIENCE = 30_000;

const state = store.newState();
const outbox = newOutbox(kept);
let settings = loadSettings(kept, navigator.languages ?? []);
let t = words(settings.language);
let machine = link.start();
let socket = null;
let nextRef = 1;
const answers = new Map(); // ref → what is done with the Ack or Error
let views = null;
let opened = ''; // the conversation that the composer belongs to
let drawing = false;
let refused = ''; // why the machine stopped, in the server's words

// ---- the link ----

function feed(input) {
  const wasLive = machine.name === 'live';
  const [next, effects] = link.step(machine, { now: Date.now(), random: Math.random(), ...input });
  machine = next;
  for (const effect of effects) act(effect);
  if (wasLive && machine.name !== 'live') views?.toast.announce(t('lost'));
  if (!wasLive && machine.name === 'live' && machine.socket > 1) views?.toast.announce(t('back'));
}

let timer = 0;
function act(effect) {
  if (effect.do === 'connect') open(effect.socket);
  if (effect.do === 'close') socket?.close();
  if (effect.do === 'ping') send({ type: 'Ping', ref: ref(() => {}) });
  if (effect.do === 'timer') {
    clearTimeout(timer);
    timer = setTimeout(() => feed({ type: 'tick' }), Math.max(0, effect.at - Date.now()) + 5);
  }
  if (effect.do === 'greeted') flush();
  if (effect.do === 'sign-on') signOnAgain();
  if (effect.do === 'show') draw();
}

function open(number) {
  socket?.close();
  const address = new URL('/ws', location.href);
  address.protocol = address.protocol.replace('http', 'ws');
  const mine = new WebSocket(address, 'chat.v1');
  socket = mine;
  mine.addEventListener('open', () => feed({ type: 'open', socket: number }));
  mine.addEventListener('message', (event) => {
    const frame = decode(event.data);
    if (!frame) return;
    feed({ type: 'frame', socket: number, frame });
    if (socket === mine) take(frame);
  });
  mine.addEventListener('close', (event) => feed({ type: 'close', socket: number, code: event.code, reason: event.reason }));
}

function send(frame) {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(encode(frame));
  return true;
}

function ref(answer) {
  const number = nextRef;
  nextRef += 1;
  answers.set(number, answer);
  return number;
}

/** Sends a frame whose refusal is told to the person. */
const ask = (frame, done = () => {}) => {
  const number = ref((answer) => (answer.type === 'Error' ? views.toast.tell(answer.title) : done(answer)));
  if (send({ ...frame, ref: number })) return;
  answers.delete(number);
  views.toast.tell(t('lost'));
};

function take(frame) {
  if (frame.type === 'Ack' || frame.type === 'Error' || frame.type === 'Pong') {
    const answer = answers.get(frame.ref);
    answers.delete(frame.ref);
    if (frame.type === 'Ack' && frame.cid) outbox.remove(frame.cid);
    const effects = store.take(state, frame, Date.now());
    answer?.(frame);
    effects.forEach(carryOut);
    return draw();
  }
  if (frame.type === 'Hello') restorePending();
  if (frame.type === 'Warning') views.toast.tell(frame.text);
  if (frame.type === 'Goodbye') refused = frame.reason;
  if ((frame.type === 'Message' || frame.type === 'Whisper') && frame.cid) outbox.remove(frame.cid);
  for (const effect of store.take(state, frame, Date.now())) carryOut(effect);
  if (frame.type === 'Hello') {
    flush();
    lookAround();
  }
  return draw();
}

/** The rooms that one could join. */
async function lookAround() {
  try {
    const answer = await fetch('/api/rooms');
    if (answer.ok) state.others = await answer.json();
    draw();
  } catch {
    // The next look may be luckier.
  }
}

function carryOut(effect) {
  if (effect.do === 'resume') resume(effect.room);
  if (effect.do === 'load') load(effect.room);
  if (effect.do === 'fill') fill(effect.room, effect.after, effect.to);
  if (effect.do === 'heard') heard(effect.room, effect.message);
  if (effect.do === 'whispered') whispered(effect.dm, effect.message);
}

// ---- history ----

const resuming = new Set();
/** Asks for all that came after the last number without a hole before it. */
function resume(id) {
  const room = store.findRoom(state, id);
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

async function load(id) {
  const room = store.findRoom(state, id);
  if (!room) return;
  try {
    const found = await page(room, { limit: 50 });
    const first = !room.loaded;
    store.putPage(room, found.messages, found.last_seq, true);
    room.older = found.prev !== null;
    room.loaded = true;
    if (first && room.read === 0) room.read = found.last_seq;
    if (first && room.marker === null && store.unread(state, room) > 0) room.marker = room.read;
    resume(room.id);
  } catch {
    // A room that is closed to REST until the server knows us in it, or a cut: the resume brings what there is.
    room.loaded = true;
    resume(room.id);
  }
  draw();
}

let loadingOlder = false;
async function older() {
  const room = store.findRoom(state, state.current);
  if (!room || loadingOlder || !room.older) return;
  loadingOlder = true;
  try {
    const first = Math.min(...room.messages.keys());
    const found = await page(room, { before: Number.isFinite(first) ? first : room.last + 1, limit: 50 });
    store.putPage(room, found.messages, found.last_seq, false);
    room.older = found.prev !== null;
  } catch {
    views.toast.tell(t('lost'));
  }
  loadingOlder = false;
  draw();
}

/** Fills a gap page by page; what is not kept any more is told. */
async function fill(id, after, to) {
  const room = store.findRoom(state, id);
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
    if (!room.messages.has(after + 1) && after > 0) store.addNotice(room, { kind: 'notice', text: t('gap'), at: new Date().toISOString() }, Date.now());
  } catch {
    store.addNotice(room, { kind: 'notice', text: t('gap'), at: new Date().toISOString() }, Date.now());
  }
  store.reach(room, to);
  draw();
}

async function jump(seq) {
  if (views.timeline.jump(seq)) return;
  const room = store.findRoom(state, state.current);
  if (!room) return;
  try {
    const found = await page(room, { after: Math.max(0, seq - 25), limit: 100 });
    store.putPage(room, found.messages, found.last_seq, false);
    drawNow();
    views.timeline.jump(seq);
  } catch {
    views.toast.tell(t('quoteGone'));
  }
}

// ---- sending ----

function restorePending() {
  for (const item of outbox.all()) {
    if (item.to) {
      const dm = store.dmWith(state, item.to);
      if (!dm.pending.some((other) => other.cid === item.cid)) dm.pending.push({ state: 'sending', ...item });
    } else store.addPending(store.roomOf(state, item.room), item);
  }
}

/** Sends what is not acknowledged, in its order. The server knows each by its cid, so twice is once. */
function flush() {
  if (machine.name !== 'live') return;
  for (const item of outbox.all()) if (item.state !== 'failed') push(item);
}

const pendingOf = (item) => (item.to ? store.dmWith(state, item.to) : store.roomOf(state, item.room)).pending.find((other) => other.cid === item.cid);

function push(item) {
  const number = ref((answer) => {
    if (answer.type !== 'Error') return;
    const pending = pendingOf(item);
    if (answer.retry_after_ms) {
      setTimeout(() => outbox.find(item.cid) && push(item), answer.retry_after_ms);
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
  if (!send(frame)) answers.delete(number);
}

function say(text, answered) {
  const lines = text.split('\n').map((line) => line.trimEnd()).filter(Boolean).slice(0, 200);
  if (lines.length === 1 && lines[0].startsWith('/') && !lines[0].startsWith('//')) return command(lines[0]);
  const direct = state.current.startsWith('@') ? state.current.slice(1) : null;
  for (const [i, line] of lines.entries()) {
    const words = line.startsWith('//') ? line.slice(1) : line;
    const item = { cid: newCid(), at: new Date().toISOString(), text: words, reply_to: i === 0 ? answered?.seq : undefined };
    if (direct) item.to = direct;
    else item.room = state.current;
    outbox.add(item);
    if (direct) store.dmWith(state, direct).pending.push({ state: 'sending', ...item });
    else store.addPending(store.roomOf(state, item.room), item);
    if (machine.name === 'live') push(item);
  }
  const room = store.findRoom(state, state.current);
  if (room) room.marker = null;
  drawNow();
  views.timeline.goToEnd();
  setTimeout(draw, PATIENCE + 100);
  return undefined;
}

/** A command of the line protocol: the server's own table, the same as in telnet. `/me` is speech like any other. */
function command(line) {
  const [, word, rest] = line.match(/^\/(\S*)\s*(.*)$/s);
  if (word === 'me' && rest && !state.current.startsWith('@')) {
    const item = { cid: newCid(), at: new Date().toISOString(), text: rest, act: true, room: state.current };
    outbox.add(item);
    store.addPending(store.roomOf(state, item.room), item);
    push(item);
    return draw();
  }
  const frame = { type: 'Command', line };
  if (!state.current.startsWith('@')) frame.room = state.current;
  return ask(frame, (ack) => {
    const room = store.findRoom(state, state.current);
    const lines = (ack.text ?? '').split('\n').filter(Boolean);
    if (ack.what === 'JOIN') views.composer.focus();
    if (ack.what === 'WHISPER' || ack.what === 'JOIN' || ack.what === 'NICK' || lines.length === 0) return;
    if (lines.length === 1 || !room) views.toast.tell(lines.slice(0, 6).join(' · '));
    else for (const text of lines) store.addNotice(room, { kind: 'notice', text, at: new Date().toISOString() }, Date.now());
    draw();
  });
}

const openRoom = (id) => {
  const room = store.findRoom(state, id);
  if (room) return go(room.id);
  return ask({ type: 'Command', line: `/join #${id}` }, () => {
    closePanels();
    views.composer.focus();
  });
};

function go(where) {
  const before = store.findRoom(state, state.current);
  if (before) before.marker = null;
  state.current = where;
  const room = store.findRoom(state, where);
  if (room && store.unread(state, room) > 0) room.marker = room.read;
  if (where.startsWith('@')) store.dmWith(state, where.slice(1)).unread = 0;
  closePanels();
  const swap = () => drawNow();
  if (document.startViewTransition && !matchMedia('(prefers-reduced-motion: reduce)').matches) document.startViewTransition(swap);
  else swap();
  views.composer.focus();
}

/** What is at the end of a page that somebody looks at is read. */
function seen() {
  const room = store.findRoom(state, state.current);
  if (document.hidden || !room || !room.live || room.last <= room.read || !views.timeline.isAtEnd()) return;
  room.read = room.last;
  send({ type: 'Read', room: room.id, seq: room.last });
  draw();
}

function markRead() {
  const room = store.findRoom(state, state.current);
  if (room) room.marker = null;
  views.timeline.goToEnd();
  drawNow();
  views.composer.focus();
}

// ---- telling ----

function heard(id, message) {
  const mine = message.from.id === state.me?.id;
  const named = !mine && store.mentions(message.text, state.me?.name);
  const here = id === state.current && !document.hidden;
  const room = store.findRoom(state, id);
  if (!mine && !here && room && room.marker === null && id === state.current) room.marker = room.read;
  if (here && !mine && (settings.announce === 'all' || (settings.announce === 'mentions' && named))) views.toast.speak(`${message.from.name}: ${message.text}`);
  if (named && !here) notify(t('mentioned', { name: message.from.name, room: id }), message.text, id);
  if (here && views.timeline.isAtEnd()) setTimeout(seen, 0);
}

function whispered(name, message) {
  if (state.current === `@${name}` && !document.hidden) {
    store.dmWith(state, name).unread = 0;
    if (settings.announce !== 'none') views.toast.speak(`${t('whispered', { name })}: ${message.text}`);
    return;
  }
  notify(t('whispered', { name }), message.text, `@${name}`);
}

function notify(title, body, where) {
  views.toast.tell(`${title}: ${body.slice(0, 80)}`);
  if (!settings.notify || !document.hidden || globalThis.Notification?.permission !== 'granted') return;
  const note = new Notification(title, { body: body.slice(0, 200), tag: where, icon: '/icon.svg' });
  note.onclick = () => {
    focus();
    go(where);
    note.close();
  };
}

// ---- drawing ----

function draw() {
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
  if (names.length === 1) return t('typing1', { a: names[0] });
  if (names.length === 2) return t('typing2', { a: names[0], b: names[1] });
  return t('typingN', { a: names[0], n: names.length - 1 });
}

function drawNow() {
  drawing = false;
  if (!views || !state.me) return drawLink();
  const direct = state.current.startsWith('@');
  const room = direct ? null : store.roomOf(state, state.current);
  const dm = direct ? store.dmWith(state, state.current.slice(1)) : null;
  const late = (item) => item.state === 'sending' && Date.now() - Date.parse(item.at) > PATIENCE;
  for (const item of (room ?? dm).pending) if (late(item)) item.state = 'failed';
  const where = direct ? state.current.slice(1) : `#${state.current}`;
  byId('where').textContent = where;
  byId('topic').textContent = room ? room.topic || t('noTopic') : '';
  byId('server-name').textContent = state.server?.name ?? 'chat';
  views.rooms.update(state);
  views.people.update(state, room);
  byId('people-panel').classList.toggle('empty', direct);
  byId('me').replaceChildren(el('span', { class: 'label' }, state.me.name), el('button', { type: 'button', class: 'plain', 'aria-label': t('signOut'), title: t('signOut'), on: { click: signOut } }, icon('door')));
  const find = (seq) => (room ? store.current(room, seq) : null);
  views.timeline.update(room ? rows(state, room) : directRows(state, dm), {
    title: state.current, label: t('messagesIn', { where }), me: state.me.name, find, now: Date.now(),
    language: settings.language, hours24: settings.hours24, older: Boolean(room?.older && room.loaded && room.messages.size > 0), loaded: room ? room.loaded : true,
    lastShown: room?.read ?? 0, typing: typingWords(room), mentions: (text) => store.mentions(text, state.me.name),
    emptyTitle: direct ? t('emptyDirect', { name: dm.name }) : t('emptyRoom'),
    emptyText: direct ? t('emptyDirectText', { name: dm.name }) : t('emptyRoomText', { host: location.hostname }),
  });
  if (opened !== state.current) {
    opened = state.current;
    views.composer.open(where, draftOf());
  }
  drawLink();
  drawTitle(where);
  return undefined;
}

function drawLink() {
  const dot = byId('link');
  const down = machine.name !== 'live';
  dot.className = `link ${machine.name}`;
  byId('link-words').textContent = machine.name === 'live' ? t('live') : t('connecting');
  const bar = byId('offline');
  const stopped = machine.name === 'stopped' && machine.reason !== 'signed-out';
  bar.hidden = !state.me || !(machine.name === 'waiting' || stopped);
  if (bar.hidden) return;
  const unsent = outbox.all().length;
  const wait = Math.max(0, Math.ceil((machine.until - Date.now()) / 1000));
  const said = stopped ? t(machine.reason, { why: machine.words || refused }) : t('offline', { s: wait });
  bar.replaceChildren(el('span', {}, said), unsent > 0 ? el('span', { class: 'unsent-count' }, t('unsent', { n: unsent })) : '',
    el('button', { type: 'button', on: { click: () => (stopped ? comeBack() : feed({ type: 'retry' })) } }, stopped ? t('comeBack') : t('tryNow')));
  if (down && !stopped) setTimeout(drawLink, 1_000);
}

const favicon = document.querySelector('link[rel=icon]');
function drawTitle(where) {
  let count = 0;
  for (const room of state.rooms.values()) count += store.unread(state, room);
  for (const dm of state.dms.values()) count += dm.unread;
  document.title = count > 0 ? t('unreadTitle', { n: count, where }) : `${where} · ${state.server?.name ?? 'chat'}`;
  const wanted = count > 0 ? '/icon.svg#new' : '/icon.svg';
  if (favicon.getAttribute('href') !== wanted) favicon.setAttribute('href', wanted);
  const badge = count > 0 ? navigator.setAppBadge?.(count) : navigator.clearAppBadge?.();
  badge?.catch(() => {});
}

// ---- drafts ----

const draftKey = (where) => `chat.draft.${where.toLowerCase()}`;
const draftOf = () => {
  try {
    return kept?.getItem(draftKey(state.current)) ?? '';
  } catch {
    return '';
  }
};
const keepDraft = (text) => {
  try {
    if (text) kept?.setItem(draftKey(state.current), text);
    else kept?.removeItem(draftKey(state.current));
  } catch {
    // A full store costs the draft, nothing else.
  }
};

// ---- signing on ----

async function enter(name) {
  const answer = await fetch('/api/users', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ name }) });
  const body = await answer.json();
  if (answer.status === 201) {
    try {
      kept?.setItem('chat.name', body.name);
    } catch {
      // It is only a proposal for the next time.
    }
  }
  return { status: answer.status, body };
}

function signOn(first = '', problem = '') {
  const dialog = byId('sign-on');
  byId('app').inert = true;
  const name = el('input', { id: 'name', type: 'text', maxlength: '32', required: true, autocomplete: 'nickname', autocapitalize: 'none', spellcheck: 'false', 'aria-describedby': 'name-hint', value: first || propose() });
  const hint = el('p', { id: 'name-hint', class: problem ? 'hint wrong' : 'hint', role: problem ? 'alert' : undefined }, problem || t('nameHint'));
  const wrong = (words) => {
    hint.textContent = words;
    hint.className = 'hint wrong';
    hint.setAttribute('role', 'alert');
    name.setAttribute('aria-invalid', 'true');
    name.select();
  };
  const form = el('form', { class: 'welcome', on: { submit: async (event) => {
    event.preventDefault();
    const wanted = name.value.trim();
    if (!isName(wanted)) return wrong(t('badName'));
    try {
      const { status, body } = await enter(wanted);
      if (status === 201) {
        dialog.close();
        return begin();
      }
      if (body.try) name.value = body.try;
      return wrong(body.try ? t('nameTaken', { name: body.try }) : body.detail ?? body.title);
    } catch {
      return wrong(t('cannotReach'));
    }
  } } },
  el('img', { src: '/icon.svg', alt: '', width: '64', height: '64' }),
  el('h2', { id: 'sign-on-title' }, t('welcome')), el('p', {}, t('welcomeText')),
  el('label', { for: 'name' }, t('nameLabel')),
  el('div', { class: 'name-row' }, name, el('button', { type: 'button', class: 'plain', 'aria-label': t('another'), title: t('another'), on: { click: () => { name.value = propose(); name.focus(); } } }, icon('retry'))),
  hint, el('button', { class: 'primary', type: 'submit' }, t('comeIn')));
  dialog.replaceChildren(form);
  if (!dialog.open) dialog.showModal();
  name.focus();
  name.select();
}
byId('sign-on').addEventListener('cancel', (event) => event.preventDefault());

/** The session is over, as after a restart of the server: come in again under the same name, with all that is unsent. */
async function signOnAgain() {
  const name = state.me?.name ?? kept?.getItem('chat.name') ?? '';
  try {
    const { status, body } = name ? await enter(name) : { status: 0, body: {} };
    if (status === 201) return feed({ type: 'start' });
    return signOn(body.try ?? name, body.try ? t('nameTaken', { name: body.try }) : '');
  } catch {
    return setTimeout(signOnAgain, 2_000);
  }
}

const comeBack = () => {
  refused = '';
  signOn(state.me?.name ?? '');
};

function begin() {
  byId('app').inert = false;
  feed({ type: 'start' });
  views.composer.focus();
}

async function signOut() {
  await fetch('/api/me', { method: 'DELETE' }).catch(() => {});
  feed({ type: 'stop' });
}

// ---- panels, dialogs ----

function closePanels() {
  for (const [panel, button] of [['rooms-panel', 'show-rooms'], ['people-panel', 'show-people']]) {
    byId(panel).classList.remove('open');
    byId(button).setAttribute('aria-expanded', 'false');
  }
  byId('shade').hidden = true;
}

function openPanel(panel, button) {
  const was = byId(panel).classList.contains('open');
  closePanels();
  if (was) return;
  byId(panel).classList.add('open');
  byId(button).setAttribute('aria-expanded', 'true');
  byId('shade').hidden = false;
  byId(panel).querySelector('button')?.focus();
}

function switcher() {
  const dialog = byId('switcher');
  const places = [...[...state.rooms.values()].map((room) => room.id), ...[...state.dms.values()].map((dm) => `@${dm.name}`)];
  const people = [...state.presence.values()].map((one) => `@${one.name}`).filter((one) => one !== `@${state.me.name}` && !places.includes(one));
  const all = [...places, ...people];
  let chosen = 0;
  let found = all;
  const field = el('input', { type: 'text', 'aria-label': t('switchHint'), placeholder: t('switchHint'), role: 'combobox', 'aria-expanded': 'true', 'aria-controls': 'switch-list', autocomplete: 'off', spellcheck: 'false' });
  const list = el('ul', { id: 'switch-list', role: 'listbox', 'aria-label': t('switcher'), class: 'suggestions static' });
  const pick = (i) => {
    dialog.close();
    const typed = field.value.trim().replace(/^#/, '');
    if (found[i]) go(found[i]);
    else if (typed) openRoom(typed);
  };
  const show = () => {
    field.setAttribute('aria-activedescendant', `switch-${chosen}`);
    list.replaceChildren(...found.slice(0, 10).map((place, i) => el('li', { role: 'option', id: `switch-${i}`, 'aria-selected': String(i === chosen), on: { click: () => pick(i) } }, place.startsWith('@') ? place : `#${place}`)));
  };
  field.addEventListener('input', () => {
    const typed = field.value.toLowerCase().replace(/^#/, '');
    found = all.filter((place) => place.toLowerCase().includes(typed));
    chosen = 0;
    show();
  });
  field.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      chosen = Math.max(0, Math.min(Math.min(found.length, 10) - 1, chosen + (event.key === 'ArrowDown' ? 1 : -1)));
      show();
    }
    if (event.key === 'Enter') {
      event.preventDefault();
      pick(chosen);
    }
  });
  dialog.replaceChildren(el('h2', { id: 'switcher-title' }, t('switcher')), field, list);
  show();
  dialog.showModal();
  field.focus();
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    views.toast.tell(t('copied'));
  } catch {
    views.toast.tell(t('cannotCopy'));
  }
}

function menu(message, anchor) {
  const room = store.findRoom(state, state.current);
  const react = (emoji) => ask({ type: 'React', room: state.current, target: message.seq, emoji, on: !(message.reactions?.[emoji] ?? []).includes(state.me.name) });
  openMenu(anchor, message, {
    t, mine: message.from.id === state.me.id, op: Boolean(room?.op), onReact: react,
    onReply: () => views.composer.reply(message), onEdit: () => views.composer.edit(message), onCopy: () => copy(message.text),
    onDelete: () => ask({ type: 'Delete', room: state.current, target: message.seq }),
  });
}

function names() {
  const room = store.findRoom(state, state.current);
  const spoke = new Map();
  if (room) for (const seq of room.messages.keys()) spoke.set(room.messages.get(seq).from.name, seq);
  const all = new Set([...(room?.people.values() ?? [])].map((one) => one.name));
  all.delete(state.me?.name);
  return [...all].sort((a, b) => (spoke.get(b) ?? 0) - (spoke.get(a) ?? 0) || a.localeCompare(b));
}

// ---- look and language ----

function applySettings(next) {
  const language = next.language !== settings.language;
  settings = next;
  saveSettings(kept, settings);
  if (settings.notify && globalThis.Notification && Notification.permission === 'default') {
    Notification.requestPermission().then((said) => said === 'granted' || views.toast.tell(t('notifyDenied')));
  }
  dress();
  if (language) build();
  else showSettings(false);
  draw();
}

function dress() {
  document.documentElement.lang = settings.language;
  document.documentElement.dataset.theme = settings.theme;
  t = words(settings.language);
}

function showSettings(show = true) {
  const dialog = byId('settings');
  settingsView(dialog, settings, t, applySettings);
  if (show && !dialog.open) dialog.showModal();
}

/** Makes the views anew, as for another language. */
function build() {
  const label = (id, key, name) => {
    const node = byId(id);
    node.replaceChildren(icon(name));
    node.setAttribute('aria-label', t(key));
    node.setAttribute('title', t(key));
  };
  label('show-rooms', 'menu', 'menu');
  label('show-people', 'people', 'people');
  label('show-settings', 'settings', 'settings');
  byId('skip').textContent = t('skip');
  byId('rooms-panel').setAttribute('aria-label', t('rooms'));
  byId('people-panel').setAttribute('aria-label', t('people'));
  const tell = (text) => views.toast.tell(text);
  const whisperTo = (name) => name !== state.me?.name && go(`@${name}`);
  opened = '';
  views = {
    toast: toastView(byId('toasts'), byId('voice'), byId('status')),
    rooms: roomsView(byId('rooms'), { t, tell, open: go, openRoom, leave: (id) => ask({ type: 'Command', line: `/part #${id}` }) }),
    people: peopleView(byId('people'), { t, whisperTo }),
    timeline: timelineView(byId('conversation'), {
      t, older, seen, jump, menu, openRoom, copy, whisperTo,
      react: (message, emoji, on) => ask({ type: 'React', room: state.current, target: message.seq, emoji, on }),
      reply: (message) => views.composer.reply(message),
      retry: (item) => {
        Object.assign(item, { state: 'sending', why: undefined, at: new Date().toISOString() });
        const queued = outbox.find(item.cid);
        if (queued) Object.assign(queued, { state: undefined, at: item.at });
        if (machine.name === 'live') push(queued ?? item);
        else feed({ type: 'retry' });
        setTimeout(draw, PATIENCE + 100);
        draw();
      },
      discard: (item) => {
        outbox.remove(item.cid);
        const place = item.to ? store.dmWith(state, item.to) : store.roomOf(state, item.room);
        place.pending = place.pending.filter((other) => other.cid !== item.cid);
        draw();
      },
    }),
    composer: composerView(byId('composer'), {
      t, tell, send: say, names, draft: keepDraft, maxBytes: () => state.limits.text_bytes ?? 2000,
      rooms: () => [...state.rooms.values()].map((room) => room.id), commands: () => state.commands,
      edit: (message, text) => text !== message.text && ask({ type: 'Edit', room: state.current, target: message.seq, text }),
      typing: (on) => !state.current.startsWith('@') && send({ type: on ? 'UserTyping' : 'UserStoppedTyping', room: state.current }),
      lastOwn: () => {
        const room = store.findRoom(state, state.current);
        return room && store.timeline(room).findLast((message) => message.from.id === state.me.id && !message.deleted);
      },
    }),
  };
  drawNow();
}

// ---- begin ----

dress();
build();
byId('show-rooms').addEventListener('click', () => openPanel('rooms-panel', 'show-rooms'));
byId('show-people').addEventListener('click', () => openPanel('people-panel', 'show-people'));
byId('show-settings').addEventListener('click', () => showSettings());
byId('shade').addEventListener('click', closePanels);
listen({
  switcher: () => state.me && switcher(),
  step(by) {
    const places = [...[...state.rooms.values()].map((room) => room.id), ...[...state.dms.values()].map((dm) => `@${dm.name}`)];
    const at = places.indexOf(state.current);
    if (places.length > 0) go(places[(at + by + places.length) % places.length]);
  },
  escape: () => (byId('shade').hidden ? markRead() : closePanels()),
  end: () => views.timeline.goToEnd(),
  sheet: () => {
    sheet(byId('keys'), t);
    byId('keys').showModal();
  },
  isEmpty: () => document.activeElement === views.composer.field && views.composer.isEmpty(),
});
addEventListener('online', () => feed({ type: 'online' }));
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  feed({ type: 'visible' });
  seen();
  draw();
});
const midnight = () => setTimeout(() => { draw(); midnight(); }, toMidnight(Date.now()));
midnight();

setInterval(() => document.hidden || machine.name !== 'live' || lookAround(), 30_000);

// Whoever was here comes back without a word: the socket's door says whether the session lives still.
if (kept?.getItem('chat.name')) begin();
else signOn();
