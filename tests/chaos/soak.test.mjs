// T35: clients that come, chat and go, for a long time, over every transport: memory, descriptors,
// sessions and the write-ahead log stay what they were. Twenty seconds here; the whole hour is
//   SOAK_SECONDS=3600 SOAK_CLIENTS=20 SOAK_STAY_MS=150 CHATD=... node --test tests/chaos/soak.test.mjs
// with some 240,000 sessions, so that what is kept of those that were is full after its first half.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { Chatd } from '../lib/chatd.mjs';
import { transports } from '../lib/clients.mjs';
import { randomBelow } from '../lib/random.mjs';
import { seed } from './lib/form.mjs';

const seconds = Number(process.env.SOAK_SECONDS ?? 20);
const clients = Number(process.env.SOAK_CLIENTS ?? 60);
const stayMs = Number(process.env.SOAK_STAY_MS ?? 3000);
const notesMax = 131_072; // of sessions, kept for those who come back; see docs/decisions/recovery.md
const sampleMs = Math.max(1000, (seconds * 1000) / 30);

const next = randomBelow(seed);
const counts = { sessions: 0, sent: 0, acked: 0, posted: 0, dropped: 0, refused: 0 };

// One client after another, each for a while, until it is over.
async function seat(chatd, number, over) {
  const names = Object.keys(transports);
  while (!over.aborted) {
    const user = `user${number}`;
    const socket = io(chatd.url, { transports: transports[names[next(names.length)]], forceNew: true, reconnection: false });
    counts.sessions++;
    try {
      await socket.timeout(20_000).emitWithAck('register', user);
      for (const leave = Date.now() + next(2 * stayMs); Date.now() < leave && !over.aborted;) {
        const message = { selectedUser: `user${next(clients)}`, textMessage: 'x'.repeat(1 + next(400)) };
        if (next(5) === 0) {
          const { status } = await chatd.post({ senderId: user, ...message });
          assert.equal(status, 200);
          counts.posted++;
        } else {
          counts.sent++;
          const answer = await socket.timeout(20_000).emitWithAck('send_message', message);
          assert.equal(answer.ok, true, JSON.stringify(answer));
          counts.acked++;
        }
        await sleep(next(200));
      }
      // Some say nothing when they go.
      if (next(3) === 0) {
        counts.dropped++;
        socket.io.engine.transport.ws?.terminate?.();
        socket.io.engine.close();
      }
    } finally {
      socket.close();
    }
  }
}

const metric = (text, name) => Number(text.match(new RegExp(`^${name} (\\S+)`, 'm'))[1]);

async function sample(chatd) {
  const { text } = await chatd.request('GET', '/metrics');
  const status = readFileSync(`/proc/${chatd.pid}/status`, 'utf8');
  const wal = join(chatd.folder, 'chat.db-wal');
  return {
    rssKb: Number(/VmRSS:\s+(\d+)/.exec(status)[1]),
    files: readdirSync(`/proc/${chatd.pid}/fd`).length,
    threads: readdirSync(`/proc/${chatd.pid}/task`).length,
    sessions: metric(text, 'chatd_sessions'),
    messages: metric(text, 'chatd_messages_committed_total'),
    walKb: statSync(wal, { throwIfNoEntry: false })?.size / 1024 || 0,
  };
}

it('stays what it was while clients come and go', { timeout: (seconds + 120) * 1000 }, async (t) => {
  const chatd = await new Chatd(['--presence-grace', '100', '--shards', '4']).start();
  t.after(() => chatd.close());
  const before = await sample(chatd);
  const over = new AbortController();
  const seats = Array.from({ length: clients }, (_, i) => seat(chatd, i, over.signal));
  const all = Promise.all(seats);
  const samples = [];
  for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
    await Promise.race([sleep(sampleMs), all]); // a seat that fails ends it
    samples.push(await sample(chatd));
  }
  over.abort();
  await all;
  for (const one of [before, ...samples]) t.diagnostic(JSON.stringify(one));
  t.diagnostic(JSON.stringify({ seed, ...counts }));

  // Who dropped is gone with the ping timeout at the latest.
  let after;
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(200)) {
    after = await sample(chatd);
    if (after.sessions === 0 && after.files === before.files) break;
  }
  assert.deepEqual([after.sessions, after.files, after.threads], [0, before.files, before.threads]);
  assert.equal(after.messages, counts.acked + counts.posted);
  assert.ok(counts.sessions > clients && counts.dropped > 0, 'there was a churn');
  assert.ok(Math.max(...samples.map((one) => one.walKb)) < 64 * 1024);
  // What is kept for those who resume and the page caches fill up first; sanitizers keep what is freed.
  if (process.env.CHATD_TEST_MEMORY === 'off') return;
  const mostKb = Math.max(...samples.map((one) => one.rssKb));
  assert.ok(mostKb - before.rssKb < 96 * 1024, `${mostKb} KB`);
  const grownKb = (since) => samples.at(-1).rssKb - samples[Math.floor(samples.length * since)].rssKb;
  t.diagnostic(`${grownKb(1 / 2)} KB more in the second half, ${grownKb(3 / 4)} in the last quarter`);
  if (seconds < 600) return;
  assert.ok(grownKb(1 / 2) < 8192, 'in the second half');
  if (counts.sessions < 1.5 * notesMax) return; // some of the growth is what is still to fill
  assert.ok(grownKb(3 / 4) < 1536, 'in the last quarter');
});
