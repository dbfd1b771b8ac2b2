// Share link: an address that is shown once, to copy, and as a picture for the camera of a phone.
import { copyText, h } from '../dom.js';
import { toast } from './toast.js';

/** The picture of a link, which the server draws: the code in it stands in no address of a call. */
export async function drawnLink(text, headers = {}) {
  const response = await fetch('/api/admin/qr', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ text }),
    credentials: 'same-origin',
  });
  if (!response.ok) throw new Error(String(response.status));
  return response.blob();
}

/**
 * Shows a link in an element. Without an answer to `draw` there is the link alone.
 * @param {HTMLElement} home
 * @param {string} url
 * @param {(text: string) => Promise<Blob>} draw
 * @param {{ copy: string, copied: string, qr: string, id?: string }} words
 */
export function showLink(home, url, draw, words) {
  const copy = async () => {
    await copyText(url);
    toast(words.copied);
  };
  home.replaceChildren(h('code', { id: words.id, tabIndex: 0 }, url), h('button.soft', { onclick: copy }, words.copy));
  draw(url).then(
    (picture) => {
      const img = h('img.qr', { alt: words.qr, width: 180, height: 180, src: URL.createObjectURL(picture) });
      img.addEventListener('load', () => URL.revokeObjectURL(img.src), { once: true });
      if (home.textContent.includes(url)) home.append(img);
    },
    () => {},
  );
}
