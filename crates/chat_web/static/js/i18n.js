// I18n: t('key', {n}) in the reader's language. English is always there; another language is loaded when it is asked
// for.
import en from './i18n/en.js';

export const LANGS = { en: 'English', id: 'Bahasa Indonesia' };
let strings = en;
let lang = 'en';
/** The language that is read now. */
export const language = () => lang;

export const choose = (pref, offered = globalThis.navigator?.languages ?? []) =>
  pref in LANGS ? pref : (offered.map((one) => one.slice(0, 2)).find((one) => one in LANGS) ?? 'en');

export async function useLang(pref) {
  const wanted = choose(pref);
  strings = wanted === 'id' ? (await import('./i18n/id.js')).default : en;
  lang = wanted;
  document.documentElement.lang = wanted;
}

/** "1 message|{n} messages": the second form is for every number that the language does not call "one". */
export function t(key, vars = {}) {
  let text = strings[key] ?? en[key] ?? key;
  if (text.includes('|')) {
    const [one, other] = text.split('|');
    text = new Intl.PluralRules(lang).select(vars.n ?? 0) === 'one' ? one : other;
  }
  return text.replace(/\{(\w+)\}/g, (_, name) => vars[name] ?? '');
}

/** "ana, budi and 3 others". */
export function people(names, most = 2) {
  const list = names.length > most + 1 ? [...names.slice(0, most), t('others', { n: names.length - most })] : names;
  return new Intl.ListFormat(lang).format(list);
}

/**
 * What the server refuses, in the page's words: those of the server may speak of lines that one types in a terminal. In
 * quotes they name what is meant.
 * @param {{ code?: string, title: string }} error
 */
export function refusal({ code, title }) {
  const key = `no_${code}`;
  const what = /"([^"]+)"/.exec(title)?.[1];
  const words = strings[key] ?? en[key];
  const speaksOfLines = /\b[A-Z]{3,}\b/.test(title);
  return words && speaksOfLines && (what || !words.includes('{')) ? t(key, { what }) : title;
}
