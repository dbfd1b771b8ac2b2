// Passwords and keys on the page: asked for in a field of their own, said to no user, kept in no draft; and the session's new token.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { person, serve, server, terminal } from './cast.mjs';
import { WAIT, isLive, say, sees } from './stage.mjs';

const KEY = 'a-key-of-the-house';

test('what asks for a key asks in a field of its own; the other tab follows, and a reload finds the session', async () => {
  await serve({ key: KEY });
  const watch = await terminal('watch'), ana = await person('ana');
  const tab = await ana.context().newPage();
  await tab.goto(server.url);
  await isLive(tab);
  const before = await ana.context().cookies();
  await say(ana, '/oper');
  await ana.waitForSelector('#asked[open] input[type=password]:focus');
  await ana.keyboard.type(KEY);
  await ana.keyboard.press('Enter');
  await ana.waitForSelector('#asked:not([open])', { state: 'attached' });
  await ana.waitForFunction(() => !document.querySelector('#asked input'));
  // The browser has another cookie, and both tabs are in by it.
  const value = async () => (await ana.context().cookies()).find((one) => one.name.endsWith('_chat_session')).value;
  const end = Date.now() + WAIT;
  while (await value() === before.find((one) => one.name.endsWith('_chat_session')).value) { assert.ok(Date.now() < end, 'the cookie of before'); await ana.waitForTimeout(20); }
  await say(ana, 'by the new one');
  await sees(tab, 'by the new one');
  await isLive(tab);
  await ana.reload();
  await isLive(ana);
  await watch.hears('by the new one');
  assert.ok(!watch.lines.some((line) => line.includes(KEY)));
});

test('a line with a password is kept in no draft, and never said with others', async () => {
  await serve({ key: KEY });
  const watch = await terminal('watch'), budi = await person('budi');
  const field = budi.locator('#text');
  await field.fill('/login budi correct-horse');
  await budi.waitForTimeout(400);
  assert.equal(await budi.evaluate(() => JSON.stringify(localStorage).includes('correct-horse')), false);
  await field.fill('hello\n/login budi correct-horse');
  await field.press('Enter');
  await budi.waitForSelector('.toast');
  assert.match(await field.inputValue(), /correct-horse/);
  await field.fill('OPER:wrong-key');
  await field.press('Enter');
  await budi.waitForFunction(() => document.querySelector('#messages').textContent.includes('not the operator key'));
  await field.fill('/ping');
  await field.press('Enter');
  await budi.waitForFunction(() => document.querySelector('#messages').textContent.includes('/ping'));
  await say(budi, 'that was all');
  await watch.hears('that was all');
  assert.deepEqual(watch.lines.filter((line) => / MSG .*(correct-horse|wrong-key|ping)/.test(line)), []);
});
