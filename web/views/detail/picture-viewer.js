/** Shows one picture large. */

import { h } from '../../ui/dom.js';
import { title } from '../../ui/words.js';

const LARGEST_ZOOM = 2;
const SWIPE_PX = 50;

/** The thumbnail at once, then ever larger pictures over it as they come, in the same box. */
export function PictureViewer() {
  const image = h('img', { alt: '' });
  const quote = h('blockquote', { hidden: true });
  let shown = '';

  function show(item) {
    const [first = '', ...larger] = sources(item);
    image.hidden = !first;
    quote.hidden = !item || !image.hidden;
    quote.textContent = item?.caption ?? '';
    image.alt = item ? title(item) : '';
    image.style.maxInlineSize = item?.width ? `${item.width * LARGEST_ZOOM}px` : '';
    image.style.maxBlockSize = item?.height ? `${item.height * LARGEST_ZOOM}px` : '';
    if (shown === first) return;
    shown = first;
    if (first) image.src = first;
    else image.removeAttribute('src');
    grow(first, larger);
  }

  async function grow(first, larger) {
    for (const source of larger) {
      const seen = await canShow(source);
      if (shown !== first) return;
      if (seen) image.src = source;
    }
  }

  return { element: h('div', { class: 'frame' }, image, quote), show };
}

/** The pictures of an item, from small to large. */
function sources(item) {
  const { thumbnail, preview, image } = item?.links ?? {};
  return [thumbnail, preview, item?.shown_by_browsers === false ? null : image].filter(Boolean);
}

const canShow = (source) =>
  h('img', { src: source }).decode().then(
    () => true,
    () => false, // a format this browser does not know: the shown picture stays
  );

/** Calls `step` with 1 for a finger that moves to the left, with -1 for one to the right. */
export function onSwipe(element, step) {
  let start = null;
  element.addEventListener('touchstart', ({ touches }) => {
    start = touches.length === 1 ? touches[0] : null; // two fingers zoom
  }, { passive: true });
  element.addEventListener('touchend', ({ changedTouches: [end] }) => {
    if (!start || visualViewport.scale > 1) return;
    const [across, down] = [end.clientX - start.clientX, end.clientY - start.clientY];
    if (Math.abs(across) > SWIPE_PX && Math.abs(across) > 2 * Math.abs(down)) step(across < 0 ? 1 : -1);
  });
}
