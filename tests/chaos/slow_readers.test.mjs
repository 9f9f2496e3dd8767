// T22: connections that stop reading are closed with a reason in the log; the others do not wait for
// them, memory stays bounded, and what the slow ones did not read is in the store.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { Checker } from './lib/checker.mjs';
import { full, size } from './lib/form.mjs';
import { assertWhole, settle } from './lib/outcome.mjs';
import { retrying, Stream, until, User } from './lib/users.mjs';

const residentKb = (pid) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);

// A registered WebSocket that reads nothing from then on. Resolves once it is registered.
function stuck(port, user) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', reject);
    let got = '';
    let joined = false;
    socket.write(`GET /socket.io/?EIO=4&transport=websocket&userId=${user} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n` +
      'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
    socket.on('data', (bytes) => {
      got += bytes.toString('latin1');
      if (!joined && got.includes('0{')) {
        joined = true;
        socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, ...Buffer.from('40')])); // masked by zeros
      }
      if (!got.includes('"ready"')) return;
      socket.pause();
      socket.off('error', reject).on('error', () => {});
      resolve(socket);
    });
  });
}

// Slow ones are flooded while others chat. Resolves with what came of it.
async function flood(t, args, deadlineMs) {
  const chatd = await new Chatd(args).start();
  t.after(() => chatd.close());
  const checker = new Checker();
  const open = (user, options) =>
    new User({ port: chatd.port, user, transport: 'websocket', checker, options });
  const others = [open('eve', retrying), open('joe', {}), open('zoe', {})];
  const ann = open('ann', {});
  t.after(() => [...others, ann].forEach((user) => user.close()));
  await until(() => [...others, ann].every((user) => user.ready));
  const slow = await Promise.all(Array.from({ length: size('SLOW', 3, 20) }, (_, i) => stuck(chatd.port, `slow${i}`)));
  t.after(() => slow.forEach((socket) => socket.destroy()));
  const stream = new Stream({ from: others[0], receivers: ['joe'], checker, perSecond: 50 });

  let count = 0;
  const body = 'x'.repeat(60_000);
  // Six at a time: their acks and message_sent are to fit into ann's own queue. The number is in
  // front: V8 hashes long texts by their length alone, and then compares them.
  const sendSix = (receiver) => Promise.all(Array.from({ length: 6 }, async () => {
    const text = `${++count} ${body}`;
    const to = receiver(count);
    checker.attempt(text, 'ann', to);
    const answer = await ann.socket.timeout(20_000).emitWithAck('send_message', { selectedUser: to, textMessage: text });
    checker.ack(text, answer.message);
  }));
  // What any traffic leaves in memory is there before: the newest texts, pages of the store.
  while (full && count < 1000) await sendSix(() => 'zoe');

  const beforeKb = residentKb(chatd.pid);
  const closed = () => fetch(`${chatd.url}/metrics`).then((answer) => answer.text())
    .then((text) => Number(text.match(/^chatd_slow_readers_closed_total (\d+)/m)[1]));
  const end = performance.now() + deadlineMs;
  let mostKb = 0;
  while ((await closed()) < slow.length && performance.now() < end) {
    await sendSix((i) => `slow${i % slow.length}`);
    mostKb = Math.max(mostKb, residentKb(chatd.pid) - beforeKb);
  }
  // In pages that are no slow reader's burden themselves.
  const server = { stored: (user) => chatd.stored(user, 10) };
  const report = await settle({ checker, streams: [stream], server, users: ['ann', 'joe'] });
  const log = chatd.log.map((line) => JSON.parse(line)).filter((entry) => /slow/.test(entry.reason));
  return { report, closed: await closed(), slow: slow.length, log, mostKb };
}

it('closes those that do not read, and nobody else notices', async (t) => {
  const { report, closed, slow, log, mostKb } = await flood(t, [], 60_000);
  assertWhole(t, report, `${closed} of ${slow} closed, ${(mostKb / 1024).toFixed(1)} MB more`);
  assert.equal(closed, slow);
  assert.ok(log.length >= slow, 'each with its reason in the log');
  if (full) assert.ok(mostKb < 40 * 1024, `${mostKb} KB more`);
});

it('control: without the bound they stay', async (t) => {
  const { closed } = await flood(t, ['--queue-bytes-max', '1073741824'], 3000);
  assert.equal(closed, 0);
});
