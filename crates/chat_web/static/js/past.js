// Past: fetches what was said before: a room's newest page, older ones, and what is missing in the middle.
import * as api from './api.js';
import * as merge from './merge.js';
import { roomOf } from './store.js';
import { message } from './wire.js';

/** `take` takes the events, `live` says whether there is a line, `sorry` is told why a page did not come. */
export function pastOf(state, take, live, sorry) {
  const fetching = new Set(),
    loading = new Map();

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
      give(id, await api.page(id));
    } catch (error) {
      // A talk in which nothing was said yet is none for the server.
      if (id.startsWith('@') && error.status === 404) take({ type: 'page', room: id, messages: [], last_seq: 0 });
      else if (state.current === id && error.status) sorry(error.message);
    }
  }

  function give(room, page, asked = {}) {
    const messages = (page.messages ?? []).map(message).filter(Boolean);
    take({ type: 'page', room, messages, last_seq: page.last_seq, prev: page.prev, next: page.next, ...asked });
  }

  /** Fetches what is missing in the middle. What the server does not have any more is said, and not asked for again. */
  async function mend(id) {
    const key = `hole ${id}`;
    if (fetching.has(key)) return;
    fetching.add(key);
    // An event that is merely out of turn fills its hole by itself.
    await new Promise((done) => setTimeout(done, 150));
    for (let i = 0; i < 20; i++) {
      const room = roomOf(state, id);
      const hole = room && merge.holes(room.tl)[0];
      if (!hole || !live()) break;
      try {
        give(id, await api.page(id, { after: hole[0] - 1, limit: 200 }), { after: hole[0] - 1 });
        const still = roomOf(state, id) && merge.holes(roomOf(state, id).tl)[0];
        if (still && still[0] === hole[0]) take({ type: 'lost', room: id, from: hole[0], to: hole[1] });
      } catch {
        break;
      }
    }
    fetching.delete(key);
  }

  /** The page before what is known. Resolves to whether it came. */
  async function older(room, limit) {
    const before = Math.min(room.tl.order[0] ?? Infinity, merge.first(room.tl));
    try {
      give(room.id, await api.page(room.id, { before, limit }), { before });
      return true;
    } catch {
      sorry();
      return false;
    }
  }

  return { load, mend, older };
}
