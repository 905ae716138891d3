/** Requests results whenever the query changes; only the answer to the newest query counts. */

import * as api from './api.js';
import { queryKey, terms } from '../state/selectors.js';
import { complaint } from '../ui/words.js';

const FIRST_PAGE = 60;

export function ResultLoader(send) {
  let asked = '';
  let running = new AbortController();

  async function ask(state, cursor) {
    const key = queryKey(state);
    const more = cursor !== null;
    running.abort();
    running = new AbortController();
    send(more ? { type: 'askedMore' } : { type: 'asked', key });
    try {
      const answer = await fetchPage(state, cursor, running.signal);
      send({ type: more ? 'foundMore' : 'found', key, answer });
    } catch (error) {
      if (error.name === 'AbortError') return;
      send({ type: 'failed', key, message: complaint(error.message), more });
    }
  }

  return {
    update(state) {
      const key = queryKey(state);
      if (state.route.tab !== 'search' || key === asked) return;
      asked = key;
      ask(state, null);
    },
    again(state) {
      asked = queryKey(state);
      ask(state, null);
    },
    more(state) {
      const { next, status, more } = state.results;
      if (next !== null && status === 'idle' && more !== 'loading') ask(state, next);
    },
  };
}

function fetchPage(state, cursor, signal) {
  const wanted = { kind: state.route.kind, where: state.route.where.trim(), limit: FIRST_PAGE, cursor };
  const query = terms(state);
  return query.length ? api.search({ ...wanted, terms: query }, signal) : api.items(wanted, signal);
}
