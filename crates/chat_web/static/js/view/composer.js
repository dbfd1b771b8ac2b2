// Composer: where one types. It is never disabled: what cannot go now is kept and goes later.
import { h, $, isComposing, typeInto } from '../dom.js';
import { icon } from './icons.js';
import { t, language } from '../i18n.js';
import { draft, prefs, seals } from '../prefs.js';
import { clock, now } from '../time.js';
import { submission } from '../composing.js';
import { expand } from '../emoji.js';
import { format, plainText } from '../format.js';
import { filesIn, isHeavy, overBy } from '../paste.js';
import { title } from '../store.js';
import { popup } from './popup.js';

const TYPING_MS = 3000;

/**
 * `form` holds an `.input`, a `.popup`, a `.context`, a `.heavy`, a list of `.uploads`, and the buttons `.emoji` and
 * `.go`.
 * @param {HTMLFormElement} form
 * @param {Needs.Composer} app
 */
export function composerView(form, app) {
  const input = $('.input', form),
    strip = $('.context', form),
    heavy = $('.heavy', form),
    left = $('.left', form),
    tray = $('.uploads', form);
  const pop = popup(app, input, $('.popup', form));
  /** @type {string | null} */
  let room = null;
  /** @type {{ kind: 'reply' | 'edit', message: Message } | null} */
  let mode = null;
  let typed = null,
    saved = 0;

  const over = () => overBy(input.value, app.state.limits.text_bytes, app.state.limits.message_bytes);

  function grow() {
    // Where the browser can size the field by its content, css does it.
    if (!CSS.supports('field-sizing', 'content')) {
      input.style.height = 'auto';
      input.style.height = `${Math.min(input.scrollHeight, 200)}px`;
    }
    form.classList.toggle('filled', input.value.trim() !== '');
    const more = over();
    left.hidden = more < -200;
    left.classList.toggle('over', more > 0);
    left.textContent = more > 0 ? t('tooLong', { n: more }) : String(-more);
  }

  function stopTyping() {
    if (typed !== null && room) {
      app.typing(room, false);
      typed = null;
    }
  }

  input.addEventListener('input', () => {
    grow();
    pop.update();
    clearTimeout(saved);
    const here = room;
    saved = setTimeout(() => {
      if (mode?.kind !== 'edit' && here === room) app.keepDraft(here, input.value);
    }, 300);
    if (!input.value || input.value.startsWith('/') || mode?.kind === 'edit') return stopTyping();
    const now = performance.now();
    if ((typed === null || now - typed > TYPING_MS) && !document.hidden) {
      typed = now;
      app.typing(room, true);
    }
  });

  input.addEventListener('keydown', (e) => {
    if (isComposing(e)) return;
    if (pop.key(e)) {
      e.preventDefault();
      e.stopPropagation();
      return;
    }
    if (e.key === 'Enter' && !e.shiftKey) {
      e.preventDefault();
      submit();
    } else if (e.key === 'Escape' && !heavy.hidden) {
      e.preventDefault();
      e.stopPropagation();
      heavy.hidden = true;
    } else if (e.key === 'Escape' && mode) {
      e.preventDefault();
      e.stopPropagation();
      clear();
    } else if (e.key === 'ArrowUp' && !input.value && !e.altKey) {
      if (app.editLast()) e.preventDefault();
    } else if (e.key === 'PageUp' || e.key === 'PageDown') {
      e.preventDefault();
      app.scroll(e.key === 'PageUp' ? -0.85 : 0.85);
    }
  });
  input.addEventListener('blur', () =>
    setTimeout(() => {
      if (document.activeElement !== input) pop.close();
    }, 120),
  );
  form.addEventListener('submit', (e) => {
    e.preventDefault();
    submit();
  });
  // On a phone the button must not take the focus, else the keyboard closes at every message.
  $('.go', form).addEventListener('pointerdown', (e) => e.preventDefault());
  $('.emoji', form).addEventListener('click', (e) =>
    app.pickEmoji(e.currentTarget, input, (char) => typeInto(input, char)),
  );
  input.addEventListener('paste', (e) => {
    if (takes(e.clipboardData)) e.preventDefault();
  });

  /** Takes files into the tray; asks about a text of many lines. False: the browser inserts it. */
  function takes(data) {
    if (addFiles(filesIn(data))) return true;
    const text = data?.getData('text/plain') ?? '';
    const beside = input.value.slice(0, input.selectionStart) + input.value.slice(input.selectionEnd);
    if (!isHeavy(text, beside.length)) return false;
    app.heavy(heavy, text, beside, addFiles, () => typeInto(input, text));
    return true;
  }

  /** Files are read off their event at once: later it has none. */
  function addFiles(files) {
    const all = [...(files ?? [])];
    if (all.length && room) app.upload(tray, all, room);
    return all.length > 0;
  }

  /** Each room has files of its own in the tray. */
  function showTray() {
    for (const row of tray.children) row.hidden = row.dataset.room !== room;
    tray.hidden = !$(':scope > :not([hidden])', tray);
  }

  function submit() {
    const editing = mode?.kind === 'edit' ? mode.message : null;
    const answered = mode?.message.seq ?? null;
    const what = submission(input.value, { over: over(), editing, answered, holdsSecret: app.holdsSecret });
    pop.close();
    const files = !editing && what.do !== 'command' && what.do !== 'refuse' && $('.staged:not([hidden])', tray);
    if (what.do === 'nothing' && !files) return;
    if (what.do === 'refuse') return app.sorry(t(what.why, { n: what.n }));
    stopTyping();
    if (editing) {
      clear();
      if (what.do === 'save') app.saveEdit(editing, expand(what.text));
      return;
    }
    // Emptied first: a command may lead into another room, and the text would stay here as a draft.
    empty();
    if (what.do === 'command') app.command(what.text);
    else if (what.do === 'say') app.say(what.text, what.answered);
    // What is written beside them goes first.
    if (files) app.sendTray(tray, room);
  }

  function empty() {
    mode = null;
    heavy.hidden = true;
    input.value = '';
    clearTimeout(saved);
    app.keepDraft(room, '');
    context();
    grow();
  }

  function context() {
    strip.hidden = !mode;
    form.classList.toggle('editing', mode?.kind === 'edit');
    if (!mode) return strip.replaceChildren();
    const { message, kind } = mode;
    strip.replaceChildren(
      icon(kind),
      h(
        'span',
        {},
        kind === 'edit'
          ? t('editing')
          : [h('b', {}, t('replyTo', { name: message.from.name })), ' ', plainText(format(message.text))],
      ),
      h(
        'button.icon',
        {
          'aria-label': t('cancel'),
          onclick: () => {
            clear();
            input.focus();
          },
        },
        icon('close'),
      ),
    );
  }

  function clear(restore = true) {
    const edit = mode?.kind === 'edit';
    mode = null;
    if (edit && restore) input.value = draft(app.state.me?.name, room);
    context();
    grow();
  }

  return {
    focus: () => input.focus({ preventScroll: true }),
    open(next) {
      if (room === next.id) return this.label(next);
      if (room && mode?.kind !== 'edit') app.keepDraft(room, input.value);
      stopTyping();
      room = next.id;
      mode = null;
      heavy.hidden = true;
      input.value = draft(app.state.me?.name, room);
      context();
      grow();
      showTray();
      this.label(next);
    },
    label(of) {
      const until = Math.max(of.dm ? 0 : of.silent, app.state.silent);
      const time = until < Infinity ? clock(until, language(), prefs.hours) : '';
      const text =
        until > now()
          ? t(time ? 'silentUntil' : 'silent', { time })
          : (of.words ??
            (of.dm
              ? t(seals(app.state.me?.name, of.id) ? 'sealedTo' : 'whisperTo', { name: title(of) })
              : t('messageTo', { room: of.id })));
      input.setAttribute('aria-label', text);
      input.placeholder = text;
      pop.label();
      context();
    },
    start(kind, message) {
      mode = { kind, message };
      if (kind === 'edit') {
        app.keepDraft(room, input.value);
        input.value = message.text;
      }
      context();
      grow();
      input.focus();
    },
    /** A correction that was not saved stands in the field again. False where something else is written by now. */
    again(id, message, text) {
      if (mode || id !== room) return false;
      this.start('edit', message);
      input.value = text;
      grow();
      return true;
    },
    takes,
    addFiles,
    /** Keeps what is typed, before the page goes. */
    keep() {
      if (room && mode?.kind !== 'edit') app.keepDraft(room, input.value);
    },
    /** Another device has written on the draft of a room. */
    renew(id) {
      if (id !== room || mode?.kind === 'edit') return;
      input.value = draft(app.state.me?.name, room);
      grow();
    },
    insert: (text) => typeInto(input, text),
    /** Gives back what could not be done, unless something else is written by now. */
    put(text) {
      if (!input.value) {
        input.value = text;
        input.focus();
        grow();
      }
    },
  };
}
