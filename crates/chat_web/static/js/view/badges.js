// Badges: how much is unread, for who looks elsewhere: in the title, on the icon of the tab and of the app.
import { $ } from '../dom.js';
import { title, totals } from '../store.js';

let dotted = null;
export function badges(state, room) {
  const { unread, pinged } = totals(state);
  const name = room ? `${room.dm ? '@' : '#'}${title(room)}` : '';
  document.title = `${unread ? `(${unread > 99 ? '99+' : unread}) ` : ''}${name ? `${name} · ` : ''}${state.server.name || 'chat'}`;
  $('#brandname').textContent = state.server.name || 'chat';
  $('#navdot').hidden = !unread;
  if (pinged) navigator.setAppBadge?.(pinged).catch(() => {}); else navigator.clearAppBadge?.().catch(() => {});
  const kind = pinged ? 'ping' : unread ? 'new' : '';
  if (kind === dotted) return;
  dotted = kind;
  if (!kind) { $('#favicon').href = '/icon.svg'; return; }
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement('canvas'), pen = canvas.getContext('2d');
    canvas.width = canvas.height = 64;
    pen.drawImage(image, 0, 0, 64, 64);
    pen.beginPath();
    pen.arc(48, 16, 14, 0, 7);
    pen.fillStyle = kind === 'ping' ? '#e5484d' : '#fff';
    pen.strokeStyle = '#241a1d';
    pen.lineWidth = 4;
    pen.fill();
    pen.stroke();
    $('#favicon').href = canvas.toDataURL();
  };
  image.src = '/icon.svg';
}
