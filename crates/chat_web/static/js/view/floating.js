// Floating: what floats above the page beside what it belongs to, one thing at a time, and how it goes. menu.js opens
// it.

let open = null;

/** `what`: {el, anchor, back, off}: off is the AbortController of its listeners, back gets the focus again. */
export function opened(what) {
  open = what;
}

export function closeMenu(giveBack = true) {
  if (!open) return;
  const { el, back, off } = open;
  open = null;
  off.abort();
  el.remove();
  document.dispatchEvent(new Event('menuclosed'));
  if (giveBack && back?.isConnected) back.focus({ preventScroll: true });
}
export const menuIsOpen = () => !!open;

export const menuIsIn = (place) => !!open && place.contains(open.anchor);
/** Closes the menu if what it belongs to is in there. */
export const closeMenuIn = (place) => {
  if (open && place.contains(open.anchor)) closeMenu();
};
