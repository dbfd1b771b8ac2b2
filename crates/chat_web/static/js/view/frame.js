// Frame: the words and looks around the conversation: the heading of the room, the language, the theme.
import { $, h } from '../dom.js';
import { t } from '../i18n.js';
import { prefs } from '../prefs.js';
import { title } from '../store.js';
import { icon } from './icons.js';
import { MOD } from './shortcuts.js';

/** @param {Room} room */
export function header(room) {
  $('#title').replaceChildren(h('span.at', {}, room.dm ? '@' : '#'), title(room));
  const text = room.dm ? t('dmTopic') : room.topic;
  $('#topic').textContent = text;
  $('#topic').title = text;
  $('#orderbtn').hidden = room.dm;
}

/** Puts the reader's words, and the theme, on what stands in index.html. */
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
