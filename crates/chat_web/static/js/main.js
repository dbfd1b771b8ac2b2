// Main: wires the parts together: session, connection, store, views. Every decision is made elsewhere; here they meet.
import * as api from './api.js';
import * as link from './link.js';
import * as merge from './merge.js';
import * as outbox from './outbox.js';
import { pastOf } from './past.js';
import * as store from './store.js';
import { $, h } from './dom.js';
import { later, whenIdle } from './later.js';
import { t, useLang } from './i18n.js';
import { keeps, prefs, setPref, storage, setDraft } from './prefs.js';
import { decode, encode, newCid } from './wire.js';
import { awaitsNames, expand, loadEmoji } from './emoji.js';
import { format, plainText } from './format.js';
import { now, onServer, setServerTime, sinceLook, untilMidnight } from './time.js';
import { isRoom, sameName } from './names.js';
import { commandOf, holdsSecret, lacksSecret } from './secrets.js';
import { icon } from './view/icons.js';
import { badges } from './view/badges.js';
import { banner as showBanner } from './view/banner.js';
import { closeDrawers, drawers } from './view/drawers.js';
import { moderated, timelineView } from './view/timeline.js';
import { composerView } from './view/composer.js';
import { roomsView } from './view/rooms.js';
import { peopleView } from './view/people.js';
import { notify } from './view/notify.js';
import { shortcuts, MOD } from './view/shortcuts.js';
import { signIn } from './view/signin.js';
import { toast, announce, openDialog, speak } from './view/toast.js';

const state = store.initial();
const box = outbox.outbox(storage);
let line = link.start(),
  socket = null,
  timer = 0,
  ref = 0,
  wanted = '';
const asked = new Map(); // ref -> what to do with its Ack or Error

const app = {
  state,
  box,
  directory: new Map(),
  ignored: new Set(),
  room: () => store.currentRoom(state),
  knows: (name) => store.isKnown(state, name),
  isIn: (room, name) => [...room.people.values()].some((one) => sameName(one.name, name)),
  person: (name) => {
    for (const room of state.rooms.values())
      for (const one of room.people.values()) if (sameName(one.name, name)) return one;
    return null;
  },
  everyone: () =>
    [...new Set([...state.rooms.values()].flatMap((room) => [...room.people.values()].map((one) => one.name)))].filter(
      (name) => !sameName(name, state.me?.name ?? ''),
    ),
  names() {
    const room = app.room(),
      order = [];
    const add = (name) => {
      if (!sameName(name, state.me?.name ?? '') && !order.includes(name)) order.push(name);
    };
    for (const seq of room.tl.order.slice(-200).reverse()) {
      const { name } = room.tl.msgs.get(seq).from;
      if (room.dm || app.isIn(room, name)) add(name);
    }
    for (const one of room.people.values()) add(one.name);
    if (room.dm) app.everyone().forEach(add);
    return order;
  },
  roomIds: () => [
    ...new Set([
      ...[...state.rooms.values()].filter((room) => !room.dm).map((room) => room.id),
      ...app.directory.keys(),
    ]),
  ],
  commands: (word) =>
    [...state.commands, LEAVE]
      .flatMap((c) =>
        (c.slashes ?? [c.name.toLowerCase()])
          .slice(0, 1)
          .map((slash) => ({ slash, usage: c.usage, help: c.help ?? t(c.words), all: c.slashes ?? [] })),
      )
      .filter((c) => c.slash.startsWith(word) || c.all.some((one) => one === word))
      .slice(0, 7),

  open(id, focus = true) {
    if (!state.rooms.has(id)) return;
    closeDrawers();
    // Without a view transition: what is typed in its first frame would go to the room before.
    take({ type: 'open', room: id });
    if (focus && matchMedia('(hover: hover)').matches) composer.focus();
  },
  openDm(name) {
    take({ type: 'whisper', name });
    app.open(`@${name}`);
  },
  join(id, key = '') {
    if (state.rooms.get(id)?.joined) return app.open(id);
    app.command(`/join #${id} ${key}`.trim(), true, () => app.open(id));
  },
  leave(room) {
    if (room.dm || !room.joined) return take({ type: 'close', room: room.id });
    app.command(`/part #${room.id}`, true);
  },
  say(text, reply_to = null) {
    const room = app.room();
    outbox.add(box, {
      cid: newCid(),
      room: room.id,
      text,
      reply_to,
      act: false,
      ...(room.dm ? { to: room.id.slice(1) } : {}),
    });
    app.sentSomething(room);
  },
  sentSomething(room) {
    take({ type: 'seen', room: room.id });
    take({ type: 'unlined', room: room.id });
    flush();
    timeline.latest();
    if (line.at !== 'live') announce(t('unsent', { n: box.items.length }));
    banner();
  },
  /** `quiet`: the answer is not shown in the room, only a refusal. */
  command(text, quiet = false, then = null) {
    const room = app.room();
    const me = /^\/me\s+(.+)/is.exec(text);
    if (room.dm && !quiet && app.meantForRoom(text, room)) return undefined;
    if (me) {
      outbox.add(box, { cid: newCid(), room: room.id, text: me[1], act: true });
      return app.sentSomething(room);
    }
    const join = /^\/join\s+#?([A-Za-z0-9_-]+)(?:\s+(\S+))?\s*$/i.exec(text);
    if (join && !quiet) return app.join(join[1], join[2]);
    const whisper = /^\/(?:whisper|w|tell|msg)\s+@?([A-Za-z_][A-Za-z0-9_-]*)\s+(.+)/is.exec(text);
    if (whisper && !quiet) {
      app.openDm(whisper[1]);
      return app.say(whisper[2]);
    }
    const search = /^\/search\s+(.+)/i.exec(text);
    if (search && state.offer?.accounts) return app.search(search[1]);
    if (/^\/(quit|exit|q)\b/i.test(text)) return app.signOut();
    // This browser would come back by its cookie, so that goes too.
    const out = state.signedIn && /^\/logout(?:\s+(all))?\s*$/i.exec(text);
    if (out) return out[1] ? app.signOutEverywhere() : app.signOut();
    const command = commandOf(text, state.commands);
    if (command?.secret && lacksSecret(command))
      return lately((parts) => {
        if (!parts.secret(command)) app.give(text, quiet, then);
      });
    return app.give(text, quiet, then);
  },
  /** Gives a command to the server. */
  give(text, quiet, then) {
    const room = app.room(),
      command = commandOf(text, state.commands);
    const ignored = /^\/(un)?ignore\s+(\S+)/i.exec(text);
    const sent = ask(
      { type: 'Command', line: text, room: room.dm ? 'lobby' : room.id },
      (ack) => {
        if (ack.what === 'LOGIN' || ack.what === 'REGISTER') {
          state.signedIn = true;
          redrawSettings();
        }
        if (ignored) {
          app.ignored[ignored[1] ? 'delete' : 'add'](ignored[2]);
        }
        if (quiet) {
          if (/^\/(un)?ignore|^\/nick/i.test(text)) toast(ack.text ?? '');
        } else if (ack.text || ack.items)
          take({
            type: 'answer',
            room: room.id,
            text: ack.text ?? '',
            items: ack.items,
            verb: ack.what,
            at: new Date(now()).toISOString(),
          });
        then?.(ack);
        if (!quiet) timeline.latest();
      },
      (error) => {
        const words =
          error.code === 'bad-argument' && !command ? t('notHere', { command: text.split(/\s/)[0] }) : error.title;
        if (quiet) return toast(words, { kind: 'error' });
        take({ type: 'answer', bad: true, room: room.id, text: words, at: new Date(now()).toISOString() });
        timeline.latest();
      },
    );
    if (!sent) {
      if (!quiet) composer.put(text);
      toast(t('needsLine'));
    }
  },
  /** In a whisper view a command without a room would act in the lobby: it acts here, or is refused. */
  meantForRoom(text, room) {
    const [, word, rest] = /^\/(\S+)\s*(.*)/.exec(text) ?? [];
    const is = (...names) => names.includes(word?.toLowerCase());
    if (is('me') && rest) app.say(`_${state.me.name} ${rest}_`);
    else if (is('reply', 'r') && rest) app.say(rest);
    else if (is('part') && !rest) app.leave(room);
    else if (
      !/^[#*]/.test(rest) &&
      state.commands.some((one) => one.usage.includes('[#room') && is(...(one.slashes ?? [])))
    ) {
      composer.put(text);
      app.sorry(t('nameRoom', { word: `/${word}` }));
    } else return false;
    return true;
  },
  holdsSecret: (text) => holdsSecret(text, state.commands),
  /** What is typed in a room waits there; passwords and keys are kept nowhere. */
  keepDraft: (room, text) => setDraft(room, holdsSecret(text, state.commands) ? '' : text),
  react: (room, target, emoji, on) => change({ type: 'React', room, target, emoji, on }),
  saveEdit(m, text) {
    const room = state.current;
    change({ type: 'Edit', room, target: m.seq, text }, (why) => {
      if (composer.again(room, m, text)) toast(why, { kind: 'warn' });
      else toast(`${why} ${text}`, { kind: 'error', action: { label: t('copy'), run: () => app.copy(text) } });
    });
  },
  remove(m) {
    const room = state.current;
    $('#confirm p').textContent = plainText(format(m.text));
    const dialog = $('#confirm');
    dialog.returnValue = '';
    openDialog(dialog);
    dialog.onclose = () => {
      if (dialog.returnValue === 'yes') change({ type: 'Delete', room, target: m.seq });
      $('#log').focus({ preventScroll: true });
    };
  },
  reply: (m) => composer.start('reply', m),
  edit: (m) => composer.start('edit', m),
  editLast() {
    const room = app.room();
    if (room.dm) return false;
    for (const seq of room.tl.order.slice(-MAX_BACK).reverse()) {
      const m = room.tl.msgs.get(seq);
      if (!m.deleted && !m.act && sameName(m.from.name, state.me.name)) {
        composer.start('edit', m);
        return true;
      }
    }
    return false;
  },
  mention: (name) => {
    closeDrawers();
    composer.insert(`@${name} `);
  },
  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Plain http has no clipboard of its own; the old way still works there.
      const area = h('textarea.vh', { value: text });
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    toast(t('copied'));
  },
  retry(cid) {
    outbox.retry(box, cid);
    feed({ type: 'retry' });
    flush();
    timeline.plan();
  },
  discard(cid) {
    outbox.done(box, cid);
    timeline.plan();
    rooms.render();
    banner();
    composer.focus();
  },
  dropNote(key) {
    const room = app.room();
    room.notes = room.notes.filter((note) => note.key !== key);
    timeline.plan();
    composer.focus();
  },
  typing(room, on) {
    if (!room.startsWith('@')) send({ type: on ? 'UserTyping' : 'UserStoppedTyping', room });
  },
  lately,
  personMenu: (...asked) => lately((parts) => parts.personMenu(...asked)),
  roomMenu: (...asked) => lately((parts) => parts.roomMenu(...asked)),
  focusComposer: () => composer.focus(),
  /** Sends files to the view. They are read off the event at once: later it has none. */
  sendFiles(files) {
    const all = [...(files ?? [])],
      room = app.room();
    if (all.length && room) lately((parts) => parts.uploads.add(all, room));
    return all.length > 0;
  },
  heavy: (...asked) => lately((parts) => parts.heavy(...asked)),
  sorry: (text) => toast(text, { kind: 'warn' }),
  markRead(room) {
    take({ type: 'seen', room: room.id });
    take({ type: 'unlined', room: room.id });
  },
  watched() {
    if (watching()) take({ type: 'seen', room: state.current });
  },
  escape() {
    const room = app.room();
    app.markRead(room);
    closeDrawers();
    timeline.latest();
    composer.focus();
  },
  step(by, unread) {
    const { rooms: a, dms: b } = store.sortedRooms(state),
      all = [...a, ...b];
    const at = all.findIndex((room) => room.id === state.current);
    for (let i = 1; i <= all.length; i++) {
      const room = all[(at + by * i + all.length * i) % all.length];
      if (!unread || room.unread) return app.open(room.id);
    }
  },
  switch: (text) => lately((parts) => parts.switcher.open(text)),
  sheet: () => lately((parts) => parts.sheet.open()),
  search: (text = '') => lately((parts) => parts.search.open(text)),
  /** A message in whatever room: one that is not one's own yet is entered first. */
  showFound(room, seq) {
    if (state.rooms.has(room)) return app.goTo(room, seq);
    return app.command(`/join #${room}`, true, () => app.goTo(room, seq));
  },
  settings: () => lately((parts) => parts.settings.open()),
  /** Who comes into a room and who speaks there; and what is done with one person. */
  roomOrder: (room) => lately((parts) => parts.order.open(room)),
  orderFor: (verb, name) => lately((parts) => parts.order.person(verb, name, app.room())),
  /**
   * A moderation action. The server tells the other users; this user sees the same text. `room`: null is everywhere.
   */
  async deed(verb, room, name, { time = '', seconds = null, reason = '' } = {}) {
    await app.order([`/${verb}`, room === null ? '*' : `#${room}`, name, time, reason].filter(Boolean).join(' '));
    const named = !/[.:/]/.test(name);
    take({
      type: 'Moderated',
      room,
      what: DID[verb],
      user: named ? { name } : null,
      by: state.me.name,
      seconds,
      reason: reason || null,
      at: new Date(now()).toISOString(),
      text: '',
    });
  },
  /** A command whose answer goes to the caller. */
  order: (text) =>
    new Promise((done, fail) => {
      if (!ask({ type: 'Command', line: text, room: 'lobby' }, done, (error) => fail(new Error(error.title))))
        fail(new Error(t('needsLine')));
    }),
  async goTo(room, seq) {
    app.open(room, false);
    if (!app.room().loaded) await past.load(room);
    timeline.render();
    await timeline.goTo(seq);
  },
  pickEmoji: (...asked) => lately((parts) => parts.emojiPicker(...asked)),
  async lookAround() {
    try {
      const all = await api.rooms();
      app.directory.clear();
      for (const room of all) app.directory.set(room.id, room);
      draw('rooms');
      timeline.plan();
    } catch {
      /* the rooms we know will do */
    }
  },
  loadOlder: (room, limit) => past.older(room, limit),
  set(key, value) {
    setPref(key, value);
    dress();
  },
  async signOut() {
    if (box.items.length && !confirmUnsent()) return;
    feed({ type: 'stop' });
    try {
      await (state.signedIn ? api.signOutMember() : api.signOut());
    } catch {
      /* it ends by itself when the socket has been gone for a while */
    }
    setPref('name', state.me?.name ?? '');
    setPref('account', false);
    location.reload();
  },
  /** Registers the name one has. */
  makeMine: (password) =>
    app
      .order(`/register ${password}`)
      .then(() => app.stayIn(password))
      .then(() => toast(t('nowYours', { name: state.me.name }))),
  /** Signs in with an account. */
  logIn: (name, password) => app.order(`/login ${name} ${password}`).then(() => app.stayIn(password)),
  /** Asks for the cookie by which this browser stays signed in. */
  async stayIn(password) {
    await kept;
    await api.signIn(state.me.name, password);
    setPref('account', true);
    state.signedIn = true;
    redrawSettings();
  },
  async changePassword(old, fresh) {
    await api.changePassword(old, fresh);
    toast(t('passwordChanged'));
  },
  async signOutEverywhere() {
    if (box.items.length && !confirmUnsent()) return;
    try {
      await api.signOutMember(true);
    } catch (error) {
      toast(error.status ? error.message : t('noServer'), { kind: 'warn' });
      return;
    }
    feed({ type: 'stop' });
    setPref('account', false);
    location.reload();
  },
};
const MAX_BACK = 200;
/** The page leaves by itself; the server has no such command for it. */
const LEAVE = { name: 'QUIT', slashes: ['quit', 'exit', 'q'], usage: '/quit', words: 'signOut' };
const DID = {
  op: 'op',
  deop: 'deop',
  kick: 'kicked',
  mute: 'muted',
  unmute: 'unmuted',
  ban: 'banned',
  unban: 'unbanned',
};
function confirmUnsent() {
  toast(t('unsentStay', { n: box.items.length }), { kind: 'warn' });
  return true;
}

const timeline = timelineView(app),
  composer = composerView(app),
  rooms = roomsView(app),
  who = peopleView(app);
shortcuts(app);

/** Calls a part of later.js, which may not be loaded yet. */
async function lately(act) {
  try {
    act(await later(app));
  } catch (error) {
    console.warn(error);
    toast(t('needsLine'));
  }
}

const past = pastOf(
  state,
  take,
  () => line.at === 'live',
  (words) => toast(words ?? t('noHistory'), { kind: 'warn' }),
);

/* ---- events in, changes out ---- */

/** Reports an error and goes on with the rest. */
function safely(act) {
  try {
    act();
  } catch (error) {
    setTimeout(() => {
      throw error;
    });
  }
}

const watching = () => !document.hidden && document.hasFocus() && timeline.atEnd() && !$('#app').hidden;

function take(event) {
  for (const change of store.reduce(state, event, { now: performance.now(), watching: watching() }))
    safely(() => applyChange(change));
}

const due = new Set();
let planned = 0;
/** Lists are drawn once a frame, however many events came. */
function draw(what) {
  due.add(what);
  planned ||= requestAnimationFrame(() => {
    planned = 0;
    if (due.has('rooms')) {
      rooms.render();
      badges(state, app.room());
    }
    if (due.has('people')) who.render();
    if (due.has('typing')) who.typing();
    due.clear();
  });
}

function applyChange(change) {
  const here = change.room === state.current;
  switch (change.what) {
    case 'timeline':
      if (here) timeline.plan();
      break;
    case 'people':
      if (here) {
        draw('people');
      }
      if (state.rooms.size > 1) draw('rooms');
      break;
    case 'typing':
      if (here) draw('typing');
      break;
    case 'rooms':
      draw('rooms');
      if (app.room()) header();
      redrawOrder();
      break;
    case 'me':
      setPref('name', state.me.name);
      draw('rooms');
      draw('people');
      timeline.plan();
      redrawSettings();
      break;
    case 'opened':
      opened();
      break;
    case 'entered':
      enter(change.room);
      break;
    case 'gone':
      if (!state.rooms.has(state.current)) state.current = 'lobby';
      app.open(state.current);
      break;
    case 'moved':
      if (here) opened();
      break;
    case 'reload':
      past.load(change.room);
      break;
    case 'holes':
      if (line.at === 'live') past.mend(change.room);
      break;
    case 'read':
      if (!change.room.startsWith('@')) readSoon(change.room, change.seq);
      break;
    case 'notice':
      toast(
        change.order ? `${change.order.room ? `#${change.order.room}: ` : ''}${moderated(change.order)}` : change.text,
        { ms: 10000 },
      );
      break;
    case 'say':
      heard(change);
      break;
  }
}

function opened() {
  const room = app.room();
  room.unreadWas = room.unread;
  history.replaceState(null, '', room.id === 'lobby' ? location.pathname : `#${room.id}`);
  header();
  composer.open(room);
  timeline.plan();
  draw('rooms');
  draw('people');
  draw('typing');
  if (!room.loaded) past.load(room.id);
  requestAnimationFrame(() => requestAnimationFrame(app.watched));
}

function header() {
  const room = app.room();
  $('#title').replaceChildren(room.dm ? h('span.at', {}, '@') : h('span.at', {}, '#'), store.title(room));
  const text = room.dm ? t('dmTopic') : room.topic;
  $('#topic').textContent = text;
  $('#topic').title = text;
  $('#orderbtn').hidden = room.dm;
}

/** A restart forgot who was in the room. Where it is closed now, what waits for it goes back to its author. */
function rejoin(room) {
  ask(
    { type: 'Command', line: `/join #${room.id}`, room: 'lobby' },
    () => {},
    (error) => {
      if (error.cut) return;
      for (const item of outbox.of(box, room.id)) Object.assign(item, { state: 'failed', why: error.title });
      toast(error.title, { kind: 'warn' });
      flush();
    },
  );
}

async function enter(id) {
  flush();
  await past.load(id);
  const room = store.roomOf(state, id);
  if (room) send({ type: 'Resume', rooms: { [id]: merge.last(room.tl) || room.lastSeq } });
}

const reads = new Map();
function readSoon(room, seq) {
  if (!reads.size)
    setTimeout(() => {
      for (const [id, at] of reads) send({ type: 'Read', room: id, seq: at });
      reads.clear();
    }, 800);
  reads.set(room, seq);
}

function heard({ room, message: m, mine, pings }) {
  if (line.at === 'live') timeline.fresh(mine ? m.cid : m.seq);
  // Whether a word was one's own is known by now; the outbox lets go of it.
  if (m.cid && outbox.done(box, m.cid)) {
    flush();
    banner();
  }
  if (mine || line.at !== 'live') return;
  const words = plainText(format(m.text));
  const where = room.startsWith('@') ? '' : ` #${room}`;
  if (prefs.announce === 'all' ? room === state.current : prefs.announce === 'mentions' && pings)
    speak(`${m.from.name}: ${words}`);
  if (!pings) return;
  const shown =
    document.hidden &&
    prefs.notify &&
    notify(`${m.from.name}${where}`, { body: words, tag: `chat-${room}` }, () => {
      focus();
      app.open(room);
    });
  if (!shown && room !== state.current)
    toast(`${m.from.name}${where}: ${words.slice(0, 140)}`, {
      action: { label: t('show'), run: () => app.open(room) },
    });
}

/** The session has another token. The cookie has to follow, or the next connection finds no session. */
let kept = Promise.resolve();
function keepToken(token, tries = 3) {
  kept = api.keepCookie(token).catch((error) => {
    if (!error.status && tries > 1) return keepToken(token, tries - 1);
    console.warn(error);
  });
  return kept;
}

/* ---- the connection ---- */

function feed(input) {
  const before = line.at;
  const [next, effects] = link.step(line, { now: performance.now(), rand: Math.random(), ...input });
  line = next;
  for (const effect of effects) safely(() => EFFECTS[effect.do](effect));
  if (before !== line.at) {
    document.documentElement.dataset.link = line.at;
    banner();
  }
}

const EFFECTS = {
  connect() {
    const mine = (socket = new WebSocket(
      `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`,
      'chat.v1',
    ));
    mine.onopen = () => mine === socket && feed({ type: 'open' });
    mine.onclose = (e) => {
      if (mine === socket) {
        socket = null;
        feed({ type: 'close', code: e.code, reason: e.reason });
      }
    };
    mine.onmessage = (e) => {
      if (mine === socket) incoming(e.data);
    };
  },
  close() {
    const old = socket;
    socket = null;
    old?.close();
  },
  send: ({ frame }) => send(frame),
  schedule({ ms }) {
    clearTimeout(timer);
    timer = setTimeout(() => feed({ type: 'tick' }), ms);
  },
  unschedule() {
    clearTimeout(timer);
  },
  hello: ({ frame }) => hello(frame),
  up() {
    state.live = true;
    if (downSince) announce(t('backOnline'));
    downSince = 0;
    flush();
    for (const room of state.rooms.values()) {
      if (!room.dm && !room.joined) rejoin(room);
      if (merge.holes(room.tl).length) past.mend(room.id);
    }
    if (wanted) {
      const to = wanted;
      wanted = '';
      if (isRoom(to)) app.join(to);
    }
    if (app.room() && !app.room().loaded) past.load(state.current);
    app.watched();
    app.lookAround();
    lookAtOffer();
    whenIdle(app, timeline.actions);
  },
  down() {
    state.live = false;
    take({ type: 'down' });
    downSince = performance.now();
    outbox.cut(box);
    for (const [, ask] of asked) ask.bad({ title: t('needsLine'), cut: true });
    asked.clear();
    announce(t('cutOff'));
  },
  'sign-on': signOnAgain,
};
let downSince = 0;

/** What only a server with a store has: after a restart it may be another one. */
async function lookAtOffer() {
  try {
    state.offer = await api.server();
  } catch {
    return;
  }
  $('#searchbtn').hidden = !state.offer.accounts;
  $('#attach').hidden = state.offer.files == null;
  redrawSettings();
}

function send(frame) {
  if (socket?.readyState !== WebSocket.OPEN || (line.at !== 'live' && frame.type !== 'Resume' && frame.type !== 'Ping'))
    return false;
  socket.send(encode(frame));
  return true;
}

/** Sends with a ref; exactly one Ack or Error comes back, or the line is cut. */
function ask(frame, good, bad) {
  if (!send({ ...frame, ref: ++ref })) return false;
  asked.set(ref, { good, bad });
  return true;
}

function change(frame, undone = (why) => toast(why, { kind: 'warn' })) {
  if (
    !ask(
      frame,
      () => {},
      (error) => undone(error.title),
    )
  )
    undone(t('needsLine'));
}

function incoming(data) {
  const frame = decode(data);
  if (!frame) return;
  feed({ type: 'frame', frame });
  switch (frame.type) {
    case 'Hello':
    case 'Resumed':
    case 'Pong':
      return;
    case 'Ack':
    case 'Error':
      return answered(frame);
    case 'Token':
      return void keepToken(frame.token);
    case 'Warning':
      return toast(frame.text, { kind: 'warn' });
    case 'Goodbye':
      return frame.reason && frame.reason !== 'restart' ? undefined : announce(t('restart'));
    default:
      take(frame);
  }
}

function hello(frame) {
  setServerTime(frame.server.time_ms);
  take(frame);
  // What could not be finished on the old line is asked anew on this one.
  outbox.cut(box);
  const resume = {};
  for (const info of frame.rooms) {
    const room = store.roomOf(state, info.id);
    resume[info.id] = merge.last(room.tl) || (room.loaded ? 0 : (info.last_seq ?? 0));
  }
  send({ type: 'Resume', rooms: resume, whispers: state.whispered });
  if (state.rooms.has(wanted)) {
    app.open(wanted);
    wanted = '';
  }
  if (!state.rooms.has(state.current)) app.open('lobby');
}

/** The address may name a room: chat.example/#rust is a link into it. */
const hashRoom = () => {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return '';
  }
};

function answered(frame) {
  const item = box.items.find((one) => one.ref === frame.ref && one.state === 'sent');
  if (item) {
    if (frame.type === 'Ack') {
      outbox.done(box, item.cid);
      if (!item.to)
        take({
          type: 'acked',
          ...item,
          room: item.room,
          seq: frame.seq,
          id: frame.id,
          at: new Date(onServer(item.at)).toISOString(),
        });
      else if (!store.roomOf(state, item.room)?.tl.cids.has(item.cid))
        take({
          type: 'Whisper',
          own: true,
          from: state.me,
          to: { name: item.to },
          text: item.text,
          cid: item.cid,
          at: new Date(now()).toISOString(),
        });
    } else {
      outbox.refused(
        box,
        frame.ref,
        frame.title,
        performance.now(),
        frame.code === 'too-fast' ? frame.retry_after_ms || 1000 : 0,
      );
      if (frame.code !== 'too-fast') announce(frame.title);
    }
    flush();
    banner();
    timeline.plan();
    draw('rooms');
    return;
  }
  const pending = asked.get(frame.ref);
  asked.delete(frame.ref);
  if (pending) pending[frame.type === 'Ack' ? 'good' : 'bad'](frame);
  else if (frame.type === 'Error' && frame.title) toast(frame.title, { kind: 'warn' });
}

let patience = 0;
function flush() {
  timeline.plan();
  if (line.at !== 'live') return undefined;
  const item = outbox.next(box, performance.now(), (one) => one.to || store.roomOf(state, one.room)?.joined !== false);
  clearTimeout(patience);
  // A name of an emoji waits for the table of them; without it, it goes as it was typed.
  if (item && awaitsNames(item.text)) return void loadEmoji().then(flush, flush);
  if (!item) {
    const rest = box.wait - performance.now();
    if (rest > 0) patience = setTimeout(flush, rest + 20);
    return undefined;
  }
  outbox.rewrite(box, item, expand(item.text));
  const frame = item.to
    ? { type: 'Whisper', cid: item.cid, to: item.to, text: item.text }
    : { type: 'Send', room: item.room, cid: item.cid, text: item.text, reply_to: item.reply_to, act: item.act };
  if (send({ ...frame, ref: ++ref })) outbox.sent(box, item.cid, ref);
  return undefined;
}

/* ---- the session ---- */

async function begin() {
  wanted = hashRoom();
  // An invitation, or a reset link: its code leaves the address.
  const [, what, code] = /^(join|reset)=(.+)/.exec(wanted) ?? [],
    invited = what === 'join' && { way: 'register', code };
  if (code) history.replaceState(null, '', '/');
  if (code && !invited) return (await import('./view/reset.js')).reset(code);
  // Who was never here has no session to ask for.
  if (!prefs.name) return known(await signIn('', invited));
  try {
    const { user, signed_in } = await api.me();
    // A guest gives the name up, and can register it.
    if (invited && !signed_in) {
      await api.signOut();
      throw { status: 401 };
    }
    known({ ...user, signed_in });
  } catch (error) {
    if (error.status === 401) {
      const back = prefs.account ? await api.comeBack().catch(() => null) : null;
      known(
        back ?? (await signIn(prefs.name, invited || (prefs.account ? { why: t('signedOut'), way: 'member' } : {}))),
      );
    }
    // The server is not there: the page stands ready with what it knows, and tries again.
    else known({ name: prefs.name });
  }
}

function iAm(user) {
  state.me = { id: user.id, name: user.name };
  state.signedIn = !!(user.signed_in || user.role);
}

function known(user) {
  iAm(user);
  setPref('name', user.name);
  $('#signin').hidden = true;
  $('#app').hidden = false;
  document.body.classList.remove('splash');
  if (!state.rooms.size) state.rooms.set('lobby', store.newRoom('lobby'));
  for (const item of box.items) if (item.to) take({ type: 'whisper', name: item.to });
  if (!state.current) app.open('lobby');
  feed({ type: 'start' });
  if (!keeps) toast(t('noStorage'), { kind: 'warn', ms: 15000 });
  composer.focus();
}

/** The session is over (a restart, a long sleep): sign on again under the same name; what is unsent stays. */
async function signOnAgain() {
  try {
    const session = await api.me().catch((error) => {
      if (error.status !== 401) throw error;
      return null;
    });
    if (!session) {
      let owned = false;
      const user =
        (await (prefs.account ? api.comeBack() : null)) ??
        (await api.signOn(state.me.name).catch((error) => {
          if (error.status !== 409 && error.code !== 'members-only') throw error;
          owned = error.code !== 'name-in-use';
          return null;
        }));
      // The name is taken, perhaps still by our own dead connection: only the user can choose another, or prove whose
      // it is.
      iAm(user ?? (await signInAgain(owned)));
    }
    feed({ type: 'signed' });
  } catch (error) {
    const blind = error.code === 'no-cookies';
    feed({ type: 'sign-failed', text: blind ? t('noCookies') : error.message, final: blind || error.status === 403 });
  }
}

async function signInAgain(owned) {
  EFFECTS.unschedule();
  $('#app').inert = true;
  const user = await signIn(
    state.me.name,
    owned ? { why: t('signedOut'), way: 'member' } : { why: t('nameGone', { name: state.me.name }) },
  );
  $('#app').inert = false;
  return user;
}

/* ---- the frame of the page ---- */

const banner = () =>
  showBanner(
    () => ({ line, unsent: box.items.length, since: downSince }),
    (type) => feed({ type }),
  );

/** An open dialog shows what has changed. */
function redrawSettings() {
  if ($('#settings[open]')) lately((parts) => parts.settings.redraw());
}

function redrawOrder() {
  if ($('#order[open]')) lately((parts) => parts.order.redraw());
}

async function dress() {
  const root = document.documentElement;
  if (prefs.theme === 'auto') delete root.dataset.theme;
  else root.dataset.theme = prefs.theme;
  await useLang(prefs.lang);
  for (const el of document.querySelectorAll('[data-t]')) el.textContent = t(el.dataset.t, { mod: MOD });
  for (const el of document.querySelectorAll('[data-label]')) el.setAttribute('aria-label', t(el.dataset.label));
  for (const el of document.querySelectorAll('[data-hint]')) el.placeholder = t(el.dataset.hint);
  for (const el of document.querySelectorAll('[data-icon]'))
    if (!el.querySelector('svg')) el.prepend(icon(el.dataset.icon));
  document.body.classList.toggle('nopeople', !prefs.people);
  $('#peoplebtn').setAttribute('aria-expanded', String(prefs.people));
  if (app.room()) {
    header();
    composer.label(app.room());
    timeline.plan();
    rooms.render();
    who.render();
    who.typing();
  }
  redrawSettings();
  redrawOrder();
  banner();
}

drawers(() => app.set('people', !prefs.people));
const click = (id, act) => $(id).addEventListener('click', act);
click('#mentions', (e) => {
  const anchor = e.currentTarget;
  lately((parts) => parts.mentionList(app, anchor));
});
click('#orderbtn', () => app.roomOrder(app.room()));
click('#searchbtn', () => app.search());
click('#find', () => {
  closeDrawers();
  app.switch();
});
click('#addroom', () => {
  closeDrawers();
  app.switch('#');
});
click('#me', () => {
  closeDrawers();
  app.settings();
});
click('#keysbtn', () => {
  closeDrawers();
  app.sheet();
});
click('#messages', (e) => {
  const to = e.target.closest('a[data-room]')?.dataset.room;
  if (to) {
    e.preventDefault();
    app.join(to);
  }
});
addEventListener('hashchange', () => {
  const to = hashRoom();
  if (/=/.test(to)) location.reload();
  if (isRoom(to) && to !== state.current && state.me) app.join(to);
});
addEventListener('online', () => feed({ type: 'online' }));
addEventListener('offline', banner);
addEventListener('focus', () => app.watched());
addEventListener('blur', () => {
  const room = app.room();
  if (room && !room.unread) take({ type: 'unlined', room: room.id });
});
/**
 * After so long asleep or hidden, a socket may only look open: a short wait shows it. A clock that was set costs a
 * ping.
 */
const SLEPT_MS = 30000;
const look = (seen) => {
  const slept = sinceLook() > SLEPT_MS;
  if (seen || slept) feed({ type: 'visible', slept });
};
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return void sinceLook();
  look(true);
  app.watched();
});
addEventListener('pagehide', () => setDraftNow());
function setDraftNow() {
  const text = $('#text');
  if (state.current && !$('#composer').classList.contains('editing')) app.keepDraft(state.current, text.value);
}
// A file may be dropped anywhere; while it hovers the page says so.
let hovering = 0;
const hover = (on) => {
  clearTimeout(hovering);
  $('#app').classList.toggle('dropping', on && state.offer?.files != null);
  $('.stage').dataset.drop = t('dropHere', { room: $('#title').textContent });
  if (on) hovering = setTimeout(hover, 300, false);
};
addEventListener('dragover', (e) => {
  e.preventDefault();
  if (e.dataTransfer?.types.includes('Files')) hover(true);
});
// What is dropped beside the field would lead the browser away from the page.
addEventListener('drop', (e) => {
  hover(false);
  if (composer.takes(e.dataTransfer) || !e.target.matches?.('input, textarea')) e.preventDefault();
});
click('#attach', () => $('#file').click());
$('#file').addEventListener('change', (e) => {
  app.sendFiles(e.target.files);
  e.target.value = '';
});

setInterval(() => {
  if (!document.hidden) look(false);
  take({ type: 'tick' });
  if (box.items.some((item) => outbox.isLate(item, performance.now()))) timeline.plan();
}, 1000);
setInterval(() => {
  if (!document.hidden && line.at === 'live') app.lookAround();
}, 60000);
// The clock may be set, and a timer sleeps when the machine does: looked at each hour.
const midnight = () =>
  setTimeout(
    () => {
      timeline.plan();
      midnight();
    },
    Math.min(untilMidnight(now()) + 500, 3600000),
  );
midnight();

await dress();
await begin();
