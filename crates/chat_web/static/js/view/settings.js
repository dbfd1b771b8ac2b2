// Settings: the looks, the language, what makes a sound in the world, one's name, and the way out.
import { h } from '../dom.js';
import { icon } from './icons.js';
import { t, LANGS } from '../i18n.js';
import { prefs } from '../prefs.js';
import { isName } from '../names.js';
import { dialog as makeDialog } from './dialog.js';
import { account } from './account.js';
import { notify } from './notify.js';
import { openDialog } from './toast.js';

/**
 * @param {Needs.Settings} app
 * @param {Accounts} accounts
 */
export function settings(app, accounts) {
  const body = h('div.fields', {}),
    dialog = makeDialog('settings', 'settings', body);
  dialog.addEventListener('close', () => app.focusComposer());

  const choice = (key, options) =>
    h(
      'fieldset',
      {},
      h('legend', {}, t(`set_${key}`)),
      h(
        'div.choice',
        {},
        options.map(([value, label]) =>
          h(
            'label',
            {},
            h('input', {
              type: 'radio',
              name: key,
              value,
              checked: prefs[key] === value,
              onchange: () => app.set(key, value),
            }),
            h('span', {}, label),
          ),
        ),
      ),
    );

  function draw() {
    const name = h('input', {
      type: 'text',
      value: app.state.me.name,
      'aria-label': t('yourName'),
      autocomplete: 'off',
      spellcheck: 'false',
      maxlength: 32,
    });
    const rename = h(
      'form.rename',
      {
        onsubmit: (e) => {
          e.preventDefault();
          if (!isName(name.value)) return app.sorry(t('nameRule'));
          if (name.value !== app.state.me.name) app.give(`/nick ${name.value}`, true);
        },
      },
      name,
      h('button.soft', {}, t('rename')),
    );
    rename.lastChild.type = 'submit';
    const secure = isSecureContext && 'Notification' in globalThis;
    body.replaceChildren(
      // A member's name is that of the account: the server refuses another.
      ...[
        !app.state.signedIn && h('fieldset', {}, h('legend', {}, t('yourName')), rename),
        account(app.state, accounts),
      ].filter(Boolean),
      choice(
        'theme',
        ['auto', 'light', 'dark'].map((v) => [v, t(v)]),
      ),
      choice(
        'density',
        ['cosy', 'compact'].map((v) => [v, t(v)]),
      ),
      choice('lang', [['auto', t('auto')], ...Object.entries(LANGS)]),
      choice('hours', [
        ['auto', t('auto')],
        ['12', '3:07 pm'],
        ['24', '15:07'],
      ]),
      choice(
        'announce',
        ['all', 'mentions', 'none'].map((v) => [v, t(`announce_${v}`)]),
      ),
      h(
        'label.switch',
        {},
        h(
          'span',
          {},
          t('notify'),
          h(
            'small',
            {},
            secure ? (Notification.permission === 'denied' ? t('notifyDenied') : t('notifyMore')) : t('notifySecure'),
          ),
        ),
        h('input', {
          type: 'checkbox',
          role: 'switch',
          checked: prefs.notify && secure && Notification.permission === 'granted',
          disabled: !secure || Notification.permission === 'denied',
          onchange: async (e) => {
            const asked = e.target.checked && (await Notification.requestPermission()) === 'granted';
            // The first one says that they come, and shows whether they can.
            const on = asked && notify(t('notify'), { body: t('notifyMore'), tag: 'chat-settings' });
            if (asked && !on) app.sorry(t('notifyCannot'));
            e.target.checked = on;
            app.set('notify', on);
          },
        }),
      ),
      h(
        'div.row',
        {},
        h(
          'button.soft',
          {
            onclick: () => {
              dialog.close();
              app.sheet();
            },
          },
          icon('help'),
          t('shortcuts'),
        ),
        h(
          'button.soft.danger',
          {
            onclick: () => {
              dialog.close();
              accounts.signOut();
            },
          },
          icon('leave'),
          t('signOut'),
        ),
      ),
    );
  }
  return {
    open() {
      draw();
      openDialog(dialog);
    },
    redraw() {
      if (dialog.open) draw();
    },
  };
}
