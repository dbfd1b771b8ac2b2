// Puts the parts together: makes the views, dresses the page, listens to the keys, and begins.

import { app, byId } from './app.js';
import { ask, feed, send } from './connection.js';
import { draw, drawNow, keepDraft, reopen } from './draw.js';
import { begin, signOn } from './entering.js';
import { jump, older } from './history.js';
import { words } from './i18n.js';
import { closePanels, openPanel, switcher } from './panels.js';
import { go, lookAround, markRead, openRoom, seen } from './places.js';
import { PATIENCE, push, say } from './sending.js';
import * as store from './store.js';
import { toMidnight } from './time.js';
import { composerView } from './view/composer.js';
import { icon } from './view/dom.js';
import { openMenu } from './view/menu.js';
import { peopleView } from './view/people.js';
import { roomsView } from './view/rooms.js';
import { saveSettings, settingsView } from './view/settings.js';
import { listen, sheet } from './view/shortcuts.js';
import { timelineView } from './view/timeline.js';
import { toastView } from './view/toast.js';

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    app.views.toast.tell(app.t('copied'));
  } catch {
    app.views.toast.tell(app.t('cannotCopy'));
  }
}

function menu(message, anchor) {
  const room = store.findRoom(app.state, app.state.current);
  const react = (emoji) => ask({ type: 'React', room: app.state.current, target: message.seq, emoji, on: !(message.reactions?.[emoji] ?? []).includes(app.state.me.name) });
  openMenu(anchor, message, {
    t: app.t, mine: message.from.id === app.state.me.id, op: Boolean(room?.op), onReact: react,
    onReply: () => app.views.composer.reply(message), onEdit: () => app.views.composer.edit(message), onCopy: () => copy(message.text),
    onDelete: () => ask({ type: 'Delete', room: app.state.current, target: message.seq }),
  });
}

function names() {
  const room = store.findRoom(app.state, app.state.current);
  const spoke = new Map();
  if (room) for (const seq of room.messages.keys()) spoke.set(room.messages.get(seq).from.name, seq);
  const all = new Set([...(room?.people.values() ?? [])].map((one) => one.name));
  all.delete(app.state.me?.name);
  return [...all].sort((a, b) => (spoke.get(b) ?? 0) - (spoke.get(a) ?? 0) || a.localeCompare(b));
}

// ---- look and language ----

function applySettings(next) {
  const language = next.language !== app.settings.language;
  app.settings = next;
  saveSettings(app.kept, app.settings);
  if (app.settings.notify && globalThis.Notification && Notification.permission === 'default') {
    Notification.requestPermission().then((said) => said === 'granted' || app.views.toast.tell(app.t('notifyDenied')));
  }
  dress();
  if (language) build();
  else showSettings(false);
  draw();
}

function dress() {
  document.documentElement.lang = app.settings.language;
  document.documentElement.dataset.theme = app.settings.theme;
  app.t = words(app.settings.language);
}

function showSettings(show = true) {
  const dialog = byId('settings');
  settingsView(dialog, app.settings, app.t, applySettings);
  if (show && !dialog.open) dialog.showModal();
}

/** Makes the views anew, as for another language. */
function build() {
  const label = (id, key, name) => {
    const node = byId(id);
    node.replaceChildren(icon(name));
    node.setAttribute('aria-label', app.t(key));
    node.setAttribute('title', app.t(key));
  };
  label('show-rooms', 'menu', 'menu');
  label('show-people', 'people', 'people');
  label('show-settings', 'settings', 'settings');
  byId('skip').textContent = app.t('skip');
  byId('rooms-panel').setAttribute('aria-label', app.t('rooms'));
  byId('people-panel').setAttribute('aria-label', app.t('people'));
  const tell = (text) => app.views.toast.tell(text);
  const whisperTo = (name) => name !== app.state.me?.name && go(`@${name}`);
  reopen();
  app.views = {
    toast: toastView(byId('toasts'), byId('voice'), byId('status')),
    rooms: roomsView(byId('rooms'), { t: app.t, tell, open: go, openRoom, leave: (id) => ask({ type: 'Command', line: `/part #${id}` }) }),
    people: peopleView(byId('people'), { t: app.t, whisperTo }),
    timeline: timelineView(byId('conversation'), {
      t: app.t, older, seen, jump, menu, openRoom, copy, whisperTo,
      react: (message, emoji, on) => ask({ type: 'React', room: app.state.current, target: message.seq, emoji, on }),
      reply: (message) => app.views.composer.reply(message),
      retry: (item) => {
        Object.assign(item, { state: 'sending', why: undefined, at: new Date().toISOString() });
        const queued = app.outbox.find(item.cid);
        if (queued) Object.assign(queued, { state: undefined, at: item.at });
        if (app.machine.name === 'live') push(queued ?? item);
        else feed({ type: 'retry' });
        setTimeout(draw, PATIENCE + 100);
        draw();
      },
      discard: (item) => {
        app.outbox.remove(item.cid);
        const place = item.to ? store.dmWith(app.state, item.to) : store.roomOf(app.state, item.room);
        place.pending = place.pending.filter((other) => other.cid !== item.cid);
        draw();
      },
    }),
    composer: composerView(byId('composer'), {
      t: app.t, tell, send: say, names, draft: keepDraft, maxBytes: () => app.state.limits.text_bytes ?? 2000,
      rooms: () => [...app.state.rooms.values()].map((room) => room.id), commands: () => app.state.commands,
      edit: (message, text) => text !== message.text && ask({ type: 'Edit', room: app.state.current, target: message.seq, text }),
      typing: (on) => !app.state.current.startsWith('@') && send({ type: on ? 'UserTyping' : 'UserStoppedTyping', room: app.state.current }),
      lastOwn: () => {
        const room = store.findRoom(app.state, app.state.current);
        return room && store.timeline(room).findLast((message) => message.from.id === app.state.me.id && !message.deleted);
      },
    }),
  };
  drawNow();
}

// ---- begin ----

dress();
build();
byId('show-rooms').addEventListener('click', () => openPanel('rooms-panel', 'show-rooms'));
byId('show-people').addEventListener('click', () => openPanel('people-panel', 'show-people'));
byId('show-settings').addEventListener('click', () => showSettings());
byId('shade').addEventListener('click', closePanels);
listen({
  switcher: () => app.state.me && switcher(),
  step(by) {
    const places = [...[...app.state.rooms.values()].map((room) => room.id), ...[...app.state.dms.values()].map((dm) => `@${dm.name}`)];
    const at = places.indexOf(app.state.current);
    if (places.length > 0) go(places[(at + by + places.length) % places.length]);
  },
  escape: () => (byId('shade').hidden ? markRead() : closePanels()),
  end: () => app.views.timeline.goToEnd(),
  sheet: () => {
    sheet(byId('keys'), app.t);
    byId('keys').showModal();
  },
  isEmpty: () => document.activeElement === app.views.composer.field && app.views.composer.isEmpty(),
});
addEventListener('online', () => feed({ type: 'online' }));
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  feed({ type: 'visible' });
  seen();
  draw();
});
const midnight = () => setTimeout(() => { draw(); midnight(); }, toMidnight(Date.now()));
midnight();

setInterval(() => document.hidden || app.machine.name !== 'live' || lookAround(), 30_000);

// Whoever was here comes back without a word: the socket's door says whether the session lives still.
if (app.kept?.getItem('chat.name')) begin();
else signOn();
