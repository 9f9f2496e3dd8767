// What the counters and gauges of connections say, before and after.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Chatd, Socket, frame } from "./lib/chatd.mjs";

test("each request and each byte sent is counted", async (t) => {
  const chatd = await Chatd.start(t);
  const names = ["chatd_http_requests_total", "chatd_sent_bytes_total"];
  const look = async () => {
    const { text, body } = await chatd.request("GET", "/metrics");
    const values = names.map((name) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(body)[1]));
    return { values, bytes: text.length };
  };
  const before = await look();
  let bytes = before.bytes;
  for (const path of ["/healthz", "/nowhere", "/socket.io/?EIO=4&transport=polling"]) {
    bytes += (await chatd.request("GET", path)).text.length;
  }
  const after = await look();
  assert.deepEqual(names.map((_, i) => after.values[i] - before.values[i]), [4, bytes]);
});

test("a WebSocket is counted while it is open, whoever ends it", async (t) => {
  const chatd = await Chatd.start(t);
  const ends = {
    "the client, at once": (one) => one.drop(),
    "the client, in order": (one) => one.socket.write(frame(8, Buffer.from([0x03, 0xe8]))),
    "the client, by a violation": (one) => one.socket.write(frame(3, Buffer.from("x"))),
    "the server": (one) => one.send("42{}"),
  };
  for (const [who, end] of Object.entries(ends)) {
    const one = await Socket.join(chatd.port, { user: "ann" });
    await one.next('42["ready"');
    assert.equal(await chatd.metric("chatd_websockets"), 1, who);
    end(one);
    assert.equal(await chatd.metricWhen("chatd_websockets", (count) => count !== 1), 0, who);
  }
});
