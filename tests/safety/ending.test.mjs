// The end of the process, with work under way that the Hub does not know of.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { CHATD, Chatd, OPERATOR, Socket, folder, silent, sleep } from "./lib/chatd.mjs";

const SHIM = process.env.FAILING_SYNC ?? "build/tests/preload/failing_sync.so";

// A chatd whose syncs of `file` wait from hold() to release().
async function slow_disk(t, file, dev) {
  const dir = folder(t);
  const [hold, record] = ["hold", "record"].map((name) => join(dir, name));
  const env = {
    LD_PRELOAD: SHIM,
    FAILING_SYNC_FILES: join(dir, file),
    FAILING_SYNC_HOLD: hold,
    FAILING_SYNC_RECORD: record,
  };
  const chatd = await Chatd.start(t, { dev, dir, env });
  return {
    chatd,
    hold: () => writeFileSync(hold, ""),
    release: () => rmSync(hold),
    waits: async () => {
      while (!existsSync(record) || !readFileSync(record, "latin1").endsWith("h")) await sleep(10);
    },
  };
}

const drain = async (chatd) => {
  chatd.process.kill("SIGTERM");
  await chatd.logged(1, ({ event }) => event === "drain");
};
const revoke = (socket) => {
  const body = JSON.stringify({ userId: "ann" });
  socket.write(
    `POST /v1/revocations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${OPERATOR}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
};
const received = (socket) => {
  let text = "";
  socket.on("data", (bytes) => (text += bytes.toString("latin1")));
  return () => text;
};
const GET = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

test("a sync that outlasts the client and the shards is waited for", async (t) => {
  const { chatd, ...disk } = await slow_disk(t, "chat.db.revocations", false);
  disk.hold();
  const caller = await silent(chatd.port);
  revoke(caller);
  await disk.waits();
  caller.destroy();

  await drain(chatd);
  // Time in which it would end, if it did not wait: nothing says that it does.
  const early = await Promise.race([chatd.ended.then(() => true), sleep(1000)]);
  assert.notEqual(early, true, "it waits");
  chatd.process.kill("SIGHUP"); // which is for those that run
  disk.release();
  assert.equal(await chatd.ended, 0);
});

test("what is being stored when chatd ends is acked, and then the connection ends", async (t) => {
  const { chatd, ...disk } = await slow_disk(t, "chat.db-wal", true);
  const ann = await Socket.join(chatd.port, { user: "ann" });
  await ann.next('42["ready"');
  disk.hold();
  ann.send('421["send_message",{"selectedUser":"bob","textMessage":"the last"}]');
  await disk.waits();

  await drain(chatd);
  // Time in which it would be closed, if it were.
  await Promise.race([ann.end(), sleep(300)]);
  assert.equal(ann.closed, false, "it waits");
  disk.release();
  assert.match((await ann.next("431[")) ?? "closed", /"ok":true/);
  await ann.end();
  assert.equal(await chatd.ended, 0);
});

test("a request that is answered while chatd ends is the last of its connection", async (t) => {
  const { chatd, ...disk } = await slow_disk(t, "chat.db.revocations", false);
  const [idle, caller] = [await silent(chatd.port), await silent(chatd.port)];
  const [idles, answer] = [received(idle), received(caller)];
  idle.write(GET);
  while (!idles().includes('{"ok":true}')) await sleep(10);
  assert.match(idles(), /\r\nConnection: keep-alive\r\n/);
  disk.hold();
  revoke(caller);
  await disk.waits();

  await drain(chatd);
  await idle.over;
  disk.release();
  await caller.over;
  assert.match(answer(), /^HTTP\/1\.1 204 .*\r\nConnection: close\r\n/s);
  assert.equal(await chatd.ended, 0);
});

test("who is not done within drain-timeout is left behind", async (t) => {
  const chatd = await Chatd.start(t, { args: ["--drain-timeout", "300"] });
  const slow = await silent(chatd.port);
  const answer = received(slow);
  slow.write(
    "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
      "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
  );
  while (answer() === "") await sleep(10);

  await drain(chatd);
  await slow.over;
  // By its own deadline, of 10 s, it would be told so.
  assert.equal(answer(), "HTTP/1.1 100 Continue\r\n\r\n");
  assert.equal(await chatd.ended, 0);
});

test("without standard descriptors, the log goes into no file of the database's", async (t) => {
  const dir = folder(t);
  const command = 'exec "$0" --dev --port 0 --db chat.db --log-level debug <&- >&- 2>&-';
  const chatd = spawn("sh", ["-c", command, CHATD], { cwd: dir, stdio: "ignore" });
  const ended = new Promise((resolve) => chatd.on("exit", resolve));
  t.after(() => chatd.kill("SIGKILL"));
  const files = ["chat.db-lock", "chat.db-wal", "chat.db.position", "chat.db.sessions"].map((name) => join(dir, name));
  while (!files.every(existsSync)) await sleep(10);
  chatd.kill("SIGTERM");
  await ended;
  for (const file of files.filter(existsSync)) assert.ok(!readFileSync(file).includes('{"time":'), file);
});

test("with too few descriptors to start, chatd says so in one line", async (t) => {
  const dir = folder(t);
  for (const descriptors of [8, 10, 12, 14, 16]) {
    const command = `ulimit -n ${descriptors}; exec "$0" --dev --port 0 --db chat.db`;
    const chatd = spawn("sh", ["-c", command, CHATD], { cwd: dir, stdio: ["ignore", "ignore", "pipe"] });
    t.after(() => chatd.kill("SIGKILL"));
    let text = "";
    for await (const part of chatd.stderr) text += part;
    const code = chatd.exitCode ?? (await new Promise((resolve) => chatd.once("exit", resolve)));
    assert.ok(code === 2 || code === 3, `${descriptors}: ${code}`);
    assert.match(text, /^chatd: [^\n]+\n$/);
  }
});
