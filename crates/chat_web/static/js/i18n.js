// Words in the person's language, with what changes in them put in.

import en from './i18n/en.js';
import id from './i18n/id.js';

const LANGUAGES = { en, id };

/** A function from a key and its values to words. A key that is missing shows itself: better than nothing. */
export const words = (language) => (key, values = {}) =>
  (LANGUAGES[language]?.[key] ?? en[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
