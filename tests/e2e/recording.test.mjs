// The hub records what it is fed: the recording is listed, downloaded and played to the same states, holds no token, goes on
// over a crash, and can be given away without what people wrote.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Client } from './lib/client.mjs';
import { cli_binary, hub_for, make_temp_dir, spawn_tracked } from './lib/hub.mjs';
import { Schemas } from './lib/schema.mjs';
import { until, within } from './lib/wait.mjs';

const schemas = new Schemas(path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../docs/schemas/cli'));
const kSchemas = { list: 'recording-list', export: 'recording-export', verify: 'recording-verify' };
const kHeaderBytes = 64;

/** The segments in these bytes: heads and unpacked blocks, as docs/formats.md describes them. */
function segments_of(bytes) {
  const segments = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.toString('latin1', at, at + 4) !== 'ACB1') {
      const magic_end = bytes.indexOf('\n', at);
      const head_end = bytes.indexOf('\n', magic_end + 1);
      assert.match(bytes.toString('latin1', at, magic_end), /^agentcom recording 1 [0-9a-f]{8}$/);
      segments.push({ head: JSON.parse(bytes.toString('utf8', magic_end + 1, head_end)), blocks: [] });
      at = head_end + 1;
      continue;
    }
    const gzip_bytes = bytes.readUInt32LE(at + 8);
    const packed = bytes.subarray(at + kHeaderBytes, at + kHeaderBytes + gzip_bytes);
    const raw = gzip_bytes === 0 ? Buffer.alloc(0) : gunzipSync(packed);
    assert.equal(raw.length, bytes.readUInt32LE(at + 12));
    segments.at(-1).blocks.push({ kind: bytes.readUInt32LE(at + 4), inputs: bytes.readUInt32LE(at + 16), raw });
    at += kHeaderBytes + gzip_bytes;
  }
  return segments;
}

const contents_of = (bytes) =>
  Buffer.concat(segments_of(bytes).flatMap(({ head, blocks }) => [Buffer.from(JSON.stringify(head)), ...blocks.map(({ raw }) => raw)]));

const recording_of = (hub) => path.join(hub.data, 'recording');

/** The bytes of all segments on the disk, without what a crash may have torn. */
const files_of = (hub) =>
  fs.readdirSync(recording_of(hub)).sort().map((name) => fs.readFileSync(path.join(recording_of(hub), name)));

async function agentcom(hub, noun, verb, ...rest) {
  const args = [noun, verb, ...rest];
  const child = spawn_tracked(cli_binary, ['--json', ...args], {
    env: { ...process.env, AGENTCOM_HUB: hub.url, AGENTCOM_TOKEN: hub.admin_token, HOME: hub.data },
  });
  const { code } = await within(child.ended, () => `agentcom ${args.join(' ')}: ${child.output}`);
  const document = JSON.parse(child.stdout_text);
  if (document.data !== undefined) assert.deepEqual(schemas.errors(`${kSchemas[verb]}.json`, document), [], child.output);
  return { code, data: document.data, output: child.output };
}

/** Agents that talk and work for a while; gives the texts that they wrote. */
async function some_work(hub, rounds = 40) {
  const words = [];
  const secret_text = () => {
    words.push(`said-${crypto.randomBytes(8).toString('hex')}`);
    return words.at(-1);
  };
  const ann = await Client.join(hub, 'ann');
  const bob = await Client.join(hub, 'bob', { capabilities: ['code'] });
  const api = hub.api(await hub.token_for('ann'));
  for (let round = 0; round < rounds; ++round) {
    ann.send({ type: 'message', to: 'bob', payload: { text: secret_text() } });
    const task = await api.post('/api/tasks', { description: secret_text(), metadata: { note: secret_text() }, needed_capabilities: ['code'] });
    assert.equal(task.status, 201);
    const assigned = await bob.expect({ type: 'task_assign' });
    bob.send({ type: 'task_accepted', task_id: assigned.task_id });
    if (round % 3 !== 0) {
      bob.send({ type: 'task_complete', task_id: assigned.task_id, generation: assigned.generation, result: { text: secret_text() } });
    } else {
      bob.send({ type: 'task_failed', task_id: assigned.task_id, generation: assigned.generation, error: secret_text() });
      await api.delete(`/api/tasks/${assigned.task_id}`);
    }
    await bob.settle();
  }
  await ann.settle();
  await ann.close();
  await bob.close();
  return words;
}

test('what the hub was fed can be played again, over a stop and a crash', { timeout: 120_000 }, async (t) => {
  const hub = await hub_for(t);
  await some_work(hub);
  await hub.stop();
  await hub.start();
  await some_work(hub, 10);
  // What is recorded reaches the disk a second later at the latest, when anything happens at all.
  const inputs_on_disk = () => segments_of(Buffer.concat(files_of(hub))).flatMap(({ blocks }) => blocks).reduce((sum, { inputs, kind }) => sum + (kind === 3 ? inputs : 0), 0);
  const before = inputs_on_disk();
  await until(async () => {
    await hub.api().get('/api/agents');
    return inputs_on_disk() > before;
  }, 'a block on the disk');
  await hub.kill();
  await hub.start();
  await some_work(hub, 10);
  const list = await agentcom(hub, 'recording', 'list');
  assert.equal(list.code, 0, list.output);
  assert.equal(list.data.recording, true);
  assert.equal(list.data.segments.length, 3);
  assert.deepEqual(list.data.segments.map(({ segment }) => segment), [1, 2, 3]);
  assert.deepEqual(list.data.segments.map(({ ended }) => ended), ['stopped', null, null]);
  assert.equal(new Set(list.data.segments.map(({ run }) => run)).size, 3);
  assert.equal(list.data.reaches_back_to, list.data.segments[0].from);
  await hub.stop();

  const verified = await agentcom(hub, 'recording', 'verify', recording_of(hub));
  assert.equal(verified.code, 0, verified.output);
  assert.equal(verified.data.good, true);
  assert.ok(verified.data.digests >= 6, verified.output);
  assert.ok(verified.data.segments.every(({ played }) => played), verified.output);
  assert.ok(verified.data.inputs > 200);

  // Damage is told, and ends with a code of its own.
  const [first] = fs.readdirSync(recording_of(hub)).sort();
  const file = path.join(recording_of(hub), first);
  const bytes = fs.readFileSync(file);
  bytes[bytes.length >> 1] ^= 4;
  fs.writeFileSync(file, bytes);
  const broken = await agentcom(hub, 'recording', 'verify', recording_of(hub));
  assert.equal(broken.code, 1);
  assert.equal(broken.data.good, false);
  assert.ok(broken.data.segments[0].problems.length > 0);
  assert.ok(broken.data.segments[1].played && broken.data.segments[2].played);
});

test('an export is a whole recording; stripped, it holds nothing that was written', { timeout: 120_000 }, async (t) => {
  const hub = await hub_for(t);
  const words = await some_work(hub);
  await hub.stop();
  await hub.start();
  const directory = make_temp_dir();
  t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
  const whole = path.join(directory, 'whole');
  const exported = await agentcom(hub, 'recording', 'export', whole);
  assert.equal(exported.code, 0, exported.output);
  assert.equal(fs.statSync(whole).mode & 0o777, 0o600);
  assert.equal(exported.data.bytes, fs.statSync(whole).size);
  const contents = contents_of(fs.readFileSync(whole));
  assert.ok(words.every((word) => contents.includes(word)));
  assert.equal((await agentcom(hub, 'recording', 'verify', whole)).data.good, true);
  assert.equal((await agentcom(hub, 'recording', 'export', whole)).code, 2, 'a file that is there is not overwritten');

  const stripped = path.join(directory, 'stripped');
  assert.equal((await agentcom(hub, 'recording', 'export', stripped, '--strip', 'payloads')).code, 0);
  const without = contents_of(fs.readFileSync(stripped));
  assert.deepEqual(words.filter((word) => without.includes(word)), []);
  assert.ok(without.includes('ann') && without.includes('task_submitted'));
  const verified = await agentcom(hub, 'recording', 'verify', stripped);
  assert.equal(verified.data.good, true, verified.output);
  assert.equal(verified.data.digests, 0);

  // A cut download is never taken for a whole one.
  const bytes = fs.readFileSync(whole);
  for (const length of [0, 10, 100, bytes.length >> 1, bytes.length - 1]) {
    const cut = path.join(directory, `cut-${length}`);
    fs.writeFileSync(cut, bytes.subarray(0, length));
    assert.equal((await agentcom(hub, 'recording', 'verify', cut)).code, 1, `cut at ${length}`);
  }
  assert.equal((await agentcom(hub, 'recording', 'export', path.join(directory, 'early'), '--to', '1970-01-01T00:00:01Z')).code, 3);
});

test('who may have it, and what cannot be asked', async (t) => {
  const hub = await hub_for(t);
  const eve = hub.api(await hub.token_for('eve'));
  assert.equal((await eve.get('/api/admin/recording')).status, 403);
  assert.equal((await eve.get('/api/admin/recording/segments')).status, 403);
  assert.equal((await hub.api().get('/api/admin/recording', { token: null })).status, 401);
  assert.equal((await hub.api().get('/api/admin/recording?strip=everything')).status, 422);
  assert.equal((await hub.api().get('/api/admin/recording?from=yesterday')).status, 422);
  assert.equal((await hub.api().get('/api/admin/recording?to=5')).body.error, 'nothing_recorded');
});

test('recording can be off', async (t) => {
  const hub = await hub_for(t, { settings: { recording: 0 } });
  await hub.token_for('eve');
  assert.equal(fs.existsSync(recording_of(hub)), false);
  const list = (await hub.api().get('/api/admin/recording/segments')).body;
  assert.deepEqual(list, { recording: false, reaches_back_to: null, bytes: 0, segments: [] });
  assert.equal((await hub.api().get('/api/admin/recording')).status, 404);
});

test('no token is in a recording', { timeout: 60_000 }, async (t) => {
  const hub = await hub_for(t);
  const secrets = [hub.admin_token];
  const made_up = () => {
    secrets.push(crypto.randomBytes(32).toString('hex'));
    return secrets.at(-1);
  };
  const api = hub.api();
  const registered = (await api.post('/api/onboard/register', { agent_id: 'registered' }, { token: null })).body.token;
  secrets.push(registered);
  secrets.push((await api.post('/admin/tokens', { agent_id: 'minted' }, { headers: { 'idempotency-key': 'once' } })).body.token);
  secrets.push((await api.post('/admin/tokens/minted/rotate', {})).body.token);
  secrets.push((await api.post('/api/admin/invites', {})).body.code);
  await api.get(`/api/mailbox/registered?token=${registered}`, { token: null });
  await api.get(`/api/tasks?%74oken=${made_up()}`, { token: null });
  await api.post('/api/mailbox/registered/ack', { seq: 0, token: made_up() }, { token: null });
  await api.post('/api/onboard/register', { agent_id: 'x', invite: made_up() }, { token: null });
  await api.get('/api/tasks', { token: made_up() });
  await api.get('/api/tasks', { token: null, headers: { authorization: `Basic ${made_up()}` } });
  const client = await Client.join(hub, 'registered', { token: registered });
  await client.settle();
  const guesser = await Client.open(hub);
  guesser.send({ type: 'identify', agent_id: 'registered', token: made_up() });
  await guesser.next();
  guesser.send_text(`{"type":"identify","token":"${made_up()}"`);
  await guesser.next();
  await guesser.close();
  await client.close();
  await hub.stop();
  const evidence = contents_of(Buffer.concat(files_of(hub)));
  assert.ok(evidence.includes('registered'), 'the search itself works');
  for (const secret of secrets) {
    assert.ok(secret.length >= 16);
    for (const spelt of [Buffer.from(secret), Buffer.from(Buffer.from(secret).toString('base64').replace(/=+$/, ''))]) {
      assert.equal(evidence.includes(spelt), false);
    }
    if (/^[0-9a-f]{64}$/.test(secret)) assert.equal(evidence.includes(Buffer.from(secret, 'hex')), false);
  }
});
