/** One picture among the results: its thumbnail, how well it fits, and the way to more like it. */

import { serialise } from '../../state/route.js';
import { Thumbnail } from '../../ui/chip.js';
import { h, icon } from '../../ui/dom.js';
import { fileName, title } from '../../ui/words.js';
import { RelevanceBar } from './relevance-bar.js';

export function ResultCard(hit, route) {
  const name = title(hit);
  const link = h(
    'a',
    { href: `/${serialise({ ...route, item: String(hit.id) })}`, 'data-opens': hit.id, tabindex: -1 },
    Thumbnail(hit.links?.thumbnail ?? '', { alt: name, loading: 'lazy', draggable: 'false' }),
    h('span', { class: 'tile-text', 'aria-hidden': 'true' }, hit.caption || fileName(hit.path)),
  );
  return h('li', { class: 'tile', 'data-id': hit.id }, link, RelevanceBar(hit), LikeButton(name));
}

const LikeButton = (name) =>
  h(
    'button',
    { class: 'like', type: 'button', tabindex: -1, 'aria-label': `More like ${name}`, title: 'More like this' },
    icon('like'),
  );
