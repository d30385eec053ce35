// Shapes of JSON values, written as values: what the specification says an answer looks like.
//
//     assert_shape(reply.body, { id: 'task_id', priority: 'integer', result: 'object|null', history: [open({ event: 'string' })] });
//
// A string names a type, alternatives stand between bars. An object has exactly the keys given, an `open` one at least
// these. A list of one shape is an array of any length. Anything in `is(…)` stands for itself.

import assert from 'node:assert/strict';

const kOpen = Symbol('open');
const kIs = Symbol('is');

/** At least these keys. */
export const open = (keys) => ({ ...keys, [kOpen]: true });
/** Exactly this value. */
export const is = (value) => ({ [kIs]: true, value });

const matches = (pattern) => (value) => typeof value === 'string' && pattern.test(value);
const kTypes = {
  string: (value) => typeof value === 'string',
  integer: Number.isInteger,
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  object: (value) => value !== null && typeof value === 'object' && !Array.isArray(value),
  array: Array.isArray,
  any: () => true,
  // A moment: Unix milliseconds.
  ms: (value) => Number.isInteger(value) && value > 1_600_000_000_000,
  id: matches(/^[0-9a-f]{16}$/),
  task_id: matches(/^task-[0-9a-f]{16}$/),
  token: matches(/^[0-9a-f]{64}$/),
};

function differences(value, shape, at, found) {
  if (typeof shape === 'string') {
    if (!shape.split('|').some((name) => kTypes[name](value))) found.push(`${at}: ${JSON.stringify(value)} is no ${shape}`);
  } else if (shape[kIs]) {
    try {
      assert.deepEqual(value, shape.value);
    } catch {
      found.push(`${at}: ${JSON.stringify(value)} is not ${JSON.stringify(shape.value)}`);
    }
  } else if (Array.isArray(shape)) {
    if (!Array.isArray(value)) found.push(`${at}: ${JSON.stringify(value)} is no array`);
    else value.forEach((item, index) => differences(item, shape[0], `${at}[${index}]`, found));
  } else if (!kTypes.object(value)) {
    found.push(`${at}: ${JSON.stringify(value)} is no object`);
  } else {
    for (const key of Object.keys(shape)) {
      if (!(key in value)) found.push(`${at}.${key} is missing`);
      else differences(value[key], shape[key], `${at}.${key}`, found);
    }
    if (!shape[kOpen]) {
      for (const key of Object.keys(value)) if (!(key in shape)) found.push(`${at}.${key} should not be there`);
    }
  }
  return found;
}

/** Fails with every difference. */
export function assert_shape(value, shape) {
  const found = differences(value, shape, '', []);
  assert.ok(found.length === 0, `${found.join('\n')}\nin ${JSON.stringify(value)?.slice(0, 1_000)}`);
}
