// Banner: says what is the matter with the connection, what waits to be sent, and when the next try is.
import { h, $ } from '../dom.js';
import { t } from '../i18n.js';

let counting = 0;
/**
 * `look()` gives the state of link.js, how much is unsent, and when the line was lost (performance.now()), or 0, and
 * `why` one was sent out; `go` acts on the button.
 */
export function banner(look, go) {
  const { line, unsent: n, since, why } = look();
  const bar = $('#banner');
  clearTimeout(counting);
  const unsent = n ? ` · ${t('unsent', { n })}` : '';
  const again = (ms) => {
    counting = setTimeout(() => banner(look, go), ms);
  };
  const show = (kind, text, button) => {
    bar.hidden = false;
    bar.className = kind;
    bar.replaceChildren(
      h('span', {}, text),
      button && h('button', { onclick: () => go(line.at === 'stopped' ? 'start' : 'retry') }, button),
    );
  };
  switch (line.at) {
    case 'live':
    case 'idle':
      bar.hidden = true;
      break;
    case 'stopped':
      show(
        'stopped',
        `${why || t(`stopped_${line.reason}`)}${line.text ? ` (${line.text})` : ''}${unsent}`,
        t('comeBack'),
      );
      break;
    case 'waiting': {
      const seconds = Math.max(1, Math.ceil((line.due - performance.now()) / 1000));
      show('waiting', `${navigator.onLine ? t('lost_line', { n: seconds }) : t('noNetwork')}${unsent}`, t('tryNow'));
      again(500);
      break;
    }
    // A short reconnect is not shown.
    default:
      if (since && performance.now() - since > 400) show('waiting', `${t('reconnecting')}${unsent}`);
      else if (since) again(420);
      else bar.hidden = true;
  }
}
