// What the tests of the page share: a real chatd, a real Chromium, people in telnet's door, and a proxy that can be cut.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { Transform } from 'node:stream';
import { chromium } from 'playwright-core';

export const BIN = process.env.CHATD_BIN ?? new URL('../../../../target/debug/chatd', import.meta.url).pathname;
export const AXE = readFileSync(new URL('./node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
export const WAIT = 20_000;

/** A server on free ports, or on those given. `log`: the file that it logs to. */
export async function startServer({ line = 0, web = 0, flags = [], key, log } = {}) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) if (name.startsWith('CHAT_')) delete env[name];
  if (key) env.CHAT_OPERATOR_KEY = key;
  // A test that keeps something says where: flags are stronger than this.
  env.CHAT_DATA = 'off';
  const unless = Object.entries({ '--files': '127.0.0.1:0', '--log': 'warn', '--burst': '0', '--spam-lines': '0', '--spam-repeats': '0' }).filter(([flag]) => !flags.includes(flag)).flat();
  // PAGE_DIR: the page from a folder instead of from the binary, while a user works on it.
  const page = process.env.PAGE_DIR ? ['--web-dir', process.env.PAGE_DIR] : [];
  const args = [...page, '--addr', `127.0.0.1:${line}`, '--web', `127.0.0.1:${web}`, ...unless, ...flags];
  const child = spawn(BIN, args, { stdio: ['ignore', 'pipe', log ? openSync(log, 'w') : 'inherit'], env });
  const said = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const port = async () => Number((await said.next()).value.split(':').pop());
  const server = { line: await port(), web: await port() };
  const stop = async (signal = 'SIGTERM') => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  return { ...server, url: `http://127.0.0.1:${server.web}`, stop };
}

/** A user in telnet's door. */
export async function lineClient(server, name) {
  const socket = net.connect(server.line, '127.0.0.1');
  const lines = [];
  const waiting = [];
  createInterface({ input: socket }).on('line', (line) => {
    lines.push(line);
    for (const one of [...waiting]) one();
  });
  let closed = false;
  socket.on('close', () => {
    closed = true;
    for (const one of [...waiting]) one();
  });
  socket.on('error', () => {});
  /** Waits until there is a line at this place; false if there will be none. */
  const lineAt = (place) => new Promise((found, fail) => {
    const late = setTimeout(() => fail(new Error(`${name} heard nothing more: ${lines.slice(-5).join(' | ')}`)), WAIT);
    const look = () => {
      if (lines.length <= place && !closed) return;
      clearTimeout(late);
      waiting.splice(waiting.indexOf(look), 1);
      found(lines.length > place);
    };
    waiting.push(look);
    look();
  });
  const hears = (words) => new Promise((found, fail) => {
    const late = setTimeout(() => fail(new Error(`${name} did not hear ${words}: ${lines.slice(-5).join(' | ')}`)), WAIT);
    const look = () => {
      const line = lines.find((one) => (typeof words === 'string' ? one.includes(words) : words.test(one)));
      if (!line) return;
      clearTimeout(late);
      waiting.splice(waiting.indexOf(look), 1);
      found(line);
    };
    waiting.push(look);
    look();
  });
  const say = (line) => socket.write(`${line}\n`);
  say(`JOIN:${name}`);
  await hears('OK JOIN');
  return { say, hears, lineAt, lines, isOpen: () => !closed, end: () => socket.destroy() };
}

/** Lets 2 KiB through each `every` ms, as a bad mobile connection does. */
const trickle = (every) => new Transform({ transform(chunk, _, done) {
  const pieces = [];
  for (let i = 0; i < chunk.length; i += 2_048) pieces.push(chunk.subarray(i, i + 2_048));
  const next = () => {
    if (pieces.length === 0) return done();
    this.push(pieces.shift());
    setTimeout(next, every);
    return undefined;
  };
  next();
} });

/** A proxy before the page's door. `cut()` breaks what is open, at whatever byte it stands; `every` makes it slow. */
export async function proxy(server, every = 0) {
  const open = new Set();
  let down = false;
  const door = net.createServer((from) => {
    if (down) return from.destroy();
    const to = net.connect(server.web, '127.0.0.1');
    for (const socket of [from, to]) {
      open.add(socket);
      // A side that breaks takes the other with it: `pipe` would leave it open and silent.
      socket.on('close', (broken) => { open.delete(socket); if (broken) (socket === from ? to : from).destroy(); });
      socket.on('error', () => {});
    }
    if (every) from.pipe(trickle(every)).pipe(to).pipe(trickle(every)).pipe(from);
    else from.pipe(to).pipe(from);
    return undefined;
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return { url: `http://127.0.0.1:${door.address().port}`, cut, down(on) { down = on; if (on) cut(); }, close: () => { cut(); door.close(); } };
}

export const launch = (more = []) => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [...more, '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });

/**
 * A page of its own. Errors in it are kept in `errors`; `forgive` is what a test provokes itself. That the worker's script could not be
 * looked at again, as the line is cut, is the browser's own remark.
 */
export async function newPage(browser, options = {}, forgive = []) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT);
  page.errors = [];
  const forgiven = [...forgive, 'error occurred when fetching the script'];
  const note = (words) => forgiven.some((one) => words.includes(one)) || page.errors.push(words);
  page.on('pageerror', (error) => note(`page error: ${error.message}`));
  page.on('console', (message) => message.type() === 'error' && note(`console: ${message.text()} ${message.location().url}`));
  page.on('dialog', (dialog) => {
    note(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  return page;
}

export const isLive = (page) => page.waitForFunction(() => document.documentElement.dataset.link === 'live');

/** Comes in under a name and waits until the conversation is there. */
export async function enter(page, url, name) {
  await page.goto(url);
  await page.fill('#name', name);
  await page.keyboard.press('Enter');
  await isLive(page);
  await page.waitForFunction(() => document.querySelector('.begin') || document.querySelector('.msg'));
}

export async function say(page, text) {
  await page.fill('#text', text);
  await page.keyboard.press('Enter');
}

/** The words of all messages that the server has, in the order of the page. */
export const texts = (page) => page.evaluate(() => [...document.querySelectorAll('.msg:not(.pending, .failed) .text')].map((text) => text.textContent));

export const sees = (page, words) => page.waitForFunction((text) => [...document.querySelectorAll('.msg:not(.pending, .failed) .text')].some((one) => one.textContent.includes(text)), words);

export const settled = (page, count) => page.waitForFunction((n) => document.querySelectorAll('.msg:not(.pending, .failed)').length >= n && !document.querySelector('.msg.pending'), count);

/** A script element would be refused by Trusted Types; the debugger may still run it: `page.evaluate(AXE)` comes first. */
export async function axeFindsNothing(page, where) {
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).slice(0, 3).join(', ')}`);
  });
  assert.deepEqual(found, [], where);
}
