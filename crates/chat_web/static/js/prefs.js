// Prefs: what this browser remembers: settings, drafts, the name. All of it may be missing or forbidden.

export const DEFAULTS = {
  theme: 'auto',
  density: 'cosy',
  lang: 'auto',
  hours: 'auto',
  notify: false,
  /** @type {{ number: number, words: boolean, rooms: boolean } | null} */
  push: null,
  sound: false,
  announce: 'all',
  people: true,
  name: '',
  account: false,
  closed: {},
};

export const storage = (() => {
  try {
    const s = globalThis.localStorage;
    s.getItem('x');
    return s;
  } catch {
    return null;
  }
})();

/** Whether anything can be kept here: a store may be forbidden, or full. */
export const keeps = (() => {
  try {
    storage.setItem('chat.test', '1');
    storage.removeItem('chat.test');
    return true;
  } catch {
    return false;
  }
})();

function read(key) {
  try {
    return JSON.parse(storage.getItem(key));
  } catch {
    return null;
  }
}
function write(key, value) {
  try {
    value === null ? storage.removeItem(key) : storage.setItem(key, JSON.stringify(value));
  } catch {
    /* then it is forgotten */
  }
}

export const prefs = { ...DEFAULTS, ...read('chat.prefs') };
export function setPref(key, value) {
  prefs[key] = value;
  write('chat.prefs', prefs);
}

const sealedBy = (me) => `chat.sealed.${me.toLowerCase()}`;
/** Whether what this user says in a talk is sealed here. The server cannot end that. */
export const seals = (me, room) => !!me && (read(sealedBy(me)) ?? []).includes(room.toLowerCase());
export const sealsAny = (me) => !!me && (read(sealedBy(me)) ?? []).length > 0;
export const sealedOf = (me) => read(sealedBy(me)) ?? [];
const openBy = (me) => `chat.unsealed.${me.toLowerCase()}`;
/** Whether the user has ended it in this browser: what the account says then counts no more. */
export const isUnsealed = (me, room) => (read(openBy(me)) ?? []).includes(room.toLowerCase());
export function setSealed(me, room, on) {
  const id = room.toLowerCase();
  const but = (all) => (all ?? []).filter((one) => one !== id);
  const text = draft(me, room);
  setDraft(me, room, '');
  write(sealedBy(me), on ? [...but(sealedOf(me)), id] : but(sealedOf(me)));
  write(openBy(me), on ? but(read(openBy(me))) : [...but(read(openBy(me))), id]);
  setDraft(me, room, text);
}

/**
 * Where a draft is kept, of a room or of a thread in it. In a sealed talk it is the user's own: another user of this
 * browser may have a talk of that name, which is not sealed.
 */
const draftOf = (me, room) => {
  const own = seals(me, room.replace(/^thread\.(.*)\.\d+$/, '$1'));
  return `chat.draft.${own ? `${me.toLowerCase()}/` : ''}${room}`;
};
export const draft = (me, room) => read(draftOf(me, room)) ?? '';
export const setDraft = (me, room, text) => write(draftOf(me, room), text || null);

/** What this browser and the account last had in common of a draft; with a text it is that from now on. */
export function synced(room, text = undefined) {
  const all = read('chat.synced') ?? {};
  if (text !== undefined) {
    if (text) all[room] = text;
    else delete all[room];
    write('chat.synced', all);
  }
  return all[room] ?? '';
}
synced.rooms = () => Object.keys(read('chat.synced') ?? {});
