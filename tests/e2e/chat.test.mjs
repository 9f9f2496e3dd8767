// Two users, several tabs, and messages as fast as they can be emitted: over each transport.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { open, transports } from '../lib/clients.mjs';

const kGraceMs = 400;

const ways = [...Object.keys(transports).map((transport) => [transport, []]), ['websocket', ['--no-io-uring']]];
for (const [transport, options] of ways) {
  describe(['chat over', transport, ...options].join(' '), { concurrency: false }, () => {
    let chatd;
    before(async () => {
      chatd = await new Chatd(['--presence-grace', String(kGraceMs), ...options]).start();
    });
    after(() => chatd.close());

    it('shows a message at its receiver and at its sender, both ways', async () => {
      const ann = await open(chatd, 'ann', transport);
      const bob = await open(chatd, 'bob', transport);

      const hello = await ann.send('bob', 'hello');
      const hi = await bob.send('ann', 'hi');

      assert.equal(hello.ok, true);
      assert.equal(hi.ok, true);
      assert.deepEqual(await bob.event('receive_message'), hello.message);
      assert.deepEqual(await ann.event('message_sent'), hello.message);
      assert.deepEqual(await ann.event('receive_message'), hi.message);
      assert.deepEqual(await bob.event('message_sent'), hi.message);
      assert.deepEqual([hello.message.senderId, hello.message.receiverId, hello.message.seq], ['ann', 'bob', 1]);
      assert.deepEqual([hi.message.senderId, hi.message.receiverId, hi.message.seq], ['bob', 'ann', 2]);
      ann.close();
      bob.close();
    });

    it('answers HTTP with the stored message, and shows it at both', async () => {
      const ann = await open(chatd, 'http-ann', transport);
      const bob = await open(chatd, 'http-bob', transport);

      const answer = await chatd.post({ senderId: 'http-ann', selectedUser: 'http-bob', textMessage: 'by HTTP' });

      assert.equal(answer.status, 200);
      assert.equal(answer.body.textMessage, 'by HTTP');
      assert.deepEqual(await bob.event('receive_message'), answer.body);
      assert.deepEqual(await ann.event('message_sent'), answer.body);
      const history = await ann.ask('history', { userId: 'http-bob' });
      assert.deepEqual(history.messages, [answer.body]);
      ann.close();
      bob.close();
    });

    it('delivers 1,000 messages emitted at once, in order, none twice', async () => {
      const ann = await open(chatd, 'fast-ann', transport);
      const bob = await open(chatd, 'fast-bob', transport);
      const texts = Array.from({ length: 1000 }, (_, i) => `message ${i}`);

      for (const text of texts) ann.socket.emit('send_message', { selectedUser: 'fast-bob', textMessage: text });

      await bob.until(() => bob.got.receive_message.length >= texts.length, { what: '1,000 messages' });
      await ann.until(() => ann.got.message_sent.length >= texts.length, { what: '1,000 copies' });
      // Whatever was sent twice would arrive before this one.
      await ann.send('fast-bob', 'last');
      await bob.event('receive_message', (message) => message.textMessage === 'last');
      assert.deepEqual(bob.texts(), [...texts, 'last']);
      assert.deepEqual(bob.got.receive_message.map((message) => message.seq), [...texts, 'last'].map((_, i) => i + 1));
      await ann.event('message_sent', (message) => message.textMessage === 'last');
      assert.deepEqual(ann.texts('message_sent'), [...texts, 'last']);
      ann.close();
      bob.close();
    });

    it('takes long messages of many at once', async () => {
      const bob = await open(chatd, 'long-bob', transport);
      const senders = await Promise.all(Array.from({ length: 40 }, (_, i) => open(chatd, `long-${i}`, transport)));
      const text = (i) => `${i} `.repeat(2000);

      const acks = await Promise.all(senders.map((sender, i) => sender.send('long-bob', text(i))));

      assert.ok(acks.every((ack) => ack.ok));
      await bob.until(() => bob.got.receive_message.length >= senders.length, { what: '40 messages' });
      for (const { senderId, textMessage } of bob.got.receive_message) {
        assert.equal(textMessage, text(Number(senderId.slice('long-'.length))));
      }
      assert.equal(new Set(bob.got.receive_message.map((message) => message.senderId)).size, senders.length);
      for (const client of [bob, ...senders]) client.close();
    });

    it('goes on after a reload, and tells presence without a flap', async () => {
      const ann = await open(chatd, 'stays', transport);
      const seen = () => ann.got.presence.flat().filter((one) => one.userId === 'reloads');
      await ann.send('reloads', 'first'); // they share a conversation from here on
      const before = await open(chatd, 'reloads', transport);
      await ann.until(() => seen().some((one) => one.online), { what: 'online' });
      ann.got.presence.length = 0;

      before.close();
      const after = await open(chatd, 'reloads', transport);
      await ann.send('reloads', 'second');
      await after.event('receive_message', (message) => message.textMessage === 'second');
      await after.send('stays', 'third');
      await ann.event('receive_message', (message) => message.textMessage === 'third');
      await new Promise((resolve) => setTimeout(resolve, kGraceMs + 1500)); // nothing is what must happen
      assert.deepEqual(seen(), []);

      after.close();
      const gone = await ann.until(() => seen().find((one) => !one.online), { what: 'offline' });
      assert.ok(Date.parse(gone.lastSeen) > 0);
      const back = await open(chatd, 'reloads', transport);
      await ann.until(() => seen().at(-1).online, { what: 'online again' });
      assert.equal((await ann.send('reloads', 'fourth')).ok, true);
      await back.event('receive_message', (message) => message.textMessage === 'fourth');
      ann.close();
      back.close();
    });
  });
}

describe('several tabs', () => {
  let chatd;
  before(async () => {
    chatd = await new Chatd().start();
  });
  after(() => chatd.close());

  it('serves three tabs of one user on three transports', async () => {
    const tabs = [];
    for (const transport of Object.keys(transports)) tabs.push(await open(chatd, 'ann', transport));
    const bob = await open(chatd, 'bob', 'websocket');

    // To all of them, by whichever the answers are sent, and by HTTP.
    await bob.send('ann', 'to all');
    for (const tab of tabs) await tab.send('bob', `from ${tab.socket.id}`);
    await chatd.post({ senderId: 'ann', selectedUser: 'bob', textMessage: 'from HTTP' });

    const sent = [...tabs.map((tab) => `from ${tab.socket.id}`), 'from HTTP'];
    for (const tab of tabs) {
      await tab.until(() => tab.got.message_sent.length >= sent.length, { what: 'all copies' });
      assert.deepEqual(tab.texts('message_sent'), sent);
      assert.deepEqual(tab.texts(), ['to all']);
      assert.deepEqual(tab.disconnects, []);
    }
    await bob.until(() => bob.got.receive_message.length >= sent.length, { what: 'all messages' });
    assert.deepEqual(bob.texts(), sent);

    tabs[1].close();
    await bob.send('ann', 'to two');
    for (const tab of [tabs[0], tabs[2]]) await tab.event('receive_message', (m) => m.textMessage === 'to two');
    assert.equal((await bob.ask('presence', { userIds: ['ann'] })).users[0].online, true);
    for (const page of [...tabs, bob]) page.close();
  });

  it('speaks whatever subprotocol a client offers first', async () => {
    const page = await open(chatd, 'subprotocol', 'websocket', { protocols: ['chat', 'superchat'] });
    assert.equal(page.socket.io.engine.transport.ws.protocol, 'chat');
    page.close();
  });

  it('shows a message to oneself once as sent and once as received, in each tab', async () => {
    const tabs = [await open(chatd, 'me', 'websocket'), await open(chatd, 'me', 'polling')];

    const note = await tabs[0].send('me', 'a note');
    const end = await tabs[1].send('me', 'the end');

    for (const tab of tabs) {
      await tab.event('receive_message', (m) => m.textMessage === 'the end');
      await tab.event('message_sent', (m) => m.textMessage === 'the end');
      assert.deepEqual(tab.got.receive_message, [note.message, end.message]);
      assert.deepEqual(tab.got.message_sent, [note.message, end.message]);
      tab.close();
    }
  });
});
