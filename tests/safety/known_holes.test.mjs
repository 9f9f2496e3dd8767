// T48: every known hole of the servers and parsers of this family, by its name, tried on chatd. Each
// has its answer, and afterwards others chat as before.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { Chatd, CHATD, exchange, frame, Socket, suite, token } from './lib/chatd.mjs';

const t = suite();
let chatd;
before(async () => {
  chatd = await Chatd.start(t);
});
after(t.end);

const closes = async (...packets) => {
  const socket = await Socket.join(chatd.port, { user: 'mallory' });
  await socket.next('42["ready"');
  for (const packet of packets) {
    if (typeof packet === 'string') socket.send(packet);
    else socket.socket.write(packet);
  }
  assert.equal(await socket.end(30_000), true, 'it is still open');
  return socket;
};
const answers = async (event, argument) => {
  const socket = await Socket.join(chatd.port, { user: 'mallory' });
  await socket.next('42["ready"');
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
    await closes(`45${'1'.repeat(900_000)}`);
    await closes(`42/${'n'.repeat(900_000)}`);
  }],
  ['socket.io-parser CVE-2022-2421: a placeholder that is no index', async () => {
    for (const num of ['"splice"', '-1', '1', '0.5', 'null', '1e3']) {
      await closes(`451-["send_message",{"_placeholder":true,"num":${num}}]`, binary([1, 2, 3]));
    }
  }],
  ['socket.io-parser CVE-2023-32695: an event that is no text, or one of every object', async () => {
    for (const name of ['{"toString":"x"}', '[]', 'null', 'true', '{}']) await closes(`42[${name}]`);
    await closes('42{}');
    await closes('42[]');
    for (const name of ['toString', '__proto__', 'constructor', 'hasOwnProperty', 'then']) {
      assert.equal((await answers(name, {})).error.code, 'unknown_event', name);
    }
    for (const name of ['connect', 'disconnect', 'connect_error', 'newListener']) {
      const socket = await Socket.join(chatd.port, { user: 'mallory' });
      await socket.next('42["ready"');
      const answer = await socket.ask(name, {});
      assert.ok(answer === undefined || answer.error.code === 'unknown_event', name);
      socket.drop();
    }
  }],
  ['socket.io-parser CVE-2026-33151: attachments without a bound', async () => {
    await closes('4511-["send_message"]');
    await closes('454294967296-["send_message"]');
  }],
  ['engine.io CVE-2020-36048: a body of 100 MB', async () => {
    const { data: sid } = await handshake('EIO=4&transport=polling').then(({ body }) => ({ data: JSON.parse(body.slice(1)).sid }));
    const answer = await exchange(chatd.port, `POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\n` +
      `Host: 127.0.0.1:${chatd.port}\r\nContent-Length: 100000000\r\n\r\n${'4'.repeat(65536)}`);
    assert.equal(answer.status, 413);
  }],
  ['engine.io CVE-2022-21676: handshakes of every odd kind', async () => {
    for (const query of ['EIO=4&transport=websocket', 'EIO=5&transport=polling', 'EIO=&transport=polling', 'transport=polling',
      'EIO=4&transport=polling&transport=websocket', 'EIO=4&transport[]=polling', 'EIO=4&transport=polling&sid=__proto__',
      'EIO=4&transport=polling&sid=', 'EIO[x]=4&transport=polling', '%', 'EIO=4&transport=%ff']) {
      const { status } = await handshake(query);
      assert.ok([200, 400, 404].includes(status), `${query}: ${status}`);
    }
  }],
  ['engine.io CVE-2022-41940: connections that are reset while they open', async () => {
    for (let i = 0; i < 50; ++i) {
      const socket = await Socket.open(chatd.port);
      socket.socket.resetAndDestroy();
    }
  }],
  ['engine.io CVE-2023-31125: a transport that every object has', async () => {
    for (const name of ['constructor', '__proto__', 'toString', 'webtransport']) {
      assert.equal((await handshake(`EIO=4&transport=${name}`)).status, 400, name);
      assert.ok([400, 404].includes((await upgrade(WEBSOCKET, `/socket.io/?EIO=4&transport=${name}`)).status), name);
    }
  }],
  ['ws CVE-2016-10542: a frame that is announced with more than there can be', async () => {
    for (const length of ['7fffffffffffffff', '8000000000000000', 'ffffffffffffffff', '00000000000f4241']) {
      const socket = await closes(Buffer.from(`81ff${length}00000000`, 'hex'));
      assert.equal(socket.closeCode, 1009, length);
    }
  }],
  ['ws CVE-2021-32640: a protocol header of spaces', async () => {
    const socket = await Socket.open(chatd.port, { headers: { 'Sec-WebSocket-Protocol': `a${' '.repeat(12_000)}b` } });
    assert.ok([101, 400].includes(socket.response.status)); // no protocol is chosen, or it is refused
    assert.equal(socket.response.headers['sec-websocket-protocol'], undefined);
    socket.drop();
  }],
  ['ws CVE-2024-37890: more headers than there may be', async () => {
    assert.equal((await upgrade('a: b\r\n'.repeat(2500))).status, 431);
    assert.equal((await upgrade('a: b\r\n'.repeat(150))).status, 431);
  }],
  ['ws CVE-2026-45736: what comes back is what went in, and nothing beside it', async () => {
    const socket = await Socket.join(chatd.port, { user: 'mallory' });
    await socket.next('42["ready"');
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
    assert.equal((await closes(frame(8, Buffer.from([0x03])))).closeCode, 1002);
  }],
  ['ws CVE-2026-48779: a message of very many fragments', async () => {
    const fragment = frame(0, Buffer.from('x'), { fin: false });
    const socket = await closes(frame(1, Buffer.from('4'), { fin: false }), Buffer.concat(Array(1_000_100).fill(fragment)));
    assert.ok([1008, 1009].includes(socket.closeCode), String(socket.closeCode));
  }],
  ['RapidJSON CVE-2024-38517 and CVE-2024-39684: exponents and numbers beyond all bounds', async () => {
    const numbers = ['1e-999999999999', '1E-2147483649', '-0e-2147483648', '0e-99999999999999999999', `0.${'0'.repeat(100_000)}1`,
      '1e2147483648', '1e999999999999', '9'.repeat(100_000), `1${'0'.repeat(400)}e-400`, '1e+', '1e', '-', '+1', '.5', '01', '0x10', 'NaN', 'Infinity'];
    for (const number of numbers) {
      const socket = await Socket.join(chatd.port, { user: 'mallory' });
      await socket.next('42["ready"');
      socket.send(`421["history",{"userId":"bob","limit":${number}}]`);
      const packet = await Promise.race([socket.next('431['), socket.end(30_000)]);
      assert.ok(packet === undefined || packet === true || /^431\[\{"ok":/.test(packet), `${number.slice(0, 30)}: ${packet}`);
      socket.drop();
    }
  }],
  ['RapidJSON issues 1027 and 2282, T27: nesting without an end', async () => {
    for (const deep of ['['.repeat(450_000), '{"a":'.repeat(150_000), `${'['.repeat(65)}${']'.repeat(65)}`]) {
      await closes(`42["send_message",${deep}]`);
      const early = await Socket.open(chatd.port);
      early.send(`40{"token":${deep}}`);
      assert.equal(await early.end(30_000), true);
      const { status } = await chatd.request('POST', '/v1/messages', { body: `{"a":${deep}}` });
      assert.equal(status, 400);
    }
  }],
  ['websocketpp issue 1191, T26: what is small and inflates without an end', async () => {
    const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' };
    const socket = await Socket.open(chatd.port, { headers });
    assert.equal(socket.response.status, 101);
    assert.equal(socket.response.headers['sec-websocket-extensions'], undefined); // it is not negotiated,
    const bomb = deflateRawSync(Buffer.alloc(10_000_000));
    const compressed = frame(1, bomb);
    compressed[0] |= 0x40;
    socket.socket.write(compressed);
    assert.equal(await socket.end(30_000), true);
    assert.equal(socket.closeCode, 1002); // and not taken
  }],
  ['SQLite CVE-2025-6965 and CVE-2023-7104: SQL of a client\'s, or its library unpatched', async () => {
    const sql = "x'), ('y', (SELECT group_concat(text) FROM log)); DROP TABLE log; --";
    const { message } = await answers('send_message', { selectedUser: sql, textMessage: sql, clientMessageId: sql });
    assert.deepEqual([message.receiverId, message.textMessage, message.clientMessageId], [sql, sql, sql]);
    assert.deepEqual((await answers('history', { userId: sql })).messages, [message]);
    // Debian carries both fixes from here on.
    const { stdout: installed } = spawnSync('dpkg-query', ['-W', '-f=${Version}', 'libsqlite3-0']);
    if (installed?.length > 0) {
      const compared = spawnSync('dpkg', ['--compare-versions', String(installed), 'ge', '3.40.1-2+deb12u2']);
      assert.equal(compared.status, 0, `libsqlite3-0 ${installed}`);
    }
  }],
  ['what is linked is told by its version', async () => {
    const { stdout } = spawnSync(CHATD, ['--version'], { encoding: 'utf8' });
    for (const part of ['SQLite', 'SQLiteCpp', 'Asio', 'WebSocket\\+\\+', 'RapidJSON', 'CLI11', 'prometheus-cpp', 'OpenSSL']) {
      assert.match(stdout, new RegExp(`${part}[ /]\\d+\\.\\d+`), part);
    }
  }],
  ['websocketpp PR 456: header lines that end nowhere', async () => {
    for (const value of [';', ',', ';;,,;', '"', 'permessage-deflate; x="', 'a;'.repeat(2000), '=;=']) {
      const answer = await upgrade(`${WEBSOCKET}Sec-WebSocket-Extensions: ${value}\r\n` +
        'Sec-WebSocket-Protocol: ,\r\n', '/elsewhere');
      assert.ok(answer.status >= 400 && answer.status < 500, `${value.slice(0, 20)}: ${answer.status}`);
    }
  }],
];

describe('known holes', () => {
  for (const [name, attempt] of holes) {
    it(name, async () => {
      await attempt();
      assert.equal(chatd.process.exitCode, null);
      assert.equal((await answers('send_message', { selectedUser: 'bob', textMessage: 'still here' })).ok, true);
    });
  }
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
