// Notify: a notification of the system, where the browser shows one.

/**
 * False where it shows none. A worker's does what a page's own does, and is the only one on Android, where the page's
 * throws.
 */
export function notify(title, options, onclick = () => {}) {
  if (globalThis.Notification?.permission !== 'granted') return false;
  const all = { icon: '/icons/192.png', ...options };
  if (navigator.serviceWorker?.controller) {
    navigator.serviceWorker.ready.then((worker) => worker.showNotification(title, all)).catch(console.warn);
    return true;
  }
  try {
    const note = new Notification(title, all);
    note.onclick = () => {
      onclick();
      note.close();
    };
    return true;
  } catch {
    return false;
  }
}

/** Two soft notes. Before the user has touched the page browsers keep silent. */
export function chime() {
  try {
    const sound = new AudioContext(),
      volume = new GainNode(sound, { gain: 0.08 });
    volume.connect(sound.destination);
    for (const [at, frequency] of [
      [0, 660],
      [0.12, 880],
    ]) {
      const note = new OscillatorNode(sound, { frequency });
      note.connect(volume);
      note.start(sound.currentTime + at);
      note.stop(sound.currentTime + at + 0.1);
    }
    setTimeout(() => sound.close(), 1000);
  } catch {
    /* it is only a sound */
  }
}
