/** The relevance of a result: a short bar, with the figures for screen readers and on hover. */

import { h } from '../../ui/dom.js';
import { match } from '../../ui/words.js';

/** Most results fit better than nine of ten other texts; the power spreads what lies above. */
const SPREAD = 8;

/** Null for an item without a search; bare figures if there is no relevance. */
export function RelevanceBar(hit) {
  const said = match(hit);
  if (!said) return null;
  if (typeof hit.relevance !== 'number') return h('span', { class: 'figure', title: said }, said);
  const fill = h('span', {});
  fill.style.inlineSize = `${Math.round(hit.relevance ** SPREAD * 100)}%`;
  return h(
    'span',
    { class: 'figure', title: said },
    h('span', { class: 'meter', 'aria-hidden': 'true' }, fill),
    h('span', { class: 'hidden' }, said),
  );
}
