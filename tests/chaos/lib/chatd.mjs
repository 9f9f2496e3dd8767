// A chatd process that can be killed and started again on the same port and file.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

export const binary = resolve(process.env.CHATD ?? 'build/daemon/chatd');

export class Chatd {
  port = 0;
  starts = 0;
  log = [];
  #process = null;

  constructor(args = []) {
    if (!existsSync(binary)) throw new Error(`no ${binary}: build first, or set CHATD`);
    this.folder = mkdtempSync(join(tmpdir(), 'chatrt-chaos-'));
    this.args = args;
  }

  // Starts the process and resolves when it says that it listens.
  async start() {
    const args = ['--dev', '--port', String(this.port), '--db', join(this.folder, 'chat.db'), ...this.args];
    const began = performance.now();
    const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    this.starts += 1;
    const port = await new Promise((ready, failed) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        this.log.push(line);
        if (this.log.length > 2000) this.log.shift();
        let entry = {};
        try {
          entry = JSON.parse(line);
        } catch {
          // Not ours: a sanitizer's report, for example. It stays in the log.
        }
        if (entry.event === 'start' && entry.port) ready(entry.port);
      });
      child.once('exit', (code, signal) => failed(new Error(`chatd ended: ${code ?? signal}\n${this.log.slice(-20).join('\n')}`)));
    });
    this.port = port;
    this.startMs = performance.now() - began;
    return this;
  }

  get pid() {
    return this.#process?.pid;
  }

  async signal(name) {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode;
    const ended = once(child, 'exit');
    child.kill(name);
    const [code] = await ended;
    return code;
  }

  // What is stored, by walking the user's log from its beginning.
  async stored(user) {
    const messages = [];
    let since = 0;
    for (;;) {
      const url = `http://127.0.0.1:${this.port}/v1/sync?userId=${encodeURIComponent(user)}&since=${since}&limit=500`;
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(`sync: ${answer.status} ${await answer.text()}`);
      const page = await answer.json();
      for (const change of page.changes) if (change.type === 'message') messages.push(change.message);
      since = page.position;
      if (!page.more) return messages;
    }
  }

  async close() {
    await this.signal('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
