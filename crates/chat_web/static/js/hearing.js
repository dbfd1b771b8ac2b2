// Hearing: a message that has just come: said aloud, shown by the system, or pointed to, where the user looks
// elsewhere.
import { t } from './i18n.js';
import { format, plainText } from './format.js';
import { prefs } from './prefs.js';
import { notify } from './view/notify.js';
import { speak, toast } from './view/toast.js';

/**
 * @param {Needs.Hearing} app
 * @param {{ room: string, message: Message, pings: boolean }} heard
 */
export function hear(app, { room, message, pings }) {
  const { state } = app;
  const words = plainText(format(message.text));
  const from = `${message.from.name}${room.startsWith('@') ? '' : ` #${room}`}`;
  const aloud = prefs.announce === 'all' ? room === state.current : prefs.announce === 'mentions' && pings;
  if (aloud) speak(`${message.from.name}: ${words}`);
  if (!pings) return;
  const open = () => app.open(room);
  const come = () => {
    focus();
    open();
  };
  const shown = document.hidden && prefs.notify && notify(from, { body: words, tag: `chat-${room}` }, come);
  if (!shown && room !== state.current)
    toast(`${from}: ${words.slice(0, 140)}`, { action: { label: t('show'), run: open } });
}
