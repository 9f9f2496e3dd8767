// Starts chatd and talks to it with nothing but sockets: what a stock client would never send too.
import { spawn, spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { readFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const CHATD = process.env.CHATD ?? "build/daemon/chatd";
export const SECRET = "0123456789abcdef0123456789abcdef";
export const OPERATOR = "fedcba9876543210fedcba9876543210";

// A folder that goes with the test.
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), "chatd-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

// In place of a test's context, for what a suite begins before its tests: `after(t.end)` ends it.
export function suite() {
  const ends = [];
  return {
    after: (end) => ends.unshift(end),
    end: async () => {
      for (const end of ends) await end();
    },
  };
}

export class Chatd {
  // `dev: false`: with a secret and an operator's key. `files`: the limit of open files.
  // `env` is added to ours.
  static async start(t, { dev = true, args = [], files = 0, dir = folder(t), env = {} } = {}) {
    const chatd = new Chatd();
    chatd.dir = dir;
    chatd.lines = [];
    writeFileSync(join(dir, "secret"), SECRET + "\n");
    writeFileSync(join(dir, "operator"), OPERATOR + "\n");
    const who = dev
      ? ["--dev"]
      : ["--jwt-key", "secret", "--jwt-alg", "HS256", "--operator-key", "operator"];
    const all = [...who, "--port", "0", "--db", "chat.db", ...args];
    const [command, commandArgs] =
      files > 0
        ? ["sh", ["-c", `ulimit -n ${files}; exec "$0" "$@"`, CHATD, ...all]]
        : [CHATD, all];
    chatd.process = spawn(command, commandArgs, { cwd: dir, stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
    chatd.ended = new Promise((resolve) => chatd.process.on("exit", resolve));
    t.after(() => chatd.stop());
    let rest = "";
    await new Promise((resolve, reject) => {
      chatd.process.on("error", reject);
      chatd.ended.then((code) => reject(new Error(`chatd ended with ${code}: ${chatd.lines}`)));
      chatd.process.stderr.on("data", (bytes) => {
        const lines = (rest + bytes).split("\n");
        rest = lines.pop();
        for (const line of lines) {
          chatd.lines.push(line);
          if (line.includes('"event":"start"')) {
            chatd.port = JSON.parse(line).port;
            resolve();
          }
        }
      });
    });
    return chatd;
  }

  async stop(signal = "SIGTERM") {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill(signal);
    }
    return this.ended;
  }

  get events() {
    return this.lines.map((line) => JSON.parse(line));
  }
  // The events that fit, once there are `count` of them.
  async logged(count, fits) {
    for (const end = Date.now() + 5000; ; await sleep(10)) {
      const found = this.events.filter(fits);
      if (found.length >= count || Date.now() > end) return found;
    }
  }
  // Memory in KB, and CPU seconds used so far.
  rss() {
    const status = readFileSync(`/proc/${this.process.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)[1]);
  }
  cpu() {
    const fields = readFileSync(`/proc/${this.process.pid}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }
  openFiles() {
    return spawnSync("ls", [`/proc/${this.process.pid}/fd`]).stdout.toString().trim().split("\n")
      .length;
  }

  request(method, path, { headers = {}, body = "", token } = {}) {
    const lines = [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${this.port}`];
    if (token) lines.push(`Authorization: Bearer ${token}`);
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    if (body && !headers["Content-Type"]) lines.push("Content-Type: application/json");
    if (method === "POST" || body) lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
    lines.push("Connection: close", "", body);
    return exchange(this.port, lines.join("\r\n"));
  }
  json(method, path, { body, ...rest } = {}) {
    return this.request(method, path, { ...rest, body: body ? JSON.stringify(body) : "" });
  }
  async metric(name, token) {
    const { body } = await this.request("GET", "/metrics", { token });
    const line = body.split("\n").find((one) => one.startsWith(name + " "));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }
  // The same once it `fits`, or as it is after 10 s.
  async metricWhen(name, fits, token) {
    for (const end = Date.now() + 10_000; ; await sleep(10)) {
      const value = await this.metric(name, token);
      if (fits(value) || Date.now() > end) return value;
    }
  }
}

// Sends bytes, gives what comes back until the end.
export function exchange(port, bytes) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes));
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (data) => (text += data));
    socket.on("error", reject);
    socket.on("close", () => resolve(parse_response(text)));
  });
}

export function parse_response(text) {
  const [head, ...rest] = text.split("\r\n\r\n");
  const [first, ...lines] = head.split("\r\n");
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const body = Buffer.from(rest.join("\r\n\r\n"), "latin1").toString();
  let data;
  try {
    data = JSON.parse(body);
  } catch {
    // Not JSON.
  }
  return { text, status: Number(first.split(" ")[1]), headers, body, data };
}

const base64url = (value) => Buffer.from(value).toString("base64url");

// A token of chatd's secret. `claims` may say anything; what is undefined is left out.
export function token(claims = {}, { secret = SECRET, alg = "HS256" } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const text =
    base64url(JSON.stringify({ alg, typ: "JWT" })) +
    "." +
    base64url(JSON.stringify({ sub: "ann", exp: now + 600, iat: now - 1, ...claims }));
  return text + "." + createHmac("sha256", secret).update(text).digest("base64url");
}

// A WebSocket that says what it is told to, well-formed or not.
export class Socket {
  static async open(port, { path = "/socket.io/?EIO=4&transport=websocket", headers = {} } = {}) {
    const it = new Socket();
    it.received = [];
    it.waiting = [];
    it.closed = false;
    it.closeCode = undefined;
    it.socket = net.connect(port, "127.0.0.1");
    it.socket.on("error", () => {});
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      "",
      "",
    ];
    it.socket.write(lines.join("\r\n"));
    let buffer = Buffer.alloc(0);
    let open = false;
    await new Promise((resolve) => {
      it.socket.on("data", (data) => {
        buffer = Buffer.concat([buffer, data]);
        if (!open) {
          const end = buffer.indexOf("\r\n\r\n");
          if (end < 0) return;
          it.response = parse_response(buffer.subarray(0, end + 4).toString("latin1"));
          it.body = buffer.subarray(end + 4).toString();
          if (it.response.status !== 101) return resolve();
          buffer = buffer.subarray(end + 4);
          open = true;
          resolve();
        }
        buffer = it.read(buffer);
      });
      it.socket.on("close", () => {
        it.closed = true;
        it.tell();
        resolve();
      });
    });
    return it;
  }

  // A client that has sent CONNECT with this token, or registered as `user`.
  static async join(port, { token: given, user, headers } = {}) {
    const it = await Socket.open(port, { headers });
    it.send("40" + (given === undefined ? "" : JSON.stringify({ token: given })));
    if (user !== undefined) it.send("42" + JSON.stringify(["register", user]));
    return it;
  }

  read(buffer) {
    for (;;) {
      if (buffer.length < 2) return buffer;
      let size = buffer[1] & 127;
      let at = 2;
      if (size === 126) {
        if (buffer.length < 4) return buffer;
        size = buffer.readUInt16BE(2);
        at = 4;
      } else if (size === 127) {
        if (buffer.length < 10) return buffer;
        size = Number(buffer.readBigUInt64BE(2));
        at = 10;
      }
      if (buffer.length < at + size) return buffer;
      const payload = buffer.subarray(at, at + size);
      const opcode = buffer[0] & 15;
      if (opcode === 1) {
        const text = payload.toString();
        if (text === "2") this.send("3");
        else this.received.push(text);
      }
      if (opcode === 8) this.closeCode = size >= 2 ? payload.readUInt16BE(0) : 1005;
      buffer = buffer.subarray(at + size);
      this.tell();
    }
  }

  tell() {
    for (const one of this.waiting.splice(0)) one();
  }
  // The first packet that begins so; undefined if the connection ends first.
  async next(prefix, timeout = 20000) {
    const end = Date.now() + timeout;
    for (;;) {
      const found = this.received.findIndex((packet) => packet.startsWith(prefix));
      if (found >= 0) return this.received.splice(found, 1)[0];
      if (this.closed || Date.now() > end) return undefined;
      await this.change(end - Date.now());
    }
  }
  change(timeout) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, timeout));
      this.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
  async end(timeout = 60000) {
    const end = Date.now() + timeout;
    while (!this.closed && Date.now() < end) await this.change(end - Date.now());
    return this.closed;
  }

  // Emits with an ack, gives its one argument.
  async ask(event, argument) {
    const id = (this.lastId = (this.lastId ?? 0) + 1);
    this.send(`42${id}` + JSON.stringify(argument === undefined ? [event] : [event, argument]));
    const packet = await this.next(`43${id}[`);
    return packet === undefined ? undefined : JSON.parse(packet.slice(2 + String(id).length))[0];
  }
  send(text) {
    if (!this.closed) this.socket.write(frame(1, Buffer.from(text)));
  }
  drop() {
    this.socket.destroy();
  }
}

// A masked frame.
export function frame(opcode, payload, { fin = true, mask = true } = {}) {
  const head = [(fin ? 0x80 : 0) | opcode];
  const masked = mask ? 0x80 : 0;
  if (payload.length < 126) {
    head.push(masked | payload.length);
  } else if (payload.length < 65536) {
    head.push(masked | 126, payload.length >> 8, payload.length & 255);
  } else {
    const size = Buffer.alloc(8);
    size.writeBigUInt64BE(BigInt(payload.length));
    head.push(masked | 127, ...size);
  }
  // A mask of zeros leaves the payload as it is.
  if (mask) head.push(0, 0, 0, 0);
  return Buffer.concat([Buffer.from(head), payload]);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// How long others wait meanwhile: asks every `ms` until stop(); `worst` is in milliseconds.
export function watch(socket, ms) {
  const seen = { worst: 0, answered: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(async () => {
    const began = performance.now();
    await socket.ask("presence", { userIds: [] });
    seen.worst = Math.max(seen.worst, performance.now() - began);
    seen.answered++;
  }, ms);
  return seen;
}

// A connection that sends nothing.
export function silent(port, host = "127.0.0.1") {
  return new Promise((resolve) => {
    const socket = net.connect(port, host);
    socket.ended = false;
    socket.on("error", () => {});
    socket.over = new Promise((over) => {
      socket.on("close", () => {
        socket.ended = true;
        over();
        resolve(socket);
      });
    });
    socket.on("data", () => {});
    socket.on("connect", () => resolve(socket));
  });
}
