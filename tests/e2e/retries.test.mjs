// Messages that are sent again: the first answer comes back, wherever the repeat goes; and the
// client's own `retries`.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { io } from 'socket.io-client';
import { Chatd } from '../lib/chatd.mjs';
import { open, transports } from '../lib/clients.mjs';

for (const transport of Object.keys(transports)) {
  describe(`retries over ${transport}`, () => {
    let chatd;
    before(async () => {
      chatd = await new Chatd(['--register-timeout', '1000']).start();
    });
    after(() => chatd.close());

    it('get the first answer: on another connection, by HTTP, and after kill -9', async () => {
      const ann = await open(chatd, 'ann', transport);
      const bob = await open(chatd, 'bob', transport);
      const message = { selectedUser: 'bob', textMessage: 'once', clientMessageId: 'r1' };
      const first = await ann.ask('send_message', message);
      assert.equal(first.ok, true);

      const other = await open(chatd, 'ann', transport);
      assert.deepEqual(await other.ask('send_message', message), first);
      const byField = await chatd.post({ senderId: 'ann', ...message });
      assert.deepEqual([byField.status, byField.body], [200, first.message]);

      await chatd.signal('SIGKILL');
      await chatd.start();
      await ann.until(() => ann.connects === 2 && ann.socket.connected);
      assert.deepEqual(await ann.ask('send_message', message), first);
      const byHeader = await fetch(`${chatd.url}/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': 'r1' },
        body: JSON.stringify({ senderId: 'ann', selectedUser: 'bob', textMessage: 'once' }),
      });
      assert.deepEqual(await byHeader.json(), first.message);

      const conflict = await ann.ask('send_message', { ...message, textMessage: 'something else' });
      assert.deepEqual([conflict.ok, conflict.error.code], [false, 'conflict']);
      const toOther = await chatd.post({ senderId: 'ann', ...message, selectedUser: 'eve' });
      assert.deepEqual([toOther.status, toOther.body.code], [409, 'conflict']);
      assert.equal((await ann.send('bob', 'next')).message.seq, 2);
      await bob.event('receive_message', (m) => m.textMessage === 'next');
      assert.deepEqual(bob.texts(), ['once', 'next']);
      for (const page of [ann, bob, other]) page.close();
    });

    // A client with `retries` that sends before it is connected, and registers in its handler.
    async function early(t, user, options) {
      const socket = io(chatd.url, {
        transports: transports[transport], forceNew: true, retries: 5, ackTimeout: 10_000, ...options });
      t.after(() => socket.disconnect());
      const answered = new Promise((resolve, reject) => {
        socket.emit('send_message', { selectedUser: 'bob', textMessage: user, clientMessageId: user },
          (error, answer) => (error ? reject(error) : resolve(answer)));
      });
      const ready = new Promise((resolve) => socket.on('ready', resolve));
      socket.on('connect', () => socket.emit('register', user));
      const answer = await answered;
      await ready;
      return answer;
    }

    it('of the client work where the handshake says who it is', async (t) => {
      const answer = await early(t, 'eve', { query: { userId: 'eve' } });
      assert.equal(answer.ok, true, JSON.stringify(answer));
    });

    it('of the client hold back a register, until what waits for it is refused', async (t) => {
      const answer = await early(t, 'joe', {});
      assert.equal(answer.error?.code, 'unauthenticated', JSON.stringify(answer));
    });
  });
}
