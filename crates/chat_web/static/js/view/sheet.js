// Sheet: the keys of the page in a list.
import { h } from '../dom.js';
import { t } from '../i18n.js';
import { dialog } from './dialog.js';
import { MOD } from './dress.js';
import { openDialog } from './toast.js';

const SHEET = [
  [`${MOD} K`, 'keySwitch'],
  ['Alt ↑ ↓', 'keyRooms'],
  ['Alt Shift ↑ ↓', 'keyUnread'],
  ['Alt Shift M', 'keyMention'],
  ['↑', 'keyEdit'],
  ['Tab', 'keyTab'],
  ['@ # : /', 'keyPopup'],
  ['Shift Enter', 'keyLine'],
  ['Esc', 'keyEsc'],
  ['F6', 'keyF6'],
  ['↑ ↓ Enter', 'keyLog'],
  ['End', 'keyEnd'],
  ['?', 'keySheet'],
];

export function sheet() {
  const list = h('dl', {}),
    el = dialog('sheet', 'shortcuts', list);
  return {
    open() {
      list.replaceChildren(
        ...SHEET.map(([keys, words]) =>
          h(
            'div',
            {},
            h(
              'dt',
              {},
              keys.split(' ').map((key) => h('kbd', {}, key)),
            ),
            h('dd', {}, t(words)),
          ),
        ),
      );
      openDialog(el);
    },
  };
}
