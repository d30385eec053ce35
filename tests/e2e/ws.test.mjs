// The agent socket /ws with npm's `ws` as the client: sessions and presence, messages and mail, the life of tasks.
// Agents of different tests keep apart by their ids, and tasks by a capability of their own.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { Hub, hub_for } from './lib/hub.mjs';
import { encode_close, encode_frame, kBinary, kContinuation, kPing, kPong, kText, raw_agent, raw_websocket } from './lib/raw.mjs';
import { until } from './lib/wait.mjs';

/** Keys of `object`, sorted. */
const keys = (object) => Object.keys(object).sort();

async function submit(hub, fields) {
  const reply = await hub.api().post('/api/tasks', fields);
  assert.equal(reply.status, 201, reply.text);
  return reply.body.task_id;
}

async function task_of(hub, id) {
  const reply = await hub.api().get(`/api/tasks/${id}`);
  assert.equal(reply.status, 200, reply.text);
  return reply.body;
}

async function mailbox(hub, client) {
  const reply = await hub.api(client.token).get(`/api/mailbox/${client.agent_id}`);
  assert.equal(reply.status, 200, reply.text);
  return reply.body;
}

/** A worker that only tasks needing `capability` reach. */
const worker = (hub, agent_id, capability, fields = {}) =>
  Client.join(hub, agent_id, { capabilities: [capability], ...fields });

const assigned = (task_id) => ({ type: 'task_assign', task_id });
const ack = (task_id, status) => ({ type: 'task_ack', task_id, status });

describe('sessions and presence', () => {
  let hub;
  before(async () => {
    hub = await Hub.start();
  });
  after(() => hub.dispose());

  test('identified is the first frame, and nobody hears of their own joining', async () => {
    const first = await Client.join(hub, 'p1', { name: 'First', status: 'ready', capabilities: ['x'] });
    assert.deepEqual({ ...first.identified }, { type: 'identified', agent_id: 'p1' });
    const second = await Client.join(hub, 'p2');
    const joined = await first.expect({ type: 'agent_joined' });
    assert.deepEqual(keys(joined), ['agent', 'type']);
    assert.deepEqual(
      { ...joined.agent, connected_at: 0 },
      { agent_id: 'p2', name: 'p2', status: 'connected', capabilities: [], connected_at: 0 },
    );
    await second.expect_none({ type: 'agent_joined' });
    await first.expect_none({ type: 'agent_joined' });
    await first.close();
    assert.deepEqual({ ...(await second.expect({ type: 'agent_left' })) }, { type: 'agent_left', agent_id: 'p1' });
    await second.close();
  });

  test('a null name and status stay null, null capabilities are none', async () => {
    const watcher = await Client.join(hub, 'n-watch');
    const nameless = await Client.join(hub, 'n1', { name: null, status: null, capabilities: null });
    const { agent } = await watcher.expect({ type: 'agent_joined', agent: { agent_id: 'n1' } });
    assert.equal(agent.name, null);
    assert.equal(agent.status, null);
    await nameless.close();
    await watcher.close();
  });

  test('list_agents names all who are connected, sorted, with five keys each', async () => {
    const clients = [];
    for (const id of ['l3', 'l1', 'l2']) clients.push(await Client.join(hub, id, { capabilities: ['c'] }));
    const reply = await clients[0].request({ type: 'list_agents' }, { type: 'agents' });
    const mine = reply.agents.filter((agent) => /^l\d$/.test(agent.agent_id));
    assert.deepEqual(mine.map((agent) => agent.agent_id), ['l1', 'l2', 'l3']);
    for (const agent of mine) {
      assert.deepEqual(keys(agent), ['agent_id', 'capabilities', 'connected_at', 'name', 'status']);
    }
    for (const client of clients) await client.close();
  });

  test('a status goes to everybody, the sender too, after the acknowledgement', async () => {
    const one = await Client.join(hub, 's1');
    const two = await Client.join(hub, 's2');
    one.drain();
    one.send({ type: 'status', status: 'deep in thought' });
    assert.deepEqual({ ...(await one.expect((f) => f.type.startsWith('status'))) }, { type: 'status_updated' });
    for (const client of [one, two]) {
      const changed = await client.expect({ type: 'status_changed' });
      assert.equal(changed.agent.status, 'deep in thought');
      assert.deepEqual(keys(changed.agent), ['agent_id', 'capabilities', 'connected_at', 'name', 'status']);
    }
    await one.close();
    await two.close();
  });

  test('the newest socket of an agent wins: the old one is closed with 4000, and nobody hears that it left', async () => {
    const watcher = await Client.join(hub, 'r-watch');
    const old_one = await Client.join(hub, 'r1');
    await watcher.expect({ type: 'agent_joined', agent: { agent_id: 'r1' } });
    const new_one = await Client.join(hub, 'r1', { token: old_one.token });
    assert.deepEqual(await old_one.expect_close(), { code: 4000, reason: 'replaced' });
    await watcher.expect_none({ type: 'agent_left', agent_id: 'r1' });
    const { id } = await watcher.request({ type: 'message', to: 'r1', payload: { n: 1 } }, { type: 'message_sent' });
    await new_one.expect({ type: 'message', id });
    const list = await watcher.request({ type: 'list_agents' }, { type: 'agents' });
    assert.equal(list.agents.filter((agent) => agent.agent_id === 'r1').length, 1);
    await new_one.close();
    await watcher.expect({ type: 'agent_left', agent_id: 'r1' });
    await watcher.close();
  });

  test('identify twice is an error that changes nothing', async () => {
    const client = await Client.join(hub, 'i1');
    const other_token = await hub.token_for('i2');
    client.send({ type: 'identify', agent_id: 'i1', token: client.token });
    assert.deepEqual({ ...(await client.expect({ type: 'error' })) }, { type: 'error', error: 'already_identified' });
    client.send({ type: 'identify', agent_id: 'i2', token: other_token });
    assert.deepEqual({ ...(await client.expect({ type: 'error' })) }, { type: 'error', error: 'already_identified' });
    const { id } = await client.request({ type: 'message', payload: {} }, { type: 'message_sent' });
    await client.expect({ type: 'message', id });
    // A broadcast comes once: subscriptions are not doubled.
    await client.expect_none({ type: 'message', id });
    await client.close();
  });

  test('wrong tokens leave the socket open, and a right one follows', async () => {
    const token = await hub.token_for('w1');
    const client = await Client.open(hub);
    const bad = await client.identify('w1', 'f'.repeat(64));
    assert.deepEqual({ ...bad }, { type: 'error', error: 'invalid_token' });
    const others = await client.identify('w2', token);
    assert.deepEqual({ ...others }, { type: 'error', error: 'token_agent_mismatch' });
    client.send({ type: 'ping' });
    assert.deepEqual({ ...(await client.next()) }, { type: 'error', error: 'not_identified' });
    assert.equal((await client.identify('w1', token)).type, 'identified');
    await client.close();
  });

  test('protocol 2 is told more, and gets its request_id back', async () => {
    const client = await Client.join(hub, 'v2', { protocol_version: 2 });
    assert.deepEqual(keys(client.identified), [
      'agent_id', 'features', 'heartbeat_interval_ms', 'hub_version', 'mailbox_pending', 'protocol_version', 'type',
    ]);
    assert.equal(client.identified.protocol_version, 2);
    assert.equal(client.identified.mailbox_pending, 0);
    assert.ok(Array.isArray(client.identified.features));
    const pong = await client.request({ type: 'ping', request_id: 'q-7' }, { type: 'pong' });
    assert.equal(pong.request_id, 'q-7');
    await client.close();
    const old = await Client.join(hub, 'v1');
    const bare = await old.request({ type: 'ping', request_id: 'q-8' }, { type: 'pong' });
    assert.deepEqual(keys(bare), ['timestamp', 'type']);
    await old.close();
  });

  test('a revoked token closes its open socket with 1008 and opens no other', async () => {
    const client = await Client.join(hub, 'x1');
    const reply = await hub.api().delete('/admin/tokens/x1');
    assert.equal(reply.status, 200, reply.text);
    assert.equal((await client.expect_close()).code, 1008);
    const again = await Client.open(hub);
    assert.equal((await again.identify('x1', client.token)).error, 'invalid_token');
    await again.close();
  });

  test('a clean stop closes every socket with 1001, identified or not', async (t) => {
    const own = await hub_for(t);
    const identified = await Client.join(own, 'bye');
    const anonymous = await Client.open(own);
    const end = await own.stop();
    assert.equal(end.code, 0, own.log_text.slice(-2000));
    assert.equal((await identified.expect_close()).code, 1001);
    assert.equal((await anonymous.expect_close()).code, 1001);
  });

  test('who does not identify in time is closed', async (t) => {
    const own = await hub_for(t, { settings: { identify_timeout_ms: 150 } });
    const client = await Client.open(own);
    assert.equal((await client.expect_close()).code, 1008);
  });
});

describe('messages', () => {
  let hub;
  before(async () => {
    hub = await Hub.start();
  });
  after(() => hub.dispose());

  test('a direct message reaches its target only, and is acknowledged with its id', async () => {
    const [alice, bob, carol] = await Promise.all(['d-alice', 'd-bob', 'd-carol'].map((id) => Client.join(hub, id)));
    const payload = { text: 'hällo \u0000 "x"', deep: [1, [2, { three: null }]] };
    alice.send({ type: 'message', to: 'd-bob', payload, message_type: 'request', reply_to: 'abc' });
    const sent = await alice.expect({ type: 'message_sent' });
    assert.deepEqual(keys(sent), ['id', 'type']);
    assert.match(sent.id, /^[0-9a-f]{16}$/);
    const push = await bob.expect({ type: 'message' });
    assert.deepEqual({ ...push, timestamp: 0 }, {
      type: 'message', id: sent.id, from: 'd-alice', message_type: 'request', payload, reply_to: 'abc', timestamp: 0,
    });
    await carol.expect_none({ type: 'message' });
    await alice.expect_none({ type: 'message' });
    for (const client of [alice, bob, carol]) await client.close();
  });

  test('payload bytes are passed on as they came', async () => {
    const alice = await Client.join(hub, 'b-alice');
    const bob = await Client.join(hub, 'b-bob');
    const payload = '{"a":1e400,"b":123456789012345678901234567890,"c":0.30000000000000004441,"d":-0.0,"e":"\\u00e9\\/","f":1.0}';
    alice.send_text(`{"type":"message","to":"b-bob","payload":${payload}}`);
    const push = await bob.expect({ type: 'message' });
    assert.ok(push.raw_text.includes(`"payload":${payload}`), push.raw_text);
    await alice.close();
    await bob.close();
  });

  test('oneself can be a target', async () => {
    const alice = await Client.join(hub, 'self');
    const { id } = await alice.request({ type: 'message', to: 'self', payload: {} }, { type: 'message_sent' });
    assert.equal((await alice.expect({ type: 'message' })).id, id);
    await alice.close();
  });

  test('a broadcast reaches everybody and its sender, whichever of the three ways it is written', async () => {
    const clients = await Promise.all(['c1', 'c2', 'c3'].map((id) => Client.join(hub, id)));
    for (const to of [undefined, null, 'broadcast']) {
      const { id } = await clients[0].request({ type: 'message', to, payload: { b: 1 } }, { type: 'message_sent' });
      for (const client of clients) {
        const push = await client.expect({ type: 'message', id });
        assert.deepEqual(keys(push), ['from', 'id', 'message_type', 'payload', 'reply_to', 'timestamp', 'type']);
      }
    }
    for (const client of clients) {
      await client.expect_none({ type: 'message' });
      await client.close();
    }
  });

  test('mail for who is away waits in the mailbox, one copy for all tokens, and is not pushed on identify', async () => {
    const alice = await Client.join(hub, 'm-alice');
    const token = await hub.token_for('m-bob');
    await hub.token_for('m-bob');
    const direct = await alice.request({ type: 'message', to: 'm-bob', payload: { k: 'd' } }, { type: 'message_sent' });
    const broadcast = await alice.request({ type: 'message', payload: { k: 'b' } }, { type: 'message_sent' });
    const bob = await Client.join(hub, 'm-bob', { token });
    await bob.expect_none({ type: 'message' });
    const box = await mailbox(hub, bob);
    assert.deepEqual(box.messages.map((m) => m.id), [direct.id, broadcast.id]);
    assert.deepEqual(box.messages.map((m) => m.to), ['m-bob', null]);
    assert.ok(box.messages[0].seq < box.messages[1].seq);
    assert.equal(box.last_seq, box.messages[1].seq);
    assert.equal(box.count, 2);
    const api = hub.api(token);
    const acked = await api.post('/api/mailbox/m-bob/ack', { seq: box.messages[0].seq });
    assert.deepEqual(acked.body, { status: 'acked', up_to: box.messages[0].seq });
    assert.deepEqual((await mailbox(hub, bob)).messages.map((m) => m.id), [broadcast.id]);
    await alice.close();
    await bob.close();
  });

  test('a message to a name nobody has is acknowledged and waits for whoever takes the name', async () => {
    const alice = await Client.join(hub, 'f-alice');
    const { id } = await alice.request({ type: 'message', to: 'f-future', payload: {} }, { type: 'message_sent' });
    const future = await Client.join(hub, 'f-future');
    assert.deepEqual((await mailbox(hub, future)).messages.map((m) => m.id), [id]);
    await alice.close();
    await future.close();
  });

  test('a push that arrived ends the mail of a plain v1.1 client; a sidecar keeps it until it is acknowledged', async () => {
    const alice = await Client.join(hub, 'e-alice');
    const plain = await Client.join(hub, 'e-plain');
    const sidecar = await Client.join(hub, 'e-sidecar', { client_type: 'sidecar', protocol_version: 1 });
    for (const target of [plain, sidecar]) {
      alice.send({ type: 'message', to: target.agent_id, payload: { n: 1 } });
      await target.expect({ type: 'message' });
    }
    await until(async () => (await mailbox(hub, plain)).count === 0, 'empty mailbox of the plain client');
    const kept = await mailbox(hub, sidecar);
    assert.equal(kept.count, 1);
    await hub.api(sidecar.token).post('/api/mailbox/e-sidecar/ack', { seq: kept.last_seq });
    assert.equal((await mailbox(hub, sidecar)).count, 0);
    for (const client of [alice, plain, sidecar]) await client.close();
  });

  test('mail survives kill -9 of the hub, and its numbers go on from where they were', async (t) => {
    const own = await hub_for(t);
    const alice = await Client.join(own, 'alice');
    const token = await own.token_for('bob');
    const { id } = await alice.request({ type: 'message', to: 'bob', payload: { n: 1 } }, { type: 'message_sent' });
    await own.restart();
    const api = own.api(token);
    const first = (await api.get('/api/mailbox/bob')).body;
    assert.deepEqual(first.messages.map((m) => m.id), [id]);
    await api.post('/api/mailbox/bob/ack', { seq: first.last_seq });
    await own.restart();
    assert.equal((await api.get('/api/mailbox/bob')).body.count, 0);
    const again = await Client.join(own, 'alice', { token: alice.token });
    await again.request({ type: 'message', to: 'bob', payload: { n: 2 } }, { type: 'message_sent' });
    const second = (await api.get(`/api/mailbox/bob?since=${first.last_seq}`)).body;
    assert.equal(second.count, 1);
    assert.ok(second.last_seq > first.last_seq);
  });
});

describe('the life of a task', () => {
  let hub;
  before(async () => {
    hub = await Hub.start({ settings: { retry_delay_ms: 0, reject_backoff_ms: 50 } });
  });
  after(() => hub.dispose());

  test('assigned, accepted, progress, completed; tokens and result are kept', async () => {
    const agent = await worker(hub, 't1', 'life');
    const id = await submit(hub, { description: 'work', metadata: { m: [1] }, needed_capabilities: ['life'] });
    const assign = await agent.expect({ type: 'task_assign' });
    assert.deepEqual({ ...assign, assigned_at: 0 }, {
      type: 'task_assign', task_id: id, description: 'work', metadata: { m: [1] }, generation: 1, assigned_at: 0,
    });
    await agent.request({ type: 'task_accepted', task_id: id }, ack(id, 'accepted'));
    agent.send({ type: 'task_progress', task_id: id, progress: 40 });
    await agent.settle();
    agent.send({ type: 'task_complete', task_id: id, generation: 1, result: { out: 'x' }, tokens_used: 42 });
    assert.deepEqual({ ...(await agent.expect({ type: 'task_ack' })) }, { type: 'task_ack', task_id: id, status: 'complete' });
    const task = await task_of(hub, id);
    assert.equal(task.status, 'completed');
    assert.deepEqual(task.result, { out: 'x' });
    assert.equal(task.tokens_used, 42);
    assert.equal(task.assigned_to, 't1');
    await agent.close();
  });

  test('a repeated completion gets the same acknowledgement and counts once', async () => {
    const agent = await worker(hub, 't2', 'repeat');
    const id = await submit(hub, { description: '', needed_capabilities: ['repeat'] });
    await agent.expect(assigned(id));
    const report = { type: 'task_complete', task_id: id, generation: 1, result: { n: 1 } };
    for (let i = 0; i < 3; ++i) await agent.request(report, ack(id, 'complete'));
    const history = (await task_of(hub, id)).history.filter((entry) => entry.event === 'completed');
    assert.equal(history.length, 1);
    await agent.close();
  });

  test('a repeated failure gets the same acknowledgement and costs one retry', async () => {
    const agent = await worker(hub, 't3', 'refail');
    const id = await submit(hub, { description: '', max_retries: 5, needed_capabilities: ['refail'] });
    await agent.expect(assigned(id));
    const report = { type: 'task_failed', task_id: id, generation: 1, reason: 'r' };
    agent.send(report);
    agent.send(report);
    await agent.expect(ack(id, 'retried'));
    await agent.expect(ack(id, 'retried'));
    assert.equal((await task_of(hub, id)).retry_count, 1);
    await agent.close();
  });

  test('completion without acceptance frees the agent for the next task', async () => {
    const agent = await worker(hub, 't4', 'skip');
    const first = await submit(hub, { description: '1', needed_capabilities: ['skip'] });
    const second = await submit(hub, { description: '2', needed_capabilities: ['skip'] });
    await agent.expect(assigned(first));
    await agent.request({ type: 'task_complete', task_id: first, generation: 1 }, ack(first, 'complete'));
    await agent.expect(assigned(second));
    await agent.close();
  });

  test('the acknowledgement comes before the assignment that it causes', async () => {
    const agent = await worker(hub, 't5', 'order');
    await submit(hub, { description: '1', needed_capabilities: ['order'] });
    await submit(hub, { description: '2', needed_capabilities: ['order'] });
    const first = await agent.expect({ type: 'task_assign' });
    agent.send({ type: 'task_complete', task_id: first.task_id, generation: first.generation });
    assert.equal((await agent.next()).type, 'task_ack');
    assert.equal((await agent.next()).type, 'task_assign');
    await agent.close();
  });

  test('a burst of submissions gives an agent with one slot one task (B6)', async () => {
    const agent = await worker(hub, 't6', 'burst');
    const ids = await Promise.all(
      Array.from({ length: 20 }, (_, i) => submit(hub, { description: `${i}`, needed_capabilities: ['burst'] })),
    );
    await agent.expect({ type: 'task_assign' });
    await agent.expect_none({ type: 'task_assign' });
    const states = await Promise.all(ids.map(async (id) => (await task_of(hub, id)).status));
    assert.equal(states.filter((state) => state === 'assigned').length, 1);
    await agent.close();
  });

  test('an agent with three slots holds three leases, and a finished one makes room', async () => {
    const agent = await worker(hub, 't7', 'slots', { slots: 3 });
    for (let i = 0; i < 5; ++i) await submit(hub, { description: `${i}`, needed_capabilities: ['slots'] });
    const held = [];
    for (let i = 0; i < 3; ++i) held.push(await agent.expect({ type: 'task_assign' }));
    assert.deepEqual(held.map((task) => task.description), ['0', '1', '2']);
    await agent.expect_none({ type: 'task_assign' });
    await agent.request(
      { type: 'task_complete', task_id: held[1].task_id, generation: held[1].generation },
      ack(held[1].task_id, 'complete'),
    );
    assert.equal((await agent.expect({ type: 'task_assign' })).description, '3');
    await agent.expect_none({ type: 'task_assign' });
    await agent.close();
  });

  test('one of many racing agents gets the task', async () => {
    const agents = await Promise.all(Array.from({ length: 8 }, (_, i) => worker(hub, `race-${i}`, 'race')));
    const id = await submit(hub, { description: 'one', needed_capabilities: ['race'] });
    for (const agent of agents) agent.send({ type: 'task_accepted', task_id: id });
    await Promise.all(agents.map((agent) => agent.settle()));
    const holders = agents.filter((agent) => agent.inbox.some((f) => f.type === 'task_assign' && f.task_id === id));
    assert.equal(holders.length, 1);
    // All of them claim to have finished it: only the holder is believed.
    for (const agent of agents) agent.send({ type: 'task_complete', task_id: id, generation: 1, result: { by: agent.agent_id } });
    await Promise.all(agents.map((agent) => agent.settle()));
    const winners = agents.filter((agent) => agent.inbox.some((f) => f.type === 'task_ack' && f.status === 'complete'));
    assert.deepEqual(winners, holders);
    assert.deepEqual((await task_of(hub, id)).result, { by: holders[0].agent_id });
    for (const agent of agents) await agent.close();
  });

  test('reports by others than the holder change nothing', async () => {
    const holder = await worker(hub, 't8', 'fence');
    const stranger = await Client.join(hub, 't8-stranger');
    const id = await submit(hub, { description: 'mine', needed_capabilities: ['fence'] });
    await holder.expect(assigned(id));
    const stale = (prefix) => ({ type: 'error', error: `${prefix}: stale_generation` });
    stranger.send({ type: 'task_complete', task_id: id, generation: 1 });
    assert.deepEqual({ ...(await stranger.expect({ type: 'error' })) }, stale('task_complete_failed'));
    stranger.send({ type: 'task_failed', task_id: id, generation: 1, reason: 'spite' });
    assert.deepEqual({ ...(await stranger.expect({ type: 'error' })) }, stale('task_fail_failed'));
    stranger.send({ type: 'task_recovering', task_id: id });
    assert.deepEqual({ ...(await stranger.expect({ type: 'task_reassign' })) }, { type: 'task_reassign', task_id: id });
    stranger.send({ type: 'task_rejected', task_id: id, reason: 'busy' });
    stranger.send({ type: 'task_accepted', task_id: id });
    stranger.send({ type: 'task_progress', task_id: id, progress: 99 });
    await stranger.settle();
    const task = await task_of(hub, id);
    assert.equal(task.status, 'assigned');
    assert.equal(task.assigned_to, 't8');
    assert.equal(task.generation, 1);
    await holder.request({ type: 'task_complete', task_id: id, generation: 1 }, ack(id, 'complete'));
    await holder.close();
    await stranger.close();
  });

  test('a rejected task goes to another agent and costs no retry', async () => {
    const first = await worker(hub, 't9-a', 'reject');
    const id = await submit(hub, { description: 'hot', needed_capabilities: ['reject'] });
    await first.expect(assigned(id));
    const second = await worker(hub, 't9-b', 'reject');
    await first.request({ type: 'task_rejected', task_id: id, reason: 'busy' }, ack(id, 'rejected'));
    const assign = await second.expect(assigned(id));
    assert.ok(assign.generation > 1);
    await first.expect_none({ type: 'task_assign' });
    assert.equal((await task_of(hub, id)).retry_count, 0);
    await first.close();
    await second.close();
  });

  test('a failed task goes to another capable agent if there is one', async () => {
    const first = await worker(hub, 't10-a', 'prefer');
    const id = await submit(hub, { description: '', needed_capabilities: ['prefer'] });
    await first.expect(assigned(id));
    const second = await worker(hub, 't10-b', 'prefer');
    await first.request({ type: 'task_failed', task_id: id, generation: 1, reason: 'no' }, ack(id, 'retried'));
    await second.expect(assigned(id));
    await first.expect_none({ type: 'task_assign' });
    await first.close();
    await second.close();
  });

  test('only capable agents are chosen; a parked task is woken by one that joins', async () => {
    const wrong = await worker(hub, 't11-a', 'parked-b');
    const id = await submit(hub, { description: '', needed_capabilities: ['parked-a', 'parked-b'] });
    await wrong.expect_none({ type: 'task_assign' });
    assert.equal((await task_of(hub, id)).status, 'queued');
    const right = await Client.join(hub, 't11-b', { capabilities: ['parked-b', 'parked-a', 'more'] });
    await right.expect(assigned(id));
    await wrong.close();
    await right.close();
  });

  test('metadata.target_agent is honoured', async () => {
    const a = await worker(hub, 't12-a', 'target');
    const b = await worker(hub, 't12-b', 'target');
    for (let i = 0; i < 3; ++i) {
      const id = await submit(hub, { description: '', needed_capabilities: ['target'], metadata: { target_agent: 't12-b' } });
      await b.expect(assigned(id));
      await b.request({ type: 'task_complete', task_id: id, generation: 1 }, ack(id, 'complete'));
    }
    await a.expect_none({ type: 'task_assign' });
    await a.close();
    await b.close();
  });

  test('urgent before low, and within a lane the order of submission', async () => {
    const order = [
      ['low', 'l1'], ['normal', 'n1'], ['urgent', 'u1'], ['high', 'h1'], ['urgent', 'u2'], ['low', 'l2'], ['normal', 'n2'],
    ];
    for (const [priority, description] of order) {
      await submit(hub, { description, priority, needed_capabilities: ['lanes'] });
    }
    const agent = await worker(hub, 't13', 'lanes');
    const seen = [];
    for (let i = 0; i < order.length; ++i) {
      const task = await agent.expect({ type: 'task_assign' });
      seen.push(task.description);
      await agent.request({ type: 'task_complete', task_id: task.task_id, generation: task.generation }, { type: 'task_ack' });
    }
    assert.deepEqual(seen, ['u1', 'u2', 'h1', 'n1', 'n2', 'l1', 'l2']);
    await agent.close();
  });

  test('a cancelled task is taken away, and its late completion is refused', async () => {
    const agent = await worker(hub, 't14', 'cancel');
    const id = await submit(hub, { description: '', needed_capabilities: ['cancel'] });
    await agent.expect(assigned(id));
    const reply = await hub.api().delete(`/api/tasks/${id}`);
    assert.equal(reply.status, 200, reply.text);
    agent.send({ type: 'task_complete', task_id: id, generation: 1 });
    assert.match((await agent.expect({ type: 'error' })).error, /^task_complete_failed: /);
    const next = await submit(hub, { description: 'next', needed_capabilities: ['cancel'] });
    await agent.expect(assigned(next));
    await agent.close();
  });
});

describe('leaving and coming back', () => {
  let hub;
  before(async () => {
    hub = await Hub.start({ settings: { reconnect_grace_ms: 30_000, retry_delay_ms: 0 } });
  });
  after(() => hub.dispose());

  test('a worker that drops and returns within the grace completes with the same generation', async () => {
    const agent = await worker(hub, 'g1', 'grace');
    const id = await submit(hub, { description: '', needed_capabilities: ['grace'] });
    await agent.expect(assigned(id));
    await agent.request({ type: 'task_accepted', task_id: id }, ack(id, 'accepted'));
    await agent.drop();
    const other = await worker(hub, 'g1-other', 'grace');
    await other.expect_none({ type: 'task_assign' });
    const back = await worker(hub, 'g1', 'grace', { token: agent.token });
    await back.expect_none({ type: 'task_assign' });
    assert.equal((await task_of(hub, id)).generation, 1);
    await back.request({ type: 'task_complete', task_id: id, generation: 1 }, ack(id, 'complete'));
    await back.close();
    await other.close();
  });

  test('task_recovering by the holder continues with the same generation and stops the acceptance timer', async (t) => {
    const own = await hub_for(t, { settings: { acceptance_timeout_ms: 1500 } });
    const agent = await worker(own, 'g2', 'cap');
    const id = await submit(own, { description: '', needed_capabilities: ['cap'] });
    await agent.expect(assigned(id));
    await agent.request({ type: 'task_accepted', task_id: id }, ack(id, 'accepted'));
    await agent.drop();
    const back = await worker(own, 'g2', 'cap', { token: agent.token });
    back.send({ type: 'task_recovering', task_id: id, last_status: 'working' });
    assert.deepEqual({ ...(await back.next()) }, { type: 'task_continue', task_id: id, generation: 1 });
    // Another task of the same agent is not accepted: once that one has timed out, so would this one have.
    const probe = await Client.join(own, 'g2-probe', { capabilities: ['probe'] });
    const unaccepted = await submit(own, { description: 'probe', needed_capabilities: ['probe'] });
    await probe.expect(assigned(unaccepted));
    await until(async () => (await task_of(own, unaccepted)).generation > 1, 'end of the acceptance time');
    assert.equal((await task_of(own, id)).generation, 1);
    await back.request({ type: 'task_complete', task_id: id, generation: 1 }, ack(id, 'complete'));
  });

  test('an unaccepted task comes again with the same generation after a reconnect', async () => {
    const agent = await worker(hub, 'g3', 'unaccepted');
    const id = await submit(hub, { description: '', needed_capabilities: ['unaccepted'] });
    await agent.expect(assigned(id));
    await agent.drop();
    const back = await worker(hub, 'g3', 'unaccepted', { token: agent.token });
    back.send({ type: 'task_recovering', task_id: id });
    const answer = await back.expect({ type: 'task_continue', task_id: id });
    assert.equal(answer.generation, 1);
    await back.request({ type: 'task_complete', task_id: id, generation: 1 }, ack(id, 'complete'));
    await back.close();
  });

  test('when the grace is over the task goes to another agent, and the late result is refused', async (t) => {
    const own = await hub_for(t, { settings: { reconnect_grace_ms: 100 } });
    const agent = await worker(own, 'g4', 'cap');
    const id = await submit(own, { description: '', needed_capabilities: ['cap'] });
    await agent.expect(assigned(id));
    await agent.request({ type: 'task_accepted', task_id: id }, ack(id, 'accepted'));
    const other = await worker(own, 'g4-other', 'cap');
    await agent.drop();
    const assign = await other.expect(assigned(id));
    assert.ok(assign.generation > 1);
    const back = await worker(own, 'g4', 'cap', { token: agent.token });
    back.send({ type: 'task_recovering', task_id: id });
    await back.expect({ type: 'task_reassign', task_id: id });
    back.send({ type: 'task_complete', task_id: id, generation: 1 });
    assert.equal((await back.expect({ type: 'error' })).error, 'task_complete_failed: stale_generation');
    await other.request({ type: 'task_complete', task_id: id, generation: assign.generation }, ack(id, 'complete'));
    const task = await task_of(own, id);
    assert.equal(task.assigned_to, 'g4-other');
    assert.equal(task.retry_count, 0);
    assert.equal(task.history.filter((entry) => entry.event === 'completed').length, 1);
  });

  test('after kill -9 of the hub the holder goes on, with its generation', async (t) => {
    const own = await hub_for(t);
    const agent = await worker(own, 'g5', 'cap');
    const working = await submit(own, { description: 'working', needed_capabilities: ['cap'] });
    await agent.expect(assigned(working));
    await agent.request({ type: 'task_accepted', task_id: working }, ack(working, 'accepted'));
    const waiting = await submit(own, { description: 'waiting', needed_capabilities: ['cap'] });
    await own.restart();
    const other = await worker(own, 'g5-other', 'cap');
    const next = await other.expect({ type: 'task_assign' });
    assert.equal(next.task_id, waiting);
    const back = await worker(own, 'g5', 'cap', { token: agent.token });
    await back.request({ type: 'task_complete', task_id: working, generation: 1, result: { kept: true } }, ack(working, 'complete'));
    assert.deepEqual((await task_of(own, working)).result, { kept: true });
  });

  test('what is not accepted in time is given to another agent, and the agent is shown as unresponsive', async (t) => {
    const own = await hub_for(t, { settings: { acceptance_timeout_ms: 1500 } });
    const deaf = await worker(own, 'g6-deaf', 'cap');
    const id = await submit(own, { description: '', needed_capabilities: ['cap'] });
    await deaf.expect(assigned(id));
    const keen = await worker(own, 'g6-keen', 'cap');
    const assign = await keen.expect(assigned(id));
    await keen.request({ type: 'task_accepted', task_id: id }, ack(id, 'accepted'));
    const state = await own.api().get('/api/agents/g6-deaf/state');
    assert.deepEqual(state.body.flags, ['unresponsive']);
    await keen.request({ type: 'task_complete', task_id: id, generation: assign.generation }, ack(id, 'complete'));
    assert.equal((await task_of(own, id)).retry_count, 0);
  });

  test('a silent holder loses its lease; one that only pings keeps it', async (t) => {
    const own = await hub_for(t, { settings: { lease_silence_ms: 2000, ping_interval_ms: 60_000 } });
    const silent = await worker(own, 'g7-silent', 'silent');
    const pinging = await worker(own, 'g7-ping', 'ping');
    const lost = await submit(own, { description: '', needed_capabilities: ['silent'] });
    const kept = await submit(own, { description: '', needed_capabilities: ['ping'] });
    for (const [agent, id] of [[silent, lost], [pinging, kept]]) {
      await agent.expect(assigned(id));
      await agent.request({ type: 'task_accepted', task_id: id }, ack(id, 'accepted'));
    }
    await until(async () => {
      await pinging.settle();
      return (await task_of(own, lost)).generation > 1;
    }, 'end of the silent lease');
    assert.equal((await task_of(own, kept)).generation, 1);
    await pinging.request({ type: 'task_complete', task_id: kept, generation: 1 }, ack(kept, 'complete'));
  });

  test('max_run_ms ends a lease however lively its holder is', async () => {
    const agent = await worker(hub, 'g8', 'maxrun');
    const id = await submit(hub, { description: '', max_run_ms: 200, needed_capabilities: ['maxrun'] });
    await agent.expect(assigned(id));
    await agent.request({ type: 'task_accepted', task_id: id }, ack(id, 'accepted'));
    await until(async () => {
      await agent.settle();
      return (await task_of(hub, id)).generation > 1;
    }, 'end of the run');
    agent.send({ type: 'task_complete', task_id: id, generation: 1 });
    assert.match((await agent.expect({ type: 'error' })).error, /^task_complete_failed: /);
    await hub.api().delete(`/api/tasks/${id}`);
    await agent.close();
  });

  test('a task past its deadline ends in the dead letter store', async () => {
    const id = await submit(hub, { description: '', complete_by: Date.now() + 200, needed_capabilities: ['deadline'] });
    const task = await until(async () => {
      const now = await task_of(hub, id);
      return now.status === 'dead_letter' && now;
    }, 'dead letter after the deadline');
    assert.match(task.last_error, /deadline/);
  });

  test('a task that many agents lost ends in the dead letter store', async (t) => {
    const own = await hub_for(t, { settings: { reconnect_grace_ms: 0, reclaim_limit: 2, retry_delay_ms: 0 } });
    const id = await submit(own, { description: 'poison', needed_capabilities: ['cap'] });
    const token = await own.token_for('victim');
    for (let i = 0; i < 3; ++i) {
      const agent = await worker(own, 'victim', 'cap', { token });
      await agent.expect(assigned(id));
      await agent.request({ type: 'task_accepted', task_id: id }, ack(id, 'accepted'));
      await agent.drop();
      // Back before the hub has noticed, the agent would simply go on with its task.
      await until(async () => (await task_of(own, id)).state !== 'working', 'the loss of the holder');
    }
    const task = await until(async () => {
      const now = await task_of(own, id);
      return now.status === 'dead_letter' && now;
    }, 'dead letter after too many reclaims');
    assert.equal(task.retry_count, 0);
  });
});

describe('frames that are wrong', () => {
  let hub;
  before(async () => {
    hub = await Hub.start({ limits: 'on' });
  });
  after(() => hub.dispose());

  test('a binary frame closes with 1003, and the task of its sender stays within the grace', async () => {
    const agent = await worker(hub, 'f1', 'binary');
    const id = await submit(hub, { description: '', needed_capabilities: ['binary'] });
    await agent.expect(assigned(id));
    agent.socket.send(Buffer.from('{}'), { binary: true });
    assert.equal((await agent.expect_close()).code, 1003);
    const back = await worker(hub, 'f1', 'binary', { token: agent.token });
    await back.request({ type: 'task_complete', task_id: id, generation: 1 }, ack(id, 'complete'));
    await back.close();
  });

  test('JSON that is no object is answered, and the socket lives on', async () => {
    const client = await Client.join(hub, 'f2');
    for (const text of ['[]', '"ping"', '17', 'null', 'false']) {
      client.send_text(text);
      assert.deepEqual({ ...(await client.next()) }, {
        type: 'error', error: 'validation_failed', message_type: 'unknown',
        errors: [{ field: 'message', error: 'wrong_type', detail: 'expected JSON object' }],
      });
    }
    await client.settle();
    await client.close();
  });

  test('unknown types are answered and count a tenth of a violation', async () => {
    const client = await Client.join(hub, 'f3');
    for (let i = 0; i < 30; ++i) {
      client.send({ type: 'wake_result', task_id: 't', status: 's' });
      const reply = await client.next();
      assert.equal(reply.errors[0].error, 'unknown_message_type');
      assert.equal(reply.message_type, 'wake_result');
      assert.deepEqual(reply.errors[0].known_types, [...reply.errors[0].known_types].sort());
    }
    await client.settle();
    await client.close();
  });

  test('the tenth bad frame closes with 1008, and what is pipelined behind it counts no more', async () => {
    const client = await Client.join(hub, 'f4');
    for (let i = 0; i < 40; ++i) client.send({ type: 'status' });
    assert.deepEqual(await client.expect_close(), { code: 1008, reason: 'too many validation errors' });
    assert.equal(client.inbox.filter((f) => f.error === 'validation_failed').length, 9);
    const back = await Client.open(hub);
    back.send({ type: 'identify', agent_id: 'f4', token: client.token });
    const close = await back.expect_close();
    assert.equal(close.code, 1008);
    assert.match(close.reason, /^cooldown active: retry in 3[01]s$/);
  });

  test('bad JSON counts as a violation', async () => {
    const client = await Client.open(hub);
    for (let i = 0; i < 10; ++i) client.send_text('{"type":');
    assert.equal((await client.expect_close()).code, 1008);
    assert.equal(client.inbox.filter((f) => f.error === 'invalid_json').length, 9);
  });

  test('nesting up to 512 levels passes, more is invalid JSON', async () => {
    const client = await Client.join(hub, 'f5');
    const nested = (levels) => `{"type":"message","to":"f5","payload":{"a":${'['.repeat(levels)}${']'.repeat(levels)}}}`;
    client.send_text(nested(500));
    await client.expect({ type: 'message_sent' });
    const push = await client.expect({ type: 'message' });
    assert.ok(push.raw_text.includes('['.repeat(500)));
    client.send_text(nested(5000));
    assert.equal((await client.expect({ type: 'error' })).error, 'invalid_json');
    await client.close();
  });

  test('fragments are put together, with control frames between them', async () => {
    const raw = await raw_agent(hub, 'f6');
    const text = Buffer.from(JSON.stringify({ type: 'message', to: 'f6', payload: { t: 'grüße' } }));
    const cut = text.indexOf(Buffer.from('ü')) + 1; // inside the two bytes of the letter
    raw.write(encode_frame({ opcode: kText, fin: false, payload: text.subarray(0, cut) }));
    raw.write(encode_frame({ opcode: kPing, payload: 'between' }));
    raw.write(encode_frame({ opcode: kContinuation, fin: false, payload: Buffer.alloc(0) }));
    raw.write(encode_frame({ opcode: kContinuation, payload: text.subarray(cut) }));
    const pong = await raw.read_frame();
    assert.equal(pong.opcode, kPong);
    assert.equal(pong.payload.toString(), 'between');
    assert.equal((await raw.read_json()).type, 'message_sent');
    assert.deepEqual((await raw.read_json()).payload, { t: 'grüße' });
    raw.destroy();
  });

  for (const [what, frames, code] of [
    ['wrong UTF-8', [encode_frame({ payload: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]) })], 1007],
    ['UTF-8 that ends too early', [encode_frame({ payload: Buffer.from([0x22, 0xc3]) })], 1007],
    ['an unmasked frame', [encode_frame({ payload: '{"type":"ping"}', mask: false })], 1002],
    ['a reserved bit', [encode_frame({ payload: '{"type":"ping"}', rsv: 4 })], 1002],
    ['an unknown opcode', [encode_frame({ opcode: 3, payload: 'x' })], 1002],
    ['a continuation of nothing', [encode_frame({ opcode: kContinuation, payload: '{}' })], 1002],
    ['a text frame inside a fragmented one', [encode_frame({ fin: false, payload: '{' }), encode_frame({ payload: '}' })], 1002],
    ['a long control frame', [encode_frame({ opcode: kPing, payload: 'x'.repeat(126) })], 1002],
    ['a fragmented control frame', [encode_frame({ opcode: kPing, fin: false, payload: 'x' })], 1002],
    ['a binary frame', [encode_frame({ opcode: kBinary, payload: '{"type":"ping"}' })], 1003],
    ['a frame that claims 17 MiB', [encode_frame({ payload: '{', declared_length: 17 * 1024 * 1024 })], 1009],
    ['a frame that claims 2^62 bytes', [encode_frame({ payload: '{', declared_length: 2 ** 62 })], 1009],
  ]) {
    test(`${what} closes with ${code}`, async () => {
      const raw = await raw_websocket(hub);
      for (const frame of frames) raw.write(frame);
      const close = await raw.read_to_close();
      assert.equal(close.code, code, `${close.code} '${close.reason}'`);
      await raw.expect_closed();
    });
  }

  test('fragments that add up to more than 16 MiB close with 1009', async () => {
    const raw = await raw_websocket(hub);
    const part = Buffer.alloc(4 * 1024 * 1024, 0x20);
    raw.write(encode_frame({ fin: false, payload: part }));
    for (let i = 0; i < 4; ++i) raw.write(encode_frame({ opcode: kContinuation, fin: false, payload: part }));
    assert.equal((await raw.read_to_close()).code, 1009);
  });

  test('a message just under 16 MiB is relayed whole', async () => {
    const client = await Client.join(hub, 'f7');
    const blob = 'x'.repeat(15 * 1024 * 1024);
    client.send({ type: 'message', to: 'f7', payload: { blob } });
    await client.expect({ type: 'message_sent' }, 20_000);
    assert.equal((await client.expect({ type: 'message' }, 20_000)).payload.blob.length, blob.length);
    await client.close();
  });

  for (const code of [1000, 1001, 1011, 3000, 4321]) {
    test(`the client's close ${code} is answered with 1000`, async () => {
      const raw = await raw_websocket(hub);
      raw.write(encode_close(code, 'bye'));
      assert.equal((await raw.read_to_close()).code, 1000);
      await raw.expect_closed();
    });
  }

  test('a close frame with a code that must not be sent is answered with 1002', async () => {
    for (const code of [999, 1005, 1006, 1015]) {
      const raw = await raw_websocket(hub);
      raw.write(encode_close(code));
      assert.equal((await raw.read_to_close()).code, 1002, `${code}`);
    }
  });

  test('a WebSocket ping is answered with its payload, before identify too', async () => {
    const raw = await raw_websocket(hub);
    raw.write(encode_frame({ opcode: kPing, payload: 'are you there' }));
    const pong = await raw.read_frame();
    assert.equal(pong.opcode, kPong);
    assert.equal(pong.payload.toString(), 'are you there');
    raw.destroy();
  });
});
