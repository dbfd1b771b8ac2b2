// Start: what stands before the conversation: the reader's words, and the way in. The conversation comes behind it.
import * as api from './api.js';
import { comeIn } from './coming.js';
import { style } from './dom.js';
import { useLang } from './i18n.js';
import { prefs } from './prefs.js';
import { dress } from './view/dress.js';

/** How long a failed fetch of the conversation waits for the next try. */
const AGAIN_MS = 2000;

/** The conversation's scripts and looks; they are tried until they come. */
async function conversation() {
  const looks = new URL('../talk.css', import.meta.url).href;
  try {
    const [main] = await Promise.all([import('./main.js'), style(looks)]);
    return main;
  } catch (error) {
    console.warn(error);
    await new Promise((again) => setTimeout(again, AGAIN_MS));
    return conversation();
  }
}

/** The next frame has been drawn. A page in the background draws none. */
const drawn = () =>
  new Promise((ready) => (document.hidden ? ready(null) : requestAnimationFrame(() => setTimeout(ready))));

async function start() {
  const { hash } = location;
  // An invitation, or a reset link: its code leaves the address.
  const [, what, code] = /^#(join|reset)=(.+)/.exec(hash) ?? [];
  if (code) history.replaceState(null, '', '/');
  // Who comes back waits for the conversation alone, and it for nothing; else the way in is drawn first.
  const isBack = prefs.name && !code;
  if (isBack) api.ahead('lobby');
  const early = isBack && conversation();
  await useLang(prefs.lang);
  dress();
  if (what === 'reset') return (await import('./view/reset.js')).reset(code);
  const coming = comeIn(code ? { way: 'register', code } : undefined);
  const [{ begin }, user] = await Promise.all([early || drawn().then(conversation), coming]);
  return begin(user, code ? '' : hash);
}

start();
