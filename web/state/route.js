/** The route in the address bar: everything that can be reloaded, shared and gone back to. */

/**
 * @typedef {{
 *  tab: 'search' | 'classify';
 *  q: string;
 *  kind: 'image' | 'caption';
 *  where: string;
 *  like: string;
 *  item: string;
 *  labels: string[];
 *  template: string;
 *  mode: 'softmax' | 'multi';
 *  of: string[];
 * }} Route
 *
 * `where` is a filter in words, `like` the item whose neighbours are wanted, `item` the one
 * shown large, `of` the items to classify. Ids are strings here and '' means none.
 */

/** @type {Readonly<Route>} */
export const HOME = Object.freeze({
  tab: 'search',
  q: '',
  kind: 'image',
  where: '',
  like: '',
  item: '',
  labels: [],
  template: '',
  mode: 'softmax',
  of: [],
});

const CHOICES = {
  tab: ['search', 'classify'],
  kind: ['image', 'caption'],
  mode: ['softmax', 'multi'],
};

/** A route from `location.search`; unknown values fall back to HOME's. */
export function parse(query) {
  const given = new URLSearchParams(query);
  const route = { ...HOME };
  for (const name of Object.keys(HOME)) {
    const value = given.get(name);
    if (value === null) continue;
    if (Array.isArray(HOME[name])) route[name] = splitList(value);
    else if (!CHOICES[name] || CHOICES[name].includes(value)) route[name] = value;
  }
  return route;
}

/** '' for HOME, else '?name=value…' with only the differences from HOME. */
export function serialise(route) {
  const said = new URLSearchParams();
  for (const name of Object.keys(HOME)) {
    const value = Array.isArray(route[name]) ? route[name].join(',') : route[name];
    if (value !== String(HOME[name])) said.set(name, value);
  }
  const text = said.toString();
  return text && `?${text}`;
}

/** Labels or ids from text with commas or line breaks between them; each once. */
export function splitList(text) {
  const parts = text.split(/[,\n\r]+/).map((part) => part.trim());
  return [...new Set(parts.filter(Boolean))];
}
