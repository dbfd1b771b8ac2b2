// Dom: builds nodes. No text ever becomes markup here; the content policy would refuse it as well.
import { hue, initials } from './names.js';

/** h('button.icon', {onclick, 'aria-label': …}, 'text', node, …). Falsy children are left out. */
export function h(spec, props = null, ...children) {
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

/**
 * The first element that fits: what it is, the page's own markup says.
 * @param {string} selector
 * @param {ParentNode} from
 * @returns {any}
 */
export const $ = (selector, from = document) => from.querySelector(selector);

/** A sheet of style, which is there when it resolves. */
export const style = (href) =>
  new Promise((ready, fail) =>
    document.head.append(h('link', { rel: 'stylesheet', href, onload: ready, onerror: fail })),
  );

const SVG = 'http://www.w3.org/2000/svg';
export function svg(tag, props, ...children) {
  const el = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(props ?? {})) el.setAttribute(key, value);
  el.append(...children);
  return el;
}

/** Where the pictures of accounts are, by their names in small letters. */
export const faces = new Map();
/** The picture of an account, if it is known. */
export function faceOf(key) {
  const src = faces.get(key);
  return src && h('img', { src, alt: '', width: 64, height: 64 });
}

/** `account`: whether the name is that of an account, or no other user can have it now. */
export function avatar(name, extra = '', account = true) {
  const key = account ? name.toLowerCase() : null;
  const shown = faceOf(key) ?? initials(name);
  return h(`span.avatar${extra}`, { 'aria-hidden': 'true', hue: hue(name), 'data-face': key }, shown);
}

export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Plain http has no clipboard of its own; the old way still works there.
    const area = h('textarea.vh', { value: text });
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

/** Whether two plain objects have the same fields with the same values. */
export function isSame(a, b) {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.is(a[key], b[key]));
}

/**
 * Brings a parent's children to the order of `rows`, plain objects with a `key`, and draws anew only what differs.
 * @template {{ key: string }} [R=any]
 * @param {HTMLElement} parent
 * @param {R[]} rows
 * @param {(row: R, old: HTMLElement | null) => HTMLElement} draw
 */
export function reconcile(parent, rows, draw) {
  /** @type {Map<string, any>} */
  const old = new Map();
  for (const child of /** @type {any} */ (parent.children)) old.set(child.row.key, child);
  let at = parent.firstElementChild;
  for (const row of rows) {
    const before = old.get(row.key) ?? null;
    old.delete(row.key);
    let node = before;
    if (!before || !isSame(before.row, row)) {
      node = Object.assign(draw(row, before), { row });
      node.dataset.key = row.key;
      if (before) {
        const focused = before === document.activeElement;
        if (before === at) at = node;
        before.replaceWith(node);
        if (focused) node.focus({ preventScroll: true });
      }
    }
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
  for (const node of old.values()) node.remove();
}
