// Push: this browser is told by the server when the page is closed, where its user wants that.
import * as api from '../api.js';
import { prefs, setPref } from '../prefs.js';
import { language } from '../i18n.js';

/** Whether the browser can be told at all: by HTTPS or on localhost, and on an iPhone from the home screen. */
export const canPush = () => isSecureContext && 'serviceWorker' in navigator && 'PushManager' in globalThis;

/** The policy of the page lets it start this one script beside its own. */
const address = () =>
  globalThis.trustedTypes?.createPolicy('worker', { createScriptURL: () => '/sw.js' }).createScriptURL('') ?? '/sw.js';

/**
 * The worker starts; a click on a notification comes by it.
 * @param {Needs.Push} app
 */
export async function startWorker(app) {
  if (!isSecureContext || !('serviceWorker' in navigator)) return;
  navigator.serviceWorker.addEventListener('message', ({ data }) => {
    if (data?.type !== 'show' || !data.room) return;
    if (data.room.startsWith('@')) app.openDm(data.room.slice(1));
    else app.showFound(data.room, data.seq);
  });
  await navigator.serviceWorker.register(/** @type {string} */ (address())).catch(console.warn);
  await renew(app).catch(console.warn);
}

const bytesOf = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
const isSame = (a, b) => a?.byteLength === b.length && new Uint8Array(a).every((byte, at) => byte === b[at]);

/**
 * Tells the server what is wanted of this browser. The user was asked by the browser before.
 * @param {{ words: boolean, rooms: boolean }} wish
 */
export async function turnOn(wish) {
  const { key } = await api.pushes(),
    worker = await navigator.serviceWorker.ready,
    applicationServerKey = bytesOf(key);
  let own = await worker.pushManager.getSubscription();
  // The server has another key than it had: what was made for the old one is worth nothing.
  if (own && !isSame(own.options.applicationServerKey, applicationServerKey)) {
    await own.unsubscribe();
    own = null;
  }
  own ??= await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  const { number } = await api.keepPush({ ...own.toJSON(), ...wish, lang: language() });
  setPref('push', { number, ...wish });
}

export async function turnOff() {
  const { number } = prefs.push ?? {};
  setPref('push', null);
  if (number) await api.endPush(number).catch(() => {});
  const worker = await navigator.serviceWorker?.getRegistration();
  // What stands there already is not for the next user of the browser.
  for (const note of (await worker?.getNotifications()) ?? []) note.close();
  navigator.clearAppBadge?.().catch(() => {});
  await (await worker?.pushManager.getSubscription())?.unsubscribe();
}

/** At each sign-in: the server may have ended what it had, and the browser may have another address. */
async function renew(app) {
  if (!prefs.push || !app.state.signedIn || !canPush() || Notification.permission !== 'granted') return;
  const { words, rooms } = prefs.push;
  await turnOn({ words, rooms });
}
