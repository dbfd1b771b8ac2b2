// Drop: a file may be dropped anywhere; while it hovers, the page says so.
import { $ } from '../dom.js';
import { t } from '../i18n.js';

let on = false;

/**
 * `takes` answers whether it took what was dropped; `may`: whether files are taken at all.
 * @param {(data: DataTransfer | null) => boolean} takes
 * @param {() => boolean} may
 */
export function drops(takes, may) {
  // Each time the line is back it is asked for again.
  if (on) return;
  on = true;
  let hovering = 0;
  const hover = (over) => {
    clearTimeout(hovering);
    $('#app').classList.toggle('dropping', over && may());
    $('.stage').dataset.drop = t('dropHere', { room: $('#title').textContent });
    if (over) hovering = setTimeout(hover, 300, false);
  };
  addEventListener('dragover', (e) => {
    e.preventDefault();
    if (e.dataTransfer?.types.includes('Files')) hover(true);
  });
  // What is dropped beside the field would lead the browser away from the page.
  addEventListener('drop', (e) => {
    hover(false);
    const target = /** @type {HTMLElement} */ (e.target);
    if (takes(e.dataTransfer) || !target.matches?.('input, textarea')) e.preventDefault();
  });
}
