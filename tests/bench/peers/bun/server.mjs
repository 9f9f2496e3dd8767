// Peer: Bun + @socket.io/bun-engine + bun:sqlite.  bun server.mjs --port 3002 --db MODE --file PATH
import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";
import { Database } from "bun:sqlite";
import { makeStore, nextId, pragmas, SCHEMA, INSERT } from "../node/store.mjs";

const arg = (k, d) => { const i = process.argv.indexOf("--" + k); return i < 0 ? d : process.argv[i + 1]; };
const mode = arg("db", "none"), port = +arg("port", 3002), file = arg("file", "peer-bun.db");

const store = makeStore(mode, (m) => {
  const db = new Database(file, { create: true });
  for (const p of pragmas(m)) db.exec(p);
  db.exec(SCHEMA);
  const ins = db.prepare(INSERT);
  return {
    insert(x) { ins.run(x._id, x.senderId, x.receiverId, x.textMessage, x.createdAt); },
    transaction: (fn) => db.transaction(fn),
  };
});

const io = new Server({ serveClient: false });
const engine = new Engine({ path: "/socket.io/", pingInterval: 25000, pingTimeout: 20000 });
io.bind(engine);
const users = new Map(); // userId -> Set of sockets

const deliver = (userId, ev, msg) => {
  const set = users.get(userId);
  if (!set) return;
  if (set.size === 1) for (const s of set) s.emit(ev, msg);
  else io.to("u:" + userId).emit(ev, msg); // encodes the packet once
};
const create = (senderId, receiverId, textMessage, done) => {
  const now = new Date().toISOString();
  store.add({ _id: nextId(), senderId, receiverId, textMessage, createdAt: now, updatedAt: now }, (m) => {
    done(m);
    deliver(receiverId, "receive_message", m);
    deliver(senderId, "message_sent", m);
  });
};
io.on("connection", (socket) => {
  const reg = (id) => {
    if (typeof id !== "string" || !id || socket.data.user === id) return;
    socket.data.user = id;
    socket.join("u:" + id);
    const s = users.get(id);
    if (s) s.add(socket); else users.set(id, new Set([socket]));
  };
  reg(socket.handshake.query.userId);
  socket.on("register", reg);
  socket.on("send_message", (p, ack) => {
    const from = socket.data.user;
    if (!from || !p || typeof p.selectedUser !== "string" || typeof p.textMessage !== "string") return ack?.({ error: "bad message" });
    create(from, p.selectedUser, p.textMessage, (m) => ack?.(m));
  });
  socket.on("disconnect", () => {
    const id = socket.data.user, s = id && users.get(id);
    if (s) { s.delete(socket); if (!s.size) users.delete(id); }
  });
});
const h = engine.handler();
Bun.serve({
  ...h, port, hostname: "127.0.0.1", idleTimeout: 60,
  async fetch(req, server) {
    if (req.method === "POST" && req.url.endsWith("/api/message/create-message")) {
      let b;
      try { b = await req.json(); } catch { return new Response("bad json", { status: 400 }); }
      const { senderId, selectedUser, textMessage } = b ?? {};
      if (typeof senderId !== "string" || typeof selectedUser !== "string" || typeof textMessage !== "string")
        return Response.json({ error: "bad message" }, { status: 400 });
      return new Promise((ok) => create(senderId, selectedUser, textMessage, (m) => ok(Response.json(m, { status: 201 }))));
    }
    return h.fetch(req, server);
  },
});
console.log("ready", port, mode);
