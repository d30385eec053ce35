// A hostile page in a real browser: of a foreign origin, and under a name that was made to point here (DNS rebinding).
// Whatever it asks for, on every route of the catalogue and on the upgrade, it gets 403.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { Hub } from './lib/hub.mjs';
import { within } from './lib/wait.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** Every route: [method, path]. */
function routes() {
  const source = fs.readFileSync(path.join(root, 'core/protocol/catalogue.cpp'), 'utf8');
  const found = [...source.matchAll(/Method::(\w+),\s*"(\/[^"]*)"/g)].map((match) => [
    match[1].replace('_', '').toUpperCase(),
    match[2].replace(/:\w+/g, 'x'),
  ]);
  assert.ok(found.length > 30, 'the catalogue lists its routes as this test expects');
  return [...found, ['GET', '/dashboard'], ['GET', '/'], ['GET', '/ws'], ['POST', '/no/such/route'], ['BREW', '/health']];
}

/** Runs in the page. Asks for everything in each way a page can, and tells what was let through. */
async function attack({ url, ws_url, routes }) {
  const got_in = [];
  const note = (what) => got_in.push(what);
  for (const [method, route] of routes) {
    for (const mode of ['cors', 'no-cors']) {
      if (mode === 'no-cors' && !['GET', 'HEAD', 'POST'].includes(method)) continue;
      try {
        const response = await fetch(url + route, { method, mode, credentials: 'include', redirect: 'manual' });
        // Of another origin nothing may be readable; of a rebound name the status tells.
        if (response.type !== 'opaque' && response.status !== 403) note(`${mode} ${method} ${route}: ${response.status}`);
      } catch {
        // The browser keeps the answer from the page.
      }
    }
  }
  const socket = await new Promise((resolve) => {
    const opened = new WebSocket(ws_url);
    opened.onopen = () => resolve('open');
    opened.onerror = () => resolve('refused');
  });
  if (socket === 'open') note('WebSocket');
  return got_in;
}

describe('a hostile page', { skip: !fs.existsSync(executablePath) && `no browser at ${executablePath}` }, () => {
  let hub;
  let browser;
  let page;
  let foreign;
  let refusals;
  // What the hub said to each request, also where the browser keeps it from the page.
  const answers = [];

  before(async () => {
    hub = await Hub.start();
    foreign = http.createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello'));
    await new Promise((resolve) => foreign.listen(0, '127.0.0.1', resolve));
    browser = await chromium.launch({
      executablePath,
      args: [
        '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP evil.test 127.0.0.1',
      ],
    });
    page = await browser.newPage();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Network.enable');
    const asked = new Map();
    devtools.on('Network.requestWillBeSent', ({ requestId, request }) => asked.set(requestId, `${request.method} ${request.url}`));
    devtools.on('Network.responseReceivedExtraInfo', ({ requestId, statusCode }) => answers.push({ requestId, statusCode }));
    refusals = () => {
      const found = new Map();
      for (const { requestId, statusCode } of answers) {
        const [method, url] = (asked.get(requestId) ?? '').split(' ');
        if (url && new URL(url).port === String(hub.port)) found.set(`${method} ${new URL(url).pathname}`, statusCode);
      }
      return found;
    };
  });

  after(async () => {
    await browser?.close();
    foreign?.close();
    await hub?.dispose();
  });

  const run = (origin, url) =>
    within(
      (async () => {
        answers.length = 0;
        await page.goto(origin);
        return page.evaluate(attack, { url, ws_url: `${url.replace('http', 'ws')}/ws`, routes: routes() });
      })(),
      'the attack',
      60_000,
    );

  /** Every path was asked for (other methods than GET and POST by asking first whether they may), and each got 403. */
  function assert_refused_everywhere() {
    const found = refusals();
    assert.deepEqual([...found].filter(([, status]) => status !== 403), []);
    const paths = new Set([...found.keys()].map((key) => key.split(' ')[1]));
    assert.deepEqual(routes().map(([, route]) => route).filter((route) => !paths.has(route)), [], 'paths without an answer');
  }

  test('of a foreign origin gets 403 everywhere', async () => {
    assert.deepEqual(await run(`http://127.0.0.1:${foreign.address().port}/`, hub.url), []);
    assert_refused_everywhere();
  });

  test('of another site gets 403 everywhere', async () => {
    assert.deepEqual(await run(`http://evil.test:${foreign.address().port}/`, hub.url), []);
    assert_refused_everywhere();
  });

  test('under a name that was made to point here gets 403 everywhere', async () => {
    // The page itself comes from the hub, as far as the browser can see, and is refused too.
    assert.deepEqual(await run(`http://evil.test:${hub.port}/dashboard`, `http://evil.test:${hub.port}`), []);
    assert_refused_everywhere();
  });
});
