// Notes: the thin lines between messages: who came and went, what was done, and the answers to commands.
import { h } from '../dom.js';
import { icon } from './icons.js';
import { t, people, language } from '../i18n.js';
import { span } from '../time.js';

/** Users who came and went: names with a space between them. */
export function comings({ joined, left }) {
  const some = (key, names) => (names ? [t(key, { who: people(names.split(' '), 4) })] : []);
  return h('li.note', {}, h('span', {}, [...some('joined', joined), ...some('left', left)].join(' · ')));
}

/**
 * `drop` takes the note away.
 * @param {Note} note
 */
export function noteLine(note, drop) {
  const { kind, text } = note;
  if (kind === 'answer' || kind === 'refused') return answer(note, drop);
  const about = { ...subject(note), text };
  const words = {
    renamed: () => t('renamed', { ...about, name: text }),
    topic: () => t(text ? 'topicSet' : 'topicGone', about),
    operator: () => t('operator', about),
    moderated: () => moderated(note),
  };
  return h(`li.note.${kind}`, {}, h('span', { dir: 'auto' }, words[kind]?.() ?? text));
}

function answer(note, drop) {
  return h(
    `li.answer${note.kind === 'refused' ? '.refused' : ''}`,
    {},
    h(
      'div',
      {},
      h(
        'p.who',
        {},
        icon('terminal'),
        h('span', {}, t('onlyYou')),
        h('button.icon', { 'aria-label': t('close'), onclick: () => drop(note.key) }, icon('close')),
      ),
      h('pre', { tabIndex: 0, dir: 'auto', 'aria-label': t('onlyYou') }, note.text),
    ),
  );
}

/** Who a sentence is about. Of the reader it says "you", which takes the second form of a sentence. */
const subject = (/** @type {Sentence} */ { who, mine }) => (mine ? { who: t('you_'), n: 2 } : { who, n: 1 });

/**
 * A moderation action in the user's language. Without a name: an action that ended by itself, or one of the dashboard.
 * @param {Sentence} act
 */
export function moderated({ what, who, by, seconds, reason, mine, own }) {
  const words = [
    t(`did_${what}`, subject({ who: who || t('anAddress'), mine })),
    seconds ? t('forTime', { time: span(seconds, language()) }) : '',
    by ? t('byWhom', { by: own ? t('youToo') : by }) : what.startsWith('un') ? t('timeOver') : '',
  ];
  return words.filter(Boolean).join(' ') + (reason ? `: ${reason}` : '');
}
