// Dress: puts the reader's words, the theme and the icons on what stands in index.html.
import { $ } from '../dom.js';
import { t } from '../i18n.js';
import { prefs } from '../prefs.js';
import { icon } from './icons.js';

export const isMac = /Mac|iP/.test(navigator.platform);
/** The key that shortcuts are held with. */
export const MOD = isMac ? '⌘' : 'Ctrl';

export function dress() {
  const root = document.documentElement;
  if (prefs.theme === 'auto') delete root.dataset.theme;
  else root.dataset.theme = prefs.theme;
  const each = (mark, put) => document.querySelectorAll(`[data-${mark}]`).forEach(put);
  each('t', (el) => (el.textContent = t(el.dataset.t, { mod: MOD })));
  each('label', (el) => el.setAttribute('aria-label', t(el.dataset.label)));
  each('hint', (el) => (el.placeholder = t(el.dataset.hint)));
  each('icon', (el) => {
    if (!$('svg', el)) el.prepend(icon(el.dataset.icon));
  });
  document.body.classList.toggle('compact', prefs.density === 'compact');
  document.body.classList.toggle('nopeople', !prefs.people);
  $('#peoplebtn').setAttribute('aria-expanded', String(prefs.people));
}
