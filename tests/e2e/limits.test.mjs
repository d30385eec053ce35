// Rate limits, over real sockets: v1.1's numbers under its profile, this hub's own by default, what administrators
// change and what stays of it, and floods that must leave others alone.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { hub_for } from './lib/hub.mjs';
import { Pair } from './lib/pair.mjs';
import { encode_frame, RawSocket, raw_agent, raw_websocket } from './lib/raw.mjs';
import { within } from './lib/wait.mjs';

const kBase = '/api/admin/rate-limits';
const v11 = { profile: 'v1.1', limits: 'on' };
const own = { limits: 'on' };

/** Sends `count` frames and returns what came: {warnings, limited, replies}, in order. */
async function burst(client, frame, count, reply_type) {
  const found = { warnings: [], limited: [], replies: 0 };
  let answered = 0;
  const all = new Promise((resolve) => {
    client.on_frame = (answer) => {
      if (answer.type === 'rate_limit_warning') found.warnings.push({ at: answered + 1, ...answer });
      else if (answer.type === 'rate_limited') found.limited.push({ at: ++answered, ...answer });
      else if (answer.type === reply_type) found.replies = ++answered;
      else return false;
      if (answered === count) resolve();
      return true;
    };
  });
  for (let i = 0; i < count; ++i) client.send(frame);
  await within(all, () => `answers to ${count} frames, not only ${answered}`);
  client.on_frame = null;
  return found;
}

describe('profile v1.1', () => {
  test('light: the 97th is warned, the 121st refused', async (t) => {
    const hub = await hub_for(t, v11);
    const agent = await Client.join(hub, 'light');
    // Two tokens a second come back; the burst takes far less than half a second, but a busy machine may take longer.
    const { warnings, limited } = await burst(agent, { type: 'ping' }, 140, 'pong');
    assert.ok(warnings[0].at >= 97 && warnings[0].at <= 110, `${warnings[0].at}`);
    assert.deepEqual({ ...warnings[0], at: 0 }, { at: 0, type: 'rate_limit_warning', tier: 'light', remaining: 23, capacity: 120 });
    assert.ok(limited[0].at >= 121, `${limited[0].at}`);
    assert.deepEqual({ ...limited[0], at: 0 }, { at: 0, type: 'rate_limited', tier: 'light', retry_after_ms: 1000 });
    await agent.close();
  });

  test('normal: the 49th is warned, the 61st refused; heavy over HTTP: the 11th, with Retry-After', async (t) => {
    const hub = await hub_for(t, v11);
    const agent = await Client.join(hub, 'normal');
    const { warnings, limited } = await burst(agent, { type: 'message', to: 'nobody', payload: {} }, 70, 'message_sent');
    assert.ok(warnings[0].at >= 49 && warnings[0].at <= 56, `${warnings[0].at}`);
    assert.equal(warnings[0].remaining, 11);
    assert.equal(warnings[0].capacity, 60);
    assert.ok(limited[0].at >= 61, `${limited[0].at}`);
    assert.equal(limited[0].retry_after_ms, 1000);
    const api = hub.api(agent.token);
    const statuses = [];
    let last;
    for (let i = 0; i < 12; ++i) {
      last = await api.post('/api/tasks', { description: 'x', needed_capabilities: ['nobody'] });
      statuses.push(last.status);
    }
    assert.deepEqual(statuses.slice(0, 10), Array(10).fill(201));
    assert.equal(last.status, 429);
    assert.deepEqual(last.body, { error: 'rate_limited', retry_after_ms: last.body.retry_after_ms, tier: 'heavy' });
    assert.ok(last.body.retry_after_ms <= 6000 && last.body.retry_after_ms % 1000 === 0);
    assert.equal(last.headers['retry-after'], `${last.body.retry_after_ms / 1000}`);
    // What v1.1 left unlimited is not limited.
    for (let i = 0; i < 150; ++i) assert.equal((await api.get('/api/tasks/stats')).status, 200);
    await agent.close();
  });
});

describe('what administrators change', () => {
  test('overrides take effect at once, on both channels, and stay over a crash', async (t) => {
    const hub = await hub_for(t, own);
    const admin = hub.api();
    const agent = await Client.join(hub, 'small');
    const overrides = { light: { capacity: 3, refill_rate_per_min: 0.5 }, message: { capacity: 2, refill_rate_per_min: 1 } };
    const put = await admin.put(`${kBase}/small`, overrides);
    assert.equal(put.status, 200);
    assert.deepEqual(put.body, { status: 'updated', agent_id: 'small', overrides });
    const pings = await burst(agent, { type: 'ping' }, 4, 'pong');
    assert.equal(pings.replies, 3);
    assert.equal(pings.limited[0].retry_after_ms, 120_000);
    const messages = await burst(agent, { type: 'message', payload: {} }, 3, 'message_sent');
    assert.equal(messages.replies, 2);
    await agent.drop();
    await hub.restart();
    assert.deepEqual((await admin.get(kBase)).body.overrides, { small: overrides });
    const again = await Client.join(hub, 'small', { token: agent.token });
    assert.equal((await burst(again, { type: 'ping' }, 4, 'pong')).limited.length, 1);
    const status = (await admin.get(`${kBase}/small`)).body;
    assert.deepEqual(status.ws.ping, { remaining: 0, capacity: 3, usage_pct: 100 });
    assert.equal(status.rate_limited, true);
    // Without them it may go on at once.
    assert.deepEqual((await admin.delete(`${kBase}/small`)).body, { status: 'removed', agent_id: 'small' });
    assert.equal((await burst(again, { type: 'ping' }, 100, 'pong')).limited.length, 0);
    await again.close();
  });

  test('the whitelist, over a crash; a list that is missing clears nothing', async (t) => {
    const hub = await hub_for(t, { ...v11, settings: { open_admin: 0 } });
    const admin = hub.api();
    assert.deepEqual((await admin.put(`${kBase}/whitelist`, { agent_ids: ['alice', 'ip:127.0.0.1'] })).body, {
      status: 'updated',
      whitelist: ['alice', 'ip:127.0.0.1'],
    });
    const empty = await admin.put(`${kBase}/whitelist`, {});
    assert.equal(empty.status, 422);
    assert.deepEqual(empty.body, { error: 'invalid_whitelist', detail: 'agent_ids must be a list of strings' });
    assert.ok([404, 405].includes((await admin.delete(`${kBase}/whitelist`)).status));
    await hub.restart();
    assert.deepEqual((await admin.get(`${kBase}/whitelist`)).body, { whitelist: ['alice', 'ip:127.0.0.1'] });
    const alice = await Client.join(hub, 'alice');
    assert.deepEqual(await burst(alice, { type: 'ping' }, 200, 'pong'), { warnings: [], limited: [], replies: 200 });
    const anybody = hub.api(null);
    for (let i = 0; i < 150; ++i) assert.equal((await anybody.get('/api/agents')).status, 200);
    await admin.delete(`${kBase}/whitelist/alice`);
    assert.ok((await burst(alice, { type: 'ping' }, 200, 'pong')).limited.length > 0);
    assert.equal((await hub.api(alice.token).get(kBase)).status, 403);
    await alice.close();
  });
});

describe('by default', () => {
  test('thirty busy agents meet no limit; a loop gone mad does, and only there', { timeout: 120_000 }, async (t) => {
    const hub = await hub_for(t, own);
    const agents = await Promise.all(Array.from({ length: 30 }, (_, i) => Client.join(hub, `busy-${i}`, { presence: 'none' })));
    await Promise.all(
      agents.map(async (agent, i) => {
        agent.on_frame = (frame) => frame.type === 'message';
        const chat = await burst(agent, { type: 'message', to: `busy-${(i + 1) % 30}`, payload: { text: 'hello' } }, 200, 'message_sent');
        const pings = await burst(agent, { type: 'ping' }, 60, 'pong');
        assert.deepEqual([chat.limited, chat.warnings, pings.limited], [[], [], []]);
        const api = hub.api(agent.token);
        for (let k = 0; k < 10; ++k) {
          const task = await api.post('/api/tasks', { description: 'x', needed_capabilities: ['nobody'] });
          assert.equal(task.status, 201);
          assert.equal((await api.get(`/api/tasks/${task.body.task_id}`)).status, 200);
        }
      }),
    );
    const { limited } = await burst(agents[0], { type: 'ping' }, 7000, 'pong');
    assert.ok(limited.length > 0, 'the flooder was not limited');
    assert.equal(limited[0].retry_after_ms, 1000);
    // Its other operations go on, its reports too, and its neighbour has not noticed.
    agents[0].drain();
    await agents[0].request({ type: 'message', to: 'busy-2', payload: {} }, { type: 'message_sent' });
    await agents[0].request({ type: 'task_accepted', task_id: 'x' }, { type: 'task_ack' });
    await agents[1].settle();
    await Promise.all(agents.map((agent) => agent.close()));
  });

  test('guessing tokens is answered 429 after a while; the right token is not', async (t) => {
    const hub = await hub_for(t, { ...own, settings: { limit_failed_logins_per_min: 5 } });
    const guesser = hub.api('guess');
    const statuses = [];
    for (let i = 0; i < 8; ++i) statuses.push((await guesser.get('/api/tasks')).status);
    assert.deepEqual(statuses.slice(0, 5), Array(5).fill(401));
    assert.equal(statuses.at(-1), 429);
    assert.equal((await hub.api().get('/api/tasks')).status, 200);
    const client = await Client.open(hub);
    client.send({ type: 'identify', agent_id: 'x', token: 'guess' });
    await client.expect({ type: 'rate_limited' });
    await client.close();
  });

  test('observing lets bad optional fields pass and shows who sends them', async (t) => {
    const hub = await hub_for(t, { ...own, settings: { validation_v1: 0 } });
    const agent = await Client.join(hub, 'sloppy');
    await agent.request({ type: 'message', payload: {}, message_type: 5 }, { type: 'message_sent' });
    const { body } = await hub.api().get('/api/admin/validation');
    assert.deepEqual(body.mode, { 1: 'observe', 2: 'enforce' });
    assert.equal(body.counts.length, 1);
    const { last_at, ...count } = body.counts[0];
    assert.deepEqual(count, {
      agent_id: 'sloppy', operation: 'message', field: 'message_type', count: 1, refused: 0, last_error: 'wrong_type',
    });
    assert.ok(last_at > 0);
    assert.equal(body.recent_failures.length, 1);
    await agent.close();
  });
});

describe('floods', () => {
  const kFactor = 3;
  const kFloodMs = 1500;

  /** Writes `bytes` to the sockets as fast as they take them, and throws away what comes back. */
  async function flood(sockets, bytes) {
    const end = performance.now() + kFloodMs;
    await Promise.all(
      sockets.map(async (raw) => {
        raw.socket.removeAllListeners('data');
        raw.socket.resume();
        while (performance.now() < end && !raw.ended) await Promise.race([raw.write(bytes), raw.closed]);
        raw.destroy();
      }),
    );
  }

  async function start(t, settings = {}) {
    const hub = await hub_for(t, { ...own, settings });
    // The pair sends as fast as it gets answers, which is more than an agent may by default.
    const many = { capacity: 10_000_000, refill_rate_per_min: 10_000_000 };
    assert.equal((await hub.api().put(`${kBase}/pair-a`, { normal: many })).status, 200);
    const pair = await Pair.start(hub);
    t.after(() => pair.stop());
    await pair.measure(300);
    return { hub, pair, quiet: await pair.measure(1500) };
  }

  test('one agent at full speed leaves a pair alone', { timeout: 60_000 }, async (t) => {
    const { hub, pair, quiet } = await start(t);
    const frames = Buffer.concat(Array(200).fill(encode_frame({ payload: '{"type":"message","to":"flooder","payload":{}}' })));
    const busy = await pair.during(async (run) => flood([await raw_agent(hub, `flooder-${run}`)], frames));
    pair.judge(t, 'a flooding agent', quiet, busy, kFactor);
  });

  test('one address at full speed leaves a pair alone', { timeout: 60_000 }, async (t) => {
    const { hub, pair, quiet } = await start(t);
    const from = { localAddress: '127.0.0.2' };
    const identify = encode_frame({ payload: '{"type":"identify","agent_id":"pair-a","token":"guess"}' });
    const request = `GET /api/tasks HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nAuthorization: Bearer guess\r\n\r\n`;
    const busy = await pair.during(async () => {
      const sockets = await Promise.all(Array.from({ length: 4 }, () => RawSocket.connect(hub.port, from)));
      const requests = flood(sockets, Buffer.from(request.repeat(50)));
      const webs = [];
      for (let i = 0; i < 4; ++i) webs.push(await raw_websocket(hub));
      await Promise.all([requests, flood(webs, Buffer.concat(Array(200).fill(identify)))]);
    });
    pair.judge(t, 'a flooding address', quiet, busy, kFactor);
  });
});
