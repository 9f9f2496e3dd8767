// T42: 500 texts that break programs, over each transport and by HTTP: they come out byte for byte -
// in the ack, live, in the history, and from the file after a crash - or are refused.
// CORPUS_SEED=n takes other generated ones.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { open, transports } from '../lib/clients.mjs';
import { refused, texts } from '../lib/corpus.mjs';

// Some at a time: what waits for a connection is bounded.
async function inGroups(items, size, each) {
  const results = [];
  for (let i = 0; i < items.length; i += size) {
    results.push(...await Promise.all(items.slice(i, i + size).map(each)));
  }
  return results;
}

const ways = [...Object.keys(transports), 'http'];

describe(`a corpus of ${texts.length} texts`, () => {
  let chatd;
  const sent = {};
  before(async () => {
    chatd = await new Chatd().start();
  });
  after(() => chatd.close());

  it('is a corpus', () => {
    assert.equal(texts.length, 500);
    assert.equal(new Set(texts).size, 500);
  });

  for (const way of ways) {
    it(`is carried over ${way}`, { timeout: 60_000 }, async () => {
      const transport = way === 'http' ? 'websocket' : way;
      const to = `reader-${way}`;
      const bob = await open(chatd, to, transport);
      const ann = await open(chatd, 'ann', transport);
      const send = async (text) => {
        if (way !== 'http') return ann.send(to, text);
        const { status, body } = await chatd.post({ senderId: 'ann', selectedUser: to, textMessage: text });
        return { ok: status === 200, message: body, error: body };
      };
      const answers = await inGroups(texts, 4, send);

      answers.forEach((answer, i) => {
        assert.equal(answer.ok, true, `${i}: ${JSON.stringify(answer.error)}`);
        assert.equal(answer.message.textMessage, texts[i], `${i}`);
      });
      await bob.until(() => bob.got.receive_message.length >= texts.length, { what: 'all of them' });
      const live = new Map(bob.got.receive_message.map((message) => [message._id, message]));
      for (const { message } of answers) assert.deepEqual(live.get(message._id), message);
      sent[to] = answers.map(({ message }) => message);
      for (const page of [ann, bob]) page.close();
    });

    it(`what no text may be is refused over ${way}, one by one`, async () => {
      const to = `nobody-${way}`;
      const ann = way === 'http' ? undefined : await open(chatd, 'ann', way);
      for (const [text, code, status] of refused) {
        if (ann === undefined) {
          const { status: got, body } = await chatd.post({ senderId: 'ann', selectedUser: to, textMessage: text });
          assert.deepEqual([got, body.code], [status, code], JSON.stringify(text.slice(0, 40)));
        } else {
          const answer = await ann.send(to, text);
          assert.deepEqual([answer.ok, answer.error?.code], [false, code], JSON.stringify(text.slice(0, 40)));
        }
      }
      assert.deepEqual(ann?.disconnects ?? [], []);
      assert.deepEqual(await chatd.stored(to), []);
      ann?.close();
    });
  }

  it('is in the file after a crash, and in the history of each way', { timeout: 60_000 }, async () => {
    await chatd.signal('SIGKILL');
    await chatd.start();
    for (const way of ways) {
      const to = `reader-${way}`;
      const byId = (one, other) => (one._id < other._id ? -1 : 1);
      const expected = [...sent[to]].sort(byId);
      assert.deepEqual(await chatd.stored(to), expected);
      const bob = await open(chatd, to, way === 'http' ? 'websocket' : way);
      const found = [];
      for (let before, more = true; more;) {
        const page = await bob.ask('history', { userId: 'ann', limit: 100, before });
        found.unshift(...page.messages);
        [before, more] = [page.messages[0].seq, page.more];
      }
      assert.deepEqual(found, expected);
      bob.close();
    }
  });
});
