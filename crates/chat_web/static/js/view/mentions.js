// Mentions: where one was called by name, as a list to jump from: of an account as far back as the server remembers.
import * as api from '../api.js';
import { h } from '../dom.js';
import { t } from '../i18n.js';
import { mentions, sameName } from '../names.js';
import { format, plainText } from '../format.js';
import { closeMenu } from './floating.js';
import { show } from './menu.js';

const BACK = 500,
  MOST = 10;

/** What is in memory: all that a guest has. */
function remembered({ rooms, me }) {
  const calls = ({ m }) => !m.deleted && !sameName(m.from.name, me.name) && mentions(m.text, me.name);
  const recent = (room) => room.tl.order.slice(-BACK).map((seq) => ({ room: room.id, m: room.tl.msgs.get(seq) }));
  const found = [...rooms.values()].filter((room) => !room.dm).flatMap(recent);
  return found
    .filter(calls)
    .sort((a, b) => +new Date(b.m.at) - +new Date(a.m.at))
    .slice(0, MOST);
}

/** A page of the server's, the newest first. */
async function page(before) {
  const { messages, before: older } = await api.mentions(before);
  return { found: messages.reverse().map((m) => ({ room: m.room, m })), older };
}

/** @param {Needs.Mentions} app */
export async function mentionList(app, anchor) {
  const { state } = app;
  const asks = state.signedIn && state.offer?.accounts;
  const first = asks ? await page(null).catch(() => null) : null;
  let { found, older } = first ?? { found: remembered(state), older: null };
  if (!found.length) return app.sorry(t('noMentions'));

  const row = ({ room, m }) =>
    h(
      'button.item',
      {
        onclick: () => {
          closeMenu(false);
          app.showFound(room, m.seq);
        },
      },
      h('span.label', { dir: 'auto' }, h('b', {}, m.from.name), ` ${plainText(format(m.text))}`),
      h('small', {}, `${room.startsWith('@') ? '' : '#'}${room}`),
    );
  const more = h('button.item', { onclick: next }, t('hitsMore'));
  async function next() {
    const page_ = await page(older).catch(() => null);
    if (!page_) return app.sorry(t('noServer'));
    ({ found, older } = page_);
    const rows = found.map(row);
    more.before(...rows);
    if (older == null) more.remove();
    return rows[0]?.focus();
  }

  const el = h(
    'div.menu.called',
    { role: 'dialog', 'aria-label': t('mentionList') },
    found.map(row),
    older != null && more,
  );
  el.addEventListener('keydown', (e) => {
    const to = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!to) return;
    e.preventDefault();
    const items = [...el.children];
    items[(items.indexOf(document.activeElement) + to + items.length) % items.length].focus();
  });
  show(el, anchor, anchor);
  el.firstElementChild.focus({ preventScroll: true });
  return undefined;
}
