// Coming in under a name, coming back, and leaving.

import { app, byId } from './app.js';
import { feed } from './connection.js';
import { isName, propose } from './names.js';
import { el, icon } from './view/dom.js';

async function enter(name) {
  const answer = await fetch('/api/users', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ name }) });
  const body = await answer.json();
  if (answer.status === 201) {
    try {
      app.kept?.setItem('chat.name', body.name);
    } catch {
      // It is only a proposal for the next time.
    }
  }
  return { status: answer.status, body };
}

export function signOn(first = '', problem = '') {
  const dialog = byId('sign-on');
  byId('app').inert = true;
  const name = el('input', { id: 'name', type: 'text', maxlength: '32', required: true, autocomplete: 'nickname', autocapitalize: 'none', spellcheck: 'false', 'aria-describedby': 'name-hint', value: first || propose() });
  const hint = el('p', { id: 'name-hint', class: problem ? 'hint wrong' : 'hint', role: problem ? 'alert' : undefined }, problem || app.t('nameHint'));
  const wrong = (words) => {
    hint.textContent = words;
    hint.className = 'hint wrong';
    hint.setAttribute('role', 'alert');
    name.setAttribute('aria-invalid', 'true');
    name.select();
  };
  const form = el('form', { class: 'welcome', on: { submit: async (event) => {
    event.preventDefault();
    const wanted = name.value.trim();
    if (!isName(wanted)) return wrong(app.t('badName'));
    try {
      const { status, body } = await enter(wanted);
      if (status === 201) {
        dialog.close();
        return begin();
      }
      if (body.try) name.value = body.try;
      return wrong(body.try ? app.t('nameTaken', { name: body.try }) : body.detail ?? body.title);
    } catch {
      return wrong(app.t('cannotReach'));
    }
  } } },
  el('img', { src: '/icon.svg', alt: '', width: '64', height: '64' }),
  el('h2', { id: 'sign-on-title' }, app.t('welcome')), el('p', {}, app.t('welcomeText')),
  el('label', { for: 'name' }, app.t('nameLabel')),
  el('div', { class: 'name-row' }, name, el('button', { type: 'button', class: 'plain', 'aria-label': app.t('another'), title: app.t('another'), on: { click: () => { name.value = propose(); name.focus(); } } }, icon('retry'))),
  hint, el('button', { class: 'primary', type: 'submit' }, app.t('comeIn')));
  dialog.replaceChildren(form);
  if (!dialog.open) dialog.showModal();
  name.focus();
  name.select();
}
byId('sign-on').addEventListener('cancel', (event) => event.preventDefault());

/** The session is over, as after a restart of the server: come in again under the same name, with all that is unsent. */
export async function signOnAgain() {
  const name = app.state.me?.name ?? app.kept?.getItem('chat.name') ?? '';
  try {
    const { status, body } = name ? await enter(name) : { status: 0, body: {} };
    if (status === 201) return feed({ type: 'start' });
    return signOn(body.try ?? name, body.try ? app.t('nameTaken', { name: body.try }) : '');
  } catch {
    return setTimeout(signOnAgain, 2_000);
  }
}

export const comeBack = () => {
  app.refused = '';
  signOn(app.state.me?.name ?? '');
};

export function begin() {
  byId('app').inert = false;
  feed({ type: 'start' });
  app.views.composer.focus();
}

export async function signOut() {
  await fetch('/api/me', { method: 'DELETE' }).catch(() => {});
  feed({ type: 'stop' });
}
