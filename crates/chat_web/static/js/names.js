// Names: a friendly proposal, what may be one, initials, and a colour that is the same everywhere.

const FIRST = ['bright', 'calm', 'clever', 'eager', 'gentle', 'happy', 'kind', 'lively', 'merry', 'nimble', 'quick', 'quiet', 'sunny', 'swift', 'warm', 'wise'];
const SECOND = ['badger', 'cedar', 'comet', 'crane', 'dolphin', 'falcon', 'gecko', 'heron', 'kancil', 'lemur', 'lotus', 'maple', 'otter', 'panda', 'robin', 'sparrow'];

export const propose = (random = Math.random) =>
  `${FIRST[Math.floor(random() * FIRST.length)]}-${SECOND[Math.floor(random() * SECOND.length)]}`;

export const isName = (name) => /^[A-Za-z_][A-Za-z0-9_-]{0,31}$/.test(name);

export const isRoom = (name) => /^#?[A-Za-z0-9_-]{1,31}$/.test(name);

/** One or two letters for the avatar. */
export function initials(name) {
  const words = name.split(/[-_]+/).filter(Boolean);
  const letters = words.length > 1 ? words[0][0] + words[1][0] : name.slice(0, 2);
  return letters.toUpperCase();
}

/** The hue of a name, 0 to 359. Lightness is fixed in the style sheet, so that each of them can be read. */
export function hue(name) {
  let hash = 2166136261;
  for (const letter of name.toLowerCase()) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619);
  return (hash >>> 0) % 360;
}
