// Navigation: which room the user looks at, and how one comes to another room, or to a message.
import * as merge from './merge.js';
import { hashOf, placeOf } from './addresses.js';
import { t } from './i18n.js';
import { mentions, sameName } from './names.js';
import { prefs, setPref } from './prefs.js';
import { membersOf, sortedRooms, talkOf } from './store.js';
import { closeDrawers } from './view/drawers.js';

/**
 * `parts`: the views that are made later, and what fetches a room's newest page.
 * @param {Needs.Navigation} app
 * @param {{ timeline: () => any, composer: () => any, load: (room: string) => Promise<void> }} parts
 */
export function navigation(app, parts) {
  const { state } = app;

  function open(id, focus = true) {
    if (!state.rooms.has(id)) return;
    closeDrawers();
    // Without a view transition: what is typed in its first frame would go to the room before.
    app.take({ type: 'open', room: id });
    if (focus && matchMedia('(hover: hover)').matches) parts.composer().focus();
  }
  function openDm(names) {
    const id = talk(`@${names}`);
    app.take({ type: 'whisper', name: id.slice(1) });
    open(id);
  }
  const talk = (id) => talkOf(state, id);
  const local = (place) => (place.startsWith('@') ? talk(place) : place);
  function join(id, key = '') {
    if (state.rooms.get(id)?.joined) return open(id);
    return app.give(`/join #${id} ${key}`.trim(), true, () => open(id));
  }
  function leave(room) {
    if (room.dm) setPref('closed', { ...prefs.closed, [room.id]: room.lastSeq });
    if (room.dm || !room.joined) app.take({ type: 'close', room: room.id });
    else app.give(`/part #${room.id}`, true);
  }
  async function nextMention() {
    const all = [...state.rooms.values()].filter((room) => room.pinged);
    const room = all.find((one) => one.id !== state.current) ?? all[0];
    if (!room) return app.sorry(t('noMoreMentions'));
    const { line } = room;
    open(room.id, false);
    if (!room.loaded) await parts.load(room.id);
    const seqs = room.tl.order.slice(merge.place(room.tl, (line ?? room.readSeq) + 1));
    const calls = (m) =>
      !m.deleted && !sameName(m.from.name, state.me.name) && (room.dm || mentions(m.text, state.me.name));
    const seq = seqs.find((one) => calls(room.tl.msgs.get(one)));
    return seq === undefined ? undefined : goTo(room.id, seq);
  }
  function step(by, unread) {
    const { rooms: a, dms: b } = sortedRooms(state);
    const all = [...a, ...b];
    const at = all.findIndex((room) => room.id === state.current);
    const round = all.map((_, i) => all[(at + by * (i + 1) + all.length * (i + 1)) % all.length]);
    const next = round.find((room) => !unread || room.unread);
    if (next) open(next.id);
  }
  /** Opens a place: a room, which is entered where it is not one's own yet, a talk, or a message. */
  function visit({ room: named, seq }) {
    const room = local(named);
    if (seq) return showFound(room, seq, () => history.replaceState(history.state, '', hashOf(named, seq)));
    if (room.startsWith('@')) return openDm(room.slice(1));
    return room === state.current ? undefined : join(room);
  }
  /** Talks are linked by all their members: each calls it by the others. */
  function copyLink(room, { seq }) {
    const names = [...membersOf(room), state.me.name].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
    app.copy(`${location.origin}${location.pathname}${hashOf(room.dm ? `@${names.join('+')}` : room.id, seq)}`);
  }
  /** A message in whatever room: one that is not one's own yet is entered first. */
  function showFound(place, seq, then = () => {}) {
    const room = local(place);
    const show = () => goTo(room, seq).then(then);
    if (room.startsWith('@')) app.take({ type: 'whisper', name: room.slice(1) });
    if (state.rooms.has(room)) show();
    else app.give(`/join #${room}`, true, show);
  }
  async function goTo(room, seq) {
    open(room, false);
    if (!state.rooms.get(room)?.loaded) await parts.load(room);
    parts.timeline().render();
    await parts.timeline().goTo(seq);
  }

  /**
   * Each room that one opens is a step that Back goes back; the address of a message stays as long as one is in its
   * room.
   */
  function showAddress(room) {
    const shown = placeOf(location.hash)?.room ?? '';
    const isShown = shown === room.id || (shown.startsWith('@') && talk(shown) === room.id);
    if (isShown && history.state) return;
    const address = isShown ? location.hash : hashOf(room.id);
    history[history.state ? 'pushState' : 'replaceState']({ room: room.id }, '', address || location.pathname);
  }

  return { open, openDm, talk, join, leave, step, nextMention, visit, copyLink, showFound, goTo, showAddress };
}
