// Shortcuts: the keys of the whole page, and the sheet that lists them.
import { h, $ } from '../dom.js';
import { t } from '../i18n.js';
import { menuIsOpen } from './menu.js';

const mac = /Mac|iP/.test(navigator.platform);
export const MOD = mac ? '⌘' : 'Ctrl';
const SHEET = [[`${MOD} K`, 'keySwitch'], ['Alt ↑ ↓', 'keyRooms'], ['Alt Shift ↑ ↓', 'keyUnread'], ['↑', 'keyEdit'], ['Tab', 'keyTab'], ['@ # : /', 'keyPopup'], ['Shift Enter', 'keyLine'],
  ['Esc', 'keyEsc'], ['F6', 'keyF6'], ['↑ ↓ Enter', 'keyLog'], ['End', 'keyEnd'], ['?', 'keySheet']];

export function shortcuts(app) {
  const sheet = $('#sheet');
  const open = () => {
    $('dl', sheet).replaceChildren(...SHEET.map(([keys, words]) => h('div', {}, h('dt', {}, keys.split(' ').map((key) => h('kbd', {}, key))), h('dd', {}, t(words)))));
    sheet.showModal();
  };
  sheet.addEventListener('click', (e) => { if (e.target === sheet || e.target.closest('.icon')) sheet.close(); });

  addEventListener('keydown', (e) => {
    const dialog = document.querySelector('dialog[open]');
    const mod = mac ? e.metaKey : e.ctrlKey;
    if (mod && !e.shiftKey && !e.altKey && e.key.toLowerCase() === 'k' && app.state.me) { e.preventDefault(); app.switch(); return; }
    if (dialog || menuIsOpen() || !app.state.me) return;
    const typing = e.target.matches?.('input, textarea');
    if (e.altKey && (e.key === 'ArrowUp' || e.key === 'ArrowDown')) { e.preventDefault(); app.step(e.key === 'ArrowUp' ? -1 : 1, e.shiftKey); }
    else if (e.key === 'Escape') { app.escape(); }
    else if (e.key === 'F6') {
      e.preventDefault();
      const areas = ['#rooms .here button', '#log', '#text', '#who button'].map((s) => $(s)).filter((el) => el?.offsetParent);
      const at = areas.findIndex((el) => el === document.activeElement || el.closest('nav, #log, form, aside')?.contains(document.activeElement));
      areas[(at + (e.shiftKey ? -1 : 1) + areas.length) % areas.length]?.focus();
    } else if (e.key === '?' && (!typing || (e.target.id === 'text' && !e.target.value))) { e.preventDefault(); open(); }
    else if (!typing && !e.ctrlKey && !e.metaKey && !e.altKey && e.key.length === 1 && !e.target.closest('button, a, .msg, dialog')) app.focusComposer();
  });
  return { open };
}
