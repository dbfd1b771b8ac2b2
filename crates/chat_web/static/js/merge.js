// Merge: one room's timeline from live events, a resume's replay, history pages and acks, in whatever order they come.
//
// A message is a snapshot and the changes after it. A snapshot says up to which seq it holds (`asOf`): a page's
// messages are
// as of the page's last_seq, a frame's as of its own seq. The newest snapshot wins, and every change with a higher seq
// is laid
// over it in the order of seq. That makes adding a fact twice, or early, or late, harmless: the list depends on the set
// alone.

export function timeline() {
  return { msgs: new Map(), order: [], changes: new Map(), have: [], begun: false, cids: new Map() };
}

/** Says that every event from `a` to `b` is known now. `have` stays a sorted list of ranges that do not touch. */
export function cover(tl, a, b) {
  if (b < a) return;
  const out = [];
  for (const [x, y] of tl.have) {
    if (y + 1 < a || b + 1 < x) out.push([x, y]);
    else {
      a = Math.min(a, x);
      b = Math.max(b, y);
    }
  }
  out.push([a, b]);
  tl.have = out.sort((p, q) => p[0] - q[0]);
}

export const last = (tl) => (tl.have.length ? tl.have.at(-1)[1] : 0);
export const first = (tl) => (tl.have.length ? tl.have[0][0] : 0);
/** Nothing is before what we have; in an empty room that holds before there is anything. */
export const atStart = (tl) => tl.begun || (tl.have.length > 0 && tl.have[0][0] <= 1);

/** The ranges between what we have: each is a loss to be fetched. */
export function holes(tl) {
  return tl.have.slice(1).map((range, i) => [tl.have[i][1] + 1, range[0] - 1]);
}

const after = (list, seq) => {
  let low = 0,
    high = list.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (list[mid] <= seq) low = mid + 1;
    else high = mid;
  }
  return low;
};

/** Where a message stands in `order`, or where it would. */
export const place = (tl, seq) => after(tl.order, seq - 1);

/** A timeline event as a frame. Answers the seq of the message that changed, 0 for nothing new, or 'other-log'. */
export function addEvent(tl, frame) {
  if (frame.type === 'Message') {
    const answer = addSnapshot(tl, frame, frame.seq);
    if (answer !== 'other-log') cover(tl, frame.seq, frame.seq);
    return answer;
  }
  cover(tl, frame.seq, frame.seq);
  let of = tl.changes.get(frame.target);
  if (!of) tl.changes.set(frame.target, (of = new Map()));
  if (of.has(frame.seq)) return 0;
  of.set(frame.seq, frame);
  const message = tl.msgs.get(frame.target);
  return message && fold(tl, message) ? frame.target : 0;
}

/** A page of messages that holds as of `asOf`, and tells everything from `a` to `b`. */
export function addPage(tl, messages, asOf, a, b) {
  const changed = [];
  for (const item of messages) {
    const answer = addSnapshot(tl, item, Math.max(asOf, item.seq));
    if (answer === 'other-log') return answer;
    if (answer) changed.push(answer);
  }
  cover(tl, a, b);
  return changed;
}

/** Our own message at the moment of its ack: shown in its place at once, and covered by the event when that comes. */
export function addAcked(tl, item) {
  return addSnapshot(tl, item, item.seq - 0.5);
}

function addSnapshot(tl, item, asOf) {
  let message = tl.msgs.get(item.seq);
  // The same seq with another id: the server began a new log. What we have belongs to the old one.
  if (message?.id && item.id && message.id !== item.id) return 'other-log';
  if (!message) {
    message = { seq: item.seq, v: 0, asOf: -1 };
    tl.msgs.set(item.seq, message);
    tl.order.splice(after(tl.order, item.seq), 0, item.seq);
  }
  if (item.cid) {
    message.cid = item.cid;
    tl.cids.set(item.cid, item.seq);
  }
  const wins = asOf > message.asOf || (asOf === message.asOf && richer(item, message.base));
  if (!wins) return 0;
  Object.assign(message, {
    id: item.id ?? message.id,
    from: item.from,
    at: item.at,
    account: !!item.account,
    act: !!item.act,
    reply_to: item.reply_to ?? null,
    asOf,
    base: item,
  });
  fold(tl, message);
  return item.seq;
}

const richer = (a, b) => !!a.deleted > !!b.deleted || (!a.deleted === !b.deleted && !!a.edited > !!b.edited);

/** Lays the changes over the snapshot. Says whether anything that is shown differs. */
function fold(tl, message) {
  const { base } = message;
  let { text = '', edited = false, deleted = false, sealed = '' } = base;
  const reactions = new Map(Object.entries(base.reactions ?? {}).map(([emoji, names]) => [emoji, new Set(names)]));
  const changes = [...(tl.changes.get(message.seq)?.values() ?? [])]
    .filter((c) => c.seq > message.asOf)
    .sort((a, b) => a.seq - b.seq);
  for (const change of changes) {
    if (change.type === 'MessageEdited') {
      text = change.text;
      sealed = change.sealed ?? '';
      edited = true;
    } else if (change.type === 'MessageDeleted') deleted = true;
    else if (change.type === 'Reaction') {
      const names = reactions.get(change.emoji) ?? new Set();
      if (change.on) names.add(change.from.name);
      else names.delete(change.from.name);
      reactions.set(change.emoji, names);
    }
  }
  const shown = {
    text: deleted ? '' : text,
    file: deleted ? null : (base.file ?? null),
    edited: edited && !deleted,
    deleted,
    sealed: deleted ? '' : sealed,
    reactions: deleted ? [] : sorted(reactions),
  };
  const before = message.shown;
  message.shown = JSON.stringify(shown);
  if (before === message.shown) return false;
  Object.assign(message, shown);
  message.v++;
  return true;
}

/** What a message and its changes say is known better now. */
export const refold = fold;

/** Sorted, so that two orders of arrival cannot be told apart. */
const sorted = (reactions) =>
  [...reactions]
    .filter(([, names]) => names.size)
    .map(([emoji, names]) => [emoji, [...names].sort()])
    .sort((a, b) => (a[0] < b[0] ? -1 : 1));

/** Forgets everything before `seq`: after a gap too wide to fetch, the user pages the past in again by scrolling. */
export function forgetBefore(tl, seq) {
  for (const old of tl.order.splice(0, place(tl, seq))) {
    if (tl.msgs.get(old).cid) tl.cids.delete(tl.msgs.get(old).cid);
    tl.msgs.delete(old);
    tl.changes.delete(old);
  }
  tl.begun &&= seq <= 1;
  tl.have = tl.have.map(([a, b]) => [Math.max(a, seq), b]).filter(([a, b]) => a <= b);
}

/** The list as it is shown, for tests and for copying. */
export const entries = (tl) =>
  tl.order.map((seq) => {
    const { id, from, at, act, reply_to, text, edited, deleted, reactions, cid } = tl.msgs.get(seq);
    return { seq, id, cid: cid ?? null, from: from.name, at, act, reply_to, text, edited, deleted, reactions };
  });
