// Past: fetches what was said before: a room's newest page, older ones, and what is missing in the middle.
import * as api from './api.js';
import * as merge from './merge.js';
import { roomOf, WIDE } from './store.js';
import { message } from './wire.js';

/**
 * `take` takes the events, `live` says whether there is a line, `sorry` is told why a page did not come; `open` opens
 * what is sealed in a page.
 */
export function pastOf(state, take, live, sorry, open) {
  const loading = new Map(),
    mending = new Set(),
    turns = new Map();

  /** The newest page, asked for once however many want it. */
  function load(id) {
    if (!loading.has(id))
      loading.set(
        id,
        newest(id).finally(() => loading.delete(id)),
      );
    return loading.get(id);
  }
  async function newest(id) {
    try {
      await give(id, await api.page(id));
    } catch (error) {
      // A talk in which nothing was said yet is none for the server.
      if (id.startsWith('@') && error.status === 404) take({ type: 'page', room: id, messages: [], last_seq: 0 });
      else if (state.current === id && error.status) sorry(error.message);
    }
  }

  async function give(room, page, asked = {}) {
    const messages = await open(room, (page.messages ?? []).map(message).filter(Boolean));
    take({ type: 'page', room, messages, last_seq: page.last_seq, prev: page.prev, next: page.next, ...asked });
  }

  /** Fetches what is missing in the middle, but for what is too much at once: that is fetched where it is looked at. */
  function mend(id) {
    if (mending.has(id)) return;
    mending.add(id);
    inTurn(id, async () => {
      // An event that is merely out of turn fills its hole by itself.
      await new Promise((done) => setTimeout(done, 150));
      mending.delete(id);
      for (let i = 0; i < 20; i++) {
        const hole = holesOf(id).find(([from, to]) => to - from < WIDE);
        if (!hole || !live() || !(await fetchFrom(id, hole, hole[0]))) break;
      }
    });
  }

  /** Fetches a page of what is missing around a message, if it is missing. */
  const fill = (id, seq) =>
    inTurn(id, async () => {
      const hole = holesOf(id).find(([from, to]) => from <= seq && seq <= to);
      if (hole) await fetchFrom(id, hole, Math.max(hole[0], seq - WIDE / 2));
    });

  /** The fetches of one room's holes, one after the other. */
  function inTurn(id, act) {
    const next = (turns.get(id) ?? Promise.resolve()).then(act);
    turns.set(id, next);
    return next;
  }
  const holesOf = (id) => (roomOf(state, id) ? merge.holes(roomOf(state, id).tl) : []);

  /** What the server does not have any more is said, and not asked for again. Resolves to whether an answer came. */
  async function fetchFrom(id, [, to], from) {
    try {
      await give(id, await api.page(id, { after: from - 1, limit: WIDE }), { after: from - 1 });
      if (holesOf(id).some((hole) => hole[0] === from)) take({ type: 'lost', room: id, from, to });
      return true;
    } catch {
      return false;
    }
  }

  /** The page before what is known. Resolves to whether it came. */
  async function older(room, limit) {
    const before = Math.min(room.tl.order[0] ?? Infinity, merge.first(room.tl));
    try {
      await give(room.id, await api.page(room.id, { before, limit }), { before });
      return true;
    } catch {
      sorry();
      return false;
    }
  }

  return { load, mend, fill, older };
}
