// Webhooks: what a server gets, how it knows that it is from the hub, and what happens when it does not answer.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { hub_for } from './lib/hub.mjs';
import { receiver_for } from './lib/receiver.mjs';
import { until } from './lib/wait.mjs';

const kLocal = { delivery_private: 1, delivery_retry_ms: 20, delivery_retry_max_ms: 40 };

/** A hub with the webhook `ops` that points to a receiver. */
async function stage(t, { settings = {}, kinds = ['task_submitted'], ...options } = {}) {
  const hub = await hub_for(t, { settings: { ...kLocal, ...settings }, ...options });
  const receiver = await receiver_for(t);
  const api = hub.api();
  const made = await api.post('/api/webhooks', { webhook_id: 'ops', url: `${receiver.origin}/in`, kinds });
  assert.equal(made.status, 201, made.text);
  return { hub, receiver, api, secret: made.body.secret };
}

const submit = (api) => api.post('/api/tasks', { description: 'x' });

function check_signature(request, secret) {
  const [, time, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(request.headers['agentcom-signature']);
  assert.ok(Math.abs(Number(time) - request.at_ms / 1000) < 60, 'the time of the signature is now');
  const expected = crypto.createHmac('sha256', secret).update(`${time}.`).update(request.body).digest('hex');
  assert.equal(signature, expected);
}

test('an event arrives, signed, with a name of its own', async (t) => {
  const { receiver, api, secret } = await stage(t);
  const { body: task } = await submit(api);
  const request = await receiver.next();
  assert.equal(request.method, 'POST');
  assert.equal(request.path, '/in');
  assert.equal(request.headers['content-type'], 'application/json');
  assert.match(request.headers['user-agent'], /^AgentCom\//);
  check_signature(request, secret);
  const body = JSON.parse(request.body);
  assert.equal(body.webhook_id, 'ops');
  assert.equal(body.workspace, 'default');
  assert.equal(body.gap_since, null);
  assert.equal(body.event.kind, 'task_submitted');
  assert.equal(body.event.subject, task.task_id);
  assert.equal(body.event.cursor, request.headers['agentcom-delivery']);
  // The event is the one that readers get.
  const { body: read } = await api.get(`/api/events?since=start&kind=task_submitted`);
  assert.deepEqual(body.event, read.events[0]);
});

test('what fails is tried again under the same name, and the deliveries tell', async (t) => {
  const { receiver, api } = await stage(t);
  receiver.answer = { status: 500, body: 'broken' };
  await submit(api);
  const first = await receiver.next();
  const second = await receiver.next();
  const third = await receiver.next();
  assert.equal(second.headers['agentcom-delivery'], first.headers['agentcom-delivery']);
  assert.deepEqual(third.body, first.body);
  await until(async () => (await api.get('/api/webhooks/ops')).body.state === 'failing', 'state failing');
  receiver.answer = { status: 200 };
  await until(async () => (await api.get('/api/webhooks/ops')).body.state === 'ok', 'state ok');
  const { body } = await api.get('/api/webhooks/ops/deliveries');
  assert.equal(body.deliveries.length, 1);
  assert.equal(body.deliveries[0].state, 'delivered');
  assert.equal(body.deliveries[0].last_status, 200);
  assert.ok(body.deliveries[0].attempts > 3);
});

test('a server that is away gets all that happened meanwhile, across a kill of the hub', async (t) => {
  const { hub, receiver, api } = await stage(t, { port: undefined });
  await receiver.stop();
  const tasks = [];
  for (let n = 0; n < 10; n += 1) tasks.push((await submit(api)).body.task_id);
  await hub.restart();
  await receiver.start_again();
  const got = new Set();
  while (got.size < tasks.length) got.add(JSON.parse((await receiver.next()).body).event.subject);
  assert.deepEqual([...got].sort(), [...tasks].sort());
});

test('addresses that are not public are refused unless they are allowed', async (t) => {
  const { receiver, api } = await stage(t, { settings: { delivery_private: 0 } });
  await api.post('/api/webhooks/ops/test');
  await until(async () => {
    const { body } = await api.get('/api/webhooks/ops/deliveries');
    return /not public/.test(body.deliveries[0]?.last_error ?? '');
  }, 'refusal');
  assert.equal(receiver.total, 0);
});

test('410 ends a webhook, 422 a delivery', async (t) => {
  const { receiver, api } = await stage(t);
  receiver.answer = { status: 422 };
  await submit(api);
  await receiver.next();
  await until(async () => (await api.get('/api/webhooks/ops/deliveries')).body.deliveries[0].state === 'failed', 'end');
  receiver.answer = { status: 410 };
  await submit(api);
  await receiver.next();
  await until(async () => (await api.get('/api/webhooks/ops')).body.state === 'gone', 'state gone');
  await submit(api);
  const { body } = await api.put('/api/webhooks/ops', { url: `${receiver.origin}/again`, kinds: ['task_submitted'] });
  assert.equal(body.state, 'ok');
  receiver.answer = { status: 200 };
  await submit(api);
  assert.equal((await receiver.next()).path, '/again');
});

test('a new secret counts at once, and secrets lie in their own file alone', async (t) => {
  const { hub, receiver, api, secret } = await stage(t);
  const { body } = await api.post('/api/webhooks/ops/secret');
  assert.notEqual(body.secret, secret);
  await api.post('/api/webhooks/ops/test');
  check_signature(await receiver.next(), body.secret);
  await hub.restart();
  await hub.api().post('/api/webhooks/ops/test');
  check_signature(await receiver.next(), body.secret);
  await hub.stop();
  const file = path.join(hub.data, 'webhook_secrets');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  for (const entry of fs.readdirSync(hub.data, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const bytes = fs.readFileSync(path.join(hub.data, entry.name));
    for (const [name, one] of [['old', secret], ['new', body.secret]]) {
      const may = name === 'new' && entry.name === 'webhook_secrets';
      assert.equal(bytes.includes(one) || bytes.includes(Buffer.from(one, 'hex')), may, `${name} secret in ${entry.name}`);
    }
  }
  assert.ok(!hub.log_text.includes(secret) && !hub.log_text.includes(body.secret));
});

test('a slow server holds up neither the hub nor its end', async (t) => {
  const { hub, receiver, api } = await stage(t);
  receiver.answer = null;
  for (let n = 0; n < 20; n += 1) await submit(api);
  await receiver.next();
  const begin = performance.now();
  assert.equal((await submit(api)).status, 201);
  const end = await hub.stop();
  assert.equal(end.code, 0);
  assert.ok(performance.now() - begin < 10_000);
});

test('only administrators see and make webhooks', async (t) => {
  const { hub } = await stage(t);
  const agent = hub.api(await hub.token_for('bob'));
  assert.equal((await agent.get('/api/webhooks')).status, 403);
  assert.equal((await agent.post('/api/webhooks', { webhook_id: 'x', url: 'https://x.example' })).status, 403);
});
