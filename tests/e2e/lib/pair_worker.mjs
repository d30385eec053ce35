// The thread of lib/pair.mjs.

import { parentPort, workerData } from 'node:worker_threads';
import WebSocket from 'ws';

let samples = [];
let failure = null;
let round = null; // {n, sent_at, acked, arrived}
let n = 0;

function fail(text) {
  failure ??= text;
}

function join({ agent_id, token }, on_frame) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(workerData.url);
    socket.on('open', () => socket.send(JSON.stringify({ type: 'identify', agent_id, token })));
    socket.on('error', (error) => {
      fail(error.message);
      reject(error);
    });
    socket.on('close', (code, reason) => fail(`${agent_id} was closed with ${code} '${reason}'`));
    socket.on('message', (data) => {
      const frame = JSON.parse(data);
      if (frame.type === 'identified') resolve(socket);
      else on_frame(frame);
    });
  });
}

let sender;

function next_round() {
  round = { n: ++n, sent_at: performance.now(), acked: false, arrived: false };
  sender.send(JSON.stringify({ type: 'message', to: workerData.agents[1].agent_id, payload: { n } }));
}

function progress() {
  if (!round.acked || !round.arrived) return;
  samples.push(performance.now() - round.sent_at);
  // Not back to back: the pair is a bystander, no load.
  setTimeout(next_round, 1);
}

function on_sender_frame(frame) {
  if (frame.type === 'message_sent') {
    round.acked = true;
    progress();
  } else if (frame.type === 'error' || frame.type === 'rate_limited') {
    fail(`the sender got ${JSON.stringify(frame)}`);
  }
}

function on_receiver_frame(frame) {
  if (frame.type !== 'message' || frame.from !== workerData.agents[0].agent_id) return;
  if (frame.payload.n !== round.n) return fail(`message ${frame.payload.n} came when ${round.n} was due`);
  round.arrived = true;
  progress();
}

/** The figures since the last call. A round that is still under way counts with the time it has waited so far. */
function take_window() {
  const values = [...samples, performance.now() - round.sent_at].sort((a, b) => a - b);
  samples = [];
  const at = (p) => values[Math.min(values.length - 1, Math.floor(p * values.length))];
  return { count: values.length - 1, p50: at(0.5), p99: at(0.99), max: values.at(-1) };
}

parentPort.on('message', async (what) => {
  try {
    if (what === 'start') {
      await join(workerData.agents[1], on_receiver_frame);
      sender = await join(workerData.agents[0], on_sender_frame);
      next_round();
      parentPort.postMessage({});
    } else {
      if (failure) parentPort.postMessage({ error: failure });
      else parentPort.postMessage(what === 'count' ? { count: samples.length } : take_window());
    }
  } catch (error) {
    parentPort.postMessage({ error: error.message });
  }
});
