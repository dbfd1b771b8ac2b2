// Toast: short words at the edge of the page, and the voice for screen readers.
import { h, $ } from '../dom.js';
import { icon } from './icons.js';
import { t } from '../i18n.js';

/**
 * A dialog covers the page and takes the rest of it out of reach, for eyes and for screen readers: what is said moves
 * into the newest one, and out again.
 */
function raise(...moved) {
  const home = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body;
  for (const el of moved) if (el.parentElement !== home) home.append(el);
}
document.addEventListener('close', () => raise($('#toasts'), $('#status')), true);

/** Opens a dialog, with what is being said above it. */
export function openDialog(dialog) {
  dialog.showModal();
  if ($('#toasts').children.length) raise($('#toasts'));
}

/**
 * Errors stay until they are closed; the rest goes by itself.
 * @param {string} text
 * @param {{ kind?: string, action?: { label: string, run: () => void }, ms?: number }} [how]
 */
export function toast(text, { kind = 'info', action, ms = 6000 } = {}) {
  const home = $('#toasts');
  raise(home);
  for (const old of home.children) if (old.dataset.text === text) old.remove();
  const el = h(
    `div.toast.${kind}`,
    {},
    h('p', {}, text),
    action &&
      h(
        'button.link',
        {
          onclick: () => {
            el.remove();
            action.run();
          },
        },
        action.label,
      ),
    h('button.icon', { 'aria-label': t('close'), onclick: () => el.remove() }, icon('close')),
  );
  el.dataset.text = text;
  home.append(el);
  while (home.children.length > 3) home.firstChild.remove();
  if (kind !== 'error') setTimeout(() => el.remove(), ms);
  announce(text);
}

let queue = [],
  timer = 0;
/** At most one announcement in two seconds, the newest: a flood of words is worse than none. */
export function announce(text) {
  queue = [text];
  if (timer) return;
  const say = () => {
    timer = 0;
    if (!queue.length) return;
    raise($('#status'));
    $('#status').textContent = queue.pop();
    timer = setTimeout(say, 2000);
  };
  say();
}

/** "ana: hello", once, for those who listen. No clock, no reactions, no typing. */
export function speak(text) {
  const log = $('#said');
  log.append(h('p', {}, text));
  while (log.children.length > 20) log.firstChild.remove();
}
