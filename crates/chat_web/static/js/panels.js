// The drawers of a narrow page, and the switcher.

import { app, byId } from './app.js';
import { go, openRoom } from './places.js';
import { el } from './view/dom.js';

export function closePanels() {
  for (const [panel, button] of [['rooms-panel', 'show-rooms'], ['people-panel', 'show-people']]) {
    byId(panel).classList.remove('open');
    byId(button).setAttribute('aria-expanded', 'false');
  }
  byId('shade').hidden = true;
}

export function openPanel(panel, button) {
  const was = byId(panel).classList.contains('open');
  closePanels();
  if (was) return;
  byId(panel).classList.add('open');
  byId(button).setAttribute('aria-expanded', 'true');
  byId('shade').hidden = false;
  byId(panel).querySelector('button')?.focus();
}

export function switcher() {
  const dialog = byId('switcher');
  const places = [...[...app.state.rooms.values()].map((room) => room.id), ...[...app.state.dms.values()].map((dm) => `@${dm.name}`)];
  const people = [...app.state.presence.values()].map((one) => `@${one.name}`).filter((one) => one !== `@${app.state.me.name}` && !places.includes(one));
  const all = [...places, ...people];
  let chosen = 0;
  let found = all;
  const field = el('input', { type: 'text', 'aria-label': app.t('switchHint'), placeholder: app.t('switchHint'), role: 'combobox', 'aria-expanded': 'true', 'aria-controls': 'switch-list', autocomplete: 'off', spellcheck: 'false' });
  const list = el('ul', { id: 'switch-list', role: 'listbox', 'aria-label': app.t('switcher'), class: 'suggestions static' });
  const pick = (i) => {
    dialog.close();
    const typed = field.value.trim().replace(/^#/, '');
    if (found[i]) go(found[i]);
    else if (typed) openRoom(typed);
  };
  const show = () => {
    field.setAttribute('aria-activedescendant', `switch-${chosen}`);
    list.replaceChildren(...found.slice(0, 10).map((place, i) => el('li', { role: 'option', id: `switch-${i}`, 'aria-selected': String(i === chosen), on: { click: () => pick(i) } }, place.startsWith('@') ? place : `#${place}`)));
  };
  field.addEventListener('input', () => {
    const typed = field.value.toLowerCase().replace(/^#/, '');
    found = all.filter((place) => place.toLowerCase().includes(typed));
    chosen = 0;
    show();
  });
  field.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      chosen = Math.max(0, Math.min(Math.min(found.length, 10) - 1, chosen + (event.key === 'ArrowDown' ? 1 : -1)));
      show();
    }
    if (event.key === 'Enter') {
      event.preventDefault();
      pick(chosen);
    }
  });
  dialog.replaceChildren(el('h2', { id: 'switcher-title' }, app.t('switcher')), field, list);
  show();
  dialog.showModal();
  field.focus();
}
