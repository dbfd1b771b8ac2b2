// Secrets: which typed lines hold, or ask for, a password or a key. Such a line is not stored and not sent as a
// message.

/** What a line asks for, by the server's own table: {name, secret, rest}; null where it is speech, or not known. */
export function commandOf(line, commands) {
  const slash = /^\s*\/([a-z?]+)(?:\s(.*))?$/is.exec(line);
  if (slash)
    return row(
      commands.find((one) => one.slashes?.includes(slash[1].toLowerCase())),
      slash[2],
    );
  // As programs write it, OPER:key: on the page that is speech, but for those that must not be.
  const verb = /^\s*([A-Z]+)(?:=[^\s:]*)?:(.*)$/s.exec(line);
  return verb
    ? row(
        commands.find((one) => one.name === verb[1] && one.secret),
        verb[2],
      )
    : null;
}

const row = (command, rest = '') =>
  command ? { name: command.name, secret: !!command.secret, rest: rest.trim() } : null;

/** Whether a line of this text is such a one. Before the table has come, any command may be. */
export const holdsSecret = (text, commands) =>
  text.split('\n').some((line) => (commands.length ? commandOf(line, commands)?.secret : /^\s*\//.test(line)));

/** Whether the secret itself is still to be asked for. */
export function lacksSecret({ name, rest }) {
  const words = rest ? rest.split(/\s+/).length : 0;
  return words < (name === 'LOGIN' ? 2 : 1);
}
