// Requests that are sent without waiting for the answers before them: each is answered, in order, and
// costs others and the memory no more than one that waits.
import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";

import { Chatd } from "./lib/chatd.mjs";

const GET = (path, more = "") => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
const LONG = "/socket.io/socket.io.js.map";

// A connection that counts the answers to it; `paused`: what comes stays where it is.
async function client(t, chatd, { paused = false } = {}) {
  const socket = net.connect(chatd.port, "127.0.0.1");
  t.after(() => socket.destroy());
  await new Promise((resolve) => socket.on("connect", resolve));
  const it = { socket, statuses: [], text: "", waiting: [] };
  socket.setEncoding("latin1");
  if (paused) socket.pause();
  socket.on("data", (data) => {
    it.text += data;
    const heads = [...it.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)];
    it.statuses.push(...heads.map((head) => Number(head[1])));
    if (heads.length > 0) it.text = it.text.slice(-12);
    for (const one of it.waiting.splice(0)) one();
  });
  it.answers = async (count) => {
    while (it.statuses.length < count) await new Promise((resolve) => it.waiting.push(resolve));
  };
  return it;
}

test("a connection whose next request is never whole takes no memory for those before it", async (t) => {
  const chatd = await Chatd.start(t);
  const one = await client(t, chatd);
  const before = chatd.rss();
  const begin = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ";
  one.socket.write(begin);
  for (let i = 1; i <= 4000; i++) {
    one.socket.write(`${"x".repeat(15_900)}\r\n\r\n${begin}`);
    await one.answers(i);
  }
  const grown = chatd.rss() - before;
  t.diagnostic(`${grown} KB for 64 MB of requests`);
  assert.ok(grown < 8192, `${grown} KB`);
});

test("many short requests for long answers take the memory of one", async (t) => {
  const chatd = await Chatd.start(t);
  const one = await client(t, chatd, { paused: true });
  const before = chatd.rss();
  one.socket.write(GET(LONG).repeat(1000));
  const other = await client(t, chatd);
  for (let i = 1; i <= 20; i++) {
    other.socket.write(GET("/healthz"));
    await other.answers(i);
  }
  const grown = chatd.rss() - before;
  t.diagnostic(`${grown} KB for 1000 answers that wait`);
  assert.ok(grown < 16_384, `${grown} KB`);
  one.socket.resume();
  await one.answers(1000);
  assert.deepEqual([...new Set(one.statuses)], [200]);
});

test("others are answered between those of one connection", async (t) => {
  const chatd = await Chatd.start(t);
  const one = await client(t, chatd);
  const other = await client(t, chatd);
  const count = 15_000;
  one.socket.write(GET("/healthz").repeat(count));
  await one.answers(1);
  other.socket.write(GET("/healthz"));
  await other.answers(1);
  t.diagnostic(`after ${one.statuses.length} of ${count}`);
  assert.ok(one.statuses.length < count);
  await one.answers(count);
  assert.equal(one.statuses.length, count);
});

test("an answer goes out before the connection goes to another shard", async (t) => {
  const chatd = await Chatd.start(t, { args: ["--shards", "2"] });
  const sids = [];
  for (let i = 0; i < 2; i++) {
    const open = await chatd.request("GET", "/socket.io/?EIO=4&transport=polling");
    sids.push(JSON.parse(open.body.slice(1)).sid);
  }
  for (const sid of sids) {
    const one = await client(t, chatd);
    one.socket.write(GET("/healthz") + GET(`/socket.io/?EIO=3&transport=polling&sid=${sid}`));
    await one.answers(2);
    assert.deepEqual(one.statuses, [200, 400]);
  }
});
