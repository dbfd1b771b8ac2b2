// Later: what reading and writing do not need: dialogs, emoji with their names. Fetched when the page is idle.
import { h } from './dom.js';
import { loadEmoji } from './emoji.js';

const style = (href) =>
  new Promise((ready, fail) =>
    document.head.append(h('link', { rel: 'stylesheet', href, onload: ready, onerror: fail })),
  );

const load = () =>
  Promise.all([
    import('./accounts.js'),
    import('./cards.js'),
    import('./commands.js'),
    import('./moderation.js'),
    import('./own.js'),
    import('./hearing.js'),
    import('./threads.js'),
    import('./view/drop.js'),
    import('./view/actions.js'),
    import('./view/confirm.js'),
    import('./view/heavy.js'),
    import('./view/lightbox.js'),
    import('./view/members.js'),
    import('./view/mentions.js'),
    import('./view/menus.js'),
    import('./view/order.js'),
    import('./view/picker.js'),
    import('./view/push.js'),
    import('./view/search.js'),
    import('./view/secret.js'),
    import('./view/settings.js'),
    import('./view/sheet.js'),
    import('./view/switcher.js'),
    import('./view/thread.js'),
    import('./view/uploads.js'),
    import('./i18n/en_later.js'),
    style(new URL('../later.css', import.meta.url).href),
    loadEmoji(),
  ]);

/**
 * What has come, put together.
 * @param {App} app
 */
async function partsOf(app) {
  // The order of load().
  const [
    a,
    cards,
    commands,
    m,
    o,
    hearing,
    threads,
    drop,
    actions,
    confirm,
    heavy,
    light,
    members,
    mentions,
    menus,
    order,
    picker,
    push,
    search,
    secret,
    settings,
    sheet,
    go,
    thread,
    uploads,
  ] = await load();
  const accounts = a.accounts(app);
  push.startWorker(app);
  const { deed } = m.moderation(app);
  members.members(app);
  return {
    accounts,
    ...actions,
    ...cards,
    ...commands,
    ...hearing,
    ...threads,
    ...drop,
    ...confirm,
    ...light,
    ...mentions,
    ...picker,
    ...menus.menus(app, deed),
    heavy: heavy.heavy(app),
    order: order.order(app, deed),
    search: search.searchPanel(app),
    secret: secret.secret(app, accounts),
    settings: settings.settings(app, accounts),
    sheet: sheet.sheet(),
    switcher: go.switcher(app),
    thread: thread.thread(app),
    own: o.own(app),
    uploads: uploads.uploads(app),
  };
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
