// Times as people read them: the clock, the day, and how long ago.

export function clock(at, language, hours24) {
  return new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hour12: !hours24 }).format(new Date(at));
}

/** The local day of a time: 2026-11-22. */
export function day(at) {
  const date = new Date(at);
  const two = (n) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Today, yesterday, or the date. */
export function dayLabel(at, now, language) {
  const distance = Math.round((Date.parse(day(at)) - Date.parse(day(now))) / 86_400_000);
  if (distance === 0 || distance === -1) {
    const words = new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(distance, 'day');
    return words[0].toUpperCase() + words.slice(1);
  }
  return new Intl.DateTimeFormat(language, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' }).format(new Date(at));
}

export const full = (at, language) => new Intl.DateTimeFormat(language, { dateStyle: 'full', timeStyle: 'medium' }).format(new Date(at));

/** Milliseconds to the next midnight, when "today" becomes "yesterday". */
export function toMidnight(now) {
  const next = new Date(now);
  next.setHours(24, 0, 0, 50);
  return next.getTime() - now;
}
