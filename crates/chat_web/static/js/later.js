// Later: what reading and writing do not need: dialogs, emoji with their names. Fetched when the page is idle.
import { h } from './dom.js';
import { loadEmoji } from './emoji.js';

const style = (href) =>
  new Promise((ready, fail) =>
    document.head.append(h('link', { rel: 'stylesheet', href, onload: ready, onerror: fail })),
  );

let parts = null;
/** All of it, once; it is tried again after a failure. `app` is what the dialogs act upon. */
export const later = (app) =>
  (parts ??= Promise.all([
    import('./view/actions.js'),
    import('./view/menus.js'),
    import('./view/switcher.js'),
    import('./view/settings.js'),
    import('./view/sheet.js'),
    import('./view/picker.js'),
    import('./view/mentions.js'),
    import('./view/search.js'),
    import('./view/uploads.js'),
    import('./view/order.js'),
    import('./view/secret.js'),
    import('./view/heavy.js'),
    import('./i18n/en_later.js'),
    style('/later.css'),
    loadEmoji(),
  ]).then(
    ([
      { actionsOn },
      { menus },
      { switcher },
      { settings },
      { sheet },
      { emojiPicker },
      { mentionList },
      { searchPanel },
      { uploads },
      { order },
      { secret },
      { heavy },
    ]) => ({
      actionsOn,
      ...menus(app),
      switcher: switcher(app),
      settings: settings(app),
      sheet: sheet(),
      emojiPicker,
      mentionList,
      search: searchPanel(app),
      uploads: uploads(app),
      order: order(app),
      secret: secret(app),
      heavy: heavy(app),
    }),
    (error) => {
      parts = null;
      throw error;
    },
  ));

/** Fetches it while nothing else is going on, so that it is there when the connection is not; `ready` gets it. */
export const whenIdle = (app, ready) =>
  (globalThis.requestIdleCallback ?? setTimeout)(() => later(app).then(ready, () => {}));
