// Mentions: where one was called by name lately, as a list to jump from.
import { h } from '../dom.js';
import { t } from '../i18n.js';
import { mentions, sameName } from '../names.js';
import { format, plainText } from '../format.js';
import { closeMenu } from './floating.js';
import { show } from './menu.js';

const BACK = 500,
  MOST = 10;

/** @param {Needs.Mentions} app */
export function mentionList(app, anchor) {
  const me = app.state.me.name;
  const found = [...app.state.rooms.values()]
    .filter((room) => !room.dm)
    .flatMap((room) => room.tl.order.slice(-BACK).map((seq) => ({ room: room.id, m: room.tl.msgs.get(seq) })))
    .filter(({ m }) => !m.deleted && !sameName(m.from.name, me) && mentions(m.text, me))
    .sort((a, b) => +new Date(b.m.at) - +new Date(a.m.at))
    .slice(0, MOST);
  if (!found.length) return app.sorry(t('noMentions'));
  const items = found.map(({ room, m }) =>
    h(
      'button.item',
      {
        onclick: () => {
          closeMenu(false);
          app.goTo(room, m.seq);
        },
      },
      h('span.label', { dir: 'auto' }, h('b', {}, m.from.name), ` ${plainText(format(m.text))}`),
      h('small', {}, `#${room}`),
    ),
  );
  const el = h('div.menu.called', { role: 'dialog', 'aria-label': t('mentionList') }, items);
  el.addEventListener('keydown', (e) => {
    const to = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!to) return;
    e.preventDefault();
    items[(items.indexOf(document.activeElement) + to + items.length) % items.length].focus();
  });
  show(el, anchor, anchor);
  items[0].focus({ preventScroll: true });
}
