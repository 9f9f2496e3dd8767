// What security rests on is on the disk before anybody is told so.
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Chatd, OPERATOR, folder, token } from "./lib/chatd.mjs";

const SHIM = process.env.FAILING_SYNC ?? "build/tests/preload/failing_sync.so";

// A folder for chatd, whose syncs of `file` can be told to fail.
function failing_disk(t, file) {
  const dir = folder(t);
  const [trigger, record] = ["fails", "record"].map((name) => join(dir, name));
  return {
    dir,
    env: {
      LD_PRELOAD: SHIM,
      FAILING_SYNC_FILES: join(dir, file),
      FAILING_SYNC_TRIGGER: trigger,
      FAILING_SYNC_RECORD: record,
    },
    fail: () => writeFileSync(trigger, ""),
    heal: () => rmSync(trigger),
    syncs: () => (existsSync(record) ? readFileSync(record, "latin1") : ""),
    lines: () => readFileSync(join(dir, file), "utf8").split("\n").filter((line) => line !== ""),
  };
}

const revoke = (chatd, tokenId) =>
  chatd.json("POST", "/v1/revocations", { token: OPERATOR, body: { tokenId } });
const taken_back = async (chatd, jti) =>
  (await chatd.json("GET", "/v1/conversations", { token: token({ jti }) })).data.code === "token_revoked";

test("a revocation is synced before it is answered, and refused where that fails", async (t) => {
  const disk = failing_disk(t, "chat.db.revocations");
  const { dir, env } = disk;
  const first = await Chatd.start(t, { dev: false, dir, env });
  assert.equal((await revoke(first, "one")).status, 204);
  assert.equal(disk.syncs(), "o");

  disk.fail();
  const refused = await revoke(first, "two");
  assert.deepEqual([refused.status, refused.data.code, refused.data.detail], [503, "unavailable", undefined]);
  assert.equal(disk.syncs(), "of");
  assert.equal(disk.lines().length, 1, "nothing is left of it");
  assert.equal(await taken_back(first, "two"), true, "it holds until a restart");
  disk.heal();
  assert.equal((await revoke(first, "three")).status, 204);
  assert.equal(disk.syncs(), "ofo");
  await first.stop("SIGKILL");

  const second = await Chatd.start(t, { dev: false, dir, env });
  const held = [];
  for (const jti of ["one", "two", "three"]) held.push(await taken_back(second, jti));
  assert.deepEqual(held, [true, false, true]);
});

// [what, the file that is synced, what the line says]
for (const [what, file, says] of [
  ["the file of revocations", "chat.db.revocations.new", /chat\.db\.revocations\.new: /],
  ["the folder it is put in", ".", /chat\.db\.revocations: /],
  ["the key that clients resume by", "chat.db.recovery-key", /chat\.db\.recovery-key: cannot write/],
]) {
  test(`chatd does not start where a sync fails of ${what}`, async (t) => {
    const disk = failing_disk(t, file);
    disk.fail();
    const start = () => Chatd.start(t, { dev: false, dir: disk.dir, env: disk.env });
    const failed = await start().catch((error) => error);
    assert.match(String(failed), /chatd ended with 3: chatd: /);
    assert.match(String(failed), says);
    assert.match(disk.syncs(), /f/);
    disk.heal();
    await start();
  });
}
