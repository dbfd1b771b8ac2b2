// Timeline: draws one room's messages, keeps the reader's place, and pages in the past.
import { h, $, avatar, reconcile } from '../dom.js';
import { t, language } from '../i18n.js';
import { prefs } from '../prefs.js';
import { clock, now } from '../time.js';
import * as merge from '../merge.js';
import { title } from '../store.js';
import * as outbox from '../outbox.js';
import { placeOf } from '../addresses.js';
import { rows } from '../rows.js';
import { closeMenuIn, menuIsIn } from './floating.js';
import { messageView, unbox, usable } from './message.js';
import { comings, noteLine } from './notes.js';

const STEP = 50,
  MOST = 400,
  TAIL = 120,
  NEAR = 60;
/** How many messages a room holds in memory while one sits at its end; the rest is paged in again when it is wanted. */
const KEEP = 2000;

/**
 * `root` holds a `.log` with `.messages`, a `.jump` and a `.since`; `roomOf` says which room it shows.
 * @param {HTMLElement} root
 * @param {() => Room | undefined} roomOf
 * @param {Needs.Timeline} app
 */
export function timelineView(root, roomOf, app) {
  const log = $('.log', root),
    list = $('.messages', root),
    jump = $('.jump', root),
    pill = $('.since', root);
  const view = {
    toLine: false,
    placing: null,
    room: null,
    start: 0,
    end: null,
    stick: true,
    wrote: -1,
    fresh: new Set(),
    busy: false,
    held: false,
  };
  const messages = messageView(app, goTo);
  // What can be done with a message comes later than the page.
  let acts = null,
    answersTo = null;
  function actions(parts) {
    if (!acts) {
      acts = parts.actionsOn(app, log, list, messages.isMine);
      answersTo = parts.answersTo;
      plan();
    }
    return acts;
  }

  /* ---- what is shown ---- */

  /** @returns {RowContext} */
  const context = (room) => ({
    me: app.state.me ?? { name: prefs.name },
    items: outbox.of(app.box, room.id),
    lang: language(),
    hours: prefs.hours,
    now: now(),
    isKnown: app.knows,
    here: `${location.origin}${location.pathname}`,
    card: app.card,
    answers: (tl, seq) => (answersTo?.(tl).threads.get(seq)?.length ?? 1) - 1,
    isRoom: messages.isRoom,
    isLate: (item) => outbox.isLate(item, performance.now()),
  });

  /** A row as a node; `old` is the one whose place it takes. */
  function draw(row, old) {
    switch (row.kind) {
      case 'message':
        return messages.draw(view.room, row, !old && view.fresh.has(row.message.cid ?? row.message.seq));
      case 'day':
        return h('li.day', {}, h('span', { role: 'heading', 'aria-level': '3' }, row.text));
      case 'unread':
        return h('li.unread', {}, h('span', {}, t('newHere')));
      case 'gap':
        return h(`li.hole${row.lost ? '.lost' : ''}`, {}, t(row.lost ? 'lost' : 'loadingHole', { n: row.n }));
      case 'comings':
        return comings(row);
      case 'note':
        return noteLine(row.note, app.dropNote);
      case 'older':
        return edge(row.busy ? 'loadingOlder' : 'loadOlder', older, row.busy);
      case 'newer':
        return edge('loadNewer', newer);
      case 'begin':
        return beginning(row);
      default:
        return skeleton();
    }
  }

  const edge = (words, onclick, disabled = false) =>
    h('li.older', {}, h('button', { onclick: () => onclick(), disabled }, t(words)));

  function beginning({ id, dm }) {
    const name = id.slice(1).replaceAll('+', ', ');
    return h(
      'li.begin',
      {},
      dm ? avatar(name, '.xl') : h('span.bighash', { 'aria-hidden': 'true' }, '#'),
      h('h2', {}, dm ? t('beginDm', { name }) : t('begin', { room: id })),
      h('p', {}, dm ? t('beginDmMore', { name }) : t(id === 'lobby' ? 'beginLobby' : 'beginMore')),
    );
  }

  const skeleton = () =>
    h(
      'li.skeleton',
      { 'aria-hidden': 'true' },
      [0, 1, 2, 3].map(() => h('div', {}, h('i'), h('b'))),
    );

  /* ---- drawing, and the reader's place ---- */

  let planned = 0;
  function plan() {
    planned ||= requestAnimationFrame(() => {
      planned = 0;
      render();
    });
  }

  function render() {
    const room = roomOf();
    if (!room) return;
    if (view.room !== room) {
      Object.assign(view, {
        room,
        start: Math.max(0, room.tl.order.length - TAIL),
        end: null,
        stick: true,
        busy: false,
        held: false,
        toLine: room.line !== null && room.unread > 0,
      });
      list.replaceChildren();
      if (!matchMedia('(prefers-reduced-motion: reduce)').matches)
        list.animate({ opacity: [0, 1], translate: ['0 .35rem', '0 0'] }, { duration: 160, easing: 'ease-out' });
    }
    const label = () => (room.dm ? t('logDm', { name: title(room) }) : t('log', { room: room.id }));
    log.setAttribute('aria-label', room.thread ? t('thread') : label());
    if (view.stick && view.end === null && inHand()) Object.assign(view, { stick: false, held: true });
    const anchor = view.stick && view.end === null ? null : anchored();
    // While one reads further up the window does not grow: what comes is behind "Later messages".
    if (!view.stick && view.end === null && room.tl.order.length - view.start > MOST) view.end = view.start + MOST;
    if (view.stick && view.end === null) {
      // The far side is dropped while it is out of view.
      if (room.tl.order.length > KEEP * 2 && !room.thread) merge.forgetBefore(room.tl, room.tl.order.at(-KEEP));
      if (room.tl.order.length - view.start > MOST || view.start > room.tl.order.length)
        view.start = Math.max(0, room.tl.order.length - TAIL);
    }
    const inside = list.contains(document.activeElement);
    reconcile(list, rows(room, view, context(room)), draw);
    // The keys go on where a button or a row has gone.
    if (inside && !list.contains(document.activeElement)) log.focus({ preventScroll: true });
    view.fresh.clear();
    if (view.toLine && room.loaded) toLine(room);
    else if (anchor) restore(anchor);
    else toEnd();
    furniture();
  }

  /** A room with something unread opens there, one third down; where all of it is on the screen, at its end. */
  async function toLine(room) {
    if (view.placing === room) return;
    view.placing = room;
    for (let i = 0; i < 10 && room.tl.order[0] > room.line + 1 && !merge.atStart(room.tl); i++)
      if (!(await app.loadOlder(room, 200))) break;
    view.placing = null;
    if (!view.toLine || roomOf() !== room) return;
    view.toLine = false;
    const at = merge.place(room.tl, (room.line ?? room.readSeq) + 1);
    if (at < view.start) view.start = Math.max(0, at - STEP);
    if (room.tl.order.length - view.start > MOST) view.end = view.start + MOST;
    view.stick = false;
    reconcile(list, rows(room, view, context(room)), draw);
    const line = $('.unread', list);
    const top = line ? line.getBoundingClientRect().top - log.getBoundingClientRect().top : log.clientHeight;
    scrollTo(log.scrollTop + top - log.clientHeight / 3);
    view.stick = atEnd();
    if (view.stick) toEnd();
    app.watched();
    furniture();
  }

  /** The seq of the last message that is on the screen to its end; undefined: the room is at its end. */
  function seenTo() {
    if (view.stick && view.end === null && !inHand()) return undefined;
    const bottom = log.getBoundingClientRect().bottom + 1;
    const seen = [...list.querySelectorAll('.msg')].findLast((row) => row.getBoundingClientRect().bottom <= bottom);
    return /** @type {any} */ (seen)?.message.seq ?? 0;
  }

  /** A message that one acts upon, or selects from, stays under the finger while others talk. */
  const inHand = () =>
    menuIsIn(log) || pressed || (!getSelection().isCollapsed && log.contains(getSelection().anchorNode));
  let pressed = false;
  log.addEventListener('pointerdown', (e) => {
    pressed = e.pointerType === 'mouse' && e.button === 0;
  });
  for (const over of ['pointerup', 'pointercancel', 'blur'])
    addEventListener(over, () => {
      pressed = false;
      letGo();
    });
  // What the menu leads to may be another menu beside the same message.
  document.addEventListener('menuclosed', () => setTimeout(letGo));
  document.addEventListener('selectionchange', letGo);
  function letGo() {
    if (view.held && !inHand()) latest();
  }

  /** The first row on the screen (from `from` on) and where it stands: after any change it stands there again. */
  function anchored(from = null) {
    const top = log.getBoundingClientRect().top;
    for (let row = from ?? list.firstElementChild; row; row = row.nextElementSibling) {
      if (row.classList.contains('day') || row.classList.contains('older')) continue;
      const box = row.getBoundingClientRect();
      if (box.bottom > top + 1) return { key: row.dataset.key, offset: box.top - top };
    }
    return null;
  }

  function restore({ key, offset }) {
    const row = [...list.children].find((one) => one.dataset.key === key);
    const by = row ? row.getBoundingClientRect().top - log.getBoundingClientRect().top - offset : 0;
    // Less than a pixel is rounding; to correct it at each draw would be a slow drift.
    if (Math.abs(by) >= 1) scrollTo(log.scrollTop + by);
  }

  function scrollTo(y) {
    log.scrollTop = y;
    view.wrote = log.scrollTop;
  }
  function toEnd() {
    scrollTo(log.scrollHeight);
  }
  const atEnd = () => view.end === null && log.scrollHeight - log.scrollTop - log.clientHeight <= NEAR;

  function furniture() {
    const room = roomOf();
    fillHoles();
    const away = !view.stick;
    jump.hidden = !away;
    $('.count', jump).textContent = room?.unread ? String(room.unread) : '';
    jump.setAttribute('aria-label', room?.unread ? t('jumpNew', { n: room.unread }) : t('jump'));
    const days = [...list.querySelectorAll('.day')],
      tops = days.map((day) => day.getBoundingClientRect().top);
    // Sticky siblings pile up: only the newest of those at the top shows.
    days.forEach((day, i) => day.classList.toggle('under', i + 1 < days.length && tops[i + 1] - tops[i] < 32));
    const line = $('.unread', list);
    const above =
      room &&
      room.line !== null &&
      (line
        ? line.getBoundingClientRect().bottom < log.getBoundingClientRect().top
        : room.tl.order.length > 0 && room.tl.order[view.start] > room.line && room.unreadWas > 0);
    pill.hidden = !above;
    if (above)
      $('span', pill).textContent = t('since', {
        n: (room.tl.order[0] > room.line + 1 && room.unreadWas) || newCount(room),
        time: clock(room.lineAt ?? now(), language(), prefs.hours),
      });
  }

  /** What is missing is fetched where the reader comes to it. */
  function fillHoles() {
    const { top, bottom } = log.getBoundingClientRect();
    for (const hole of list.querySelectorAll('.hole:not(.lost)')) {
      const box = hole.getBoundingClientRect();
      if (box.bottom > top && box.top < bottom) app.fill(roomOf(), Number(hole.dataset.key.slice(1)));
    }
  }

  const newCount = (room) => room.tl.order.length - merge.place(room.tl, room.line + 1);

  let idle = 0;
  log.addEventListener(
    'scroll',
    () => {
      // A scroll of our own making says nothing about what the reader wants.
      const own = Math.abs(log.scrollTop - view.wrote) < 1;
      view.wrote = -1;
      if (!own) {
        // A menu of a message goes with it; one of a person stays open.
        closeMenuIn(log);
        view.held = false;
        view.stick = atEnd();
        view.toLine = false;
        if (view.stick) app.watched();
      }
      furniture();
      // Nothing is put in above while the scroller moves: writing scrollTop would stop a fling.
      clearTimeout(idle);
      idle = setTimeout(settled, 120);
    },
    { passive: true },
  );

  function settled() {
    app.watched();
    furniture();
    if (log.scrollTop < 600 && $('.older button', list)?.closest('li') === list.firstElementChild) older();
    if (view.end !== null && log.scrollHeight - log.scrollTop - log.clientHeight < 600) newer();
  }

  async function older() {
    const room = roomOf();
    if (!room || view.busy || !room.loaded) return;
    if (view.start === 0 && !merge.atStart(room.tl)) {
      view.busy = true;
      plan();
      const before = room.tl.order.length;
      const ok = await app.loadOlder(room);
      view.busy = false;
      if (roomOf() !== room) return;
      view.stick = view.stick && log.scrollTop > 0 && atEnd();
      // What came in is above: the window keeps the same rows and grows by a step.
      view.start = Math.max(0, room.tl.order.length - before);
      if (view.end !== null) view.end += room.tl.order.length - before;
      if (!ok) {
        plan();
        return;
      }
    }
    view.start = Math.max(0, view.start - STEP);
    const end = view.end ?? room.tl.order.length;
    if (end - view.start > MOST && !atEnd() && getSelection().isCollapsed) view.end = view.start + MOST;
    view.stick = false;
    render();
    view.stick = atEnd();
    furniture();
  }

  function newer() {
    const room = roomOf();
    if (!room || view.end === null) return;
    view.end += STEP;
    if (view.end >= room.tl.order.length) view.end = null;
    if ((view.end ?? room.tl.order.length) - view.start > MOST && getSelection().isCollapsed)
      view.start = (view.end ?? room.tl.order.length) - MOST;
    view.stick = false;
    render();
    view.stick = atEnd();
    if (view.stick) app.watched();
  }

  function latest() {
    const room = roomOf();
    if (!room) return;
    const start = Math.max(0, room.tl.order.length - TAIL);
    Object.assign(view, { start, end: null, stick: true, held: false, toLine: false });
    render();
    app.watched();
    furniture();
  }

  /** Shows a message by its seq, paging in the past as far as ten thousand messages for it. */
  async function goTo(seq) {
    const room = roomOf();
    view.toLine = false;
    for (let i = 0; i < 50 && !(room.tl.order[0] <= seq) && !merge.atStart(room.tl); i++)
      if (!(await app.loadOlder(room, 200))) break;
    await app.fill(room, seq);
    if (roomOf() !== room || !room.tl.msgs.has(seq)) return app.sorry(t('notFound'));
    const at = merge.place(room.tl, seq);
    if (at < view.start || (view.end !== null && at >= view.end)) {
      view.start = Math.max(0, at - STEP);
      view.end = room.tl.order.length - view.start > MOST ? view.start + MOST : null;
    }
    view.stick = false;
    render();
    const row = [...list.children].find((one) => one.message?.seq === seq);
    row.scrollIntoView({ block: 'center' });
    row.focus({ preventScroll: true });
    point(row);
    view.stick = atEnd();
    furniture();
  }

  /** Marks the row that was looked for, until the reader goes on. */
  function point(row) {
    row.classList.add('found');
    const off = new AbortController();
    const done = () => {
      row.classList.remove('found');
      off.abort();
    };
    for (const sign of ['keydown', 'wheel', 'pointerdown'])
      addEventListener(sign, done, { signal: off.signal, capture: true, passive: true });
  }

  /* ---- keys and buttons ---- */

  log.addEventListener('keydown', (e) => {
    const all = [...list.querySelectorAll('.msg')];
    const row = /** @type {any} */ (document.activeElement.closest('.msg'));
    const at = all.indexOf(row);
    if (e.target.closest('button, a') && e.key === 'Enter') return;
    if (e.key === 'ArrowUp' || e.key === 'ArrowDown') {
      e.preventDefault();
      const next = at < 0 ? all.at(-1) : all[at + (e.key === 'ArrowUp' ? -1 : 1)];
      if (next) {
        next.focus({ preventScroll: true });
        next.scrollIntoView({ block: 'nearest' });
        if (next === all[0]) settled();
      } else if (e.key === 'ArrowDown') app.focusComposer();
    } else if (e.key === 'Enter' && row) {
      e.preventDefault();
      app.lately((parts) => actions(parts)($('.bubble', row), row));
    } else if (e.key === 'End') {
      e.preventDefault();
      latest();
      all.at(-1)?.focus({ preventScroll: true });
    } else if (e.key === 'Home') {
      e.preventDefault();
      scrollTo(0);
      settled();
    } else if (e.key === 'r' && row && usable(row.message) && !e.ctrlKey && !e.metaKey) {
      e.preventDefault();
      app.reply(row.message);
    }
  });

  list.addEventListener('click', (e) => {
    const code = e.target.closest('[data-copy]')?.parentElement;
    if (code) return app.copy($('code', code).textContent);
    const to = e.target.closest('[data-place]')?.dataset.place,
      thumb = e.target.closest('.thumb');
    if ((!to && !thumb) || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    if (thumb) return app.lately((parts) => parts.lightbox(thumb));
    app.visit(placeOf(to));
  });
  // What comes above does not move what is read.
  list.addEventListener(
    'load',
    ({ target: img }) => {
      if (!img.closest('.boxed')) return;
      const row = img.closest('li');
      const top = log.getBoundingClientRect().top;
      // One that begins above the screen grows upwards.
      const from = row.getBoundingClientRect().top < top ? row.nextElementSibling : null;
      const anchor = view.stick && view.end === null ? null : anchored(from);
      unbox(img);
      if (anchor) restore(anchor);
      else toEnd();
    },
    true,
  );
  jump.addEventListener('click', () => {
    latest();
    app.focusComposer();
  });
  pill.addEventListener('click', () =>
    goTo(view.room.tl.order[Math.min(merge.place(view.room.tl, view.room.line + 1), view.room.tl.order.length - 1)]),
  );
  // The log's box changes with the composer, the keyboard, a drawer: the end stays the end.
  const sizes = new ResizeObserver(() => {
    if (view.stick && view.end === null) toEnd();
  });
  sizes.observe(log);
  sizes.observe(list);
  globalThis.visualViewport?.addEventListener('resize', () => {
    if (view.stick) toEnd();
  });

  return {
    actions,
    focus: () => log.focus({ preventScroll: true }),
    scroll: (pages) => log.scrollBy(0, pages * log.clientHeight),
    render,
    plan,
    latest,
    goTo,
    atEnd: () => view.stick && view.end === null && !view.toLine && !inHand(),
    isAbove: () => !view.stick,
    isPlaced: () => !view.toLine,
    seenTo,
    fresh: (key) => view.fresh.add(key),
  };
}
