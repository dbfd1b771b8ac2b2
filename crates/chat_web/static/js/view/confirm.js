// Confirm: asks before a message is deleted.
import { $ } from '../dom.js';
import { format, plainText } from '../format.js';
import { openDialog } from './toast.js';

/**
 * `then` gets the answer.
 * @param {Message} message
 * @param {(yes: boolean) => void} then
 */
export function confirm(message, then) {
  const dialog = $('#confirm');
  $('p', dialog).textContent = plainText(format(message.text));
  dialog.returnValue = '';
  openDialog(dialog);
  dialog.onclose = () => then(dialog.returnValue === 'yes');
}
