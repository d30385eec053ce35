// A hub of AgentCom v1.1 as far as an import asks it, written from its specification alone: strict and flex tokens, the
// shapes of its answers, its limits on pages, its odd units.
//
//     const old_hub = await OldHub.start({ tokens: { 'aaaa…': 'alice' } });
//     t.after(() => old_hub.stop());
//     old_hub.send('alice', 'bob', { text: 'hi' });     // what happened there
//     old_hub.write_token_file(path);                   // priv/tokens.json

import fs from 'node:fs';
import http from 'node:http';

const kMailboxEntries = 100;
const kChannelEntries = 200;
const kHistoryEntries = 100_000; // v1.1 keeps 10 000; more here, so that an import of many can be tried
const kPageDefault = 50;
const kPageMax = 200;

const hex16 = (number) => number.toString(16).padStart(16, '0');

export class OldHub {
  static async start(options = {}) {
    const hub = new OldHub(options);
    await new Promise((resolve) => hub.server.listen(0, '127.0.0.1', resolve));
    return hub;
  }

  constructor({ tokens = {}, now = 1_795_225_796_809 } = {}) {
    this.tokens = tokens;
    this.now = now;
    this.next_id = 0xfeed_0000_0000;
    this.history = [];
    this.mailboxes = new Map();
    this.mail_seq = 0;
    this.channels = new Map();
    this.tasks = [];
    this.dead_letters = [];
    this.config = {
      heartbeat_interval_ms: 900_000,
      mailbox_ttl_ms: 604_800_000,
      default_repo: null,
      alert_thresholds: {
        queue_growing_checks: 3,
        failure_rate_pct: 50,
        stuck_task_ms: 300_000,
        error_count_hour: 10,
        check_interval_ms: 30_000,
        cooldowns: { queue_growing: 300_000, high_failure_rate: 600_000, stuck_tasks: 0, no_agents_online: 0, high_error_rate: 300_000 },
      },
    };
    this.overrides = {};
    this.whitelist = [];
    this.requests = [];
    /** (request) => {status, headers, body} | 'drop' | undefined, before the route: for what goes wrong. */
    this.interfere = () => undefined;
    this.server = http.createServer((request, response) => this.serve_(request, response));
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  write_token_file(file, mode = 0o600) {
    fs.writeFileSync(file, JSON.stringify(this.tokens, null, 2), { mode });
  }

  // -- what happens on it

  message_(from, to, payload, more) {
    this.now += 1_000;
    return { id: hex16(this.next_id++), from, to, type: 'chat', payload, reply_to: null, timestamp: this.now, ...more };
  }

  file_(agent, message) {
    const entries = this.mailboxes.get(agent) ?? [];
    entries.push({ ...message, seq: ++this.mail_seq });
    this.mailboxes.set(agent, entries.slice(-kMailboxEntries));
  }

  /** A message, unread by those named: one to an agent, or (null) to all. */
  send(from, to, payload, { unread_by = [], ...more } = {}) {
    const message = this.message_(from, to, payload, more);
    this.history.push({ ...message, seq: (this.history.at(-1)?.seq ?? 0) + 1 });
    this.history = this.history.slice(-kHistoryEntries);
    for (const agent of unread_by) this.file_(agent, message);
    return message;
  }

  channel(name, { description = '', created_by = 'alice', subscribers = [] } = {}) {
    this.channels.set(name, { name, description, created_by, created_at: this.now, subscribers, entries: [], seq: 0 });
  }

  publish(name, from, payload, { unread_by = [] } = {}) {
    const channel = this.channels.get(name);
    const message = this.message_(from, null, payload, {});
    channel.entries.push({ seq: ++channel.seq, message, stored_at: message.timestamp });
    channel.entries = channel.entries.slice(-kChannelEntries);
    for (const agent of unread_by) this.file_(agent, { ...message, payload: { ...payload, channel: name } });
    return message;
  }

  /** A task of some status. */
  task(status, more = {}) {
    this.now += 1_000;
    const task = {
      id: `task-${hex16(this.next_id++)}`.replace('task-0000', 'task-c0de'),
      description: 'do it',
      metadata: {},
      priority: 2,
      status,
      assigned_to: null,
      assigned_at: null,
      generation: 0,
      retry_count: 0,
      max_retries: 3,
      needed_capabilities: [],
      last_error: null,
      complete_by: null,
      result: null,
      tokens_used: null,
      submitted_by: 'alice',
      created_at: this.now,
      updated_at: this.now,
      history: [{ event: 'queued', timestamp: this.now, details: 'submitted' }],
      ...more,
    };
    (status === 'dead_letter' ? this.dead_letters : this.tasks).push(task);
    return task;
  }

  // -- its API

  serve_(request, response) {
    const { pathname, searchParams } = new URL(request.url, 'http://old');
    const path = pathname.split('/').filter((segment) => segment !== '').map(decodeURIComponent);
    const asked = { method: request.method, path, query: searchParams, authorization: request.headers.authorization };
    this.requests.push({ ...asked, target: request.url });
    const odd = this.interfere(asked);
    if (odd === 'drop') {
      request.socket.destroy();
      return;
    }
    const { status = 200, headers = {}, body } = odd ?? this.answer_(asked);
    const text = JSON.stringify(body);
    response.writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      vary: 'accept-encoding',
      'cache-control': 'max-age=0, private, must-revalidate',
      ...headers,
    });
    response.end(text);
  }

  caller_({ authorization, query }, flex) {
    if (authorization?.startsWith('Bearer ')) return this.tokens[authorization.slice(7)];
    return flex ? this.tokens[query.get('token')] : undefined;
  }

  answer_(asked) {
    if (asked.method !== 'GET') return { status: 404, body: { error: 'not_found' } };
    const route = asked.path.join('/');
    const strict = (body) =>
      this.caller_(asked, false)
        ? { body: body() }
        : { status: 401, body: { error: 'unauthorized', hint: 'provide Authorization: Bearer <token>' } };
    const flex = (body) => (this.caller_(asked, true) ? { body: body() } : { status: 401, body: { error: 'unauthorized' } });
    switch (route) {
      case 'health':
        return { body: { status: 'ok', service: 'agent_com', agents_connected: 0 } };
      case 'api/messages':
        return flex(() => this.messages_(asked.query));
      case 'api/channels':
        return {
          body: {
            channels: [...this.channels.values()].map(({ name, description, subscribers, created_at }) => ({
              name,
              description,
              subscriber_count: subscribers.length,
              created_at,
            })),
          },
        };
      case 'api/tasks':
        return strict(() => this.tasks_(asked.query));
      case 'api/tasks/dead-letter':
        return strict(() => ({ tasks: this.dead_letters, count: this.dead_letters.length }));
      case 'api/config/heartbeat-interval':
        return flex(() => ({ heartbeat_interval_ms: this.config.heartbeat_interval_ms }));
      case 'api/config/mailbox-retention':
        return flex(() => ({ mailbox_ttl_ms: this.config.mailbox_ttl_ms }));
      case 'api/config/default-repo':
        return { body: { default_repo: this.config.default_repo, configured: this.config.default_repo !== null } };
      case 'api/config/alert-thresholds':
        return strict(() => this.config.alert_thresholds);
      case 'api/admin/rate-limits':
        return strict(() => this.limits_());
      case 'api/admin/rate-limits/whitelist':
        return strict(() => ({ whitelist: this.whitelist }));
    }
    if (asked.path[0] === 'api' && asked.path[1] === 'mailbox' && asked.path.length === 3) return this.mailbox_(asked);
    if (asked.path[0] === 'api' && asked.path[1] === 'channels') return this.channel_(asked);
    return { status: 404, body: { error: 'not_found' } };
  }

  messages_(query) {
    const cursor = Number(query.get('cursor') ?? 0);
    const limit = Math.min(Number(query.get('limit') ?? kPageDefault), kPageMax);
    const first = this.history.length === 0 ? 0 : this.history[0].seq;
    const messages = this.history.slice(Math.max(0, cursor + 1 - first)).slice(0, limit);
    return { messages, cursor: messages.at(-1)?.seq ?? cursor, count: messages.length };
  }

  mailbox_(asked) {
    const agent = asked.path[2];
    if (this.caller_(asked, true) !== agent) return { status: 401, body: { error: 'unauthorized' } };
    const since = Number(asked.query.get('since') ?? 0);
    const messages = (this.mailboxes.get(agent) ?? []).filter((entry) => entry.seq > since);
    return { body: { agent_id: agent, messages, last_seq: messages.at(-1)?.seq ?? since, count: messages.length } };
  }

  channel_(asked) {
    const name = asked.path[2].replace(/^#+/, '').toLowerCase().replace(/[^a-z0-9_-]/g, '');
    const channel = this.channels.get(name);
    if (asked.path[3] === 'history') {
      const limit = Number(asked.query.get('limit') ?? kPageDefault);
      const since = Number(asked.query.get('since') ?? 0);
      const messages = (channel?.entries ?? []).filter((entry) => entry.seq > since).slice(-limit);
      return { body: { channel: asked.path[2], messages, count: messages.length } };
    }
    if (asked.path.length !== 3) return { status: 404, body: { error: 'not_found' } };
    if (!channel) return { status: 404, body: { error: 'channel_not_found' } };
    const { description, subscribers, created_at, created_by } = channel;
    return { body: { name, description, subscribers, subscriber_count: subscribers.length, created_at, created_by } };
  }

  tasks_(query) {
    const status = query.get('status');
    const tasks = this.tasks
      .filter((task) => status === null || task.status === status)
      .sort((a, b) => a.priority - b.priority || a.created_at - b.created_at);
    return { tasks, count: tasks.length };
  }

  limits_() {
    const tier = (capacity) => ({ capacity, refill_rate_per_min: capacity });
    // What was set in whole tokens comes out in thousandths, and per millisecond.
    const internal = ({ capacity, refill_rate_per_min }) => ({
      capacity: capacity * 1_000,
      refill_rate: (refill_rate_per_min * 1_000) / 60_000,
    });
    const overrides = Object.fromEntries(
      Object.entries(this.overrides).map(([agent, tiers]) => [
        agent,
        Object.fromEntries(Object.entries(tiers).map(([name, limit]) => [name, internal(limit)])),
      ]),
    );
    return { defaults: { light: tier(120), normal: tier(60), heavy: tier(10) }, overrides, whitelist: this.whitelist };
  }
}
