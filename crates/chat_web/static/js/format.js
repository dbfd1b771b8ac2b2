// A message's text as a tree: code, bold, italic, quote, links, names. Plain data, never markup: the view makes nodes of it.

import { linkify } from './linkify.js';

const MARKS = [
  { open: '**', kind: 'strong' },
  { open: '__', kind: 'strong' },
  { open: '*', kind: 'em' },
  { open: '_', kind: 'em' },
  { open: '~~', kind: 's' },
];
const DEEPEST = 4;

/** The tree of a text: [{kind, text | children | href}]. `me` is the own name, for the highlight. */
export function format(text, me = '') {
  const quote = text.match(/^> ?(.*)$/s);
  if (quote) return [{ kind: 'quote', children: inline(quote[1], me, 0) }];
  return inline(text, me, 0);
}

function inline(text, me, depth) {
  const nodes = [];
  let plain = '';
  const flush = () => {
    if (plain) nodes.push(...words(plain, me));
    plain = '';
  };
  let i = 0;
  while (i < text.length) {
    if (text[i] === '`') {
      const end = text.indexOf('`', i + 1);
      if (end > i + 1) {
        flush();
        nodes.push({ kind: 'code', text: text.slice(i + 1, end) });
        i = end + 1;
        continue;
      }
    }
    // An address keeps its underscores and stars.
    const address = /^(?:https?:\/\/|www\.)\S+/i.exec(text.slice(i));
    if (address && (i === 0 || /[\s(]/.test(text[i - 1]))) {
      plain += address[0];
      i += address[0].length;
      continue;
    }
    const mark = depth < DEEPEST && MARKS.find(({ open }) => opens(text, i, open));
    const end = mark ? closes(text, i + mark.open.length, mark.open) : -1;
    if (end > 0) {
      flush();
      nodes.push({ kind: mark.kind, children: inline(text.slice(i + mark.open.length, end), me, depth + 1) });
      i = end + mark.open.length;
      continue;
    }
    plain += text[i];
    i += 1;
  }
  flush();
  return nodes;
}

/** A mark opens at the begin of a word, and closes at the end of one: snake_case and 2*3*4 stay as they are. */
const opens = (text, i, open) =>
  text.startsWith(open, i) && (i === 0 || /[\s([{"'*_~]/.test(text[i - 1])) && /\S/.test(text[i + open.length] ?? ' ') && text[i + open.length] !== open[0];

function closes(text, from, open) {
  for (let end = text.indexOf(open, from + 1); end > 0; end = text.indexOf(open, end + 1)) {
    const after = text[end + open.length] ?? ' ';
    if (/\S/.test(text[end - 1]) && !/\w/.test(after) && !(open.length === 1 && after === open)) return end;
  }
  return -1;
}

const NAME = /(^|[^\w@-])(@[A-Za-z_][\w-]{0,31}|#[\w-]{1,31})/g;

function words(text, me) {
  return linkify(text).flatMap((part) => (part.href ? [{ kind: 'link', text: part.text, href: part.href }] : named(part.text, me)));
}

function named(text, me) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(NAME)) {
    const start = match.index + match[1].length;
    if (start > end) nodes.push({ kind: 'text', text: text.slice(end, start) });
    const word = match[2];
    if (word[0] === '#') nodes.push({ kind: 'room', text: word });
    else nodes.push({ kind: 'mention', text: word, me: word.slice(1).toLowerCase() === me.toLowerCase() });
    end = start + word.length;
  }
  if (end < text.length) nodes.push({ kind: 'text', text: text.slice(end) });
  return nodes;
}

/** The words of a tree, for notifications and tests. */
export const plain = (nodes) => nodes.map((node) => node.text ?? plain(node.children)).join('');
