// Rows: what a timeline shows, from top to bottom, as plain objects. A row is drawn from its own fields and nothing
// else, so
// that two rows with the same fields look the same.
import { dayKey, dayLabel, onServer, sameRun } from './time.js';
import { holes, atStart } from './merge.js';
import { placeAt } from './addresses.js';
import { links } from './linkify.js';
import { mentions, sameName } from './names.js';

/**
 * `view`: the window of messages, from `start` to before `end` (null: to the end), and whether a page is on its way.
 * @param {Room} room
 * @param {{ start: number, end: number | null, busy: boolean }} view
 * @param {RowContext} ctx
 * @returns {Row[]}
 */
export function rows(room, view, ctx) {
  const { tl } = room;
  const size = tl.order.length;
  const to = view.end === null ? size : Math.min(view.end, size);
  const from = Math.max(0, Math.min(view.start, to));
  const low = from ? tl.order[from] : 0;
  const high = to < size ? tl.order[to] : Infinity;
  const notes = room.notes.filter((note) => note.after >= low && note.after < high);
  const gaps = gapsOf(room, low, high);
  /** @type {Row[]} */
  const out = room.thread ? [] : [first(room, from, view.busy)];
  /** @type {{ name: string, at: string | number } | null} */
  let last = null;
  let day = '';
  let lined = room.line === null;
  let noted = 0;
  let gapped = 0;

  /** @param {Row} row */
  const apart = (row) => {
    out.push(row);
    last = null;
  };
  const dayRow = (at) => {
    const key = dayKey(at);
    if (key === day) return;
    day = key;
    apart({ kind: 'day', key: `d${key}`, text: dayLabel(at, ctx.now, ctx.lang) });
  };
  const notesBefore = (seq) => {
    const some = [];
    while (noted < notes.length && notes[noted].after < seq) some.push(notes[noted++]);
    for (const row of grouped(some)) {
      if (row.at) dayRow(row.at);
      apart(row);
    }
  };
  const said = (message) => {
    dayRow(message.at);
    out.push(messageRow(room, message, last, ctx));
    last = message.act ? null : { name: message.from.name, at: message.at };
  };

  for (let i = from; i < to; i++) {
    const seq = tl.order[i];
    for (; gapped < gaps.length && gaps[gapped].a < seq; gapped++) {
      const { a, b, lost } = gaps[gapped];
      apart({ kind: 'gap', key: `g${a}`, lost, n: b - a + 1 });
    }
    notesBefore(seq);
    const message = tl.msgs.get(seq);
    dayRow(message.at);
    if (!lined && seq > room.line) {
      lined = true;
      apart({ kind: 'unread', key: 'unread' });
    }
    said(message);
  }
  notesBefore(Infinity);
  if (to < size) out.push({ kind: 'newer', key: 'newer' });
  else for (const item of ctx.items) if (!tl.cids.has(item.cid)) said(waiting(item, ctx.me));
  // Whatever the words of a row are, they follow the reader's language and clock.
  return out.map((row) => Object.assign(row, { lang: ctx.lang, hours: ctx.hours }));
}

/** @returns {Row} */
function first(room, from, busy) {
  if (from === 0 && atStart(room.tl)) return { kind: 'begin', key: 'begin', id: room.id, dm: room.dm };
  return room.loaded ? { kind: 'older', key: 'older', busy } : { kind: 'skeleton', key: 'skeleton' };
}

/** What is missing between two messages: it is on its way, or lost. */
function gapsOf(room, low, high) {
  const all = [
    ...holes(room.tl).map(([a, b]) => ({ a, b, lost: false })),
    ...room.lost.map(([a, b]) => ({ a, b, lost: true })),
  ];
  return all.filter((gap) => gap.a > low && gap.b < high).sort((x, y) => x.a - y.a);
}

/**
 * A run of users coming and going is one thin line.
 * @param {Note[]} notes
 * @returns {Row[]}
 */
export function grouped(notes) {
  /** @type {{ quiet: boolean, notes: Note[] }[]} */
  const groups = [];
  for (const note of notes) {
    const quiet = note.kind === 'joined' || note.kind === 'left';
    if (quiet && groups.at(-1)?.quiet) groups.at(-1).notes.push(note);
    else groups.push({ quiet, notes: [note] });
  }
  return groups.map(({ quiet, notes: some }) => ({
    ...(quiet ? comings(some) : { kind: /** @type {const} */ ('note'), note: some[0] }),
    key: some[0].key,
    at: some[0].at,
  }));
}

/** Who came and went and came is said once, with what is true at the end. */
function comings(notes) {
  const lasts = [...new Set(notes.map((note) => note.who))].map((who) => notes.findLast((note) => note.who === who));
  const names = (kind) => lasts.filter((note) => note.kind === kind).map((note) => note.who);
  // As text: a row is compared by its fields, and two lists are never the same.
  return { kind: /** @type {const} */ ('comings'), joined: names('joined').join(' '), left: names('left').join(' ') };
}

/** @type {WeakMap<Item, Message>} */
const shown = new WeakMap();
/** An item of the outbox as the message that it will be: the same one each time, as rows are compared. */
function waiting(item, me) {
  const { cid, act, reply_to, text } = item;
  const message = shown.get(item) ?? /** @type {Message} */ ({ cid, act, reply_to, reactions: [], v: 0, item });
  shown.set(item, message);
  return Object.assign(message, { from: me, at: onServer(item.at), text });
}

/** @returns {Row} */
function messageRow(room, message, last, ctx) {
  const { item, from, text } = message;
  const mine = !!item || (!!ctx.me && sameName(from.name, ctx.me.name));
  // All of a thread answers its first message.
  const quotes = !!message.reply_to && message.reply_to !== room.thread;
  const head = !last || !sameName(last.name, from.name) || !sameRun(last.at, message.at) || quotes;
  const quoted = message.reply_to ? (room.tl.msgs.get(message.reply_to) ?? null) : null;
  return {
    kind: 'message',
    key: mine && message.cid ? message.cid : `m${message.seq}`,
    message,
    v: message.v,
    text,
    account: !!message.account,
    name: from.name,
    me: ctx.me?.name ?? '',
    head,
    mine,
    ping: !mine && !room.dm && mentions(text, ctx.me?.name),
    quotes,
    answers: room.thread ? 0 : ctx.answers(room.tl, message.seq),
    quoted,
    quotedV: quoted?.v ?? 0,
    known: known(text, ctx),
    ...cardOf(text, ctx),
    failed: item?.state === 'failed',
    late: !!item && ctx.isLate(item),
    why: item?.why ?? '',
  };
}

/** The message that the first link of a text to one leads to, once it is known. */
function cardOf(text = '', { here, card }) {
  const place = text.includes(`${here}#`)
    ? links(text)
        .map(({ href }) => placeAt(href, here))
        .find((one) => one?.seq)
    : null;
  const found = place ? card(place) : null;
  return { card: found, cardV: found?.v ?? 0, cardAt: place && found ? `${place.room}/${place.seq}` : '' };
}

/** Which of the names and rooms in a text are known by now: those are drawn as links, the others will be. */
function known(text = '', { isKnown, isRoom }) {
  if (!/[@#]/.test(text)) return '';
  const words = [...text.matchAll(/([@#])([A-Za-z0-9_-]{1,32})/g)];
  return words.map(([, mark, word]) => +(mark === '@' ? isKnown(word) : isRoom(word))).join('');
}
