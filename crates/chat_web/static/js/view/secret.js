// Secret: asks for the password or the key that a command needs, in a field that hides it and stores nothing.
import { h } from '../dom.js';
import { t } from '../i18n.js';
import { dialog as makeDialog } from './dialog.js';
import { form, secret as field } from './account.js';
import { openDialog } from './toast.js';

/**
 * @param {Needs.Secret} app
 * @param {Accounts} accounts
 */
export function secret(app, accounts) {
  const body = h('div.fields', {}),
    dialog = makeDialog('asked', 'signIn', body),
    head = dialog.querySelector('h2');
  dialog.addEventListener('close', () => {
    body.replaceChildren();
    app.focusComposer();
  });

  function show(key, content) {
    head.dataset.t = key;
    head.textContent = t(key);
    body.replaceChildren(content);
    openDialog(dialog);
    (body.querySelector('input:placeholder-shown') ?? body.querySelector('input')).focus();
  }

  /** `name` is the command's, `rest` what stood behind it. False where the page has no such question. */
  return function open({ name, rest }) {
    if (name === 'OPER') {
      show(
        'operHead',
        form('operButton', [field('operKey', 'off')], (key) => app.order(`/oper ${key}`).then(() => dialog.close())),
      );
    } else if (name === 'LOGIN') {
      const who = h('input', {
        type: 'text',
        value: rest,
        'aria-label': t('yourName'),
        placeholder: t('yourName'),
        autocomplete: 'username',
        autocapitalize: 'none',
        spellcheck: 'false',
        maxlength: 32,
        required: true,
      });
      show(
        'signIn',
        form('signIn', [who, field('password', 'current-password')], (whom, password) =>
          accounts.logIn(whom, password).then(() => dialog.close()),
        ),
      );
    } else if (app.state.offer?.accounts && (name === 'REGISTER') === !app.state.signedIn) {
      // The settings have both: a password for one's name, and another one.
      app.settings();
    } else return false;
    return true;
  };
}
