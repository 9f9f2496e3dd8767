// What a client does not finish has a deadline: seconds each, all at once.
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Chatd, OPERATOR, Socket, exchange, frame, silent, sleep, token, watch } from "./lib/chatd.mjs";

const POLL = "/socket.io/?EIO=4&transport=polling";
const turned_away = (chatd, reason) =>
  chatd.metric(`chatd_turned_away_total{reason="${reason}"}`, OPERATOR);

describe("deadlines", { concurrency: true }, () => {
  test("T23: who does not say who they are is gone after 10 s and cannot crowd others out", async (t) => {
    const args = ["--unauthenticated-max", "50", "--handshakes-per-address", "0",
      "--connections-per-address", "0"];
    const chatd = await Chatd.start(t, { dev: false, args });
    const ann = await Socket.join(chatd.port, { token: token() });
    await ann.next('42["ready"');
    const statuses = [];
    for (let i = 0; i < 60; i++) statuses.push((await chatd.request("GET", POLL)).status);
    assert.equal(statuses.filter((status) => status === 200).length, 50);
    assert.equal(statuses.at(-1), 503);
    const began = Date.now();
    assert.equal((await ann.ask("presence", { userIds: [] })).ok, true, "who is in is served");
    while ((await chatd.metric("chatd_sessions", OPERATOR)) > 1) await sleep(200);
    const took = Date.now() - began;
    assert.ok(took > 7000 && took < 14000, `gone after ${took} ms`);
    const bob = await Socket.join(chatd.port, { token: token({ sub: "bob" }) });
    assert.match(await bob.next('42["ready"'), /bob/, "and there is room again");
    assert.equal(await turned_away(chatd, "unauthenticated"), 10);
  });

  test("T24: slow requests end at their deadlines, and hold nobody up", async (t) => {
    const chatd = await Chatd.start(t);
    const ann = await Socket.join(chatd.port, { user: "ann" });
    await ann.next('42["ready"');
    const kinds = {
      silent: [4, 8, () => {}],
      head: [4, 8, drip("GET / HTTP/1.1\r\nHost: x\r\nX: ")],
      next: [4, 8, drip("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nX: ")],
      body: [9, 14, drip("POST /v1/messages HTTP/1.1\r\nHost: x\r\n" +
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n")],
    };
    const each = Number(process.env.CHATD_TEST_SLOW ?? 30);
    const slow = Object.entries(kinds).map(async ([kind, [least, most, begin]]) => {
      const all = Array.from({ length: each }, async () => {
        const one = await silent(chatd.port);
        const began = Date.now();
        begin(one);
        await one.over;
        return (Date.now() - began) / 1000;
      });
      for (const took of await Promise.all(all)) {
        assert.ok(took > least && took < most, `${kind}: ${took} s`);
      }
    });
    const others = watch(ann, 100);
    await Promise.all(slow).finally(others.stop);
    t.diagnostic(`others waited ${others.worst.toFixed(1)} ms at most, of ${others.answered}`);
    assert.ok(others.answered >= 20, `${others.answered} answers to others meanwhile`);
    assert.equal(await chatd.metric('chatd_turned_away_total{reason="slow_request"}'), 3 * each);
  });

  test("T24: a message that is not finished in 20 s ends the connection, whatever else comes", async (t) => {
    const chatd = await Chatd.start(t);
    const [quiet, ...slow] = await Promise.all(
      ["ann", "ben", "cat", "dan"].map((user) => Socket.join(chatd.port, { user })));
    await Promise.all([quiet, ...slow].map((one) => one.next('42["ready"')));
    const message = frame(1, Buffer.alloc(100, "x"));
    const [half, dripped, fragmented] = slow;
    half.socket.write(message.subarray(0, 3));
    dripped.socket.write(message.subarray(0, 3));
    fragmented.socket.write(Buffer.concat([frame(1, Buffer.from("42"), { fin: false })]));
    const timer = setInterval(() => {
      if (!dripped.closed) dripped.socket.write("x");
      if (!fragmented.closed) fragmented.socket.write(frame(9, Buffer.from("still here")));
    }, 1000);
    t.after(() => clearInterval(timer));
    // A control frame in two pieces is over when it is over.
    const pong = frame(10, Buffer.from("x"));
    quiet.socket.write(pong.subarray(0, 3));
    await chatd.metric("chatd_sessions"); // a turn of chatd's later
    quiet.socket.write(pong.subarray(3));
    const began = Date.now();
    await Promise.all(slow.map((one) => one.end(60_000)));
    assert.ok(Date.now() - began > 19_000, "it had its time");
    assert.deepEqual(slow.map((one) => one.closeCode), [1008, 1008, 1008]);
    assert.equal(await turned_away(chatd, "slow_request"), 3);
    assert.equal(quiet.closed, false, "who sends nothing is not slow");
  });

  test("T24: an upgrade without a probe ends too", async (t) => {
    const chatd = await Chatd.start(t);
    const poll = await chatd.request("GET", POLL);
    const { sid } = JSON.parse(poll.body.slice(1));
    const probe = await Socket.open(chatd.port, {
      path: `/socket.io/?EIO=4&transport=websocket&sid=${sid}`,
    });
    assert.equal(probe.response.status, 101);
    const began = Date.now();
    await probe.end(20000);
    assert.equal(probe.closed, true, "no probe");
    assert.ok(Date.now() - began < 14000);
  });

  test("a session whose POST does not come in time is over", async (t) => {
    const chatd = await Chatd.start(t);
    const poll = await chatd.request("GET", POLL);
    const path = `${POLL}&sid=${JSON.parse(poll.body.slice(1)).sid}`;
    const headers = { "Content-Type": "text/plain" };
    assert.equal((await chatd.request("POST", path, { body: "40", headers })).status, 200);
    assert.equal(await chatd.metric("chatd_sessions"), 1);
    const late = await exchange(chatd.port, `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n42`);
    assert.equal(late.status, 408);
    assert.equal(await chatd.metric("chatd_sessions"), 0);
  });

  test("who reads nothing for 10 s is closed, and who reads slowly is not", async (t) => {
    const chatd = await Chatd.start(t);
    const get = "GET /socket.io/socket.io.js.map HTTP/1.1\r\nHost: x\r\n\r\n";
    const open = async () => {
      const one = await silent(chatd.port);
      t.after(() => one.destroy());
      one.pause().write(get.repeat(400));
      return one;
    };
    const slow = await open();
    await chatd.metricWhen("chatd_queued_bytes", (bytes) => bytes > 0);
    await open();
    // Some megabytes at a time: of less the system does not say that there is room for more.
    let room = 0;
    slow.on("data", (bytes) => {
      room -= bytes.length;
      if (room < 0) slow.pause();
    });
    const closed = () => chatd.metric("chatd_slow_readers_closed_total");
    for (let i = 0; i < 15 && (await closed()) === 0; i++) {
      room = 6 << 20;
      slow.resume();
      await sleep(1000);
    }
    assert.equal(await closed(), 1);
    assert.equal(await turned_away(chatd, "slow_reader"), 1);
    assert.ok((await chatd.metric("chatd_queued_bytes")) > 0, "something still waits");
  });
});

// Sends `text`, then a byte each second.
function drip(text) {
  return (socket) => {
    socket.write(text);
    const timer = setInterval(() => socket.write("x"), 1000);
    socket.on("close", () => clearInterval(timer));
  };
}
