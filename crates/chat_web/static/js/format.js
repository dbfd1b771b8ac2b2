// Format: the text of a message to a small tree of `{t, …}`. The view turns it into nodes, so there is no HTML to
// clean.
import { linkAt } from './linkify.js';
import { isJumbo } from './emoji.js';
import { sameName } from './names.js';

const MARKS = [
  ['**', 'b'],
  ['~~', 's'],
  ['*', 'b'],
  ['_', 'i'],
];
const WORD = /[\p{L}\p{N}_]/u;
/** Three backticks; written so that no reader of this file takes them for a text of several lines. */
const FENCE = '\x60\x60\x60',
  CLOSES = /\x60{3}[ \t]*$/;

/** `about` says who `me` is and which names are known: only those become mentions. */
export function format(text, about = {}) {
  if (text.startsWith('> ') && text.length > 2) return [{ t: 'quote', c: inline(text.slice(2), about, 0) }];
  if (text.includes(FENCE)) return fenced(text, about);
  if (isJumbo(text)) return [{ t: 'jumbo', s: text }];
  return inline(text, about, 0);
}

/** Words and blocks of code in turn, line by line. A fence that nothing closes is words. */
function fenced(text, about) {
  const lines = text.split('\n');
  const out = [];
  let words = [];
  const flush = () => {
    if (words.length) out.push(...inline(words.join('\n'), about, 0));
    words = [];
  };
  let open = true;
  for (let i = 0; i < lines.length; i++) {
    const found = open && lines[i].startsWith(FENCE) && block(lines, i);
    // Where no fence follows, there is none for the next either.
    if (found === null) open = false;
    if (!found) words.push(lines[i]);
    else {
      flush();
      out.push(found.node);
      i = found.end;
    }
  }
  flush();
  return out;
}

/** The block that begins with line `at`; null: no fence closes it. In one line all behind the fence is code. */
function block(lines, at) {
  const first = lines[at].slice(3);
  const line = /^(.+?)\x60{3}[ \t]*$/.exec(first);
  if (line) return { node: { t: 'pre', s: line[1].trim() }, end: at };
  let end = at + 1;
  while (end < lines.length && !CLOSES.test(lines[end])) end++;
  if (end === lines.length) return null;
  const lang = /^[\w+#.-]*$/.test(first.trim()) ? first.trim() : '';
  const code = [...(lang ? [] : [first]), ...lines.slice(at + 1, end), lines[end].replace(CLOSES, '')];
  const s = code.join('\n').replace(/^\n+/, '').trimEnd();
  return s ? { node: { t: 'pre', s, ...(lang ? { lang } : {}) }, end } : undefined;
}

function inline(text, about, depth) {
  const out = [];
  let plain = '';
  const push = (node) => {
    if (plain) out.push({ t: 'text', s: plain });
    plain = '';
    out.push(node);
  };
  for (let at = 0; at < text.length;) {
    const before = at ? text[at - 1] : ' ';
    const found =
      code(text, at) ||
      address(text, at, before) ||
      mention(text, at, before, about) ||
      (depth < 4 && marked(text, at, before, about, depth));
    if (found) {
      push(found.node);
      at = found.end;
    } else plain += text[at++];
  }
  if (plain) out.push({ t: 'text', s: plain });
  return out;
}

function code(text, at) {
  if (text[at] !== '`') return null;
  const end = text.indexOf('`', at + 1);
  return end > at + 1 ? { node: { t: 'code', s: text.slice(at + 1, end) }, end: end + 1 } : null;
}

function address(text, at, before) {
  if (!'hHmM'.includes(text[at]) || WORD.test(before)) return null;
  const found = linkAt(text, at);
  return found && { node: { t: 'link', href: found.href, s: found.text }, end: found.end };
}

function mention(text, at, before, about) {
  if ((text[at] !== '@' && text[at] !== '#') || WORD.test(before) || before === '/' || before === '&') return null;
  const word = /^[A-Za-z0-9_-]{1,32}/.exec(text.slice(at + 1, at + 34))?.[0];
  if (!word) return null;
  const end = at + 1 + word.length;
  if (text[at] === '#') return about.room?.(word) ? { node: { t: 'room', id: word }, end } : null;
  const me = !!about.me && sameName(word, about.me);
  return me || about.name?.(word) ? { node: { t: 'mention', name: word, me }, end } : null;
}

/** A mark opens before a word and closes after one; `2*3*4`, `snake_case_name` and `* ` are left alone. */
function marked(text, at, before, about, depth) {
  for (const [mark, t] of MARKS) {
    if (!text.startsWith(mark, at) || WORD.test(before)) continue;
    const from = at + mark.length;
    if (from >= text.length || /[\s*_~]/.test(text[from])) continue;
    // The search is bounded: a text of nothing but stars must not cost the square of its length.
    for (let end = from + 1, stop = Math.min(text.length, from + 600); end < stop; end++) {
      if (text[end] !== mark[0] || !text.startsWith(mark, end) || /\s/.test(text[end - 1])) continue;
      const after = text[end + mark.length] ?? ' ';
      if (WORD.test(after) || after === mark[0]) continue;
      return { node: { t, c: inline(text.slice(from, end), about, depth + 1) }, end: end + mark.length };
    }
  }
  return null;
}

/** What a screen reader or a notification says: the words without the marks. */
export function plainText(tree) {
  return tree
    .map((node) =>
      node.c
        ? plainText(node.c)
        : node.t === 'mention'
          ? `@${node.name}`
          : node.t === 'room'
            ? `#${node.id}`
            : node.t === 'pre'
              ? `\n${node.s}\n`
              : node.s,
    )
    .join('');
}

/** A number of bytes as people read it: "18.2 KB". */
export function bytesOf(bytes, lang) {
  const [unit, of] =
    bytes < 1000 ? ['byte', 1] : bytes < 1e6 ? ['kilobyte', 1e3] : bytes < 1e9 ? ['megabyte', 1e6] : ['gigabyte', 1e9];
  return new Intl.NumberFormat(lang, { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: 1 }).format(
    bytes / of,
  );
}
