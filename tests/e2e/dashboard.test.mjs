// The dashboard in a real browser: what it shows of a hub at work, on its own, and what it does when the hub goes.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Client } from './lib/client.mjs';
import { free_port, Hub } from './lib/hub.mjs';
import { until } from './lib/wait.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const kLaunch = [
  '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

describe('the dashboard', { skip: !fs.existsSync(executablePath) && `no browser at ${executablePath}` }, () => {
  let hub;
  let api;
  let browser;
  const complaints = [];

  before(async () => {
    hub = await Hub.start({ port: await free_port(), settings: { reconnect_grace_ms: 100 } });
    api = hub.api();
    browser = await chromium.launch({ executablePath, args: kLaunch });
  });
  after(async () => {
    await browser?.close();
    await hub?.dispose();
  });

  const open = async (t, path, options) => {
    const context = await browser.newContext(options);
    t.after(() => context.close());
    const page = await context.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.foreign = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(hub.url) && !request.url().startsWith('data:')) page.foreign.push(request.url());
    });
    await page.goto(hub.url + path);
    return page;
  };
  const opened = async (t, options) => {
    const page = await open(t, `/dashboard#token=${hub.admin_token}`, options);
    await shows(page, '#pulse', 'Live');
    return page;
  };
  const text_of = (page, selector) => page.locator(selector).innerText();
  const shows = (page, selector, wanted) =>
    until(async () => (await text_of(page, selector)).includes(wanted), `"${wanted}" in ${selector}`);

  test('is one page without a secret, with a policy that lets nothing else run', async () => {
    const replies = await Promise.all(['/dashboard/', '/dashboard'].map((path) => api.get(path, { token: null })));
    for (const reply of replies) {
      assert.equal(reply.status, 200);
      assert.equal(reply.headers['content-type'], 'text/html; charset=utf-8');
      assert.match(reply.headers['content-security-policy'], /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+';/);
      assert.equal(reply.headers['x-content-type-options'], 'nosniff');
      assert.ok(!reply.text.includes(hub.admin_token));
    }
    assert.equal(replies[0].text, replies[1].text);
    assert.equal((await api.post('/dashboard', {})).status, 404);
  });

  test('takes the token out of the address, and keeps it for a reload', async (t) => {
    const page = await opened(t);
    assert.equal(page.url(), `${hub.url}/dashboard`);
    await page.reload();
    await shows(page, '#pulse', 'Live');
    assert.deepEqual(page.foreign, []);
  });

  test('asks for a token, and again for a right one', async (t) => {
    const page = await open(t, '/');
    await page.locator('#token').fill('wrong');
    await page.locator('#login button').click();
    await shows(page, '#wrong', 'does not know');
    await page.locator('#token').fill(hub.admin_token);
    await page.keyboard.press('Enter');
    await shows(page, '#pulse', 'Live');
    assert.equal(await page.locator('#login').isVisible(), false);
    // The refusal was meant.
    for (let i = complaints.length; i > 0; --i) if (complaints[i - 1].includes('401')) complaints.splice(i - 1, 1);
  });

  test('W-33: shows who works on what, the queue, and what needs somebody, as the hub says it and as it changes', async (t) => {
    const page = await opened(t);
    await shows(page, '#agents', 'No agent is connected.');
    const agent = await Client.join(hub, 'ada', { capabilities: ['code'] });
    await shows(page, '#agents', 'ada');
    await shows(page, '#events', 'ada is here');
    const description = '<img src=x onerror=alert(1)> & fix the parser';
    const { body } = await api.post('/api/tasks', { description });
    const task = await agent.expect({ type: 'task_assign' });
    agent.send({ type: 'task_accepted', task_id: task.task_id });
    agent.send({ type: 'task_progress', task_id: task.task_id, progress: 40 });
    await shows(page, '#agents', description);
    await shows(page, '#agents', '40 %');
    await shows(page, '#agents', 'working');
    await api.post('/api/tasks', { description: 'another', priority: 'urgent', needed_capabilities: ['gpu'] });
    await shows(page, '#lanes', 'The oldest has waited');
    assert.equal(await page.locator('#needs-card').isVisible(), false);
    agent.send({ type: 'task_failed', task_id: body.task_id, generation: task.generation, error: 'no' });
    await agent.expect({ type: 'task_ack', status: 'retried' });
    await shows(page, '#events', 'failed, will be tried again: no');
    const last = await api.post('/api/tasks', { description: 'hopeless', max_retries: 1, priority: 'urgent', metadata: { target_agent: 'ada' } });
    const given = await agent.expect({ type: 'task_assign', task_id: last.body.task_id });
    agent.send({ type: 'task_failed', task_id: given.task_id, generation: given.generation, error: 'gave up' });
    await shows(page, '#needs', 'hopeless: gave up');
    assert.match(await page.title(), /^\(1\) /);
    agent.socket.terminate();
    await shows(page, '#events', 'ada has gone');
  });

  test('says that the hub is away, and goes on when it is back', async (t) => {
    const page = await opened(t);
    await hub.kill();
    await shows(page, '#pulse', 'away');
    await hub.start();
    await shows(page, '#pulse', 'Live');
    await api.post('/api/onboard/register', { agent_id: 'late' }, { token: null });
    await shows(page, '#events', 'late was registered');
    for (let i = complaints.length; i > 0; --i) if (/ERR_|Failed to load/.test(complaints[i - 1])) complaints.splice(i - 1, 1);
  });

  test('fits a telephone, by day and by night', async (t) => {
    for (const colorScheme of ['light', 'dark']) {
      const page = await opened(t, { viewport: { width: 400, height: 800 }, colorScheme });
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.equal(width, 400);
      const [back, front] = await page.evaluate(() => {
        const style = getComputedStyle(document.body);
        return [style.backgroundColor, style.color].map((colour) => Number(/\d+/.exec(colour)[0]));
      });
      assert.equal(back > front, colorScheme === 'light');
    }
  });

  test('never had anything to complain about', () => {
    assert.deepEqual(complaints, []);
  });
});
