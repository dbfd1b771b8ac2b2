// Switcher: Ctrl-K. A few letters lead to a room, a person, or a new room.
import { h, avatar, isComposing } from '../dom.js';
import { icon } from './icons.js';
import { people, t } from '../i18n.js';
import { isName, isRoom } from '../names.js';
import { title } from '../store.js';
import { openDialog } from './toast.js';

/** The letters in their order, anywhere; the nearer together and to the front, the better. */
export function score(word, name) {
  if (!word) return 1;
  const low = name.toLowerCase(),
    at = low.indexOf(word);
  if (at >= 0) return 100 - at - low.length / 100;
  let from = 0;
  for (const char of word) {
    from = low.indexOf(char, from) + 1;
    if (!from) return 0;
  }
  return 10 - from / 100;
}

/** @param {Needs.Switcher} app */
export function switcher(app) {
  const input = h('input', {
    type: 'text',
    role: 'combobox',
    'aria-expanded': 'true',
    'aria-controls': 'found',
    'aria-autocomplete': 'list',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const list = h('ul', { id: 'found', role: 'listbox' }),
    none = h('p.none', {});
  const dialog = h('dialog', { id: 'switcher' }, h('div.search', {}, icon('search'), input), list, none);
  document.body.append(dialog);
  let options = [],
    at = 0;

  function find() {
    const typed = input.value.trim(),
      word = typed.toLowerCase().replace(/^[#@]/, '');
    const { state } = app,
      all = [];
    const add = (kind, name, weight, option) => {
      const s = score(word, name);
      if (s && (!typed.startsWith('#') || kind === '#') && (!typed.startsWith('@') || kind === '@'))
        all.push({ s: s + weight, name, ...option });
    };
    for (const room of state.rooms.values()) {
      add(room.dm ? '@' : '#', title(room), (room.unread ? 3 : 2) + (room.id === state.current ? -1.5 : 0), {
        show: [
          room.dm ? avatar(title(room), '.s') : h('span.hash', {}, '#'),
          h('b', {}, title(room)),
          room.unread > 0 && h('span.badge', {}, String(room.unread)),
        ],
        run: () => app.open(room.id),
      });
    }
    for (const [id, room] of app.directory)
      if (!state.rooms.has(id))
        add('#', id, 0.4, {
          show: [
            h('span.hash', {}, '#'),
            h('b', {}, id),
            h('span', { dir: 'auto' }, room.topic),
            h('small', {}, t('peopleCount', { n: room.users ?? 0 })),
          ],
          run: () => app.join(id),
        });
    for (const name of app.everyone())
      if (!state.rooms.has(`@${name}`))
        add('@', name, 0, {
          show: [avatar(name, '.s'), h('b', {}, name), h('small', {}, t('whisper'))],
          run: () => app.openDm(name),
        });
    all.sort((a, b) => b.s - a.s || a.name.localeCompare(b.name));
    const found = all.slice(0, 9);
    const names = word.split(/[\s,+]+@?/).filter(Boolean);
    if (names.length > 1 && names.length < 8 && names.every(isName))
      found.push({
        show: [avatar(names[0], '.s'), h('b', {}, t('talkWith', { who: people(names, 8) }))],
        run: () => app.openDm(names.join('+')),
      });
    if (isRoom(word) && !typed.startsWith('@') && !state.rooms.has(word) && !app.directory.has(word))
      found.push({
        show: [h('span.hash', {}, icon('plus')), h('b', {}, t('createRoom', { room: word }))],
        run: () => app.join(word),
      });
    return found;
  }

  function draw() {
    options = find();
    at = Math.min(at, Math.max(0, options.length - 1));
    list.replaceChildren(
      ...options.map((option, i) =>
        h(
          'li',
          { id: `s${i}`, role: 'option', 'aria-selected': String(i === at), onclick: () => take(i) },
          option.show,
        ),
      ),
    );
    none.hidden = options.length > 0;
    if (options.length) {
      input.setAttribute('aria-activedescendant', `s${at}`);
      list.children[at].scrollIntoView({ block: 'nearest' });
    } else input.removeAttribute('aria-activedescendant');
  }
  function take(i) {
    const option = options[i];
    dialog.close();
    option?.run();
  }

  input.addEventListener('input', () => {
    at = 0;
    draw();
  });
  input.addEventListener('keydown', (e) => {
    if (isComposing(e)) return;
    const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (by && options.length) {
      e.preventDefault();
      at = (at + by + options.length) % options.length;
      draw();
    }
    if (e.key === 'Enter') {
      e.preventDefault();
      take(at);
    }
  });
  dialog.addEventListener('click', (e) => {
    if (e.target === dialog) dialog.close();
  });
  dialog.addEventListener('close', () => app.focusComposer());

  return {
    open(text = '') {
      if (dialog.open) return dialog.close();
      input.value = text;
      at = 0;
      for (const el of [dialog, input]) el.setAttribute('aria-label', t('find'));
      list.setAttribute('aria-label', t('found'));
      input.placeholder = t('findHint');
      none.textContent = t('foundNone');
      draw();
      openDialog(dialog);
      app.lookAround().then(() => {
        if (dialog.open) draw();
      });
    },
  };
}
