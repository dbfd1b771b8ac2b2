// Makes the pictures of the README: node screenshots.mjs, with CHATD_BIN as for the tests. Needs fonts-noto-color-emoji.

import { mkdirSync } from 'node:fs';
import { enter, launch, lineClient, newPage, say, sees, startServer } from './stage.mjs';

const out = new URL('../../../../docs/screenshots/', import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const KEY = 'a key for the pictures';
const server = await startServer({ key: KEY, flags: ['--name', 'kampus'] });
const browser = await launch();
const still = { reducedMotion: 'reduce', colorScheme: 'light' };
const shoot = (page, name) => page.screenshot({ path: `${out}${name}.png` });

const phone = { viewport: { width: 390, height: 844 }, reducedMotion: 'reduce', hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

const first = await newPage(browser, { ...phone, colorScheme: 'light', locale: 'id-ID' });
await first.goto(server.url);
await first.fill('#name', 'sari');
await shoot(first, 'welcome');
await first.context().close();

const budi = await lineClient(server, 'budi');
const dewi = await lineClient(server, 'dewi');
budi.say('TOPIC:Selamat datang! Be kind, bring bananas.');
await budi.hears('TOPIC');
dewi.say('/join #rust');
await dewi.hears('#rust');
dewi.say('/topic #rust Borrow checkers anonymous');
const ana = await newPage(browser, { ...still, viewport: { width: 1180, height: 830 } });
await enter(ana, server.url, 'ana');
const talk = async (who, line, words = line) => { who.say(line); await sees(ana, words); };
await talk(budi, 'selamat pagi! Is the deploy out?');
await say(ana, 'Pagi budi! Since ten. All *green*, see https://ci.example.org/318');
await sees(ana, 'Pagi budi!');
await talk(budi, 'then I owe somebody `pisang goreng`', 'then I owe');
const citra = await newPage(browser, { ...phone, colorScheme: 'dark' });
await enter(citra, server.url, 'citra');
await say(citra, 'I read you on the bus 🚌');
await sees(ana, 'on the bus');
await say(citra, 'and I take two, @budi');
await sees(ana, 'I take two');
budi.say('/answer 5 deal. I sit in a terminal and cannot fry, but I can pay');
await sees(ana, 'cannot fry');
budi.say('/react 2 🎉');
dewi.say('/react #lobby 2 🎉');
dewi.say('/react #lobby 5 👍');
for (const page of [ana, citra]) await page.waitForFunction(() => ['🎉2', '👍1'].every((words) => [...document.querySelectorAll('.reactions button')].some((one) => one.textContent.startsWith(words))));
await say(ana, 'One room, three doors. Lovely');
for (const page of [ana, citra]) await sees(page, 'three doors');
dewi.say('SAY:#lobby @ana the slides are ready for three');
for (const page of [ana, citra]) await sees(page, 'slides are ready');
dewi.say('AWAY:back at two');
await ana.waitForFunction(() => document.querySelector('#who').textContent.includes('back at two'));
budi.say('TYPING:');
for (const page of [ana, citra]) await page.waitForFunction(() => document.querySelector('#typing.on'));
await ana.waitForSelector('#others li');
await shoot(ana, 'chat-light');
await ana.emulateMedia({ colorScheme: 'dark' });
await shoot(ana, 'chat-dark');
await shoot(citra, 'phone');

const boss = await newPage(browser, { ...still, viewport: { width: 1180, height: 820 } });
await boss.goto(`${server.url}/admin`);
await boss.fill('#key', KEY);
await boss.keyboard.press('Enter');
await boss.waitForSelector('.kick');
// The charts need something to show: a minute of talk, in waves.
for (let i = 0; i < 45; i += 1) {
  for (let n = 0; n < 3 + 3 * Math.sin(i / 4) + (i % 7 === 0 ? 9 : 0); n += 1) budi.say(`SAY:#lobby wave ${i}.${n}`);
  await boss.waitForTimeout(1_000);
}
await shoot(boss, 'dashboard');
await browser.close();
budi.end();
dewi.end();
await server.stop();
