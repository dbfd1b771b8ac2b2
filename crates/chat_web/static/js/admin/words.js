// Words of the dashboard: w() gives those of a key in the reader's language, as the page's t() does.
import { language, useLang } from '../i18n.js';
import { prefs } from '../prefs.js';
import en from './en.js';

let strings = en;

/** Takes the language of the page, which is chosen in its settings or by the browser. */
export async function useWords() {
  await useLang(prefs.lang);
  strings = language() === 'id' ? (await import('./id.js')).default : en;
}

/**
 * What a figure counts; of one that is new to this page what the server says.
 * @param {string} name
 * @param {string} text
 */
export function figureWords(name, text) {
  const key = `figure_${name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())}`;
  return key in strings ? w(key) : text;
}

/**
 * @param {string} key
 * @param {Record<string, any>} [vars]
 */
export function w(key, vars = {}) {
  let text = strings[key] ?? en[key] ?? key;
  if (text.includes('|')) {
    const [one, other] = text.split('|');
    text = new Intl.PluralRules(language()).select(vars.n ?? 0) === 'one' ? one : other;
  }
  return text.replace(/\{(\w+)\}/g, (_, name) => vars[name] ?? '');
}
