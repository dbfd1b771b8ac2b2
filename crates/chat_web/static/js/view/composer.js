// Where one writes: a growing field, completion by Tab and by @ # : /, answers and corrections, never disabled.

import { EMOJI, replaceNames, startingWith } from '../emoji.js';
import { el, icon } from './dom.js';

const TYPING_EVERY = 3_000;

export function composerView(root, actions) {
  const { t } = actions;
  const field = el('textarea', { id: 'say', rows: '1', 'aria-label': t('say'), 'aria-autocomplete': 'list', 'aria-controls': 'suggestions', autocapitalize: 'sentences', enterkeyhint: 'send', dir: 'auto' });
  const send = el('button', { class: 'send', type: 'submit', 'aria-label': t('send'), title: t('send') }, icon('send'));
  const banner = el('div', { class: 'banner', hidden: true });
  const list = el('ul', { class: 'suggestions', id: 'suggestions', role: 'listbox', 'aria-label': t('suggestions'), hidden: true });
  const count = el('span', { class: 'count', 'aria-live': 'off' });
  const form = el('form', { class: 'composer', on: { submit: (event) => { event.preventDefault(); submit(); } } }, banner, list, el('div', { class: 'field' }, field, count, send));
  root.replaceChildren(form);

  let mode = null; // { kind: 'reply' | 'edit', message }
  let lastTyping = 0;
  let options = [];
  let chosen = 0;
  let cycle = null; // Tab on names

  const grow = () => {
    if (CSS.supports('field-sizing', 'content')) return;
    field.style.setProperty('height', 'auto');
    field.style.setProperty('height', `${Math.min(field.scrollHeight, 200)}px`);
  };
  const bytes = (text) => new TextEncoder().encode(text).length;
  const longest = () => Math.max(0, ...field.value.split('\n').map(bytes));

  const drawBanner = () => {
    banner.hidden = !mode;
    if (!mode) return;
    banner.replaceChildren(icon(mode.kind === 'edit' ? 'edit' : 'reply'),
      el('span', {}, mode.kind === 'edit' ? t('editing') : t('replying', { name: mode.message.from.name }), el('q', {}, mode.message.text.slice(0, 80))),
      el('button', { type: 'button', 'aria-label': t('cancel'), on: { click: () => leaveMode() } }, icon('close')));
  };
  const leaveMode = () => {
    if (mode?.kind === 'edit') field.value = '';
    mode = null;
    drawBanner();
    grow();
    field.focus();
  };

  const submit = () => {
    const text = replaceNames(field.value).trim();
    if (!text) return mode?.kind === 'edit' ? leaveMode() : undefined;
    if (longest() > actions.maxBytes()) return actions.tell(t('tooLong', { n: actions.maxBytes() }));
    const was = mode;
    mode = null;
    field.value = '';
    drawBanner();
    closeList();
    grow();
    lastTyping = 0;
    actions.draft('');
    if (was?.kind === 'edit') actions.edit(was.message, text.replace(/\s*\n\s*/g, ' '));
    else actions.send(text, was?.message);
    return undefined;
  };

  // ---- completion ----

  const wordAt = () => {
    const before = field.value.slice(0, field.selectionStart);
    const word = before.match(/(?:^|\s)([@#:/][^\s]*)$/)?.[1];
    if (!word || (word[0] === '/' && before.length !== word.length)) return null;
    return word;
  };
  const closeList = () => {
    options = [];
    list.hidden = true;
    field.removeAttribute('aria-activedescendant');
  };
  const offer = () => {
    const word = wordAt();
    options = [];
    if (word) {
      const rest = word.slice(1).toLowerCase();
      if (word[0] === '@') options = actions.names().filter((name) => name.toLowerCase().startsWith(rest)).map((name) => ({ put: `@${name} `, show: `@${name}` }));
      if (word[0] === '#') options = actions.rooms().filter((room) => room.toLowerCase().startsWith(rest)).map((room) => ({ put: `#${room} `, show: `#${room}` }));
      if (word[0] === ':' && rest.length > 1) options = startingWith(rest).map((name) => ({ put: `${EMOJI[name]} `, show: `${EMOJI[name]}  :${name}:` }));
      if (word[0] === '/') options = actions.commands().filter((command) => command.slashes.some((slash) => slash.startsWith(rest))).map((command) => ({ put: `/${command.slashes[0]} `, show: command.usage.startsWith('/') ? command.usage : `/${command.slashes[0]} #room [key]`, note: command.help }));
      // A word that is whole already needs no help: Enter sends it.
      options = options.filter((option) => option.put.trim() !== word).slice(0, 8);
    }
    if (options.length === 0) return closeList();
    chosen = 0;
    drawList();
    return undefined;
  };
  const drawList = () => {
    list.replaceChildren(...options.map((option, i) =>
      el('li', { role: 'option', id: `option-${i}`, 'aria-selected': String(i === chosen), on: { pointerdown: (event) => { event.preventDefault(); take(i); } } },
        el('span', {}, option.show), option.note ? el('small', {}, option.note) : null)));
    list.hidden = false;
    field.setAttribute('aria-activedescendant', `option-${chosen}`);
  };
  const take = (i) => {
    const word = wordAt() ?? '';
    field.setRangeText(options[i].put, field.selectionStart - word.length, field.selectionStart, 'end');
    closeList();
    grow();
  };
  /** Tab goes through the names that begin so, who spoke last first. At the begin of a line a colon follows. */
  const tab = () => {
    if (!cycle) {
      const before = field.value.slice(0, field.selectionStart);
      const word = before.match(/([A-Za-z_][\w-]*)$/)?.[1];
      if (!word) return false;
      const found = actions.names().filter((name) => name.toLowerCase().startsWith(word.toLowerCase()));
      if (found.length === 0) return false;
      cycle = { found, at: -1, start: before.length - word.length, end: before.length };
    }
    cycle.at = (cycle.at + 1) % cycle.found.length;
    const put = cycle.found[cycle.at] + (cycle.start === 0 ? ': ' : ' ');
    field.setRangeText(put, cycle.start, cycle.end, 'end');
    cycle.end = cycle.start + put.length;
    return true;
  };

  field.addEventListener('input', () => {
    cycle = null;
    grow();
    offer();
    actions.draft(field.value);
    const over = longest() - actions.maxBytes();
    count.textContent = over > -100 ? String(-over) : '';
    count.classList.toggle('over', over > 0);
    const now = Date.now();
    if (field.value && !field.value.startsWith('/') && now - lastTyping > TYPING_EVERY && !document.hidden) {
      lastTyping = now;
      actions.typing(true);
    } else if (!field.value && lastTyping) {
      lastTyping = 0;
      actions.typing(false);
    }
  });
  field.addEventListener('keydown', (event) => {
    // A word that is still being composed (Japanese, Chinese, Korean) is not sent by the Enter that ends it.
    if (event.isComposing) return;
    if (!list.hidden && ['ArrowDown', 'ArrowUp'].includes(event.key)) {
      event.preventDefault();
      chosen = (chosen + (event.key === 'ArrowDown' ? 1 : -1) + options.length) % options.length;
      return drawList();
    }
    if (!list.hidden && (event.key === 'Enter' || event.key === 'Tab') && !event.shiftKey) {
      event.preventDefault();
      return take(chosen);
    }
    if (event.key === 'Tab' && !event.shiftKey && field.value && tab()) return event.preventDefault();
    if (event.key !== 'Tab' && event.key !== 'Shift') cycle = null;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      return submit();
    }
    if (event.key === 'Escape') {
      if (!list.hidden) closeList();
      else if (mode) leaveMode();
      else return undefined;
      event.stopPropagation();
      return event.preventDefault();
    }
    if (event.key === 'ArrowUp' && !field.value) {
      const last = actions.lastOwn();
      if (last) {
        event.preventDefault();
        view.edit(last);
      }
    }
    return undefined;
  });
  field.addEventListener('blur', () => setTimeout(closeList, 100));

  const view = {
    field,
    focus: () => field.focus(),
    isEmpty: () => !field.value,
    reply(message) {
      mode = { kind: 'reply', message };
      drawBanner();
      field.focus();
    },
    edit(message) {
      mode = { kind: 'edit', message };
      field.value = message.text;
      drawBanner();
      grow();
      field.focus();
    },
    /** Another conversation: its draft, its name. */
    open(title, draft) {
      mode = null;
      drawBanner();
      closeList();
      field.value = draft;
      field.setAttribute('placeholder', t('sayIn', { where: title }));
      field.setAttribute('aria-label', t('sayIn', { where: title }));
      count.textContent = '';
      lastTyping = 0;
      grow();
    },
    insert(text) {
      field.setRangeText(text, field.selectionStart, field.selectionEnd, 'end');
      field.focus();
    },
  };
  return view;
}
