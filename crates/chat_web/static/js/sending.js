// Sending: takes the items of the outbox to the server, one at a time, and what the server says of each back to it.
import * as outbox from './outbox.js';
import { awaitsNames, expand, loadEmoji } from './emoji.js';
import { t } from './i18n.js';
import { roomOf } from './store.js';
import { onServer } from './time.js';

/**
 * `told` is called after each change of the outbox; `announce` says a refusal aloud; `seal` seals what goes into a
 * sealed talk, and answers nothing for other places.
 * @param {{
 *   state: State, box: Outbox, connection: Connection,
 *   take(event: any): void, told(): void, announce(text: string): void,
 *   seal(room: string, words: string): Promise<string> | null,
 * }} parts
 */
export function sending({ state, box, connection, take, told, announce, seal }) {
  let patience = 0;
  let seals = false;

  function flush() {
    told();
    if (!connection.isLive() || seals) return undefined;
    if (outbox.disown(box, state.me.name, (name) => t('saidByOther', { name }))) told();
    const item = outbox.next(box, performance.now(), (one) => !!one.to || roomOf(state, one.room)?.joined !== false);
    clearTimeout(patience);
    // A name of an emoji waits for the table of them; without it, it goes as it was typed.
    if (item && awaitsNames(item.text)) return void loadEmoji().then(flush, flush);
    if (!item) {
      const rest = box.wait - performance.now();
      if (rest > 0) patience = setTimeout(flush, rest + 20);
      return undefined;
    }
    outbox.rewrite(box, item, expand(item.text));
    const sealed = item.wire ? null : seal(item.room, item.text);
    if (item.toSeal && !item.wire && !sealed) {
      refusedHere(item, new Error(t('saidToSeal')));
      return flush();
    }
    if (sealed) {
      seals = true;
      const good = (wire) => outbox.wired(box, item, wire);
      const bad = (error) => refusedHere(item, error);
      return void sealed.then(good, bad).finally(() => {
        seals = false;
        flush();
      });
    }
    const { cid, to, room, reply_to, act } = item;
    const text = item.wire ?? item.text;
    const frame = to ? { type: 'Whisper', cid, to, text } : { type: 'Send', room, cid, text, reply_to, act };
    const ref = connection.ask(
      frame,
      (ack) => arrived(item, ack),
      (error) => refused(item, error),
    );
    if (ref) outbox.sent(box, cid, ref);
    return undefined;
  }

  function arrived(item, ack) {
    // Its event may have come first.
    if (!outbox.done(box, item.cid)) return;
    take({
      type: 'acked',
      ...item,
      sealed: item.wire ? 'open' : '',
      seq: ack.seq,
      id: ack.id,
      at: new Date(onServer(item.at)).toISOString(),
    });
    flush();
  }

  /** It could not be sealed. Without a line it is tried again with the next one. */
  function refusedHere(item, error) {
    if (!connection.isLive()) return;
    outbox.fail(box, item, error.message);
    announce(error.message);
  }

  function refused(item, error) {
    // Cut off, it may have arrived: it goes again, under the same cid.
    if (error.cut) return;
    const later = error.code === 'too-fast' ? error.retry_after_ms || 1000 : 0;
    outbox.refused(box, item.ref, error.title, performance.now(), later);
    if (!later) announce(error.title);
    flush();
  }

  return { flush };
}
