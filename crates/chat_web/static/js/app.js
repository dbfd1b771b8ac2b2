// What the parts of the page share: what is known, what is unsent, the settings, the words, the views. One of each.

import * as link from './link.js';
import { newOutbox } from './outbox.js';
import { newState } from './store.js';
import { words } from './i18n.js';
import { loadSettings } from './view/settings.js';

export const byId = (id) => document.getElementById(id);

const kept = (() => {
  try {
    localStorage.setItem('chat.probe', '1');
    localStorage.removeItem('chat.probe');
    return localStorage;
  } catch {
    return null; // private windows may forbid it
  }
})();
const settings = loadSettings(kept, navigator.languages ?? []);

export const app = {
  state: newState(),
  outbox: newOutbox(kept),
  /** What outlives the page, or null. */
  kept,
  settings,
  t: words(settings.language),
  machine: link.start(),
  views: null,
  /** Why the server let go, in its own words. */
  refused: '',
};
