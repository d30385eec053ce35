// The command line against a real hub, as scripts and people use it: every command's --json is as its published schema
// says, every exit code comes where docs/cli.md says, and what goes on for long outlasts a restart of the hub.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, afterEach, before, describe, test } from 'node:test';
import { bin_dir, cli_binary, free_port, Hub, make_temp_dir, spawn_tracked } from './lib/hub.mjs';
import { Schemas } from './lib/schema.mjs';
import { until, within } from './lib/wait.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const schemas = new Schemas(path.join(root, 'docs/schemas/cli'));
const kCommandMs = 20_000;
const me = `human:${os.userInfo().username}`;

/** A person with an empty home directory, on the hub's machine or elsewhere. */
class Person {
  constructor(hub, { local = true, ...env } = {}) {
    this.home = make_temp_dir('agentcom-home-');
    this.env = {
      PATH: `${bin_dir}:${process.env.PATH}`,
      HOME: this.home,
      LANG: 'C.UTF-8',
      AGENTCOM_HUB: hub.url,
      ...(local ? { AGENTCOM_DATA: hub.data } : {}),
      ...env,
    };
  }

  start(...args) {
    const child = spawn_tracked(cli_binary, args, { env: this.env, cwd: this.home });
    child.args = args;
    return child;
  }

  async end_of(child) {
    const end = await within(child.ended, () => `end of agentcom ${child.args.join(' ')}: ${child.output}`, kCommandMs);
    return { code: end.code, out: child.stdout_text, text: child.output };
  }

  /** Runs `agentcom …` to its end. */
  run(...args) {
    return this.feed('', ...args);
  }

  feed(input, ...args) {
    const child = this.start(...args);
    child.stdin.end(input);
    return this.end_of(child);
  }

  async succeed(...args) {
    const run = await this.run(...args);
    assert.equal(run.code, 0, `agentcom ${args.join(' ')}: ${run.text}`);
    return run.out;
  }

  /** The data of `agentcom --json …`, checked against its schema. */
  async data(schema, ...args) {
    return checked(schema, await this.succeed('--json', ...args));
  }

  /** The error of `agentcom --json …`, which must end with this code. */
  async error(exit_code, ...args) {
    const run = await this.run('--json', ...args);
    assert.equal(run.code, exit_code, `agentcom ${args.join(' ')}: ${run.text}`);
    const document = JSON.parse(run.out);
    assert.deepEqual(schemas.errors('error.json', document), [], run.out);
    assert.equal(document.error.exit_code, exit_code);
    assert.notEqual(document.error.message, '');
    return document.error;
  }

  dispose() {
    fs.rmSync(this.home, { recursive: true, force: true });
  }
}

function checked(schema, text) {
  const document = JSON.parse(text);
  assert.deepEqual(schemas.errors(`${schema}.json`, document), [], text);
  return document.data;
}

const lines_of = (text) => text.split('\n').slice(0, -1);

/** Resolves once what the child prints matches. */
const prints = (child, pattern) =>
  within(
    new Promise((resolve) => {
      const look = () => pattern.test(child.output) && resolve(pattern.exec(child.output));
      child.on('text', look);
      look();
    }),
    () => `${pattern} in: ${child.output}`,
    kCommandMs,
  );

/** A program of this name in the person's home that does what `script` (sh) says. */
function put_program(person, name, script) {
  const directory = path.join(person.home, 'programs');
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(path.join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  person.env.PATH = `${directory}:${person.env.PATH}`;
}

describe('the command line', () => {
  let hub;
  let person;
  const workers = [];

  before(async () => {
    hub = await Hub.start({ port: await free_port() });
    person = new Person(hub);
    for (const agent of ['alice', 'bob', 'solver', 'asker', 'slow', 'patient', 'teller']) await person.succeed('register', agent);
  });
  after(async () => {
    await hub?.dispose();
    person?.dispose();
  });
  // What a failed test has left running is not the next one's trouble.
  afterEach(async () => {
    for (const worker of workers.splice(0)) {
      worker.kill('SIGKILL');
      await worker.ended;
    }
  });

  /** A worker that has been let in. */
  async function worker(...args) {
    const child = person.start(...args);
    workers.push(child);
    await prints(child, /connected as/);
    return child;
  }

  async function stop(child) {
    child.kill('SIGTERM');
    const end = await within(child.ended, () => `end of the worker: ${child.output}`, kCommandMs);
    assert.equal(end.code, 0, child.output);
  }

  const state_of = async (task_id) => (await person.data('task-show', 'task', 'show', task_id)).state;

  describe('documents', () => {
    test('of who one is', async () => {
      const registered = await person.data('register', 'register', 'carol');
      assert.equal(fs.statSync(registered.identity_file).mode & 0o777, 0o600);
      const who = await person.data('whoami', 'whoami');
      assert.equal(who.principal, me);
      assert.equal(who.kind, 'human');
      assert.equal((await person.data('whoami', '--as', 'alice', 'whoami')).principal, 'alice');
      const config = await person.data('config-show', 'config', 'show');
      assert.equal(config.agent.value, me);
      assert.ok(config.identities.some((identity) => identity.agent_id === 'alice'));
      await person.data('config-path', 'config', 'path');
    });

    test('of tokens', async () => {
      const made = await person.data('token-create', 'token', 'create', 'dora');
      assert.match(made.token, /^[0-9a-f]{64}$/);
      const list = await person.data('token-list', 'token', 'list');
      assert.ok(list.tokens.some((token) => token.agent_id === 'dora'));
      assert.equal((await person.data('whoami', '--token', made.token, 'whoami')).principal, 'dora');
      const rotated = await person.data('token-rotate', 'token', 'rotate', 'dora');
      await person.error(5, '--token', made.token, 'whoami');
      assert.equal((await person.data('whoami', '--token', rotated.token, 'whoami')).principal, 'dora');
      await person.data('token-revoke', 'token', 'revoke', 'dora');
      await person.error(5, '--token', rotated.token, 'whoami');
      // One that is kept here goes on working without a word.
      const kept = await person.data('token-rotate', 'token', 'rotate', 'carol');
      assert.equal(kept.token, undefined);
      await person.succeed('--as', 'carol', 'whoami');
    });

    test('of messages', async () => {
      const sent = await person.data('send', '--as', 'alice', 'send', 'bob', 'hi', '--importance', 'high', '--ack-required', '--label', 'x');
      const inbox = await person.data('inbox', '--as', 'bob', 'inbox');
      assert.equal(inbox.messages.at(-1).id, sent.id);
      assert.deepEqual(inbox.messages.at(-1).payload, { text: 'hi' });
      await person.succeed('--as', 'bob', 'inbox', '--ack');
      const deliveries = await person.data('sent-one', '--as', 'alice', 'sent', sent.id);
      assert.equal(deliveries.deliveries[0].state, 'acked');
      assert.ok(deliveries.deliveries[0].read_at);
      const list = await person.data('sent', '--as', 'alice', 'sent');
      assert.equal(list.messages[0].id, sent.id);
      assert.equal(list.messages[0].ack_required, true);
      assert.match(await person.succeed('--as', 'alice', 'sent'), /bob .* acked /);
    });

    test('of tasks', async () => {
      const first = await person.data('submit', 'submit', 'one', '--needs', 'nobody', '--kind', 'k', '--label', 'l', '--unique-key', 'u1', '--metadata', '{"n": 1e400}');
      const again = await person.data('submit', 'submit', 'one', '--unique-key', 'u1').catch(() => null);
      if (again) assert.equal(again.task_id, first.task_id);
      const second = await person.data('submit', 'submit', 'two', '--blocked-by', first.task_id, '--on-blocker-failure', 'cancel', '--priority', 'low');
      const shown = await person.data('task-show', 'task', 'show', first.task_id);
      assert.equal(shown.kind, 'k');
      assert.ok(shown.waiting.detail.length > 0);
      assert.match(await person.succeed('task', 'show', first.task_id), /why +\S/);
      assert.equal((await person.data('task-show', 'task', 'show', second.task_id)).state, 'held');
      const list = await person.data('task-list', 'task', 'list', '--limit', '50');
      assert.ok(list.tasks.some((task) => task.id === second.task_id));
      const cancelled = await person.data('task-cancel', 'task', 'cancel', first.task_id, '--reason', 'not needed');
      assert.equal(cancelled.status, 'cancelled');
      await until(async () => (await state_of(second.task_id)) === 'cancelled', 'cancelled dependent');
    });

    test('of the fleet', async () => {
      const child = await worker('--as', 'slow', 'worker', '-c', 'fleet', '--', 'sleep', '1000');
      const { task_id } = await person.data('submit', 'submit', 'wait here', '--needs', 'fleet');
      await until(async () => (await state_of(task_id)) === 'working', 'working task');
      const status = await person.data('status', 'status');
      const agent = status.agents.find((one) => one.agent_id === 'slow');
      assert.equal(agent.tasks[0].task_id, task_id);
      assert.match(await person.succeed('status'), new RegExp(`slow +working +\\w+ +${task_id}  wait here`));
      const agents = await person.data('agents', 'agents', '--capability', 'fleet');
      assert.deepEqual(agents.agents.map((one) => one.agent_id), ['slow']);
      await person.succeed('task', 'cancel', task_id);
      await stop(child);
    });

    test('of a shell and of this program', async () => {
      for (const shell of ['bash', 'zsh', 'fish']) await person.data('text', 'completion', shell);
      await person.data('text', '--version');
      const script = await person.succeed('completion', 'bash');
      for (const [words, expected] of [
        [['--as', 'x', 'task', 'ans'], 'answer'],
        [['token', ''], 'create list revoke rotate'],
        [['task', 'list', '--assi'], '--assigned-to'],
        [['--as', ''], ''],
      ]) {
        const typed = words.map((word) => `'${word}'`).join(' ');
        const bash = spawn_tracked('bash', ['-c', `${script}\nCOMP_WORDS=(agentcom ${typed}); COMP_CWORD=${words.length}; _agentcom; echo "\${COMPREPLY[@]}"`]);
        assert.equal((await within(bash.ended, 'end of bash')).code, 0, bash.output);
        assert.equal(bash.stdout_text, `${expected}\n`);
      }
    });
  });

  describe('exit codes', () => {
    test('1: an awaited task that failed or was cancelled', async () => {
      const child = await worker('--as', 'solver', 'worker', '-c', 'fail', '--', 'sh', '-c', 'echo no luck >&2; exit 3');
      const error = await person.error(1, 'submit', 'x', '--needs', 'fail', '--max-retries', '1', '--wait');
      assert.match(error.message, /no luck/);
      assert.equal(error.hub.status, 'dead_letter');
      const retried = await person.data('task-retry', 'task', 'retry', error.hub.id);
      assert.equal(retried.task_id, error.hub.id);
      await stop(child);
      await person.succeed('task', 'cancel', error.hub.id).catch(() => {});
    });

    test('2: a command line or input that makes no sense', async () => {
      await person.error(2, 'nonsense');
      await person.error(2, 'task', 'show');
      await person.error(2, 'submit', 'x', '--complete-by', 'yesterday');
      await person.error(2, 'worker', '--', '/nonexistent/program');
      await person.error(2, 'submit', 'x'.repeat(10_001));
      const batch = await person.feed('{"description":"a"}\n{"description":5}\n', '--json', 'submit', '-');
      assert.equal(batch.code, 2, batch.text);
      assert.match(JSON.parse(batch.out).error.hint, /line 2/);
    });

    test('3: nothing of that name', async () => {
      const error = await person.error(3, 'task', 'show', 'task-none');
      assert.match(error.hint, /task list/);
      const unknown = await person.error(3, '--as', 'alice', 'send', 'bbo', 'hi');
      assert.match(unknown.hint, /bob/);
      await person.succeed('--as', 'alice', 'send', 'nobody-yet', 'hi', '--no-strict');
      await person.error(3, 'sent', 'no-such-message');
    });

    test('4: what is taken or has ended', async () => {
      await person.error(4, 'register', 'alice');
      const { task_id } = await person.data('submit', 'submit', 'x', '--needs', 'nobody');
      await person.succeed('task', 'cancel', task_id);
      const error = await person.error(4, 'task', 'cancel', task_id);
      assert.match(error.hint, /ended/);
      await person.error(4, 'task', 'say', task_id, 'hello');
      await person.error(4, 'task', 'answer', task_id, 'hello');
    });

    test('5: no token, or one that may not', async () => {
      await person.error(5, '--as', 'stranger', 'task', 'list');
      await person.error(5, '--token', 'wrong', 'task', 'list');
      await person.error(5, '--as', 'alice', 'token', 'create', 'eve');
      const elsewhere = new Person(hub, { local: false });
      assert.match((await elsewhere.error(5, 'status')).hint, /register/);
      elsewhere.dispose();
    });

    test('6: the end of the given time', async () => {
      const { task_id } = await person.data('submit', 'submit', 'x', '--needs', 'nobody');
      await person.error(6, '--timeout', '300ms', 'task', 'wait', task_id);
      await person.error(6, '--timeout', '300ms', '--as', 'alice', 'inbox', '--wait', '--since', '1000000');
      await person.error(6, '--timeout', '300ms', 'watch', '--kind', 'nothing_like_this');
      await person.error(6, '--timeout', '300ms', 'task', 'logs', '-f', task_id);
      await person.succeed('task', 'cancel', task_id);
    });

    test('7: no hub', async () => {
      const error = await person.error(7, '--hub', 'http://127.0.0.1:1', '--as', 'a', '--token', 'x', 'status');
      assert.match(error.hint, /agentcom-hub/);
    });

    test('errors for people say what, why and what next on standard error', async () => {
      const run = await person.run('task', 'show', 'task-none');
      assert.equal(run.out, '');
      assert.match(run.text, /^agentcom: cannot show task task-none: .+\n {2}\S.+\n$/);
    });
  });

  test('an administrator registers an agent from another machine', async () => {
    const guest = new Person(hub, { local: false });
    await guest.data('register', '--hub', hub.url, '--token', hub.admin_token, 'register', 'from-afar');
    assert.equal((await guest.data('whoami', '--as', 'from-afar', 'whoami')).principal, 'from-afar');
    guest.dispose();
  });

  test('invite and audit', async () => {
    const one = await person.data('invite-create', 'invite', 'create', '--agent', 'guest', '--ttl', '1h');
    const open = await person.data('invite-create', 'invite', 'create', '--uses', '2');
    assert.deepEqual([one.agent_id, one.uses_left, open.agent_id, open.uses_left], ['guest', 1, null, 2]);
    const { invites } = await person.data('invite-list', 'invite', 'list');
    assert.deepEqual(invites.map((invite) => invite.id).sort(), [one.id, open.id].sort());
    assert.ok(!JSON.stringify(invites).includes(one.code));
    const guest = new Person(hub, { local: false });
    await guest.data('register', 'register', 'guest', '--invite', one.code);
    await guest.error(5, 'register', 'other', '--invite', one.code);
    await guest.data('register', 'register', 'other', '--invite', open.code);
    await guest.error(5, '--as', 'guest', 'audit');
    guest.dispose();
    await person.data('invite-revoke', 'invite', 'revoke', open.id);
    await person.error(3, 'invite', 'revoke', open.id);
    const { entries } = await person.data('audit', 'audit', '--kind', 'invite_*');
    assert.deepEqual(entries.map((entry) => [entry.kind, entry.subject]).reverse(), [
      ['invite_created', one.id],
      ['invite_created', open.id],
      ['invite_revoked', open.id],
    ]);
    assert.ok(entries.every((entry) => entry.principal === 'admin'));
    assert.match(await person.succeed('audit'), /invite_revoked/);
  });

  test('hub config, hub log-level and hub reset', async () => {
    const all = await person.data('hub-config-get', 'hub', 'config', 'get');
    assert.deepEqual(all.config.map((one) => one.name).sort(), ['alert-thresholds', 'default-repo', 'heartbeat-interval', 'mailbox-retention', 'public-url']);
    assert.equal((await person.data('hub-config-set', 'hub', 'config', 'set', 'heartbeat-interval', '20s')).heartbeat_interval_ms, 20_000);
    const [one] = (await person.data('hub-config-get', 'hub', 'config', 'get', 'heartbeat-interval')).config;
    assert.equal(one.value, 20_000);
    assert.equal(one.source, 'stored');
    await person.data('hub-config-set', 'hub', 'config', 'set', 'alert-thresholds', '{"failure_rate_pct":20}');
    await person.data('hub-config-set', 'hub', 'config', 'set', 'default-repo', 'https://example.org/r');
    await person.error(2, 'hub', 'config', 'set', 'alert-thresholds', '{"failure_rate_pct":200}');
    await person.error(2, 'hub', 'config', 'set', 'heartbeat-interval', 'soon');
    await person.error(2, 'hub', 'config', 'get', 'nothing');
    for (const name of ['heartbeat-interval', 'alert-thresholds', 'default-repo']) {
      assert.equal((await person.data('hub-config-unset', 'hub', 'config', 'unset', name)).name, name);
    }
    assert.equal((await person.data('hub-log-level', 'hub', 'log-level')).level, 'info');
    assert.equal((await person.data('hub-log-level', 'hub', 'log-level', 'notice')).level, 'notice');
    await person.data('hub-log-level', 'hub', 'log-level', 'info');
    assert.equal((await person.data('hub-reset', 'hub', 'reset')).status, 'reset_scheduled');
  });

  describe('choosing', () => {
    test('--as, the environment, the nearest .agentcom, the default, in this order', async () => {
      const who = async (...args) => (await person.data('config-show', ...args, 'config', 'show')).agent.value;
      await person.data('config-use', 'config', 'use', 'alice');
      assert.equal(await who(), 'alice');
      await person.data('config-use', 'config', 'use', 'bob', '--here');
      assert.equal(await who(), 'bob');
      person.env.AGENTCOM_AGENT = 'carol';
      assert.equal(await who(), 'carol');
      assert.equal(await who('--as', 'solver'), 'solver');
      delete person.env.AGENTCOM_AGENT;
      fs.rmSync(path.join(person.home, '.agentcom'));
      fs.rmSync(path.join(person.home, '.config/agentcom/default'));
      assert.equal(await who(), me);
    });

    test('--fields picks members, as JSON or as columns', async () => {
      const { task_id } = await person.data('submit', 'submit', 'pick\nme', '--needs', 'nobody');
      assert.equal(await person.succeed('--fields', 'id,description,priority', 'task', 'show', task_id), `${task_id}\tpick me\t2\n`);
      const picked = JSON.parse(await person.succeed('--json', '--fields', 'id', 'task', 'list', '--limit', '1'));
      assert.deepEqual(Object.keys(picked.data.tasks[0]), ['id']);
      await person.succeed('task', 'cancel', task_id);
    });

    test('a person whose hub was set up anew is made known again', async () => {
      const [file] = fs.readdirSync(path.join(person.home, '.config/agentcom/identities'), { recursive: true }).filter((name) => name.includes('human'));
      const full = path.join(person.home, '.config/agentcom/identities', file);
      const identity = JSON.parse(fs.readFileSync(full, 'utf8'));
      fs.writeFileSync(full, JSON.stringify({ ...identity, token: 'of another hub' }));
      assert.equal((await person.data('whoami', 'whoami')).principal, me);
      assert.equal(fs.statSync(full).mode & 0o777, 0o600);
    });
  });

  describe('tasks that run', () => {
    test('many at once from standard input, depending on each other, in two slots', async () => {
      const child = await worker('--as', 'solver', 'worker', '-c', 'batch', '--slots', '2', '--', 'sh', '-c', 'printf %s "$AGENTCOM_TASK_DESCRIPTION"');
      const lines = ['{"description":"a"}', '{"description":"b"}', '', '{"description":"c","blocked_by":["#0","#1"]}'].join('\n');
      const run = await person.feed(lines, '--json', 'submit', '-', '--needs', 'batch');
      assert.equal(run.code, 0, run.text);
      const batch = checked('submit-batch', run.out);
      assert.equal(batch.count, 3);
      const ids = batch.tasks.map((task) => task.task_id);
      const waited = await person.data('task-wait', 'task', 'wait', ...ids);
      assert.deepEqual(waited.tasks.map((task) => task.result.output), ['a', 'b', 'c']);
      assert.ok(waited.tasks[2].attempts.length > 0);
      await stop(child);
    });

    test('its result, for people and for programs', async () => {
      const child = await worker('--as', 'solver', 'worker', '-c', 'upper', '--', 'tr', 'a-z', 'A-Z');
      const task = await person.data('submit-wait', 'submit', 'shout', '--needs', 'upper', '--wait');
      assert.match(task.result.output, /"DESCRIPTION":"SHOUT"/);
      await stop(child);
    });

    test('live output, in order, over a kill -9 of the hub', async () => {
      const gate = path.join(person.home, 'gate');
      const child = await worker(
        '--as', 'solver', 'worker', '-c', 'live', '--', 'sh', '-c',
        `printf 'one €\\n'; echo oops >&2; while [ ! -e ${gate} ]; do sleep 0.02; done; echo two`,
      );
      const { task_id } = await person.data('submit', 'submit', 'print', '--needs', 'live');
      const follow = person.start('task', 'logs', '-f', task_id);
      const as_json = person.start('--json', 'task', 'logs', '-f', task_id);
      await prints(follow, /one €/);
      await prints(follow, /oops/);
      await hub.restart();
      fs.writeFileSync(gate, '');
      const end = await person.end_of(follow);
      assert.equal(end.code, 0, end.text);
      assert.equal(end.out, 'one €\ntwo\n');
      const json_end = await person.end_of(as_json);
      const chunks = lines_of(json_end.out).map((line) => checked('task-logs-follow', line));
      assert.equal(chunks.filter((chunk) => chunk.stream === 'stdout').map((chunk) => chunk.text).join(''), 'one €\ntwo\n');
      const logs = await person.data('task-logs', 'task', 'logs', task_id);
      assert.equal(logs.ended, true);
      assert.equal(logs.end, Buffer.byteLength('one €\noops\ntwo\n'));
      await stop(child);
    });

    test('a question, answered by the number of an option', async () => {
      const child = await worker(
        '--as', 'asker', 'worker', '-c', 'ask', '--interactive', '--', 'sh', '-c',
        `read -r task; echo '{"progress":50,"note":"about to ask"}' >&3
         echo '{"question":"Deploy?","options":["yes","no"]}' >&3
         read -r answer; echo "answer: $answer"; read -r more; echo "more: $more"`,
      );
      const { task_id } = await person.data('submit', 'submit', 'deploy', '--needs', 'ask');
      await until(async () => (await state_of(task_id)) === 'waiting_input', 'question');
      assert.match(await person.succeed('status'), /NEEDS YOU +\d+[\s\S]*asks[\s\S]*Deploy\?/);
      assert.match(await person.succeed('task', 'show', task_id), /asks +Deploy\?\n +1 {2}yes\n +2 {2}no/);
      const answered = await person.data('task-answer', 'task', 'answer', task_id, '2');
      assert.equal(answered.delivered, true);
      await until(async () => (await state_of(task_id)) === 'working', 'answered question');
      await person.data('task-say', 'task', 'say', task_id, 'go on');
      const task = (await person.data('task-wait', 'task', 'wait', task_id)).tasks[0];
      assert.equal(task.result.output, 'answer: no\nmore: go on\n');
      await stop(child);
    });

    test('cancelled with grace: it may finish; without heed it is killed', async () => {
      const ready = (name) => path.join(person.home, name);
      const child = await worker(
        '--as', 'patient', 'worker', '-c', 'grace', '--slots', '2', '--', 'sh', '-c',
        `case $AGENTCOM_TASK_DESCRIPTION in
           heeds) trap 'echo cleaned up; exit 0' TERM ;;
           ignores) trap '' TERM ;;
         esac
         touch ${person.home}/$AGENTCOM_TASK_DESCRIPTION; while :; do sleep 0.02; done`,
      );
      const heeds = (await person.data('submit', 'submit', 'heeds', '--needs', 'grace')).task_id;
      const ignores = (await person.data('submit', 'submit', 'ignores', '--needs', 'grace')).task_id;
      await until(() => fs.existsSync(ready('heeds')) && fs.existsSync(ready('ignores')), 'running commands');
      const cancelling = await person.data('task-cancel', 'task', 'cancel', heeds, '--grace', '20s', '--reason', 'late');
      assert.equal(cancelling.status, 'cancelling');
      const task = (await person.data('task-wait', 'task', 'wait', heeds)).tasks[0];
      assert.equal(task.result.output, 'cleaned up\n');
      await person.succeed('task', 'cancel', ignores, '--grace', '200ms');
      await person.error(1, 'task', 'wait', ignores);
      assert.equal(await state_of(ignores), 'cancelled');
      await stop(child);
    });

    test('with the presets of agents', async () => {
      put_program(
        person,
        'claude',
        `[ "$*" = "-p --input-format stream-json --output-format stream-json --verbose --model m" ] || { echo "bad arguments: $*" >&2; exit 2; }
         read -r prompt
         echo '{"type":"system","subtype":"init","model":"m-1"}'
         echo '{"type":"assistant","message":{"content":[{"type":"text","text":"Thinking aloud."}]}}'
         case $prompt in *'"text":"count the stars'*) ;; *) echo "bad prompt: $prompt" >&2; exit 2 ;; esac
         read -r said
         case $said in *'"text":"hurry"'*) ;; *) echo "not told: $said" >&2; exit 2 ;; esac
         echo '{"type":"result","subtype":"success","is_error":false,"result":"42","total_cost_usd":0.01,"usage":{"input_tokens":10,"output_tokens":5}}'
         read -r nothing && exit 2
         exit 0`,
      );
      put_program(
        person,
        'codex',
        `[ "$*" = "exec --json --skip-git-repo-check -" ] || { echo "bad arguments: $*" >&2; exit 2; }
         prompt=$(cat)
         echo '{"type":"thread.started","thread_id":"x"}'
         echo '{"type":"item.completed","item":{"type":"agent_message","text":"'"$prompt"'!"}}'
         echo '{"type":"turn.completed","usage":{"input_tokens":3,"output_tokens":1}}'`,
      );
      const claude = await worker('--as', 'asker', 'worker', '--preset', 'claude', '-c', 'claude', '--', '--model', 'm');
      const { task_id } = await person.data('submit', 'submit', 'count the stars', '--needs', 'claude');
      const follow = person.start('task', 'logs', '-f', task_id);
      await prints(follow, /Thinking aloud\./);
      await person.succeed('task', 'say', task_id, 'hurry');
      const counted = (await person.data('task-wait', 'task', 'wait', task_id)).tasks[0];
      assert.equal(counted.result.output, '42');
      assert.equal(counted.tokens_used, 15);
      assert.equal(counted.usage.model, 'm-1');
      assert.equal(counted.usage.cost_micros, 10_000);
      await person.end_of(follow);
      await stop(claude);

      const codex = await worker('--as', 'asker', 'worker', '--preset', 'codex', '-c', 'codex');
      const echoed = await person.data('submit-wait', 'submit', 'say it', '--needs', 'codex', '--wait');
      assert.equal(echoed.result.output, 'say it!');
      assert.equal(echoed.tokens_used, 4);
      await stop(codex);
    });

    test('a worker tells what it does, a document a line', async () => {
      const child = person.start('--json', '--as', 'teller', 'worker', '-c', 'once', '--once', '--', 'true');
      await prints(child, /"event":"connected"/);
      await person.succeed('submit', 'x', '--needs', 'once', '--wait');
      assert.equal((await person.end_of(child)).code, 0, child.output);
      const events = lines_of(child.stdout_text).map((line) => checked('worker', line).event);
      assert.deepEqual(events, ['connected', 'task_started', 'task_done', 'task_acknowledged']);
    });
  });

  describe('what goes on', () => {
    test('a watch shows each event once, over a kill -9 of the hub', async () => {
      const watch = person.start('--json', 'watch', '--kind', 'task_submitted', '--kind', 'task_cancelled', '--since', 'start');
      const seen = () => lines_of(watch.stdout_text).map((line) => checked('watch', line));
      const ids = [];
      for (let round = 0; round < 3; ++round) {
        for (let i = 0; i < 3; ++i) ids.push((await person.data('submit', 'submit', `w${i}`, '--needs', 'nobody')).task_id);
        await until(() => seen().some((event) => event.subject === ids.at(-1)), `event of round ${round}: ${watch.output}`, kCommandMs);
        await hub.restart();
      }
      for (const id of ids) await person.succeed('task', 'cancel', id);
      await until(() => seen().some((event) => event.kind === 'task_cancelled' && event.subject === ids.at(-1)), 'last event', kCommandMs);
      const seqs = seen().map((event) => event.seq);
      assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b));
      for (const id of ids) {
        assert.deepEqual(seen().filter((event) => event.subject === id).map((event) => event.kind), ['task_submitted', 'task_cancelled']);
      }
      watch.kill('SIGTERM');
      await watch.ended;
      // From a cursor it goes on behind it.
      const from = seen().at(-2).cursor;
      const rest = await person.succeed('--json', 'watch', '--kind', 'task_submitted,task_cancelled', '--since', from, '--count', '1');
      assert.equal(checked('watch', rest).seq, seqs.at(-1));
      assert.match(await person.succeed('watch', '--since', from, '--kind', 'task_cancelled', '--count', '1'), /Z {2}task_cancelled +task-\S+/);
    });

    test('an inbox that waits gets what comes', async () => {
      const inbox = person.start('--json', '--as', 'carol', '--timeout', '15s', 'inbox', '--wait', '--ack');
      await person.succeed('--as', 'alice', 'send', 'carol', 'surprise');
      const end = await person.end_of(inbox);
      assert.equal(end.code, 0, end.text);
      assert.equal(checked('inbox', end.out).messages[0].payload.text, 'surprise');
      assert.equal((await person.data('inbox', '--as', 'carol', 'inbox')).count, 0);
    });

    test('a hub that limits the rate is waited for, and that is said', async () => {
      const busy = await Hub.start({ port: await free_port(), limits: 'on', settings: { limit_heavy_per_min: 30 } });
      const user = new Person(busy);
      try {
        const others = busy.api();
        const register = (agent_id) => others.post('/api/onboard/register', { agent_id });
        let count = 0;
        // Registrations are limited by address, so others on this machine use up what there is; on a slow machine there
        // may be more of it again when the command asks.
        await until(async () => {
          while ((await register(`other-${++count}`)).status !== 429);
          const run = await user.run('register', `late-${count}`);
          assert.equal(run.code, 0, run.text);
          return /agentcom: the hub limits the rate; waiting \d+ s/.test(run.text);
        }, 'command that had to wait', kCommandMs);
      } finally {
        await busy.dispose();
        user.dispose();
      }
    });
  });

  test('backups and check-ups, with and without a hub', { timeout: 90_000 }, async () => {
    const own = await Hub.start();
    const owner = new Person(own);
    try {
      const before = await owner.run('--json', 'doctor');
      assert.equal(before.code, 1, 'without a backup not all is well');
      const found = checked('doctor', before.out);
      assert.ok(!found.good && found.findings.some(({ of, level, what }) => of === 'data' && level === 'problem' && /backup/.test(what)));
      assert.ok(found.findings.some(({ of, level }) => of === 'hub' && level === 'ok'));

      const { backup } = await owner.data('backup-create', 'backup', 'create');
      assert.deepEqual((await owner.data('backup-list', 'backup', 'list')).backups.map(({ name }) => name), [backup]);
      assert.equal((await owner.data('backup-verify', 'backup', 'verify', backup)).status, 'verified');
      assert.equal((await owner.data('backup-restore', 'backup', 'restore', backup, '--dry-run')).backup, backup);
      await owner.error(3, 'backup', 'verify', 'none');
      await owner.data('hub-compact', 'hub', 'compact');
      const after = await owner.data('doctor', 'doctor');
      assert.ok(after.good, JSON.stringify(after));
      assert.match(await owner.succeed('doctor'), /^ok .*answers[^]*all is well\n$/);

      await owner.succeed('submit', 'later than the backup');
      await own.stop();
      assert.equal(checked('doctor', (await owner.run('--json', 'doctor')).out).findings[0].of, 'hub', 'it says that there is no hub');
      assert.ok((await owner.data('doctor', 'doctor', '--offline')).good);
      assert.equal((await owner.data('backup-list', 'backup', 'list', '--offline')).backups.length, 1);
      assert.equal((await owner.data('backup-verify', 'backup', 'verify', backup, '--offline')).backup, backup);
      assert.equal((await owner.data('backup-create', 'backup', 'create', '--offline')).status, 'complete');
      await owner.error(3, 'backup', 'restore', 'none', '--offline');
      assert.equal((await owner.data('backup-restore', 'backup', 'restore', backup, '--offline')).status, 'restored');
      await own.start();
      assert.equal((await own.api().get('/api/tasks/stats')).body.queued_index_size, 0);
    } finally {
      await own.dispose();
      owner.dispose();
    }
  });

  describe('the documentation', () => {
    const text = fs.readFileSync(path.join(root, 'docs/cli.md'), 'utf8');

    test('names every command', async () => {
      const commands = async (...prefix) => {
        const help = await person.succeed(...prefix, '--help');
        const section = help.split('Subcommands:\n')[1] ?? '';
        return section.split('\n').flatMap((line) => (/^ {2}([a-z]+) /.exec(line) ?? []).slice(1, 2));
      };
      const names = await commands();
      assert.ok(names.length >= 14, names.join());
      for (const name of names) {
        assert.match(text, new RegExp(`\`${name}\\b`), name);
        for (const below of await commands(name)) assert.ok(text.includes(`\`${name} ${below}`), `${name} ${below}`);
      }
    });

    test('every schema is used by a test of this file, of moving in or of recordings', () => {
      const files = ['cli.test.mjs', 'import.test.mjs', 'recording.test.mjs'];
      const own = files.map((name) => fs.readFileSync(new URL(name, import.meta.url), 'utf8')).join('\n');
      for (const name of schemas.documents.keys()) {
        if (name === 'common.json') continue;
        assert.ok(own.includes(`'${path.basename(name, '.json')}'`) || own.includes(`'${name}'`), name);
      }
    });
  });
});
