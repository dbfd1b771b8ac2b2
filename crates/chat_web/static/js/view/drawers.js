// Drawers: where there is no room beside the conversation, the rooms and the people slide in over it.
import { $ } from '../dom.js';
import { menuIsOpen } from './floating.js';

const narrow = matchMedia('(max-width: 45rem)'),
  middle = matchMedia('(max-width: 64rem)');
function drawer(which) {
  const on = which && !document.body.classList.contains(which);
  document.body.classList.remove('nav', 'aside');
  if (on) document.body.classList.add(which);
  $('#menubtn').setAttribute('aria-expanded', String(document.body.classList.contains('nav')));
  if (middle.matches) $('#peoplebtn').setAttribute('aria-expanded', String(document.body.classList.contains('aside')));
  $('#shade').hidden = !on;
  inertness();
  if (on) $(which === 'nav' ? '#rooms .here .room' : '#who button')?.focus();
}
/** What is drawn off the screen must not be reached by Tab either. */
function inertness() {
  $('#nav').inert = narrow.matches && !document.body.classList.contains('nav');
  $('#people').inert = middle.matches && !document.body.classList.contains('aside');
}
export function closeDrawers() {
  if (document.body.matches('.nav, .aside')) drawer(null);
}

/** `fold`: what the button of the people does where they have a column of their own. */
export function drawers(fold) {
  for (const query of [narrow, middle])
    query.addEventListener('change', () => {
      closeDrawers();
      inertness();
    });
  inertness();
  $('#menubtn').addEventListener('click', () => drawer('nav'));
  $('#shade').addEventListener('click', () => drawer(null));
  $('#peoplebtn').addEventListener('click', () => (middle.matches ? drawer('aside') : fold()));
  addEventListener(
    'keydown',
    (e) => {
      if (e.key === 'Escape' && document.body.matches('.nav, .aside') && !menuIsOpen()) {
        e.stopPropagation();
        drawer(null);
        $('#menubtn').focus();
      }
    },
    true,
  );
}
