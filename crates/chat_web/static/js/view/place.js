// Place: the name that its owner gave it, and its picture in the place of the page's mark.
import { $, h } from '../dom.js';

/** @param {{ name?: string, picture?: string | null }} offer */
export function showPlace({ name, picture }) {
  $('#place').textContent = name;
  $('#place').hidden = !name || name === 'chat';
  if (name && !$('#signin').hidden) document.title = name;
  if (!picture || document.documentElement.dataset.icon === picture) return;
  document.documentElement.dataset.icon = picture;
  $('#favicon').href = picture;
  for (const mark of document.querySelectorAll('.mark')) {
    const { className } = mark;
    mark.replaceWith(h('img', { class: className, src: picture, alt: '', width: 48, height: 48 }));
  }
}
