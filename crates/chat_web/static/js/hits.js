// Hits: where in a text the words of a search stand.

/**
 * A text in pieces, of which those that begin as a word of the question are marked, as the server finds them.
 * @param {string} text
 * @param {string} question
 */
export function pieces(text, question) {
  const words = question.match(/[\p{L}\p{N}]+/gu) ?? [];
  if (!words.length) return [{ text, hit: false }];
  const parts = text.split(new RegExp(`(?<![\\p{L}\\p{N}])(${words.join('|')})`, 'giu'));
  return parts.map((part, i) => ({ text: part, hit: i % 2 === 1 })).filter((piece) => piece.text);
}
