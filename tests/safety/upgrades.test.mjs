// T31: upgrades raced against everything else a client can do on the same session, in orders that a
// seed gives: one transport wins, no packet is lost or doubled, and no session stays behind.
//   CHATD_TEST_RACES=10000     the full form
//   CHATD_TEST_RACE=n          one of them
import assert from "node:assert/strict";
import { test } from "node:test";

import { randomBelow } from "../lib/random.mjs";
import { Chatd, Socket, sleep } from "./lib/chatd.mjs";

const POLL = "/socket.io/?EIO=4&transport=polling";

class Session {
  constructor(chatd, user) {
    this.chatd = chatd;
    this.user = user;
    this.sockets = [];
    this.polls = [];
    this.packets = []; // by polling; those of a WebSocket are in its `received`
    this.sent = new Set();
    this.taken = new Set(); // ids of what the server has said to have, or must have had
    this.lastId = 0;
  }

  async begin() {
    const open = await this.chatd.request("GET", POLL);
    this.path = `&sid=${JSON.parse(open.body.slice(1)).sid}`;
    assert.equal(await this.post(`40\x1e42["register","${this.user}"]`), 200);
    while (!this.packets.some((packet) => packet.startsWith('42["ready"'))) {
      assert.equal(await this.poll(), 200);
    }
  }

  async post(body) {
    const headers = { "Content-Type": "text/plain" };
    return (await this.chatd.request("POST", POLL + this.path, { body, headers })).status;
  }
  async poll() {
    const { status, body } = await this.chatd.request("GET", POLL + this.path);
    if (status === 200) this.packets.push(...body.split("\x1e"));
    return status;
  }

  message(id = ++this.lastId) {
    this.sent.add(id);
    return `42${id}` + JSON.stringify(["send_message", { selectedUser: this.user, textMessage: `m${id}` }]);
  }
  async post_message() {
    const text = this.message();
    const id = this.lastId;
    if ((await this.post(text)) === 200) this.taken.add(id);
  }
  async open_socket() {
    const socket = await Socket.open(this.chatd.port, {
      path: `/socket.io/?EIO=4&transport=websocket${this.path}`,
    });
    if (socket.response?.status !== 101) return undefined;
    this.sockets.push(socket);
    return socket;
  }
  async probe() {
    const socket = await this.open_socket();
    socket?.send("2probe");
    return (await socket?.next("3probe", 5000)) === undefined ? undefined : socket;
  }

  // Sends a last message wherever it may be taken, and says whether anything answers.
  async settle() {
    for (const socket of this.sockets.filter((one) => one.upgraded && !one.closed)) {
      const text = this.message();
      const ack = `43${this.lastId}[`;
      socket.send(text);
      const end = Date.now() + 30_000;
      while (!socket.closed && !socket.received.some((packet) => packet.startsWith(ack))) {
        assert.ok(Date.now() < end, "an upgraded WebSocket neither answers nor ends");
        await socket.change(1000);
      }
      if (!socket.closed) return true;
    }
    const text = this.message();
    const ack = `43${this.lastId}[`;
    if ((await this.post(text)) !== 200) return false;
    while (!this.packets.some((packet) => packet.startsWith(ack))) {
      if ((await this.poll()) !== 200) return false;
    }
    return true;
  }

  // How often each id was acked, each text received and said to be sent.
  counts() {
    const found = { ack: new Map(), receive_message: new Map(), message_sent: new Map() };
    const add = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);
    for (const packet of [...this.packets, ...this.sockets.flatMap((one) => one.received)]) {
      const [, type, id, json] = /^4([23])(\d*)(\[.*)$/s.exec(packet) ?? [];
      if (type === "3" && JSON.parse(json)[0].ok) add(found.ack, Number(id));
      if (type !== "2") continue;
      const [event, message] = JSON.parse(json);
      if (event in found) add(found[event], Number(message.textMessage.slice(1)));
    }
    return found;
  }

  async end() {
    for (const socket of this.sockets) socket.drop();
    await this.post("1");
    await Promise.allSettled(this.polls);
  }
}

// What a client may do; those that end a session by right say so.
const steps = {
  message: (session) => session.post_message(),
  upgrade: async (session) => {
    const socket = await session.probe();
    if (socket === undefined) return;
    socket.send("5");
    socket.upgraded = true;
    socket.send(session.message());
  },
  probe: (session) => session.probe(),
  leave: async (session) => (await session.probe())?.drop(),
  linger: (session) => session.open_socket(),
  poll: async (session) => void session.polls.push(session.poll()),
  upgrade_unasked: async (session) => (await session.open_socket())?.send("5"),
  close: (session) => session.post("1"),
};
const harmless = ["message", "upgrade", "probe", "leave", "linger"];

async function stored(chatd, user) {
  const { data } = await chatd.request("GET", `/v1/sync?userId=${user}&since=0&limit=500`);
  return data.changes.filter((change) => change.type === "message").map((change) => change.message.textMessage);
}

async function race(chatd, seed) {
  const next = randomBelow(seed);
  const session = new Session(chatd, `user${seed}`);
  await session.begin();
  const names = next(2) === 0 ? harmless : Object.keys(steps);
  const plan = Array.from({ length: 2 + next(7) }, () => names[next(names.length)]);
  const running = [];
  for (const name of plan) {
    running.push(steps[name](session));
    for (let turns = next(6); turns > 0; turns--) await new Promise(setImmediate);
    if (next(3) === 0) await running.at(-1);
  }
  await Promise.all(running);
  const alive = await session.settle();
  if (alive) await Promise.allSettled(session.polls); // answered, but perhaps not read yet
  const counts = session.counts();
  await session.end();

  const what = `CHATD_TEST_RACE=${seed}: ${plan}`;
  if (names === harmless) assert.ok(alive, `${what}: the session is gone`);
  for (const [kind, map] of Object.entries(counts)) {
    for (const [id, count] of map) assert.equal(count, 1, `${what}: ${kind} ${id}`);
  }
  // Who is still there has been told of everything that was taken.
  if (alive) {
    for (const id of session.taken) {
      for (const kind of Object.keys(counts)) assert.equal(counts[kind].get(id), 1, `${what}: ${kind} ${id}`);
    }
  }
  let texts = await stored(chatd, session.user);
  for (const id of counts.ack.keys()) assert.ok(texts.includes(`m${id}`), `${what}: ${id} is not stored`);
  // What was taken without an ack, as its session had ended, may be on its way to the disk.
  const end = Date.now() + 10_000;
  const missing = () => [...session.taken].filter((id) => !texts.includes(`m${id}`));
  while (missing().length > 0 && Date.now() < end) texts = await stored(chatd, session.user);
  assert.deepEqual(missing(), [], `${what}: taken and not stored`);
  assert.equal(new Set(texts).size, texts.length, `${what}: stored twice`);
  return { alive, upgraded: session.sockets.some((one) => one.upgraded) };
}

test("T31: upgrades in any order with anything else", { timeout: 3_600_000 }, async (t) => {
  const chatd = await Chatd.start(t, { args: ["--handshakes-per-address", "0"] });
  const only = Number(process.env.CHATD_TEST_RACE ?? 0);
  const count = only > 0 ? 1 : Number(process.env.CHATD_TEST_RACES ?? 400);
  let [seed, alive, upgraded] = [only > 0 ? only - 1 : 0, 0, 0];
  const last = seed + count;
  const worker = async () => {
    while (seed < last) {
      const outcome = await race(chatd, ++seed);
      alive += outcome.alive;
      upgraded += outcome.upgraded;
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  t.diagnostic(`${count} races, ${alive} sessions came through, ${upgraded} with an upgrade`);
  if (only === 0) assert.ok(alive > count / 2 && upgraded > count / 8 && alive < count);

  const end = Date.now() + 45_000;
  while ((await chatd.metric("chatd_sessions")) > 0 && Date.now() < end) await sleep(100);
  assert.equal(await chatd.metric("chatd_sessions"), 0, "none stays behind");
  assert.equal(chatd.openFiles() < 40, true, `${chatd.openFiles()} files`);
});
