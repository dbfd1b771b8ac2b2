// Profiles: full names, statuses and pictures of accounts: asked for where one comes in sight, and told when they
// change.
import { $, faces, faceOf } from './dom.js';
import { initials } from './names.js';
import { membersOf } from './store.js';

/** How long what was asked for counts as new. */
const FRESH_MS = 10000;

/** @param {Needs.Profiles} app */
export function profiles(app) {
  const { state } = app;
  /** @type {Map<string, Profile>} */
  const known = new Map();
  /** Who was asked for, in small letters: those who show nothing are not asked for again. */
  let asked = new Set(),
    last = -FRESH_MS,
    timer = 0,
    keeps = true;

  function set(/** @type {Profile} */ profile) {
    const key = profile.account.toLowerCase();
    asked.add(key);
    known.set(key, profile);
    const { picture } = profile;
    const src = picture ? `/api/profiles/${encodeURIComponent(key)}/picture?v=${picture}` : '';
    if ((faces.get(key) ?? '') === src) return;
    if (src) faces.set(key, src);
    else faces.delete(key);
    for (const el of document.querySelectorAll(`.avatar[data-face="${CSS.escape(key)}"]`))
      el.replaceChildren(faceOf(key) ?? initials(profile.account));
  }

  /** Those in sight of whom nothing is known. */
  function strangers(room) {
    const names = room.dm ? [...membersOf(room), state.me.name] : [...room.people.values()].map((one) => one.name);
    return names.filter((name) => !asked.has(name.toLowerCase()));
  }

  function look(room) {
    if (!keeps || !state.live || !strangers(room).length) return;
    const wait = last + FRESH_MS - performance.now();
    if (wait > 0 && last > 0) {
      clearTimeout(timer);
      timer = setTimeout(() => app.room() && look(app.room()), wait + 1);
      return;
    }
    last = performance.now();
    const took = (/** @type {Frame} */ { items = [] }) => {
      items.forEach(set);
      if (items.length) app.redrawPeople();
    };
    const refused = (error) => {
      // A server without a store has no accounts.
      if (error.code === 'no-store') keeps = false;
    };
    const names = strangers(room);
    names.forEach((name) => asked.add(name.toLowerCase()));
    const lines = room.dm ? names.map((name) => `/profile ${name}`) : ['/profile'];
    for (const line of lines) app.ask({ type: 'Command', line, room: room.dm ? 'lobby' : room.id }, took, refused);
  }

  app.profile = (name) => known.get(name.toLowerCase());
  return {
    look,
    /** One has changed. */
    came({ fields, pairs, text }) {
      set({ account: fields[0], name: pairs?.name, picture: pairs?.picture, status: text || undefined });
      app.redrawPeople();
      app.redrawSettings();
    },
    /** The line is back: what has changed meanwhile was not told. */
    again() {
      asked = new Set();
      if (app.room()) look(app.room());
    },
  };
}
