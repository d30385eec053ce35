// Bad input. Each attack must get the right error or close code, must not cost memory without bound, and must leave a
// well-behaved pair of agents alone: its p99 is compared with its quiet value.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { Hub } from './lib/hub.mjs';
import { Pair } from './lib/pair.mjs';
import { Prng, run_seed } from './lib/prng.mjs';
import { encode_frame, kContinuation, kText, RawSocket, raw_agent, raw_websocket } from './lib/raw.mjs';
import { deferred, until, within } from './lib/wait.mjs';

const kMaxRss = 1024 * 1024 * 1024;
const kMiB = 1024 * 1024;

/** Runs `task(i)` for 0 … count-1, at most `width` at a time. */
async function in_parallel(count, width, task) {
  let next = 0;
  const lane = async () => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
}

describe('bad input', () => {
  const seed = run_seed();
  const prng = new Prng(seed);
  let hub;
  let pair;
  let quiet;
  let file_limit;

  before(async () => {
    // The hub and this process each need a descriptor per connection.
    file_limit = Number(execFileSync('sh', ['-c', 'ulimit -n $(ulimit -Hn) 2>/dev/null; ulimit -n']).toString());
    hub = await Hub.start({ wrapper: ['sh', '-c', 'ulimit -n $(ulimit -Hn) 2>/dev/null; exec "$@"', 'sh'] });
    pair = await Pair.start(hub);
    await pair.measure(300); // warm up
    quiet = await pair.measure(1500);
  });

  after(async () => {
    await pair?.stop();
    await hub?.dispose();
  });

  /** An attack: what `body(t, run)` does, once or often, then the pair's figures and the hub's memory. */
  function attack(name, body, options) {
    test(name, { timeout: 60_000, ...options }, async (t) => {
      t.diagnostic(`SEED=${seed}`);
      hub.reset_highest_memory();
      const busy = await pair.during((run) => body(t, run));
      pair.judge(t, name, quiet, busy);
      const highest = hub.memory('VmHWM');
      t.diagnostic(`memory: ${(hub.memory() / kMiB).toFixed(0)} MiB now, ${(highest / kMiB).toFixed(0)} MiB at most`);
      assert.ok(highest < kMaxRss, `${(highest / kMiB).toFixed(0)} MiB`);
      assert.equal((await hub.api().get('/health')).status, 200);
    });
  }

  const request = (method, path, headers = {}, body = '') => {
    const all = { Host: `127.0.0.1:${hub.port}`, ...headers };
    if (body) all['Content-Length'] = Buffer.byteLength(body);
    return `${method} ${path} HTTP/1.1\r\n${Object.entries(all).map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n${body}`;
  };
  const json_request = (path, body) =>
    request('POST', path, { 'Content-Type': 'application/json', Authorization: `Bearer ${hub.admin_token}` }, JSON.stringify(body));

  attack('random bytes instead of HTTP', async () => {
    await in_parallel(300, 20, async () => {
      const raw = await RawSocket.connect(hub.port);
      raw.write(prng.bytes(prng.between(1, 4000)));
      raw.socket.end();
      const response = await raw.read_response().catch(() => undefined);
      if (response) assert.ok(response.status >= 400 && response.status < 600, `${response.status}`);
      await raw.expect_closed();
    });
  });

  attack('random bytes instead of WebSocket frames', async () => {
    await in_parallel(300, 20, async () => {
      const raw = await raw_websocket(hub);
      raw.write(prng.bytes(prng.between(2, 3000)));
      raw.socket.end();
      const { code } = await raw.read_to_close();
      if (code !== undefined) assert.ok([1000, 1002, 1003, 1007, 1008, 1009].includes(code), `${code}`);
      await raw.expect_closed();
    });
  });

  attack('broken JSON in frames and bodies', async () => {
    const whole = JSON.stringify({ type: 'message', to: 'x', payload: { a: [1, 2.5e3, 'ü', null, true, { b: '\\' }] } });
    await in_parallel(60, 10, async () => {
      const client = await Client.open(hub);
      // Every bad frame is a violation: nine are answered, the tenth closes.
      let answered = 0;
      while (!client.close_info && answered < 12) {
        const bytes = Buffer.from(whole);
        if (prng.chance(0.5)) bytes[prng.between(0, bytes.length - 1)] = 0x20 + prng.between(0, 0x5e);
        const text = prng.chance(0.5) ? bytes.subarray(0, prng.between(0, bytes.length - 1)).toString('utf8') : bytes.toString('utf8');
        client.send_text(text);
        await Promise.race([client.next().catch(() => {}), client.closed]);
        answered += 1;
      }
      if (client.close_info) assert.equal(client.close_info.code, 1008);
      client.socket.terminate();
    });
    const api = hub.api();
    for (let i = 0; i < 100; ++i) {
      const cut = prng.between(1, whole.length - 1);
      const reply = await api.request('POST', '/api/message', {
        raw_body: whole.slice(0, cut), headers: { 'content-type': 'application/json' },
      });
      assert.equal(reply.status, 400, whole.slice(0, cut));
      assert.equal(typeof reply.body.error, 'string');
    }
  });

  attack('frames of 17 MiB are closed with 1009', async () => {
    const blob = Buffer.alloc(17 * kMiB, 0x61);
    await in_parallel(8, 4, async () => {
      const raw = await raw_websocket(hub);
      raw.write(encode_frame({ payload: blob }));
      assert.equal((await raw.read_to_close()).code, 1009);
    });
  });

  attack('half frames that are never finished', async (t, run) => {
    const sockets = [];
    await in_parallel(200, 20, async (i) => {
      const raw = await raw_agent(hub, `half-${run}-${i}`);
      // Claims 1 MiB and sends a little.
      const frame = encode_frame({ payload: '{"type":"message"', declared_length: kMiB });
      raw.write(frame.subarray(0, prng.between(1, frame.length)));
      sockets.push(raw);
    });
    for (const raw of sockets) raw.destroy();
  });

  attack('many half-received large frames stay within the memory budget', async () => {
    // 64 × 15 MiB of unfinished frames would be 960 MiB; the budget is 256 MiB, and the largest holders are closed.
    const sockets = [];
    const chunk = Buffer.alloc(kMiB, 0x20);
    const closed = { count: 0 };
    await in_parallel(64, 8, async () => {
      const raw = await raw_websocket(hub);
      sockets.push(raw);
      raw.closed.then(() => closed.count++);
      raw.write(encode_frame({ payload: '', declared_length: 15 * kMiB + 100 }));
      for (let i = 0; i < 14 && !raw.ended; ++i) await Promise.race([raw.write(chunk), raw.closed]);
    });
    assert.ok(closed.count > 0, 'nobody was closed');
    for (const raw of sockets) raw.destroy();
  });

  attack('wrong UTF-8 is closed with 1007, unmasked frames with 1002', async () => {
    await in_parallel(100, 20, async (i) => {
      const raw = await raw_websocket(hub);
      if (i % 2) raw.write(encode_frame({ payload: Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22]) }));
      else raw.write(encode_frame({ payload: '{"type":"ping"}', mask: false }));
      assert.equal((await raw.read_to_close()).code, i % 2 ? 1007 : 1002);
    });
  });

  attack('wrong UTF-8 split over fragments', async () => {
    const raw = await raw_websocket(hub);
    raw.write(encode_frame({ opcode: kText, fin: false, payload: Buffer.from([0x22, 0xe2, 0x82]) }));
    raw.write(encode_frame({ opcode: kContinuation, payload: Buffer.from([0x22]) }));
    assert.equal((await raw.read_to_close()).code, 1007);
  });

  attack('10 000 pipelined frames in one write are all answered, in order', async (t, run) => {
    const raw = await raw_agent(hub, `pipeline-${run}`);
    const frames = [];
    for (let i = 0; i < 10_000; ++i) {
      frames.push(encode_frame({ payload: JSON.stringify({ type: 'task_accepted', task_id: `task-${i}` }) }));
    }
    raw.write(Buffer.concat(frames));
    for (let i = 0; i < 10_000; ++i) {
      const reply = await raw.read_json(20_000);
      assert.equal(reply.task_id, `task-${i}`);
    }
    raw.destroy();
  });

  attack('two POSTs in one packet are each applied once and answered in order', async (t, run) => {
    for (let i = 0; i < 20; ++i) {
      const raw = await RawSocket.connect(hub.port);
      const bodies = [1, 2].map((n) => ({ description: `two-posts-${run}-${i}-${n}`, needed_capabilities: ['nobody'] }));
      raw.write(bodies.map((body) => json_request('/api/tasks', body)).join(''));
      const ids = [];
      for (const body of bodies) {
        const response = await raw.read_response();
        assert.equal(response?.status, 201);
        const task = await hub.api().get(`/api/tasks/${response.json.task_id}`);
        assert.equal(task.body.description, body.description);
        ids.push(response.json.task_id);
      }
      assert.equal(new Set(ids).size, 2);
      raw.destroy();
    }
    assert_each_task_once(await all_descriptions(), new RegExp(`^two-posts-${run}-`), 40);
  });

  attack('a POST and GETs in one packet are each answered once', async (t, run) => {
    for (let i = 0; i < 20; ++i) {
      const raw = await RawSocket.connect(hub.port);
      const post = json_request('/api/tasks', { description: `post-get-${run}-${i}`, needed_capabilities: ['nobody'] });
      raw.write(`${request('GET', '/livez')}${post}${request('GET', '/health')}${request('GET', '/nowhere')}`);
      const statuses = [];
      for (let k = 0; k < 4; ++k) statuses.push((await raw.read_response())?.status);
      assert.deepEqual(statuses, [200, 201, 200, 404]);
      raw.destroy();
    }
    assert_each_task_once(await all_descriptions(), new RegExp(`^post-get-${run}-`), 20);
  });

  async function all_descriptions() {
    const api = hub.api();
    const out = [];
    let cursor;
    do {
      const reply = await api.get(`/api/tasks?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
      assert.equal(reply.status, 200, reply.text);
      out.push(...reply.body.tasks.map((task) => task.description));
      cursor = reply.body.tasks.length ? (reply.body.next_cursor ?? reply.body.cursor) : undefined;
    } while (cursor);
    return out;
  }

  function assert_each_task_once(descriptions, pattern, count) {
    const mine = descriptions.filter((text) => pattern.test(text));
    assert.equal(mine.length, count);
    assert.equal(new Set(mine).size, count);
  }

  attack('requests that arrive byte by byte', async () => {
    const raw = await RawSocket.connect(hub.port);
    for (const byte of Buffer.from(json_request('/api/tasks', { description: 'bytes', needed_capabilities: ['nobody'] }))) {
      await raw.write(Buffer.from([byte]));
    }
    assert.equal((await raw.read_response()).status, 201);
    raw.destroy();
  });

  attack('chunked bodies are decoded or refused with 411, never taken as they are', async () => {
    const body = JSON.stringify({ description: 'chunked', needed_capabilities: ['nobody'] });
    const head = request('POST', '/api/tasks', {
      'Content-Type': 'application/json', Authorization: `Bearer ${hub.admin_token}`, 'Transfer-Encoding': 'chunked',
    });
    const chunk = (text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
    const good = await RawSocket.connect(hub.port);
    good.write(`${head}${chunk(body.slice(0, 10))}${chunk(body.slice(10))}0\r\n\r\n${request('GET', '/health')}`);
    const response = await good.read_response();
    assert.ok([201, 411].includes(response.status), `${response.status}`);
    if (response.status === 201) assert.equal((await good.read_response()).status, 200);
    good.destroy();
    for (const wrong of ['zz\r\nabc\r\n', 'ffffffffffffffffff\r\n', '5\r\nabcdefgh\r\n', '-1\r\n\r\n']) {
      const raw = await RawSocket.connect(hub.port);
      raw.write(head + wrong);
      const reply = await raw.read_response();
      if (reply) assert.ok([400, 411, 413].includes(reply.status), `${JSON.stringify(wrong)}: ${reply.status}`);
      await raw.expect_closed();
    }
    // Chunks without end are a body that is too large.
    const flood = await RawSocket.connect(hub.port);
    flood.write(head);
    const megabyte = chunk('x'.repeat(kMiB));
    for (let i = 0; i < 12 && !flood.ended; ++i) await Promise.race([flood.write(megabyte), flood.closed]);
    const reply = await flood.read_response();
    if (reply) assert.ok([413, 411].includes(reply.status), `${reply.status}`);
    flood.destroy();
  });

  attack('Expect: 100-continue is answered before the body', async () => {
    const body = JSON.stringify({ description: 'expected', needed_capabilities: ['nobody'] });
    const head = (length) =>
      `POST /api/tasks HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nContent-Type: application/json\r\n` +
      `Authorization: Bearer ${hub.admin_token}\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
    const raw = await RawSocket.connect(hub.port);
    raw.write(head(body.length));
    assert.equal((await raw.read_response()).status, 100);
    raw.write(body);
    assert.equal((await raw.read_response()).status, 201);
    raw.destroy();
    // What will be refused anyway is refused before the body is sent.
    const large = await RawSocket.connect(hub.port);
    large.write(head(9_000_000));
    assert.equal((await large.read_response()).status, 413);
    large.destroy();
    const odd = await RawSocket.connect(hub.port);
    odd.write(head(2).replace('100-continue', 'miracles'));
    const reply = await odd.read_response();
    assert.ok([417, 400, 422].includes(reply.status), `${reply.status}`);
    odd.destroy();
  });

  attack('slow readers are closed with 1008, and keep their direct mail', async (t, run) => {
    const sloth = `sloth-${run}`;
    const token = await hub.token_for(sloth);
    const slow = await raw_agent(hub, sloth, { token, client_type: 'sidecar' });
    slow.pause();
    const sender = await Client.join(hub, `sloth-sender-${run}`);
    let gone = false;
    const left = sender.expect({ type: 'agent_left', agent_id: sloth }, 50_000).then(() => (gone = true));
    const blob = 'x'.repeat(64 * 1024);
    const sent = [];
    // Some at a time, so that the sender is never a slow reader itself.
    while (!gone && sent.length < 5000) {
      for (let i = 0; i < 20; ++i) sender.send({ type: 'message', to: sloth, payload: { n: sent.length + i, blob } });
      for (let i = 0; i < 20; ++i) sent.push((await sender.expect({ type: 'message_sent' })).id);
    }
    t.diagnostic(`closed after ${sent.length} messages of 64 KiB`);
    await within(left, 'end of the slow reader');
    slow.resume();
    const { code } = await slow.read_to_close(20_000);
    // The close frame stands behind what the kernel still held, or was lost with it.
    if (code !== undefined) assert.equal(code, 1008);
    const api = hub.api(token);
    const kept = [];
    for (let since = 0; ; ) {
      const reply = await api.get(`/api/mailbox/${sloth}?since=${since}`, { timeout_ms: 30_000 });
      assert.equal(reply.status, 200);
      if (reply.body.count === 0) break;
      kept.push(...reply.body.messages.map((message) => message.id));
      since = reply.body.last_seq;
    }
    assert.deepEqual(kept, sent);
    await api.post(`/api/mailbox/${sloth}/ack`, { seq: Number.MAX_SAFE_INTEGER });
    await sender.close();
  });

  attack('many slow readers of broadcasts share one payload', async (t, run) => {
    const slow = [];
    await in_parallel(100, 10, async (i) => {
      const raw = await raw_agent(hub, `lazy-${run}-${i}`);
      raw.pause();
      slow.push(raw);
    });
    const sender = await Client.join(hub, `lazy-sender-${run}`);
    sender.on_frame = (frame) => frame.type === 'message' || frame.type === 'agent_left';
    const blob = 'y'.repeat(256 * 1024);
    for (let i = 0; i < 100; ++i) {
      sender.send({ type: 'message', payload: { i, blob } });
      await sender.expect({ type: 'message_sent' }, 20_000);
    }
    for (const raw of slow) raw.destroy();
    await sender.close();
  });

  attack('slow senders', async () => {
    const sockets = [];
    await in_parallel(200, 20, async (i) => {
      const raw = await RawSocket.connect(hub.port);
      sockets.push(raw);
      raw.write(i % 2 ? 'GET /hea' : `POST /api/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`);
    });
    for (let beat = 0; beat < 10; ++beat) {
      for (const raw of sockets) raw.write('x');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    for (const raw of sockets) raw.destroy();
  });

  attack('5 000 idle connections', async (t, run) => {
    const count = Math.min(5000, file_limit - 300);
    if (count < 5000) t.diagnostic(`only ${count}: the limit of open files is ${file_limit}`);
    const memory_before = hub.memory();
    const sockets = [];
    await in_parallel(count, 100, async (i) => {
      sockets.push(i % 2 ? await raw_websocket(hub) : await RawSocket.connect(hub.port));
    });
    const probe = await Client.join(hub, `idle-probe-${run}`);
    await probe.settle();
    await probe.close();
    const each = (hub.memory() - memory_before) / count;
    t.diagnostic(`${(each / 1024).toFixed(1)} KiB each`);
    assert.equal(sockets.filter((raw) => raw.ended).length, 0, 'idle connections were ended');
    for (const raw of sockets) raw.destroy();
  });

  attack('1 000 bodies of 8 MB at 1 KB a second', async (t) => {
    const count = Math.min(1000, file_limit - 300);
    if (count < 1000) t.diagnostic(`only ${count}: the limit of open files is ${file_limit}`);
    const sockets = [];
    const head =
      `POST /api/tasks HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nContent-Type: application/json\r\n` +
      `Authorization: Bearer ${hub.admin_token}\r\nContent-Length: 8000000\r\n\r\n`;
    await in_parallel(count, 100, async () => {
      const raw = await RawSocket.connect(hub.port);
      raw.write(head);
      sockets.push(raw);
    });
    const trickle = Buffer.alloc(256, 0x20);
    for (let beat = 0; beat < 16; ++beat) {
      for (const raw of sockets) if (!raw.ended) raw.write(trickle);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    // Announced is not received: 8 GB must not be set aside.
    assert.ok(hub.memory() < kMaxRss);
    for (const raw of sockets) raw.destroy();
  });

  attack('fast large bodies beyond the budget are refused, not stored', async () => {
    const sockets = [];
    const chunk = Buffer.alloc(kMiB, 0x20);
    await in_parallel(60, 10, async () => {
      const raw = await RawSocket.connect(hub.port);
      sockets.push(raw);
      raw.write(`POST /api/tasks HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n`);
      for (let i = 0; i < 7 && !raw.ended; ++i) await Promise.race([raw.write(chunk), raw.closed]);
    });
    for (const raw of sockets) raw.destroy();
  });

  attack('100 000 messages to invented names are all acknowledged or refused', async (t, run) => {
    const count = 100_000;
    const raw = await raw_agent(hub, `inventor-${run}`);
    const answers = { message_sent: 0, error: 0 };
    const done = deferred();
    const window = 2000;
    let sent = 0;
    const send_some = (n) => {
      const frames = [];
      for (let i = 0; i < n && sent < count; ++i, ++sent) {
        frames.push(encode_frame({ payload: `{"type":"message","to":"nobody-${run}-${sent}","payload":{"n":${sent}}}` }));
      }
      if (frames.length) raw.write(Buffer.concat(frames));
    };
    (async () => {
      send_some(window);
      while (answers.message_sent + answers.error < count) {
        const frame = await raw.read_json(30_000);
        if (!frame) throw new Error('the connection ended');
        if (frame.type in answers) answers[frame.type] += 1;
        if ((answers.message_sent + answers.error) % 500 === 0) send_some(500);
      }
    })().then(done.resolve, done.reject);
    await within(done.promise, `answers to all messages (so far ${JSON.stringify(answers)})`, 55_000);
    t.diagnostic(JSON.stringify(answers));
    raw.destroy();
  });

  test('afterwards the hub is whole: connections are gone and work goes on', async () => {
    await until(async () => {
      const { body } = await hub.api().get('/health');
      return body.agents_connected <= 2;
    }, 'attackers gone from presence');
    const agent = await Client.join(hub, 'after', { capabilities: ['after'] });
    const { task_id } = (await hub.api().post('/api/tasks', { description: '', needed_capabilities: ['after'] })).body;
    await agent.expect({ type: 'task_assign', task_id });
    await agent.request({ type: 'task_complete', task_id, generation: 1 }, { type: 'task_ack', status: 'complete' });
    await agent.close();
  });
});
