// Admin: the operators' dashboard. Figures each second, lists of all there is, and what can be done about it.
import { $, h, reconcile } from './dom.js';
import { call, comeBack, server as offered, signIn, signOutMember } from './api.js';
import { chartsIn } from './admin/charts.js';
import * as lists from './admin/lists.js';
import { placePanel } from './admin/place.js';
import { figureWords, useWords, w } from './admin/words.js';
import { LANGS, language } from './i18n.js';
import { prefs, setPref } from './prefs.js';
import { span } from './time.js';
import { drawnLink, showLink } from './view/share_link.js';
import { toast } from './view/toast.js';

const KEY = 'chat.operator';
/** The lists that change by acts alone are asked for each fifth time. */
const SELDOM = 5;
/** With the key, or without one by the session of this browser. What the server says is in the reader's language. */
const headers = () => ({ 'accept-language': language(), ...(key ? { authorization: `Bearer ${key}` } : {}) });
const admin = (path, body, method = body ? 'POST' : 'GET') =>
  call(`/api/admin/${path}`, { method, body, headers: headers(), ms: 5000 });
let key = sessionStorage.getItem(KEY) ?? '',
  timer = 0,
  turn = 0,
  hasAccounts = false,
  kept = new Map();

await useWords();
const number = new Intl.NumberFormat(language(), { maximumFractionDigits: 1 });

const draw = (text) => drawnLink(text, headers());
const linkWords = (id = undefined) => ({ copy: w('copy'), copied: w('copied'), qr: w('qrOf'), id });

/** Does it, says how it went, and shows what has changed. */
async function act(words, path, body, method) {
  try {
    const told = await admin(path, body, method);
    toast(words);
    look(true);
    return told ?? true;
  } catch (error) {
    toast(error.status ? error.message : w('noServer'), { kind: 'error' });
    look(true);
    return false;
  }
}
const DELETE = [undefined, 'DELETE'];
/** The name and the picture of the place. */
const place = {
  name: (name) => act(w('placeSaved', { name }), 'place', { name }, 'PUT'),
  async picture(png) {
    if (!png) return act(w('pictureGone'), 'place/picture', ...DELETE);
    const response = await fetch('/api/admin/place/picture', {
      method: 'PUT',
      headers: { 'content-type': 'image/png', ...headers() },
      body: png,
      credentials: 'same-origin',
    });
    return response.ok ? toast(w('pictureSaved')) : toast(w('pictureBad'), { kind: 'error' });
  },
};
const ACTS = {
  kick(person) {
    $('#why').value = '';
    ask($('#kick'), w('kickHead', person), () =>
      act(w('kicked', person), 'kick', { id: person.id, reason: $('#why').value.trim() }),
    );
    $('#why').focus();
  },
  forget: (room) =>
    sure(w('forgetNamed', { room }), w('forgetWords'), w('forget'), () =>
      act(w('forgotten', { room }), 'forget', { room }),
    ),
  /** Less is asked about: what is older is gone for good. */
  retain(room, days, before, choice) {
    const set = () => act(w('keptNow', { room }), `rooms/${encodeURIComponent(room)}/retention`, { days }, 'PUT');
    if (days === null || (before !== null && before <= days)) return set();
    choice.value = before ?? '';
    return sure(w('keepAsk', { room }), w('keepWords'), w('keepDo'), set);
  },
  grant: (name, role) => act(w('granted', { name, role: w(`role_${role}`) }), `accounts/${name}/role`, { role }, 'PUT'),
  async reset(name) {
    const made = await admin(`accounts/${name}/reset`, undefined, 'POST').catch((error) => {
      toast(error.message, { kind: 'error' });
    });
    if (!made) return;
    $('#linkhead').textContent = w('resetMade', { name });
    showLink($('#resetlink'), `${location.origin}${made.path}`, draw, linkWords());
    $('#linkdialog').showModal();
  },
  remove(name) {
    $('#withmessages').checked = false;
    sure(
      w('removeNamed', { name }),
      w('removeWords'),
      w('remove'),
      () => act(w('removed', { name }), `accounts/${name}?messages=${$('#withmessages').checked}`, ...DELETE),
      true,
    );
  },
  async invite(uses, days, rooms) {
    const made = await act(w('invited'), 'invitations', { uses, seconds: Math.round(days * 86400), rooms });
    if (made) showLink($('#link'), `${location.origin}${made.path}`, draw, linkWords('made'));
  },
  end: (n) => act(w('ended', { n }), `invitations/${n}`, ...DELETE),
  lift: ({ room, what, whom }) => act(w('lifted', { whom }), 'lift', { room, what, whom }),
  endHook: (n) => act(w('hookEnded', { n }), `webhooks/${n}`, ...DELETE),
  again: (n) => act(w('againDone', { n }), `letters/${n}`, undefined, 'POST'),
};

/** Asks by a dialog of the page. */
function ask(dialog, head, yes) {
  $('h2', dialog).textContent = head;
  dialog.returnValue = '';
  dialog.onclose = () => dialog.returnValue === 'yes' && yes();
  dialog.showModal();
}
function sure(head, words, label, yes, withMessages = false) {
  const dialog = $('#forget');
  $('p', dialog).textContent = words;
  $('.danger', dialog).textContent = label;
  $('.switch', dialog).hidden = !withMessages;
  ask(dialog, head, yes);
}

/** The reader's words, and the panels. */
function dress() {
  document.querySelectorAll('[data-w]').forEach((/** @type {any} */ el) => (el.textContent = w(el.dataset.w)));
  $('#words').placeholder = w('sayHint');
  $('#pulse').textContent = w('live');
  $('main').insertBefore(h('div', { id: 'lists' }), $('#allhead').parentElement);
  $('#lists').append(...lists.panels(ACTS), placePanel(place));
  $('#sections').setAttribute('aria-label', w('sections'));
  $('#lang').setAttribute('aria-label', w('language'));
  $('#lang').append(
    ...Object.entries(LANGS).map(([value, name]) => h('option', { value, selected: value === language() }, name)),
  );
  $('#lang').addEventListener('change', (e) => {
    setPref('lang', e.target.value);
    location.reload();
  });
}
/** Where to: the panels that there are. */
function showSections() {
  const all = [...document.querySelectorAll('#lists > .panel:not([hidden])')];
  const rows = all.map((el) => ({ key: el.id, words: $('h2', el).textContent.split(' · ')[0] }));
  reconcile($('#sections'), rows, ({ key: id, words }) => h('a', { href: `#${id}` }, words));
}

function gate(words = '') {
  clearTimeout(timer);
  $('#board').hidden = true;
  $('#gate').hidden = false;
  $('#keyhelp').textContent = words || w('keyHelp');
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
    look(true);
  } catch (error) {
    gate(error.status ? error.message : w('noServer'));
  }
});
$('#close').addEventListener('click', async () => {
  clearTimeout(timer);
  if (!key) {
    await signOutMember().catch(() => {});
    setPref('account', false);
  }
  sessionStorage.removeItem(KEY);
  key = $('#key').value = '';
  for (const id of ['#link', '#resetlink']) $(id).replaceChildren();
  charts.clear();
  gate();
});

function show({ server, totals, doors, rooms, people, stats }) {
  $('#server').textContent = server.name;
  if (document.activeElement !== $('#placename')) $('#placename').value = server.name;
  $('#about').textContent = w('version', { version: server.version, time: span(server.uptime_s, language()) });
  document.title = `${w('title')} · ${server.name}`;
  charts.show(totals);
  const counts = /** @type {[string, number][]} */ (Object.entries(doors));
  const all = Math.max(
    1,
    counts.reduce((sum, [, count]) => sum + count, 0),
  );
  reconcile(
    $('#doors'),
    counts.map(([door, count]) => ({ key: door, count, part: count / all })),
    ({ key: door, count, part }) => {
      const fill = h('span.fill');
      fill.style.setProperty('--part', part);
      const name = { line: w('door_line'), web: w('door_web'), rest: w('door_rest') }[door] ?? door;
      return h('li', {}, h('span', {}, name), h('span.n', {}, String(count)), h('span.track', {}, fill));
    },
  );
  lists.showPeople(people, ACTS);
  lists.showRooms(rooms, kept, ACTS, number);
  reconcile(
    $('#stats'),
    stats.map(({ key: name, text, value }) => ({ key: name, text: figureWords(name, text), value })),
    ({ text, value }) => h('div', {}, h('dt', {}, text), h('dd', {}, number.format(value))),
  );
}

/** What changes by acts alone. */
async function lookAtLists() {
  const [all, invitations, webhooks] = await Promise.all([
    admin('lists'),
    hasAccounts && admin('invitations?limit=50'),
    hasAccounts && admin('webhooks'),
  ]);
  kept = new Map(hasAccounts ? all.rooms.map((room) => [room.id, room]) : []);
  for (const id of ['#inviting', '#accountspanel', '#webhookspanel', '#placepanel']) $(id).hidden = !hasAccounts;
  lists.showBans(all, ACTS);
  if (!hasAccounts) return;
  lists.showAccounts(all, ACTS);
  lists.showInvitations(invitations, ACTS);
  lists.showWebhooks(webhooks, ACTS);
}

async function look(now = false) {
  clearTimeout(timer);
  turn = now ? 0 : turn + 1;
  try {
    // A wrong key is shown once, not with each list: after three the server listens no more.
    const overview = await admin('overview');
    const [audit] = await Promise.all([admin('audit?limit=50'), turn % SELDOM === 0 && lookAtLists()]);
    if (key) sessionStorage.setItem(KEY, key);
    $('#gate').hidden = true;
    $('#board').hidden = false;
    $('#pulse').className = '';
    if ($('#pulse').textContent !== w('live')) $('#pulse').textContent = w('live');
    show(overview);
    lists.showAudit(audit);
    showSections();
    clearTimeout(timer);
    timer = setTimeout(() => look(), document.hidden ? 5000 : 1000);
  } catch (error) {
    if (error.status >= 400 && error.status < 500) {
      sessionStorage.removeItem(KEY);
      return gate(error.message);
    }
    if ($('#board').hidden) return gate(w('noServer'));
    $('#pulse').className = 'lost';
    if ($('#pulse').textContent !== w('lost')) $('#pulse').textContent = w('lost');
    clearTimeout(timer);
    timer = setTimeout(() => look(), 2000);
  }
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
  if (await act(w('said'), 'announce', { text: $('#words').value })) $('#words').value = '';
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && !$('#board').hidden) look(true);
});

dress();
const charts = chartsIn($('#charts'), number);
// Without accounts there is the key, and no invitation.
hasAccounts = await offered().then(
  (now) => now.accounts,
  () => false,
);
$('#whofield').hidden = !hasAccounts;
if (key || (hasAccounts && prefs.account && (await comeBack().catch(() => null)))) look(true);
else gate();
