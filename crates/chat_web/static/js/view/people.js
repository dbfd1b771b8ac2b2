// Who is in the room, and whether they are there.

import { el, patch } from './dom.js';
import { hue, initials } from '../names.js';

const ORDER = { online: 0, away: 1, idle: 2 };

export function peopleView(root, actions) {
  const { t } = actions;
  const title = el('h2', {});
  const list = el('ul', { class: 'people' });
  root.replaceChildren(title, list);

  const draw = (row) => el('li', {}, el('button', { type: 'button', class: `person ${row.state}`, disabled: row.me, title: row.away ?? t(`state.${row.state}`), on: { click: () => actions.whisperTo(row.name) } },
    el('span', { class: 'avatar', 'aria-hidden': 'true', vars: { hue: hue(row.name) } }, initials(row.name)),
    el('span', { class: 'label' }, el('span', { class: 'name', dir: 'auto' }, row.name), el('small', {}, row.me ? t('you') : row.away ?? (!row.door || row.door === 'web' ? t(`state.${row.state}`) : t('byDoor', { door: row.door, state: t(`state.${row.state}`) })))),
    el('span', { class: 'dot', 'aria-hidden': 'true' })));

  return {
    update(state, room) {
      const people = [...(room?.people.values() ?? [])].map((person) => {
        const known = state.presence.get(person.id);
        return { ...person, me: person.id === state.me?.id, state: known?.state ?? 'online', away: known?.away ?? null };
      });
      people.sort((a, b) => (ORDER[a.state] ?? 3) - (ORDER[b.state] ?? 3) || a.name.localeCompare(b.name));
      title.textContent = t('peopleHere', { n: people.length });
      patch(list, people.map((person) => ({ ...person, key: person.id, print: JSON.stringify([person.name, person.state, person.away, person.me]) })), draw);
    },
  };
}
