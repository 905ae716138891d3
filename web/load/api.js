/** All requests to the server. */

import { noteSession } from './session.js';

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const NO_KEY = 401;
let sessions = 0;
let askForKey = async () => false;

/** `ask(open)` asks the person for a key. It resolves to whether `open(key)` succeeded. */
export function onMissingKey(ask) {
  askForKey = ask;
}

const UNREACHABLE = 'The server does not answer. Is “mmembed serve” still running?';

/** The JSON of an answer. Raises ApiError with a sentence to show; AbortError passes through.
 * If the server needs a key, the person is asked for it first; see `onMissingKey`. */
async function request(path, options = {}) {
  const before = sessions;
  const response = await ask(path, options);
  if (response.status !== NO_KEY) return answerOf(response);
  // Another request may have received the key since this request was sent.
  if (before === sessions && !(await askForKey(openSession))) return answerOf(response);
  return answerOf(await ask(path, options));
}

/** Changes the key for a cookie: requests for pictures have no headers of ours. */
async function openSession(key) {
  const response = await ask('/v1/session', { json: { key } });
  if (!response.ok) await answerOf(response);
  sessions += 1;
  noteSession(true);
}

/** Ends the session; the next request asks for the key again. */
export async function endSession() {
  const response = await ask('/v1/session', { method: 'DELETE' });
  if (!response.ok) await answerOf(response);
  noteSession(false);
}

async function ask(path, { signal, json, form, method }) {
  const body = json ? JSON.stringify(json) : form;
  const headers = json ? { 'Content-Type': 'application/json' } : {};
  try {
    return await fetch(path, { method: method ?? (body ? 'POST' : 'GET'), body, headers, signal });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(UNREACHABLE, 0);
  }
}

async function answerOf(response) {
  const answer = await response.json().catch((error) => {
    if (error.name === 'AbortError') throw error;
    return null;
  });
  if (response.ok && answer) return answer;
  const said = answer?.error?.message ?? answer?.detail;
  const message = typeof said === 'string' ? said : `The server answered ${response.status}.`;
  throw new ApiError(message, response.status);
}

function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== '');
  return new URLSearchParams(given).toString();
}

export const health = () => request('/health');

/** Commands for a shell, as they work on the server's machine. */
export const about = () => request('/v1/about');

/** The API's OpenAPI description. */
export const description = () => request('/openapi.json');

export const item = (id) => request(`/v1/items/${encodeURIComponent(id)}`);

export const items = ({ kind, where, limit, cursor = null }, signal) =>
  request(`/v1/items?${query({ kind, where, limit, cursor })}`, { signal });

/** `terms`: [{text | image | item}]; a query of words alone is a plain link. */
export function search({ terms, kind, where, limit, cursor = null }, signal) {
  if (terms.length === 1 && terms[0].text) {
    const words = query({ q: terms[0].text, k: limit, kind, where, cursor });
    return request(`/v1/search?${words}`, { signal });
  }
  const page = cursor === null ? {} : { cursor };
  const json = { query: terms, k: limit, kind, ...(where ? { where } : {}), ...page };
  return request('/v1/search', { signal, json });
}

const settingsOf = ({ labels, template, mode }) => ({
  labels,
  mode,
  ...(template ? { templates: [template] } : {}),
});

export const classifyItems = (ids, settings, signal) =>
  request('/v1/classify', {
    signal,
    json: { images: ids.map((id) => ({ item: id })), ...settingsOf(settings) },
  });

export function classifyFiles(files, settings, signal) {
  const form = new FormData();
  for (const file of files) form.append('images', file, file.name);
  for (const label of settings.labels) form.append('labels', label);
  if (settings.template) form.append('templates', settings.template);
  form.append('mode', settings.mode);
  return request('/v1/classify', { signal, form });
}
