/** The API as a page, drawn from the server's own description of itself. */

import * as api from '../../load/api.js';
import { askForKey } from '../key/key.js';
import { Command } from '../../ui/copy.js';
import { h } from '../../ui/dom.js';
import { answer, body, errors, example, groups, parameters } from './openapi.js';

api.onMissingKey(askForKey);
const status = document.getElementById('docs-status');

try {
  const description = await api.description();
  document.getElementById('routes').append(...groups(description).map(Group));
  status.remove();
} catch (error) {
  status.textContent = error.message;
}

function Group({ tag, operations }) {
  return h('section', {}, h('h2', {}, tag), ...operations.map(Operation));
}

function Operation(operation) {
  const fields = [...parameters(operation), ...body(operation)];
  return h(
    'details',
    { class: 'route' },
    h(
      'summary',
      {},
      h('span', { class: `method ${operation.method}` }, operation.method.toUpperCase()),
      h('code', {}, operation.path),
      h('span', { class: 'says' }, ...marked(operation.description ?? operation.summary ?? '')),
    ),
    fields.length ? h('dl', {}, ...fields.map(Field)) : null,
    Command(example(operation, location.origin)),
    Answer(answer(operation)),
    h('dl', { class: 'errors' }, ...errors(operation).map(Status)),
  );
}

/** Text and `code`, as the descriptions are written. */
function marked(text) {
  return text.split('`').map((part, index) => (index % 2 ? h('code', {}, part) : part));
}

function Answer({ status, description, fields, example: shown }) {
  return h(
    'section',
    { class: 'answer' },
    h('h3', {}, `Answers ${status}`),
    fields.length ? h('dl', {}, ...fields.map(Field)) : h('p', { class: 'hint' }, description),
    shown ? h('pre', { tabindex: '0', 'aria-label': 'Example of an answer' }, h('code', {}, shown)) : null,
  );
}

function Status({ status, description }) {
  return h('div', {}, h('dt', {}, h('code', {}, status)), h('dd', { class: 'hint' }, description));
}

function Field({ name, type, required, initial, description }) {
  const facts = [type, required ? 'required' : initial === undefined ? '' : `default ${initial}`];
  return h(
    'div',
    {},
    h('dt', {}, h('code', {}, name)),
    h('dd', {}, h('span', { class: 'hint' }, facts.filter(Boolean).join(' · ')), ' ', ...marked(description ?? '')),
  );
}
