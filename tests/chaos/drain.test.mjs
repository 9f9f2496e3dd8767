// T16: SIGTERM under load: what was taken is committed and answered, the process ends with 0 in time,
// and stock clients come back to the next one by themselves, with nothing lost, doubled or reordered.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { crashes } from './lib/crashes.mjs';
import { seed, size } from './lib/form.mjs';
import { assertBroken, assertWhole } from './lib/outcome.mjs';
import { random } from '../lib/random.mjs';

const load = { pairs: size('PAIRS', 10, 20), rate: size('RATE', 300, 1000), random: random(seed) };
const terminate = async (server) => assert.equal(await server.signal('SIGTERM'), 0, server.log.slice(-5).join('\n'));

async function start(t) {
  const server = new Chatd(['--log-level', 'warning']);
  t.after(() => server.close());
  return server.start();
}

it('loses nothing when it is told to end under load', async (t) => {
  const rounds = size('DRAINS', 5, 20);
  const { report, figures, endMs } = await crashes({ ...load, server: await start(t), rounds, end: terminate });
  assertWhole(t, report, `${rounds} drains, seed ${seed}: ${figures}`);
  // 5 s is what clients have to take the rest (drain-timeout); the machine may be busy.
  assert.ok(Math.max(...endMs) < 10_000, `the slowest end took ${Math.max(...endMs)} ms`);
});

it('control: pages that resume nothing miss messages', async (t) => {
  const { report } = await crashes({ ...load, server: await start(t), rounds: 3, end: terminate, forgetful: true });
  assertBroken(t, report, 'undelivered');
});
