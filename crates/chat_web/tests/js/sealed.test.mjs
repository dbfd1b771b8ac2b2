// Sealed: HPKE by the example values of RFC 9180, envelopes and safety numbers by the values that crates/chat_sealed's
// tests read as well.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { open, pointOf, seal } from '../../static/js/sealed/hpke.js';
import * as envelope from '../../static/js/sealed/envelope.js';
import { qr } from '../../static/js/sealed/qr.js';
import { sealing } from '../../static/js/sealed/talks.js';
import { isSealed } from '../../static/js/wire.js';

const values = (name) =>
  JSON.parse(readFileSync(new URL(`../../../chat_sealed/tests/values/${name}.json`, import.meta.url), 'utf8'));
const hex = (text) => Uint8Array.from(text.match(/../g), (two) => parseInt(two, 16));
const CURVE = { name: 'ECDH', namedCurve: 'P-256' };

/** A pair of a secret and a point. */
async function pairOf(secret, point) {
  const [x, y] = [point.slice(1, 33), point.slice(33)].map(envelope.encode);
  const jwk = { kty: 'EC', crv: 'P-256', x, y };
  const privateKey = await crypto.subtle.importKey('jwk', { ...jwk, d: envelope.encode(secret) }, CURVE, false, [
    'deriveBits',
  ]);
  return { privateKey, publicKey: await crypto.subtle.importKey('jwk', jwk, CURVE, true, []) };
}
const held = values('envelope');
const device = (name) => pairOf(envelope.decode(held[name]), envelope.decode(held[`${name}_point`]));

test('HPKE seals and opens as RFC 9180 does', async () => {
  const rfc = values('rfc9180_a33');
  const pair = (name) => pairOf(hex(rfc[`sk${name}m`]), hex(rfc[`pk${name}m`]));
  const [one] = rfc.encryptions;
  const [info, aad, enc] = [rfc.info, one.aad, rfc.enc].map(hex);
  const how = { by: await pair('S'), to: hex(rfc.pkRm), info, aad, once: await pair('E') };
  const made = await seal(how, hex(one.pt));
  assert.deepEqual([made.enc, made.sealed], [enc, hex(one.ct)]);
  const opened = await open({ pair: await pair('R'), from: hex(rfc.pkSm), enc, info, aad }, hex(one.ct));
  assert.deepEqual(opened, hex(one.pt));
});

test('an envelope of the values is opened, and the safety number is theirs', async () => {
  for (const name of ['ani', 'budi']) {
    const { from, words } = await envelope.open({ pair: await device(name), talk: held.talk }, held.sealed);
    assert.deepEqual([envelope.encode(from), words], [held.ani_point, held.words]);
  }
  assert.equal(await envelope.idOf(envelope.decode(held.ani_point)), held.ani_id);
  const points = [held.budi_point, held.ani_point].map(envelope.decode);
  assert.deepEqual(await envelope.safety(points), { digits: held.digits, words: held.words_to_compare });
});

test('the digits become the QR code that another program makes of them', () => {
  const drawn = qr(held.digits).map((row) => row.map((dark) => (dark ? '#' : '.')).join(''));
  assert.deepEqual(drawn, held.qr);
  assert.throws(() => qr('123'));
});

test('only the devices it is for open it, and in its talk alone', async () => {
  const [ani, budi] = [await device('ani'), await device('budi')];
  const to = [await pointOf(budi.publicKey)];
  const sealed = await envelope.seal({ by: ani, to, talk: '@ani+budi' }, 'at eight '.repeat(200));
  assert.ok(isSealed(sealed) && sealed.split('\n').every((line) => line.length <= 900));
  assert.equal((await envelope.open({ pair: budi, talk: '@Ani+budi' }, sealed)).words, 'at eight '.repeat(200));
  await assert.rejects(envelope.open({ pair: ani, talk: '@ani+budi' }, sealed), { other: true });
  await assert.rejects(envelope.open({ pair: budi, talk: '@ani+citra' }, sealed));
  for (let at = 9; at < sealed.length; at += 97) {
    const other = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1);
    await assert.rejects(envelope.open({ pair: budi, talk: '@ani+budi' }, other), undefined, `changed at ${at}`);
  }
});

test('what is no envelope is none', () => {
  for (const text of ['', 'sealed:1:', 'sealed:1: x', 'sealed:2:abc', 'x sealed:1:abc', 'sealed:1:a!'])
    assert.ok(!isSealed(text), text);
});

/** As much of IndexedDB as keys.js uses. */
function shelf() {
  const kept = new Map();
  const store = (turn) => ({
    get(key) {
      const asked = {};
      setTimeout(() => {
        asked.result = structuredClone(kept.get(key));
        asked.onsuccess?.();
        turn.oncomplete();
      });
      return asked;
    },
    put: (value, key) => void kept.set(key, structuredClone(value)),
  });
  const transaction = () => {
    const turn = { objectStore: () => store(turn) };
    return turn;
  };
  return {
    open() {
      const asked = { result: { transaction, close() {} } };
      setTimeout(() => asked.onsuccess());
      return asked;
    },
  };
}

test('tabs have one key, and nothing is sealed for a third user, or for oneself alone', async () => {
  globalThis.indexedDB = shelf();
  const rows = new Map();
  const row = (account, id, key) => rows.set(id, { account, id, key });
  const app = {
    state: { me: { name: 'ani' }, signedIn: true },
    talkOf: ({ room }) => ({ id: room }),
    redraw() {},
    async order(line) {
      const [, id, key] = /^\/pref device\.(\S+) (\S+)/.exec(line) ?? [];
      if (id) row('ani', id, key);
      return { items: [...rows.values()] };
    },
  };
  const room = { id: '@budi', tl: { msgs: new Map(), changes: new Map() } };
  const [one, two] = [sealing(app), sealing(app)];
  // The words are not loaded here: a refusal is its key.
  await assert.rejects(two.seal(room, 'x'), { message: 'sealNotListed' });
  assert.equal(rows.size, 0, 'speaking makes no key');
  await Promise.all([one.look(room), two.look(room)]);
  assert.equal(rows.size, 1, 'one key');
  await one.turnOn(room, (await one.look(room)).all);
  await assert.rejects(two.seal(room, 'x'), { message: 'sealedNone' });
  row('budi', held.budi_id ?? (await envelope.idOf(envelope.decode(held.budi_point))), held.budi_point);
  await assert.rejects(two.seal(room, 'x'), { message: 'sealStranger' });
  await one.turnOn(room, (await one.look(room)).all);
  const wire = await two.seal(room, 'the second tab');
  const { words } = await envelope.open({ pair: await device('budi'), talk: '@ani+budi' }, wire);
  assert.equal(words, 'the second tab');
  row('citra', held.ani_id, held.ani_point);
  await assert.rejects(two.seal(room, 'x'), { message: 'sealForeign' });
  await assert.rejects(one.look(room), { message: 'sealForeign' });
});
