// The cases of the two official protocol suites (Engine.IO v4: 25, Socket.IO v5: 32), in our own
// words, over real sockets against tests/e2e/fixture.

import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { PING_INTERVAL, PING_TIMEOUT, startFixture } from './fixture/client.mjs';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const RS = '\x1e';
const WS = '?EIO=4&transport=websocket';

let io; // the fixture of the suite that is running
let cases = 0;
const it = (name, run) => test(name, async () => {
  cases += 1;
  await run();
});

function assertOpenPacket(open, upgrades) {
  assert.deepEqual(Object.keys(open).sort(),
    ['maxPayload', 'pingInterval', 'pingTimeout', 'sid', 'upgrades']);
  assert.equal(typeof open.sid, 'string');
  assert.deepEqual(open.upgrades, upgrades);
  assert.equal(open.pingInterval, PING_INTERVAL);
  assert.equal(open.pingTimeout, PING_TIMEOUT);
  assert.equal(open.maxPayload, 1_000_000);
}

async function openWebSocket() {
  const socket = io.websocket(WS);
  assertOpenPacket(JSON.parse((await socket.next()).slice(1)), []);
  return socket;
}

async function probed(sid) {
  const socket = io.websocket(`${WS}&sid=${sid}`);
  await socket.opened();
  socket.send('2probe');
  assert.equal(await socket.next(), '3probe');
  return socket;
}

// The 16 cases that both suites have. `alive` shows that an upgraded socket works.
function engineCases(alive) {
  describe('handshake', () => {
    it('by polling: the open packet', async () => {
      assertOpenPacket(await io.handshake(), ['websocket']);
    });
    it('by polling: no or an unknown EIO is refused', async () => {
      assert.equal((await io.ask('?transport=polling')).status, 400);
      assert.equal((await io.ask('?EIO=abc&transport=polling')).status, 400);
    });
    it('by polling: no or an unknown transport is refused', async () => {
      assert.equal((await io.ask('?EIO=4')).status, 400);
      assert.equal((await io.ask('?EIO=4&transport=abc')).status, 400);
    });
    it('by polling: POST and PUT are refused', async () => {
      assert.equal((await io.ask('?EIO=4&transport=polling', { method: 'POST' })).status, 400);
      assert.equal((await io.ask('?EIO=4&transport=polling', { method: 'PUT' })).status, 400);
    });
    it('by WebSocket: the open packet', async () => {
      (await openWebSocket()).close();
    });
    it('by WebSocket: no or an unknown EIO is refused', async () => {
      await io.websocket('?transport=websocket').closed();
      await io.websocket('?EIO=abc&transport=websocket').closed();
    });
    it('by WebSocket: no or an unknown transport is refused', async () => {
      await io.websocket('?EIO=4').closed();
      await io.websocket('?EIO=4&transport=abc').closed();
    });
  });

  describe('heartbeat', () => {
    it('by polling: pings come, and pongs are taken', async () => {
      const { sid } = await io.handshake();
      for (let i = 0; i < 3; i += 1) {
        assert.deepEqual(await io.get(sid), { status: 200, body: '2' });
        assert.equal((await io.post(sid, '3')).status, 200);
      }
    });
    it('by polling: a session without pongs is closed', async () => {
      const { sid } = await io.handshake();
      await sleep(PING_INTERVAL + PING_TIMEOUT);
      // A server that was held up may still be waiting; without a pong it does not wait for long.
      let answer = await io.get(sid);
      while (answer.status === 200) answer = await io.get(sid);
      assert.equal(answer.status, 400);
    });
    it('by WebSocket: pings come, and pongs are taken', async () => {
      const socket = await openWebSocket();
      for (let i = 0; i < 3; i += 1) {
        assert.equal(await socket.next(), '2');
        socket.send('3');
      }
      socket.close();
    });
    it('by WebSocket: a session without pongs is closed', async () => {
      const socket = await openWebSocket();
      assert.equal(await socket.next(), '2');
      await socket.closed();
    });
  });

  describe('close', () => {
    it('by polling: the pending poll gets a noop, the session is gone', async () => {
      const { sid } = await io.handshake();
      const poll = io.startGet(sid);
      await poll.sent;
      assert.equal((await io.post(sid, '3')).status, 200); // the poll is pending after this
      assert.deepEqual(await io.post(sid, '1'), { status: 200, body: 'ok' });
      assert.deepEqual(await poll.answer, { status: 200, body: '6' });
      assert.equal((await io.get(sid)).status, 400);
    });
    it('by WebSocket', async () => {
      const socket = await openWebSocket();
      socket.send('1');
      await socket.closed();
    });
  });

  describe('upgrade', () => {
    it('a probe is answered, the poll released, and the WebSocket taken', async () => {
      const { sid } = await io.handshake();
      const socket = await probed(sid);
      assert.deepEqual(await io.get(sid), { status: 200, body: '6' });
      socket.send('5');
      await alive(socket);
      socket.close();
    });
    it('HTTP requests with the id are refused after it', async () => {
      const { sid } = await io.handshake();
      const socket = await probed(sid);
      socket.send('5');
      await alive(socket);
      assert.equal((await io.get(sid)).status, 400);
      assert.equal((await io.post(sid, '4late')).status, 400);
      socket.close();
    });
    it('a second WebSocket with the id is closed after it, the first goes on', async () => {
      const { sid } = await io.handshake();
      const socket = await probed(sid);
      socket.send('5');
      await alive(socket);
      await io.websocket(`${WS}&sid=${sid}`).closed();
      socket.close();
    });
  });
}

describe('Engine.IO v4', () => {
  before(async () => {
    cases = 0;
    io = await startFixture('engine.io');
  });
  after(() => io.stop());

  engineCases(async (socket) => {
    socket.send('4hello');
    assert.equal(await socket.nextPacket(), '4hello');
  });

  describe('messages by polling', () => {
    it('text comes back', async () => {
      const { sid } = await io.handshake();
      assert.deepEqual(await io.post(sid, '4hello'), { status: 200, body: 'ok' });
      assert.deepEqual(await io.get(sid), { status: 200, body: '4hello' });
    });
    it('several packets of a body come back together', async () => {
      const { sid } = await io.handshake();
      const body = ['4one', '4two', '4three'].join(RS);
      await io.post(sid, body);
      assert.deepEqual(await io.get(sid), { status: 200, body });
    });
    it('binary among text comes back', async () => {
      const { sid } = await io.handshake();
      const body = `4hello${RS}bAQIDBA==`;
      await io.post(sid, body);
      assert.deepEqual(await io.get(sid), { status: 200, body });
    });
    it('a malformed body ends the session', async () => {
      const { sid } = await io.handshake();
      assert.equal((await io.post(sid, 'abc')).status, 400);
      assert.equal((await io.get(sid)).status, 400);
    });
    it('a second poll ends the session', async () => {
      const { sid } = await io.handshake();
      const first = io.startGet(sid);
      await first.sent;
      assert.equal((await io.post(sid, '3')).status, 200);
      assert.equal((await io.get(sid)).status, 400);
      assert.deepEqual(await first.answer, { status: 200, body: '1' });
      assert.equal((await io.get(sid)).status, 400);
    });
    it('a cancelled poll ends the session', async () => {
      const { sid } = await io.handshake();
      const poll = io.startGet(sid);
      await poll.sent;
      assert.equal((await io.post(sid, '3')).status, 200);
      poll.cancel();
      assert.equal((await io.get(sid)).status, 400);
    });
  });

  describe('messages by WebSocket', () => {
    it('text comes back', async () => {
      const socket = await openWebSocket();
      socket.send('4hello');
      assert.equal(await socket.nextPacket(), '4hello');
      socket.close();
    });
    it('binary comes back', async () => {
      const socket = await openWebSocket();
      socket.send(Buffer.from([1, 2, 3, 4]));
      assert.deepEqual(await socket.nextPacket(), Buffer.from([1, 2, 3, 4]));
      socket.close();
    });
    it('a malformed packet closes it', async () => {
      const socket = await openWebSocket();
      socket.send('abc');
      await socket.closed();
    });
  });

  test('all 25 cases ran', () => assert.equal(cases, 25));

  test('what is left of a body whose answer overtook it is not taken for a request', async () => {
    const { sid } = await io.handshake();
    const smuggled = 'GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n';
    const raw = net.connect(io.port, 'localhost');
    let received = '';
    raw.on('data', (chunk) => {
      received += chunk;
    });
    raw.on('error', () => {}); // the server may have closed before the rest is written
    const ended = new Promise((resolve) => raw.once('close', resolve));
    const begun = new Promise((resolve) => raw.write(
      `POST /engine.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: x\r\n` +
      `Content-Length: ${smuggled.length}\r\n\r\n`, resolve));
    await begun;
    assert.equal((await io.ask('?EIO=4')).status, 400); // the head was read before this
    const socket = await probed(sid);
    socket.send('5', '4hello');
    assert.equal(await socket.nextPacket(), '4hello');
    raw.write(smuggled);
    await ended;
    assert.match(received, /^HTTP\/1\.1 400 /);
    assert.equal(received.match(/HTTP\/1\.1/g).length, 1);
    assert.doesNotMatch(received, /"sid"/);
    socket.close();
  });
});

// A WebSocket that has sent `connect` and taken the answer and the "auth" event.
async function joined(connect = '40', auth = '{}') {
  const socket = await openWebSocket();
  await join(socket, connect, auth);
  return socket;
}

async function join(socket, connect, auth = '{}') {
  const nsp = /^40(\/[^,]*,)?/.exec(connect)[1] ?? '';
  socket.send(connect);
  const answer = await socket.nextPacket();
  assert.ok(answer.startsWith(`40${nsp}{`), answer);
  const { sid, ...rest } = JSON.parse(answer.slice(2 + nsp.length));
  assert.equal(typeof sid, 'string');
  assert.deepEqual(rest, {});
  assert.equal(await socket.nextPacket(), `42${nsp}["auth",${auth}]`);
}

const PLACEHOLDERS = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
const ATTACHMENTS = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];

describe('Socket.IO v5', () => {
  before(async () => {
    cases = 0;
    io = await startFixture('socket.io');
  });
  after(() => io.stop());

  engineCases((socket) => join(socket, '40'));

  describe('connect', () => {
    it('to the main namespace', async () => (await joined()).close());
    it('to the main namespace with a payload', async () =>
      (await joined('40{"token":"123"}', '{"token":"123"}')).close());
    it('to another namespace', async () => (await joined('40/custom,')).close());
    it('to another namespace with a payload', async () =>
      (await joined('40/custom,{"token":"abc"}', '{"token":"abc"}')).close());
    it('to an unknown namespace is refused', async () => {
      const socket = await openWebSocket();
      socket.send('40/random');
      assert.equal(await socket.nextPacket(), '44/random,{"message":"Invalid namespace"}');
      socket.close();
    });
    it('a malformed first packet closes the connection', async () => {
      const socket = await openWebSocket();
      socket.send('4abc');
      await socket.closed();
    });
    it('who never connects is closed', async () => {
      const socket = await openWebSocket();
      socket.nextPacket().catch(() => {}); // pongs go on: the connect timeout ends it
      socket.nextPacket().catch(() => {});
      await socket.closed();
    });
  });

  describe('disconnect', () => {
    it('from the only namespace leaves the connection open', async () => {
      const socket = await joined();
      socket.send('41');
      assert.equal(await socket.next(), '2');
      socket.close();
    });
    it('from one namespace leaves the other', async () => {
      const socket = await joined();
      await join(socket, '40/custom,');
      socket.send('41/custom', '42["message","message to main namespace"]');
      assert.equal(await socket.nextPacket(), '42["message-back","message to main namespace"]');
      socket.close();
    });
  });

  describe('messages', () => {
    it('an event comes back', async () => {
      const socket = await joined();
      socket.send('42["message",1,"2",{"3":[true]}]');
      assert.equal(await socket.nextPacket(), '42["message-back",1,"2",{"3":[true]}]');
      socket.close();
    });
    it('a binary event comes back', async () => {
      const socket = await joined();
      socket.send(`452-["message",${PLACEHOLDERS}]`, ...ATTACHMENTS);
      assert.equal(await socket.nextPacket(), `452-["message-back",${PLACEHOLDERS}]`);
      for (const bytes of ATTACHMENTS) assert.deepEqual(await socket.nextPacket(), bytes);
      socket.close();
    });
    it('an event is acked', async () => {
      const socket = await joined();
      socket.send('42456["message-with-ack",1,"2",{"3":[false]}]');
      assert.equal(await socket.nextPacket(), '43456[1,"2",{"3":[false]}]');
      socket.close();
    });
    it('a binary event is acked', async () => {
      const socket = await joined();
      socket.send(`452-789["message-with-ack",${PLACEHOLDERS}]`, ...ATTACHMENTS);
      assert.equal(await socket.nextPacket(), `462-789[${PLACEHOLDERS}]`);
      for (const bytes of ATTACHMENTS) assert.deepEqual(await socket.nextPacket(), bytes);
      socket.close();
    });
    for (const [what, packet] of [
      ['a malformed packet', '4abc'],
      ['an event that is no array', '42{}'],
      ['an event with a malformed id', '42abc["message-with-ack",1]'],
    ]) {
      it(`${what} closes the connection`, async () => {
        const socket = await joined();
        socket.send(packet);
        await socket.closed();
      });
    }
  });

  test('all 32 cases ran', () => assert.equal(cases, 32));
});
