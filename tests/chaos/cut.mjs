// T11: the network is cut at random, on every transport and in the middle of upgrades, while stock
// clients write to each other through a proxy.
//   node cut.mjs [--cuts 50] [--seed N]
// Passes with 0 lost, 0 duplicated, 0 reordered at the stock client.
import { parseArgs } from 'node:util';
import { Chatd } from '../lib/chatd.mjs';
import { Checker, faults, summary } from './lib/checker.mjs';
import { Proxy } from './lib/proxy.mjs';
import { random } from './lib/random.mjs';
import { openPage, startSender, until } from './lib/users.mjs';

const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
  },
});
console.log(`seed ${values.seed}`);
const next = random(Number(values.seed));
const pick = (list) => list[Math.floor(next() * list.length)];

// A short heartbeat, so that silence is noticed within the test's time.
const chatd = await new Chatd(['--log-level', 'warning', '--ping-interval', '1000', '--ping-timeout', '1000']).start();
const proxy = await new Proxy(chatd.port).listen();
const checker = new Checker();
const kinds = ['websocket', 'polling', 'upgrade'];
const receivers = kinds.map((transport) => openPage({ port: proxy.port, user: `to-${transport}`, transport, checker }));
const senders = kinds.map((transport) =>
  openPage({ port: proxy.port, user: `from-${transport}`, transport, checker, options: { retries: 1_000_000, ackTimeout: 1500 } }));
const pages = [...receivers, ...senders];
await until(() => pages.every(({ socket }) => socket.connected), { deadlineMs: 10_000 });
const streams = senders.map(({ socket, user }) =>
  startSender({ socket, user, receivers: receivers.map((r) => r.user), checker, perSecond: 50, stopAfter: Infinity }));

const done = {};
for (let i = 0; i < Number(values.cuts); ++i) {
  const kind = pick(['reset', 'reset', 'fin', 'fin', 'half', 'silence', 'trickle']);
  done[kind] = (done[kind] ?? 0) + 1;
  const share = pick([0.2, 0.5, 1]);
  proxy.cut(kind, () => next() < share);
  await new Promise((resolve) => setTimeout(resolve, next() * 1500));  // cuts fall at any point
  if (kind === 'silence' || kind === 'trickle' || kind === 'half') {
    await new Promise((resolve) => setTimeout(resolve, next() * 2500));
    proxy.heal();
  }
}
streams.forEach((stream) => stream.stop());
proxy.heal();
await until(() => streams.every((stream) => stream.waiting === 0), {
  deadlineMs: 60_000,
  describe: () => `${streams.map((s) => s.waiting)} emits still wait for an answer`,
});
await until(() => checker.undelivered().length === 0, { deadlineMs: 20_000 }).catch(() => {});

const stored = (await Promise.all(receivers.map(({ user }) => chatd.stored(user)))).flat();
const report = checker.report(stored);
console.log(`${values.cuts} cuts (${JSON.stringify(done)}): ${summary(report)}`);
for (const { socket } of pages) socket.close();
await proxy.close();
await chatd.close();
const broken = faults(report);
for (const kind of broken) console.log(`${kind}: ${report[kind].slice(0, 5).join('; ')}`);
process.exitCode = broken.length ? 1 : 0;
