// The backup of docs/operating.md, taken while messages come.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { Chatd } from '../lib/chatd.mjs';
import { open } from '../lib/clients.mjs';

const page = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8');
const [, command] = page.match(/```sh\n(.*VACUUM INTO.*)\n```/);

it('has all that was acked when it began, for its owner alone, and chatd goes on from it', async (t) => {
  const chatd = await new Chatd().start();
  t.after(() => chatd.close());
  const ann = await open(chatd, 'ann', 'websocket');
  const acked = [];
  let over = false;
  const writing = Promise.all(Array.from({ length: 50 }, async (_, i) => {
    for (let n = 0; !over; n++) {
      const { message } = await ann.send('bob', `${i} ${n} ${'x'.repeat(1000)}`);
      acked.push(message._id);
    }
  }));
  await ann.until(() => ann.got.message_sent.length > 2000, { what: '2,000 messages' });

  const before = acked.length;
  await promisify(execFile)('sh', ['-c', command.replaceAll('chatd.db', 'chat.db')], { cwd: chatd.folder });
  const after = acked.length;
  over = true;
  await writing;
  assert.ok(after > before, 'messages came meanwhile');
  const copy = join(chatd.folder, 'copy.db');
  assert.equal(statSync(copy).mode & 0o777, 0o600);

  const folder = mkdtempSync(join(tmpdir(), 'chatrt-backup-'));
  t.after(() => rmSync(folder, { recursive: true }));
  copyFileSync(copy, join(folder, 'chat.db'));
  chmodSync(join(folder, 'chat.db'), 0o600);
  const other = await new Chatd([], { folder }).start();
  t.after(() => other.close());
  const stored = await other.stored('bob');
  const ids = stored.map((message) => message._id);
  assert.deepEqual(ids.slice(0, before).sort(), acked.slice(0, before).sort());
});
