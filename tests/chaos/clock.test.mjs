// T20: the computer's clock jumps back and forth by hours and days under load: order is by sequence
// alone, nobody is taken for dead, nothing is lost. libfaketime moves the clock (Debian: faketime).
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { Checker } from './lib/checker.mjs';
import { size } from './lib/form.mjs';
import { assertWhole, settle } from './lib/outcome.mjs';
import { retrying, sleep, Stream, until, User } from './lib/users.mjs';

const library = readdirSync('/usr/lib')
  .map((folder) => join('/usr/lib', folder, 'faketime/libfaketimeMT.so.1'))
  .find((file) => existsSync(file));

const jumps = ['+1h', '-1h', '+1d', '-1d', '+0'];

it('keeps order and connections when the clock jumps', { skip: !library && 'no libfaketime here' }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chatrt-clock-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const offset = join(folder, 'offset');
  const set = (jump) => writeFileSync(offset, `${jump}\n`);
  set('+0');
  const env = { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: offset, FAKETIME_NO_CACHE: '1', DONT_FAKE_MONOTONIC: '1' };
  const chatd = await new Chatd(['--log-level', 'warning', '--ping-interval', '1000', '--ping-timeout', '5000'], { env }).start();
  t.after(() => chatd.close());
  const checker = new Checker();
  const transports = ['websocket', 'polling', 'upgrade'];
  const open = (user, transport, options) => new User({ port: chatd.port, user, transport, checker, options });
  const receivers = transports.map((transport) => open(`to-${transport}`, transport));
  const senders = transports.map((transport) => open(`from-${transport}`, transport, retrying));
  const users = [...receivers, ...senders];
  t.after(() => users.forEach((user) => user.close()));
  await until(() => users.every((user) => user.ready));
  const streams = senders.map((from) =>
    new Stream({ from, receivers: receivers.map(({ user }) => user), checker, perSecond: 30 }));

  const rounds = size('CLOCK_ROUNDS', 2, 20);
  for (let i = 0; i < rounds * jumps.length; ++i) {
    const target = checker.ackedCount + 50;
    set(jumps[i % jumps.length]);
    await until(() => checker.ackedCount >= target);
    await sleep(300);
  }
  const report = await settle({ checker, streams, server: chatd, users: receivers.map(({ user }) => user) });
  assertWhole(t, report, `${rounds * jumps.length} jumps`);
  assert.deepEqual(users.flatMap((user) => user.disconnects), [], 'nobody was taken for dead');
  // The control: the clock has jumped indeed, back as well, in the messages' own times.
  const times = (await chatd.stored(receivers[0].user)).map((message) => Date.parse(message.createdAt));
  const steps = times.slice(1).map((time, i) => (time - times[i]) / 3_600_000);
  assert.ok(steps.some((hours) => hours > 20) && steps.some((hours) => hours < -20), 'the clock did not jump');
});
