// Names: what a name may be, a friendly one for a first visit, and the colour and initials that go with it.

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,31}$/;
const ROOM = /^[A-Za-z0-9_-]{1,31}$/;
const HOW = `
  amber bold brave bright calm clever cosy curious dapper eager fair fleet gentle glad golden happy jolly keen
  kind lively lucky mellow merry mild misty neat nimble noble patient plucky polite proud quick quiet ready rosy
  shiny silver sly snug spry steady sunny swift tidy warm wise witty`
  .trim()
  .split(/\s+/);
const WHO = `
  badger bear beaver bee bison civet cormorant crane cricket curlew deer dolphin dove egret falcon finch fox gecko
  gibbon hare hedgehog heron hornbill ibis jay kestrel kite komodo lark lemur lynx macaque magpie marten moth newt
  orca otter owl panda pangolin pelican puffin quail rabbit raven robin seal sparrow squirrel stork swan swift
  tapir tern thrush toad turtle vole whale wren yak`
  .trim()
  .split(/\s+/);

const HUES = [5, 28, 55, 145, 168, 195, 222, 248, 272, 298, 322, 345];

export const isName = (text) => NAME.test(text);
export const isRoom = (text) => ROOM.test(text);

/** Two numbers from 0 up to 1 make one name, so that a test can choose it. */
export function propose(a = Math.random(), b = Math.random()) {
  return `${HOW[Math.floor(a * HOW.length)]}-${WHO[Math.floor(b * WHO.length)]}`;
}

/** FNV-1a over the lower-case name: one person has one colour on every page. */
export function hue(name) {
  let hash = 0x811c9dc5;
  for (const char of name.toLowerCase()) hash = Math.imul(hash ^ char.codePointAt(0), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
  // Hues that an eye tells apart at one lightness; between 70 and 130 everything would be the same olive.
  return HUES[((hash ^ (hash >>> 12)) >>> 0) % HUES.length];
}

export function initials(name) {
  const words = name.split(/[_\-\s]+|(?<=[a-z])(?=[A-Z])/).filter(Boolean);
  if (!words.length) return '?';
  return (words.length > 1 ? words[0][0] + words[1][0] : [...words[0]].slice(0, 2).join('')).toUpperCase();
}

export const sameName = (a, b) => a.toLowerCase() === b.toLowerCase();

/** What the account prefers: whether its bare name in a text speaks to the user. */
export const preferred = { bare: false };

/** Does this text speak to that person? As the server says: src/features/membership/mentions.txt and bare.txt. */
export function mentions(text, name, bare = preferred.bare) {
  if (!name) return false;
  const word = `(?<![\\p{L}\\p{N}_\\-@/&.#])${name}(?![\\p{L}\\p{N}_\\-]|[.@/][\\p{L}\\p{N}])`;
  if (bare && new RegExp(word, 'iu').test(text)) return true;
  return new RegExp(`(^|[^\\w/&-])@${name}(?![\\w-])|^${name}[:,](?=\\s|$)`, 'im').test(text);
}
