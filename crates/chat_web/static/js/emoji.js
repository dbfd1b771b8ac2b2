// Emoji: `:name:` becomes a character, and what counts as one. The table of names comes later than the page itself.

/** Name by name, in the order of the picker; empty until `loadEmoji`. */
export const EMOJI = new Map();
let loading = null,
  refused = false;

/** Fetches the table, once; it is tried again after a failure. */
export const loadEmoji = () =>
  (loading ??= import('./emoji_names.js').then(
    ({ default: table }) => {
      for (const word of table.trim().split(/\s+/)) {
        const cut = word.search(/[^a-z0-9_+-]/);
        // `100💯` and `+1👍`: a name ends where the first character beyond ASCII begins.
        EMOJI.set(word.slice(0, cut), word.slice(cut));
      }
    },
    (error) => {
      loading = null;
      refused = true;
      throw error;
    },
  ));

/** The six that are one click away. */
export const QUICK = ['👍', '❤️', '😂', '🎉', '👀', '🙏'];

export const nameOf = (emoji) => {
  for (const [name, char] of EMOJI) if (char === emoji) return name.replaceAll('_', ' ');
  return emoji;
};

/** `:tada:` becomes 🎉; what is not a name stays as it was typed, and so does what stands between backticks. */
export function expand(text) {
  return text
    .split(/(`.*?`)/s)
    .map((part, i) =>
      i % 2
        ? part
        : part.replace(/(^|[\s(]):([a-z0-9_+-]+):(?=$|[\s).,!?])/g, (all, before, name) =>
            EMOJI.has(name) ? before + EMOJI.get(name) : all,
          ),
    )
    .join('');
}

/** Whether there may be a name in it that the table would know, were it here already. */
export const awaitsNames = (text) => !EMOJI.size && !refused && /:[a-z0-9_+-]+:/.test(text);

/** Names that begin with the word come first, then those that hold it. */
export function search(word, limit = 8) {
  const first = [],
    then = [];
  for (const [name, char] of EMOJI) {
    if (name.startsWith(word)) first.push({ name, char });
    else if (name.includes(word)) then.push({ name, char });
  }
  return first.concat(then).slice(0, limit);
}

const FIRST = String.raw`(?:\p{Extended_Pictographic}|\p{Regional_Indicator}{2})`;
const ONE = String.raw`${FIRST}(?:\uFE0F|\p{Emoji_Modifier}|\u200D\p{Extended_Pictographic})*`;
const FEW = new RegExp(`^(?:${ONE}\\s?){1,3}$`, 'u'),
  SINGLE = new RegExp(`^${ONE}$`, 'u');
/** One to three emoji and nothing else: shown large. */
export const isJumbo = (text) => FEW.test(text);
/** Is this one emoji, fit for a reaction? */
export const isEmoji = (text) => SINGLE.test(text);
