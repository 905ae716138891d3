/** One picture, large, with its facts. */

import { h, icon } from '../../ui/dom.js';
import { Facts } from './facts.js';
import { Failure } from '../search/messages.js';
import { beside, shownBy, walk } from '../../state/selectors.js';
import { PictureViewer, onSwipe } from './picture-viewer.js';
import { title } from '../../ui/words.js';

export function Detail(dialog, send, { more, current }) {
  let opener = null;
  let last = [];
  const viewer = PictureViewer();
  const side = h('div', { class: 'side' });
  const close = () => send({ type: 'closed' });
  const step = (by) => {
    const id = beside(current(), by);
    if (id) send({ type: 'opened', id });
  };
  const previous = Arrow('left', 'Previous picture', () => step(-1));
  const next = Arrow('right', 'Next picture', () => step(1));
  const named = { class: 'quiet close', type: 'button', 'aria-label': 'Close' };
  const closer = h('button', { ...named, onclick: close }, icon('close'));
  const screen = h('div', { class: 'stage' }, viewer.element, previous, next);
  dialog.append(screen, side, closer);
  onSwipe(screen, step);

  dialog.addEventListener('cancel', (event) => {
    event.preventDefault();
    close();
  });
  dialog.addEventListener('click', (event) => event.target === dialog && close());
  dialog.addEventListener('keydown', (event) => {
    if (event.key === 'Tab') trap(dialog, event);
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'ArrowLeft') step(-1);
    if (event.key === 'ArrowRight') step(1);
  });

  function open() {
    if (dialog.open) return;
    opener = document.activeElement;
    dialog.showModal();
    closer.focus();
  }

  function shut() {
    if (!dialog.open) return;
    dialog.close();
    const shown = document.querySelector(`li:not([hidden]) [data-opens="${CSS.escape(last[0])}"]`);
    (shown?.checkVisibility() ? shown : opener)?.focus();
    last = [];
    viewer.show(null);
  }

  return function update(state) {
    const id = state.route.item;
    if (!id) return shut();
    const hit = state.results.hits.find((one) => shownBy(one) === id);
    const entry = state.known[id];
    arrows(state);
    if (id === last[0] && hit === last[1] && entry === last[2]) return;
    last = [id, hit, entry];
    open();
    show(id, hit, entry);
  };

  function arrows(state) {
    const ids = walk(state);
    const at = ids.indexOf(state.route.item);
    previous.disabled = !(at > 0);
    next.disabled = at < 0 || at === ids.length - 1;
    previous.hidden = next.hidden = at < 0;
    if (at >= ids.length - 3 && at >= 0) more();
  }

  function show(id, hit, entry) {
    const item = { ...pictureOf(hit), ...entry?.item };
    const known = item.id !== undefined;
    viewer.show(known ? item : null);
    dialog.setAttribute('aria-label', known ? title(item) : 'Picture');
    const focused = stopsOf(side).indexOf(document.activeElement);
    if (entry?.error) side.replaceChildren(Failure(entry.error, () => send({ type: 'forgotten', id })));
    else side.replaceChildren(...(known ? Facts(item, hit, send) : []));
    if (focused >= 0) (stopsOf(side)[focused] ?? closer).focus();
  }
}

/** The facts of a picture from its hit, until its own answer is there. */
const pictureOf = (hit) => (hit ? { ...hit, id: hit.image_id ?? hit.id } : {});

const Arrow = (side, name, onclick) =>
  h('button', { class: `arrow ${side}`, type: 'button', 'aria-label': name, onclick }, icon(side));

/** The elements that Tab stops at within an element. */
const stopsOf = (element) =>
  [...element.querySelectorAll('a[href], button:not([disabled]), summary')].filter((stop) =>
    stop.checkVisibility(),
  );

/** Tab cycles within the dialog, and returns into it if the focused element is gone. */
function trap(dialog, event) {
  const stops = stopsOf(dialog);
  const [first, final] = [stops[0], stops.at(-1)];
  const at = document.activeElement;
  if (dialog.contains(at) && at !== (event.shiftKey ? first : final)) return;
  event.preventDefault();
  (event.shiftKey ? final : first).focus();
}
