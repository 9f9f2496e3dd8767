// T40: who may do what - every route of docs/openapi.yaml and every event of the chat, for each role.
// A route, an event or a role without a row fails. What is forbidden looks like what does not exist.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { Chatd, OPERATOR, Socket, suite, token } from './lib/chatd.mjs';

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const api = parse(read('docs/openapi.yaml'));
const routes = Object.entries(api.paths).flatMap(([path, operations]) =>
  Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`));
// What dispatch() knows: by their names, and from the table.
const handlers = read('lib/gateway/handlers.cc');
const events = [/event\.name == "(\w+)"/g, /\{"(\w+)", &Handlers::/g].flatMap((form) => [...handlers.matchAll(form)].map(([, name]) => name));

// Ann and bob write to each other. Eve is somebody else, with a token as good as theirs.
const TEXT = 'between ann and bob';
const NOBODYS = '999999'; // a conversation that does not exist

describe('access', () => {
  const t = suite();
  let chatd, message, sessions;
  const sockets = {};
  before(async () => {
    chatd = await Chatd.start(t, { dev: false });
    for (const user of ['ann', 'bob', 'eve']) {
      sockets[user] = await Socket.join(chatd.port, { token: token({ sub: user }) });
      await sockets[user].next('42["ready"');
    }
    ({ message } = await sockets.ann.ask('send_message', { selectedUser: 'bob', textMessage: TEXT }));
    await chatd.json('POST', '/v1/revocations', { token: OPERATOR, body: { tokenId: 'stolen' } });
    ({ data: { sessions } } = await chatd.json('GET', '/v1/sessions', { token: token({ sub: 'ann' }) }));
  });
  after(t.end);

  // `as`: who it says it is.
  const hour = 3600;
  const now = () => Math.floor(Date.now() / 1000);
  const roles = {
    nobody: { token: () => undefined },
    forger: { token: () => token({ sub: 'ann' }, { secret: 'x'.repeat(32) }) },
    expired: { token: () => token({ sub: 'ann', iat: now() - 2 * hour, exp: now() - hour }) },
    revoked: { token: () => token({ sub: 'ann', jti: 'stolen' }) },
    pretender: { token: () => token({ sub: 'eve' }), as: { userId: 'ann', senderId: 'ann' } },
    stranger: { token: () => token({ sub: 'eve' }) },
    peer: { token: () => token({ sub: 'bob' }) },
    member: { token: () => token({ sub: 'ann' }) },
    operator: { token: () => OPERATOR, as: { userId: 'ann', senderId: 'ann' } },
  };
  // Whose token is no good gets the same everywhere.
  const unknown = { nobody: 'token_missing', forger: 'token_malformed', expired: 'token_expired', revoked: 'token_revoked' };
  const all = (value) => Object.fromEntries(Object.keys(roles).map((role) => [role, value]));
  const open = all(200);
  const own = { ...open, ...unknown, pretender: 'permission_denied' };
  const members = { ...own, stranger: 'not_found' };
  const operators = { ...all('permission_denied'), nobody: 'token_missing', operator: 200 }; // no token will do
  const conversation = () => message.conversationId;

  // route -> what each role gets: 200 for any 2xx, or a code; and how it is asked.
  const rows = {
    'POST /api/message/create-message': [members, () => ({ body: { conversationId: conversation(), textMessage: 'more' } })],
    'POST /v1/messages': [members, () => ({ body: { conversationId: conversation(), textMessage: 'more' } })],
    'GET /v1/messages': [own, () => ({ query: { peerId: 'bob' } })],
    'GET /v1/messages/{id}/trace': [operators, () => ({ id: message._id })],
    'GET /v1/conversations': [own, () => ({})],
    'GET /v1/conversations/{id}/messages': [members, () => ({ id: conversation() })],
    'POST /v1/conversations/{id}/read': [members, () => ({ id: conversation(), body: { seq: 1 } })],
    'GET /v1/sync': [own, () => ({ query: { since: 0 } })],
    'GET /v1/presence': [own, () => ({ query: { userIds: 'bob' } })],
    'GET /v1/sessions': [own, () => ({})],
    'DELETE /v1/sessions/{id}': [{ ...members, peer: 'not_found', operator: 'not_found' }, () => ({ id: sessions[0].id })], // gone by then
    'POST /v1/revocations': [operators, () => ({ body: { tokenId: 'none' } })],
    'GET /healthz': [open, () => ({})],
    'GET /readyz': [open, () => ({})],
    'GET /metrics': [operators, () => ({})],
  };

  it('has a row for each route and each event, with every role', () => {
    assert.ok(routes.length > 10 && events.length > 5);
    assert.deepEqual(Object.keys(rows).sort(), [...routes].sort());
    assert.deepEqual(Object.keys(eventRows).sort(), [...events].sort());
    for (const [name, [expected]] of Object.entries({ ...rows, ...eventRows })) {
      assert.deepEqual(Object.keys(expected).sort(), Object.keys(roles).sort(), name);
    }
  });
  const mayRead = (role) => ['peer', 'member', 'operator'].includes(role);

  function ask(route, { id, query = {}, body }, role) {
    const [method, path] = route.split(' ');
    const as = route.endsWith('revocations') ? {} : roles[role].as ?? {}; // there userId is whose tokens
    const parameters = body ? '' : `?${new URLSearchParams({ ...query, ...('userId' in as && { userId: as.userId }) })}`;
    return chatd.json(method, path.replace('{id}', id) + parameters, { token: roles[role].token(), body: body && { ...as, ...body } });
  }
  // In this order strangers are first, and what members do comes after.
  for (const role of Object.keys(roles)) {
    for (const [route, [expected, request]] of Object.entries(rows)) {
      it(`${role}: ${route}`, async () => {
        const answer = await ask(route, request(), role);
        const got = answer.status < 300 ? 200 : answer.data?.code;
        assert.equal(got, expected[role], answer.text);
        if (mayRead(role)) return;
        assert.ok(!answer.text.includes(TEXT) && !answer.text.includes('"online":true'), answer.text);
      });
    }
  }
  for (const route of routes.filter((route) => route.includes('/conversations/{id}'))) {
    it(`a stranger is told the same of what does not exist: ${route}`, async () => {
      const [, request] = rows[route];
      const forbidden = await ask(route, request(), 'stranger');
      const absent = await ask(route, { ...request(), id: NOBODYS }, 'stranger');
      assert.deepEqual([forbidden.status, forbidden.body], [absent.status, absent.body]);
    });
  }

  // Without a good token there is no connection. The operator's key is for HTTP.
  const connected = { ...all(true), ...unknown, operator: 'token_malformed' };
  const between = { ...connected, pretender: 'not_found', stranger: 'not_found' };
  const others = { pretender: 'permission_denied', stranger: 'permission_denied', peer: 'permission_denied' };
  // event -> what each role gets: true for an answer that is ok, or a code; and what it sends.
  const eventRows = {
    register: [{ ...connected, ...others }, () => 'ann'],
    auth_refresh: [{ ...connected, ...others }, () => ({ token: token({ sub: 'ann' }) })],
    send_message: [{ ...between, pretender: 'permission_denied' }, (id) => ({ conversationId: id, textMessage: 'let me in' })],
    typing: [between, (id) => ({ conversationId: id, typing: true })],
    mark_read: [between, (id) => ({ conversationId: id, seq: 1 })],
    history: [{ ...between, pretender: 'invalid_argument' }, (id) => ({ conversationId: id })],
    conversations: [connected, () => ({})],
    sync: [connected, () => ({ since: 0 })],
    presence: [connected, () => ({ userIds: ['ann', 'bob'] })],
  };
  const claim = (argument, { as = {} }) => (typeof argument === 'object' ? { ...as, ...argument } : argument);

  async function emit(event, argument, role) {
    const socket = await Socket.join(chatd.port, { token: roles[role].token() });
    const packet = await socket.next('4');
    if (packet.startsWith('44')) {
      // Refused; what it sends all the same is answered no more.
      socket.send(`421${JSON.stringify([event, argument])}`);
      assert.equal(await socket.next('43', 200), undefined);
      socket.drop();
      return { result: JSON.parse(packet.slice(2)).data.code, socket };
    }
    await socket.next('42["ready"');
    const answer = await socket.ask(event, claim(argument, roles[role]));
    const absent = await socket.ask(event, claim(eventRows[event][1](NOBODYS), roles[role]));
    socket.drop();
    return { result: answer.ok || answer.error.code, answer, absent, socket };
  }
  for (const role of Object.keys(roles)) {
    for (const [event, [expected, argument]] of Object.entries(eventRows)) {
      it(`${role}: ${event}`, async () => {
        const { result, answer, absent, socket } = await emit(event, argument(conversation()), role);
        assert.equal(result, expected[role], JSON.stringify(answer));
        if (mayRead(role) || !answer) return;
        assert.ok(!JSON.stringify([answer, socket.received]).includes(TEXT));
        assert.deepEqual(absent, answer, 'what does not exist');
        if (event === 'presence') assert.deepEqual(answer.users, []);
      });
    }
  }
  it('what a stranger did was told to nobody, and what a member did was', async () => {
    const { data: { messages } } = await chatd.json('GET', `/v1/conversations/${conversation()}/messages`, { token: token({ sub: 'bob' }) });
    assert.deepEqual([...new Set(messages.map(({ senderId }) => senderId))].sort(), ['ann', 'bob']);
    assert.ok(await sockets.bob.next('42["receive_message"'));
    for (const user of ['ann', 'bob']) assert.ok(!sockets[user].received.join('\n').includes('eve'));
  });
});
