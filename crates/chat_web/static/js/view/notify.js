// Notify: a notification of the system, where the browser shows one.

/** False where it shows none: it was not allowed, or the browser only lets service workers do it, as on Android. */
export function notify(title, options, onclick = () => {}) {
  if (globalThis.Notification?.permission !== 'granted') return false;
  try {
    const note = new Notification(title, { icon: '/icon.svg', ...options });
    note.onclick = () => {
      onclick();
      note.close();
    };
    return true;
  } catch {
    return false;
  }
}
