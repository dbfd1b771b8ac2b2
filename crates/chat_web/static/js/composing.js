// Composing: what becomes of the text in the composer when Enter is pressed. No screen, no network in here.

/**
 * `left` over the limit: by how many characters the text is too long. Lines beside a secret would be said aloud, and
 * perhaps the wrong one with them.
 * @param {string} value
 * @param {{ over: number, editing: Message | null, answered: number | null, holdsSecret(text: string): boolean }} about
 * @returns {Submission}
 */
export function submission(value, { over, editing, answered, holdsSecret }) {
  const several = value.trim().includes('\n');
  // The first line of several keeps what it is indented by.
  const text = several ? value.replace(/^\s*\n/, '').trimEnd() : value.trim();
  if (!text) return { do: 'nothing' };
  if (over > 0) return { do: 'refuse', why: 'tooLong', n: over };
  if (editing) return text === editing.text ? { do: 'close' } : { do: 'save', text };
  if (holdsSecret(text))
    return several ? { do: 'refuse', why: 'secretAlone' } : { do: 'command', text: value.trimStart() };
  // `//word` says "/word"; `/word` is a command, which of several lines only these can be.
  if ((several ? /^\/(me|whisper|w|tell|msg)\s/i : /^\/[a-z?]/i).test(text)) return { do: 'command', text };
  return { do: 'say', text: text.replace(/^\/\//, '/'), answered };
}
