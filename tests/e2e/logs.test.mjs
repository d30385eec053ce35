// The log: what an operator finds in it, that every query of the documentation finds what it promises, and that neither
// secrets nor floods get in.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from './lib/client.mjs';
import { cli_binary, Hub, hub_for, spawn_tracked } from './lib/hub.mjs';
import { raw_agent } from './lib/raw.mjs';
import { until, within } from './lib/wait.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const manual = fs.readFileSync(path.join(root, 'docs/operations.md'), 'utf8');

const lines_of = (file) =>
  fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const log_file = (hub) => path.join(hub.data, 'logs/hub.log');

/** Waits until the log has a line of which `wanted` is true, and gives it. */
async function line_in(hub, wanted, what) {
  let found;
  await until(() => (found = lines_of(log_file(hub)).find(wanted)) !== undefined, what);
  return found;
}

/** An agent does one task and fails another for good. */
async function some_work(hub) {
  const admin = hub.api();
  const raw = await raw_agent(hub, 'worker');
  const done = (await admin.post('/api/tasks', { description: 'works' })).body.task_id;
  let assigned = await raw.read_json();
  raw.send_json({ type: 'task_accepted', task_id: done });
  raw.send_json({ type: 'task_complete', task_id: done, generation: assigned.generation, result: {} });
  await until(async () => (await admin.get(`/api/tasks/${done}`)).body.status === 'completed', 'completion');
  const given_up = (await admin.post('/api/tasks', { description: 'fails', max_retries: 1 })).body.task_id;
  do assigned = await raw.read_json();
  while (assigned.type !== 'task_assign' || assigned.task_id !== given_up);
  raw.send_json({ type: 'task_failed', task_id: given_up, generation: assigned.generation, error: 'no disk' });
  await line_in(hub, (line) => line.event === 'task_dead_letter', 'the dead letter in the log');
  return { done, given_up, agent: 'worker' };
}

describe('what is in the log', () => {
  let hub;
  let work;
  let request;
  before(async () => {
    hub = await Hub.start();
    work = await some_work(hub);
    const answer = await hub.api().put('/api/config/default-repo', { url: 'https://example.org/r' });
    request = answer.headers['x-request-id'];
    await line_in(hub, (line) => line.event === 'config_set', 'the change in the log');
  });
  after(() => hub?.dispose());

  test('every line is flat, begins alike and says nothing twice', () => {
    const text = fs.readFileSync(log_file(hub), 'utf8');
    for (const line of text.split('\n').filter(Boolean)) {
      const parsed = JSON.parse(line);
      assert.deepEqual(Object.keys(parsed).slice(0, 4), ['time', 'severity', 'event', 'component'], line);
      assert.match(parsed.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      for (const value of Object.values(parsed)) assert.notEqual(value, null, line);
    }
    assert.equal((fs.statSync(log_file(hub)).mode & 0o077).toString(8), '0');
  });

  test('the life of a task is told in the order of its events, as the event log has it', async () => {
    const told = lines_of(log_file(hub)).filter((line) => line.task_id === work.done);
    assert.deepEqual(
      told.map((line) => line.event),
      ['task_submitted', 'task_assigned', 'task_accepted', 'task_completed'],
    );
    const { events } = (await hub.api().get('/api/events?since=start')).body;
    for (const line of told) {
      const event = events.find((one) => one.seq === line.event_seq);
      assert.equal(event.kind, line.event);
      assert.equal(event.subject, line.task_id);
    }
  });

  test('W-13: each query of the manual finds something', async () => {
    const block = /### Questions to the log[\s\S]*?```sh\n([\s\S]*?)```/.exec(manual)[1];
    const queries = block.split('\n').filter((line) => line && !line.startsWith('#'));
    assert.ok(queries.length >= 10);
    const values = { TASK: work.given_up, AGENT: work.agent, REQUEST: request };
    for (const query of queries) {
      const command = query.replace(/TASK|AGENT|REQUEST/g, (name) => values[name]);
      const shell = spawn_tracked('bash', ['-o', 'pipefail', '-c', command], { cwd: path.dirname(log_file(hub)) });
      const end = await within(shell.ended, () => command);
      assert.equal(end.code, 0, `${command}\n${shell.output}`);
      assert.notEqual(shell.stdout_text.trim(), '', command);
    }
  });

  test('a level for one component, from the command line', async () => {
    const change = spawn_tracked(cli_binary, ['hub', 'log-level', 'debug', '--component', 'network'], {
      env: { PATH: process.env.PATH, HOME: hub.data, AGENTCOM_HUB: hub.url, AGENTCOM_TOKEN: hub.admin_token },
    });
    assert.equal((await within(change.ended, 'the change of the level')).code, 0, change.output);
    // One line for each request: who, how it ended and how long it took; that of one that waits for the store, too.
    const asked = [];
    for (const [api, method, target, principal, status] of [
      [hub.api(), 'GET', '/api/agents', 'admin', 200],
      [hub.api(await hub.token_for(work.agent)), 'GET', `/api/tasks/${work.done}`, work.agent, 200],
      [hub.api(await hub.token_for(work.agent)), 'POST', '/api/admin/backup', work.agent, 403],
      [hub.api('wrong'), 'GET', '/api/tasks', undefined, 401],
      [hub.api(null), 'GET', '/livez', undefined, 200],
    ]) {
      const { headers } = await api.request(method, target);
      asked.push({ request_id: headers['x-request-id'], text: `${method} ${target}`, principal, status });
    }
    for (const wanted of asked) {
      const { took_us, ...line } = await line_in(
        hub, (one) => one.event === 'request' && one.request_id === wanted.request_id, `the request ${wanted.text}`);
      assert.ok(Number.isInteger(took_us) && took_us >= 0, `${took_us}`);
      for (const [name, value] of Object.entries(wanted)) assert.equal(line[name], value, `${name} of ${wanted.text}`);
    }
    // The last one is there, and so all are.
    const requests = lines_of(log_file(hub)).filter((line) => line.event === 'request');
    for (const { request_id, text } of asked) assert.equal(requests.filter((line) => line.request_id === request_id).length, 1, text);
    assert.ok(!lines_of(log_file(hub)).some((line) => line.event === 'agent_connected'));
    const levels = (await hub.api().get('/api/admin/log-level')).body;
    assert.equal(levels.level, 'info');
    assert.equal(levels.components.network, 'debug');
    assert.equal(levels.components.tasks, 'info');
  });
});

test('W-11: a day of a fleet of 30 agents makes less than 10 MB of log; pings and messages make none', async (t) => {
  // Nothing of the machine's own may speak up meanwhile: its disk, its speed, a backup.
  const quiet = { disk_free_warning_pct: 0, disk_free_critical_pct: 0, commit_latency_alert_ms: 60_000, backup_interval_ms: 0 };
  const hub = await hub_for(t, { settings: { ...quiet, metrics_interval_ms: 100, alert_start_delay_ms: 100, reconnect_grace_ms: 0 } });
  // The first check comes after alert_start_delay_ms, and the next ones as the configuration says by then.
  assert.equal((await hub.api().put('/api/config/alert-thresholds', { check_interval_ms: 1000 })).status, 200);
  await hub.restart();
  const admin = hub.api();
  let marks = 0;
  /** All lines up to now: those before a mark are in the file once the mark is. */
  const lines_so_far = async () => {
    const url = `https://example.org/${++marks}`;
    const { headers } = await admin.put('/api/config/default-repo', { url });
    await line_in(hub, (line) => line.request_id === headers['x-request-id'], 'the mark in the log');
    return lines_of(log_file(hub)).filter((line) => !(line.event === 'config_set' && line.after?.includes?.('example.org')));
  };
  const bytes_of = (lines) => lines.reduce((sum, line) => sum + JSON.stringify(line).length + 1, 0);

  const fleet = [];
  for (let n = 0; n < 30; ++n) fleet.push(await Client.join(hub, `agent-${n}`));
  const joined = await lines_so_far();
  await Promise.all(
    fleet.map(async (agent, n) => {
      const to = fleet[(n + 1) % fleet.length].agent_id;
      for (let round = 0; round < 20; ++round) {
        await agent.request({ type: 'ping' }, { type: 'pong' });
        await agent.request({ type: 'message', to, payload: { text: `hello ${round}` } }, { type: 'message_sent' });
      }
    }),
  );
  const worked = await lines_so_far();
  assert.deepEqual(worked.slice(joined.length), [], 'pings and messages have no line of their own');

  const kComings = 20;
  for (let n = 0; n < kComings; ++n) {
    const agent = fleet[n];
    await agent.close();
    // Who comes back within the grace has not gone, and has no line either.
    await line_in(hub, (line) => line.event === 'agent_offline' && line.agent_id === agent.agent_id, 'the end of the agent');
    fleet[n] = await Client.join(hub, agent.agent_id, { token: agent.token });
  }
  const came_and_went = await lines_so_far();
  const of_coming = bytes_of(came_and_went.slice(worked.length)) / kComings;
  assert.ok(of_coming > 0, 'who comes and goes is in the log');

  const rule = { metric: 'agents_online', op: '>=', threshold: 1, severity: 'warning', message: 'somebody is here' };
  assert.equal((await admin.put('/api/alert-rules/somebody', rule)).status, 201);
  await line_in(hub, (line) => line.event === 'alert_fired', 'the alert');
  assert.equal((await admin.delete('/api/alert-rules/somebody')).status, 200);
  const alert = (await lines_so_far()).slice(came_and_went.length).filter(({ rule_id }) => rule_id === 'somebody');
  const told = alert.filter(({ event }) => event === 'alert_fired' || event === 'alert_cleared');
  assert.deepEqual(told.map(({ event }) => event), ['alert_fired', 'alert_cleared'], JSON.stringify(alert));
  const of_alert = bytes_of(told);

  // Each of the 30 comes and goes every ten minutes, and each check (every 30 s) finds an alert that the next one ends.
  const of_day = of_coming * 30 * 144 + of_alert * 2880;
  assert.ok(of_day < 10_000_000, `${of_coming} bytes for a coming and going, ${of_alert} for an alert: ${of_day} a day`);
});

test('a file is put aside when it has grown, and so many are kept', async (t) => {
  const hub = await hub_for(t, { settings: { log_file_bytes: 10_000, log_files: 2, log_lines_per_s: 0 } });
  const admin = hub.api();
  const batch = Array.from({ length: 200 }, (_, i) => ({ description: `task ${i}` }));
  for (let round = 0; round < 3; ++round) assert.equal((await admin.post('/api/tasks/batch', { tasks: batch })).status, 201);
  await hub.stop();
  const names = fs.readdirSync(path.dirname(log_file(hub))).sort();
  assert.deepEqual(names, ['hub.1.log', 'hub.2.log', 'hub.log']);
  for (const name of names) {
    const file = path.join(path.dirname(log_file(hub)), name);
    assert.ok(fs.statSync(file).size <= 10_000, name);
    assert.ok(lines_of(file).length > 0);
  }
  assert.equal(lines_of(log_file(hub)).at(-1).event, 'stopped');
});

test('a flood of one event is counted, and hides no other', async (t) => {
  const hub = await hub_for(t, { settings: { log_lines_per_s: 5 } });
  const admin = hub.api();
  const batch = Array.from({ length: 1_000 }, () => ({ description: 'x' }));
  assert.equal((await admin.post('/api/tasks/batch', { tasks: batch })).status, 201);
  await admin.put('/api/config/default-repo', { url: 'https://example.org/r' });
  await hub.stop();
  const lines = lines_of(log_file(hub));
  const submitted = lines.filter((line) => line.event === 'task_submitted').length;
  const suppressed = lines
    .filter((line) => line.event === 'lines_suppressed' && line.of === 'task_submitted')
    .reduce((sum, line) => sum + line.lines, 0);
  assert.equal(submitted + suppressed, 1_000);
  assert.ok(submitted <= 50);
  assert.ok(lines.some((line) => line.event === 'config_set'));
});

test('secrets that clients put where none belong are not in the log', async (t) => {
  const hub = await hub_for(t);
  const admin = hub.api();
  const secret = 'c0ffee'.repeat(12);
  await admin.post('/api/message', { to: 'nobody', payload: {}, type: 'chat' });
  await admin.put('/api/config/default-repo', { url: `https://example.org/r?token=${secret}` });
  await admin.post('/api/tasks', { description: 'x', metadata: { api_key: secret } });
  const raw = await raw_agent(hub, `agent-${secret}`);
  raw.send_json({ type: 'ping' });
  await line_in(hub, (line) => line.event === 'agent_online', 'the agent in the log');
  assert.ok(!fs.readFileSync(log_file(hub), 'utf8').includes(secret));
  assert.ok(!hub.log_text.includes(secret));
});

test('without a file, and with one that cannot be', async (t) => {
  const without = await hub_for(t, { args: ['--log-file', 'none'] });
  assert.ok(!fs.existsSync(path.dirname(log_file(without))));
  const elsewhere = await hub_for(t, { args: ['--log-file', '/proc/no/such/file.log'] });
  await until(() => /log_file_failed|proc\/no/.test(elsewhere.log_text), 'the complaint');
  assert.equal((await elsewhere.api().get('/health')).status, 200);
});
