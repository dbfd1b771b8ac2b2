// Own: what the account prefers on every device, and its drafts. This browser keeps a copy of each and remembers what
// it last had in
// common with the account: what is changed here since goes to the account, all else comes from it.
import { call } from './api.js';
import { choose } from './i18n.js';
import { preferred } from './names.js';
import { DEFAULTS, draft, isUnsealed, prefs, sealedOf, seals, setDraft, setPref, setSealed, synced } from './prefs.js';
import { talkOf } from './store.js';

/**
 * The settings of the page that follow the account, each with its key there. Whether a browser notifies is up to its
 * owner.
 */
const KEYS = {
  theme: 'page.theme',
  density: 'page.density',
  hours: 'page.hours',
  announce: 'page.announce',
  lang: 'lang',
};
/** The talks that are sealed, as the page names them. */
const SEALED = 'page.sealed';
/** How long typing rests before its draft goes to the account. */
const REST_MS = 1500;

/** @param {Needs.Own} app */
export function own(app) {
  const { state } = app;
  const timers = new Map();

  /** `draft.rust`; of a talk the page's name for it, without the user, which the server completes. */
  const keyOf = (room) => `draft.${room}`;
  /** The page's room of such a key. */
  function roomOf(key) {
    const place = key.slice('draft.'.length);
    return place.startsWith('@') ? talkOf(state, place) : place;
  }

  /** The room as the page spells it: keys have small letters. */
  const known = (room) => [...state.rooms.keys()].find((id) => id.toLowerCase() === room.toLowerCase()) ?? room;

  /** Tells the account. What it refuses, as a draft that is too long for it, stays in this browser. */
  function tell(key, value, done = () => {}) {
    app.ask({ type: 'SetPreference', key, value }, done, () => {});
  }

  /** What the commands do, in the language of now. */
  function helps() {
    const good = (/** @type {Frame} */ { items = [] }) => {
      const help = new Map(items.map((one) => [one.name, one.help]));
      state.commands = state.commands.map((one) => ({ ...one, help: help.get(one.name) ?? one.help }));
    };
    app.ask({ type: 'Command', line: '/help all', room: 'lobby' }, good, () => {});
  }

  function tellDraft(room) {
    timers.delete(room);
    // What is to be sealed stays here until it is.
    const text = seals(state.me?.name, room) ? '' : draft(state.me?.name, room);
    if (state.signedIn && text !== synced(room)) tell(keyOf(room), text, () => synced(room, text));
  }

  /** The account's draft of a room: shown here, unless something else was typed here since. */
  function takeDraft(room, text) {
    app.keepTyped();
    const mine = draft(state.me?.name, room);
    const isOld = mine === synced(room);
    synced(room, text);
    if (mine === text) return;
    if (!isOld) return tellDraft(room);
    setDraft(state.me?.name, room, text);
    app.draftCame(room);
  }

  /**
   * The talks that the user seals on another device are sealed here as well: nothing goes there in plain words from a
   * new browser. One that is missing there stays sealed here, so that the server cannot end it.
   */
  function takeSealed(value) {
    const me = state.me?.name;
    if (!me || !isSecureContext) return;
    const fresh = (value ?? '').split(' ').filter((room) => room && !seals(me, room) && !isUnsealed(me, room));
    if (!fresh.length) return;
    app.keepTyped();
    for (const room of fresh) setSealed(me, room, true);
    app.dress();
  }

  function takePref(key, value) {
    if (key === SEALED) return takeSealed(value);
    if (key === 'mentions') return callByName(value === 'bare');
    const name = Object.keys(KEYS).find((one) => KEYS[one] === key);
    if (!name || value == null || prefs[name] === value) return;
    setPref(name, value);
    app.dress();
  }

  /** Whether the user's bare name in a text speaks to the user: what stands here is marked anew. */
  function callByName(on) {
    if (preferred.bare === on) return;
    preferred.bare = on;
    app.dress();
  }

  return {
    /** The user has come in, or is back: the account and this browser come to the same. */
    async meet() {
      if (!state.signedIn) return;
      const all = await call('/api/me/preferences').catch(() => null);
      if (!all) return;
      for (const [name, key] of Object.entries(KEYS)) {
        if (key in all) takePref(key, all[key]);
        else if (prefs[name] !== DEFAULTS[name]) this.set(name, prefs[name]);
      }
      takePref('mentions', all.mentions);
      takeSealed(all[SEALED]);
      const sealed = sealedOf(state.me.name);
      if (sealed.some((room) => !(all[SEALED] ?? '').split(' ').includes(room))) tell(SEALED, sealed.join(' '));
      if (state.role === 'admin' && !all['page.first'])
        import('./view/first_hour.js').then(({ firstHour }) => firstHour(app));
      const theirs = new Map();
      for (const key of Object.keys(all)) {
        if (key.startsWith('draft.')) theirs.set(known(roomOf(key)), all[key]);
      }
      for (const room of new Set([...theirs.keys(), ...synced.rooms(), ...state.rooms.keys()]))
        takeDraft(room, theirs.get(room) ?? '');
    },
    /** Another device of the user has set this. */
    came({ key, value }) {
      if (!key.startsWith('draft.')) return takePref(key, value);
      return takeDraft(known(roomOf(key)), value ?? '');
    },
    /** The user has chosen it on this page. */
    set(name, value) {
      if (name === 'lang') {
        app.ask({ type: 'SetLanguage', lang: choose(value) }, helps, () => {});
        // Each browser goes by its own again.
        if (value === 'auto' && state.signedIn) tell('lang', '');
      } else if (name in KEYS && state.signedIn) tell(KEYS[name], value);
    },
    /** The user has said here whether the bare name speaks to them. The account keeps it, and no browser. */
    callByName(on) {
      callByName(on);
      tell('mentions', on ? 'bare' : '');
    },
    /** A draft has changed on this page. */
    drafted(room) {
      clearTimeout(timers.get(room));
      timers.set(
        room,
        setTimeout(() => tellDraft(room), REST_MS),
      );
    },
  };
}
