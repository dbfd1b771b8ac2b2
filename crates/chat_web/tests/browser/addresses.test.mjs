// Rooms and messages have addresses, in a real Chromium: Back and Forward, links, and the cards of messages that are linked to.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { person, serve, terminal } from './cast.mjs';
import { AXE, axeFindsNothing, enter, say, sees, settled } from './stage.mjs';

const shows = (page, title) => page.waitForFunction((text) => document.querySelector('#title').textContent === text, title);
const hash = (page) => page.evaluate(() => location.hash);

test('rooms are links; Back and Forward go through them', async () => {
  await serve();
  const budi = await terminal('budi');
  const ana = await person('ana');
  await say(ana, '/join #design');
  await shows(ana, '#design');
  assert.equal(await hash(ana), '#design');
  assert.equal(await ana.getAttribute('#rooms .here .room', 'href'), '#design');
  budi.say('/w ana psst');
  await ana.click('#dms .room');
  await shows(ana, '@budi');
  assert.equal(await hash(ana), '#@budi');
  await ana.goBack();
  await shows(ana, '#design');
  await ana.goBack();
  await shows(ana, '#lobby');
  await ana.goForward();
  await shows(ana, '#design');
  await ana.reload();
  await shows(ana, '#design');
  // With a key the browser opens another tab, and this one stays.
  const [tab] = await Promise.all([ana.context().waitForEvent('page'), ana.click('#rooms .room >> nth=0', { modifiers: ['ControlOrMeta'] })]);
  await tab.close();
  await shows(ana, '#design');
  assert.deepEqual(ana.errors, []);
});

test('a link to a message is copied, opens there, and is a card where it is said', async () => {
  await serve();
  const budi = await terminal('budi');
  budi.say('/join #design');
  await budi.hears('OK JOIN');
  for (let i = 1; i <= 150; i += 1) budi.say(`plan ${i}`);
  budi.say('/ping');
  await budi.hears('PONG');
  const ana = await person('ana', { permissions: ['clipboard-read', 'clipboard-write'] });
  await say(ana, '/join #design');
  await sees(ana, 'plan 150');
  await ana.click('.msg:has-text("plan 149") .bubble', { button: 'right' });
  await ana.click('.menu .item:has-text("Copy link")');
  const link = await ana.evaluate(() => navigator.clipboard.readText());
  assert.match(link, /\/#design\/\d+$/);
  const early = link.replace(/\d+$/, (seq) => String(Number(seq) - 146));
  await ana.click('#rooms .room >> nth=0');
  await shows(ana, '#lobby');
  await say(ana, `look: ${early}`);
  await ana.waitForSelector('.msg .card-link');
  assert.match(await ana.textContent('.msg .card-link'), /^budi #design · Today, .*plan 3$/);
  await ana.evaluate(AXE);
  await axeFindsNothing(ana, 'with a card');
  await ana.click('.msg .card-link');
  await ana.waitForFunction(() => document.activeElement.textContent.includes('plan 3'));
  assert.equal(await hash(ana), new URL(early).hash);
  await ana.goBack();
  await shows(ana, '#lobby');
  await settled(ana, 1);

  // Who comes by the link alone stands at the message, in a room that is entered for it.
  const citra = await person('');
  await enter(citra, early, 'citra');
  await shows(citra, '#design');
  await citra.waitForFunction(() => document.activeElement.textContent.includes('plan 3'));
  assert.equal(await hash(citra), new URL(early).hash);
  await citra.evaluate(() => document.querySelector('.skip').click());
  assert.equal(await citra.evaluate(() => document.activeElement.id), 'text');
  await shows(citra, '#design');
  assert.deepEqual([ana.errors, citra.errors], [[], []]);
});
