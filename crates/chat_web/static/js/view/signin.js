// Sign-in: the way in. A friendly name is there already; Enter, and one is in. Who has a password comes in by it.
import { h, $, avatar } from '../dom.js';
import { t } from '../i18n.js';
import { isName, propose, hue } from '../names.js';
import { setPref } from '../prefs.js';
import { icon } from './icons.js';
import * as api from '../api.js';

/** The ways in: the words of button, help, link and lead. */
const WAYS = {
  visit: { button: 'enter', help: 'nameHelp', link: 'asVisitor', lead: 'welcomeMore' },
  member: { button: 'signIn', help: 'memberHelp', link: 'haveAccount', lead: 'welcomeBack' },
  register: { button: 'register', help: 'registerHelp', link: 'wantAccount', lead: 'welcomeNew' },
};

/**
 * Resolves with the session once there is one. `first`: the name to propose; `why`: what to say before anything is
 * typed.
 */
export function signIn(first, { why = '', way = 'visit', code: invite = '' } = {}) {
  const section = $('#signin'),
    form = $('form', section),
    input = $('#name'),
    password = $('#password'),
    code = $('#code'),
    words = $('#namehelp'),
    button = $('button.primary', form),
    face = $('#face');
  let offer = { accounts: false, private: false };
  section.hidden = false;
  input.value = first || propose();
  code.value = invite;
  const look = () => {
    face.replaceChildren(avatar(input.value || '?', '.xl'));
    section.style.setProperty('--h', hue(input.value));
  };
  const say = (text, bad, field = input) => {
    words.textContent = text;
    words.classList.toggle('bad', !!bad);
    for (const one of [input, password, code]) one.setAttribute('aria-invalid', String(!!bad && one === field));
  };
  const put = (el, key) => {
    el.dataset.t = key;
    el.textContent = t(key);
  };
  const off = new AbortController(),
    { signal } = off;

  function turn(to) {
    way = to;
    const { button: label, help, lead } = WAYS[way];
    put($('span', button), label);
    put($('.lead', section), way === 'register' ? (invite ? 'byCode' : lead) : offer.private ? 'membersOnly' : lead);
    say(t(help));
    $('#secret').hidden = way === 'visit';
    $('#invitation').hidden = way !== 'register' || (!offer.private && !invite);
    $('#dice').hidden = way === 'member';
    password.autocomplete = way === 'register' ? 'new-password' : 'current-password';
    const ways = Object.keys(WAYS).filter((one) => one !== way && (one !== 'visit' || !offer.private));
    $('#ways').hidden = !offer.accounts;
    $('#ways').replaceChildren(
      ...ways.map((one) =>
        h(
          'button.link',
          {
            onclick: () => {
              turn(one);
              focus();
            },
          },
          t(WAYS[one].link),
        ),
      ),
    );
  }
  const focus = () => {
    if (way === 'visit' || !isName(input.value)) {
      input.focus();
      input.select();
    } else password.focus();
  };

  turn(way);
  if (why) say(why, true);
  look();
  focus();
  api
    .server()
    .then((now) => {
      if (signal.aborted) return;
      offer = now;
      import('./place.js').then(({ showPlace }) => showPlace(now));
      $('.terminal', section).hidden = !offer.line;
      $('#join').textContent = `telnet ${location.hostname.replace(/[[\]]/g, '')} ${offer.line}`;
      const said = words.textContent,
        bad = words.classList.contains('bad');
      turn(offer.private && way === 'visit' ? 'member' : way);
      if (bad) say(said, true);
      // Strangers are not told who is in where only members come in.
      return offer.private
        ? null
        : api.rooms().then((rooms) => {
            const n = rooms.find((room) => room.id === 'lobby')?.users;
            if (n) {
              $('#here').textContent = t('hereNow', { n });
              $('#here').hidden = false;
            }
          });
    })
    .catch(() => {});

  $('#dice').replaceChildren(icon('dice'));
  $('#dice').addEventListener(
    'click',
    () => {
      input.value = propose();
      look();
      say(t(WAYS[way].help));
      input.focus();
    },
    { signal },
  );
  input.addEventListener(
    'input',
    () => {
      look();
      const bad = input.value && !isName(input.value);
      say(t(bad ? 'nameRule' : WAYS[way].help), bad);
    },
    { signal },
  );

  const send = (name) =>
    way === 'visit'
      ? api.signOn(name)
      : way === 'member'
        ? api.signIn(name, password.value)
        : api.register(name, password.value, code.value.trim());

  return new Promise((resolve) =>
    form.addEventListener(
      'submit',
      async (e) => {
        e.preventDefault();
        const name = input.value.trim();
        if (!isName(name)) {
          say(t('nameRule'), true);
          input.focus();
          return;
        }
        if (way !== 'visit' && !password.value) {
          say(t('passwordMissing'), true, password);
          password.focus();
          return;
        }
        // Known before anything is made on the server, where the browser says so.
        if (!navigator.cookieEnabled) {
          say(t('noCookies'), true);
          return;
        }
        button.disabled = true;
        try {
          const session = await send(name);
          setPref('account', way !== 'visit');
          off.abort();
          password.value = code.value = '';
          section.hidden = true;
          button.disabled = false;
          resolve(session);
          return;
        } catch (error) {
          refused(error, name);
        }
        button.disabled = false;
      },
      { signal },
    ),
  );

  function refused(error, name) {
    if (error.code === 'no-cookies') say(t('noCookies'), true);
    else if (error.code === 'name-registered') {
      turn('member');
      say(t('nameOwned', { name }), true, password);
      password.focus();
    } else if (error.status === 409) {
      const other = error.proposed ?? `${name.slice(0, 29)}-${Math.floor(2 + Math.random() * 97)}`;
      say(t('nameTaken', { name, other }), true);
      input.value = other;
      look();
      input.focus();
      input.select();
    } else if (error.code === 'needs-invitation') {
      $('#invitation').hidden = false;
      say(code.value ? error.message : t('codeMissing'), true, code);
      code.focus();
    } else {
      if (error.code === 'members-only') {
        offer.private = offer.accounts = true;
        turn('member');
      }
      say(error.status ? error.message : t('noServer'), true, way === 'visit' ? input : password);
      if (way !== 'visit') {
        password.focus();
        password.select();
      } else input.focus();
    }
  }
}
