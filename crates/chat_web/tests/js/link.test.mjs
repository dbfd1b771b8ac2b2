// The connection's state machine: each state by a table, and random lives: never two sockets, never stuck without a timer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { T, backoff, start, step } from '../../static/js/link.js';
import { dice } from './dice.mjs';

/** Plays inputs, from a state; answers the state and the names of the last effects. */
function play(inputs, state = start()) {
  let effects = [];
  for (const input of inputs) [state, effects] = step(state, { now: 0, rand: 0.5, ...input });
  return { state, did: effects.map((effect) => effect.do), effects };
}
const HELLO = { type: 'frame', frame: { type: 'Hello' } }, RESUMED = { type: 'frame', frame: { type: 'Resumed' } };
const LIVE = [{ type: 'start' }, { type: 'open' }, HELLO, RESUMED];
const live = () => play(LIVE).state;

test('a step from each state', () => {
  const table = [
    [[{ type: 'start' }], 'connecting', ['connect', 'schedule']],
    [LIVE.slice(0, 2), 'hello', ['schedule']],
    [LIVE.slice(0, 3), 'resuming', ['hello', 'schedule']],
    [LIVE, 'live', ['up', 'schedule']],
    [[...LIVE, { type: 'tick' }], 'live', ['send', 'schedule']],
    [[...LIVE, { type: 'tick' }, { type: 'tick' }], 'waiting', ['close', 'schedule', 'down']],
    [[...LIVE, { type: 'tick' }, { type: 'frame', frame: { type: 'Pong' } }], 'live', ['schedule']],
    [[...LIVE, { type: 'visible' }], 'live', ['send', 'schedule']],
    [[...LIVE, { type: 'visible', slept: true }, { type: 'tick', now: T.woken }], 'waiting', ['close', 'schedule', 'down']],
    [[...LIVE, { type: 'tick', now: T.quiet }, { type: 'visible', slept: true, now: T.quiet }, { type: 'tick', now: T.quiet + T.woken }], 'waiting', ['close', 'schedule', 'down']],
    [[{ type: 'start' }, { type: 'tick' }], 'waiting', ['close', 'schedule']],
    [[...LIVE.slice(0, 2), { type: 'tick' }], 'waiting', ['close', 'schedule']],
    [[...LIVE.slice(0, 3), { type: 'tick' }], 'waiting', ['close', 'schedule']],
    [[...LIVE, { type: 'close', code: 1006 }], 'waiting', ['schedule', 'down']],
    [[...LIVE, { type: 'close', code: 1006 }, { type: 'tick' }], 'connecting', ['connect', 'schedule']],
    [[...LIVE, { type: 'close', code: 1006 }, { type: 'online' }], 'connecting', ['connect', 'schedule']],
    [[...LIVE, { type: 'close', code: 1006 }, { type: 'retry' }], 'connecting', ['connect', 'schedule']],
    [[...LIVE, { type: 'close', code: 1006 }, { type: 'visible' }], 'connecting', ['connect', 'schedule']],
    [[...LIVE, { type: 'close', code: 4001 }], 'signing', ['down', 'sign-on', 'schedule']],
    [[...LIVE, { type: 'close', code: 4001 }, { type: 'signed' }], 'connecting', ['connect', 'schedule']],
    [[...LIVE, { type: 'close', code: 4001 }, { type: 'sign-failed' }], 'waiting', ['schedule']],
    [[...LIVE, { type: 'close', code: 4001 }, { type: 'tick' }], 'waiting', ['schedule']],
    [[...LIVE, { type: 'close', code: 4001 }, { type: 'sign-failed', final: true }], 'stopped', ['unschedule']],
    [[...LIVE, { type: 'stop' }], 'stopped', ['close', 'unschedule', 'down']],
    [[...LIVE, { type: 'stop' }, { type: 'start' }], 'connecting', ['connect', 'schedule']],
  ];
  for (const [inputs, at, did] of table) {
    const end = play(inputs);
    assert.deepEqual([end.state.at, end.did], [at, did], JSON.stringify(inputs.slice(3)));
  }
});

test('a connection that is refused looks at the session at once, and only once before it waits', () => {
  const refused = [{ type: 'start' }, { type: 'close', code: 1006 }];
  for (let attempt = 0; attempt < 6; attempt += 1) {
    // Each attempt before this one was not answered at all.
    const waited = Array(attempt).fill([{ type: 'tick' }, { type: 'tick' }]).flat();
    const end = play([{ type: 'start' }, ...waited, { type: 'close', code: 1006 }]);
    assert.deepEqual([end.state.at, end.state.attempt], ['signing', attempt]);
  }
  for (const code of [1006, 4001]) {
    const again = play([...refused, { type: 'signed' }, { type: 'close', code }]);
    assert.deepEqual([again.state.at, again.did], ['waiting', ['schedule']], 'the session was good, the way is not');
    assert.equal(play([{ type: 'tick' }, { type: 'close', code }], again.state).state.at, 'signing');
  }
  const back = play([...refused, { type: 'signed' }, ...LIVE.slice(1)]).state;
  assert.equal(play([{ type: 'close', code: 4001 }], back).state.at, 'signing', 'a line that lived begins anew');
});

test('why a socket closes says what happens next', () => {
  const after = (code, promised) => play([...(promised ? [{ type: 'frame', frame: { type: 'Goodbye', reconnect_in_ms: promised } }] : []), { type: 'close', code, reason: 'why' }], live()).state;
  for (const [code, reason] of [[1000, 'left'], [1003, 'bug'], [1007, 'bug'], [1009, 'bug'], [4000, 'bug'], [4002, 'kicked'], [4003, 'banned']]) {
    assert.deepEqual([after(code).at, after(code).reason, after(code).text, after(code).due], ['stopped', reason, 'why', 0], code);
  }
  for (const code of [1001, 1006, 1011, 4009, 4010, 4999]) assert.equal(after(code).at, 'waiting', code);
  assert.equal(after(1012, 4200).due, 4200);
  assert.ok(after(1012).due >= 1500 && after(1013).due >= 3000);
  assert.ok(after(4008).due >= 10000);
  assert.equal(play([{ type: 'online' }], after(4008)).state.at, 'waiting', 'who sent too much does wait');
  assert.equal(play([{ type: 'retry' }], after(4008)).state.at, 'connecting', 'unless a person says otherwise');
});

test('waits grow to half a minute, spread out, and a greeting begins anew', () => {
  for (let attempt = 0; attempt < 40; attempt += 1) for (const rand of [0, 0.5, 0.999]) assert.ok(backoff(attempt, rand) >= T.first && backoff(attempt, rand) <= T.most);
  assert.ok(backoff(8, 0.9) > backoff(3, 0.9) && backoff(8, 0.1) < backoff(8, 0.9));
  let state = live();
  for (let i = 0; i < 6; i += 1) ({ state } = play([{ type: 'close', code: 1006 }, { type: 'retry' }, { type: 'open' }], state));
  assert.ok(state.attempt >= 6);
  assert.equal(play([HELLO, RESUMED], state).state.attempt, 0);
});

test('the time is up when the timer says so, whatever a clock that was set says', () => {
  for (const jump of [-3600e3, 0, 3600e3]) {
    const now = 1e9 + jump;
    assert.equal(play([{ type: 'tick', now }], play([...LIVE, { type: 'close', code: 1006, now: 1e9 }]).state).state.at, 'connecting', 'it connects again');
    assert.equal(play([{ type: 'tick', now }], play([{ type: 'start', now: 1e9 }]).state).state.at, 'waiting', 'a connection that does not come is given up');
    assert.deepEqual(play([{ type: 'tick', now }], live()).did, ['send', 'schedule'], 'a silent server is asked');
  }
});

test('never two sockets, never stuck without a timer', () => {
  const kinds = ['start', 'open', 'hello', 'resumed', 'pong', 'goodbye', 'close', 'close', 'tick', 'tick', 'online', 'visible', 'retry', 'signed', 'sign-failed', 'stop'];
  for (let seed = 1; seed <= 2000; seed += 1) {
    const chance = dice(seed);
    let state = start(), now = 0, sockets = 0, timer = null, down = 0, up = 0;
    for (let i = 0; i < 60; i += 1) {
      now += chance.below(12000);
      const kind = chance.pick(kinds);
      if ((kind === 'open' || kind === 'close' || ['hello', 'resumed', 'pong', 'goodbye'].includes(kind)) && !sockets) continue;
      const input = { now, rand: chance.next(), type: kind };
      if (kind === 'close') { Object.assign(input, { code: chance.pick([1000, 1001, 1006, 1011, 1012, 1013, 4000, 4001, 4002, 4008, 4009, 4010]) }); sockets = 0; }
      const frame = { hello: { type: 'Hello' }, resumed: { type: 'Resumed' }, pong: { type: 'Pong' }, goodbye: { type: 'Goodbye', reconnect_in_ms: 500 } }[kind];
      if (frame) Object.assign(input, { type: 'frame', frame });
      const [next, effects] = step(state, input);
      state = next;
      for (const effect of effects) {
        if (effect.do === 'connect') { sockets += 1; assert.equal(sockets, 1, `seed ${seed}: two sockets`); }
        if (effect.do === 'close') { assert.equal(sockets, 1, `seed ${seed}: closes what is there`); sockets = 0; }
        if (effect.do === 'send') assert.equal(sockets, 1, `seed ${seed}: sends on a socket`);
        if (effect.do === 'schedule') { assert.ok(effect.ms >= 0, `seed ${seed}: a timer in the past`); timer = now + effect.ms; }
        if (effect.do === 'unschedule') timer = null;
        if (effect.do === 'up') up += 1;
        if (effect.do === 'down') down += 1;
      }
      if (kind === 'tick' && timer !== null && timer <= now && !effects.some((effect) => effect.do === 'schedule') && !['stopped', 'idle'].includes(state.at)) assert.fail(`seed ${seed}: a tick that nothing follows in ${state.at}`);
      if (!['idle', 'stopped'].includes(state.at)) assert.ok(timer !== null && state.due > 0, `seed ${seed}: ${state.at} without a timer`);
      else assert.equal(sockets, 0, `seed ${seed}: ${state.at} with a socket`);
      assert.equal(state.socket, sockets === 1, `seed ${seed}: it knows of its socket`);
      assert.ok(up - down === (state.at === 'live' ? 1 : 0), `seed ${seed}: up and down take turns`);
    }
  }
});
