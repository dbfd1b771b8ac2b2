// Lightbox: a picture over the whole page, and the others of the same list by the arrow keys. Escape, Back and a click
// beside it lead out.
import { $, h } from '../dom.js';
import { icon } from './icons.js';
import { t } from '../i18n.js';
import { openDialog } from './toast.js';

let box = null;

/** @param {HTMLElement} thumb a link with a picture in it, of a list of messages */
export function lightbox(thumb) {
  const list = thumb.closest('.messages');
  box ??= build();
  box.open(list, thumb);
}

function build() {
  const picture = h('img', {}),
    name = h('h2', { id: 'lightboxhead' }),
    count = h('span', { role: 'status' }),
    original = h('a.icon', { download: '' }, icon('down'));
  const turn = (by, glyph) => h('button.icon', { onclick: () => step(by) }, glyph);
  const before = turn(-1, icon('left')),
    after = turn(1, icon('right')),
    leave = h('button.icon', { onclick: () => dialog.close() }, icon('close'));
  const dialog = h(
    'dialog',
    { id: 'lightbox', 'aria-labelledby': 'lightboxhead' },
    h('header', {}, name, count, original, leave),
    h('div.frame', {}, before, picture, after),
  );
  document.body.append(dialog);
  let list = null,
    shown = null,
    isOver = false;
  const all = () => /** @type {HTMLAnchorElement[]} */ ([...list.querySelectorAll('.thumb')]);
  // A message that is drawn anew has another element for the same picture.
  const place = () => all().findIndex((one) => one === shown || (!shown.isConnected && one.href === shown.href));

  function show(thumb) {
    shown = thumb;
    const { src, alt } = $('img', thumb);
    Object.assign(picture, { src, alt });
    name.textContent = alt;
    original.href = src;
    const at = place(),
      of = all().length;
    count.textContent = of > 1 ? t('pictureOf', { n: at + 1, of }) : '';
    before.hidden = at <= 0;
    after.hidden = at < 0 || at === of - 1;
    for (const [el, key] of /** @type {[HTMLElement, string][]} */ ([
      [before, 'pictureBefore'],
      [after, 'pictureAfter'],
      [original, 'download'],
      [leave, 'close'],
    ]))
      el.setAttribute('aria-label', t(key));
  }
  /** Messages may have gone or come meanwhile: it goes on from the picture that is shown. */
  function step(by) {
    const next = all()[place() + by];
    if (!next) return;
    show(next);
    next.scrollIntoView({ block: 'nearest' });
    if (document.activeElement === document.body || document.activeElement.closest('[hidden]')) leave.focus();
  }
  dialog.addEventListener('keydown', (e) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (by) {
      e.preventDefault();
      step(by);
    }
  });
  dialog.addEventListener('click', (e) => {
    if (e.target === dialog || e.target.matches('.frame')) dialog.close();
  });
  dialog.addEventListener('close', () => {
    picture.removeAttribute('src');
    // Closed without Back, the step that Back would have gone is gone back here.
    if (!isOver) history.back();
    (all()[place()] ?? shown).focus({ preventScroll: true });
  });
  // It stands before the page's own listener, which would look for another room.
  addEventListener(
    'popstate',
    (e) => {
      if (!shown || isOver) return;
      e.stopImmediatePropagation();
      isOver = true;
      dialog.close();
    },
    { capture: true },
  );

  return {
    open(of, thumb) {
      list = of;
      isOver = false;
      show(thumb);
      history.pushState({ ...history.state, lightbox: true }, '');
      openDialog(dialog);
      leave.focus();
    },
  };
}
