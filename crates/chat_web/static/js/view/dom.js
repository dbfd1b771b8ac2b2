// Making and patching elements. No markup is ever parsed: text goes in as text.

/** An element: el('button', { class: 'x', on: { click } }, 'words', child). */
export function el(tag, props = {}, ...children) {
  const node = tag === 'svg' || tag === 'path' || tag === 'circle' ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'on') for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
    else if (name === 'vars') for (const [key, v] of Object.entries(value)) node.style.setProperty(`--${key}`, v);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Makes the children of `parent` those of `rows`, keeping an element as long as its row's print is the same. */
export function patch(parent, rows, draw) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let place = parent.firstElementChild;
  for (const row of rows) {
    let node = old.get(row.key);
    if (node && node.dataset.print !== row.print) {
      const fresh = make(row, draw);
      if (place === node) place = node.nextElementSibling;
      const focused = node.contains(document.activeElement);
      node.replaceWith(fresh);
      if (focused) fresh.focus({ preventScroll: true });
      parent.insertBefore(fresh, place);
      old.delete(row.key);
      continue;
    }
    if (!node) node = make(row, draw);
    old.delete(row.key);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  for (const node of old.values()) node.remove();
}

function make(row, draw) {
  const node = draw(row);
  node.dataset.key = row.key;
  node.dataset.print = row.print ?? '';
  return node;
}

const ICONS = {
  send: 'M3 11.5 21 3l-6.5 18-3-7.5L3 11.5Z',
  menu: 'M4 7h16M4 12h16M4 17h16',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm-6 9c0-3.3 2.7-6 6-6s6 2.7 6 6m1-9.2a3 3 0 1 0-1-5.8m2 8.2c2.4.7 4 2.8 4 5.3',
  settings: 'M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm6.800-1.800v-2.400l2-1.500-2-3.500-2.400 1-2-1.200L14 3h-4l-.4 2.600-2 1.200-2.400-1-2 3.500 2 1.500v2.400l-2 1.500 2 3.500 2.400-1 2 1.200L10 21h4l.4-2.600 2-1.200 2.400 1 2-3.500-2-1.500Z',
  react: 'M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18Zm-4-7c.9 1.700 2.300 2.500 4 2.500s3.100-.8 4-2.500M9 9.500v.5m6-.5v.5',
  reply: 'M10 8V4L3 11l7 7v-4c5 0 8.500 1.500 11 5-1-6-4-10-11-11Z',
  more: 'M6 12h.01M12 12h.01M18 12h.01',
  edit: 'M4 20h4L19 9l-4-4L4 16v4Z',
  trash: 'M5 7h14M10 7V4h4v3m-7 0 1 13h8l1-13',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  close: 'M6 6l12 12M18 6 6 18',
  down: 'M12 5v14m-6-6 6 6 6-6',
  plus: 'M12 5v14M5 12h14',
  bell: 'M6 16V11a6 6 0 1 1 12 0v5l2 2H4l2-2Zm4 4h4',
  door: 'M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9',
  retry: 'M20 11a8 8 0 1 0-2.300 6M20 5v6h-6',
};

export const icon = (name) =>
  el('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true', focusable: 'false' }, el('path', { d: ICONS[name] }));

/** Only what is asked for moves, and only if the person wants motion. */
export const calm = () => matchMedia('(prefers-reduced-motion: reduce)').matches;
