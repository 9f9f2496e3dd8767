// TLS in chatd: stock clients over https and wss, what is refused, and other keys on SIGHUP.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { io } from 'socket.io-client';
import { binary, Chatd } from '../lib/chatd.mjs';
import { transports } from '../lib/clients.mjs';
import { issue } from './lib/certificate.mjs';

describe('TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chatrt-tls-'));
  const cert = join(folder, 'cert.pem');
  const key = join(folder, 'key.pem');
  const encrypted = join(folder, 'encrypted.pem');
  const foreign = join(folder, 'foreign.pem');
  let chatd;
  let ca;

  before(async () => {
    issue(cert, foreign);
    ca = issue(cert, key);
    execFileSync('openssl', ['pkey', '-in', key, '-aes256', '-passout', 'pass:secret', '-out', encrypted]);
    // Several shards: a connection goes to that of its session, in the middle of its TLS.
    chatd = await new Chatd(['--tls-cert', cert, '--tls-key', key, '--shards', '3']).start();
  });
  after(async () => {
    await chatd.close();
    rmSync(folder, { recursive: true });
  });

  function connect(t, user, transport, options = {}) {
    const socket = io(`https://localhost:${chatd.port}`, {
      transports: transports[transport], forceNew: true, reconnection: false, ca, query: { userId: user }, ...options });
    t.after(() => socket.disconnect());
    return socket;
  }
  const closed = (socket) => socket.destroyed || new Promise((resolve) => socket.once('close', resolve));
  const hello = (options) => new Promise((resolve, reject) => {
    const socket = tls.connect({ port: chatd.port, host: 'localhost', servername: 'localhost', ca, ...options });
    socket.once('secureConnect', () => resolve(socket)).once('error', reject);
  });

  for (const transport of Object.keys(transports)) {
    it(`carries a chat over ${transport}, long texts included`, async (t) => {
      const to = `bob-${transport}`;
      const [ann, bob] = ['ann', to].map((user) => connect(t, user, transport));
      const texts = Array.from({ length: 20 }, (_, i) => `${transport} ${i} `.padEnd(60_000, '€'.repeat(8)).slice(0, 20_000));
      const received = [];
      const all = new Promise((resolve) => bob.on('receive_message', (message) => {
        if (received.push(message.textMessage) === texts.length) resolve();
      }));
      await Promise.all([ann, bob].map((socket) => once(socket, 'ready')));
      for (const text of texts) {
        const answer = await ann.timeout(20_000).emitWithAck('send_message', { selectedUser: to, textMessage: text });
        assert.equal(answer.ok, true);
      }
      await all;
      assert.deepEqual(received, texts);
    });
  }

  it('speaks TLS 1.2 and 1.3, and HTTP/1.1 on them', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      const socket = await hello({ minVersion: version, maxVersion: version, ALPNProtocols: ['h2', 'http/1.1'] });
      assert.equal(socket.getProtocol(), version);
      assert.equal(socket.alpnProtocol, 'http/1.1');
      socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      let answer = '';
      for await (const bytes of socket) answer += bytes;
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    }
  });

  it('refuses older versions, and plain HTTP', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await assert.rejects(hello(old), /protocol version|SSL|ECONNRESET/i);
    const plain = net.connect(chatd.port, 'localhost');
    plain.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    let answer = '';
    plain.on('data', (bytes) => (answer += bytes.toString('latin1'))).on('error', () => {});
    await closed(plain);
    assert.ok(!answer.includes('HTTP/1.1'), answer);
  });

  it('closes who begins no handshake, does not end it, or drips it', async (t) => {
    const patient = await hello();
    assert.equal(patient.authorized, true);
    patient.on('error', () => {}).write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(patient, 'data'); // the control: after its handshake it may wait
    const began = Date.now();
    const begin = (bytes) => {
      const socket = net.connect(chatd.port, 'localhost').on('error', () => {}).resume();
      if (bytes) socket.write(bytes);
      return socket;
    };
    // The record says that 512 bytes follow.
    const [silent, half, dripped] = [begin(), begin('\x16\x03\x01\x02'), begin(Buffer.from('1603010200010001fc0303', 'hex'))];
    const timer = setInterval(() => dripped.write('x'), 500);
    t.after(() => clearInterval(timer));
    await Promise.all([silent, half, dripped].map(closed));
    assert.ok(Date.now() - began > 4000, 'they had their time');
    assert.equal(patient.destroyed, false);
    patient.destroy();
  });

  it('lives on when those who have asked for much reset their connections', async () => {
    const long = 'GET /socket.io/socket.io.js.map HTTP/1.1\r\nHost: localhost\r\n\r\n';
    for (let i = 0; i < 20; ++i) {
      const socket = net.connect(chatd.port, 'localhost').on('error', () => {});
      const secure = await hello({ socket });
      secure.on('error', () => {}).write(long.repeat(40));
      setImmediate(() => socket.resetAndDestroy());
      await closed(socket);
    }
    const after = await hello();
    after.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [answer] = await once(after, 'data');
    after.destroy();
    assert.match(String(answer), /^HTTP\/1\.1 200 OK\r\n/);
  });
  it('explains a message over TLS, with its own certificate alone', async (t) => {
    const ann = connect(t, 'ann', 'websocket');
    const { message } = await ann.timeout(20_000).emitWithAck('send_message', { selectedUser: 'bob', textMessage: 'hello' });
    const explain = (file) => spawnSync(binary, ['explain', message._id, '--dev', '--listen', 'localhost',
      '--port', String(chatd.port), '--tls-cert', file, '--tls-key', key], { encoding: 'utf8' });
    assert.match(explain(cert).stdout, /committed/);
    const other = join(folder, 'other.pem');
    const kept = readFileSync(key);
    const served = readFileSync(cert);
    issue(cert, key);
    writeFileSync(other, readFileSync(cert));
    writeFileSync(key, kept);
    writeFileSync(cert, served);
    const refused = explain(other);
    assert.deepEqual([refused.status, refused.stdout], [1, '']);
    assert.match(refused.stderr, /another certificate than that of .*other\.pem is served there/);
  });

  it('says when the certificate ends', async () => {
    const socket = await hello();
    const { valid_to } = socket.getPeerCertificate();
    socket.write('GET /metrics HTTP/1.0\r\n\r\n');
    let text = '';
    for await (const part of socket) text += part;
    const [, end] = text.match(/^chatd_tls_certificate_end_seconds (\S+)$/m);
    assert.equal(Number(end), Date.parse(valid_to) / 1000);
  });

  it('takes other keys on SIGHUP, and keeps its own where they are no good', async (t) => {
    const ann = connect(t, 'ann', 'websocket');
    await once(ann, 'ready');
    const before = (await hello()).getPeerCertificate().fingerprint256;

    writeFileSync(cert, 'nonsense');
    const failed = chatd.logged((entry) => entry.event === 'reload');
    chatd.kill('SIGHUP');
    assert.match((await failed).error, /^tls-cert: /);
    assert.equal((await hello()).getPeerCertificate().fingerprint256, before);

    ca = issue(cert, key);
    const done = chatd.logged((entry) => entry.event === 'reload');
    chatd.kill('SIGHUP');
    assert.equal((await done).error, undefined);
    assert.notEqual((await hello()).getPeerCertificate().fingerprint256, before);
    const answer = await ann.timeout(20_000).emitWithAck('send_message', { selectedUser: 'bob', textMessage: 'still here' });
    assert.equal(answer.ok, true);
  });

  for (const [what, files, names] of [
    ['a certificate without a key', ['--tls-cert', cert], /^chatd: tls-key: /],
    ['a key without a certificate', ['--tls-key', key], /^chatd: tls-cert: /],
    ['a certificate that is not there', ['--tls-cert', join(folder, 'none.pem'), '--tls-key', key], /^chatd: tls-cert: .*none\.pem: No such file or directory$/],
    ['a key that is none', ['--tls-cert', cert, '--tls-key', cert], /^chatd: tls-key: .*cert\.pem: /],
    ['a key that is encrypted', ['--tls-cert', cert, '--tls-key', encrypted], /^chatd: tls-key: .*encrypted\.pem: encrypted, /],
    ['the key of another certificate', ['--tls-cert', cert, '--tls-key', foreign], /^chatd: tls-key: .*foreign\.pem: key values mismatch$/],
  ]) {
    it(`does not start with ${what}`, () => {
      const { status, stderr } = spawnSync(binary, ['--dev', '--port', '0', '--db', ':memory:', ...files], { encoding: 'utf8', timeout: 10_000 });
      assert.equal(status, 2);
      assert.match(stderr.trimEnd(), names);
      assert.equal(stderr.trim().split('\n').length, 1);
    });
  }
});
