// Time: days, clocks and "Yesterday", in the reader's language. Times are for showing only; the order is `seq`.

// How far the server's clock is ahead of this device's, in ms: who has a wrong one sees the same days as the others.
let ahead = 0;
export const setServerTime = (ms) => {
  ahead = Number.isFinite(ms) ? ms - Date.now() : 0;
};
/** A time of this device as the server counts. */
export const onServer = (at) => new Date(at).getTime() + ahead;
/** Now, for what is shown. */
export const now = () => Date.now() + ahead;

let looked = Date.now();
/**
 * Milliseconds since the last call, the sleep of the machine included, which performance.now() leaves out in some
 * browsers. Wrong once after a clock was set.
 */
export function sinceLook() {
  const before = looked;
  looked = Date.now();
  return Math.abs(looked - before);
}

const cache = new Map();
function formatter(lang, options) {
  const key = lang + JSON.stringify(options);
  if (!cache.has(key)) cache.set(key, new Intl.DateTimeFormat(lang, options));
  return cache.get(key);
}

// The page's English is America's or not: whether a day has 12 hours twice is the device's own habit.
const DEVICE = new Intl.DateTimeFormat(undefined, { hour: 'numeric' }).resolvedOptions().hourCycle;

/** `hours`: '12', '24' or 'auto', as the settings say; 'auto' is as the device has it. */
export function clock(at, lang = 'en', hours = 'auto', device = DEVICE) {
  const hourCycle = { 12: 'h12', 24: 'h23' }[hours] ?? device;
  return formatter(lang, { hour: hourCycle === 'h23' ? '2-digit' : 'numeric', minute: '2-digit', hourCycle }).format(
    new Date(at),
  );
}

export const fullTime = (at, lang = 'en') =>
  formatter(lang, { dateStyle: 'full', timeStyle: 'medium' }).format(new Date(at));

export function dayKey(at) {
  const d = new Date(at);
  return `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, '0')}-${String(d.getDate()).padStart(2, '0')}`;
}

const midnight = (at) => {
  const d = new Date(at);
  return new Date(d.getFullYear(), d.getMonth(), d.getDate());
};

export function dayLabel(at, today, lang = 'en') {
  const days = Math.round((+midnight(at) - +midnight(today)) / 86400000);
  if (days === 0 || days === -1) {
    const word = new Intl.RelativeTimeFormat(lang, { numeric: 'auto' }).format(days, 'day');
    return word[0].toUpperCase() + word.slice(1);
  }
  const sameYear = new Date(at).getFullYear() === new Date(today).getFullYear();
  return formatter(lang, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    ...(sameYear ? {} : { year: 'numeric' }),
  }).format(new Date(at));
}

/** One author's run: within five minutes and on one day. */
export const sameRun = (a, b) => Math.abs(+new Date(b) - +new Date(a)) < 300000 && dayKey(a) === dayKey(b);

export const untilMidnight = (at) => {
  const d = new Date(at);
  return +new Date(d.getFullYear(), d.getMonth(), d.getDate() + 1) - +d;
};

/** 75 → "1 min", 8000 → "2 h": for idle people and the dashboard. */
export function span(seconds, lang = 'en') {
  // Short for a day is "hr" in Indonesian, which others read as an hour.
  const [value, unit] =
    seconds < 60
      ? [seconds, 'second']
      : seconds < 3600
        ? [seconds / 60, 'minute']
        : seconds < 86400
          ? [seconds / 3600, 'hour']
          : [seconds / 86400, 'day'];
  return new Intl.NumberFormat(lang, {
    style: 'unit',
    unit,
    unitDisplay: lang === 'id' ? 'long' : 'short',
    maximumFractionDigits: 0,
  }).format(Math.floor(value));
}
