// T36: deployments that cannot work end at once, with one line that names the setting or the file.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chmodSync, chownSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { binary } from '../lib/chatd.mjs';
import { issue } from './lib/certificate.mjs';

// Root may read everything: it runs chatd as nobody, where files are not to be had.
const root = process.getuid() === 0;
const nobody = { uid: 65534, gid: 65534 };
const unprivileged = root ? { user: nobody } : {};

describe('a broken deployment', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chatrt-deploy-'));
  const file = (name, content) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const taken = net.createServer();
  before(async () => {
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'closed'), { mode: 0o500 });
    mkdirSync(join(folder, 'folder'));
  });
  after(() => {
    taken.close();
    chmodSync(join(folder, 'closed'), 0o700);
    rmSync(folder, { recursive: true });
  });

  async function run(args, { env = {}, user } = {}) {
    const child = spawn(binary, args, {
      cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'], timeout: 30_000, ...user });
    let text = '';
    child.stderr.on('data', (bytes) => (text += bytes));
    const [code] = await once(child, 'close');
    return { code, lines: text.trimEnd().split('\n') };
  }
  const dev = (...more) => ['--dev', '--port', '0', '--db', join(folder, 'ok.db'), ...more];

  // [name, arguments, exit code, what the line says]
  const rows = () => [
    ['no key', ['--port', '0'], 2, /jwt-key: /],
    ['a key file that is not there', ['--jwt-key', 'none', '--jwt-alg', 'HS256'], 2, /jwt-key: .*none/],
    ['a key that is too short', ['--jwt-key', file('short', 'abc'), '--jwt-alg', 'HS256'], 2, /jwt-key: .*short/],
    ['a key of another kind', ['--jwt-key', file('text', 'x'.repeat(64)), '--jwt-alg', 'RS256'], 2, /jwt-key: .*text/],
    ['an algorithm that is none', ['--jwt-key', file('text', 'x'.repeat(64)), '--jwt-alg', 'none'], 2, /jwt-alg: .*none/],
    ['a key set that is none', ['--jwks', file('jwks', '{}')], 2, /jwks: .*jwks/],
    ['a key and a set', ['--jwks', file('jwks', '{}'), '--jwt-key', 'x', '--jwt-alg', 'HS256'], 2, /jwks: /],
    ['an operator key that is not there', dev('--operator-key', 'none'), 2, /operator-key: .*none/],
    ['an operator key that is too short', dev('--operator-key', file('short', 'abc')), 2, /operator-key: .*short/],
    ['--dev for everybody', dev('--listen', '0.0.0.0'), 2, /listen|dev/],
    ['a port that is taken', dev('--port', String(taken.address().port)), 2, /listen: .*127\.0\.0\.1:\d+/],
    ['a port that is none', dev('--port', 'http'), 2, /port: "http" .*\(--port\)/],
    ['a port beyond the last', dev('--port', '65536'), 2, /port: "65536" .*\(--port\)/],
    ['an address of another machine', dev('--listen', '192.0.2.1'), 2, /listen: /],
    ['an address that is none', dev('--listen', 'nonsense'), 2, /listen: .*nonsense/],
    ['an option nobody knows', dev('--colour', 'blue'), 2, /--colour/],
    ['a level nobody knows', dev('--log-level', 'loud'), 2, /log-level: "loud"/],
    ['an empty value', dev('--db', ''), 2, /db: /],
    ['every origin with credentials', dev('--cors-origin', '*', '--cors-credentials'), 2, /cors-credentials: /],
    ['a configuration that is not there', dev('--config', 'none.toml'), 2, /none\.toml/],
    ['a configuration that is not TOML', dev('--config', file('bad.toml', 'port = = 1\n')), 2, /bad\.toml:1/],
    ['a configuration that the parser fails on', dev('--config', file('odd.toml', '[= 1\n')), 2, /odd\.toml/],
    ['a configuration with a letter where none can be', dev('--config', file('letter.toml', 'port = 1\u0416\n')), 2, /letter\.toml:1/],
    ['a configuration with an unknown key', dev('--config', file('key.toml', '\ncolour = "blue"\n')), 2, /colour: .*key\.toml:2/],
    ['a configuration with a bad value', dev('--config', file('value.toml', 'read-threads = 0\n')), 2, /read-threads: .*value\.toml:1/],
    ['a variable with a bad value', dev(), 2, /shards: "many" .*CHATD_SHARDS/, { env: { CHATD_SHARDS: 'many' } }],
    ['a folder that is not there', dev('--db', join(folder, 'none', 'chat.db')), 3, /none\/chat\.db/],
    ['a folder in place of the file', dev('--db', join(folder, 'folder')), 3, /folder/],
    ['a file system that takes no file', dev('--db', '/proc/chat.db'), 3, /\/proc\/chat\.db/],
    ['a folder that is not one\'s own', dev('--db', join(folder, 'closed', 'chat.db')), 3, /closed\/chat\.db/,
      unprivileged],
    ['a file that is no database', dev('--db', file('letter.db', 'Dear Ann,\n'.repeat(500))), 3, /letter\.db/],
  ];

  async function endsWith(code, says, args, options) {
    const ended = await run(args, options);
    assert.equal(ended.code, code, ended.lines.join('\n'));
    assert.equal(ended.lines.length, 1, ended.lines.join('\n'));
    assert.match(ended.lines[0], /^chatd: /);
    assert.match(ended.lines[0], says);
  }

  it('ends with its code and one line', async (t) => {
    for (const [name, args, code, says, options] of rows()) {
      await t.test(name, () => endsWith(code, says, args, options));
    }
  });

  // A folder of chatd's own with a deployment that works. [name, file, exit code, what the line says
  // beside the file]
  const files = [
    ['the database', 'chat.db', 3, /permission/],
    ['the lock of the database', 'chat.db-lock', 3, /permission/],
    ['the log of the database', 'chat.db-wal', 3, /chat\.db: /],
    ['the key that clients resume by', 'chat.db.recovery-key', 3],
    ['what clients resume by', 'chat.db.sessions', 3],
    ['what was revoked', 'chat.db.revocations', 3],
    ['the key of tokens', 'secret', 2, /jwt-key: /],
    ['the operator\'s key', 'operator', 2, /operator-key: /],
    ['the certificate', 'cert.pem', 2, /tls-cert: /],
    ['the key of the certificate', 'key.pem', 2, /tls-key: /],
    ['the configuration', 'chatd.toml', 2, /config|chatd\.toml/],
  ];
  async function deployment(name) {
    const own = join(folder, name);
    mkdirSync(own);
    const put = (as, content) => writeFileSync(join(own, as), content, { mode: 0o600 });
    issue(join(own, 'cert.pem'), join(own, 'key.pem'));
    put('secret', 's'.repeat(32));
    put('operator', 'o'.repeat(32));
    put('chatd.toml', 'port = 0\ndb = "chat.db"\njwt-key = "secret"\njwt-alg = "HS256"\noperator-key = "operator"\ntls-cert = "cert.pem"\ntls-key = "key.pem"\n');
    for (const each of ['.', 'cert.pem', 'key.pem', 'secret', 'operator', 'chatd.toml']) if (root) chownSync(join(own, each), nobody.uid, nobody.gid);
    return own;
  }
  const args = (own) => ({ cwd: own, stdio: ['ignore', 'ignore', 'pipe'], ...(root && nobody) });
  // Starts it, and ends it in a way that leaves the database's log in its place.
  async function starts(own) {
    const child = spawn(binary, ['--config', 'chatd.toml'], args(own));
    const [bytes] = await once(child.stderr, 'data');
    assert.match(String(bytes), /"event":"start"/);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  const faults = {
    'that nobody may read': (path) => chmodSync(path, 0o000),
    'of another owner': root && ((path) => {
      chownSync(path, 0, 0);
      chmodSync(path, 0o600);
    }),
  };
  for (const [fault, damage] of Object.entries(faults)) {
    const skip = !damage && 'only root can give files away';
    for (const [what, name, code, says = /./] of files) {
      it(`ends with ${code} and one line for ${what} ${fault}`, { skip }, async () => {
        const own = await deployment(`${name} ${fault}`);
        await starts(own); // control: without the fault
        const path = join(own, name);
        if (name === 'chat.db.revocations') writeFileSync(path, '', { flag: 'a' });
        accessSync(path, constants.F_OK);
        damage(path);
        const named = new RegExp(name.replace(/-(wal|lock)$/, '').replaceAll('.', '\\.'));
        await endsWith(code, named, ['--config', 'chatd.toml'], { user: args(own) });
        await endsWith(code, says, ['--config', 'chatd.toml'], { user: args(own) });
      });
    }
  }

  it('leaves a file that is not its own as it was', async () => {
    const letter = file('kept.db', 'Dear Bob,\n'.repeat(500));
    const before = readFileSync(letter);
    await run(dev('--db', letter));
    assert.deepEqual(readFileSync(letter), before);
  });

  it('control: without the fault it starts', async () => {
    const child = spawn(binary, dev(), { stdio: ['ignore', 'ignore', 'pipe'] });
    const [bytes] = await once(child.stderr, 'data');
    assert.match(String(bytes), /"event":"start"/);
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
});
