// The log of messages over a real socket: filters, pages, full-text search, analytics.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { Hub } from './lib/hub.mjs';
import { until } from './lib/wait.mjs';

describe('message history', () => {
  let hub;
  let ann;
  before(async () => {
    hub = await Hub.start();
    ann = hub.api(await hub.token_for('ann'));
    await hub.token_for('bob');
    for (const text of ['red fish', 'blue fish', 'no bird']) {
      assert.equal((await ann.post('/api/message', { to: 'bob', payload: { text } })).status, 200);
    }
  });
  after(() => hub.dispose());

  test('pages follow the cursor in both directions', async () => {
    const first = (await ann.get('/api/messages?from=ann&limit=2')).body;
    assert.equal(first.count, 2);
    assert.equal(first.next_cursor, first.cursor);
    const second = (await ann.get(`/api/messages?from=ann&limit=2&cursor=${first.cursor}`)).body;
    assert.deepEqual(second.messages.map((message) => message.payload.text), ['no bird']);
    assert.equal(second.next_cursor, undefined);
    const newest = (await ann.get('/api/messages?order=desc&limit=1&to=bob')).body;
    assert.equal(newest.messages[0].payload.text, 'no bird');
    assert.equal((await ann.get('/api/messages?limit=one')).status, 422);
  });

  test('words are found once the search has caught up, whatever people type', async () => {
    await until(async () => (await ann.get('/api/messages?q=fish')).body.count === 2, 'the search has caught up');
    for (const [query, count] of [['fish red', 1], ['"blue fish"', 1], ['fi*', 2], ['"fish blue"', 0], ['(NEAR" -*', 0],
      ['bird OR fish', 0], ['BIRD', 1]]) {
      const reply = await ann.get(`/api/messages?q=${encodeURIComponent(query)}`);
      assert.equal(reply.status, 200, query);
      assert.equal(reply.body.count, count, query);
    }
    assert.equal((await ann.get('/api/messages?q=fish&to=nobody')).body.count, 0);
  });

  test('analytics count what was sent', async () => {
    const bob = await Client.join(hub, 'bob');
    bob.send({ type: 'message', to: 'ann', payload: {} });
    await bob.expect({ type: 'message_sent' });
    const summary = (await ann.get('/api/analytics/summary')).body;
    assert.equal(summary.agents_connected, 1);
    assert.equal(summary.total_messages_24h, 4);
    const hourly = (await ann.get('/api/analytics/agents/bob/hourly')).body.hourly;
    assert.equal(hourly.length, 24);
    assert.equal(hourly.reduce((sum, bucket) => sum + bucket.received, 0), 3);
  });
});
