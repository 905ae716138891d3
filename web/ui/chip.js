/** A small removable thing in a box: a picture searched by, a label. */

import { h, icon } from './dom.js';

/** A list item with a text, perhaps a thumbnail, and a button that removes it. */
export function Chip({ text, thumbnail, remove }) {
  return h(
    'li',
    { class: 'chip' },
    thumbnail ? Thumbnail(thumbnail) : null,
    h('span', { class: 'chip-text' }, text),
    h('button', { type: 'button', 'aria-label': `Remove ${text}`, onclick: remove }, icon('close')),
  );
}

/** A picture that a browser may not be able to show: then its box stays, quietly empty. */
export function Thumbnail(src, attributes = {}) {
  const image = h('img', { src, alt: '', decoding: 'async', ...attributes });
  image.addEventListener('error', () => image.classList.add('broken'), { once: true });
  return image;
}
