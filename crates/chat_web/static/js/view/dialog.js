// Dialog: a sheet over the page, with a heading and three ways to close it: the cross, Escape, a click beside it.
import { h } from '../dom.js';
import { t } from '../i18n.js';
import { icon } from './icons.js';

/** `key` names the heading's words. What carries `data-t` or `data-label` follows the reader's language. */
export function dialog(id, key, body) {
  const el = h(
    'dialog',
    {
      id,
      'aria-labelledby': `${id}head`,
      onclick: (e) => {
        if (e.target === el) el.close();
      },
    },
    h(
      'header',
      {},
      h('h2', { id: `${id}head`, 'data-t': key }, t(key)),
      h('button.icon', { 'aria-label': t('close'), 'data-label': 'close', onclick: () => el.close() }, icon('close')),
    ),
    body,
  );
  document.body.append(el);
  return el;
}
