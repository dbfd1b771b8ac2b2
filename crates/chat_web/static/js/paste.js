// Paste: what a clipboard or a drag brings: words for the field, files to send, or more words than a message is for.

/** The most characters of the field, and the most lines that are put into it unasked. */
export const MOST_CHARS = 20000,
  MOST_LINES = 20;

/**
 * The files that are meant. An office program puts a picture of copied cells beside their text: the text is meant.
 * A file manager puts the names or paths of the files there: the files are meant.
 */
export function filesIn(data) {
  const files = [...(data?.files ?? [])];
  const isPath = (line) => files.some(({ name }) => line.endsWith(name) || line.endsWith(encodeURIComponent(name)));
  return files.length && data.getData('text/plain').split(/\r?\n/).filter(Boolean).every(isPath) ? files : [];
}

export const lineCount = (text) => {
  let n = 1;
  for (let at = -1; (at = text.indexOf('\n', at + 1)) >= 0;) n++;
  return n;
};

/** Whether the user is asked what becomes of a text that is pasted beside `chars` characters. */
export const isHeavy = (text, chars = 0) => isTooLong(text, chars) || lineCount(text) > MOST_LINES;
/** Whether it is too much for the field: each key would have to wait. */
export const isTooLong = (text, chars = 0) => text.length + chars > MOST_CHARS;

const utf8 = new TextEncoder();
/**
 * By how many characters the longest line is over so many bytes, `most`, or several are over `all`; below zero: how
 * many bytes are left.
 */
export function overBy(text, most, all = Infinity) {
  // A character has three bytes at most for each of its units: what is short is not measured.
  if (text.length * 3 < most - 1000) return text.length * 3 - most;
  const lines = text.split('\n').map((line) => utf8.encode(line)),
    longest = lines.reduce((longest, line) => (line.length > longest.length ? line : longest));
  const whole = lines.length > 1 ? utf8.encode(text) : longest,
    bound = lines.length > 1 ? all : most;
  return Math.max(beyond(longest, most), beyond(whole, bound));
}
/** The characters that begin behind so many bytes, one at least where there are bytes too many. */
function beyond(encoded, most) {
  if (encoded.length <= most) return encoded.length - most;
  const starts = encoded.subarray(most).reduce((n, byte) => n + ((byte & 0xc0) === 0x80 ? 0 : 1), 0);
  return Math.max(1, starts);
}
