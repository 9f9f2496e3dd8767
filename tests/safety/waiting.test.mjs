// What waits for those who do not read, and what comes from those who are not listened to: it has
// bounds, and is counted for as long as it is there.
import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";

import { Chatd, Socket, frame } from "./lib/chatd.mjs";

const POLL = "/socket.io/?EIO=4&transport=polling";
const GET = (path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const LONG = "/socket.io/socket.io.js.map";
const SHORT = "/socket.io/socket.io.min.js"; // less than 64 KiB
const MIB = 1 << 20;
const waiting = (chatd, fits) => chatd.metricWhen("chatd_queued_bytes", fits);
const turned_away = (chatd, reason) => chatd.metric(`chatd_turned_away_total{reason="${reason}"}`);

// A connection that has asked for much and reads nothing.
async function asker(t, chatd, requests) {
  const socket = net.connect(chatd.port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.on("error", () => {}).pause();
  socket.over = new Promise((over) => socket.on("close", () => over(true)));
  await new Promise((resolve) => socket.on("connect", resolve));
  socket.write(requests);
  return socket;
}

const send = (chatd, user, bytes) =>
  chatd.json("POST", "/v1/messages", {
    body: { senderId: "zoe", selectedUser: user, textMessage: "x".repeat(bytes) },
  });
// A user who reads nothing. So many bytes wait, but for less than a message that would be too much.
async function stuck(chatd, user, bytes) {
  const one = await Socket.join(chatd.port, { user });
  await one.next('42["ready"');
  one.socket.pause();
  for (let room = bytes; room > 1500; room = bytes - (await chatd.metric("chatd_queued_bytes"))) {
    await send(chatd, user, Math.min(60_000, room - 1000));
  }
  return one;
}

test("what waits for a reader is counted until the reader has gone", async (t) => {
  const chatd = await Chatd.start(t);
  const one = await asker(t, chatd, GET(LONG).repeat(100));
  assert.ok((await waiting(chatd, (bytes) => bytes > 0)) > 0);
  one.destroy();
  assert.equal(await waiting(chatd, (bytes) => bytes === 0), 0);
});

test("when too much waits in all, who has much of it is closed and nobody else", async (t) => {
  const chatd = await Chatd.start(t, { args: ["--queue-bytes-total-max", String(MIB)] });
  const big = await stuck(chatd, "big", MIB);
  const count = 200;
  const small = [];
  for (let i = 0; i < 4; i++) small.push(await asker(t, chatd, GET(SHORT).repeat(count)));
  assert.ok((await waiting(chatd, (bytes) => bytes > MIB)) > MIB);
  assert.equal(await turned_away(chatd, "memory"), 0);

  await send(chatd, "big", 1);
  assert.equal(await turned_away(chatd, "memory"), 1);
  for (const one of small) {
    let answers = "";
    one.setEncoding("latin1").on("data", (data) => (answers += data));
    one.resume().end();
    await one.over;
    assert.equal(answers.split("HTTP/1.1 200 OK").length - 1, count);
  }
  assert.equal(await turned_away(chatd, "memory"), 1);
  big.socket.resume();
  assert.equal(await big.end(5000), true);
});

test("requests behind an answer that takes long have a bound", async (t) => {
  const chatd = await Chatd.start(t);
  const open = await chatd.request("GET", POLL);
  const path = `${POLL}&sid=${JSON.parse(open.body.slice(1)).sid}`;
  const one = await asker(t, chatd, GET(path) + GET("/healthz").repeat(30_000));
  one.resume();
  const left = await chatd.metricWhen("chatd_connections", (count) => count === 1);
  assert.equal(left, 1, "that of who asks for this");
});

test("who is refused and goes on sending is closed before long", async (t) => {
  const chatd = await Chatd.start(t);
  const one = await asker(t, chatd, "nonsense\r\n\r\n");
  const part = Buffer.alloc(MIB, "x");
  for (let sent = 0; sent < 64 && !one.destroyed; sent++) {
    if (!one.write(part)) await Promise.race([one.over, new Promise((more) => one.once("drain", more))]);
  }
  const received = await chatd.metric("chatd_received_bytes_total");
  assert.ok(received > 4 * MIB && received < 12 * MIB, `${received} bytes were read`);
});

test("pings are not answered where much waits already", async (t) => {
  const chatd = await Chatd.start(t);
  const one = await stuck(chatd, "ann", 100_000);
  const read = await chatd.metric("chatd_received_bytes_total");
  const pings = Buffer.concat(Array.from({ length: 400 }, () => frame(9, Buffer.alloc(125))));
  one.socket.write(pings);
  await chatd.metricWhen("chatd_received_bytes_total", (bytes) => bytes >= read + pings.length);
  const seen = [];
  one.socket.on("data", (bytes) => seen.push(bytes)).resume();
  assert.equal((await one.ask("presence", { userIds: [] })).ok, true);
  const pongs = Buffer.concat(seen).toString("latin1").split("\x8a\x7d").length - 1;
  assert.ok(pongs < 40, `${pongs} pongs`);
  one.drop();
});
