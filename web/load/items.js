/** Fetches the items that the route names and the page has not seen: detail, like, classify. */

import * as api from './api.js';
import { unknown } from '../state/selectors.js';

export function ItemLoader(send) {
  const asking = new Set();

  async function ask(id) {
    asking.add(id);
    try {
      send({ type: 'known', id, item: await api.item(id) });
    } catch (error) {
      send({ type: 'known', id, error: error.message });
    } finally {
      asking.delete(id);
    }
  }

  return function update(state) {
    for (const id of unknown(state)) if (!asking.has(id)) ask(id);
  };
}
