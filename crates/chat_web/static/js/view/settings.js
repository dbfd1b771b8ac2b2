// What a person sets for this browser: look, language, clock, notifications, what is read aloud.

import { el } from './dom.js';

const KEY = 'chat.settings';
const DEFAULTS = { theme: 'auto', language: '', hours24: true, notify: false, announce: 'all' };

/** The settings, kept in a store like localStorage. */
export function loadSettings(store, languages = []) {
  let kept = {};
  try {
    kept = JSON.parse(store?.getItem(KEY) ?? '{}') ?? {};
  } catch {
    kept = {};
  }
  const settings = { ...DEFAULTS, ...kept };
  if (!['en', 'id'].includes(settings.language)) {
    settings.language = languages.find((language) => /^(id|in)\b/.test(language)) && !languages[0]?.startsWith('en') ? 'id' : 'en';
  }
  return settings;
}

export function saveSettings(store, settings) {
  try {
    store?.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Private windows may forbid it: the settings live as long as the page.
  }
}

/** Fills the dialog. `change` gets the new settings. */
export function settingsView(dialog, settings, t, change) {
  const choice = (name, label, values) => {
    const select = el('select', { id: `set-${name}`, on: { change: () => change({ ...settings, [name]: select.value === 'true' ? true : select.value === 'false' ? false : select.value }) } },
      ...values.map(([value, words]) => el('option', { value: String(value), selected: String(settings[name]) === String(value) }, words)));
    return el('div', { class: 'row' }, el('label', { for: `set-${name}` }, label), select);
  };
  dialog.replaceChildren(el('form', { method: 'dialog' },
    el('h2', { id: 'settings-title' }, t('settings')),
    choice('theme', t('theme'), [['auto', t('themeAuto')], ['light', t('themeLight')], ['dark', t('themeDark')]]),
    choice('language', t('language'), [['en', 'English'], ['id', 'Bahasa Indonesia']]),
    choice('hours24', t('clockStyle'), [[true, '17:30'], [false, '5:30 PM']]),
    choice('announce', t('readAloud'), [['all', t('readAll')], ['mentions', t('readMentions')], ['none', t('readNone')]]),
    choice('notify', t('notifications'), [[false, t('off')], [true, t('on')]]),
    isSecureContext ? null : el('p', { class: 'hint' }, t('insecure')),
    el('div', { class: 'buttons' }, el('button', { class: 'primary', value: 'ok' }, t('done')))));
}
