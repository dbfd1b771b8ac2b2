// Shortcuts: the keys of the whole page.
import { $, isComposing } from '../dom.js';
import { isMac } from './dress.js';
import { menuIsOpen } from './floating.js';

/** @param {Needs.Shortcuts} app */
export function shortcuts(app) {
  addEventListener('keydown', (e) => {
    if (isComposing(e)) return;
    const target = /** @type {any} */ (e.target);
    const dialog = document.querySelector('dialog[open]');
    const mod = isMac ? e.metaKey : e.ctrlKey;
    if (mod && !e.shiftKey && !e.altKey && e.key.toLowerCase() === 'k' && app.state.me) {
      e.preventDefault();
      app.switch();
      return;
    }
    if (dialog || menuIsOpen() || !app.state.me) return;
    const typing = target.matches?.('input, textarea');
    if (e.altKey && (e.key === 'ArrowUp' || e.key === 'ArrowDown')) {
      e.preventDefault();
      app.step(e.key === 'ArrowUp' ? -1 : 1, e.shiftKey);
    } else if (e.altKey && e.shiftKey && e.code === 'KeyM') {
      e.preventDefault();
      app.nextMention();
    } else if (e.key === 'Escape') {
      app.escape();
    } else if (e.key === 'F6') {
      e.preventDefault();
      const areas = ['#rooms .here .room', '#log', '#text', '#thread .input', '#who button']
        .map((s) => $(s))
        .filter((el) => el?.offsetParent);
      const at = areas.findIndex(
        (el) => el === document.activeElement || el.closest('nav, #log, form, aside')?.contains(document.activeElement),
      );
      areas[(at + (e.shiftKey ? -1 : 1) + areas.length) % areas.length]?.focus();
    } else if (e.key === '?' && (!typing || (target.id === 'text' && !target.value))) {
      e.preventDefault();
      app.sheet();
    } else if (
      !typing &&
      !e.ctrlKey &&
      !e.metaKey &&
      !e.altKey &&
      e.key.length === 1 &&
      !target.closest('button, a, .msg, dialog')
    )
      app.focusComposer();
  });
}
