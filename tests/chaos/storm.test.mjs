// T15: chatd is killed and all clients come back at once, while messages for them go on coming:
// everybody is back, and nobody misses anything.
import { it } from 'node:test';
import assert from 'node:assert/strict';
import { Chatd } from '../lib/chatd.mjs';
import { Checker } from './lib/checker.mjs';
import { full, size } from './lib/form.mjs';
import { assertBroken, assertWhole, settle } from './lib/outcome.mjs';
import { until, User } from './lib/users.mjs';

async function storm(t, clients, forgetful) {
  const chatd = await new Chatd(['--log-level', 'warning']).start();
  t.after(() => chatd.close());
  const checker = new Checker();
  // The client's own delays, which are what makes the storm; a small group at a time to begin with.
  const options = { reconnectionDelay: 1000, reconnectionDelayMax: 5000 };
  const users = [];
  t.after(() => users.forEach((user) => user.close()));
  while (users.length < clients) {
    const transport = users.length % 10 ? 'websocket' : 'upgrade';
    users.push(new User({ port: chatd.port, user: `u${users.length}`, transport, checker, forgetful, options }));
    if (users.length % 100 === 0) await until(() => users.every((user) => user.ready));
  }
  await until(() => users.every((user) => user.ready));

  await chatd.signal('SIGKILL');
  await chatd.start();
  const began = performance.now();
  // One message for each, most before its client is back.
  for (let i = 0; i < clients; i += 50) {
    await Promise.all(users.slice(i, i + 50).map(async ({ user }) => {
      const text = `to ${user}`;
      checker.attempt(text, 'operator', user);
      const { status, body } = await chatd.post({ senderId: 'operator', selectedUser: user, textMessage: text, clientMessageId: text });
      assert.equal(status, 200);
      checker.ack(text, body);
    }));
  }
  const back = () => users.filter((user) => user.connects > 1 && user.socket.connected).length;
  await until(() => back() === clients, { describe: () => `${back()} of ${clients} are back` });
  const times = users.map((user) => user.connectedAt - began).sort((a, b) => a - b);
  const [half, allMs] = [times[clients >> 1], times.at(-1)];
  const report = await settle({ checker, streams: [], server: chatd, users: ['operator'] });
  const recovered = users.reduce((sum, user) => sum + user.recovered, 0);
  return { report, allMs, figures: `${clients} clients: half back after ${half.toFixed(0)} ms, all after ${allMs.toFixed(0)} ms, ${recovered} recovered` };
}

it('takes all clients back at once after a kill', async (t) => {
  const { report, figures, allMs } = await storm(t, size('CLIENTS', 300, 3000), false);
  assertWhole(t, report, figures);
  if (full) assert.ok(allMs < 10_000, 'all back within 10 s');
});

it('control: pages that resume nothing miss messages', async (t) => {
  const { report } = await storm(t, 50, true);
  assertBroken(t, report, 'undelivered');
});
