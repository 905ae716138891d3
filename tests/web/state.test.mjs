import assert from 'node:assert/strict';
import { test } from 'node:test';

import { beside, queryKey, terms, unanswered, unknown } from '../../web/state/selectors.js';
import { HOME, parse, serialise, splitList } from '../../web/state/route.js';
import { initial, reduce } from '../../web/state/state.js';

const after = (state, ...actions) => actions.reduce(reduce, state);
const hits = (...ids) => ids.map((id) => ({ id, kind: 'image' }));
const picture = { name: 'kite.png', url: 'blob:1', data: 'data:image/png;base64,AAAA' };

test('a route survives the address bar', () => {
  const route = {
    tab: 'classify',
    q: 'a red kite & "sky" ü',
    kind: 'caption',
    where: 'date>=2024 camera:"Pixel 7" -tag:a,b',
    like: '7',
    item: '12',
    labels: ['cat', 'a dog'],
    template: 'a photo of a {}',
    mode: 'multi',
    of: ['3', '4'],
  };
  assert.deepEqual(parse(serialise(route)), route);
});

test('home needs no query, and nonsense leads home', () => {
  assert.equal(serialise(HOME), '');
  assert.deepEqual(parse(''), HOME);
  assert.deepEqual(parse('?tab=admin&kind=video&mode=x&evil=1'), HOME);
});

test('labels are split at commas and line breaks, trimmed, each once', () => {
  assert.deepEqual(splitList(' cat, dog\r\ncat,,  bird '), ['cat', 'dog', 'bird']);
});

test('words, an item and a picture combine into one query', () => {
  const state = after(
    initial(),
    { type: 'typed', q: ' at night ' },
    { type: 'pictured', picture },
  );
  assert.deepEqual(terms(state), [{ text: 'at night' }, { image: picture.data }]);
  const like = reduce(state, { type: 'likened', id: 7 });
  assert.deepEqual(terms(like), [{ text: 'at night' }, { item: 7 }]);
  assert.deepEqual(terms(initial()), []);
});

test('opening a picture does not ask for results again', () => {
  const state = after(initial(), { type: 'typed', q: 'kite' });
  assert.equal(queryKey(reduce(state, { type: 'opened', id: 4 })), queryKey(state));
  assert.notEqual(queryKey(reduce(state, { type: 'typed', q: 'kites' })), queryKey(state));
});

test('another filter asks for results again, and words that are cleared leave it', () => {
  const state = after(initial(), { type: 'typed', q: 'kite' });
  const filtered = reduce(state, { type: 'went', to: { where: 'tag:sky' } });
  assert.notEqual(queryKey(filtered), queryKey(state));
  assert.equal(reduce(filtered, { type: 'cleared' }).route.where, 'tag:sky');
  assert.equal(reduce(filtered, { type: 'homed' }).route.where, '');
});

test('an answer to an older question is ignored', () => {
  const state = after(initial(), { type: 'asked', key: 'new' });
  assert.equal(reduce(state, { type: 'found', key: 'old', answer: { hits: hits(1) } }), state);
  assert.equal(reduce(state, { type: 'failed', key: 'old', message: 'no' }), state);
});

test('pages join without repeating a hit', () => {
  const state = after(
    initial(),
    { type: 'asked', key: 'k' },
    { type: 'found', key: 'k', answer: { items: hits(1, 2), next_cursor: 'c', total: 3 } },
    { type: 'askedMore' },
    { type: 'foundMore', key: 'k', answer: { items: hits(2, 3), next_cursor: null, total: 3 } },
  );
  assert.deepEqual(state.results.hits, hits(1, 2, 3));
  assert.equal(state.results.next, null);
});

test('a failed page keeps what was found, a failed query does not', () => {
  const found = after(
    initial(),
    { type: 'asked', key: 'k' },
    { type: 'found', key: 'k', answer: { hits: hits(1), next_cursor: 'c' } },
  );
  const more = after(found, { type: 'failed', key: 'k', message: 'busy', more: true });
  assert.deepEqual([more.results.hits.length, more.results.more, more.results.next], [1, 'failed', 'c']);
  const query = after(found, { type: 'failed', key: 'k', message: 'busy', more: false });
  assert.deepEqual([query.results.hits.length, query.results.status], [0, 'failed']);
});

test('previous and next walk the results and end at both sides', () => {
  const captions = [{ id: 8, image_id: 1 }, { id: 9, image_id: 1 }, { id: 10, image_id: 2 }];
  const state = after(
    initial(),
    { type: 'asked', key: 'k' },
    { type: 'found', key: 'k', answer: { hits: captions } },
    { type: 'opened', id: 1 },
  );
  assert.equal(beside(state, 1), '2');
  assert.equal(beside(state, -1), undefined);
});

test('only items that the page shows are asked for, each once', () => {
  const state = initial({ ...HOME, item: '5', like: '5', of: ['6'] });
  assert.deepEqual(unknown(state), ['5']);
  const classify = reduce(state, { type: 'went', to: { tab: 'classify' } });
  assert.deepEqual(unknown(classify), ['5', '6']);
  assert.deepEqual(unknown(reduce(state, { type: 'known', id: '5', item: { id: 5 } })), []);
});

test('new pictures wait for an answer, new labels make all wait again', () => {
  const files = [{ key: 'file:1', name: 'a.jpg' }, { key: 'file:2', name: 'b.jpg' }];
  const ready = after(
    initial(),
    { type: 'subjectsAdded', files },
    { type: 'labelsAdded', text: 'cat, dog' },
  );
  assert.equal(unanswered(ready).length, 2);
  const settings = JSON.stringify([['cat', 'dog'], '', 'softmax']);
  const one = reduce(ready, { type: 'classified', settings, byKey: { 'file:1': { labels: [] } } });
  assert.deepEqual(unanswered(one).map(({ key }) => key), ['file:2']);
  assert.equal(unanswered(reduce(one, { type: 'labelRemoved', label: 'dog' })).length, 2);
});

test('a classification that failed waits for a person or for other labels', () => {
  const settings = JSON.stringify([['cat'], '', 'softmax']);
  const failed = after(
    initial({ ...HOME, tab: 'classify', of: ['1'], labels: ['cat'] }),
    { type: 'unclassified', settings, message: 'busy' },
  );
  assert.deepEqual(unanswered(failed), []);
  assert.equal(unanswered(reduce(failed, { type: 'retriedClassifying' })).length, 1);
  assert.equal(unanswered(reduce(failed, { type: 'labelsAdded', text: 'dog' })).length, 1);
});

test('transitions leave the old state as it was, and unknown ones throw', () => {
  const state = Object.freeze(initial());
  const typed = reduce(state, { type: 'typed', q: 'x' });
  assert.equal(state.route.q, '');
  assert.equal(typed.route.q, 'x');
  assert.throws(() => reduce(state, { type: 'nonsense' }), /nonsense/);
});
