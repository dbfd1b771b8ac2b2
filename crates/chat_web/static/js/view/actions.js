// Actions: what can be done with a message: by the tools that follow the pointer, by a tap, a right click, or Enter.
import { h, $ } from '../dom.js';
import { icon } from './icons.js';
import { t } from '../i18n.js';
import { sameName } from '../names.js';
import { usable } from './message.js';
import { actionMenu } from './menu.js';

/**
 * Answers with what opens the actions of a row beside `anchor`.
 * @param {Needs.Actions} app
 */
export function actionsOn(app, log, list, isMine) {
  const tools = toolbar();

  function toolbar() {
    const el = h(
      'div.tools',
      {},
      h('button.icon', { tabIndex: -1, onclick: (e) => pick(e.currentTarget, el.parentElement) }, icon('smile')),
      h('button.icon', { tabIndex: -1, onclick: () => app.reply(el.parentElement.message) }, icon('reply')),
      h('button.icon', { tabIndex: -1, onclick: (e) => actions(e.currentTarget, el.parentElement) }, icon('more')),
    );
    return el;
  }

  function pick(anchor, row) {
    const { seq } = row.message;
    app.pickEmoji(anchor, log, (emoji) => app.react(app.room().id, seq, emoji, true));
  }

  function label() {
    ['react', 'reply', 'more'].forEach((key, i) => {
      tools.children[i].setAttribute('aria-label', t(key));
      tools.children[i].title = t(key);
    });
  }

  function over(row) {
    if (!row || row === tools.parentElement) return;
    if (!usable(row.message)) {
      tools.remove();
      return;
    }
    label();
    row.append(tools);
  }
  list.addEventListener('pointerover', (e) => {
    if (e.pointerType !== 'touch') over(e.target.closest('.msg'));
  });
  // The pointer may have been there before.
  if (matchMedia('(hover: hover)').matches) over($('.msg:hover', list));
  list.addEventListener('pointerleave', () => tools.remove());
  // A finger has no hover: a tap on a bubble opens the actions.
  list.addEventListener('click', (e) => {
    const row = e.target.closest('.msg');
    if (!row || !matchMedia('(hover: none)').matches || e.target.closest('a, button') || !getSelection().isCollapsed)
      return;
    actions($('.bubble', row), row);
  });
  list.addEventListener('contextmenu', (e) => {
    const row = e.target.closest('.msg');
    if (!row || e.target.closest('a') || !getSelection().isCollapsed || e.shiftKey) return;
    e.preventDefault();
    actions($('.bubble', row), row);
  });

  function actions(anchor, row) {
    const { message } = row,
      room = app.room(),
      mine = isMine(message);
    if (message.item) return;
    const can = usable(message);
    const items = [
      can && { label: t('reply'), icon: 'reply', run: () => app.reply(message) },
      can && !room.thread && { label: t('inThread'), icon: 'whisper', run: () => app.thread(message.seq) },
      can && mine && { label: t('edit'), icon: 'edit', run: () => app.edit(message) },
      usable(message) && { label: t('copyLink'), icon: 'copy', run: () => app.copyLink(room, message) },
      can && !mine && { label: t('markUnread'), icon: 'bell', run: () => app.markUnread(message) },
      !message.deleted && { label: t('copyText'), icon: 'copy', run: () => app.copy(message.text) },
      !mine &&
        !room.dm && {
          label: t('whisperTo', { name: message.from.name }),
          icon: 'whisper',
          run: () => app.openDm(message.from.name),
        },
      can && (mine || room.op) && { label: t('delete'), icon: 'trash', danger: true, run: () => app.remove(message) },
    ].filter(Boolean);
    if (!items.length) return;
    actionMenu(
      anchor,
      row.isConnected ? row : log,
      t('actions'),
      items,
      can &&
        ((emoji) => {
          if (emoji === 'more') return pick($('.bubble', row), row);
          const on = message.reactions.some(
            ([one, names]) => one === emoji && names.some((name) => sameName(name, app.state.me.name)),
          );
          app.react(room.id, message.seq, emoji, !on);
        }),
    );
  }

  return actions;
}
