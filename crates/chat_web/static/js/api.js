// Api: the REST calls of the page, each with a deadline. An error carries the server's own words, in the language of
// the page.
import { language } from './i18n.js';

/**
 * One call. `body` goes as JSON; `ms`: how long the answer may take.
 * @param {string} path
 * @param {{ method?: string, body?: any, headers?: Record<string, string>, ms?: number }} [how]
 */
export async function call(path, { method = 'GET', body, headers, ms = 10000 } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { 'accept-language': language(), ...(body ? { 'content-type': 'application/json' } : {}), ...headers },
      body: body && JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: AbortSignal.timeout(ms),
    });
  } catch (cause) {
    throw Object.assign(new Error('no answer', { cause }), { status: 0 });
  }
  const text = await response.text();
  let json = null;
  try {
    json = text ? JSON.parse(text) : null;
  } catch {
    /* an answer that is not ours, of a proxy perhaps */
  }
  if (response.ok) return json;
  const words = json?.detail || json?.title || `${response.status} ${response.statusText}`;
  throw Object.assign(new Error(words), { status: response.status, code: json?.code, proposed: json?.try });
}

/**
 * A session whose cookie the browser keeps. Without cookies each call would be without a session, and the name taken:
 * it is ended again.
 */
async function kept(session) {
  try {
    await me();
  } catch (error) {
    if (error.status !== 401) return session;
    await call('/api/me', { method: 'DELETE', headers: { authorization: `Bearer ${session.token}` } }).catch(() => {});
    throw Object.assign(error, { status: 0, code: 'no-cookies' });
  }
  return session;
}

export const signOn = (name) => call('/api/users', { method: 'POST', body: { name } }).then(kept);
export const me = () => call('/api/me');
/** The session's token of now becomes the cookie that this browser comes back by. */
export const keepCookie = (token) =>
  call('/api/me/cookie', { method: 'PUT', headers: { authorization: `Bearer ${token}` } });
export const signOut = () => call('/api/me', { method: 'DELETE' });

/** What the server offers before sign-on: `accounts`, and whether it is `private`. */
export const server = () => call('/api/server');
// A password takes its time, and others may be before one.
export const register = (name, password, code) =>
  call('/api/accounts', { method: 'POST', body: { name, password, ...(code ? { code } : {}) }, ms: 30000 }).then(kept);
export const signIn = (name, password) =>
  call('/api/session', { method: 'POST', body: { name, password }, ms: 30000 }).then(kept);
/** By the cookie of an earlier time. Null where it is worth nothing any more. */
export const comeBack = () =>
  call('/api/session', { method: 'POST' })
    .then(kept)
    .catch((error) => {
      if (error.status !== 401 && error.status !== 501) throw error;
      return null;
    });
export const signOutMember = (everywhere) =>
  call(`/api/session${everywhere ? '?everywhere=true' : ''}`, { method: 'DELETE' });
export const changePassword = (old, fresh) =>
  call('/api/account/password', { method: 'PUT', body: { old, new: fresh }, ms: 30000 });
/** What was said with these words, oldest first; `before` of the answer leads to older ones. */
export function search(words, { room, before } = /** @type {{ room?: string, before?: number }} */ ({})) {
  const query = new URLSearchParams({ q: words });
  if (room) query.set('room', room);
  if (before != null) query.set('before', String(before));
  return call(`/api/search?${query}`);
}

/** The rooms and talks of one's account; a guest has talks alone. */
export const own = (isMember) => call(isMember ? '/api/me/rooms' : '/api/talks');
/** Marks a room or talk of one's account as read. */
export const read = (room, seq) =>
  call(`/api/rooms/${encodeURIComponent(room)}/read`, { method: 'PUT', body: { seq } });
/** What mentioned one, oldest first; `before` of the answer leads to older ones. */
export const mentions = (before = null) => call(`/api/mentions?limit=20${before === null ? '' : `&before=${before}`}`);
/** Which browsers are told by push, and the key that they subscribe for. */
export const pushes = () => call('/api/me/push');
export const keepPush = (subscription) => call('/api/me/push', { method: 'PUT', body: subscription });
export const endPush = (number) => call(`/api/me/push/${number}`, { method: 'DELETE' });

export const rooms = () => call('/api/rooms');
export const users = () => call('/api/users');

/** A page of a room's history: the newest, or before / after a seq. */
export function page(room, of = /** @type {PageOf} */ ({})) {
  const path = pathOf(room, of);
  const soon = early.get(path);
  early.delete(path);
  return soon ? soon.then((answer) => answer ?? call(path)) : call(path);
}

function pathOf(room, { before, after, limit = 50 } = /** @type {PageOf} */ ({})) {
  const query = new URLSearchParams({ limit: String(limit) });
  if (before != null) query.set('before', String(before));
  if (after != null) query.set('after', String(after));
  return `/api/rooms/${encodeURIComponent(room)}/messages?${query}`;
}

/** Pages that were asked for before the conversation was there; each is taken once. */
const early = new Map();
/** Asks for a room's newest page before its view wants it. */
export function ahead(room) {
  const path = pathOf(room);
  early.set(
    path,
    call(path).catch(() => null),
  );
}
