// What administrators do to a running hub, and what its transport answers by itself.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { Hub, hub_for } from './lib/hub.mjs';
import { RawSocket, raw_agent } from './lib/raw.mjs';
import { until } from './lib/wait.mjs';

describe('configuration over a restart', () => {
  test('what was set is there again, and registration tells it', async (t) => {
    const hub = await hub_for(t);
    const admin = hub.api();
    assert.deepEqual((await admin.put('/api/config/heartbeat-interval', { heartbeat_interval_ms: 5000 })).body, {
      heartbeat_interval_ms: 5000,
      status: 'updated',
    });
    assert.equal((await admin.put('/api/config/default-repo', { url: 'https://example.org/r' })).status, 200);
    assert.equal((await admin.put('/api/config/public-url', { url: 'https://hub.example' })).status, 200);
    assert.equal((await admin.put('/api/config/alert-thresholds', { cooldowns: { stuck_tasks: 9 } })).status, 200);
    assert.equal((await admin.put('/api/config/mailbox-retention', { mailbox_ttl_ms: 1 })).status, 200);
    await hub.restart();
    assert.equal((await admin.get('/api/config/heartbeat-interval')).body.heartbeat_interval_ms, 5000);
    assert.deepEqual((await admin.get('/api/config/default-repo', { token: null })).body, {
      default_repo: 'https://example.org/r',
      configured: true,
      url: 'https://example.org/r',
    });
    const thresholds = (await admin.get('/api/config/alert-thresholds')).body;
    assert.equal(thresholds.cooldowns.stuck_tasks, 9);
    assert.equal(thresholds.failure_rate_pct, 50);
    const made = (await admin.post('/api/onboard/register', { agent_id: 'new' })).body;
    assert.equal(made.hub_ws_url, 'wss://hub.example/ws');
    assert.equal(made.default_repo, 'https://example.org/r');
    // A retention of 1 ms: mail is gone before it can be read.
    const ann = hub.api(made.token);
    assert.equal((await admin.post('/api/message', { to: 'new', payload: {} })).status, 200);
    await until(async () => (await ann.get('/api/mailbox/new')).body.count === 0, 'the mail to expire');
    assert.equal((await admin.post('/api/config/unset', { name: 'heartbeat-interval' })).body.value, 30_000);
  });
});

describe('administration', () => {
  let hub;
  let admin;
  before(async () => {
    hub = await Hub.start();
    admin = hub.api();
  });
  after(() => hub?.dispose());

  test('a reset answers, closes sockets with 1012, and the hub goes on at the same port', async () => {
    const raw = await raw_agent(hub, 'worker');
    const task = (await admin.post('/api/tasks', { description: 'x' })).body.task_id;
    assert.equal((await raw.read_json()).type, 'task_assign');
    assert.equal((await hub.api(await hub.token_for('nobody')).post('/api/admin/reset')).status, 403);
    assert.deepEqual((await admin.post('/api/admin/reset')).body, { status: 'reset_scheduled', triggered_by: 'admin' });
    assert.equal((await admin.post('/api/admin/reset')).status, 409);
    assert.equal((await raw.read_to_close()).code, 1012);
    const after_it = (await admin.get(`/api/tasks/${task}`)).body;
    assert.equal(after_it.status, 'queued');
    assert.equal(after_it.generation, 2);
    const back = await raw_agent(hub, 'worker');
    assert.equal((await back.read_json()).task_id, task);
    back.destroy();
  });

  test('the log level changes at once', async () => {
    assert.deepEqual((await admin.put('/api/admin/log-level', { level: 'debug' })).body, { status: 'ok', level: 'debug' });
    await admin.get('/api/tasks/stats', { headers: { 'x-request-id': 'find-me-1' } });
    await until(() => /"request_id":"find-me-1"/.test(hub.log_text), 'a line for the request');
    assert.equal((await admin.put('/api/admin/log-level', { level: 'info' })).status, 200);
    await admin.get('/api/tasks/stats', { headers: { 'x-request-id': 'find-me-2' } });
    assert.equal((await admin.get('/api/admin/log-level')).body.level, 'info');
    assert.ok(!hub.log_text.includes('find-me-2'));
    assert.deepEqual((await admin.put('/api/admin/log-level', { level: 'loud' })).body, {
      error: 'invalid_level',
      valid: ['debug', 'info', 'notice', 'warning', 'error'],
    });
  });

  test('a pushed task reaches its agent and can be completed', async () => {
    const agent = await Client.join(hub, 'target');
    const pushed = await admin.post('/api/admin/push-task', { agent_id: 'target', description: 'go', metadata: { a: 1 } });
    assert.equal(pushed.status, 200);
    const assigned = await agent.expect({ type: 'task_assign' });
    assert.equal(assigned.task_id, pushed.body.task_id);
    assert.deepEqual(assigned.metadata, { a: 1 });
    agent.send({ type: 'task_complete', task_id: assigned.task_id, generation: assigned.generation, result: {} });
    assert.equal((await agent.expect({ type: 'task_ack' })).status, 'complete');
    assert.deepEqual((await admin.post('/api/admin/push-task', { agent_id: 'ghost', description: 'go' })).body, {
      error: 'agent_not_connected',
      agent_id: 'ghost',
    });
    await agent.close();
  });

  test('audited acts carry the name of the request', async () => {
    await admin.put('/api/config/default-repo', { url: 'r' }, { headers: { 'x-request-id': 'act-7' } });
    const events = (await admin.get('/api/events?since=start&kind=config_set')).body.events;
    assert.equal(events.at(-1).data.request_id, 'act-7');
    assert.equal(events.at(-1).cause, 'admin');
  });
});

describe('transport', () => {
  let hub;
  before(async () => {
    hub = await Hub.start();
  });
  after(() => hub?.dispose());

  const ask = async (text, options) => {
    const raw = await RawSocket.connect(hub.port);
    raw.write(text);
    const response = await raw.read_response(options);
    raw.destroy();
    return response;
  };

  const kHost = 'Host: 127.0.0.1\r\n';
  const json = (body) => `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  for (const [what, text, status] of [
    ['a bad request line', 'GET\r\n\r\n', 400],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n', 400],
    ['two hosts', `GET /health HTTP/1.1\r\n${kHost}${kHost}\r\n`, 400],
    ['bad JSON', `POST /api/tasks HTTP/1.1\r\n${kHost}${json('{')}`, 400],
    ['bad JSON on an unknown path', `POST /nowhere HTTP/1.1\r\n${kHost}${json('{')}`, 400],
    ['a query that is not UTF-8', `GET /health?a=%ff HTTP/1.1\r\n${kHost}\r\n`, 400],
    ['a bad length', `POST /api/tasks HTTP/1.1\r\n${kHost}Content-Length: x\r\n\r\n`, 400],
    ['no token', `GET /api/tasks HTTP/1.1\r\n${kHost}\r\n`, 401],
    ['an unknown path', `GET /nowhere HTTP/1.1\r\n${kHost}\r\n`, 404],
    ['another method', `PATCH /api/tasks HTTP/1.1\r\n${kHost}\r\n`, 405],
    ['an unknown method', `BREW /api/tasks HTTP/1.1\r\n${kHost}\r\n`, 405],
    ['a large body', `POST /api/tasks HTTP/1.1\r\n${kHost}Content-Type: application/json\r\nContent-Length: 8000001\r\n\r\n`, 413],
    ['a long request line', `GET /${'a'.repeat(10_001)} HTTP/1.1\r\n${kHost}\r\n`, 414],
    ['another type', `POST /api/tasks HTTP/1.1\r\n${kHost}Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx`, 415],
    ['another type on an unknown path', `POST /nowhere HTTP/1.1\r\n${kHost}Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx`, 415],
    ['an odd expectation', `POST /api/tasks HTTP/1.1\r\n${kHost}Expect: wonders\r\n\r\n`, 417],
    ['a plain GET of /ws', `GET /ws HTTP/1.1\r\n${kHost}\r\n`, 426],
    ['an upgrade without a key', `GET /ws HTTP/1.1\r\n${kHost}Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n`, 400],
    ['a long header', `GET /health HTTP/1.1\r\n${kHost}X: ${'a'.repeat(10_001)}\r\n\r\n`, 431],
    ['many headers', `GET /health HTTP/1.1\r\n${kHost}${'X: y\r\n'.repeat(51)}\r\n`, 431],
    ['another coding', `POST /api/tasks HTTP/1.1\r\n${kHost}Transfer-Encoding: gzip\r\n\r\n`, 501],
    ['another version', `GET /health HTTP/3.0\r\n${kHost}\r\n`, 505],
  ]) {
    test(`${what} is answered with ${status} and JSON`, async () => {
      const response = await ask(text);
      assert.equal(response?.status, status, response?.head);
      assert.match(response.headers['content-type'], /^application\/json/);
      assert.equal(Number(response.headers['content-length']), response.body.length);
      assert.equal(typeof response.json?.error, 'string');
      assert.ok(response.headers['x-request-id']);
      assert.ok(response.headers.date && response.headers['cache-control'] && response.headers.vary);
      assert.ok(!Object.keys(response.headers).some((name) => name.startsWith('access-control')));
    });
  }

  test('W-12: the name of a request is its client\'s, if it is harmless', async () => {
    const named = async (line, path = '/health') =>
      (await ask(`GET ${path} HTTP/1.1\r\n${kHost}${line}\r\n`)).headers['x-request-id'];
    assert.equal(await named('X-Request-Id: abc-123\r\n'), 'abc-123');
    assert.equal(await named('x-request-id: !~\r\n', '/nowhere'), '!~');
    assert.equal(await named(`X-Request-Id: ${'a'.repeat(128)}\r\n`), 'a'.repeat(128));
    for (const bad of ['', `X-Request-Id: ${'a'.repeat(129)}\r\n`, 'X-Request-Id: a b\r\n', 'X-Request-Id: \u00fc\r\n',
      'X-Request-Id:\r\n', 'X-Request-Id: a\r\nX-Request-Id: b\r\n']) {
      assert.match(await named(bad), /^[0-9a-f]{8}-\d+$/, bad);
    }
    assert.notEqual(await named(''), await named(''));
    const raw = await RawSocket.connect(hub.port);
    assert.equal((await raw.upgrade('/ws', { 'X-Request-Id': 'up' })).headers['x-request-id'], 'up');
    raw.destroy();
  });

  test('methods: HEAD is GET without the body, OPTIONS tells what there is', async () => {
    const get = await ask(`GET /livez HTTP/1.1\r\n${kHost}\r\n`);
    const raw = await RawSocket.connect(hub.port);
    raw.write(`HEAD /livez HTTP/1.1\r\n${kHost}\r\nGET /livez HTTP/1.1\r\n${kHost}\r\n`);
    const head = await raw.read_response({ head_only: true });
    assert.equal(head.headers['content-length'], get.headers['content-length']);
    assert.equal((await raw.read_response()).status, 200);
    raw.destroy();
    // A stream has no end: HEAD gets the head of an ordinary answer.
    const token = hub.admin_token;
    const events = await ask(
      `HEAD /api/events?since=start HTTP/1.1\r\n${kHost}Accept: text/event-stream\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      { head_only: true },
    );
    assert.equal(events.status, 200);
    assert.ok(Number(events.headers['content-length']) > 0);
    const options = await ask(`OPTIONS /api/tasks HTTP/1.1\r\n${kHost}Access-Control-Request-Method: POST\r\n\r\n`);
    assert.equal(options.status, 204);
    assert.equal(options.headers.allow, 'GET, HEAD, POST');
    assert.equal(options.headers['content-length'], undefined);
    assert.equal(options.headers['access-control-allow-origin'], undefined);
  });

  test('an expected 100-continue comes before the answer', async () => {
    const raw = await RawSocket.connect(hub.port);
    raw.write(`POST /nowhere HTTP/1.1\r\n${kHost}Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n`);
    assert.equal((await raw.read_response()).status, 100);
    raw.write('{}');
    assert.equal((await raw.read_response()).status, 404);
    raw.destroy();
  });

  test('the root leads to the dashboard, and there is an icon', async () => {
    const root = await ask(`GET / HTTP/1.1\r\n${kHost}\r\n`);
    assert.equal(root.status, 302);
    assert.equal(root.headers.location, '/dashboard');
    const icon = await ask(`GET /favicon.ico HTTP/1.1\r\n${kHost}\r\n`);
    assert.equal(icon.status, 200);
    assert.equal(icon.headers['content-type'], 'image/svg+xml');
    assert.match(icon.body.toString(), /^<svg /);
  });
});

test('under the profile of v1.1 methods are as they were', async (t) => {
  const hub = await hub_for(t, { profile: 'v1.1' });
  const api = hub.api(null);
  for (const method of ['PATCH', 'OPTIONS', 'BREW', 'DELETE']) {
    const reply = await api.request(method, '/api/tasks').catch((error) => error);
    if (reply instanceof Error) continue; // Node knows no BREW
    assert.equal(reply.status, 404, method);
    assert.deepEqual(reply.body, { error: 'not_found' });
  }
  assert.equal((await api.get('/api/config/default-repo')).body.configured, false);
  const token = (await api.post('/api/onboard/register', { agent_id: 'a' })).body.token;
  assert.equal((await api.get('/api/config/heartbeat-interval', { token })).body.heartbeat_interval_ms, 900_000);
  assert.equal((await api.get(`/api/config/mailbox-retention?token=${token}`)).body.mailbox_ttl_ms, 604_800_000);
  assert.equal((await api.put('/api/config/mailbox-retention', { mailbox_ttl_ms: 1 }, { token })).status, 200);
  assert.equal((await api.post('/api/mailbox/evict', undefined, { token })).body.status, 'eviction_triggered');
  assert.equal((await api.post('/api/admin/reset', undefined, { token })).status, 403);
});
