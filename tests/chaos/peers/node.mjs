// The same chat on Socket.IO's own server with all it has against loss: connection state recovery,
// and an ack only after the message is synced to SQLite. For comparison, see kill.test.mjs:
//   (cd tests/bench/peers/node && npm ci)
//   CHAOS_PEER=node CHAOS_FULL=1 node --test --test-name-pattern 'loses nothing' tests/chaos/kill.test.mjs
// usage: node node.mjs PORT FILE; prints the port when it listens
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const packages = createRequire(new URL('../../bench/peers/node/package.json', import.meta.url));
const { Server } = packages('socket.io');
const Database = packages('better-sqlite3');

const [port, file] = process.argv.slice(2);
const db = new Database(file);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec(`CREATE TABLE IF NOT EXISTS messages(id INTEGER PRIMARY KEY, conversation TEXT NOT NULL, seq INTEGER NOT NULL,
  sender TEXT NOT NULL, receiver TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (conversation, seq))`);
const insert = db.prepare(`INSERT INTO messages(conversation, seq, sender, receiver, text)
  VALUES(@conversationId, (SELECT coalesce(max(seq), 0) + 1 FROM messages WHERE conversation = @conversationId),
  @senderId, @receiverId, @textMessage) RETURNING id, seq`);
const select = db.prepare(`SELECT id AS _id, conversation AS conversationId, seq, sender AS senderId,
  receiver AS receiverId, text AS textMessage FROM messages WHERE sender = @user OR receiver = @user ORDER BY id`);

const http = createServer((request, response) => {
  const user = request.url.match(/^\/stored\/(\w+)$/)?.[1];
  response.writeHead(user ? 200 : 404).end(user ? JSON.stringify(select.all({ user })) : '');
});
const io = new Server(http, { serveClient: false, perMessageDeflate: false, connectionStateRecovery: {} });

// One commit for all that came in one turn of the loop.
let inbox = [];
const commit = db.transaction((batch) => {
  for (const entry of batch) {
    const { id, seq } = insert.get(entry.message);
    Object.assign(entry.message, { _id: id, seq });
  }
});
function drain() {
  const batch = inbox;
  inbox = [];
  commit(batch);
  for (const { message, ack } of batch) {
    ack?.({ ok: true, message });
    io.to(message.receiverId).emit('receive_message', message);
    io.to(message.senderId).emit('message_sent', message);
  }
}

io.on('connection', (socket) => {
  const register = (user) => {
    socket.data.user = user;
    socket.join(socket.data.user);
  };
  if (socket.handshake.query.userId) register(socket.handshake.query.userId);
  socket.on('register', (user, ack) => {
    register(user);
    ack?.({ ok: true });
  });
  socket.on('send_message', ({ receiverId, textMessage }, ack) => {
    const senderId = socket.data.user;
    const message = { conversationId: [senderId, receiverId].sort().join(' '), senderId, receiverId, textMessage };
    if (inbox.push({ message, ack }) === 1) setImmediate(drain);
  });
});
http.listen(Number(port), '127.0.0.1', () => console.log(http.address().port));
