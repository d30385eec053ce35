// Every frame of v1.1 over a real socket, as spec/websocket.md §2 and §3 has it, against a hub in its v1.1 profile. Each row of
// docs/compatibility.md about frames has a check here; frames have exactly the keys of v1.1.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { compatibility_rows } from './lib/compatibility.mjs';
import { Hub, hub_for } from './lib/hub.mjs';
import { assert_shape, is } from './lib/shape.mjs';

const kPresence = { agent_id: 'string', name: 'string|null', status: 'string|null', capabilities: 'array|null', connected_at: 'ms' };
const kMessagePush = {
  type: is('message'), id: 'id', from: 'string', message_type: 'string', payload: 'object', reply_to: 'string|null', timestamp: 'ms',
};
const kAssign = {
  type: is('task_assign'), task_id: 'task_id', description: 'string', metadata: 'object', generation: 'integer', assigned_at: 'ms',
};

let hub;
let admin;
let serial = 0;
/** A name that no other check uses. */
const fresh = (name) => `${name}-${(serial += 1)}`;
const join = (name, fields) => Client.join(hub, fresh(name), fields);
const error = (text) => ({ type: is('error'), error: is(text) });

async function channel() {
  const name = fresh('channel');
  const reply = await admin.post('/api/channels', { name, description: 'd' });
  assert.equal(reply.status, 201, reply.text);
  return name;
}

/** A task that only `client` can do, as it is assigned. */
async function assigned(client, fields = {}) {
  const needed_capabilities = [client.agent_id];
  const { status, body } = await admin.post('/api/tasks', { description: 'do it', needed_capabilities, ...fields });
  assert.equal(status, 201);
  return client.expect({ type: 'task_assign', task_id: body.task_id });
}

/** An agent that has itself as a capability. */
async function worker(name) {
  const agent_id = fresh(name);
  return Client.join(hub, agent_id, { capabilities: [agent_id] });
}

const kFromClients = {
  identify: async () => {
    const agent_id = fresh('identify');
    const token = await hub.token_for(agent_id);
    const client = await Client.open(hub);
    assert_shape(await client.identify(agent_id, 'wrong'), error('invalid_token'));
    assert_shape(await client.identify(fresh('other'), token), error('token_agent_mismatch'));
    assert_shape(await client.request({ type: 'ping' }, { type: 'error' }), error('not_identified'));
    assert_shape(await client.identify(agent_id, token, { client_type: 'x', anything: 1 }), { type: is('identified'), agent_id: is(agent_id) });
    // Mended: the newest socket wins, and an identified one stays who it is.
    assert_shape(await client.request({ type: 'identify', agent_id, token }, { type: 'error' }), error('already_identified'));
    const second = await Client.join(hub, agent_id, { token });
    assert.equal((await client.expect_close()).code, 4000);
    await second.close();
  },
  ping: async () => {
    const client = await join('ping');
    assert_shape(await client.request({ type: 'ping' }, { type: 'pong' }), { type: is('pong'), timestamp: 'ms' });
    await client.close();
  },
  message: async () => {
    const [alice, bob] = [await join('alice'), await join('bob')];
    const sent = await alice.request({ type: 'message', to: bob.agent_id, payload: { n: 1 }, from: 'nobody' }, { type: 'message_sent' });
    assert_shape(sent, { type: is('message_sent'), id: 'id' });
    const pushed = await bob.expect({ type: 'message' });
    assert_shape(pushed, { ...kMessagePush, id: is(sent.id), from: is(alice.agent_id), message_type: is('chat'), reply_to: is(null) });
    for (const to of [fresh('nobody'), '', bob.agent_id]) {
      assert_shape(await alice.request({ type: 'message', to, payload: {} }, { type: 'message_sent' }), { type: is('message_sent'), id: 'id' });
    }
    await alice.close();
    await bob.close();
  },
  status: async () => {
    const client = await join('status');
    assert_shape(await client.request({ type: 'status', status: 'thinking' }, { type: 'status_updated' }), { type: is('status_updated') });
    await client.close();
  },
  list_agents: async () => {
    const client = await join('list', { name: 'Alpha', capabilities: ['code'] });
    const { type, agents } = await client.request({ type: 'list_agents' }, { type: 'agents' });
    assert.equal(type, 'agents');
    assert_shape(agents, [kPresence]);
    assert.equal(agents.find((agent) => agent.agent_id === client.agent_id).name, 'Alpha');
    await client.close();
  },
  channel_subscribe: async () => {
    const name = await channel();
    const client = await join('subscriber');
    const ask = (wish) => client.request({ type: 'channel_subscribe', channel: wish }, (frame) => /^channel_subscribed$|^error$/.test(frame.type));
    assert_shape(await ask(`##${name.toUpperCase()}!`), { type: is('channel_subscribed'), channel: is(`##${name.toUpperCase()}!`) });
    assert_shape(await ask(name), { type: is('channel_subscribed'), channel: is(name), note: is('already_subscribed') });
    assert_shape(await ask(fresh('none')), error('channel_not_found'));
    assert_shape(await ask('!!'), error('channel_not_found'));
    await client.close();
  },
  channel_unsubscribe: async () => {
    const name = await channel();
    const client = await join('leaver');
    const ask = (wish) => client.request({ type: 'channel_unsubscribe', channel: wish }, (frame) => /^channel_unsub|^error$/.test(frame.type));
    for (const spelling of [name, `#${name}`]) {
      assert_shape(await ask(spelling), { type: is('channel_unsubscribed'), channel: is(spelling) });
    }
    assert_shape(await ask(fresh('none')), error('channel_not_found'));
    await client.close();
  },
  channel_publish: async () => {
    const name = await channel();
    const client = await join('publisher');
    const ask = (wish) => client.request({ type: 'channel_publish', channel: wish, payload: { x: 1 } }, (frame) => /^channel_pub|^error$/.test(frame.type));
    assert_shape(await ask(`#${name}`), { type: is('channel_published'), channel: is(`#${name}`), seq: is(1), id: 'id' });
    assert_shape(await ask(name), { type: is('channel_published'), channel: is(name), seq: is(2), id: 'id' });
    assert_shape(await ask(fresh('none')), error('channel_not_found'));
    await client.close();
  },
  channel_history: async () => {
    const name = await channel();
    const client = await join('historian');
    for (let n = 1; n <= 5; n += 1) {
      await client.request({ type: 'channel_publish', channel: name, payload: { n } }, { type: 'channel_published' });
    }
    const ask = (fields) => client.request({ type: 'channel_history', channel: `#${name}`, ...fields }, { type: 'channel_history' });
    const seqs = async (fields) => (await ask(fields)).messages.map((entry) => entry.seq);
    const all = await ask({});
    assert_shape(all, {
      type: is('channel_history'), channel: is(`#${name}`),
      messages: [{
        seq: 'integer', stored_at: 'ms',
        message: { id: 'id', from: is(client.agent_id), to: is(null), type: is('chat'), payload: 'object', reply_to: is(null), timestamp: 'ms' },
      }],
    });
    assert.deepEqual(all.messages.map((entry) => entry.seq), [1, 2, 3, 4, 5]);
    assert.deepEqual(await seqs({ limit: 2 }), [4, 5]);
    assert.deepEqual(await seqs({ since: 3 }), [4, 5]);
    assert.deepEqual(await seqs({ limit: 0 }), []);
    // Mended: paging forward skips nothing.
    assert.deepEqual(await seqs({ since: 1, limit: 2 }), [2, 3]);
    const unknown = await client.request({ type: 'channel_history', channel: 'nowhere' }, { type: 'channel_history' });
    assert_shape(unknown, { type: is('channel_history'), channel: is('nowhere'), messages: is([]) });
    await client.close();
  },
  list_channels: async () => {
    const name = await channel();
    const client = await join('lister');
    const reply = await client.request({ type: 'list_channels' }, { type: 'channels' });
    assert_shape(reply, {
      type: is('channels'),
      channels: [{ name: 'string', description: 'string', subscriber_count: 'integer', created_at: 'ms' }],
    });
    assert.ok(reply.channels.some((one) => one.name === name));
    await client.close();
  },
  task_accepted: async () => {
    const client = await worker('accepter');
    const { task_id } = await assigned(client);
    for (const id of [task_id, 'task-0000000000000000']) {
      assert_shape(await client.request({ type: 'task_accepted', task_id: id }, { type: 'task_ack', task_id: id }), {
        type: is('task_ack'), task_id: is(id), status: is('accepted'),
      });
    }
    await client.close();
  },
  task_progress: async () => {
    const client = await worker('progress');
    const { task_id } = await assigned(client);
    client.send({ type: 'task_progress', task_id, progress: 50 });
    await client.expect_none((frame) => frame.task_id === task_id);
    await client.close();
  },
  task_complete: async () => {
    const client = await worker('completer');
    const other = await join('thief');
    const { task_id, generation } = await assigned(client);
    client.send({ type: 'task_accepted', task_id });
    await client.expect({ type: 'task_ack', status: 'accepted' });
    // Mended: only the holder completes.
    assert_shape(await other.request({ type: 'task_complete', task_id, generation }, { type: 'error' }), error('task_complete_failed: stale_generation'));
    const complete = (frame) => client.request({ type: 'task_complete', ...frame }, (reply) => reply.type === 'error' || reply.type === 'task_ack');
    assert_shape(await complete({ task_id, generation: generation + 1 }), error('task_complete_failed: stale_generation'));
    assert_shape(await complete({ task_id, generation, result: { output: 'done', tokens_used: 5 } }), {
      type: is('task_ack'), task_id: is(task_id), status: is('complete'),
    });
    assert_shape(await complete({ task_id, generation: generation + 7 }), error('task_complete_failed: invalid_state'));
    assert_shape(await complete({ task_id: 'task-0000000000000000', generation: 1 }), error('task_complete_failed: not_found'));
    const task = (await admin.get(`/api/tasks/${task_id}`)).body;
    assert.equal(task.status, 'completed');
    assert.equal(task.tokens_used, 5);
    await client.close();
    await other.close();
  },
  task_failed: async () => {
    const client = await worker('failer');
    const first = await assigned(client, { max_retries: 2 });
    const fail = (frame) => client.request({ type: 'task_failed', task_id: first.task_id, ...frame }, (reply) => reply.type === 'error' || reply.type === 'task_ack');
    assert_shape(await fail({ generation: 9, reason: 'x' }), error('task_fail_failed: stale_generation'));
    assert_shape(await fail({ generation: 1, reason: 'r1' }), { type: is('task_ack'), task_id: is(first.task_id), status: is('retried') });
    const again = await client.expect({ type: 'task_assign', task_id: first.task_id });
    assert.equal(again.generation, 3);
    assert_shape(await fail({ generation: 3, error: 'e2', reason: 'ignored' }), {
      type: is('task_ack'), task_id: is(first.task_id), status: is('dead_letter'),
    });
    assert.equal((await admin.get(`/api/tasks/${first.task_id}`)).body.last_error, 'e2');
    assert_shape(await client.request({ type: 'task_failed', task_id: 'task-0000000000000000', generation: 1 }, { type: 'error' }), error('task_fail_failed: not_found'));
    await client.close();
  },
  task_rejected: async () => {
    // Extended: v1.1 does not know the type, though its own sidecar sends it.
    const client = await worker('busy');
    const { task_id } = await assigned(client);
    const reply = await client.request({ type: 'task_rejected', task_id, reason: 'busy' }, { type: 'task_ack' });
    assert_shape(reply, { type: is('task_ack'), task_id: is(task_id), status: is('rejected') });
    assert.equal((await admin.get(`/api/tasks/${task_id}`)).body.retry_count, 0);
    await client.close();
  },
  task_recovering: async () => {
    const client = await worker('recoverer');
    const { task_id, generation } = await assigned(client);
    const other = await join('stranger');
    const ask = (who, id) => who.request({ type: 'task_recovering', task_id: id, last_status: 'working' }, { task_id: id });
    assert_shape(await ask(client, task_id), { type: is('task_continue'), task_id: is(task_id), generation: is(generation) });
    assert_shape(await ask(other, task_id), { type: is('task_reassign'), task_id: is(task_id) });
    assert_shape(await ask(client, 'task-0000000000000000'), { type: is('task_reassign'), task_id: is('task-0000000000000000') });
    await client.close();
    await other.close();
  },
};

const kReplies = {
  identified: 'identify', pong: 'ping', message_sent: 'message', status_updated: 'status', agents: 'list_agents',
  channel_subscribed: 'channel_subscribe', channel_unsubscribed: 'channel_unsubscribe', channel_published: 'channel_publish',
  channel_history: 'channel_history', channels: 'list_channels', task_ack: 'task_accepted',
  task_continue: 'task_recovering', task_reassign: 'task_recovering',
};

const kPushes = {
  message: async () => {
    const [alice, bob] = [await join('alice'), await join('bob')];
    for (const to of [null, 'broadcast']) {
      const { id } = await alice.request({ type: 'message', to, message_type: 'alert', reply_to: 'abc', payload: { to: 1 } }, { type: 'message_sent' });
      // Broadcasts are echoed to their sender.
      for (const client of [alice, bob]) {
        const push = await client.expect({ type: 'message', id });
        assert_shape(push, { ...kMessagePush, from: is(alice.agent_id), message_type: is('alert'), reply_to: is('abc'), payload: is({ to: 1 }) });
      }
    }
    await admin.post('/api/message', { to: bob.agent_id, type: 'note', payload: {} });
    assert_shape(await bob.expect({ type: 'message', message_type: 'note' }), kMessagePush);
    await alice.close();
    await bob.close();
  },
  channel_message: async () => {
    const name = await channel();
    const [alice, bob] = [await join('alice'), await join('bob')];
    for (const client of [alice, bob]) await client.request({ type: 'channel_subscribe', channel: name }, { type: 'channel_subscribed' });
    const { id } = await alice.request({ type: 'channel_publish', channel: `#${name}`, payload: { x: 1 } }, { type: 'channel_published' });
    assert_shape(await bob.expect({ type: 'channel_message' }), {
      type: is('channel_message'), channel: is(name), id: is(id), from: is(alice.agent_id), message_type: is('chat'),
      payload: is({ x: 1 }), reply_to: is(null), timestamp: 'ms',
    });
    await alice.expect_none({ type: 'channel_message' });
    // Mended: what HTTP changes about the membership holds for the open socket at once.
    const bob_api = hub.api(bob.token);
    await bob_api.post(`/api/channels/${name}/unsubscribe`, {});
    await alice.request({ type: 'channel_publish', channel: name, payload: { x: 2 } }, { type: 'channel_published' });
    await bob.expect_none({ type: 'channel_message' });
    await bob_api.post(`/api/channels/${name}/subscribe`, {});
    await alice.request({ type: 'channel_publish', channel: name, payload: { x: 3 } }, { type: 'channel_published' });
    assert.deepEqual((await bob.expect({ type: 'channel_message' })).payload, { x: 3 });
    await alice.close();
    await bob.close();
  },
  channel_agent_joined: async () => {
    const name = await channel();
    const [alice, bob] = [await join('alice'), await join('bob')];
    await alice.request({ type: 'channel_subscribe', channel: name }, { type: 'channel_subscribed' });
    await bob.request({ type: 'channel_subscribe', channel: `#${name}` }, { type: 'channel_subscribed' });
    assert_shape(await alice.expect({ type: 'channel_agent_joined' }), {
      type: is('channel_agent_joined'), channel: is(name), agent_id: is(bob.agent_id),
    });
    await bob.expect_none({ type: 'channel_agent_joined' });
    await alice.close();
    await bob.close();
  },
  agent_joined: async () => {
    const alice = await join('alice');
    const bob = await join('bob', { capabilities: ['code'] });
    const joined = await alice.expect((frame) => frame.type === 'agent_joined' && frame.agent.agent_id === bob.agent_id);
    assert_shape(joined, {
      type: is('agent_joined'),
      agent: { ...kPresence, name: is(bob.agent_id), status: is('connected'), capabilities: is(['code']) },
    });
    await bob.expect_none((frame) => frame.type === 'agent_joined' && frame.agent.agent_id === bob.agent_id);
    await alice.close();
    await bob.close();
  },
  agent_left: async () => {
    const [alice, bob] = [await join('alice'), await join('bob')];
    await bob.close();
    assert_shape(await alice.expect({ type: 'agent_left', agent_id: bob.agent_id }), { type: is('agent_left'), agent_id: is(bob.agent_id) });
    await alice.close();
  },
  status_changed: async () => {
    const alice = await join('alice');
    alice.send({ type: 'status', status: 'reading' });
    const changed = await alice.expect((frame) => frame.type === 'status_changed' && frame.agent.agent_id === alice.agent_id);
    assert_shape(changed, { type: is('status_changed'), agent: { ...kPresence, status: is('reading') } });
    await alice.close();
  },
  task_assign: async () => {
    const client = await worker('assignee');
    const frame = await assigned(client, { metadata: { repo: 'x' } });
    assert_shape(frame, { ...kAssign, description: is('do it'), metadata: is({ repo: 'x' }), generation: is(1) });
    await client.close();
  },
  error: async () => {
    const client = await Client.open(hub);
    client.send_text('{');
    assert_shape(await client.next(), error('invalid_json'));
    client.send_text('[]');
    assert_shape(await client.next(), {
      type: is('error'), error: is('validation_failed'), message_type: is('unknown'),
      errors: is([{ field: 'message', error: 'wrong_type', detail: 'expected JSON object' }]),
    });
    client.send({ type: 'nope' });
    assert_shape(await client.next(), {
      type: is('error'), error: is('validation_failed'), message_type: is('nope'),
      errors: [{ field: is('type'), error: is('unknown_message_type'), detail: is("unknown message type 'nope'"), known_types: ['string'] }],
    });
    await client.close();
  },
};

before(async () => {
  hub = await Hub.start({ profile: 'v1.1' });
  admin = hub.api();
});
after(() => hub.dispose());

describe('from clients', () => {
  for (const [name, check] of Object.entries(kFromClients)) test(name, check);
});

describe('from the hub', () => {
  for (const [name, check] of Object.entries(kPushes)) test(name, check);

  test('rate_limit_warning and rate_limited', async (t) => {
    const limited = await hub_for(t, { profile: 'v1.1', limits: 'on' });
    const client = await Client.join(limited, 'quick');
    for (let n = 1; n <= 121; n += 1) client.send({ type: 'list_agents' });
    const warning = await client.expect({ type: 'rate_limit_warning' });
    assert_shape(warning, { type: is('rate_limit_warning'), tier: is('light'), remaining: is(23), capacity: is(120) });
    const denial = await client.expect({ type: 'rate_limited' });
    assert_shape(denial, { type: is('rate_limited'), tier: is('light'), retry_after_ms: is(1000) });
    await client.close();
  });
});

test('every row of docs/compatibility.md about frames is checked', () => {
  const checked = new Set([...Object.keys(kFromClients), ...Object.keys(kPushes), ...Object.keys(kReplies), 'rate_limit_warning', 'rate_limited']);
  for (const source of Object.values(kReplies)) assert.ok(source in kFromClients, source);
  const rows = compatibility_rows();
  const written = new Set([...rows.from_clients, ...rows.from_hub].map((row) => row.name));
  assert.deepEqual([...checked].filter((name) => !written.has(name)), [], 'frames of v1.1 without a row');
  // What v1.1 did not have is checked by the tests of those features.
  const kNewer = new Set(['message_ack', 'task_output', 'task_note', 'task_waiting', 'message_acked', 'task_cancelled', 'task_say']);
  assert.deepEqual([...written].filter((name) => !checked.has(name) && !kNewer.has(name)), [], 'rows without a check');
});
