/** Text that a person takes elsewhere: a command, a path. */

import { h, icon } from './dom.js';

const SHOWN_MS = 1500;

/** A button that copies `text`; where the browser forbids it, selects `source` instead. */
export function CopyButton(text, name, source) {
  const button = h('button', { class: 'quiet', type: 'button', 'aria-label': name, title: name }, icon('copy'));
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.replaceChildren(icon('done'), h('span', { class: 'hidden', role: 'status' }, 'Copied'));
      setTimeout(() => button.replaceChildren(icon('copy')), SHOWN_MS);
    } catch {
      getSelection().selectAllChildren(source);
    }
  });
  return button;
}

export function Command(text) {
  const code = h('code', {}, text);
  return h('p', { class: 'command' }, code, CopyButton(text, 'Copy the command', code));
}
