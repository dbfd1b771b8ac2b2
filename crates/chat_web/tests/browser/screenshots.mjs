// Makes the pictures of the README: node screenshots.mjs, with CHATD_BIN as for the tests.

import { mkdirSync } from 'node:fs';
import { enter, launch, lineClient, newPage, say, sees, startServer } from './stage.mjs';

const out = new URL('../../../../docs/screenshots/', import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const server = await startServer();
const browser = await launch();
const budi = await lineClient(server, 'budi');
const talk = async (line, words = line) => {
  budi.say(line);
  await sees(ana, words);
};
budi.say('TOPIC:Selamat datang! Be kind, bring bananas.');
const ana = await newPage(browser, { viewport: { width: 1180, height: 760 }, colorScheme: 'light', reducedMotion: 'reduce' });
await enter(ana, server.url, 'ana');
await talk('selamat pagi! Is the deploy out?');
await say(ana, 'pagi budi! Since ten. All *green*, see https://ci.example.org/318');
await talk('then I owe somebody `pisang goreng`', 'then I owe');
const citra = await newPage(browser, { viewport: { width: 390, height: 780 }, colorScheme: 'dark', reducedMotion: 'reduce', hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
await enter(citra, server.url, 'citra');
await say(citra, 'I read you on the bus 🚌');
await say(citra, 'and I take two, @budi');
await sees(ana, 'I take two');
budi.say('/answer 5 deal. I sit in a terminal and cannot fry, but I can pay');
budi.say('/react 2 🎉');
budi.say('/react 5 👍');
await sees(ana, 'cannot fry');
await say(ana, 'one room, three doors. Lovely');
await sees(citra, 'three doors');
budi.say('TYPING:');
await ana.waitForFunction(() => document.querySelector('#typing').textContent !== '');
await ana.screenshot({ path: `${out}chat-light.png` });
await ana.emulateMedia({ colorScheme: 'dark' });
await ana.screenshot({ path: `${out}chat-dark.png` });
await citra.screenshot({ path: `${out}phone.png` });
await browser.close();
budi.end();
await server.stop();
