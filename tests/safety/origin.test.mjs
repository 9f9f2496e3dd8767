// Whose pages may talk to us: CORS and Origin, on polling, WebSocket and the API alike.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

import { CHATD, Chatd, OPERATOR, Socket, exchange } from "./lib/chatd.mjs";

const POLL = "/socket.io/?EIO=4&transport=polling";

// What a page of `Origin` gets: the status of each of the three ways in.
async function statuses(chatd, headers) {
  const poll = await chatd.request("GET", POLL, { headers });
  const api = await chatd.request("GET", "/healthz", { headers });
  const socket = await Socket.open(chatd.port, { headers });
  socket.drop();
  return [poll.status, api.status, socket.response.status];
}

const TAKEN = [200, 200, 101];
const REFUSED = [403, 403, 403];

test("by default only pages of the server's own host may connect", async (t) => {
  const chatd = await Chatd.start(t, { dev: false });
  const own = `127.0.0.1:${chatd.port}`;
  assert.deepEqual(await statuses(chatd, {}), TAKEN, "no browser");
  assert.deepEqual(await statuses(chatd, { Origin: `http://${own}` }), TAKEN);
  for (const Origin of [
    "null",
    "https://evil.example",
    "http://localhost:3000",
    "http://127.0.0.1",
    `http://127.0.0.1:${chatd.port}.evil.example`,
    `http://evil.example/?${own}`,
    `http://${own}@evil.example`,
    `http://x${own}`,
    "file://",
    "*",
    "://",
  ]) {
    assert.deepEqual(await statuses(chatd, { Origin }), REFUSED, Origin);
  }
});

test("listed origins are compared exactly", async (t) => {
  const args = ["--cors-origin", "https://chat.example", "--cors-origin", "http://a.example:81"];
  const chatd = await Chatd.start(t, { dev: false, args });
  for (const Origin of ["https://chat.example", "http://a.example:81"]) {
    assert.deepEqual(await statuses(chatd, { Origin }), TAKEN, Origin);
  }
  for (const Origin of [
    "http://chat.example",
    "https://chat.example:444",
    "https://chat.example.evil.example",
    "https://xchat.example",
    "https://chat.example/",
    "HTTPS://CHAT.EXAMPLE",
    "http://a.example",
    "null",
  ]) {
    assert.deepEqual(await statuses(chatd, { Origin }), REFUSED, Origin);
  }
});

test("answers name the origin, vary by it, and name it on errors too", async (t) => {
  const args = ["--cors-origin", "https://chat.example", "--cors-credentials"];
  const chatd = await Chatd.start(t, { dev: false, args });
  const headers = { Origin: "https://chat.example" };
  for (const [method, path, status] of [
    ["GET", POLL, 200],
    ["GET", "/socket.io/?EIO=4&transport=polling&sid=none", 400],
    ["GET", "/socket.io/?EIO=3&transport=polling", 400],
    ["GET", "/v1/conversations", 401],
    ["GET", "/nothing", 404],
    ["PUT", "/healthz", 405],
  ]) {
    const answer = await chatd.request(method, path, { headers });
    assert.equal(answer.status, status, path);
    assert.equal(answer.headers["access-control-allow-origin"], "https://chat.example", path);
    assert.equal(answer.headers["access-control-allow-credentials"], "true", path);
    assert.match(answer.headers.vary, /Origin/, path);
  }
  const large = await exchange(
    chatd.port,
    `POST /v1/messages HTTP/1.1\r\nHost: x\r\nOrigin: ${headers.Origin}\r\n` +
      "Content-Length: 99999999\r\n\r\n",
  );
  assert.equal(large.status, 413);
  assert.equal(large.headers["access-control-allow-origin"], "https://chat.example");

  const other = await chatd.request("GET", POLL, { headers: { Origin: "https://evil.example" } });
  assert.equal(other.headers["access-control-allow-origin"], undefined);
  assert.match(other.headers.vary, /Origin/);
  const none = await chatd.request("GET", POLL);
  assert.match(none.headers.vary, /Origin/, "a cache must not mix them up");
  assert.equal(none.headers["access-control-allow-origin"], undefined);
});

test("preflights are answered for listed origins alone", async (t) => {
  const chatd = await Chatd.start(t, { dev: false, args: ["--cors-origin", "https://a.example"] });
  const preflight = (Origin) =>
    chatd.request("OPTIONS", "/v1/messages", {
      headers: {
        Origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
      },
    });
  const good = await preflight("https://a.example");
  assert.equal(good.status, 204);
  assert.equal(good.headers["access-control-allow-origin"], "https://a.example");
  assert.equal(good.headers["access-control-allow-headers"], "authorization,content-type");
  assert.match(good.headers["access-control-allow-methods"], /POST/);
  const bad = await preflight("https://b.example");
  assert.equal(bad.headers["access-control-allow-origin"], undefined);
});

test('"*" has no credentials, and does not let "null" in', async (t) => {
  const chatd = await Chatd.start(t, { dev: false, args: ["--cors-origin", "*"] });
  const any = await chatd.request("GET", POLL, { headers: { Origin: "https://any.example" } });
  assert.equal(any.headers["access-control-allow-origin"], "*");
  assert.equal(any.headers["access-control-allow-credentials"], undefined);
  assert.deepEqual(await statuses(chatd, { Origin: "null" }), REFUSED);
});

test("under --dev any port of loopback may connect, and no page that DNS points at it", async (t) => {
  const chatd = await Chatd.start(t);
  assert.deepEqual(await statuses(chatd, { Origin: "http://localhost:5173" }), TAKEN);
  assert.deepEqual(await statuses(chatd, { Origin: "http://[::1]:5173" }), TAKEN);
  assert.deepEqual(await statuses(chatd, { Origin: "http://localhost.evil.example" }), REFUSED);
  const rebound = { Host: "evil.example:80", Origin: "http://evil.example:80" };
  const raw = await exchange(
    chatd.port,
    `GET ${POLL} HTTP/1.1\r\nHost: ${rebound.Host}\r\nOrigin: ${rebound.Origin}\r\n` +
      "Connection: close\r\n\r\n",
  );
  assert.equal(raw.status, 403);
});

test("a refused origin is logged and counted", async (t) => {
  const chatd = await Chatd.start(t, { dev: false });
  await chatd.request("GET", POLL, { headers: { Origin: "https://evil.example" } });
  const [line] = await chatd.logged(1, ({ reason }) => reason === "origin not allowed");
  assert.equal(line.origin, "https://evil.example");
  assert.equal(line.host, `127.0.0.1:${chatd.port}`);
  assert.equal(await chatd.metric('chatd_turned_away_total{reason="origin"}', OPERATOR), 1);
});

test("what the seed's stack did is refused as a configuration", () => {
  for (const [args, says] of [
    [["--cors-origin", "*", "--cors-credentials"], /^chatd: cors-credentials: /],
    [["--cors-origin", "*", "--cors-origin", "https://a.example"], /^chatd: cors-origin: /],
    [["--cors-origin", "null"], /^chatd: cors-origin: /],
    [["--cors-origin", "https://*.example"], /^chatd: cors-origin: /],
    [["--cors-origin", "https://a.example/"], /^chatd: cors-origin: /],
    [["--cors-origin", "https://A.example"], /^chatd: cors-origin: /],
    [["--cors-origin", "https://a.example:443"], /^chatd: cors-origin: /],
  ]) {
    const run = spawnSync(CHATD, ["--dev", "--check", ...args], { encoding: "utf8" });
    assert.equal(run.status, 2, args.join(" "));
    assert.match(run.stderr, says);
    assert.equal(run.stderr.split("\n").length, 2, "one line");
  }
});
