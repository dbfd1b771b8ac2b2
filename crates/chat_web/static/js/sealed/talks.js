// Talks: seals what is said in a sealed talk, and opens what comes. Before each message the server is asked for the
// devices of both users, so that one that is new is told before anything is sent (docs/sealed.md).
import { t } from '../i18n.js';
import { refold } from '../merge.js';
import { sameName } from '../names.js';
import { sealedOf, seals, setSealed } from '../prefs.js';
import { membersOf } from '../store.js';
import { isSealed } from '../wire.js';
import * as envelope from './envelope.js';
import { newPair, pointOf } from './hpke.js';
import * as keys from './keys.js';

/** What is shown of one that is not opened. */
const closed = (key, vars = {}) => ({ text: `(${t(key, vars)})`, sealed: 'closed' });

/** Turns that keep order, one after the other. */
function queue() {
  let last = Promise.resolve();
  return (act) => (last = last.then(act, act));
}

/** @param {Needs.Sealing} app */
export function sealing(app) {
  const me = () => app.state.me.name;
  const inTurn = queue();
  /** What is kept, read each time: another tab may have changed it. */
  const known = () => keys.read(me());

  /** The same, with a key of this browser, which gets one with the first call. */
  async function withKey() {
    const kept = await known();
    if (kept.pair) return kept;
    const pair = await newPair();
    return keys.change(me(), (now) => ({ ...now, pair: now.pair ?? pair }));
  }

  const other = (room) => membersOf(room)[0];
  /** The talk as the envelope is bound to it: both names, in order. */
  const nameOf = (room) =>
    `@${[me(), other(room)]
      .map((name) => name.toLowerCase())
      .sort()
      .join('+')}`;

  const isOf = (room, name) => sameName(name, me()) || sameName(name, other(room));
  /** The devices of both users. One whose name is not that of its key is none; with one of a third user all fails. */
  async function devices(room) {
    const ack = await app.order(`/devices ${other(room)}`);
    const all = [];
    for (const { account, id, key } of ack.items ?? []) {
      if (!isOf(room, account)) throw new Error(t('sealForeign', { name: account }));
      const point = envelope.decode(key);
      if ((await envelope.idOf(point)) === id) all.push({ account, key, point });
    }
    return all;
  }
  const accepts = (kept, { account, key }) => !!kept.accepted[account.toLowerCase()]?.includes(key);

  /** Why nothing can be sealed for these devices, or nothing. */
  function trouble(room, kept, all, own) {
    if (!all.some(({ key }) => key === own)) return t('sealNotListed');
    const name = other(room);
    if (!all.some(({ account }) => sameName(account, name))) return t('sealedNone', { name });
    const stranger = all.find((one) => !accepts(kept, one));
    return stranger ? t('sealStranger', { name: stranger.account }) : '';
  }

  async function sealNow(room, words) {
    const kept = await known();
    const by = kept.pair;
    if (!by) throw new Error(t('sealNotListed'));
    const all = await devices(room);
    const why = trouble(room, kept, all, envelope.encode(await pointOf(by.publicKey)));
    if (why) throw new Error(why);
    const to = all.map(({ point }) => point);
    return envelope.seal({ by, to, talk: nameOf(room) }, words);
  }

  /** What a sealed text says, and whether it was opened. */
  async function read({ pair, accepted }, room, from, text) {
    if (!pair) return closed('sealedHere');
    try {
      const { from: point, words } = await envelope.open({ pair, talk: nameOf(room) }, text);
      const is = isOf(room, from) && accepted[from.toLowerCase()]?.includes(envelope.encode(point));
      return is ? { text: words, sealed: 'open' } : closed('sealedStranger', { name: from });
    } catch (error) {
      return closed(error.other ? 'sealedElsewhere' : 'sealedWrong');
    }
  }

  /** Frames and messages with a sealed text, with what it says in its place. `raw` is what was sealed. */
  async function openOne(kept, one) {
    const raw = one.raw ?? one.text;
    const room = app.talkOf(one);
    if (!isSealed(raw)) return one;
    const mayOpen = room && membersOf(room).length === 1 && app.state.signedIn && one.from;
    return { ...one, raw, ...(mayOpen ? await read(kept, room, one.from.name, raw) : closed('sealedElsewhere')) };
  }

  async function openAll(all) {
    const kept = await known();
    return Promise.all(all.map((one) => openOne(kept, one)));
  }

  /** Here, and for the user's other devices. */
  function set(room, on) {
    setSealed(me(), room.id, on);
    app.order(`/pref page.sealed ${sealedOf(me()).join(' ') || 'default'}`).catch(() => {});
  }

  return {
    seal: (room, words) => inTurn(() => sealNow(room, words)),
    /** In the order of coming. */
    open: (all) => inTurn(() => openAll(all)),
    isOn: (room) => seals(me(), room.id),

    /** What the user compares before a talk is sealed: the devices, and the safety number. */
    async look(room) {
      const kept = await withKey();
      const point = await pointOf(kept.pair.publicKey);
      await app.order(`/pref device.${await envelope.idOf(point)} ${envelope.encode(point)} ${t('thisPage')}`);
      const all = await devices(room);
      const theirs = all.filter(({ account }) => sameName(account, other(room)));
      const strangers = all.filter((one) => !accepts(kept, one) && one.key !== envelope.encode(point));
      return { all, theirs, strangers, ...(await envelope.safety(all.map((one) => one.point))) };
    },
    /** The user accepts these devices, and what is said in the talk is sealed from now on. */
    async turnOn(room, all) {
      await keys.change(me(), (kept) => {
        for (const { account, key } of all) {
          const name = account.toLowerCase();
          kept.accepted[name] = [...new Set([...(kept.accepted[name] ?? []), key])];
        }
        return kept;
      });
      set(room, true);
      await this.openAgain(room);
    },
    turnOff: (room) => set(room, false),
    /** What could not be opened before, perhaps can be now. */
    async openAgain(room) {
      const kept = await known();
      for (const message of room.tl.msgs.values()) {
        if (message.base.raw) message.base = await openOne(kept, { ...message.base, room: room.id });
        for (const change of room.tl.changes.get(message.seq)?.values() ?? [])
          if (change.raw) Object.assign(change, await openOne(kept, { ...change, room: room.id }));
        refold(room.tl, message);
      }
      app.redraw();
    },
  };
}
