// Every route of v1.1 over a real socket, as spec/http.md §6 has it, against a hub in its v1.1 profile: answers have at least
// v1.1's keys. Each row of docs/compatibility.md about routes of v1.1 has a check here.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { compatibility_rows } from './lib/compatibility.mjs';
import { Hub, hub_for } from './lib/hub.mjs';
import { assert_shape, is, open } from './lib/shape.mjs';

const kMessage = {
  id: 'id', from: 'string', to: 'string|null', type: 'string', payload: 'object', reply_to: 'string|null', timestamp: 'ms',
};
const kTask = open({
  id: 'task_id', description: 'string', metadata: 'object', priority: 'integer', status: 'string', assigned_to: 'string|null',
  assigned_at: 'ms|null', generation: 'integer', retry_count: 'integer', max_retries: 'integer', needed_capabilities: ['string'],
  last_error: 'string|null', complete_by: 'ms|null', result: 'object|null', tokens_used: 'any', submitted_by: 'string',
  created_at: 'ms', updated_at: 'ms', history: [open({ event: 'string', timestamp: 'ms', details: 'any' })],
});
const kState = {
  agent_id: 'string', fsm_state: 'string', current_task_id: 'string|null', capabilities: [{ name: 'string' }], flags: ['string'],
  connected_at: 'ms', name: 'string|null',
};

const kCareTables = [
  'task_queue', 'task_dead_letter', 'agent_mailbox', 'message_history', 'agent_channels', 'channel_history',
  'agentcom_config', 'thread_messages', 'thread_replies',
];

/** http.md §5.5. */
function assert_storage_health(health) {
  const table = { table: 'string', record_count: 'integer', file_size_bytes: 'integer', fragmentation_ratio: 'number', status: 'string' };
  assert_shape(health, open({
    tables: [table], last_backup_at: 'ms|null', last_backup_results: 'array|null', last_compaction_at: 'ms|null',
    compaction_history: [open({ timestamp: 'ms', results: [open({ table: 'string', status: 'string' })] })],
  }));
  assert.deepEqual(health.tables.map(({ table: name }) => name), kCareTables);
}

let hub;
let admin;
let serial = 0;
const fresh = (name) => `${name}-${(serial += 1)}`;

/** {id, api, token}: an agent with a token and no socket. */
async function agent(name) {
  const id = fresh(name);
  const token = await hub.token_for(id);
  return { id, token, api: hub.api(token) };
}

function assert_reply(reply, status, shape) {
  assert.equal(reply.status, status, reply.text);
  assert_shape(reply.body, shape);
}

const assert_strict = (reply) => assert_reply(reply, 401, { error: is('unauthorized'), hint: is('provide Authorization: Bearer <token>') });
const assert_flex = (reply) => assert_reply(reply, 401, { error: is('unauthorized') });

/** 401 without a token, and for `?token=` where the route is strict. */
async function assert_auth(method, path, kind, body) {
  const { token } = await agent('caller');
  const nobody = await admin.request(method, path, { token: null, body });
  const query = await admin.request(method, `${path}${path.includes('?') ? '&' : '?'}token=${token}`, { token: null, body });
  const wrong = await admin.request(method, path, { token: '0'.repeat(64), body });
  if (kind === 'strict') for (const reply of [nobody, query, wrong]) assert_strict(reply);
  if (kind === 'flex') {
    for (const reply of [nobody, wrong]) assert_flex(reply);
    assert.notEqual(query.status, 401, query.text);
  }
}

async function assert_required(method, path, field, api = admin) {
  const reply = await api.request(method, path, { body: {} });
  assert.equal(reply.status, 422, reply.text);
  assert_shape(reply.body, { error: is('validation_failed'), errors: is([{ field, error: 'required', detail: 'field is required' }]) });
}

async function submitted(fields = {}) {
  const reply = await admin.post('/api/tasks', { description: 'do it', needed_capabilities: [fresh('nobody-can')], ...fields });
  assert.equal(reply.status, 201, reply.text);
  return reply.body;
}

/** A connected agent that has itself as a capability. */
async function worker(name) {
  const agent_id = fresh(name);
  return Client.join(hub, agent_id, { name: 'Worker', capabilities: [agent_id, 'code'] });
}

async function dead_letter() {
  const client = await worker('undertaker');
  const { task_id } = await submitted({ needed_capabilities: [client.agent_id], max_retries: 1, priority: 'urgent' });
  const { generation } = await client.expect({ type: 'task_assign', task_id });
  await client.request({ type: 'task_failed', task_id, generation, error: 'broken' }, { type: 'task_ack' });
  await client.close();
  return task_id;
}

async function channel(description) {
  const name = fresh('channel');
  const reply = await admin.post('/api/channels', { name, description });
  assert_reply(reply, 201, { status: is('created'), channel: is(name) });
  return name;
}

const kChecks = {
  'GET /health': async () => {
    assert_reply(await admin.get('/health', { token: null }), 200, {
      status: is('ok'), service: is('agent_com'), agents_connected: 'integer',
    });
  },
  'GET /api/schemas': async () => {
    const { status, body } = await admin.get('/api/schemas', { token: null });
    assert.equal(status, 200);
    const field = { name: 'string', type: 'string' };
    assert_shape(body, open({ version: is('1.0'), schemas: open({ version: is('1.0') }) }));
    assert_shape(body.schemas.websocket, [open({ type: 'string', description: 'string', required_fields: [open(field)], optional_fields: [open(field)] })]);
    assert_shape(body.schemas.http, [open({ key: 'string', description: 'string', required_fields: [open(field)], optional_fields: [open(field)] })]);
    const known = {
      channel_history: ['channel', 'limit since'], channel_publish: ['channel payload', 'message_type reply_to'],
      channel_subscribe: ['channel', ''], channel_unsubscribe: ['channel', ''], identify: ['agent_id token', 'capabilities name status'],
      list_agents: ['', ''], list_channels: ['', ''], ping: ['', ''], message: ['payload', 'message_type reply_to to'],
      status: ['status', ''], task_accepted: ['task_id', ''], task_recovering: ['task_id', ''],
      task_complete: ['generation task_id', 'result tokens_used'], task_failed: ['generation task_id', 'error reason'],
      task_progress: ['task_id', 'progress'],
    };
    const names = (fields) => fields.map((one) => one.name).filter((name) => name !== 'type');
    for (const [type, [required, optional]] of Object.entries(known)) {
      const entry = body.schemas.websocket.find((one) => one.type === type);
      assert.ok(entry, type);
      assert.equal(names(entry.required_fields).join(' '), required, type);
      for (const name of optional.split(' ').filter(Boolean)) assert.ok(names(entry.optional_fields).includes(name), `${type}.${name}`);
    }
    const keys = [
      'post_admin_push_task', 'post_admin_token', 'post_channel', 'post_channel_publish', 'post_mailbox_ack', 'post_message',
      'post_onboard_register', 'post_task', 'put_default_repo', 'put_heartbeat_interval', 'put_mailbox_retention',
    ];
    const found = body.schemas.http.map((one) => one.key);
    assert.deepEqual(keys.filter((key) => !found.includes(key)), []);
    assert.deepEqual(found, [...found].sort());
  },
  'POST /api/onboard/register': async () => {
    const agent_id = fresh('newcomer');
    const reply = await admin.post('/api/onboard/register', { agent_id }, { token: null });
    assert_reply(reply, 201, {
      agent_id: is(agent_id), token: 'token', hub_ws_url: is(hub.ws_url), hub_api_url: is(hub.url), default_repo: 'string|null',
    });
    assert_reply(await admin.post('/api/onboard/register', { agent_id }, { token: null }), 409, open({ error: is('agent_id already registered') }));
    assert_reply(await admin.post('/api/onboard/register', { agent_id: '' }, { token: null }), 422, {
      error: is('validation_failed'), errors: is([{ field: 'agent_id', error: 'required', detail: 'agent_id must not be empty' }]),
    });
  },
  'GET /api/agents': async () => {
    const client = await worker('seen');
    const { body } = await admin.get('/api/agents', { token: null });
    assert_shape(body, {
      agents: [open({ agent_id: 'string', name: 'string|null', status: 'string|null', capabilities: 'array|null', connected_at: 'ms', fsm_state: 'string' })],
    });
    assert.equal(body.agents.find((one) => one.agent_id === client.agent_id).fsm_state, 'idle');
    await client.close();
  },
  'GET /api/agents/states': async () => {
    const client = await worker('states');
    await assert_auth('GET', '/api/agents/states', 'strict');
    assert_reply(await admin.get('/api/agents/states'), 200, { agents: [open(kState)] });
    await client.close();
  },
  'GET /api/agents/:agent_id/state': async () => {
    const client = await worker('state');
    await assert_auth('GET', `/api/agents/${client.agent_id}/state`, 'strict');
    assert_reply(await admin.get(`/api/agents/${client.agent_id}/state`), 200, open({ ...kState, last_state_change: 'ms' }));
    assert_reply(await admin.get('/api/agents/nobody/state'), 404, open({ error: is('agent_not_found') }));
    await client.close();
  },
  'GET /api/agents/:agent_id/subscriptions': async () => {
    const name = await channel();
    const member = await agent('member');
    await member.api.post(`/api/channels/${name}/subscribe`, {});
    assert_reply(await admin.get(`/api/agents/${member.id}/subscriptions`, { token: null }), 200, { agent_id: is(member.id), channels: is([name]) });
    assert_reply(await admin.get('/api/agents/nobody/subscriptions', { token: null }), 200, { agent_id: is('nobody'), channels: is([]) });
  },
  'POST /api/message': async () => {
    const [alice, bob] = [await agent('alice'), await agent('bob')];
    await assert_auth('POST', '/api/message', 'strict', { payload: {} });
    const reply = await alice.api.post('/api/message', { to: bob.id, payload: { text: 'hi' }, from: 'nobody' });
    assert_reply(reply, 200, open({ status: is('sent'), id: 'id' }));
    for (const to of [null, 'broadcast', fresh('nobody')]) {
      assert_reply(await alice.api.post('/api/message', { to, payload: {} }), 200, open({ status: is('sent'), id: 'id' }));
    }
    await assert_required('POST', '/api/message', 'payload');
  },
  'GET /api/messages': async () => {
    const [alice, bob] = [await agent('alice'), await agent('bob')];
    await assert_auth('GET', '/api/messages', 'flex');
    for (let n = 1; n <= 3; n += 1) await alice.api.post('/api/message', { to: bob.id, type: 'chat', payload: { n } });
    const reply = await admin.get(`/api/messages?from=${alice.id}&to=${bob.id}`);
    assert_reply(reply, 200, open({ messages: [open({ ...kMessage, from: is(alice.id), to: is(bob.id), seq: 'integer' })], cursor: 'integer', count: is(3) }));
    const seqs = reply.body.messages.map((one) => one.seq);
    assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b));
    assert.equal(reply.body.cursor, seqs[2]);
    const rest = (await admin.get(`/api/messages?from=${alice.id}&cursor=${seqs[0]}&limit=1`)).body;
    assert.deepEqual(rest.messages.map((one) => one.payload.n), [2]);
    const none = (await admin.get(`/api/messages?from=${alice.id}&cursor=${seqs[2]}`)).body;
    assert_shape(none, open({ messages: is([]), cursor: is(seqs[2]), count: is(0) }));
    assert.equal((await admin.get(`/api/messages?from=${alice.id}&limit=0`)).body.count, 0);
    const sent = reply.body.messages[1].timestamp;
    const timed = (await admin.get(`/api/messages?from=${alice.id}&start_time=${sent}&end_time=${sent}`)).body;
    assert.ok(timed.messages.every((one) => one.timestamp === sent) && timed.count >= 1);
    // Mended: what was published in a channel is found.
    const name = await channel();
    await alice.api.post(`/api/channels/${name}/publish`, { payload: { n: 4 } });
    const published = (await admin.get(`/api/messages?channel=${name}`)).body;
    assert.deepEqual(published.messages.map((one) => one.payload.n), [4]);
    assert.equal((await admin.get('/api/messages?limit=x')).status, 422);
  },
  'GET /api/mailbox/:agent_id': async () => {
    const [alice, bob] = [await agent('alice'), await agent('bob')];
    await alice.api.post('/api/message', { to: bob.id, payload: { text: 'hi' } });
    const path = `/api/mailbox/${bob.id}`;
    assert_flex(await admin.get(path, { token: null }));
    assert_flex(await alice.api.get(path));
    const reply = await admin.get(`${path}?token=${bob.token}`, { token: null });
    assert_reply(reply, 200, open({ agent_id: is(bob.id), messages: [open({ ...kMessage, seq: 'integer' })], last_seq: 'integer', count: is(1) }));
    const { last_seq } = reply.body;
    assert_shape((await bob.api.get(`${path}?since=${last_seq}`)).body, open({ agent_id: is(bob.id), messages: is([]), last_seq: is(last_seq), count: is(0) }));
    // Copies from channels say which.
    const name = await channel();
    await bob.api.post(`/api/channels/${name}/subscribe`, {});
    await alice.api.post(`/api/channels/%23${name}/publish`, { payload: { x: 1 } });
    const copy = (await bob.api.get(`${path}?since=${last_seq}`)).body.messages;
    assert.deepEqual(copy.map((one) => one.payload), [{ x: 1, channel: name }]);
  },
  'POST /api/mailbox/:agent_id/ack': async () => {
    const [alice, bob] = [await agent('alice'), await agent('bob')];
    for (const n of [1, 2]) await alice.api.post('/api/message', { to: bob.id, payload: { n } });
    const [first] = (await bob.api.get(`/api/mailbox/${bob.id}`)).body.messages;
    assert_flex(await alice.api.post(`/api/mailbox/${bob.id}/ack`, { seq: first.seq }));
    assert_reply(await bob.api.post(`/api/mailbox/${bob.id}/ack`, { seq: first.seq }), 200, open({ status: is('acked'), up_to: is(first.seq) }));
    assert.deepEqual((await bob.api.get(`/api/mailbox/${bob.id}`)).body.messages.map((one) => one.payload.n), [2]);
    await assert_required('POST', `/api/mailbox/${bob.id}/ack`, 'seq', bob.api);
    const by_body = await admin.post(`/api/mailbox/${bob.id}/ack`, { seq: 1, token: bob.token }, { token: null });
    assert.equal(by_body.status, 200, by_body.text);
  },
  'POST /api/mailbox/evict': async () => {
    await assert_auth('POST', '/api/mailbox/evict', 'strict');
    assert_reply(await admin.post('/api/mailbox/evict'), 200, open({ status: is('eviction_triggered') }));
  },
  'GET /api/threads/:message_id': async () => {
    const alice = await agent('alice');
    const send = async (reply_to) => (await alice.api.post('/api/message', { reply_to, payload: {} })).body.id;
    const root = await send(null);
    const children = [await send(root), await send(root)];
    const leaf = await send(children[0]);
    await assert_auth('GET', `/api/threads/${root}`, 'flex');
    for (const id of [root, leaf]) {
      const reply = await admin.get(`/api/threads/${id}`);
      assert_reply(reply, 200, open({ root: is(root), messages: [open(kMessage)], count: is(4) }));
      assert.deepEqual(reply.body.messages.map((one) => one.id).sort(), [root, leaf, ...children].sort());
    }
    assert_reply(await admin.get('/api/threads/0000000000000000'), 200, open({ root: is('0000000000000000'), messages: is([]), count: is(0) }));
  },
  'GET /api/threads/:message_id/replies': async () => {
    const alice = await agent('alice');
    const parent = (await alice.api.post('/api/message', { payload: {} })).body.id;
    const child = (await alice.api.post('/api/message', { reply_to: parent, payload: {} })).body.id;
    await assert_auth('GET', `/api/threads/${parent}/replies`, 'flex');
    const reply = await admin.get(`/api/threads/${parent}/replies`);
    assert_reply(reply, 200, open({ parent: is(parent), replies: [open({ ...kMessage, id: is(child) })], count: is(1) }));
  },
  'GET /api/threads/:message_id/root': async () => {
    const alice = await agent('alice');
    const parent = (await alice.api.post('/api/message', { payload: {} })).body.id;
    const child = (await alice.api.post('/api/message', { reply_to: parent, payload: {} })).body.id;
    await assert_auth('GET', `/api/threads/${child}/root`, 'flex');
    assert_reply(await admin.get(`/api/threads/${child}/root`), 200, open({ message_id: is(child), root: is(parent) }));
  },
  'GET /api/channels': async () => {
    const name = await channel('talk');
    const { status, body } = await admin.get('/api/channels', { token: null });
    assert.equal(status, 200);
    assert_shape(body, open({ channels: [open({ name: 'string', description: 'string', subscriber_count: 'integer', created_at: 'ms' })] }));
    assert.equal(body.channels.find((one) => one.name === name).description, 'talk');
  },
  'POST /api/channels': async () => {
    await assert_auth('POST', '/api/channels', 'strict', { name: fresh('auth') });
    const name = `#Dev Ops ${fresh('x')}!`;
    assert_reply(await admin.post('/api/channels', { name }), 201, open({ status: is('created'), channel: is(name) }));
    const stored = name.replace(/^#/, '').toLowerCase().replace(/[^a-z0-9-_]/g, '');
    assert_reply(await admin.post('/api/channels', { name: stored }), 409, open({ error: is('channel_exists') }));
    assert.equal((await admin.get(`/api/channels/${stored}`)).status, 200);
    await assert_required('POST', '/api/channels', 'name');
    // Mended: a name of which nothing is left is none.
    assert.equal((await admin.post('/api/channels', { name: '###' })).status, 422);
  },
  'GET /api/channels/:channel': async () => {
    const name = await channel('talk');
    const member = await agent('member');
    await member.api.post(`/api/channels/${name}/subscribe`, {});
    assert_reply(await admin.get(`/api/channels/${name.toUpperCase()}`, { token: null }), 200, open({
      name: is(name), description: is('talk'), subscribers: is([member.id]), subscriber_count: is(1), created_at: 'ms', created_by: 'string',
    }));
    assert_reply(await admin.get('/api/channels/nowhere', { token: null }), 404, open({ error: is('channel_not_found') }));
  },
  'POST /api/channels/:channel/subscribe': async () => {
    const name = await channel();
    const member = await agent('member');
    const path = (spelling) => `/api/channels/${encodeURIComponent(spelling)}/subscribe`;
    await assert_auth('POST', path(name), 'strict');
    assert_reply(await member.api.post(path(`#${name}`)), 200, open({ status: is('subscribed'), channel: is(`#${name}`) }));
    const again = await member.api.post(path(name));
    assert_reply(again, 200, { status: is('already_subscribed') });
    assert_reply(await member.api.post(path('nowhere')), 404, open({ error: is('channel_not_found') }));
  },
  'POST /api/channels/:channel/unsubscribe': async () => {
    const name = await channel();
    const member = await agent('member');
    await assert_auth('POST', `/api/channels/${name}/unsubscribe`, 'strict');
    for (let n = 0; n < 2; n += 1) {
      assert_reply(await member.api.post(`/api/channels/${name}/unsubscribe`), 200, open({ status: is('unsubscribed'), channel: is(name) }));
    }
    assert_reply(await member.api.post('/api/channels/nowhere/unsubscribe'), 404, open({ error: is('channel_not_found') }));
  },
  'POST /api/channels/:channel/publish': async () => {
    const name = await channel();
    await assert_auth('POST', `/api/channels/${name}/publish`, 'strict', { payload: {} });
    for (const seq of [1, 2]) {
      const reply = await admin.post(`/api/channels/${name}/publish`, { payload: { seq } });
      assert_reply(reply, 200, open({ status: is('published'), seq: 'integer' }));
    }
    assert_reply(await admin.post('/api/channels/nowhere/publish', { payload: {} }), 404, open({ error: is('channel_not_found') }));
    await assert_required('POST', `/api/channels/${name}/publish`, 'payload');
  },
  'GET /api/channels/:channel/history': async () => {
    const name = await channel();
    for (let n = 1; n <= 3; n += 1) await admin.post(`/api/channels/${name}/publish`, { payload: { n } });
    const read = (query) => admin.get(`/api/channels/%23${name}/history${query}`, { token: null });
    assert_reply(await read(''), 200, open({
      channel: is(`#${name}`), messages: [open({ seq: 'integer', message: open(kMessage), stored_at: 'ms' })], count: is(3),
    }));
    const seqs = async (query) => (await read(query)).body.messages.map((one) => one.seq);
    assert.deepEqual(await seqs('?limit=2'), [2, 3]);
    assert.deepEqual(await seqs('?since=2'), [3]);
    assert.equal((await read('?limit=x')).status, 422);
    assert_reply(await admin.get('/api/channels/nowhere/history', { token: null }), 200, open({ channel: is('nowhere'), messages: is([]), count: is(0) }));
  },
  'POST /api/tasks': async () => {
    await assert_auth('POST', '/api/tasks', 'strict', { description: 'x', needed_capabilities: ['none'] });
    const reply = await admin.post('/api/tasks', { description: '', priority: 'nonsense', needed_capabilities: ['none'] });
    assert_reply(reply, 201, open({ status: is('queued'), task_id: 'task_id', priority: is(2), created_at: 'ms' }));
    for (const [priority, number] of [['urgent', 0], ['high', 1], ['normal', 2], ['low', 3]]) {
      assert.equal((await submitted({ priority })).priority, number);
    }
    await assert_required('POST', '/api/tasks', 'description');
    const wrong = await admin.post('/api/tasks', { description: 'd'.repeat(10_001), max_retries: '3', needed_capabilities: ['a', 5] });
    assert.deepEqual(wrong.body, {
      error: 'validation_failed',
      errors: [
        { field: 'description', error: 'too_long', detail: 'exceeds maximum length of 10000 characters', value: `${'d'.repeat(50)}...` },
        { field: 'max_retries', error: 'wrong_type', detail: 'expected integer, got string', value: '3' },
        { field: 'needed_capabilities[1]', error: 'wrong_type', detail: 'expected string, got integer', value: 5 },
      ],
    });
  },
  'GET /api/tasks': async () => {
    const { task_id } = await submitted({ priority: 'low' });
    await assert_auth('GET', '/api/tasks', 'strict');
    const { status, body } = await admin.get('/api/tasks?status=queued&priority=low');
    assert.equal(status, 200);
    assert_shape(body, open({ tasks: [kTask], count: 'integer' }));
    assert.ok(body.tasks.some((task) => task.id === task_id));
    assert.ok(body.tasks.every((task) => task.status === 'queued' && task.priority === 3));
  },
  'GET /api/tasks/dead-letter': async () => {
    const task_id = await dead_letter();
    await assert_auth('GET', '/api/tasks/dead-letter', 'strict');
    const { body } = await admin.get('/api/tasks/dead-letter');
    assert_shape(body, open({ tasks: [kTask], count: 'integer' }));
    const task = body.tasks.find((one) => one.id === task_id);
    assert.equal(task.status, 'dead_letter');
    assert.ok(task.assigned_to !== null);
    assert.equal(task.history[0].event, 'dead_letter');
    assert.equal(task.history[0].details, 'broken');
  },
  'GET /api/tasks/stats': async () => {
    await assert_auth('GET', '/api/tasks/stats', 'strict');
    const { body } = await admin.get('/api/tasks/stats');
    assert_shape(body, open({ by_status: 'object', by_priority: 'object', dead_letter: 'integer', queued_index_size: 'integer' }));
    assert.ok([...Object.values(body.by_status), ...Object.values(body.by_priority)].every((count) => count > 0));
  },
  'GET /api/tasks/:task_id': async () => {
    const { task_id } = await submitted({ metadata: { a: 1 } });
    await assert_auth('GET', `/api/tasks/${task_id}`, 'strict');
    const { body } = await admin.get(`/api/tasks/${task_id}`);
    assert_shape(body, kTask);
    assert.deepEqual(body.metadata, { a: 1 });
    assert.deepEqual(body.history.map((entry) => [entry.event, entry.details]), [['queued', 'submitted']]);
    assert_reply(await admin.get('/api/tasks/task-none'), 404, { error: is('task_not_found'), task_id: is('task-none') });
  },
  'POST /api/tasks/:task_id/retry': async () => {
    const task_id = await dead_letter();
    await assert_auth('POST', `/api/tasks/${task_id}/retry`, 'strict');
    const caller = await agent('anybody');
    const again = (await admin.get(`/api/tasks/${task_id}`)).body.status === 'dead_letter' ? await caller.api.post(`/api/tasks/${task_id}/retry`) : null;
    assert_reply(again, 200, open({ status: is('requeued'), task_id: is(task_id), priority: is(0) }));
    const task = (await admin.get(`/api/tasks/${task_id}`)).body;
    assert.deepEqual([task.status, task.retry_count, task.last_error], ['queued', 0, null]);
    for (const id of [task_id, 'task-none']) {
      assert_reply(await admin.post(`/api/tasks/${id}/retry`), 404, open({ error: is('task_not_found'), task_id: is(id) }));
    }
  },
  'GET /api/config/heartbeat-interval': async () => {
    await assert_auth('GET', '/api/config/heartbeat-interval', 'flex');
    assert_reply(await admin.get('/api/config/heartbeat-interval'), 200, open({ heartbeat_interval_ms: 'integer' }));
  },
  'PUT /api/config/heartbeat-interval': async () => {
    const path = '/api/config/heartbeat-interval';
    assert_strict(await admin.put(path, { heartbeat_interval_ms: 1 }, { token: null }));
    const before_change = (await admin.get(path)).body.heartbeat_interval_ms;
    assert_reply(await admin.put(path, { heartbeat_interval_ms: 30_000 }), 200, open({ heartbeat_interval_ms: is(30_000), status: is('updated') }));
    assert.equal((await admin.get(path)).body.heartbeat_interval_ms, 30_000);
    for (const [value, detail] of [[0, 'expected positive integer, got 0'], ['1', 'expected positive integer, got string']]) {
      assert_reply(await admin.put(path, { heartbeat_interval_ms: value }), 422, {
        error: is('validation_failed'), errors: is([{ field: 'heartbeat_interval_ms', error: 'wrong_type', detail, value }]),
      });
    }
    await admin.put(path, { heartbeat_interval_ms: before_change });
  },
  'GET /api/config/mailbox-retention': async () => {
    await assert_auth('GET', '/api/config/mailbox-retention', 'flex');
    assert_reply(await admin.get('/api/config/mailbox-retention'), 200, open({ mailbox_ttl_ms: is(604_800_000) }));
  },
  'PUT /api/config/mailbox-retention': async () => {
    const path = '/api/config/mailbox-retention';
    assert_strict(await admin.put(path, { mailbox_ttl_ms: 1 }, { token: null }));
    assert_reply(await admin.put(path, { mailbox_ttl_ms: 86_400_000 }), 200, open({ mailbox_ttl_ms: is(86_400_000), status: is('updated') }));
    await assert_required('PUT', path, 'mailbox_ttl_ms');
    await admin.put(path, { mailbox_ttl_ms: 604_800_000 });
  },
  'GET /api/config/default-repo': async (t) => {
    const own = await hub_for(t, { profile: 'v1.1' });
    assert_reply(await own.api().get('/api/config/default-repo', { token: null }), 200, open({ default_repo: is(null), configured: is(false) }));
  },
  'PUT /api/config/default-repo': async () => {
    const path = '/api/config/default-repo';
    assert_strict(await admin.put(path, { url: 'https://x' }, { token: null }));
    assert_reply(await admin.put(path, { url: 'https://example.test/repo.git' }), 200, open({ status: is('ok'), default_repo: is('https://example.test/repo.git') }));
    assert_reply(await admin.get(path, { token: null }), 200, open({ default_repo: is('https://example.test/repo.git'), configured: is(true) }));
    await assert_required('PUT', path, 'url');
    const registered = await admin.post('/api/onboard/register', { agent_id: fresh('newcomer') }, { token: null });
    assert.equal(registered.body.default_repo, 'https://example.test/repo.git');
  },
  'GET /api/config/alert-thresholds': async () => {
    await assert_auth('GET', '/api/config/alert-thresholds', 'strict');
    assert_reply(await admin.get('/api/config/alert-thresholds'), 200, open({
      queue_growing_checks: 'integer', failure_rate_pct: 'number', stuck_task_ms: 'integer', error_count_hour: 'integer', check_interval_ms: 'integer',
      cooldowns: open({ queue_growing: 'integer', high_failure_rate: 'integer', stuck_tasks: 'integer', no_agents_online: 'integer', high_error_rate: 'integer' }),
    }));
  },
  'PUT /api/config/alert-thresholds': async () => {
    const path = '/api/config/alert-thresholds';
    assert_strict(await admin.put(path, {}, { token: null }));
    assert_reply(await admin.put(path, { error_count_hour: 25 }), 200, open({ status: is('updated'), effective: is('next_check_cycle') }));
    const { body } = await admin.get(path);
    assert.deepEqual([body.error_count_hour, body.queue_growing_checks], [25, 3]);
    // Mended: what is no threshold is refused.
    for (const bad of [{ error_count_hour: 'many' }, { unknown: 1 }, { failure_rate_pct: -1 }]) assert.equal((await admin.put(path, bad)).status, 422);
  },
  'POST /admin/tokens': async () => {
    await assert_auth('POST', '/admin/tokens', 'strict', { agent_id: fresh('auth') });
    const agent_id = fresh('minted');
    // As in v1.1 any token makes tokens, since the profile opens administration.
    const caller = await agent('anybody');
    assert_reply(await caller.api.post('/admin/tokens', { agent_id }), 201, open({ agent_id: is(agent_id), token: 'token' }));
    await assert_required('POST', '/admin/tokens', 'agent_id');
  },
  'GET /admin/tokens': async () => {
    await assert_auth('GET', '/admin/tokens', 'strict');
    const one = await agent('listed');
    const { body } = await admin.get('/admin/tokens');
    assert_shape(body, open({ tokens: [open({ agent_id: 'string', token_prefix: 'string' })] }));
    const row = body.tokens.find((token) => token.agent_id === one.id);
    assert.equal(row.token_prefix, `${one.token.slice(0, 8)}...`);
  },
  'DELETE /admin/tokens/:agent_id': async () => {
    await assert_auth('DELETE', '/admin/tokens/nobody', 'strict');
    for (const id of ['nobody', fresh('nobody')]) {
      assert_reply(await admin.delete(`/admin/tokens/${id}`), 200, open({ status: is('revoked'), agent_id: is(id) }));
    }
    // One may revoke oneself; mended: the socket ends with its token.
    const client = await Client.join(hub, fresh('leaver'));
    assert.equal((await hub.api(client.token).delete(`/admin/tokens/${client.agent_id}`)).status, 200);
    assert.equal((await client.expect_close()).code, 1008);
    assert_strict(await hub.api(client.token).get('/api/tasks/stats'));
  },
  'POST /api/admin/reset': async (t) => {
    const own = await hub_for(t, { profile: 'v1.1', env: { ADMIN_AGENTS: ' boss , other' } });
    const boss = await Client.join(own, 'boss');
    const other = await Client.join(own, 'worker', { capabilities: ['x'] });
    const api = own.api(other.token);
    assert_strict(await api.post('/api/admin/reset', undefined, { token: null }));
    assert_reply(await api.post('/api/admin/reset'), 403, open({ error: is('admin_only'), message: is('Only admin agents can reset the hub') }));
    const { task_id } = (await api.post('/api/tasks', { description: 'd', needed_capabilities: ['x'] })).body;
    const before_reset = await other.expect({ type: 'task_assign', task_id });
    assert_reply(await own.api(boss.token).post('/api/admin/reset'), 200, open({ status: is('reset_scheduled'), triggered_by: is('boss') }));
    for (const client of [boss, other]) assert.equal((await client.expect_close()).code, 1012);
    const back = await Client.join(own, 'worker', { token: other.token, capabilities: ['x'] });
    const again = await back.expect({ type: 'task_assign', task_id });
    assert.ok(again.generation > before_reset.generation);
    await back.close();
  },
  'PUT /api/admin/log-level': async () => {
    const path = '/api/admin/log-level';
    assert_strict(await admin.put(path, { level: 'debug' }, { token: null }));
    for (const level of ['debug', 'info', 'notice', 'warning', 'error', 'info']) {
      assert_reply(await admin.put(path, { level }), 200, open({ status: is('ok'), level: is(level) }));
    }
    for (const level of ['loud', undefined, 5]) {
      assert_reply(await admin.put(path, { level }), 422, { error: is('invalid_level'), valid: is(['debug', 'info', 'notice', 'warning', 'error']) });
    }
  },
  'POST /api/admin/push-task': async () => {
    const client = await worker('pushed');
    const path = '/api/admin/push-task';
    const body = { agent_id: client.agent_id, description: 'now', metadata: { a: 1 } };
    assert_strict(await admin.post(path, body, { token: null }));
    const reply = await admin.post(path, body);
    assert_reply(reply, 200, open({ status: is('pushed'), task_id: 'task_id', agent_id: is(client.agent_id) }));
    const { task_id } = reply.body;
    const assign = await client.expect({ type: 'task_assign', task_id });
    assert.deepEqual(assign.metadata.a, 1);
    // Mended: it is a task like all others.
    const ack = await client.request({ type: 'task_complete', task_id, generation: assign.generation }, { type: 'task_ack' });
    assert.equal(ack.status, 'complete');
    assert.equal((await admin.get(`/api/tasks/${task_id}`)).body.status, 'completed');
    assert_reply(await admin.post(path, { agent_id: 'ghost', description: 'x' }), 404, open({ error: is('agent_not_connected'), agent_id: is('ghost') }));
    await client.close();
  },
  'POST /api/admin/backup': async () => {
    await assert_auth('POST', '/api/admin/backup', 'strict');
    const reply = await admin.post('/api/admin/backup');
    assert_reply(reply, 200, open({ status: is('complete'), tables_total: is(9), tables_success: is(9), results: [open({ table: 'string', status: 'string' })] }));
    assert.deepEqual(Object.keys(reply.body.results[0]).slice(0, 4), ['table', 'status', 'path', 'size']);
  },
  'GET /api/admin/dets-health': async () => {
    await assert_auth('GET', '/api/admin/dets-health', 'strict');
    const { body } = await admin.get('/api/admin/dets-health');
    assert.deepEqual(Object.keys(body), ['health_status', 'stale_backup', 'high_fragmentation', 'last_backup_at', 'tables']);
    assert.deepEqual(body.tables.map((table) => table.table), kCareTables);
    for (const table of body.tables) {
      assert.deepEqual(Object.keys(table), ['table', 'record_count', 'file_size_bytes', 'fragmentation_ratio', 'status']);
      assert.equal(table.status, 'ok');
    }
  },
  'POST /api/admin/compact': async () => {
    await assert_auth('POST', '/api/admin/compact', 'strict');
    const { body } = await admin.post('/api/admin/compact');
    assert.equal(body.status, 'complete');
    assert.equal(body.tables_compacted + body.tables_skipped, 9);
    assert.deepEqual(body.results.map((result) => result.table), kCareTables);
  },
  'POST /api/admin/compact/:table_name': async () => {
    await assert_auth('POST', '/api/admin/compact/task_queue', 'strict');
    const { body } = await admin.post('/api/admin/compact/thread_replies');
    assert.equal(body.table, 'thread_replies');
    assert.ok(['compacted', 'skipped'].includes(body.status));
    assert.equal(typeof body.duration_ms, 'number');
    assert_reply(await admin.post('/api/admin/compact/foo'), 404, { error: is('unknown_table'), table: is('foo') });
  },
  'POST /api/admin/restore/:table_name': async () => {
    await assert_auth('POST', '/api/admin/restore/task_queue', 'strict');
    assert_reply(await admin.post('/api/admin/restore/foo'), 404, { error: is('unknown_table'), table: is('foo') });
    // Deviating: one table alone is never restored, and without a backup nothing is touched.
    assert.equal((await admin.post('/api/admin/restore/task_queue')).status, 409);
  },
  'GET /api/admin/rate-limits': async () => {
    await assert_auth('GET', '/api/admin/rate-limits', 'strict');
    const tier = (count) => open({ capacity: is(count), refill_rate_per_min: is(count) });
    assert_reply(await admin.get('/api/admin/rate-limits'), 200, open({
      defaults: open({ light: tier(120), normal: tier(60), heavy: tier(10) }), overrides: 'object', whitelist: ['string'],
    }));
  },
  'PUT /api/admin/rate-limits/:agent_id': async () => {
    const id = fresh('limited');
    const path = `/api/admin/rate-limits/${id}`;
    assert_strict(await admin.put(path, {}, { token: null }));
    const overrides = { heavy: { capacity: 2, refill_rate_per_min: 1 } };
    assert_reply(await admin.put(path, overrides), 200, open({ status: is('updated'), agent_id: is(id), overrides: is(overrides) }));
    // Mended: read back in the units in which it was written.
    const stored = (await admin.get('/api/admin/rate-limits')).body.overrides[id];
    assert_shape(stored, open({ heavy: open({ capacity: is(2), refill_rate_per_min: is(1) }) }));
    assert_reply(await admin.put(path, {}), 422, {
      error: is('invalid_overrides'), detail: is('at least one tier (light, normal, heavy) must be specified'),
    });
    for (const heavy of [{ capacity: 'x', refill_rate_per_min: 1 }, { capacity: 1 }, 5, { capacity: -1, refill_rate_per_min: 1 }]) {
      const refused = await admin.put(path, { heavy });
      assert.equal(refused.status, 422, JSON.stringify(heavy));
      assert.equal(refused.body.error, 'invalid_overrides');
    }
  },
  'DELETE /api/admin/rate-limits/:agent_id': async () => {
    await assert_auth('DELETE', '/api/admin/rate-limits/zed', 'strict');
    assert_reply(await admin.delete('/api/admin/rate-limits/zed'), 200, open({ status: is('removed'), agent_id: is('zed') }));
  },
  'GET /api/admin/rate-limits/whitelist': async () => {
    await assert_auth('GET', '/api/admin/rate-limits/whitelist', 'strict');
    assert_reply(await admin.get('/api/admin/rate-limits/whitelist'), 200, open({ whitelist: ['string'] }));
  },
  'PUT /api/admin/rate-limits/whitelist': async () => {
    const path = '/api/admin/rate-limits/whitelist';
    assert_strict(await admin.put(path, { agent_ids: [] }, { token: null }));
    assert_reply(await admin.put(path, { agent_ids: ['a', 'b'] }), 200, open({ status: is('updated'), whitelist: is(['a', 'b']) }));
    for (const body of [{ agent_ids: 'a' }, { agent_ids: [1] }, {}]) {
      assert_reply(await admin.put(path, body), 422, open({ error: is('invalid_whitelist'), detail: is('agent_ids must be a list of strings') }));
    }
    assert.deepEqual((await admin.get(path)).body.whitelist, ['a', 'b']);
    assert.equal((await admin.put(path, { agent_ids: [] })).status, 200);
  },
  'POST /api/admin/rate-limits/whitelist': async () => {
    const path = '/api/admin/rate-limits/whitelist';
    await assert_auth('POST', path, 'strict', { agent_id: 'x' });
    for (let n = 0; n < 2; n += 1) {
      assert_reply(await admin.post(path, { agent_id: 'ip:10.1.2.3' }), 200, open({ status: is('added'), agent_id: is('ip:10.1.2.3') }));
    }
    assert.equal((await admin.get(path)).body.whitelist.filter((id) => id === 'ip:10.1.2.3').length, 1);
    for (const body of [{}, { agent_id: '' }, { agent_id: 5 }]) {
      assert_reply(await admin.post(path, body), 422, open({ error: is('invalid_agent_id'), detail: is('agent_id must be a non-empty string') }));
    }
  },
  'DELETE /api/admin/rate-limits/whitelist/:agent_id': async () => {
    const path = '/api/admin/rate-limits/whitelist';
    await assert_auth('DELETE', `${path}/nobody`, 'strict');
    await admin.post(path, { agent_id: 'gone' });
    assert_reply(await admin.delete(`${path}/gone`), 200, open({ status: is('removed'), agent_id: is('gone') }));
    assert.ok(!(await admin.get(path)).body.whitelist.includes('gone'));
    // Mended: without an id it is no override of an agent called "whitelist".
    assert.ok([404, 405].includes((await admin.delete(path)).status));
  },
  'GET /api/metrics': async () => {
    const { status, body } = await admin.get('/api/metrics', { token: null });
    assert.equal(status, 200);
    const percentiles = { p50: 'integer', p90: 'integer', p99: 'integer', count: 'integer' };
    const errors = open({ total_tasks: 'integer', failed: 'integer', dead_letter: 'integer', failure_rate_pct: 'number' });
    assert_shape(body, open({
      timestamp: 'ms', window_ms: is(3_600_000), queue_depth: open({ current: 'integer', trend: ['integer'], max_1h: 'integer', avg_1h: 'number' }),
      task_latency: open({ window: open({ ...percentiles, min: 'integer', max: 'integer', mean: 'integer' }), cumulative: open(percentiles) }),
      agent_utilization: open({
        system: open({ total_agents: 'integer', agents_online: 'integer', agents_idle: 'integer', agents_working: 'integer', utilization_pct: 'number' }),
        per_agent: [open({
          agent_id: 'string', state: 'string', idle_pct_1h: 'number', working_pct_1h: 'number', blocked_pct_1h: 'number', tasks_completed_1h: 'integer',
          avg_task_duration_ms: 'integer',
        })],
      }),
      error_rates: open({ window: errors, cumulative: errors }),
    }));
    assert_storage_health(body.dets_health);
  },
  'GET /api/dashboard/state': async () => {
    const { status, body } = await admin.get('/api/dashboard/state', { token: null });
    assert.equal(status, 200);
    assert_shape(
      body,
      open({
        uptime_ms: 'integer',
        timestamp: 'ms',
        health: { status: 'string', conditions: ['string'] },
        agents: ['any'],
        queue: {
          by_status: { queued: 'integer', assigned: 'integer', completed: 'integer' },
          by_priority: { 0: 'integer', 1: 'integer', 2: 'integer', 3: 'integer' },
          dead_letter: 'integer',
        },
        dead_letter_tasks: ['any'],
        recent_completions: ['any'],
        throughput: { completed_last_hour: 'integer', avg_completion_ms: 'integer', total_tokens_hour: 'integer' },
        dets_health: 'object',
        compaction_history: ['any'],
        validation: open({ recent_failures: ['any'], total_failures_this_hour: 'integer' }),
        active_alerts: ['any'],
        rate_limits: open({ summary: open({ total_violations_1h: 'integer', active_rate_limited: 'integer', exempt_count: 'integer' }) }),
      }),
    );
    assert_storage_health(body.dets_health);
    assert.deepEqual(body.compaction_history, body.dets_health.compaction_history);
  },
  'GET /api/alerts': async () => {
    const { status, body } = await admin.get('/api/alerts', { token: null });
    assert.equal(status, 200);
    assert_shape(body, open({
      alerts: [open({ rule_id: 'string', severity: 'string', message: 'string', details: 'object', fired_at: 'ms', acknowledged: 'boolean' })], timestamp: 'ms',
    }));
  },
  'POST /api/alerts/:rule_id/acknowledge': async () => {
    await assert_auth('POST', '/api/alerts/queue_growing/acknowledge', 'strict');
    for (const rule of ['queue_growing', 'no_such_rule']) {
      assert_reply(await admin.post(`/api/alerts/${rule}/acknowledge`), 404, open({ error: is('alert_not_found') }));
    }
  },
  'GET /api/analytics/summary': async () => {
    assert_reply(await admin.get('/api/analytics/summary', { token: null }), 200, open({
      total_agents: 'integer', agents_connected: 'integer', agents_active: 'integer', agents_idle: 'integer', agents_offline: 'integer',
      total_messages_24h: 'integer', timestamp: 'ms',
    }));
  },
  'GET /api/analytics/agents': async () => {
    const [alice, bob] = [await worker('alice'), await worker('bob')];
    await alice.request({ type: 'message', to: bob.agent_id, payload: {} }, { type: 'message_sent' });
    const { status, body } = await admin.get('/api/analytics/agents', { token: null });
    assert.equal(status, 200);
    assert_shape(body, open({
      agents: [open({
        agent_id: 'string', connected: 'boolean', idle_ms: 'integer|null', status: 'string', messages_sent_24h: 'integer', messages_received_24h: 'integer',
        messages_sent_this_hour: 'integer', connection_time_24h_ms: 'integer', last_active: 'ms|null', last_seen: 'ms|null', total_connections: 'integer',
      })],
    }));
    const of = (client) => body.agents.find((one) => one.agent_id === client.agent_id);
    // Mended: messages count.
    assert.deepEqual([of(alice).status, of(alice).messages_sent_24h, of(bob).messages_received_24h, of(bob).total_connections], ['active', 1, 1, 1]);
    await alice.close();
    await bob.close();
  },
  'GET /api/analytics/agents/:agent_id/hourly': async () => {
    const alice = await agent('alice');
    await alice.api.post('/api/message', { payload: {} });
    for (const id of [alice.id, 'nobody']) {
      const { status, body } = await admin.get(`/api/analytics/agents/${id}/hourly`, { token: null });
      assert.equal(status, 200);
      assert_shape(body, open({ agent_id: is(id), hourly: [open({ bucket: 'ms', hour: 'string', sent: 'integer', received: 'integer' })] }));
      assert.equal(body.hourly.length, 24);
      assert.equal(body.hourly.reduce((sum, hour) => sum + hour.sent, 0), id === 'nobody' ? 0 : 1);
    }
  },
  'GET /': async () => {
    const { status, headers } = await admin.get('/', { token: null });
    assert.deepEqual([status, headers.location], [302, '/dashboard']);
  },
  'GET /favicon.ico': async () => {
    const { status, headers } = await admin.get('/favicon.ico', { token: null });
    assert.deepEqual([status, headers['content-type']], [200, 'image/svg+xml']);
  },
  'GET /sw.js': async () => {
    const { status, headers, text } = await admin.get('/sw.js', { token: null });
    assert.equal(status, 200);
    assert.match(headers['content-type'], /^text\/javascript/);
    assert.equal(headers['service-worker-allowed'], '/');
    for (const event of ['push', 'notificationclick']) assert.ok(text.includes(`addEventListener('${event}'`), event);
  },
  'GET /api/dashboard/vapid-key': async () => {
    const { status, body } = await admin.get('/api/dashboard/vapid-key', { token: null });
    assert.equal(status, 200);
    assert.match(body.vapid_public_key, /^B[\w-]{86}$/);
  },
  'POST /api/dashboard/push-subscribe': async () => {
    const path = '/api/dashboard/push-subscribe';
    const { id, api } = await agent('subscriber');
    const { body: { vapid_public_key: p256dh } } = await api.get('/api/dashboard/vapid-key');
    const subscription = { endpoint: 'https://fcm.googleapis.com/fcm/send/x', expirationTime: null, keys: { p256dh, auth: 'x'.repeat(22) } };
    // Deviating: it takes a token (Q37).
    await assert_auth('POST', path, 'strict', subscription);
    assert_reply(await api.post(path, subscription), 200, open({ status: is('subscribed') }));
    assert.equal((await api.get('/api/push/subscriptions')).body.subscriptions[0].agent_id, id);
    for (const body of [{}, { endpoint: 5 }, { ...subscription, endpoint: 'https://example.com/' }, { endpoint: subscription.endpoint }]) {
      assert.equal((await api.post(path, body)).status, 422);
    }
  },
  'GET /dashboard': async () => {
    const { status, headers } = await admin.get('/dashboard', { token: null });
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
  },
};

before(async () => {
  hub = await Hub.start({ profile: 'v1.1' });
  admin = hub.api();
});
after(() => hub.dispose());

describe('routes of v1.1', () => {
  for (const [name, check] of Object.entries(kChecks)) test(name, check);
});

test('every route of v1.1 that is there has a row in docs/compatibility.md and a check', () => {
  const rows = compatibility_rows().routes;
  const names = new Set(rows.map((row) => row.name));
  assert.deepEqual(Object.keys(kChecks).filter((name) => !names.has(name)), [], 'routes without a row');
  // A row that is only "extended" is of a route that v1.1 did not have, or of one that is checked here.
  const kDocumented = rows.filter((row) => row.verdict.some((word) => word !== 'extended')).map((row) => row.name);
  assert.deepEqual(kDocumented.filter((name) => !(name in kChecks)), [], 'rows without a check');
});
