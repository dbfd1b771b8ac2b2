// Telling a person what they did not see: by voice, by a toast, by a notification.

import { app } from './app.js';
import { go, seen } from './places.js';
import * as store from './store.js';

export function heard(id, message) {
  const mine = message.from.id === app.state.me?.id;
  const named = !mine && store.mentions(message.text, app.state.me?.name);
  const here = id === app.state.current && !document.hidden;
  const room = store.findRoom(app.state, id);
  if (!mine && !here && room && room.marker === null && id === app.state.current) room.marker = room.read;
  if (here && !mine && (app.settings.announce === 'all' || (app.settings.announce === 'mentions' && named))) app.views.toast.speak(`${message.from.name}: ${message.text}`);
  if (named && !here) notify(app.t('mentioned', { name: message.from.name, room: id }), message.text, id);
  if (here && app.views.timeline.isAtEnd()) setTimeout(seen, 0);
}

export function whispered(name, message) {
  if (app.state.current === `@${name}` && !document.hidden) {
    store.dmWith(app.state, name).unread = 0;
    if (app.settings.announce !== 'none') app.views.toast.speak(`${app.t('whispered', { name })}: ${message.text}`);
    return;
  }
  notify(app.t('whispered', { name }), message.text, `@${name}`);
}

function notify(title, body, where) {
  app.views.toast.tell(`${title}: ${body.slice(0, 80)}`);
  if (!app.settings.notify || !document.hidden || globalThis.Notification?.permission !== 'granted') return;
  const note = new Notification(title, { body: body.slice(0, 200), tag: where, icon: '/icon.svg' });
  note.onclick = () => {
    focus();
    go(where);
    note.close();
  };
}
