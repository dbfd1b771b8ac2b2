// People: who is in the room, by what door, and whether they are there.
import { h, $, avatar, reconcile } from '../dom.js';
import { icon } from './icons.js';
import { t, people as names, lang } from '../i18n.js';
import { currentRoom } from '../store.js';
import { sameName } from '../names.js';

const RANK = { online: 0, idle: 1, away: 2, offline: 3 };

export function peopleView(app) {
  const list = $('#who'),
    count = $('#count'),
    typing = $('#typing');
  const shown = (room) =>
    room.dm
      ? [
          app.person(room.id.slice(1)) ?? { name: room.id.slice(1), state: 'offline' },
          { ...app.state.me, state: 'online' },
        ]
      : [...room.people.values()];

  function row(person) {
    const state = person.state ?? 'online',
      me = app.state.me && sameName(person.name, app.state.me.name);
    const door = person.door && person.door !== 'web' ? person.door : null;
    return {
      key: person.id ?? person.name,
      sig: [person.name, state, person.away, door, me, lang].join('|'),
      make: () =>
        h(
          `li${state === 'online' ? '' : '.dim'}`,
          {},
          h(
            'button.person',
            { onclick: (e) => app.personMenu(e.currentTarget, person.name) },
            h('span.who', {}, avatar(person.name, '.s'), h(`i.dot.${state}`)),
            h(
              'span.label',
              {},
              person.name,
              me && h('small', {}, ` ${t('you')}`),
              (person.away || state === 'idle' || state === 'away') &&
                h('small.away', { dir: 'auto' }, person.away || t(state)),
            ),
            h('span.vh', {}, t(state)),
            door && h('span.door', { title: t('doorLine') }, icon('terminal'), h('span.vh', {}, t('doorLine'))),
          ),
        ),
    };
  }

  return {
    render() {
      const room = currentRoom(app.state);
      if (!room) return;
      const all = shown(room).sort(
        (a, b) => RANK[a.state ?? 'online'] - RANK[b.state ?? 'online'] || a.name.localeCompare(b.name),
      );
      reconcile(list, all.map(row));
      count.textContent = String(all.length);
      $('#alone').hidden = room.dm || all.length > 1;
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
