// Message: draws one message: who, when, the words, the quote above, the reactions below, and what went wrong with it.
import { h, avatar } from '../dom.js';
import { icon } from './icons.js';
import { t, people, language } from '../i18n.js';
import { prefs } from '../prefs.js';
import { bytesOf, format, plainText } from '../format.js';
import { nameOf } from '../emoji.js';
import { clock, dayLabel, fullTime, now } from '../time.js';
import { placeAt } from '../addresses.js';
import { hue, sameName } from '../names.js';

/** The most that a picture takes among messages, in pixels. */
const MOST = 360;

/**
 * The sizes of pictures that were seen, by their addresses.
 * @type {Map<string, [number, number]>}
 */
const sizes = new Map();

/** What a picture takes among messages. One of an unknown size has a box. */
function fitting([width, height]) {
  const scale = Math.min(1, MOST / width, MOST / height);
  return width ? { width: Math.ceil(width * scale), height: Math.ceil(height * scale) } : { width: 320, height: 200 };
}

/** A picture has come: its box is as large as it is, now and whenever it is drawn again. */
export function unbox(img) {
  /** @type {[number, number]} */
  const size = [img.naturalWidth, img.naturalHeight];
  sizes.set(img.getAttribute('src'), size);
  Object.assign(img, fitting(size));
  img.parentElement.classList.remove('boxed');
}

/** One that the server has, and that was not deleted. */
export const usable = (message) => message?.seq && !message.deleted;

/**
 * `goTo` shows the message a quote is of.
 * @param {Needs.Message} app
 * @param {(seq: number) => void} goTo
 */
export function messageView(app, goTo) {
  const isMine = (message) => !!message.item || (!!app.state.me && sameName(message.from.name, app.state.me.name));

  const isRoom = (id) => app.state.rooms.has(id) || app.directory.has(id);

  /**
   * The row as a node; `live`: it comes in with a movement.
   * @param {Room} room
   * @param {MessageRow} row
   */
  function draw(room, { message, mine, head, ping, quotes, answers, quoted, late, card, cardAt }, live) {
    const { item } = message;
    const about = { me: app.state.me?.name, name: app.knows, room: isRoom };
    const tree = message.deleted ? [] : format(message.text, about);
    const jumbo = tree[0]?.t === 'jumbo';
    const classes = [
      'msg',
      mine && 'mine',
      head && 'head',
      ping && 'ping',
      item && (item.state === 'failed' ? 'failed' : 'pending'),
      message.deleted && 'gone',
      jumbo && 'jumbo',
      message.act && 'act',
      live && 'live',
    ].filter(Boolean);
    const when = h(
      'time',
      { datetime: new Date(message.at).toISOString(), title: fullTime(message.at, language()) },
      clock(message.at, language(), prefs.hours),
    );
    const words = message.deleted ? t('deleted') : message.file ? shared(message.file, message.text) : nodes(tree);
    const text = h(
      'div.text',
      { dir: 'auto' },
      message.act && ['~ ', h('b', {}, `${message.from.name} `)],
      words,
      message.sealed === 'open' && h('span.locked', { role: 'img', 'aria-label': t('sealedBy') }, icon('lock')),
      message.edited && h('span.edited', {}, ` ${t('edited')}`),
    );
    const linked = card && !message.deleted && linkCard(card, cardAt);
    const el = h(
      `li.${classes.join('.')}`,
      { tabIndex: -1, hue: hue(message.from.name) },
      head && !mine && !message.act && avatar(message.from.name, '', !!message.account),
      h(
        'div.body',
        {},
        head &&
          !message.act &&
          h(
            'div.meta',
            {},
            h(
              `button.name${mine ? '.vh' : ''}`,
              {
                tabIndex: -1,
                'data-user': message.from.name,
                onclick: (e) => app.personMenu(e.currentTarget, message.from.name),
              },
              message.from.name,
            ),
            message.account && !mine && owned(message.from.name),
            when,
          ),
        h('div.bubble', {}, quotes && quote(room, message.reply_to, quoted), text, linked),
        message.reactions.length > 0 && reactions(room, message),
        answers > 0 &&
          h('button.answers', { onclick: () => app.thread(message.seq) }, icon('reply'), t('answers', { n: answers })),
      ),
      !head && !message.act && when,
      item &&
        h(
          'div.state',
          {},
          item.state === 'failed' || late ? trouble(item) : h('span.sending', { title: t('sending') }, icon('clock')),
        ),
    );
    el.message = message;
    return el;
  }

  /** A picture has its size before it is loaded; everything else, and what turns out to be no picture, is a card. */
  function shared(/** @type {Message['file']} */ { token, bytes, width, height }, name) {
    const href = `/files/${token}`;
    const card = () =>
      h(
        'a.file',
        { href, download: name },
        icon('file'),
        h('span.fname', {}, name),
        ' ',
        h('span.fsize', {}, bytesOf(bytes, language())),
      );
    if (!/\.(png|jpe?g|gif|webp)$/i.test(name)) return card();
    const known = sizes.get(href) ?? [width, height];
    const thumb = h(
      `a.thumb${known[0] ? '' : '.boxed'}`,
      { href, target: '_blank', rel: 'noopener noreferrer' },
      h('img', {
        onerror: () => thumb.replaceWith(card()),
        loading: 'lazy',
        ...fitting(known),
        alt: t('picture', { name }),
        src: href,
      }),
    );
    return thumb;
  }

  const owned = (name) =>
    h('span.owned', { role: 'img', 'aria-label': t('owned', { name }), title: t('owned', { name }) }, icon('check'));

  /** The message that a link leads to: who, where, when, and its first words. */
  const linkCard = (message, place) =>
    h(
      'button.card-link',
      { tabIndex: -1, 'data-place': place, hue: hue(message.from.name) },
      h('span', {}, h('b', {}, message.from.name), ` ${place.startsWith('@') ? '' : '#'}${place.split('/')[0]} · `),
      h('span', {}, `${dayLabel(message.at, now(), language())}, ${clock(message.at, language(), prefs.hours)}`),
      h('span.words', { dir: 'auto' }, plainText(format(message.text)).slice(0, 300)),
    );

  function quote(room, seq, quoted) {
    return h(
      'button.quoted',
      { tabIndex: -1, onclick: () => goTo(seq), hue: quoted ? hue(quoted.from.name) : null },
      quoted
        ? [
            h('b', {}, quoted.from.name),
            ' ',
            h('span', {}, quoted.deleted ? t('deleted') : plainText(format(quoted.text))),
          ]
        : h('span', {}, t('earlier')),
    );
  }

  function reactions(room, message) {
    const me = app.state.me?.name;
    return h(
      'div.reactions',
      {},
      message.reactions.map(([emoji, names]) => {
        const on = names.some((name) => me && sameName(name, me));
        return h(
          `button${on ? '.on' : ''}`,
          {
            'aria-pressed': String(on),
            title: people(names, 8),
            onclick: () => app.react(room.id, message.seq, emoji, !on),
          },
          h('span.e', {}, emoji),
          h('span', {}, String(names.length)),
          h('span.vh', {}, `: ${t('reacted', { who: people(names, 4), name: nameOf(emoji) })}`),
        );
      }),
    );
  }

  function trouble(item) {
    return h(
      'div.trouble',
      {},
      h('span', {}, item.why || t(item.state === 'failed' ? 'notSent' : 'stillTrying')),
      h('button', { onclick: () => app.retry(item.cid) }, t('retry')),
      h('button', { onclick: () => app.copy(item.text) }, t('copy')),
      h('button', { onclick: () => app.discard(item.cid) }, t('discard')),
    );
  }

  return { draw, isMine, isRoom };
}

/** A link to a place of this page stays in it. */
function anchor({ href, s: words }) {
  const place = placeAt(href, `${location.origin}${location.pathname}`);
  if (place) return h('a', { href, 'data-place': `${place.room}${place.seq ? `/${place.seq}` : ''}` }, words);
  return h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, words);
}

/** A block of code, with its language, and a button that copies it: the timeline listens for `data-copy`. */
const block = ({ s: code, lang: language = '' }) =>
  h(
    'div.code',
    {},
    h('span', {}, language),
    h('button.icon', { 'aria-label': t('copyCode'), 'data-copy': true }, icon('copy')),
    h('pre', {}, h('code', {}, code)),
  );

/** The tree of format.js as nodes: text nodes, and elements that are named here and nowhere else. */
export function nodes(tree) {
  return tree.map((node) => {
    switch (node.t) {
      case 'b':
        return h('strong', {}, nodes(node.c));
      case 'i':
        return h('em', {}, nodes(node.c));
      case 's':
        return h('s', {}, nodes(node.c));
      case 'quote':
        return h('blockquote', {}, nodes(node.c));
      case 'code':
        return h('code', {}, node.s);
      case 'pre':
        return block(node);
      case 'link':
        return anchor(node);
      case 'mention':
        return h(`span.mention${node.me ? '.me' : ''}`, {}, `@${node.name}`);
      case 'room':
        return h('a.mention', { href: `#${node.id}`, 'data-place': node.id }, `#${node.id}`);
      case 'jumbo':
        return h('span.big', {}, node.s);
      default:
        return document.createTextNode(node.s);
    }
  });
}
