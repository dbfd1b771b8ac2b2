// Main: wires the parts together: session, connection, store, views. Every decision is made elsewhere; here they meet.
import * as api from './api.js';
import * as merge from './merge.js';
import * as outbox from './outbox.js';
import * as store from './store.js';
import { placeOf } from './addresses.js';
import { connection as connectionOf } from './connection.js';
import { $, copyText } from './dom.js';
import { t, useLang } from './i18n.js';
import { later, sealing, whenIdle } from './later.js';
import { sameName } from './names.js';
import { navigation } from './navigation.js';
import { pastOf } from './past.js';
import { draft, keeps, prefs, seals, sealsAny, setDraft, setPref, storage } from './prefs.js';
import { commandOf, holdsSecret } from './secrets.js';
import { sending } from './sending.js';
import { session as sessionOf } from './session.js';
import { now, setServerTime, sinceLook, untilMidnight } from './time.js';
import { isSealed, newCid } from './wire.js';
import { badges } from './view/badges.js';
import { banner as showBanner } from './view/banner.js';
import { composerView } from './view/composer.js';
import { closeDrawers, drawers } from './view/drawers.js';
import { dress as dressPage } from './view/dress.js';
import { header } from './view/frame.js';
import { moderated } from './view/notes.js';
import { peopleView } from './view/people.js';
import { roomsView } from './view/rooms.js';
import { shortcuts } from './view/shortcuts.js';
import { timelineView } from './view/timeline.js';
import { announce, toast } from './view/toast.js';

/** How many messages back "edit the last one" looks. */
const MAX_BACK = 200;

const state = store.initial();
const box = outbox.outbox(storage);
/**
 * The place that the address or a link asked for, until there is a line.
 * @type {Place | null}
 */
let wanted = null;
/** When the line was lost (performance.now()), or 0. */
let downSince = 0;
/** Who waits for the next change of the outbox. */
const waiting = [];
/** By whom one was sent out of the server, and why. */
let ousted = '';
/** The pane of a thread, once one was opened. */
let pane = null;
/** What later.js has brought, once it has, and of it what finds the message of a link. */
let brought = null,
  card = null;

const connection = connectionOf({
  safely,
  hello,
  up,
  down() {
    state.live = false;
    take({ type: 'down' });
    downSince = performance.now();
    outbox.cut(box);
    announce(t('cutOff'));
  },
  changed() {
    document.documentElement.dataset.link = connection.line().at;
    banner();
  },
  signOn: () => session.again(),
  frame(frame) {
    if (frame.type === 'Token') session.keepToken(frame.token);
    else if (frame.type === 'Preference') lately((parts) => parts.own.came(frame));
    else if (frame.kind === 'PROFILE') lately((parts) => parts.profiles.came(frame));
    else if (frame.type === 'Warning') toast(frame.text, { kind: 'warn' });
    else if (isSealed(frame.text)) unsealed([frame]).then((all) => all.forEach(take));
    else if (frame.type !== 'Goodbye') take(frame);
    else if (!frame.reason || frame.reason === 'restart') announce(t('restart'));
  },
  unasked(frame) {
    if (frame.type === 'Error' && frame.title) toast(frame.title, { kind: 'warn' });
  },
});
const session = sessionOf(state, connection);
const out = sending({
  state,
  box,
  connection,
  take,
  announce,
  seal: (room, words) =>
    sealsIn(room) ? sealing(app).then((parts) => parts.seal(store.roomOf(state, room), words)) : null,
  told() {
    plan();
    draw('rooms');
    banner();
    for (const go of waiting.splice(0)) go();
  },
});
const sorryPast = (words) => toast(words ?? t('noHistory'), { kind: 'warn' });
const past = pastOf(state, take, connection.isLive, sorryPast, (room, all) =>
  all.some((one) => isSealed(one.text)) ? unsealed(all.map((one) => ({ ...one, room }))) : all,
);

/** @type {App} */
const app = /** @type {any} */ ({
  state,
  box,
  directory: new Map(),
  ignored: new Set(),
  take,
  lately,
  room: () => store.currentRoom(state),
  knows: (name) => store.isKnown(state, name),
  person: (name) => allPeople().find((one) => sameName(one.name, name)) ?? null,
  everyone: () => [...new Set(allPeople().map((one) => one.name))].filter((name) => !isMe(name)),
  names() {
    const room = app.room();
    const here = [...room.people.values()].map((one) => one.name);
    const spoke = room.tl.order.slice(-MAX_BACK).reverse();
    const spoken = spoke.map((seq) => room.tl.msgs.get(seq).from.name);
    const among = room.dm ? spoken : spoken.filter((name) => here.some((one) => sameName(one, name)));
    return [...new Set([...among, ...here, ...(room.dm ? app.everyone() : [])])].filter((name) => !isMe(name));
  },
  roomIds() {
    const own = [...state.rooms.values()].filter((room) => !room.dm).map((room) => room.id);
    return [...new Set([...own, ...app.directory.keys()])];
  },
  commands: (word) => brought?.suggestions(word, state.commands, t('args')) ?? [],

  say(text, reply_to = null, act = false) {
    const room = app.room();
    // Words for one user are a whisper, at whatever door that user is.
    const whispers = room.dm && store.membersOf(room).length === 1 && reply_to === null && !act;
    const to = whispers ? { to: room.id.slice(1) } : {};
    const sealed = sealsIn(room.id);
    const author = sealed || state.signedIn ? state.me.name : undefined;
    outbox.add(box, { cid: newCid(), room: room.id, text, reply_to, act, ...to, author, toSeal: sealed || undefined });
    app.markRead(room);
    out.flush();
    timeline.latest();
    if (!connection.isLive()) announce(t('unsent', { n: box.items.length }));
  },
  command(text) {
    const room = app.room();
    const { commands, signedIn, offer } = state;
    const act = ({ meaning }) => {
      const what = meaning(text, { talk: room.dm, commands, signedIn, keeps: !!offer?.accounts });
      MEANS[what.do](what, text);
    };
    lately(act, () => composer.put(text));
  },
  give(text, quiet = false, then = undefined) {
    const room = app.room();
    const at = () => new Date(now()).toISOString();
    const answer = (words) => take({ type: 'answer', room: room.id, at: at(), ...words });
    const good = (ack) => {
      if (ack.what === 'LOGIN' || ack.what === 'REGISTER') {
        state.signedIn = true;
        lately((parts) => parts.own.meet());
        app.redrawSettings();
      }
      const [, un, name] = /^\/(un)?ignore\s+(\S+)/i.exec(text) ?? [];
      if (name) app.ignored[un ? 'delete' : 'add'](name);
      if (quiet && (name || /^\/nick/i.test(text))) toast(ack.text ?? '');
      if (!quiet && (ack.text || ack.items)) answer({ text: ack.text ?? '', items: ack.items, verb: ack.what });
      then?.(ack);
      if (!quiet) timeline.latest();
    };
    const bad = (error) => {
      const unknown = error.code === 'bad-argument' && !commandOf(text, state.commands);
      const words = unknown ? t('notHere', { command: text.split(/\s/)[0] }) : error.title;
      if (quiet) return toast(words, { kind: 'error' });
      answer({ bad: true, text: words });
      timeline.latest();
    };
    if (connection.ask({ type: 'Command', line: text, room: room.dm ? 'lobby' : room.id }, good, bad)) return;
    if (!quiet) composer.put(text);
    toast(t('needsLine'));
  },
  holdsSecret: (text) => holdsSecret(text, state.commands),
  keepDraft(room, text) {
    const kept = holdsSecret(text, state.commands) ? '' : text;
    if (kept === draft(state.me?.name, room)) return;
    setDraft(state.me?.name, room, kept);
    if (state.signedIn) lately((parts) => parts.own.drafted(room));
  },
  keepTyped: () => composer.keep(),
  draftCame(room) {
    composer.renew(room);
    draw('rooms');
  },
  ask: (frame, good, bad) => connection.ask(frame, good, bad),
  talkOf({ room, from, to }) {
    const id = room ?? (to ? `@${(isMe(from.name) ? to : from).name}` : '');
    return id.startsWith('@') ? { id: store.talkOf(state, id) } : null;
  },
  sealedTalk: (room) => lately(() => sealing(app).then((parts) => parts.sheet.open(room))),
  labelComposer: (room) => room.id === state.current && composer.label(room),
  redraw: () => timeline.plan(),
  react: (room, target, emoji, on) => change({ type: 'React', room, target, emoji, on }),
  saveEdit(m, text) {
    const room = state.current;
    const undone = (why) => {
      if (composer.again(room, m, text)) toast(why, { kind: 'warn' });
      else toast(`${why} ${text}`, { kind: 'error', action: { label: t('copy'), run: () => app.copy(text) } });
    };
    const save = (words) => change({ type: 'Edit', room, target: m.seq, text: words }, undone);
    if (!sealsIn(room)) return save(text);
    sealing(app)
      .then((parts) => parts.seal(store.roomOf(state, room), text))
      .then(save, (error) => undone(error.message));
  },
  remove(m) {
    const room = state.current;
    const gone = (yes) => {
      if (yes) change({ type: 'Delete', room, target: m.seq });
      timeline.focus();
    };
    lately((parts) => parts.confirm(m, gone));
  },
  reply: (m) => composer.start('reply', m),
  edit: (m) => composer.start('edit', m),
  editLast() {
    const { tl } = app.room();
    const mine = (m) => !m.deleted && !m.act && isMe(m.from.name);
    const seq = tl.order.slice(-MAX_BACK).findLast((one) => mine(tl.msgs.get(one)));
    if (seq !== undefined) composer.start('edit', tl.msgs.get(seq));
    return seq !== undefined;
  },
  mention(name) {
    closeDrawers();
    composer.insert(`@${name} `);
  },
  async copy(text) {
    await copyText(text);
    toast(t('copied'));
  },
  retry(cid) {
    outbox.retry(box, cid, state.me.name);
    connection.feed({ type: 'retry' });
    out.flush();
  },
  discard(cid) {
    outbox.done(box, cid);
    out.flush();
    composer.focus();
  },
  dropNote(key) {
    take({ type: 'dropped', room: state.current, key });
    composer.focus();
  },
  typing(room, on) {
    connection.send({ type: on ? 'UserTyping' : 'UserStoppedTyping', room });
  },
  focusComposer: () => composer.focus(),
  scroll: (pages) => timeline.scroll(pages),
  sorry: (text) => toast(text, { kind: 'warn' }),
  markRead(room) {
    take({ type: 'seen', room: room.id });
    take({ type: 'unlined', room: room.id });
  },
  watched() {
    if (isLookedAt() && timeline.isPlaced()) take({ type: 'seen', room: state.current, seq: timeline.seenTo() });
  },
  markUnread: (message) => take({ type: 'unread', room: state.current, seq: message.seq }),
  tell(room, level) {
    const words = room.dm ? `@${room.id.slice(1)}` : `#${room.id}`;
    return app.order(`/notify ${words} ${level}`).then(
      () => lookAtMine(),
      (error) => app.sorry(error.message),
    );
  },
  decline: (room) => take({ type: 'declined', room }),
  escape() {
    app.markRead(app.room());
    closeDrawers();
    timeline.latest();
    composer.focus();
  },
  card: (place) => card?.(place) ?? null,
  order: (text) =>
    new Promise((done, fail) => {
      const bad = (error) => fail(new Error(error.title));
      if (!connection.ask({ type: 'Command', line: text, room: 'lobby' }, done, bad)) bad({ title: t('needsLine') });
    }),
  async lookAround() {
    try {
      const all = await api.rooms();
      app.directory.clear();
      for (const room of all) app.directory.set(room.id, room);
      draw('rooms');
      plan();
    } catch {
      /* the rooms we know will do */
    }
  },
  loadOlder: (room, limit) => past.older(room, limit),
  fill: (room, seq) => past.fill(room.id, seq),
  set(key, value) {
    setPref(key, value);
    dress();
    lately((parts) => parts.own.set(key, value));
  },
  callByName: (on) => lately((parts) => parts.own.callByName(on)),
  dress,
  cookieKept: () => session.kept(),
  stop: () => connection.feed({ type: 'stop' }),

  /* What later.js brings. */
  inRoom() {},
  profile: () => undefined,
  upload: (list, files, room) => {
    const to = state.rooms.get(room);
    if (sealsIn(room)) return lately(() => app.sorry(t('sealedFiles')));
    lately((parts) => parts.uploads.add(list, files, to));
  },
  sendTray(list, room) {
    const to = state.rooms.get(room);
    lately((parts) => parts.uploads.send(list, to));
  },
  said: () => new Promise((done) => waiting.push(done)),
  heavy: (...asked) => lately((parts) => parts.heavy(...asked)),
  pickEmoji: (...asked) => lately((parts) => parts.emojiPicker(...asked)),
  personMenu: (...asked) => lately((parts) => parts.personMenu(...asked)),
  roomMenu: (...asked) => lately((parts) => parts.roomMenu(...asked)),
  thread: (seq) =>
    lately((parts) => {
      pane = parts.thread;
      pane.open(seq);
    }),
  switch: (text) => lately((parts) => parts.switcher.open(text)),
  sheet: () => lately((parts) => parts.sheet.open()),
  search: (text = '') => lately((parts) => parts.search.open(text)),
  settings: () => lately((parts) => parts.settings.open()),
  roomOrder: (room) => lately((parts) => parts.order.open(room)),
  orderFor: (verb, name) => lately((parts) => parts.order.person(verb, name, app.room())),
  signOut: () => lately((parts) => parts.accounts.signOut()),
  redrawSettings: () => redraw('settings'),
  redrawPeople: () => draw('people'),
});
const { showAddress, ...ways } = navigation(app, {
  timeline: () => timeline,
  composer: () => composer,
  load: (room) => past.load(room),
});
Object.assign(app, ways);

const isMe = (name) => !!state.me && sameName(name, state.me.name);
const allPeople = () => [...state.rooms.values()].flatMap((room) => [...room.people.values()]);

/**
 * What meaning() answers with, carried out.
 * @type {Record<Meaning['do'], (what: any, text: string) => void>}
 */
const MEANS = {
  act: ({ text }) => app.say(text, null, true),
  say: ({ text }) => app.say(text),
  join: ({ room, key }) => app.join(room, key),
  whisper({ to, text }) {
    app.openDm(to);
    app.say(text);
  },
  search: ({ words }) => app.search(words),
  leave: ({ everywhere }) => lately(({ accounts: a }) => (everywhere ? a.signOutEverywhere() : a.signOut())),
  part: () => app.leave(app.room()),
  'name-room'({ word }, text) {
    composer.put(text);
    app.sorry(t('nameRoom', { word }));
  },
  ask({ command }, text) {
    lately((parts) => {
      if (!parts.secret(command)) app.give(text);
    });
  },
  give(_, text) {
    const open = SPEAKS.test(text) && (sealsIn(state.current) || (sealsAny(state.me?.name) && MAYBE_TALK.test(text)));
    if (!open) return app.give(text);
    composer.put(text);
    lately(() => app.sorry(t('sealedCommand')));
  },
};

const timeline = timelineView($('.stage'), app.room, app);
const composer = composerView($('#composer'), app);
const rooms = roomsView(app);
const who = peopleView(app);
shortcuts(app);

/** The parts of later.js that wait for nothing. */
function bring(parts) {
  brought = parts;
  const mayRead = (room) => app.directory.has(room);
  card ??= parts.cards(state, mayRead, plan);
  timeline.actions(parts);
  parts.drops(
    (data) => composer.takes(data),
    () => state.offer?.files != null,
  );
}

/** Calls a part of later.js, which may not be loaded yet. */
async function lately(act, failed = () => {}) {
  try {
    await act(await later(app));
  } catch (error) {
    console.warn(error);
    failed();
    toast(t('needsLine'));
  }
}

/** Commands that say words, which would go out as they are. */
const SPEAKS = /^\/(say|do|answer|re|edit|reply|r|act|paste|send)\b/i;
/** Said to a talk from another room, or to whom the server alone knows. */
const MAYBE_TALK = /\s@|^\/r(eply)?\s/i;
const sealsIn = (room) => seals(state.me?.name, room);
/** Frames with what was sealed in them opened. Where the parts for that do not come, they are as they were. */
const unsealed = (all) =>
  sealing(app)
    .then((parts) => parts.open(all))
    .catch(() => all);

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

const isLookedAt = () => !document.hidden && document.hasFocus() && !$('#app').hidden;
const watching = () => isLookedAt() && timeline.atEnd();

function take(event) {
  const changes = store.reduce(state, event, {
    now: performance.now(),
    watching: watching(),
    above: timeline.isAbove(),
    seals: sealsIn,
  });
  for (const change of changes) safely(() => applyChange(change));
}

/** What shows messages is drawn with the next frame: the room, and a thread of it. */
function plan() {
  timeline.plan();
  pane?.plan();
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
    else if (due.has('members') && app.room()) app.inRoom(app.room());
    if (due.has('typing')) who.typing();
    due.clear();
  });
}

function applyChange(change) {
  CHANGES[change.what](change, change.room === state.current);
}

/** @type {Record<string, (change: any, here: boolean) => void>} */
const CHANGES = {
  timeline: (_, here) => here && plan(),
  people(_, here) {
    draw(here || app.room()?.dm ? 'people' : 'members');
    if (state.rooms.size > 1) draw('rooms');
  },
  typing: (_, here) => here && draw('typing'),
  rooms() {
    draw('rooms');
    if (app.room()) header(app.room());
    redraw('order');
  },
  me() {
    setPref('name', state.me.name);
    for (const list of ['rooms', 'people']) draw(list);
    plan();
    app.redrawSettings();
  },
  opened,
  entered: ({ room }) => enter(room),
  gone() {
    if (!state.rooms.has(state.current)) state.current = 'lobby';
    app.open(state.current);
  },
  moved: (_, here) => here && opened(),
  reload: ({ room }) => past.load(room),
  holes: ({ room }) => connection.isLive() && past.mend(room),
  read: ({ room, seq }) => readSoon(room, seq),
  invited: ({ room, text }) => toast(text, { ms: 10000, action: { label: t('enterRoom'), run: () => app.join(room) } }),
  notice({ text, order, seen }) {
    if (!order) return void toast(text, { ms: 10000 });
    const words = moderated(order);
    if (app.room()) composer.label(app.room());
    // It is told in one place: in the banner, between the messages, or beside them.
    if (order.isOut && !order.room) ousted = words;
    else if (seen) announce(words);
    else toast(`${order.room ? `#${order.room}: ` : ''}${words}`, { ms: 10000 });
  },
  say(heard) {
    const { message: m, mine } = heard;
    if (connection.isLive()) timeline.fresh(mine ? m.cid : m.seq);
    // Whether a word was one's own is known by now; the outbox lets go of it.
    if (m.cid && outbox.done(box, m.cid)) out.flush();
    if (prefs.closed[heard.room]) setPref('closed', { ...prefs.closed, [heard.room]: undefined });
    if (!mine && connection.isLive()) lately((parts) => parts.hear(app, heard));
  },
};

function opened() {
  const room = app.room();
  room.unreadWas = room.unread;
  if (!wanted) showAddress(room);
  header(room);
  composer.open(room);
  plan();
  for (const list of ['rooms', 'people', 'typing']) draw(list);
  if (!room.loaded) past.load(room.id);
  requestAnimationFrame(() => requestAnimationFrame(app.watched));
}

/** A restart forgot who was in the room. Where it is closed now, what waits for it goes back to its author. */
function rejoin(room) {
  connection.ask(
    { type: 'Command', line: `/join #${room.id}`, room: 'lobby' },
    () => {},
    (error) => {
      if (error.cut) return;
      for (const item of outbox.of(box, room.id)) Object.assign(item, { state: 'failed', why: error.title });
      toast(error.title, { kind: 'warn' });
      out.flush();
    },
  );
}

async function enter(id) {
  out.flush();
  await past.load(id);
  const room = store.roomOf(state, id);
  if (room) connection.send({ type: 'Resume', rooms: { [id]: merge.last(room.tl) || room.lastSeq } });
}

const reads = new Map();
function readSoon(room, seq) {
  if (!reads.size)
    setTimeout(() => {
      for (const [id, at] of reads) markRead(id, at);
      reads.clear();
    }, 800);
  reads.set(room, seq);
}

/** A mark that is lost comes again with the next; a guest's talks have none. */
function markRead(room, seq) {
  if (!room.startsWith('@')) connection.send({ type: 'Read', room, seq });
  else if (state.signedIn) api.read(room, seq).catch(() => {});
}

/** What the server remembers of one's rooms and talks. A talk that was closed comes back with the next word in it. */
async function lookAtMine(tries = 2) {
  await session.kept();
  try {
    const all = await api.own(state.signedIn && state.offer?.accounts);
    const closed = ({ id, last_seq }) => id.startsWith('@') && prefs.closed[store.talkOf(state, id)] >= last_seq;
    take({ type: 'Mine', rooms: all.filter((own) => !closed(own)) });
  } catch (error) {
    // The session had another cookie by the time that the call came.
    if (error.status === 401 && tries > 1) return lookAtMine(tries - 1);
    console.warn(error);
  }
}

/** Asks for a change. `undone` is told why it did not come about. */
function change(frame, undone = (why) => void toast(why, { kind: 'warn' })) {
  if (
    !connection.ask(
      frame,
      () => {},
      (error) => undone(error.title),
    )
  )
    undone(t('needsLine'));
}

/* ---- the turns of the line ---- */

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
  connection.send({ type: 'Resume', rooms: resume, whispers: state.whispered });
  if (wanted && state.rooms.has(wanted.room)) app.open(wanted.room);
  if (!state.rooms.has(state.current)) app.open('lobby');
}

function up() {
  state.live = true;
  ousted = '';
  if (downSince) announce(t('backOnline'));
  downSince = 0;
  out.flush();
  for (const room of state.rooms.values()) {
    if (!room.dm && !room.joined) rejoin(room);
    if (merge.holes(room.tl).length) past.mend(room.id);
  }
  const to = wanted;
  wanted = null;
  if (to) app.visit(to);
  if (app.room()) showAddress(app.room());
  if (app.room() && !app.room().loaded) past.load(state.current);
  app.watched();
  sight();
  app.lookAround();
  lookAtOffer();
  if (state.signedIn) lately((parts) => parts.own.meet());
  if (brought) brought.profiles.again();
  whenIdle(app, bring);
}

/** Who sees the page is not told by push. */
function sight() {
  connection.send({ type: 'Sight', visible: !document.hidden });
}

/** What only a server with a store has: after a restart it may be another one. */
async function lookAtOffer() {
  try {
    state.offer = await api.server();
  } catch {
    return;
  }
  import('./view/place.js').then(({ showPlace }) => showPlace(state.offer));
  $('#searchbtn').hidden = !state.offer.accounts;
  $('#attach').hidden = state.offer.files == null;
  app.redrawSettings();
  lookAtMine();
}

/** `user` has come in, at an address with this `hash`. */
export async function begin(user, hash) {
  wanted = hash ? placeOf(hash) : null;
  session.iAm(user);
  $('#signin').hidden = true;
  $('#app').hidden = false;
  document.body.classList.remove('splash');
  if (!state.rooms.size) state.rooms.set('lobby', store.newRoom('lobby'));
  for (const { room } of box.items) if (room.startsWith('@')) take({ type: 'whisper', name: room.slice(1) });
  if (!state.current) app.open('lobby');
  connection.feed({ type: 'start' });
  if (!keeps) toast(t('noStorage'), { kind: 'warn', ms: 15000 });
  composer.focus();
}

/* ---- the frame of the page ---- */

function banner() {
  const look = () => ({ line: connection.line(), unsent: box.items.length, since: downSince, why: ousted });
  showBanner(look, (type) => connection.feed({ type }));
}

/** An open dialog shows what has changed. */
function redraw(which) {
  if ($(`#${which}[open]`)) lately((parts) => parts[which].redraw());
}

async function dress() {
  await useLang(prefs.lang);
  dressPage();
  if (app.room()) {
    header(app.room());
    composer.label(app.room());
    plan();
    rooms.render();
    who.render();
    who.typing();
  }
  for (const dialog of ['settings', 'order']) redraw(dialog);
  banner();
}

drawers(() => app.set('people', !prefs.people));
const click = (id, act) => $(id).addEventListener('click', act);
click('#mentions', (e) => {
  const anchor = e.currentTarget;
  lately((parts) => parts.mentionList(app, anchor));
});
const folded = (act) => () => {
  closeDrawers();
  act();
};
click('#orderbtn', () => app.roomOrder(app.room()));
click('#searchbtn', () => app.search());
click(
  '#find',
  folded(() => app.switch()),
);
click(
  '#addroom',
  folded(() => app.switch('#')),
);
click('#me', folded(app.settings));
click('#keysbtn', folded(app.sheet));
click('.skip', (e) => {
  e.preventDefault();
  composer.focus();
});
click('#attach', () => $('#file').click());
$('#file').addEventListener('change', (e) => {
  composer.addFiles(e.target.files);
  e.target.value = '';
});

addEventListener('popstate', () => {
  // A link with a code was followed from here.
  if (location.hash.includes('=')) location.reload();
  const to = placeOf(location.hash);
  if (to && state.me) app.visit(to);
});
addEventListener('online', () => connection.feed({ type: 'online' }));
addEventListener('offline', banner);
addEventListener('focus', () => app.watched());
addEventListener('blur', () => {
  const room = app.room();
  if (room && !room.unread) take({ type: 'unlined', room: room.id });
});
addEventListener('pagehide', () => composer.keep());

/** After so long asleep or hidden, a socket may only look open: a short wait shows it. */
const SLEPT_MS = 30000;
/** A clock that was set costs a ping. */
function look(seen) {
  const slept = sinceLook() > SLEPT_MS;
  if (seen || slept) connection.feed({ type: 'visible', slept });
}
document.addEventListener('visibilitychange', () => {
  sight();
  if (document.hidden) return void sinceLook();
  look(true);
  return app.watched();
});

setInterval(() => {
  if (!document.hidden) look(false);
  take({ type: 'tick' });
  if (box.items.some((item) => outbox.isLate(item, performance.now()))) plan();
}, 1000);
setInterval(() => {
  if (!document.hidden && connection.isLive()) app.lookAround();
}, 60000);
/** The clock may be set, and a timer sleeps when the machine does: looked at each hour. */
function midnight() {
  const again = () => {
    plan();
    midnight();
  };
  setTimeout(again, Math.min(untilMidnight(now()) + 500, 3600000));
}
midnight();
