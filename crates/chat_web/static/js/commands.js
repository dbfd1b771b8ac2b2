// Commands: what a line that begins with `/` means on the page: what it does itself, and what the server is asked for.
import { commandOf, lacksSecret } from './secrets.js';

/** The page leaves by itself; the server has no such command for it. */
export const LEAVE = { name: 'QUIT', slashes: ['quit', 'exit', 'q'], usage: '/quit', words: 'signOut' };

/**
 * What the page carries out itself, in the order in which it is looked for.
 * @type {[RegExp, (found: RegExpExecArray, where: Where) => Meaning | null | false | undefined][]}
 */
const OWN = [
  [/^\/me\s+(.+)/is, ([, text]) => ({ do: 'act', text })],
  [/^\/join\s+#?([A-Za-z0-9_-]+)(?:\s+(\S+))?\s*$/i, ([, room, key]) => ({ do: 'join', room, key })],
  [/^\/(?:whisper|w|tell|msg)\s+@?([A-Za-z_][A-Za-z0-9_-]*)\s+(.+)/is, ([, to, text]) => ({ do: 'whisper', to, text })],
  [/^\/search\s+(.+)/i, ([, words], { keeps }) => keeps && { do: 'search', words }],
  [/^\/(quit|exit|q)\b/i, () => ({ do: 'leave', everywhere: false })],
  // This browser would come back by its cookie, so that goes too.
  [/^\/logout(?:\s+(all))?\s*$/i, ([, all], { signedIn }) => signedIn && { do: 'leave', everywhere: !!all }],
];

/**
 * In a direct talk a command without a room would act in the lobby: it acts here, or is refused.
 * @param {string} text
 * @param {Where} where
 * @returns {Meaning | null}
 */
function inTalk(text, { commands }) {
  const [, typed, rest] = /^\/(\S+)\s*(.*)/s.exec(text) ?? [];
  const word = typed?.toLowerCase();
  if ((word === 'reply' || word === 'r') && rest) return { do: 'say', text: rest };
  if (word === 'part' && !rest) return { do: 'part' };
  const wantsRoom = (one) => one.usage.includes('[#room') && one.slashes?.includes(word);
  return !/^[#*]/.test(rest) && commands.some(wantsRoom) ? { do: 'name-room', word: `/${typed}` } : null;
}

/**
 * What a typed command means. `where` says in what kind of room it was typed, and what the server has told.
 * @param {string} text
 * @param {Where} where
 * @returns {Meaning}
 */
export function meaning(text, where) {
  const here = where.talk && inTalk(text, where);
  if (here) return here;
  for (const [form, act] of OWN) {
    const found = form.exec(text);
    const does = found && act(found, where);
    if (does) return does;
  }
  const command = commandOf(text, where.commands);
  return command?.secret && lacksSecret(command) ? { do: 'ask', command } : { do: 'give' };
}

/** What a message, a file or a panel has a button for, and what is for programs: typed out, they work all the same. */
const BY_BUTTON = new Set(['ANSWER', 'EDIT', 'DELETE', 'REACT', 'UNREACT', 'SEND', 'EXPORT', 'READ', 'PREF']);

/**
 * How a command is written on the page, which knows no lines of programs. `words`: what stands for what is to be filled
 * in, in the reader's language, as `name=nama,why=alasan`.
 * @param {string} usage
 * @param {string} words
 */
export function usageHere(usage, words) {
  const ways = usage.split(/,? or (?=\/|[A-Z]{2,}:)/);
  const [, verb, rest] = /^(\S+)(.*)$/s.exec(ways.find((way) => way.startsWith('/')) ?? usage);
  const table = new Map(words.split(',').map((pair) => /** @type {[string, string]} */ (pair.split('='))));
  const put = (word) => table.get(word) ?? word;
  return verb + rest.replace(/new password|[a-z]+/g, put);
}

/**
 * The commands that begin with a word, for the list above the field; `words` as usageHere takes them.
 * @param {string} word
 * @param {Command[]} commands
 * @param {string} words
 */
export function suggestions(word, commands, words = '') {
  const shown = commands.filter(({ name }) => !BY_BUTTON.has(name));
  const all = [...shown, LEAVE].flatMap((one) => {
    const names = one.slashes ?? [one.name.toLowerCase()];
    return names
      .slice(0, 1)
      .map((slash) => ({ ...one, usage: usageHere(one.usage, words), slash, all: one.slashes ?? [] }));
  });
  return all.filter((one) => one.slash.startsWith(word) || one.all.includes(word)).slice(0, 7);
}
