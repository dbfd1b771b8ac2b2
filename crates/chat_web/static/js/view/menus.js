// Menus: what can be done with a person, and with a room.
import { avatar, h } from '../dom.js';
import { t } from '../i18n.js';
import { sameName } from '../names.js';
import { currentRoom, membersOf, title } from '../store.js';
import { hover } from './hover.js';
import { actionMenu } from './menu.js';

/**
 * `deed` carries out a moderation action.
 * @param {Needs.Menus} app
 * @param {Deed} deed
 */
export function menus(app, deed) {
  /** What a user shows beside the name, if anything is known. */
  function cardOf(name) {
    const own = app.profile(name);
    return (
      own &&
      h(
        'div.card',
        { role: 'none' },
        avatar(name),
        h('b', { dir: 'auto' }, own.name ?? name),
        own.status && h('span', { dir: 'auto' }, own.status),
      )
    );
  }

  function personMenu(anchor, name) {
    const me = app.state.me && sameName(name, app.state.me.name);
    actionMenu(
      anchor,
      anchor,
      name,
      me
        ? [{ label: t('settings'), icon: 'gear', run: () => app.settings() }]
        : [
            { label: t('whisperTo', { name }), icon: 'whisper', run: () => app.openDm(name) },
            { label: t('mention', { name }), icon: 'at', run: () => app.mention(name) },
            ...order(name),
            app.ignored.has(name)
              ? { label: t('unignore', { name }), icon: 'bell', run: () => app.command(`/unignore ${name}`) }
              : { label: t('ignore', { name }), icon: 'close', run: () => app.command(`/ignore ${name}`) },
          ],
      null,
      cardOf(name),
    );
  }

  /** What an operator can do with a user. The server says who is one, and decides again. */
  function order(name) {
    const room = currentRoom(app.state);
    if (!room?.op || room.dm) return [];
    const act = (verb) => () => deed(verb, room.id, name).catch((error) => app.sorry(error.message));
    return [
      room.id !== 'lobby' && { label: t('makeOp', { name }), icon: 'check', run: act('op') },
      room.id !== 'lobby' && { label: t('unmakeOp', { name }), icon: 'close', run: act('deop') },
      room.modes.includes('m') && { label: t('giveVoice', { name }), icon: 'check', run: act('voice') },
      room.modes.includes('m') && { label: t('takeVoice', { name }), icon: 'close', run: act('devoice') },
      { label: t('mute', { name }), icon: 'bell', danger: true, run: () => app.orderFor('mute', name) },
      { label: t('unmute', { name }), icon: 'bell', run: act('unmute') },
      { label: t('kick', { name }), icon: 'leave', danger: true, run: () => app.orderFor('kick', name) },
      { label: t('ban', { name }), icon: 'lock', danger: true, run: () => app.orderFor('ban', name) },
    ].filter(Boolean);
  }

  /** Of what one is told: what is so already has a tick, and a guest has no account to keep it. */
  function levels(room) {
    if (!app.state.signedIn || !room.joined) return [];
    const item = (level, on) => ({
      label: t(`tell_${level}`),
      icon: on ? 'check' : 'bell',
      run: () => app.tell(room, level),
    });
    const three = ['all', 'mentions', 'none'].map((level) => item(level, room.notify === level));
    return [...three, item(room.muted ? 'unmute' : 'mute', false)];
  }

  function roomMenu(anchor, room) {
    actionMenu(
      anchor,
      anchor,
      title(room),
      [
        { label: t('markRead'), icon: 'check', run: () => app.markRead(room) },
        ...levels(room),
        room.dm &&
          app.state.signedIn &&
          isSecureContext &&
          membersOf(room).length === 1 && { label: t('sealedMenu'), icon: 'lock', run: () => app.sealedTalk(room) },
        !room.dm && room.joined && { label: t('thisRoom'), icon: 'info', run: () => app.roomOrder(room) },
        room.id !== 'lobby' && {
          label: room.dm ? t('closeDm', { name: title(room) }) : t('leave', { room: room.id }),
          icon: 'leave',
          danger: true,
          run: () => app.leave(room),
        },
      ].filter(Boolean),
    );
  }
  hover(cardOf);
  return { personMenu, roomMenu };
}
