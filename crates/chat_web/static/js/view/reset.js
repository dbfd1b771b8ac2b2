// Reset: a link of an operator's, by which a user sets a new password and is in.
import { $, h } from '../dom.js';
import { t } from '../i18n.js';
import { setPref } from '../prefs.js';
import { call } from '../api.js';
import { form, secret } from './account.js';

export function reset(code) {
  $('#welcome').textContent = t('passwordNew');
  $('#signin .lead').textContent = t('registerHelp');
  const set = form('passwordChange', [secret('passwordNew', 'new-password')], (password) =>
    call('/api/account/reset', { method: 'POST', body: { code, password }, ms: 30000 }).then(({ name }) => {
      setPref('name', name);
      setPref('account', true);
      location.replace('/');
    }),
  );
  $('#signin form').replaceWith(set, h('a.link', { href: '/' }, t('haveAccount')));
  $('#signin').hidden = false;
  $('input', set).focus();
}
