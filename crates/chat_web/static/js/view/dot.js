// Dot: the mark on the icon of the tab, where something is unread.
import { $ } from '../dom.js';

let now = '';
const own = () => document.documentElement.dataset.icon ?? '/icon.svg';
/** `kind`: 'ping', 'new', or '' for no mark. */
export function dot(kind) {
  now = kind;
  if (!kind) {
    $('#favicon').href = own();
    return;
  }
  const image = new Image();
  image.onload = () => {
    // It may be read by now.
    if (kind !== now) return;
    const canvas = document.createElement('canvas'),
      pen = canvas.getContext('2d');
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
  image.src = own();
}
