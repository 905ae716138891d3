import assert from 'node:assert/strict';
import { test } from 'node:test';

import { initial } from '../../web/state/state.js';
import * as words from '../../web/ui/words.js';

test('shares never read as a false zero', () => {
  const said = [0, 0.0004, 0.034, 0.1, 0.996, 1].map(words.percent);
  assert.deepEqual(said, ['0 %', '< 0.1 %', '3.4 %', '10 %', '100 %', '100 %']);
});

test('sizes carry a unit', () => {
  assert.deepEqual([0, 999, 1500, 48211, 7.2e6].map(words.size), [
    '0 bytes', '999 bytes', '1.5 kB', '48 kB', '7.2 MB',
  ]);
});

test('a complaint names the picture as a person would', () => {
  const said = 'query[1].image, the query image: image file is truncated';
  assert.equal(words.complaint(said), 'The picture cannot be searched by: image file is truncated');
  assert.equal(words.complaint('q: is missing'), 'q: is missing');
});

test('a file name is the last part of either sort of path', () => {
  assert.equal(words.fileName('/a/b/c.jpg'), 'c.jpg');
  assert.equal(words.fileName('C:\\a\\c.jpg'), 'c.jpg');
  assert.equal(words.fileName(null), '');
});

test('a moment is read from seconds, nanoseconds and text', () => {
  const said = [1.7e9, 1.7e18, '2023-11-14T22:13:20Z'].map(words.date);
  assert.equal(new Set(said).size, 1);
  assert.equal(words.date(null), '');
  assert.equal(words.date('yesterday-ish'), '');
});

test('a date is told by the clock of the camera, wherever that was', () => {
  const said = ['2019-05-03T10:11:12', '2019-05-03T10:11:12.250+05:30', '2019-05-03T10:11:12-11:00'].map(words.moment);
  assert.equal(new Set(said).size, 1);
  assert.match(said[0], /May 3, 2019.*10:11/);
  assert.deepEqual([null, undefined, 'never', ''].map(words.moment), ['', '', '', '']);
});

test('the same second is known in any form', () => {
  assert.ok(words.sameMoment('2019-05-03T10:11:12.250+02:00', '2019-05-03T08:11:12+00:00'));
  assert.ok(!words.sameMoment('2019-05-03T10:11:12+00:00', '2019-05-03T10:11:13+00:00'));
  assert.ok(!words.sameMoment(null, null));
});

test('a place has its directions', () => {
  assert.equal(words.coordinates(52.5043056, -13.3666667), '52.50431° N, 13.36667° W');
  assert.equal(words.coordinates(-0.5, 180), '0.50000° S, 180.00000° E');
});

test('the summary says what was asked', () => {
  const state = initial();
  const results = { ...state.results, hits: [{ id: 1 }, { id: 2 }], total: 300 };
  const route = { ...state.route, q: 'kite', like: '3' };
  assert.equal(words.summary({ ...state, results }), '2 of 300 pictures');
  assert.equal(words.summary({ ...state, results, route }), 'Best 2 pictures for “kite” and this picture');
});

test('suggestions are a few short captions, each once', () => {
  const hits = ['two dogs run .', 'two dogs run .', 'x', 'a very long caption '.repeat(4), 'a red boat'];
  const said = words.suggestions(hits.map((caption) => ({ caption })));
  assert.deepEqual(said, ['two dogs run', 'a red boat']);
});

test('the notice is the server’s own, or ours for a bundled model, or none', () => {
  assert.equal(words.modelNotice({ model: 'x', notice: 'Small.' }), 'Small.');
  assert.match(words.modelNotice({ model: 'bundled' }), /built-in/);
  assert.equal(words.modelNotice({ model: 'ViT-B-32/laion2b' }), '');
  assert.equal(words.modelNotice(null), '');
});

test('a match tells relevance and cosine, or what there is of them', () => {
  assert.equal(words.match({ score: 0.3124, relevance: 0.834 }), 'relevance 0.83 · cosine 0.312');
  assert.equal(words.match({ score: 0.3124, relevance: null }), 'cosine 0.312');
  assert.equal(words.match({}), '');
  assert.equal(words.match(undefined), '');
});
