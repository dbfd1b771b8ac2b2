// Hover: the card of a user on whose name the pointer rests, or the focus of the keyboard is. A touch opens the menu.
import { h } from '../dom.js';
import { menuIsOpen } from './floating.js';
import { place } from './menu.js';

/** How long the pointer rests before the card comes, and how long it may be on its way into the card. */
const REST_MS = 400,
  LEAVE_MS = 200;

/** `cardOf` makes the card of a name; nothing where there is none. */
export function hover(cardOf) {
  let timer = 0,
    shown = null,
    of = null,
    givenBack = false;

  function close() {
    clearTimeout(timer);
    shown?.remove();
    of?.removeAttribute('aria-describedby');
    shown = of = null;
  }

  function show(name) {
    close();
    const card = name.isConnected && !menuIsOpen() && cardOf(name.dataset.user);
    if (!card) return;
    shown = h('div.menu.hover', { id: 'hovercard', role: 'tooltip' }, card);
    of = name;
    (name.closest('nav, main, aside') ?? document.body).append(shown);
    place(shown, name);
    name.setAttribute('aria-describedby', 'hovercard');
  }

  const nameAt = (e) => e.target.closest?.('[data-user]');
  document.addEventListener('pointerover', (e) => {
    if (e.pointerType === 'touch') return;
    clearTimeout(timer);
    const name = nameAt(e);
    if (shown && (name === of || shown.contains(e.target))) return;
    if (name) timer = setTimeout(() => show(name), REST_MS);
    else if (shown) timer = setTimeout(close, LEAVE_MS);
  });
  document.addEventListener('focusin', (e) => {
    const name = nameAt(e);
    if (name?.matches(':focus-visible') && !givenBack) show(name);
  });
  // A menu that goes gives the focus back to the name: no card comes in its place.
  document.addEventListener('menuclosed', () => {
    givenBack = true;
    queueMicrotask(() => (givenBack = false));
  });
  for (const end of ['focusout', 'pointerdown', 'scroll']) document.addEventListener(end, close, true);
  document.addEventListener(
    'keydown',
    (e) => {
      if (e.key !== 'Escape' || !shown) return;
      e.stopPropagation();
      close();
    },
    true,
  );
}
