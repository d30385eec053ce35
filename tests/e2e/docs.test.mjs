// The README and docs/ against the programs: their commands run and print what they say, their generated parts are what
// the hub prints, their links lead somewhere, and nothing that the hub knows is left out.
//
// A block marked `console` is a session at a terminal: a line that begins with "$ " is run by one shell per document, in
// an empty home directory; the lines behind it are its standard output, where "…" stands for anything. A line that
// starts the hub (it would stay in the foreground) starts it on a free port, which takes the place of 4000 throughout.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { bin_dir, free_port, Hub, hub_binary, make_temp_dir, printed, spawn_tracked } from './lib/hub.mjs';
import { Client } from './lib/client.mjs';
import { compare, generated_parts } from './lib/generated.mjs';
import { deferred, within } from './lib/wait.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const documents = ['README.md', ...fs.readdirSync(path.join(root, 'docs')).sort().map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
);
const text_of = (document) => fs.readFileSync(path.join(root, document), 'utf8');
const kCommandMs = 30_000;

/** What AgentCom v1.1 logs: its telemetry events, then the names of its lines. */
const kLogNamesOfV11 = `
  task.submit task.assign task.complete task.fail task.dead_letter task.reclaim task.retry agent.connect agent.disconnect agent.evict
  fsm.transition scheduler.attempt scheduler.match dets.backup.* dets.compaction.* dets.restore.* rate_limit.check rate_limit.violation
  alerter_started metrics_collector_started scheduler_started started dets_backup_started presence_agent_registered presence_agent_unregistered
  fsm_started fsm_existing_assignment fsm_task_assigned fsm_task_accepted fsm_task_completed fsm_task_failed fsm_task_blocked fsm_task_unblocked
  fsm_task_reclaimed scheduler_assigned alert_acknowledged alert_cleared recovery_complete sweep_complete task_accepted task_progress task_complete
  task_failed task_recovering dets_backup_complete log_level_changed alert_fired alert_re_fired scheduler_reclaim_stuck scheduler_ws_not_found
  scheduler_assign_failed task_overdue_reclaim reaper_evict_stale fsm_invalid_transition fsm_unexpected_event fsm_unexpected_task_accepted
  fsm_websocket_down fsm_acceptance_timeout fsm_reclaim_failed metrics_collector_handler_detached dets_sync_failed dets_compaction_failed
  dets_auto_restore_complete compaction_failures_detected health_check_failed hub_reset_triggered dets_corruption_detected
  dets_compaction_retry_failed dets_integrity_failed recovery_failed metrics_collector_*_handler_crash dets_auto_restore_failed dets_no_backup
  dets_degraded_mode dets_restart_failed dets_restore_exception push_* dets_cleanup_old_backup
`.trim().split(/\s+/);
const kHubStarts = new Set(['./tools/run.sh', 'agentcom-hub']);

/** [{command, expected}] of all console blocks of a document, in order. */
function commands_of(text) {
  const commands = [];
  for (const [, block] of text.matchAll(/^```console\n([\s\S]*?)^```$/gm)) {
    for (const line of block.split('\n').slice(0, -1)) {
      if (line.startsWith('$ ')) {
        commands.push({ command: line.slice(2), expected: [] });
      } else {
        assert.ok(commands.length > 0, `a console block begins with a command, not with: ${line}`);
        commands.at(-1).expected.push(line);
      }
    }
  }
  return commands;
}

function matches(printed_text, expected) {
  const pattern = expected
    .join('\n')
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('…', '[^\\n]*');
  return new RegExp(`^${pattern}\\n*$`).test(printed_text);
}

async function output_of(...args) {
  const child = spawn_tracked(hub_binary, args, { env: { PATH: process.env.PATH } });
  const end = await within(child.ended, () => `end of agentcom-hub ${args.join(' ')}`);
  assert.equal(end.code, 0, child.output);
  return child.stdout_text;
}

/** A shell in an empty home directory that runs the commands of one document. */
class Terminal {
  static async open() {
    const terminal = new Terminal();
    terminal.home = make_temp_dir('agentcom-docs-');
    terminal.port = await free_port();
    const env = {
      HOME: terminal.home,
      PATH: `${bin_dir}:${process.env.PATH}`,
      LANG: 'C.UTF-8',
      AGENTCOM_HUB: `http://127.0.0.1:${terminal.port}`,
    };
    terminal.env = env;
    // Its own process group: what it left in the background goes with it.
    terminal.shell = spawn_tracked('bash', ['--norc', '--noprofile'], { env, cwd: root, detached: true });
    return terminal;
  }

  async start_hub() {
    if (this.hub) await within(this.hub.ended, 'end of the hub before its next start');
    this.hub = spawn_tracked(hub_binary, ['--listen', `127.0.0.1:${this.port}`], {
      env: { HOME: this.home, PATH: process.env.PATH },
      cwd: root,
    });
    await printed(this.hub, /listening on/);
  }

  /** Runs a command of the document; gives {code, out}. */
  async run(command) {
    const real = command.replaceAll('127.0.0.1:4000', `127.0.0.1:${this.port}`).replaceAll('$PWD/build/release/bin', bin_dir);
    this.count = (this.count ?? 0) + 1;
    const mark = `@@${this.count}@@`;
    const from = this.shell.stdout_text.length;
    const done = deferred();
    const look = () => {
      const match = new RegExp(`${mark}(\\d+)\\n`).exec(this.shell.stdout_text.slice(from));
      if (match) done.resolve({ code: Number(match[1]), out: this.shell.stdout_text.slice(from, from + match.index) });
    };
    this.shell.on('text', look);
    this.shell.stdin.write(`${real}\nprintf '${mark}%d\\n' "$?"\n`);
    try {
      return await within(done.promise, () => `end of: ${command}\n${this.shell.output.slice(-2000)}`, kCommandMs);
    } finally {
      this.shell.off('text', look);
    }
  }

  async close() {
    const pid = this.shell.pid;
    this.shell.stdin.end();
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // All of it has ended by itself.
    }
    await this.shell.ended;
    this.hub?.kill('SIGKILL');
    await this.hub?.ended;
    fs.rmSync(this.home, { recursive: true, force: true });
  }
}

describe('the commands of the documentation', () => {
  for (const document of documents) {
    const commands = commands_of(text_of(document));
    if (commands.length === 0) continue;
    test(document, { timeout: 120_000 }, async () => {
      const terminal = await Terminal.open();
      try {
        for (const { command, expected } of commands) {
          if (kHubStarts.has(command)) {
            await terminal.start_hub();
            continue;
          }
          const { code, out } = await terminal.run(command);
          assert.equal(code, 0, `${command}\n${terminal.shell.output.slice(-2000)}`);
          const wanted = expected.map((line) => line.replaceAll('127.0.0.1:4000', `127.0.0.1:${terminal.port}`));
          assert.ok(matches(out, wanted) || expected.length === 0, `${command}\nprinted:\n${out}\nexpected:\n${wanted.join('\n')}`);
        }
      } finally {
        await terminal.close();
      }
    });
  }

  test('the README walks through all that it promises', () => {
    const walked = commands_of(text_of('README.md')).map(({ command }) => command);
    for (const part of ['./tools/run.sh', 'agentcom register alice', ' worker -- ', ' --wait', ' send carol', ' inbox', 'kill -9', 'curl ']) {
      assert.ok(walked.some((command) => command.includes(part)), `no command with ${part}`);
    }
    assert.equal(walked.filter((command) => command === './tools/run.sh').length, 2);
  });

  test('a wrong output is noticed', () => {
    assert.ok(matches('task-12  queued\nrest\n', ['task-…  queued', 'rest']));
    assert.ok(!matches('task-12  completed\n', ['task-…  queued']));
    assert.ok(!matches('a\nb\n', ['a']));
    assert.ok(!matches('axb\n', ['a.b']));
  });
});

// Blocks of commands that need another machine, another hub or a fault, by their first line: the test that runs them.
const kRunElsewhere = new Map([
  ['agentcom --hub http://hub.example:4000', ['cli.test.mjs', 'an administrator registers an agent from another machine']],
  ['agentcom import v1.1 --tokens', ['import.test.mjs', 'tasks: queued ones and dead letters, under their own ids, once']],
  ['agentcom-hub --replay-fault', ['storage.test.mjs', 'a poison frame closes its sender with 1011, is saved, is refused from then on, and can be replayed']],
  ['# What went wrong?', ['logs.test.mjs', 'W-13: each query of the manual finds something']],
]);

test('a command of the manuals that is not run here is run by a test elsewhere', () => {
  const used = new Set();
  for (const document of ['docs/operations.md', 'docs/troubleshooting.md']) {
    for (const [, block] of text_of(document).matchAll(/^```(?:sh|bash|shell)\n([\s\S]*?)^```$/gm)) {
      const known = [...kRunElsewhere].find(([beginning]) => block.startsWith(beginning));
      assert.ok(known, `${document}: make this a console block, so that it is run:\n${block}`);
      const [beginning, [file, title]] = known;
      used.add(beginning);
      const tests = fs.readFileSync(path.join(root, 'tests/e2e', file), 'utf8').replaceAll("\\'", "'");
      assert.ok(tests.includes(`test('${title}'`), `${file} has no test "${title}"`);
    }
  }
  assert.deepEqual([...used].sort(), [...kRunElsewhere.keys()].sort(), 'exceptions that are not needed');
});

describe('the generated parts', () => {
  for (const part of generated_parts) {
    test(`${part.document}: ${part.title}`, async () => {
      const { found, expected } = await compare(part);
      assert.equal(found, expected, 'run node tests/e2e/update_docs.mjs');
    });
  }
});

describe('links', () => {
  /** The anchor that a heading gets on the usual hosts. */
  const anchor_of = (heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-');

  for (const document of documents) {
    test(document, () => {
      const prose = text_of(document).replace(/^```[\s\S]*?^```$/gm, '');
      for (const [, target] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [file, anchor] = target.split('#');
        const full = file === '' ? path.join(root, document) : path.join(root, path.dirname(document), file);
        assert.ok(fs.existsSync(full), `${target} leads nowhere`);
        if (!anchor) continue;
        const headings = [...fs.readFileSync(full, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor_of(heading));
        assert.ok(headings.includes(anchor), `${target}: no such heading`);
      }
    });
  }

  test('every document is reached from the README', () => {
    const readme = text_of('README.md');
    for (const document of documents.slice(1)) assert.ok(readme.includes(`(${document})`), document);
  });

  test('files that the documents name exist', () => {
    for (const document of documents) {
      for (const [, name] of text_of(document).matchAll(/`((?:core|native-server|tests|tools)\/[\w./]+)`/g)) {
        assert.ok(fs.existsSync(path.join(root, name)), `${document}: ${name}`);
      }
    }
  });
});

describe('completeness', () => {
  let hub;
  let api;

  before(async () => {
    hub = await Hub.start();
    api = hub.api();
  });
  after(() => hub?.dispose());

  test('every flag is in docs/operations.md', async () => {
    const flags = [...(await output_of('--help')).matchAll(/^\s+(?:-\w,)?(--[\w-]+)/gm)].map(([, flag]) => flag);
    assert.ok(flags.length > 10);
    const operations = text_of('docs/operations.md');
    for (const flag of flags) assert.ok(operations.includes(`\`${flag}`), flag);
  });

  test('every setting is in docs/operations.md', async () => {
    const names = (await output_of('--print-settings')).split('\n').slice(1, -1).map((line) => line.split(' ')[0]);
    assert.ok(names.length > 40);
    const operations = text_of('docs/operations.md');
    for (const name of names) assert.match(operations, new RegExp(`^${name} `, 'm'));
  });

  test('the constants of v1.1 are settings, with its numbers under its profile', async () => {
    const rows = (await output_of('--print-settings')).split('\n').map((line) => line.split(/\s+/));
    const of_profile = new Map(rows.map(([name, , number]) => [name, Number(number)]));
    const expected = {
      idle_timeout_ms: 60_000, violations_to_close: 10, violation_window_ms: 60_000, cooldown_first_ms: 30_000, cooldown_second_ms: 60_000,
      cooldown_third_ms: 300_000, limit_light_per_min: 120, limit_normal_per_min: 60, limit_heavy_per_min: 10, limit_warn_percent: 20,
      limit_skip_ms: 60_000, acceptance_timeout_ms: 60_000, stuck_after_ms: 300_000, stuck_reclaim: 1, default_max_retries: 3, retry_delay_ms: 0,
      reconnect_grace_ms: 0, task_events_shown: 50, mailbox_entries: 100, mailbox_ttl_ms: 604_800_000, message_history: 10_000, message_page: 50,
      message_page_max: 200, channel_history: 200, channel_page: 50, active_ms: 300_000, heartbeat_interval_ms: 900_000,
    };
    const compatibility = text_of('docs/compatibility.md');
    for (const [name, number] of Object.entries(expected)) {
      assert.equal(of_profile.get(name), number, name);
      assert.ok(compatibility.includes(`\`${name}\``), name);
    }
  });

  test('every setting that a document names exists', async () => {
    const known = await output_of('--print-settings');
    const suffixes = /`((?:[a-z0-9]+_)+(?:ms|max|per_min|entries|bytes|limit|frames|history|tasks|slots|connections))`/g;
    // Names of other things that look like settings.
    const fields = new Set(['ttl_ms', 'idle_ms', 'refill_rate_per_min', 'too_many_entries', 'total_connections', 'wait_ms', 'grace_ms', 'lease_ms', 'heartbeat_interval_ms', 'stuck_task_ms', 'check_interval_ms', 'retry_after_ms', 'state_bytes', 'input_bytes', 'stuck_tasks', 'database_bytes', 'wal_bytes', 'interval_ms', 'expires_in_ms', 'duration_ms', 'wall_ms']);
    for (const { name } of (await api.get('/api/alert-rules')).body.metrics) fields.add(name);
    // Most of docs/protocol.md is generated, and speaks of fields.
    for (const document of documents.filter((name) => name !== 'docs/protocol.md')) {
      for (const [, name] of text_of(document).matchAll(suffixes)) {
        assert.ok(fields.has(name) || known.includes(`\n${name} `), `${document}: ${name}`);
      }
    }
  });

  test('every route has a command in docs/api.md', async () => {
    const asked = [];
    for (const { command } of commands_of(text_of('docs/api.md'))) {
      for (const [, verb, target] of command.matchAll(/\b(get|post|put|delete|curl -s) ["']?(\S+?)["']?(?=\s|$|\)|\|)/g)) {
        const route = target.replace('$hub', '').replace(/\$\(.*/, 'x').split('?')[0];
        asked.push(`${verb === 'curl -s' ? 'get' : verb} ${route}`);
      }
      if (command.startsWith('api $hub')) asked.push(`get ${command.split(' ')[1].replace('$hub', '')}`);
    }
    const { paths } = (await api.get('/api/openapi.json')).body;
    for (const [template, operations] of Object.entries(paths)) {
      for (const method of Object.keys(operations).filter((name) => ['get', 'post', 'put', 'delete'].includes(name))) {
        const pattern = new RegExp(`^${method} ${template.replace(/\{[^}]+\}/g, '[^/]+')}$`);
        assert.ok(asked.some((each) => pattern.test(each)), `${method} ${template}`);
      }
    }
  });

  test('every frame type is in docs/protocol.md and docs/compatibility.md', async () => {
    const agent = await Client.join(hub, 'types', { protocol_version: 2 });
    agent.send({ type: '?' });
    const types = (await agent.expect({ type: 'error' })).errors[0].known_types;
    await agent.close();
    assert.ok(types.length >= 11);
    const headings = [...text_of('docs/protocol.md').matchAll(/^#### (\w+)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings.sort(), types);
    const rows = [...text_of('docs/compatibility.md').matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    for (const type of types) assert.ok(rows.includes(type), type);
  });

  test('the routes of docs/protocol.md exist, and are those of docs/compatibility.md', async () => {
    const routes_of = (document) =>
      new Set(
        text_of(document)
          .split('\n')
          .filter((line) => /^\| `[A-Z]+ \//.test(line))
          .flatMap((line) => [...line.split(' | ')[0].matchAll(/`([A-Z]+ \/[^`]*)`/g)].map(([, route]) => route)),
      );
    const routes = routes_of('docs/protocol.md');
    assert.ok(routes.size >= 20);
    assert.deepEqual([...routes_of('docs/compatibility.md')].sort(), [...routes].sort());
    for (const route of routes) {
      const [method, target] = route.split(' ');
      const reply = await api.request(method, target.replace(/:\w+/g, 'nobody'));
      assert.notDeepEqual(reply.body, { error: 'not_found' }, route);
    }
  });

  test('the routes of the catalogue are in docs/protocol.md', () => {
    const catalogue = fs.readFileSync(path.join(root, 'core/protocol/catalogue.cpp'), 'utf8');
    const routes = [...catalogue.matchAll(/Method::(\w+), "(\/[^"]*)"/g)].map(
      ([, method, target]) => `${method.replace('_', '').toUpperCase()} ${target}`,
    );
    assert.ok(routes.length >= 20);
    const protocol = text_of('docs/protocol.md');
    for (const route of routes) assert.ok(protocol.includes(`\`${route}\``), route);
  });

  test('the fields of the catalogue are in docs/protocol.md', () => {
    const catalogue = fs.readFileSync(path.join(root, 'core/protocol/catalogue.cpp'), 'utf8');
    const fields = [...catalogue.matchAll(/(?:_field\(|failure_text\(|QueryField\{)"(\w+)"/g)].map(([, name]) => name);
    assert.ok(fields.length > 30);
    const protocol = text_of('docs/protocol.md');
    for (const field of fields) assert.ok(protocol.includes(`\`${field}\``), field);
  });

  test('what docs/compatibility.md says the log calls things are names of the log', () => {
    const operations = text_of('docs/operations.md');
    const section = /## Names in the log\n([\s\S]*?)\n## /.exec(text_of('docs/compatibility.md'))[1];
    const names = [...section.matchAll(/\| `(\w+)` \|$/gm)].map(([, name]) => name);
    assert.ok(names.length >= 15);
    for (const name of names) assert.ok(operations.includes(`\`${name}\``), name);
    const rows = [...section.matchAll(/^\| (`.*?`) \| (.*) \|$/gm)];
    for (const [row, , here] of rows) assert.match(here, /^(`\w+`|none: .+)$/, row);
    const left = rows.flatMap(([, theirs]) => theirs.split(', ').map((name) => name.slice(1, -1))).sort();
    assert.deepEqual(left, [...kLogNamesOfV11].sort());
  });
});
