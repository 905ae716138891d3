/** Classifies the pictures without an answer, a few at a time so that bars appear early. */

import * as api from './api.js';
import { debounce } from '../ui/dom.js';
import { classifyError, idOf, settingsKey, unanswered } from '../state/selectors.js';

const BATCH = 8;
const BATCH_BYTES = 24e6;
const PAUSE_MS = 300;

export function ClassLoader(send, current) {
  let running = null;

  async function run() {
    later.cancel();
    running?.abort();
    const mine = (running = new AbortController());
    try {
      while (!mine.signal.aborted) {
        const batch = nextBatch(current());
        if (!batch.length) break;
        await classify(batch, current(), mine.signal, send);
      }
    } catch (error) {
      if (error.name === 'AbortError') return;
      const settings = settingsKey(current());
      send({ type: 'unclassified', settings, message: error.message });
    } finally {
      if (running === mine) running = null;
    }
  }

  const later = debounce(run, PAUSE_MS);
  let last = '';
  return {
    run,
    update(state) {
      const waiting = state.route.tab === 'classify' ? unanswered(state) : [];
      const key = settingsKey(state) + classifyError(state);
      if (key !== last) running?.abort();
      if (waiting.length && (key !== last || !running)) later();
      last = key;
    },
  };
}

/** Files are sent whole, items by their id: one request holds only one of the two. */
function nextBatch(state) {
  const waiting = unanswered(state);
  const files = waiting.filter((subject) => subject.file);
  if (!files.length) return waiting.slice(0, BATCH);
  let bytes = 0;
  const fits = ({ file }, index) => (bytes += file.size) < BATCH_BYTES || index === 0;
  return files.slice(0, BATCH).filter(fits);
}

async function classify(batch, state, signal, send) {
  const { labels, mode } = state.route;
  const settings = { labels, mode, template: state.route.template.trim() };
  const { results } = batch[0].file
    ? await api.classifyFiles(batch.map(({ file }) => file), settings, signal)
    : await api.classifyItems(batch.map(({ id }) => idOf(id)), settings, signal);
  const byKey = {};
  for (const [index, { key }] of batch.entries()) {
    byKey[key] = results.find((result) => result.index === index) ?? results[index] ?? NO_ANSWER;
  }
  if (!signal.aborted) send({ type: 'classified', settings: settingsKey(state), byKey });
}

const NO_ANSWER = { error: { message: 'The server left this picture out.' } };
