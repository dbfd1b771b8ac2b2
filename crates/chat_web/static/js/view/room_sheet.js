// Room sheet: what a room is about, who is in it, what it tells one of, its files, and the programs that post there.
import { h } from '../dom.js';
import { bytesOf } from '../format.js';
import { language, people, t } from '../i18n.js';

/** The most names, and the most files, that are shown at once. */
const NAMES = 12;
const FILES = 8;

/**
 * The parts of the sheet around those of order.js. `act` does something and says how it went; `field` is a field with a
 * button; `drawn` is called when there is something new to show.
 * @param {Needs.RoomSheet} app
 * @param {{ act: (doing: Promise<any>, good?: string) => Promise<boolean>, field: Function, drawn: () => void }} how
 */
export function roomSheet(app, { act, field, drawn }) {
  /** What was asked of the server for this room: members, files, hooks; and the hook that was just made. */
  let known = { offline: [], files: [], hooks: [] },
    made = null,
    asked = 0;

  const list = (command) =>
    app.order(command).then(
      (ack) => ack.items ?? [],
      () => [],
    );

  /** @param {Room} room */
  async function look(room) {
    const { offer, signedIn } = app.state,
      mine = (asked += 1);
    const [members, files, hooks] = await Promise.all([
      offer?.accounts ? list(`/members #${room.id}`) : [],
      offer?.files != null ? list(`/files #${room.id}`) : [],
      offer?.accounts && room.op && signedIn ? list(`/hook #${room.id}`) : [],
    ]);
    if (mine !== asked) return;
    const offline = members.filter((one) => !one.online).map((one) => one.name);
    known = { offline, files: files.filter((one) => one.file).toReversed(), hooks };
    drawn();
  }

  const part = (key, ...inside) => h('fieldset', {}, h('legend', {}, t(key)), ...inside);

  /** @param {Room} room */
  function topic(room) {
    const may = room.op || !room.modes.includes('t');
    const set = (text) => act(app.order(`/topic #${room.id} ${text.trim() || '-'}`));
    return part(
      'topicHead',
      may
        ? field(t('topicField'), t('topicSave'), set, { value: room.topic, maxlength: 300, mayBeEmpty: true })
        : h('p.more', { dir: 'auto' }, room.topic || t('topicNone')),
    );
  }

  /** @param {Room} room */
  function who(room) {
    const here = [...room.people.values()].map((one) => one.name).sort((a, b) => a.localeCompare(b));
    const { offline } = known;
    return part(
      'people',
      h('p.more', {}, t('hereNames', { n: here.length, who: people(here, NAMES) })),
      offline.length > 0 && h('p.more', {}, t('offlineNames', { n: offline.length, who: people(offline, NAMES) })),
      h(
        'button.soft',
        { onclick: () => app.copy(`${location.origin}/#${room.id}`), 'data-act': 'link' },
        t('copyRoomLink'),
      ),
    );
  }

  /**
   * Of what the user is told. A guest has no account to keep it.
   * @param {Room} room
   */
  function told(room) {
    if (!app.state.signedIn || !app.state.offer?.accounts) return null;
    const level = h(
      'select',
      { 'aria-label': t('tellHead'), onchange: () => app.tell(room, level.value) },
      ['all', 'mentions', 'none'].map((value) =>
        h('option', { value, selected: room.notify === value }, t(`tell_${value}`)),
      ),
    );
    const muted = h('input', {
      type: 'checkbox',
      role: 'switch',
      checked: room.muted,
      onchange: () => app.tell(room, muted.checked ? 'mute' : 'unmute'),
    });
    return part('tellHead', level, h('label.switch', {}, h('span', {}, t('tell_mute')), muted));
  }

  function files() {
    if (app.state.offer?.files == null) return null;
    const row = ({ file, text, from }) =>
      h(
        'li',
        {},
        h('a', { href: `/files/${file.token}`, target: '_blank', rel: 'noopener', dir: 'auto' }, text),
        h('small', {}, `${bytesOf(file.bytes, language())}, ${from.name}`),
      );
    const shown = known.files.slice(0, FILES);
    return part(
      'filesHead',
      shown.length ? h('ul.held.shelf', {}, shown.map(row)) : h('p.none', {}, t('filesNone')),
      known.files.length > FILES && h('p.more', {}, t('filesMore', { n: known.files.length - FILES })),
    );
  }

  /**
   * Programs that post by an address of their own, for an operator of the room.
   * @param {Room} room
   */
  function hooks(room) {
    if (!app.state.offer?.accounts || !room.op || !app.state.signedIn) return null;
    async function make(name) {
      const ack = app.order(`/hook #${room.id} ${name}`);
      const done = await act(ack);
      const token = done && /\/api\/hooks\/([^\s,]+)/.exec((await ack).text ?? '')?.[1];
      if (!token) return done;
      made = `curl -d '{"text":"${t('hookHello')}"}' ${location.origin}/api/hooks/${token}`;
      await look(room);
      return true;
    }
    const end = (name) => act(app.order(`/unhook #${room.id} ${name}`)).then(() => look(room));
    const row = ({ name, by }) =>
      h(
        'li',
        {},
        h('span', {}, `${name}, ${t('byWhom', { by })}`),
        h('button.soft', { onclick: () => end(name), 'aria-label': t('hookEnd', { name }) }, t('hookEndShort')),
      );
    return part(
      'hooksHead',
      h('p.more', {}, t('hooksMore')),
      known.hooks.length > 0 && h('ul.held', {}, known.hooks.map(row)),
      made &&
        h(
          'div.made',
          {},
          h('p.more', {}, t('hookMade')),
          h('code', { tabIndex: 0 }, made),
          h('button.soft', { onclick: () => app.copy(made) }, t('copy')),
        ),
      field(t('hookName'), t('hookMake'), make, { maxlength: 24 }),
    );
  }

  /** @param {Room} room */
  function leave(room) {
    if (room.id === 'lobby') return null;
    return h(
      'button.soft.danger',
      { onclick: () => app.leave(room), 'data-act': 'leave' },
      t('leave', { room: room.id }),
    );
  }

  return {
    look,
    /** The sheet of another room. */
    reset() {
      asked += 1;
      known = { offline: [], files: [], hooks: [] };
      made = null;
    },
    /** @param {Room} room */
    top: (room) => [topic(room), who(room), told(room), files()],
    /** @param {Room} room */
    bottom: (room) => [hooks(room), leave(room)],
  };
}
