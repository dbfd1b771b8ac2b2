// Account: one's own name and its password, as a part of the settings.
import { h } from '../dom.js';
import { t } from '../i18n.js';

export const secret = (label, autocomplete) =>
  h('input', {
    type: 'password',
    'aria-label': t(label),
    placeholder: t(label),
    autocomplete,
    maxlength: 1024,
    required: true,
  });

/** A form whose button waits for what it does. What went wrong is said below the fields. */
export function form(label, fields, act) {
  const words = h('p.words', { role: 'status' }),
    button = h('button.soft', {}, t(label));
  button.type = 'submit';
  return h(
    'form.account',
    {
      onsubmit: async (e) => {
        e.preventDefault();
        button.disabled = true;
        words.textContent = '';
        try {
          await act(...fields.map((field) => field.value));
          e.target.reset();
        } catch (error) {
          words.textContent = error.status === 0 ? t('noServer') : error.message;
          fields[0].focus();
        }
        button.disabled = false;
      },
    },
    fields,
    button,
    words,
  );
}

/**
 * Nothing where the server has no accounts.
 * @param {State} state
 * @param {Accounts} accounts
 */
export function account({ me, signedIn, offer }, accounts) {
  if (!offer?.accounts) return null;
  // Browsers keep a password with the name it belongs to.
  const name = h('input', { type: 'text', value: me.name, autocomplete: 'username', hidden: true, readonly: true });
  if (!signedIn) {
    const own = form('register', [secret('passwordNew', 'new-password')], (password) => accounts.makeMine(password));
    own.prepend(name);
    return h('fieldset', {}, h('legend', {}, t('account')), h('p.more', {}, t('accountMore', { name: me.name })), own);
  }
  const change = form(
    'passwordChange',
    [secret('passwordOld', 'current-password'), secret('passwordNew', 'new-password')],
    (old, fresh) => accounts.changePassword(old, fresh),
  );
  change.prepend(name);
  return h(
    'fieldset',
    {},
    h('legend', {}, t('account')),
    h('p.more', {}, t('accountYours', { name: me.name })),
    change,
    h('button.soft', { id: 'everywhere', onclick: () => accounts.signOutEverywhere() }, t('signOutEverywhere')),
  );
}
