// Bytes on a TCP connection: requests and WebSocket frames that no library would send.

import crypto from 'node:crypto';
import net from 'node:net';
import { check_frame } from './contract.mjs';
import { deferred, kDeadlineMs, within } from './wait.mjs';

export class RawSocket {
  static async connect(port, options = {}) {
    const raw = new RawSocket(net.connect({ port, host: '127.0.0.1', noDelay: true, ...options }));
    await within(raw.connected_, 'TCP connection');
    return raw;
  }

  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.ended = false;
    this.changed_ = deferred();
    const connected = deferred();
    const closed = deferred();
    this.connected_ = connected.promise;
    /** Resolves when the connection has ended, however it did. */
    this.closed = closed.promise;
    const signal = () => {
      const { resolve } = this.changed_;
      this.changed_ = deferred();
      resolve();
    };
    socket.on('connect', () => connected.resolve());
    socket.on('data', (chunk) => {
      this.buffer = this.buffer.length ? Buffer.concat([this.buffer, chunk]) : chunk;
      signal();
    });
    socket.on('error', (error) => {
      this.error = error;
      connected.reject(error);
    });
    socket.on('end', () => {
      this.ended = true;
      signal();
    });
    socket.on('close', () => {
      this.ended = true;
      signal();
      closed.resolve();
    });
    this.connected_.catch(() => {});
  }

  /** Writes; the promise is for those who mind back-pressure. */
  write(bytes) {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }

  pause() {
    this.socket.pause();
  }

  resume() {
    this.socket.resume();
  }

  destroy() {
    this.socket.destroy();
  }

  expect_closed(ms = kDeadlineMs) {
    return within(this.closed, 'end of the TCP connection', ms);
  }

  /**
   * Calls `parse(buffer)` on what has come until it returns {value, used}, then takes `used` bytes away.
   * Resolves to undefined when the connection ends first.
   */
  async read_(parse, what, ms) {
    const end = performance.now() + ms;
    for (;;) {
      const parsed = parse(this.buffer);
      if (parsed) {
        this.buffer = this.buffer.subarray(parsed.used);
        return parsed.value;
      }
      if (this.ended) return undefined;
      await within(this.changed_.promise, what, Math.max(1, end - performance.now()));
    }
  }

  /**
   * The next HTTP response: {status, reason, headers (lower case), body (Buffer), json, head (text)}, or undefined
   * when the connection ends without one. `head_only` for the answer to HEAD. Interim 1xx answers come as any other.
   */
  read_response({ head_only = false, ms = kDeadlineMs } = {}) {
    return this.read_((buffer) => parse_response(buffer, head_only, this.ended), 'HTTP response', ms);
  }

  /** The next WebSocket frame from the hub, or undefined at the end of the connection. */
  read_frame(ms = kDeadlineMs) {
    return this.read_(parse_frame, 'WebSocket frame', ms);
  }

  /** Frames up to the close frame: {code, reason, frames}. `code` is undefined when TCP ended without one. */
  async read_to_close(ms = kDeadlineMs) {
    const frames = [];
    for (;;) {
      const frame = await this.read_frame(ms);
      if (!frame) return { code: undefined, reason: undefined, frames };
      if (frame.opcode === kClose) return { ...close_of(frame), frames };
      frames.push(frame);
    }
  }

  /** Makes this connection a WebSocket. Returns the response of the upgrade. */
  async upgrade(path = '/ws', headers = {}) {
    const key = crypto.randomBytes(16).toString('base64');
    const all = {
      Host: `127.0.0.1:${this.socket.remotePort}`,
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Version': '13',
      ...headers,
    };
    const lines = Object.entries(all).filter(([, value]) => value !== undefined);
    this.write(`GET ${path} HTTP/1.1\r\n${lines.map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n`);
    const response = await this.read_response();
    if (response) {
      response.expected_accept = crypto
        .createHash('sha1')
        .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64');
    }
    return response;
  }

  /** Sends one text frame. */
  send_json(value) {
    return this.write(encode_frame({ payload: JSON.stringify(value) }));
  }

  /** The next text frame as JSON; control frames before it are skipped. */
  async read_json(ms = kDeadlineMs) {
    for (;;) {
      const frame = await this.read_frame(ms);
      if (!frame) return undefined;
      if (frame.opcode === kClose) throw new Error(`closed with ${close_of(frame).code}: ${close_of(frame).reason}`);
      if (frame.opcode !== kText) continue;
      const value = JSON.parse(frame.payload.toString('utf8'));
      check_frame(value);
      return value;
    }
  }
}

/** A socket that is a WebSocket already. */
export async function raw_websocket(hub, headers) {
  const raw = await RawSocket.connect(hub.port);
  const response = await raw.upgrade('/ws', headers);
  if (response?.status !== 101) throw new Error(`upgrade answered ${response?.status}`);
  return raw;
}

/** A raw WebSocket that has identified. */
export async function raw_agent(hub, agent_id, fields = {}) {
  const token = fields.token ?? (await hub.token_for(agent_id));
  const raw = await raw_websocket(hub);
  raw.send_json({ type: 'identify', agent_id, ...fields, token });
  const reply = await raw.read_json();
  if (reply.type !== 'identified') throw new Error(`identify answered ${JSON.stringify(reply)}`);
  return raw;
}

export const kContinuation = 0;
export const kText = 1;
export const kBinary = 2;
export const kClose = 8;
export const kPing = 9;
export const kPong = 10;

/**
 * A client's frame as bytes. Everything is at the caller's will, so that wrong frames can be made.
 * @param payload string or Buffer; @param declared_length the length to claim, when it shall not be the true one
 */
export function encode_frame({ opcode = kText, payload = '', fin = true, rsv = 0, mask = true, declared_length }) {
  const body = Buffer.isBuffer(payload) ? payload : Buffer.from(payload, 'utf8');
  const length = declared_length ?? body.length;
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const mask_bit = mask ? 0x80 : 0;
  let extended = Buffer.alloc(0);
  if (length < 126) {
    head.push(mask_bit | length);
  } else if (length < 65536) {
    head.push(mask_bit | 126);
    extended = Buffer.alloc(2);
    extended.writeUInt16BE(length);
  } else {
    head.push(mask_bit | 127);
    extended = Buffer.alloc(8);
    extended.writeBigUInt64BE(BigInt(length));
  }
  if (!mask) return Buffer.concat([Buffer.from(head), extended, body]);
  const key = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
  const masked = Buffer.allocUnsafe(body.length);
  for (let i = 0; i < body.length; ++i) masked[i] = body[i] ^ key[i & 3];
  return Buffer.concat([Buffer.from(head), extended, key, masked]);
}

export function encode_close(code, reason = '') {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return encode_frame({ opcode: kClose, payload });
}

/** {code, reason} of a close frame; code 1005 for an empty one. */
export function close_of(frame) {
  if (frame.payload.length < 2) return { code: 1005, reason: '' };
  return { code: frame.payload.readUInt16BE(0), reason: frame.payload.subarray(2).toString('utf8') };
}

function parse_frame(buffer) {
  if (buffer.length < 2) return null;
  let length = buffer[1] & 0x7f;
  let offset = 2;
  if (length === 126) {
    if (buffer.length < 4) return null;
    length = buffer.readUInt16BE(2);
    offset = 4;
  } else if (length === 127) {
    if (buffer.length < 10) return null;
    length = Number(buffer.readBigUInt64BE(2));
    offset = 10;
  }
  if (buffer[1] & 0x80) throw new Error('a server must not mask its frames');
  if (buffer.length < offset + length) return null;
  return {
    value: {
      fin: Boolean(buffer[0] & 0x80),
      rsv: (buffer[0] >> 4) & 7,
      opcode: buffer[0] & 0x0f,
      payload: buffer.subarray(offset, offset + length),
    },
    used: offset + length,
  };
}

function parse_response(buffer, head_only, ended) {
  const head_end = buffer.indexOf('\r\n\r\n');
  if (head_end < 0) return null;
  const head = buffer.subarray(0, head_end).toString('latin1');
  const [status_line, ...lines] = head.split('\r\n');
  const match = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(status_line);
  if (!match) throw new Error(`not an HTTP response: ${JSON.stringify(head.slice(0, 200))}`);
  const status = Number(match[1]);
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const body_start = head_end + 4;
  let length = Number(headers['content-length'] ?? 0);
  if (head_only || status < 200 || status === 204 || status === 304) length = 0;
  else if (headers['content-length'] === undefined) {
    // Without a length the body is all that comes before the end of the connection.
    if (!ended) return null;
    length = buffer.length - body_start;
  }
  if (buffer.length < body_start + length) return null;
  const body = buffer.subarray(body_start, body_start + length);
  let json;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    json = undefined;
  }
  return { value: { status, reason: match[2] ?? '', headers, body, json, head }, used: body_start + length };
}
