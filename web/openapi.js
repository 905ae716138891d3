/** Reads an OpenAPI description: what routes there are and what they take. Pure. */

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

/** What goes into the address: [{name, type, required, initial, description}]. */
export const parameters = ({ parameters: list = [], schemas }) =>
  list
    .filter((one) => one.in !== 'header')
    .map((one) => field(one.name, { ...one.schema, description: one.description }, one.required, schemas));

/** What goes into the JSON body, or into the form where there is only that. */
export function body({ requestBody, schemas }) {
  const schema = resolve(contentOf(requestBody)?.schema, schemas);
  const required = new Set(schema?.required);
  return Object.entries(schema?.properties ?? {}).map(([name, one]) =>
    field(name, one, required.has(name), schemas),
  );
}

/** A command for a terminal that calls the route. */
export function example(operation, origin) {
  const { method, path } = operation;
  const query = parameters(operation)
    .filter(({ name, required }) => required && !path.includes(`{${name}}`))
    .map(({ name, type }) => `${name}=${type === 'text' ? 'sunset' : 1}`);
  const address = `${origin}${path.replace(/\{\w+\}/g, '1')}${query.length ? `?${query.join('&')}` : ''}`;
  const parts = ['curl'];
  const plainPost = method === 'post' && operation.requestBody; // what --json does by itself
  if (method !== 'get' && !plainPost) parts.push(`-X ${method.toUpperCase()}`);
  parts.push(`'${address}'`);
  if (operation.requestBody) parts.push(`--json '${JSON.stringify(sample(operation))}'`);
  return parts.join(' ');
}

const SAMPLES = { q: 'sunset', labels: ['cat', 'dog'], images: [{ item: 1 }], input: ['sunset'], tags: ['holiday'] };

/** The fields that must be there, and where none must, the first that a sample is known for. */
function sample(operation) {
  const fields = body(operation);
  const needed = fields.filter(({ required }) => required);
  const shown = needed.length ? needed : fields.filter(({ name }) => name in SAMPLES).slice(0, 1);
  return Object.fromEntries(shown.map(({ name }) => [name, SAMPLES[name] ?? '…']));
}

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
