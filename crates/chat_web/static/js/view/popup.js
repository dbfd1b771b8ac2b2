// Popup: what may follow `/`, `@`, `#` and `:` in the composer, as an ARIA combobox; and names by Tab.
import { h, $, avatar, typeInto } from '../dom.js';
import { t } from '../i18n.js';
import { EMOJI, loadEmoji, search } from '../emoji.js';

/** How many there are: the ids of options are one's own. */
let lists = 0;

/**
 * @param {Needs.Popup} app
 * @param {HTMLTextAreaElement} input
 * @param {HTMLElement} list
 */
export function popup(app, input, list) {
  list.id ||= `popup${++lists}`;
  input.setAttribute('aria-controls', list.id);
  let options = [],
    at = -1,
    from = 0,
    tab = null;

  function find() {
    const before = input.value.slice(0, input.selectionStart);
    const slash = /^\/([a-z?]*)$/i.exec(before);
    if (slash) {
      from = 0;
      return app
        .commands(slash[1].toLowerCase())
        .map((c) => ({ text: `/${c.slash} `, show: [h('b', {}, c.usage), h('span', {}, c.help ?? t(c.words))] }));
    }
    const word = /(^|[\s(])([@#:])([A-Za-z0-9_+-]*)$/.exec(before);
    if (!word) return [];
    const [, , mark, typed] = word,
      low = typed.toLowerCase();
    from = before.length - typed.length - 1;
    if (mark === '@')
      return app
        .names()
        .filter((name) => name.toLowerCase().startsWith(low))
        .slice(0, 7)
        .map((name) => ({ text: `@${name} `, show: [avatar(name, '.s'), h('b', {}, name)] }));
    if (mark === '#')
      return app
        .roomIds()
        .filter((id) => id.toLowerCase().startsWith(low))
        .slice(0, 7)
        .map((id) => ({ text: `#${id} `, show: [h('b', {}, `#${id}`)] }));
    if (!EMOJI.size) loadEmoji().then(update, () => {});
    return typed.length < 2
      ? []
      : search(low, 7).map(({ name, char }) => ({
          text: `${char} `,
          show: [h('span.e', {}, char), h('b', {}, `:${name}:`)],
        }));
  }

  function draw() {
    list.hidden = !options.length;
    list.replaceChildren(
      ...options.map((option, i) =>
        h(
          'li',
          {
            id: `${list.id}-${i}`,
            role: 'option',
            'aria-selected': String(i === at),
            onpointerdown: (e) => {
              e.preventDefault();
              take(i);
            },
          },
          option.show,
        ),
      ),
    );
    if (options.length) {
      input.setAttribute('aria-activedescendant', `${list.id}-${at}`);
      list.children[at].scrollIntoView({ block: 'nearest' });
    } else input.removeAttribute('aria-activedescendant');
  }

  function take(i) {
    const { text } = options[i];
    typeInto(input, text, from, input.selectionStart);
    close();
  }

  function update() {
    options = find();
    at = options.length ? 0 : -1;
    draw();
  }

  const close = () => {
    options = [];
    at = -1;
    draw();
  };

  /** Tab goes round the names that begin so, the one who spoke last first; at the start of a line it adds ": ". */
  function complete(back) {
    const value = input.value,
      caret = input.selectionStart;
    if (!tab || tab.value !== value || tab.caret !== caret) {
      const word = /@?([A-Za-z_][A-Za-z0-9_-]*)$/.exec(value.slice(0, caret));
      if (!word) return false;
      const found = app.names().filter((name) => name.toLowerCase().startsWith(word[1].toLowerCase()));
      if (!found.length) return false;
      tab = { found, i: back ? 0 : -1, start: caret - word[0].length, end: caret, at: word[0][0] === '@' ? '@' : '' };
    }
    tab.i = (tab.i + (back ? -1 : 1) + tab.found.length) % tab.found.length;
    const text = tab.at + tab.found[tab.i] + (tab.start === 0 && !tab.at ? ': ' : ' ');
    typeInto(input, text, tab.start, tab.end);
    tab.end = tab.start + text.length;
    close();
    Object.assign(tab, { value: input.value, caret: input.selectionStart });
    return true;
  }

  return {
    close,
    update,
    /** True when the key was the popup's. */
    key(e) {
      if (options.length) {
        if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
          at = (at + (e.key === 'ArrowDown' ? 1 : -1) + options.length) % options.length;
          draw();
          return true;
        }
        if ((e.key === 'Enter' && !e.shiftKey) || e.key === 'Tab') {
          // A whole command, or a whole name, that has been typed out is sent by Enter, not completed once more.
          if (e.key === 'Enter' && options[at].text.trim() === input.value.slice(from, input.selectionStart).trim()) {
            close();
            return false;
          }
          take(at);
          return true;
        }
        if (e.key === 'Escape') {
          close();
          return true;
        }
      }
      return e.key === 'Tab' && !e.ctrlKey && !e.altKey && input.value !== '' && complete(e.shiftKey);
    },
    label: () => list.setAttribute('aria-label', t('suggestions')),
  };
}
