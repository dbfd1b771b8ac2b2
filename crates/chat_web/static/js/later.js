// Later: fetches what reading and writing do not need: dialogs, emoji with their names. When the page is idle.
import { style } from './dom.js';
import { loadEmoji } from './emoji.js';

/** @param {App} app */
async function partsOf(app) {
  const looks = new URL('../later.css', import.meta.url).href;
  const [{ parts: made }] = await Promise.all([import('./parts.js'), style(looks), loadEmoji()]);
  return made(app);
}

let parts = null;
/** All of it, once; it is tried again after a failure. `app` is what the dialogs act upon. */
export const later = (app) =>
  (parts ??= partsOf(app).catch((error) => {
    parts = null;
    throw error;
  }));

let talks = null;
/** What seals and opens: fetched when the first sealed talk is used. */
export const sealing = (app) =>
  (talks ??= Promise.all([import('./sealed/talks.js'), import('./view/sealed.js'), later(app)])
    .then(([seals, view]) => {
      const made = seals.sealing(app);
      return { ...made, sheet: view.sealedSheet(app, made) };
    })
    .catch((error) => {
      talks = null;
      throw error;
    }));

/** Fetches it while nothing else is going on, so that it is there when the connection is not; `ready` gets it. */
export const whenIdle = (app, ready) =>
  (globalThis.requestIdleCallback ?? setTimeout)(() => later(app).then(ready, () => {}));
