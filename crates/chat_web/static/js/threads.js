// Threads: which messages belong together by what they answer. Pure: from a timeline to lists of its numbers.

/** @type {WeakMap<Timeline, { size: number, last: number, first: number, found: Threads }>} */
const known = new WeakMap();

/**
 * `roots`: of each answer the message that its thread began with. `threads`: of each such message all numbers of its
 * thread, in order, itself first.
 * @param {Timeline} tl
 * @returns {Threads}
 */
export function answersTo(tl) {
  const { order, msgs } = tl;
  const [first, last, size] = [order[0], order.at(-1), order.length];
  const before = known.get(tl);
  // What a message answers never changes: the same numbers have the same threads.
  if (before && before.size === size && before.last === last && before.first === first) return before.found;
  /** @type {Threads} */
  const found = { roots: new Map(), threads: new Map() };
  for (const seq of order) {
    const target = msgs.get(seq).reply_to;
    if (!target) continue;
    const root = found.roots.get(target) ?? target;
    found.roots.set(seq, root);
    const all = found.threads.get(root) ?? [...(msgs.has(root) ? [root] : [])];
    all.push(seq);
    found.threads.set(root, all);
  }
  known.set(tl, { size, last, first, found });
  return found;
}
