// No token that a hub ever made, or was shown, is found in its logs, its data directory or its fault files.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { hub_for } from './lib/hub.mjs';
import { encode_frame, RawSocket, raw_websocket } from './lib/raw.mjs';
import { until } from './lib/wait.mjs';

const kPlanted = 'fault-with-secret-55c1';

function* files_below(directory) {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const full = path.join(directory, entry.name);
    if (entry.isDirectory()) yield* files_below(full);
    else if (entry.isFile()) yield full;
  }
}

/** Where a secret shows: as it is, in base64, or as raw bytes. */
function places_of(secret, named_bytes) {
  const needles = [Buffer.from(secret), Buffer.from(Buffer.from(secret).toString('base64').replace(/=+$/, ''))];
  if (/^[0-9a-f]{64}$/.test(secret)) needles.push(Buffer.from(secret, 'hex'));
  return named_bytes.filter(({ bytes }) => needles.some((needle) => bytes.includes(needle))).map(({ name }) => name);
}

test('tokens are found nowhere', { timeout: 60_000 }, async (t) => {
  const hub = await hub_for(t, { env: { AGENTCOM_TEST_PLANTED_FAULT: kPlanted }, settings: { reconnect_grace_ms: 50 } });
  const secrets = new Map([['admin', hub.admin_token]]);
  const made_up = (name) => {
    const secret = crypto.randomBytes(32).toString('hex');
    secrets.set(name, secret);
    return secret;
  };
  const api = hub.api();

  // Made by every route that makes tokens; with an idempotency key, whose kept answer must not hold it either.
  const registered = await api.post('/api/onboard/register', { agent_id: 'registered' }, { token: null });
  secrets.set('registered', registered.body.token);
  const keyed = { headers: { 'idempotency-key': 'once' } };
  const with_key = await api.post('/api/onboard/register', { agent_id: 'keyed' }, { token: null, ...keyed });
  if (with_key.body.token) secrets.set('registered with a key', with_key.body.token);
  const again = await api.post('/api/onboard/register', { agent_id: 'keyed' }, { token: null, ...keyed });
  if (again.body.token) secrets.set('registered with a key again', again.body.token);
  for (const agent_id of ['minted', 'minted', 'revoked']) {
    secrets.set(`minted ${secrets.size}`, (await api.post('/admin/tokens', { agent_id })).body.token);
  }
  const minted_with_key = await api.post('/admin/tokens', { agent_id: 'minted-key' }, keyed);
  secrets.set('minted with a key', minted_with_key.body.token);
  await api.delete('/admin/tokens/revoked');

  // Used in every way a token can be shown: right, wrong, and where it does not belong.
  const token = secrets.get('registered');
  const client = await Client.join(hub, 'registered', { token });
  await client.settle();
  await api.get(`/api/mailbox/registered?token=${token}`, { token: null });
  await api.get(`/api/mailbox/registered?%74oken=${made_up('spelt differently')}`, { token: null });
  await api.get(`/api/tasks?token=${made_up('in the query')}`, { token: null });
  await api.get(`/nowhere?token=${made_up('on an unknown route')}`, { token: null });
  await api.get(`/api/mailbox/registered?token=${made_up('in a broken query')}&x=%ff`, { token: null });
  await api.post('/api/mailbox/registered/ack', { seq: 0, token: made_up('in a body') }, { token: null });
  await api.post('/api/onboard/register', { agent_id: 'x', token: made_up('in a body that has no token') });
  await api.get('/api/tasks', { token: made_up('unknown bearer') });
  await api.get('/api/tasks', { token: null, headers: { authorization: `Basic ${made_up('not a bearer')}` } });
  await api.request('POST', '/api/tasks', {
    token: null, raw_body: `{"token":"${made_up('in broken JSON')}"`, headers: { 'content-type': 'application/json' },
  });
  await api.request('POST', '/api/tasks', {
    token: null, raw_body: `token=${made_up('in a form')}`, headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });

  const guesser = await Client.open(hub);
  await guesser.identify('registered', made_up('wrong in identify'));
  await guesser.identify('somebody-else', token);
  guesser.send({ type: 'identify', agent_id: 'a', token: made_up('too'), name: 5 });
  await guesser.next();
  guesser.send_text(`{"type":"identify","agent_id":"a","token":"${made_up('in broken frame')}"`);
  await guesser.next();
  guesser.send_text(`{"type":"identify","token":"${made_up('first of two')}","agent_id":"a","token":"${made_up('second of two')}"}`);
  await guesser.next();
  guesser.send_text(`{"type":"identify","agent_id":"a","\\u0074oken":"${made_up('escaped key')}"}`);
  await guesser.next();
  guesser.send({ type: 'ping', token: made_up('in a ping') });
  await guesser.next();
  await guesser.close();

  // On bytes that never become a request or a frame.
  const bad_head = await RawSocket.connect(hub.port);
  bad_head.write(`GET /x?token=${made_up('in a bad request line')} HTTP/7.7\r\nHost: localhost\r\n\r\n`);
  await bad_head.expect_closed();
  const cut_off = await RawSocket.connect(hub.port);
  await cut_off.write(`GET /api/tasks HTTP/1.1\r\nAuthorization: Bearer ${made_up('cut off')}`);
  cut_off.destroy();
  const bad_frame = await raw_websocket(hub);
  bad_frame.write(encode_frame({ payload: `{"type":"identify","token":"${made_up('unmasked')}"}`, mask: false }));
  await bad_frame.read_to_close();

  // In a frame that ends in a fault file, beside the text that trips the assertion.
  const poison = await Client.open(hub);
  poison.send({ type: 'identify', agent_id: 'registered', token: secrets.get('registered'), name: kPlanted });
  await poison.expect_close();
  await until(() => fs.existsSync(path.join(hub.data, 'faults')) && fs.readdirSync(path.join(hub.data, 'faults')).length > 0, 'fault file');

  const evidence = () => [
    { name: 'the log', bytes: Buffer.from(hub.log_text) },
    ...[...files_below(hub.data)]
      .filter((file) => path.basename(file) !== 'admin.token')
      .map((file) => ({ name: path.relative(hub.data, file), bytes: fs.readFileSync(file) })),
  ];
  const search = (when) => {
    const found = [];
    for (const [name, secret] of secrets) {
      for (const place of places_of(secret, evidence())) found.push(`'${name}' in ${place}`);
    }
    assert.deepEqual(found, [], when);
  };
  t.diagnostic(`${secrets.size} secrets, ${evidence().length} places`);
  search('while it runs');
  await hub.kill();
  search('after kill -9');
  await hub.start();
  await hub.stop();
  search('after a clean stop');

  // The search itself works: names of agents are found.
  assert.ok(places_of('registered', evidence()).length > 0);
  const mode = fs.statSync(path.join(hub.data, 'admin.token')).mode & 0o777;
  assert.equal(mode, 0o600);
});
