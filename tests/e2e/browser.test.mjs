// A real browser as a client: a page of the hub's own origin joins as an agent, talks, and does a task.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Client } from './lib/client.mjs';
import { Hub } from './lib/hub.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Runs in the page: a small agent, as `window.agent`. */
function define_agent() {
  window.agent = {
    frames: [],
    waiters: [],
    close_info: null,
    open(url) {
      return new Promise((resolve, reject) => {
        this.socket = new WebSocket(url);
        this.socket.onopen = () => resolve({ protocol: this.socket.protocol, extensions: this.socket.extensions });
        this.socket.onerror = () => reject(new Error('the socket did not open'));
        this.socket.onclose = (event) => {
          this.close_info = { code: event.code, reason: event.reason };
          for (const waiter of this.waiters.splice(0)) waiter.reject(new Error(`closed with ${event.code}`));
        };
        this.socket.onmessage = (event) => {
          this.frames.push(JSON.parse(event.data));
          this.look();
        };
      });
    },
    look() {
      for (const waiter of [...this.waiters]) {
        const index = this.frames.findIndex((frame) => frame.type === waiter.type);
        if (index < 0) continue;
        this.waiters.splice(this.waiters.indexOf(waiter), 1);
        waiter.resolve(this.frames.splice(index, 1)[0]);
      }
    },
    expect(type) {
      return new Promise((resolve, reject) => {
        this.waiters.push({ type, resolve, reject });
        this.look();
      });
    },
    send(frame) {
      this.socket.send(JSON.stringify(frame));
    },
  };
}

describe('a browser as an agent', { skip: !fs.existsSync(executablePath) && `no browser at ${executablePath}` }, () => {
  let hub;
  let browser;
  let page;

  before(async () => {
    hub = await Hub.start();
    browser = await chromium.launch({
      executablePath,
      args: [
        '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync',
      ],
    });
    page = await browser.newPage();
    const response = await page.goto(`${hub.url}/health`);
    assert.equal(response.status(), 200);
    await page.evaluate(define_agent);
  });
  after(async () => {
    await browser?.close();
    await hub?.dispose();
  });

  test('it opens /ws without a subprotocol or extension and identifies', async () => {
    const token = await hub.token_for('browser');
    const opened = await page.evaluate((url) => window.agent.open(url), hub.ws_url);
    assert.deepEqual(opened, { protocol: '', extensions: '' });
    const reply = await page.evaluate(async (token) => {
      window.agent.send({ type: 'identify', agent_id: 'browser', token, capabilities: ['dom'] });
      return window.agent.expect('identified');
    }, token);
    assert.deepEqual(reply, { type: 'identified', agent_id: 'browser' });
  });

  test('messages go both ways', async () => {
    const node = await Client.join(hub, 'node');
    const sent = await page.evaluate(async () => {
      window.agent.send({ type: 'message', to: 'node', payload: { text: 'hello from the page ✓' } });
      return window.agent.expect('message_sent');
    });
    const push = await node.expect({ type: 'message', id: sent.id });
    assert.deepEqual(push.payload, { text: 'hello from the page ✓' });
    const { id } = await node.request({ type: 'message', to: 'browser', payload: { back: '💡' } }, { type: 'message_sent' });
    const received = await page.evaluate(() => window.agent.expect('message'));
    assert.equal(received.id, id);
    assert.deepEqual(received.payload, { back: '💡' });
    await node.close();
  });

  test('it gets a task and completes it', async () => {
    const api = hub.api();
    const { task_id } = (await api.post('/api/tasks', { description: 'title', needed_capabilities: ['dom'] })).body;
    await page.evaluate(async () => {
      const task = await window.agent.expect('task_assign');
      window.agent.send({ type: 'task_accepted', task_id: task.task_id });
      await window.agent.expect('task_ack');
      window.agent.send({
        type: 'task_complete', task_id: task.task_id, generation: task.generation, result: { origin: location.origin },
      });
      await window.agent.expect('task_ack');
    });
    const task = (await api.get(`/api/tasks/${task_id}`)).body;
    assert.equal(task.status, 'completed');
    assert.deepEqual(task.result, { origin: hub.url });
  });

  test('same-origin HTTP works from the page', async () => {
    const answer = await page.evaluate(async (token) => {
      const response = await fetch('/api/message', {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ to: 'browser', payload: { via: 'fetch' } }),
      });
      return { status: response.status, body: await response.json() };
    }, hub.admin_token);
    assert.equal(answer.status, 200);
    const received = await page.evaluate(() => window.agent.expect('message'));
    assert.equal(received.id, answer.body.id);
  });

  test('a stop of the hub reaches the page as 1001', async () => {
    await hub.stop();
    const close = await page.waitForFunction(() => window.agent.close_info, null, { timeout: 10_000 });
    assert.equal((await close.jsonValue()).code, 1001);
  });
});
