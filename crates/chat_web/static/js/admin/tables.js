// Tables: lists of the dashboard that stay under the hand while they change, and that become cards on a narrow screen.
import { $, h, reconcile } from '../dom.js';
import { w } from './words.js';

/**
 * A panel with a table in it. `columns`: the keys of its headings; an empty one is that of the buttons.
 * @param {{
 *   id: string, head: string, columns: string[], empty?: string, before?: (Node | false)[], hidden?: boolean
 * }} what
 */
export function panel({ id, head, columns, empty = 'none', before = [], hidden = false }) {
  const heading = (key) => h('th', { scope: 'col', role: 'columnheader' }, key ? w(key) : h('span.vh', {}, w('acts')));
  return h(
    'section.panel',
    { id: `${id}panel`, 'aria-labelledby': `${id}head`, hidden },
    h('h2', { id: `${id}head` }, w(head)),
    ...before,
    h(
      'div.scroll',
      { tabIndex: 0, role: 'group', 'aria-label': w(head) },
      h(
        'table',
        { role: 'table' },
        h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map(heading))),
        h('tbody', { id, role: 'rowgroup' }),
      ),
    ),
    h('p.empty', { id: `no${id}` }, w(empty)),
  );
}

/** A cell; `key` names its column where the table is drawn as cards. */
export const cell = (key, ...inside) =>
  h('td', { role: 'cell', 'data-column': key ? w(key) : '' }, ...inside.map((one) => one ?? ''));

/** A cell of numbers. */
export function figure(key, ...inside) {
  const el = cell(key, ...inside);
  el.classList.add('n');
  return el;
}

/** A time of the server, to the minute. */
export const time = (at) => (at ? h('time', { datetime: at }, at.slice(0, 16).replace('T', ' ')) : '');

/** A button that acts upon its row. */
export const button = (words, label, onclick, kind = 'act') =>
  h(`button.${kind}`, { 'aria-label': label, onclick }, words);

/**
 * Row by row: the button under the hand stays the same one, and the focus with it where its row is drawn anew.
 * @param {string} id
 * @param {{ key: string }[]} rows
 * @param {(row: any) => Node[]} cells
 */
export function fill(id, rows, cells) {
  const body = $(`#${id}`),
    at = document.activeElement,
    label = body.contains(at) && at.getAttribute('aria-label');
  reconcile(body, rows, (row) => h('tr', { role: 'row' }, ...cells(row)));
  if (label && !body.contains(at)) body.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.focus();
  $(`#no${id}`).hidden = rows.length > 0;
}
