// T10: the same message is sent again and again: on two connections at once, over HTTP, and across a
// crash. It is stored once, and every answer is the first one.
import { it } from 'node:test';
import assert from 'node:assert/strict';
import { Chatd } from '../lib/chatd.mjs';
import { Checker } from './lib/checker.mjs';
import { seed, size } from './lib/form.mjs';
import { assertBroken, assertWhole, settle } from './lib/outcome.mjs';
import { random } from '../lib/random.mjs';
import { sleep, until, User } from './lib/users.mjs';

const messages = size('MESSAGES', 40, 400);
const repeats = size('REPEATS', 12, 100);

// Sends until it is acked; what a crash swallows is sent again.
async function send(socket, message, answered) {
  for (let tries = 0; tries < 10; ++tries) {
    const answer = await socket.timeout(3000).emitWithAck('send_message', message).catch(() => null);
    if (answer?.ok) return answered(answer.message);
    assert.ok(!answer || answer.error.retryAfterMs, JSON.stringify(answer)); // else it is not to be repeated
    await sleep(20);
  }
  assert.fail(`${message.textMessage} is never acked`);
}
async function post(chatd, message, answered) {
  for (let tries = 0; tries < 500; ++tries) {
    const answer = await chatd.post(message).catch(() => null);
    if (answer?.status === 200) return answered(answer.body);
    assert.ok(!answer || answer.status >= 429, JSON.stringify(answer));
    await sleep(20);
  }
  assert.fail(`${message.textMessage} is never answered`);
}

async function flood(t, withIds) {
  const chatd = await new Chatd(['--log-level', 'warning']).start();
  t.after(() => chatd.close());
  const checker = new Checker();
  const open = (user, transport, name) => new User({ port: chatd.port, user, transport, checker, name });
  const ann = [open('ann', 'websocket', 'ann 1'), open('ann', 'polling', 'ann 2')];
  const users = [...ann, open('bob', 'upgrade')];
  t.after(() => users.forEach((user) => user.close()));
  await until(() => users.every((user) => user.ready));

  const next = random(seed);
  let sending = [];
  for (let i = 0; i < messages; ++i) {
    const text = `message ${i}`;
    const message = { selectedUser: 'bob', textMessage: text, ...(withIds && { clientMessageId: text }) };
    checker.attempt(text, 'ann', 'bob');
    const answered = (stored) => withIds || !checker.acked(text) ? checker.ack(text, stored) : undefined;
    for (let copy = 0; copy < repeats; ++copy) {
      const way = Math.floor(next() * 5);
      sending.push(way === 4 ? post(chatd, { senderId: 'ann', ...message }, answered) : send(ann[way % 2].socket, message, answered));
    }
    // A crash in the middle of every quarter; the rest is waited for now and then.
    if (i % 10 === 9) {
      if (i % Math.ceil(messages / 4) < 10) {
        await sending[0];
        await chatd.signal('SIGKILL');
        await chatd.start();
      }
      await Promise.all(sending);
      sending = [];
    }
  }
  await Promise.all(sending);
  return settle({ checker, streams: [], server: chatd, users: ['bob'] });
}

it('stores a message once, however often and wherever it is sent', async (t) => {
  assertWhole(t, await flood(t, true), `each sent ${repeats} times, seed ${seed}`);
});

it('control: without clientMessageId every copy is stored', async (t) => {
  assertBroken(t, await flood(t, false), 'storedTwice');
});
