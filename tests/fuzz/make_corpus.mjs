// Writes seeds for the fuzz targets: node tests/fuzz/make_corpus.mjs DIR
//
// They come from the golden transcripts (tests/e2e/data/golden): every frame that a client sends there is a seed of
// `frame`, a masked WebSocket frame one of `websocket`, and one of `requests` together with the others of its transcript.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode_frame } from '../e2e/lib/raw.mjs';

const golden = path.join(path.dirname(fileURLToPath(import.meta.url)), '../e2e/data/golden');
const out = process.argv[2];
if (!out) {
  console.error('usage: node tests/fuzz/make_corpus.mjs DIR');
  process.exit(2);
}

let written = 0;
function seed(target, name, bytes) {
  const directory = path.join(out, target);
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(path.join(directory, name), bytes);
  written += 1;
}

/** Every object of a transcript that could be a frame: it has a `type`. */
function frames_of(value) {
  if (Array.isArray(value)) return value.flatMap(frames_of);
  if (value === null || typeof value !== 'object') return [];
  const own = typeof value.type === 'string' ? [value] : [];
  return [...own, ...Object.values(value).flatMap(frames_of)];
}

for (const file of fs.readdirSync(golden).sort()) {
  const frames = frames_of(JSON.parse(fs.readFileSync(path.join(golden, file), 'utf8')));
  const name = path.basename(file, '.json');
  frames.forEach((frame, i) => {
    const text = JSON.stringify(frame);
    seed('frame', `${name}-${i}`, text);
    seed('websocket', `${name}-${i}`, encode_frame({ payload: text }));
  });
  seed('requests', name, `${frames.map((frame) => JSON.stringify(frame)).join('\n')}\n`);
}

const targets = ['/health', '/api/tasks?status=queued&limit=5&cursor=2.7', '/api/mailbox/a%20b?since=1&token=secret',
  '/api/events?since=start&kind=task_*,agent_online', '/api/tasks/task-1/output?since=0&generation=1', '/admin/tokens/%23x'];
targets.forEach((target, i) => {
  seed('target', `${i}`, target);
  seed('http', `get-${i}`, `\u0010GET ${target} HTTP/1.1\r\nHost: h\r\nX-Request-Id: r\r\n\r\n`);
});
const bodies = ['{"description":"x","blocked_by":["task-1"]}', '{"agent_id":"a"}', '{"heartbeat_interval_ms":5}'];
seed('requests', 'routes', [
  'd/health', `e/api/tasks ${bodies[0]}`, `e/api/onboard/register ${bodies[1]}`, 'd/api/tasks?limit=x', 'd/api/overview',
  `f/api/config/heartbeat-interval ${bodies[2]}`, 'f/api/config/alert-thresholds {"cooldowns":{"stuck_tasks":1}}',
  'e/api/tasks/claim {}', 'e/api/message {"payload":{}}', 'e/api/admin/reset',
].join('\n'));
['3-7,9-9', 'mailbox_ttl_ms=5', 'debug', '{"failure_rate_pct":20,"cooldowns":{"stuck_tasks":5}}'].forEach((text, i) =>
  seed('texts', `${i}`, text));
console.log(`${written} seeds in ${out}`);
