// The connection as a pure state machine: step(state, input) gives the next state and what is to be done.
//
// States: idle, connecting (a socket is being opened), hello (open, not greeted), live, waiting (until a time), stopped.
// Nothing in here knows a socket or a clock, so that tests can walk every path.

export const FIRST_WAIT = 300;
export const LONGEST_WAIT = 30_000;
/** How long a socket may take to open and to greet. */
export const OPENING = 10_000;
/** After so much silence a ping goes out, and after so much more the socket counts as dead. */
export const SILENCE = 20_000;
export const PONG = 10_000;

/** Codes after which trying again is in vain, and what to tell (docs/protocol.md, 2.5). */
const FINAL = { 1000: 'left', 1003: 'fault', 1007: 'fault', 1008: 'refused', 1009: 'fault', 4000: 'fault', 4002: 'kicked', 4003: 'banned' };

export const start = () => ({ name: 'idle', attempt: 0, socket: 0, heard: 0, pinged: 0, until: 0, wait: 0, reason: '' });

const connect = (state, now) => {
  const socket = state.socket + 1;
  const next = { ...state, name: 'connecting', socket, heard: now, pinged: 0, until: now + OPENING, wait: 0 };
  return [next, [{ do: 'connect', socket }, { do: 'timer', at: next.until }, { do: 'show' }]];
};

/** Waits, with full jitter, longer after each failure. `random` is in [0, 1). */
const later = (state, now, random, least = 0) => {
  const top = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** state.attempt);
  const until = now + Math.max(least, Math.round(top * (0.5 + random / 2)));
  const next = { ...state, name: 'waiting', attempt: Math.min(state.attempt + 1, 10), until, wait: 0 };
  return [next, [{ do: 'timer', at: until }, { do: 'show' }]];
};

const stop = (state, reason, words = '') => [{ ...state, name: 'stopped', reason, words }, [{ do: 'show' }]];

const isOpen = (state) => ['connecting', 'hello', 'live'].includes(state.name);

export function step(state, input) {
  const { type, now = 0, random = 0 } = input;
  // What a socket of before still has to say counts for nothing.
  if (input.socket !== undefined && (input.socket !== state.socket || !isOpen(state))) return [state, []];
  switch (type) {
    case 'start':
      return state.name === 'idle' || state.name === 'stopped' ? connect({ ...state, attempt: 0, reason: '' }, now) : [state, []];
    case 'open':
      return state.name === 'connecting'
        ? [{ ...state, name: 'hello', heard: now, until: now + OPENING }, [{ do: 'timer', at: now + OPENING }, { do: 'show' }]]
        : [state, []];
    case 'frame': {
      const heard = { ...state, heard: now, pinged: 0 };
      if (input.frame.type === 'Goodbye') return [{ ...heard, wait: input.frame.reconnect_in_ms ?? 0 }, []];
      if (input.frame.type !== 'Hello' || state.name === 'live') return [heard, []];
      const live = { ...heard, name: 'live', attempt: 0, until: now + SILENCE };
      return [live, [{ do: 'greeted' }, { do: 'timer', at: live.until }, { do: 'show' }]];
    }
    case 'close': {
      if (input.code === 4001) return [{ ...state, name: 'stopped', reason: 'signed-out' }, [{ do: 'sign-on' }, { do: 'show' }]];
      if (Object.hasOwn(FINAL, input.code)) return stop(state, FINAL[input.code], input.reason ?? '');
      return later(state, now, random, Math.max(state.wait, input.code === 4008 ? 10_000 : 0));
    }
    case 'tick': {
      if (state.name === 'waiting') return now >= state.until ? connect(state, now) : [state, [{ do: 'timer', at: state.until }]];
      if (state.name === 'connecting' || state.name === 'hello') {
        if (now < state.until) return [state, [{ do: 'timer', at: state.until }]];
        const [next, effects] = later(state, now, random);
        return [next, [{ do: 'close', socket: state.socket }, ...effects]];
      }
      if (state.name !== 'live') return [state, []];
      if (state.pinged && now >= state.pinged + PONG) {
        const [next, effects] = later({ ...state, attempt: 0 }, now, random);
        return [next, [{ do: 'close', socket: state.socket }, ...effects]];
      }
      if (state.pinged) return [state, [{ do: 'timer', at: state.pinged + PONG }]];
      if (now < state.heard + SILENCE) return [state, [{ do: 'timer', at: state.heard + SILENCE }]];
      return [{ ...state, pinged: now }, [{ do: 'ping' }, { do: 'timer', at: now + PONG }]];
    }
    // The network is back, somebody looks at the page again or asks for it: no reason to wait any longer.
    case 'online':
    case 'visible':
    case 'retry':
      if (state.name === 'waiting') return connect({ ...state, attempt: type === 'retry' ? 0 : state.attempt }, now);
      if (state.name === 'live' && !state.pinged) {
        return [{ ...state, pinged: now }, [{ do: 'ping' }, { do: 'timer', at: now + PONG }]];
      }
      return [state, []];
    case 'stop': {
      const effects = isOpen(state) ? [{ do: 'close', socket: state.socket }] : [];
      const [next, more] = stop(state, 'left');
      return [next, [...effects, ...more]];
    }
    default:
      return [state, []];
  }
}
