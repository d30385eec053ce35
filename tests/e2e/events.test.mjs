// GET /api/events over real sockets: long polls, streams, readers who go away or fall asleep, and a hub that is killed.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { EventStream } from './lib/events.mjs';
import { Hub, hub_for } from './lib/hub.mjs';
import { Prng, run_seed } from './lib/prng.mjs';
import { RawSocket } from './lib/raw.mjs';
import { until, within } from './lib/wait.mjs';

const submit = async (api, count = 1) => {
  const ids = [];
  for (let i = 0; i < count; ++i) {
    const reply = await api.post('/api/tasks', { description: `task ${i}` });
    assert.equal(reply.status, 201);
    ids.push(reply.body.task_id);
  }
  return ids;
};
const seqs = (events) => events.map((event) => event.seq);
const seq_of = (cursor) => Number(cursor.split('.')[1]);

describe('events', () => {
  let hub;
  let api;

  before(async () => {
    hub = await Hub.start();
    api = hub.api();
  });
  after(() => hub?.dispose());

  test('a poll waits for the next event and gives a cursor to go on from', async () => {
    const now = (await api.get('/api/events')).body;
    const waiting = api.get(`/api/events?since=${now.cursor}&wait_ms=20000`);
    const [id] = await submit(api);
    const reply = await waiting;
    assert.equal(reply.status, 200);
    assert.deepEqual(
      reply.body.events.map(({ kind, subject, principal }) => ({ kind, subject, principal })),
      [{ kind: 'task_submitted', subject: id, principal: 'admin' }],
    );
    assert.equal(reply.body.cursor, reply.body.events[0].cursor);
    assert.equal(reply.body.cursor, `${now.epoch}.${seq_of(now.cursor) + 1}`);
    assert.deepEqual((await api.get(`/api/events?since=${reply.body.cursor}`)).body.events, []);
  });

  test('the token may be in the header or in the query, and must be somewhere', async () => {
    assert.equal((await api.get(`/api/events?token=${hub.admin_token}`, { token: null })).status, 200);
    assert.equal((await api.get('/api/events', { token: null })).status, 401);
    assert.equal((await EventStream.open(hub, 'wrong')).status, 401);
    const stream = await EventStream.open(hub, null, `?token=${hub.admin_token}`);
    assert.equal(stream.status, 200);
    stream.close();
  });

  test('a stream tells each event once, with its id, name and data', async (t) => {
    const hub = await hub_for(t);
    const api = hub.api();
    const stream = await EventStream.open(hub, hub.admin_token, '?kind=task_*,agent_*');
    t.after(() => stream.close());
    assert.equal(stream.status, 200);
    assert.equal(stream.response.headers['content-type'], 'text/event-stream; charset=utf-8');
    assert.equal(stream.response.headers['transfer-encoding'], 'chunked');
    const agent = await Client.join(hub, 'streamed');
    const [id] = await submit(api);
    const assigned = await agent.expect({ type: 'task_assign', task_id: id });
    agent.send({ type: 'task_complete', task_id: id, generation: assigned.generation });
    const told = [];
    while (told.at(-1)?.name !== 'task_completed') told.push(await stream.next());
    assert.deepEqual(
      told.map(({ name, data }) => [name, data.subject]),
      [
        ['agent_registered', 'streamed'],
        ['agent_online', 'streamed'],
        ['task_submitted', id],
        ['task_assigned', id],
        ['task_completed', id],
      ],
    );
    for (const { id: cursor, name, data } of told) assert.deepEqual([data.cursor, data.kind], [cursor, name]);
    agent.socket.terminate();
  });

  test('an HTTP/1.0 client gets a stream that ends with the connection', async () => {
    const raw = await RawSocket.connect(hub.port);
    raw.write(`GET /api/events?token=${hub.admin_token} HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n`);
    await until(() => raw.buffer.includes('retry: 1000\nid: '), 'the beginning of the stream');
    const head = raw.buffer.toString('latin1').split('\r\n\r\n')[0];
    assert.match(head, /\r\nconnection: close/);
    assert.doesNotMatch(head, /transfer-encoding|content-length/);
    await submit(api);
    await until(() => raw.buffer.includes('event: task_submitted\n'), 'an event');
    raw.destroy();
  });

  test('HEAD gives a head and nothing else', async () => {
    const raw = await RawSocket.connect(hub.port);
    const lines = `Host: localhost\r\nAuthorization: Bearer ${hub.admin_token}\r\nAccept: text/event-stream\r\n\r\n`;
    raw.write(`HEAD /api/events HTTP/1.1\r\n${lines}GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const head = await raw.read_response({ head_only: true });
    // A stream has no end that a head could tell, so it is the head of an ordinary answer.
    assert.equal(head.headers['content-type'], 'application/json; charset=utf-8');
    assert.ok(Number(head.headers['content-length']) > 0);
    assert.equal((await raw.read_response()).json.status, 'ok');
    raw.destroy();
  });

  test('requests behind a poll on the same connection wait for it', async () => {
    const raw = await RawSocket.connect(hub.port);
    const auth = `Host: localhost\r\nAuthorization: Bearer ${hub.admin_token}\r\n\r\n`;
    const { cursor } = (await api.get('/api/events')).body;
    raw.write(`GET /api/events?since=${cursor}&wait_ms=20000 HTTP/1.1\r\n${auth}GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const [id] = await submit(api);
    assert.equal((await raw.read_response()).json.events[0].subject, id);
    assert.equal((await raw.read_response()).json.status, 'ok');
    raw.destroy();
  });
});

test('a reader who goes is forgotten, also with a next request in the pipe', async (t) => {
  const hub = await hub_for(t, { settings: { feed_readers_max: 3 } });
  const head = `Host: localhost\r\nAuthorization: Bearer ${hub.admin_token}\r\n`;
  const full = async () => (await hub.api().get('/api/events?wait_ms=1&kind=none')).status === 503;
  for (const [what, more, accept] of [
    ['polls', '', ''],
    ['polls with a request behind', 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n', ''],
    ['streams', '', 'Accept: text/event-stream\r\n'],
  ]) {
    const readers = [];
    for (let i = 0; i < 3; ++i) {
      const raw = await RawSocket.connect(hub.port);
      raw.write(`GET /api/events?wait_ms=50000&kind=none HTTP/1.1\r\n${head}${accept}\r\n${more}`);
      readers.push(raw);
    }
    await until(full, `three ${what}`);
    for (const raw of readers) raw.destroy();
    await until(async () => !(await full()), `an end of the ${what}`);
  }
});

test('neither the idle timeout of HTTP nor a silent hub ends a reader', async (t) => {
  const hub = await hub_for(t, {
    settings: { keep_alive_ms: 100, head_timeout_ms: 100, body_timeout_ms: 100, feed_keep_alive_ms: 150 },
  });
  const stream = await EventStream.open(hub, hub.admin_token);
  t.after(() => stream.close());
  const waiting = hub.api().get('/api/events?wait_ms=3000');
  await until(() => stream.comments >= 3, 'comments');
  assert.equal(stream.ended, false);
  assert.deepEqual((await waiting).body.events, []);
});

test('a reader who takes nothing is ended, and holds up nobody', async (t) => {
  const kAsleep = 10;
  const hub = await hub_for(t, { settings: { feed_stall_ms: 1500, feed_round_ms: 20, feed_readers_max: kAsleep + 1 } });
  const lively = await EventStream.open(hub, hub.admin_token);
  t.after(() => lively.close());
  const asleep = await Promise.all(Array.from({ length: kAsleep }, () => EventStream.open(hub, hub.admin_token)));
  for (const stream of asleep) stream.response.pause();
  const refused = await EventStream.open(hub, hub.admin_token);
  assert.equal(refused.status, 503);
  // More than the kernel keeps for a reader: some 3 KB of events a task.
  const kTasks = 3000;
  const agent = await Client.join(hub, 'clumsy', { slots: 64, protocol_version: 2 });
  agent.on_frame = ({ type, task_id, generation }) => {
    if (type === 'task_assign') agent.send({ type: 'task_failed', task_id, generation, error: 'y'.repeat(1900) });
    return true;
  };
  const api = hub.api();
  const write = async () => {
    for (let i = 0; i < kTasks / 30; ++i) {
      assert.equal((await api.post('/api/tasks', { description: 'x', max_retries: 1 })).status, 201);
    }
  };
  await Promise.all(Array.from({ length: 30 }, write));
  for (let dead = 0; dead < kTasks; ) {
    const event = await lively.next(20_000);
    if (event.name === 'task_dead_letter') dead += 1;
  }
  const late = await until(async () => {
    const stream = await EventStream.open(hub, hub.admin_token);
    return stream.status === 200 && stream;
  }, 'an end of the sleeping readers');
  late.close();
  for (const stream of asleep) stream.close();
  agent.socket.terminate();
});

test('the end of the hub answers polls and ends streams', async (t) => {
  const hub = await hub_for(t);
  const stream = await EventStream.open(hub, hub.admin_token);
  const waiting = hub.api().get('/api/events?wait_ms=50000');
  const api = hub.api();
  await submit(api);
  await stream.next();
  await waiting;
  const again = api.get('/api/events?wait_ms=50000&kind=none');
  // The poll is under way when the hub has answered something behind it on another connection.
  await until(async () => (await hub.api().get('/livez')).status === 200, 'an answer');
  await hub.stop();
  await stream.expect_end();
  assert.equal(stream.complete, true);
  const last = await again.catch((error) => error);
  assert.ok(last instanceof Error || last.status === 200, String(last));
});

test('two hundred readers hear the same', async (t) => {
  const hub = await hub_for(t);
  const api = hub.api();
  const streams = await Promise.all(Array.from({ length: 100 }, () => EventStream.open(hub, hub.admin_token)));
  t.after(() => streams.forEach((stream) => stream.close()));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 200 });
  t.after(() => agent.destroy());
  const start = (await api.get('/api/events')).body.cursor;
  const poll = (since) =>
    new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: hub.port, agent, headers: { authorization: `Bearer ${hub.admin_token}` } };
      http
        .get({ ...options, path: `/api/events?since=${since}&wait_ms=20000` }, (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk) => (text += chunk));
          response.on('end', () => resolve(JSON.parse(text)));
        })
        .on('error', reject);
    });
  const kEvents = 300;
  const follow = async () => {
    const heard = [];
    for (let cursor = start; heard.length < kEvents; ) {
      const reply = await poll(cursor);
      heard.push(...seqs(reply.events));
      cursor = reply.cursor;
    }
    return heard;
  };
  const followers = Array.from({ length: 100 }, follow);
  await submit(api, kEvents);
  const expected = Array.from({ length: kEvents }, (_, i) => seq_of(start) + 1 + i);
  for (const heard of await within(Promise.all(followers), 'all polls', 30_000)) assert.deepEqual(heard, expected);
  for (const stream of streams) {
    const heard = [];
    while (heard.length < kEvents) heard.push((await stream.next()).data.seq);
    assert.deepEqual(heard, expected);
  }
});

test('no gap and no repeat over reconnects and kills of the hub', { timeout: 180_000 }, async (t) => {
  const seed = run_seed();
  t.diagnostic(`SEED=${seed}`);
  const prng = new Prng(seed);
  const hub = await hub_for(t, { settings: { feed_round_ms: 20, feed_keep_alive_ms: 100, reconnect_grace_ms: 50 } });
  let over = false;

  // Writes whatever it can; a hub that is away makes it try again.
  let failures = 0;
  const write = async () => {
    const ids = [];
    while (!over) {
      try {
        const api = hub.api();
        const reply = prng.chance(0.3) && ids.length
          ? await api.delete(`/api/tasks/${prng.pick(ids)}`)
          : await api.post('/api/tasks', { description: 'x', ...(prng.chance(0.1) ? { max_retries: 1 } : {}) });
        if (reply.status === 201) ids.push(reply.body.task_id);
        if (ids.length > 50) ids.shift();
      } catch {
        failures += 1;
        await until(() => over || hub.running, 'the hub');
      }
    }
  };

  const filters = ['', 'kind=task_s*,agent_*', 'kind=task_cancelled', 'subject=nobody'];
  const wanted = {
    [filters[0]]: () => true,
    [filters[1]]: ({ kind }) => kind.startsWith('task_s') || kind.startsWith('agent_'),
    [filters[2]]: ({ kind }) => kind === 'task_cancelled',
    [filters[3]]: ({ subject }) => subject === 'nobody',
  };
  const followers = [];
  const make = (filter, streams) => {
    const follower = { filter, streams, heard: [], cursor: 'start', rounds: 0 };
    follower.done = (async () => {
      while (!over || follower.cursor === 'start' || seq_of(follower.cursor) < follower.end) {
        follower.rounds += 1;
        try {
          await (streams ? follow_stream(follower) : follow_poll(follower));
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          await until(() => hub.running, 'the hub');
        }
      }
    })();
    follower.done.catch(() => {});
    followers.push(follower);
  };
  const follow_poll = async (follower) => {
    const query = `since=${follower.cursor}&wait_ms=${prng.between(0, 300)}&limit=${prng.between(1, 40)}&${follower.filter}`;
    const reply = await hub.api().get(`/api/events?${query}`);
    if (reply.status !== 200) return;
    assert.equal(reply.body.resync, null);
    follower.heard.push(...seqs(reply.body.events));
    follower.cursor = reply.body.cursor;
  };
  const follow_stream = async (follower) => {
    const stream = await EventStream.open(hub, hub.admin_token, `?since=start&${follower.filter}`, {
      last_event_id: follower.cursor === 'start' ? undefined : follower.cursor,
    });
    if (prng.chance(0.2)) {
      stream.response.pause();
      setTimeout(() => stream.response.resume(), prng.between(1, 50));
    }
    let patience = prng.between(1, 60);
    const take = () => {
      for (const { name, data } of stream.events.splice(0)) {
        assert.notEqual(name, 'resync');
        follower.heard.push(data.seq);
      }
      if (stream.last_id) follower.cursor = stream.last_id;
    };
    const enough = () => over && follower.cursor !== 'start' && seq_of(follower.cursor) >= follower.end;
    while (!stream.ended && !enough() && patience-- > 0) {
      await within(stream.changed_.promise, 'anything in the stream', 20_000);
      take();
    }
    stream.close();
    take();
  };

  for (const filter of filters) {
    make(filter, true);
    make(filter, false);
    make(filter, prng.chance(0.5));
  }
  const writers = [write(), write()];
  for (let kill = 0; kill < 6; ++kill) {
    const goal = (await hub.api().get('/api/events')).body;
    const agent = await Client.join(hub, `agent-${kill}`).catch(() => null);
    const some = seq_of(goal.cursor) + prng.between(30, 250);
    await until(async () => seq_of((await hub.api().get('/api/events')).body.cursor) >= some, 'progress', 30_000);
    agent?.socket.terminate();
    await hub.restart();
  }
  // Readers of nothing must come to the end as well: by the cursor alone.
  const end = seq_of((await hub.api().get('/api/events')).body.cursor);
  for (const follower of followers) follower.end = end;
  over = true;
  await Promise.all(writers);
  await within(Promise.all(followers.map(({ done }) => done)), 'the followers', 60_000);

  const all = [];
  for (let cursor = 'start'; ; ) {
    const { body } = await hub.api().get(`/api/events?since=${cursor}&limit=1000`);
    all.push(...body.events);
    cursor = body.cursor;
    if (!body.more) break;
  }
  assert.deepEqual(seqs(all), Array.from({ length: all.length }, (_, i) => i + 1), `SEED=${seed}`);
  for (const { filter, streams, heard, cursor } of followers) {
    const expected = seqs(all.filter(wanted[filter])).filter((seq) => seq <= seq_of(cursor));
    assert.deepEqual(heard, expected, `${streams ? 'stream' : 'poll'} of "${filter}", SEED=${seed}`);
  }
  t.diagnostic(`${all.length} events, ${followers.reduce((sum, { rounds }) => sum + rounds, 0)} requests, ${failures} failures`);
});
