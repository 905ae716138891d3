import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { answer, body, errors, example, groups, parameters } from '../../web/views/docs/openapi.js';

const description = JSON.parse(readFileSync(new URL('./openapi.json', import.meta.url)));
const all = groups(description).flatMap(({ operations }) => operations);
const find = (method, path) => all.find((one) => one.method === method && one.path === path);

test('routes are grouped by tag, in order', () => {
  const tags = groups(description).map(({ tag }) => tag);
  assert.deepEqual(tags, ['search', 'classify', 'items', 'operations']);
});

test('parameters and fields say their type, default and whether they must be there', () => {
  const [q, k] = parameters(find('get', '/v1/search'));
  assert.deepEqual([q.name, q.type, q.required, q.description], ['q', 'text', true, 'words']);
  assert.deepEqual([k.type, k.required, k.initial], ['whole number', false, 20]);
  const fields = Object.fromEntries(body(find('post', '/v1/search')).map((one) => [one.name, one.type]));
  assert.equal(fields.query, 'list of {text, image, item, weight}');
  assert.equal(fields.kind, 'image or caption');
});

test('examples can be pasted into a terminal', () => {
  const origin = 'http://127.0.0.1:8000';
  assert.equal(example(find('get', '/v1/search'), origin), `curl '${origin}/v1/search?q=a+boat+at+sunset&k=3'`);
  assert.equal(example(find('get', '/v1/items/{item_id}'), origin), `curl '${origin}/v1/items/1'`);
  assert.equal(
    example(find('post', '/v1/search'), origin),
    `curl '${origin}/v1/search' --json '{"query":[{"text":"at night"},{"item":1,"weight":0.5}],"k":3}'`,
  );
  assert.equal(example(find('get', '/health'), origin), `curl '${origin}/health'`);
});

test('answers have their fields and an example', () => {
  const found = answer(find('get', '/v1/search'));
  assert.equal(found.status, '200');
  assert.deepEqual(found.fields.map(({ name }) => name), ['hits', 'next_cursor', 'model', 'notes', 'took_ms']);
  assert.match(found.fields[0].type, /^list of {id, kind, /);
  assert.equal(JSON.parse(found.example).model, 'bundled');
  const nothing = answer(find('delete', '/v1/items/{item_id}'));
  assert.deepEqual([nothing.status, nothing.fields, nothing.example], ['204', [], undefined]);
  assert.match(answer(find('get', '/metrics')).example, /^mmembed_requests_total/);
});

test('every error that can happen is listed with its meaning', () => {
  const statuses = errors(find('get', '/v1/search')).map(({ status }) => status);
  assert.ok(['401', '422', '429'].every((status) => statuses.includes(status)));
  assert.ok(errors(find('get', '/v1/search')).every(({ description }) => description));
});
