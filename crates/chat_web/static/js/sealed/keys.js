// Keys: what this browser knows of sealed talks, for each account: its own key, which cannot be taken out of it, and
// the keys of others that the user has accepted.

/** @returns {Promise<IDBDatabase>} */
const opened = () =>
  new Promise((good, bad) => {
    const asked = indexedDB.open('chat.sealed', 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore('accounts');
    asked.onsuccess = () => good(asked.result);
    asked.onerror = () => bad(asked.error);
  });

async function within(mode, act) {
  const db = await opened();
  try {
    return await new Promise((good, bad) => {
      const turn = db.transaction('accounts', mode);
      const asked = act(turn.objectStore('accounts'));
      turn.oncomplete = () => good(asked.result);
      turn.onerror = turn.onabort = () => bad(turn.error);
    });
  } finally {
    db.close();
  }
}

const none = () => ({ pair: null, accepted: {} });
/** `pair`, and for each name in small letters the points that were accepted, in base64url. */
export const read = async (account) => (await within('readonly', (all) => all.get(account.toLowerCase()))) ?? none();
/**
 * Puts what `act` makes of what is kept in its place, and answers it once it is kept. Other tabs keep theirs here, too:
 * it is read and written in one transaction, so none is lost.
 */
export const change = (account, act) =>
  within('readwrite', (all) => {
    const asked = all.get(account.toLowerCase());
    const made = { result: null };
    asked.onsuccess = () => {
      made.result = act(asked.result ?? none());
      all.put(made.result, account.toLowerCase());
    };
    return made;
  });
