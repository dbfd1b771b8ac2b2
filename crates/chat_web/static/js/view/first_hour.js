// First hour: what the owner of a new place does first: its name and picture, first rooms, an invitation for the team.
import { call, server } from '../api.js';
import { h } from '../dom.js';
import { t } from '../i18n.js';
import { isRoom } from '../names.js';
import { squarePng } from '../picture.js';
import { dialog as makeDialog } from './dialog.js';
import { showPlace } from './place.js';
import { drawnLink, showLink } from './share_link.js';
import { openDialog } from './toast.js';

/** A place is lively with so many people. */
const TEAM = 4;
const WEEK = 7 * 86400;

/**
 * Opens it for an administrator of a place that is still empty, and once.
 * @param {Needs.FirstHour} app
 */
export async function firstHour(app) {
  const count = async () => (await call('/api/admin/lists')).count;
  const people = await count().catch(() => TEAM);
  if (people >= TEAM) return;
  const words = h('p.words', { role: 'status' });
  const done = { place: false, rooms: false, invited: false };
  const list = h('ul.held', {});
  const body = h('div.fields.steps', {}, h('p.more', {}, t('firstMore')), list);
  const dialog = makeDialog('first', 'firstHead', body);
  dialog.addEventListener('close', () => {
    app.ask(
      { type: 'SetPreference', key: 'page.first', value: 'seen' },
      () => {},
      () => {},
    );
    dialog.remove();
    app.focusComposer();
  });

  /** What is done, and how many people are still to come. */
  async function check() {
    const left = Math.max(0, TEAM - (await count().catch(() => people)));
    const row = (is, text) => h('li', {}, h('span', {}, `${is ? '✓' : '○'} ${text}`));
    list.replaceChildren(
      row(done.place, t('firstName')),
      row(done.rooms, t('firstRooms')),
      row(left === 0, left ? t('firstLeft', { n: left }) : t('firstAll')),
    );
  }
  /** Does it, and says how it went where it was asked. */
  async function act(doing, good) {
    try {
      await doing();
      words.textContent = good;
      words.classList.add('good');
    } catch (error) {
      words.textContent = error.status === 0 ? t('noServer') : error.message;
      words.classList.remove('good');
    }
    await check();
  }
  const form = (label, button, inputs, run) =>
    h(
      'form.rename',
      {
        onsubmit: (e) => {
          e.preventDefault();
          run();
        },
      },
      ...inputs,
      h('button.soft', { type: 'submit', 'aria-label': `${label}: ${button}` }, button),
    );
  const field = (label, more = {}) =>
    h('input', { type: 'text', 'aria-label': label, placeholder: label, autocomplete: 'off', ...more });
  const part = (key, ...inside) => h('fieldset', {}, h('legend', {}, t(key)), ...inside);

  const name = field(t('firstNameField'), { maxlength: 100, required: true });
  const file = h('input', { type: 'file', accept: 'image/*', 'aria-label': t('firstPicture') });
  const naming = () =>
    act(async () => {
      await call('/api/admin/place', { method: 'PUT', body: { name: name.value.trim() } });
      done.place = true;
      showPlace(await server());
    }, t('firstNamed'));
  file.addEventListener('change', () => {
    if (!file.files[0]) return;
    act(async () => {
      const png = await squarePng(file.files[0]);
      const response = await fetch('/api/admin/place/picture', {
        method: 'PUT',
        headers: { 'content-type': 'image/png' },
        body: png,
        credentials: 'same-origin',
      });
      if (!response.ok) throw new Error(t('firstNoPicture'));
      showPlace(await server());
    }, t('firstPictured'));
  });

  const room = field(t('firstRoomField'), { maxlength: 32, required: true, autocapitalize: 'none' }),
    topic = field(t('topicField'), { maxlength: 300 });
  const made = [];
  const making = () =>
    act(
      async () => {
        const id = room.value.trim().replace(/^#/, '');
        if (!isRoom(id)) throw new Error(t('foundNone'));
        await app.order(`/join #${id}`);
        if (topic.value.trim()) await app.order(`/topic #${id} ${topic.value.trim()}`);
        made.push(id);
        done.rooms = true;
        room.value = topic.value = '';
        room.focus();
      },
      t('firstMade', { room: room.value.trim().replace(/^#/, '') }),
    );

  const link = h('div.link', {});
  const inviting = () =>
    act(async () => {
      const body = { uses: 50, seconds: WEEK, rooms: made.slice(0, 9) };
      const invitation = await call('/api/admin/invitations', { method: 'POST', body });
      const shown = { copy: t('copy'), copied: t('copied'), qr: t('firstQr') };
      showLink(link, `${location.origin}${invitation.path}`, drawnLink, shown);
    }, t('firstInvited'));

  body.append(
    part('firstName', form(t('firstName'), t('topicSave'), [name], naming), file),
    part('firstRooms', form(t('firstRooms'), t('firstMake'), [room, topic], making)),
    part('firstInvite', h('button.soft', { onclick: inviting, 'data-act': 'invite' }, t('firstLink')), link),
    words,
    h('a.more', { href: '/admin' }, t('firstAdmin')),
  );
  await check();
  openDialog(dialog);
  name.focus();
}
