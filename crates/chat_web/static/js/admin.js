// Admin: the operators' dashboard. Figures each second, charts drawn here, and two actions: kick and announce.
import { $, h, svg, avatar, reconcile } from './dom.js';
import { call, comeBack, server as offered, signIn, signOutMember } from './api.js';
import { prefs, setPref } from './prefs.js';
import { span } from './time.js';
import { toast } from './view/toast.js';

const KEY = 'chat.operator';
/** With the operator key, or without one by the session of this browser. */
const admin = (path, key, body, method = body ? 'POST' : 'GET') =>
  call(`/api/admin/${path}`, { method, body, headers: key ? { authorization: `Bearer ${key}` } : {}, ms: 5000 });
/** How many seconds the charts show. */
const SPAN = 120;
const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
let key = sessionStorage.getItem(KEY) ?? '',
  timer = 0,
  hasAccounts = false;
const past = [];

/** What is charted: a title, the figure at this moment, its words, and how it is written. */
const per = (name) => (totals, before, seconds) =>
  before && name in totals ? Math.max(0, (totals[name] - before[name]) / seconds) : 0;
const CHARTS = [
  {
    title: 'Messages a second',
    of: per('messages'),
    words: (t) => `${number.format(t.messages ?? 0)} since the start`,
  },
  {
    title: 'Deliveries a second',
    of: per('deliveries'),
    words: (t) => `${number.format(t.deliveries ?? 0)} since the start`,
  },
  {
    title: 'People',
    of: (t) => t.people ?? 0,
    words: (t) => `${t.clients ?? 0} connections, ${t.sockets ?? 0} browser windows`,
  },
  {
    title: 'Waiting for slow readers',
    of: (t) => (t.outboxes ?? 0) / 1024,
    unit: 'KiB',
    words: (t) => `${t.inbox ?? 0} wait for the router, ${t.missed ?? 0} lines missed in gaps`,
  },
  {
    title: 'Refusals a second',
    of: per('refusals'),
    words: (t) => `${number.format(t.refusals ?? 0)} refused, ${t['turned-away'] ?? 0} turned away at the door`,
  },
  {
    title: 'Memory',
    of: (t) => (t.memory ?? 0) / 1024,
    unit: 'MiB',
    words: (t) => `${t.threads ?? 0} threads, ${t.panics ?? 0} panics`,
  },
];

function gate(words = '') {
  clearTimeout(timer);
  $('#board').hidden = true;
  $('#gate').hidden = false;
  $('#keyhelp').textContent = words || 'A key stays in this tab.';
  $('#keyhelp').classList.toggle('bad', !!words);
  $('#key').setAttribute('aria-invalid', String(!!words));
  $('#key').focus();
  $('#key').select();
}

$('#gate form').addEventListener('submit', async (e) => {
  e.preventDefault();
  const name = $('#who').value.trim(),
    secret = $('#key').value;
  key = name ? '' : secret.trim();
  try {
    if (name) {
      await signIn(name, secret);
      setPref('account', true);
    }
    look();
  } catch (error) {
    gate(error.status ? error.message : 'The server does not answer.');
  }
});
$('#close').addEventListener('click', async () => {
  clearTimeout(timer);
  if (!key) {
    await signOutMember().catch(() => {});
    setPref('account', false);
  }
  sessionStorage.removeItem(KEY);
  key = $('#key').value = $('#made').textContent = '';
  past.length = 0;
  gate();
});

/** An area under a line, over the last two minutes; the highest of them touches the top. */
function draw(values) {
  const top = Math.max(1, ...values),
    x = (i) => SPAN - 1 - (values.length - 1 - i),
    y = (v) => 40 - (v / top) * 36;
  const line = values.map((v, i) => `${i ? 'L' : 'M'}${x(i)} ${y(v).toFixed(2)}`).join('');
  return { line, area: values.length > 1 ? `${line}L${x(values.length - 1)} 41L${x(0)} 41Z` : '' };
}

function tile({ title }) {
  const line = svg('path', { class: 'line' }),
    area = svg('path', { class: 'area' });
  const picture = svg(
    'svg',
    {
      viewBox: `0 0 ${SPAN - 1} 41`,
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': `${title}, the last two minutes`,
    },
    area,
    line,
  );
  const el = h('section.tile', {}, h('h2', {}, title), h('p.peak'), h('p.big'), h('small'), picture);
  return Object.assign(el, { line, area });
}

// One pair of gradients for all charts: from the page's first colour to its second.
document.body.prepend(
  svg(
    'svg',
    { width: 0, height: 0, 'aria-hidden': 'true', class: 'vh' },
    svg(
      'defs',
      {},
      svg(
        'linearGradient',
        { id: 'stroke', gradientUnits: 'userSpaceOnUse', x1: 0, x2: SPAN, y1: 0, y2: 0 },
        svg('stop', { class: 's0' }),
        svg('stop', { class: 's1', offset: 1 }),
      ),
      svg(
        'linearGradient',
        { id: 'fade', x1: 0, x2: 0, y1: 0, y2: 1 },
        svg('stop', { class: 'f0' }),
        svg('stop', { class: 'f1', offset: 1 }),
      ),
    ),
  ),
);
const tiles = CHARTS.map(tile);
$('#charts').append(...tiles);

function show({ server, totals, doors, rooms, people, stats }) {
  const now = performance.now(),
    before = past.at(-1);
  past.push({
    now,
    totals,
    values: CHARTS.map((chart) => chart.of(totals, before?.totals, before ? (now - before.now) / 1000 : 1)),
  });
  if (past.length > SPAN) past.shift();
  $('#server').textContent = server.name;
  $('#about').textContent = `version ${server.version} · up ${span(server.uptime_s)}`;
  CHARTS.forEach((chart, i) => {
    const values = past.map((one) => one.values[i]),
      el = tiles[i],
      { line, area } = draw(values),
      unit = chart.unit ? ` ${chart.unit}` : '';
    $('.big', el).textContent = number.format(values.at(-1)) + unit;
    $('.peak', el).textContent = `peak ${number.format(Math.max(...values))}`;
    $('small', el).textContent = chart.words(totals);
    el.line.setAttribute('d', line);
    el.area.setAttribute('d', area);
  });
  const all = Math.max(
    1,
    Object.values(doors).reduce((a, b) => a + b, 0),
  );
  reconcile(
    $('#doors'),
    Object.entries(doors).map(([door, count]) => ({ key: door, count, part: count / all })),
    ({ key, count, part }) => {
      const fill = h('span.fill');
      fill.style.setProperty('--part', part);
      return h(
        'li',
        {},
        h('span', {}, { line: 'Terminals', web: 'Browsers', rest: 'Programs' }[key] ?? key),
        h('span.n', {}, String(count)),
        h('span.track', {}, fill),
      );
    },
  );
  // Row by row: the button under the hand must stay the same one.
  reconcile(
    $('#allrooms'),
    rooms.map(({ id, modes, topic }) => ({ key: id, modes, topic })),
    ({ key, modes, topic }) =>
      h(
        'tr',
        {},
        h('td', {}, h('b', {}, `#${key}`)),
        h('td.n.users'),
        h('td.n.events'),
        h('td', {}, modes),
        h('td', {}, h('span.topic', { dir: 'auto' }, topic ?? '')),
        h(
          'td.n',
          {},
          key !== 'lobby' &&
            h('button.kick.forget', { 'aria-label': `Forget #${key}`, onclick: () => forget(key) }, 'Forget'),
        ),
      ),
  );
  for (const room of rooms) {
    const row = $(`#allrooms [data-key="${CSS.escape(room.id)}"]`);
    $('.users', row).textContent = String(room.users);
    $('.events', row).textContent = number.format(room.last_seq);
  }
  reconcile(
    $('#everyone'),
    people.map(({ id, name, door, state, away, rooms: in_, origin }) => ({
      key: id,
      name,
      door,
      state: away ? `away: ${away}` : state,
      rooms: (in_ ?? []).map((room) => `#${room}`).join(' '),
      origin,
    })),
    ({ key, name, door, state, rooms: all, origin }) =>
      h(
        'tr',
        {},
        h('td', {}, h('span.namecell', {}, avatar(name, '.s'), name)),
        h('td', {}, door),
        h('td', { dir: 'auto' }, state),
        h('td', {}, all),
        h('td.n.idle'),
        h('td', {}, origin),
        h(
          'td.n',
          {},
          h('button.kick', { 'aria-label': `Send away ${name}`, onclick: () => kick({ id: key, name }) }, 'Send away'),
        ),
      ),
  );
  for (const one of people) $(`[data-key="${CSS.escape(one.id)}"] .idle`).textContent = span(one.idle ?? 0);
  $('#no-users').hidden = people.length > 0;
  $('#peoplehead').textContent = `People · ${people.length}`;
  reconcile(
    $('#stats'),
    stats.map(({ key, text, value }) => ({ key, text, value })),
    ({ text, value }) => h('div', {}, h('dt', {}, text), h('dd', {}, number.format(value))),
  );
}

/** The newest acts first: an operator looks for what was just done. */
function showAudit({ acts }) {
  reconcile(
    $('#audit'),
    acts.toReversed().map((act) => ({ ...act, key: String(act.number) })),
    (act) =>
      h(
        'tr',
        {},
        h('td', {}, h('time', { datetime: act.at }, act.at.slice(0, 19).replace('T', ' '))),
        h('td', {}, act.by),
        h('td', {}, act.what),
        h('td', {}, act.room ?? ''),
        h('td', {}, act.target ?? ''),
        h('td', { dir: 'auto' }, act.detail ?? ''),
      ),
  );
  $('#noacts').hidden = acts.length > 0;
}

/** The newest first, as the acts are. */
function showInvitations({ invitations }) {
  reconcile(
    $('#invitations'),
    invitations
      .toReversed()
      .map((one) => ({
        ...one,
        key: String(one.number),
        rooms: one.rooms.map((room) => `#${room}`).join(' '),
        used_by: one.used_by.join(' '),
      })),
    (one) =>
      h(
        'tr',
        {},
        h('td.n', {}, String(one.number)),
        h('td', {}, one.by),
        h('td', {}, one.state),
        h('td', {}, h('time', { datetime: one.until }, one.until.slice(0, 16).replace('T', ' '))),
        h('td.n', {}, `${one.used} of ${one.uses}`),
        h('td', {}, one.rooms),
        h('td', {}, one.used_by),
        h(
          'td.n',
          {},
          one.state === 'open' &&
            h(
              'button.kick',
              { 'aria-label': `End the invitation ${one.number}`, onclick: () => end(one.number) },
              'End',
            ),
        ),
      ),
  );
  $('#noinvitations').hidden = invitations.length > 0;
}

async function look() {
  clearTimeout(timer);
  try {
    const [overview, audit, invitations] = await Promise.all([
      admin('overview', key),
      admin('audit?limit=50', key),
      hasAccounts && admin('invitations?limit=50', key),
    ]);
    if (key) sessionStorage.setItem(KEY, key);
    $('#inviting').hidden = !hasAccounts;
    if (invitations) showInvitations(invitations);
    $('#gate').hidden = true;
    $('#board').hidden = false;
    $('#pulse').className = '';
    if ($('#pulse').textContent !== 'live') $('#pulse').textContent = 'live';
    show(overview);
    showAudit(audit);
    timer = setTimeout(look, document.hidden ? 5000 : 1000);
  } catch (error) {
    if (error.status >= 400 && error.status < 500) {
      sessionStorage.removeItem(KEY);
      return gate(error.message);
    }
    if ($('#board').hidden) return gate('The server does not answer.');
    $('#pulse').className = 'lost';
    if ($('#pulse').textContent !== 'no answer') $('#pulse').textContent = 'no answer';
    timer = setTimeout(look, 2000);
  }
}

async function act(path, body, words, method) {
  try {
    const told = await admin(path, key, body, method);
    toast(words);
    return told ?? true;
  } catch (error) {
    toast(error.message, { kind: 'error' });
    return false;
  }
}
const end = (number) =>
  act(`invitations/${number}`, undefined, `The invitation ${number} is good no more.`, 'DELETE').then(look);

function kick(person) {
  const dialog = $('#kick');
  $('#kickhead').textContent = `Send ${person.name} away`;
  $('#why').value = '';
  dialog.returnValue = '';
  dialog.onclose = () => {
    if (dialog.returnValue === 'yes')
      act('kick', { id: person.id, reason: $('#why').value.trim() }, `${person.name} was sent away.`).then(look);
  };
  dialog.showModal();
  $('#why').focus();
}
function forget(room) {
  const dialog = $('#forget');
  $('#forgethead').textContent = `Forget #${room}`;
  dialog.returnValue = '';
  dialog.onclose = () => {
    if (dialog.returnValue === 'yes') act('forget', { room }, `#${room} is forgotten.`).then(look);
  };
  dialog.showModal();
}
// Enter in the field means what the dialog is for, not its first button.
$('#why').addEventListener('keydown', (e) => {
  if (e.key === 'Enter') {
    e.preventDefault();
    $('#kick').close('yes');
  }
});

$('#announce').addEventListener('submit', async (e) => {
  e.preventDefault();
  if (await act('announce', { text: $('#words').value }, 'All users were told.')) $('#words').value = '';
});
$('#invite').addEventListener('submit', async (e) => {
  e.preventDefault();
  const rooms = $('#into')
    .value.split(/[\s,]+/)
    .filter(Boolean);
  const made = await act(
    'invitations',
    { uses: Number($('#uses').value), seconds: Math.round(Number($('#days').value) * 86400), rooms },
    'An invitation is made.',
  );
  if (!made) return;
  $('#made').textContent = `${location.origin}${made.path}`;
  look();
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && !$('#board').hidden) look();
});

// Without accounts there is the key, and no invitation.
hasAccounts = await offered().then(
  (now) => now.accounts,
  () => false,
);
$('#whofield').hidden = !hasAccounts;
if (key || (hasAccounts && prefs.account && (await comeBack().catch(() => null)))) look();
else gate();
