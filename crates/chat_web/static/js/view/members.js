// Members: the accounts of the room that is shown whose users are not in it, below the people who are.
import { $, h, reconcile } from '../dom.js';
import { language, t } from '../i18n.js';
import { sameName } from '../names.js';
import { personItem } from './people.js';

/** How long a list of the server counts as new: comings and goings are seen without asking. */
const FRESH_MS = 10000;

/** @param {Needs.Members} app */
export function members(app) {
  const { state } = app;
  const head = h('h2', { hidden: true, 'data-t': 'offlineHead' }, t('offlineHead')),
    list = h('ul', { id: 'offline', hidden: true });
  $('#people').append(head, list);
  /** What the server said of each room, and when it was asked. */
  const known = new Map();
  let keeps = true,
    timer = 0;

  function ask(room) {
    const before = known.get(room.id);
    if (!keeps || !state.live || !room.joined) return;
    const wait = before ? before.at + FRESH_MS - performance.now() : 0;
    if (wait > 0) {
      clearTimeout(timer);
      timer = setTimeout(() => state.current === room.id && ask(room), wait + 1);
      return;
    }
    const mine = { at: performance.now(), names: before?.names ?? [], people: room.people.size };
    known.set(room.id, mine);
    const took = (ack) => {
      mine.names = (ack.items ?? []).map((one) => one.name);
      draw(room);
    };
    const refused = (error) => {
      // A server without a store has no members; of a room that is closed now nothing is told.
      if (error.code === 'no-store') keeps = false;
      mine.names = [];
      draw(room);
    };
    app.ask({ type: 'Command', line: `/members #${room.id}`, room: 'lobby' }, took, refused);
  }

  function draw(room) {
    if (state.current !== room.id) return;
    const here = [...room.people.values()].map((one) => one.name);
    const isAway = (name) => !here.some((one) => sameName(one, name));
    const names = room.dm ? [] : (known.get(room.id)?.names ?? []).filter(isAway);
    const row = (name) => ({ key: name, name, state: app.person(name)?.state ?? 'offline', lang: language() });
    reconcile(list, names.map(row), (one) => personItem(app, one));
    head.hidden = list.hidden = !names.length;
  }

  /** Draws what is known, and asks where a user has left since, or the room was not asked for. */
  function look(room) {
    draw(room);
    if (room.dm) return;
    const before = known.get(room.id);
    if (before && before.people <= room.people.size) before.people = room.people.size;
    else ask(room);
  }
  app.offline = look;
  if (app.room()) look(app.room());
  return { look };
}
