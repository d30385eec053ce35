// Moving in from a hub of AgentCom v1.1: everything that its API gives is here afterwards, once, and its clients go on
// with the tokens and the numbers that they have.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';
import { bin_dir, cli_binary, Hub, make_temp_dir, spawn_tracked } from './lib/hub.mjs';
import { OldHub } from './lib/old_hub.mjs';
import { Schemas } from './lib/schema.mjs';
import { within } from './lib/wait.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const schemas = new Schemas(path.join(root, 'docs/schemas/cli'));
const kImportMs = 120_000;

const token_of = (agent, number = 0) => Buffer.from(`${agent}-${number}`.padEnd(32, '.')).toString('hex');

/** An old hub, a new one, and a person with the old one's token file. */
async function worlds(t, { agents = ['alice', 'bob', 'carol'], ...hub_options } = {}) {
  const old_hub = await OldHub.start({ tokens: Object.fromEntries(agents.map((agent) => [token_of(agent), agent])) });
  t.after(() => old_hub.stop());
  const hub = await Hub.start(hub_options);
  t.after(() => hub.dispose());
  const home = make_temp_dir('agentcom-home-');
  t.after(() => fs.rmSync(home, { recursive: true, force: true }));
  const file = path.join(home, 'tokens.json');
  old_hub.write_token_file(file);
  const env = { PATH: `${bin_dir}:${process.env.PATH}`, HOME: home, LANG: 'C.UTF-8', AGENTCOM_HUB: hub.url, AGENTCOM_DATA: hub.data };
  const run = async (...args) => {
    const child = spawn_tracked(cli_binary, args, { env, cwd: home });
    child.stdin.end();
    const end = await within(child.ended, () => `end of agentcom ${args.join(' ')}: ${child.output}`, kImportMs);
    return { code: end.code, out: child.stdout_text, text: child.output };
  };
  /** `agentcom import v1.1 …` to its report, by part. */
  const take_over = async (...args) => {
    const from = args.includes('--no-from') ? [] : ['--from', old_hub.url];
    const run_ = await run('--json', 'import', 'v1.1', '--tokens', file, ...from, ...args.filter((arg) => arg !== '--no-from'));
    assert.equal(run_.code, 0, run_.text);
    const document = JSON.parse(run_.out);
    assert.deepEqual(schemas.errors('import.json', document), [], run_.out);
    const parts = Object.fromEntries(document.data.parts.map(({ part, ...counts }) => [part, counts]));
    return { ...document.data, parts, text: run_.text };
  };
  const get = async (target, agent) => {
    const response = await fetch(hub.url + target, agent ? { headers: { authorization: `Bearer ${token_of(agent)}` } } : {});
    return { status: response.status, body: await response.json() };
  };
  return { old_hub, hub, file, run, take_over, get };
}

const counts = (part) => [part.created, part.known, part.skipped];
const admin_token = (hub) => fs.readFileSync(path.join(hub.view, 'admin.token'), 'utf8').trim();

describe('agentcom import v1.1', () => {
  test('tokens alone: the same agents, the same tokens, nothing in the clear', async (t) => {
    const { hub, take_over, get, file } = await worlds(t);
    const dry = await take_over('--no-from', '--dry-run');
    assert.deepEqual(counts(dry.parts.tokens), [3, 0, 0]);
    assert.equal((await get('/api/whoami', 'alice')).status, 401);
    assert.deepEqual(counts((await take_over('--no-from')).parts.tokens), [3, 0, 0]);
    assert.equal((await get('/api/whoami', 'alice')).body.principal, 'alice');
    assert.deepEqual(counts((await take_over('--no-from')).parts.tokens), [0, 3, 0]);
    await hub.stop();
    for (const name of fs.readdirSync(hub.view).filter((one) => one.startsWith('hub.db'))) {
      const bytes = fs.readFileSync(path.join(hub.view, name));
      assert.ok(!bytes.includes(token_of('alice')), `${name} holds a token in the clear`);
    }
  });

  test('tasks: queued ones and dead letters, under their own ids, once', async (t) => {
    const { old_hub, take_over, get } = await worlds(t);
    const queued = old_hub.task('queued', { metadata: { k: 1 }, priority: 0, needed_capabilities: ['code'], description: 'one' });
    const assigned = old_hub.task('assigned', { assigned_to: 'bob', assigned_at: 5, generation: 3 });
    const dead = old_hub.task('dead_letter', { last_error: 'boom', retry_count: 3, assigned_to: 'bob', assigned_at: 5 });
    old_hub.task('completed', { result: { ok: true } });

    const dry = await take_over('--only', 'tokens,tasks', '--dry-run');
    assert.deepEqual(counts(dry.parts.tasks), [3, 0, 0]);
    const report = await take_over('--only', 'tokens,tasks');
    assert.deepEqual(counts(report.parts.tasks), [3, 0, 0]);
    assert.ok(report.left_behind.some((line) => line.startsWith('1 completed')), report.left_behind.join());
    assert.ok(report.left_behind.some((line) => line.startsWith('1 assigned')), report.left_behind.join());

    const here = (await get(`/api/tasks/${queued.id}`, 'alice')).body;
    for (const member of ['description', 'priority', 'metadata', 'needed_capabilities', 'created_at', 'submitted_by', 'max_retries']) {
      assert.deepEqual(here[member], queued[member], member);
    }
    assert.deepEqual(here.history.at(-1), queued.history[0]);
    assert.equal((await get(`/api/tasks/${assigned.id}`, 'alice')).body.generation, 4);
    const buried = (await get('/api/tasks/dead-letter', 'alice')).body.tasks;
    assert.deepEqual(buried.map(({ id, last_error, retry_count, assigned_to }) => [id, last_error, retry_count, assigned_to]), [
      [dead.id, 'boom', 3, 'bob'],
    ]);

    old_hub.task('queued');
    assert.deepEqual(counts((await take_over('--only', 'tasks')).parts.tasks), [1, 3, 0]);
  });

  test('messages and mailboxes: everything is history, and mail only of those who have not had it', async (t) => {
    const { old_hub, take_over, get } = await worlds(t);
    const first = old_hub.send('alice', 'bob', { n: 1 });
    old_hub.send('bob', 'alice', { n: 2 }, { reply_to: first.id, unread_by: ['alice'] });
    old_hub.send('alice', null, { n: 3 }, { unread_by: ['carol'] });
    old_hub.send('alice', null, { n: 4 });
    for (let i = 0; i < 40; ++i) old_hub.send('bob', 'carol', { fill: i }, { unread_by: ['carol'] });

    const report = await take_over('--only', 'tokens,messages');
    assert.deepEqual(counts(report.parts.messages), [44, 0, 0]);
    const alice = (await get('/api/mailbox/alice', 'alice')).body;
    assert.deepEqual(alice.messages.map(({ from, to, payload }) => [from, to, payload]), [['bob', 'alice', { n: 2 }]]);
    assert.ok(alice.messages[0].timestamp > first.timestamp);
    // A poller that has read up to the old hub's last number finds what comes now, and only that.
    assert.ok(alice.last_seq > old_hub.mail_seq);
    assert.notEqual(alice.messages[0].reply_to, first.id);
    assert.equal((await get('/api/mailbox/bob', 'bob')).body.count, 0);
    const carol = (await get('/api/mailbox/carol', 'carol')).body;
    assert.equal(carol.count, 41);
    assert.deepEqual([carol.messages[0].payload, carol.messages[0].to], [{ n: 3 }, null]);

    assert.deepEqual(counts((await take_over('--only', 'messages')).parts.messages), [0, 44, 0]);
    assert.equal((await get('/api/mailbox/carol', 'carol')).body.count, 41);
    old_hub.send('alice', 'bob', { n: 5 }, { unread_by: ['bob'] });
    assert.deepEqual(counts((await take_over('--only', 'messages')).parts.messages), [1, 44, 0]);
    assert.deepEqual((await get('/api/mailbox/bob', 'bob')).body.messages.map(({ payload }) => payload), [{ n: 5 }]);
  });

  test('channels with members and history, and what members have not read', async (t) => {
    const { old_hub, take_over, get } = await worlds(t);
    old_hub.channel('general', { description: 'all of us', subscribers: ['carol', 'bob'] });
    old_hub.channel('empty');
    old_hub.publish('general', 'alice', { n: 1 });
    old_hub.publish('general', 'alice', { n: 2 }, { unread_by: ['bob'] });
    old_hub.publish('general', 'bob', { n: 3 }, { unread_by: ['carol'] });

    const report = await take_over('--only', 'tokens,channels,messages');
    assert.deepEqual(counts(report.parts.channels), [4, 0, 0]);
    assert.deepEqual(counts(report.parts.messages), [3, 0, 0]);
    const info = (await get('/api/channels/general')).body;
    assert.deepEqual([info.description, info.created_by, info.subscribers], ['all of us', 'alice', ['carol', 'bob']]);
    const history = (await get('/api/channels/general/history')).body.messages;
    assert.deepEqual(history.map(({ seq, message }) => [seq, message.from, message.payload.n]), [
      [1, 'alice', 1],
      [2, 'alice', 2],
      [3, 'bob', 3],
    ]);
    const mail = async (agent) => (await get(`/api/mailbox/${agent}`, agent)).body.messages.map(({ payload }) => payload);
    assert.deepEqual(await mail('bob'), [{ n: 2, channel: 'general' }]);
    assert.deepEqual(await mail('carol'), [{ n: 3, channel: 'general' }]);

    const again = await take_over('--only', 'channels,messages');
    assert.deepEqual([counts(again.parts.channels), counts(again.parts.messages)], [[0, 4, 0], [0, 3, 0]]);
    assert.equal((await get('/api/channels/general/history')).body.count, 3);
  });

  test('settings that were chosen, limits in their own units, the whitelist', async (t) => {
    const { old_hub, hub, take_over, get } = await worlds(t);
    old_hub.config.heartbeat_interval_ms = 45_000;
    old_hub.config.default_repo = 'https://example.org/repo.git';
    old_hub.overrides = {
      bob: { heavy: { capacity: 20, refill_rate_per_min: 1 }, light: { capacity: 200, refill_rate_per_min: 200 } },
      carol: { normal: { capacity: 0, refill_rate_per_min: 1 } },
    };
    old_hub.whitelist = ['ip:10.1.2.3', 'alice'];

    const report = await take_over('--only', 'tokens,settings,limits,whitelist');
    assert.deepEqual(counts(report.parts.settings), [2, 0, 0]);
    assert.deepEqual(counts(report.parts.limits), [1, 0, 1]);
    assert.deepEqual(counts(report.parts.whitelist), [2, 0, 0]);
    assert.equal((await get('/api/config/heartbeat-interval', 'alice')).body.heartbeat_interval_ms, 45_000);
    assert.equal((await get('/api/config/default-repo')).body.default_repo, 'https://example.org/repo.git');
    const response = await fetch(`${hub.url}/api/admin/rate-limits`, { headers: { authorization: `Bearer ${admin_token(hub)}` } });
    const limits = await response.json();
    assert.equal(limits.overrides.bob.heavy.capacity, 20);
    assert.equal(limits.overrides.bob.heavy.refill_rate_per_min, 1);
    assert.deepEqual(limits.whitelist, ['ip:10.1.2.3', 'alice']);

    const again = await take_over('--only', 'settings,limits,whitelist');
    assert.deepEqual([counts(again.parts.settings), counts(again.parts.limits), counts(again.parts.whitelist)], [
      [0, 2, 0],
      [0, 1, 1],
      [0, 2, 0],
    ]);
  });

  test('an old hub that goes away in the middle: run it again, and nothing is there twice', async (t) => {
    const { old_hub, take_over, get, run, file } = await worlds(t);
    for (let i = 0; i < 900; ++i) old_hub.send('alice', 'bob', { i }, i % 10 === 0 ? { unread_by: ['bob'] } : {});
    const task = old_hub.task('queued');
    let pages = 0;
    old_hub.interfere = ({ path: asked }) =>
      asked[1] === 'messages' && ++pages > 3 ? { status: 503, body: { error: 'down' } } : undefined;
    const broken = await run('import', 'v1.1', '--tokens', file, '--from', old_hub.url, '--only', 'tokens,messages,tasks');
    assert.equal(broken.code, 7, broken.text);
    assert.match(broken.text, /Run the import again/);
    assert.equal((await get(`/api/tasks/${task.id}`, 'alice')).status, 404);

    old_hub.interfere = () => undefined;
    const report = await take_over('--only', 'tokens,messages,tasks');
    const messages = report.parts.messages;
    assert.equal(messages.created + messages.known, 900);
    assert.ok(messages.known >= 500, `${messages.known} were there already`);
    assert.equal((await get('/api/mailbox/bob', 'bob')).body.count, 90);
    assert.equal((await get(`/api/tasks/${task.id}`, 'alice')).status, 200);
  });

  test('an old hub that limits the rate is waited for, and that is said', async (t) => {
    const { old_hub, take_over } = await worlds(t);
    old_hub.task('queued');
    let asked_before = false;
    old_hub.interfere = ({ path: asked }) => {
      if (asked.join('/') !== 'api/tasks' || asked_before) return undefined;
      asked_before = true;
      return { status: 429, headers: { 'retry-after': '1' }, body: { error: 'rate_limited', retry_after_ms: 1_000, tier: 'light' } };
    };
    const report = await take_over('--only', 'tasks');
    assert.deepEqual(counts(report.parts.tasks), [1, 0, 0]);
    assert.match(report.text, /the old hub: the hub limits the rate; waiting 1 s/);
  });

  test('a token that the old hub no longer knows costs one mailbox, not the import', async (t) => {
    const { old_hub, take_over } = await worlds(t);
    old_hub.send('alice', 'bob', { n: 1 }, { unread_by: ['bob'] });
    delete old_hub.tokens[token_of('carol')];
    const report = await take_over('--only', 'messages');
    assert.deepEqual(counts(report.parts.messages), [1, 0, 1]);
    assert.equal(report.parts.messages.problems[0].key, 'mailbox of carol');
  });

  test('what makes no sense is refused before anything is done', async (t) => {
    const { old_hub, hub, run, file } = await worlds(t);
    const import_ = (...args) => run('import', 'v1.1', ...args);
    assert.equal((await import_('--from', old_hub.url)).code, 2);
    assert.equal((await import_('--tokens', `${file}.none`)).code, 2);
    assert.equal((await import_('--tokens', file, '--only', 'tasks')).code, 2);
    assert.equal((await import_('--tokens', file, '--only', 'moons')).code, 2);
    assert.equal((await import_('--tokens', file, '--from', hub.url)).code, 2);
    fs.writeFileSync(`${file}.bad`, '[1]');
    assert.equal((await import_('--tokens', `${file}.bad`)).code, 2);
    const free = await OldHub.start({});
    const gone = free.url;
    await free.stop();
    assert.equal((await import_('--tokens', file, '--from', gone, '--only', 'tasks')).code, 7);
    assert.equal((await run('--token', token_of('alice'), 'import', 'v1.1', '--tokens', file)).code, 5);
    fs.chmodSync(file, 0o644);
    const open = await import_('--tokens', file);
    assert.equal(open.code, 0, open.text);
    assert.match(open.text, /others on this machine can read/);
  });
});
