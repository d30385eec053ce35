// Plays a golden transcript: a JSON file with the frames that v1.1's clients and hub exchange, run over a real socket.
//
//     { "title": …, "source": …, "hub": {"settings": {…}}, "formats": {"$task": "^task-[0-9a-f]{16}$"},
//       "steps": [ {"open": "a1"}, {"client": "a1", "send": {…}}, {"client": "a1", "expect": {…}}, … ] }
//
// Steps
//   open            opens a socket under a name
//   client + send   sends a frame; `send_text` sends text as it is
//   client + expect the very next frame on that socket must equal this one: same keys, no more, no fewer
//   client + settle no frame may be waiting on that socket (a ping goes out and the pong must come next)
//   client + drop   ends the TCP connection without a close frame
//   client + expect_close {code, reason}
//   http            "METHOD /path", with `as` (agent name or "admin"), `body`, `status`, `expect` (as for frames)
//   restart_hub     kill -9 and start again on the same data
//
// Placeholders, in frames and bodies
//   "$int" "$string" "$any"   any integer, string, value (only in `expect`)
//   "$token:NAME"             a token of that agent, made when it is first named
//   "$other"                  any other "$word" is a variable: the first `expect` binds it (and checks it against
//                             `formats`), later steps put it in or compare with it
//   {"$repeat": ["e", 2001]}  a long string
//   {"$concat": [a, b]}       strings put together
//   {"$matches": "regexp"}    a string of that form (only in `expect`)
//   {"$includes": [a, b]}     an array that has at least these items, in this order (only in `expect`)

import assert from 'node:assert/strict';
import { Client } from './client.mjs';

export class GoldenPlayer {
  constructor(hub, transcript) {
    this.hub = hub;
    this.transcript = transcript;
    this.clients = new Map();
    this.tokens = new Map();
    this.variables = new Map();
  }

  async play() {
    for (const [index, step] of this.transcript.steps.entries()) {
      try {
        await this.step_(step);
      } catch (error) {
        error.message = `step ${index + 1} ${JSON.stringify(step).slice(0, 300)}: ${error.message}`;
        throw error;
      }
    }
  }

  dispose() {
    for (const client of this.clients.values()) client.socket.terminate();
  }

  async step_(step) {
    if (step.open) {
      const client = await Client.open(this.hub);
      client.agent_id = step.open;
      this.clients.set(step.open, client);
    } else if (step.http) {
      await this.http_(step);
    } else if (step.restart_hub) {
      await this.hub.restart();
    } else {
      await this.client_step_(this.clients.get(step.client), step);
    }
  }

  async client_step_(client, step) {
    assert.ok(client, `no socket named ${step.client}`);
    if ('send' in step) client.send(await this.fill_(step.send));
    else if ('send_text' in step) client.send_text(await this.fill_(step.send_text));
    else if ('expect' in step) await this.compare_(await client.next(), step.expect, '');
    else if (step.settle) {
      client.send({ type: 'ping' });
      await this.compare_(await client.next(), { type: 'pong', timestamp: '$int' }, '');
    } else if (step.drop) await client.drop();
    else if (step.expect_close) await this.compare_(await client.expect_close(), step.expect_close, '');
    else throw new Error('a step that says nothing');
  }

  async http_(step) {
    const [method, path] = step.http.split(' ');
    const token = step.as === 'admin' ? this.hub.admin_token : await this.token_(step.as);
    const filled_path = path.replace(/\$\w+/g, (name) => this.variables.get(name));
    const reply = await this.hub.api(token).request(method, filled_path, { body: await this.fill_(step.body) });
    assert.equal(reply.status, step.status ?? 200, reply.text);
    if (step.expect) await this.compare_(reply.body, step.expect, '');
    if (step.includes) {
      for (const [key, wanted] of Object.entries(step.includes)) await this.compare_(reply.body[key], wanted, `.${key}`);
    }
  }

  async token_(agent_id) {
    if (!this.tokens.has(agent_id)) this.tokens.set(agent_id, await this.hub.token_for(agent_id));
    return this.tokens.get(agent_id);
  }

  /** The value with its placeholders filled in. */
  async fill_(value) {
    if (typeof value === 'string') {
      if (value.startsWith('$token:')) return this.token_(value.slice('$token:'.length));
      if (/^\$\w+$/.test(value)) {
        assert.ok(this.variables.has(value), `${value} is not bound`);
        return this.variables.get(value);
      }
      return value;
    }
    if (Array.isArray(value)) return Promise.all(value.map((item) => this.fill_(item)));
    if (value === null || typeof value !== 'object') return value;
    if (value.$repeat) return value.$repeat[0].repeat(value.$repeat[1]);
    if (value.$concat) return (await this.fill_(value.$concat)).join('');
    const out = {};
    for (const [key, item] of Object.entries(value)) out[key] = await this.fill_(item);
    return out;
  }

  async compare_(actual, wanted, where) {
    const at = where || 'frame';
    if (typeof wanted === 'string' && /^\$\w+$/.test(wanted)) return this.compare_placeholder_(actual, wanted, at);
    if (wanted === null || typeof wanted !== 'object') return assert.deepEqual(actual, wanted, this.text_(at, actual, wanted));
    if (wanted.$repeat || wanted.$concat) return assert.equal(actual, await this.fill_(wanted), at);
    if (wanted.$matches) return assert.match(String(actual), new RegExp(wanted.$matches), at);
    if (wanted.$includes) {
      const found = actual.filter((item) => wanted.$includes.includes(item));
      return assert.deepEqual(found, wanted.$includes, at);
    }
    assert.ok(actual !== null && typeof actual === 'object', this.text_(at, actual, wanted));
    assert.equal(Array.isArray(actual), Array.isArray(wanted), this.text_(at, actual, wanted));
    assert.deepEqual(Object.keys(actual).sort(), Object.keys(wanted).sort(), this.text_(`keys of ${at}`, actual, wanted));
    for (const key of Object.keys(wanted)) await this.compare_(actual[key], wanted[key], `${where}.${key}`);
  }

  compare_placeholder_(actual, name, at) {
    if (name === '$any') return;
    if (name === '$int') return assert.ok(Number.isInteger(actual), `${at}: ${JSON.stringify(actual)} is no integer`);
    if (name === '$string') return assert.equal(typeof actual, 'string', at);
    if (this.variables.has(name)) return assert.deepEqual(actual, this.variables.get(name), `${at} (${name})`);
    const format = this.transcript.formats?.[name];
    if (format) assert.match(String(actual), new RegExp(format), `${at} (${name})`);
    this.variables.set(name, actual);
  }

  text_(at, actual, wanted) {
    return `${at}: got ${JSON.stringify(actual)}, expected ${JSON.stringify(wanted)}`;
  }
}
