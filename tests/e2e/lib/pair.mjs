// A well-behaved pair of agents that measures what an attack does to others: one sends the other a direct message,
// waits for both its acknowledgement and the arrival, notes how long that took, and sends the next. The pair runs in a
// thread of its own, and the attacker's thread, which made it, gets the lowest priority: an attacker does not sit on the
// hub's machine, so what it takes of the processors is not the hub's doing. All that the hub does for it counts.
//
//     const pair = await Pair.start(hub);
//     const quiet = await pair.measure(1000);            // over one second without disturbance
//     const busy = await pair.during((run) => attack()); // while the attack runs, over and over until there is a p99
//     pair.judge(t, 'slow readers', quiet, busy);
//     await pair.stop();

import assert from 'node:assert/strict';
import os from 'node:os';
import { Worker } from 'node:worker_threads';
import { deferred, within } from './wait.mjs';

/** Machines are noisy: a slowdown counts only when it is both this many times the quiet value … */
const kMaxSlowdown = 5;
/** … and more than this. */
const kSlowdownFloorMs = Number(process.env.E2E_LATENCY_FLOOR_MS ?? 50);
/** A 99th percentile of fewer is but the slowest. */
const kMinRounds = 200;
/** An attack that leaves the pair so little room is not repeated for ever. */
const kRepeatForMs = 10_000;

export class Pair {
  static async start(hub, name = 'pair') {
    const pair = new Pair();
    const agents = [];
    for (const side of ['a', 'b']) {
      const agent_id = `${name}-${side}`;
      agents.push({ agent_id, token: await hub.token_for(agent_id) });
    }
    pair.worker_ = new Worker(new URL('./pair_worker.mjs', import.meta.url), {
      workerData: { url: hub.ws_url, agents },
    });
    pair.answers_ = [];
    pair.failed_ = deferred();
    pair.failed_.promise.catch(() => {});
    pair.worker_.on('message', (answer) => pair.answers_.shift()?.resolve(answer));
    pair.worker_.on('error', (error) => pair.failed_.reject(error));
    await pair.ask_('start');
    // Of this thread alone: those of the pair and of the hub exist already.
    os.setPriority(os.constants.priority.PRIORITY_LOW);
    return pair;
  }

  async ask_(what) {
    const answer = deferred();
    this.answers_.push(answer);
    this.worker_.postMessage(what);
    const reply = await within(Promise.race([answer.promise, this.failed_.promise]), `answer of the pair to ${what}`, 30_000);
    if (reply.error) throw new Error(`the well-behaved pair: ${reply.error}`);
    return reply;
  }

  /** {count, p50, p99, max} in ms of the messages since the last call. */
  window() {
    return this.ask_('window');
  }

  /** The pair alone for `ms`. */
  async measure(ms) {
    await this.window();
    await new Promise((resolve) => setTimeout(resolve, ms));
    return this.window();
  }

  /** The pair while `attack(run)` runs, with run 0, 1, … until there are enough rounds to judge. */
  async during(attack) {
    await this.window();
    const end = performance.now() + kRepeatForMs;
    for (let run = 0; ; ++run) {
      await attack(run);
      if ((await this.ask_('count')).count >= kMinRounds || performance.now() > end) break;
    }
    return this.window();
  }

  /** Says both figures, and fails when the pair was harmed: slowed down by more than `factor`. */
  judge(t, what, quiet, busy, factor = kMaxSlowdown) {
    const figure = (w) => `p50 ${w.p50.toFixed(2)} p99 ${w.p99.toFixed(2)} max ${w.max.toFixed(1)} ms of ${w.count}`;
    t.diagnostic(`${what}: quiet ${figure(quiet)}; under attack ${figure(busy)}`);
    assert.ok(busy.count > 0, 'the pair got nothing through');
    const harmed = busy.p99 > factor * quiet.p99 && busy.p99 > kSlowdownFloorMs;
    assert.ok(!harmed, `p99 rose from ${quiet.p99.toFixed(2)} to ${busy.p99.toFixed(2)} ms`);
  }

  async stop() {
    await this.worker_.terminate();
  }
}
