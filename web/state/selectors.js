/** Values derived from the state: queries for the server, and views of its answers. Pure. */

/** Ids travel as strings in the URL and as numbers to the server. */
export const idOf = (text) => (/^\d+$/.test(text) ? Number(text) : text);

export const itemKey = (id) => `item:${id}`;

/** The terms of `/v1/search`; empty when the person asks for nothing in particular. */
export function terms({ route, picture }) {
  const query = [];
  if (route.q.trim()) query.push({ text: route.q.trim() });
  if (route.like) query.push({ item: idOf(route.like) });
  if (picture) query.push({ image: picture.data });
  return query;
}

/** Changes exactly when the results have to be requested again. */
export const queryKey = ({ route, picture }) =>
  JSON.stringify([route.kind, route.q.trim(), route.where.trim(), route.like, picture?.url ?? '']);

/** False while the shown results answer an older query. */
export const isAnswered = (state) =>
  state.results.status !== 'loading' && state.results.key === queryKey(state);

/** Changes exactly when every picture has to be classified again. */
export const settingsKey = ({ route }) =>
  JSON.stringify([route.labels, route.template.trim(), route.mode]);

/** The item that opening a hit shows: the picture that a caption describes, if there is one. */
export const shownBy = (hit) => String(hit.image_id ?? hit.id);

/** The ids that the arrow keys walk through in the detail view, each once. */
export const walk = ({ results }) => [...new Set(results.hits.map(shownBy))];

/** The id `step` places after the one shown, or undefined at either end. */
export function beside(state, step) {
  const ids = walk(state);
  const at = ids.indexOf(state.route.item);
  return at < 0 ? undefined : ids[at + step];
}

/** Items that the page shows and has not loaded yet. */
export function unknown({ route, known }) {
  const wanted = [route.item, route.like, ...(route.tab === 'classify' ? route.of : [])];
  return [...new Set(wanted)].filter((id) => id && !(id in known));
}

/** The pictures to classify: items of the collection first, then dropped files. */
export const subjects = ({ route, known, files }) => [
  ...route.of.map((id) => ({ key: itemKey(id), id, ...known[id] })),
  ...files,
];

const isCurrent = (state) => state.answers.settings === settingsKey(state);

/** Why the pictures could not be classified with the present settings; null without an error. */
export const classifyError = (state) => (isCurrent(state) ? state.answers.error : null);

/** The pictures that have no answer yet for these labels. */
export function unanswered(state) {
  if (!state.route.labels.length || classifyError(state)) return [];
  const done = isCurrent(state) ? state.answers.byKey : {};
  return subjects(state).filter(({ key, error }) => !error && !(key in done));
}
