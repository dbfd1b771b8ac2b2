// The transcripts of ../transcripts, played once more from here: the frames that the page's own decoder takes, on a real chatd.
//
// What only a broken client does (bytes past the library, half a frame) and what needs other times is for the tests in Rust.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { decode, encode } from '../../static/js/wire.js';
import { WAIT, lineClient, startServer } from './stage.mjs';

const folder = new URL('../transcripts/', import.meta.url);
const NOT_HERE = ['raw_repeat', 'binary', 'hex', 'cuts', 'stop'];
const SETTINGS = new Set(['grace_ms', 'operator_key']);

/** Whether a value is as it is expected: in part, with `*` in words and `...` at an end. */
export function fits(expected, value) {
  if (expected === null || expected === false || expected === '') return value === undefined || value === null || value === expected;
  if (typeof expected === 'string') {
    if (expected === '*') return value !== undefined && value !== null;
    if (typeof value !== 'string') return false;
    const open = expected.endsWith('...');
    const letters = (open ? expected.slice(0, -3) : expected).split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*');
    return new RegExp(`^${letters}${open ? '' : '$'}`, 's').test(value);
  }
  if (Array.isArray(expected)) {
    const list = value ?? [];
    const open = expected.at(-1) === '...';
    const items = open ? expected.slice(0, -1) : expected;
    return Array.isArray(list) && (open ? list.length >= items.length : list.length === items.length) && items.every((item, i) => fits(item, list[i]));
  }
  if (typeof expected === 'object') {
    const empty = Object.keys(expected).length === 0;
    return (value ?? null) === null ? empty : typeof value === 'object' && Object.entries(expected).every(([key, part]) => fits(part, value[key]));
  }
  return expected === value;
}

/** Puts what was kept into the place of "{name}". */
function fill(value, kept) {
  if (typeof value === 'string') {
    const whole = value.match(/^\{(\w+)\}$/);
    if (whole && whole[1] in kept) return kept[whole[1]];
    return value.replace(/\{(\w+)\}/g, (all, name) => (name in kept ? String(kept[name]) : all));
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, kept));
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, kept)]));
  return value;
}

const within = (promise, what) => {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`nothing came: ${what}`)), WAIT);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

/** A socket by which a user gets frames, one after the other. */
async function webSocket(server, token) {
  const socket = new WebSocket(`ws://127.0.0.1:${server.web}/ws`, { protocols: ['chat.v1'], headers: token ? { Authorization: `Bearer ${token}` } : {} });
  const frames = [];
  let wake = () => {};
  let closed = null;
  socket.addEventListener('message', (event) => {
    const frame = decode(event.data);
    assert.ok(frame, `the page cannot read ${event.data}`);
    frames.push(frame);
    wake();
  });
  socket.addEventListener('close', (event) => {
    closed = { code: event.code, reason: event.reason };
    wake();
  });
  await within(new Promise((open) => socket.addEventListener('open', open)), 'the socket opens');
  // Presence comes by a way of its own, so its place among the other frames means nothing.
  const presences = [];
  const next = async () => {
    for (;;) {
      while (frames.length === 0 && !closed) await within(new Promise((go) => { wake = go; }), 'a frame');
      const frame = frames.shift();
      if (frame?.type !== 'Presence') return frame;
      presences.push(frame);
    }
  };
  const presence = async (expected) => {
    for (;;) {
      for (let i = 0; i < frames.length; i += 1) if (frames[i].type === 'Presence') presences.push(...frames.splice(i, 1)) && (i -= 1);
      const found = presences.findIndex((frame) => fits(expected, frame));
      if (found >= 0) return presences.splice(found, 1)[0];
      await within(new Promise((go) => { wake = go; }), `${JSON.stringify(expected)}, only ${JSON.stringify(presences)}`);
    }
  };
  const settle = async () => {
    const ref = 900_000 + Math.floor(Math.random() * 90_000);
    const before = [];
    // By way of the router, so that all it had to say before is here as well.
    socket.send(encode({ type: 'Command', ref, line: '/why' }));
    for (let frame = await next(); frame && !(frame.type === 'Ack' && frame.ref === ref); frame = await next()) before.push(frame);
    frames.unshift(...before);
  };
  return { send: (text) => socket.send(text), next, presence, settle, frames, isOpen: () => !closed, closed: async () => {
    while (!closed) await within(new Promise((go) => { wake = go; }), 'the close');
    return closed;
  }, end: () => socket.close() };
}

async function play({ set = {}, web = {}, steps }) {
  const flags = Object.entries(set).flatMap(([key, value]) => [`--${key.replaceAll('_', '-')}`, String(value)]);
  if (web.grace_ms !== undefined) flags.push('--web-grace-secs', String(web.grace_ms / 1000));
  const server = await startServer({ flags, key: web.operator_key });
  const people = new Map();
  const kept = {};
  let speaker = null;
  const line = async (name) => {
    const client = await lineClient(server, name);
    let place = 0;
    let pings = 0;
    const settle = async () => {
      pings += 1;
      client.say(`PING:settle-${pings}`);
      await client.hears(`PONG settle-${pings}`);
    };
    const next = async () => {
      while (await client.lineAt(place)) {
        place += 1;
        if (!/ PONG settle-\d+$/.test(client.lines[place - 1])) return client.lines[place - 1];
      }
      return undefined;
    };
    return { ...client, isLine: true, settle, next, forget: () => { place = client.lines.length; } };
  };
  const acts = async (name) => {
    const before = people.get(speaker);
    if (speaker !== name && before && !before.gone && before.isOpen()) await before.settle();
    speaker = name;
  };
  const readAway = async () => {
    for (const one of people.values()) {
      if (one.isLine) {
        if (one.isOpen()) await one.settle();
        one.forget();
      } else if (one.isOpen()) {
        await one.settle();
        one.frames.length = 0;
      }
    }
  };
  const rest = async (step) => {
    const [method, path] = step.rest.split(' ');
    const headers = { ...step.headers };
    if (step.as) headers.Authorization = `Bearer ${people.get(step.as).token}`;
    if (step.body !== undefined) headers['Content-Type'] ??= 'application/json';
    const answer = await fetch(server.url + path, { method, headers, body: step.body === undefined ? undefined : typeof step.body === 'string' ? step.body : JSON.stringify(step.body) });
    const text = await answer.text();
    const body = /json/.test(answer.headers.get('content-type') ?? '') && text ? JSON.parse(text) : text;
    const right = answer.status === step.status && (step.answer === undefined || fits(step.answer, body)) && Object.entries(step.answer_headers ?? {}).every(([name, value]) => fits(value, answer.headers.get(name)));
    return { right, body, status: answer.status };
  };
  const remember = (step, value) => {
    for (const [name, pointer] of Object.entries(step.keep ?? {})) kept[name] = pointer.split('/').slice(1).reduce((part, key) => part[key], value);
  };
  try {
    for (const [number, raw] of steps.entries()) {
      const step = fill(raw, kept);
      const place = `step ${number + 1}: ${JSON.stringify(raw)}`;
      const who = people.get(step.who);
      if (step.join) {
        await acts(step.join);
        if (step.door === 'line') people.set(step.join, await line(step.join));
        else {
          const made = await fetch(`${server.url}/api/users`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ name: step.join }) });
          const { token } = await made.json();
          people.set(step.join, step.door === 'session' ? { token, gone: true, end: () => {}, isOpen: () => false } : { ...(await webSocket(server, token)), token });
        }
        await readAway();
      } else if (step.open) {
        await acts(step.open);
        const token = step.of ? people.get(step.of).token : null;
        people.set(step.open, { ...(await webSocket(server, token)), token });
      } else if ('send' in step || 'raw' in step) {
        await acts(step.who);
        who.send(step.raw ?? JSON.stringify(step.send));
      } else if ('gets' in step) {
        const frame = step.gets.type === 'Presence' ? await who.presence(step.gets) : await who.next();
        assert.ok(fits(step.gets, frame), `${place}\n  but got ${JSON.stringify(frame)}`);
        remember(step, frame);
      } else if ('until' in step) {
        let frame = await who.next();
        while (frame && !fits(step.until, frame)) frame = await who.next();
        assert.ok(frame, `${place}\n  but the socket ended`);
      } else if ('closed' in step) {
        const end = await who.closed();
        assert.ok(end.code === step.closed && (step.reason === undefined || fits(step.reason, end.reason)), `${place}\n  but ${JSON.stringify(end)}`);
      } else if ('says' in step) {
        await acts(step.who);
        who.say(step.says);
      } else if ('hears' in step) {
        const heard = await who.next();
        assert.ok(fits(step.hears, heard), `${place}\n  but heard ${heard}`);
      } else if ('gone' in step) {
        who.gone = true;
        assert.equal(await who.next(), undefined, place);
      } else if (step.rest) {
        await acts(null);
        let answer = await rest(step);
        for (const until = Date.now() + WAIT; step.again && !answer.right && Date.now() < until;) answer = await rest(step);
        assert.ok(answer.right, `${place}\n  but got ${answer.status} ${JSON.stringify(answer.body)}`);
        remember(step, answer.body);
      } else assert.fail(`${place} is no step`);
    }
  } finally {
    for (const one of people.values()) one.end();
    await server.stop();
  }
}

for (const file of readdirSync(folder).filter((name) => name.endsWith('.json')).sort()) {
  const transcript = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
  const paced = 'burst' in (transcript.set ?? {}) ? ['a pace that this reader would use up'] : [];
  const needs = [...paced, ...transcript.steps.flatMap((step) => NOT_HERE.filter((key) => key in step)), ...Object.keys(transcript.web ?? {}).filter((key) => !SETTINGS.has(key))];
  test(`${file}: ${transcript.title}`, { skip: needs.length > 0 && `needs ${[...new Set(needs)].join(', ')}` }, () => play(transcript));
}
