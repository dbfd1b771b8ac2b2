// Linkify: finds the addresses in a text. Only http, https and mailto, and never one that hides where it leads.

// \x60 is the backtick.
const START = /\b(?:https?:\/\/|mailto:)[^\s<>"\x60]+/gi;

/** Cuts what belongs to the sentence and not to the address: a full stop, a closing bracket that was never opened. */
function trimmed(url) {
  for (;;) {
    const last = url.at(-1);
    if ('.,;:!?\'"*_~…'.includes(last)) url = url.slice(0, -1);
    else if (last === ')' && !balanced(url, '(', ')')) url = url.slice(0, -1);
    else if (last === ']' && !balanced(url, '[', ']')) url = url.slice(0, -1);
    else return url;
  }
}

const count = (text, char) => text.split(char).length - 1;
const balanced = (text, open, close) => count(text, open) >= count(text, close);

/**
 * A host that is not plain ASCII is shown as it travels (xn--…): `аpple.com` with a Cyrillic а must not pass for Apple.
 */
function shown(text, url) {
  const host = /^https?:\/\/([^/?#]*)/i.exec(text)?.[1];
  // eslint-disable-next-line no-control-regex
  return host && /[^\x00-\x7f]/.test(host) ? text.replace(host, url.host) : text;
}

/** `{href, text}` for an address that is safe to follow, else null. */
export function link(text) {
  let url;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  if (url.protocol === 'mailto:') return /^mailto:[^@\s?]+@[^@\s?]+$/i.test(text) ? { href: url.href, text } : null;
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  // https://bank.example@evil.example leads to evil.example: such an address stays text.
  if (url.username || url.password || !url.host) return null;
  return { href: url.href, text: shown(text, url) };
}

/** The address that begins at `at` in `text`, or null: `{href, text, end}`. */
export function linkAt(text, at) {
  START.lastIndex = at;
  const found = START.exec(text);
  if (!found || found.index !== at) return null;
  const raw = trimmed(found[0]);
  const good = link(raw);
  return good && { ...good, end: at + raw.length };
}

/** Every address of a text, in order. */
export function links(text) {
  const all = [];
  START.lastIndex = 0;
  for (let found; (found = START.exec(text));) {
    const raw = trimmed(found[0]);
    const good = link(raw);
    if (good) all.push(good);
    START.lastIndex = found.index + Math.max(raw.length, 1);
  }
  return all;
}
