// T12: a user returns to a long backlog: all of it comes once and in order, in pages, with bounded
// memory, while others chat. T13: one user on five connections: each is handed everything once.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { Checker } from './lib/checker.mjs';
import { full, size } from './lib/form.mjs';
import { assertBroken, assertWhole, settle } from './lib/outcome.mjs';
import { retrying, Stream, until, User } from './lib/users.mjs';

const residentKb = (pid) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);

// Sends `count` messages from `from` to a user, as many at a time as do not fill its queue.
async function fill(from, receiver, count, checker) {
  for (let sent = 0; sent < count; ) {
    const batch = [];
    for (; batch.length < 500 && sent < count; ++sent) {
      const text = `${from.user} ${sent}`;
      checker.attempt(text, from.user, receiver);
      const message = { receiverId: receiver, textMessage: text, clientMessageId: text };
      batch.push(from.socket.timeout(60_000).emitWithAck('send_message', message).then((answer) => {
        assert.ok(answer.ok, JSON.stringify(answer));
        checker.ack(text, answer.message);
      }));
    }
    await Promise.all(batch);
  }
}

// How long a message between two others takes, again and again while `going()`.
async function measure(from, to, checker, going) {
  const times = [];
  for (let i = 0; going(i); ++i) {
    const text = `${from.user} to ${to.user} ${performance.now()}`;
    checker.attempt(text, from.user, to.user);
    const began = performance.now();
    const message = { receiverId: to.user, textMessage: text, clientMessageId: text };
    checker.ack(text, (await from.socket.timeout(60_000).emitWithAck('send_message', message)).message);
    await until(() => to.page.received.has(text));
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b);
}
const p99 = (sorted) => sorted[Math.floor(sorted.length * 0.99)];

async function returning(t, forgetful) {
  const chatd = await new Chatd(['--log-level', 'warning']).start();
  t.after(() => chatd.close());
  const checker = new Checker();
  const users = [];
  const open = (user, options = {}) => {
    users.push(new User({ port: chatd.port, user, transport: 'websocket', checker, ...options }));
    return users.at(-1);
  };
  t.after(() => users.forEach((user) => user.close()));
  const [ann, eve, joe] = ['ann', 'eve', 'joe'].map((user) => open(user));
  await until(() => users.every((user) => user.ready));
  await fill(ann, 'bob', size('BACKLOG', 10_000, 100_000), checker);
  const before = await measure(eve, joe, checker, (i) => i < 200);
  const memoryKb = residentKb(chatd.pid);

  const bob = open('bob', { forgetful });
  let mostKb = 0;
  const during = await measure(eve, joe, checker, () => {
    mostKb = Math.max(mostKb, residentKb(chatd.pid));
    return !bob.ready;
  });

  const report = await settle({ checker, streams: [], server: chatd, users: ['bob', 'joe'] });
  return { report, before, during, moreKb: mostKb - memoryKb };
}

it('brings a long backlog whole, and keeps nobody waiting', async (t) => {
  const { report, before, during, moreKb } = await returning(t, false);
  assertWhole(t, report, `others' p99 ${p99(before).toFixed(1)} ms before and ${p99(during).toFixed(1)} ms meanwhile ` +
    `(${during.length} messages); ${(moreKb / 1024).toFixed(1)} MB more`);
  assert.ok(moreKb < 16 * 1024, `${moreKb} KB more`);
  if (full) assert.ok(p99(during) < 1.5 * Math.max(p99(before), 10), 'others wait');
});

it('control: a page that asks for nothing gets nothing of the backlog', async (t) => {
  assertBroken(t, (await returning(t, true)).report, 'undelivered');
});

async function devices(t, forgetful) {
  const chatd = await new Chatd(['--log-level', 'warning']).start();
  t.after(() => chatd.close());
  const checker = new Checker();
  const transports = ['websocket', 'websocket', 'polling', 'polling', 'upgrade'];
  const bobs = transports.map((transport, i) => new User({
    port: chatd.port, user: 'bob', name: `bob ${i} (${transport})`, transport, checker, options: i ? {} : retrying,
    forgetful: forgetful && i === 2 }));
  const peers = ['ann', 'eve', 'joe'].map((user) =>
    new User({ port: chatd.port, user, transport: 'websocket', checker, options: { ...retrying, query: { userId: user } } }));
  const users = [...bobs, ...peers];
  t.after(() => users.forEach((user) => user.close()));
  await until(() => bobs.every((user) => user.ready) && peers.every((user) => user.socket.connected));

  const names = peers.map(({ user }) => user);
  const streams = [
    ...peers.map((from) => new Stream({ from, receivers: ['bob'], checker, perSecond: 200 })),
    new Stream({ from: bobs[0], receivers: names, checker, perSecond: 100 })];
  const count = size('DEVICE_MESSAGES', 1000, 10_000);
  for (let i = 1; i <= 4; ++i) {
    await until(() => checker.ackedCount >= (count * i) / 5);
    bobs[i].cut();  // each but the sending one is away for a moment
  }
  await until(() => checker.ackedCount >= count);
  return settle({ checker, streams, server: chatd, users: ['bob'] });
}

it('hands everything to each of five connections of a user, once', async (t) => {
  assertWhole(t, await devices(t, false));
});

it('control: the one that resumes nothing misses messages', async (t) => {
  assertBroken(t, await devices(t, true), 'undelivered');
});
