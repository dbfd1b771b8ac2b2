// The actions on one message: reactions in a row, then words.

import { EMOJI, QUICK } from '../emoji.js';
import { el, icon } from './dom.js';

/** Opens the menu beside `anchor`; closes by itself, and gives the focus back. */
export function openMenu(anchor, message, { t, mine, op, onReact, onReply, onEdit, onDelete, onCopy }) {
  const close = () => {
    menu.remove();
    removeEventListener('pointerdown', outside, true);
    anchor.focus({ preventScroll: true });
  };
  const outside = (event) => menu.contains(event.target) || close();
  const pick = (act) => () => {
    close();
    act();
  };
  const item = (name, label, act) => el('button', { type: 'button', on: { click: pick(act) } }, icon(name), label);
  const emoji = (one) => el('button', { type: 'button', class: 'emoji', 'aria-label': t('reactWith', { emoji: one }), on: { click: pick(() => onReact(one)) } }, one);
  const more = el('input', { type: 'text', placeholder: t('anyEmoji'), 'aria-label': t('anyEmoji'), maxlength: '40', on: { keydown: (event) => {
    if (event.key !== 'Enter') return;
    const typed = more.value.trim().replace(/^:|:$/g, '');
    const chosen = Object.hasOwn(EMOJI, typed) ? EMOJI[typed] : more.value.trim();
    if (chosen && !/\s/.test(chosen)) pick(() => onReact(chosen))();
  } } });
  const menu = el('div', { class: 'menu', role: 'dialog', 'aria-label': t('actionsOn', { name: message.from.name }) },
    el('div', { class: 'quick' }, ...QUICK.map(emoji)),
    el('div', { class: 'any' }, more),
    item('reply', t('reply'), onReply),
    item('copy', t('copy'), onCopy),
    mine && item('edit', t('edit'), onEdit),
    (mine || op) && item('trash', t('delete'), onDelete));
  menu.addEventListener('keydown', (event) => {
    const items = [...menu.querySelectorAll('button')];
    const at = items.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (step && event.target !== more) {
      event.preventDefault();
      items[(at + step + items.length) % items.length].focus();
    }
  });
  document.body.append(menu);
  const box = anchor.getBoundingClientRect();
  const { offsetWidth, offsetHeight } = menu;
  menu.style.setProperty('left', `${Math.max(8, Math.min(box.right - offsetWidth, innerWidth - offsetWidth - 8))}px`);
  menu.style.setProperty('top', `${box.bottom + offsetHeight + 8 > innerHeight ? Math.max(8, box.top - offsetHeight - 4) : box.bottom + 4}px`);
  addEventListener('pointerdown', outside, true);
  menu.querySelector('button').focus();
}
