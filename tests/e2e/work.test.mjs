// Work without a session, and the talk of a running task, over real sockets: long polls, a hub that is killed in the
// middle, a client that goes.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { Hub, hub_for } from './lib/hub.mjs';
import { RawSocket } from './lib/raw.mjs';
import { until } from './lib/wait.mjs';

const submit = async (api, fields = {}) => {
  const reply = await api.post('/api/tasks', { description: 'work', ...fields });
  assert.equal(reply.status, 201, reply.text);
  return reply.body.task_id;
};
const claimer = async (hub, name) => hub.api(await hub.token_for(name));
const claim = async (api, body = {}) => {
  const reply = await api.post('/api/tasks/claim', body, { timeout_ms: 60_000 });
  assert.equal(reply.status, 200, reply.text);
  return reply.body.task;
};

describe('work without a session', () => {
  let hub;
  let api;

  before(async () => {
    hub = await Hub.start();
    api = hub.api();
  });
  after(() => hub?.dispose());

  test('a claim waits for a task; progress, complete; the result is shown to who waits for it', async () => {
    const bob = await claimer(hub, 'bob');
    const waiting = claim(bob, { wait_ms: 30_000, capabilities: ['e2e'] });
    const id = await submit(api, { needed_capabilities: ['e2e'], metadata: { n: 1 } });
    const task = await waiting;
    assert.equal(task.task_id, id);
    assert.deepEqual(task.metadata, { n: 1 });
    const ended = api.get(`/api/tasks/${id}?wait_ms=30000`);
    const { generation } = task;
    assert.equal((await bob.post(`/api/tasks/${id}/progress`, { generation, progress: 50 })).body.status, 'progress');
    assert.equal((await api.get(`/api/tasks/${id}`)).body.progress, 50);
    assert.equal((await bob.post(`/api/tasks/${id}/complete`, { generation, result: { ok: true } })).body.status, 'complete');
    const shown = (await ended).body;
    assert.equal(shown.state, 'completed');
    assert.deepEqual(shown.result, { ok: true });
  });

  test('a claim whose client goes takes no task', async () => {
    const token = await hub.token_for('leaver');
    const raw = await RawSocket.connect(hub.port);
    const body = JSON.stringify({ wait_ms: 50_000, capabilities: ['leave'] });
    raw.write(
      `POST /api/tasks/claim HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    // The hub has the claim once it answers another request of the same connection's time.
    await hub.api().get('/health');
    raw.destroy();
    const stays = await claimer(hub, 'stayer');
    await hub.api().get('/health');
    const waiting = claim(stays, { wait_ms: 30_000, capabilities: ['leave'] });
    const id = await submit(api, { needed_capabilities: ['leave'] });
    const task = await waiting;
    // If the end of the first connection was seen late, its lease is for nobody; then the task is not the second's.
    if (task) assert.equal(task.task_id, id);
    else assert.fail('the claim of a client that has gone took the task');
  });

  test('many claimers, each task once', async () => {
    const claimers = await Promise.all(Array.from({ length: 20 }, (_, i) => claimer(hub, `racer-${i}`)));
    const claims = claimers.map((each) => claim(each, { wait_ms: 20_000, capabilities: ['race'] }));
    const batch = await api.post('/api/tasks/batch', {
      tasks: Array.from({ length: 15 }, () => ({ description: 'race', needed_capabilities: ['race'] })),
    });
    assert.equal(batch.status, 201, batch.text);
    const more = await api.post('/api/tasks/batch', {
      tasks: Array.from({ length: 5 }, () => ({ description: 'race', needed_capabilities: ['race'] })),
    });
    const tasks = await Promise.all(claims);
    const ids = new Set(tasks.map((task) => task.task_id));
    assert.equal(ids.size, 20);
    assert.deepEqual([...ids].sort(), [...batch.body.tasks, ...more.body.tasks].map((task) => task.task_id).sort());
  });

  test('a claim that was answered before a crash is answered alike after it, and the lease goes on', async (t) => {
    const hub = await hub_for(t);
    const bob = await claimer(hub, 'bob');
    const id = await submit(hub.api());
    const body = { request_id: 'once', lease_ms: 60_000 };
    const task = await claim(bob, body);
    assert.equal(task.task_id, id);
    await hub.kill();
    await hub.start();
    assert.deepEqual(await claim(bob, body), task);
    assert.equal((await bob.post(`/api/tasks/${id}/complete`, { generation: task.generation })).status, 200);
    await hub.kill();
    await hub.start();
    assert.equal((await hub.api().get(`/api/tasks/${id}`)).body.state, 'completed');
    assert.equal((await bob.post(`/api/tasks/${id}/complete`, { generation: task.generation })).status, 200);
  });

  test('a mailbox that is read with wait_ms answers when mail comes', async () => {
    const reader = await claimer(hub, 'reader');
    const waiting = reader.get('/api/mailbox/reader?wait_ms=30000');
    await api.post('/api/message', { to: 'reader', payload: { text: 'hello' } });
    const { body } = await waiting;
    assert.equal(body.count, 1);
    assert.deepEqual(body.messages[0].payload, { text: 'hello' });
  });
});

describe('the talk of a running task', () => {
  let hub;
  let api;
  let worker;

  before(async () => {
    hub = await Hub.start();
    api = hub.api();
    worker = await Client.join(hub, 'worker', { protocol_version: 2, capabilities: ['talk'] });
  });
  after(async () => {
    await worker?.close();
    await hub?.dispose();
  });
  const begin = async () => {
    const task_id = await submit(api, { needed_capabilities: ['talk'] });
    const { generation } = await worker.expect({ type: 'task_assign', task_id });
    await worker.request({ type: 'task_accepted', task_id }, { type: 'task_ack', status: 'accepted' });
    return { task_id, generation };
  };

  test('output is followed while it comes, to its end', async () => {
    const { task_id, generation } = await begin();
    const lines = ['one\n', 'zwei ü\n', 'three\n'];
    let offset = 0;
    let seen = '';
    let since = 0;
    for (const [i, text] of lines.entries()) {
      const waiting = api.get(`/api/tasks/${task_id}/output?since=${since}&wait_ms=30000`);
      worker.send({ type: 'task_output', task_id, generation, stream: i % 2 ? 'stderr' : 'stdout', offset, text });
      offset += Buffer.byteLength(text);
      const { body } = await waiting;
      for (const chunk of body.chunks) seen += chunk.text;
      since = body.next;
      assert.equal(body.ended, false);
    }
    const last = api.get(`/api/tasks/${task_id}/output?since=${since}&wait_ms=30000`);
    await worker.request({ type: 'task_complete', task_id, generation }, { type: 'task_ack', status: 'complete' });
    assert.equal((await last).body.ended, true);
    assert.equal(seen, lines.join(''));
    // A crash loses none of it.
    await hub.kill();
    await hub.start();
    const { body } = await api.get(`/api/tasks/${task_id}/output`);
    assert.equal(body.chunks.map((chunk) => chunk.text).join(''), seen);
    worker = await Client.join(hub, 'worker', { token: worker.token, protocol_version: 2, capabilities: ['talk'] });
  });

  test('a question is asked, shown, answered', async () => {
    const { task_id, generation } = await begin();
    await worker.request(
      { type: 'task_waiting', task_id, generation, question: 'Which branch?', options: ['main', 'next'] },
      { type: 'task_ack', status: 'waiting' },
    );
    assert.equal((await api.get(`/api/tasks/${task_id}`)).body.state, 'waiting_input');
    const overview = (await api.get('/api/overview')).body;
    assert.equal(overview.needs_you[0].kind, 'waiting_input');
    assert.equal(overview.needs_you[0].text, 'Which branch?');
    const said = await api.post(`/api/tasks/${task_id}/say`, { text: 'main' });
    assert.deepEqual(said.body, { status: 'said', task_id, seq: 1, delivered: true });
    const heard = await worker.expect({ type: 'task_say', task_id });
    assert.equal(heard.text, 'main');
    assert.equal((await api.get(`/api/tasks/${task_id}`)).body.state, 'working');
    await worker.request({ type: 'task_complete', task_id, generation }, { type: 'task_ack', status: 'complete' });
  });

  test('a cancelled task is the worker\'s to end within its grace, and nobody\'s after it', async () => {
    const { task_id, generation } = await begin();
    const reply = await api.post(`/api/tasks/${task_id}/cancel`, { grace_ms: 300, reason: 'no longer needed' });
    assert.equal(reply.body.status, 'cancelling');
    assert.equal((await worker.expect({ type: 'task_cancelled', task_id })).grace_ms, 300);
    const ended = (await api.get(`/api/tasks/${task_id}?wait_ms=30000`)).body;
    assert.equal(ended.state, 'cancelled');
    worker.send({ type: 'task_complete', task_id, generation });
    await worker.expect({ type: 'error', error: 'task_complete_failed: not_found' });
    // The worker is free again.
    const next = await begin();
    await worker.request({ type: 'task_complete', ...next }, { type: 'task_ack', status: 'complete' });
  });

  test('protocol 1 hears nothing of all this', async () => {
    const old = await Client.join(hub, 'old', { capabilities: ['old'] });
    const task_id = await submit(api, { needed_capabilities: ['old'] });
    const { generation } = await old.expect({ type: 'task_assign', task_id });
    assert.equal((await api.post(`/api/tasks/${task_id}/say`, { text: 'x' })).body.error, 'not_supported');
    old.send({ type: 'task_output', task_id, generation, stream: 'stdout', offset: 0, text: 'x' });
    assert.equal((await old.expect({ type: 'error' })).errors[0].error, 'unknown_message_type');
    assert.equal((await api.post(`/api/tasks/${task_id}/cancel`, { grace_ms: 5000 })).body.status, 'cancelled');
    await until(async () => (await api.get('/api/agents/old/state')).body.fsm_state === 'idle', 'old is idle again');
    await old.close();
  });
});
