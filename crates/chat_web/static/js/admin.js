// The operators' dashboard: figures each second, charts drawn here, and the acts of an operator.

import { el, patch } from './view/dom.js';

const KEY = 'chat.operator';
/** How many seconds the charts show. */
const SPAN = 120;

const main = document.getElementById('main');
const toasts = document.getElementById('toasts');
let key = sessionStorage.getItem(KEY) ?? '';
let history = [];
let parts = null;
let timer = 0;

async function call(method, path, body) {
  const headers = { Authorization: `Bearer ${key}` };
  if (body) headers['Content-Type'] = 'application/json';
  const answer = await fetch(`/api/admin/${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (answer.status === 204) return null;
  const said = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(said.detail ?? said.title), { status: answer.status });
  return said;
}

function tell(words) {
  const toast = el('p', { class: 'toast' }, words);
  toasts.append(toast);
  setTimeout(() => toast.remove(), 6_000);
}

// ---- signing in ----

function askForKey(problem = '') {
  clearTimeout(timer);
  parts = null;
  document.getElementById('sign-out').hidden = true;
  const field = el('input', { id: 'key', type: 'password', autocomplete: 'current-password', required: true, 'aria-describedby': 'key-hint' });
  const form = el('form', { on: { submit: async (event) => {
    event.preventDefault();
    key = field.value.trim();
    try {
      show(await call('GET', 'overview'));
      sessionStorage.setItem(KEY, key);
    } catch (error) {
      askForKey(error.message);
    }
  } } }, el('label', { for: 'key' }, 'Operator key', field), el('button', { class: 'primary', type: 'submit' }, 'Open'));
  main.replaceChildren(el('section', { class: 'card key' }, el('h2', {}, 'For operators'),
    el('p', { id: 'key-hint', class: problem ? 'wrong' : '', role: problem ? 'alert' : undefined }, problem || 'The key is operator_key of the settings, or CHAT_OPERATOR_KEY. It stays in this tab.'), form));
  field.focus();
}

// ---- charts ----

/** A line over the last two minutes, with its own scale. */
function chart(values, label) {
  const width = SPAN - 1;
  const top = Math.max(1, ...values);
  const x = (i) => width - (values.length - 1 - i);
  const y = (v) => 40 - (v / top) * 38;
  const line = values.map((v, i) => `${i === 0 ? 'M' : 'L'}${x(i)} ${y(v).toFixed(2)}`).join('');
  const svg = el('svg', { class: 'chart', viewBox: `0 0 ${width} 41`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    el('path', { class: 'floor', d: `M0 40H${width}` }));
  if (values.length > 1) svg.append(el('path', { class: 'area', d: `${line}L${width} 40L${x(0)} 40Z` }), el('path', { class: 'line', d: line }));
  return svg;
}

const number = new Intl.NumberFormat('en');
const series = (name) => history.map((moment) => moment[name]);

function time(seconds) {
  const days = Math.floor(seconds / 86_400);
  const clock = [Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map((n) => String(n).padStart(2, '0')).join(':');
  return days > 0 ? `${days} d ${clock}` : clock;
}

// ---- the page ----

function build() {
  const card = (title, wide) => {
    const body = el('div', {});
    main.append(el('section', { class: wide ? 'card wide' : 'card' }, el('h2', {}, title), body));
    return body;
  };
  main.replaceChildren();
  const words = el('input', { id: 'words', type: 'text', maxlength: '1000', required: true });
  const announce = el('form', { on: { submit: async (event) => {
    event.preventDefault();
    try {
      await call('POST', 'announce', { text: words.value });
      words.value = '';
      tell('Everybody was told.');
    } catch (error) {
      tell(error.message);
    }
  } } }, el('label', { for: 'words' }, 'Say something to everybody', words), el('button', { class: 'primary', type: 'submit' }, 'Announce'));
  parts = { messages: card('Messages a second'), deliveries: card('Deliveries a second'), people: card('People'), doors: card('By door'), waiting: card('Waiting'), process: card('Process') };
  main.append(el('section', { class: 'card wide' }, el('h2', {}, 'Announce'), announce));
  parts.rooms = card('Rooms', true);
  parts.list = el('tbody', {});
  const kicks = card('Everybody', true);
  kicks.append(el('div', { class: 'scroll' }, el('table', {}, el('thead', {}, el('tr', {}, ...['Name', 'Door', 'State', 'Rooms', 'Idle', 'From', 'Acts'].map((title) => el('th', { scope: 'col' }, title)))), parts.list)));
  parts.stats = card('All figures', true);
  document.getElementById('sign-out').hidden = false;
}

async function kick(person) {
  const reason = prompt(`Send ${person.name} away. Why? They and their rooms read it.`, '');
  if (reason === null) return;
  try {
    await call('POST', 'kick', { id: person.id, reason });
    tell(`${person.name} was sent away.`);
  } catch (error) {
    tell(error.message);
  }
}

const figure = (value, unit = '') => el('p', { class: 'figure' }, number.format(Math.round(value)), ' ', el('small', {}, unit));

function show(overview) {
  if (!parts) build();
  const { totals, doors, rooms, people, stats, server } = overview;
  const now = performance.now();
  const last = history.at(-1);
  const rate = (name) => (last ? Math.max(0, ((totals[name] - last.totals[name]) * 1_000) / (now - last.now)) : 0);
  history.push({ now, totals, messages: rate('messages'), deliveries: rate('deliveries'), people: totals.people, waiting: totals.outboxes, memory: totals.memory / 1024 });
  history = history.slice(-SPAN);
  const moment = history.at(-1);
  document.getElementById('about').textContent = `${server.name} ${server.version} · up ${time(server.uptime_s)}`;
  parts.messages.replaceChildren(figure(moment.messages, `of ${number.format(totals.messages)} in all`), chart(series('messages'), 'Messages a second'));
  parts.deliveries.replaceChildren(figure(moment.deliveries, `of ${number.format(totals.deliveries)} in all`), chart(series('deliveries'), 'Deliveries a second'));
  parts.people.replaceChildren(figure(totals.people, `${totals.clients} connections, ${totals.sockets} browsers`), chart(series('people'), 'People'));
  parts.waiting.replaceChildren(figure(totals.outboxes / 1024, `KiB for slow readers · ${totals.inbox} in the inbox · ${totals.missed} lines missed`), chart(series('waiting'), 'Bytes waiting'));
  parts.process.replaceChildren(figure(moment.memory, `MiB · ${totals.threads} threads · ${totals.panics} panics`), chart(series('memory'), 'Memory'));
  const most = Math.max(1, ...Object.values(doors));
  parts.doors.replaceChildren(el('ul', { class: 'bars' }, ...Object.entries(doors).map(([door, count]) =>
    el('li', {}, door, el('span', { class: 'track' }, el('span', { class: 'fill', vars: { part: count / most } })), String(count)))));
  parts.rooms.replaceChildren(el('div', { class: 'scroll' }, el('table', {}, el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Room'), el('th', { scope: 'col' }, 'Modes'), el('th', { scope: 'col', class: 'number' }, 'People'), el('th', { scope: 'col', class: 'number' }, 'Events'), el('th', { scope: 'col' }, 'Topic'))),
    el('tbody', {}, ...rooms.map((room) => el('tr', {}, el('td', {}, `#${room.id}`), el('td', {}, room.modes), el('td', { class: 'number' }, String(room.users)), el('td', { class: 'number' }, number.format(room.last_seq)), el('td', {}, room.topic)))))));
  // Row by row, so that the button under the hand stays the same.
  patch(parts.list, people.map((person) => ({ ...person, key: person.id, print: JSON.stringify([person.name, person.state, person.rooms, person.idle, person.away]) })), (person) =>
    el('tr', {}, el('td', {}, person.name), el('td', {}, person.door), el('td', {}, person.away ? `away: ${person.away}` : person.state), el('td', {}, (person.rooms ?? []).map((room) => `#${room}`).join(' ')), el('td', { class: 'number' }, time(person.idle ?? 0)), el('td', {}, person.origin),
      el('td', {}, el('button', { class: 'kick', type: 'button', 'aria-label': `Kick ${person.name}`, on: { click: () => kick(person) } }, 'Kick'))));
  parts.stats.replaceChildren(el('div', { class: 'scroll' }, el('table', {}, el('tbody', {}, ...stats.map((stat) => el('tr', {}, el('th', { scope: 'row' }, stat.key), el('td', { class: 'number' }, number.format(stat.value)), el('td', {}, stat.text)))))));
  clearTimeout(timer);
  timer = setTimeout(look, document.hidden ? 5_000 : 1_000);
}

async function look() {
  try {
    show(await call('GET', 'overview'));
  } catch (error) {
    if (error.status) return askForKey(error.message);
    document.getElementById('about').textContent = 'The server cannot be reached. Trying again…';
    timer = setTimeout(look, 2_000);
  }
  return undefined;
}

document.getElementById('sign-out').addEventListener('click', () => {
  sessionStorage.removeItem(KEY);
  key = '';
  history = [];
  askForKey();
});

if (key) look();
else askForKey();
