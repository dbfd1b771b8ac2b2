// The conversation on the screen: rows, scrolling, the actions on a message.

import { clock, dayLabel, full } from '../time.js';
import { format } from '../format.js';
import { hue, initials } from '../names.js';
import { QUICK } from '../emoji.js';
import { calm, el, icon, patch } from './dom.js';

/** How near to the end counts as being there. */
const END = 60;
/** The most rows in the page; those on the far side go. */
const WINDOW = 400;

export function timelineView(root, actions) {
  const { t } = actions;
  const list = el('ol', { class: 'log', tabindex: '0', id: 'log' });
  const older = el('button', { class: 'older', type: 'button', on: { click: () => actions.older() } }, t('older'));
  const empty = el('div', { class: 'empty', hidden: true });
  const scroller = el('div', { class: 'scroller' }, older, empty, list);
  const toEnd = el('button', { class: 'to-end', type: 'button', hidden: true, on: { click: () => goToEnd(true) } });
  const typing = el('p', { class: 'typing', 'aria-hidden': 'true' });
  root.replaceChildren(scroller, toEnd, typing);

  let atEnd = true;
  let written = -1;
  let shown = '';
  let newer = 0;
  let idle = 0;

  const measure = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight <= END;
  const write = (top) => {
    written = Math.max(0, Math.round(top));
    scroller.scrollTop = written;
  };
  const goToEnd = (smooth = false) => {
    atEnd = true;
    newer = 0;
    if (smooth && !calm()) scroller.scrollTo({ top: scroller.scrollHeight, behavior: 'smooth' });
    else write(scroller.scrollHeight);
    drawToEnd();
    actions.seen();
  };
  const drawToEnd = () => {
    toEnd.hidden = atEnd;
    toEnd.replaceChildren(icon('down'), newer > 0 ? t('newer', { n: newer }) : t('toEnd'));
  };
  scroller.addEventListener('scroll', () => {
    // What the page itself wrote is no wish of the person.
    if (Math.abs(scroller.scrollTop - written) <= 1) {
      written = -1;
      return;
    }
    clearTimeout(idle);
    atEnd = measure();
    if (atEnd) {
      newer = 0;
      actions.seen();
    }
    drawToEnd();
    // Older lines are put in when the hand has stopped: writing the place in a fling stops it on some phones.
    idle = setTimeout(() => scroller.scrollTop < 200 && !older.hidden && actions.older(), 120);
  }, { passive: true });
  // The keyboard of a phone opens, the composer grows: whoever is at the end stays there.
  new ResizeObserver(() => atEnd && write(scroller.scrollHeight)).observe(scroller);

  list.addEventListener('keydown', (event) => {
    const here = event.target.closest('li.msg');
    const all = [...list.querySelectorAll('li.msg')];
    const at = all.indexOf(here);
    const to = { ArrowUp: here ? at - 1 : all.length - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined && event.target.tagName !== 'BUTTON') {
      event.preventDefault();
      if (all[to]) focusRow(all[to]);
    } else if (event.key === 'Enter' && event.target === here) {
      event.preventDefault();
      here.querySelector('.more')?.click();
    }
  });
  const focusRow = (row) => {
    for (const other of list.querySelectorAll('li.msg[tabindex="0"]')) other.tabIndex = -1;
    row.tabIndex = 0;
    row.focus();
  };

  const node = (part) => {
    switch (part.kind) {
      case 'text': return part.text;
      case 'code': return el('code', {}, part.text);
      case 'link': return el('a', { href: part.href, target: '_blank', rel: 'noopener noreferrer nofollow' }, part.text);
      case 'mention': return el('span', { class: part.me ? 'mention me' : 'mention' }, part.text);
      case 'room': return el('button', { class: 'room-link', type: 'button', on: { click: () => actions.openRoom(part.text.slice(1)) } }, part.text);
      case 'quote': return el('blockquote', {}, ...part.children.map(node));
      default: return el(part.kind, {}, ...part.children.map(node));
    }
  };

  const avatar = (name) => el('span', { class: 'avatar', 'aria-hidden': 'true', vars: { hue: hue(name) } }, initials(name));

  const reactions = (message, names) => {
    const entries = Object.entries(message.reactions ?? {});
    if (entries.length === 0) return null;
    return el('ul', { class: 'reactions' }, ...entries.map(([emoji, who]) => {
      const mine = who.includes(names.me);
      const press = () => actions.react(message, emoji, !mine);
      const label = t(mine ? 'reactedWithYou' : 'reacted', { emoji, names: who.join(', ') });
      return el('li', {}, el('button', { type: 'button', 'aria-pressed': String(mine), title: label, on: { click: press } },
        `${emoji} ${who.length}`, el('span', { class: 'sr' }, ` ${label}`)));
    }));
  };

  const quoteOf = (message, find) => {
    if (!message.reply_to) return null;
    const target = find(message.reply_to);
    const words = !target ? t('quoteGone') : target.deleted ? t('deleted') : target.text;
    return el('button', { class: 'quote', type: 'button', on: { click: () => actions.jump(message.reply_to) } },
      el('strong', {}, target?.from.name ?? ''), ` ${words}`.slice(0, 140));
  };

  const drawMessage = (row, context) => {
    const { message, mine, head, pending, direct } = row;
    const words = message.deleted ? [el('em', { class: 'gone' }, t('deleted'))] : format(message.text, context.me).map(node);
    if (message.edited && !message.deleted) words.push(' ', el('span', { class: 'edited' }, t('edited')));
    const at = clock(message.at, context.language, context.hours24);
    const bubble = el('div', { class: 'bubble', dir: 'auto' }, quoteOf(message, context.find), message.act ? el('strong', {}, `${message.from.name} `) : null, ...words);
    const failed = pending?.state === 'failed';
    const state = pending && el('p', { class: failed ? 'state failed' : 'state' }, failed ? (pending.why ?? t('notSent')) : t('sending'));
    const retry = failed && el('div', { class: 'retry' },
      el('button', { type: 'button', on: { click: () => actions.retry(pending) } }, icon('retry'), t('retry')),
      el('button', { type: 'button', on: { click: () => actions.copy(pending.text) } }, icon('copy'), t('copy')),
      el('button', { type: 'button', on: { click: () => actions.discard(pending) } }, icon('trash'), t('discard')));
    const tools = !pending && !message.deleted && !direct && el('div', { class: 'tools' },
      el('button', { type: 'button', 'aria-label': t('reactTo', { name: message.from.name }), title: t('react'), tabindex: '-1', on: { click: (e) => actions.menu(message, e.currentTarget, 'react') } }, icon('react')),
      el('button', { type: 'button', 'aria-label': t('replyTo', { name: message.from.name }), title: t('reply'), tabindex: '-1', on: { click: () => actions.reply(message) } }, icon('reply')),
      el('button', { type: 'button', class: 'more', 'aria-label': t('moreOf', { name: message.from.name }), 'aria-haspopup': 'dialog', title: t('more'), tabindex: '-1', on: { click: (e) => actions.menu(message, e.currentTarget, 'all') } }, icon('more')));
    const meta = el('div', { class: 'meta' },
      el('button', { class: 'who', type: 'button', tabindex: '-1', vars: { hue: hue(message.from.name) }, on: { click: () => actions.whisperTo(message.from.name) } }, message.from.name),
      el('time', { datetime: message.at, title: full(message.at, context.language) }, at));
    const classes = ['msg', head && 'head', mine && 'mine', message.act && 'act', pending && 'pending', context.fresh.has(row.key) && 'fresh', context.me && !mine && context.mentions(message.text) && 'mentioned'];
    return el('li', { class: classes.filter(Boolean).join(' '), tabindex: '-1', 'data-seq': message.seq },
      head ? avatar(message.from.name) : el('time', { class: 'side', datetime: message.at, 'aria-hidden': 'true' }, at),
      el('div', { class: 'body' }, head ? meta : el('span', { class: 'sr' }, `${message.from.name}, ${at}`), bubble, reactions(message, { me: context.me }), state, retry), tools);
  };

  const draw = (context) => (row) => {
    switch (row.kind) {
      case 'day': return el('li', { class: 'day' }, el('span', {}, dayLabel(row.at, context.now, context.language)));
      case 'unread': return el('li', { class: 'unread' }, el('span', {}, t('unreadLine')));
      case 'notice': return el('li', { class: 'notice' }, t(`notice.${row.what}`, { who: row.who, to: row.to, text: row.text, why: row.why }));
      default: return drawMessage(row, context);
    }
  };

  const print = (row, context) => {
    if (row.kind === 'day') return dayLabel(row.at, context.now, context.language);
    if (row.kind !== 'message') return context.language;
    const { message, pending } = row;
    const target = message.reply_to ? context.find(message.reply_to) : null;
    return JSON.stringify([row.head, message.text, message.edited, message.deleted, message.reactions, message.from.name, pending?.state, pending?.why,
      target?.text, target?.deleted, context.me, context.language, context.hours24]);
  };

  return {
    scroller,
    list,
    goToEnd,
    isAtEnd: () => atEnd,
    /** Shows the rows of a conversation. `title` tells one from another. */
    update(rowsOfAll, context) {
      const changed = context.title !== shown;
      if (changed) {
        shown = context.title;
        atEnd = true;
        newer = 0;
      }
      let rows = rowsOfAll;
      const selecting = !getSelection()?.isCollapsed;
      if (rows.length > WINDOW && atEnd && !selecting) rows = rows.slice(-WINDOW);
      const before = new Set([...list.children].map((child) => child.dataset.key));
      const isNew = (row) => row.kind === 'message' && !before.has(row.key);
      const fresh = new Set(changed || before.size === 0 ? [] : rows.slice(-5).filter(isNew).map((row) => row.key));
      if (!atEnd && !changed) newer += rows.filter((row) => isNew(row) && !row.mine && row.message.seq > context.lastShown).length;
      // What is looked at stays where it is, whatever comes above it.
      const top = scroller.getBoundingClientRect().top;
      const anchor = atEnd ? null : [...list.children].find((child) => child.getBoundingClientRect().bottom > top);
      const offset = anchor ? anchor.getBoundingClientRect().top : 0;
      patch(list, rows.map((row) => ({ ...row, print: print(row, context) })), draw({ ...context, fresh }));
      list.setAttribute('aria-label', context.label);
      older.hidden = !context.older;
      empty.hidden = rows.some((row) => row.kind === 'message') || !context.loaded;
      if (!empty.hidden) empty.replaceChildren(el('span', { class: 'empty-mark', 'aria-hidden': 'true' }, '✦'), el('h2', {}, context.emptyTitle), el('p', {}, context.emptyText));
      if (atEnd) write(scroller.scrollHeight);
      else if (anchor?.isConnected) write(scroller.scrollTop + anchor.getBoundingClientRect().top - offset);
      drawToEnd();
      typing.textContent = context.typing;
      typing.classList.toggle('on', Boolean(context.typing));
    },
    /** Takes the reader to a message that is on the page. */
    jump(seq) {
      const row = list.querySelector(`li[data-seq="${Number(seq)}"]`);
      if (!row) return false;
      atEnd = false;
      row.scrollIntoView({ block: 'center', behavior: calm() ? 'auto' : 'smooth' });
      row.classList.remove('found');
      requestAnimationFrame(() => row.classList.add('found'));
      focusRow(row);
      return true;
    },
    quick: QUICK,
  };
}
