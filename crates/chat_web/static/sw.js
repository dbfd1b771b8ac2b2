// The service worker: tells of what came by push, and keeps the files of this version, so that the page starts without
// the network.

// What build.rs puts in: the version of the page's files, and their addresses. A folder (`web_dir`) has neither, and
// nothing is kept.
const VERSION = '';
const FILES = [];
const SHELL = `shell-${VERSION}`;

const WORDS = {
  en: { fresh: 'New message', more: (n) => `${n} new messages`, file: (name) => `File: ${name}` },
  id: { fresh: 'Pesan baru', more: (n) => `${n} pesan baru`, file: (name) => `File: ${name}` },
};

addEventListener('install', (event) => event.waitUntil(fill().then(() => skipWaiting())));
addEventListener('activate', (event) => event.waitUntil(tidy().then(() => clients.claim())));
addEventListener('push', (event) => event.waitUntil(tell(event.data)));
addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(show(event.notification.data ?? {}));
});
addEventListener('fetch', (event) => {
  const { method, mode, url } = event.request,
    { origin, pathname } = new URL(url);
  if (!VERSION || method !== 'GET' || origin !== location.origin) return;
  if (pathname.startsWith('/a/')) event.respondWith(kept(event.request));
  else if (mode === 'navigate' && pathname === '/') event.respondWith(shell(event.request));
});

/* ---- the files of the page ---- */

async function fill() {
  if (!VERSION) return;
  const cache = await caches.open(SHELL);
  await cache.addAll(['/', '/icon.svg', '/manifest.webmanifest', ...FILES]);
}

async function tidy() {
  const old = (await caches.keys()).filter((name) => name.startsWith('shell-') && name !== SHELL);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** A file of a version never changes, whoever asks: browsers name the origin for a script, and not where it is kept. */
async function kept(request) {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request);
}

/** The server is asked each time, so that its page is never an old one; without it the kept one starts. */
async function shell(request) {
  try {
    const response = await fetch(request);
    if (response.status < 500) return response;
  } catch {
    /* no network, or no server */
  }
  const cache = await caches.open(SHELL);
  return (await cache.match('/', { ignoreVary: true })) ?? Response.error();
}

/* ---- pushes ---- */

/** Browsers want a notification for each push; one that shows this message, or a later one of its room, is enough. */
async function tell(data) {
  let push = {};
  try {
    push = data.json();
  } catch {
    /* a push without words is told as one */
  }
  const { room = '', seq = 0, count = 1, unread = 0, from, text, file } = push,
    words = WORDS[push.lang] ?? WORDS.en,
    tag = `chat-${room}`;
  const badge = unread ? navigator.setAppBadge?.(unread).catch(() => {}) : undefined;
  const shown = await registration.getNotifications({ tag });
  if (shown.some((note) => seq && note.data?.seq >= seq)) return badge;
  const news = count > 1 ? words.more(count) : words.fresh;
  const title = from ? `${from}${room.startsWith('@') ? '' : ` #${room}`}` : news;
  const said = file ? words.file(text) : (text ?? '');
  const body = from ? `${said}${count > 1 ? `\n${news}` : ''}` : '';
  await registration.showNotification(title, {
    body,
    tag,
    renotify: true,
    icon: '/icons/192.png',
    lang: push.lang,
    data: { room, seq },
  });
  return badge;
}

/** The page that is open shows the message, or a new one does. */
async function show({ room = '', seq = 0 }) {
  const pages = await clients.matchAll({ type: 'window', includeUncontrolled: true });
  const page = pages.find((one) => new URL(one.url).pathname === '/');
  if (!page) return clients.openWindow(room ? `/#${room}${seq ? `/${seq}` : ''}` : '/');
  await page.focus().catch(() => {});
  return page.postMessage({ type: 'show', room, seq });
}
