// agentcom-bench: each scenario runs for a moment, gives its JSON, and ends with the documented code. Figures are not judged.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bin_dir, cli_binary, Hub, hub_binary, make_temp_dir, spawn_tracked } from './lib/hub.mjs';
import { within } from './lib/wait.mjs';

const bench_binary = path.join(bin_dir, 'agentcom-bench');
const kDeadlineMs = 120_000;

async function bench(...args) {
  const child = spawn_tracked(bench_binary, args);
  const end = await within(child.ended, () => `end of agentcom-bench ${args.join(' ')}: ${child.output}`, kDeadlineMs);
  return { code: end.code, out: child.stdout_text, output: child.output };
}

const short = ['--seconds', '500ms', '--warm-up', '50ms'];

async function data_of(...args) {
  const run = await bench(...args, ...short, '--json');
  assert.equal(run.code, 0, run.output);
  const document = JSON.parse(run.out);
  assert.deepEqual(Object.keys(document).sort(), ['data', 'schema_version']);
  assert.equal(document.schema_version, 1);
  return document.data;
}

async function hub_has_claim() {
  const hub = await Hub.start();
  try {
    return (await hub.api().post('/api/tasks/claim', {})).status !== 404;
  } finally {
    await hub.dispose();
  }
}

const percentiles = ['count', 'max', 'p50', 'p90', 'p99', 'p99_9'];

function check_run(run, { figure, latencies, operations = true }) {
  assert.deepEqual(Object.keys(run).sort(), ['figures', 'latency_us', 'operations', 'seconds', 'target', 'usage']);
  assert.equal(typeof run.figures[figure], 'number', JSON.stringify(run.figures));
  assert.deepEqual(Object.keys(run.latency_us), latencies);
  for (const latency of Object.values(run.latency_us)) assert.deepEqual(Object.keys(latency).sort(), percentiles);
  if (operations) assert.ok(run.operations > 0, 'something was done');
  assert.ok(run.usage.memory_mb > 0);
  assert.ok(run.usage.threads.length > 0);
}

// name, arguments, targets, figure, latencies
const scenarios = [
  ['direct', ['--pairs', '2', '--window', '8'], ['hub', 'relay'], 'messages_per_s', ['ack', 'delivery']],
  ['relay', ['--pairs', '2'], ['relay'], 'messages_per_s', ['ack', 'delivery']],
  ['broadcast', ['--receivers', '3', '--payload', '5000'], ['hub', 'relay'], 'deliveries_per_s', ['ack', 'delivery']],
  ['submit', ['--lanes', '4'], ['hub'], 'tasks_per_s', ['submit']],
  ['lifecycle', ['--agents', '3', '--lanes', '4'], ['hub'], 'lifecycles_per_s', ['submit', 'assign', 'accept', 'complete', 'lifecycle']],
  ['claim', ['--agents', '3', '--lanes', '4'], ['hub'], 'lifecycles_per_s', ['submit', 'assign', 'complete', 'lifecycle']],
  ['idle', ['--agents', '20', '--ping-interval', '20ms'], ['hub'], 'memory_bytes_per_agent', ['pong']],
];

describe('scenarios', () => {
  for (const [name, args, targets, figure, latencies] of scenarios) {
    test(name, async (t) => {
      if (name === 'claim' && !(await hub_has_claim())) return t.skip('this hub has no POST /api/tasks/claim');
      const data = await data_of(name, ...args);
      assert.equal(data.scenario, name);
      assert.deepEqual(
        data.runs.map((run) => run.target),
        targets,
      );
      for (const run of data.runs) check_run(run, { figure, latencies });
      assert.deepEqual(Object.keys(data.ratios), targets.length === 2 ? [`hub/relay ${figure}`] : []);
      for (const value of Object.values(data.parameters)) assert.equal(typeof value, 'string');
    });
  }

  test('lifecycle is run again with dashboards that watch', async () => {
    const data = await data_of('lifecycle', '--agents', '3', '--lanes', '4', '--dashboards', '2');
    assert.deepEqual(
      data.runs.map((run) => run.target),
      ['hub', 'watched'],
    );
    assert.ok(data.runs[1].figures.deltas_per_dashboard > 0);
    assert.deepEqual(Object.keys(data.ratios), ['watched/hub lifecycles_per_s']);
  });

  test('what is stored before it begins is stored', async (t) => {
    const directory = make_temp_dir();
    t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
    const data = await data_of('direct', '--no-relay', '--pairs', '1', '--stored', '30', '--data', directory);
    check_run(data.runs[0], { figure: 'messages_per_s', latencies: ['ack', 'delivery'] });
    assert.equal(data.parameters.stored, '30');
    const hub = await Hub.start({ data: directory });
    t.after(() => hub.dispose());
    const stats = await hub.api().get('/api/tasks?status=completed&limit=1000');
    assert.equal(stats.body.tasks.length, 30);
  });

  test('what was recorded of a run plays to the same digests', async (t) => {
    const directory = make_temp_dir();
    t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
    // Longer than the others: the bench ends its hub by a kill, and the last second of a recording may go with it.
    const run = await bench('lifecycle', '--agents', '3', '--lanes', '4', '--data', directory, '--seconds', '3', '--warm-up', '50ms', '--json');
    assert.equal(run.code, 0, run.output);
    const { operations } = JSON.parse(run.out).data.runs[0];
    const child = spawn_tracked(cli_binary, ['--json', 'recording', 'verify', path.join(directory, 'recording')]);
    const end = await within(child.ended, () => `end of recording verify: ${child.output}`, kDeadlineMs);
    assert.equal(end.code, 0, child.output);
    const verified = JSON.parse(child.stdout_text).data;
    assert.equal(verified.good, true);
    assert.ok(verified.digests > 0, child.stdout_text);
    // A task is at least a request and two frames; a third of them may be in the second that is missing.
    assert.ok(verified.inputs > operations, child.stdout_text);
  });

  test('start fills a directory and uses it again', async (t) => {
    const directory = make_temp_dir();
    t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
    const args = ['start', '--queued', '20', '--finished', '10', '--messages', '10', '--rounds', '2', '--data', directory];
    const data = await data_of(...args);
    check_run(data.runs[0], { figure: 'start_s', latencies: [], operations: false });
    assert.equal(data.parameters.data, 'filled');
    assert.equal((await data_of(...args)).parameters.data, 'as it was');
  });

  test('flat runs direct and lifecycle at each level', async () => {
    const data = await data_of('flat', '--levels', '0,20');
    assert.deepEqual(
      data.runs.map((run) => run.target),
      ['direct@0', 'lifecycle@0', 'direct@20', 'lifecycle@20'],
    );
    assert.deepEqual(Object.keys(data.ratios), ['direct@20 / direct@0', 'lifecycle@20 / lifecycle@0']);
  });

  test('a log that is more talkative is written, and said to be', async (t) => {
    const directory = make_temp_dir();
    t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
    const args = ['lifecycle', '--agents', '3', '--lanes', '4', '--set', 'log_lines_per_s=0', '--data', directory];
    const told = () => fs.readFileSync(path.join(directory, 'logs/hub.log'), 'utf8').includes('"event":"task_completed"');
    assert.equal((await data_of(...args)).parameters.log_level, undefined);
    assert.ok(!told(), 'a line for each task is work that nobody has asked for');
    const data = await data_of(...args, '--log-level', 'warning,tasks=info');
    assert.equal(data.parameters.log_level, 'warning,tasks=info');
    assert.ok(told());
  });

  test('rate limits that are left on are counted, not failed on', async () => {
    const data = await data_of('direct', '--no-relay', '--pairs', '1', '--with-limits', '--set', 'limit_normal_per_min=60');
    assert.equal(data.parameters.limits, 'on');
  });

  test('compare runs two builds in turn', async () => {
    const run = await bench('compare', hub_binary, hub_binary, '--rounds', '2', 'direct', '--pairs', '1', ...short, '--json');
    assert.equal(run.code, 0, run.output);
    const { data } = JSON.parse(run.out);
    assert.equal(data.scenario, 'compare');
    assert.equal(data.of, 'direct');
    assert.equal(data.rounds, 2);
    assert.deepEqual(Object.keys(data.figures.messages_per_s), ['a', 'b', 'ratio']);
    assert.deepEqual(Object.keys(data.figures.messages_per_s.ratio), ['median', 'least', 'most']);
  });

  test('a table for people', async () => {
    const run = await bench('direct', '--pairs', '1', ...short);
    assert.equal(run.code, 0, run.output);
    assert.match(run.out, /messages_per_s/);
    assert.match(run.out, /hub\/relay messages_per_s/);
  });
});

describe('a running hub', () => {
  let hub;
  before(async () => {
    hub = await Hub.start();
  });
  after(() => hub.dispose());

  test('with its administrator\'s token', async () => {
    const data = await data_of('lifecycle', '--agents', '2', '--lanes', '2', '--hub', hub.url, '--token', hub.admin_token, '--pid', String(hub.pid));
    assert.ok(data.runs[0].usage.memory_mb > 0);
    assert.ok(hub.running, 'a hub that the bench did not start goes on');
  });

  test('without a token agents register themselves, and usage is not read', async () => {
    const data = await data_of('direct', '--no-relay', '--pairs', '1', '--hub', hub.url);
    assert.equal(data.runs[0].usage, null);
  });

  test('a wrong token is a failed run', async () => {
    const run = await bench('direct', ...short, '--hub', hub.url, '--token', 'wrong');
    assert.equal(run.code, 1, run.output);
    assert.match(run.output, /could not be registered: 401/);
  });
});

describe('exit codes', () => {
  test('0: help', async () => {
    for (const args of [['--help'], ['direct', '--help'], ['--version']]) assert.equal((await bench(...args)).code, 0);
    const { out } = await bench('--help');
    for (const name of [...scenarios.map(([scenario]) => scenario), 'start', 'flat', 'compare']) {
      assert.match(out, new RegExp(`^ +${name} `, 'm'));
    }
    assert.doesNotMatch(out, /relay-server/);
  });

  test('1: no hub', async () => {
    const nobody = await bench('direct', ...short, '--hub', 'http://127.0.0.1:1', '--token', 'x');
    assert.equal(nobody.code, 1, nobody.output);
    const no_program = await bench('direct', ...short, '--hub-program', '/nonexistent/hub');
    assert.equal(no_program.code, 1, no_program.output);
    assert.match(no_program.output, /nonexistent/);
  });

  test('2: wrong usage', async () => {
    for (const args of [[], ['nonsense'], ['direct', '--pairs', '0'], ['compare', 'one'], ['direct', '--hub', 'nonsense']]) {
      const run = await bench(...args);
      assert.equal(run.code, 2, run.output);
      assert.match(run.output, /--help/);
    }
  });
});
