// Addresses: what stands behind the `#` of an address: a room, a direct talk, a message in one of them.
import { isName, isRoom } from './names.js';

/**
 * The place that an address names: `#design`, `#design/1043`, `#@budi+citra/7`; nothing is the lobby. Null for what is
 * none.
 * @param {string} hash
 * @returns {Place | null}
 */
export function placeOf(hash) {
  let text;
  try {
    text = decodeURIComponent(hash.replace(/^#/, ''));
  } catch {
    return null;
  }
  const [, room, seq] = /^([^/]*)(?:\/(\d{1,15}))?$/.exec(text) ?? [];
  if (room === undefined) return null;
  const isTalk = room.startsWith('@') && room.slice(1).split('+').every(isName);
  return isTalk || isRoom(room) || !text ? { room: room || 'lobby', seq: seq ? Number(seq) : null } : null;
}

/** The other way round. The lobby needs none. */
export const hashOf = (room, seq = null) => (seq === null ? (room === 'lobby' ? '' : `#${room}`) : `#${room}/${seq}`);

/**
 * The place that a link to this page leads to, or null. `here` is the page's own address, without what is behind `#`.
 * @param {string} href
 * @param {string} here
 */
export function placeAt(href, here) {
  const cut = href.indexOf('#');
  return cut > 0 && href.slice(0, cut) === here ? placeOf(href.slice(cut)) : null;
}
