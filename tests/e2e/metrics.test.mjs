// Figures and alerts of a real hub, and what Prometheus makes of them (Debian's package of that name).

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { Client } from './lib/client.mjs';
import { free_port, Hub, make_temp_dir, spawn_tracked } from './lib/hub.mjs';
import { until, within } from './lib/wait.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const rules_file = path.join(root, 'docs/prometheus/alerts.yml');
// Prometheus takes a while to start and to look at everything once.
const kPrometheusMs = 60_000;

async function output_of(command, args, input = '') {
  const child = spawn_tracked(command, args);
  child.stdin.end(input);
  const end = await within(child.ended, () => `end of ${command}`, kPrometheusMs);
  assert.equal(end.code, 0, `${command} ${args.join(' ')}: ${end.error?.message ?? ''}\n${child.output}`);
  return child.output;
}

describe('metrics and alerts', () => {
  let hub;
  let admin;
  before(async () => {
    hub = await Hub.start({ settings: { metrics_interval_ms: 100, alert_start_delay_ms: 100, alert_rest_ms: 0 } });
    admin = hub.api(hub.admin_token);
    const alice = await Client.join(hub, 'alice');
    await admin.post('/api/tasks', { description: 'a figure', kind: 'x' });
    const assigned = await alice.expect({ type: 'task_assign' });
    await alice.request({ type: 'task_complete', task_id: assigned.task_id, generation: assigned.generation }, { type: 'task_ack' });
  });
  after(() => hub.dispose());

  const text = async () => (await fetch(`${hub.url}/metrics`)).text();

  test('figures say what happened and how the machine fares', async () => {
    const body = await until(async () => {
      const found = (await admin.get('/api/metrics')).body;
      return found.hub.disk_free_bytes > 0 && found.queue_depth.trend.length > 0 && found;
    }, 'the first sample of the machine');
    assert.equal(body.tasks.cumulative.completed, 1);
    assert.equal(body.task_latency.cumulative.count, 1);
    assert.equal(body.agent_utilization.per_agent.find((agent) => agent.agent_id === 'alice').tasks_completed_1h, 1);
    assert.ok(body.hub.database_bytes > 0 && body.hub.memory_bytes > 0);
    assert.ok(body.hub.disk_free_pct >= 0 && body.hub.disk_free_pct <= 100);
  });

  test('promtool finds nothing wrong with the figures or with the rules that are shipped', async () => {
    const reply = await fetch(`${hub.url}/metrics`);
    assert.equal(reply.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const page = await reply.text();
    assert.match(page, /^agentcom_tasks_completed_total\{workspace="default"\} 1$/m);
    const found = await output_of('promtool', ['check', 'metrics'], page);
    assert.equal(found.trim(), '');
    await output_of('promtool', ['check', 'rules', rules_file]);
  });

  test('the shipped rules name figures that the hub gives', async () => {
    const page = await text();
    for (const [name] of fs.readFileSync(rules_file, 'utf8').matchAll(/\bagentcom_\w+/g)) {
      // Without a backup there is no age of one: see below.
      if (name === 'agentcom_backup_age_seconds') continue;
      assert.ok(new RegExp(`^${name}[ {]`, 'm').test(page), name);
    }
  });

  test('a hub that never had a backup is told of after two days, as one is whose last is older', async () => {
    assert.doesNotMatch(await text(), /^agentcom_backup_age_seconds/m);
    const of = (instance) => `job="agentcom",instance="${instance}"`;
    const alert = (instance) => ({
      exp_labels: { severity: 'warning', job: 'agentcom', instance },
      exp_annotations: { summary: 'There is no good backup of the last two days' },
    });
    const at = (eval_time, ...instances) => ({ eval_time, alertname: 'AgentcomBackupStale', exp_alerts: instances.map(alert) });
    const hours = 72;
    const directory = make_temp_dir();
    const file = path.join(directory, 'test.yml');
    // JSON is YAML.
    fs.writeFileSync(file, JSON.stringify({
      rule_files: [rules_file],
      evaluation_interval: '1h',
      tests: [{
        interval: '1h',
        input_series: [
          { series: `agentcom_start_time_seconds{${of('never')}}`, values: `0x${hours}` },
          { series: `agentcom_start_time_seconds{${of('daily')}}`, values: `0x${hours}` },
          { series: `agentcom_backup_age_seconds{${of('daily')}}`, values: `3600x${hours}` },
          { series: `agentcom_start_time_seconds{${of('lapsed')}}`, values: `0x${hours}` },
          { series: `agentcom_backup_age_seconds{${of('lapsed')}}`, values: `0+3600x${hours}` },
        ],
        alert_rule_test: [at('47h'), at('50h', 'never', 'lapsed')],
      }],
    }));
    try {
      await output_of('promtool', ['test', 'rules', file]);
    } finally {
      fs.rmSync(directory, { recursive: true, force: true });
    }
  });

  test('Prometheus takes the figures and evaluates the rules', async () => {
    const directory = make_temp_dir();
    const port = await free_port();
    fs.writeFileSync(path.join(directory, 'prometheus.yml'), [
      'global: { scrape_interval: 1s, evaluation_interval: 1s }',
      `rule_files: [${JSON.stringify(rules_file)}]`,
      'scrape_configs:',
      `  - { job_name: agentcom, static_configs: [{ targets: [${JSON.stringify(new URL(hub.url).host)}] }] }`,
    ].join('\n'));
    const prometheus = spawn_tracked('prometheus', [
      `--config.file=${directory}/prometheus.yml`, `--storage.tsdb.path=${directory}/data`, `--web.listen-address=127.0.0.1:${port}`,
    ]);
    try {
      const ask = async (query) => (await (await fetch(`http://127.0.0.1:${port}/api/v1/${query}`)).json()).data;
      await until(async () => {
        const { result } = await ask('query?query=agentcom_tasks_completed_total');
        return result.length === 1 && result[0].value[1] === '1';
      }, () => `figures in Prometheus; it printed ${prometheus.output.slice(-2000)}`, kPrometheusMs);
      const rules = await until(async () => {
        const all = (await ask('rules')).groups.flatMap((group) => group.rules);
        return all.length > 0 && all.every((rule) => rule.health !== 'unknown') && all;
      }, 'evaluated rules', kPrometheusMs);
      assert.deepEqual(rules.filter((rule) => rule.health !== 'ok').map((rule) => `${rule.name}: ${rule.lastError}`), []);
      const down = rules.find((rule) => rule.name === 'AgentcomDown');
      assert.equal(down.state, 'inactive');
    } finally {
      prometheus.kill('SIGTERM');
      await prometheus.ended;
      fs.rmSync(directory, { recursive: true, force: true });
    }
  });

  test('a rule of one\'s own raises an alert, which is acknowledged and outlives kill -9', async () => {
    assert.equal((await admin.put('/api/config/alert-thresholds', { check_interval_ms: 1000 })).status, 200);
    const rule = { metric: 'tasks_completed', op: '>=', threshold: 0, severity: 'notice', message: 'it works' };
    assert.equal((await admin.put('/api/alert-rules/works', rule)).status, 201);
    const standing = async () => (await admin.get('/api/alerts')).body.alerts.find((alert) => alert.rule_id === 'works');
    assert.equal((await until(standing, 'the alert', 40_000)).message, 'it works');
    assert.equal((await admin.post('/api/alerts/works/acknowledge', { note: 'seen' })).status, 200);
    await hub.kill();
    await hub.start();
    admin = hub.api(hub.admin_token);
    const alert = await standing();
    assert.equal(alert.acknowledged, true);
    assert.equal(alert.note, 'seen');
    assert.equal((await admin.delete('/api/alert-rules/works')).status, 200);
    assert.equal(await standing(), undefined);
    assert.equal((await admin.get('/api/alerts/history?rule_id=works')).body.alerts.length, 1);
    const events = (await admin.get('/api/events?since=start&kind=alert_*&subject=works')).body.events;
    assert.deepEqual(events.map((event) => event.kind).filter((kind) => kind !== 'alert_rule_set' && kind !== 'alert_rule_removed'),
      ['alert_fired', 'alert_acknowledged', 'alert_cleared']);
  });

  test('every alert is explained in docs/operations.md', async () => {
    const operations = fs.readFileSync(path.join(root, 'docs/operations.md'), 'utf8');
    for (const rule of (await admin.get('/api/alert-rules')).body.builtin) {
      assert.match(operations, new RegExp(`^\\| \`${rule.rule_id}\` \\| .+ \\| .+ \\| .+ \\|$`, 'm'), rule.rule_id);
    }
  });

  test('every shipped rule of Prometheus is explained in docs/operations.md', () => {
    const operations = fs.readFileSync(path.join(root, 'docs/operations.md'), 'utf8');
    const rules = [...fs.readFileSync(rules_file, 'utf8').matchAll(/^ +- alert: (\w+)$/gm)].map(([, name]) => name);
    assert.ok(rules.length >= 12);
    for (const name of rules) assert.match(operations, new RegExp(`^\\| \`${name}\` \\| .+ \\| .+ \\| .+ \\|$`, 'm'), name);
    const explained = [...operations.matchAll(/^\| `(Agentcom\w+)` \|/gm)].map(([, name]) => name);
    assert.deepEqual(explained, rules);
  });

  test('history survives a clean restart', async () => {
    const values = async () => {
      const { body } = await admin.get(`/api/metrics/history?names=agents_registered&since=${Date.now() - 600_000}&step=10000`);
      return body.points.filter((point) => point[1] !== null);
    };
    await until(async () => (await values()).length > 0, 'samples');
    await hub.stop();
    await hub.start();
    admin = hub.api(hub.admin_token);
    assert.ok((await values()).length > 0);
  });
});
