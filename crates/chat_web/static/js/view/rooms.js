// Rooms: the list on the left: rooms, direct conversations, and who one is.
import { h, $, avatar, reconcile } from '../dom.js';
import { icon } from './icons.js';
import { t } from '../i18n.js';
import { sortedRooms, title } from '../store.js';
import { draft } from '../prefs.js';

export function roomsView(app) {
  const rooms = $('#rooms'),
    dms = $('#dms');
  const row = (room) => {
    const here = room.id === app.state.current;
    const person = room.dm && app.person(title(room));
    const drafted = !here && draft(room.id) !== '';
    const waiting = app.box.items.some((item) => item.room === room.id && item.state === 'failed');
    const sig = [
      here,
      room.unread,
      room.pinged,
      room.modes,
      person?.state,
      drafted,
      waiting,
      room.joined,
      room.id,
    ].join('|');
    return {
      key: room.id,
      sig,
      make: () => {
        const count = room.pinged || room.unread;
        return h(
          `li${here ? '.here' : ''}${room.unread ? '.new' : ''}`,
          {},
          h(
            'button.room',
            {
              'aria-current': here ? 'page' : null,
              onclick: () => app.open(room.id),
              oncontextmenu: (e) => {
                e.preventDefault();
                app.roomMenu(e.currentTarget, room);
              },
            },
            room.dm
              ? h('span.who', {}, avatar(title(room), '.s'), h(`i.dot.${person?.state ?? 'offline'}`))
              : h('span.hash', {}, /[ik]/.test(room.modes) ? icon('lock') : '#'),
            h('span.label', {}, title(room)),
            count ? h('span.vh', {}, `, ${t('unread', { n: room.unread })}`) : null,
            waiting
              ? h('span.failed', { title: t('notSent') }, '!')
              : drafted && h('span.drafted', { title: t('draft') }, icon('edit')),
            room.unread > 0 &&
              h(`span.badge${room.pinged ? '.pinged' : ''}`, {
                'data-n': room.unread > 99 ? '99+' : String(room.unread),
              }),
          ),
          room.id !== 'lobby' &&
            h(
              'button.icon.x',
              {
                'aria-label': room.dm ? t('closeDm', { name: title(room) }) : t('leave', { room: room.id }),
                onclick: () => app.leave(room),
              },
              icon('close'),
            ),
        );
      },
    };
  };
  return {
    render() {
      const all = sortedRooms(app.state);
      reconcile(rooms, all.rooms.map(row));
      reconcile(dms, all.dms.map(row));
      // Rooms one could enter: a few, the fullest first; Ctrl-K has them all.
      const open = [...app.directory]
        .filter(([id]) => !app.state.rooms.has(id))
        .sort((a, b) => (b[1].users ?? 0) - (a[1].users ?? 0))
        .slice(0, 5);
      $('#otherhead').hidden = !open.length;
      reconcile(
        $('#others'),
        open.map(([id, info]) => ({
          key: id,
          sig: `${info.users}`,
          make: () =>
            h(
              'li.other',
              {},
              h(
                'button.room',
                { title: info.topic || null, onclick: () => app.join(id) },
                h('span.hash', {}, '#'),
                h('span.label', {}, id),
                h('small', {}, String(info.users ?? '')),
              ),
            ),
        })),
      );
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
