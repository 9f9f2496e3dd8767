// The HTTP routes as docs/openapi.yaml describes them: each answer of a live chatd fits its schema.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Ajv from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { binary, Chatd } from '../lib/chatd.mjs';
import { open } from '../lib/clients.mjs';

const api = parse(readFileSync(new URL('../../docs/openapi.yaml', import.meta.url), 'utf8'));
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema(api, 'api');

// Fails unless the answer is one that the description has for this route.
function fits(answer, method, path) {
  const operation = api.paths[path]?.[method.toLowerCase()];
  assert.ok(operation, `${method} ${path} is not described`);
  let described = operation.responses[answer.status] ?? operation.responses.default;
  assert.ok(described, `${method} ${path}: ${answer.status} is not described`);
  if (described.$ref) described = api.components.responses[described.$ref.split('/').at(-1)];
  if (!described.content) return void assert.equal(answer.text, '');
  const [type, media] = Object.entries(described.content)[0];
  assert.ok(answer.headers['content-type'].startsWith(type), answer.headers['content-type']);
  if (!type.endsWith('json')) return;
  const resolved = JSON.parse(JSON.stringify(media.schema).replaceAll('"#/', '"api#/'));
  const check = ajv.compile(resolved);
  assert.ok(check(answer.json), `${method} ${path}: ${ajv.errorsText(check.errors)}: ${answer.text}`);
}

describe('HTTP', () => {
  let chatd;
  before(async () => {
    chatd = await new Chatd(['--cors-origin', 'https://chat.example', '--cors-credentials']).start();
  });
  after(() => chatd.close());

  const ask = (...request) => chatd.request(...request);
  const post = (path, fields, headers = {}) =>
    ask('POST', path, { headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(fields) });
  const message = { senderId: 'ann', selectedUser: 'bob', textMessage: 'hello' };

  it('has each route that is described, with each method, and no other', async () => {
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
    for (const [path, operations] of Object.entries(api.paths)) {
      for (const method of methods) {
        const answer = await ask(method, path.replace('{id}', '1'), { headers: { 'content-type': 'application/json' }, body: method === 'POST' ? 'x' : undefined });
        const described = method.toLowerCase() in operations;
        assert.equal(answer.status === 405, !described, `${method} ${path}: ${answer.status}`);
        if (described) continue;
        const allowed = Object.keys(operations).map((name) => name.toUpperCase());
        if (allowed.includes('GET')) allowed.push('HEAD');
        assert.deepEqual(answer.headers.allow.split(', ').sort(), allowed.sort());
      }
    }
  });

  it('explains what became of a message, and why one was refused', async () => {
    const trace = async (id) => {
      const answer = await ask('GET', `/v1/messages/${id}/trace`);
      fits(answer, 'GET', '/v1/messages/{id}/trace');
      return answer;
    };
    const { json: stored } = await post('/v1/messages', { senderId: 'tracy', selectedUser: 'tom', textMessage: 'secret', clientMessageId: 'trace-1' });
    const away = (await trace(stored._id)).json;
    assert.deepEqual(away.connections, []);
    assert.deepEqual([away.delivered, away.read], [false, false]);
    assert.equal(away.message.clientMessageId, 'trace-1');

    const tom = await open(chatd, 'tom', 'websocket');
    await tom.event('message_delivered', (mark) => mark.seq === stored.seq);
    const there = (await trace(stored._id)).json;
    assert.deepEqual([there.delivered, there.read], [true, false]);
    const [way, ...others] = there.connections;
    assert.deepEqual(others, []);
    assert.deepEqual([way.userId, way.open, way.replayed], ['tom', true, true]);
    assert.ok(there.message.committedAt <= way.sentAt && way.sentAt <= way.writtenAt && way.writtenAt <= way.confirmedAt);
    assert.ok(!JSON.stringify(there).includes('secret'));
    tom.close();

    const shown = execFileSync(binary, ['explain', stored._id, '--dev', '--port', String(chatd.port)], { encoding: 'utf8' });
    assert.match(shown, /committed\n.* replayed to tom, .*\n.* written to tom, .*\n.* received by tom, .*\ndelivered to tom, not read/);

    const refused = await post('/v1/messages', { senderId: 'tracy', selectedUser: 'tom', textMessage: 'other', clientMessageId: 'trace-1' });
    assert.equal(refused.json.code, 'conflict');
    const { json: why } = await trace('trace-1');
    assert.deepEqual(why.refused.map(({ code, senderId }) => [code, senderId]), [['conflict', 'tracy']]);
    assert.equal((await trace('0123456789abcdef01234567')).status, 404);
    assert.equal((await trace('nothing')).status, 404);
  });

  it('stores a message and answers with it, on both routes', async () => {
    for (const path of ['/api/message/create-message', '/v1/messages']) {
      const answer = await post(path, message);
      assert.equal(answer.status, 200);
      fits(answer, 'POST', path);
      assert.equal(answer.json.textMessage, 'hello');
    }
  });

  it('takes bodies whose length nobody knows when they begin', async () => {
    const send = (path, type, text, bytes = 7) => {
      const pieces = [];
      for (let i = 0; i < text.length; i += bytes) pieces.push(new TextEncoder().encode(text.slice(i, i + bytes)));
      const body = new ReadableStream({
        start(to) {
          for (const piece of pieces) to.enqueue(piece);
          to.close();
        },
      });
      return fetch(chatd.url + path, { method: 'POST', headers: { 'content-type': type }, body, duplex: 'half' });
    };
    const text = '5 \u00e4\r\n0\r\n\r\n'.repeat(100);
    const answer = await send('/v1/messages', 'application/json', JSON.stringify({ ...message, textMessage: text }));
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).textMessage, text);
    const { json: stored } = await ask('GET', '/v1/messages?userId=ann&peerId=bob');
    assert.ok(stored.messages.some((each) => each.textMessage === text));
    assert.equal((await send('/v1/messages', 'application/json', ' '.repeat(2_000_000), 100_000)).status, 413);

    const session = '/socket.io/?EIO=4&transport=polling';
    const { sid } = JSON.parse((await (await fetch(chatd.url + session)).text()).slice(1));
    const polling = `${session}&sid=${sid}`;
    assert.equal(await (await send(polling, 'text/plain', '40')).text(), 'ok');
    assert.match(await (await fetch(chatd.url + polling)).text(), /^40\{"sid":/);
    assert.equal((await send(polling, 'text/plain', '4'.repeat(1_000_001), 100_000)).status, 413);
  });

  it('answers a repeat with the first message, by field and by Idempotency-Key', async () => {
    const byField = await post('/v1/messages', { ...message, clientMessageId: 'k1' });
    const again = await post('/v1/messages', { ...message, clientMessageId: 'k1' });
    const byHeader = await post('/v1/messages', message, { 'idempotency-key': 'k1' });
    const other = await post('/v1/messages', { ...message, textMessage: 'other' }, { 'idempotency-key': 'k1' });
    const fieldFirst = await post('/v1/messages', { ...message, clientMessageId: 'k2' }, { 'idempotency-key': 'k1' });

    assert.deepEqual(again.json, byField.json);
    assert.deepEqual(byHeader.json, byField.json);
    for (const clientMessageId of ['', null, undefined]) {
      assert.deepEqual((await post('/v1/messages', { ...message, clientMessageId }, { 'idempotency-key': 'k1' })).json, byField.json);
    }
    assert.deepEqual([other.status, other.json.code], [409, 'conflict']);
    assert.equal(fieldFirst.json.clientMessageId, 'k2');
    fits(other, 'POST', '/v1/messages');
  });

  // What is behind an answer that takes time may be answered at once, and what is behind that not.
  it('takes a conversation by its id, as text or as a number', async () => {
    const { json: first } = await post('/v1/messages', message);
    for (const conversationId of [first.conversationId, Number(first.conversationId)]) {
      const { json } = await post('/v1/messages', { senderId: 'bob', conversationId, textMessage: 'back' });
      assert.deepEqual([json.conversationId, json.receiverId], [first.conversationId, 'ann']);
    }
  });

  it('answers requests that come in one segment, each, in their order', async () => {
    const body = JSON.stringify({ senderId: 'pipe', selectedUser: 'line', textMessage: 'hello' });
    const post = `POST /api/message/create-message HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const get = 'GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const socket = connect(chatd.port, '127.0.0.1');
    socket.setEncoding('utf8').write(post + post + get + get + post + get);
    let answers = '';
    const statuses = () => [...answers.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => Number(status));
    for await (const part of socket) {
      answers += part;
      if (statuses().length === 6) break;
    }
    assert.deepEqual(statuses(), [200, 200, 404, 404, 200, 404]);
  });

  it('answers all requests of a client that sends nothing further', async () => {
    const body = JSON.stringify({ senderId: 'half', selectedUser: 'closed', textMessage: 'hello' });
    const post = `POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const long = 'GET /socket.io/socket.io.js HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const last = long.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
    const length = (await ask('GET', '/socket.io/socket.io.js')).text.length;
    for (const end of ['', last, 'GET /healthz HTTP/1.1\r\n']) {
      const socket = connect({ port: chatd.port, host: '127.0.0.1', allowHalfOpen: true });
      socket.end(post + long.repeat(100) + post + end);
      socket.pause();
      await new Promise((resolve) => socket.once('ready', resolve));
      let answers = '';
      for await (const part of socket) answers += part;
      assert.equal(answers.split('HTTP/1.1 200 OK').length, (end === last ? 103 : 102) + 1);
      assert.ok(answers.length > length * 100);
      assert.equal(answers.split('"textMessage":"hello"').length, 3);
    }
  });

  it('answers reads and marks as described', async () => {
    const sent = (await post('/v1/messages', message)).json;
    const id = sent.conversationId;
    const calls = [
      ['GET', '/v1/messages', '/v1/messages?userId=bob&peerId=ann'],
      ['GET', '/v1/messages', '/v1/messages?userId=ann&peerId=bob&before=3&limit=1'],
      ['GET', '/v1/messages', '/v1/messages?userId=ann&peerId=nobody'],
      ['GET', '/v1/conversations', '/v1/conversations?userId=bob'],
      ['GET', '/v1/conversations/{id}/messages', `/v1/conversations/${id}/messages?userId=bob&after=1&limit=500`],
      ['GET', '/v1/sync', '/v1/sync?userId=bob'],
      ['GET', '/v1/presence', '/v1/presence?userId=bob&userIds=ann,nobody'],
      ['GET', '/v1/sessions', '/v1/sessions?userId=bob'],
      ['GET', '/healthz', '/healthz'],
      ['GET', '/readyz', '/readyz'],
      ['GET', '/metrics', '/metrics'],
    ];
    const mark = await post(`/v1/conversations/${id}/read`, { userId: 'bob', seq: sent.seq });
    assert.equal(mark.status, 200, mark.text);
    fits(mark, 'POST', '/v1/conversations/{id}/read');
    for (const [method, path, target] of calls) {
      const answer = await ask(method, target);
      assert.equal(answer.status, 200, `${target}: ${answer.text}`);
      fits(answer, method, path);
      const head = await ask('HEAD', target);
      assert.deepEqual([head.status, head.text], [200, '']);
      assert.equal(head.headers['content-type'], answer.headers['content-type']);
    }
    const { conversations } = (await ask('GET', '/v1/conversations?userId=bob')).json;
    assert.deepEqual(conversations.map((one) => [one.userId, one.unread, one.read]), [['ann', 0, sent.seq]]);
    const { changes } = (await ask('GET', '/v1/sync?userId=bob')).json;
    assert.equal(changes.at(-1).type, 'mark');
  });

  it('lists the sessions of a user, and sends one away for good', async () => {
    const tab = await open(chatd, 'tabs', 'websocket');
    const { sessions } = (await ask('GET', '/v1/sessions?userId=tabs')).json;
    assert.equal(sessions.length, 1);

    const foreign = await ask('DELETE', `/v1/sessions/${sessions[0].id}?userId=ann`);
    assert.equal(foreign.status, 404); // as if it did not exist
    fits(foreign, 'DELETE', '/v1/sessions/{id}');
    const gone = await ask('DELETE', `/v1/sessions/${sessions[0].id}?userId=tabs`);
    assert.equal(gone.status, 204);
    fits(gone, 'DELETE', '/v1/sessions/{id}');
    await tab.until(() => tab.disconnects.length > 0, { what: 'sent away' });
    assert.deepEqual([tab.disconnects, tab.socket.active], [['io server disconnect'], false]);
  });

  it('gives the conversations in pages, each from the last message of the one before', async () => {
    for (const peer of ['p1', 'p2', 'p3', 'p4', 'p5']) await post('/v1/messages', { senderId: 'pager', selectedUser: peer, textMessage: 'x' });
    const peers = [];
    for (let before = ''; ; ) {
      const page = await ask('GET', `/v1/conversations?userId=pager&limit=2${before}`);
      fits(page, 'GET', '/v1/conversations');
      for (const { lastMessage } of page.json.conversations) peers.push(lastMessage.receiverId);
      if (!page.json.more) break;
      before = `&before=${page.json.conversations.at(-1).lastMessage._id}`;
    }
    assert.deepEqual(peers, ['p5', 'p4', 'p3', 'p2', 'p1']);
  });

  it('measures its files and its process', async () => {
    const { text } = await ask('GET', '/metrics');
    const value = (name) => Number(text.match(new RegExp(`^${name} (\\S+)$`, 'm'))?.[1]);
    for (const name of ['chatd_database_bytes', 'chatd_wal_bytes', 'process_max_fds']) assert.ok(value(name) > 0, name);
    assert.ok(value('process_resident_memory_bytes') > 1e6);
    assert.ok(value('process_cpu_seconds_total') > 0);
    const age = Date.now() / 1000 - value('process_start_time_seconds');
    assert.ok(age > 0 && age < 600, `started ${age} s ago`);
  });

  it('has every metric that the pages and the operator\'s view name', async () => {
    const root = new URL('../../', import.meta.url);
    const sources = ['docs/operating.md', 'docs/security.md', 'README.md', 'daemon/web/src/operator/main.tsx', 'daemon/web/src/operator/metrics.ts'];
    const names = sources.flatMap((name) => readFileSync(new URL(name, root), 'utf8').match(/chatd_[a-z_]+(?=[^a-z_/]|$)/g) ?? []);
    assert.ok(names.length > 10);
    const { text } = await ask('GET', '/metrics');
    // The certificate's is there over TLS: tests/safety/tls.test.mjs.
    for (const name of new Set(names.filter((each) => !each.includes('_tls_')))) assert.match(text, new RegExp(`^# TYPE ${name} `, 'm'), name);
  });

  it('answers what is wrong with a problem and its code', async () => {
    const big = 'x'.repeat(1_000_001);
    const json = { 'content-type': 'application/json' };
    const table = [
      // described path, method, target, options, status, code
      ['/v1/messages', 'POST', '/v1/messages', { body: '{}' }, 415, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '{}', headers: { 'content-type': 'text/plain' } }, 415, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '{}', headers: { 'content-type': 'application/jsonx' } }, 415, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '{', headers: json }, 400, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '[]', headers: json }, 400, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '', headers: json }, 400, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '{"senderId":"ann"}', headers: json }, 400, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '{"senderId":1}', headers: json }, 400, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '{"senderId":"ann","textMessage":"x"}', headers: json }, 400, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '{"senderId":"ann","textMessage":"x","conversationId":"x"}', headers: json }, 400, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '{"senderId":"ann","textMessage":"x","conversationId":"999"}', headers: json }, 404, 'not_found'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '{"senderId":"ann","textMessage":"x","selectedUser":"a","receiverId":"b"}', headers: json }, 400, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '{"senderId":"ann","textMessage":"x","selectedUser":"carl","conversationId":"1"}', headers: json }, 400, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '{"senderId":"ann","userId":"eve","textMessage":"x","selectedUser":"bob"}', headers: json }, 403, 'permission_denied'],
      ['/v1/conversations', 'GET', '/v1/conversations?userId=ann&before=x', {}, 400, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '{"senderId":"ann","textMessage":"","selectedUser":"bob"}', headers: json }, 400, 'invalid_argument'],
      ['/v1/messages', 'POST', '/v1/messages', { body: '{"senderId":"ann","textMessage":"x","selectedUser":"bob","clientMessageId":"a\\nb"}', headers: json }, 400, 'invalid_argument'],
      ['/v1/messages', 'GET', '/v1/messages?userId=ann', {}, 400, 'invalid_argument'],
      ['/v1/messages', 'GET', '/v1/messages?userId=ann&peerId=bob&limit=0', {}, 400, 'invalid_argument'],
      ['/v1/messages', 'GET', '/v1/messages?userId=ann&peerId=bob&limit=x', {}, 400, 'invalid_argument'],
      ['/v1/messages', 'GET', '/v1/messages?userId=ann&peerId=bob&before=-1', {}, 400, 'invalid_argument'],
      ['/v1/messages', 'GET', '/v1/messages?userId=%FF&peerId=bob', {}, 400, 'invalid_argument'],
      ['/v1/conversations', 'GET', '/v1/conversations', {}, 401, 'unauthenticated'],
      ['/v1/conversations/{id}/messages', 'GET', '/v1/conversations/999/messages?userId=ann', {}, 404, 'not_found'],
      ['/v1/conversations/{id}/messages', 'GET', '/v1/conversations/1/messages?userId=stranger', {}, 404, 'not_found'],
      ['/v1/conversations/{id}/messages', 'GET', '/v1/conversations/x/messages?userId=ann', {}, 404, 'not_found'],
      ['/v1/conversations/{id}/read', 'POST', '/v1/conversations/1/read', { body: '{"userId":"stranger","seq":1}', headers: json }, 404, 'not_found'],
      ['/v1/conversations/{id}/read', 'POST', '/v1/conversations/1/read', { body: '{"userId":"ann"}', headers: json }, 400, 'invalid_argument'],
      ['/v1/presence', 'GET', '/v1/presence?userId=ann', {}, 400, 'invalid_argument'],
      ['/v1/sessions/{id}', 'DELETE', '/v1/sessions/1?userId=ann', {}, 404, 'not_found'],
    ];
    const counted = async (code) => Number((await ask('GET', '/metrics')).text.match(`chatd_refused_total{code="${code}"} (\\d+)`)[1]);
    const codes = [...new Set(table.map((row) => row.at(-1)))];
    const before = await Promise.all(codes.map(counted));
    for (const [path, method, target, options, status, code] of table) {
      const answer = await ask(method, target, options);
      assert.deepEqual([answer.status, answer.json?.code], [status, code], `${method} ${target} ${options.body ?? ''}: ${answer.text}`);
      fits(answer, method, path);
    }
    const after = await Promise.all(codes.map(counted));
    assert.deepEqual(after.map((count, i) => count - before[i]), codes.map((code) => table.filter((row) => row.at(-1) === code).length), 'each is counted');
    for (const target of ['/v1', '/v1/', '/V1/messages', '/v1/messages/', '/v1/conversations//messages', '/healthz/x']) {
      const answer = await ask('GET', target);
      assert.deepEqual([answer.status, answer.json?.code], [404, 'not_found'], target);
    }
    const tooLarge = await ask('POST', '/v1/messages', { headers: { ...json, 'content-length': big.length } });
    assert.equal(tooLarge.status, 413);
  });

  it('lets the pages of the list read every answer, and no others', async () => {
    const listed = { origin: 'https://chat.example' };
    for (const [method, target] of [['GET', '/healthz'], ['GET', '/nowhere'], ['PUT', '/healthz'], ['GET', '/v1/sync'], ['GET', '/socket.io/?EIO=4&transport=polling']]) {
      const answer = await ask(method, target, { headers: listed });
      assert.equal(answer.headers['access-control-allow-origin'], listed.origin, target);
      assert.equal(answer.headers['access-control-allow-credentials'], 'true', target);
      assert.match(answer.headers.vary, /\bOrigin\b/, target);
      const none = await ask(method, target);
      assert.equal(none.headers['access-control-allow-origin'], undefined);
      assert.match(none.headers.vary, /\bOrigin\b/, target);
      for (const origin of ['https://evil.example', 'null', 'https://chat.example.evil']) {
        const refused = await ask(method, target, { headers: { origin } });
        assert.equal(refused.status, 403, target);
        assert.equal(refused.headers['access-control-allow-origin'], undefined, target);
        assert.match(refused.headers.vary, /\bOrigin\b/, target);
      }
    }
    const preflight = await ask('OPTIONS', '/v1/messages', {
      headers: { ...listed, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
    assert.deepEqual([preflight.status, preflight.headers['access-control-allow-headers']], [204, 'content-type']);
    assert.match(preflight.headers['access-control-allow-methods'], /POST/);
    const foreign = await ask('OPTIONS', '/v1/messages', { headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' } });
    assert.equal(foreign.headers['access-control-allow-origin'], undefined);
  });

  it('serves the stock client with an ETag', async (t) => {
    const file = await ask('GET', '/socket.io/socket.io.js');
    if (file.status === 404) return t.skip('built without the client bundle');
    assert.equal(file.status, 200);
    const same = await ask('GET', '/socket.io/socket.io.js', { headers: { 'if-none-match': file.headers.etag } });
    assert.deepEqual([same.status, same.text], [304, '']);
  });

  it('serves pages that no other may frame, open or be told of, and what they load for ever', async (t) => {
    const page = await ask('GET', '/');
    if (!page.text.includes('<html')) return t.skip('built without its page');
    assert.equal(page.headers['x-content-type-options'], 'nosniff');
    assert.equal(page.headers['referrer-policy'], 'no-referrer');
    assert.equal(page.headers['cross-origin-opener-policy'], 'same-origin');
    assert.match(page.headers['content-security-policy'], /frame-ancestors 'none'/);
    assert.equal(page.headers['cache-control'], 'public, max-age=0');
    const [script] = page.text.match(/\/assets\/[^"]+\.js/);
    const { status, headers } = await ask('GET', script);
    assert.equal(status, 200);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cache-control'], 'public, max-age=31536000, immutable');
  });

  it('has no answer to polling kept anywhere', async () => {
    const session = '/socket.io/?EIO=4&transport=polling';
    const open = await ask('GET', session);
    const path = `${session}&sid=${JSON.parse(open.text.slice(1)).sid}`;
    const post = await ask('POST', path, { headers: { 'content-type': 'text/plain' }, body: '40' });
    const poll = await ask('GET', path);
    assert.deepEqual([open, post, poll].map(({ headers }) => headers['cache-control']), Array(3).fill('no-store'));
  });
});

it('is ready as long as the store can be read, and serves without', async (t) => {
  const chatd = await new Chatd().start();
  t.after(() => chatd.close());
  const status = async (path) => (await chatd.request('GET', path)).status;
  assert.equal(await status('/readyz'), 200);
  // What is read anew after a commit is not there any more.
  await chatd.post({ senderId: 'ann', selectedUser: 'bob', textMessage: 'hi' });
  for (const name of ['chat.db', 'chat.db-wal']) {
    const file = join(chatd.folder, name);
    writeFileSync(file, Buffer.alloc(statSync(file).size, 'x'), { flag: 'r+' });
  }
  const answer = await chatd.request('GET', '/readyz');
  assert.deepEqual([answer.status, answer.json.code], [503, 'unavailable'], answer.text);
  fits(answer, 'GET', '/readyz');
  assert.deepEqual([await status('/readyz'), await status('/healthz')], [503, 200]);
});

describe('an unusable configuration', () => {
  const run = (...args) => {
    try {
      execFileSync(process.env.CHATD, args, { stdio: 'pipe', timeout: 10_000 });
      return { code: 0 };
    } catch (error) {
      return { code: error.status, stderr: String(error.stderr) };
    }
  };
  it('ends with 2 and one line that names the key', () => {
    for (const [args, key] of [
      [['--dev', '--cors-origin', '*', '--cors-credentials'], 'cors-credentials'],
      [['--dev', '--port', '70000'], 'port'],
      [['--dev', '--listen', '0.0.0.0'], 'listen'],
      [['--dev', '--config', '/nonexistent.toml'], 'nonexistent'],
      [['--unknown'], '--unknown'],
    ]) {
      const { code, stderr } = run(...args);
      assert.equal(code, 2, args.join(' '));
      assert.ok(stderr.includes(key), stderr);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
    }
    assert.equal(run('--dev', '--check').code, 0);
    assert.equal(run('--help').code, 0);
    assert.equal(run('--version').code, 0);
  });
});
