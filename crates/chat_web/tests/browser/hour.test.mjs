// An hour of twenty users, shortened: six in the page and fourteen in telnet's door talk, answer, correct, react, send pictures, go from
// room to room, are cut and come back. In the end all have read the same, in the same order, once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ends } from './cast.mjs';
import { directory, lines, register, serveFrom, visitor } from './members.mjs';
import { AXE, axeFindsNothing, isLive, proxy, say, sees } from './stage.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 150);
const IN_PAGE = ['ana', 'bela', 'citra', 'dewi', 'eka', 'fajar'];
const BY_LINE = ['gita', 'hadi', 'indah', 'joko', 'kiki', 'lia', 'maya', 'nina', 'oki', 'putri', 'rama', 'sari', 'tono', 'umi'];
const LOOKS = [{}, { locale: 'id-ID' }, { colorScheme: 'dark' }, { viewport: { width: 390, height: 844 }, hasTouch: true }, {}, { reducedMotion: 'reduce' }];
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAD0lEQVR4nGP4z8DA8J8BAAf/Af8Bf4mnAAAAAElFTkSuQmCC', 'base64');
const SEED = Number(process.env.SEED ?? 19);

/** The same hour for the same seed: a small generator (mulberry32). */
function dice(seed) {
  let state = seed;
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * sides);
  };
}

const room = (page) => page.evaluate(() => document.querySelector('#title').textContent);
const enterRoom = async (page, name) => {
  await say(page, `/join ${name}`);
  await page.waitForFunction((wanted) => document.querySelector('#title').textContent === wanted, name);
};

test(`an hour of twenty users (seed ${SEED})`, { timeout: 300_000 }, async () => {
  const roll = dice(SEED);
  const server = await serveFrom(directory(), { flags: ['--max-per-address', '0'] });
  const users = [];
  for (const [at, name] of IN_PAGE.entries()) {
    const line = await proxy(server);
    ends.push(line.close);
    const page = await visitor(['WebSocket', 'ERR_', 'Failed to fetch', '401', '502', 'no answer'], LOOKS[at]);
    await register(page, line.url, name);
    await isLive(page);
    users.push({ name, page, line, isCut: 0 });
  }
  for (const name of BY_LINE) users.push({ name, telnet: await lines(server, name) });
  const said = [];
  const words = (name, what) => {
    said.push(`${what} of ${name}, ${said.length}`);
    return said.at(-1);
  };

  /** What a user of the page does. */
  const inPage = [
    async ({ page, name }) => say(page, words(name, 'words')),
    async ({ page, name }) => say(page, words(name, 'words')),
    async ({ page, name }) => say(page, `${words(name, 'a list')}\n*one*\n\`two\``),
    async ({ page, name }) => say(page, words(name, `@${BY_LINE[roll(BY_LINE.length)]} words`)),
    async ({ page }) => enterRoom(page, (await room(page)) === '#lobby' ? '#dapur' : '#lobby'),
    async (user) => {
      const { page, isCut } = user;
      if (isCut) return;
      await page.setInputFiles('#file', { name: 'foto.png', mimeType: 'image/png', buffer: PNG });
      await page.waitForSelector('#uploads .staged');
      await page.press('#text', 'Enter');
      await page.waitForSelector('#uploads .staged', { state: 'detached' });
    },
    async (user) => {
      if (user.isCut) return;
      user.line.down(true);
      user.isCut = 4;
    },
    async ({ page, isCut }) => {
      if (isCut) return;
      await page.reload();
      await isLive(page);
    },
  ];
  /** What a user in telnet's door does. */
  const byLine = [
    ({ telnet, name }) => telnet.say(words(name, 'words')),
    ({ telnet, name }) => telnet.say(words(name, 'words')),
    ({ telnet, name }) => telnet.say(`/me ${words(name, 'waves')}`),
    ({ telnet, name }) => telnet.say(`/edit last ${words(name, 'better words')}`),
    ({ telnet }) => telnet.say('/react last 🎉'),
    ({ telnet }) => telnet.say('/delete last'),
    ({ telnet }) => telnet.say('/join #dapur'),
    ({ telnet }) => telnet.say('/room #lobby'),
    ({ telnet }) => telnet.say(`/w ${IN_PAGE[roll(IN_PAGE.length)]} between us`),
    ({ telnet }) => telnet.say('/roll 2d6'),
  ];
  for (let round = 0; round < ROUNDS; round += 1) {
    const user = users[roll(users.length)];
    const deeds = user.page ? inPage : byLine;
    await deeds[roll(deeds.length)](user);
    for (const other of users.filter((one) => one.isCut)) {
      other.isCut -= 1;
      if (other.isCut) continue;
      other.line.down(false);
      await isLive(other.page);
    }
  }

  // The end: all are back, and what waited has gone out.
  const inPages = users.filter((user) => user.page);
  for (const { page, line } of inPages) {
    line.down(false);
    await isLive(page);
    await page.waitForFunction(() => !document.querySelector('.msg.pending'));
  }
  for (const name of ['#lobby', '#dapur']) {
    for (const { page } of inPages) await enterRoom(page, name);
    const last = users.at(-1).telnet;
    last.say(`/join ${name}`);
    last.say(`SAY:${name} the end of ${name}`);
    for (const { page } of inPages) await sees(page, `the end of ${name}`);
    const kept = await (await fetch(`${server.url}/api/rooms/${name.slice(1)}/messages?limit=200`)).json();
    // Each once: whatever was cut, loaded again and sent again.
    const all = kept.messages.filter((one) => !one.deleted && !one.edited && !one.file).map((one) => one.text);
    assert.equal(new Set(all).size, all.length, `once in ${name}`);
    const right = kept.messages.slice(-25).map((one) => [one.seq, one.deleted ? '' : one.text.split('\n')[0], Object.keys(one.reactions ?? {}).join()]);
    for (const { page, name: who } of inPages) {
      const shown = () => page.evaluate((from) => [...document.querySelectorAll('.msg:not(.pending, .failed)')].map(({ message }) => message).filter(({ seq }) => seq >= from)
        .map(({ seq, deleted, text, reactions }) => [seq, deleted ? '' : text.split('\n')[0], reactions.map(([emoji]) => emoji).join()]), right[0][0]);
      for (const until = Date.now() + 10_000; JSON.stringify(await shown()) !== JSON.stringify(right) && Date.now() < until;) await page.evaluate(() => new Promise(requestAnimationFrame));
      assert.deepEqual(await shown(), right, `${who} in ${name}`);
    }
  }
  // Everything that was said is kept, in one room or the other.
  const kept = await Promise.all(['lobby', 'dapur'].map(async (id) => (await (await fetch(`${server.url}/api/rooms/${id}/export`)).text())));
  for (const one of said.filter((text) => IN_PAGE.some((name) => text.includes(`of ${name},`)))) assert.ok(kept.join('').includes(one), one);
  await inPages[0].page.evaluate(AXE);
  await axeFindsNothing(inPages[0].page, 'at the end of the hour');
  for (const { page, name } of inPages) assert.deepEqual(page.errors, [], name);
});
