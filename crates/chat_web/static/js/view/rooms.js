// Rooms: the list on the left: rooms, direct conversations, and who one is.
import { hashOf } from '../addresses.js';
import { h, $, avatar, reconcile } from '../dom.js';
import { icon } from './icons.js';
import { t, language } from '../i18n.js';
import { isLoud, membersOf, sortedRooms, title } from '../store.js';
import { draft } from '../prefs.js';

/** A click without a key stays in this tab; with one the browser opens another. */
const plainly = (act) => (e) => {
  if (e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
  e.preventDefault();
  act();
};

/** @param {Needs.Rooms} app */
export function roomsView(app) {
  const rooms = $('#rooms'),
    dms = $('#dms');
  /** @param {Room} room */
  const row = (room) => {
    const here = room.id === app.state.current;
    return {
      key: room.id,
      room,
      id: room.id,
      here,
      unread: isLoud(room) ? room.unread : 0,
      pinged: isLoud(room) ? room.pinged : 0,
      quiet: room.muted || room.notify === 'none',
      closed: /[ik]/.test(room.modes),
      presence: room.dm ? (app.person(membersOf(room)[0])?.state ?? 'offline') : '',
      drafted: !here && draft(app.state.me?.name, room.id) !== '',
      waiting: app.box.items.some((item) => item.room === room.id && item.state === 'failed'),
      lang: language(),
    };
  };

  function draw({ room, here, unread, pinged, quiet, closed, presence, drafted, waiting }) {
    const leave = room.dm ? t('closeDm', { name: title(room) }) : t('leave', { room: room.id });
    const button = h(
      'a.room',
      {
        href: hashOf(room.id) || location.pathname,
        'aria-current': here ? 'page' : null,
        onclick: plainly(() => app.open(room.id)),
        oncontextmenu: (e) => {
          e.preventDefault();
          app.roomMenu(e.currentTarget, room);
        },
      },
      room.dm
        ? h('span.who', {}, avatar(membersOf(room)[0], '.s'), h(`i.dot.${presence}`))
        : h('span.hash', {}, closed ? icon('lock') : '#'),
      h('span.label', {}, title(room)),
      (pinged || unread) > 0 && h('span.vh', {}, `, ${t('unread', { n: unread })}`),
      waiting
        ? h('span.failed', { title: t('notSent') }, '!')
        : drafted && h('span.drafted', { title: t('draft') }, icon('edit')),
      unread > 0 && h(`span.badge${pinged ? '.pinged' : ''}`, { 'data-n': unread > 99 ? '99+' : String(unread) }),
    );
    const x =
      room.id !== 'lobby' && h('button.icon.x', { 'aria-label': leave, onclick: () => app.leave(room) }, icon('close'));
    return h(`li${here ? '.here' : ''}${unread ? '.new' : ''}${quiet ? '.quiet' : ''}`, {}, button, x);
  }

  /** A room that one is asked into: the way in, and the way out of the list. */
  const invitation = ({ key: id, words }) =>
    h(
      'li.invited',
      {},
      h('span.label', { title: words }, `#${id}`),
      h('button.soft', { 'aria-label': t('enterNamed', { room: id }), onclick: () => app.join(id) }, t('enterRoom')),
      h('button.icon', { 'aria-label': t('decline', { room: id }), onclick: () => app.decline(id) }, icon('close')),
    );

  /** A room that one could enter. */
  const other = ({ key: id, topic, users }) =>
    h(
      'li.other',
      {},
      h(
        'a.room',
        { href: hashOf(id), title: topic || null, onclick: plainly(() => app.join(id)) },
        h('span.hash', {}, '#'),
        h('span.label', {}, id),
        h('small', {}, String(users ?? '')),
      ),
    );

  return {
    render() {
      const all = sortedRooms(app.state);
      reconcile(rooms, all.rooms.map(row), draw);
      reconcile(dms, all.dms.map(row), draw);
      // Rooms one could enter: a few, the fullest first; Ctrl-K has them all.
      const open = [...app.directory]
        .filter(([id]) => !app.state.rooms.has(id))
        .sort((a, b) => (b[1].users ?? 0) - (a[1].users ?? 0))
        .slice(0, 5)
        .map(([key, { topic, users }]) => ({ key, topic, users }));
      $('#otherhead').hidden = !open.length;
      reconcile($('#others'), open, other);
      const invitations = [...app.state.invitations].map(([key, words]) => ({ key, words, lang: language() }));
      $('#invitedhead').hidden = !invitations.length;
      reconcile($('#invited'), invitations, invitation);
      $('#dmhead').hidden = !all.dms.length;
      const { me } = app.state;
      if (me && $('#me').dataset.name !== me.name) {
        $('#me').dataset.name = me.name;
        $('#me').replaceChildren(
          avatar(me.name),
          h('span.label', {}, me.name),
          h('span.vh', {}, `, ${t('settings')}`),
          icon('gear'),
        );
      }
    },
  };
}
