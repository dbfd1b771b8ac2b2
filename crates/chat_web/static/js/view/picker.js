// Picker: all emoji in a grid, to be searched by name, or any one pasted in.
import { h, isComposing } from '../dom.js';
import { t } from '../i18n.js';
import { EMOJI, search, isEmoji } from '../emoji.js';
import { closeMenu } from './floating.js';
import { show } from './menu.js';

export function emojiPicker(anchor, back, pick) {
  const grid = h('div.grid', { role: 'group', 'aria-label': 'Emoji' });
  const take = (char) => {
    closeMenu();
    pick(char);
  };
  const input = h('input', {
    type: 'text',
    'aria-label': t('emojiSearch'),
    placeholder: t('emojiSearch'),
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const fill = () => {
    const word = input.value.trim().toLowerCase().replaceAll(':', '');
    const found = word
      ? search(word, 64)
      : [...EMOJI]
          .map(([name, char]) => ({ name, char }))
          .filter((one, i, all) => all.findIndex((o) => o.char === one.char) === i);
    grid.replaceChildren(
      ...found.map(({ name, char }) =>
        h('button', { title: `:${name}:`, 'aria-label': name.replaceAll('_', ' '), onclick: () => take(char) }, char),
      ),
    );
    if (!found.length) grid.append(h('p', {}, isEmoji(input.value.trim()) ? t('enterTakes') : t('noEmoji')));
  };
  input.addEventListener('input', fill);
  input.addEventListener('keydown', (e) => {
    if (e.key !== 'Enter' || isComposing(e)) return;
    e.preventDefault();
    const typed = input.value.trim();
    const char = isEmoji(typed) ? typed : grid.querySelector('button')?.textContent;
    if (char) take(char);
  });
  grid.addEventListener('keydown', (e) => {
    const all = [...grid.children],
      at = all.indexOf(document.activeElement);
    const wide = Math.max(1, Math.round(grid.clientWidth / (all[0]?.offsetWidth || 36)));
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + wide, ArrowUp: at - wide }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    (to < 0 ? input : all[Math.min(to, all.length - 1)]).focus();
  });
  input.addEventListener('keydown', (e) => {
    if (e.key === 'ArrowDown' && !isComposing(e)) {
      e.preventDefault();
      grid.querySelector('button')?.focus();
    }
  });
  const el = h('div.menu.picker', { role: 'dialog', 'aria-label': t('pickEmoji') }, input, grid);
  fill();
  show(el, anchor, back);
  input.focus({ preventScroll: true });
}
