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

export const draft = (room) => read(`chat.draft.${room}`) ?? '';
export const setDraft = (room, text) => write(`chat.draft.${room}`, text || null);

const sealedBy = (me) => `chat.sealed.${me.toLowerCase()}`;
/** Whether what this user says in a talk is sealed here. The server does not decide that. */
export const seals = (me, room) => !!me && (read(sealedBy(me)) ?? []).includes(room.toLowerCase());
export const sealsAny = (me) => !!me && (read(sealedBy(me)) ?? []).length > 0;
export function setSealed(me, room, on) {
  const others = (read(sealedBy(me)) ?? []).filter((one) => one !== room.toLowerCase());
  write(sealedBy(me), on ? [...others, room.toLowerCase()] : others);
}

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
