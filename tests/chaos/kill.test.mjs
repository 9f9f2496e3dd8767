// T1: chatd is killed with SIGKILL again and again under load: nothing is lost, doubled or reordered
// for stock clients on either side. CHAOS_PEER=node runs the same against Socket.IO's own server,
// with its connection state recovery, see peers/node.mjs.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { NodePeer } from './lib/node_peer.mjs';
import { crashes } from './lib/crashes.mjs';
import { full, seed, size } from './lib/form.mjs';
import { assertBroken, assertWhole } from './lib/outcome.mjs';
import { random } from '../lib/random.mjs';

const load = { pairs: size('PAIRS', 10, 20), rate: size('RATE', 300, 1000), random: random(seed) };
const kill = (server) => server.signal('SIGKILL');

async function start(t) {
  const server = process.env.CHAOS_PEER === 'node' ? new NodePeer() : new Chatd(['--log-level', 'warning']);
  t.after(() => server.close());
  return server.start();
}

it('loses nothing when it is killed under load', async (t) => {
  const rounds = size('KILLS', 10, 200);
  const { report, figures, startMs } = await crashes({ ...load, server: await start(t), rounds, end: kill });
  assertWhole(t, report, `${rounds} kills, seed ${seed}: ${figures}`);
  if (full) assert.ok(Math.max(...startMs) < 1000, 'listening again within a second');
});

it('control: pages that resume nothing miss messages', async (t) => {
  const { report } = await crashes({ ...load, server: await start(t), rounds: 3, end: kill, forgetful: true });
  assertBroken(t, report, 'undelivered');
});
