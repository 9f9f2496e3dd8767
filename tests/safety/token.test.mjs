// Who gets in, and for how long: tokens against a real chatd.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Chatd, OPERATOR, SECRET, Socket, folder, sleep, token } from "./lib/chatd.mjs";

const connect_error = async (chatd, given, open = {}) => {
  const socket = await Socket.open(chatd.port, open);
  socket.send("40" + (given === undefined ? "" : JSON.stringify({ token: given })));
  const packet = await socket.next("4");
  socket.drop();
  return packet.startsWith("44") ? JSON.parse(packet.slice(2)) : packet;
};
const ago = (seconds) => Math.floor(Date.now() / 1000) - seconds;

test("a token says who a connection is, and nothing else does", async (t) => {
  const chatd = await Chatd.start(t, { dev: false });
  const ann = await Socket.join(chatd.port, { token: token({ sub: "ann" }) });
  assert.match(await ann.next('42["ready"'), /"userId":"ann"/);

  assert.equal((await ann.ask("register", "ann")).ok, true);
  for (const [event, argument] of [
    ["register", "bob"],
    ["send_message", { selectedUser: "bob", textMessage: "1", senderId: "bob" }],
    ["send_message", { selectedUser: "bob", textMessage: "1", userId: "bob" }],
  ]) {
    const answer = await ann.ask(event, argument);
    assert.equal(answer.error.code, "permission_denied", event);
  }
  const sent = await ann.ask("send_message", { selectedUser: "bob", textMessage: "1" });
  assert.equal(sent.message.senderId, "ann");
  assert.equal(
    await chatd.metric('chatd_refused_total{code="permission_denied"}', OPERATOR),
    3,
    "each is counted",
  );
  const logged = await chatd.logged(3, ({ code }) => code === "permission_denied");
  assert.equal(logged.length, 3, "each is logged");
});

test("each way not to get in has its code, by socket and by HTTP alike", async (t) => {
  const chatd = await Chatd.start(t, { dev: false });
  await chatd.json("POST", "/v1/revocations", { token: OPERATOR, body: { tokenId: "stolen" } });
  for (const [given, code] of [
    [undefined, "token_missing"],
    ["", "token_missing"],
    ["rubbish", "token_malformed"],
    [token({}, { secret: "x".repeat(32) }), "token_malformed"],
    [token({ exp: undefined }), "token_malformed"],
    [token({ exp: ago(60) }), "token_expired"],
    [token({ jti: "stolen" }), "token_revoked"],
  ]) {
    assert.equal((await connect_error(chatd, given)).data.code, code, `CONNECT ${code}`);
    const answer = await chatd.json("GET", "/v1/conversations", { token: given });
    assert.equal(answer.status, 401);
    assert.equal(answer.data.code, code, `HTTP ${code}`);
    assert.equal(answer.headers["www-authenticate"], "Bearer");
  }
  const wrong = await connect_error(chatd, 7);
  assert.equal(wrong.data.code, "token_malformed");
});

test("what is not one of ours is refused with the same words, whatever is wrong", async (t) => {
  const chatd = await Chatd.start(t, { dev: false, args: ["--jwt-issuer", "us"] });
  const answers = new Set();
  for (const given of [
    "a.b.c",
    token({ iss: "them" }),
    token({ iss: "us", sub: "" }),
    token({ iss: "us" }, { secret: "y".repeat(32) }),
    token({ iss: "us" }, { alg: "none" }),
    "x".repeat(9000),
  ]) {
    answers.add(JSON.stringify(await connect_error(chatd, given)));
  }
  assert.equal(answers.size, 1, [...answers].join());
  const whys = (await chatd.logged(6, ({ event }) => event === "token_refused")).map((e) => e.why);
  assert.equal(new Set(whys).size, 6, `the log tells them apart: ${whys}`);
});

test("a token is taken from auth or the header, and never from the query", async (t) => {
  const chatd = await Chatd.start(t, { dev: false });
  const good = token();
  const header = await Socket.join(chatd.port, { headers: { Authorization: `bearer ${good}` } });
  assert.match(await header.next('42["ready"'), /ann/);
  for (const query of [`token=${good}`, `auth=${good}`, "userId=ann"]) {
    const path = `/socket.io/?EIO=4&transport=websocket&${query}`;
    assert.equal((await connect_error(chatd, undefined, { path })).data.code, "token_missing");
  }
  const http = await chatd.json("GET", `/v1/conversations?token=${good}&userId=ann`);
  assert.equal(http.data.code, "token_missing");
  assert.ok(!chatd.lines.some((line) => line.includes(good)), "and is never logged");
});

test("a connection ends with its token and grace, and auth_refresh prolongs it", async (t) => {
  const chatd = await Chatd.start(t, { dev: false, args: ["--token-grace", "1000"] });
  const short = () => token({ exp: ago(-1) });
  const ann = await Socket.join(chatd.port, { token: short() });
  const bob = await Socket.join(chatd.port, { token: token({ sub: "bob", exp: ago(-1) }) });
  await ann.next('42["ready"');
  const refreshed = await bob.ask("auth_refresh", { token: token({ sub: "bob" }) });
  assert.equal(refreshed.ok, true);
  assert.equal((await bob.ask("auth_refresh", short())).error.code, "permission_denied");

  assert.match(await ann.next('42["unregistered"'), /"reason":"token_expired"/);
  assert.equal(await ann.next("41"), "41", "DISCONNECT: stay away");
  await ann.end();
  assert.equal(ann.closed, true);
  await bob.ask("send_message", { selectedUser: "ann", textMessage: "late" });
  assert.equal(bob.closed, false);
  const after = ann.received.filter((packet) => packet.startsWith("42"));
  assert.deepEqual(after, [], "nothing after the end");
});

test("revocation ends connections within 2 s, survives a restart and kill -9", async (t) => {
  const first = await Chatd.start(t, { dev: false });
  const ann = await Socket.join(first.port, { token: token() });
  const phone = await Socket.join(first.port, { token: token({ jti: "phone" }) });
  const bob = await Socket.join(first.port, { token: token({ sub: "bob", iat: undefined }) });
  for (const one of [ann, phone, bob]) await one.next('42["ready"');
  const revoke = (chatd, body) => chatd.json("POST", "/v1/revocations", { token: OPERATOR, body });

  const began = Date.now();
  assert.equal((await revoke(first, { tokenId: "phone" })).status, 204);
  assert.match(await phone.next('42["unregistered"'), /token_revoked/);
  await phone.end();
  assert.ok(Date.now() - began < 2000, `${Date.now() - began} ms`);
  assert.equal(ann.closed, false, "only that one");
  assert.equal((await revoke(first, { userId: "ann", issuedBefore: ago(0) })).status, 204);
  await ann.end();
  assert.equal(bob.closed, false, "only hers");
  await first.stop("SIGKILL");

  const second = await Chatd.start(t, { dev: false, dir: first.dir });
  assert.equal((await connect_error(second, token({ jti: "phone", sub: "x" }))).data.code, "token_revoked");
  assert.equal((await connect_error(second, token({ iat: ago(30) }))).data.code, "token_revoked");
  assert.match(await connect_error(second, token({ iat: ago(-5) })), /^40/, "a new one holds");
  assert.match(await connect_error(second, token({ sub: "bob" })), /^40/);
  assert.equal((await revoke(second, { issuedBefore: ago(-20) })).status, 204);
  assert.equal((await connect_error(second, token({ sub: "bob" }))).data.code, "token_revoked");
});

test("a revocation covers what was issued before its time, and has a line in the log", async (t) => {
  const chatd = await Chatd.start(t, { dev: false });
  const at = ago(60);
  for (const body of [{ userId: "ann", issuedBefore: at }, { tokenId: "phone" }]) {
    assert.equal((await chatd.json("POST", "/v1/revocations", { token: OPERATOR, body })).status, 204);
  }
  assert.equal((await connect_error(chatd, token({ iat: at - 1 }))).data.code, "token_revoked");
  assert.match(await connect_error(chatd, token({ iat: at })), /^40/);
  const lines = await chatd.logged(2, ({ event }) => event === "revoke");
  assert.deepEqual(
    lines.map(({ level, user, token_id, address }) => [level, user, token_id, address]),
    [["info", "ann", "", "127.0.0.1"], ["info", "", "phone", "127.0.0.1"]],
  );
});

test("what POST /v1/revocations takes", async (t) => {
  const chatd = await Chatd.start(t, { dev: false });
  const revoke = async (body, given = OPERATOR) =>
    (await chatd.json("POST", "/v1/revocations", { token: given, body })).status;
  assert.equal(await revoke({ userId: "ann" }, ""), 401);
  assert.equal(await revoke({ userId: "ann" }, token()), 403, "not by users");
  assert.equal(await revoke({ userId: "ann" }, OPERATOR.slice(0, -1)), 403);
  for (const body of [
    {},
    { tokenId: "" },
    { tokenId: 7 },
    { tokenId: "a", userId: "b" },
    { userId: "" },
    { issuedBefore: 0 },
    { issuedBefore: -1 },
    { issuedBefore: 1e15 },
    { userId: "ann", issuedBefore: "soon" },
  ]) {
    assert.equal(await revoke(body), 400, JSON.stringify(body));
  }
  assert.match(await connect_error(chatd, token()), /^40/, "nothing was revoked");
});

test("the operator's key sends for any user and sees what is for operators", async (t) => {
  const chatd = await Chatd.start(t, { dev: false });
  const bob = await Socket.join(chatd.port, { token: token({ sub: "bob" }) });
  await bob.next('42["ready"');
  const body = { senderId: "ann", selectedUser: "bob", textMessage: "from the server" };
  const path = "/api/message/create-message";
  assert.equal((await chatd.json("POST", path, { token: OPERATOR, body })).data.senderId, "ann");
  assert.match(await bob.next('42["receive_message"'), /from the server/);
  const nobody = { selectedUser: "bob", textMessage: "x" };
  assert.equal((await chatd.json("POST", path, { token: OPERATOR, body: nobody })).status, 400);
  const eve = token({ sub: "eve" });
  assert.equal((await chatd.json("POST", path, { token: eve, body })).status, 403);

  const { data } = await chatd.json("GET", "/v1/sessions?userId=bob", { token: OPERATOR });
  assert.equal(data.sessions.length, 1);
  const session = `/v1/sessions/${data.sessions[0].id}`;
  assert.equal((await chatd.json("DELETE", session, { token: eve })).status, 404, "not hers");
  assert.equal((await chatd.json("DELETE", session + "?userId=bob", { token: OPERATOR })).status, 204);
  assert.equal(await bob.next("41"), "41");
  assert.equal((await chatd.json("GET", "/metrics")).status, 401);
  assert.equal((await chatd.json("GET", "/metrics", { token: eve })).status, 403);
  assert.equal((await chatd.json("GET", "/metrics", { token: OPERATOR })).status, 200);
});

test("the metrics' key reads the metrics and nothing else", async (t) => {
  const dir = folder(t);
  const key = "m".repeat(32);
  writeFileSync(join(dir, "metrics"), key + "\n");
  const chatd = await Chatd.start(t, { dev: false, dir, args: ["--metrics-key", "metrics"] });
  const status = async (path, token) => (await chatd.json("GET", path, { token })).status;
  assert.equal(await status("/metrics", key), 200);
  assert.equal(await status("/metrics", OPERATOR), 200);
  assert.equal(await status("/metrics", key.slice(1)), 403);
  assert.equal(await status("/v1/conversations?userId=ann", key), 401);
  assert.equal(await status("/v1/messages/1/trace", key), 403);
  const body = { userId: "ann" };
  assert.equal((await chatd.json("POST", "/v1/revocations", { token: key, body })).status, 403);
});

test("SIGHUP reads the keys again, and keeps the old ones if they are no good", async (t) => {
  const chatd = await Chatd.start(t, { dev: false });
  const ann = await Socket.join(chatd.port, { token: token() });
  await ann.next('42["ready"');
  const reloads = () => chatd.events.filter(({ event }) => event === "reload");
  const reload = async () => {
    const before = reloads().length;
    chatd.process.kill("SIGHUP");
    while (reloads().length === before) await sleep(10);
    return reloads().at(-1);
  };
  const next = "z".repeat(40);

  writeFileSync(join(chatd.dir, "secret"), next);
  assert.equal((await reload()).level, "info");
  assert.equal((await connect_error(chatd, token())).data.code, "token_malformed");
  assert.match(await connect_error(chatd, token({}, { secret: next })), /^40/);
  assert.equal(ann.closed, false, "who is there stays");

  writeFileSync(join(chatd.dir, "secret"), "short");
  const refused = await reload();
  assert.equal(refused.level, "error");
  assert.match(refused.error, /^jwt-key: .*too short/);
  assert.match(await connect_error(chatd, token({}, { secret: next })), /^40/);
  assert.ok(!chatd.lines.some((line) => line.includes(next) || line.includes(SECRET)));
});
