// A chatd process that can be killed and started again on the same port and file.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

export const binary = resolve(process.env.CHATD ?? 'build/daemon/chatd');

export class Chatd {
  port = 0;
  starts = 0;
  log = [];
  clients = new Set(); // what close() disconnects: each has its own close()
  #process = null;
  #watchers = new Set();

  // `folder`: where the database is to lie; a new one where it is left out. `env` is added to ours.
  constructor(args = [], { folder, env = {} } = {}) {
    if (!existsSync(binary)) throw new Error(`no ${binary}: build first, or set CHATD`);
    this.ownFolder = !folder;
    this.folder = folder ?? mkdtempSync(join(tmpdir(), 'chatrt-test-'));
    this.args = args;
    this.env = env;
  }

  // Starts the process and resolves when it says that it listens.
  async start() {
    const args = ['--dev', '--port', String(this.port), '--db', join(this.folder, 'chat.db'), ...this.args];
    const began = performance.now();
    const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...this.env } });
    this.#process = child;
    this.starts += 1;
    const port = await new Promise((ready, failed) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        const entry = this.#record(line);
        if (entry.event === 'start' && entry.port) ready(entry.port);
      });
      child.once('exit', (code, signal) => failed(new Error(`chatd ended: ${code ?? signal}\n${this.log.slice(-20).join('\n')}`)));
    });
    this.port = port;
    this.startMs = performance.now() - began;
    return this;
  }

  #record(line) {
    this.log.push(line);
    if (this.log.length > 2000) this.log.shift();
    let entry = {};
    try {
      entry = JSON.parse(line);
    } catch {
      // Not ours: a sanitizer's report, for example. It stays in the log.
    }
    for (const watcher of this.#watchers) watcher(entry);
    return entry;
  }

  get pid() {
    return this.#process?.pid;
  }
  get url() {
    return `http://127.0.0.1:${this.port}`;
  }
  get running() {
    return this.#process !== null && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  // The next line of the log that `matches` takes.
  logged(matches, deadlineMs = 10_000) {
    return new Promise((found, failed) => {
      const timer = setTimeout(() => {
        this.#watchers.delete(watcher);
        failed(new Error(`not logged within ${deadlineMs} ms\n${this.log.slice(-20).join('\n')}`));
      }, deadlineMs);
      const watcher = (entry) => {
        if (!matches(entry)) return;
        this.#watchers.delete(watcher);
        clearTimeout(timer);
        found(entry);
      };
      this.#watchers.add(watcher);
    });
  }

  // Sends a signal and resolves with the exit code.
  async signal(name) {
    const child = this.#process;
    if (!this.running) return child?.exitCode;
    const ended = once(child, 'exit');
    child.kill(name);
    const [code] = await ended;
    return code;
  }
  // Sends a signal without waiting for an end.
  kill(name) {
    this.#process.kill(name);
  }
  async exited() {
    if (this.running) await once(this.#process, 'exit');
    return this.#process.exitCode ?? this.#process.signalCode;
  }

  // What is stored, by walking the user's log from its beginning.
  async stored(user, limit = 500) {
    const messages = [];
    let since = 0;
    for (;;) {
      const { status, text } = await this.request('GET', `/v1/sync?userId=${encodeURIComponent(user)}&since=${since}&limit=${limit}`);
      if (status !== 200) throw new Error(`sync: ${status} ${text}`);
      const page = JSON.parse(text);
      for (const change of page.changes) if (change.type === 'message') messages.push(change.message);
      since = page.position;
      if (!page.more) return messages;
    }
  }

  // Sends a message by HTTP; the answer with its parsed body.
  async post(fields, path = '/api/message/create-message') {
    const { status, headers, text } = await this.request('POST', path, {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(fields),
    });
    return { status, headers: new Headers(headers), body: JSON.parse(text) };
  }
  // One request on a connection of its own; rejects if that breaks. `json` is the parsed body, if it
  // is JSON. Not fetch(): Node's keeps requests for ever whose server was killed, and some headers to
  // itself.
  request(method, path, { headers = {}, body } = {}) {
    return new Promise((resolve, reject) => {
      const request = http.request(`${this.url}${path}`, { method, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => (text += part)).on('error', reject);
        response.on('end', () => {
          let json;
          try {
            json = JSON.parse(text);
          } catch {
            // Not every answer is JSON.
          }
          resolve({ status: response.statusCode, headers: response.headers, text, json });
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  async close() {
    for (const client of this.clients) client.close();
    await this.signal('SIGKILL');
    if (this.ownFolder) rmSync(this.folder, { recursive: true, force: true });
  }
}
