/** How well a result fits: a short bar to see, the figures to hear or to hover for. */

import { h } from '../../ui/dom.js';
import { match } from '../../ui/words.js';

/** Null for an item that nobody searched for; bare figures where there is no relevance. */
export function Meter(hit) {
  const said = match(hit);
  if (!said) return null;
  if (typeof hit.relevance !== 'number') return h('span', { class: 'figure', title: said }, said);
  const fill = h('span', {});
  fill.style.inlineSize = `${Math.round(hit.relevance * 100)}%`;
  return h(
    'span',
    { class: 'figure', title: said },
    h('span', { class: 'meter', 'aria-hidden': 'true' }, fill),
    h('span', { class: 'hidden' }, said),
  );
}
