// Heavy: asks what becomes of a paste of many lines, or of one that is too much for the field.
import { h } from '../dom.js';
import { icon } from './icons.js';
import { t, language } from '../i18n.js';
import { bytesOf } from '../format.js';
import { isTooLong, lineCount, overBy } from '../paste.js';

/**
 * `send` takes the file, `put` the text; `beside` is what the field holds already.
 * @param {Needs.Heavy} app
 */
export const heavy = (app) => (strip, text, beside, send, put) => {
  const { offer, limits } = app.state;
  const takesFiles = offer?.files != null;
  const fits =
    !isTooLong(text, beside.length) && overBy(`${beside}${text}`, limits.text_bytes, limits.message_bytes) <= 0;
  const close = () => {
    strip.hidden = true;
    app.focusComposer();
  };
  const choice = (words, act) =>
    h(
      'button.link',
      {
        onclick: () => {
          close();
          act();
        },
      },
      t(words),
    );
  const file = () => send([new File([text], 'paste.txt', { type: 'text/plain' })]);
  const size = { n: lineCount(text), size: bytesOf(new Blob([text]).size, language()) };
  const why = fits ? t('manyLines', size) : t('heavy', size);
  strip.replaceChildren(
    h('span', { role: 'status' }, why, !takesFiles && !fits && ` ${t('noFiles')} ${t('pasteLess')}`),
    takesFiles && choice('asFile', file),
    fits && choice('asMessage', put),
    h('button.icon', { 'aria-label': t('cancel'), onclick: close }, icon('close')),
  );
  strip.hidden = false;
};
