/** Asks for the server's key, if it needs one: once for all waiting requests. */

import { h } from '../../ui/dom.js';

let asking = null;

/** Resolves to true once `open(key)` has succeeded; to false if the person cancels.
 * `open` rejects with an error whose message is shown. */
export function askForKey(open) {
  asking ??= ask(open).finally(() => (asking = null));
  return asking;
}

function ask(open) {
  const input = h('input', { id: 'key', type: 'password', autocomplete: 'current-password', required: true });
  const said = h('p', { class: 'hint', role: 'alert' });
  const form = h(
    'form',
    {},
    h('h2', { id: 'key-title' }, 'This server needs a key'),
    h('label', { for: 'key' }, 'One of the keys that it was started with'),
    input,
    said,
    h('button', { class: 'primary', type: 'submit' }, 'Open'),
  );
  const dialog = h('dialog', { class: 'key', 'aria-labelledby': 'key-title' }, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let opened = false;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      try {
        await open(input.value);
        opened = true;
        dialog.close();
      } catch (error) {
        said.textContent = error.message;
        input.select();
      }
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(opened);
    });
    dialog.showModal();
  });
}
