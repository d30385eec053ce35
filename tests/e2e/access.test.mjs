// Who may what, over real sockets: roles, invite codes, tokens that expire, a proxy in between, TLS.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { describe, test } from 'node:test';
import tls from 'node:tls';
import { Client } from './lib/client.mjs';
import { hub_binary, hub_for, make_temp_dir, spawn_tracked } from './lib/hub.mjs';
import { within } from './lib/wait.mjs';

/** A proxy's mark: what is open on this machine is not open to such a request. */
const kFromElsewhere = { 'x-forwarded-for': '192.0.2.7' };

async function make_token(hub, fields) {
  const reply = await hub.api().post('/admin/tokens', fields);
  assert.equal(reply.status, 201, reply.text);
  return reply.body.token;
}

describe('roles and scopes', () => {
  test('each role may what it may', async (t) => {
    const hub = await hub_for(t);
    const rows = [
      // role, read, work, administer
      ['agent', 200, 201, 403],
      ['viewer', 200, 403, 403],
      ['operator', 200, 201, 403],
      ['admin', 200, 201, 200],
    ];
    for (const [role, read, work, administer] of rows) {
      const api = hub.api(await make_token(hub, { agent_id: `an-${role}`, role }));
      assert.equal((await api.get('/api/tasks')).status, read, role);
      assert.equal((await api.post('/api/tasks', { description: 'x' })).status, work, role);
      assert.equal((await api.get('/api/admin/audit')).status, administer, role);
      assert.equal((await api.get('/api/whoami')).body.role, role);
    }
  });

  test('a token for metrics reaches nothing else', async (t) => {
    const hub = await hub_for(t);
    const api = hub.api(await make_token(hub, { agent_id: 'prometheus', role: 'viewer', scopes: ['metrics'] }));
    for (const route of ['/api/overview', '/api/tasks', '/api/agents', '/api/whoami', '/admin/tokens', '/api/events']) {
      assert.equal((await api.get(route)).status, 403, route);
    }
    assert.equal((await api.get('/health')).status, 200);
  });

  test('ADMIN_AGENTS names administrators, with blanks or without', async (t) => {
    const hub = await hub_for(t, { env: { ADMIN_AGENTS: 'ann, boss ' } });
    const boss = hub.api(await hub.token_for('boss'));
    assert.equal((await boss.get('/api/whoami')).body.role, 'admin');
    assert.equal((await boss.get('/api/admin/audit')).status, 200);
    assert.equal((await hub.api(await hub.token_for('bob')).get('/api/admin/audit')).status, 403);
  });
});

describe('from elsewhere', () => {
  test('data needs a token, and registration an invite code', async (t) => {
    const hub = await hub_for(t);
    const nobody = hub.api(null);
    assert.equal((await nobody.get('/api/agents')).status, 200);
    assert.equal((await nobody.get('/api/agents', { headers: kFromElsewhere })).status, 401);
    assert.equal((await nobody.get('/health', { headers: kFromElsewhere })).status, 200);
    const register = (agent_id, invite) =>
      nobody.post('/api/onboard/register', { agent_id, ...(invite && { invite }) }, { headers: kFromElsewhere });
    assert.equal((await register('eve')).status, 403);
    const made = await hub.api().post('/api/admin/invites', { uses: 1 });
    assert.equal(made.status, 201, made.text);
    assert.equal((await register('eve', 'f'.repeat(64))).status, 403);
    const registered = await register('eve', made.body.code);
    assert.equal(registered.status, 201, registered.text);
    assert.equal((await register('mallory', made.body.code)).status, 403);
    assert.equal((await hub.api(registered.body.token).get('/api/agents', { headers: kFromElsewhere })).status, 200);
    assert.ok(!fs.readFileSync(path.join(hub.data, 'hub.db')).includes(made.body.code));
  });

  test('a proxy that is trusted is believed', async (t) => {
    const hub = await hub_for(t, { args: ['--trusted-proxies', '127.0.0.1'] });
    const nobody = hub.api(null);
    assert.equal((await nobody.get('/api/agents', { headers: kFromElsewhere })).status, 401);
    assert.equal((await nobody.get('/api/agents', { headers: { 'x-forwarded-for': '127.0.0.1' } })).status, 200);
  });

  test('--open is as open as v1.1, and says so', async (t) => {
    const hub = await hub_for(t, { args: ['--open'] });
    const nobody = hub.api(null);
    assert.equal((await nobody.get('/api/agents', { headers: kFromElsewhere })).status, 200);
    const eve = await nobody.post('/api/onboard/register', { agent_id: 'eve' }, { headers: kFromElsewhere });
    assert.equal(eve.status, 201);
    assert.equal((await hub.api(eve.body.token).post('/admin/tokens', { agent_id: 'bob' })).status, 201);
    assert.match(hub.log_text, /THIS HUB IS OPEN/);
  });
});

describe('the end of a token', () => {
  test('its time closes its socket, and ends its stream and its long poll', async (t) => {
    const hub = await hub_for(t);
    const token = await make_token(hub, { agent_id: 'brief', ttl_ms: 1_500 });
    const socket = await Client.join(hub, 'brief', { token });
    const api = hub.api(token);
    const poll = api.get('/api/mailbox/brief?wait_ms=60000', { timeout_ms: 60_000 });
    assert.deepEqual(await within(socket.closed, 'the close'), { code: 1008, reason: 'token expired' });
    assert.equal((await poll).status, 401);
    assert.equal((await api.get('/api/whoami')).status, 401);
    const again = await Client.open(hub);
    await again.send({ type: 'identify', agent_id: 'brief', token });
    assert.equal((await again.expect({ type: 'error' })).error, 'invalid_token');
  });

  test('revoking it does so at once, and is in the audit', async (t) => {
    const hub = await hub_for(t);
    const token = await make_token(hub, { agent_id: 'brief', label: 'laptop' });
    const socket = await Client.join(hub, 'brief', { token });
    const poll = hub.api(token).get('/api/mailbox/brief?wait_ms=60000', { timeout_ms: 60_000 });
    await hub.api(token).get('/api/whoami');
    assert.equal((await hub.api().delete(`/admin/tokens/brief?prefix=${token.slice(0, 8)}`)).status, 200);
    assert.deepEqual(await within(socket.closed, 'the close'), { code: 1008, reason: 'token revoked' });
    assert.equal((await poll).status, 401);
    const audit = (await hub.api().get('/api/admin/audit?kind=token_*')).body;
    assert.deepEqual(
      audit.entries.map((entry) => [entry.kind, entry.subject, entry.principal]),
      [['token_revoked', 'brief', 'admin'], ['token_created', 'brief', 'admin']],
    );
    assert.equal(audit.entries[0].before[0].label, 'laptop');
    assert.equal(audit.entries[0].after, null);
  });
});

describe('names and pages', () => {
  test('a foreign Host or Origin gets 403 on every route and upgrade', async (t) => {
    const hub = await hub_for(t, { args: ['--public-url', 'https://hub.example'] });
    const api = hub.api();
    for (const route of ['/health', '/dashboard', '/api/tasks', '/no/such/route', '/ws']) {
      for (const headers of [{ host: 'evil.test' }, { origin: 'http://evil.test' }, { origin: 'null' }]) {
        const reply = await api.get(route, { headers });
        assert.equal(reply.status, 403, `${route} ${JSON.stringify(headers)}`);
        assert.equal(reply.body.error, 'forbidden_origin');
      }
    }
    await assert.rejects(Client.open(hub, { ws: { origin: 'http://evil.test' } }), /403/);
    await assert.rejects(Client.open(hub, { ws: { headers: { host: 'evil.test' } } }), /403/);
    assert.equal((await api.get('/health', { headers: { origin: hub.url } })).status, 200);
    assert.equal((await api.get('/health', { headers: { host: 'hub.example' } })).status, 200);
    const made = await api.post('/api/onboard/register', { agent_id: 'eve' });
    assert.equal(made.body.hub_ws_url, 'wss://hub.example:443/ws');
    assert.equal(made.body.hub_api_url, 'https://hub.example:443');
  });
});

/** A certificate for localhost and its key, as files. */
function certificate(directory, name) {
  const file = (end) => path.join(directory, `${name}.${end}`);
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', file('key'), '-out', file('crt'),
  ], { stdio: 'ignore' });
  return { cert: file('crt'), key: file('key') };
}

/** GET over TLS: {status, text}. */
function secure_get(port, ca, route, options = {}) {
  const answer = new Promise((resolve, reject) => {
    const request = https.get({ host: '127.0.0.1', port, path: route, ca, agent: false, ...options }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    request.on('error', reject);
  });
  return within(answer, `GET ${route} over TLS`);
}

function handshake(port, options) {
  const done = new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, ...options }, () => {
      const facts = { protocol: socket.getProtocol(), alpn: socket.alpnProtocol, peer: socket.getPeerCertificate().fingerprint256 };
      socket.destroy();
      resolve(facts);
    });
    socket.on('error', reject);
  });
  return within(done, 'TLS handshake');
}

describe('TLS', () => {
  test('https and wss, TLS 1.2 or newer, http/1.1, and a certificate that is read anew', async (t) => {
    const directory = make_temp_dir();
    t.after(() => fs.rmSync(directory, { recursive: true }));
    const files = certificate(directory, 'hub');
    const hub = await hub_for(t, { args: ['--tls-cert', files.cert, '--tls-key', files.key] });
    const ca = fs.readFileSync(files.cert);
    assert.equal((await secure_get(hub.port, ca, '/health')).status, 200);
    const long = await secure_get(hub.port, ca, '/dashboard', { headers: { connection: 'close' } });
    assert.equal(long.status, 200);
    assert.match(long.text, /<\/html>/);
    const refused = await secure_get(hub.port, ca, '/health', { headers: { host: 'evil.test' }, servername: 'localhost' });
    assert.equal(refused.status, 403);
    const facts = await handshake(hub.port, { ca, ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal(facts.alpn, 'http/1.1');
    await assert.rejects(handshake(hub.port, { ca, maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }));
    await assert.rejects(secure_get(hub.port, undefined, '/health'), /self-signed|self signed/);
    const bearer = { headers: { authorization: `Bearer ${hub.admin_token}`, 'content-type': 'application/json' }, method: 'POST' };
    const token = await within(
      new Promise((resolve, reject) => {
        const request = https.request({ host: '127.0.0.1', port: hub.port, path: '/api/onboard/register', ca, ...bearer }, (response) => {
          let text = '';
          response.on('data', (chunk) => (text += chunk));
          response.on('end', () => resolve(JSON.parse(text)));
        });
        request.on('error', reject);
        request.end('{"agent_id":"ann"}');
      }),
      'registration',
    );
    assert.equal(token.hub_ws_url, `wss://127.0.0.1:${hub.port}/ws`);
    const socket = await Client.open(hub, { url: token.hub_ws_url, ws: { ca } });
    assert.equal((await socket.identify('ann', token.token)).type, 'identified');
    await socket.send({ type: 'message', to: 'ann', payload: { text: 'x'.repeat(100_000) } });
    assert.equal((await socket.expect({ type: 'message' })).payload.text.length, 100_000);

    const renewed = certificate(directory, 'renewed');
    fs.copyFileSync(renewed.cert, files.cert);
    fs.copyFileSync(renewed.key, files.key);
    process.kill(hub.pid, 'SIGHUP');
    const after = fs.readFileSync(files.cert);
    for (;;) {
      const shown = await handshake(hub.port, { ca: [ca, after] });
      if (shown.peer !== facts.peer) break;
    }
    assert.equal((await secure_get(hub.port, after, '/health')).status, 200);
    // Who was connected stays so.
    assert.equal(socket.close_info, null);
  });

  test('files that do not fit are refused with words', async (t) => {
    const directory = make_temp_dir();
    t.after(() => fs.rmSync(directory, { recursive: true }));
    const one = certificate(directory, 'one');
    const two = certificate(directory, 'two');
    const rows = [
      [['--tls-cert', one.cert, '--tls-key', two.key], /is not that of the certificate/],
      [['--tls-cert', one.cert], /needs --tls-cert and --tls-key/],
      [['--tls-cert', path.join(directory, 'none'), '--tls-key', one.key], /must be a readable PEM file/],
      [['--tls-cert', one.cert, '--tls-key', one.cert], /TLS key/],
    ];
    for (const [args, expected] of rows) {
      const child = spawn_tracked(hub_binary, ['--check-config', '--data', directory, ...args], { env: { HOME: directory } });
      assert.equal((await child.ended).code, 2);
      assert.match(child.output, expected);
    }
  });

  test('off loopback plain HTTP is refused, TLS is not', async (t) => {
    const directory = make_temp_dir();
    t.after(() => fs.rmSync(directory, { recursive: true }));
    const files = certificate(directory, 'hub');
    const check = async (...args) => {
      const child = spawn_tracked(hub_binary, ['--check-config', '--data', directory, '--listen', '0.0.0.0:0', ...args], {
        env: { HOME: directory },
      });
      return (await child.ended).code;
    };
    assert.equal(await check(), 2);
    assert.equal(await check('--insecure-http'), 0);
    assert.equal(await check('--tls-cert', files.cert, '--tls-key', files.key), 0);
  });
});
