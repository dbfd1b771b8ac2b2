// What was written and is not acknowledged yet: kept over reloads, sent in order, and again after each cut.

const KEY = 'chat.unsent';

/** The queue, in a store like localStorage. What cannot be kept is still sent. */
export function newOutbox(store) {
  let items = [];
  try {
    const kept = JSON.parse(store?.getItem(KEY) ?? '[]');
    if (Array.isArray(kept)) items = kept.filter((item) => typeof item?.cid === 'string' && typeof item?.text === 'string');
  } catch {
    items = [];
  }
  const keep = () => {
    try {
      store?.setItem(KEY, JSON.stringify(items));
    } catch {
      // The store is full or forbidden: the queue lives as long as the page.
    }
  };
  return {
    all: () => items,
    add(item) {
      items = [...items, item];
      keep();
    },
    /** It is acknowledged, refused for good, or thrown away. */
    remove(cid) {
      items = items.filter((item) => item.cid !== cid);
      keep();
    },
    find: (cid) => items.find((item) => item.cid === cid),
  };
}

/** A word that nobody else will make up: 128 random bits. There is no randomUUID on plain http. */
export function newCid(random = (bytes) => globalThis.crypto.getRandomValues(bytes)) {
  return Array.from(random(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
