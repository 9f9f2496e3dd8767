// The end of a fault test: everything is healed, senders wait for their answers, and what came of it
// is compared.
import assert from 'node:assert/strict';
import { faults, summary } from './checker.mjs';
import { quietMs } from './form.mjs';
import { sleep, until } from './users.mjs';

// Stops the streams and waits until all is answered and delivered, or until that stands still.
// `stored` gives what a user's log holds; `users` are those whose logs hold everything once.
export async function settle({ checker, streams, server, users, deadlineMs = 60_000 }) {
  for (const stream of streams) stream.stop();
  await until(() => streams.every((stream) => stream.waiting === 0), {
    deadlineMs,
    describe: () => `still wait for an answer: ${streams.map(String).join(', ')}`,
  });
  await arrived(checker);
  await sleep(quietMs);
  const stored = [];
  for (const user of users) stored.push(...(await server.stored(user)));
  return checker.report(stored);
}

// Until all that is acked is delivered, or nothing more has come for some seconds.
export async function arrived(checker, patienceMs = 5000) {
  let least = checker.waiting;
  let since = performance.now();
  while (checker.waiting > 0 && performance.now() - since < patienceMs) {
    await sleep(20);
    if (checker.waiting < least) {
      least = checker.waiting;
      since = performance.now();
    }
  }
}

export function assertWhole(t, report, more = '') {
  t.diagnostic(`${summary(report)}${more && `; ${more}`}`);
  assert.ok(report.acked > 0, 'nothing was sent');
  assert.deepEqual(faults(report), {});
}

// A control: the protection is off, so `kind` must show, or the harness is blind.
export function assertBroken(t, report, kind) {
  t.diagnostic(`control: ${summary(report)}`);
  assert.ok(report.acked > 0, 'nothing was sent');
  assert.notEqual(report[kind].length, 0, `no ${kind} without the protection: this test cannot tell`);
}
