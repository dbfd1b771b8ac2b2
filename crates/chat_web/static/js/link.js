// Link: the connection's state machine. step(state, input) -> [state, effects]; no clock, no socket, no dice in here.
//
//   idle -> connecting -> hello -> resuming -> live
//             ^  signing (a session is needed)    |
//             +---------- waiting <---------------+        stopped: only a person gets us out of it
//
// Effects: {do:'connect'}, {do:'close'}, {do:'send', frame}, {do:'schedule', ms}, {do:'unschedule'}, {do:'sign-on'},
// {do:'hello', frame},
// {do:'up'}, {do:'down'}. There is one timer: a new `schedule` takes the place of the old one, and `tick` says that its
// time is up. No
// clock is asked whether it is. Inputs carry `now` (performance.now()) for `due` alone, which the banner counts down
// to.
// `asked`: the session was looked at since the last wait: at the first failure, and once for each attempt.

export const T = {
  connect: 10000,
  hello: 10000,
  resume: 15000,
  quiet: 20000,
  pong: 10000,
  woken: 2500,
  sign: 15000,
  first: 300,
  most: 30000,
};

export const start = () => ({ at: 'idle', attempt: 0, due: 0, socket: false, asked: false });

const STOP = { 1000: 'left', 1003: 'bug', 1007: 'bug', 1009: 'bug', 4000: 'bug', 4002: 'kicked', 4003: 'banned' };

/** Full jitter, at most twice as long at each attempt: clients that were cut together do not come back together. */
export function backoff(attempt, rand) {
  const top = Math.min(T.most, T.first * 2 ** Math.min(attempt, 10));
  return Math.round(T.first + rand * Math.max(0, top - T.first));
}

export function step(state, input) {
  const { now } = input;
  const go = (at, changes, effects = []) => [{ ...state, at, ...changes }, effects];
  const due = (ms) => ({ do: 'schedule', ms });
  const connect = (changes = {}) =>
    go('connecting', { ...changes, due: now + T.connect, socket: true, ping: false, promised: 0 }, [
      { do: 'connect' },
      due(T.connect),
    ]);
  const wait = (ms, changes = {}) => {
    /** @type {Effect[]} */
    const effects = [due(ms)];
    if (state.socket) effects.unshift({ do: 'close' });
    if (up(state)) effects.push({ do: 'down' });
    return go(
      'waiting',
      { due: now + ms, attempt: state.attempt + 1, socket: false, asked: false, ...changes },
      effects,
    );
  };
  const ping = (ms) =>
    go('live', { ping: true, due: now + ms }, [{ do: 'send', frame: { type: 'Ping', ref: 0 } }, due(ms)]);
  const stop = (reason, text) =>
    go('stopped', { socket: false, due: 0, reason, text }, [
      ...(state.socket ? [{ do: 'close' }] : []),
      { do: 'unschedule' },
      ...(up(state) ? [{ do: 'down' }] : []),
    ]);
  const sign = () =>
    go('signing', { socket: false, asked: true, due: now + T.sign }, [
      ...(state.socket ? [{ do: 'close' }] : []),
      ...(up(state) ? [{ do: 'down' }] : []),
      { do: 'sign-on' },
      due(T.sign),
    ]);

  switch (input.type) {
    case 'start':
      return state.at === 'idle' || state.at === 'stopped' ? connect({ attempt: 0, asked: false }) : [state, []];
    case 'stop':
      return stop('left', '');
    case 'signed':
      return state.at === 'signing' ? connect() : [state, []];
    case 'sign-failed':
      return state.at === 'signing'
        ? input.final
          ? stop('sign-on', input.text)
          : wait(backoff(state.attempt, input.rand))
        : [state, []];
    case 'open':
      return state.at === 'connecting' ? go('hello', { due: now + T.hello }, [due(T.hello)]) : [state, []];
    case 'frame':
      return frame(input.frame);
    case 'close':
      return state.socket ? closed(input.code, input.reason) : [state, []];
    case 'retry':
    case 'online':
      return state.at === 'waiting' && (input.type === 'retry' || !state.held) ? connect() : [state, []];
    case 'visible':
      // A laptop that slept has a socket that only looks open: ask at once.
      if (state.at === 'waiting' && !state.held) return connect();
      return state.at === 'live' && (!state.ping || input.slept) ? ping(input.slept ? T.woken : T.pong) : [state, []];
    case 'tick':
      return tick();
    default:
      return [state, []];
  }

  function frame(f) {
    if (!state.socket) return [state, []];
    if (f.type === 'Goodbye') return go(state.at, { promised: f.reconnect_in_ms ?? 0 });
    if (f.type === 'Hello' && (state.at === 'hello' || state.at === 'connecting'))
      return go('resuming', { due: now + T.resume }, [{ do: 'hello', frame: f }, due(T.resume)]);
    if (f.type === 'Resumed' && state.at === 'resuming')
      return go('live', { attempt: 0, asked: false, ping: false, due: now + T.quiet }, [{ do: 'up' }, due(T.quiet)]);
    if (state.at === 'live') return go('live', { ping: false, due: now + T.quiet }, [due(T.quiet)]);
    return [state, []];
  }

  function tick() {
    switch (state.at) {
      case 'live':
        if (state.ping) return wait(T.first);
        return ping(T.pong);
      case 'waiting':
        return connect({ held: false });
      case 'idle':
      case 'stopped':
        return [state, []];
      default:
        return wait(backoff(state.attempt, input.rand));
    }
  }

  function closed(code, reason) {
    state = { ...state, socket: false };
    if (STOP[code]) return stop(STOP[code], reason);
    const back = backoff(state.attempt, input.rand);
    switch (code) {
      case 4001:
        return state.asked ? wait(back) : sign();
      case 4008:
        return wait(Math.max(10000, back), { held: true });
      case 1012:
      case 1013:
        return wait(Math.max(state.promised || (code === 1013 ? 3000 : 1500), back), { held: code === 1013 });
      // A socket that never opened may have been refused for want of a session: the browser does not say why.
      default:
        return state.at === 'connecting' && !state.asked ? sign() : wait(Math.max(back, state.promised || 0));
    }
  }
}

const up = (state) => state.at === 'live';
