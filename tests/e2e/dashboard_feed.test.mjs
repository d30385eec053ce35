// /ws/dashboard over a real socket: v1.1's way, and by deltas. Every frame is held against its published schema.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { Hub, hub_for } from './lib/hub.mjs';

const keys = {
  agents: (entry) => entry.agent_id,
  tasks: (entry) => entry.task_id,
  completions: (entry) => entry.task_id,
  alerts: (entry) => entry.rule_id,
  needs: (entry) => `${entry.kind}/${entry.subject}`,
  samples: (entry) => String(entry.at),
};

/** What a front end keeps: folds `model` and `delta` frames. Fails on a gap. */
class Model {
  take(frame) {
    const [epoch, seq] = [frame.cursor.split('.')[0], Number(frame.cursor.split('.')[1])];
    if (frame.type === 'model') {
      this.lists = Object.fromEntries(Object.keys(keys).map((name) => [name, new Map()]));
      this.figures = {};
    } else {
      assert.equal(epoch, this.epoch);
      assert.equal(seq, this.seq + 1, 'no delta is missing');
      for (const [name, gone] of Object.entries(frame.drop)) for (const key of gone) assert.ok(this.lists[name].delete(key), key);
    }
    Object.assign(this, { epoch, seq, cursor: frame.cursor });
    for (const [name, entries] of Object.entries(frame.lists ?? frame.put)) {
      for (const entry of entries) this.lists[name].set(keys[name](entry), entry);
    }
    Object.assign(this.figures, frame.figures);
  }
}

describe('the dashboard socket', () => {
  let hub;
  let admin;

  before(async () => {
    hub = await Hub.start({ settings: { dashboard_interval_ms: 20, reconnect_grace_ms: 100 } });
    admin = hub.api();
  });
  after(() => hub?.dispose());

  const open = (of, { token, query = '', ...more } = {}) =>
    Client.open(of, {
      url: `ws://127.0.0.1:${of.port}/ws/dashboard${query}`,
      frames: 'from_hub_dashboard',
      ws: token ? { headers: { authorization: `Bearer ${token}` } } : {},
      ...more,
    });

  /** The next event that matches. */
  async function event(dashboard, pattern) {
    for (;;) {
      const waiting = (dashboard.events_ ??= []);
      const index = waiting.findIndex((each) => Object.entries(pattern).every(([key, value]) => each[key] === value));
      if (index >= 0) return waiting.splice(0, index + 1).at(-1);
      waiting.push(...(await dashboard.expect({ type: 'events' })).data);
    }
  }

  /** Folds until the model is as wanted. */
  async function follow(dashboard, model, wanted) {
    while (!model.lists || !wanted(model)) {
      model.take(await dashboard.expect(({ type }) => type === 'model' || type === 'delta'));
    }
    return model;
  }

  async function dead_letter(agent) {
    const { body } = await admin.post('/api/tasks', { description: 'hopeless', max_retries: 1, metadata: { target_agent: agent.agent_id } });
    const { generation } = await agent.expect({ type: 'task_assign', task_id: body.task_id });
    agent.send({ type: 'task_failed', task_id: body.task_id, generation, error: 'no' });
    await agent.expect({ type: 'task_ack', status: 'dead_letter' });
    return body.task_id;
  }

  test('as in v1.1: a snapshot unasked, events, commands', async () => {
    const dashboard = await open(hub, { token: hub.admin_token });
    await dashboard.expect({ type: 'authenticated', principal: 'admin', role: 'admin' });
    const snapshot = await dashboard.expect({ type: 'snapshot' });
    assert.ok(Array.isArray(snapshot.alerts));
    const ada = await Client.join(hub, 'ada', { name: 'Ada', capabilities: ['code'] });
    assert.deepEqual((await event(dashboard, { type: 'agent_joined', agent_id: 'ada' })).capabilities, ['code']);
    const task_id = await dead_letter(ada);
    for (const name of ['task_submitted', 'task_assigned', 'task_dead_letter']) await event(dashboard, { type: 'task_event', event: name, task_id });
    const again = await dashboard.request({ type: 'request_snapshot' }, { type: 'snapshot' });
    assert.equal(again.alerts, undefined);
    assert.equal(again.data.dead_letter_tasks[0].id, task_id);
    const { body } = await admin.get('/api/dashboard/state');
    assert.deepEqual(body.dead_letter_tasks, again.data.dead_letter_tasks);
    assert.equal((await dashboard.request({ type: 'retry_task', task_id }, { type: 'retry_result' })).status, 'requeued');
    assert.equal((await dashboard.request({ type: 'retry_task', task_id: 7 }, { type: 'retry_result' })).status, 'not_found');
    assert.equal((await dashboard.request({ type: 'acknowledge_alert', rule_id: 'stuck_tasks' }, { type: 'alert_ack_result' })).status, 'not_found');
    await event(dashboard, { type: 'task_event', event: 'task_retried', task_id });
    for (const text of ['', '{', '[]', '{"type":"nonsense"}', '{"type":"retry_task"}']) dashboard.send_text(text);
    ada.send({ type: 'status', status: 'thinking' });
    assert.equal((await event(dashboard, { type: 'status_changed' })).status, 'thinking');
    await ada.close();
    await event(dashboard, { type: 'agent_left', agent_id: 'ada' });
    await dashboard.close();
  });

  test('by deltas: the model, what changes in it, and on from a cursor', async () => {
    const [one, two] = [await open(hub, { query: '?mode=delta' }), await open(hub, { query: '?mode=delta' })];
    for (const each of [one, two]) each.send({ type: 'subscribe', mode: 'delta' });
    const model = new Model();
    const other = new Model();
    const grace = await Client.join(hub, 'grace', { protocol_version: 2, slots: 2 });
    const { body } = await admin.post('/api/tasks', { description: 'build it', metadata: { target_agent: 'grace' } });
    const { generation } = await grace.expect({ type: 'task_assign', task_id: body.task_id });
    const task = { task_id: body.task_id, generation };
    grace.send({ type: 'task_accepted', ...task });
    grace.send({ type: 'task_progress', ...task, progress: 40 });
    grace.send({ type: 'task_output', ...task, stream: 'stdout', offset: 0, text: 'compiling\nlinking' });
    grace.send({ type: 'task_waiting', ...task, question: 'really?', options: ['yes', 'no'] });
    await follow(one, model, ({ lists }) => lists.tasks.get(body.task_id)?.question === 'really?');
    const shown = model.lists.tasks.get(body.task_id);
    assert.equal(shown.state, 'waiting_input');
    assert.equal(shown.output_line, 'linking');
    assert.equal(shown.progress, 40);
    assert.deepEqual(shown.options, ['yes', 'no']);
    assert.equal(model.lists.agents.get('grace').state, 'waiting_input');
    assert.ok(model.lists.needs.has(`waiting_input/${body.task_id}`));
    // What was missed meanwhile comes as deltas to whoever names its cursor.
    await one.close();
    grace.send({ type: 'task_complete', ...task, result: { pr_url: 'https://example.org/1' }, tokens_used: 12 });
    await follow(two, other, ({ lists }) => lists.completions.has(body.task_id));
    assert.equal(other.lists.completions.get(body.task_id).pr_url, 'https://example.org/1');
    const again = await open(hub, { query: '?mode=delta' });
    again.send({ type: 'subscribe', mode: 'delta', since: model.cursor });
    await again.expect({ type: 'subscribed', mode: 'delta' });
    const first = await again.expect(({ type }) => type !== 'subscribed');
    assert.equal(first.type, 'delta');
    model.take(first);
    await follow(again, model, ({ lists }) => lists.completions.has(body.task_id));
    await follow(two, other, ({ seq }) => seq >= model.seq);
    await follow(again, model, ({ seq }) => seq >= other.seq);
    if (model.seq === other.seq) assert.deepEqual(model.lists, other.lists);
    const stranger = await open(hub, { query: '?mode=delta' });
    stranger.send({ type: 'subscribe', mode: 'delta', since: 'elsewhere.5' });
    assert.equal((await stranger.expect({ type: 'model' })).reason, 'epoch');
    for (const client of [two, again, stranger, grace]) await client.close();
  });

  test('survives a hub that is killed: another epoch, the model anew', async (t) => {
    const own = await hub_for(t, { settings: { dashboard_interval_ms: 20 } });
    const dashboard = await open(own, { query: '?mode=delta' });
    dashboard.send({ type: 'subscribe', mode: 'delta' });
    const model = new Model();
    await follow(dashboard, model, () => true);
    const { body } = await own.api().post('/api/tasks', { description: 'x' });
    await own.restart();
    const again = await open(own, { query: '?mode=delta' });
    again.send({ type: 'subscribe', mode: 'delta', since: model.cursor });
    const whole = await again.expect({ type: 'model' });
    assert.equal(whole.reason, 'epoch');
    model.take(whole);
    assert.equal(model.lists.tasks.get(body.task_id).state, 'queued');
  });

  test('who may look, and who may act (W-32)', async () => {
    const made = await admin.post('/admin/tokens', { agent_id: 'human:eve', role: 'viewer' });
    const eve = await open(hub, { query: '?mode=delta' });
    eve.send({ type: 'auth', token: 'wrong' });
    await eve.expect({ type: 'error', error: 'invalid_token' });
    eve.send({ type: 'auth', token: made.body.token });
    assert.deepEqual((await eve.expect({ type: 'authenticated' })).permissions, ['read']);
    assert.equal((await eve.request({ type: 'retry_task', task_id: 'x' }, { type: 'retry_result' })).status, 'forbidden');
    assert.equal((await admin.delete('/admin/tokens/human%3Aeve')).status, 200);
    assert.equal((await eve.expect_close()).code, 1008);
    const wrong = await open(hub, { token: '0'.repeat(64) });
    assert.equal((await wrong.expect_close()).code, 1008);
    // A page of another origin does not get in.
    await assert.rejects(open(hub, { ws: { origin: 'https://evil.example' } }));
    assert.equal((await admin.get('/ws/dashboard')).status, 426);
  });

  test('ends with 1001 when the hub ends, and with 1003 for bytes', async (t) => {
    const own = await hub_for(t);
    const [binary, last] = [await open(own), await open(own)];
    binary.socket.send(Buffer.from([1, 2]));
    assert.equal((await binary.expect_close()).code, 1003);
    await last.expect({ type: 'snapshot' });
    await own.stop();
    assert.equal((await last.expect_close()).code, 1001);
  });
});
