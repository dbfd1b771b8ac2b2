// The keys: what they do, and the sheet that shows them.

import { el } from './dom.js';

export const KEYS = [
  ['Ctrl K', 'keySwitch'], ['Alt ↑ / Alt ↓', 'keyRooms'], ['↑', 'keyEdit'], ['Tab', 'keyTab'], ['Shift Enter', 'keyLine'],
  ['Esc', 'keyEsc'], ['End', 'keyEnd'], ['?', 'keySheet'],
];

export function sheet(dialog, t) {
  dialog.replaceChildren(el('form', { method: 'dialog' },
    el('h2', { id: 'keys-title' }, t('keys')),
    el('dl', { class: 'keys' }, ...KEYS.flatMap(([keys, words]) => [el('dt', {}, ...keys.split(' / ').flatMap((key, i) => [i > 0 ? ' / ' : '', el('kbd', {}, key)])), el('dd', {}, t(words))])),
    el('p', { class: 'hint' }, t('keysHint')),
    el('div', { class: 'buttons' }, el('button', { class: 'primary', value: 'ok' }, t('done')))));
}

/** Listens for the keys of the whole page. */
export function listen(actions) {
  addEventListener('keydown', (event) => {
    const writing = ['INPUT', 'TEXTAREA', 'SELECT'].includes(event.target.tagName);
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      actions.switcher();
    } else if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
      event.preventDefault();
      actions.step(event.key === 'ArrowDown' ? 1 : -1);
    } else if (event.key === 'Escape' && !document.querySelector('dialog[open], .menu')) {
      actions.escape();
    } else if (event.key === 'End' && (!writing || actions.isEmpty())) {
      event.preventDefault();
      actions.end();
    } else if (event.key === '?' && (!writing || actions.isEmpty())) {
      event.preventDefault();
      actions.sheet();
    }
  });
}
