// The end of the process, with work under way that the Hub does not know of.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { CHATD, Chatd, OPERATOR, folder, silent, sleep } from "./lib/chatd.mjs";

const SHIM = process.env.FAILING_SYNC ?? "build/tests/preload/failing_sync.so";

test("a sync that outlasts the client and the shards is waited for", async (t) => {
  const dir = folder(t);
  const [hold, record] = ["hold", "record"].map((name) => join(dir, name));
  const env = {
    LD_PRELOAD: SHIM,
    FAILING_SYNC_FILES: join(dir, "chat.db.revocations"),
    FAILING_SYNC_HOLD: hold,
    FAILING_SYNC_RECORD: record,
  };
  const chatd = await Chatd.start(t, { dev: false, dir, env });
  writeFileSync(hold, "");
  const caller = await silent(chatd.port);
  const body = JSON.stringify({ userId: "ann" });
  caller.write(
    `POST /v1/revocations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${OPERATOR}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  while (!existsSync(record)) await sleep(10);
  caller.destroy();

  chatd.process.kill("SIGTERM");
  await chatd.logged(1, ({ event }) => event === "drain");
  // Time in which it would end, if it did not wait: nothing says that it does.
  const early = await Promise.race([chatd.ended.then(() => true), sleep(1000)]);
  assert.notEqual(early, true, "it waits");
  chatd.process.kill("SIGHUP"); // which is for those that run
  rmSync(hold);
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
