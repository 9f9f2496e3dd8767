// T1: chatd is killed with SIGKILL again and again under load, with stock clients on both sides.
//   node kill.mjs [--kills 10] [--senders 20] [--rate 1000]
// Passes with 0 lost, 0 duplicated, 0 reordered; and says how long the restarts took.
import { parseArgs } from 'node:util';
import { Chatd } from '../lib/chatd.mjs';
import { Checker, faults, summary } from './lib/checker.mjs';
import { openPage, startSender, until } from './lib/users.mjs';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '10' },
    senders: { type: 'string', default: '20' },
    rate: { type: 'string', default: '1000' },
    signal: { type: 'string', default: 'SIGKILL' },
  },
});
const kills = Number(values.kills);
const senders = Number(values.senders);
const perSender = Number(values.rate) / senders;

const chatd = await new Chatd(['--log-level', 'warning']).start();
const checker = new Checker();
const retrying = { retries: 1_000_000, ackTimeout: 3000 };
const receivers = Array.from({ length: senders }, (_, i) =>
  openPage({ port: chatd.port, user: `receiver${i}`, transport: i % 2 ? 'polling' : 'websocket', checker }));
const sending = Array.from({ length: senders }, (_, i) =>
  openPage({ port: chatd.port, user: `sender${i}`, transport: i % 2 ? 'websocket' : 'polling', checker, options: retrying }));
await until(() => [...receivers, ...sending].every(({ socket }) => socket.connected), { deadlineMs: 10_000 });

const streams = sending.map(({ socket, user }, i) =>
  startSender({ socket, user, receivers: [receivers[i].user], checker, perSecond: perSender, stopAfter: Infinity }));
const startTimes = [];
for (let i = 0; i < kills; ++i) {
  const target = checker.ackedCount + Number(values.rate) / 2;
  await until(() => checker.ackedCount >= target, {
    deadlineMs: 60_000,
    describe: () => `${checker.ackedCount} of ${target} acked after kill ${i}`,
  });
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));  // any point of the load
  await chatd.signal(values.signal);
  await chatd.start();
  startTimes.push(chatd.startMs);
}
streams.forEach((stream) => stream.stop());
await until(() => streams.every((stream) => stream.waiting === 0), {
  deadlineMs: 120_000,
  describe: () => `${streams.reduce((sum, s) => sum + s.waiting, 0)} emits still wait for an answer`,
});
await until(() => checker.undelivered().length === 0, { deadlineMs: 20_000 }).catch(() => {});

const stored = (await Promise.all(receivers.map(({ user }) => chatd.stored(user)))).flat();
const report = checker.report(stored);
const recovered = receivers.reduce((sum, { page }) => sum + (page.recovered ?? 0), 0);
const reconnects = receivers.reduce((sum, { page }) => sum + page.connects - 1, 0);
console.log(`${kills} x ${values.signal}: ${summary(report)}; receivers recovered ${recovered} of ${reconnects} reconnects; ` +
  `start to listening: median ${startTimes.sort((a, b) => a - b)[kills >> 1]?.toFixed(0)} ms, worst ${startTimes.at(-1)?.toFixed(0)} ms`);
for (const { socket } of [...receivers, ...sending]) socket.close();
await chatd.close();
const broken = faults(report);
for (const kind of broken) console.log(`${kind}: ${report[kind].slice(0, 5).join('; ')}`);
process.exitCode = broken.length ? 1 : 0;
