// Talks: seals what is said in a sealed talk, and opens what comes. Before each message the server is asked for the
// devices of both users, so that one that is new is told before anything is sent (docs/sealed.md).
import { t } from '../i18n.js';
import { refold } from '../merge.js';
import { sameName } from '../names.js';
import { seals, setSealed } from '../prefs.js';
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
  /** @type {{ of: string, kept: any } | null} */
  let mine = null;

  async function known() {
    if (mine?.of !== me()) mine = { of: me(), kept: await keys.read(me()) };
    return mine.kept;
  }

  /** The key of this browser, which gets one with the first call, and shows its public half to the account's talks. */
  async function own() {
    const kept = await known();
    if (!kept.pair) {
      kept.pair = await newPair();
      await keys.write(me(), kept);
    }
    return kept.pair;
  }

  const other = (room) => membersOf(room)[0];
  /** The talk as the envelope is bound to it: both names, in order. */
  const nameOf = (room) =>
    `@${[me(), other(room)]
      .map((name) => name.toLowerCase())
      .sort()
      .join('+')}`;

  /** The devices of both users. One whose name is not that of its key is none. */
  async function devices(room) {
    const ack = await app.order(`/devices ${other(room)}`);
    const all = [];
    for (const { account, id, key } of ack.items ?? []) {
      const point = envelope.decode(key);
      if ((await envelope.idOf(point)) === id) all.push({ account, key, point });
    }
    return all;
  }
  const accepts = (kept, { account, key }) => !!kept.accepted[account.toLowerCase()]?.includes(key);

  /** Why nothing can be sealed for these devices, or nothing. */
  function trouble(kept, all, own) {
    if (!all.some(({ key }) => key === own)) return t('sealNotListed');
    const stranger = all.find((one) => !accepts(kept, one));
    return stranger ? t('sealStranger', { name: stranger.account }) : '';
  }

  async function sealNow(room, words) {
    const [kept, by] = [await known(), await own()];
    const all = await devices(room);
    const why = trouble(kept, all, envelope.encode(await pointOf(by.publicKey)));
    if (why) throw new Error(why);
    const to = all.map(({ point }) => point);
    return envelope.seal({ by, to, talk: nameOf(room) }, words);
  }

  /** What a sealed text says, and whether it was opened. */
  async function read(room, from, text) {
    const { pair, accepted } = await known();
    if (!pair) return closed('sealedHere');
    try {
      const { from: point, words } = await envelope.open({ pair, talk: nameOf(room) }, text);
      const is = accepted[from.toLowerCase()]?.includes(envelope.encode(point));
      return is ? { text: words, sealed: 'open' } : closed('sealedStranger', { name: from });
    } catch (error) {
      return closed(error.other ? 'sealedElsewhere' : 'sealedWrong');
    }
  }

  /** Frames and messages with a sealed text, with what it says in its place. `raw` is what was sealed. */
  async function openOne(one) {
    const raw = one.raw ?? one.text;
    const room = app.talkOf(one);
    if (!isSealed(raw)) return one;
    const mayOpen = room && membersOf(room).length === 1 && app.state.signedIn && one.from;
    return { ...one, raw, ...(mayOpen ? await read(room, one.from.name, raw) : closed('sealedElsewhere')) };
  }

  return {
    seal: (room, words) => inTurn(() => sealNow(room, words)),
    /** In the order of coming. */
    open: (all) => inTurn(() => Promise.all(all.map(openOne))),
    isOn: (room) => seals(me(), room.id),

    /** What the user compares before a talk is sealed: the devices, and the safety number. */
    async look(room) {
      const pair = await own();
      const point = await pointOf(pair.publicKey);
      await app.order(`/pref device.${await envelope.idOf(point)} ${envelope.encode(point)} ${t('thisPage')}`);
      const [kept, all] = [await known(), await devices(room)];
      const theirs = all.filter(({ account }) => sameName(account, other(room)));
      const strangers = all.filter((one) => !accepts(kept, one) && one.key !== envelope.encode(point));
      return { all, theirs, strangers, ...(await envelope.safety(all.map((one) => one.point))) };
    },
    /** The user accepts these devices, and what is said in the talk is sealed from now on. */
    async turnOn(room, all) {
      const kept = await known();
      for (const { account, key } of all) {
        const name = account.toLowerCase();
        kept.accepted[name] = [...new Set([...(kept.accepted[name] ?? []), key])];
      }
      await keys.write(me(), kept);
      setSealed(me(), room.id, true);
      await this.openAgain(room);
    },
    turnOff: (room) => setSealed(me(), room.id, false),
    /** What could not be opened before, perhaps can be now. */
    async openAgain(room) {
      for (const message of room.tl.msgs.values()) {
        if (message.base.raw) message.base = await openOne({ ...message.base, room: room.id });
        for (const change of room.tl.changes.get(message.seq)?.values() ?? [])
          if (change.raw) Object.assign(change, await openOne({ ...change, room: room.id }));
        refold(room.tl, message);
      }
      app.redraw();
    },
  };
}
