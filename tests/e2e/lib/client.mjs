// A WebSocket agent over npm's `ws`, the library of the stock sidecar.
//
//     const alice = await Client.join(hub, 'alice', { capabilities: ['code'] });
//     alice.send({ type: 'ping' });
//     const pong = await alice.expect({ type: 'pong' });
//
// Frames wait in `inbox` until they are taken: `expect` takes the first that matches (pushes come in between replies),
// `next` takes the very next one. Nothing sleeps; each wait has a deadline.

import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { check_frame } from './contract.mjs';
import { deferred, kDeadlineMs, within } from './wait.mjs';

/** Whether every key of `pattern` is in `frame` with an equal value. A function is asked. */
export function frame_matches(frame, pattern) {
  if (typeof pattern === 'function') return Boolean(pattern(frame));
  if (pattern === null || typeof pattern !== 'object' || Array.isArray(pattern)) {
    try {
      assert.deepEqual(frame, pattern);
      return true;
    } catch {
      return false;
    }
  }
  if (frame === null || typeof frame !== 'object') return false;
  return Object.entries(pattern).every(([key, value]) => key in frame && frame_matches(frame[key], value));
}

export class Client {
  /** Opens a socket. Resolves when it is open; rejects with the HTTP status when the upgrade is refused. */
  static async open(hub, options = {}) {
    const socket = new WebSocket(options.url ?? hub.ws_url, options.protocols ?? [], options.ws ?? {});
    const client = new Client(socket, options.frames ?? 'from_hub');
    await within(client.opened_, 'open WebSocket');
    return client;
  }

  /** Opens a socket and identifies as `agent_id`, with a fresh token unless `fields.token` is given. */
  static async join(hub, agent_id, fields = {}) {
    const token = fields.token ?? (await hub.token_for(agent_id));
    const client = await Client.open(hub);
    client.agent_id = agent_id;
    client.token = token;
    client.identified = await client.identify(agent_id, token, fields);
    return client;
  }

  constructor(socket, frames = 'from_hub') {
    this.socket = socket;
    this.frames_ = frames;
    this.inbox = [];
    this.received = 0;
    this.waiters_ = [];
    this.on_frame = null;
    const opened = deferred();
    const closed = deferred();
    this.opened_ = opened.promise;
    this.closed = closed.promise;
    this.close_info = null;
    socket.on('open', () => opened.resolve());
    socket.on('message', (data, is_binary) => this.take_(data, is_binary));
    socket.on('error', (error) => {
      opened.reject(error);
    });
    socket.on('close', (code, reason) => {
      this.close_info = { code, reason: reason.toString() };
      closed.resolve(this.close_info);
      opened.reject(new Error(`closed with ${code}`));
      for (const waiter of this.waiters_.splice(0)) {
        waiter.reject(new Error(`closed with ${code} '${this.close_info.reason}' before ${waiter.what}`));
      }
    });
    this.opened_.catch(() => {});
  }

  take_(data, is_binary) {
    assert.equal(is_binary, false, 'the hub sends text frames only');
    this.received += 1;
    const text = data.toString('utf8');
    const frame = JSON.parse(text);
    check_frame(frame, this.frames_);
    Object.defineProperty(frame, 'raw_text', { value: text, enumerable: false });
    if (this.on_frame && this.on_frame(frame) === true) return;
    const index = this.waiters_.findIndex((waiter) => frame_matches(frame, waiter.pattern));
    if (index >= 0) this.waiters_.splice(index, 1)[0].resolve(frame);
    else this.inbox.push(frame);
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  send_text(text) {
    this.socket.send(text);
  }

  /** The first frame that matches `pattern` (an object that must be contained, or a predicate). Others stay. */
  expect(pattern, ms = kDeadlineMs) {
    const index = this.inbox.findIndex((frame) => frame_matches(frame, pattern));
    if (index >= 0) return Promise.resolve(this.inbox.splice(index, 1)[0]);
    const what = typeof pattern === 'function' ? pattern.toString() : JSON.stringify(pattern);
    if (this.close_info) {
      return Promise.reject(new Error(`closed with ${this.close_info.code} '${this.close_info.reason}' before ${what}`));
    }
    const waiter = { pattern, what, ...deferred() };
    this.waiters_.push(waiter);
    const drop = () => {
      const at = this.waiters_.indexOf(waiter);
      if (at >= 0) this.waiters_.splice(at, 1);
    };
    const detail = () => `frame ${what} for ${this.agent_id ?? 'client'}; waiting: ${JSON.stringify(this.inbox).slice(0, 2000)}`;
    return within(waiter.promise, detail, ms).finally(drop);
  }

  /** The very next frame, whatever it is. */
  next(ms = kDeadlineMs) {
    return this.expect(() => true, ms);
  }

  async request(frame, pattern, ms) {
    this.send(frame);
    return this.expect(pattern, ms);
  }

  /** Sends identify and returns the reply: `identified` or an error. */
  async identify(agent_id, token, fields = {}) {
    this.agent_id = agent_id;
    return this.request({ type: 'identify', agent_id, token, ...fields }, (f) =>
      ['identified', 'error'].includes(f.type),
    );
  }

  /**
   * Returns when the hub has handled all that this client sent, and this client has all that was pushed to it before.
   * Afterwards `inbox` is complete: what is not in it was not sent.
   */
  async settle() {
    await this.request({ type: 'ping' }, { type: 'pong' });
  }

  /** After `settle`, no frame that matches `pattern` may be there. */
  async expect_none(pattern) {
    await this.settle();
    const found = this.inbox.filter((frame) => frame_matches(frame, pattern));
    assert.deepEqual(found, [], 'frames that should not have come');
  }

  /** Takes all waiting frames out of the inbox. */
  drain() {
    return this.inbox.splice(0);
  }

  /** Closes properly and waits for the end. */
  async close(code = 1000, reason = '') {
    this.socket.close(code, reason);
    return within(this.closed, 'close of the socket');
  }

  /** Drops the TCP connection without a close frame, as a lost network does. */
  async drop() {
    this.socket.terminate();
    return within(this.closed, 'end of the socket');
  }

  /** Waits for the hub to close. Returns {code, reason}. */
  expect_close(ms) {
    return within(this.closed, `close by the hub of ${this.agent_id ?? 'client'}`, ms);
  }
}
