// A TCP proxy on loopback that breaks connections the way networks do.
import net from 'node:net';

export class Proxy {
  #target;
  #pairs = new Set();
  #upgrades = null; // what is to befall upgrades: {kind, afterMs}
  #server = net.createServer((client) => this.#accept(client));

  constructor(targetPort) {
    this.#target = targetPort;
  }

  async listen() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = this.#server.address().port;
    return this;
  }

  #accept(client) {
    const upstream = net.connect(this.#target, '127.0.0.1');
    const pair = new Pair(client, upstream, () => this.#pairs.delete(pair));
    this.#pairs.add(pair);
    client.once('data', (head) => {
      if (!this.#upgrades || !/^GET \S+transport=websocket\S+sid=/.test(head)) return;
      const { kind, afterMs } = this.#upgrades;
      setTimeout(() => pair.cut(kind), afterMs);
    });
  }

  // Every pair, or those that `chosen` picks; see Pair.cut.
  cut(kind, chosen = () => true) {
    for (const pair of [...this.#pairs]) if (chosen()) pair.cut(kind);
  }

  // From now on every connection that upgrades a session, so long after its request.
  cutUpgrades(kind, afterMs) {
    this.#upgrades = { kind, afterMs };
  }

  // Ends what is still broken without anybody's knowing, as a network that comes back does.
  heal() {
    this.#upgrades = null;
    for (const pair of [...this.#pairs]) if (pair.broken) pair.destroy();
  }

  async close() {
    for (const pair of [...this.#pairs]) pair.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

// Two sockets and what passes between them.
class Pair {
  broken = false; // nothing passes any more, or hardly anything
  #forget;
  #trickles = [];

  constructor(client, upstream, forget) {
    this.client = client;
    this.upstream = upstream;
    this.#forget = forget;
    this.#pump(client, upstream);
    this.#pump(upstream, client);
  }

  #pump(from, to) {
    from.on('data', (bytes) => {
      if (this.silent) return;
      if (this.slow) return this.#trickle(from, to, bytes);
      if (to.write(bytes)) return;
      from.pause();
      to.once('drain', () => from.resume());
    });
    from.on('end', () => !this.silent && to.end());
    from.on('error', () => {}); // resets are what this is for; `close` follows
    from.on('close', () => !this.silent && this.destroy());
  }

  // One byte every 20 ms; the rest waits in the kernel's buffers.
  #trickle(from, to, bytes) {
    from.pause();
    let at = 0;
    const timer = setInterval(() => {
      to.write(bytes.subarray(at, ++at));
      if (at < bytes.length) return;
      clearInterval(timer);
      from.resume();
    }, 20);
    this.#trickles.push(timer);
  }

  // reset, fin; silence (nothing passes and nobody is told), half (the server is told, the client is
  // not), trickle (a byte every 20 ms).
  cut(kind) {
    this.broken = true;
    if (kind === 'reset') {
      this.client.resetAndDestroy();
      this.upstream.resetAndDestroy();
    } else if (kind === 'fin') {
      this.client.end();
      this.upstream.end();
    } else if (kind === 'silence') {
      this.silent = true;
    } else if (kind === 'half') {
      this.silent = true;
      this.upstream.destroy();
    } else if (kind === 'trickle') {
      this.slow = true;
    } else {
      throw new Error(`no such cut: ${kind}`);
    }
  }

  destroy() {
    for (const timer of this.#trickles) clearInterval(timer);
    this.client.destroy();
    this.upstream.destroy();
    this.#forget();
  }
}
