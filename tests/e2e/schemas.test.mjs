// What the hub says about itself: the OpenAPI document, the schemas of frames, the list of v1.1, and the page that shows
// them. That answers and frames are as described is checked by all other tests, through lib/contract.mjs.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import Ajv2020 from 'ajv/dist/2020.js';
import { check_event, check_frame, check_response } from './lib/contract.mjs';
import { Hub, make_temp_dir } from './lib/hub.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const kRedoclyNode = [20, 19];
const node_version = process.versions.node.split('.').map(Number);
const too_old = node_version[0] < kRedoclyNode[0] || (node_version[0] === kRedoclyNode[0] && node_version[1] < kRedoclyNode[1]);

describe('what the hub says about itself', () => {
  let hub;
  let openapi;
  let frames;

  before(async () => {
    hub = await Hub.start();
    const anybody = hub.api(null);
    openapi = (await anybody.get('/api/openapi.json')).body;
    frames = (await anybody.get('/api/schemas/websocket')).body;
  });
  after(() => hub?.dispose());

  test('the OpenAPI document passes redocly lint', { skip: too_old && `redocly needs Node ${kRedoclyNode.join('.')}` }, () => {
    const directory = make_temp_dir('agentcom-openapi-');
    try {
      const file = path.join(directory, 'openapi.json');
      fs.writeFileSync(file, JSON.stringify(openapi));
      const redocly = path.join(here, 'node_modules/.bin/redocly');
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [redocly, 'lint', file, '--extends=recommended', '--format=json', '--max-problems=50'],
        { cwd: directory, encoding: 'utf8', env: { PATH: process.env.PATH, HOME: directory, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } },
      );
      const report = JSON.parse(stdout.slice(stdout.indexOf('{')));
      const problems = report.problems.map((p) => `${p.ruleId}: ${p.message} ${p.location?.[0]?.pointer ?? ''}`);
      assert.deepEqual(problems, [], stderr);
      assert.equal(status, 0, stderr);
    } finally {
      fs.rmSync(directory, { recursive: true, force: true });
    }
  });

  test('every frame has a schema of JSON Schema 2020-12 that compiles and takes what clients send', () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    ajv.addSchema(frames);
    const check = (name) => ajv.compile({ $ref: `${frames.$id}#/$defs/${name}` });
    for (const name of Object.keys(frames.$defs)) assert.ok(check(name), name);
    const to_hub = check('to_hub');
    for (const frame of [
      { type: 'ping' },
      { type: 'identify', agent_id: 'a', token: 't', capabilities: ['x'], protocol_version: 2, request_id: 'r' },
      { type: 'message', payload: {}, to: null },
      { type: 'task_failed', task_id: 't', generation: 1, error: { any: 'thing' } },
    ]) {
      assert.ok(to_hub(frame), JSON.stringify([frame, to_hub.errors]));
    }
    for (const frame of [
      {},
      { type: 'nope' },
      { type: 'identify', agent_id: 'a' },
      { type: 'message', payload: [] },
      { type: 'identify', agent_id: 'ä'.repeat(129), token: 't' },
    ]) {
      assert.ok(!to_hub(frame), JSON.stringify(frame));
    }
  });

  test('every body has a schema that compiles', () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    ajv.addVocabulary(['components']);
    ajv.addSchema({ $id: 'urn:agentcom:bodies', components: openapi.components });
    const compile = (name) => ajv.compile({ $ref: `urn:agentcom:bodies#/components/schemas/${name}` });
    for (const name of Object.keys(openapi.components.schemas)) assert.ok(compile(name), name);
    const batch = compile('PostTaskBatchBody');
    assert.ok(batch({ tasks: [{ description: 'x' }] }));
    assert.ok(!batch({ tasks: [{}] }));
    assert.ok(!batch({ tasks: [] }));
  });

  test('GET /api/schemas has the keys of v1.1 and the new ones beside them', async () => {
    const { body } = await hub.api(null).get('/api/schemas');
    assert.equal(body.version, '1.0');
    assert.deepEqual(Object.keys(body.schemas), ['version', 'websocket', 'http', 'websocket_v2', 'websocket_dashboard', 'routes']);
    const identify = body.schemas.websocket.find(({ type }) => type === 'identify');
    assert.deepEqual(identify.required_fields, [
      { name: 'agent_id', type: 'string' },
      { name: 'token', type: 'string' },
      { name: 'type', type: 'string' },
    ]);
    const routes = body.schemas.routes.map(({ method, path: template }) => `${method} ${template.replace(/:(\w+)/g, '{$1}')}`);
    const documented = Object.entries(openapi.paths).flatMap(([template, methods]) => Object.keys(methods).map((m) => `${m.toUpperCase()} ${template}`));
    assert.deepEqual(routes.sort(), documented.sort());
  });

  test('an answer, a frame and an event that are not as described are noticed', () => {
    const json = { 'content-type': 'application/json; charset=utf-8' };
    const answer = (status, body, headers = json) => ({ status, headers, body, text: JSON.stringify(body) });
    check_response('GET', '/livez', answer(200, { status: 'ok' }));
    check_response('GET', '/livez?x=1', answer(200, { status: 'ok' }));
    check_response('GET', '/nowhere', answer(404, { error: 'not_found' }));
    check_response('POST', '/api/tasks', answer(413, { error: 'payload_too_large' }));
    for (const [method, target, reply] of [
      ['GET', '/livez', answer(200, { status: 'ok', more: 1 })],
      ['GET', '/livez', answer(200, { status: 'fine' })],
      ['GET', '/livez', answer(200, {})],
      ['GET', '/livez', answer(418, { error: 'teapot' })],
      ['GET', '/livez', answer(200, { status: 'ok' }, { 'content-type': 'text/plain' })],
      ['GET', '/api/tasks/stats', answer(200, { by_status: {}, by_priority: {}, dead_letter: 'none', queued_index_size: 0 })],
      ['GET', '/nowhere', answer(404, { message: 'no' })],
    ]) {
      assert.throws(() => check_response(method, target, reply), assert.AssertionError, `${target} ${reply.text}`);
    }
    check_frame({ type: 'pong', timestamp: 1 });
    check_frame({ type: 'pong', timestamp: 1, request_id: 'r' });
    assert.throws(() => check_frame({ type: 'pong' }), assert.AssertionError);
    assert.throws(() => check_frame({ type: 'pong', timestamp: 1, more: 1 }), assert.AssertionError);
    assert.throws(() => check_frame({ type: 'nope' }), assert.AssertionError);
    assert.throws(() => check_event({ seq: 1 }), assert.AssertionError);
  });

  test('the page /docs is there for everybody, with nothing in it from elsewhere', async () => {
    const page = await hub.api(null).get('/docs');
    assert.equal(page.status, 200);
    assert.match(page.headers['content-type'], /^text\/html/);
    assert.match(page.headers['content-security-policy'], /default-src 'none'/);
    assert.ok(!/(?:src|href)="?(?:https?:)?\/\//.test(page.text));
    assert.ok(page.text.includes('/api/openapi.json'));
  });
});
