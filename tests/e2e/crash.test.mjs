// The crash test: real clients drive messages, mailboxes and tasks over sockets while the hub is killed with SIGKILL
// at random moments and started again on the same data. lib/model.mjs knows what was promised; at the end everything
// acknowledged must be there.
//
//     SEED=… repeats a run's decisions (the timing of sockets stays its own); KILLS=… sets the number of kills.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from './lib/client.mjs';
import { hub_for } from './lib/hub.mjs';
import { Model } from './lib/model.mjs';
import { Prng, run_seed } from './lib/prng.mjs';
import { deferred, until } from './lib/wait.mjs';

const kKills = Number(process.env.KILLS ?? 50);
const kReceivers = ['recv-plain', 'recv-sidecar', 'recv-two'];
const kMailOnly = ['mail-1', 'mail-2'];
const kSidecar = { client_type: 'sidecar', protocol_version: 1 };

/** What the clients share: the hub, the model, the number of the life that runs, and whether it is the last, calm one. */
class World {
  constructor(hub, model, prng) {
    this.hub = hub;
    this.model = model;
    this.prng = prng;
    this.tokens = new Map();
    this.next_message = 1;
    this.next_task = 1;
    this.connections = 0;
    this.draining = false;
    this.life = 0;
    this.events = 0;
    this.on_event = () => {};
  }

  async register(agent_id) {
    this.tokens.set(agent_id, await this.hub.token_for(agent_id));
  }

  event() {
    this.events += 1;
    this.on_event();
  }

  /** Joins as `agent_id`, and gives each frame to `on_frame`. Fails when the hub dies meanwhile. */
  async join(agent_id, fields, on_frame) {
    const client = await Client.open(this.hub);
    client.connection_number = ++this.connections;
    client.on_frame = (frame) => {
      this.event();
      if (frame.type === 'identified' || frame.type === 'error') client.on_identify?.(frame);
      on_frame(frame, client);
      return true;
    };
    const answered = deferred();
    client.on_identify = (frame) => {
      client.on_identify = null;
      if (frame.type === 'identified') answered.resolve();
      else answered.reject(new Error(JSON.stringify(frame)));
    };
    client.closed.then(() => answered.reject(new Error('closed')));
    client.send({ type: 'identify', agent_id, token: this.tokens.get(agent_id), ...fields });
    await answered.promise;
    return client;
  }
}

/** Runs `body` until the hub dies under it. Errors of a living hub are errors of the test. */
async function until_the_hub_dies(world, body) {
  const life = world.life;
  try {
    await body(() => world.hub.running && world.life === life);
  } catch (error) {
    if (world.hub.running && world.life === life && !world.dying) throw error;
  }
}

// -- actors: each lives through one life of the hub per call ------------------------------------------------------------

/** Sends direct messages and some broadcasts over a socket, up to ten at a time without an answer. */
async function sender_life(world, agent_id, prng) {
  await until_the_hub_dies(world, async (alive) => {
    const waiting = [];
    let room = deferred();
    const client = await world.join(agent_id, {}, (frame, self) => {
      if (frame.type === 'message_sent') {
        world.model.message_acked(waiting.shift(), frame.id);
        room.resolve();
      } else if (frame.type === 'message') {
        world.model.message_pushed(agent_id, self.connection_number, frame);
      } else if (frame.type === 'error') {
        world.model.violations.push(`${agent_id} got ${JSON.stringify(frame)}`);
      }
    });
    while (alive() && !client.close_info && !world.draining) {
      const n = world.next_message++;
      const to = prng.chance(0.05) ? null : prng.pick([...kReceivers, ...kMailOnly]);
      world.model.message_sent(n, agent_id, to);
      waiting.push(n);
      client.send({ type: 'message', ...(to ? { to } : {}), payload: { n, pad: 'x'.repeat(prng.between(0, 200)) } });
      if (waiting.length >= 10) {
        room = deferred();
        await Promise.race([room.promise, client.closed]);
      } else if (prng.chance(0.3)) {
        await new Promise(setImmediate);
      }
    }
    client.socket.terminate();
  });
}

/** Sends messages over HTTP with an idempotency key, and repeats in the next life what got no answer in this one. */
async function http_sender_life(world, agent_id, prng, state) {
  await until_the_hub_dies(world, async (alive) => {
    const api = world.hub.api(world.tokens.get(agent_id));
    while (alive() && (!world.draining || state.open)) {
      state.open ??= { n: world.next_message++, to: prng.pick([...kReceivers, ...kMailOnly]) };
      const { n, to } = state.open;
      if (!world.model.messages.has(n)) world.model.message_sent(n, agent_id, to);
      const reply = await api.post('/api/message', { to, payload: { n } }, { headers: { 'idempotency-key': `m-${n}` } });
      if (reply.status !== 200) throw new Error(`POST /api/message: ${reply.status} ${reply.text}`);
      world.model.message_acked(n, reply.body.id);
      state.open = null;
      world.event();
    }
  });
}

/** Reads and acknowledges a mailbox over HTTP. */
async function poller_life(world, agent_id, prng) {
  await until_the_hub_dies(world, async (alive) => {
    const api = world.hub.api(world.tokens.get(agent_id));
    const path = `/api/mailbox/${agent_id}`;
    while (alive()) {
      const box = world.model.box_(agent_id);
      const since = prng.chance(0.5) ? 0 : box.highest_seq;
      const reply = await api.get(`${path}?since=${since}`);
      if (reply.status !== 200) throw new Error(`${path}: ${reply.status} ${reply.text}`);
      world.model.mailbox_read(agent_id, since, reply.body.messages);
      world.event();
      if (reply.body.count > 0 && prng.chance(0.5)) {
        const seq = prng.pick(reply.body.messages).seq;
        world.model.mailbox_ack_sent(agent_id, seq);
        // The acknowledgement covers what lies below, so all of that must have been seen.
        if (since === 0) {
          const acked = await api.post(`${path}/ack`, { seq });
          if (acked.status !== 200) throw new Error(`ack: ${acked.status} ${acked.text}`);
          world.model.mailbox_acked(agent_id, seq);
          world.event();
        }
      }
      if (world.draining) return;
      await new Promise(setImmediate);
    }
  });
}

/**
 * Receives pushes; its mailbox is read by a poller. With `drops` it now and then loses its connection and comes back:
 * only for clients whose mail stays in the mailbox, since a push that a plain v1.1 client's network loses is lost.
 */
async function receiver_life(world, agent_id, fields, prng, drops) {
  await until_the_hub_dies(world, async () => {
    const client = await world.join(agent_id, fields, (frame, self) => {
      if (frame.type === 'message') world.model.message_pushed(agent_id, self.connection_number, frame);
      if (drops && prng.chance(0.01)) self.socket.terminate();
    });
    while (!client.close_info && !world.draining) await Promise.race([client.closed, world.next_event()]);
    client.socket.terminate();
  });
}

/** Submits tasks over HTTP; what got no answer is repeated with its key. */
async function submitter_life(world, agent_id, prng, state) {
  await until_the_hub_dies(world, async (alive) => {
    const api = world.hub.api(world.tokens.get(agent_id));
    while (alive() && (!world.draining || state.open)) {
      state.open ??= {
        description: `t-${world.next_task++}`,
        priority: prng.pick(['urgent', 'high', 'normal', 'low']),
        max_retries: 100,
        needed_capabilities: prng.chance(0.3) ? ['crash-b'] : ['crash-a'],
      };
      const reply = await api.post('/api/tasks', state.open, { headers: { 'idempotency-key': state.open.description } });
      if (reply.status !== 201) throw new Error(`POST /api/tasks: ${reply.status} ${reply.text}`);
      world.model.task_submitted(state.open.description, reply.body.task_id);
      state.open = null;
      world.event();
      // Workers set the pace: no more than a few tasks may wait.
      while (alive() && !world.draining && world.model.tasks.size - world.model.counters.completions_acked > 40) {
        await Promise.race([world.next_event(), world.hub.ended]);
      }
    }
  });
}

/** A worker. What it has in hand outlives the hub: it goes on with it, or asks, when it is back. */
async function worker_life(world, agent_id, fields, prng, hands) {
  await until_the_hub_dies(world, async (alive) => {
    const { model } = world;
    const reports = []; // sent, not answered, in order: {kind, id, generation, sure}
    // What was in hand before this life; assignments of this life replace it.
    const brought = new Map(hands);
    const let_go = (id, generation) => {
      if (hands.get(id)?.generation === generation) hands.delete(id);
    };
    const answered = (frame, client) => {
      const report = reports.shift();
      if (!report) return model.violations.push(`${agent_id} got an answer to nothing: ${JSON.stringify(frame)}`);
      const { kind, id, generation, sure } = report;
      if (frame.type === 'error' || frame.type === 'task_reassign') {
        model.refused(id, generation, agent_id, sure, `${kind}: ${frame.error ?? frame.type}`);
        return let_go(id, generation);
      }
      if (frame.task_id !== id) return model.violations.push(`${agent_id}: answer for ${frame.task_id}, expected ${id}`);
      switch (kind) {
        case 'recover': {
          const hand = hands.get(id);
          if (hand?.generation !== frame.generation) {
            model.violations.push(`${id}: ${agent_id} held ${hand?.generation} and continues with ${frame.generation}`);
          }
          model.task_continued(id, frame.generation, agent_id);
          hands.set(id, { generation: frame.generation, accepted: true });
          return work(id, client);
        }
        case 'complete':
          model.completion_acked(id, generation, agent_id);
          return let_go(id, generation);
        case 'fail':
          model.failure_acked(id, generation, agent_id, frame.status);
          return let_go(id, generation);
        case 'reject':
          model.rejection_acked(id, generation, agent_id);
          return let_go(id, generation);
        default: // an acceptance is always acknowledged
      }
    };
    const report = (client, kind, id, frame) => {
      const hand = hands.get(id);
      // Until now nobody but this agent could have ended the lease, so a refusal would break a promise.
      const sure = !hand.reported;
      if (kind !== 'accept' && kind !== 'recover') {
        hand.reported = { kind, frame };
        model.report_sent(id, hand.generation, agent_id);
      }
      reports.push({ kind, id, generation: hand.generation, sure });
      client.send(frame);
    };
    const complete = (client, id) =>
      report(client, 'complete', id, {
        type: 'task_complete', task_id: id, generation: hands.get(id).generation,
        result: { by: agent_id, generation: hands.get(id).generation },
      });
    const work = (id, client) => {
      const hand = hands.get(id);
      const dice = world.draining ? 0 : prng.next();
      if (!hand.accepted && dice < 0.9) {
        hand.accepted = true;
        report(client, 'accept', id, { type: 'task_accepted', task_id: id });
      }
      if (prng.chance(0.3)) client.send({ type: 'task_progress', task_id: id, progress: prng.between(0, 100) });
      if (dice < 0.75) complete(client, id);
      else if (dice < 0.9) {
        report(client, 'fail', id, { type: 'task_failed', task_id: id, generation: hand.generation, reason: 'dice' });
      } else if (dice < 0.95) {
        report(client, 'reject', id, {
          type: 'task_rejected', task_id: id, generation: hand.generation, reason: 'busy',
        });
      } else {
        // Kept in hand for a while: finished after the next frame of any kind.
        hand.kept = true;
      }
    };
    const client = await world.join(agent_id, fields, (frame, self) => {
      switch (frame.type) {
        case 'task_assign': {
          const { task_id: id, generation } = frame;
          model.task_assigned(id, generation, agent_id, self.connection_number);
          // Told again of what it has reported already: that report is on its way.
          if (hands.get(id)?.generation === generation && hands.get(id).reported) break;
          hands.set(id, { generation, accepted: false });
          work(id, self);
          break;
        }
        case 'task_ack':
        case 'task_continue':
        case 'task_reassign':
        case 'error':
          answered(frame, self);
          break;
        case 'message':
          model.message_pushed(agent_id, self.connection_number, frame);
          break;
        default:
          break;
      }
      for (const [id, hand] of hands) {
        if (hand.kept && (world.draining || prng.chance(0.3))) {
          hand.kept = false;
          complete(self, id);
        }
      }
    });
    // What was in hand when the hub died: say the report again, ask, or simply go on, as real clients do.
    for (const [id, hand] of brought) {
      if (hands.get(id) !== hand) continue;
      if (hand.reported) report(client, hand.reported.kind, id, hand.reported.frame);
      else if (prng.chance(0.5)) report(client, 'recover', id, { type: 'task_recovering', task_id: id, last_status: 'working' });
      else complete(client, id);
    }
    const heartbeat = setInterval(() => client.send({ type: 'ping' }), 50);
    try {
      while (alive() && !client.close_info && !(world.draining && world.drained)) {
        await Promise.race([client.closed, world.next_event()]);
      }
    } finally {
      clearInterval(heartbeat);
      client.socket.terminate();
    }
  });
}

test(`nothing acknowledged is lost over ${kKills} kills`, { timeout: 170_000 }, async (t) => {
  const seed = run_seed();
  t.diagnostic(`SEED=${seed} KILLS=${kKills}`);
  const prng = new Prng(seed);
  const model = new Model();
  const hub = await hub_for(t, {
    settings: { retry_delay_ms: 0, reject_backoff_ms: 1, acceptance_timeout_ms: 120_000, reconnect_grace_ms: 120_000 },
  });
  const world = new World(hub, model, prng);
  const event_waiters = [];
  world.next_event = () => new Promise((resolve) => event_waiters.push(resolve));

  const senders = ['send-1', 'send-2', 'send-3'];
  const workers = [
    ['work-1', { capabilities: ['crash-a'] }],
    ['work-2', { capabilities: ['crash-a', 'crash-b'], ...kSidecar }],
    ['work-3', { capabilities: ['crash-b'], slots: 3 }],
    ['work-4', { capabilities: ['crash-a'], slots: 2 }],
  ];
  const agents = [...senders, 'http-1', 'submit-1', 'submit-2', ...kReceivers, ...kMailOnly, ...workers.map(([id]) => id)];
  for (const agent_id of agents) await world.register(agent_id);

  const rng = new Map(agents.map((id) => [id, prng.fork()]));
  const poll_rng = new Map(agents.map((id) => [id, prng.fork()]));
  const hands = new Map(workers.map(([id]) => [id, new Map()]));
  const http_state = {};
  const submit_state = [{}, {}];

  /** All actors for one life of the hub. Each starts over when its own connection ends and the hub still lives. */
  const everybody = () => {
    const life = world.life;
    const keep = async (body) => {
      do await body();
      while (hub.running && world.life === life && !world.draining && !world.dying);
    };
    return [
      ...senders.map((id) => keep(() => sender_life(world, id, rng.get(id)))),
      keep(() => http_sender_life(world, 'http-1', rng.get('http-1'), http_state)),
      ...kMailOnly.map((id) => keep(() => poller_life(world, id, poll_rng.get(id)))),
      ...kReceivers.map((id) => keep(() => poller_life(world, id, poll_rng.get(id)))),
      keep(() => receiver_life(world, 'recv-plain', {}, rng.get('recv-plain'), false)),
      keep(() => receiver_life(world, 'recv-sidecar', kSidecar, rng.get('recv-sidecar'), true)),
      keep(() => receiver_life(world, 'recv-two', { protocol_version: 2 }, rng.get('recv-two'), true)),
      ...[0, 1].map((i) => keep(() => submitter_life(world, `submit-${i + 1}`, rng.get(`submit-${i + 1}`), submit_state[i]))),
      ...workers.map(([id, fields]) => keep(() => worker_life(world, id, fields, rng.get(id), hands.get(id)))),
    ];
  };

  for (let kill = 1; kill <= kKills; ++kill) {
    world.life += 1;
    world.dying = false;
    // The moment: after some events that clients saw, then a few more microseconds, or after some time at the latest.
    const budget = prng.between(1, prng.chance(0.2) ? 20 : 600);
    const moment = deferred();
    let seen = 0;
    world.on_event = () => {
      for (const wake of event_waiters.splice(0)) wake();
      if (++seen === budget) moment.resolve();
    };
    const running = everybody();
    const failed = Promise.all(running);
    failed.catch(() => {});
    const latest = setTimeout(moment.resolve, 1500);
    await Promise.race([moment.promise, failed]);
    clearTimeout(latest);
    for (let spin = prng.between(0, 3); spin > 0; --spin) await new Promise(setImmediate);
    world.dying = true;
    assert.ok(hub.running, `the hub ended by itself:\n${hub.log_text.slice(-3000)}`);
    await hub.kill();
    for (const wake of event_waiters.splice(0)) wake();
    await failed;
    assert.deepEqual(model.violations, [], `in life ${kill}, SEED=${seed}`);
    // A sidecar is not told twice of a task it was given: one that the kill kept from it comes back by the timeout.
    if (kill === kKills) hub.options.settings.acceptance_timeout_ms = 5_000;
    await hub.start();
  }

  // The last life is calm: what is open is finished, then all is counted.
  world.life += 1;
  world.dying = false;
  world.draining = true;
  world.on_event = () => {
    for (const wake of event_waiters.splice(0)) wake();
  };
  const last = Promise.all(everybody());
  last.catch(() => {});
  const api = hub.api();
  await Promise.race([
    until(
      async () => {
        const { body } = await api.get('/api/tasks/stats');
        const open = (body.by_status.queued ?? 0) + (body.by_status.assigned ?? 0);
        return open === 0 && !http_state.open && submit_state.every((state) => !state.open);
      },
      'end of all tasks',
      30_000,
    ),
    last.then(() => new Promise(() => {})),
  ]);
  world.drained = true;
  world.event();
  await last;

  for (const agent_id of [...kReceivers, ...kMailOnly]) {
    const own = hub.api(world.tokens.get(agent_id));
    for (let since = 0; ; ) {
      const reply = await own.get(`/api/mailbox/${agent_id}?since=${since}`);
      assert.equal(reply.status, 200, reply.text);
      model.mailbox_read(agent_id, since, reply.body.messages);
      if (reply.body.count === 0) break;
      since = reply.body.last_seq;
    }
  }
  model.final_messages(new Set([...kReceivers, ...kMailOnly]));
  for (const [id, task] of model.tasks) {
    const reply = await api.get(`/api/tasks/${id}`);
    model.final_task(id, reply.status === 200 ? reply.body : null);
    if (!task.acked) model.violations.push(`${id} was given out and nobody had submitted it`);
  }
  t.diagnostic(`${JSON.stringify(model.counters)}, ${hub.starts} starts`);
  assert.deepEqual(model.violations, [], `SEED=${seed}`);
  assert.ok(model.counters.messages_acked > kKills && model.counters.completions_acked > kKills / 5, 'the load was too small');
});
