// The page by HTTPS, without a proxy: what Chromium fetches by HTTP/2, and the conversation over a WebSocket beside it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { browser, ends } from './cast.mjs';
import { BIN, enter, isLive, lineClient, newPage, say, sees, startServer, texts } from './stage.mjs';

test('by HTTPS the page comes by HTTP/2, and who talks there is heard in telnet’s door', async () => {
  const dir = join(mkdtempSync(join(tmpdir(), 'chat-https-')), 'tls');
  execFileSync(BIN, ['cert', '--dev', '--dir', dir]);
  const flags = ['--tls', '127.0.0.1:0', '--tls-cert', join(dir, 'cert.pem'), '--tls-key', join(dir, 'key.pem')];
  const server = await startServer({ flags });
  ends.push(() => server.stop());
  const budi = await lineClient(server, 'budi');
  // The worker's script is refused where the certificate is known to no authority.
  const page = await newPage(browser, { ignoreHTTPSErrors: true }, ['SSL certificate error']);
  await enter(page, `https://localhost:${server.web}`, 'ana');
  await say(page, 'by a lock');
  await budi.hears('ana: by a lock');
  budi.say('MSG:and back');
  await sees(page, 'and back');
  const protocols = await page.evaluate(() => performance.getEntriesByType('resource')
    .filter((one) => one.name.startsWith(location.origin)).map((one) => one.nextHopProtocol));
  assert.ok(protocols.length > 3 && protocols.every((one) => one === 'h2'), protocols.join());
  assert.equal(await page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol), 'h2');
  // The session that began by HTTP/2 is the WebSocket's, over a reload as well.
  await page.reload();
  await isLive(page);
  await sees(page, 'and back');
  assert.deepEqual(await texts(page), ['by a lock', 'and back']);
  assert.deepEqual(page.errors, []);
});
