// Emoji by their :names:, the ones that people use; any other can be typed as it is.

export const EMOJI = {
  '+1': '👍', thumbsup: '👍', '-1': '👎', heart: '❤️', joy: '😂', smile: '😄', grin: '😁', laugh: '😆', wink: '😉', blush: '😊',
  cool: '😎', cry: '😢', sob: '😭', angry: '😠', thinking: '🤔', shrug: '🤷', facepalm: '🤦', wave: '👋', clap: '👏', pray: '🙏',
  muscle: '💪', ok: '👌', point: '👉', eyes: '👀', fire: '🔥', tada: '🎉', party: '🥳', rocket: '🚀', star: '⭐', sparkles: '✨',
  check: '✅', x: '❌', warning: '⚠️', question: '❓', exclamation: '❗', bulb: '💡', bug: '🐛', wrench: '🔧', lock: '🔒', key: '🔑',
  coffee: '☕', tea: '🍵', beer: '🍺', pizza: '🍕', banana: '🍌', cake: '🍰', sun: '☀️', moon: '🌙', rain: '🌧️', rainbow: '🌈',
  cat: '🐱', dog: '🐶', otter: '🦦', crab: '🦀', snake: '🐍', penguin: '🐧', tree: '🌳', flower: '🌸', earth: '🌍', clock: '⏰',
  calendar: '📅', memo: '📝', book: '📖', link: '🔗', mail: '✉️', phone: '📱', computer: '💻', camera: '📷', music: '🎵', gift: '🎁',
  money: '💰', hundred: '💯', sleeping: '😴', sick: '🤒', mindblown: '🤯', scream: '😱', kiss: '😘', hug: '🤗', zip: '🤐', nerd: '🤓',
};

export const QUICK = ['👍', '❤️', '😂', '🎉', '😮', '😢'];

/** Puts emoji in the place of their names. */
export const replaceNames = (text) => text.replace(/:([a-z0-9+-]+):/g, (whole, name) => (Object.hasOwn(EMOJI, name) ? EMOJI[name] : whole));

/** The names that begin so, shortest first. */
export const startingWith = (word, most = 8) =>
  Object.keys(EMOJI).filter((name) => name.startsWith(word)).sort((a, b) => a.length - b.length).slice(0, most);
