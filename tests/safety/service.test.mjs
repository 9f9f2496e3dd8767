// The service of docs/operating.md: its unit and its configuration, with paths of the test's own.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { binary } from '../lib/chatd.mjs';

const page = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8');
const [, unit] = page.match(/```ini\n(# \/etc\/systemd.*?)```/s);
const [, configuration] = page.match(/```toml\n(# \/etc\/chatd.*?)```/s);

function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'chatrt-service-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

it('starts, reads its keys again and ends as the unit says', async (t) => {
  const root = folder(t);
  const moved = (text) => text.replaceAll('/etc/', `${root}/etc/`).replaceAll('/var/lib/', `${root}/var/lib/`).replaceAll('/usr/local/bin/chatd', binary);
  for (const path of ['etc/chatd', 'var/lib/chatd']) mkdirSync(join(root, path), { recursive: true });
  writeFileSync(join(root, 'etc/chatd/chatd.toml'), `${moved(configuration)}port = 0\n`);
  for (const key of ['jwt-key', 'operator-key', 'metrics-key']) {
    writeFileSync(join(root, 'etc/chatd', key), execFileSync('openssl', ['rand', '-hex', '32']));
  }
  const setting = (name) => moved(unit.match(new RegExp(`^${name}=(.*)$`, 'm'))[1]);
  const [program, ...args] = setting('ExecStart').split(' ');
  const chatd = spawn(program, args, { cwd: setting('WorkingDirectory'), stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => chatd.kill('SIGKILL'));
  const lines = createInterface({ input: chatd.stderr })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value);
  assert.equal((await next()).event, 'start');
  execFileSync('sh', ['-c', setting('ExecReload')], { env: { ...process.env, MAINPID: String(chatd.pid) } });
  assert.deepEqual(await next().then(({ event, level }) => [event, level]), ['reload', 'info']);
  chatd.kill('SIGTERM');
  assert.deepEqual((await once(chatd, 'exit'))[0], 0);
});

it('is a unit that systemd takes', (t) => {
  if (spawnSync('systemd-analyze', ['--version']).error) return t.skip('no systemd-analyze here');
  const file = join(folder(t), 'chatd.service');
  // Of what this machine lacks only the program and its user are replaced.
  writeFileSync(file, unit.replace('/usr/local/bin/chatd', binary).replace('User=chatd', 'User=daemon'));
  const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
  const ours = stderr.split('\n').filter((line) => line.includes('chatd.service'));
  assert.deepEqual(ours, []);
});
