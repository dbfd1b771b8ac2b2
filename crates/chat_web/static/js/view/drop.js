// Drop: a file may be dropped anywhere; while it hovers, the page says so.
import { $ } from '../dom.js';
import { t } from '../i18n.js';

/**
 * `takes` answers whether it took what was dropped; `may`: whether files are taken at all.
 * @param {(data: DataTransfer | null) => boolean} takes
 * @param {() => boolean} may
 */
export function drops(takes, may) {
  let hovering = 0;
  const hover = (on) => {
    clearTimeout(hovering);
    $('#app').classList.toggle('dropping', on && may());
    $('.stage').dataset.drop = t('dropHere', { room: $('#title').textContent });
    if (on) hovering = setTimeout(hover, 300, false);
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
