// What happens when the disk is full, and when the core itself is wrong.
//
// A full disk is a small tmpfs in a mount namespace of its own (needs root), and RLIMIT_FSIZE set on the running hub.
// A wrong core is a planted assertion: with AGENTCOM_TEST_PLANTED_FAULT=text any frame that carries the text trips it.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { hub_binary, hub_for, make_temp_dir, printed, spawn_tracked } from './lib/hub.mjs';
import { until } from './lib/wait.mjs';

const can_mount = spawnSync('unshare', ['-m', 'true']).status === 0;
const has_prlimit = spawnSync('prlimit', ['--version']).status === 0;

/** A tmpfs of `size` that lives as long as the test. Returns {path, view, enter}. */
async function small_disk(t, size) {
  const directory = make_temp_dir('agentcom-disk-');
  const holder = spawn_tracked('unshare', [
    '-m', 'sh', '-c', 'mount -t tmpfs -o size="$1" none "$2" && echo mounted && exec cat', 'sh', size, directory,
  ]);
  t.after(async () => {
    holder.kill('SIGKILL');
    await holder.ended;
    fs.rmdirSync(directory);
  });
  await printed(holder, /mounted/);
  return {
    data: path.join(directory, 'data'),
    view: `/proc/${holder.pid}/root${directory}/data`,
    root: `/proc/${holder.pid}/root${directory}`,
    enter: ['nsenter', '-t', String(holder.pid), '-m'],
  };
}

/**
 * The common part: two agents and a task exist, `fill` makes writes impossible, `free` makes them possible again.
 * Nothing may be acknowledged in between, everything acknowledged before and after must be there, and reads go on.
 */
async function full_disk_story(t, hub, fill, free) {
  const alice = await Client.join(hub, 'alice');
  const bob_token = await hub.token_for('bob');
  const bob = hub.api(bob_token);
  const worker = await Client.join(hub, 'worker', { capabilities: ['w'] });
  const api = hub.api();
  const acked = [];
  const before = await alice.request({ type: 'message', to: 'bob', payload: { n: 0 } }, { type: 'message_sent' });
  acked.push(before.id);
  const { task_id } = (await api.post('/api/tasks', { description: 'held', needed_capabilities: ['w'] })).body;
  await worker.expect({ type: 'task_assign', task_id });
  await worker.request({ type: 'task_accepted', task_id }, { type: 'task_ack' });

  await fill();
  // Some commits may still fit; then the hub must say no, and not once yes after that.
  const blob = 'x'.repeat(20_000);
  let refused = false;
  for (let n = 1; n <= 2000 && !refused; ++n) {
    alice.send({ type: 'message', to: 'bob', payload: { n, blob } });
    const reply = await alice.expect((f) => f.type === 'message_sent' || f.type === 'error');
    if (reply.type === 'message_sent') acked.push(reply.id);
    else {
      assert.deepEqual({ ...reply }, { type: 'error', error: 'storage_unavailable' });
      refused = true;
    }
  }
  assert.ok(refused, 'the disk never became full');
  t.diagnostic(`${acked.length} messages acknowledged before the disk was full`);

  const submit = await api.post('/api/tasks', { description: 'x', metadata: { blob }, needed_capabilities: ['none'] });
  assert.equal(submit.status, 503, submit.text);
  assert.equal(submit.body.error, 'storage_unavailable');
  worker.send({ type: 'task_complete', task_id, generation: 1, result: { done: true, blob } });
  const complete = await worker.expect((f) => f.type === 'error' || f.type === 'task_ack');
  assert.deepEqual({ ...complete }, { type: 'error', error: 'storage_unavailable' });

  // Reads go on, of memory and of the store.
  assert.equal((await api.get('/health')).status, 200);
  assert.equal((await api.get(`/api/tasks/${task_id}`)).body.status, 'assigned');
  const box = await bob.get('/api/mailbox/bob');
  assert.equal(box.status, 200, box.text);
  assert.ok(box.body.messages.every((message) => acked.includes(message.id)), 'mail that was never acknowledged');
  await alice.settle();
  assert.equal((await api.get('/livez')).status, 200);

  await free();
  const reply = await until(async () => {
    alice.send({ type: 'message', to: 'bob', payload: { after: true } });
    const answer = await alice.expect((f) => f.type === 'message_sent' || f.type === 'error');
    return answer.type === 'message_sent' && answer;
  }, 'acknowledgement after space was made', 20_000, 100);
  acked.push(reply.id);
  await worker.request({ type: 'task_complete', task_id, generation: 1, result: { done: true } }, { type: 'task_ack', status: 'complete' });

  const ids = async () => {
    const out = [];
    for (let since = 0; ; ) {
      const page = (await hub.api(bob_token).get(`/api/mailbox/bob?since=${since}`)).body;
      if (page.count === 0) return out;
      out.push(...page.messages.map((message) => message.id));
      since = page.last_seq;
    }
  };
  assert.deepEqual(await ids(), acked);
  // The same after kill -9: what was refused has not come back, what was acknowledged is there.
  await hub.restart();
  assert.deepEqual(await ids(), acked);
  assert.equal((await hub.api().get(`/api/tasks/${task_id}`)).body.status, 'completed');
}

test('a full disk: refusals, no acknowledgement, reads go on, and service resumes', {
  timeout: 60_000,
  skip: !can_mount && 'mount namespaces need root',
}, async (t) => {
  const disk = await small_disk(t, '16m');
  const hub = await hub_for(t, { data: disk.data, view: disk.view, wrapper: disk.enter });
  const filler = path.join(disk.root, 'filler');
  await full_disk_story(
    t, hub,
    () => {
      const file = fs.openSync(filler, 'w');
      const chunk = Buffer.alloc(64 * 1024, 1);
      try {
        for (;;) fs.writeSync(file, chunk);
      } catch (error) {
        assert.equal(error.code, 'ENOSPC');
      }
      fs.closeSync(file);
    },
    () => fs.rmSync(filler),
  );
});

test('a file size limit is an error like any other, not the end of the hub', {
  timeout: 60_000,
  skip: !has_prlimit && 'no prlimit on this machine',
}, async (t) => {
  const hub = await hub_for(t);
  const limit = (value) => execFileSync('prlimit', ['--pid', String(hub.pid), `--fsize=${value}:`]);
  await full_disk_story(
    t, hub,
    () => {
      const largest = Math.max(...fs.readdirSync(hub.data).map((name) => fs.statSync(path.join(hub.data, name)).size));
      limit(largest + 200_000);
    },
    () => limit('unlimited'),
  );
});

test('one process per data directory', async (t) => {
  const hub = await hub_for(t);
  const second = spawn_tracked(hub_binary, ['--listen', '127.0.0.1:0', '--data', hub.data]);
  const end = await second.ended;
  assert.notEqual(end.code, 0);
  assert.doesNotMatch(second.output, /listening on/);
  assert.equal((await hub.api().get('/health')).status, 200);
});

// -- planted faults -----------------------------------------------------------------------------------------------------

const kPlanted = 'plant-a-fault-here-7f3a';
const with_fault = { env: { AGENTCOM_TEST_PLANTED_FAULT: kPlanted } };
const fault_files = (hub) => {
  const directory = path.join(hub.data, 'faults');
  return fs.existsSync(directory) ? fs.readdirSync(directory).map((name) => path.join(directory, name)) : [];
};

test('a poison frame closes its sender with 1011, is saved, is refused from then on, and can be replayed', async (t) => {
  const hub = await hub_for(t, with_fault);
  const poison = { type: 'message', to: 'x', payload: { text: kPlanted } };
  const token = await hub.token_for('poisoner');
  const bystander = await Client.join(hub, 'bystander');
  const first = await Client.join(hub, 'poisoner', { token });
  first.send(poison);
  assert.equal((await first.expect_close()).code, 1011);
  await until(() => fault_files(hub).length === 1, 'fault file');
  assert.match(hub.log_text, /faults\//, 'the log names the file');

  // The same again: refused without tripping the assertion a second time.
  const second = await Client.join(hub, 'poisoner', { token });
  second.send(poison);
  await Promise.race([second.closed, second.expect({ type: 'error' })]);
  await bystander.settle();
  assert.equal(fault_files(hub).length, 1);
  assert.ok(hub.running);

  const replay = spawn_tracked(hub_binary, ['--replay-fault', fault_files(hub)[0]], {
    env: { ...process.env, ...with_fault.env },
  });
  const end = await replay.ended;
  assert.notEqual(end.code, 0, replay.output);
  const assertion = /planted/i;
  assert.match(replay.output, assertion);
  assert.match(hub.log_text, assertion);
});

test('one client that hits an assertion every second costs the others nothing', { timeout: 30_000 }, async (t) => {
  const hub = await hub_for(t, with_fault);
  const token = await hub.token_for('poisoner');
  const [alice, bob] = [await Client.join(hub, 'alice'), await Client.join(hub, 'bob')];
  const worker = await Client.join(hub, 'worker', { capabilities: ['w'] });
  const api = hub.api();
  let running = true;
  let worst = 0;
  let rounds = 0;
  const timed = async (body) => {
    const begin = performance.now();
    await body();
    worst = Math.max(worst, performance.now() - begin);
  };
  const acked = [];
  const victims = (async () => {
    while (running) {
      await timed(async () => {
        const { id } = await alice.request({ type: 'message', to: 'bob', payload: { rounds } }, { type: 'message_sent' });
        acked.push(id);
        await bob.expect({ type: 'message', id });
      });
      await timed(async () => {
        const { task_id } = (await api.post('/api/tasks', { description: '', needed_capabilities: ['w'] })).body;
        const task = await worker.expect({ type: 'task_assign', task_id });
        await worker.request({ type: 'task_complete', task_id, generation: task.generation }, { type: 'task_ack', status: 'complete' });
      });
      rounds += 1;
    }
  })();
  victims.catch(() => {});
  for (let second = 0; second < 5; ++second) {
    const poisoner = await Client.open(hub);
    const reply = await poisoner.identify('poisoner', token).catch(() => null);
    if (reply?.type === 'identified') poisoner.send({ type: 'message', to: 'x', payload: { text: kPlanted } });
    await Promise.race([poisoner.closed, poisoner.expect({ type: 'error' }).catch(() => {})]);
    poisoner.socket.terminate();
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  running = false;
  await victims;
  t.diagnostic(`${rounds} rounds, the slowest step took ${worst.toFixed(0)} ms`);
  assert.ok(worst < 1000);
  assert.ok(rounds > 5);
  for (const client of [alice, bob, worker]) assert.equal(client.close_info, null);
  // What was acknowledged around the faults is on disk.
  await hub.restart();
  const stats = (await hub.api().get('/api/tasks/stats')).body;
  assert.equal(stats.by_status.completed, rounds);
});

test('one broken place in the code does not end the process, however many frames find it', async (t) => {
  const hub = await hub_for(t, with_fault);
  const alice = await Client.join(hub, 'alice');
  const bob_token = await hub.token_for('bob');
  const { id } = await alice.request({ type: 'message', to: 'bob', payload: {} }, { type: 'message_sent' });
  for (let n = 0; n < 5; ++n) {
    const poisoner = await Client.join(hub, `poisoner-${n}`);
    poisoner.send({ type: 'message', to: 'x', payload: { n, text: kPlanted } });
    assert.equal((await poisoner.expect_close()).code, 1011);
  }
  assert.ok(hub.running);
  const box = (await hub.api(bob_token).get('/api/mailbox/bob')).body;
  assert.deepEqual(box.messages.map((message) => message.id), [id]);
});
