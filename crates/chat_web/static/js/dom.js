// Dom: builds nodes. No text ever becomes markup here; the content policy would refuse it as well.
import { hue, initials } from './names.js';

/** h('button.icon', {onclick, 'aria-label': …}, 'text', node, …). Falsy children are left out. */
export function h(spec, props, ...children) {
  const [tag, ...classes] = spec.split('.');
  const el = document.createElement(tag || 'div');
  if (classes.length) el.className = classes.join(' ');
  if (tag === 'button') el.type = 'button';
  set(el, props ?? {});
  el.append(...children.flat().filter((child) => child || child === 0));
  return el;
}

export function set(el, props) {
  for (const [key, value] of Object.entries(props)) {
    if (key.startsWith('on')) el.addEventListener(key.slice(2), value);
    else if (key === 'value' || key === 'checked' || key === 'disabled' || key === 'hidden' || key === 'tabIndex')
      el[key] = value;
    else if (key === 'hue') el.style.setProperty('--h', value);
    else if (value === null || value === undefined || value === false) el.removeAttribute(key);
    else el.setAttribute(key, value === true ? '' : value);
  }
  return el;
}

/**
 * Whether a key belongs to an input method that is still at a word. Safari says so by the number alone, after the word
 * has ended (WebKit 165004).
 */
export const isComposing = (e) => e.isComposing || e.keyCode === 229;

/** Replaces `from` to `to` of a field so that Ctrl+Z undoes it: no other call keeps the undo list in every browser. */
export function typeInto(field, text, from = field.selectionStart, to = field.selectionEnd) {
  field.focus({ preventScroll: true });
  field.setSelectionRange(from, to);
  if (document.execCommand('insertText', false, text)) return;
  field.setRangeText(text, from, to, 'end');
  field.dispatchEvent(new Event('input'));
}

export const $ = (selector, from = document) => from.querySelector(selector);

const SVG = 'http://www.w3.org/2000/svg';
export function svg(tag, props, ...children) {
  const el = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(props ?? {})) el.setAttribute(key, value);
  el.append(...children);
  return el;
}

export function avatar(name, extra = '') {
  return h(`span.avatar${extra}`, { 'aria-hidden': 'true', hue: hue(name) }, initials(name));
}

/** Brings a parent's children to the order of `wanted`, [{key, sig, make}], and touches only what differs. */
export function reconcile(parent, wanted) {
  const old = new Map();
  for (const child of parent.children) old.set(child.dataset.key, child);
  let at = parent.firstElementChild;
  for (const { key, sig, make } of wanted) {
    let node = old.get(key);
    if (node && node.dataset.sig !== sig) {
      const fresh = make(node);
      fresh.dataset.key = key;
      fresh.dataset.sig = sig;
      const focused = node === document.activeElement;
      if (node === at) at = fresh;
      node.replaceWith(fresh);
      if (focused) fresh.focus({ preventScroll: true });
      node = fresh;
    } else if (!node) {
      node = make(null);
      node.dataset.key = key;
      node.dataset.sig = sig;
    }
    old.delete(key);
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
  for (const node of old.values()) node.remove();
}
