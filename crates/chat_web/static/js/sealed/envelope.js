// Envelope: one message, sealed for several devices, and the safety number of a talk: the same bytes as in
// crates/chat_sealed, which says what they mean.
import { bytesOf, concat, open as unwrap, pointOf, seal as wrap } from './hpke.js';

export const MARK = 'sealed:1:';
const INFO = bytesOf('chat sealed 1');
const [ID, POINT, NONCE, SLOT, DEVICES, LINE] = [8, 65, 12, 105, 16, 900];

export function encode(bytes) {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}
export const decode = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (letter) => letter.charCodeAt(0));

const hash = async (bytes, name = 'SHA-256') => new Uint8Array(await crypto.subtle.digest(name, bytes));
const short = async (point) => (await hash(point)).slice(0, ID);
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
/** The name of a device: 16 digits of its point's hash. */
export const idOf = async (point) => hex(await short(point));

const binding = (talk, nonce, body) => hash(concat(bytesOf(talk.toLowerCase()), [0], nonce, body));
const cipher = (key, use) => crypto.subtle.importKey('raw', key, 'AES-GCM', false, [use]);

/**
 * Seals words for points.
 * @param {{ by: CryptoKeyPair, to: Uint8Array[], talk: string }} how
 * @param {string} words
 */
export async function seal({ by, to, talk }, words) {
  if (to.length > DEVICES) throw new Error('too many devices');
  const key = crypto.getRandomValues(new Uint8Array(16));
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE));
  const plain = bytesOf(words);
  const body = new Uint8Array(
    await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce }, await cipher(key, 'encrypt'), plain),
  );
  const aad = await binding(talk, nonce, body);
  const slots = [];
  for (const point of to) {
    const { enc, sealed } = await wrap({ by, to: point, info: INFO, aad }, key);
    slots.push(await short(point), enc, sealed);
  }
  const all = concat(await pointOf(by.publicKey), [to.length], ...slots, nonce, body);
  return (MARK + encode(all)).match(new RegExp(`.{1,${LINE}}`, 'g')).join('\n');
}

/**
 * Opens a sealed message of a talk: the point of who sealed it, and the words. Fails where it is not for this device,
 * or not genuine.
 * @param {{ pair: CryptoKeyPair, talk: string }} how
 * @param {string} sealed
 */
export async function open({ pair, talk }, sealed) {
  const bytes = decode(sealed.slice(MARK.length).replace(/\s/g, ''));
  const end = POINT + 1 + bytes[POINT] * SLOT;
  if (!(bytes[POINT] <= DEVICES) || bytes.length < end + NONCE) throw new Error('no envelope');
  const from = bytes.slice(0, POINT);
  const own = hex(await short(await pointOf(pair.publicKey)));
  let slot = null;
  for (let at = POINT + 1; at < end && !slot; at += SLOT)
    if (hex(bytes.slice(at, at + ID)) === own) slot = bytes.slice(at + ID, at + SLOT);
  if (!slot) throw Object.assign(new Error('not for this device'), { other: true });
  const [nonce, body] = [bytes.slice(end, end + NONCE), bytes.slice(end + NONCE)];
  const aad = await binding(talk, nonce, body);
  const enc = slot.slice(0, POINT);
  const key = await unwrap({ pair, from, enc, info: INFO, aad }, slot.slice(POINT));
  const plain = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: nonce }, await cipher(key, 'decrypt'), body);
  return { from, words: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plain) };
}

const CONSONANTS = 'bdfghjklmnprstvz';
const VOWELS = 'aiou';
const word = (bits) =>
  CONSONANTS[bits >> 12] +
  VOWELS[(bits >> 10) & 3] +
  CONSONANTS[(bits >> 6) & 15] +
  VOWELS[(bits >> 4) & 3] +
  CONSONANTS[bits & 15];

/** The safety number of all devices of both users, as digits and as words. */
export async function safety(points) {
  const sorted = [...new Set(points.map(hex))].sort();
  const all = sorted.flatMap((one) => one.match(/../g).map((byte) => parseInt(byte, 16)));
  const sum = await hash(concat(bytesOf('chat safety 1'), all), 'SHA-512');
  const group = (at) => sum.slice(at, at + 5).reduce((number, byte) => number * 256 + byte, 0) % 100000;
  const digits = Array.from({ length: 12 }, (_, i) => String(group(5 * i)).padStart(5, '0'));
  const words = Array.from({ length: 8 }, (_, i) => word(sum[2 * i] * 256 + sum[2 * i + 1]));
  return { digits: digits.join(' '), words: words.join(' ') };
}
