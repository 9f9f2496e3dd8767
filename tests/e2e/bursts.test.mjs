// Clients that send or ask for much at once, and read what they get: none is taken for slow.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { open, transports } from '../lib/clients.mjs';

describe('bursts', () => {
  let chatd;
  before(async () => {
    chatd = await new Chatd().start();
    for (let i = 0; i < 60; i++) {
      await chatd.post({ senderId: 'ann', selectedUser: 'bob', textMessage: `${i} ${'x'.repeat(2600)}` });
    }
  });
  after(() => chatd.close());

  for (const transport of Object.keys(transports)) {
    it(`1,000 messages at once over ${transport} are all acked on one connection`, async () => {
      const ann = await open(chatd, `sender-${transport}`, transport);
      const texts = Array.from({ length: 1000 }, (_, i) => `${i} ${'x'.repeat(1000)}`);
      const acks = await Promise.all(texts.map((text) => ann.send(`receiver-${transport}`, text)));
      assert.deepEqual(acks.map((ack) => ack.message?.textMessage), texts);
      await ann.until(() => ann.got.message_sent.length === texts.length, { what: 'message_sent' });
      assert.deepEqual(ann.got.message_sent.map((message) => message.textMessage), texts);
      assert.deepEqual([ann.connects, ann.disconnects], [1, []]);
      ann.close();
    });

    it(`20 long texts at once over ${transport}, longer still as JSON, close no connection`, async () => {
      const ann = await open(chatd, `quotes-${transport}`, transport);
      for (const text of ['"'.repeat(65_536), '\u0001'.repeat(65_536)]) {
        const acks = await Promise.all(Array.from({ length: 20 }, () => ann.send(ann.user, text)));
        assert.ok(acks.filter((ack) => ack.ok).length >= 2);
        assert.ok(acks.every((ack) => ack.ok || ack.error.code === 'busy'));
      }
      assert.deepEqual([ann.connects, ann.disconnects], [1, []]);
      ann.close();
    });

    it(`40 pages at once over ${transport} come on one connection`, async () => {
      const ann = await open(chatd, 'ann', transport);
      const pages = await Promise.all(Array.from({ length: 40 }, () => ann.ask('history', { userId: 'bob' })));
      assert.ok(pages.every((page) => page.ok && JSON.stringify(page).length > 120_000));
      assert.deepEqual([ann.connects, ann.disconnects], [1, []]);
      ann.close();
    });
  }
});
