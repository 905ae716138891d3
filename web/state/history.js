/** Keeps the address bar and the page's route the same thing. */

import { parse, serialise } from './route.js';

const ALWAYS_REPLACE = new Set(['labelsAdded', 'labelRemoved', 'subjectRemoved']);

/** Calls `send` on back and forward; returns the function to call after each transition. */
export function History(send) {
  addEventListener('popstate', () => send({ type: 'arrived', route: parse(location.search) }));

  return function remember(before, route, action) {
    const query = serialise(route);
    if (route === before || query === serialise(parse(location.search))) return;
    if (action.type === 'closed' && history.state?.opened) {
      history.back();
      return;
    }
    const here = { typed: action.type === 'typed', opened: route.item !== '' };
    const url = location.pathname + query;
    if (replaces(before, route, action)) history.replaceState({ ...history.state, ...kept(here) }, '', url);
    else history.pushState(here, '', url);
  };
}

/** A typed letter or a step in the detail view adds no history entry. */
function replaces(before, route, action) {
  if (action.replace || ALWAYS_REPLACE.has(action.type)) return true;
  if (action.type === 'typed') return history.state?.typed === true;
  return action.type === 'closed' || (before.item !== '' && route.item !== '');
}

/** A replaced entry keeps its kind: only a pushed entry can go back. */
const kept = ({ typed }) => ({ typed });
