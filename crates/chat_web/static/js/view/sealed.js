// Sealed: the sheet by which a direct talk is sealed: the safety number to compare, the devices, and the switch.
import { h, svg } from '../dom.js';
import { t } from '../i18n.js';
import { qr } from '../sealed/qr.js';
import { title } from '../store.js';
import { dialog } from './dialog.js';
import { openDialog } from './toast.js';

/** The digits for a scanner: dark on white, with a margin of four modules, in both schemes. */
function code(digits) {
  const rows = qr(digits);
  const size = rows.length + 8;
  const path = rows.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + 4} ${y + 4}h1v1h-1z` : '')));
  return svg(
    'svg',
    { class: 'qr', viewBox: `0 0 ${size} ${size}`, role: 'img', 'aria-label': t('sealedQr') },
    svg('path', { d: `M0 0h${size}v${size}H0z`, fill: '#fff' }),
    svg('path', { d: path.join(''), fill: '#000' }),
  );
}

/**
 * @param {Needs.SealedSheet} app
 * @param {any} sealed what `sealing` of sealed/talks.js gives
 */
export function sealedSheet(app, sealed) {
  const body = h('div.sealedbody', {}),
    el = dialog('sealed', 'sealedHead', body);

  async function open(room) {
    body.replaceChildren(h('p', { role: 'status' }, t('sealedLooks')));
    openDialog(el);
    try {
      draw(room, await sealed.look(room));
    } catch (error) {
      body.replaceChildren(h('p.error', { role: 'alert' }, error.message));
    }
  }

  function draw(room, { all, theirs, strangers, digits, words }) {
    const name = title(room);
    const on = sealed.isOn(room);
    const act = async (change) => {
      await change();
      el.close();
      app.labelComposer(room);
    };
    const off = on && h('button.soft', { onclick: () => act(() => sealed.turnOff(room)) }, t('sealTurnOff'));
    if (!theirs.length) {
      const none = h('p', { role: 'status' }, t('sealedNone', { name }));
      return body.replaceChildren(none, ...(off ? [h('div.buttons', {}, off)] : []));
    }
    const change = on && !strangers.length;
    const parts = [
      strangers.length > 0 && on && h('p.error', { role: 'alert' }, t('sealStranger', { name: strangers[0].account })),
      h('p', {}, t('sealedCompare', { name })),
      h('p.safety', { dir: 'ltr', lang: 'zxx' }, words),
      h('p.safety', { dir: 'ltr' }, digits),
      code(digits),
      h('p', {}, t('sealedDevices', { n: all.length })),
      h('p.hint', {}, t('sealedNot')),
      h(
        'div.buttons',
        {},
        !change &&
          h(
            'button.primary',
            { onclick: () => act(() => sealed.turnOn(room, all)) },
            t(on ? 'sealAccept' : 'sealTurnOn'),
          ),
        off,
      ),
    ];
    return body.replaceChildren(...parts.filter(Boolean));
  }
  return { open };
}
