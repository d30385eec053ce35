// Messages beside their way from socket to socket (ws.test.mjs): envelopes, acknowledgements, what became of a message,
// names nobody has, and who one is.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { Hub, hub_for } from './lib/hub.mjs';
import { until } from './lib/wait.mjs';

const kVersion2 = { protocol_version: 2 };
const kEnvelope = {
  thread_root: 'root-1',
  importance: 'urgent',
  ack_required: true,
  ack_by: 4_000_000_000_000,
  labels: ['release', 'blocker'],
};

/** Registers agents; gives an Api for each. */
async function people(hub, ...names) {
  const apis = [];
  for (const name of names) apis.push(hub.api(await hub.token_for(name)));
  return apis;
}

async function send(api, fields, query = '') {
  const reply = await api.post(`/api/message${query}`, { payload: {}, ...fields });
  assert.equal(reply.status, 200, reply.text);
  return reply.body;
}

async function deliveries(api, id) {
  const reply = await api.get(`/api/messages/${id}/deliveries`);
  assert.equal(reply.status, 200, reply.text);
  return reply.body.deliveries;
}

/** The one delivery of a message once it is in this state, and it is known since when: times are written in lots. */
function delivered(api, id, state) {
  return until(async () => {
    const [delivery] = await deliveries(api, id);
    return delivery.state === state && delivery[`${state}_at`] !== null && delivery;
  }, `message ${id} is ${state}`);
}

async function inbox(api, name, query = '') {
  const reply = await api.get(`/api/mailbox/${name}${query}`);
  assert.equal(reply.status, 200, reply.text);
  return reply.body;
}

describe('messages', () => {
  let hub;
  before(async () => {
    hub = await Hub.start();
  });
  after(() => hub.dispose());

  test('an envelope reaches protocol 2 and the mailbox, and protocol 1 gets no key more', async () => {
    const [ann, bob] = await people(hub, 'e-ann', 'e-bob');
    const old = await Client.join(hub, 'e-old');
    const modern = await Client.join(hub, 'e-bob', { ...kVersion2, token: bob.token });
    assert.ok(modern.identified.features.includes('message_ack'));
    assert.ok(modern.identified.features.includes('message_envelope'));
    const { id } = await send(ann, kEnvelope);
    const pushed = await modern.expect({ type: 'message', id });
    const plain = ['from', 'id', 'message_type', 'payload', 'reply_to', 'timestamp', 'type'];
    assert.deepEqual(Object.keys(pushed).sort(), [...plain, 'seq', ...Object.keys(kEnvelope)].sort());
    for (const [key, value] of Object.entries(kEnvelope)) assert.deepEqual(pushed[key], value, key);
    assert.deepEqual(Object.keys(await old.expect({ type: 'message', id })).sort(), plain);
    const stored = (await inbox(bob, 'e-bob')).messages.find((message) => message.id === id);
    assert.equal(stored.seq, pushed.seq);
    for (const [key, value] of Object.entries(kEnvelope)) assert.deepEqual(stored[key], value, key);
    // What is not set has no key.
    const bare = await send(ann, { to: 'e-bob' });
    assert.deepEqual(Object.keys(await modern.expect({ type: 'message', id: bare.id })).sort(), [...plain, 'seq'].sort());
    await old.close();
    await modern.close();
  });

  test('an envelope over a socket, and what is no envelope', async () => {
    const modern = await Client.join(hub, 'f-ann', kVersion2);
    await people(hub, 'f-bob');
    const sent = await modern.request(
      { type: 'message', to: 'f-bob', payload: {}, ...kEnvelope, request_id: 'r1' },
      { request_id: 'r1' },
    );
    assert.equal(sent.type, 'message_sent');
    const refused = await modern.request(
      { type: 'message', to: 'f-bob', payload: {}, importance: 'huge', request_id: 'r2' },
      { request_id: 'r2' },
    );
    assert.equal(refused.error, 'validation_failed');
    assert.equal(refused.errors[0].field, 'importance');
    await modern.close();
  });

  test('mail expires when its sender says so', async () => {
    const [ann, bob] = await people(hub, 'x-ann', 'x-bob');
    const { id } = await send(ann, { to: 'x-bob', expires_at: Date.now() + 1_000 });
    assert.deepEqual((await inbox(bob, 'x-bob')).messages.map((message) => message.id), [id]);
    await delivered(ann, id, 'expired');
    assert.equal((await inbox(bob, 'x-bob')).count, 0);
    const past = await ann.post('/api/message', { to: 'x-bob', payload: {}, expires_at: 1 });
    assert.equal(past.status, 422);
    assert.equal(past.body.errors[0].field, 'expires_at');
  });

  test('a message to a sidecar: stored, pushed, read, acknowledged, each with its time', async () => {
    const [ann, bob] = await people(hub, 's-ann', 's-bob');
    const offline = await send(ann, { to: 's-bob' });
    assert.equal((await delivered(ann, offline.id, 'stored')).pushed_at, null);
    const sidecar = await Client.join(hub, 's-bob', { client_type: 'sidecar', token: bob.token });
    const { id } = await send(ann, { to: 's-bob' });
    await sidecar.expect({ type: 'message', id });
    assert.ok((await delivered(ann, id, 'pushed')).pushed_at > 0);
    const { last_seq } = await inbox(bob, 's-bob');
    assert.ok((await delivered(ann, id, 'read')).read_at > 0);
    assert.ok((await delivered(ann, offline.id, 'read')).read_at > 0);
    await bob.post('/api/mailbox/s-bob/ack', { seq: last_seq });
    const done = await delivered(ann, id, 'acked');
    assert.ok(done.stored_at <= done.pushed_at && done.pushed_at <= done.read_at && done.read_at <= done.acked_at);
    const page = (await ann.get('/api/messages/sent')).body;
    assert.deepEqual(page.messages.map((message) => message.id), [id, offline.id]);
    assert.deepEqual(page.messages[0].deliveries, [done]);
    assert.equal(page.next_before, null);
    await sidecar.close();
  });

  test('a plain socket of protocol 1 takes a message with its push', async () => {
    const [ann] = await people(hub, 'p-ann');
    const bob = await Client.join(hub, 'p-bob');
    const { id } = await send(ann, { to: 'p-bob' });
    await bob.expect({ type: 'message', id });
    const done = await delivered(ann, id, 'acked');
    assert.ok(done.pushed_at > 0);
    assert.equal(done.pushed_at, done.acked_at);
    assert.equal(done.read_at, null);
    await bob.close();
  });

  test('message_ack ends mail up to a number', async () => {
    const [ann, api] = await people(hub, 'a-ann', 'a-bob');
    const bob = await Client.join(hub, 'a-bob', { ...kVersion2, token: api.token });
    const seqs = [];
    for (let i = 0; i < 5; ++i) seqs.push((await send(ann, { to: 'a-bob' }), await bob.expect({ type: 'message' })).seq);
    const acked = await bob.request({ type: 'message_ack', seq: seqs[2], request_id: 9 }, { type: 'message_acked' });
    assert.deepEqual({ ...acked }, { type: 'message_acked', seq: seqs[2], request_id: 9 });
    assert.deepEqual((await inbox(api, 'a-bob')).messages.map((message) => message.seq), seqs.slice(3));
    await bob.close();
    const again = await Client.join(hub, 'a-bob', { ...kVersion2, token: api.token });
    assert.equal(again.identified.mailbox_pending, 2);
    await again.close();
  });

  test('a name nobody has', async () => {
    const [ann] = await people(hub, 'u-ann', 'u-robert');
    const strict = await ann.post('/api/message?strict=1', { to: 'u-rober', payload: {} });
    assert.equal(strict.status, 404);
    assert.deepEqual(strict.body, { error: 'unknown_recipient', to: 'u-rober', near: ['u-robert'] });
    const modern = await Client.join(hub, 'u-new', kVersion2);
    const refused = await modern.request({ type: 'message', to: 'u-robret', payload: {} }, { type: 'error' });
    assert.deepEqual({ ...refused }, { type: 'error', error: 'unknown_recipient', to: 'u-robret', near: ['u-robert'] });
    await modern.close();

    const old = await Client.join(hub, 'u-old');
    await old.request({ type: 'message', to: 'u-late', payload: { n: 1 } }, { type: 'message_sent' });
    await old.close();
    const filed = await send(ann, { to: 'u-late', payload: { n: 2 } });
    assert.equal(filed.undeliverable, true);
    const [before] = await deliveries(ann, filed.id);
    assert.equal(before.state, 'undeliverable');
    assert.equal((await ann.get('/api/messages/sent')).body.messages[0].undeliverable, true);
    const [late] = await people(hub, 'u-late');
    assert.deepEqual((await inbox(late, 'u-late')).messages.map((message) => message.payload.n), [1, 2]);
    await delivered(ann, filed.id, 'read');
  });

  test('of a broadcast the sender sees every delivery, a recipient its own', async () => {
    const room = { workspace: 'broadcasts' };
    const make = async (agent_id) => {
      const reply = await hub.api().post('/admin/tokens', { agent_id, ...room });
      assert.equal(reply.status, 201, reply.text);
      return hub.api(reply.body.token);
    };
    const [ann, bob, cat] = [await make('ann'), await make('bob'), await make('cat')];
    const { id } = await send(ann, {});
    await inbox(bob, 'bob');
    assert.deepEqual((await deliveries(ann, id)).map((each) => [each.agent_id, each.state]), [['bob', 'read'], ['cat', 'stored']]);
    assert.deepEqual((await deliveries(cat, id)).map((each) => each.agent_id), ['cat']);
    const [stranger] = await people(hub, 'b-stranger');
    assert.equal((await stranger.get(`/api/messages/${id}/deliveries`)).status, 404);
  });

  test('the pages of what one has sent join without gap or repeat', async () => {
    const [ann] = await people(hub, 'j-ann', 'j-bob');
    const ids = [];
    for (let i = 0; i < 7; ++i) ids.unshift((await send(ann, { to: 'j-bob' })).id);
    const found = [];
    let before = '';
    do {
      const page = (await ann.get(`/api/messages/sent?limit=3${before}`)).body;
      found.push(...page.messages.map((message) => message.id));
      before = page.next_before === null ? '' : `&before=${page.next_before}`;
    } while (before);
    assert.deepEqual(found, ids);
  });

  test('a waiting reader of a mailbox is answered by the message, and that is a reading', async () => {
    const [ann, bob] = await people(hub, 'w-ann', 'w-bob');
    const waiting = inbox(bob, 'w-bob', '?wait_ms=20000');
    const { id } = await send(ann, { to: 'w-bob' });
    const box = await waiting;
    assert.deepEqual(box.messages.map((message) => message.id), [id]);
    await delivered(ann, id, 'read');
    assert.equal((await inbox(bob, 'w-bob', `?since=${box.last_seq}&wait_ms=1`)).count, 0);
  });
});

test('receipts survive kill -9', async (t) => {
  const hub = await hub_for(t);
  const [ann, bob] = await people(hub, 'ann', 'bob');
  const sidecar = await Client.join(hub, 'bob', { client_type: 'sidecar', token: bob.token });
  const { id } = await send(ann, { to: 'bob' });
  await sidecar.expect({ type: 'message', id });
  await delivered(ann, id, 'pushed');
  const { last_seq } = await inbox(bob, 'bob');
  await bob.post('/api/mailbox/bob/ack', { seq: last_seq });
  const before = await delivered(ann, id, 'acked');
  const other = await Client.join(hub, 'other', kVersion2);
  const waiting = await send(ann, { to: 'other' });
  const { seq } = await other.expect({ type: 'message', id: waiting.id });
  await other.request({ type: 'message_ack', seq }, { type: 'message_acked' });
  await hub.restart();
  assert.deepEqual(await deliveries(ann, id), [before]);
  // The acknowledgement is there; when it came may have been lost with the last moment.
  assert.equal((await deliveries(ann, waiting.id))[0].state, 'acked');
  assert.equal((await inbox(bob, 'bob')).count, 0);
});

describe('who one is', () => {
  let hub;
  before(async () => {
    hub = await Hub.start();
  });
  after(() => hub.dispose());

  test('whoami', async () => {
    const [ann] = await people(hub, 'ann');
    assert.deepEqual((await ann.get('/api/whoami')).body, {
      principal: 'ann',
      kind: 'agent',
      role: 'agent',
      workspace: 'default',
      of_hub: false,
      token_prefix: `${ann.token.slice(0, 8)}...`,
      scopes: [],
      expires_at: null,
    });
    const admin = (await hub.api().get('/api/whoami')).body;
    assert.deepEqual([admin.principal, admin.kind, admin.role, admin.of_hub], ['admin', 'system', 'admin', true]);
    assert.equal((await hub.api(null).get('/api/whoami')).status, 401);
  });

  test('a rotated token takes the place of all others, and ends the socket', async () => {
    const [bob] = await people(hub, 'bob');
    const socket = await Client.join(hub, 'bob', { token: bob.token });
    const rotated = await bob.post('/admin/tokens/bob/rotate');
    assert.equal(rotated.status, 201);
    assert.deepEqual(Object.keys(rotated.body), ['agent_id', 'token']);
    assert.equal((await socket.expect_close()).code, 1008);
    assert.equal((await bob.get('/api/whoami')).status, 401);
    assert.equal((await hub.api(rotated.body.token).get('/api/whoami')).body.principal, 'bob');
    const [cat] = await people(hub, 'cat');
    assert.equal((await cat.post('/admin/tokens/bob/rotate')).status, 403);
    assert.equal((await hub.api().post('/admin/tokens/nobody/rotate')).status, 404);
    // A repeated request gets a new secret, and the first one ends.
    const headers = { 'idempotency-key': 'rotate-1' };
    const first = await hub.api().post('/admin/tokens/bob/rotate', undefined, { headers });
    const second = await hub.api().post('/admin/tokens/bob/rotate', undefined, { headers });
    assert.notEqual(first.body.token, second.body.token);
    assert.equal((await hub.api(first.body.token).get('/api/whoami')).status, 401);
    assert.equal((await hub.api(second.body.token).get('/api/whoami')).status, 200);
  });

  test('people are made by the administrator', async () => {
    const made = await hub.api().post('/admin/tokens', { agent_id: 'human:eve', kind: 'human' });
    assert.equal(made.status, 201, made.text);
    const eve = hub.api(made.body.token);
    assert.equal((await eve.get('/api/whoami')).body.kind, 'human');
    assert.equal((await hub.api(null).post('/api/onboard/register', { agent_id: 'human:eva' })).status, 403);
    assert.equal((await hub.api().post('/admin/tokens', { agent_id: 'eva', kind: 'human' })).status, 422);
    // People have mail as agents do.
    const [dan] = await people(hub, 'dan');
    const { id } = await send(dan, { to: 'human:eve' }, '?strict=1');
    assert.deepEqual((await inbox(eve, encodeURIComponent('human:eve'))).messages.map((message) => message.id), [id]);
  });
});
