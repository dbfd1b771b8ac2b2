// Uploads: files on their way to the server, each with a bar and a way to end it.
import { h } from '../dom.js';
import { icon } from './icons.js';
import { t, language } from '../i18n.js';
import { bytesOf } from '../format.js';
import { announce } from './toast.js';

/** @param {Needs.Uploads} app */
export function uploads(app) {
  function send(list, file, room) {
    const most = app.state.offer?.files,
      name = file.name || 'file';
    if (most == null) return app.sorry(t('noFiles'));
    if (most > 0 && file.size > most) return app.sorry(t('fileTooBig', { name, most: bytesOf(most, language()) }));
    // A folder looks like an empty file.
    if (!file.size) return app.sorry(t('fileEmpty', { name }));
    const request = new XMLHttpRequest();
    const bar = h('progress', { max: file.size, value: 0, 'aria-label': t('uploading', { name }) });
    const row = h(
      'li',
      {},
      icon('file'),
      h('span.fname', {}, name),
      bar,
      h('button.icon', { 'aria-label': t('cancelFile', { name }), onclick: () => request.abort() }, icon('close')),
    );
    const ended = (sorry) => {
      row.remove();
      list.hidden = !list.children.length;
      if (sorry) app.sorry(sorry);
      app.focusComposer();
    };
    request.upload.onprogress = (e) => {
      bar.value = e.loaded;
    };
    request.onload = () => {
      if (request.status === 201) {
        ended();
        return announce(t('fileSent', { name }));
      }
      let problem = null;
      try {
        problem = JSON.parse(request.responseText);
      } catch {
        /* an answer that is not ours, of a proxy perhaps */
      }
      if (request.status === 413)
        return ended(
          problem && most
            ? t('fileTooBig', { name, most: bytesOf(most, language()) })
            : t('fileTooBigOnTheWay', { name, size: bytesOf(file.size, language()) }),
        );
      return ended(problem?.detail || t('fileRefused', { name, status: request.status }));
    };
    request.onerror = () => ended(t('fileCut', { name }));
    request.onabort = () => ended(t('fileCancelled', { name }));
    const query = new URLSearchParams({
      name,
      ...(room.dm && !room.id.includes('+') ? { to: room.id.slice(1) } : { room: room.id }),
    });
    request.open('POST', `/api/files?${query}`);
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.send(file);
    list.append(row);
    list.hidden = false;
    return announce(t('uploading', { name }));
  }

  return { add: (list, files, room) => files.forEach((file) => send(list, file, room)) };
}
