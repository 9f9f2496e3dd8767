// Hostile names: in paths (T46), where nothing but a fixed table is served, and in all that is
// logged (T45), where a line stays a line.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Chatd, Socket, suite, token } from './lib/chatd.mjs';

// What a log must not be made to say by who is logged.
const hostile = [
  'a\nb', 'a\r\n{"event":"start","port":1}', '\u001b[2J\u001b[31mred', '"},{"event":"forged"', '\\', '\\u0000', '\u2028\u2029',
  '\u202egnp.exe', '\u0007\u0008\u007f', '🦊'.repeat(300), 'x'.repeat(4000), '%s%n%d', '$(reboot)', '<script>alert(1)</script>',
];

describe('hostile names', () => {
  const t = suite();
  let chatd;
  before(async () => {
    chatd = await Chatd.start(t, { args: ['--log-level', 'debug', '--cors-origin', 'https://chat.example'] });
  });
  after(t.end);

  it('in 200 paths lead nowhere', async () => {
    const dots = ['..', '%2e%2e', '%2E.', '.%2e', '%252e%252e', '..%00', '....', '%c0%ae%c0%ae', '\uff0e\uff0e'];
    const slashes = ['/', '%2f', '\\', '%5c', '//', '/./'];
    const targets = ['etc/passwd', 'chat.db', 'secret', 'operator'];
    const paths = [];
    for (const base of ['/', '/socket.io/', '/assets/']) {
      for (const dot of dots) for (const slash of slashes) for (const target of targets) paths.push(`${base}${dot}${slash}${dot}${slash}${target}`);
    }
    paths.push('/chat.db', '/chat.db-wal', '/secret', '//etc/passwd', '/etc/passwd', '/index.html/', '/index.html%00.js', '/.git/config', '/assets/', '/socket.io/../secret');
    assert.ok(paths.length >= 200);
    const secrets = ['root:', 'SQLite format', readFileSync(`${chatd.dir}/secret`, 'utf8').trim()];
    for (const path of paths) {
      const answer = await chatd.request('GET', Buffer.from(path, 'utf8').toString('latin1'));
      assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`);
      for (const secret of secrets) assert.ok(!answer.text.includes(secret), path);
    }
  });

  it('in every field that is logged leave each line a line, and say nothing of their own', async () => {
    for (const name of hostile) {
      const socket = await Socket.join(chatd.port, { user: name });
      socket.send('42' + JSON.stringify([name, {}]));
      socket.send('421' + JSON.stringify(['register', name]));
      await socket.next('431[');
      for (const [event, argument] of [
        ['send_message', { selectedUser: name, textMessage: 'quiet text' }],
        ['send_message', { selectedUser: 'bob', textMessage: 'quiet text', clientMessageId: name }],
        [name, {}],
      ]) socket.send('42' + JSON.stringify([event, argument]));
      await socket.ask('no such event', {}); // what came before is logged
      socket.send(`40/${name.replaceAll(',', '')},`);
      socket.send('2probe' + name);
      socket.drop();
      const ascii = encodeURIComponent(name);
      await chatd.request('GET', `/${ascii}?userId=${ascii}`);
      await chatd.request('GET', `/v1/sync?userId=${ascii}`);
      await chatd.request('GET', '/healthz', { headers: { Origin: `https://${ascii}`, 'User-Agent': ascii } });
      await chatd.json('POST', '/v1/messages', { body: { senderId: name, selectedUser: name, textMessage: 'quiet text' } });
      await chatd.request('GET', '/v1/sync', { token: token({ sub: name }) });
    }
    await chatd.stop();
    assert.ok(chatd.lines.length > 3 * hostile.length, 'something was logged');
    for (const line of chatd.lines) {
      const entry = JSON.parse(line); // or it throws
      assert.notEqual(entry.event, 'forged');
      for (const [field, value] of Object.entries(entry)) {
        assert.ok(Buffer.byteLength(String(value)) <= 260, `${field} is long: ${line.slice(0, 200)}`);
      }
      assert.ok(!/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/.test(line), JSON.stringify(line));
      assert.ok(!line.includes('quiet text'), 'a text is logged');
    }
    assert.equal(chatd.events.filter(({ event }) => event === 'start').length, 1);
  });
});
