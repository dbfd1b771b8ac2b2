// Server-sent events in a real Chromium: `EventSource` knows its user by the cookie, and goes on where it was cut off.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ends, person, serve, server, terminal } from './cast.mjs';
import { proxy } from './stage.mjs';

test('EventSource hears what is said, and lacks nothing after a cut', async () => {
  await serve();
  const way = await proxy(server);
  ends.push(way.close);
  const ana = await person('ana', {}, ['ERR_', 'WebSocket'], way.url);
  await ana.evaluate(() => {
    window.heard = [];
    const source = new EventSource('/api/events');
    source.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      window.heard.push(frame.type === 'Message' ? frame.text : frame.type);
    };
  });
  const hears = (words) => ana.waitForFunction((text) => window.heard.includes(text), words);
  const budi = await terminal('budi');
  await hears('Hello');
  budi.say('MSG:before');
  await hears('before');
  way.down(true);
  budi.say('MSG=1:while it was cut off');
  await budi.hears('OK MSG tag=1');
  way.down(false);
  await hears('while it was cut off');
  budi.say('MSG:after');
  await hears('after');
  const heard = await ana.evaluate(() => window.heard);
  assert.deepEqual(heard.filter((word) => /before|while|after/.test(word)), ['before', 'while it was cut off', 'after']);
  assert.equal(heard.filter((word) => word === 'Hello').length, 2);
  assert.deepEqual(ana.errors, []);
});
