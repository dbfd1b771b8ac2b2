// Users with accounts: a server that keeps what is said, the way in by a name and a password, and telnet's door.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { browser, ends } from './cast.mjs';
import { isLive, lineClient, newPage, startServer } from './stage.mjs';

export const PASSWORD = 'correct-horse';

/** A directory for a store, gone with the test. */
export function directory() {
  const made = mkdtempSync(join(tmpdir(), 'chat-page-'));
  ends.push(() => rmSync(made, { recursive: true }));
  return made;
}

/** A server that keeps the chat there. */
export async function serveFrom(dir, { flags = [], ...options } = {}) {
  const server = await startServer({ ...options, flags: ['--data', dir, ...flags] });
  ends.push(() => server.stop());
  return server;
}

/** A browser of its own. */
export async function visitor(forgive = [], options = {}) {
  const page = await newPage(browser, options, forgive);
  ends.push(() => page.context().close());
  return page;
}

/** The way in at the door: a visit, a name that is kept, or one that was. */
export const way = (page, words) => page.click(`#ways button:has-text("${words}")`);

async function fillIn(page, name, password) {
  await page.fill('#name', name);
  await page.fill('#password', password);
  await page.keyboard.press('Enter');
}

/** Makes a name one's own at the door. */
export async function register(page, url, name, password = PASSWORD) {
  await page.goto(url);
  await page.click('#ways button >> nth=-1');
  await fillIn(page, name, password);
}

/** Comes in by the name that one has, at a door that is shown. */
export async function signIn(page, name, password = PASSWORD) {
  await way(page, 'I have a password');
  await fillIn(page, name, password);
}

/** A user with an account, in the page. */
export async function member(server, name, options = {}) {
  const page = await visitor([], options);
  await register(page, server.url, name);
  await isLive(page);
  await page.waitForSelector('.begin, .msg');
  return page;
}

/** Any user, in telnet's door. */
export async function lines(server, name) {
  const client = await lineClient(server, name);
  ends.push(client.end);
  return client;
}

/** A user with an account, in telnet's door. */
export async function terminal(server, name) {
  const client = await lines(server, name);
  client.say(`/register ${PASSWORD}`);
  await client.hears('OK REGISTER');
  return client;
}
