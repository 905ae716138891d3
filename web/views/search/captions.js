/** Captions as text, each with the picture that it describes, if there is one. */

import { Thumbnail } from '../../ui/chip.js';
import { h, onChange } from '../../ui/dom.js';
import { neighbour } from './justified-rows.js';
import { RelevanceBar } from './relevance-bar.js';
import { Roving } from '../../ui/roving-focus.js';
import { serialise } from '../../state/route.js';
import { shownBy } from '../../state/selectors.js';
import { fileName } from '../../ui/words.js';

export function Captions(list, send) {
  const rove = Roving(list, (index, key) => neighbour(rowsOf(list), index, key));

  list.addEventListener('click', (event) => {
    const link = event.target.closest('a');
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    send({ type: 'opened', id: link.dataset.opens });
  });

  const show = onChange((hits, route) => {
    list.replaceChildren(...hits.map((hit) => Caption(hit, route)));
    rove();
  });

  return function update({ results, route }) {
    list.hidden = route.kind !== 'caption' || results.hits.length === 0;
    if (!list.hidden) show(results.hits, route);
  };
}

/** One caption a row, so that up and down, left and right all lead to the next one. */
const rowsOf = (list) => [...list.children].map((_, row) => ({ x: 0, width: 1, row }));

function Caption(hit, route) {
  const id = shownBy(hit);
  return h(
    'li',
    {},
    h(
      'a',
      { href: `/${serialise({ ...route, item: id })}`, 'data-opens': id, tabindex: -1 },
      hit.links?.thumbnail ? Thumbnail(hit.links.thumbnail, { loading: 'lazy' }) : h('span', { class: 'none' }),
      h('span', { class: 'caption-text' }, hit.caption ?? ''),
      h('span', { class: 'caption-path' }, fileName(hit.path)),
      RelevanceBar(hit),
    ),
  );
}
