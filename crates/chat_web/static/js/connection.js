// Connection: the socket under link.js. Carries out its effects, and brings each answer to who asked.
import * as link from './link.js';
import { refusal, t } from './i18n.js';
import { prefs } from './prefs.js';
import { decode, encode } from './wire.js';

/**
 * `on`: what the page does at each turn of the line.
 * @param {{
 *   changed: () => void, hello: (frame: Frame) => void, up: () => void, down: () => void, signOn: () => void,
 *   frame: (frame: Frame) => void, unasked: (frame: Frame) => void, safely: (act: () => void) => void,
 * }} on
 * @returns {Connection}
 */
export function connection(on) {
  let line = link.start();
  /** @type {WebSocket | null} */
  let socket = null;
  let timer = 0;
  let ref = 0;
  /** @type {Map<number, { good: (ack: Frame) => void, bad: (error: Refusal) => void }>} */
  const asked = new Map();

  function feed(input) {
    const before = line.at;
    const [next, effects] = link.step(line, { now: performance.now(), rand: Math.random(), ...input });
    line = next;
    for (const effect of effects) on.safely(() => EFFECTS[effect.do](effect));
    if (before !== line.at) on.changed();
  }

  const EFFECTS = {
    connect() {
      const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
      const lang = prefs.lang === 'auto' ? '' : `?lang=${prefs.lang}`;
      const mine = (socket = new WebSocket(`${scheme}://${location.host}/ws${lang}`, 'chat.v1'));
      mine.onopen = () => mine === socket && feed({ type: 'open' });
      mine.onclose = (e) => {
        if (mine !== socket) return;
        socket = null;
        feed({ type: 'close', code: e.code, reason: e.reason });
      };
      mine.onmessage = (e) => {
        if (mine === socket) incoming(e.data);
      };
    },
    close() {
      const old = socket;
      socket = null;
      old?.close();
    },
    send: ({ frame }) => send(frame),
    schedule({ ms }) {
      clearTimeout(timer);
      timer = setTimeout(() => feed({ type: 'tick' }), ms);
    },
    unschedule: () => clearTimeout(timer),
    hello: ({ frame }) => on.hello(frame),
    up: () => on.up(),
    down() {
      on.down();
      const cut = [...asked.values()];
      asked.clear();
      for (const { bad } of cut) bad({ title: t('needsLine'), cut: true });
    },
    'sign-on': () => on.signOn(),
  };

  function incoming(data) {
    const frame = decode(data);
    if (!frame) return;
    feed({ type: 'frame', frame });
    if (frame.type === 'Ack' || frame.type === 'Error') return answered(frame);
    if (!['Hello', 'Resumed', 'Pong'].includes(frame.type)) on.frame(frame);
  }

  function answered(frame) {
    if (frame.title) frame.title = refusal(frame);
    const pending = asked.get(frame.ref);
    if (!pending) return on.unasked(frame);
    asked.delete(frame.ref);
    pending[frame.type === 'Ack' ? 'good' : 'bad'](frame);
  }

  function send(frame) {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    if (line.at !== 'live' && frame.type !== 'Resume' && frame.type !== 'Ping') return false;
    socket.send(encode(frame));
    return true;
  }

  return {
    feed,
    send,
    /**
     * Sends with a ref; exactly one Ack or Error comes back, or the line is cut. Answers the ref, or 0 where nothing
     * went.
     */
    ask: (frame, good, bad) => {
      if (!send({ ...frame, ref: ++ref })) return 0;
      asked.set(ref, { good, bad });
      return ref;
    },
    line: () => line,
    isLive: () => line.at === 'live',
    pause: () => clearTimeout(timer),
  };
}
