// Which messages belong together by what they answer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as merge from '../../static/js/merge.js';
import { answersTo } from '../../static/js/threads.js';

const say = (tl, seq, reply_to = null) => merge.addEvent(tl, { type: 'Message', room: 'lobby', seq, id: `${seq}`, from: { name: 'ana' }, at: '2026-11-30T10:00:00Z', text: 'x', reply_to, reactions: {} });

test('a thread is a message and all that answers it, at whatever depth, in order', () => {
  const tl = merge.timeline();
  for (const [seq, to] of [[1], [2], [3, 1], [4, 3], [5, 2], [6]]) say(tl, seq, to);
  const { roots, threads } = answersTo(tl);
  assert.deepEqual([...threads], [[1, [1, 3, 4]], [2, [2, 5]]]);
  assert.deepEqual([...roots], [[3, 1], [4, 1], [5, 2]]);
  assert.equal(answersTo(tl), answersTo(tl), 'it is counted once');
  say(tl, 7, 4);
  assert.deepEqual(answersTo(tl).threads.get(1), [1, 3, 4, 7]);
});

test('answers to what is not in memory are a thread without its beginning, until it is paged in', () => {
  const tl = merge.timeline();
  say(tl, 8, 2);
  assert.deepEqual(answersTo(tl).threads.get(2), [8]);
  say(tl, 2);
  assert.deepEqual(answersTo(tl).threads.get(2), [2, 8]);
});
