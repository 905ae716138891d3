/** Reads the routes and their parameters from an OpenAPI description. Pure. */

const METHODS = ['get', 'post', 'patch', 'put', 'delete'];

/** [{tag, operations}] in the order of the description. */
export function groups(description) {
  const found = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const method of METHODS.filter((name) => methods[name])) {
      const operation = { ...methods[method], method, path, schemas: description.components?.schemas };
      const tag = operation.tags?.[0] ?? 'other';
      found.set(tag, [...(found.get(tag) ?? []), operation]);
    }
  }
  return [...found].map(([tag, operations]) => ({ tag, operations }));
}

/** The parameters in the address: [{name, type, required, initial, description}]. */
export const parameters = ({ parameters: list = [], schemas }) =>
  list
    .filter((one) => one.in !== 'header')
    .map((one) => field(one.name, { ...one.schema, description: one.description }, one.required, schemas));

/** The fields of the JSON body, or of the form if there is no JSON body. */
export const body = ({ requestBody, schemas }) => fieldsOf(contentOf(requestBody)?.schema, schemas);

function fieldsOf(reference, schemas) {
  const schema = resolve(reference, schemas);
  const required = new Set(schema?.required);
  return Object.entries(schema?.properties ?? {}).map(([name, one]) =>
    field(name, one, required.has(name), schemas),
  );
}

/** A command for a terminal that calls the route. */
export function example(operation, origin) {
  const { method } = operation;
  const given = (operation.parameters ?? []).filter((one) => one.example !== undefined);
  const query = new URLSearchParams(
    given.filter((one) => one.in === 'query').map((one) => [one.name, one.example]),
  );
  const path = given.reduce((whole, one) => whole.replace(`{${one.name}}`, one.example), operation.path);
  const address = `${origin}${path}${query.size ? `?${query}` : ''}`;
  const parts = ['curl'];
  const plainPost = method === 'post' && operation.requestBody; // --json sets this by itself
  if (method !== 'get' && !plainPost) parts.push(`-X ${method.toUpperCase()}`);
  parts.push(`'${address}'`);
  const sent = contentOf(operation.requestBody)?.example;
  if (sent) parts.push(`--json '${JSON.stringify(sent)}'`);
  return parts.join(' ');
}

/** The answer on success: {status, description, fields, example}. */
export function answer({ responses, schemas }) {
  const [status, found] = Object.entries(responses).find(([code]) => code.startsWith('2'));
  const content = contentOf(found);
  const said = content?.example;
  return {
    status,
    description: found.description,
    fields: fieldsOf(content?.schema, schemas).map((one) => ({ ...one, required: false })),
    example: typeof said === 'object' ? JSON.stringify(said, null, 2) : said,
  };
}

/** The errors: [{status, description}]. */
export const errors = ({ responses }) =>
  Object.entries(responses)
    .filter(([status]) => status >= '4')
    .map(([status, { description }]) => ({ status, description }));

const contentOf = (request) =>
  request?.content?.['application/json'] ?? Object.values(request?.content ?? {})[0];

function field(name, schema, required, schemas) {
  const { type, description, initial } = { ...said(schema, schemas), description: schema.description };
  return { name, type, required: Boolean(required), initial, description };
}

function said(schema, schemas) {
  const initial = ['string', 'number', 'boolean'].includes(typeof schema.default) ? schema.default : undefined;
  return { type: typeOf(schema, schemas), initial };
}

/** A type as a person would write it: 'text', 'list of text', 'softmax or sigmoid'. */
function typeOf(schema, schemas) {
  const { anyOf, $ref, type, items, enum: values } = schema;
  const inner = (one) => typeOf(one, schemas);
  if (anyOf) return [...new Set(anyOf.filter((one) => one.type !== 'null').map(inner))].join(' or ');
  if (values) return values.join(' or ');
  const inside = Object.keys(resolve(schema, schemas)?.properties ?? {});
  if ($ref && inside.length) return `{${inside.join(', ')}}`;
  if (type === 'array') return items ? `list of ${inner(items)}` : 'list';
  if (schema.format === 'binary') return 'file';
  return { string: 'text', integer: 'whole number', number: 'number', boolean: 'true or false' }[type] ?? 'object';
}

function resolve(schema, schemas) {
  if (!schema?.$ref) return schema;
  return schemas?.[schema.$ref.split('/').pop()];
}
