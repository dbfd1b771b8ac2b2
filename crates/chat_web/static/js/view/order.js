// Order: who enters a room and who speaks there, and for how long and why a user is muted or banned.
import { h } from '../dom.js';
import { t, language } from '../i18n.js';
import { span } from '../time.js';
import { dialog as makeDialog } from './dialog.js';
import { roomSheet } from './room_sheet.js';
import { openDialog } from './toast.js';

const SECONDS = { '10m': 600, '1h': 3600, '1d': 86400, '1w': 604800 };
const TIMES = [...Object.keys(SECONDS), ''];
const MODES = ['i', 'm', 'n', 's', 't'];
/** The most bytes of a reason. */
const REASON = 200;

/**
 * `deed` carries out a moderation action.
 * @param {Needs.Order} app
 * @param {Deed} deed
 */
export function order(app, deed) {
  let room = null,
    bans = [];
  const body = h('div.fields', {}),
    dialog = makeDialog('order', 'thisRoom', body);
  dialog.addEventListener('close', () => app.focusComposer());
  const words = h('p.words', { role: 'status' });

  /** Does it, and says how it went where it was asked. Returns whether it was done. */
  async function act(doing, good = '') {
    words.textContent = '';
    let done = false;
    try {
      await doing;
      done = true;
      words.textContent = good;
    } catch (error) {
      words.textContent = error.message;
    }
    words.classList.toggle('good', done);
    await look();
    return done;
  }

  async function look() {
    if (!dialog.open || !room) return;
    try {
      bans = (await app.order(`/bans #${room.id}`)).items ?? [];
    } catch {
      bans = [];
    }
    redraw();
  }

  /**
   * A field with a button. The rest of `more` are its attributes.
   * @param {string} label
   * @param {string} button
   * @param {(word: string) => Promise<boolean>} run
   * @param {{ mayBeEmpty?: boolean, [attribute: string]: any }} [more]
   */
  const field = (label, button, run, { mayBeEmpty = false, ...more } = {}) => {
    const input = h('input', {
      type: 'text',
      'aria-label': label,
      placeholder: label,
      autocomplete: 'off',
      autocapitalize: 'none',
      spellcheck: 'false',
      ...more,
    });
    const form = h(
      'form.rename',
      {
        onsubmit: async (e) => {
          e.preventDefault();
          const word = input.value.trim();
          if ((word || mayBeEmpty) && (await run(word))) {
            if (!mayBeEmpty) input.value = '';
            redraw();
          }
        },
      },
      input,
      h('button.soft', { type: 'submit' }, button),
    );
    input.defaultValue = input.value;
    return form;
  };
  const around = roomSheet(app, { act, field, drawn: () => redraw() });
  const mode = (letter) =>
    h(
      'label.switch',
      {},
      h('span', {}, t(`mode_${letter}`)),
      h('input', {
        type: 'checkbox',
        role: 'switch',
        checked: room.modes.includes(letter),
        onchange: (e) => act(app.order(`/mode #${room.id} ${e.target.checked ? '+' : '-'}${letter}`)),
      }),
    );
  const key = () =>
    room.modes.includes('k')
      ? h(
          'div.rename',
          {},
          h('p', {}, t('keyIsSet')),
          h('button.soft', { onclick: () => act(app.order(`/mode #${room.id} -k`)) }, t('keyTake')),
        )
      : field(t('mode_k'), t('keySet'), (word) => act(app.order(`/mode #${room.id} +k ${word}`)), { maxlength: 64 });

  /** How many come in. Who is invited comes in all the same. */
  const limit = () =>
    room.modes.includes('l')
      ? h(
          'div.rename',
          {},
          h('p', {}, room.limit ? t('limitIs', { n: room.limit }) : t('limitSome')),
          h('button.soft', { onclick: () => act(app.order(`/mode #${room.id} -l`)) }, t('limitTake')),
        )
      : field(t('mode_l'), t('limitSet'), (number) => act(app.order(`/mode #${room.id} +l ${number}`)), {
          inputmode: 'numeric',
          pattern: '[1-9][0-9]{0,5}',
          maxlength: 6,
        });

  /** `budi is banned by ani, for 9 min more: spam`, as far as one may see it. */
  function held({ whom, what, by, seconds, reason }) {
    const words = [
      t(`did_${what}`, { who: whom ?? t('anAddress'), n: 1 }),
      seconds ? t('forTime', { time: span(Math.ceil(seconds / 60) * 60, language()) }) : t('untilLifted'),
      t('byWhom', { by }),
    ].join(' ');
    return h(
      'li',
      {},
      h('span', { dir: 'auto' }, reason ? `${words}: ${reason}` : words),
      room.op &&
        whom &&
        h('button.soft', { onclick: () => act(deed(what === 'muted' ? 'unmute' : 'unban', room.id, whom)) }, t('lift')),
    );
  }

  function redraw() {
    if (!dialog.open || !room) return;
    if (!app.state.rooms.has(room.id)) {
      dialog.close();
      return;
    }
    // What is being typed stays.
    const at = /** @type {any} */ (document.activeElement);
    if (body.contains(at) && at.type === 'text' && at.value !== at.defaultValue) return;
    const place = body.contains(at) ? [...body.querySelectorAll('input, button')].indexOf(at) : -1;
    const closed = /[ik]/.test(room.modes);
    body.replaceChildren(
      ...[
        ...around.top(room),
        (room.op || !closed) &&
          room.id !== 'lobby' &&
          h(
            'fieldset',
            {},
            h('legend', {}, t('inviteSomebody')),
            field(
              t('nameOfGuest'),
              t('invite'),
              (name) => act(app.order(`/invite ${name} #${room.id}`), t('invited', { name })),
              { maxlength: 32 },
            ),
          ),
        room.op && h('fieldset.modes', {}, h('legend', {}, t('whoMay')), MODES.map(mode), key(), limit()),
        bans.length > 0 && h('fieldset', {}, h('legend', {}, t('keptOut')), h('ul.held.kept', {}, bans.map(held))),
        ...around.bottom(room),
        words,
      ].filter(Boolean),
    );
    [...body.querySelectorAll('input, button')][place]?.focus({ preventScroll: true });
  }

  // ---- one person ----

  const sheet = h('div.fields', {}),
    sentence = makeDialog('sentence', 'thisRoom', sheet);
  sentence.addEventListener('close', () => app.focusComposer());

  function person(verb, name, where) {
    const time = h(
      'select',
      { id: 'howlong' },
      TIMES.map((value) => h('option', { value }, t(value ? `time_${value}` : 'untilLifted'))),
    );
    const why = h('input', { type: 'text', id: 'whysentence', autocomplete: 'off', maxlength: REASON });
    const all = app.state.role === 'member' ? null : h('input', { type: 'checkbox', role: 'switch' });
    const refused = h('p.words', { role: 'status' });
    const form = h(
      'form.sentence',
      {
        onsubmit: async (e) => {
          e.preventDefault();
          const chosen = verb === 'kick' ? '' : time.value;
          try {
            await deed(verb, all?.checked ? null : where.id, name, {
              time: chosen,
              seconds: SECONDS[chosen] ?? null,
              reason: why.value.trim(),
            });
            sentence.close();
          } catch (error) {
            refused.textContent = error.message;
          }
        },
      },
      verb !== 'kick' && h('label', { for: 'howlong' }, t('howLong')),
      verb !== 'kick' && time,
      h('label', { for: 'whysentence' }, t('why')),
      why,
      all && h('label.switch', {}, h('span', {}, t('everywhere', { room: where.id })), all),
      refused,
      h('button.primary', { type: 'submit' }, t(verb, { name }).replace('…', '')),
    );
    sheet.replaceChildren(form);
    const head = sentence.querySelector('h2');
    head.textContent = t(verb, { name }).replace('…', '');
    delete head.dataset.t;
    openDialog(sentence);
    (verb === 'kick' ? why : time).focus();
  }

  return {
    open(which) {
      room = which;
      bans = [];
      words.textContent = '';
      around.reset();
      openDialog(dialog);
      redraw();
      look();
      // The limit comes as a frame.
      if (room.modes.includes('l')) app.order(`/mode #${room.id}`).then(redraw, () => {});
      around.look(room);
    },
    redraw,
    person,
  };
}
