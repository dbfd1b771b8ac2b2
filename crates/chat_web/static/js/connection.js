// The live connection: carries out what the link's state machine asks for, and what the store asks for after each frame.

import { app } from './app.js';
import { draw } from './draw.js';
import { signOnAgain } from './entering.js';
import { fill, load, resume } from './history.js';
import * as link from './link.js';
import { lookAround } from './places.js';
import { flush, restorePending } from './sending.js';
import * as store from './store.js';
import { heard, whispered } from './telling.js';
import { decode, encode } from './wire.js';

let socket = null;
let nextRef = 1;
const answers = new Map(); // ref → what is done with the Ack or Error

export function feed(input) {
  const wasLive = app.machine.name === 'live';
  const [next, effects] = link.step(app.machine, { now: Date.now(), random: Math.random(), ...input });
  app.machine = next;
  for (const effect of effects) act(effect);
  if (wasLive && app.machine.name !== 'live') app.views?.toast.announce(app.t('lost'));
  if (!wasLive && app.machine.name === 'live' && app.machine.socket > 1) app.views?.toast.announce(app.t('back'));
}

let timer = 0;
function act(effect) {
  if (effect.do === 'connect') open(effect.socket);
  if (effect.do === 'close') socket?.close();
  if (effect.do === 'ping') send({ type: 'Ping', ref: ref(() => {}) });
  if (effect.do === 'timer') {
    clearTimeout(timer);
    timer = setTimeout(() => feed({ type: 'tick' }), Math.max(0, effect.at - Date.now()) + 5);
  }
  if (effect.do === 'greeted') flush();
  if (effect.do === 'sign-on') signOnAgain();
  if (effect.do === 'show') draw();
}

function open(number) {
  socket?.close();
  const address = new URL('/ws', location.href);
  address.protocol = address.protocol.replace('http', 'ws');
  const mine = new WebSocket(address, 'chat.v1');
  socket = mine;
  mine.addEventListener('open', () => feed({ type: 'open', socket: number }));
  mine.addEventListener('message', (event) => {
    const frame = decode(event.data);
    if (!frame) return;
    feed({ type: 'frame', socket: number, frame });
    if (socket === mine) take(frame);
  });
  mine.addEventListener('close', (event) => feed({ type: 'close', socket: number, code: event.code, reason: event.reason }));
}

export function send(frame) {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(encode(frame));
  return true;
}

export function ref(answer) {
  const number = nextRef;
  nextRef += 1;
  answers.set(number, answer);
  return number;
}

/** Nobody will answer that one. */
export const forget = (number) => answers.delete(number);

/** Sends a frame whose refusal is told to the person. */
export const ask = (frame, done = () => {}) => {
  const number = ref((answer) => (answer.type === 'Error' ? app.views.toast.tell(answer.title) : done(answer)));
  if (send({ ...frame, ref: number })) return;
  answers.delete(number);
  app.views.toast.tell(app.t('lost'));
};

function take(frame) {
  if (frame.type === 'Ack' || frame.type === 'Error' || frame.type === 'Pong') {
    const answer = answers.get(frame.ref);
    answers.delete(frame.ref);
    if (frame.type === 'Ack' && frame.cid) app.outbox.remove(frame.cid);
    const effects = store.take(app.state, frame, Date.now());
    answer?.(frame);
    effects.forEach(carryOut);
    return draw();
  }
  if (frame.type === 'Hello') restorePending();
  if (frame.type === 'Warning') app.views.toast.tell(frame.text);
  if (frame.type === 'Goodbye') app.refused = frame.reason;
  if ((frame.type === 'Message' || frame.type === 'Whisper') && frame.cid) app.outbox.remove(frame.cid);
  for (const effect of store.take(app.state, frame, Date.now())) carryOut(effect);
  if (frame.type === 'Hello') {
    flush();
    lookAround();
  }
  return draw();
}

function carryOut(effect) {
  if (effect.do === 'resume') resume(effect.room);
  if (effect.do === 'load') load(effect.room);
  if (effect.do === 'fill') fill(effect.room, effect.after, effect.to);
  if (effect.do === 'heard') heard(effect.room, effect.message);
  if (effect.do === 'whispered') whispered(effect.dm, effect.message);
}
