// A TCP proxy on loopback that breaks connections the way networks do.
import net from 'node:net';

export class Proxy {
  #target;
  #pairs = new Set();
  #server = net.createServer((client) => this.#accept(client));
  refusing = false;

  constructor(targetPort) {
    this.#target = targetPort;
  }

  async listen() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = this.#server.address().port;
    return this;
  }

  #accept(client) {
    if (this.refusing) return void client.resetAndDestroy();
    const upstream = net.connect(this.#target, '127.0.0.1');
    const pair = { client, upstream, silent: false };
    this.#pairs.add(pair);
    const pump = (from, to) => {
      from.on('data', (bytes) => {
        if (pair.silent) return;
        if (pair.slow) return void pair.slow(to, bytes);
        if (!to.write(bytes)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
      from.on('end', () => !pair.silent && to.end());
      from.on('error', () => {});
      from.on('close', () => {
        this.#pairs.delete(pair);
        if (!pair.silent) to.destroy();
      });
    };
    pump(client, upstream);
    pump(upstream, client);
  }

  get count() {
    return this.#pairs.size;
  }

  // Every pair, or those that `chosen` picks: reset, finished, silent (nothing passes any more and
  // nobody is told), half (the server is told, the client is not), trickle (a byte every 20 ms).
  cut(kind, chosen = () => true) {
    for (const pair of [...this.#pairs].filter(chosen)) {
      if (kind === 'reset') {
        pair.client.resetAndDestroy();
        pair.upstream.resetAndDestroy();
      } else if (kind === 'fin') {
        pair.client.end();
        pair.upstream.end();
      } else if (kind === 'silence') {
        pair.silent = true;
      } else if (kind === 'half') {
        pair.silent = true;
        pair.upstream.destroy();
      } else if (kind === 'trickle') {
        let queue = Buffer.alloc(0);
        pair.slow = (to, bytes) => {
          queue = Buffer.concat([queue, bytes]);
          pair.timer ??= setInterval(() => {
            if (queue.length === 0 || to.destroyed) return;
            to.write(queue.subarray(0, 1));
            queue = queue.subarray(1);
          }, 20);
          to.once('close', () => clearInterval(pair.timer));
        };
      } else {
        throw new Error(`no such cut: ${kind}`);
      }
    }
  }

  // Ends what silence has left half-open, as a network that comes back does.
  heal() {
    for (const pair of this.#pairs) {
      if (!pair.silent) continue;
      pair.client.destroy();
      pair.upstream.destroy();
    }
  }

  async close() {
    for (const pair of this.#pairs) {
      clearInterval(pair.timer);
      pair.client.destroy();
      pair.upstream.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
