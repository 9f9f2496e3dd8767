// Stock clients that are cut off, killed and kept waiting: nothing is missed, nothing comes twice.
import assert from 'node:assert/strict';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { open, Page, transports } from '../lib/clients.mjs';

const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => `message ${from + i}`);
// The transport closes without a word, as when the network is gone.
const cut = (page) => page.socket.io.engine.close();
const is = (page, event, length) => page.until(() => page.got[event].length >= length, { what: `${length} ${event}` });

for (const transport of Object.keys(transports)) {
  describe(`recovery over ${transport}`, () => {
    const started = [];
    const start = async (...args) => {
      const chatd = new Chatd(...args);
      started.push(chatd);
      return chatd.start();
    };
    after(() => Promise.all(started.map((chatd) => chatd.close())));

    it('is recovered after a cut, with all that was missed, once and in order', async () => {
      const chatd = await start();
      const ann = await open(chatd, 'ann', transport);
      const bob = await open(chatd, 'bob', transport);
      for (const text of numbers(0, 5)) await ann.send('bob', text);
      await is(bob, 'receive_message', 5);

      cut(bob);
      for (const text of numbers(5, 20)) await ann.send('bob', text);
      await is(bob, 'receive_message', 20);
      await ann.send('bob', 'message 20');
      await is(bob, 'receive_message', 21);

      assert.deepEqual(bob.texts(), numbers(0, 21));
      assert.equal(bob.recovered, 1);
    });

    it('is recovered after kill -9, also if it had got nothing yet', async () => {
      const chatd = await start();
      const ann = await open(chatd, 'ann', transport);
      const bob = await open(chatd, 'bob', transport);
      const eve = await open(chatd, 'eve', transport);
      await ann.send('bob', 'message 0');
      await is(bob, 'receive_message', 1);

      await chatd.signal('SIGKILL');
      await chatd.start();
      for (const page of [ann, bob, eve]) await page.until(() => page.connects === 2, { what: 'back' });
      await ann.send('bob', 'message 1');
      await ann.send('eve', 'to eve');
      await is(bob, 'receive_message', 2);
      await is(eve, 'receive_message', 1);

      assert.deepEqual(bob.texts(), numbers(0, 2));
      assert.deepEqual(eve.texts(), ['to eve']);
      assert.deepEqual([ann, bob, eve].map((page) => page.recovered), [1, 1, 1]);
    });

    it('is recovered after kill -9 without registering again', async () => {
      const chatd = await start();
      const ann = await open(chatd, 'ann', transport);
      const bob = new Page(chatd, null, transport);
      bob.socket.on('connect', () => {
        if (!bob.socket.recovered) bob.socket.emit('register', 'bob');
      });
      await bob.event('ready');

      await chatd.signal('SIGKILL');
      await chatd.start();
      await ann.until(() => ann.connects === 2, { what: 'back' });
      await ann.send('bob', 'message 0');
      await is(bob, 'receive_message', 1);

      assert.equal(bob.recovered, 1);
    });

    // Bob is away while a copy of the database is put back, and until others are as far again.
    const put_back = async (remove) => {
      const chatd = await start();
      const file = (name) => join(chatd.folder, name);
      const ann = await open(chatd, 'ann', transport);
      for (const text of numbers(0, 3)) await ann.send('bob', text);
      await chatd.signal('SIGTERM');
      copyFileSync(file('chat.db'), file('copy.db'));
      await chatd.start();
      await ann.until(() => ann.connects === 2, { what: 'ann back' });
      const bob = await open(chatd, 'bob', transport);
      for (const text of numbers(3, 8)) await ann.send('bob', text);
      await is(bob, 'receive_message', 8);

      bob.socket.io.reconnection(false);
      await chatd.signal('SIGKILL');
      copyFileSync(file('copy.db'), file('chat.db'));
      for (const name of ['chat.db-wal', 'chat.db-shm', ...remove]) rmSync(file(name), { force: true });
      await chatd.start();
      await ann.until(() => ann.connects === 3, { what: 'ann back again' });
      for (const text of numbers(8, 16)) await ann.send('bob', text);
      bob.socket.connect();
      await is(bob, 'ready', 2);
      return { ann, bob };
    };

    it('begins anew where the database was put back from a copy', async () => {
      const { ann, bob } = await put_back([]);

      assert.deepEqual([ann.recovered, bob.recovered], [1, 0]);
      assert.equal(bob.got.ready.at(-1).complete, false);
      // That the first were delivered is not in the copy.
      assert.deepEqual(bob.texts().slice(8), [...numbers(0, 3), ...numbers(8, 16)]);
    });

    it('control: without the note of how far the log had got it misses messages', async () => {
      const { bob } = await put_back(['chat.db.position']);

      assert.equal(bob.recovered, 1);
      assert.notDeepEqual(bob.texts().slice(-8), numbers(8, 16));
    });

    it('is not recovered once it has left by itself', async () => {
      const chatd = await start();
      const bob = await open(chatd, 'bob', transport);
      bob.socket.disconnect();
      bob.socket.connect();
      await is(bob, 'ready', 2);

      assert.equal(bob.recovered, 0);
      assert.deepEqual(bob.got.ready.map((ready) => ready.complete), [true, false]);
    });

    it('gets on register what nobody has confirmed, and tells the sender when it has', async () => {
      const chatd = await start();
      const ann = await open(chatd, 'ann', transport);
      for (const text of numbers(0, 50)) await ann.send('bob', text);
      const bob = await open(chatd, 'bob', transport);
      assert.deepEqual(bob.texts(), numbers(0, 50));
      const mark = await ann.event('message_delivered', (m) => m.seq === 50);
      assert.equal(mark.userId, 'bob');

      const page = await open(chatd, 'bob', transport);
      assert.deepEqual(page.texts(), []);
    });
  });
}

describe('a database that was put back', () => {
  it('is another log to the first start alone; after the next one clients are recovered again', async (t) => {
    const chatd = await new Chatd().start();
    t.after(() => chatd.close());
    const file = (name) => join(chatd.folder, name);
    const ann = await open(chatd, 'ann', 'websocket');
    await chatd.signal('SIGTERM');
    copyFileSync(file('chat.db'), file('copy.db'));
    await chatd.start();
    await is(ann, 'ready', 2);
    await ann.send('bob', 'message 0');
    await chatd.signal('SIGKILL');
    copyFileSync(file('copy.db'), file('chat.db'));
    for (const name of ['chat.db-wal', 'chat.db-shm']) rmSync(file(name), { force: true });

    for (const starts of [3, 4, 5]) {
      await chatd.start();
      await is(ann, 'ready', starts);
      await chatd.signal('SIGKILL');
    }

    assert.equal(chatd.log.filter((line) => line.includes('"log_went_back"')).length, 1);
    assert.equal(ann.recovered, 3); // of four times back
  });
});

describe('a long backlog', () => {
  const waiting = Number(process.env.WAITING ?? 3000); // messages; 100000 is the full form

  it('comes whole and in order, and keeps nobody else waiting', { timeout: 600_000 }, async (t) => {
    const chatd = await new Chatd(['--queue-bytes-max', '65536', '--text-bytes-max', '3000']).start();
    t.after(() => chatd.close());
    const ann = await open(chatd, 'ann', 'websocket');
    for (let from = 0; from < waiting; from += 50) {
      await Promise.all(numbers(from, Math.min(from + 50, waiting)).map((text) => ann.send('bob', text)));
    }
    const eve = await open(chatd, 'eve', 'websocket');

    const bob = new Page(chatd, 'bob', 'websocket');
    const delays = [];
    while (bob.got.ready.length === 0) {
      const began = performance.now();
      const { message } = await ann.send('eve', 'meanwhile');
      await eve.event('receive_message', (m) => m._id === message._id);
      delays.push(performance.now() - began);
    }

    assert.deepEqual(bob.texts(), numbers(0, waiting));
    assert.equal(bob.disconnects.length, 0);
    t.diagnostic(`${waiting} waiting messages; ${delays.length} others meanwhile, the slowest took ${Math.round(Math.max(...delays))} ms`);
  });
});
