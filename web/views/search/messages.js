/** The messages of the page if it has no pictures to show. */

import { Command } from '../../ui/copy.js';
import { h } from '../../ui/dom.js';
import { terms } from '../../state/selectors.js';
import { question } from '../../ui/words.js';

/** The error in a sentence, and a button to try again. */
export const Failure = (message, again) =>
  h(
    'div',
    { role: 'alert' },
    ...sentence(message),
    h('button', { class: 'plain', type: 'button', onclick: again }, 'Try again'),
  );

/** A filter that cannot be read comes with its text and a mark below the place. */
function sentence(message) {
  const [first, ...place] = message.split('\n');
  return [h('p', {}, first), place.length ? h('pre', {}, place.join('\n')) : null].filter(Boolean);
}

export function Empty(state, again) {
  if (terms(state).length) return NothingFound(state);
  if (state.route.where.trim()) return h('p', {}, 'Nothing passes the filter.');
  return state.route.kind === 'caption' ? NoCaptions() : NoPictures(state.commands, again);
}

const NothingFound = ({ route, picture }) =>
  h('p', {}, `Nothing found for ${question(route, picture)}${route.where.trim() && ' that passes the filter'}.`);

const NoCaptions = () =>
  h(
    'div',
    {},
    h('h2', {}, 'No captions yet'),
    h('p', {}, 'Put a text file beside a picture (kite.txt beside kite.jpg) and index the folder again.'),
  );

const NoPictures = (commands, again) =>
  h(
    'div',
    {},
    h('h2', {}, 'No pictures yet'),
    h('p', {}, 'Index a folder of yours, and they appear here. The pictures stay where they are.'),
    Command(commands.index),
    h('button', { class: 'plain', type: 'button', onclick: again }, 'Look again'),
  );
