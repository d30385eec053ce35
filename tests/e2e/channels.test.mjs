// Channels over real sockets: who is given what, however members came and went, and what is left after kill -9.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { Hub, hub_for } from './lib/hub.mjs';

async function api_of(hub, name) {
  return hub.api(await hub.token_for(name));
}

describe('channels', () => {
  let hub;
  before(async () => {
    hub = await Hub.start();
  });
  after(() => hub.dispose());

  test('membership made and ended over HTTP drives an open socket', async () => {
    const ann = await api_of(hub, 'c-ann');
    const bob = await api_of(hub, 'c-bob');
    assert.equal((await ann.post('/api/channels', { name: 'Live' })).status, 201);
    const socket = await Client.join(hub, 'c-bob');
    await bob.post('/api/channels/live/subscribe', {});
    await ann.post('/api/channels/live/publish', { payload: { n: 1 } });
    const push = await socket.expect({ type: 'channel_message' });
    assert.deepEqual(Object.keys(push).sort(), [
      'channel', 'from', 'id', 'message_type', 'payload', 'reply_to', 'timestamp', 'type']);
    await bob.post('/api/channels/live/unsubscribe', {});
    await ann.post('/api/channels/live/publish', { payload: { n: 2 } });
    await socket.expect_none({ type: 'channel_message' });
    const newer = await Client.join(hub, 'c-ann', { protocol_version: 2 });
    await ann.post('/api/channels/live/subscribe', {});
    await bob.post('/api/channels/live/publish', { payload: {} });
    assert.equal((await newer.expect({ type: 'channel_message' })).channel_seq, 3);
  });

  test('mail of members who are away shows the channel', async () => {
    const ann = await api_of(hub, 'm-ann');
    const bob = await api_of(hub, 'm-bob');
    await ann.post('/api/channels', { name: 'mail' });
    await bob.post('/api/channels/mail/subscribe', {});
    await ann.post('/api/channels/mail/publish', { payload: { x: 1 } });
    const { body } = await bob.get('/api/mailbox/m-bob');
    assert.deepEqual(body.messages.map((message) => message.payload), [{ x: 1, channel: 'mail' }]);
    assert.equal((await ann.get('/api/mailbox/m-ann')).body.count, 0);
  });

  test('a channel is in the message log, with its threads', async () => {
    const ann = await api_of(hub, 'l-ann');
    await ann.post('/api/channels', { name: 'log' });
    const first = (await ann.post('/api/channels/log/publish', { payload: { text: 'one' } })).body;
    await ann.post('/api/channels/log/publish', { payload: { text: 'two' }, reply_to: first.id });
    const found = (await ann.get('/api/messages?channel=log')).body;
    assert.deepEqual(found.messages.map((message) => message.channel_seq), [1, 2]);
    const thread = (await ann.get(`/api/threads/${first.id}`)).body;
    assert.equal(thread.count, 2);
  });
});

test('what was published and answered is there after kill -9 in the middle of publishing', async (t) => {
  const hub = await hub_for(t);
  const ann = await api_of(hub, 'ann');
  const bob = await api_of(hub, 'bob');
  await ann.post('/api/channels', { name: 'dev' });
  await bob.post('/api/channels/dev/subscribe', {});
  const socket = await Client.join(hub, 'ann');
  let acknowledged = 0;
  for (let n = 1; n <= 300; ++n) socket.send({ type: 'channel_publish', channel: 'dev', payload: { n } });
  for (let n = 1; n <= 100; ++n) acknowledged = (await socket.expect({ type: 'channel_published' })).seq;
  await hub.restart();
  const history = (await bob.get('/api/channels/dev/history?since=0&limit=200')).body;
  assert.ok(history.count >= acknowledged, `${history.count} of ${acknowledged}`);
  history.messages.forEach((entry, index) => {
    assert.equal(entry.seq, index + 1);
    assert.equal(entry.message.payload.n, index + 1);
  });
  const again = (await ann.post('/api/channels/dev/publish', { payload: {} })).body;
  assert.ok(again.seq > history.count);
});
