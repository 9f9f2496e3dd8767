// Options do what they say: each is set far from its default, and its effect is seen.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Chatd, OPERATOR, Socket, frame, silent } from "./lib/chatd.mjs";

const POLL = "/socket.io/?EIO=4&transport=polling";
const registered = async (chatd, user) => {
  const socket = await Socket.join(chatd.port, { user });
  assert.match(await socket.next('42["ready"'), new RegExp(`"${user}"`));
  return socket;
};
const start = (t, args, more = {}) => Chatd.start(t, { args: args.split(" "), ...more });
const event = (id, name, argument) => frame(1, Buffer.from(`42${id}${JSON.stringify([name, argument])}`));
const send = (chatd, text) =>
  chatd.json("POST", "/v1/messages", { body: { senderId: "ann", selectedUser: "bob", textMessage: text } });

// Who says nothing is closed after 5 s. What has a deadline of 100 ms comes before that, and by its
// default after it.
test("upgrade-timeout ends an upgrade without a probe", async (t) => {
  const chatd = await start(t, "--upgrade-timeout 100");
  const { sid } = JSON.parse((await chatd.request("GET", POLL)).body.slice(1));
  const quiet = await silent(chatd.port);
  const upgrade = await Socket.open(chatd.port, { path: `/socket.io/?EIO=4&transport=websocket&sid=${sid}` });
  assert.equal(upgrade.response.status, 101);
  await upgrade.end();
  assert.equal(upgrade.closed && !quiet.ended, true);
});

test("register-timeout refuses what came of one who does not register", async (t) => {
  const chatd = await start(t, "--register-timeout 100");
  const nobody = await Socket.join(chatd.port);
  const quiet = await silent(chatd.port);
  nobody.send('421["conversations"]');
  assert.match(await nobody.next("431["), /"ok":false/);
  assert.equal(quiet.ended, false);
});

test("presence-grace 0 tells at once of who has left", async (t) => {
  const chatd = await start(t, "--presence-grace 0");
  await send(chatd, "hi");
  const [ann, bob] = [await registered(chatd, "ann"), await registered(chatd, "bob")];
  assert.match(await ann.next('42["presence"'), /"online":true/);
  bob.drop();
  while ((await chatd.metric("chatd_registered_connections")) > 1);
  await registered(chatd, "bob");
  assert.match(await ann.next('42["presence"'), /"online":false/);
  assert.match(await ann.next('42["presence"'), /"online":true/);
});

test("recovery-window is how long a session can be resumed", async (t) => {
  const chatd = await start(t, "--recovery-window 60000");
  const before = Date.now();
  await registered(chatd, "ann");
  const notes = readFileSync(join(chatd.dir, "chat.db.sessions"), "utf8").trim().split("\n");
  const { user, until } = JSON.parse(notes.at(-1));
  assert.equal(user, "ann");
  assert.ok(until >= before + 60_000 && until <= Date.now() + 60_000, `${until - before} ms`);
});

test("reads-per-user is how many reads of one user wait", async (t) => {
  const chatd = await start(t, "--reads-per-user 1 --read-threads 1");
  for (let i = 0; i < 20; i++) await send(chatd, "x".repeat(5000));
  const bob = await registered(chatd, "bob");
  const reads = Array.from({ length: 40 }, (_, id) => event(id, "history", { userId: "ann", limit: 20 }));
  bob.socket.write(Buffer.concat(reads));
  const answers = [];
  for (let id = 0; id < 40; id++) answers.push(await bob.next(`43${id}[`));
  assert.ok(answers.some((answer) => answer.includes('"code":"busy"')), "by default it is none of so few");
  assert.match(answers[0], /"ok":true/);
});

test("what is sent at once follows queue-bytes-max", async (t) => {
  const chatd = await start(t, "--queue-bytes-max 20000 --text-bytes-max 1000");
  const text = "x".repeat(1000);
  // More than may wait, asked for at once.
  const ann = await registered(chatd, "ann");
  const message = { selectedUser: "bob", textMessage: text };
  ann.socket.write(Buffer.concat(Array.from({ length: 40 }, (_, id) => event(id, "send_message", message))));
  for (let id = 0; id < 40; id++) assert.match((await ann.next(`43${id}[`)) ?? "closed", /"ok":true/);
  // And what has waited in the log.
  const bob = await registered(chatd, "bob");
  const { messages, more } = await bob.ask("history", { userId: "ann" });
  assert.ok(messages.length < 4 && more, `${messages.length} in one page`);
  assert.equal(bob.received.filter((packet) => packet.startsWith('42["receive_message"')).length, 40);
  assert.equal(await chatd.metric("chatd_slow_readers_closed_total"), 0);
});

// Fills chatd with connections; the next one is closed at once.
async function takes(chatd, count) {
  const held = [];
  for (let i = 0; i < count; i++) held.push(await Socket.join(chatd.port));
  const more = await silent(chatd.port);
  await more.over;
  assert.equal(held.some((one) => one.closed), false, "they all stay");
  const [{ error }] = await chatd.logged(1, (line) => line.event === "accept");
  assert.equal(error, "connection limit");
}

test("connections-max is how many connections there are", async (t) => {
  await takes(await start(t, "--connections-max 3"), 3);
});

test("connections-max 0 is 80 % of the descriptors", async (t) => {
  await takes(await start(t, "--connections-max 0", { files: 200 }), 160);
});

test("unauthenticated-max 0 is a quarter of the connections, but under --dev no limit", async (t) => {
  const args = "--connections-max 20 --unauthenticated-max 0 --handshakes-per-address 0";
  for (const [dev, taken] of [[false, 5], [true, 10]]) {
    const chatd = await start(t, args, { dev });
    const statuses = [];
    for (let i = 0; i < 10; i++) statuses.push((await chatd.request("GET", POLL)).status);
    assert.deepEqual(statuses, [...Array(taken).fill(200), ...Array(10 - taken).fill(503)]);
  }
});
