// Cards: the messages that links in other messages lead to, so that they can be read where the link stands.
import * as api from './api.js';
import { talkOf } from './store.js';
import { message } from './wire.js';

/**
 * Answers with what gives the message of a place, once it is known: `came` is called when it has come. Asked for once;
 * what cannot be
 * read stays a link.
 * @param {State} state
 * @param {(room: string) => boolean} mayRead
 * @param {() => void} came
 */
export function cards(state, mayRead, came) {
  /** @type {Map<string, Message | null>} */
  const known = new Map();

  async function fetch_(key, room, seq) {
    const { messages } = await api.page(room, { after: seq - 1, limit: 1 });
    const found = message(messages[0] ?? null);
    if (found?.seq !== seq || found.deleted) return;
    known.set(key, /** @type {any} */ (found));
    came();
  }

  return ({ room: named, seq }) => {
    const room = named.startsWith('@') ? talkOf(state, named) : named;
    const here = state.rooms.get(room)?.tl.msgs.get(seq);
    if (here) return here.deleted ? null : here;
    const key = `${room}/${seq}`;
    if (!known.has(key) && state.live && (state.rooms.has(room) || mayRead(room))) {
      known.set(key, null);
      fetch_(key, room, seq).catch(() => {});
    }
    return known.get(key) ?? null;
  };
}
