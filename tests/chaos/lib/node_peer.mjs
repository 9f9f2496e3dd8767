// Socket.IO's own server as a process of the same kind as Chatd, for comparison.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export class NodePeer {
  port = 0;
  folder = mkdtempSync(join(tmpdir(), 'chatrt-peer-'));
  #process = null;

  async start() {
    const began = performance.now();
    const server = fileURLToPath(new URL('../peers/node.mjs', import.meta.url));
    this.#process = spawn(process.execPath, [server, String(this.port), join(this.folder, 'chat.db')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await Promise.race([
      once(this.#process.stdout, 'data'),
      once(this.#process, 'exit').then(([code]) => Promise.reject(new Error(`the peer ended with ${code}`))),
    ]);
    this.port = Number(line);
    this.startMs = performance.now() - began;
    return this;
  }

  async signal(name) {
    const ended = once(this.#process, 'exit');
    this.#process.kill(name);
    return (await ended)[0];
  }

  async stored(user) {
    return (await fetch(`http://127.0.0.1:${this.port}/stored/${user}`)).json();
  }

  async close() {
    await this.signal('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
