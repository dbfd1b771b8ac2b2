// What stands behind the `#` of an address.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { hashOf, placeAt, placeOf } from '../../static/js/addresses.js';

test('an address names a room, a talk, or a message in one', () => {
  assert.deepEqual(placeOf('#design'), { room: 'design', seq: null });
  assert.deepEqual(placeOf('#design/1043'), { room: 'design', seq: 1043 });
  assert.deepEqual(placeOf('#@budi+citra/7'), { room: '@budi+citra', seq: 7 });
  assert.deepEqual(placeOf('#%40budi'), { room: '@budi', seq: null });
  assert.deepEqual(placeOf(''), { room: 'lobby', seq: null });
  for (const none of ['#join=abc', '#a b', '#@', '#@bu di', '#design/', '#design/x', '#design/1/2', '#%', '#design/9999999999999999']) assert.equal(placeOf(none), null, none);
});

test('the way there and back', () => {
  for (const [room, seq] of [['lobby', null], ['lobby', 3], ['design', null], ['@budi', 12]]) assert.deepEqual(placeOf(hashOf(room, seq)), { room, seq });
  assert.equal(hashOf('lobby'), '');
});

test('a link is to this page only where all in front of the # is its own address', () => {
  const here = 'https://chat.example/';
  assert.deepEqual(placeAt('https://chat.example/#tea/4', here), { room: 'tea', seq: 4 });
  for (const other of ['https://chat.example.evil/#tea/4', 'https://chat.example/x#tea/4', 'https://chat.example/', 'http://chat.example/#tea']) assert.equal(placeAt(other, here), null, other);
});
