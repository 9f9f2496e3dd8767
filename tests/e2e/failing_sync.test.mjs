// T3: the disk fails a sync of the database. chatd ends with 4 and has acked nothing that the file
// does not hold; clients come back to the next process by themselves.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { open, transports } from '../lib/clients.mjs';

const shim = process.env.FAILING_SYNC ?? 'build/tests/preload/failing_sync.so';

// A disk whose syncs of chatd's database can be told to fail.
class FailingDisk {
  folder = mkdtempSync(join(tmpdir(), 'chatrt-sync-'));
  database = join(this.folder, 'chat.db');
  #trigger = join(this.folder, 'fails');
  #record = join(this.folder, 'record');

  // `files`: those that fail, of the database's own.
  env(files = ['', '-wal', '-journal']) {
    return {
      LD_PRELOAD: shim,
      FAILING_SYNC_FILES: files.map((suffix) => this.database + suffix).join(':'),
      FAILING_SYNC_TRIGGER: this.#trigger,
      FAILING_SYNC_RECORD: this.#record,
    };
  }
  fail() {
    writeFileSync(this.#trigger, '');
  }
  heal() {
    rmSync(this.#trigger);
  }
  // A letter for each sync so far: o was done, f failed.
  get syncs() {
    return existsSync(this.#record) ? readFileSync(this.#record, 'latin1') : '';
  }
  close() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

// A text may be long.
const name = (text) => text.slice(0, 20).split(' x')[0].trimEnd();

// Sends messages, `inFlight` at a time, until one is not acked or `enough` says so. What became of
// each text: its message, the code of its refusal, or nothing, where the connection ended first.
async function stream({ from, to, inFlight, length = 0, enough = () => false }) {
  const sent = { acked: new Map(), refused: new Map(), open: new Set() };
  let count = 0;
  const send = async () => {
    while (sent.refused.size + sent.open.size === 0 && !enough(sent)) {
      const text = `message ${++count} `.padEnd(length, 'x');
      try {
        const answer = await from.send(to, text, { clientMessageId: name(text) });
        if (answer.ok) sent.acked.set(text, answer.message);
        else sent.refused.set(text, answer.error.code);
      } catch {
        sent.open.add(text); // the stock client's own error, when the transport closes
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, send));
  return sent;
}

describe('a sync of the database fails', { skip: !existsSync(shim) && `no ${shim}` }, () => {
  const ends = [];
  after(async () => {
    for (const end of ends.reverse()) await end();
  });
  async function start(files, args = []) {
    const disk = new FailingDisk();
    const chatd = new Chatd(args, { folder: disk.folder, env: disk.env(files) });
    ends.push(() => disk.close(), () => chatd.close());
    await chatd.start();
    return { disk, chatd };
  }
  // The one line that is not of the log.
  const said = (chatd) => chatd.log.filter((line) => line.startsWith('chatd: '));

  async function failsAndReturns({ transport, files, length, failAfter, inFlight = 20 }) {
    const { disk, chatd } = await start(files);
    const ann = await open(chatd, 'ann', transport);
    const bob = await open(chatd, 'bob', transport);
    let failing = false;
    const sent = await stream({ from: ann, to: 'bob', inFlight, length, enough: ({ acked }) => {
      if (acked.size >= failAfter && !failing) {
        failing = true;
        disk.fail();
      }
      return false;
    } });

    assert.equal(await chatd.exited(), 4);
    assert.ok(sent.acked.size >= failAfter);
    assert.match(disk.syncs, /^o+f$/); // and that one was not tried again
    assert.equal(said(chatd).length, 1, chatd.log.slice(-5).join('\n'));
    assert.match(said(chatd)[0], /^chatd: \S+chat\.db: a sync failed \(.*\); nothing is stored any more; check the disk/);
    for (const code of sent.refused.values()) assert.match(code, /^(unavailable|shutting_down)$/);
    // Nobody was handed what was refused.
    assert.deepEqual(bob.texts().filter((text) => sent.refused.has(text)).map(name), []);

    disk.heal();
    await chatd.start();
    for (const page of [ann, bob]) await page.until(() => page.got.ready.length === 2, { what: 'back' });
    assert.deepEqual([ann.recovered, bob.recovered], [1, 1]);
    const stored = new Map((await chatd.stored('bob')).map((message) => [message.textMessage, message]));
    for (const [text, message] of sent.acked) assert.deepEqual(stored.get(text), message, name(text));
    // What was not acked is sent again, and then everything is there once, and was handed to bob once.
    for (const text of [...sent.refused.keys(), ...sent.open]) {
      const { message } = await ann.send('bob', text, { clientMessageId: name(text) });
      assert.equal(message.textMessage, text);
    }
    const all = (await chatd.stored('bob')).map(({ textMessage }) => name(textMessage));
    assert.equal(all.length, sent.acked.size + sent.refused.size + sent.open.size);
    await bob.until(() => bob.got.receive_message.length >= all.length, { what: 'all of them' });
    assert.deepEqual(bob.texts().map(name), all);
    return sent;
  }

  for (const transport of Object.keys(transports)) {
    it(`in a commit: it ends with 4, and no ack was wrong, over ${transport}`, { timeout: 60_000 }, async () => {
      const sent = await failsAndReturns({ transport, failAfter: 100 });
      assert.ok(sent.refused.size + sent.open.size > 0, 'the sync that failed was nobody\'s');
    });
  }

  it('in a write-back: it ends with 4, and what was committed is acked', { timeout: 60_000 }, async () => {
    // 16 MiB of messages bring one about.
    await failsAndReturns({ transport: 'websocket', files: [''], length: 60_000, inFlight: 4, failAfter: 1 });
  });

  it('while the file is made: it ends with 3, and starts when the disk is well', async () => {
    const disk = new FailingDisk();
    const chatd = new Chatd([], { folder: disk.folder, env: disk.env() });
    ends.push(() => disk.close(), () => chatd.close());
    disk.fail();
    await assert.rejects(chatd.start(), /chatd ended: 3\n/);
    assert.equal(said(chatd).length, 1);
    assert.match(said(chatd)[0], /^chatd: \S+chat\.db: /);
    disk.heal();
    await chatd.start();
    assert.equal((await chatd.post({ senderId: 'ann', selectedUser: 'bob', textMessage: 'hi' })).status, 200);
  });

  it('control: as long as none fails it stays, and ends with 0', async () => {
    const { disk, chatd } = await start();
    const ann = await open(chatd, 'ann', 'websocket');
    const sent = await stream({ from: ann, to: 'bob', inFlight: 20, enough: ({ acked }) => acked.size >= 300 });
    assert.deepEqual([sent.refused.size, sent.open.size, chatd.running], [0, 0, true]);
    assert.match(disk.syncs, /^o{5,}$/); // they pass through here
    ann.close();
    assert.equal(await chatd.signal('SIGTERM'), 0);
    assert.deepEqual(said(chatd), []);
  });
});
