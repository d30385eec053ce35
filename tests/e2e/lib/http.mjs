// HTTP as the hub's ordinary clients speak it: JSON in, JSON out, a bearer token.
// For requests that no well-behaved client sends, see raw.mjs.

import http from 'node:http';
import { check_response } from './contract.mjs';
import { kDeadlineMs } from './wait.mjs';

export class Api {
  /** @param hub the Hub (its port is read at each request, so an Api survives a restart); @param token bearer or null */
  constructor(hub, token) {
    this.hub = hub;
    this.token = token;
    this.agent_ = new http.Agent({ keepAlive: true, maxSockets: 64 });
  }

  dispose() {
    this.agent_.destroy();
  }

  /** The same hub as somebody else. */
  as(token) {
    return this.hub.api(token);
  }

  get(path, options) {
    return this.request('GET', path, options);
  }

  post(path, body, options) {
    return this.request('POST', path, { body, ...options });
  }

  put(path, body, options) {
    return this.request('PUT', path, { body, ...options });
  }

  delete(path, options) {
    return this.request('DELETE', path, options);
  }

  /**
   * One request. Resolves to {status, headers, text, body}; `body` is the parsed JSON, undefined if it is not JSON.
   * Rejects when the connection fails, which is how a client sees a hub that was killed, and when the answer is not one
   * that the hub's OpenAPI document describes.
   * @param options body (object, sent as JSON), raw_body (string or Buffer, sent as it is), headers, token, timeout_ms
   */
  request(method, path, options = {}) {
    const headers = { ...options.headers };
    const token = options.token === undefined ? this.token : options.token;
    if (token) headers.authorization = `Bearer ${token}`;
    let payload = options.raw_body;
    if (options.body !== undefined) {
      payload = JSON.stringify(options.body);
      headers['content-type'] ??= 'application/json';
    }
    if (payload !== undefined) headers['content-length'] = Buffer.byteLength(payload);
    return new Promise((resolve, reject) => {
      const request = http.request(
        { host: '127.0.0.1', port: this.hub.port, method, path, headers, agent: this.agent_ },
        (response) => {
          const chunks = [];
          response.on('data', (chunk) => chunks.push(chunk));
          response.on('error', reject);
          response.on('aborted', () => reject(new Error('response cut short')));
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            let body;
            try {
              body = JSON.parse(text);
            } catch {
              body = undefined;
            }
            const reply = { status: response.statusCode, headers: response.headers, text, body };
            try {
              check_response(method, path, reply);
              resolve(reply);
            } catch (error) {
              reject(error);
            }
          });
        },
      );
      request.setTimeout(options.timeout_ms ?? kDeadlineMs, () =>
        request.destroy(new Error(`no answer to ${method} ${path}`)),
      );
      request.on('error', reject);
      request.end(payload);
    });
  }
}
