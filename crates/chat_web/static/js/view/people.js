// People: who is in the room, by what door, and whether they are there.
import { h, $, avatar, reconcile } from '../dom.js';
import { icon } from './icons.js';
import { t, people as names, language } from '../i18n.js';
import { currentRoom, membersOf } from '../store.js';
import { sameName } from '../names.js';

/** A person of a list, with what can be done with them. */
export function personItem(app, { name, state, away, line, me, status }) {
  const word = (away || state === 'idle' || state === 'away') && (away || t(state));
  return h(
    `li${state === 'online' ? '' : '.dim'}`,
    {},
    h(
      'button.person',
      { 'data-user': name, onclick: (e) => app.personMenu(e.currentTarget, name) },
      h('span.who', {}, avatar(name, '.s'), h(`i.dot.${state}`)),
      h(
        'span.label',
        {},
        name,
        me && h('small', {}, ` ${t('you')}`),
        word && h('small.away', { dir: 'auto' }, word),
        status && h('small.status', { dir: 'auto' }, status),
      ),
      h('span.vh', {}, t(state)),
      line && h('span.door', { title: t('doorLine') }, icon('terminal'), h('span.vh', {}, t('doorLine'))),
    ),
  );
}

const RANK = { online: 0, idle: 1, away: 2, offline: 3 };

/** @param {Needs.People} app */
export function peopleView(app) {
  const list = $('#who'),
    count = $('#count'),
    typing = $('#typing');
  const shown = (room) =>
    room.dm
      ? [
          ...membersOf(room).map((name) => app.person(name) ?? { name, state: 'offline' }),
          { ...app.state.me, state: 'online' },
        ]
      : [...room.people.values()];

  /** @param {Person} person */
  const row = ({ id, name, state = 'online', away, door }) => ({
    key: id ?? name,
    name,
    state,
    away,
    line: !!door && door !== 'web',
    me: !!app.state.me && sameName(name, app.state.me.name),
    status: app.profile(name)?.status,
    lang: language(),
  });

  return {
    render() {
      const room = currentRoom(app.state);
      if (!room) return;
      const all = shown(room).sort(
        (a, b) => RANK[a.state ?? 'online'] - RANK[b.state ?? 'online'] || a.name.localeCompare(b.name),
      );
      reconcile(list, all.map(row), (one) => personItem(app, one));
      count.textContent = String(all.length);
      $('#alone').hidden = room.dm || all.length > 1;
      app.inRoom(room);
    },
    typing() {
      const room = currentRoom(app.state);
      const who = room ? [...room.typing.keys()] : [];
      typing.classList.toggle('on', who.length > 0);
      $('span', typing).textContent = who.length
        ? t(who.length > 1 ? 'typingMany' : 'typing', { who: names(who) })
        : '';
    },
  };
}
