// The walk that the README promises, with the command line alone: a worker completes a task whose result `submit
// --wait` prints, and a message to an agent that is away is in its inbox, also after kill -9 of the hub.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bin_dir, cli_binary, free_port, Hub, make_temp_dir, spawn_tracked } from './lib/hub.mjs';
import { until, within } from './lib/wait.mjs';

describe('the command line against a hub', () => {
  let home;
  let hub;
  let env;

  before(async () => {
    home = make_temp_dir('agentcom-home-');
    // A fixed port: command line users type the address once.
    hub = await Hub.start({ port: await free_port(), limits: 'on', env: { HOME: home } });
    env = { PATH: `${bin_dir}:${process.env.PATH}`, HOME: home, AGENTCOM_HUB: hub.url, LANG: 'C.UTF-8' };
  });
  after(async () => {
    await hub?.dispose();
    fs.rmSync(home, { recursive: true, force: true });
  });

  /** Starts `agentcom …`; nothing but an empty home directory is there for it. */
  const start = (...args) => spawn_tracked(cli_binary, args, { env, cwd: home });

  /** Runs `agentcom …` to its end and returns what it printed. */
  async function agentcom(...args) {
    const child = start(...args);
    child.stdin.end();
    const end = await within(child.ended, () => `end of agentcom ${args.join(' ')}: ${child.output}`, 20_000);
    return { code: end.code, text: child.output, out: child.stdout_text };
  }

  async function succeed(...args) {
    const run = await agentcom(...args);
    assert.equal(run.code, 0, `agentcom ${args.join(' ')}: ${run.text}`);
    return run;
  }

  test('register keeps a token that only its owner can read', async () => {
    for (const agent of ['alice', 'bob', 'solver']) await succeed('register', agent);
    const run = await agentcom('register', 'alice');
    assert.equal(run.code, 4, run.text);
    const files = fs.readdirSync(path.join(home, '.config'), { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
    assert.ok(files.length >= 3);
    for (const file of files) {
      const mode = fs.statSync(path.join(file.parentPath ?? file.path, file.name)).mode & 0o777;
      assert.equal(mode, 0o600, file.name);
    }
  });

  test('submit --wait prints the result that a worker made', async () => {
    const worker = start('--as', 'solver', 'worker', '-c', 'upper', '--', 'sh', '-c', 'printf %s "$AGENTCOM_TASK_DESCRIPTION" | tr a-z A-Z');
    const run = await succeed('--as', 'alice', 'submit', 'shout this', '--needs', 'upper', '--priority', 'high', '--wait', '--timeout', '15s');
    assert.match(run.out, /SHOUT THIS/);
    worker.kill('SIGTERM');
    const end = await within(worker.ended, 'end of the worker');
    assert.equal(end.code, 0, worker.output);
  });

  test('a failing command fails the task, and --wait says so', async () => {
    const worker = start('--as', 'solver', 'worker', '-c', 'fail', '--', 'sh', '-c', 'echo "no luck" >&2; exit 3');
    const run = await agentcom('--as', 'alice', 'submit', 'x', '--needs', 'fail', '--max-retries', '1', '--wait', '--timeout', '15s');
    assert.equal(run.code, 1, run.text);
    assert.match(run.text, /no luck/);
    worker.kill('SIGTERM');
    await within(worker.ended, 'end of the worker');
  });

  test('a message to an agent that is away is in its inbox, also after kill -9', async () => {
    await succeed('--as', 'alice', 'send', 'bob', 'see you later');
    const inbox = await succeed('--as', 'bob', 'inbox');
    assert.match(inbox.out, /see you later/);
    await hub.restart();
    assert.match((await succeed('--as', 'bob', 'inbox')).out, /see you later/);
    await succeed('--as', 'bob', 'inbox', '--ack');
    await hub.restart();
    assert.doesNotMatch((await succeed('--as', 'bob', 'inbox')).out, /see you later/);
  });

  test('a worker outlives a kill -9 of the hub and delivers what it was doing', async () => {
    const gate = path.join(home, 'gate');
    const started = path.join(home, 'started');
    const worker = start(
      '--as', 'solver', 'worker', '-c', 'long', '--', 'sh', '-c',
      `touch ${started}; while [ ! -e ${gate} ]; do sleep 0.05; done; echo finished after all`,
    );
    const submit = start('--as', 'alice', 'submit', 'long job', '--needs', 'long', '--wait', '--timeout', '40s');
    submit.stdin.end();
    await until(() => fs.existsSync(started), 'running command');
    await hub.restart();
    fs.writeFileSync(gate, '');
    const end = await within(submit.ended, () => `end of submit: ${submit.output}`, 40_000);
    assert.equal(end.code, 0, submit.output);
    assert.match(submit.stdout_text, /finished after all/);
    worker.kill('SIGTERM');
    await within(worker.ended, 'end of the worker');
  });

  test('a task kept while nobody can do it is shown, listed and cancelled', async () => {
    const submit = await succeed('--as', 'alice', '--json', 'submit', 'nobody can', '--needs', 'magic');
    const { task_id } = JSON.parse(submit.out).data;
    assert.match((await succeed('--as', 'alice', 'task', 'list', '--status', 'queued')).out, new RegExp(task_id));
    assert.match((await succeed('--as', 'alice', 'task', 'show', task_id)).out, /nobody can/);
    await succeed('--as', 'alice', 'task', 'cancel', task_id);
    assert.doesNotMatch((await succeed('--as', 'alice', 'task', 'list', '--status', 'queued')).out, new RegExp(task_id));
    assert.equal((await agentcom('--as', 'alice', 'task', 'show', 'task-none')).code, 3);
  });

  test('a dead letter is tried again and completes', async () => {
    const marker = path.join(home, 'second-try');
    const worker = start(
      '--as', 'solver', 'worker', '-c', 'twice', '--', 'sh', '-c',
      `if [ -e ${marker} ]; then echo better; else touch ${marker}; exit 1; fi`,
    );
    const submit = await agentcom('--as', 'alice', '--json', 'submit', 'flaky', '--needs', 'twice', '--max-retries', '1', '--wait', '--timeout', '15s');
    assert.equal(submit.code, 1, submit.text);
    const [task_id] = /task-[0-9a-f]{16}/.exec(submit.text);
    await succeed('--as', 'alice', 'task', 'retry', task_id);
    await until(async () => /better/.test((await succeed('--as', 'alice', 'task', 'show', task_id)).out), 'completed retry', 15_000, 100);
    worker.kill('SIGTERM');
    await within(worker.ended, 'end of the worker');
  });

  test('a dependency waits for its blocker, which a program without the command line claims and completes', async () => {
    const { task_id: first } = JSON.parse((await succeed('--as', 'alice', '--json', 'submit', 'dig', '--needs', 'dig')).out).data;
    const { task_id: second } = JSON.parse(
      (await succeed('--as', 'alice', '--json', 'submit', 'plant', '--needs', 'plant', '--blocked-by', first)).out,
    ).data;
    assert.match((await succeed('--as', 'alice', 'task', 'show', second)).out, new RegExp(`why +\\S.*\n +${first} \\(queued\\)`));
    const token = JSON.parse(
      fs.readFileSync(JSON.parse((await succeed('--as', 'bob', '--json', 'config', 'show')).out).data.identities.find((one) => one.agent_id === 'bob').file, 'utf8'),
    ).token;
    const curl = async (target, body) => {
      const child = spawn_tracked('curl', ['-s', '-H', `Authorization: Bearer ${token}`, '-H', 'Content-Type: application/json', '-d', JSON.stringify(body), `${hub.url}${target}`], { env });
      assert.equal((await within(child.ended, 'end of curl')).code, 0, child.output);
      return JSON.parse(child.stdout_text);
    };
    const { task } = await curl('/api/tasks/claim', { capabilities: ['dig', 'plant'], wait_ms: 5_000 });
    assert.equal(task.task_id, first);
    await curl(`/api/tasks/${first}/complete`, { generation: task.generation, result: { output: 'a hole' } });
    assert.match((await succeed('--as', 'alice', 'task', 'wait', first)).out, /completed/);
    const { task: next } = await curl('/api/tasks/claim', { capabilities: ['plant'], wait_ms: 5_000 });
    assert.equal(next.task_id, second);
    // A cancelled task tells who holds it.
    await succeed('--as', 'alice', 'task', 'cancel', second, '--grace', '30s', '--reason', 'it rains');
    const progress = await curl(`/api/tasks/${second}/progress`, { generation: next.generation });
    assert.equal(progress.cancel.reason, 'it rains');
    await curl(`/api/tasks/${second}/fail`, { generation: next.generation, reason: 'put the spade away' });
    assert.equal((await agentcom('--as', 'alice', 'task', 'wait', second)).code, 1);
  });

  test('live output, and a question that is answered', async () => {
    const worker = start(
      '--as', 'solver', 'worker', '-c', 'deploy', '--interactive', '--', 'sh', '-c',
      `read -r task; echo building; echo '{"question":"Deploy?","options":["yes","no"]}' >&3; read -r answer; echo "answer: $answer"`,
    );
    const { task_id } = JSON.parse((await succeed('--as', 'alice', '--json', 'submit', 'deploy', '--needs', 'deploy')).out).data;
    const logs = start('--as', 'alice', 'task', 'logs', '-f', task_id);
    logs.stdin.end();
    await until(() => logs.stdout_text.includes('building'), `live output: ${logs.output}`, 15_000);
    await until(async () => /asks +Deploy\?/.test((await succeed('--as', 'alice', 'task', 'show', task_id)).out), 'question', 15_000);
    await succeed('--as', 'alice', 'task', 'answer', task_id, 'yes');
    assert.equal((await within(logs.ended, 'end of logs -f', 15_000)).code, 0, logs.output);
    assert.equal(logs.stdout_text, 'building\nanswer: yes\n');
    worker.kill('SIGTERM');
    await within(worker.ended, 'end of the worker');
  });

  test('an unreachable hub is said to be so', async () => {
    const run = await agentcom('--hub', 'http://127.0.0.1:1', '--as', 'alice', '--token', 'x', 'task', 'list');
    assert.equal(run.code, 7, run.text);
  });

  test('--help and --version of both programs', async () => {
    for (const binary of [cli_binary, path.join(bin_dir, 'agentcom-hub')]) {
      for (const flag of ['--help', '--version']) {
        const child = spawn_tracked(binary, [flag], { env });
        const end = await within(child.ended, `end of ${binary} ${flag}`);
        assert.equal(end.code, 0, child.output);
        assert.ok(child.stdout_text.length > 0);
      }
    }
    const check = spawn_tracked(path.join(bin_dir, 'agentcom-hub'), ['--check-config', '--data', path.join(home, 'none')], { env });
    assert.equal((await within(check.ended, 'end of --check-config')).code, 0, check.output);
    const wrong = spawn_tracked(path.join(bin_dir, 'agentcom-hub'), ['--check-config', '--set', 'no_such_setting=1'], { env });
    assert.notEqual((await within(wrong.ended, 'end of --check-config')).code, 0);
  });
});
