/** The side of the detail view: captions, what to do next, and the facts. */

import { CopyButton } from '../../ui/copy.js';
import { h, icon } from '../../ui/dom.js';
import { date, fileName, match, size } from '../../ui/words.js';

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
    ['Changed', date(item.modified ?? item.mtime)],
    ['Tags', item.tags?.length ? Tags(item.tags) : ''],
    ...Object.entries(item.metadata ?? {}).map(([name, value]) => [name, said(value)]),
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

const Tags = (tags) => h('span', { class: 'tags' }, ...tags.map((tag) => h('span', {}, tag)));

function Path(path) {
  const text = h('span', { class: 'path' }, path);
  return h('span', { class: 'copied' }, text, CopyButton(path, 'Copy the path', text));
}
