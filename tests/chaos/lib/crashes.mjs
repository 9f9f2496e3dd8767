// Load between stock clients of both transports, while the server ends again and again.
import { settle } from './outcome.mjs';
import { retrying, sleep, Stream, until, User } from './users.mjs';
import { Checker } from './checker.mjs';

// Ends `server` `rounds` times by `end(server)` and starts it again, at `rate` messages a second from
// `pairs` senders to as many receivers. Returns the report and the figures.
export async function crashes({ server, rounds, end, pairs, rate, random, forgetful = false }) {
  const checker = new Checker();
  const open = (user, transport, options) =>
    new User({ port: server.port, user, transport, checker, options, forgetful });
  const either = (odd) => (odd ? 'polling' : 'websocket');
  const receivers = Array.from({ length: pairs }, (_, i) => open(`receiver${i}`, either(i % 2)));
  // With `retries` an emit waits for the one before it, so a `register` would wait for the message it
  // is needed for, where nothing is recovered. Senders say who they are in the handshake.
  const senders = Array.from({ length: pairs }, (_, i) =>
    open(`sender${i}`, either((i + (i >> 1)) % 2), { ...retrying, query: { userId: `sender${i}` } }));
  const users = [...receivers, ...senders];
  try {
    await until(() => users.every((user) => user.socket.connected));
    const began = performance.now();
    const streams = senders.map((from, i) =>
      new Stream({ from, receivers: [receivers[i].user], checker, perSecond: rate / pairs }));
    const startMs = [];
    const endMs = [];
    for (let round = 0; round < rounds; ++round) {
      const target = checker.ackedCount + rate / 2;
      await until(() => checker.ackedCount >= target, {
        describe: () => `${checker.ackedCount} of ${target} acked after round ${round}`,
      });
      await sleep(random() * 200); // at any point of the load
      const ending = performance.now();
      await end(server);
      endMs.push(performance.now() - ending);
      await server.start();
      startMs.push(server.startMs);
    }
    const perSecond = checker.ackedCount / ((performance.now() - began) / 1000);
    const report = await settle({ checker, streams, server, users: receivers.map(({ user }) => user), deadlineMs: 120_000 });
    const count = (what) => users.reduce((sum, user) => sum + what(user), 0);
    const reconnects = count((user) => user.connects - 1);
    const figures = `${perSecond.toFixed(0)} acked a second over all; recovered ${count((user) => user.recovered)} of ` +
      `${reconnects} reconnects; to the end ${spread(endMs)}, from start to listening ${spread(startMs)}`;
    return { report, figures, startMs, endMs };
  } finally {
    for (const user of users) user.close();
  }
}

function spread(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return `${sorted[sorted.length >> 1].toFixed(0)} ms (median) ${sorted.at(-1).toFixed(0)} ms (worst)`;
}
