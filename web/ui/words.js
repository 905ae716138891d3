/** Numbers, files and results as text for people. */

const NUMBER = new Intl.NumberFormat('en');

export const count = (number, one, many = `${one}s`) =>
  `${NUMBER.format(number)} ${number === 1 ? one : many}`;

/** 0.1234 → '12 %', with one decimal below ten and never a false zero. */
export function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 0.1) return '< 0.1 %';
  return `${value < 9.95 && value > 0 ? value.toFixed(1) : Math.round(value)} %`;
}

export function size(bytes) {
  const units = ['bytes', 'kB', 'MB', 'GB'];
  const step = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** step;
  return `${step && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[step]}`;
}

/** The last part of a path, whichever way its slashes lean. */
export const fileName = (path) => (path ?? '').split(/[\\/]/).pop();

/** The text that replaces a picture that cannot be seen. */
export const title = (item) => item.caption || fileName(item.path) || `picture ${item.id}`;

/** A moment from seconds or nanoseconds since 1970, or from ISO text; '' when there is none. */
export function date(moment) {
  if (!moment) return '';
  const number = typeof moment === 'number' ? moment : NaN;
  const time = new Date(number > 1e14 ? number / 1e6 : number ? number * 1000 : moment);
  return Number.isNaN(time.getTime()) ? '' : time.toLocaleDateString('en', { dateStyle: 'long' });
}

/** A date with its time of day by the camera's clock; an offset is not applied. */
export function moment(text) {
  const time = new Date((text ?? '').slice(0, 19));
  const styles = { dateStyle: 'long', timeStyle: 'short' };
  return Number.isNaN(time.getTime()) ? '' : time.toLocaleString('en', styles);
}

/** Whether two ISO 8601 texts mean the same second. */
export const sameMoment = (one, other) =>
  Math.floor(Date.parse(one) / 1000) === Math.floor(Date.parse(other) / 1000);

/** 52.50431, -13.36667 → '52.50431° N, 13.36667° W': to a metre. */
export function coordinates(latitude, longitude) {
  const one = (degrees, [positive, negative]) =>
    `${Math.abs(degrees).toFixed(5)}° ${degrees < 0 ? negative : positive}`;
  return `${one(latitude, 'NS')}, ${one(longitude, 'EW')}`;
}

/** 'relevance 0.83 · cosine 0.312' for a result; '' for an item without a search. */
export function match(hit) {
  if (typeof hit?.score !== 'number') return '';
  const cosine = `cosine ${hit.score.toFixed(3)}`;
  return typeof hit.relevance === 'number' ? `relevance ${hit.relevance.toFixed(2)} · ${cosine}` : cosine;
}

/** The query in words: “a red kite” and this picture. */
export function question(route, picture) {
  const parts = [];
  if (route.q.trim()) parts.push(`“${route.q.trim()}”`);
  if (route.like || picture) parts.push('this picture');
  return parts.join(' and ');
}

/** The server's note on a query, without the picture's name in the request. */
export const complaint = (message) =>
  message.replace(/^query\[\d+\]\.image, the query image: /, 'The picture cannot be searched by: ');

/** One line about the shown results; screen readers announce it. */
export function summary({ route, picture, results }) {
  const noun = route.kind === 'caption' ? 'caption' : 'picture';
  const shown = results.hits.length;
  const asked = question(route, picture);
  if (results.status !== 'idle' || !shown) return '';
  if (asked) return `Best ${count(shown, noun)} for ${asked}`;
  const total = results.total ?? shown;
  return total > shown ? `${NUMBER.format(shown)} of ${count(total, noun)}` : count(total, noun);
}

/** A few short captions of the collection itself, to try as a first search. */
export function suggestions(hits, wanted = 4) {
  const short = hits.map((hit) => (hit.caption ?? '').trim().replace(/[.\s]+$/, ''));
  const fit = [...new Set(short)].filter((text) => text.length >= 8 && text.length <= 42);
  const step = Math.max(1, Math.floor(fit.length / wanted));
  return fit.filter((_, index) => index % step === 0).slice(0, wanted);
}

/** The server's own sentence about its model, or ours if there is only a name. */
export function modelNotice(health) {
  if (health?.notice) return health.notice;
  if (!/^bundled/.test(health?.model ?? '')) return '';
  return 'A small built-in model answers: fine for trying out, far from what a full CLIP model finds.';
}
