// The hub under test as a child process: start, stop, kill -9, start again on the same data.
//
//     const hub = await Hub.start({ settings: { reconnect_grace_ms: 200 } });
//     t.after(() => hub.dispose());
//
// or, in one line, `const hub = await hub_for(t, {…})`. A hub listens on a free port of 127.0.0.1 and owns a temporary
// data directory that goes with it. Only processes started here are ever signalled, by their own id, and all of them
// are gone when this process ends.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { deferred, kDeadlineMs, within } from './wait.mjs';
import { Api } from './http.mjs';
import { load_contract } from './contract.mjs';

const repository_root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

/** The directory of the binaries under test: `AGENTCOM_BIN`, absolute or from the repository's root. */
export const bin_dir = path.resolve(repository_root, process.env.AGENTCOM_BIN ?? 'build/release/bin');
export const hub_binary = path.join(bin_dir, 'agentcom-hub');
export const cli_binary = path.join(bin_dir, 'agentcom');

const live_children = new Set();
process.on('exit', () => {
  for (const child of live_children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** Spawns a process that does not outlive this one. Its standard output and error are kept in `.output`. */
export function spawn_tracked(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  live_children.add(child);
  const ended = deferred();
  child.output = '';
  child.stdout_text = '';
  child.stdout?.on('data', (chunk) => {
    child.output += chunk;
    child.stdout_text += chunk;
    child.emit('text');
  });
  child.stderr?.on('data', (chunk) => {
    child.output += chunk;
    child.emit('text');
  });
  // A child that ends early must not take the test process down with EPIPE.
  child.stdin?.on('error', () => {});
  child.on('error', (error) => {
    live_children.delete(child);
    child.output += `${error.message}\n`;
    ended.resolve({ code: null, signal: null, error });
  });
  child.on('close', (code, signal) => {
    live_children.delete(child);
    ended.resolve({ code, signal });
  });
  child.ended = ended.promise;
  return child;
}

/** The first match of `pattern` in what `child` prints. Fails when the child ends first. */
export function printed(child, pattern, ms = kDeadlineMs) {
  const found = deferred();
  const look = () => {
    const match = pattern.exec(child.output);
    if (match) found.resolve(match);
  };
  child.on('text', look);
  look();
  child.ended.then((end) => {
    look();
    found.reject(new Error(`ended (${JSON.stringify(end)}) before printing ${pattern}:\n${child.output.slice(-4000)}`));
  });
  return within(found.promise, () => `${pattern} from the process; it printed:\n${child.output.slice(-4000)}`, ms).finally(
    () => child.off('text', look),
  );
}

export function make_temp_dir(name = 'agentcom-e2e-') {
  return fs.mkdtempSync(path.join(os.tmpdir(), name));
}

/** A port that was free a moment ago: for hubs that must come back on the same one. */
export async function free_port() {
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Hub {
  /**
   * @param options
   *   data      data directory to use (kept at the end); default a temporary one (removed at the end)
   *   view      where this process sees the data directory, when a mount namespace hides it; default `data`
   *   port      default 0, a free one
   *   limits    'off' (default) or 'on' (no flag given)
   *   profile   'v1.1' or undefined
   *   settings  {name: value}, each passed as `--set name=value`
   *   args      further arguments
   *   env       further environment variables
   *   wrapper   command that the hub is started through and that ends in an exec (so that the pid is the hub's)
   */
  static async start(options = {}) {
    const hub = new Hub(options);
    try {
      await hub.start();
    } catch (error) {
      await hub.dispose();
      throw error;
    }
    return hub;
  }

  constructor(options = {}) {
    this.options = options;
    this.owns_data_ = !options.data;
    this.data = options.data ?? make_temp_dir();
    this.view = options.view ?? this.data;
    this.logs = '';
    this.child = null;
    this.starts = 0;
    this.apis_ = new Set();
  }

  command_line_() {
    const o = this.options;
    const args = ['--listen', `127.0.0.1:${o.port ?? 0}`, '--data', this.data];
    if ((o.limits ?? 'off') === 'off') args.push('--limits', 'off');
    if (o.profile) args.push('--profile', o.profile);
    for (const [name, value] of Object.entries(o.settings ?? {})) args.push('--set', `${name}=${value}`);
    args.push(...(o.args ?? []));
    return [...(o.wrapper ?? []), hub_binary, ...args];
  }

  /** Starts the process and waits for "listening on". Returns the milliseconds that took. */
  async start() {
    if (this.child) throw new Error('the hub runs already');
    const begin = performance.now();
    const env = { ...process.env, HOME: this.data, XDG_DATA_HOME: this.data, XDG_CONFIG_HOME: this.data };
    for (const name of Object.keys(env)) {
      if (name === 'PORT' || name === 'ADMIN_AGENTS' || name.startsWith('AGENTCOM_')) delete env[name];
    }
    const [command, ...args] = this.command_line_();
    const child = spawn_tracked(command, args, { env: { ...env, ...this.options.env }, cwd: os.tmpdir() });
    this.child = child;
    this.ended = child.ended.then((end) => {
      this.logs += child.output;
      if (this.child === child) this.child = null;
      this.last_end = end;
      return end;
    });
    const match = await printed(child, /listening on ([\d.]+):(\d+)/, this.options.start_deadline_ms ?? kDeadlineMs);
    this.host = match[1];
    this.port = Number(match[2]);
    this.starts += 1;
    const took_ms = performance.now() - begin;
    await load_contract(this.port);
    return took_ms;
  }

  get pid() {
    return this.child?.pid;
  }

  get running() {
    return this.child !== null;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  get ws_url() {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  get log_text() {
    return this.logs + (this.child?.output ?? '');
  }

  /** The admin token that the first start wrote. */
  get admin_token() {
    return fs.readFileSync(path.join(this.view, 'admin.token'), 'utf8').trim();
  }

  /** HTTP as the holder of `token` (default: the admin; null: nobody). */
  api(token = this.admin_token) {
    const api = new Api(this, token);
    this.apis_.add(api);
    return api;
  }

  /** A new token for `agent_id`, made by the admin. */
  async token_for(agent_id) {
    this.admin_api_ ??= this.api();
    const reply = await this.admin_api_.post('/admin/tokens', { agent_id });
    if (reply.status !== 201) throw new Error(`POST /admin/tokens: ${reply.status} ${reply.text}`);
    return reply.body.token;
  }

  /** A clean stop (SIGTERM). Returns {code, signal}. */
  async stop(ms = kDeadlineMs) {
    if (!this.child) return this.last_end;
    this.child.kill('SIGTERM');
    return within(this.ended, 'end of the hub after SIGTERM', ms);
  }

  /** kill -9. Returns when the process is gone. */
  async kill() {
    if (!this.child) return this.last_end;
    this.child.kill('SIGKILL');
    return within(this.ended, 'end of the hub after SIGKILL');
  }

  async restart() {
    await this.kill();
    return this.start();
  }

  /** A value in bytes from /proc/PID/status: 'VmRSS' (now) or 'VmHWM' (highest so far). */
  memory(field = 'VmRSS') {
    const status = fs.readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)[1]) * 1024;
  }

  /** From here on 'VmHWM' counts anew, where the kernel lets us. */
  reset_highest_memory() {
    try {
      fs.writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
    } catch {
      // Without the right to do that the highest value of the whole run stands, which is only stricter.
    }
  }

  async dispose() {
    for (const api of this.apis_) api.dispose();
    await this.kill();
    if (this.owns_data_) fs.rmSync(this.data, { recursive: true, force: true });
  }
}

/** A started hub that ends with the test `t` (or with a suite's `after`). */
export async function hub_for(t, options) {
  const hub = await Hub.start(options);
  t.after(() => hub.dispose());
  return hub;
}
