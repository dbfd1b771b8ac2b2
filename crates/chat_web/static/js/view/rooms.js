// The rooms and direct conversations that one is in, with what is unread, and the way to others.

import { unread } from '../store.js';
import { el, icon, patch } from './dom.js';
import { hue, initials, isRoom } from '../names.js';

export function roomsView(root, actions) {
  const { t } = actions;
  const rooms = el('ul', { class: 'places' });
  const directs = el('ul', { class: 'places' });
  const name = el('input', { type: 'text', id: 'room-name', maxlength: '32', placeholder: t('roomName'), autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' });
  const join = el('form', { class: 'join', on: { submit: (event) => {
    event.preventDefault();
    const room = name.value.trim().replace(/^#/, '');
    if (!isRoom(room)) return actions.tell(t('badRoom'));
    name.value = '';
    return actions.openRoom(room);
  } } }, el('label', { class: 'sr', for: 'room-name' }, t('joinRoom')), name, el('button', { type: 'submit', 'aria-label': t('joinRoom'), title: t('joinRoom') }, icon('plus')));
  const directTitle = el('h2', {}, t('direct'));
  const others = el('ul', { class: 'places' });
  const othersTitle = el('h2', {}, t('otherRooms'));
  root.replaceChildren(el('h2', {}, t('rooms')), rooms, join, directTitle, directs, othersTitle, others);

  const badge = (count) => (count > 0 ? el('span', { class: 'badge' }, count > 99 ? '99+' : String(count)) : null);
  const drawRoom = (row) => el('li', {}, el('button', { type: 'button', 'aria-current': row.current ? 'page' : undefined, class: row.count > 0 ? 'place new' : 'place',
    'aria-label': row.count > 0 ? t('roomUnread', { room: row.id, n: row.count }) : `#${row.id}`, on: { click: () => actions.open(row.id) } },
  el('span', { class: 'hash', 'aria-hidden': 'true' }, '#'), el('span', { class: 'label' }, row.id), badge(row.count)),
  row.id === 'lobby' ? null : el('button', { type: 'button', class: 'leave', 'aria-label': t('leaveRoom', { room: row.id }), title: t('leaveRoom', { room: row.id }), on: { click: () => actions.leave(row.id) } }, icon('close')));
  const drawOther = (row) => el('li', {}, el('button', { type: 'button', class: 'place', title: row.topic, on: { click: () => actions.openRoom(row.id) } },
    el('span', { class: 'hash', 'aria-hidden': 'true' }, row.modes.includes('k') ? '🔑' : '#'), el('span', { class: 'label' }, row.id), el('small', {}, String(row.users))));
  const drawDirect = (row) => el('li', {}, el('button', { type: 'button', 'aria-current': row.current ? 'page' : undefined, class: row.count > 0 ? 'place new' : 'place', on: { click: () => actions.open(`@${row.name}`) } },
    el('span', { class: 'avatar small', 'aria-hidden': 'true', vars: { hue: hue(row.name) } }, initials(row.name)), el('span', { class: 'label' }, row.name), badge(row.count)));

  return {
    update(state) {
      const rows = [...state.rooms.values()].map((room) => {
        const current = room.id === state.current;
        const count = unread(state, room);
        return { key: room.id, id: room.id, current, count, print: `${current} ${count}` };
      });
      patch(rooms, rows, drawRoom);
      const people = [...state.dms.values()].map((dm) => {
        const current = `@${dm.name}` === state.current;
        return { key: dm.name, name: dm.name, current, count: dm.unread, print: `${current} ${dm.unread}` };
      });
      patch(directs, people, drawDirect);
      directTitle.hidden = people.length === 0;
      const elsewhere = state.others.filter((room) => !state.rooms.has(room.id.toLowerCase())).slice(0, 30);
      patch(others, elsewhere.map((room) => ({ ...room, key: room.id, print: `${room.users} ${room.modes} ${room.topic}` })), drawOther);
      othersTitle.hidden = elsewhere.length === 0;
    },
    focusJoin: () => name.focus(),
  };
}
