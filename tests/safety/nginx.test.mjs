// chatd behind Debian's nginx, with the configuration of docs/operating.md.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { io } from 'socket.io-client';
import { Chatd } from '../lib/chatd.mjs';
import { transports } from '../lib/clients.mjs';
import { issue } from './lib/certificate.mjs';
import { answersTo } from './lib/raw.mjs';
import { RAW_REQUESTS, SMUGGLED } from './lib/raw_requests.mjs';

const shown = /```nginx\n(.*?)^```$/ms.exec(readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8'))[1];
const handshake = (extra = '') => `GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n${extra}\r\n`;
const statusOf = (answer) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

describe('behind nginx', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chatrt-nginx-'));
  let nginx, chatd, port, ca;

  // chatd with `options` is what nginx passes requests on to.
  async function start(options) {
    chatd = await new Chatd(options).start();
    port = await freePort();
    const put = (text, from, to) => {
      assert.ok(text.includes(from), from);
      return text.replace(from, to);
    };
    let server = put(shown, '127.0.0.1:3000', `127.0.0.1:${chatd.port}`);
    server = put(server, 'listen 443 ssl', `listen 127.0.0.1:${port} ssl`);
    server = put(server, '/etc/ssl/chat.example/fullchain.pem', join(folder, 'cert.pem'));
    server = put(server, '/etc/ssl/chat.example/privkey.pem', join(folder, 'key.pem'));
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((what) => `${what}_temp_path ${folder}/tmp;\n`).join('');
    writeFileSync(join(folder, 'nginx.conf'), `${process.getuid() === 0 ? 'user root;\n' : ''}daemon off;\npid ${folder}/pid;\n` +
      `worker_processes 1;\nevents {}\nhttp {\naccess_log off;\n${temp}${server}}\n`);
    nginx = spawn(process.env.NGINX ?? 'nginx', ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
    for (;;) {
      const socket = net.connect(port, '127.0.0.1');
      const up = await new Promise((resolve) => socket.once('connect', () => resolve(true)).once('error', () => resolve(false)));
      socket.destroy();
      if (up) return;
      if (nginx.exitCode !== null) assert.fail(readFileSync(join(folder, 'error.log'), 'utf8'));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  async function stop() {
    if (nginx.exitCode === null) {
      nginx.kill('SIGTERM');
      await once(nginx, 'exit');
    }
    await chatd.close();
  }

  before(() => {
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'tmp'));
    ca = issue(join(folder, 'cert.pem'), join(folder, 'key.pem'));
  });
  after(() => rmSync(folder, { recursive: true }));

  describe('with the proxy trusted', () => {
    before(() => start(['--trusted-proxy', '127.0.0.1']));
    after(stop);

    for (const transport of Object.keys(transports)) {
      it(`stock clients chat over ${transport}`, async (t) => {
        const [ann, bob] = ['ann', `bob-${transport}`].map((user) => io(`https://localhost:${port}`, {
          transports: transports[transport], forceNew: true, reconnection: false, ca, query: { userId: user } }));
        t.after(() => [ann, bob].forEach((socket) => socket.disconnect()));
        const text = '€'.repeat(20_000);
        const arrived = new Promise((resolve) => bob.once('receive_message', resolve));
        await Promise.all([ann, bob].map((socket) => once(socket, 'ready')));
        if (transport === 'upgrade') {
          await Promise.all([ann, bob].map(({ io: { engine } }) => engine.transport.name === 'websocket' || once(engine, 'upgrade')));
        }
        const answer = await ann.timeout(20_000).emitWithAck('send_message', { selectedUser: `bob-${transport}`, textMessage: text });
        assert.equal(answer.ok, true);
        assert.equal((await arrived).textMessage, text);
      });
    }

    it('a page of another origin gets nothing through it, one of the same host does', async () => {
      const ask = (origin) => new Promise((resolve, reject) => https.get(
        { host: 'localhost', port, ca, path: '/healthz', headers: { origin }, agent: false }, resolve).on('error', reject));
      assert.equal((await ask('https://evil.example')).statusCode, 403);
      assert.equal((await ask(`https://localhost:${port}`)).statusCode, 200);
    });

    // That chatd has taken, this one among them.
    const requests = async () => {
      const text = await (await fetch(`${chatd.url}/metrics`)).text();
      return Number(/^chatd_http_requests_total (\d+)$/m.exec(text)[1]);
    };
    for (const [name, raw, , unfinished] of RAW_REQUESTS) {
      if (unfinished) continue;
      it(`passes on no second request: ${name}`, async () => {
        const before = await requests();
        const answers = await answersTo({ port, ca }, raw);
        // Whatever nginx makes of it: chatd sees no more requests than nginx has answers for.
        const given = (await requests()) - before - 1;
        assert.ok(given <= answers.length, `${given} requests: ${answers.join('\n')}`);
        const after = await answersTo({ port, ca }, RAW_REQUESTS[0][1]);
        assert.equal(after.length, 1);
        assert.match(after[0], /\r\n\r\n\{"ok":true\}$/); // its own answer, not one that was left over
      });
    }

    it('control: two good requests get two answers', async () => {
      const answers = await answersTo({ port, ca }, RAW_REQUESTS[0][1] + SMUGGLED, 2);
      assert.equal(answers.length, 2);
      assert.match(answers[1], /smuggled/);
    });
  });

  describe('with a quota of handshakes', () => {
    before(() => start(['--trusted-proxy', '127.0.0.1', '--handshakes-per-address', '1']));
    after(stop);
    // Far more than the quota, each with another address that the client claims.
    const claimed = (where) => Promise.all(Array.from({ length: 20 }, async (_, i) =>
      statusOf((await answersTo(where(), handshake(`X-Forwarded-For: 192.0.2.${i}\r\n`)))[0])));

    it('a client does not get another address by claiming one', async () => {
      // Not from the proxy's own address, which would be the proxy's word.
      const statuses = await claimed(() => ({ port, ca, from: '127.0.0.2' }));
      assert.ok(statuses.includes(200) && statuses.includes(429), statuses.join());
    });
    it('control: the proxy itself does', async () => {
      assert.deepEqual([...new Set(await claimed(() => ({ port: chatd.port })))], [200]);
    });
  });

  describe('with the proxy not trusted', () => {
    before(async () => {
      chatd = await new Chatd(['--handshakes-per-address', '1']).start();
    });
    after(() => chatd.close());

    it('nobody is believed', async () => {
      const statuses = await Promise.all(Array.from({ length: 20 }, async (_, i) =>
        statusOf((await answersTo({ port: chatd.port }, handshake(`X-Forwarded-For: 192.0.2.${i}\r\n`)))[0])));
      assert.ok(statuses.includes(200) && statuses.includes(429), statuses.join());
    });
  });
});
