// T36: deployments that cannot work end at once, with one line that names the setting or the file.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { binary } from '../lib/chatd.mjs';

describe('a broken deployment', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chatrt-deploy-'));
  const file = (name, content) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  // Nobody may read it: its mode says so to its owner, and root is somebody else here.
  const locked = (name, content) => {
    chmodSync(file(name, content), 0);
    return join(folder, name);
  };
  const other = process.getuid() === 0 ? { user: { uid: 65534, gid: 65534 } } : {};
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
    ['a configuration with an unknown key', dev('--config', file('key.toml', '\ncolour = "blue"\n')), 2, /colour: .*key\.toml:2/],
    ['a configuration with a bad value', dev('--config', file('value.toml', 'read-threads = 0\n')), 2, /read-threads: .*value\.toml:1/],
    ['a variable with a bad value', dev(), 2, /shards: "many" .*CHATD_SHARDS/, { env: { CHATD_SHARDS: 'many' } }],
    ['a folder that is not there', dev('--db', join(folder, 'none', 'chat.db')), 3, /none\/chat\.db/],
    ['a folder in place of the file', dev('--db', join(folder, 'folder')), 3, /folder/],
    ['a file system that takes no file', dev('--db', '/proc/chat.db'), 3, /\/proc\/chat\.db/],
    ['a folder that is not one\'s own', dev('--db', join(folder, 'closed', 'chat.db')), 3, /closed\/chat\.db/, other],
    ['a database that may not be read', dev('--db', locked('locked.db', '')), 3, /locked\.db/, other],
    ['a key that may not be read', ['--jwt-key', locked('key', 'x'.repeat(64)), '--jwt-alg', 'HS256'], 2, /jwt-key: .*key/, other],
    ['a key set that may not be read', ['--jwks', locked('set', '{"keys":[]}')], 2, /jwks: .*set/, other],
    ['an operator key that may not be read', dev('--operator-key', locked('operator', 'x'.repeat(64))), 2, /operator-key: .*operator/, other],
    ['a configuration that may not be read', dev('--config', locked('locked.toml', 'port = 0\n')), 2, /locked\.toml/, other],
    ['a certificate that may not be read', dev('--tls-cert', locked('cert.pem', 'x'), '--tls-key', locked('key.pem', 'x')), 2, /tls-cert: .*cert\.pem/, other],
    ['a file that is no database', dev('--db', file('letter.db', 'Dear Ann,\n'.repeat(500))), 3, /letter\.db/],
  ];

  it('ends with its code and one line', async (t) => {
    for (const [name, args, code, says, options] of rows()) {
      await t.test(name, async () => {
        const ended = await run(args, options);
        assert.equal(ended.code, code, ended.lines.join('\n'));
        assert.equal(ended.lines.length, 1, ended.lines.join('\n'));
        assert.match(ended.lines[0], /^chatd: /);
        assert.match(ended.lines[0], says);
      });
    }
  });

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
