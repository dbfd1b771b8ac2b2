// Settings: the looks, the language, what makes a sound in the world, one's name, and the way out.
import { $, h } from '../dom.js';
import { icon } from './icons.js';
import { t, LANGS } from '../i18n.js';
import { prefs } from '../prefs.js';
import { isName, preferred } from '../names.js';
import { dialog as makeDialog } from './dialog.js';
import { account } from './account.js';
import { chime, notify } from './notify.js';
import { profile } from './profile.js';
import { canPush, turnOff, turnOn } from './push.js';
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

  const onOff = (label, more, attributes) =>
    h(
      'label.switch',
      {},
      h('span', {}, label, h('small', {}, more)),
      h('input', { type: 'checkbox', role: 'switch', ...attributes }),
    );

  /** Why push cannot be had, in words; empty: it can. */
  const noPush = () =>
    (!isSecureContext && t('notifySecure')) ||
    (!canPush() && t('pushCannot')) ||
    (!app.state.signedIn && t('pushAccount')) ||
    (Notification.permission === 'denied' && t('notifyDenied')) ||
    '';

  /** The switch of push, and, where it is on, what is told. */
  function pushSwitches() {
    const why = noPush(),
      on = !why && !!prefs.push;
    const choose = async (input, wish) => {
      try {
        await (wish ? turnOn(wish) : turnOff());
      } catch (error) {
        console.warn(error);
        app.sorry(error.status ? error.message : t('pushFailed'));
      }
      draw();
      $(`#settings [data-push=${input}]`)?.focus();
    };
    const wish = (key) =>
      onOff(t(`push_${key}`), t(`pushMore_${key}`), {
        checked: prefs.push[key],
        'data-push': key,
        onchange: (e) => choose(key, { words: false, rooms: false, ...prefs.push, [key]: e.target.checked }),
      });
    return [
      onOff(t('push'), why || t('pushMore'), {
        checked: on,
        disabled: !!why,
        'data-push': 'all',
        onchange: async (e) => {
          const wanted = e.target.checked && (await Notification.requestPermission()) === 'granted';
          await choose('all', wanted && { words: false, rooms: false });
        },
      }),
      ...(on ? ['words', 'rooms'].map(wish) : []),
    ];
  }

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
        profile(app),
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
      onOff(t('byName'), app.state.signedIn ? t('byNameMore', { name: app.state.me.name }) : t('byNameAccount'), {
        checked: app.state.signedIn && preferred.bare,
        disabled: !app.state.signedIn,
        'data-set': 'by-name',
        onchange: (e) => app.callByName(e.target.checked),
      }),
      onOff(
        t('notify'),
        secure ? (Notification.permission === 'denied' ? t('notifyDenied') : t('notifyMore')) : t('notifySecure'),
        {
          checked: prefs.notify && secure && Notification.permission === 'granted',
          disabled: !secure || Notification.permission === 'denied',
          'data-set': 'notify',
          onchange: async (e) => {
            const asked = e.target.checked && (await Notification.requestPermission()) === 'granted';
            // The first one says that they come, and shows whether they can.
            const on = asked && notify(t('notify'), { body: t('notifyMore'), tag: 'chat-settings' });
            if (asked && !on) app.sorry(t('notifyCannot'));
            e.target.checked = on;
            app.set('notify', on);
          },
        },
      ),
      ...pushSwitches(),
      onOff(t('sound'), t('soundMore'), {
        checked: prefs.sound,
        onchange: (e) => {
          if (e.target.checked) chime();
          app.set('sound', e.target.checked);
        },
      }),
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
