// Profile: what the user shows beside the name, as a part of the settings: a full name, a status, a picture.
import { $, avatar, faces, h } from '../dom.js';
import { icon } from './icons.js';
import { t } from '../i18n.js';
import { call } from '../api.js';
import { face } from '../picture.js';
import { form } from './account.js';

const prefer = (key, value) => call(`/api/me/preferences/profile.${key}`, { method: 'PUT', body: { value } });
const field = (label, value) =>
  h('input', {
    type: 'text',
    value,
    'aria-label': t(label),
    placeholder: t(label),
    maxlength: 80,
    autocomplete: 'off',
  });

/** @param {Needs.Profile} app */
export function profile(app) {
  const { me, signedIn, offer } = app.state;
  if (!offer?.accounts || !signedIn) return null;
  const own = app.profile(me.name),
    name = field('fullName', own?.name ?? ''),
    status = field('status', own?.status ?? ''),
    file = h('input', { type: 'file', accept: 'image/*', 'aria-label': t('facePicture'), id: 'facefile' });
  const words = form('profileKeep', [name, status], async (full, says) => {
    await prefer('name', full);
    await prefer('status', says);
  });
  const change = async (act) => {
    try {
      await act();
    } catch (error) {
      app.sorry(error.status ? error.message : t('faceBad'));
    }
    $('#facefile')?.focus();
  };
  file.addEventListener('change', () => {
    if (file.files[0]) change(async () => prefer('picture', await face(file.files[0])));
  });
  const hasFace = faces.has(me.name.toLowerCase());
  return h(
    'fieldset.profile',
    {},
    h('legend', {}, t('profile')),
    h('p.more', {}, t('profileMore')),
    words,
    h(
      'div.row',
      {},
      avatar(me.name),
      h('label', {}, h('span', {}, t('facePicture')), file),
      hasFace &&
        h(
          'button.soft',
          { id: 'noface', onclick: () => change(() => prefer('picture', '')) },
          icon('close'),
          t('faceNone'),
        ),
    ),
  );
}
