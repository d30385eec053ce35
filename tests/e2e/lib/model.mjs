// An independent record of what the hub has promised to its clients, over all of its lives.
//
// The clients of the crash test report here every acknowledgement and every push that they see. Each report is checked
// at once against what is known; what can only be told at the end is checked by the `final_…` functions. A broken
// promise is an entry in `violations`.
//
// The promises:
//   - what was acknowledged is there later: messages, mailbox acknowledgements, tasks, completions;
//   - a message comes twice only across a crash or reconnect, and then with the same id;
//   - a task is held by one agent at a time, completed once, never lost;
//   - generations of a task and sequence numbers of a mailbox never go back.
// A request without an answer may have happened or not, so its effects are allowed but not demanded.

export class Model {
  constructor() {
    this.violations = [];
    this.messages = new Map(); // n -> {to, id or null, acked, pushes: [{connection, id}], mail_ids: Set, recipients}
    this.boxes = new Map(); // agent -> {acked_up_to, highest_seq, by_seq: Map(seq -> id), sure_acks}
    this.tasks = new Map(); // task id -> TaskRecord
    this.submitted = new Map(); // description -> Set of ids acknowledged
    this.counters = { messages_acked: 0, pushes: 0, mail_read: 0, mail_acked: 0, tasks_acked: 0, completions_acked: 0 };
  }

  violate_(text) {
    this.violations.push(text);
  }

  // -- messages ---------------------------------------------------------------------------------------------------

  /** A message goes out. @param n its number in the payload; @param to an agent, or null for a broadcast */
  message_sent(n, from, to) {
    this.messages.set(n, { from, to, id: null, pushes: [], seen_by: new Set() });
  }

  message_acked(n, id) {
    const message = this.messages.get(n);
    if (message.id !== null && message.id !== id) this.violate_(`message ${n} acknowledged as ${id} and as ${message.id}`);
    if (message.id === null) this.counters.messages_acked += 1;
    message.id = id;
    message.acked = true;
    this.check_id_(n, message, id);
  }

  /** A push arrived. @param connection a number that no other connection has */
  message_pushed(agent, connection, frame) {
    this.counters.pushes += 1;
    const n = frame.payload.n;
    const message = this.messages.get(n);
    if (!message) return this.violate_(`${agent} was pushed message ${n} that nobody sent`);
    if (message.to !== null && message.to !== agent) this.violate_(`${agent} was pushed message ${n} meant for ${message.to}`);
    if (message.from !== frame.from) this.violate_(`message ${n} came from ${frame.from}, not ${message.from}`);
    if (message.pushes.some((push) => push.agent === agent && push.connection === connection)) {
      this.violate_(`${agent} was pushed message ${n} twice on one connection`);
    }
    this.check_id_(n, message, frame.id);
    message.pushes.push({ agent, connection });
    message.seen_by.add(agent);
  }

  check_id_(n, message, id) {
    message.known_id ??= id;
    if (message.known_id !== id) this.violate_(`message ${n} came as ${id} and as ${message.known_id}`);
  }

  box_(agent) {
    if (!this.boxes.has(agent)) this.boxes.set(agent, { acked_up_to: 0, tried_up_to: 0, highest_seq: 0, by_seq: new Map() });
    return this.boxes.get(agent);
  }

  /** A mailbox was read from `since` on. */
  mailbox_read(agent, since, messages) {
    const box = this.box_(agent);
    const highest_before = box.highest_seq;
    let last = since;
    for (const entry of messages) {
      this.counters.mail_read += 1;
      const n = entry.payload.n;
      const message = this.messages.get(n);
      if (!message) {
        this.violate_(`mailbox of ${agent} holds message ${n} that nobody sent`);
        continue;
      }
      if (message.to !== null && message.to !== agent) this.violate_(`mailbox of ${agent} holds message ${n} for ${message.to}`);
      if (entry.seq <= last) this.violate_(`mailbox of ${agent}: seq ${entry.seq} after ${last}`);
      last = entry.seq;
      if (entry.seq <= box.acked_up_to) {
        this.violate_(`mailbox of ${agent}: seq ${entry.seq} is back, although ${box.acked_up_to} was acknowledged`);
      }
      const known = box.by_seq.get(entry.seq);
      if (known !== undefined && known !== entry.id) this.violate_(`mailbox of ${agent}: seq ${entry.seq} is ${entry.id}, was ${known}`);
      if (known === undefined) {
        // A reader that remembers the highest number it saw must not miss a new entry.
        if (entry.seq <= highest_before && !message.seen_by.has(agent) && since < entry.seq && box.read_all_to >= entry.seq) {
          this.violate_(`mailbox of ${agent}: new entry ${entry.seq} below ${highest_before}`);
        }
        box.by_seq.set(entry.seq, entry.id);
      }
      box.highest_seq = Math.max(box.highest_seq, entry.seq);
      this.check_id_(n, message, entry.id);
      message.seen_by.add(agent);
    }
    // Everything up to the last entry has been seen now: a number below it that turns up later went back.
    if (since <= (box.read_all_to ?? 0)) box.read_all_to = Math.max(box.read_all_to ?? 0, last);
  }

  mailbox_ack_sent(agent, seq) {
    const box = this.box_(agent);
    box.tried_up_to = Math.max(box.tried_up_to, seq);
  }

  mailbox_acked(agent, seq) {
    this.counters.mail_acked += 1;
    const box = this.box_(agent);
    box.acked_up_to = Math.max(box.acked_up_to, seq);
  }

  /** After all mailboxes were read: every acknowledged direct message reached its target one way or the other. */
  final_messages(agents) {
    for (const [n, message] of this.messages) {
      if (!message.acked || message.to === null) continue;
      if (agents.has(message.to) && !message.seen_by.has(message.to)) {
        this.violate_(`message ${n} (${message.id}) from ${message.from} to ${message.to} was acknowledged and is lost`);
      }
    }
  }

  // -- tasks ------------------------------------------------------------------------------------------------------

  task_(id) {
    if (!this.tasks.has(id)) {
      this.tasks.set(id, {
        acked: false, highest_generation: 0, holder: null, completed: null, maybe_completed: [], dead: false, ended_by: null,
      });
    }
    return this.tasks.get(id);
  }

  task_submitted(description, id) {
    const task = this.task_(id);
    if (!task.acked) this.counters.tasks_acked += 1;
    task.acked = true;
    task.description = description;
    if (!this.submitted.has(description)) this.submitted.set(description, new Set());
    const ids = this.submitted.get(description);
    ids.add(id);
    if (ids.size > 1) this.violate_(`the submission '${description}' became ${[...ids].join(' and ')}`);
  }

  /** `agent` is given the task. The same assignment may be told again on another connection. */
  task_assigned(id, generation, agent, connection) {
    const task = this.task_(id);
    const again = task.holder?.agent === agent && task.holder.generation === generation && task.holder.connection !== connection;
    if (generation < task.highest_generation || (generation === task.highest_generation && !again)) {
      this.violate_(`${id} was given to ${agent} with generation ${generation} after ${task.highest_generation}`);
    }
    if (task.completed) this.violate_(`${id} was given to ${agent} although ${task.completed.agent} had completed it`);
    if (task.dead) this.violate_(`${id} was given to ${agent} although it was in the dead letter store`);
    // A holder that has reported an end without an answer, or has been told that it is no longer the holder, may have
    // lost it. Any other still holds it.
    if (!again && task.holder && !task.holder.in_doubt) {
      this.violate_(`${id} was given to ${agent} (generation ${generation}) while ${task.holder.agent} held ${task.holder.generation}`);
    }
    task.highest_generation = Math.max(task.highest_generation, generation);
    task.holder = { agent, generation, connection, in_doubt: false };
  }

  /** The answer task_continue. */
  task_continued(id, generation, agent) {
    const task = this.task_(id);
    if (generation < task.highest_generation) this.violate_(`${id}: task_continue with ${generation} after ${task.highest_generation}`);
    if (task.holder && task.holder.agent !== agent && !task.holder.in_doubt) {
      this.violate_(`${id}: ${agent} may continue while ${task.holder.agent} holds it`);
    }
    if (task.completed) this.violate_(`${id}: ${agent} may continue a completed task`);
    task.highest_generation = Math.max(task.highest_generation, generation);
    task.holder = { agent, generation, connection: -1, in_doubt: false };
  }

  /** `agent` sends task_complete, task_failed or task_rejected; until it is answered nobody knows who holds the task. */
  report_sent(id, generation, agent) {
    const { holder } = this.task_(id);
    if (holder?.agent === agent && holder.generation === generation) holder.in_doubt = true;
  }

  completion_acked(id, generation, agent) {
    const task = this.task_(id);
    if (task.completed && (task.completed.agent !== agent || task.completed.generation !== generation)) {
      this.violate_(`${id} was completed by ${task.completed.agent} (${task.completed.generation}) and by ${agent} (${generation})`);
    }
    if (task.holder && (task.holder.agent !== agent || task.holder.generation !== generation)) {
      this.violate_(`${id} was completed by ${agent} (${generation}) while ${task.holder.agent} held ${task.holder.generation}`);
    }
    if (!task.completed) this.counters.completions_acked += 1;
    task.completed = { agent, generation };
    task.holder = null;
  }

  failure_acked(id, generation, agent, status) {
    const task = this.task_(id);
    // A report of an earlier lease, said again because its answer was lost, gets its first answer again.
    if (task.completed && task.completed.generation <= generation) this.violate_(`${id}: failure by ${agent} acknowledged after completion by ${task.completed.agent}`);
    if (status === 'dead_letter') task.dead = true;
    this.released_(task, generation, agent);
  }

  rejection_acked(id, generation, agent) {
    this.released_(this.task_(id), generation, agent);
  }

  released_(task, generation, agent) {
    if (task.holder?.agent === agent && task.holder.generation === generation) task.holder = null;
  }

  /** `agent` is told that it does not hold the task. @param sure it had said nothing yet that could have ended its lease */
  refused(id, generation, agent, sure, how) {
    const task = this.task_(id);
    if (sure) this.violate_(`${agent} holds ${id} (generation ${generation}) and was told that it does not: ${how}`);
    this.released_(task, generation, agent);
  }

  /** The end state of a task as GET /api/tasks/:id says. */
  final_task(id, found) {
    const task = this.task_(id);
    if (!found) return this.violate_(`${id} was acknowledged and is lost`);
    if (found.generation < task.highest_generation) {
      this.violate_(`${id} has generation ${found.generation}, but ${task.highest_generation} was seen`);
    }
    const completions = found.history.filter((entry) => entry.event === 'completed').length;
    if (completions > 1) this.violate_(`${id} has ${completions} completions in its history`);
    if (task.completed) {
      if (found.status !== 'completed') this.violate_(`${id} was completed by ${task.completed.agent} and is ${found.status}`);
      else if (found.result.by !== task.completed.agent || found.result.generation !== task.completed.generation) {
        this.violate_(`${id}: result ${JSON.stringify(found.result)}, acknowledged ${JSON.stringify(task.completed)}`);
      }
    }
    if (task.dead && found.status !== 'dead_letter') this.violate_(`${id} was dead-lettered and is ${found.status}`);
    if (!['completed', 'dead_letter'].includes(found.status)) this.violate_(`${id} never ended: ${found.status}`);
  }
}
