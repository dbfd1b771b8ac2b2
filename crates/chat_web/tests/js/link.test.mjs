// The connection's state machine: each step from a table, and long walks by chance.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as link from '../../static/js/link.js';
import { dice } from './dice.mjs';

const run = (inputs) => {
  let state = link.start();
  let effects = [];
  for (const input of inputs) [state, effects] = link.step(state, { random: 0.5, ...input });
  return { state, done: effects.map((effect) => effect.do) };
};
const up = [{ type: 'start', now: 0 }, { type: 'open', socket: 1, now: 10 }, { type: 'frame', socket: 1, now: 20, frame: { type: 'Hello' } }];

test('a step from each state', () => {
  const table = [
    [[], 'idle', []],
    [up.slice(0, 1), 'connecting', ['connect', 'timer', 'show']],
    [up.slice(0, 2), 'hello', ['timer', 'show']],
    [up, 'live', ['greeted', 'timer', 'show']],
    [[...up, { type: 'start', now: 30 }], 'live', []],
    [[...up, { type: 'close', socket: 1, code: 1006, now: 30 }], 'waiting', ['timer', 'show']],
    [[...up, { type: 'close', socket: 1, code: 4001, now: 30 }], 'stopped', ['sign-on', 'show']],
    [[...up, { type: 'close', socket: 1, code: 4002, now: 30 }], 'stopped', ['show']],
    [[...up, { type: 'close', socket: 7, code: 1006, now: 30 }], 'live', []],
    [[...up, { type: 'close', socket: 1, code: 1006, now: 30 }, { type: 'online', now: 40 }], 'connecting', ['connect', 'timer', 'show']],
    [[...up, { type: 'close', socket: 1, code: 1006, now: 30 }, { type: 'tick', now: 40 }], 'waiting', ['timer']],
    [[...up, { type: 'close', socket: 1, code: 1006, now: 30 }, { type: 'tick', now: 9_000 }], 'connecting', ['connect', 'timer', 'show']],
    [[...up, { type: 'tick', now: 100 }], 'live', ['timer']],
    [[...up, { type: 'tick', now: 20_100 }], 'live', ['ping', 'timer']],
    [[...up, { type: 'tick', now: 20_100 }, { type: 'frame', socket: 1, now: 20_200, frame: { type: 'Pong' } }, { type: 'tick', now: 31_000 }], 'live', ['timer']],
    [[...up, { type: 'tick', now: 20_100 }, { type: 'tick', now: 31_000 }], 'waiting', ['close', 'timer', 'show']],
    [[...up, { type: 'visible', now: 50 }], 'live', ['ping', 'timer']],
    [[...up.slice(0, 1), { type: 'tick', now: 11_000 }], 'waiting', ['close', 'timer', 'show']],
    [[...up, { type: 'stop', now: 40 }], 'stopped', ['close', 'show']],
    [[...up, { type: 'stop', now: 40 }, { type: 'start', now: 50 }], 'connecting', ['connect', 'timer', 'show']],
    [[...up, { type: 'nonsense' }], 'live', []],
  ];
  for (const [inputs, name, done] of table) {
    const ended = run(inputs);
    assert.deepEqual([ended.state.name, ended.done], [name, done], JSON.stringify(inputs.at(-1)));
  }
});

test('it waits as long as the server asked, and longer after a flood', () => {
  const said = run([...up, { type: 'frame', socket: 1, now: 30, frame: { type: 'Goodbye', reconnect_in_ms: 5_000 } }, { type: 'close', socket: 1, code: 1012, now: 40 }]);
  assert.ok(said.state.until >= 5_040);
  assert.ok(run([...up, { type: 'close', socket: 1, code: 4008, now: 40 }]).state.until >= 10_040);
});

test('waits grow to half a minute, and a greeting begins anew', () => {
  let [state] = link.step(link.start(), { type: 'start', now: 0 });
  let last = 0;
  for (let i = 0; i < 12; i += 1) {
    [state] = link.step(state, { type: 'close', socket: state.socket, code: 1006, now: 0, random: 0.999 });
    last = state.until;
    [state] = link.step(state, { type: 'retry', now: 0 });
    [state] = link.step({ ...state, attempt: i + 1 }, { type: 'online', now: 0 });
  }
  assert.ok(last > 20_000 && last <= link.LONGEST_WAIT, `${last}`);
});

test('never two sockets, never stuck without a timer', () => {
  for (let seed = 1; seed <= 2_000; seed += 1) {
    const chance = dice(seed);
    let state = link.start();
    let open = null;
    let timer = null;
    let now = 0;
    for (let i = 0; i < 80; i += 1) {
      now += chance.below(15_000);
      const socket = chance.next() < 0.8 ? state.socket : Math.max(0, state.socket - 1);
      const type = chance.pick(['start', 'open', 'frame', 'frame', 'close', 'tick', 'tick', 'online', 'visible', 'retry', ...(chance.next() < 0.03 ? ['stop'] : [])]);
      const input = { type, now, random: chance.next() };
      if (['open', 'frame', 'close'].includes(type)) input.socket = socket;
      if (type === 'frame') input.frame = chance.pick([{ type: 'Hello' }, { type: 'Pong' }, { type: 'Message' }, { type: 'Goodbye', reconnect_in_ms: 100 }]);
      if (type === 'close') input.code = chance.pick([1001, 1006, 1006, 1012, 4009, ...(chance.next() < 0.1 ? [4001, 4002] : [])]);
      const [next, effects] = link.step(state, input);
      if (type === 'close' && input.socket === open) open = null;
      for (const effect of effects) {
        if (effect.do === 'close') open = null;
        if (effect.do === 'connect') {
          assert.equal(open, null, `seed ${seed}, step ${i}: a second socket`);
          open = effect.socket;
        }
        if (effect.do === 'timer') timer = effect.at;
      }
      state = next;
      if (!['idle', 'stopped'].includes(state.name)) {
        assert.notEqual(timer, null, `seed ${seed}, step ${i}: no timer in ${state.name}`);
        // A timer that is over is asked for again by the tick it brings.
        if (timer <= now) {
          const [after, more] = link.step(state, { type: 'tick', now, random: 0.5 });
          const moved = more.some((effect) => effect.do === 'timer') || after.name === 'stopped';
          assert.ok(moved, `seed ${seed}, step ${i}: stuck in ${state.name}`);
        }
      }
    }
  }
});
