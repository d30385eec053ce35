// Backups, restores and compactions of a hub that runs, and of one that does not.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { hub_binary, hub_for } from './lib/hub.mjs';
import { Prng } from './lib/prng.mjs';
import { until } from './lib/wait.mjs';

// The slow tests (tools/test.sh --all) ask for more.
const kKills = Number(process.env.KILLS ?? 12);

/** agentcom-hub with these arguments, to its end. */
function tool(hub, ...args) {
  const env = { PATH: process.env.PATH, HOME: hub.data };
  const run = spawnSync(hub_binary, ['--data', hub.data, ...args], { encoding: 'utf8', env });
  return { code: run.status, text: run.stdout, errors: run.stderr };
}

/** Waits until a hub that restarts itself answers as one that was restored. */
async function restored(hub, admin, name) {
  await until(async () => {
    try {
      const { body } = await admin.get('/api/admin/storage');
      return body.runs?.some((run) => run.kind === 'restore' && run.subject === name);
    } catch {
      return false;
    }
  }, 'the hub to come back with the restored data');
}

test('a backup over HTTP is whole, is listed, and is verified', async (t) => {
  const hub = await hub_for(t);
  const admin = hub.api();
  await admin.post('/api/tasks', { description: 'kept' });
  const made = await admin.post('/api/admin/backup');
  assert.equal(made.status, 200, made.text);
  assert.equal(made.body.status, 'complete');
  assert.equal(made.body.tables_total, 9);
  assert.equal(made.body.results.find((table) => table.table === 'task_queue').rows, 1);
  const { backups } = (await admin.get('/api/admin/backups')).body;
  assert.equal(backups.length, 1);
  assert.equal(backups[0].name, made.body.backup);
  const verified = await admin.post(`/api/admin/backups/${backups[0].name}/verify`);
  assert.equal(verified.body.status, 'verified', verified.text);
  const health = (await admin.get('/api/admin/dets-health')).body;
  assert.equal(health.health_status, 'healthy');
  assert.equal(health.tables.length, 9);
  assert.equal(health.last_backup_at, backups[0].made_at);

  const file = path.join(hub.data, 'backups', backups[0].name, 'hub.db');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  const bytes = fs.readFileSync(file);
  assert.equal(bytes.includes(hub.admin_token), false);
  bytes[bytes.length >> 1] ^= 1;
  fs.writeFileSync(file, bytes);
  const damaged = await admin.post(`/api/admin/backups/${backups[0].name}/verify`);
  assert.equal(damaged.status, 500);
  assert.match(damaged.body.message, /SHA-256/);
  const refused = await admin.post(`/api/admin/backups/${backups[0].name}/restore`);
  assert.equal(refused.status, 500, refused.text);
  assert.equal((await admin.post('/api/admin/backups/nothing/restore')).status, 404);
});

test('a restore over HTTP goes back, keeps what was, and fences old holders', async (t) => {
  const hub = await hub_for(t);
  const admin = hub.api();
  const worker = await Client.join(hub, 'worker', { capabilities: ['w'] });
  const { task_id } = (await admin.post('/api/tasks', { description: 'held', needed_capabilities: ['w'] })).body;
  const assigned = await worker.expect({ type: 'task_assign', task_id });
  const { backup } = (await admin.post('/api/admin/backup')).body;
  const later = (await admin.post('/api/tasks', { description: 'lost' })).body.task_id;
  const newcomer = await hub.token_for('newcomer');
  const webhook = { webhook_id: 'ops', url: 'https://ops.example/in', kinds: ['task_stuck'] };
  assert.equal((await admin.post('/api/webhooks', webhook)).status, 201);
  const secrets = fs.readFileSync(path.join(hub.data, 'webhook_secrets'), 'utf8');
  assert.ok(secrets.length > 64);

  const preview = await admin.post(`/api/admin/backups/${backup}/restore`, { dry_run: true });
  assert.equal(preview.status, 200, preview.text);
  const tasks = preview.body.result.sql_tables.find((table) => table.table === 'tasks');
  assert.deepEqual(tasks, { table: 'tasks', rows_now: 2, rows_then: 1 });
  assert.equal((await admin.get(`/api/tasks/${later}`)).status, 200);
  assert.deepEqual((await admin.get('/api/admin/storage')).body.runs.map((run) => run.kind), ['backup'], 'nothing was restored');

  const pid = hub.pid;
  assert.equal((await admin.post('/api/admin/restore/task_queue')).body.error, 'whole_set_only');
  const begun = await admin.post(`/api/admin/backups/${backup}/restore`);
  assert.equal(begun.status, 202, begun.text);
  await restored(hub, admin, backup);
  assert.equal(hub.pid, pid, 'the same process at the same port');
  assert.equal((await admin.get(`/api/tasks/${later}`)).status, 404);
  const again = await Client.join(hub, 'worker', { capabilities: ['w'] });
  const anew = await again.expect({ type: 'task_assign', task_id });
  assert.ok(anew.generation > assigned.generation + 1000, 'old generations are void');
  const { backups } = (await admin.get('/api/admin/backups')).body;
  assert.equal(backups[0].trigger, 'before_restore');
  assert.equal((await hub.api(newcomer).get('/api/mailbox/newcomer')).status, 401);

  // And forward again, with nothing lost.
  assert.equal((await admin.post(`/api/admin/backups/${backups[0].name}/restore`)).status, 202);
  await restored(hub, admin, backups[0].name);
  assert.equal((await admin.get(`/api/tasks/${later}`)).status, 200);
  assert.equal((await hub.api(newcomer).get('/api/mailbox/newcomer')).status, 200);
  assert.equal((await admin.get('/api/webhooks/ops')).status, 200);
  assert.equal(fs.readFileSync(path.join(hub.data, 'webhook_secrets'), 'utf8'), secrets);
});

test('a restore that cannot be ended stops the hub, and goes on when it can', async (t) => {
  const hub = await hub_for(t);
  const admin = hub.api();
  const { backup } = (await admin.post('/api/admin/backup')).body;
  const later = (await admin.post('/api/tasks', { description: 'lost' })).body.task_id;
  const obstacle = path.join(hub.data, 'restored');
  fs.mkdirSync(path.join(obstacle, 'in the way'), { recursive: true });
  assert.equal((await admin.post(`/api/admin/backups/${backup}/restore`)).status, 202);
  assert.deepEqual(await hub.ended, { code: 1, signal: null });
  assert.match(hub.log_text, new RegExp(`restore_interrupted.*${backup}.*restored`));
  await assert.rejects(hub.start(), /restore_interrupted/);
  fs.rmSync(obstacle, { recursive: true });
  await hub.start();
  assert.equal((await hub.api().get(`/api/tasks/${later}`)).status, 404);
  assert.equal((await hub.api().get('/api/admin/storage')).body.runs[0].subject, backup);
});

test('the tools of a hub that does not run: backup, list, verify, restore, doctor', async (t) => {
  const hub = await hub_for(t);
  const admin = hub.api();
  const first = (await admin.post('/api/tasks', { description: 'first' })).body.task_id;
  assert.equal(tool(hub, '--make-backup').code, 0, 'a backup beside a hub that runs');
  const second = (await admin.post('/api/tasks', { description: 'second' })).body.task_id;
  const [{ name }] = JSON.parse(tool(hub, '--list-backups').text);
  assert.match(tool(hub, '--restore-backup', name).text, /data_directory_in_use/);
  const healthy = tool(hub, '--doctor');
  assert.equal(healthy.code, 0, healthy.text);
  await hub.stop();
  assert.equal(tool(hub, '--verify-backup', name).code, 0);
  const done = tool(hub, '--restore-backup', name);
  assert.equal(done.code, 0, done.text);
  await hub.start();
  assert.equal((await hub.api().get(`/api/tasks/${first}`)).status, 200);
  assert.equal((await hub.api().get(`/api/tasks/${second}`)).status, 404);
});

test('a damaged database is refused, explained, and replaced by the newest good backup when told so', async (t) => {
  const hub = await hub_for(t);
  const admin = hub.api();
  const kept = (await admin.post('/api/tasks', { description: 'kept' })).body.task_id;
  const { backup } = (await admin.post('/api/admin/backup')).body;
  await hub.stop();
  const file = path.join(hub.data, 'hub.db');
  const bytes = fs.readFileSync(file);
  bytes.fill(0x5a, 8192);
  fs.writeFileSync(file, bytes);
  const refused = tool(hub, '--listen', '127.0.0.1:0');
  assert.equal(refused.code, 1, 'a damaged database is not served');
  const sick = tool(hub, '--doctor');
  assert.equal(sick.code, 1);
  assert.match(sick.text, /PROBLEM[^]*--on-damage restore/);
  hub.options.args = ['--on-damage', 'restore'];
  await hub.start();
  assert.equal((await admin.get(`/api/tasks/${kept}`)).status, 200);
  const storage = (await admin.get('/api/admin/storage')).body;
  assert.match(storage.damage, /quarantine/);
  assert.equal(storage.runs.find((run) => run.kind === 'restore').subject, backup);
  assert.equal((await admin.get('/api/admin/dets-health')).body.health_status, 'unhealthy');
  assert.equal(fs.readdirSync(path.join(hub.data, 'quarantine')).length, 1);
});

test('a hub started degraded serves what can be read, says what is lost, and goes on with nothing that rests on it', async (t) => {
  const seed = 20261121;
  t.diagnostic(`seed ${seed}`);
  const hub = await hub_for(t);
  const ann = await hub.token_for('ann');
  const ids = [];
  for (let n = 0; n < 60; ++n) {
    const { body } = await hub.api().post('/api/tasks', { description: `task ${n} ${'x'.repeat(50 * n)}` });
    ids.push(body.task_id);
    await hub.api(ann).post('/api/message', { to: 'admin', payload: { text: `message ${n}`, more: 'y'.repeat(40 * n) } });
  }
  await hub.stop();
  const file = path.join(hub.data, 'hub.db');
  const whole = fs.readFileSync(file);
  const pages = whole.length / 4096;
  let lost = 0;
  for (let round = 0; round < 6; ++round) {
    const prng = new Prng(seed + round);
    const bytes = Buffer.from(whole);
    for (let n = 0; n < 6; ++n) {
      const page = 2 + Math.floor(prng.next() * (pages - 2));
      bytes.fill(0xa5, page * 4096 + 100, page * 4096 + 4000);
    }
    fs.writeFileSync(file, bytes);
    hub.options.args = [];
    const refused = tool(hub, '--listen', '127.0.0.1:0');
    assert.equal(refused.code, 1, `round ${round}: damage is refused unless told otherwise`);
    hub.options.args = ['--on-damage', 'degraded'];
    await hub.start();
    const admin = hub.api();
    const storage = (await admin.get('/api/admin/storage')).body;
    assert.match(storage.damage, /rows could be read/);
    lost += storage.lost_rows;
    const { problems } = (await admin.get('/health')).body;
    assert.ok(problems.includes('storage_failure'));
    assert.equal(problems.includes('rows_lost'), storage.lost_rows > 0);
    assert.equal((await admin.get('/api/admin/dets-health')).body.health_status, 'unhealthy');
    for (const [n, id] of ids.entries()) {
      const { status, body } = await admin.get(`/api/tasks/${id}`);
      if (status === 404) continue;
      assert.equal(status, 200);
      if (body.status === 'dead_letter') assert.match(body.last_error, /lost/);
      else assert.ok(body.description.startsWith(`task ${n} `), `round ${round}: ${id} is another task`);
    }
    assert.equal((await admin.post('/api/tasks', { description: 'new' })).status, 201);
    const sick = tool(hub, '--doctor');
    assert.match(sick.text, /PROBLEM {2}the hub runs on what could be read/);
    // It is salvaged once, and said until somebody has seen to it.
    await hub.stop();
    await hub.start();
    assert.match((await hub.api().get('/api/admin/storage')).body.damage, /rows could be read/);
    await hub.stop();
    fs.rmSync(path.join(hub.data, 'quarantine'), { recursive: true });
    await hub.start();
    assert.equal((await hub.api().get('/api/admin/storage')).body.damage, null);
    assert.equal((await hub.api().get('/health')).body.problems, undefined);
    await hub.stop();
  }
  assert.ok(lost > 0, 'some of the damage cost rows');
});

test('acknowledged work that is missing from the WAL is missed, and the rest is served when told so', async (t) => {
  const hub = await hub_for(t);
  const ids = [];
  for (let n = 0; n < 30; ++n) ids.push((await hub.api().post('/api/tasks', { description: `task ${n}` })).body.task_id);
  await hub.kill();
  const wal = path.join(hub.data, 'hub.db-wal');
  fs.truncateSync(wal, Math.floor(fs.statSync(wal).size / 2));
  const refused = tool(hub, '--listen', '127.0.0.1:0');
  assert.equal(refused.code, 1);
  assert.match(refused.errors, /lost_wal/);
  assert.match(tool(hub, '--doctor').text, /acknowledged transactions are not in/);
  hub.options.args = ['--on-damage', 'degraded'];
  await hub.start();
  assert.match((await hub.api().get('/api/admin/storage')).body.damage, /last \d+ transactions are lost/);
  assert.equal((await hub.api().get(`/api/tasks/${ids[0]}`)).status, 200);
});

test('a backup is handed to the copy command, whose failure is told', async (t) => {
  const hub = await hub_for(t, { args: ['--backup-copy-command', 'cp -r -t COPIES'] });
  // The place is known only now that the hub has a directory.
  await hub.stop();
  const copies = path.join(hub.data, 'copies');
  hub.options.args = ['--backup-copy-command', `cp -r -t ${copies}`];
  await hub.start();
  const failed = await hub.api().post('/api/admin/backup');
  assert.equal(failed.status, 500);
  assert.match(failed.body.message, /is good, but copying it failed: cp ended with 1; .*copies/);
  fs.mkdirSync(copies);
  const made = await hub.api().post('/api/admin/backup');
  assert.equal(made.status, 200, made.text);
  assert.deepEqual(fs.readdirSync(copies), [made.body.backup]);
  const { runs } = (await hub.api().get('/api/admin/storage')).body;
  assert.deepEqual(
    runs.map((run) => [run.status, run.result.copy_command]),
    [['complete', 'ok'], ['failed', undefined]],
  );
});

test('the background check finds a row that nobody reads', async (t) => {
  const hub = await hub_for(t, { settings: { start_check_bytes: 0, row_check_interval_ms: 50, check_pace_percent: 100 } });
  for (let n = 0; n < 5; ++n) await hub.api().post('/api/tasks', { description: `task ${n}` });
  const checked = await until(async () => (await hub.api().get('/api/admin/storage')).body.checked_at, 'a check');
  assert.ok(checked > 0);
  const care = (await hub.api().get('/api/admin/dets-health')).body;
  assert.equal(care.health_status, 'healthy');
  assert.equal((await hub.api().get('/api/metrics')).body.dets_health.tables.length, 9);
  await hub.stop();
  const file = path.join(hub.data, 'hub.db');
  const bytes = fs.readFileSync(file);
  // In the text of an event, wherever it lies: what SQLite itself never looks at.
  bytes[bytes.lastIndexOf('task_submitted') + 3] ^= 1;
  fs.writeFileSync(file, bytes);
  await hub.start();
  const damage = await until(async () => (await hub.api().get('/api/admin/storage')).body.damage, 'the damage to be found');
  assert.match(damage, /corrupt_row/);
  assert.deepEqual((await hub.api().get('/health')).body.problems, ['storage_failure']);
  const failed = await hub.api().post('/api/admin/backup');
  assert.equal(failed.status, 500, 'a damaged database makes no backup');
});

test('a compaction gives free pages back while the hub serves', async (t) => {
  const hub = await hub_for(t, { settings: { compaction_threshold_percent: 1 } });
  const admin = hub.api();
  assert.equal((await admin.post('/api/admin/compact')).body.tables_skipped, 9);
  const ann = await hub.token_for('ann');
  const payload = { blob: 'x'.repeat(100_000) };
  for (let n = 0; n < 60; ++n) await admin.post('/api/message', { to: 'ann', payload });
  const box = (await hub.api(ann).get('/api/mailbox/ann')).body;
  await hub.api(ann).post('/api/mailbox/ann/ack', { seq: box.last_seq });
  // Messages go with the tables that hold them: what was deleted by hand here is what retention deletes.
  await hub.stop();
  const before = fs.statSync(path.join(hub.data, 'hub.db')).size;
  assert.ok(before > 5_000_000);
  hub.options.settings = { ...hub.options.settings, message_history: 1 };
  await hub.start();
  for (let n = 0; n < 1100; ++n) await hub.api(ann).post('/api/message', { to: 'admin', payload: {} });
  const compacted = await until(async () => {
    const { body } = await hub.api().post('/api/admin/compact');
    return body.tables_compacted === 9 ? body : null;
  }, 'pages to be free');
  assert.ok(compacted.freed_bytes > 1_000_000, JSON.stringify(compacted));
  assert.equal((await hub.api().get('/api/admin/storage')).body.free_percent, 0);
});

test('a hub that is killed while it backs up, compacts or restores has the old data or the restored ones', async (t) => {
  const seed = 20261121;
  t.diagnostic(`seed ${seed}`);
  const prng = new Prng(seed);
  const hub = await hub_for(t, { settings: { compaction_threshold_percent: 0 } });
  const first = (await hub.api().post('/api/tasks', { description: 'first' })).body.task_id;
  const { backup } = (await hub.api().post('/api/admin/backup')).body;
  const acts = ['/api/admin/backup', '/api/admin/compact', `/api/admin/backups/${backup}/restore`];
  let second = null;
  for (let round = 0; round < kKills; ++round) {
    second ??= (await hub.api().post('/api/tasks', { description: 'second' })).body.task_id;
    const act = acts[Math.floor(prng.next() * acts.length)];
    const asked = hub.api().post(act).catch(() => null);
    // Anywhere from before it begins to after its end.
    const until_kill = Math.floor(prng.next() * 60);
    for (let n = 0; n < until_kill; ++n) await hub.api().get('/livez').catch(() => null);
    await hub.restart();
    await asked;
    const { status } = await hub.api().get(`/api/tasks/${first}`);
    assert.equal(status, 200);
    const is_there = (await hub.api().get(`/api/tasks/${second}`)).status === 200;
    assert.ok(is_there || act.endsWith('restore'), `${act} lost a task`);
    if (!is_there) second = null;
    for (const { name } of (await hub.api().get('/api/admin/backups')).body.backups) {
      assert.equal((await hub.api().post(`/api/admin/backups/${name}/verify`)).body.status, 'verified');
    }
  }
});

test('rows that nobody deleted through the hub are missed by the next backup or background check, and raise an alert', async (t) => {
  for (const by of ['backup', 'check']) {
    const hub = await hub_for(t, { settings: { metrics_interval_ms: 100, alert_start_delay_ms: 100, alert_rest_ms: 0, row_check_interval_ms: by === 'check' ? 200 : 0, check_pace_percent: 100 } });
    const admin = hub.api();
    assert.equal((await admin.put('/api/config/alert-thresholds', { check_interval_ms: 1000 })).status, 200);
    for (let n = 0; n < 5; ++n) await admin.post('/api/tasks', { description: `task ${n}` });
    assert.equal((await admin.get('/api/admin/storage')).body.lost_rows, 0);
    const gone = spawnSync('sqlite3', [path.join(hub.data, 'hub.db'), "PRAGMA busy_timeout = 5000; DELETE FROM events WHERE kind = 'task_submitted'"], { encoding: 'utf8' });
    assert.equal(gone.status, 0, gone.stderr);
    if (by === 'backup') assert.match((await admin.post('/api/admin/backup')).body.message, /should have \d+ archived rows/);
    const storage = await until(async () => {
      const { body } = await admin.get('/api/admin/storage');
      return body.lost_rows > 0 && body;
    }, `the loss to be found by a ${by}`);
    assert.equal(storage.lost_rows, 5);
    assert.match(storage.damage, /lost_rows/);
    assert.deepEqual((await admin.get('/health')).body.problems, ['storage_failure', 'rows_lost']);
    const alert = await until(
      async () => (await admin.get('/api/alerts')).body.alerts.find((each) => each.rule_id === 'rows_lost'),
      'the alert',
      40_000,
    );
    assert.deepEqual(alert.details, { rows_lost: 5 });
    assert.equal(alert.severity, 'critical');
    await hub.stop();
  }
});
