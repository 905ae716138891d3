/** Pictures in justified rows. Every box is known before its picture arrives: nothing jumps. */

import { justify, neighbour, rowHeight } from './justified-rows.js';
import { ResultCard } from './result-card.js';
import { Roving } from '../../ui/roving-focus.js';

const GAP = 6;

export function Grid(list, send) {
  let hits = [];
  let tiles = [];
  let boxes = [];
  let ended = true;
  let width = 0;

  const rove = Roving(list, (index, key) => neighbour(boxes, index, key));
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width === width || !contentRect.width) return;
    width = contentRect.width;
    place();
  }).observe(list);

  list.addEventListener('click', (event) => {
    const { id } = event.target.closest('li')?.dataset ?? {};
    if (event.target.closest('.like')) send({ type: 'likened', id });
    else if (event.target.closest('a') && isPlain(event)) {
      event.preventDefault();
      send({ type: 'opened', id });
    }
  });

  function place() {
    width ||= list.clientWidth;
    if (!width) return;
    const layout = justify(hits, { width, target: rowHeight(width), gap: GAP, ended });
    boxes = layout.boxes;
    list.style.blockSize = `${layout.height}px`;
    tiles.forEach((tile, index) => settle(tile, boxes[index]));
    rove();
  }

  return function update({ results, route }) {
    list.hidden = route.kind !== 'image' || results.hits.length === 0;
    if (list.hidden) {
      if (!results.hits.length) clear();
      return;
    }
    const nowEnded = results.next === null || results.more === 'failed';
    if (results.hits === hits && nowEnded === ended) return;
    const known = results.hits[0] === hits[0] ? tiles : [];
    hits = results.hits;
    ended = nowEnded;
    tiles = hits.map((hit, index) => known[index] ?? ResultCard(hit, route));
    const focused = !known.length && list.contains(document.activeElement);
    if (known.length) list.append(...tiles.slice(known.length));
    else list.replaceChildren(...tiles);
    place();
    if (focused) tiles[0].querySelector('a').focus({ preventScroll: true });
  };

  function clear() {
    hits = [];
    tiles = [];
    list.replaceChildren();
  }
}

const isPlain = (event) => !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);

function settle(tile, box) {
  tile.hidden = !box;
  if (!box) return;
  tile.style.transform = `translate(${box.x}px, ${box.y}px)`;
  tile.style.inlineSize = `${box.width}px`;
  tile.style.blockSize = `${box.height}px`;
}
