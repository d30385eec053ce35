// A server that events are delivered to: a webhook's, or a push service. Keeps what it gets and answers as it is told.
//
//     const receiver = await receiver_for(t);
//     const request = await receiver.next();   // {method, path, headers, body (Buffer), at_ms}

import http from 'node:http';
import { deferred, within } from './wait.mjs';

export class Receiver {
  static async start() {
    const receiver = new Receiver();
    await receiver.listen_();
    return receiver;
  }

  constructor() {
    this.requests = [];
    this.total = 0;
    /** What the next requests are answered with: {status, headers, body}; a function of the request; null: never. */
    this.answer = { status: 204 };
    this.waiters_ = [];
    this.server_ = http.createServer((request, response) => {
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('error', () => {});
      request.on('end', () => this.take_(request, response, Buffer.concat(chunks)));
    });
  }

  async listen_(port = 0) {
    await new Promise((resolve, reject) => {
      this.server_.once('error', reject);
      this.server_.listen(port, '127.0.0.1', resolve);
    });
    this.port = this.server_.address().port;
  }

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  take_(request, response, body) {
    const got = { method: request.method, path: request.url, headers: request.headers, body, at_ms: Date.now() };
    this.total += 1;
    const answer = typeof this.answer === 'function' ? this.answer(got) : this.answer;
    if (answer) {
      response.writeHead(answer.status, answer.headers ?? {});
      response.end(answer.body ?? '');
    }
    const waiter = this.waiters_.shift();
    if (waiter) waiter.resolve(got);
    else this.requests.push(got);
  }

  /** The next request that was not yet looked at. */
  next(ms) {
    if (this.requests.length > 0) return Promise.resolve(this.requests.shift());
    const waiter = deferred();
    this.waiters_.push(waiter);
    return within(waiter.promise, 'delivery', ms).catch((error) => {
      this.waiters_ = this.waiters_.filter((one) => one !== waiter);
      throw error;
    });
  }

  /** The server goes away; `start_again` brings it back on the same port. */
  async stop() {
    this.server_.closeAllConnections();
    await new Promise((resolve) => this.server_.close(resolve));
  }

  async start_again() {
    await this.listen_(this.port);
  }
}

/** A receiver that ends with the test. */
export async function receiver_for(t) {
  const receiver = await Receiver.start();
  t.after(() => receiver.stop().catch(() => {}));
  return receiver;
}
