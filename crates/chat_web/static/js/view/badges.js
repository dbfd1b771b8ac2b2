// Badges: how much is unread, for who looks elsewhere: in the title, on the icon of the tab and of the app.
import { $ } from '../dom.js';
import { title, totals } from '../store.js';

let dotted = '';
export function badges(state, room) {
  const { unread, pinged } = totals(state);
  const name = room ? `${room.dm ? '@' : '#'}${title(room)}` : '';
  const count = unread ? `(${unread > 99 ? '99+' : unread}) ` : '';
  document.title = `${count}${name ? `${name} · ` : ''}${state.server.name || 'chat'}`;
  $('#brandname').textContent = state.server.name || 'chat';
  $('#navdot').hidden = !unread;
  if (pinged) navigator.setAppBadge?.(pinged).catch(() => {});
  else navigator.clearAppBadge?.().catch(() => {});
  const kind = pinged ? 'ping' : unread ? 'new' : '';
  if (kind === dotted) return;
  dotted = kind;
  import('./dot.js').then(
    ({ dot }) => dot(dotted),
    () => {},
  );
}
