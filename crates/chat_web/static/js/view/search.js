// Search: finds what was said, as far back as the server keeps it, and leads there.
import { h } from '../dom.js';
import { t, language } from '../i18n.js';
import { prefs } from '../prefs.js';
import { format, plainText } from '../format.js';
import { clock, dayLabel, now } from '../time.js';
import { icon } from './icons.js';
import * as api from '../api.js';
import { pieces } from '../hits.js';
import { openDialog } from './toast.js';

const marked = (text, question) => pieces(text, question).map((one) => (one.hit ? h('mark', {}, one.text) : one.text));

/** @param {Needs.Search} app */
export function searchPanel(app) {
  const input = h('input', {
    type: 'text',
    role: 'searchbox',
    id: 'searchwords',
    autocomplete: 'off',
    spellcheck: 'false',
    maxlength: 200,
    enterkeyhint: 'search',
  });
  const here = h('input', { type: 'checkbox', role: 'switch' }),
    hereLabel = h('span', {});
  const list = h('ol.hits', {}),
    words = h('p.none', { role: 'status' });
  const more = h('button.soft', { hidden: true, onclick: () => find(oldest) });
  const form = h(
    'form',
    {
      role: 'search',
      onsubmit: (e) => {
        e.preventDefault();
        find();
      },
    },
    h('div.search', {}, icon('search'), input),
    h('label.switch.only', {}, hereLabel, here),
  );
  const dialog = h(
    'dialog',
    {
      id: 'search',
      onclick: (e) => {
        if (e.target === dialog) dialog.close();
      },
    },
    form,
    list,
    words,
    more,
  );
  document.body.append(dialog);
  let oldest = null,
    asked = 0,
    room = '';
  // Another choice is another question, once there is one.
  here.addEventListener('change', () => {
    if (input.value.trim()) find();
  });

  async function find(before = null) {
    const query = input.value.trim(),
      mine = ++asked;
    if (!query) return input.focus();
    words.textContent = t('searching');
    try {
      const page = await api.search(query, { room: here.checked ? room : null, before });
      if (mine !== asked) return;
      const found = page.messages.map(hit).reverse();
      if (before) list.append(...found);
      else list.replaceChildren(...found);
      oldest = page.before ?? null;
      more.hidden = oldest === null;
      words.textContent = list.children.length ? t('hits', { n: list.children.length }) : t('hitNone');
      if (before) found[0]?.firstChild.focus();
    } catch (error) {
      if (mine === asked) words.textContent = error.status ? error.message : t('noServer');
    }
  }

  function hit(m) {
    const at = `${dayLabel(m.at, now(), language())}, ${clock(m.at, language(), prefs.hours)}`;
    return h(
      'li',
      {},
      h(
        'button.hit',
        {
          onclick: () => {
            dialog.close();
            app.showFound(m.room, m.seq);
          },
        },
        h('span', {}, h('b', {}, m.from.name), h('small', {}, ` #${m.room} · ${at}`)),
        h('span.words', { dir: 'auto' }, marked(plainText(format(m.text)), input.value)),
      ),
    );
  }

  return {
    open(text = '') {
      if (dialog.open) return dialog.close();
      const current = app.room();
      room = current.dm ? '' : current.id;
      for (const el of [dialog, input]) el.setAttribute('aria-label', t('search'));
      input.placeholder = t('searchHint');
      hereLabel.textContent = t('searchHere', { room });
      here.closest('label').hidden = !room;
      here.checked = false;
      more.textContent = t('hitsMore');
      more.hidden = true;
      list.replaceChildren();
      words.textContent = t('searchHelp');
      input.value = text;
      openDialog(dialog);
      input.focus();
      if (text) find();
    },
  };
}
