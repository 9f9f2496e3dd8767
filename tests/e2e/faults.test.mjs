// The server is killed, drained, and out of disk: over each transport.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { open, transports } from '../lib/clients.mjs';

// A file system of 4 MB for the database, and a file that takes what is left of it.
class SmallDisk {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'chatrt-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'tmpfs', this.folder], { stdio: 'pipe' });
      this.mounted = true;
    } catch (error) {
      this.reason = `cannot mount a tmpfs here: ${String(error.stderr ?? error).trim()}`;
    }
  }
  fill() {
    const file = openSync(join(this.folder, 'filler'), 'a');
    for (const block of [Buffer.alloc(65536), Buffer.alloc(4096)]) {
      try {
        for (;;) if (writeSync(file, block) < block.length) break;
      } catch (error) {
        assert.equal(error.code, 'ENOSPC');
      }
    }
    closeSync(file);
  }
  free() {
    rmSync(join(this.folder, 'filler'));
  }
  close() {
    if (this.mounted) execFileSync('umount', ['-l', this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

for (const transport of Object.keys(transports)) {
  describe(`faults over ${transport}`, () => {
    const started = [];
    const start = async (...args) => {
      const chatd = new Chatd(...args);
      started.push(chatd);
      return chatd.start();
    };
    after(() => Promise.all(started.map((chatd) => chatd.close())));

    it('is found again by its clients after kill -9, with all that was acked', async () => {
      const chatd = await start();
      const ann = await open(chatd, 'ann', transport);
      const bob = await open(chatd, 'bob', transport);
      const first = await ann.send('bob', 'before');
      await bob.event('receive_message');

      await chatd.signal('SIGKILL');
      await Promise.all([ann, bob].map((page) => page.until(() => page.disconnects.length > 0, { what: 'cut' })));
      const waiting = ann.send('bob', 'emitted while the server was away'); // kept by the client
      await chatd.start();
      const second = await waiting;
      await Promise.all([ann, bob].map((page) => page.until(() => page.got.ready.length === 2, { what: 'back' })));
      const third = await bob.send('ann', 'after');
      const fourth = await ann.send('bob', 'after too');

      await ann.event('receive_message', (m) => m._id === third.message._id);
      await bob.event('receive_message', (m) => m._id === fourth.message._id);
      const { messages } = await ann.ask('history', { userId: 'bob' });
      assert.deepEqual(messages, [first, second, third, fourth].map((answer) => answer.message));
      assert.deepEqual(messages.map((m) => m.seq), [1, 2, 3, 4]);
      assert.deepEqual([ann.connects, bob.connects], [2, 2]);
      ann.close();
      bob.close();
    });

    it('drains on SIGTERM: what it acked is stored, the clients come back by themselves', async () => {
      const chatd = await start();
      const ann = await open(chatd, 'ann', transport);
      const bob = await open(chatd, 'bob', transport);
      const acked = new Set();
      const refused = new Set();
      for (let i = 0; i < 800; ++i) {
        const text = `message ${i}`;
        ann.socket.emit('send_message', { selectedUser: 'bob', textMessage: text }, (answer) => {
          (answer.ok ? acked : refused).add(text);
        });
      }
      await ann.until(() => acked.size >= 50, { what: '50 acks' });

      const code = await chatd.signal('SIGTERM');

      assert.equal(code, 0);
      await Promise.all([ann, bob].map((page) => page.until(() => page.disconnects.length > 0, { what: 'closed' })));
      for (const page of [ann, bob]) {
        assert.notEqual(page.disconnects[0], 'io server disconnect'); // they would stay away
        assert.equal(page.socket.active, true);
      }
      const events = chatd.log.map((line) => JSON.parse(line).event);
      assert.ok(events.indexOf('drain') >= 0 && events.indexOf('drain') < events.indexOf('stop'));
      await assert.rejects(fetch(`${chatd.url}/healthz`));

      await chatd.start();
      await Promise.all([ann, bob].map((page) => page.until(() => page.got.ready.length === 2, { what: 'back' })));
      const last = await ann.send('bob', 'after the drain');
      await bob.event('receive_message', (m) => m._id === last.message._id);
      const stored = (await chatd.stored('ann')).map((m) => m.textMessage);
      for (const text of acked) assert.ok(stored.includes(text), `${text} was acked`);
      for (const text of refused) assert.ok(!stored.includes(text), `${text} was refused`);
      assert.equal(new Set(stored).size, stored.length);
      ann.close();
      bob.close();
    });

    it('ends at once on a second SIGTERM', async () => {
      const chatd = await start(['--drain-timeout', '60000']);
      const ann = await open(chatd, 'ann', transport);
      // A request whose body does not come holds the drain up.
      const holding = net.connect(chatd.port, '127.0.0.1');
      holding.on('error', () => {});
      holding.write('POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n');
      await new Promise((resolve) => holding.once('data', resolve));

      const draining = chatd.logged((entry) => entry.event === 'drain');
      chatd.kill('SIGTERM');
      await draining;
      await ann.until(() => ann.disconnects.length > 0, { what: 'closed' });
      assert.equal(chatd.running, true); // the drain waits
      const began = performance.now();
      chatd.kill('SIGTERM');
      assert.equal(await chatd.exited(), 'SIGTERM');
      assert.ok(performance.now() - began < 5000);
      holding.destroy();
      ann.close();
    });

    it('refuses what a full disk does not take, tells nobody, and resumes by itself', async (t) => {
      const disk = new SmallDisk();
      t.after(() => disk.close());
      if (!disk.mounted) return t.skip(disk.reason);
      const chatd = await start([], { folder: disk.folder });
      t.after(() => chatd.close());
      const ann = await open(chatd, 'ann', transport);
      const bob = await open(chatd, 'bob', transport);
      const text = 'x'.repeat(30_000);
      const acked = [(await ann.send('bob', text)).message];

      disk.fill();
      let answer;
      for (let i = 0; i < 300; ++i) {
        answer = await ann.send('bob', `${i} ${text}`);
        if (!answer.ok) break;
        acked.push(answer.message);
      }
      assert.equal(answer.ok, false, 'the disk never filled up');
      assert.equal(answer.error.code, 'storage_full');
      assert.ok(answer.error.retryAfterMs > 0);
      const byHttp = await chatd.post({ senderId: 'ann', selectedUser: 'bob', textMessage: text });
      assert.deepEqual([byHttp.status, byHttp.body.code], [507, 'storage_full']);
      assert.ok(Number(byHttp.headers.get('retry-after')) > 0);
      // Reads go on.
      const { messages } = await bob.ask('history', { userId: 'ann', limit: 1 });
      assert.deepEqual(messages, [acked.at(-1)]);
      assert.equal((await fetch(`${chatd.url}/healthz`)).status, 200);

      disk.free();
      const resumed = await ann.send('bob', 'there is room again');
      assert.equal(resumed.ok, true, JSON.stringify(resumed.error));
      acked.push(resumed.message);
      await bob.event('receive_message', (m) => m._id === resumed.message._id);
      assert.deepEqual(bob.got.receive_message, acked); // and nothing that was refused
      assert.deepEqual(await chatd.stored('bob'), acked);
      assert.deepEqual([ann.disconnects, bob.disconnects, chatd.starts], [[], [], 1]);
      ann.close();
      bob.close();
    });
  });
}
