// Holds everything that the hub answers against what it says it answers: its own OpenAPI document and frame schemas.
//
// The first hub of a process is asked for both (Hub.start does that); from then on every answer that comes through
// lib/http.mjs, every frame through lib/client.mjs and lib/raw.mjs and every event through lib/events.mjs is checked, strictly:
// what is not listed may not be there. What does not fit throws, and so fails the test that caused it.

import assert from 'node:assert/strict';
import http from 'node:http';
import Ajv2020 from 'ajv/dist/2020.js';

/** What the machine around the hub may answer on any route, before the route is even known. */
const kTransportErrors = new Set([400, 405, 408, 411, 413, 414, 415, 417, 426, 431, 500, 501, 503, 505]);
const kBase = 'urn:agentcom:contract';

let contract = null;

/** Asks the hub on this port, once per process. */
export async function load_contract(port) {
  contract ??= new Contract(await get_json(port, '/api/openapi.json'), await get_json(port, '/api/schemas/websocket'));
  return contract;
}

export function check_response(method, target, reply) {
  contract?.check_response(method, target, reply);
}

/** `from`: `from_hub` for agents, `from_hub_dashboard` for dashboards. */
export function check_frame(frame, from = 'from_hub') {
  contract?.check_frame(frame, from);
}

export function check_event(event) {
  contract?.check('#/components/schemas/Event', event, 'event');
}

function get_json(port, path) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`GET ${path}: ${response.statusCode} ${text}`));
      });
    });
    request.on('error', reject);
  });
}

/** The schema with every object closed, unless it says that it is open, and with references from the contract's root. */
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== 'object') return schema;
  const out = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === '$ref') out.$ref = `${kBase}${value}`;
    else if (key === 'properties') out.properties = Object.fromEntries(Object.entries(value).map(([k, v]) => [k, closed(v)]));
    else out[key] = closed(value);
  }
  if (schema.properties && schema.additionalProperties === undefined) out.additionalProperties = false;
  return out;
}

const segments_of = (path) => path.split('/').filter((segment) => segment !== '');

class Contract {
  constructor(openapi, frames) {
    this.ajv_ = new Ajv2020({ strict: true, allowUnionTypes: true, validateFormats: false });
    this.ajv_.addVocabulary(['components']);
    const components = { schemas: closed(openapi.components.schemas) };
    this.ajv_.addSchema({ $id: kBase, $defs: closed(frames.$defs), components });
    this.validators_ = new Map();
    this.frame_names_ = new Set(Object.keys(frames.$defs).filter((name) => /^from_hub(_dashboard)?\./.test(name)));
    this.routes_ = Object.entries(openapi.paths).map(([path, methods]) => ({ path, segments: segments_of(path), methods }));
  }

  /** Throws when `value` does not fit the schema that `reference` names. */
  check(reference, value, what) {
    if (!this.validators_.has(reference)) this.validators_.set(reference, this.ajv_.compile({ $ref: `${kBase}${reference}` }));
    this.judge_(this.validators_.get(reference), value, what);
  }

  judge_(validate, value, what) {
    if (validate(value)) return;
    const errors = validate.errors.map((e) => `${e.instancePath || '/'} ${e.message} ${JSON.stringify(e.params)}`);
    assert.fail(`${what} is not as the hub says it is: ${errors.join('; ')}\n${JSON.stringify(value).slice(0, 2000)}`);
  }

  check_frame(frame, from) {
    assert.ok(this.frame_names_.has(`${from}.${frame.type}`), `the hub does not say that it sends frames of type ${frame.type}`);
    this.check(`#/$defs/${from}.${frame.type}`, frame, `frame ${frame.type}`);
  }

  /** The documented path that a request goes to: a literal segment beats a parameter where two first differ. */
  route_(target) {
    const wanted = segments_of(target.split('?')[0]).map((segment) => {
      try {
        return decodeURIComponent(segment);
      } catch {
        return null;
      }
    });
    if (wanted.includes(null)) return undefined;
    const is_parameter = (segment) => segment.startsWith('{');
    const fits = this.routes_.filter(
      ({ segments }) => segments.length === wanted.length && segments.every((s, i) => is_parameter(s) || s === wanted[i]),
    );
    const rank = ({ segments }) => segments.map((s) => (is_parameter(s) ? '1' : '0')).join('');
    return fits.sort((a, b) => (rank(a) < rank(b) ? -1 : 1))[0];
  }

  check_response(method, target, { status, headers, text, body }) {
    const what = `${status} to ${method} ${target}`;
    const operation = this.route_(target)?.methods[method.toLowerCase()];
    if (method === 'HEAD' || text === '' || status === 101) return;
    const media_type = (headers['content-type'] ?? '').split(';')[0];
    if (!operation) {
      // Pages, and what is no route.
      if (status >= 300 && status < 400) return;
      if (media_type === 'application/json') assert.equal(typeof body?.error, 'string', `${what}: ${text.slice(0, 300)}`);
      return;
    }
    const documented = operation.responses[String(status)];
    if (!documented) {
      assert.ok(kTransportErrors.has(status), `${what} is not documented: ${text.slice(0, 300)}`);
      return this.check('#/components/schemas/Error', body, what);
    }
    const content = documented.content[media_type];
    assert.ok(content, `${what}: ${media_type} is not documented`);
    if (media_type !== 'application/json') return;
    const key = `${operation.operationId} ${status}`;
    if (!this.validators_.has(key)) this.validators_.set(key, this.ajv_.compile(closed(content.schema)));
    this.judge_(this.validators_.get(key), body, what);
  }
}
