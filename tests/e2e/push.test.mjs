// Web Push: notifications that a browser can read, as the npm library web-push makes them.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { hub_for } from './lib/hub.mjs';
import { receiver_for } from './lib/receiver.mjs';
import { until } from './lib/wait.mjs';

const require = createRequire(import.meta.url);
const web_push = require('web-push');
const http_ece = require('http_ece');

const kLocal = { delivery_private: 1, delivery_retry_ms: 20, delivery_retry_max_ms: 40, reconnect_grace_ms: 20 };

/** What a browser keeps of its subscription. */
class Browser {
  constructor(receiver, name) {
    this.key = crypto.createECDH('prime256v1');
    this.key.generateKeys();
    this.auth = crypto.randomBytes(16);
    this.endpoint = `${receiver.origin}/${name}`;
  }

  /** As PushSubscription.toJSON() gives it. */
  subscription() {
    return {
      endpoint: this.endpoint,
      expirationTime: null,
      keys: { p256dh: this.key.getPublicKey('base64url'), auth: this.auth.toString('base64url') },
    };
  }

  /** Reads a notification with web-push's own decoder. */
  read(body) {
    const text = http_ece.decrypt(body, { version: 'aes128gcm', privateKey: this.key, authSecret: this.auth.toString('base64url') });
    return JSON.parse(text.toString('utf8'));
  }
}

async function stage(t, choice = {}) {
  const receiver = await receiver_for(t);
  const hub = await hub_for(t, { settings: kLocal, args: ['--push-hosts', receiver.origin, '--push-contact', 'mailto:ops@example.org'] });
  const api = hub.api();
  const browser = new Browser(receiver, 'one');
  const { status, body } = await api.post('/api/dashboard/push-subscribe', { ...browser.subscription(), ...choice });
  assert.equal(status, 200);
  assert.equal(body.status, 'subscribed');
  return { hub, api, receiver, browser };
}

/** The claims of a VAPID header, whose signature is checked with the key in it. */
function read_authorization(header) {
  const [, token, key] = /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(header);
  const point = Buffer.from(key, 'base64url');
  assert.equal(point.length, 65);
  const jwk = { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') };
  const [head, claims, signature] = token.split('.');
  assert.ok(
    crypto.verify('sha256', Buffer.from(`${head}.${claims}`),
      { key: crypto.createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')),
    'the signature is good',
  );
  assert.deepEqual(JSON.parse(Buffer.from(head, 'base64url')), { typ: 'JWT', alg: 'ES256' });
  return { key, claims: JSON.parse(Buffer.from(claims, 'base64url')) };
}

test('a notification can be read by its browser, and is signed by the hub', async (t) => {
  const { api, receiver, browser } = await stage(t);
  const { body: vapid } = await api.get('/api/dashboard/vapid-key', { token: null });
  assert.equal((await api.post('/api/push/test')).body.count, 1);
  const request = await receiver.next();
  assert.equal(request.path, '/one');
  const shown = browser.read(request.body);
  assert.match(shown.body, /this is a test/);
  assert.equal(shown.icon, '/favicon.ico');
  assert.equal(shown.data.kind, 'push_tested');
  const { key, claims } = read_authorization(request.headers.authorization);
  assert.equal(key, vapid.vapid_public_key);
  assert.equal(claims.aud, receiver.origin);
  assert.equal(claims.sub, 'mailto:ops@example.org');
  const left_s = claims.exp - request.at_ms / 1000;
  assert.ok(left_s > 0 && left_s <= 24 * 3600, 'the token is good for less than a day (RFC 8292)');
});

test('a notification is like one that web-push makes', async (t) => {
  const { receiver, api, browser } = await stage(t);
  await api.post('/api/push/test');
  const ours = await receiver.next();
  const keys = web_push.generateVAPIDKeys();
  const theirs = web_push.generateRequestDetails(browser.subscription(), 'the same to you', {
    vapidDetails: { subject: 'mailto:ops@example.org', ...keys }, TTL: 60, contentEncoding: 'aes128gcm', urgency: 'normal',
  });
  for (const [name, value] of Object.entries(theirs.headers)) {
    const header = ours.headers[name.toLowerCase()];
    assert.ok(header !== undefined, `the header ${name}`);
    if (['Content-Encoding', 'Content-Type', 'Urgency'].includes(name)) assert.equal(header, String(value), name);
  }
  read_authorization(theirs.headers.Authorization);
  // Salt, record size, length of the key: the same layout (RFC 8188 §2.1).
  assert.equal(ours.body.readUInt32BE(16), theirs.body.readUInt32BE(16));
  assert.equal(ours.body[20], theirs.body[20]);
});

test('W-38: keys and subscriptions survive a kill of the hub', async (t) => {
  const { hub, api, receiver, browser } = await stage(t);
  const before = (await api.get('/api/dashboard/vapid-key')).body;
  await hub.restart();
  assert.deepEqual((await hub.api().get('/api/dashboard/vapid-key')).body, before);
  assert.equal(fs.statSync(path.join(hub.data, 'vapid.pem')).mode & 0o777, 0o600);
  await hub.api().post('/api/push/test');
  assert.ok(browser.read((await receiver.next()).body));
});

test('W-38: a lost agent is reported, one that says goodbye is not', async (t) => {
  const { hub, api, receiver, browser } = await stage(t, { kinds: ['agent_offline', 'task_submitted'] });
  const polite = await Client.join(hub, 'polite');
  await polite.close();
  await until(async () => (await api.get('/api/events?since=start&kind=agent_offline')).body.events.length === 1, 'agent_offline');
  const lost = await Client.join(hub, 'lost');
  lost.socket.terminate();
  const shown = browser.read((await receiver.next()).body);
  assert.equal(shown.data.subject, 'lost');
  assert.match(shown.body, /connection was lost/);
});

test('W-38: what a push service refuses for now is tried again; a subscription that is gone is removed', async (t) => {
  const { api, receiver, browser } = await stage(t);
  receiver.answer = { status: 503 };
  await api.post('/api/push/test');
  await receiver.next();
  receiver.answer = { status: 201 };
  assert.ok(browser.read((await receiver.next()).body));
  await until(async () => (await api.get('/api/push/subscriptions')).body.subscriptions[0].delivered_at !== null, 'delivery');
  receiver.answer = { status: 410 };
  await api.post('/api/push/test');
  await receiver.next();
  await until(async () => (await api.get('/api/push/subscriptions')).body.subscriptions.length === 0, 'end of the subscription');
});

test('W-32: nobody subscribes anonymously, or an address that is no push service', async (t) => {
  const { hub, receiver, browser } = await stage(t);
  const bob = hub.api(await hub.token_for('bob'));
  const subscription = browser.subscription();
  assert.equal((await bob.post('/api/dashboard/push-subscribe', subscription, { token: null })).status, 401);
  for (const endpoint of ['https://fcm.googleapis.com/x', `http://127.0.0.1:${receiver.port + 1}/x`, `http://localhost:${receiver.port}/x`]) {
    const { status, body } = await bob.post('/api/dashboard/push-subscribe', { ...subscription, endpoint });
    assert.deepEqual([status, body.error], [422, 'endpoint_not_allowed']);
  }
});

test('a browser unsubscribes by its endpoint', async (t) => {
  const { api, receiver, browser } = await stage(t);
  const unsubscribe = () => api.post('/api/dashboard/push-unsubscribe', { endpoint: browser.endpoint });
  assert.equal((await unsubscribe()).body.status, 'unsubscribed');
  assert.equal((await unsubscribe()).body.status, 'not_subscribed');
  assert.equal((await api.post('/api/push/test')).status, 404);
  assert.equal(receiver.total, 0);
});
