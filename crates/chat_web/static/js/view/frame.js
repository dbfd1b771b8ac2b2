// Frame: the heading of the room.
import { $, h } from '../dom.js';
import { t } from '../i18n.js';
import { title } from '../store.js';

/** @param {Room} room */
export function header(room) {
  $('#title').replaceChildren(h('span.at', {}, room.dm ? '@' : '#'), title(room));
  const text = room.dm ? t('dmTopic') : room.topic;
  $('#topic').textContent = text;
  $('#topic').title = text;
  $('#orderbtn').hidden = room.dm;
}
