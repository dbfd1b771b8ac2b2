// Hpke: RFC 9180 in its auth mode, with P-256, HKDF-SHA256 and AES-128-GCM, on WebCrypto: private keys need not
// leave it.
const CURVE = { name: 'ECDH', namedCurve: 'P-256' };
const VERSION = bytesOf('HPKE-v1');
/** DHKEM(P-256, HKDF-SHA256) is 0x0010, HKDF-SHA256 and AES-128-GCM are 0x0001 each. */
const KEM_SUITE = concat(bytesOf('KEM'), [0, 0x10]);
const SUITE = concat(bytesOf('HPKE'), [0, 0x10, 0, 1, 0, 1]);
const AUTH = 2;
const NONE = new Uint8Array();

export function bytesOf(text) {
  return new TextEncoder().encode(text);
}

export function concat(...parts) {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A pair whose private key cannot be taken out of the browser. */
export const newPair = () => crypto.subtle.generateKey(CURVE, false, ['deriveBits']);
export const pointOf = async (publicKey) => new Uint8Array(await crypto.subtle.exportKey('raw', publicKey));
/** Fails where the 65 bytes are no point of the curve. */
export const publicOf = (point) => crypto.subtle.importKey('raw', point, CURVE, true, []);

const shared = async (privateKey, publicKey) =>
  new Uint8Array(await crypto.subtle.deriveBits({ name: 'ECDH', public: publicKey }, privateKey, 256));

async function hmac(key, data) {
  const made = { name: 'HMAC', hash: 'SHA-256' };
  // A key of no bytes is refused, and is the same as a zero.
  const imported = await crypto.subtle.importKey('raw', key.length ? key : new Uint8Array(1), made, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, data));
}

const extract = (suite, salt, label, input) => hmac(salt, concat(VERSION, suite, bytesOf(label), input));

async function expand(suite, key, label, info, length) {
  // One block of SHA-256 is all that is asked for here.
  const about = concat([length >> 8, length & 255], VERSION, suite, bytesOf(label), info);
  return (await hmac(key, concat(about, [1]))).slice(0, length);
}

/** The key and the nonce of a context: RFC 9180, sections 4.1 and 5.1. */
async function schedule(secrets, context, info) {
  const extracted = await extract(KEM_SUITE, NONE, 'eae_prk', concat(...secrets));
  const sharedSecret = await expand(KEM_SUITE, extracted, 'shared_secret', context, 32);
  const id = await extract(SUITE, NONE, 'psk_id_hash', NONE);
  const about = concat([AUTH], id, await extract(SUITE, NONE, 'info_hash', info));
  const secret = await extract(SUITE, sharedSecret, 'secret', NONE);
  const raw = await expand(SUITE, secret, 'key', about, 16);
  const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);
  return { key, nonce: await expand(SUITE, secret, 'base_nonce', about, 12) };
}

const gcm = (iv, additionalData) => ({ name: 'AES-GCM', iv, additionalData, tagLength: 128 });

/**
 * Seals a message for a point. `by` is the pair of who seals it, `once` a pair for this alone, as in the examples.
 * @param {{ by: CryptoKeyPair, to: Uint8Array, info: Uint8Array, aad: Uint8Array, once?: CryptoKeyPair }} how
 */
export async function seal({ by, to, info, aad, once = undefined }, words) {
  const pair = once ?? /** @type {CryptoKeyPair} */ (await newPair());
  const reader = await publicOf(to);
  const enc = await pointOf(pair.publicKey);
  const secrets = [await shared(pair.privateKey, reader), await shared(by.privateKey, reader)];
  const { key, nonce } = await schedule(secrets, concat(enc, to, await pointOf(by.publicKey)), info);
  return { enc, sealed: new Uint8Array(await crypto.subtle.encrypt(gcm(nonce, aad), key, words)) };
}

/**
 * Opens one; fails where it was changed, or is not from that point.
 * @param {{ pair: CryptoKeyPair, from: Uint8Array, enc: Uint8Array, info: Uint8Array, aad: Uint8Array }} how
 */
export async function open({ pair, from, enc, info, aad }, sealed) {
  const [once, author] = [await publicOf(enc), await publicOf(from)];
  const secrets = [await shared(pair.privateKey, once), await shared(pair.privateKey, author)];
  const { key, nonce } = await schedule(secrets, concat(enc, await pointOf(pair.publicKey), from), info);
  return new Uint8Array(await crypto.subtle.decrypt(gcm(nonce, aad), key, sealed));
}
