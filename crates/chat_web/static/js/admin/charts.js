// Charts: the figures of each second as areas under a line, over the last two minutes.
import { $, h, svg } from '../dom.js';
import { w } from './words.js';

/** How many seconds the charts show. */
const SPAN = 120;

const per = (name) => (totals, before, seconds) =>
  before && name in totals ? Math.max(0, (totals[name] - before[name]) / seconds) : 0;

/**
 * What is charted: a title, the figure at this moment, its words, and how it is written.
 * @param {Intl.NumberFormat} number
 */
const charts = (number) => [
  {
    title: w('perMessages'),
    of: per('messages'),
    words: (t) => w('sinceStart', { n: number.format(t.messages ?? 0) }),
  },
  {
    title: w('perDeliveries'),
    of: per('deliveries'),
    words: (t) => w('sinceStart', { n: number.format(t.deliveries ?? 0) }),
  },
  {
    title: w('peopleNow'),
    of: (t) => t.people ?? 0,
    words: (t) => w('peopleWords', { clients: t.clients ?? 0, sockets: t.sockets ?? 0 }),
  },
  {
    title: w('waiting'),
    of: (t) => (t.outboxes ?? 0) / 1024,
    unit: 'KiB',
    words: (t) => w('waitingWords', { inbox: t.inbox ?? 0, missed: t.missed ?? 0 }),
  },
  {
    title: w('perRefusals'),
    of: per('refusals'),
    words: (t) => w('refusalWords', { n: number.format(t.refusals ?? 0), away: t['turned-away'] ?? 0 }),
  },
  {
    title: w('memory'),
    of: (t) => (t.memory ?? 0) / 1024,
    unit: 'MiB',
    words: (t) => w('memoryWords', { threads: t.threads ?? 0, panics: t.panics ?? 0 }),
  },
];

/** An area under a line; the highest value touches the top. */
function draw(values) {
  const top = Math.max(1, ...values),
    x = (i) => SPAN - 1 - (values.length - 1 - i),
    y = (v) => 40 - (v / top) * 36;
  const line = values.map((v, i) => `${i ? 'L' : 'M'}${x(i)} ${y(v).toFixed(2)}`).join('');
  return { line, area: values.length > 1 ? `${line}L${x(values.length - 1)} 41L${x(0)} 41Z` : '' };
}

function tile({ title }) {
  const line = svg('path', { class: 'line' }),
    area = svg('path', { class: 'area' });
  const picture = svg(
    'svg',
    { viewBox: `0 0 ${SPAN - 1} 41`, preserveAspectRatio: 'none', role: 'img', 'aria-label': w('chart', { title }) },
    area,
    line,
  );
  const el = h('section.tile', {}, h('h2', {}, title), h('p.peak'), h('p.big'), h('small'), picture);
  return Object.assign(el, { line, area });
}

/** One pair of gradients for all charts: from the page's first colour to its second. */
const gradients = () =>
  svg(
    'svg',
    { width: 0, height: 0, 'aria-hidden': 'true', class: 'vh' },
    svg(
      'defs',
      {},
      svg(
        'linearGradient',
        { id: 'stroke', gradientUnits: 'userSpaceOnUse', x1: 0, x2: SPAN, y1: 0, y2: 0 },
        svg('stop', { class: 's0' }),
        svg('stop', { class: 's1', offset: 1 }),
      ),
      svg(
        'linearGradient',
        { id: 'fade', x1: 0, x2: 0, y1: 0, y2: 1 },
        svg('stop', { class: 'f0' }),
        svg('stop', { class: 'f1', offset: 1 }),
      ),
    ),
  );

/**
 * @param {HTMLElement} home
 * @param {Intl.NumberFormat} number
 */
export function chartsIn(home, number) {
  const all = charts(number),
    tiles = all.map(tile);
  document.body.prepend(gradients());
  home.append(...tiles);
  const past = [];
  return {
    clear: () => (past.length = 0),
    show(totals) {
      const now = performance.now(),
        before = past.at(-1),
        seconds = before ? (now - before.now) / 1000 : 1;
      past.push({ now, totals, values: all.map((chart) => chart.of(totals, before?.totals, seconds)) });
      if (past.length > SPAN) past.shift();
      all.forEach((chart, i) => {
        const values = past.map((one) => one.values[i]),
          el = tiles[i],
          { line, area } = draw(values),
          unit = chart.unit ? ` ${chart.unit}` : '';
        $('.big', el).textContent = number.format(values.at(-1)) + unit;
        $('.peak', el).textContent = w('peak', { n: number.format(Math.max(...values)) });
        $('small', el).textContent = chart.words(totals);
        el.line.setAttribute('d', line);
        el.area.setAttribute('d', area);
      });
    },
  };
}
