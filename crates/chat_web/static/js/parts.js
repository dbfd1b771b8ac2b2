// Parts: what comes later, put together: dialogs, panels, menus. A new one is imported here, and later.js brings it.
import { accounts as accountsOf } from './accounts.js';
import * as cards from './cards.js';
import * as commands from './commands.js';
import * as hearing from './hearing.js';
import { moderation } from './moderation.js';
import { own } from './own.js';
import { profiles } from './profiles.js';
import * as threads from './threads.js';
import * as actions from './view/actions.js';
import * as confirm from './view/confirm.js';
import * as drop from './view/drop.js';
import { heavy } from './view/heavy.js';
import * as light from './view/lightbox.js';
import { members } from './view/members.js';
import * as mentions from './view/mentions.js';
import { menus } from './view/menus.js';
import { order } from './view/order.js';
import * as picker from './view/picker.js';
import { startWorker } from './view/push.js';
import { searchPanel } from './view/search.js';
import { secret } from './view/secret.js';
import { settings } from './view/settings.js';
import { sheet } from './view/sheet.js';
import { switcher } from './view/switcher.js';
import { thread } from './view/thread.js';
import { uploads } from './view/uploads.js';
import './i18n/en_later.js';

/**
 * Makes them. `app` is what they act upon.
 * @param {App} app
 */
export function parts(app) {
  const accounts = accountsOf(app);
  startWorker(app);
  const { deed } = moderation(app);
  const { look } = members(app);
  const shown = profiles(app);
  app.inRoom = (room) => {
    look(room);
    shown.look(room);
  };
  if (app.room()) app.inRoom(app.room());
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
    ...menus(app, deed),
    heavy: heavy(app),
    order: order(app, deed),
    search: searchPanel(app),
    secret: secret(app, accounts),
    settings: settings(app, accounts),
    sheet: sheet(),
    switcher: switcher(app),
    thread: thread(app),
    own: own(app),
    profiles: shown,
    uploads: uploads(app),
  };
}
