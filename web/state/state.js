/** Every transition of the page's state, as pure functions: no DOM, no network, no clock. */

import { itemKey, settingsKey } from './selectors.js';
import { HOME, splitList } from './route.js';

/**
 * @typedef {{
 *  route: import('./route.js').Route;
 *  picture: null | {name: string, url: string, data: string};
 *  results: {key: string, status: string, hits: object[], next: ?string, total: ?number,
 *    notes: string[], more: string, error: ?string};
 *  known: Record<string, {item?: object, error?: string}>;
 *  files: {key: string, name: string, url: string, file: File}[];
 *  answers: {settings: string, byKey: Record<string, object>, error: ?string};
 *  health: ?object;
 *  commands: {program: string, index: string};
 *  complaint: string;
 * }} State
 *
 * `picture` is the dropped one; `files` are dropped to be classified; neither is in the URL.
 * `status` and `more` are 'idle', 'loading' or 'failed', for a new query and its next page.
 */

/** The commands that are shown until the server has named its own. */
const COMMANDS = { program: 'mmembed', index: 'mmembed index ~/Pictures' };

const NOTHING_FOUND = {
  key: '',
  status: 'idle',
  hits: [],
  next: null,
  total: null,
  notes: [],
  more: 'idle',
  error: null,
};

/** @returns {State} */
export const initial = (route = HOME) => ({
  route,
  picture: null,
  results: NOTHING_FOUND,
  known: {},
  files: [],
  answers: { settings: '', byKey: {}, error: null },
  health: null,
  commands: COMMANDS,
  complaint: '',
});

const goTo = (state, change) => ({
  ...state,
  complaint: '',
  route: { ...state.route, ...change },
});

const without = (record, key) => {
  const { [key]: _, ...rest } = record;
  return rest;
};

const transitions = {
  // navigation
  arrived: (state, { route }) => ({ ...state, complaint: '', route }),
  went: (state, { to }) => goTo(state, to),
  typed: (state, { q }) => goTo(state, { q, tab: 'search' }),
  opened: (state, { id }) => goTo(state, { item: String(id) }),
  closed: (state) => goTo(state, { item: '' }),
  likened: (state, { id }) =>
    goTo({ ...state, picture: null }, { tab: 'search', like: String(id), item: '' }),
  pictured: (state, { picture }) =>
    goTo({ ...state, picture }, { tab: 'search', like: '', item: '' }),
  unpictured: (state) => goTo({ ...state, picture: null }, { like: '' }),
  homed: (state) => goTo({ ...state, picture: null }, HOME),
  cleared: (state) => goTo({ ...state, picture: null }, { q: '', like: '', item: '' }),
  complained: (state, { message }) => ({ ...state, complaint: message }),

  // answers of the server
  healthy: (state, { health }) => ({ ...state, health }),
  told: (state, { commands }) => ({ ...state, commands }),
  asked: (state, { key }) => ({
    ...state,
    results: { ...state.results, key, status: 'loading', more: 'idle', error: null },
  }),
  askedMore: (state) => ({ ...state, results: { ...state.results, more: 'loading', error: null } }),
  found: (state, { key, answer }) =>
    key === state.results.key ? { ...state, results: { key, ...page(answer) } } : state,
  foundMore: (state, { key, answer }) =>
    key === state.results.key ? { ...state, results: joined(state.results, page(answer)) } : state,
  failed: (state, { key, message, more }) =>
    key === state.results.key ? { ...state, results: broken(state.results, message, more) } : state,
  known: (state, { id, item, error }) => ({
    ...state,
    known: { ...state.known, [id]: item ? { item } : { error } },
  }),
  forgotten: (state, { id }) => ({ ...state, known: without(state.known, id) }),

  // pictures to classify, and labels
  subjectsAdded: (state, { files }) => ({
    ...goTo(state, { tab: 'classify', item: '' }),
    files: [...state.files, ...files],
  }),
  subjectRemoved: (state, { key }) => ({
    ...goTo(state, { of: state.route.of.filter((id) => itemKey(id) !== key) }),
    files: state.files.filter((file) => file.key !== key),
  }),
  subjectsCleared: (state) => ({ ...goTo(state, { of: [] }), files: [] }),
  labelsAdded: (state, { text }) =>
    goTo(state, { labels: [...new Set([...state.route.labels, ...splitList(text)])] }),
  labelRemoved: (state, { label }) =>
    goTo(state, { labels: state.route.labels.filter((other) => other !== label) }),
  classified: (state, { settings, byKey }) =>
    settings === settingsKey(state) ? { ...state, answers: answered(state, byKey) } : state,
  unclassified: (state, { settings, message }) =>
    settings === settingsKey(state)
      ? { ...state, answers: { ...answered(state, {}), error: message } }
      : state,
  retriedClassifying: (state) => ({ ...state, answers: { ...state.answers, error: null } }),
};

/** The state after an action. An unknown action is a mistake in the page: it throws. */
export function reduce(state, action) {
  const transition = transitions[action.type];
  if (!transition) throw new Error(`no such action: ${action.type}`);
  return transition(state, action);
}

/** The answers of `/v1/search` and `/v1/items` differ in two names; here they become one shape. */
function page(answer) {
  return {
    status: 'idle',
    hits: answer.hits ?? answer.items ?? [],
    next: answer.next_cursor ?? null,
    total: answer.total ?? null,
    notes: answer.notes ?? [],
    more: 'idle',
    error: null,
  };
}

function joined(results, next) {
  const seen = new Set(results.hits.map((hit) => hit.id));
  const fresh = next.hits.filter((hit) => !seen.has(hit.id));
  return { ...results, ...next, hits: [...results.hits, ...fresh], notes: results.notes };
}

function broken(results, message, more) {
  if (more) return { ...results, more: 'failed', error: message };
  return { ...NOTHING_FOUND, key: results.key, status: 'failed', error: message };
}

function answered(state, byKey) {
  const settings = settingsKey(state);
  const old = state.answers.settings === settings ? state.answers.byKey : {};
  return { settings, byKey: { ...old, ...byKey }, error: null };
}
