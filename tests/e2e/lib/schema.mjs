// A JSON Schema checker for the schemas of docs/schemas: the few keywords that they use. One that it does not know is an
// error, so that no schema promises what is not checked.

import fs from 'node:fs';
import path from 'node:path';

const kAnnotations = new Set(['$schema', '$defs', 'title', 'description']);

const type_of = (value) => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (Number.isInteger(value)) return 'integer';
  return typeof value;
};

const has_type = (value, type) => type_of(value) === type || (type === 'number' && type_of(value) === 'integer');

/** The schemas of one directory, which may refer to each other. */
export class Schemas {
  constructor(directory) {
    this.documents = new Map(
      fs
        .readdirSync(directory)
        .filter((name) => name.endsWith('.json'))
        .map((name) => [name, JSON.parse(fs.readFileSync(path.join(directory, name), 'utf8'))]),
    );
  }

  /** What is wrong with `value`, one line each; [] when it is as the schema in that file says. */
  errors(name, value) {
    const schema = this.documents.get(name);
    if (!schema) throw new Error(`no schema ${name}`);
    const errors = [];
    this.check_(name, schema, value, '$', errors);
    return errors;
  }

  resolve_(name, reference) {
    const [file, pointer] = reference.split('#');
    const document = file === '' ? name : file;
    let schema = this.documents.get(document);
    for (const part of pointer.split('/').slice(1)) schema = schema?.[part];
    if (!schema) throw new Error(`${name}: ${reference} leads nowhere`);
    return [document, schema];
  }

  check_(name, schema, value, where, errors) {
    for (const [keyword, argument] of Object.entries(schema)) {
      if (kAnnotations.has(keyword)) continue;
      const check = this.checks_[keyword];
      if (!check) throw new Error(`${name}: the keyword ${keyword} is not known here`);
      check({ name, schema, argument, value, where, errors });
    }
  }

  checks_ = {
    $ref: ({ name, argument, value, where, errors }) => {
      const [document, schema] = this.resolve_(name, argument);
      this.check_(document, schema, value, where, errors);
    },
    type: ({ argument, value, where, errors }) => {
      const types = [argument].flat();
      if (!types.some((type) => has_type(value, type))) errors.push(`${where}: ${type_of(value)} instead of ${types}`);
    },
    const: ({ argument, value, where, errors }) => {
      if (value !== argument) errors.push(`${where}: ${JSON.stringify(value)} instead of ${JSON.stringify(argument)}`);
    },
    enum: ({ argument, value, where, errors }) => {
      if (!argument.includes(value)) errors.push(`${where}: ${JSON.stringify(value)} is none of ${argument}`);
    },
    minimum: ({ argument, value, where, errors }) => {
      if (typeof value === 'number' && value < argument) errors.push(`${where}: ${value} is below ${argument}`);
    },
    required: ({ argument, value, where, errors }) => {
      if (type_of(value) !== 'object') return;
      for (const key of argument) if (!(key in value)) errors.push(`${where}.${key} is missing`);
    },
    properties: ({ name, argument, value, where, errors }) => {
      if (type_of(value) !== 'object') return;
      for (const [key, schema] of Object.entries(argument)) {
        if (key in value) this.check_(name, schema, value[key], `${where}.${key}`, errors);
      }
    },
    additionalProperties: ({ schema, argument, value, where, errors }) => {
      if (argument !== false || type_of(value) !== 'object') return;
      for (const key of Object.keys(value)) if (!(key in schema.properties)) errors.push(`${where}.${key} is not allowed`);
    },
    items: ({ name, argument, value, where, errors }) => {
      if (type_of(value) !== 'array') return;
      value.forEach((item, index) => this.check_(name, argument, item, `${where}[${index}]`, errors));
    },
    anyOf: ({ name, argument, value, where, errors }) => {
      const tried = argument.map((schema) => {
        const found = [];
        this.check_(name, schema, value, where, found);
        return found;
      });
      if (tried.every((found) => found.length > 0)) errors.push(`${where} fits none: ${tried.map((f) => f[0]).join(' | ')}`);
    },
  };
}
