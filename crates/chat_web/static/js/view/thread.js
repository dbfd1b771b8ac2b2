// Thread: a pane beside the room with one message and all that answers it, and a field of its own.
import { $, h } from '../dom.js';
import { icon } from './icons.js';
import { t } from '../i18n.js';
import { setDraft } from '../prefs.js';
import { newRoom } from '../store.js';
import { answersTo } from '../threads.js';
import { composerView } from './composer.js';
import { timelineView } from './timeline.js';

/**
 * @param {Needs.Thread} app
 */
export function thread(app) {
  let pane = null;

  /** The pane of a message of the room that is shown. What is not in memory of its thread is fetched. */
  async function open(seq) {
    const room = app.room();
    for (let i = 0; i < 50 && !room.tl.msgs.has(seq) && !room.tl.begun; i++)
      if (!(await app.loadOlder(room, 200))) break;
    if (app.room() !== room) return;
    if (!room.tl.msgs.has(seq)) return app.sorry(t('notFound'));
    const root = answersTo(room.tl).roots.get(seq) ?? seq;
    pane ??= build();
    pane.show(room, root);
  }

  function build() {
    const label = (key) => ({ 'data-label': key, 'aria-label': t(key) });
    const log = h('div.log', { role: 'log', 'aria-live': 'off', tabindex: '0' }, h('ol.messages', {}));
    const stage = h(
      'div.stage',
      {},
      h('button.since', { hidden: true }, h('span', {})),
      log,
      h('button.jump', { hidden: true }, icon('down'), h('span.count', {})),
    );
    const input = h('textarea.input', {
      rows: 1,
      'aria-autocomplete': 'list',
      'aria-haspopup': 'listbox',
      autocomplete: 'off',
      enterkeyhint: 'send',
      dir: 'auto',
    });
    const go = h('button.go', label('send'), icon('send'));
    go.type = 'submit';
    const form = h(
      'form.composer',
      {},
      h('ul.uploads', { ...label('uploads'), hidden: true }),
      h('div.heavy', { hidden: true }),
      h('div.context', { hidden: true }),
      h('ul.popup', { role: 'listbox', hidden: true }),
      h(
        'div.field',
        {},
        input,
        h('span.left', { hidden: true }),
        h('button.icon.emoji', label('pickEmoji'), icon('smile')),
        go,
      ),
    );
    const close = h('button.icon', { ...label('close'), onclick: () => shut() }, icon('close'));
    const el = h(
      'aside',
      { id: 'thread', ...label('thread'), hidden: true },
      h('header.top', {}, h('h2', { 'data-t': 'thread' }, t('thread')), close),
      stage,
      h('div.foot', {}, form),
    );
    $('#main').after(el);

    /** What is shown: the room, cut down to the thread. */
    let room = null,
      root = 0,
      shown = null;
    /** @type {any} */
    const own = Object.assign(Object.create(app), {
      room: () => shown,
      box: {
        get items() {
          const isOfIt = (/** @type {Item} */ { reply_to }) => reply_to && shown?.tl.order.includes(reply_to);
          return app.box.items.filter(isOfIt);
        },
      },
      watched() {},
      loadOlder: async () => false,
      fill: async () => {},
      thread() {},
      reply: (m) => field.start('reply', m),
      edit: (m) => field.start('edit', m),
      editLast: () => false,
      focusComposer: () => field.focus(),
      typing: (_, on) => app.typing(room.id, on),
      scroll: (pages) => view.scroll(pages),
      say: (text, answered, act) => {
        app.say(text, answered ?? root, act);
        view.latest();
      },
      keepDraft: (_, text) => setDraft(app.state.me?.name, `thread.${room.id}.${root}`, text),
      // A file answers nothing: it goes to the room.
      upload: (_, files) => app.upload($('#uploads'), files, room.id),
    });
    const view = timelineView(stage, () => shown, own);
    const field = composerView(form, own);
    app.lately((parts) => view.actions(parts));

    function cut() {
      const { tl } = room;
      const order = answersTo(tl).threads.get(root) ?? [root];
      Object.assign(shown.tl, { order, msgs: tl.msgs, cids: tl.cids, have: [[order[0], order.at(-1)]] });
      Object.assign(shown, { op: room.op });
    }
    function shut() {
      if (el.hidden) return;
      const inside = el.contains(document.activeElement);
      field.keep();
      el.hidden = true;
      document.body.classList.remove('threaded');
      shown = null;
      if (inside) app.focusComposer();
    }
    el.addEventListener('keydown', (e) => {
      if (e.key !== 'Escape') return;
      e.stopPropagation();
      shut();
    });

    return {
      show(of, seq) {
        if (shown) field.keep();
        [room, root] = [of, seq];
        shown = Object.assign(newRoom(of.id), { dm: of.dm, loaded: true, thread: seq });
        cut();
        el.hidden = false;
        document.body.classList.add('threaded');
        field.open({ ...shown, id: `thread.${of.id}.${seq}`, words: t('answerHere'), silent: of.silent });
        view.render();
        field.focus();
      },
      plan() {
        if (!shown) return;
        if (app.room() !== room) return void shut();
        cut();
        view.plan();
      },
    };
  }

  return { open, plan: () => pane?.plan() };
}
