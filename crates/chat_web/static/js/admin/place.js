// Place: its name, at every door, and its picture, which is the icon of the page.
import { h } from '../dom.js';
import { squarePng } from '../picture.js';
import { toast } from '../view/toast.js';
import { w } from './words.js';

/** @param {{ name: (name: string) => void, picture: (png: Blob | null) => void }} act */
export function placePanel(act) {
  const name = h('input', { id: 'placename', maxlength: 100, required: true, autocomplete: 'off' });
  const file = h('input', { id: 'placepicture', type: 'file', accept: 'image/*' });
  file.addEventListener('change', async () => {
    try {
      if (file.files[0]) act.picture(await squarePng(file.files[0]));
    } catch {
      toast(w('pictureBad'), { kind: 'error' });
    }
    file.value = '';
  });
  const form = h(
    'form',
    { id: 'placeform' },
    h('label', { for: 'placename' }, w('placeName')),
    name,
    h('button.primary', { type: 'submit' }, w('placeSave')),
    h('label', { for: 'placepicture' }, w('placePicture')),
    file,
    h('button.soft', { onclick: () => act.picture(null) }, w('pictureNone')),
  );
  form.addEventListener('submit', (e) => {
    e.preventDefault();
    act.name(name.value.trim());
  });
  return h(
    'section.panel',
    { id: 'placepanel', 'aria-labelledby': 'placehead', hidden: true },
    h('h2', { id: 'placehead' }, w('placeHead')),
    form,
  );
}
