// Moderation: what an operator does with a user. The server says who is one, and decides again.
import { now } from './time.js';

/** The word of an action by its command. */
const DID = {
  op: 'op',
  deop: 'deop',
  voice: 'voice',
  devoice: 'devoice',
  kick: 'kicked',
  mute: 'muted',
  unmute: 'unmuted',
  ban: 'banned',
  unban: 'unbanned',
};

/** @param {Needs.Moderation} app */
export const moderation = (app) => ({
  /** The server tells the other users; this user sees the same text. `room`: null is everywhere. */
  async deed(verb, room, name, { time = '', seconds = null, reason = '' } = {}) {
    const where = room === null ? '*' : `#${room}`;
    await app.order([`/${verb}`, where, name, time, reason].filter(Boolean).join(' '));
    const named = !/[.:/]/.test(name);
    app.take({
      type: 'Moderated',
      room,
      what: DID[verb],
      user: named ? { name } : null,
      by: app.state.me.name,
      seconds,
      reason: reason || null,
      at: new Date(now()).toISOString(),
      text: '',
    });
  },
});
