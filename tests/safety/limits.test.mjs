// Quotas and bounds against a real chatd: each with its answer and its count.
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";

import { Chatd, OPERATOR, Socket, frame, silent, sleep, token, watch } from "./lib/chatd.mjs";

const POLL = "/socket.io/?EIO=4&transport=polling";
const turned_away = (chatd, reason) =>
  chatd.metric(`chatd_turned_away_total{reason="${reason}"}`, OPERATOR);

test("T43: one user at a hundred times the rate is refused, and others are served", async (t) => {
  const chatd = await Chatd.start(t, { dev: false, args: ["--events-per-user", "20"] });
  const eve = await Socket.join(chatd.port, { token: token({ sub: "eve" }) });
  const ann = await Socket.join(chatd.port, { token: token({ sub: "ann" }) });
  for (const one of [eve, ann]) await one.next('42["ready"');
  const message = { selectedUser: "bob", textMessage: "x" };
  for (let i = 0; i < 2000; i++) eve.send(`42${i}` + JSON.stringify(["send_message", message]));

  assert.equal((await ann.ask("send_message", message)).ok, true);
  assert.equal(eve.closed, false, "one burst is one offence");
  await eve.next("431999[");
  const answers = eve.received.filter((packet) => packet.startsWith("43"));
  const taken = answers.filter((packet) => packet.includes('"ok":true'));
  assert.ok(taken.length >= 100 && taken.length < 200, `${taken.length} were taken`);
  const refused = answers.find((packet) => !packet.includes('"ok":true'));
  assert.match(refused, /"code":"rate_limited".*"retryAfterMs":\d+/);
  assert.ok((await chatd.metric('chatd_refused_total{code="rate_limited"}', OPERATOR)) > 1700);
  assert.ok(chatd.lines.length < 400, "the log is not flooded");

});

test("API calls take from the same quota", async (t) => {
  const chatd = await Chatd.start(t, { dev: false, args: ["--events-per-user", "1"] });
  let http = { status: 200 };
  for (let i = 0; i < 20 && http.status === 200; i++) {
    http = await chatd.json("GET", "/v1/conversations", { token: token() });
  }
  assert.equal(http.status, 429);
  assert.equal(http.data.code, "rate_limited");
  assert.ok(Number(http.headers["retry-after"]) >= 1);
  assert.equal(await chatd.metric('chatd_refused_total{code="rate_limited"}', OPERATOR), 1);
});

test("a user has so many connections, an address too, and handshakes have a rate", async (t) => {
  const args = ["--connections-per-user", "2", "--handshakes-per-address", "5"];
  const chatd = await Chatd.start(t, { dev: false, args });
  for (let i = 0; i < 2; i++) {
    const one = await Socket.join(chatd.port, { token: token() });
    assert.match(await one.next('42["ready"'), /ann/);
  }
  const third = await Socket.join(chatd.port, { token: token() });
  assert.match(await third.next("44"), /"code":"rate_limited"/);

  let status = 200;
  for (let i = 0; i < 20 && status === 200; i++) status = (await chatd.request("GET", POLL)).status;
  const refused = await chatd.request("GET", POLL);
  assert.equal(refused.status, 429);
  assert.equal(refused.headers["retry-after"], "1");
  assert.equal((await Socket.open(chatd.port)).response.status, 429, "by WebSocket too");
  const [{ address, count }] = await chatd.logged(1, ({ reason }) => reason === "handshakes");
  assert.deepEqual([address, count], ["127.0.0.1", 1]);
  assert.ok((await turned_away(chatd, "handshakes")) >= 2);
});

test("one connection too many is refused however its user is said", async (t) => {
  const chatd = await Chatd.start(t, { args: ["--connections-per-user", "1"] });
  const path = "/socket.io/?EIO=4&transport=websocket&userId=ann";
  const join = async () => {
    const one = await Socket.open(chatd.port, { path });
    one.send("40");
    return one;
  };
  assert.match(await (await join()).next('42["ready"'), /ann/);
  assert.match(await (await join()).next("44"), /"code":"rate_limited"/);
});

test("a session that is closed for what waits for it is counted", async (t) => {
  const chatd = await Chatd.start(t, { args: ["--queue-bytes-max", "20000", "--text-bytes-max", "1000"] });
  const poll = await chatd.request("GET", POLL);
  const path = `${POLL}&sid=${JSON.parse(poll.body.slice(1)).sid}`;
  const say = (body) =>
    chatd.request("POST", path, { body, headers: { "Content-Type": "text/plain" } });
  await say('40\x1e42["register","bob"]');
  for (let i = 0; i < 40; i++) {
    const body = { senderId: "ann", selectedUser: "bob", textMessage: "x".repeat(1000) };
    await chatd.json("POST", "/v1/messages", { body });
  }
  assert.equal(await chatd.metric("chatd_slow_readers_closed_total"), 1);
  assert.equal(await turned_away(chatd, "slow_reader"), 1);
});

test("who takes a session over and leaves at once gives one place back, not two", async (t) => {
  const chatd = await Chatd.start(t, { args: ["--connections-per-user", "2"] });
  const join = async () => {
    const one = await Socket.join(chatd.port);
    one.pid = JSON.parse((await one.next("40")).slice(2)).pid;
    return one;
  };
  const held = [await join(), await join()];
  for (const one of held) assert.equal((await one.ask("register", "ann")).ok, true);
  for (let i = 0; i < 4; i++) {
    const taken = held.shift();
    const next = await Socket.open(chatd.port);
    await next.next("0{");
    const connect = frame(1, Buffer.from(`40${JSON.stringify({ pid: taken.pid })}`));
    next.socket.write(Buffer.concat([connect, frame(1, Buffer.from("1"))]));
    await Promise.all([taken.end(), next.end()]);
    const again = await join();
    assert.equal((await again.ask("register", "ann")).ok, true, "there is one place");
    held.push(again);
    const more = await join();
    assert.equal((await more.ask("register", "ann")).error.code, "rate_limited", "and no other");
    more.drop();
  }
  assert.equal(await chatd.metric("chatd_registered_connections"), 2);
});

test("of forwarded addresses the last counts, in however many lines they come", async (t) => {
  const args = ["--trusted-proxy", "127.0.0.1", "--handshakes-per-address", "2"];
  const chatd = await Chatd.start(t, { args });
  const statuses = [];
  for (let i = 0; i < 6; i++) {
    // A proxy that adds a line of its own leaves the client's before it.
    const lines = `198.51.100.${i}\r\nX-Forwarded-For: 203.0.113.9`;
    statuses.push((await chatd.request("GET", POLL, { headers: { "X-Forwarded-For": lines } })).status);
  }
  assert.deepEqual(statuses, [200, 200, 200, 200, 429, 429]);
});

test("an address has so many connections at a time", async (t) => {
  const args = ["--connections-per-address", "5"];
  const chatd = await Chatd.start(t, { dev: false, args });
  const held = [];
  for (let i = 0; i < 4; i++) held.push(await Socket.join(chatd.port, { token: token() }));
  const extra = await Promise.all(Array.from({ length: 6 }, () => silent(chatd.port)));
  await sleep(200);
  assert.equal(extra.filter((one) => one.ended).length, 5, "one more was let in");
  for (const one of extra) one.destroy();
  for (const one of held) one.drop();
  await sleep(100);
  assert.equal(await turned_away(chatd, "address"), 5);
  assert.equal(chatd.events.filter(({ event }) => event === "accept").length, 1, "one log line");
});

test("connections go to the shard that has fewest", async (t) => {
  const chatd = await Chatd.start(t, { args: ["--shards", "3"] });
  const open = async () => {
    const one = await Socket.open(chatd.port);
    // The shard is in the first two letters of its name.
    one.shard = JSON.parse((await one.next("0{")).slice(1)).sid.slice(0, 2);
    return one;
  };
  const held = [];
  for (let i = 0; i < 9; i++) held.push(await open());
  const on = (shard) => held.filter((one) => one.shard === shard);
  const shards = [...new Set(held.map((one) => one.shard))].sort();
  assert.deepEqual(shards.map((shard) => on(shard).length), [3, 3, 3]);
  for (const one of on(shards[2])) one.drop();
  await chatd.metricWhen("chatd_websockets", (count) => count === 6);
  for (let i = 0; i < 2; i++) {
    held.push(await open());
    assert.equal(held.at(-1).shard, shards[2]);
  }
  for (const one of held) one.drop();
});

// T23, memory: 4 KB for a polling session and 16 KB for a WebSocket at most, and given back.
test("T23: sessions that never authenticate cost little", async (t) => {
  const count = Number(process.env.CHATD_TEST_SESSIONS ?? 1000);
  const chatd = await Chatd.start(t, { args: ["--connect-timeout", "60000"] });
  const grown = async (open) => {
    for (let i = 0; i < 50; i++) await open();
    await sleep(100);
    const before = chatd.rss();
    const opened = [];
    for (let i = 0; i < count; i++) opened.push(await open());
    await sleep(100);
    const each = ((chatd.rss() - before) * 1024) / count;
    for (const one of opened) one?.drop?.();
    return each;
  };
  const polling = await grown(async () => void (await chatd.request("GET", POLL)));
  const websocket = await grown(() => Socket.open(chatd.port));
  t.diagnostic(`${Math.round(polling)} B a polling session, ${Math.round(websocket)} B a WebSocket`);
  // Sanitizers keep what is freed, and pad what is not.
  if (process.env.CHATD_TEST_MEMORY === "off") return;
  assert.ok(polling <= 4096, `${polling} B a polling session`);
  assert.ok(websocket <= 16384, `${websocket} B a WebSocket`);
});

test("T21: with no descriptor left chatd neither spins nor floods, and serves who is there", async (t) => {
  const chatd = await Chatd.start(t, { files: 64, args: ["--connections-max", "1000"] });
  const ann = await Socket.join(chatd.port, { user: "ann" });
  await ann.next('42["ready"');
  const idle = await Promise.all(Array.from({ length: 200 }, () => silent(chatd.port)));
  await sleep(300);
  const [cpu, lines, began] = [chatd.cpu(), chatd.lines.length, Date.now()];
  while (Date.now() - began < 2000) {
    const sent = await ann.ask("send_message", { selectedUser: "ann", textMessage: "still" });
    assert.equal(sent.ok, true, "the database can write");
    await sleep(100);
  }
  const busy = (chatd.cpu() - cpu) / 2;
  const accepts = chatd.events.slice(lines).filter(({ event }) => event === "accept").length;
  t.diagnostic(`${(busy * 100).toFixed(1)} % of a core, ${accepts} lines in 2 s`);
  assert.ok(busy < 0.2, `${busy} of a core`);
  assert.ok(accepts <= 3, `${accepts} lines`);
  assert.ok(idle.some((one) => one.ended), "who has to wait is told");
  for (const one of idle) one.destroy();
  await sleep(1000);
  const bob = await Socket.join(chatd.port, { user: "bob" });
  assert.match(await bob.next('42["ready"'), /bob/, "accepts again within 1 s");
});

const both = ["127.0.0.1", "::1"];
const hasIpv6 = Object.values(networkInterfaces()).flat().some(({ address }) => address === "::1");

test("T21: what listens on two addresses accepts on both again", { skip: !hasIpv6 }, async (t) => {
  const args = ["--listen", "localhost", "--connections-max", "1000"];
  const chatd = await Chatd.start(t, { files: 64, args });
  const idle = await Promise.all(
    Array.from({ length: 200 }, (_, i) => silent(chatd.port, both[i % 2])),
  );
  await sleep(300);
  for (const one of idle) one.destroy();
  await sleep(1000);
  for (const host of both) {
    const one = await silent(chatd.port, host);
    one.setEncoding("latin1").write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const answer = await Promise.race([once(one, "data"), sleep(5000)]);
    assert.match(answer ?? "", /^HTTP\/1.1 200 /, host);
    one.destroy();
  }
});

test("T25: a flood of pings by one that does not read ends the connection and costs little", async (t) => {
  const chatd = await Chatd.start(t);
  const eve = await Socket.join(chatd.port, { user: "eve" });
  await eve.next('42["ready"');
  const before = chatd.rss();
  eve.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(9, Buffer.alloc(125))));
  const total = Number(process.env.CHATD_TEST_PINGS ?? 200_000);
  for (let i = 0; i < total / 1000 && !eve.closed; i++) {
    if (!eve.socket.write(pings)) await Promise.race([once(eve.socket, "drain"), sleep(200)]);
  }
  const grown = chatd.rss() - before;
  t.diagnostic(`${grown} KB for ${total} pings`);
  if (process.env.CHATD_TEST_MEMORY !== "off") assert.ok(grown < 2048, `${grown} KB`);
  eve.socket.resume();
  await eve.end(10_000);
  assert.equal(eve.closed, true);
  const received = await chatd.metric("chatd_received_bytes_total");
  t.diagnostic(`${received} bytes of ${total * 131} were read`);
  assert.ok(received < 12 << 20, `${received} bytes were read`);
});

test("T25: a message in 1-byte fragments, and large ones announced and not sent", async (t) => {
  const chatd = await Chatd.start(t);
  const ann = await Socket.join(chatd.port, { user: "ann" });
  await ann.next('42["ready"');
  const eve = await Socket.open(chatd.port);
  const before = chatd.rss();
  const pieces = [frame(1, Buffer.from("4"), { fin: false })];
  for (let i = 0; i < 20000; i++) pieces.push(frame(0, Buffer.from("x"), { fin: false }));
  for (let i = 0; i < 10 && !eve.closed; i++) eve.socket.write(Buffer.concat(pieces.slice(i ? 1 : 0)));
  await eve.end(10_000);
  assert.equal(eve.closeCode, 1008);
  assert.equal((await ann.ask("presence", { userIds: [] })).ok, true);
  const announced = [];
  for (let i = 0; i < 200; i++) {
    const one = await Socket.open(chatd.port);
    one.socket.write(frame(1, Buffer.alloc(1_000_000)).subarray(0, 100));
    announced.push(one);
  }
  await sleep(200);
  const grown = chatd.rss() - before;
  t.diagnostic(`${grown} KB`);
  if (process.env.CHATD_TEST_MEMORY !== "off") assert.ok(grown < 16384, `${grown} KB`);
  const large = await Socket.open(chatd.port);
  const size = frame(1, Buffer.alloc(1_000_001)).subarray(0, 14);
  large.socket.write(size);
  await large.end(5000);
  assert.equal(large.closeCode, 1009);
  for (const one of [eve, ...announced]) one.drop();
});

test("T29: one POST of very many packets holds nobody up", async (t) => {
  const chatd = await Chatd.start(t);
  const ann = await Socket.join(chatd.port, { user: "ann" });
  await ann.next('42["ready"');
  const open = await chatd.request("GET", POLL);
  const path = `${POLL}&sid=${JSON.parse(open.body.slice(1)).sid}`;
  await chatd.request("POST", path, { body: "40", headers: { "Content-Type": "text/plain" } });
  const packets = (count) => Array.from({ length: count }, () => '42["x"]').join("\x1e");
  const [most, tooMany, one] = [16_384, 124_000, 1].map(packets);
  const post = async (body) =>
    (await chatd.request("POST", path, { body, headers: { "Content-Type": "text/plain" } })).status;
  const before = chatd.rss();
  // As often as can be, and with nothing else to do here: all of it takes 12 ms on a quick machine.
  const others = watch(ann, 1);
  const cpu = chatd.cpu();
  assert.equal(await post(most), 200);
  const used = chatd.cpu() - cpu;
  assert.equal(await post(tooMany), 413, "a body of nothing but packets is refused unread");
  assert.equal(await post(one), 400, "and ends the session");
  others.stop();
  await sleep(50);
  t.diagnostic(
    `${used.toFixed(2)} s of CPU for 16,384 packets, others waited ${others.worst.toFixed(1)} ms, ` +
      `${others.answered} answers to them, ${chatd.rss() - before} KB`,
  );
  assert.ok(others.answered > 2, `${others.answered} answers to others meanwhile`);
  assert.ok(chatd.lines.length < 100, "and the log has no line for each");
});

const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));
