// What goes in comes out byte for byte, or is refused with the connection alive: over each transport.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { open, transports } from '../lib/clients.mjs';

const kTextBytesMax = 65_536;

const texts = {
  'emoji with joiners, skin tones and flags': '👩‍👩‍👧‍👦 👍🏽 🏴󠁧󠁢󠁳󠁣󠁴󠁿 🇨🇭',
  'right-to-left with marks and overrides': 'שָׁלוֹם \u202Eabc\u202C العَرَبِيَّة \u200F!',
  'combining marks, composed and not': 'e\u0301 é Z\u0351\u036B\u0343 ที่',
  'quotes and backslashes': '"\'`\\ \\" \\\\n \\u0041 \\ud800',
  'line separators': 'a\u2028b\u2029c',
  'control characters': Array.from({ length: 31 }, (_, i) => String.fromCharCode(i + 1)).join('') + '\u007F\u0080\u009F',
  'line ends of every kind': 'a\nb\r\nc\rd',
  'the record separator of Engine.IO': 'a\u001Eb\u001E\u001E4',
  'what looks like packets': '42["receive_message",{}]',
  'what looks like a placeholder': '{"_placeholder":true,"num":0}',
  'markup and SQL': '<script>alert(1)</script> \'); DROP TABLE messages; --',
  'non-characters and the last code point': '\uFFFE\uFFFF\uFEFF\u{10FFFF}',
  'only a space': ' ',
  'spaces at both ends': '  x  ',
  'exactly the limit in ASCII': 'x'.repeat(kTextBytesMax),
  'exactly the limit in emoji': '😀'.repeat(kTextBytesMax / 4),
  'exactly the limit in what JSON escapes': '\u0001'.repeat(kTextBytesMax),
};

const refused = {
  'one byte above the limit': ['x'.repeat(kTextBytesMax + 1), 'too_large', 413],
  'one character above the limit': ['é'.repeat(kTextBytesMax / 2) + 'é', 'too_large', 413],
  'NUL': ['a\u0000b', 'invalid_argument', 400],
  'a lone high surrogate': ['a\uD800', 'invalid_argument', 400],
  'a lone low surrogate': ['\uDC00a', 'invalid_argument', 400],
  'surrogates the wrong way round': ['\uDE00\uD83D', 'invalid_argument', 400],
};

for (const transport of Object.keys(transports)) {
  describe(`texts over ${transport}`, () => {
    let chatd, ann, bob;
    before(async () => {
      chatd = await new Chatd().start();
      ann = await open(chatd, 'ann', transport);
      bob = await open(chatd, 'bob', transport);
    });
    after(() => chatd.close());

    for (const [name, text] of Object.entries(texts)) {
      it(`carries ${name}`, async () => {
        const answer = await ann.send('bob', text);

        assert.equal(answer.ok, true, JSON.stringify(answer.error));
        assert.equal(answer.message.textMessage, text);
        const arrived = await bob.event('receive_message', (m) => m._id === answer.message._id);
        assert.equal(arrived.textMessage, text);
        const { messages } = await bob.ask('history', { userId: 'ann', limit: 1 });
        assert.deepEqual(messages, [arrived]);
      });
      it(`carries ${name} by HTTP`, async () => {
        const { status, body } = await chatd.post({ senderId: 'ann', selectedUser: 'bob', textMessage: text });

        assert.equal(status, 200);
        assert.equal(body.textMessage, text);
        assert.equal((await bob.event('receive_message', (m) => m._id === body._id)).textMessage, text);
      });
    }

    for (const [name, [text, code, status]] of Object.entries(refused)) {
      it(`refuses ${name} and lives on`, async () => {
        const answer = await ann.send('bob', text);
        const byHttp = await chatd.post({ senderId: 'ann', selectedUser: 'bob', textMessage: text });

        assert.deepEqual([answer.ok, answer.error?.code], [false, code]);
        assert.deepEqual([byHttp.status, byHttp.body.code], [status, code]);
        const before = bob.got.receive_message.length;
        const next = await ann.send('bob', 'still here');
        await bob.event('receive_message', (m) => m._id === next.message._id);
        assert.equal(bob.got.receive_message.length, before + 1); // nobody got what was refused
        assert.deepEqual(ann.disconnects, []);
      });
    }

    it('refuses what is not UTF-8 in a body', async () => {
      const bytes = Buffer.from('{"senderId":"ann","selectedUser":"bob","textMessage":"a\xff"}', 'latin1');
      const answer = await fetch(`${chatd.url}/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: bytes,
      });
      assert.equal(answer.status, 400);
      assert.equal((await answer.json()).code, 'invalid_argument');
    });

    it('takes odd user ids byte for byte', async () => {
      const name = 'Ä "\\ \u202E😀/?&=#%';
      const odd = await open(chatd, name, transport);
      const { message } = await ann.send(name, 'hello');
      assert.deepEqual(await odd.event('receive_message'), message);
      assert.equal(message.receiverId, name);
      odd.close();
    });
  });
}

describe('many long texts', () => {
  const count = 30;
  const long = (i) => `${i}:`.padEnd(kTextBytesMax, '\u0001'); // as JSON six times as long
  let chatd;
  before(async () => {
    chatd = await new Chatd().start();
    for (let i = 1; i <= count; ++i) {
      const { status } = await chatd.post({ senderId: 'ann', selectedUser: 'bob', textMessage: long(i) });
      assert.equal(status, 200);
    }
  });
  after(() => chatd.close());
  const all = Array.from({ length: count }, (_, i) => long(i + 1));

  // Walks pages to their end: `next` gives one, the answer and what to ask for after it.
  async function walk(next) {
    const found = [];
    let pages = 0;
    for (let from; ; ++pages) {
      const { items, more, then } = await next(from);
      found.push(items);
      if (!more) return { found, pages: pages + 1 };
      from = then;
    }
  }
  const history = (ask) => walk(async (before) => {
    const { messages, more } = await ask({ before });
    return { items: messages.map((m) => m.textMessage), more, then: messages[0].seq };
  });
  const sync = (ask) => walk(async (since = 0) => {
    const { changes, position, more } = await ask({ since });
    return { items: changes.filter((c) => c.type === 'message').map((c) => c.message.textMessage), more, then: position };
  });

  for (const transport of Object.keys(transports)) {
    it(`come in pages that fit over ${transport}`, async () => {
      const bob = await open(chatd, 'bob', transport);
      const back = await history((more) => bob.ask('history', { userId: 'ann', limit: 500, ...more }));
      const forth = await sync((more) => bob.ask('sync', { limit: 500, ...more }));

      assert.deepEqual(back.found.reverse().flat(), all);
      assert.deepEqual(forth.found.flat(), all);
      assert.ok(back.pages > 1 && forth.pages > 1);
      assert.deepEqual(bob.disconnects, []);
      bob.close();
    });
  }

  it('come in pages that fit by HTTP', async () => {
    const get = async (path, query) => {
      const given = Object.entries(query).filter(([, value]) => value !== undefined);
      const response = await fetch(`${chatd.url}${path}?${new URLSearchParams(given)}`);
      assert.equal(response.status, 200);
      return response.json();
    };
    const back = await history((more) => get('/v1/messages', { userId: 'bob', peerId: 'ann', limit: 500, ...more }));
    const forth = await sync((more) => get('/v1/sync', { userId: 'bob', limit: 500, ...more }));

    assert.deepEqual(back.found.reverse().flat(), all);
    assert.deepEqual(forth.found.flat(), all);
  });
});
