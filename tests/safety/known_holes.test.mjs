// T48: every known hole of the servers and parsers of this family, by its name, tried on chatd. Each
// has its answer, and afterwards others chat as before.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { Chatd, CHATD, exchange, frame, Socket, suite, token } from './lib/chatd.mjs';

const t = suite();
let chatd;
before(async () => {
  chatd = await Chatd.start(t);
});
after(t.end);

const join = async () => {
  const socket = await Socket.join(chatd.port, { user: 'mallory' });
  await socket.next('42["ready"');
  return socket;
};
// Ends with a close frame of this code; 1005: with one that has none.
const closes = async (code, ...packets) => {
  const socket = await join();
  for (const packet of packets) {
    if (typeof packet === 'string') socket.send(packet);
    else socket.socket.write(packet);
  }
  assert.equal(await socket.end(30_000), true, 'it is still open');
  assert.equal(socket.closeCode, code, packets.map((packet) => String(packet).slice(0, 60)).join(' '));
};
const answers = async (event, argument) => {
  const socket = await join();
  const answer = await socket.ask(event, argument);
  socket.drop();
  return answer;
};
const handshake = (query) => chatd.request('GET', `/socket.io/?${query}`);
const upgrade = (lines, path = '/socket.io/?EIO=4&transport=websocket') => exchange(chatd.port,
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${chatd.port}\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n${lines}\r\n`);
const WEBSOCKET = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const binary = (bytes) => frame(2, Buffer.from(bytes));

// [name, what is tried]
const holes = [
  ['socket.io CVE-2024-38355: an event called error', async () => {
    assert.equal((await answers('error', 'boom')).error.code, 'unknown_event');
  }],
  ['socket.io CVE-2020-28481: every origin by default', async () => {
    const headers = { Origin: 'https://evil.example' };
    assert.equal((await chatd.request('GET', '/socket.io/?EIO=4&transport=polling', { headers })).status, 403);
    assert.equal((await Socket.open(chatd.port, { headers })).response.status, 403);
  }],
  ['socket.io-parser CVE-2020-36049: a packet that is a long number, or a long namespace', async () => {
    await closes(1005, `45${'1'.repeat(900_000)}`);
    await closes(1005, `42/${'n'.repeat(900_000)}`);
  }],
  ['socket.io-parser CVE-2022-2421: a placeholder that is no index', async () => {
    for (const num of ['"splice"', '-1', '1', '0.5', 'null', '1e3']) {
      await closes(1005, `451-["send_message",{"_placeholder":true,"num":${num}}]`, binary([1, 2, 3]));
    }
  }],
  ['socket.io-parser CVE-2023-32695: an event that is no text, or one of every object', async () => {
    for (const name of ['{"toString":"x"}', '[]', 'null', 'true', '{}']) await closes(1005, `42[${name}]`);
    await closes(1005, '42{}');
    await closes(1005, '42[]');
    for (const name of ['toString', '__proto__', 'constructor', 'hasOwnProperty', 'then']) {
      assert.equal((await answers(name, {})).error.code, 'unknown_event', name);
    }
    for (const name of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']) {
      await closes(1005, `42["${name}",{}]`);
    }
  }],
  ['socket.io-parser CVE-2026-33151: attachments without a bound', async () => {
    await closes(1005, '4511-["send_message"]');
    await closes(1005, '454294967296-["send_message"]');
    // Ten are taken.
    const socket = await join();
    socket.send(`4510-7["nothing",${Array.from({ length: 10 }, (_, num) => JSON.stringify({ _placeholder: true, num }))}]`);
    for (let i = 0; i < 10; ++i) socket.socket.write(binary([i]));
    assert.match(await socket.next('437['), /unknown_event/);
    socket.drop();
  }],
  ['engine.io CVE-2020-36048: a body of 100 MB', async () => {
    const { data: sid } = await handshake('EIO=4&transport=polling').then(({ body }) => ({ data: JSON.parse(body.slice(1)).sid }));
    const post = (query, length) => exchange(chatd.port, `POST /socket.io/?EIO=4&transport=polling&${query} HTTP/1.1\r\n` +
      `Host: 127.0.0.1:${chatd.port}\r\nContent-Length: ${length}\r\n\r\n${'4'.repeat(65536)}`);
    const answer = await post(`sid=${sid}`, 100_000_000);
    assert.equal(answer.status, 413);
    const before = chatd.rss();
    for (let i = 0; i < 30; ++i) assert.equal((await post(`sid=${sid}`, 2_000_000)).status, 413);
    assert.ok(chatd.rss() - before < 16 * 1024, 'nothing is kept of what is refused');
  }],
  ['engine.io CVE-2022-21676: handshakes of every odd kind', async () => {
    for (const query of ['EIO=4&transport=websocket', 'EIO=5&transport=polling', 'EIO=&transport=polling', 'transport=polling',
      'EIO=4&transport=polling&transport=websocket', 'EIO=4&transport[]=polling', 'EIO=4&transport=polling&sid=__proto__',
      'EIO=4&transport=polling&sid=', 'EIO[x]=4&transport=polling', '%', 'EIO=4&transport=%ff']) {
      const { status } = await handshake(query);
      assert.equal(status, query.endsWith('sid=') ? 200 : 400, query); // an empty one is none
    }
  }],
  ['engine.io CVE-2022-41940: connections that are reset while they open, poll or upgrade', async () => {
    for (let i = 0; i < 50; ++i) {
      const { sid } = JSON.parse((await handshake('EIO=4&transport=polling')).body.slice(1));
      const polling = net.connect(chatd.port, '127.0.0.1');
      polling.write(`GET /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: 127.0.0.1:${chatd.port}\r\n\r\n`);
      const opening = await Socket.open(chatd.port);
      const upgrading = await Socket.open(chatd.port, { path: `/socket.io/?EIO=4&transport=websocket&sid=${sid}` });
      assert.deepEqual([opening, upgrading].map(({ response }) => response.status), [101, 101]);
      upgrading.send('2probe');
      for (const { socket } of [opening, upgrading, { socket: polling.on('error', () => {}) }]) socket.resetAndDestroy();
    }
  }],
  ['engine.io CVE-2023-31125: a transport that every object has', async () => {
    for (const name of ['constructor', '__proto__', 'toString', 'webtransport']) {
      assert.equal((await handshake(`EIO=4&transport=${name}`)).status, 400, name);
      assert.equal((await upgrade(WEBSOCKET, `/socket.io/?EIO=4&transport=${name}`)).status, 400, name);
    }
  }],
  ['ws CVE-2016-10542: a frame that is announced with more than there can be', async () => {
    // A byte too much, 100 MB, 2^32, 2^63 - 1, 2^63, 2^64 - 1; and one byte too much in two frames.
    for (const length of ['00000000000f4241', '0000000006400000', '0000000100000000', '7fffffffffffffff', '8000000000000000', 'ffffffffffffffff']) {
      await closes(1009, Buffer.from(`81ff${length}00000000`, 'hex'));
    }
    await closes(1009, frame(1, Buffer.alloc(600_000, '4'), { fin: false }), frame(0, Buffer.alloc(400_001, '4')));
  }],
  ['ws CVE-2021-32640: a protocol header of spaces', async () => {
    const socket = await Socket.open(chatd.port, { headers: { 'Sec-WebSocket-Protocol': `a${' '.repeat(12_000)}b` } });
    assert.equal(socket.response.status, 101); // and no protocol is chosen
    assert.equal(socket.response.headers['sec-websocket-protocol'], undefined);
    socket.drop();
  }],
  ['ws CVE-2024-37890: more headers than there may be', async () => {
    assert.equal((await upgrade('a: b\r\n'.repeat(2500))).status, 431);
    assert.equal((await upgrade('a: b\r\n'.repeat(150))).status, 431);
  }],
  ['ws CVE-2026-45736: what comes back is what went in, and nothing beside it', async () => {
    const socket = await join();
    const seen = [];
    socket.socket.on('data', (bytes) => seen.push(bytes));
    for (const size of [0, 1, 63, 124, 125]) {
      seen.length = 0;
      const payload = Buffer.alloc(size, 0xa5);
      const pong = Buffer.concat([Buffer.from([0x8a, size]), payload]);
      socket.socket.write(frame(9, payload));
      while (Buffer.concat(seen).length < pong.length) await new Promise((resolve) => socket.socket.once('data', resolve));
      assert.deepEqual(Buffer.concat(seen).subarray(0, pong.length), pong);
    }
    socket.drop();
    await closes(1002, frame(8, Buffer.from([0x03])));
  }],
  ['ws CVE-2026-48779: a message of very many fragments', async () => {
    const fragment = frame(0, Buffer.from('x'), { fin: false });
    await closes(1008, frame(1, Buffer.from('4'), { fin: false }), Buffer.concat(Array(1_000_100).fill(fragment)));
  }],
  ['RapidJSON CVE-2024-38517 and CVE-2024-39684: exponents and numbers beyond all bounds', async () => {
    const event = (number) => `421["history",{"userId":"bob","limit":${number}}]`;
    for (const number of ['1e-999999999999', '1E-2147483649', '-0e-2147483648', '0e-99999999999999999999', `0.${'0'.repeat(100_000)}1`,
      '1e2147483648', '1e999999999999', '9'.repeat(100_000), `1${'0'.repeat(400)}e-400`]) {
      const socket = await join();
      socket.send(event(number));
      assert.match(await socket.next('431['), /^431\[\{"ok":false,"error":\{"code":"invalid_argument"/, number.slice(0, 30));
      socket.drop();
    }
    for (const number of ['1e+', '1e', '-', '+1', '.5', '01', '0x10', 'NaN', 'Infinity']) await closes(1005, event(number));
  }],
  ['RapidJSON issues 1027 and 2282, T27: nesting without an end', async () => {
    for (const deep of ['['.repeat(450_000), '{"a":'.repeat(150_000), `${'['.repeat(65)}${']'.repeat(65)}`]) {
      await closes(1005, `42["send_message",${deep}]`);
      const early = await Socket.open(chatd.port);
      early.send(`40{"token":${deep}}`);
      assert.equal(await early.end(30_000), true);
      const { status } = await chatd.request('POST', '/v1/messages', { body: `{"a":${deep}}` });
      assert.equal(status, 400);
    }
  }],
  ['websocketpp issue 1191, T26: a compressed frame that inflates without a bound', async () => {
    const socket = await Socket.open(chatd.port, { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' } });
    assert.equal(socket.response.headers['sec-websocket-extensions'], undefined); // it is not spoken
    const bomb = frame(2, deflateRawSync(Buffer.alloc(100_000_000)));
    bomb[0] |= 0x40;
    socket.socket.write(bomb);
    assert.equal(await socket.end(30_000), true);
    assert.equal(socket.closeCode, 1002);
  }],
  ['websocketpp PR 456: header lines that end nowhere', async () => {
    for (const value of [';', ',', ';;,,;', '"', 'permessage-deflate; x="', 'a;'.repeat(2000), '=;=']) {
      const answer = await upgrade(`${WEBSOCKET}Sec-WebSocket-Extensions: ${value}\r\n` +
        'Sec-WebSocket-Protocol: ,\r\n', '/elsewhere');
      assert.ok(answer.status >= 400 && answer.status < 500, `${value.slice(0, 20)}: ${answer.status}`);
    }
  }],
  ['websocketpp: several keys or versions, of which parsers take different ones', async () => {
    for (const lines of [`${WEBSOCKET}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`,
      `${WEBSOCKET}Sec-WebSocket-Version: 13\r\n`, `${WEBSOCKET}sec-websocket-version: 8\r\n`]) {
      assert.equal((await upgrade(lines)).status, 400);
    }
  }],
  ['SQLite CVE-2025-6965: statements of an attacker', async () => {
    // More aggregates than columns; it needs somebody who may write SQL. Here it is a text, everywhere.
    const sql = `x'; SELECT ${Array.from({ length: 300 }, (_, i) => `sum(DISTINCT ${i})`)} FROM (SELECT 1); --`;
    const { message } = await answers('send_message', { selectedUser: sql.slice(0, 100), textMessage: sql, clientMessageId: sql.slice(0, 100) });
    assert.deepEqual([message.receiverId, message.textMessage, message.clientMessageId], [sql.slice(0, 100), sql, sql.slice(0, 100)]);
    for (const argument of [{ userId: sql.slice(0, 100) }, { conversationId: message.conversationId }]) {
      assert.equal((await answers('history', argument)).messages[0].textMessage, sql);
    }
  }],
  ['SQLite CVE-2023-7104: changesets of an attacker', async () => {
    const called = sqlite();
    assert.ok(called.includes('sqlite3_step'), 'SQLite is linked in another way: look at it anew');
    assert.deepEqual(called.filter((name) => /session|changeset|changegroup|rebaser|blob_(open|reopen)|deserialize/.test(name)), []);
  }],
  ['SQLite\'s WAL-reset bug (3.7.0 to 3.51.2): a second process that checkpoints', async () => {
    // One connection of one process does; tests/sqlite/open_test.cc has the others.
    const second = await Chatd.start(suite(), { dir: chatd.dir }).then(() => 'it started', (error) => String(error));
    assert.match(second, /ended with 3: .*another process has it open/);
  }],
  ['SQLiteCpp: a close that fails ends the process', async (t) => {
    // With reads under way, statements in use.
    const own = await Chatd.start(t);
    const socket = await Socket.join(own.port, { user: 'mallory' });
    await socket.next('42["ready"');
    for (let i = 0; i < 200; ++i) socket.send('421["history",{"userId":"bob"}]');
    await socket.next('431[');
    assert.equal(await own.stop(), 0);
  }],
];

// What chatd calls of SQLite.
const sqlite = () => execFileSync('nm', ['--dynamic', '--undefined-only', CHATD], { encoding: 'utf8' })
  .split('\n').flatMap((line) => /U (sqlite3_?\w+)/.exec(line)?.[1] ?? []);

describe('known holes', () => {
  for (const [name, attempt] of holes) {
    it(name, async (t) => {
      await attempt(t);
      assert.equal(chatd.process.exitCode, null);
      assert.equal((await answers('send_message', { selectedUser: 'bob', textMessage: 'still here' })).ok, true);
    });
  }
  it('every library that is linked has its version in --version', () => {
    const text = execFileSync(CHATD, ['--version'], { encoding: 'utf8' });
    const version = String.raw`\d+\.\d+(\.\d+)?`;
    // In headers alone, or linked into the program itself.
    for (const name of ['chatd', 'SQLiteCpp', 'Asio', 'RapidJSON', 'CLI11', 'toml\\+\\+']) assert.match(text, new RegExp(`\\b${name} ${version}`), text);
    assert.match(text, new RegExp(`WebSocket\\+\\+/${version}`));
    const shared = { ssl: 'OpenSSL', crypto: 'OpenSSL', sqlite3: 'SQLite', z: 'zlib', sodium: 'libsodium', uring: 'liburing', 'prometheus-cpp-core': 'prometheus-cpp' };
    const compilers = ['stdc++', 'm', 'gcc_s', 'c', 'pthread', 'dl', 'rt', 'resolv', 'asan', 'ubsan', 'tsan'];
    const linked = [...execFileSync('ldd', [CHATD], { encoding: 'utf8' }).matchAll(/^\tlib(\S+?)\.so/gm)].map(([, name]) => name);
    assert.ok(linked.includes('sqlite3'), linked.join(' '));
    for (const name of linked.filter((name) => !compilers.includes(name))) {
      assert.ok(name in shared, `${name} has no version in --version`);
      assert.match(text, new RegExp(`\\b${shared[name]} ${version}`), text);
    }
  });
  it('JWT claims nested without an end are refused (T27)', async (t) => {
    const strict = await Chatd.start(t, { dev: false });
    let claims = 'x';
    for (let i = 0; i < 300; ++i) claims = [claims];
    const socket = await Socket.join(strict.port, { token: token({ deep: claims }) });
    const packet = await socket.next('4');
    assert.equal(JSON.parse(packet.slice(2)).data.code, 'token_malformed');
    socket.drop();
  });
});
