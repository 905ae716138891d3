/** The side of the detail view: captions, what to do next, and the facts. */

import { CopyButton } from '../../ui/copy.js';
import { h, icon } from '../../ui/dom.js';
import { coordinates, date, fileName, match, moment, sameMoment, size } from '../../ui/words.js';

export function Facts(item, hit, send) {
  return [...Words(item), Actions(item, send), List(item, hit)];
}

function Words(item) {
  const captions = item.captions?.length ? item.captions : [item.caption].filter(Boolean);
  const [first = fileName(item.path), ...others] = captions;
  return [
    h('h2', {}, first),
    others.length ? h('ul', { class: 'others' }, ...others.map((text) => h('li', {}, text))) : null,
  ].filter(Boolean);
}

function Actions(item, send) {
  const id = String(item.id);
  const original = item.links?.image;
  return h(
    'p',
    { class: 'actions' },
    Action('like', 'More like this', () => send({ type: 'likened', id })),
    item.kind === 'caption' && !item.image_id
      ? null
      : Action('bars', 'Classify', () => send({ type: 'went', to: { tab: 'classify', of: [id], item: '' } })),
    original
      ? h('a', { class: 'plain', href: original, target: '_blank', rel: 'noopener' }, icon('open'), 'Original')
      : null,
  );
}

const Action = (drawing, text, onclick) =>
  h('button', { class: 'plain', type: 'button', onclick }, icon(drawing), text);

function List(item, hit) {
  const rows = [
    ['Match', match(hit)],
    ['Size', measures(item)],
    ['Format', item.format],
    ['Date', moment(item.date)],
    ['Changed', sameMoment(item.date, item.modified) ? '' : date(item.modified)],
    ['Place', item.location ? Place(item.location) : ''],
    ...Object.entries(item).filter(isFurther).map(([name, value]) => [named(name), said(value)]),
    ['Tags', item.tags?.length ? Tags(item.tags) : ''],
    ...Object.entries(item.meta ?? {}).map(([name, value]) => [name, said(value)]),
    ['Path', item.path ? Path(item.path) : ''],
  ];
  const given = rows.filter(([, value]) => value);
  return h('dl', {}, ...given.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

function measures({ width, height, bytes }) {
  const pixels = width && height ? `${width} × ${height}` : '';
  return [pixels, bytes ? size(bytes) : ''].filter(Boolean).join(' · ');
}

const said = (value) => (typeof value === 'object' ? JSON.stringify(value) : String(value));

/** Fields with a row of their own, or of no interest to people; other fields are shown by name. */
const KNOWN = new Set(
  `id kind path caption captions tags width height bytes format sha256 image_id modified mtime_ns date location added
   meta shown_by_browsers links score relevance`.split(/\s+/),
);

const isFurther = ([name, value]) => !KNOWN.has(name) && ['string', 'number'].includes(typeof value);

const named = (field) => field.charAt(0).toUpperCase() + field.slice(1).replaceAll('_', ' ');

const Tags = (tags) => h('span', { class: 'tags' }, ...tags.map((tag) => h('span', {}, tag)));

function Path(path) {
  const text = h('span', { class: 'path' }, path);
  return h('span', { class: 'copied' }, text, CopyButton(path, 'Copy the path', text));
}

/** A link for programs of this machine: no map on the net is contacted. */
function Place({ latitude, longitude }) {
  const address = `geo:${latitude},${longitude}`;
  const link = h('a', { href: address }, coordinates(latitude, longitude));
  return h('span', { class: 'copied' }, link, CopyButton(address, 'Copy the place', link));
}
