// Finds the addresses in a text. Only http, https and mailto become links; what is shown is always the address itself.

const ADDRESS = /\b(?:https?:\/\/|mailto:|www\.)[^\s<>"'`]+/gi;
const TRAILING = /[.,;:!?)\]}'"*_]+$/;

/** Splits a text into plain pieces and links: [{text}, {text, href}]. */
export function linkify(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    let shown = match[0];
    // A bracket at the end belongs to the address only if it was opened in it.
    const tail = shown.match(TRAILING)?.[0] ?? '';
    if (tail) {
      const kept = shown.slice(0, -tail.length);
      shown = tail.startsWith(')') && kept.includes('(') && !kept.includes(')') ? `${kept})` : kept;
    }
    const href = safe(shown.startsWith('www.') ? `https://${shown}` : shown);
    if (!href) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index) });
    parts.push({ text: shown, href });
    end = match.index + shown.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/** The address if a click on it can do no harm, else null. A host that mixes scripts is shown as punycode by the URL. */
export function safe(address) {
  try {
    const url = new URL(address);
    if (!['http:', 'https:', 'mailto:'].includes(url.protocol)) return null;
    if (url.protocol !== 'mailto:' && !url.hostname) return null;
    // user:password@host is a way to look like another host.
    return url.username || url.password ? null : url.href;
  } catch {
    return null;
  }
}
