// Whatever a client sends gets a defined answer: an error in the ack, or a closed connection. Never
// silence where an ack was asked for, and the process lives.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { Chatd } from '../lib/chatd.mjs';
import { open, Page, transports } from '../lib/clients.mjs';

const kLongId = 'x'.repeat(129);
const good = { selectedUser: 'bob', textMessage: 'x' };

// event, arguments, code, and what the sentence says where the Hub finds it out
const table = [
  ['no_such_event', [{}], 'unknown_event'],
  ['no_such_event', [], 'unknown_event'],
  ['', [], 'unknown_event'],
  ['__proto__', [{}], 'unknown_event'],
  ['receive_message', [good], 'unknown_event'],
  ['send_message', [], 'invalid_argument'],
  ['send_message', [null], 'invalid_argument'],
  ['send_message', ['text'], 'invalid_argument'],
  ['send_message', [1], 'invalid_argument'],
  ['send_message', [[good]], 'invalid_argument'],
  ['send_message', [Buffer.from('x')], 'invalid_argument'],
  ['send_message', [{}], 'invalid_argument'],
  ['send_message', [{ selectedUser: 'bob' }], 'invalid_argument'],
  ['send_message', [{ textMessage: 'x' }], 'invalid_argument'],
  ['send_message', [{ ...good, textMessage: null }], 'invalid_argument'],
  ['send_message', [{ ...good, textMessage: 1 }], 'invalid_argument'],
  ['send_message', [{ ...good, textMessage: ['x'] }], 'invalid_argument'],
  ['send_message', [{ ...good, textMessage: Buffer.from('x') }], 'invalid_argument'],
  ['send_message', [{ ...good, selectedUser: 1 }], 'invalid_argument'],
  ['send_message', [{ ...good, selectedUser: '' }], 'invalid_argument'],
  ['send_message', [{ ...good, selectedUser: kLongId }], 'invalid_argument'],
  ['send_message', [{ ...good, selectedUser: 'a\nb' }], 'invalid_argument'],
  ['send_message', [{ ...good, receiverId: 'carol' }], 'invalid_argument'],
  ['send_message', [{ ...good, clientMessageId: 1 }], 'invalid_argument'],
  ['send_message', [{ ...good, clientMessageId: kLongId }], 'invalid_argument'],
  ['send_message', [{ ...good, textMessage: '' }], 'invalid_argument', 'the text is empty'],
  ['send_message', [{ ...good, textMessage: 'x'.repeat(65_537) }], 'too_large', 'the text is too long'],
  ['send_message', [{ ...good, clientMessageId: 'a\nb' }], 'invalid_argument', 'the client id is not plain UTF-8'],
  ['send_message', [{ ...good, conversationId: '1' }], 'invalid_argument'],
  ['send_message', [{ textMessage: 'x', conversationId: 'x' }], 'invalid_argument'],
  ['send_message', [{ textMessage: 'x', conversationId: {} }], 'invalid_argument'],
  ['send_message', [{ textMessage: 'x', conversationId: '999' }], 'not_found'],
  ['send_message', [{ ...good, senderId: 'bob' }], 'permission_denied'],
  ['mark_read', [], 'invalid_argument'],
  ['mark_read', [{}], 'invalid_argument'],
  ['mark_read', [{ conversationId: '1' }], 'invalid_argument'],
  ['mark_read', [{ seq: 1 }], 'invalid_argument'],
  ['mark_read', [{ conversationId: '1', seq: -1 }], 'invalid_argument'],
  ['mark_read', [{ conversationId: '1', seq: 1.5 }], 'invalid_argument'],
  ['mark_read', [{ conversationId: '1', seq: 'x' }], 'invalid_argument'],
  ['mark_read', [{ conversationId: '999', seq: 1 }], 'not_found'],
  ['typing', [], 'invalid_argument'],
  ['typing', [{ receiverId: 'bob' }], 'invalid_argument'],
  ['typing', [{ typing: true }], 'invalid_argument'],
  ['typing', [{ receiverId: 'bob', typing: 'yes' }], 'invalid_argument'],
  ['history', [], 'invalid_argument'],
  ['history', [{}], 'invalid_argument'],
  ['history', [{ userId: 1 }], 'invalid_argument'],
  ['history', [{ userId: 'bob', limit: 0 }], 'invalid_argument'],
  ['history', [{ userId: 'bob', limit: -1 }], 'invalid_argument'],
  ['history', [{ userId: 'bob', limit: 'x' }], 'invalid_argument'],
  ['history', [{ userId: 'bob', before: 'x' }], 'invalid_argument'],
  ['history', [{ conversationId: '999' }], 'not_found'],
  ['conversations', [{ limit: 0 }], 'invalid_argument'],
  ['conversations', [{ before: {} }], 'invalid_argument'],
  ['sync', [], 'invalid_argument'],
  ['sync', [{ since: -1 }], 'invalid_argument'],
  ['sync', [{ since: 'x' }], 'invalid_argument'],
  ['presence', [], 'invalid_argument'],
  ['presence', [{ userIds: 'bob' }], 'invalid_argument'],
  ['presence', [{ userIds: [1] }], 'invalid_argument'],
  ['presence', [{ userIds: Array.from({ length: 501 }, (_, i) => `u${i}`) }], 'too_large'],
  ['register', [1], 'invalid_argument'],
  ['register', [''], 'invalid_argument'],
  ['register', [{ userId: 1 }], 'invalid_argument'],
  ['register', [kLongId], 'invalid_argument'],
  ['register', ['a\u0000'], 'invalid_argument'],
  ['register', ['bob'], 'conflict'],
];

// Packets that break the protocol, as bytes on a connection that has joined the namespace.
const violations = {
  'an event that ends too early': '42["send_message",{"selectedUser":"bob"',
  'an event without a name': '42[]',
  'an event that is an object': '42{"a":1}',
  'an event without a payload': '42',
  'junk for a payload': '420junk',
  'JSON with more behind it': '420["history",{}]x',
  'a comma too many': '420["history",{},]',
  'JSON nested too deeply': `420["history",${'['.repeat(100)}${']'.repeat(100)}]`,
  'JSON nested 100,000 times': `420["history",${'['.repeat(100_000)}`,
  'an unknown Socket.IO packet': '49',
  'an empty Socket.IO packet': '4',
  'an unknown Engine.IO packet': '9',
  'text that is no packet': 'hello',
  'a reserved event': '420["disconnect"]',
  'eleven attachments': '4511-0["x"]',
  'a thousand attachments': '451000-["x"]',
  'four billion attachments': '454294967296-0["x"]',
  'negative attachments': '45-1-["x"]',
  'attachments in scientific notation': '451e3-0["x"]',
  'attachments without a number': '45-0["x"]',
  'a binary event that says nothing of attachments': '450["x"]',
  'an ack with eleven attachments': '4611-0["x"]',
  'text where an attachment was announced': ['451-0["x",{"_placeholder":true,"num":0}]', '420["history",{}]'],
  'a placeholder of no attachment': ['451-0["x",{"_placeholder":true,"num":7}]', Buffer.from('x')],
  'a negative attachment': ['451-0["x",{"_placeholder":true,"num":-1}]', Buffer.from('x')],
  'an attachment nobody announced': Buffer.from('x'),
  'one attachment more than announced': ['451-0["nothing"]', Buffer.from('x'), Buffer.from('x')],
};

// Packets that are odd and no violation, and the code in their ack.
const odd = {
  'a number for a name': ['420[1]', 'unknown_event'],
  'a number that no double holds': ['420["history",{"userId":"bob","limit":1e400}]', 'invalid_argument'],
  'a number above 2^64': ['420["history",{"userId":"bob","limit":18446744073709551616}]', 'invalid_argument'],
  'one attachment': ['451-0["nothing",{"_placeholder":true,"num":0}]', Buffer.from('x'), 'unknown_event'],
  'ten attachments': ['4510-0["nothing"]', ...Array(10).fill(Buffer.alloc(99_000)), 'unknown_event'],
  'an open packet before it': ['0{}', '420["nothing"]', 'unknown_event'],
  'a noop before it': ['6', '420["nothing"]', 'unknown_event'],
};

async function rawSocket(chatd) {
  const socket = new WebSocket(`${chatd.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
  socket.received = [];
  const joined = new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data) => {
      socket.received.push(String(data));
      if (String(data).startsWith('0')) socket.send('40');
      if (String(data).startsWith('40')) resolve();
    });
  });
  socket.closed = new Promise((resolve) => socket.on('close', resolve));
  await joined;
  return socket;
}

async function within(promise, ms, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

describe('errors', () => {
  let chatd;
  before(async () => {
    chatd = await new Chatd().start();
    await chatd.post({ senderId: 'ann', selectedUser: 'bob', textMessage: 'conversation 1' });
  });
  after(() => chatd.close());

  for (const transport of Object.keys(transports)) {
    it(`answers each wrong event over ${transport} and keeps the connection`, async () => {
      const ann = await open(chatd, 'ann', transport);

      const answers = await Promise.all(table.map(([event, args]) => ann.ask(event, ...args)));

      for (const [i, [event, args, code, sentence]] of table.entries()) {
        const what = `${event} ${JSON.stringify(args).slice(0, 80)}`;
        assert.deepEqual([answers[i].ok, answers[i].error?.code], [false, code], what);
        assert.equal(typeof answers[i].error.message, 'string', what);
        assert.ok(answers[i].error.message.length > 0, what);
        if (sentence) assert.equal(answers[i].error.message, sentence, what);
      }
      assert.equal((await ann.send('bob', 'still here')).ok, true);
      assert.deepEqual([ann.connects, ann.disconnects], [1, []]);
      ann.close();
    });

    it(`serves without acks whatever is emitted over ${transport}`, async () => {
      const ann = await open(chatd, 'ann', transport);
      for (const [event, args] of table) ann.socket.emit(event, ...args);
      assert.equal((await ann.send('bob', 'still here')).ok, true);
      assert.deepEqual(ann.disconnects, []);
      ann.close();
    });

    it(`asks for a register over ${transport} before anything else`, async () => {
      const page = new Page(chatd, null, transport);
      const early = page.send('bob', 'held');
      await page.ask('register', 'late');
      const answer = await early;
      assert.deepEqual([answer.ok, answer.message.senderId], [true, 'late']);
      page.close();
    });
  }

  for (const [name, packets] of Object.entries(odd)) {
    it(`acks an event with ${name}`, async () => {
      const socket = await rawSocket(chatd);
      socket.send('421["register","ann"]');
      const code = packets.at(-1);
      const acked = new Promise((resolve) => socket.on('message', (data) => String(data).startsWith('430') && resolve(String(data))));
      for (const packet of packets.slice(0, -1)) socket.send(packet);
      assert.equal(JSON.parse((await within(acked, 5000, 'acked')).slice(3))[0].error.code, code);
      socket.close();
    });
  }

  it('closes a session whose attachments are larger than a packet together', async () => {
    const [socket, other] = [await rawSocket(chatd), await rawSocket(chatd)];
    for (const packet of ['452-0["nothing"]', Buffer.alloc(500_001), Buffer.alloc(500_001)]) socket.send(packet);
    await within(socket.closed, 5000, 'closed');
    other.send('421["register","ann"]');
    const acked = new Promise((resolve) => other.on('message', (data) => String(data).startsWith('430') && resolve(String(data))));
    for (const packet of ['452-0["nothing"]', Buffer.alloc(500_000), Buffer.alloc(500_000)]) other.send(packet);
    assert.match(await within(acked, 5000, 'acked'), /unknown_event/); // as large as may be
    other.close();
  });

  it('closes a session whose attachments do not come, after 10 s', { timeout: 60_000 }, async () => {
    const packet = '451-0["nothing",{"_placeholder":true,"num":0}]';
    const began = Date.now();
    const [due, other] = [await rawSocket(chatd), await rawSocket(chatd)];
    for (const socket of [due, other]) socket.send('421["register","ann"]');
    due.send(packet);
    await due.closed;
    assert.ok(Date.now() - began >= 10_000);
    assert.equal(other.readyState, WebSocket.OPEN); // it owes nothing
    other.close();
  });

  it('refuses a register that names nobody, and takes the next one', async () => {
    const page = new Page(chatd, null, 'websocket');
    for (const wrong of [[], [null], [{}], [1], [''], [{ userId: 1 }], [['ann']]]) {
      const answer = await page.ask('register', ...wrong);
      assert.deepEqual([answer.ok, answer.error?.code], [false, 'invalid_argument'], JSON.stringify(wrong));
    }
    assert.equal((await page.ask('register', 'ann')).userId, 'ann');
    page.close();
  });

  for (const [name, packets] of Object.entries(violations)) {
    it(`closes the WebSocket after ${name}`, async () => {
      const socket = await rawSocket(chatd);
      for (const packet of [packets].flat()) socket.send(packet);
      await within(socket.closed, 5000, 'closed');
      assert.equal(chatd.running, true);
    });
    it(`closes the polling session after ${name}`, async () => {
      const url = `${chatd.url}/socket.io/?EIO=4&transport=polling`;
      const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
      const post = (body) => fetch(`${url}&sid=${sid}`, { method: 'POST', body });
      assert.equal((await post('40')).status, 200);
      const encode = (packet) => (Buffer.isBuffer(packet) ? `b${packet.toString('base64')}` : packet);
      await post([packets].flat().map(encode).join('\x1e'));
      await within((async () => {
        for (;;) {
          const answer = await fetch(`${url}&sid=${sid}`);
          const text = await answer.text();
          if (answer.status !== 200) return;
          assert.ok(!text.includes('"ok":true'));
        }
      })(), 5000, 'closed');
      assert.equal(chatd.running, true);
    });
  }
});
