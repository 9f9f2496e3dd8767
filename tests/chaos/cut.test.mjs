// T11: the network is cut at random between stock clients and chatd, on every transport and in the
// middle of upgrades: nothing is lost, doubled or reordered.
import { it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { Checker } from './lib/checker.mjs';
import { seed, size } from './lib/form.mjs';
import { assertBroken, assertWhole, settle } from './lib/outcome.mjs';
import { Proxy } from './lib/proxy.mjs';
import { random } from '../lib/random.mjs';
import { retrying, sleep, Stream, until, User } from './lib/users.mjs';

const kinds = ['reset', 'fin', 'half', 'silence', 'trickle', 'upgrade'];
const lasting = ['half', 'silence', 'trickle']; // nobody is told: they go on until the network heals

async function cutting(t, { cuts, forgetful = false }) {
  // A short heartbeat, so that silence is noticed within the test's time.
  const chatd = await new Chatd(['--log-level', 'warning', '--ping-interval', '1000', '--ping-timeout', '1000']).start();
  t.after(() => chatd.close());
  const proxy = await new Proxy(chatd.port).listen();
  t.after(() => proxy.close());
  const checker = new Checker();
  const open = (user, transport, options) =>
    new User({ port: proxy.port, user, transport, checker, options, forgetful });
  const transports = ['websocket', 'polling', 'upgrade'];
  const receivers = transports.map((transport) => open(`to-${transport}`, transport));
  // Only `register` says who they are: on return they send before that, and are known by their pid.
  // In the control there is none, so they say it in the handshake.
  const senders = transports.map((transport) => {
    const user = `from-${transport}`;
    return open(user, transport, { ...retrying, ackTimeout: 1500, ...(forgetful && { query: { userId: user } }) });
  });
  const users = [...receivers, ...senders];
  t.after(() => users.forEach((user) => user.close()));
  await until(() => users.every((user) => user.ready));
  const streams = senders.map((from) =>
    new Stream({ from, receivers: receivers.map(({ user }) => user), checker, perSecond: 20 }));

  const next = random(seed);
  const done = Object.fromEntries(kinds.map((kind) => [kind, 0]));
  for (let i = 0; i < cuts; ++i) {
    const kind = kinds[Math.floor(next() * kinds.length)];
    done[kind] += 1;
    if (kind === 'upgrade') {
      proxy.cutUpgrades(next() < 0.5 ? 'reset' : 'fin', next() * 10);
      proxy.cut('reset');
    } else {
      const share = [0.2, 0.5, 1][Math.floor(next() * 3)];
      proxy.cut(kind, () => next() < share);
    }
    await sleep(next() * 600);
    if (lasting.includes(kind)) await sleep(next() * 1500);
    proxy.heal();
  }
  const report = await settle({ checker, streams, server: chatd, users: receivers.map(({ user }) => user), deadlineMs: 100_000 });
  const count = (what) => users.reduce((sum, user) => sum + what(user), 0);
  const figures = `${cuts} cuts (${Object.entries(done).map(([kind, n]) => `${kind} ${n}`).join(', ')}), seed ${seed}: ` +
    `recovered ${count((user) => user.recovered)} of ${count((user) => user.connects - 1)} reconnects`;
  return { report, figures };
}

it('loses nothing when the network is cut', async (t) => {
  const { report, figures } = await cutting(t, { cuts: size('CUTS', 50, 1000) });
  assertWhole(t, report, figures);
});

it('control: pages that resume nothing miss messages', async (t) => {
  const { report } = await cutting(t, { cuts: 10, forgetful: true });
  assertBroken(t, report, 'undelivered');
});
