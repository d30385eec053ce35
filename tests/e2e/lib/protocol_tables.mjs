// The tables of docs/protocol.md, from the OpenAPI document of a running hub.

/** Errors that any route may give; they stand in the prose. */
const kCommonErrors = new Set([
  'bad_request',
  'unauthorized',
  'forbidden',
  'workspace_not_found',
  'validation_failed',
  'idempotency_conflict',
  'rate_limited',
  'internal_error',
  'storage_unavailable',
]);

const code = (text) => `\`${text}\``;
const number = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ' ');
const cell = (text) => text.replaceAll('|', '\\|');

/** [{route, operation}] in the order of the document. */
function operations_of(openapi) {
  return Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      route: `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`,
      operation,
    })),
  );
}

const named = (reference) => reference.split('/').at(-1);

/** A schema in a few words: "string or null", "`a` or `b`", "[Task]". */
function words_of(schema) {
  if (schema.$ref) return `**${named(schema.$ref)}**`;
  if (schema.anyOf) return schema.anyOf.map(words_of).join(' or ');
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum) return schema.enum.map((value) => (value === null ? 'null' : code(value))).join(' / ');
  const types = [schema.type ?? 'any'].flat();
  const words = types.map((type) => {
    if (type === 'array') return `[${words_of(schema.items ?? {})}]`;
    if (type === 'object' && schema.properties) return `{${members_of(schema)}}`;
    if (type === 'object' && schema.additionalProperties) return `{any: ${words_of(schema.additionalProperties)}}`;
    return type;
  });
  return words.join(' or ');
}

function members_of(schema) {
  return Object.entries(schema.properties)
    .map(([name, member]) => {
      const optional = schema.required?.includes(name) ? '' : '?';
      const plain = !member.$ref && !member.anyOf && !member.enum && ![member.type].flat().includes('array');
      const words = member.const !== undefined ? ` ${code(member.const)}` : plain && !member.properties ? '' : ` ${words_of(member)}`;
      return `${code(name)}${optional}${words}`;
    })
    .join(', ');
}

function answer_of(status, response) {
  const content = Object.entries(response.content).map(([media_type, { schema }]) => {
    if (media_type !== 'application/json') return code(media_type);
    return schema.properties ? members_of(schema) : words_of(schema);
  });
  return `${status === '200' ? '' : `${status} `}${content.join(', or ')}`;
}

/** | route | auth | tier | answer | errors | */
export function route_table(openapi) {
  const lines = ['| route | auth | tier | answer | errors |', '|---|---|---|---|---|'];
  for (const { route, operation } of operations_of(openapi)) {
    const responses = Object.entries(operation.responses);
    const answers = responses.filter(([status]) => status < 300).map(([status, response]) => answer_of(status, response));
    const errors = responses.flatMap(([status, response]) => {
      const own = (response['x-agentcom-errors'] ?? []).filter((word) => !kCommonErrors.has(word));
      return own.length > 0 ? [`${status} ${own.map(code).join(', ')}`] : [];
    });
    const tier = operation['x-agentcom-tier'] === 'none' ? '' : operation['x-agentcom-tier'];
    lines.push(`| ${code(route)} | ${operation['x-agentcom-auth']} | ${tier} | ${cell(answers.join('; '))} | ${errors.join(', ')} |`);
  }
  return lines.join('\n');
}

function limit_of(schema) {
  const texts = [];
  if (schema.maxItems) texts.push(`${number(schema.maxItems)} items`);
  if (schema.items?.maxLength) texts.push(`of ${number(schema.items.maxLength)}`);
  if (schema.maxLength) texts.push(number(schema.maxLength));
  if (schema.minimum !== undefined) texts.push(`from ${number(schema.minimum)}`);
  return texts.join(' ');
}

/** | route | field | type | limit | | : bodies, then queries */
export function field_table(openapi) {
  const lines = ['| route | field | type | limit | |', '|---|---|---|---|---|'];
  const add = (route, name, schema, required, where, note) => {
    const bare = { ...schema, type: Array.isArray(schema.type) ? schema.type.find((type) => type !== 'null') : schema.type };
    const type = `${words_of(bare)}${required ? ', required' : ''}${where}`;
    lines.push(`| ${code(route)} | ${code(name)} | ${cell(type)} | ${limit_of(schema)} | ${cell(note ?? '')} |`);
  };
  for (const { route, operation } of operations_of(openapi)) {
    const body = operation.requestBody?.content['application/json'].schema.$ref;
    if (body) {
      const schema = openapi.components.schemas[named(body)];
      for (const [name, field] of Object.entries(schema.properties)) {
        add(route, name, field, schema.required?.includes(name), '', field.description);
      }
    }
    for (const parameter of operation.parameters) {
      if (parameter.in === 'query') add(route, parameter.name, { ...parameter.schema, maxLength: undefined }, false, ' in the query', parameter.description);
    }
  }
  return lines.join('\n');
}

/** The shapes that have a name, each with its members. */
export function shape_table(openapi) {
  const lines = ['| shape | member | type | |', '|---|---|---|---|'];
  for (const [name, schema] of Object.entries(openapi.components.schemas)) {
    if (name.endsWith('Body')) continue;
    lines.push(`| **${name}** | | ${schema.properties ? '' : cell(words_of(schema))} | ${cell(schema.description ?? '')} |`);
    for (const [member, shape] of Object.entries(schema.properties ?? {})) {
      const optional = schema.required?.includes(member) ? '' : ', may be absent';
      lines.push(`| | ${code(member)} | ${cell(words_of(shape))}${optional} | ${cell(shape.description ?? '')} |`);
    }
  }
  return lines.join('\n');
}
