// Heavy: offers a file where words are too many for the field.
import { h } from '../dom.js';
import { icon } from './icons.js';
import { t, language } from '../i18n.js';
import { bytesOf } from '../format.js';
import { lineCount } from '../paste.js';

/**
 * `send` takes the file.
 * @param {Needs.Heavy} app
 */
export const heavy = (app) => (strip, text, send) => {
  const takesFiles = app.state.offer?.files != null;
  const close = () => {
    strip.hidden = true;
    app.focusComposer();
  };
  const file = () => {
    close();
    send([new File([text], 'paste.txt', { type: 'text/plain' })]);
  };
  const why = t('heavy', { n: lineCount(text), size: bytesOf(new Blob([text]).size, language()) });
  strip.replaceChildren(
    h('span', { role: 'status' }, why, !takesFiles && ` ${t('noFiles')} ${t('pasteLess')}`),
    takesFiles && h('button.link', { onclick: file }, t('asFile')),
    h('button.icon', { 'aria-label': t('cancel'), onclick: close }, icon('close')),
  );
  strip.hidden = false;
};
