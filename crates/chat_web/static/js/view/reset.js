// Reset: a link of an operator's, by which a user sets a new password and is in.
import { $, h } from '../dom.js';
import { t } from '../i18n.js';
import { setPref } from '../prefs.js';
import { call } from '../api.js';

export function reset(code) {
  const section = $('#signin'), field = h('input.wide', { type: 'password', autocomplete: 'new-password', 'aria-label': t('passwordNew'), 'aria-describedby': 'namehelp', maxlength: 1024, required: true });
  const words = h('p#namehelp', { role: 'status' }, t('registerHelp')), button = h('button.primary', { type: 'submit' }, t('passwordChange'));
  const form = h('form', {}, h('label', {}, t('passwordNew'), field), words, button, h('p', {}, h('a.link', { href: '/' }, t('haveAccount'))));
  form.addEventListener('submit', async (e) => {
    e.preventDefault();
    button.disabled = true;
    try {
      await call('/api/account/reset', { method: 'POST', body: { code, password: field.value }, ms: 30000 });
      setPref('account', true);
      location.replace('/');
    } catch (error) {
      words.textContent = error.status ? error.message : t('noServer');
      words.classList.add('bad');
      button.disabled = false;
      field.focus();
    }
  });
  $('#welcome').textContent = t('passwordNew');
  $('.lead', section).textContent = '';
  $('form', section).replaceWith(form);
  section.hidden = false;
  field.focus();
}
