// Server-sent events as a program reads them: one open response, its events one by one.
//
//     const stream = await EventStream.open(hub, hub.admin_token, '?kind=task_*', { last_event_id });
//     const event = await stream.next();   // {id, name, data}; undefined when the stream has ended

import http from 'node:http';
import { check_event } from './contract.mjs';
import { deferred, kDeadlineMs, within } from './wait.mjs';

export class EventStream {
  /** Resolves when the head of the answer is there; `status` is not 200 when the hub refused. */
  static async open(hub, token, query = '', { last_event_id, headers } = {}) {
    const stream = new EventStream();
    const answered = deferred();
    stream.request = http.request(
      {
        host: '127.0.0.1',
        port: hub.port,
        path: `/api/events${query}`,
        agent: false,
        headers: {
          accept: 'text/event-stream',
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...(last_event_id ? { 'last-event-id': last_event_id } : {}),
          ...headers,
        },
      },
      (response) => {
        stream.response = response;
        stream.status = response.statusCode;
        response.setEncoding('utf8');
        response.on('data', (text) => stream.take_(text));
        response.on('error', () => stream.end_());
        response.on('close', () => stream.end_());
        answered.resolve();
      },
    );
    stream.request.on('error', (error) => {
      stream.end_();
      answered.reject(error);
    });
    stream.request.end();
    await within(answered.promise, 'answer to GET /api/events');
    return stream;
  }

  constructor() {
    this.text = '';
    this.rest_ = '';
    this.events = [];
    this.comments = 0;
    /** The newest id, with or without data: where a reconnect goes on. */
    this.last_id = undefined;
    this.ended = false;
    this.changed_ = deferred();
    const ended = deferred();
    this.ended_ = ended;
  }

  /** Whether the body came to its proper end. */
  get complete() {
    return this.response?.complete === true;
  }

  changed() {
    const { resolve } = this.changed_;
    this.changed_ = deferred();
    resolve();
  }

  end_() {
    this.ended = true;
    this.ended_.resolve();
    this.changed();
  }

  take_(text) {
    this.text += text;
    this.rest_ += text;
    for (let end = this.rest_.indexOf('\n\n'); end >= 0; end = this.rest_.indexOf('\n\n')) {
      const event = {};
      for (const line of this.rest_.slice(0, end).split('\n')) {
        if (line.startsWith(':')) this.comments += 1;
        const colon = line.indexOf(': ');
        event[line.slice(0, colon)] = line.slice(colon + 2);
      }
      this.rest_ = this.rest_.slice(end + 2);
      if (event.id) this.last_id = event.id;
      if (!event.data) continue;
      const data = JSON.parse(event.data);
      if (event.event !== 'resync') check_event(data);
      this.events.push({ id: event.id, name: event.event, data });
    }
    this.changed();
  }

  /** The next event; undefined when the stream has ended. */
  async next(ms = kDeadlineMs) {
    const end = performance.now() + ms;
    while (this.events.length === 0) {
      if (this.ended) return undefined;
      await within(this.changed_.promise, 'event of the stream', Math.max(1, end - performance.now()));
    }
    return this.events.shift();
  }

  expect_end(ms = kDeadlineMs) {
    return within(this.ended_.promise, 'end of the stream', ms);
  }

  close() {
    this.request.destroy();
  }
}
