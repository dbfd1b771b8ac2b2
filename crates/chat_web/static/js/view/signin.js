// Sign-in: the first visit. A friendly name is there already; Enter, and one is in.
import { h, $, avatar } from '../dom.js';
import { t } from '../i18n.js';
import { isName, propose, hue } from '../names.js';
import { icon } from './icons.js';
import * as api from '../api.js';

/** Resolves with the session once there is one. `first`: the name to propose; `why`: what to say before anything is typed. */
export function signIn(first, why = '') {
  const section = $('#signin'), form = $('form', section), input = $('#name'), words = $('#namehelp'), button = $('button.primary', form), face = $('#face');
  section.hidden = false;
  input.value = first || propose();
  const look = () => { face.replaceChildren(avatar(input.value || '?', '.xl')); section.style.setProperty('--h', hue(input.value)); };
  const say = (text, bad) => { words.textContent = text; words.classList.toggle('bad', !!bad); input.setAttribute('aria-invalid', String(!!bad)); };
  say(why || t('nameHelp'), !!why);
  look();
  $('#join').textContent = `telnet ${location.hostname} 7878`;
  input.focus();
  input.select();
  api.rooms().then((rooms) => { const n = rooms.find((room) => room.id === 'lobby')?.users; if (n) { $('#here').textContent = t('hereNow', { n }); $('#here').hidden = false; } }).catch(() => {});

  const off = new AbortController(), { signal } = off;
  $('#dice').replaceChildren(icon('dice'));
  $('#dice').addEventListener('click', () => { input.value = propose(); look(); say(t('nameHelp')); input.focus(); }, { signal });
  input.addEventListener('input', () => { look(); say(input.value && !isName(input.value) ? t('nameRule') : t('nameHelp'), input.value && !isName(input.value)); }, { signal });

  return new Promise((resolve) => form.addEventListener('submit', async (e) => {
    e.preventDefault();
    const name = input.value.trim();
    if (!isName(name)) { say(t('nameRule'), true); input.focus(); return; }
    button.disabled = true;
    try {
      const session = await api.signOn(name);
      off.abort();
      section.hidden = true;
      resolve(session);
    } catch (error) {
      if (error.status === 409) {
        const other = error.proposed ?? `${name.slice(0, 29)}-${Math.floor(2 + Math.random() * 97)}`;
        say(t('nameTaken', { name, other }), true);
        input.value = other;
        look();
        input.select();
      } else say(error.status ? error.message : t('noServer'), true);
      input.focus();
    }
    button.disabled = false;
  }, { signal }));
}
