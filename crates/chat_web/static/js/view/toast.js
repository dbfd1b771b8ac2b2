// Short words that go by themselves, and the two voices for screen readers: what is said, and what happens to the page.

import { el } from './dom.js';

/** The most lines that the voice of the conversation keeps. */
const SPOKEN = 20;

export function toastView(root, log, status) {
  let said = 0;
  let later = 0;
  return {
    /** Shows words for some seconds. */
    tell(words) {
      const toast = el('p', { class: 'toast' }, words);
      root.append(toast);
      setTimeout(() => toast.remove(), 6_000);
      this.announce(words);
    },
    /** Tells a screen reader of the page itself, at most every two seconds: the last word counts. */
    announce(words) {
      clearTimeout(later);
      const wait = Math.max(0, said + 2_000 - Date.now());
      later = setTimeout(() => {
        said = Date.now();
        status.textContent = words;
      }, wait);
    },
    /** Reads a live message aloud, once: who and what, no time, nothing else. */
    speak(words) {
      log.append(el('p', {}, words));
      while (log.childElementCount > SPOKEN) log.firstElementChild.remove();
    },
  };
}
