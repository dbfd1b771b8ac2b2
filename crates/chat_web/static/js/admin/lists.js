// Lists: what the dashboard shows of people, accounts, rooms, invitations, bans, webhooks and the audit.
import { $, avatar, h } from '../dom.js';
import { language } from '../i18n.js';
import { span } from '../time.js';
import { button, cell, figure, fill, panel, time } from './tables.js';
import { w } from './words.js';

/** For how many days a room may keep what is said; an empty one is as long as the server does. */
const DAYS = ['', 1, 7, 30, 90, 365];
const ROLES = ['member', 'op', 'admin'];

const input = (id, key, attributes) => [h('label', { for: id }, w(key)), h('input', { id, ...attributes })];

/** The form that makes an invitation, and what was made. */
function inviting(act) {
  const number = (id, key, value, more) => input(id, key, { type: 'number', value, required: true, ...more });
  const form = h(
    'form',
    { id: 'invite' },
    ...number('uses', 'uses', '1', { min: 1, max: 1000 }),
    ...number('days', 'days', '7', { min: 0.01, max: 365, step: 'any' }),
    ...input('into', 'into', { placeholder: '#tea #rust', autocomplete: 'off' }),
    h('button.primary', { type: 'submit' }, w('invite')),
  );
  form.addEventListener('submit', (e) => {
    e.preventDefault();
    act.invite(
      Number($('#uses').value),
      Number($('#days').value),
      $('#into')
        .value.split(/[\s,]+/)
        .filter(Boolean),
    );
  });
  return [form, h('div', { id: 'link' })];
}

/**
 * All panels, in their order.
 * @param {Record<string, (...what: any[]) => void>} act what is done from them
 */
export function panels(act) {
  const accounts = [h('p.more', { id: 'accountsmore', hidden: true })];
  return [
    panel({
      id: 'everyone',
      head: 'hereHead',
      columns: ['name', 'door', 'state', 'rooms', 'idle', 'from', ''],
      empty: 'hereNone',
    }),
    panel({
      id: 'accounts',
      head: 'accountsHead',
      columns: ['name', 'role', 'connected', 'rooms', ''],
      before: accounts,
      hidden: true,
    }),
    panel({
      id: 'allrooms',
      head: 'roomsHead',
      columns: ['room', 'people', 'members', 'events', 'modes', 'topic', 'keeps', ''],
    }),
    Object.assign(
      panel({
        id: 'invitations',
        head: 'inviteHead',
        columns: ['number', 'by', 'state', 'until', 'used', 'into', 'usedBy', ''],
        before: inviting(act),
        hidden: true,
      }),
      { id: 'inviting' },
    ),
    panel({ id: 'bans', head: 'bansHead', columns: ['where', 'whom', 'what', 'by', 'left', 'why', ''] }),
    panel({
      id: 'webhooks',
      head: 'hooksHead',
      columns: ['number', 'room', 'to', 'by', 'since', 'delivered', ''],
      hidden: true,
    }),
    panel({
      id: 'letters',
      head: 'lettersHead',
      columns: ['number', 'room', 'event', 'tries', 'when', 'why', ''],
      hidden: true,
    }),
    panel({
      id: 'audit',
      head: 'auditHead',
      columns: ['when', 'by', 'what', 'where', 'whom', 'more'],
      empty: 'auditNone',
    }),
  ];
}

export function showPeople(people, act) {
  const rows = people.map(({ id, name, door, state, away, rooms, origin }) => ({
    key: id,
    name,
    door,
    state: away ? w('stateAway', { why: away }) : w(`state_${state}`),
    rooms: (rooms ?? []).map((room) => `#${room}`).join(' '),
    origin,
  }));
  fill('everyone', rows, ({ key, name, door, state, rooms, origin }) => [
    cell('name', h('span.namecell', {}, avatar(name, '.s'), name)),
    cell('door', door),
    cell('state', h('span', { dir: 'auto' }, state)),
    cell('rooms', rooms),
    figure('idle', h('span.idle')),
    cell('from', origin),
    figure(
      '',
      button(w('kick'), w('kickNamed', { name }), () => act.kick({ id: key, name }), 'kick'),
    ),
  ]);
  for (const one of people) $(`[data-key="${CSS.escape(one.id)}"] .idle`).textContent = span(one.idle ?? 0, language());
  $('#everyonehead').textContent = `${w('hereHead')} · ${people.length}`;
}

export function showAccounts({ accounts, count }, act) {
  const more = $('#accountsmore');
  more.hidden = count <= accounts.length;
  more.textContent = w('accountsMore', { shown: accounts.length, n: count });
  const rows = accounts.map((one) => ({ key: one.name, ...one }));
  fill('accounts', rows, ({ name, role, online, rooms }) => {
    const roles = h(
      'select',
      { 'aria-label': w('roleOf', { name }), onchange: () => act.grant(name, roles.value) },
      ROLES.map((one) => h('option', { value: one, selected: one === role }, w(`role_${one}`))),
    );
    return [
      cell('name', h('span.namecell', {}, avatar(name, '.s'), name)),
      cell('role', roles),
      cell('connected', w(online ? 'yes' : 'no')),
      figure('rooms', String(rooms)),
      figure(
        '',
        button(w('reset'), w('resetNamed', { name }), () => act.reset(name)),
        button(w('remove'), w('removeNamed', { name }), () => act.remove(name)),
      ),
    ];
  });
  $('#accountshead').textContent = `${w('accountsHead')} · ${count}`;
}

/** `kept`: by name, for how many days each keeps what is said, and how many accounts are members. */
export function showRooms(rooms, kept, act, number) {
  const rows = rooms.map(({ id, modes, topic }) => {
    const { days, members } = kept.get(id) ?? {};
    return { key: id, modes, topic, days: days ?? '', members: members ?? '' };
  });
  fill('allrooms', rows, ({ key, modes, topic, days, members }) => {
    const all = DAYS.includes(days) ? DAYS : [...DAYS, days];
    const choice = h(
      'select',
      {
        'aria-label': w('keepsOf', { room: key }),
        onchange: () => act.retain(key, choice.value ? Number(choice.value) : null, days || null, choice),
      },
      all.map((value) =>
        h('option', { value, selected: value === days }, value ? w('keepDays', { n: value }) : w('keepServer')),
      ),
    );
    return [
      cell('room', h('b', {}, `#${key}`)),
      figure('people', h('span.users')),
      figure('members', String(members)),
      figure('events', h('span.events')),
      cell('modes', modes),
      cell('topic', h('span.topic', { dir: 'auto' }, topic ?? '')),
      cell('keeps', kept.size > 0 && choice),
      figure(
        '',
        key !== 'lobby' && button(w('forget'), w('forgetNamed', { room: key }), () => act.forget(key), 'kick.forget'),
      ),
    ];
  });
  for (const room of rooms) {
    const row = $(`#allrooms [data-key="${CSS.escape(room.id)}"]`);
    $('.users', row).textContent = String(room.users);
    $('.events', row).textContent = number.format(room.last_seq);
  }
}

/** The newest first, as the acts are. */
export function showInvitations({ invitations }, act) {
  const rows = invitations
    .toReversed()
    .map((one) => ({
      ...one,
      key: String(one.number),
      rooms: one.rooms.map((room) => `#${room}`).join(' '),
      used_by: one.used_by.join(' '),
    }));
  fill('invitations', rows, (one) => [
    figure('number', String(one.number)),
    cell('by', one.by),
    cell('state', w(`state_${one.state}`)),
    cell('until', time(one.until)),
    figure('used', w('usedOf', { used: one.used, uses: one.uses })),
    cell('into', one.rooms),
    cell('usedBy', one.used_by),
    figure('', one.state === 'open' && button(w('end'), w('endNamed', { n: one.number }), () => act.end(one.number))),
  ]);
}

export function showBans({ bans }, act) {
  const rows = bans.map(({ room, what, whom, by, seconds, reason }) => ({
    key: `${room ?? '*'} ${what} ${whom}`,
    room,
    what,
    whom,
    by,
    // To the minute: each second is no news.
    left: seconds ? span(Math.ceil(seconds / 60) * 60, language()) : w('forEver'),
    reason: reason ?? '',
  }));
  fill('bans', rows, (one) => [
    cell('where', one.room === null ? w('everywhere') : `#${one.room}`),
    cell('whom', one.whom),
    cell('what', w(`what_${one.what}`)),
    cell('by', one.by),
    cell('left', one.left),
    cell('why', h('span', { dir: 'auto' }, one.reason)),
    figure(
      '',
      button(w('lift'), w('liftNamed', { whom: one.whom }), () => act.lift(one)),
    ),
  ]);
}

export function showWebhooks({ webhooks, dead }, act) {
  fill(
    'webhooks',
    webhooks.map((one) => ({ key: String(one.number), ...one })),
    ({ number, room, origin, by, since, used }) => [
      figure('number', String(number)),
      cell('room', `#${room}`),
      cell('to', origin),
      cell('by', by),
      cell('since', time(since)),
      cell('delivered', time(used)),
      figure(
        '',
        button(w('end'), w('endHook', { n: number }), () => act.endHook(number)),
      ),
    ],
  );
  $('#letterspanel').hidden = !dead.length;
  fill(
    'letters',
    dead.toReversed().map((one) => ({ key: String(one.number), ...one })),
    ({ number, room, seq, tries, at, why }) => [
      figure('number', String(number)),
      cell('room', `#${room}`),
      figure('event', String(seq)),
      figure('tries', String(tries)),
      cell('when', time(at)),
      cell('why', why),
      figure(
        '',
        button(w('again'), w('againNamed', { n: number }), () => act.again(number)),
      ),
    ],
  );
}

/** The newest acts first: an operator looks for what was just done. */
export function showAudit({ acts }) {
  const rows = acts.toReversed().map((act) => ({ ...act, key: String(act.number) }));
  fill('audit', rows, (act) => [
    cell('when', h('time', { datetime: act.at }, act.at.slice(0, 19).replace('T', ' '))),
    cell('by', act.by),
    cell('what', act.what),
    cell('where', act.room),
    cell('whom', act.target),
    cell('more', h('span', { dir: 'auto' }, act.detail ?? '')),
  ]);
}
