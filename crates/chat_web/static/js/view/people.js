// People: who is in the room, by what door, and whether they are there.
import { h, $, avatar, reconcile } from '../dom.js';
import { icon } from './icons.js';
import { t, people as names, lang } from '../i18n.js';
import { currentRoom } from '../store.js';
import { sameName } from '../names.js';
import { actionMenu } from './menu.js';

const RANK = { online: 0, idle: 1, away: 2, offline: 3 };

export function peopleView(app) {
  const list = $('#who'), count = $('#count'), typing = $('#typing');
  const shown = (room) => room.dm ? [app.person(room.id.slice(1)) ?? { name: room.id.slice(1), state: 'offline' }, { ...app.state.me, state: 'online' }] : [...room.people.values()];

  function row(person) {
    const state = person.state ?? 'online', me = app.state.me && sameName(person.name, app.state.me.name);
    const door = person.door && person.door !== 'web' ? person.door : null;
    return { key: person.id ?? person.name, sig: [person.name, state, person.away, door, me, lang].join('|'), make: () =>
      h(`li${state === 'online' ? '' : '.dim'}`, {}, h('button.person', { onclick: (e) => personMenu(e.currentTarget, person.name) },
        h('span.who', {}, avatar(person.name, '.s'), h(`i.dot.${state}`)),
        h('span.label', {}, person.name, me && h('small', {}, ` ${t('you')}`), (person.away || state === 'idle' || state === 'away') && h('small.away', { dir: 'auto' }, person.away || t(state))),
        h('span.vh', {}, t(state)),
        door && h('span.door', { title: t('doorLine') }, icon('terminal'), h('span.vh', {}, t('doorLine'))))) };
  }

  function personMenu(anchor, name) {
    const me = app.state.me && sameName(name, app.state.me.name);
    actionMenu(anchor, anchor, name, me ? [{ label: t('settings'), icon: 'gear', run: () => app.settings() }] : [
      { label: t('whisperTo', { name }), icon: 'whisper', run: () => app.openDm(name) },
      { label: t('mention', { name }), icon: 'at', run: () => app.mention(name) },
      ...order(name),
      app.ignored.has(name) ? { label: t('unignore', { name }), icon: 'bell', run: () => app.command(`/unignore ${name}`) } : { label: t('ignore', { name }), icon: 'close', run: () => app.command(`/ignore ${name}`) },
    ]);
  }

  /** What an operator can do with a user. The server says who is one, and decides again. */
  function order(name) {
    const room = currentRoom(app.state);
    if (!room?.op || room.dm) return [];
    const act = (verb) => () => app.deed(verb, room.id, name).catch((error) => app.sorry(error.message));
    return [
      room.id !== 'lobby' && { label: t('makeOp', { name }), icon: 'check', run: act('op') },
      room.id !== 'lobby' && { label: t('unmakeOp', { name }), icon: 'close', run: act('deop') },
      { label: t('mute', { name }), icon: 'bell', danger: true, run: () => app.orderFor('mute', name) },
      { label: t('unmute', { name }), icon: 'bell', run: act('unmute') },
      { label: t('kick', { name }), icon: 'leave', danger: true, run: () => app.orderFor('kick', name) },
      { label: t('ban', { name }), icon: 'lock', danger: true, run: () => app.orderFor('ban', name) },
    ].filter(Boolean);
  }

  return {
    personMenu,
    render() {
      const room = currentRoom(app.state);
      if (!room) return;
      const all = shown(room).sort((a, b) => (RANK[a.state ?? 'online'] - RANK[b.state ?? 'online']) || a.name.localeCompare(b.name));
      reconcile(list, all.map(row));
      count.textContent = String(all.length);
      $('#alone').hidden = room.dm || all.length > 1;
    },
    typing() {
      const room = currentRoom(app.state);
      const who = room ? [...room.typing.keys()] : [];
      typing.classList.toggle('on', who.length > 0);
      $('span', typing).textContent = who.length ? t(who.length > 1 ? 'typingMany' : 'typing', { who: names(who) }) : '';
    },
  };
}
