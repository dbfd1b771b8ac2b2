// Members: the accounts of the room that is shown whose users are offline, below the people who are here.
import { $, h, reconcile } from '../dom.js';
import { language, t } from '../i18n.js';
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

  /** Who is in any room of this page, in small letters. */
  function inSight() {
    const people = [...state.rooms.values()].flatMap((room) => [...room.people.values()]);
    return new Set(people.map((one) => one.name.toLowerCase()));
  }

  function ask(room) {
    const before = known.get(room.id);
    if (!keeps || !state.live || !room.joined) return;
    const wait = before ? before.at + FRESH_MS - performance.now() : 0;
    if (wait > 0) {
      clearTimeout(timer);
      timer = setTimeout(() => state.current === room.id && ask(room), wait + 1);
      return;
    }
    const mine = {
      at: performance.now(),
      names: before?.names ?? [],
      people: room.people.size,
      departures: room.departures,
    };
    known.set(room.id, mine);
    const took = (ack) => {
      // One who is connected, in no room of this page, is not offline. Who is in one is seen to leave.
      const seen = inSight();
      const mayBe = ({ name, online }) => !online || seen.has(name.toLowerCase());
      mine.names = (ack.items ?? []).filter(mayBe).map((one) => one.name);
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
    const all = (!room.dm && known.get(room.id)?.names) || [];
    const seen = all.length ? inSight() : new Set();
    const names = all.filter((name) => !seen.has(name.toLowerCase()));
    const row = (name) => ({ key: name, name, state: 'offline', lang: language() });
    reconcile(list, names.map(row), (one) => personItem(app, one));
    head.hidden = list.hidden = !names.length;
  }

  /** Draws what is known, and asks where a user has left since, or the room was not asked for. */
  function look(room) {
    draw(room);
    if (room.dm) return;
    const before = known.get(room.id);
    // A user who came and left between two looks is counted by the departure alone.
    const isSame = before && before.departures === room.departures && before.people <= room.people.size;
    if (isSame) before.people = room.people.size;
    else ask(room);
  }
  return { look };
}
