// Menu: opens what floats beside what it belongs to, and the menu of actions. Escape and a click elsewhere close it.
import { h, isComposing } from '../dom.js';
import { icon } from './icons.js';
import { t } from '../i18n.js';
import { QUICK, nameOf } from '../emoji.js';
import { closeMenu, opened } from './floating.js';

/** Puts what floats beside what it belongs to, where there is room. */
export function place(el, anchor) {
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: w, offsetHeight: hgt } = el;
  // Under the edge that is nearer to the middle: a bubble on the left opens to the right.
  const x = Math.min(box.left + box.right < innerWidth ? box.left : box.right - w, innerWidth - w - 8);
  const below = box.bottom + 6 + hgt < innerHeight - 8;
  el.style.setProperty('left', `${Math.max(8, x)}px`);
  el.style.setProperty('top', `${Math.max(8, below ? box.bottom + 6 : box.top - hgt - 6)}px`);
}

export function show(el, anchor, back) {
  closeMenu(false);
  // Inside the landmark it belongs to: a screen reader stays where it was.
  (anchor.closest('nav, main, aside') ?? document.body).append(el);
  const off = new AbortController();
  opened({ el, anchor, back, off });
  place(el, anchor);
  addEventListener(
    'pointerdown',
    (e) => {
      if (!el.contains(e.target)) closeMenu(false);
    },
    { signal: off.signal, capture: true },
  );
  addEventListener('resize', () => closeMenu(), { signal: off.signal });
  el.addEventListener('keydown', (e) => {
    if (isComposing(e)) return;
    if (e.key === 'Escape') {
      e.stopPropagation();
      closeMenu();
    }
    if (e.key === 'Tab') {
      e.preventDefault();
      closeMenu();
    }
  });
}

/**
 * items: {label, icon, run, danger?} ; `quick`: called with an emoji, or 'more' for the picker; `card`: what stands
 * above them.
 */
export function actionMenu(anchor, back, label, items, quick = null, card = null) {
  const row =
    quick &&
    h(
      'div.quick',
      { role: 'group', 'aria-label': t('react') },
      QUICK.map((char) =>
        h(
          'button',
          {
            role: 'menuitem',
            tabIndex: -1,
            'aria-label': t('reactWith', { name: nameOf(char) }),
            onclick: () => {
              closeMenu();
              quick(char);
            },
          },
          char,
        ),
      ),
      h(
        'button',
        {
          role: 'menuitem',
          tabIndex: -1,
          'aria-label': t('moreEmoji'),
          onclick: () => {
            closeMenu();
            quick('more');
          },
        },
        icon('plus'),
      ),
    );
  const el = h(
    'div.menu',
    { role: 'menu', 'aria-label': label },
    card,
    row,
    items.map((item) =>
      h(
        `button.item${item.danger ? '.danger' : ''}`,
        {
          role: 'menuitem',
          tabIndex: -1,
          onclick: () => {
            closeMenu();
            item.run();
          },
        },
        icon(item.icon),
        item.label,
      ),
    ),
  );
  el.addEventListener('keydown', (e) => {
    const all = [...el.querySelectorAll('button')];
    const at = all.indexOf(document.activeElement);
    const quicks = quick ? QUICK.length + 1 : 0;
    const down = at < quicks ? quicks : at + 1,
      up = at < quicks ? all.length - 1 : at === quicks && quicks ? 0 : at - 1;
    const to = { ArrowDown: down, ArrowUp: up, ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[
      e.key
    ];
    if (to === undefined) return;
    e.preventDefault();
    all[(to + all.length) % all.length].focus();
  });
  show(el, anchor, back);
  el.querySelector('.item, button').focus({ preventScroll: true });
}
