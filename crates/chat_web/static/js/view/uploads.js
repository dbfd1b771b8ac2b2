// Uploads: the tray above the field. Files wait in it, in their order, until Enter sends them, one after another.
import * as outbox from '../outbox.js';
import { $, h } from '../dom.js';
import { icon } from './icons.js';
import { t, language } from '../i18n.js';
import { bytesOf } from '../format.js';
import { seals } from '../prefs.js';
import { announce } from './toast.js';

/** @param {Needs.Uploads} app */
export function uploads(app) {
  /** The rooms whose files are on their way. */
  const busy = new Set();

  /** Why a file cannot be sent, in words. */
  function unfit(file, name) {
    const most = app.state.offer?.files;
    if (most == null) return t('noFiles');
    if (most > 0 && file.size > most) return t('fileTooBig', { name, most: bytesOf(most, language()) });
    // A folder looks like an empty file.
    return file.size ? '' : t('fileEmpty', { name });
  }

  function add(list, files, room) {
    for (const file of files) {
      const name = file.name || 'file';
      const why = unfit(file, name);
      if (why) app.sorry(why);
      else list.append(staged(list, file, name, room.id));
    }
    settle(list);
    const n = waiting(list, room.id).length;
    if (n) announce(t('staged', { n }));
    app.focusComposer();
  }

  /** A file that waits, as a row: what it looks like, and how it leaves its place. */
  function staged(list, file, name, room) {
    const row = h(
      'li.staged',
      { 'data-room': room },
      h('span.face', { 'aria-hidden': 'true' }, face(file)),
      h('span.fname', {}, name),
      h('small', {}, bytesOf(file.size, language())),
      h('button.icon.earlier', { 'aria-label': t('fileEarlier', { name }), onclick: earlier }, icon('up')),
      h('button.icon', { 'aria-label': t('fileRemove', { name }), onclick: remove }, icon('close')),
    );
    function earlier() {
      const before = row.previousElementSibling;
      if (before?.matches('.staged')) before.before(row);
      $('.earlier', row).focus();
    }
    function remove() {
      row.remove();
      settle(list);
      app.focusComposer();
    }
    row.hidden = app.state.current !== room;
    return Object.assign(row, { file, name });
  }

  function face(file) {
    if (!/^image\/(png|jpeg|gif|webp)$/.test(file.type)) return icon('file');
    const src = URL.createObjectURL(file);
    const off = () => URL.revokeObjectURL(src);
    const picture = h('img', {
      alt: '',
      src,
      onload: off,
      onerror() {
        off();
        picture.replaceWith(icon('file'));
      },
    });
    return picture;
  }

  const waiting = (list, room) => [...list.querySelectorAll('.staged')].filter((row) => row.dataset.room === room);
  const settle = (list) => {
    list.hidden = !$(':scope > :not([hidden])', list);
  };

  /** All files of the room that wait, in their order. Where one cannot be brought, it and the rest wait on. */
  async function send(list, room) {
    if (busy.has(room.id)) return;
    busy.add(room.id);
    try {
      while (outbox.of(app.box, room.id).some((item) => item.state !== 'failed')) await app.said();
      // The talk may be sealed since they were put here.
      const sealed = () => seals(app.state.me.name, room.id);
      for (let row; !sealed() && (row = waiting(list, room.id)[0]);) if (!(await sent(list, row, room))) break;
      if (sealed()) app.sorry(t('sealedFiles'));
    } finally {
      busy.delete(room.id);
    }
  }

  /** Sends one file; false: the line broke, and the file waits again. */
  const sent = (list, row, room) =>
    new Promise((done) => {
      const { file, name } = row;
      const request = new XMLHttpRequest();
      const bar = h('progress', { max: file.size, value: 0, 'aria-label': t('uploading', { name }) });
      const under = h(
        'li',
        { 'data-room': room.id },
        icon('file'),
        h('span.fname', {}, name),
        bar,
        h('button.icon', { 'aria-label': t('cancelFile', { name }), onclick: () => request.abort() }, icon('close')),
      );
      under.hidden = row.hidden;
      row.replaceWith(under);
      const ended = (sorry) => {
        under.remove();
        settle(list);
        if (sorry) app.sorry(sorry);
        if (document.activeElement === document.body) app.focusComposer();
        done(true);
      };
      request.upload.onprogress = (e) => {
        bar.value = e.loaded;
      };
      request.onload = () => {
        if (request.status === 201) {
          ended();
          return announce(t('fileSent', { name }));
        }
        return ended(refusal(request, file, name));
      };
      request.onerror = () => {
        row.hidden = under.hidden;
        under.replaceWith(row);
        app.sorry(t('fileCut', { name }));
        done(false);
      };
      request.onabort = () => ended(t('fileCancelled', { name }));
      const query = new URLSearchParams({
        name,
        ...(room.dm && !room.id.includes('+') ? { to: room.id.slice(1) } : { room: room.id }),
      });
      request.open('POST', `/api/files?${query}`);
      request.setRequestHeader('content-type', 'application/octet-stream');
      request.setRequestHeader('accept-language', language());
      request.send(file);
      announce(t('uploading', { name }));
    });

  function refusal(request, file, name) {
    const most = app.state.offer?.files;
    let problem = null;
    try {
      problem = JSON.parse(request.responseText);
    } catch {
      /* an answer that is not ours, of a proxy perhaps */
    }
    if (request.status === 413)
      return problem && most
        ? t('fileTooBig', { name, most: bytesOf(most, language()) })
        : t('fileTooBigOnTheWay', { name, size: bytesOf(file.size, language()) });
    return problem?.detail || t('fileRefused', { name, status: request.status });
  }

  return { add, send };
}
