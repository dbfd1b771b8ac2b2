// What stands in a conversation, row by row: days, the unread line, messages in groups, lines of the system. Pure.

import { day } from './time.js';
import { timeline } from './store.js';

/** One author's messages stand together if no more than this lies between them. */
export const TOGETHER = 5 * 60_000;

/** The rows of a room: [{key, kind, …}]. `marker` is the seq behind which the unread line stands, or null. */
export function rows(state, room) {
  const list = [];
  const notices = [...room.notices];
  let before = null;
  let lastDay = '';
  let marked = room.marker === null;
  const newDay = (at) => {
    const today = day(at);
    if (today !== lastDay) {
      list.push({ kind: 'day', key: `day-${today}`, at });
      lastDay = today;
      before = null;
    }
  };
  const noticesUpTo = (seq) => {
    while (notices.length > 0 && notices[0].after < seq) {
      const notice = notices.shift();
      newDay(notice.at);
      list.push({ ...notice, kind: 'notice', what: notice.kind, key: `notice-${notice.key}` });
      before = null;
    }
  };
  const add = (message, extra) => {
    newDay(message.at);
    const head = !before || before.from !== message.from.id || Date.parse(message.at) - before.at > TOGETHER || Boolean(message.act);
    list.push({ kind: 'message', message, head, mine: message.from.id === state.me?.id, ...extra });
    before = message.act ? null : { from: message.from.id, at: Date.parse(message.at) };
  };
  for (const message of timeline(room)) {
    noticesUpTo(message.seq);
    if (!marked && message.seq > room.marker && message.from.id !== state.me?.id) {
      list.push({ kind: 'unread', key: 'unread' });
      marked = true;
      before = null;
    }
    add(message, { key: `seq-${message.seq}` });
  }
  noticesUpTo(Infinity);
  for (const item of room.pending) {
    add({ ...item, from: state.me ?? { id: 'me', name: '' }, reactions: {} }, { key: `cid-${item.cid}`, pending: item });
  }
  return list;
}

/** The rows of a direct conversation. */
export function directRows(state, dm) {
  const list = [];
  let before = null;
  let lastDay = '';
  [...dm.messages, ...dm.pending.map((item) => ({ ...item, from: state.me, mine: true, pending: item }))].forEach((message, index) => {
    if (day(message.at) !== lastDay) {
      lastDay = day(message.at);
      list.push({ kind: 'day', key: `day-${lastDay}`, at: message.at });
      before = null;
    }
    const head = !before || before.from !== message.from.id || Date.parse(message.at) - before.at > TOGETHER;
    list.push({ kind: 'message', message: { ...message, reactions: {} }, head, mine: message.mine, direct: true, key: `dm-${index}`, pending: message.pending });
    before = { from: message.from.id, at: Date.parse(message.at) };
  });
  return list;
}
