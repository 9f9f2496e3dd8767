// T40: who may do what - every route of docs/openapi.yaml and every event of the chat, for each role.
// A route or an event without a row fails. What is forbidden looks like what does not exist.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { Chatd, OPERATOR, Socket, suite, token } from './lib/chatd.mjs';

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const api = parse(read('docs/openapi.yaml'));
const routes = Object.entries(api.paths).flatMap(([path, operations]) =>
  Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`));
// Those that the dispatcher takes itself, and those of its table.
const events = [...read('lib/gateway/handlers.cc').matchAll(/event\.name == "(\w+)"|\{"(\w+)", &Handlers::/g)].map(([, own, listed]) => own ?? listed);

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
    ({ data: { sessions } } = await chatd.json('GET', '/v1/sessions', { token: token({ sub: 'ann' }) }));
  });
  after(t.end);

  const roles = {
    member: { token: () => token({ sub: 'ann' }), as: {} },
    stranger: { token: () => token({ sub: 'eve' }), as: {} },
    pretender: { token: () => token({ sub: 'eve' }), as: { userId: 'ann', senderId: 'ann' } },
    nobody: { token: () => undefined, as: {} },
    operator: { token: () => OPERATOR, as: { userId: 'ann', senderId: 'ann' } },
  };
  const open = { member: 200, stranger: 200, pretender: 200, nobody: 200, operator: 200 };
  const own = { member: 200, stranger: 200, pretender: 'permission_denied', nobody: 'token_missing', operator: 200 };
  const members = { ...own, stranger: 'not_found' };
  const operators = { member: 'permission_denied', stranger: 'permission_denied', pretender: 'permission_denied', nobody: 'token_missing', operator: 200 };
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
    'DELETE /v1/sessions/{id}': [{ ...members, member: 200, operator: 'not_found' }, () => ({ id: sessions[0].id })], // gone by then
    'POST /v1/revocations': [operators, () => ({ body: { tokenId: 'none' } })],
    'GET /healthz': [open, () => ({})],
    'GET /readyz': [open, () => ({})],
    'GET /metrics': [operators, () => ({})],
  };

  it('has a row for each route, and for each event', () => {
    assert.deepEqual(Object.keys(rows).sort(), [...routes].sort());
    assert.deepEqual(Object.keys(eventRows).sort(), [...events].sort());
  });

  function ask(route, { id, query = {}, body }, role) {
    const [method, path] = route.split(' ');
    const as = route.endsWith('revocations') ? {} : roles[role].as; // there userId is whose tokens
    const parameters = body ? '' : `?${new URLSearchParams({ ...query, ...('userId' in as && { userId: as.userId }) })}`;
    return chatd.json(method, path.replace('{id}', id) + parameters, { token: roles[role].token(), body: body && { ...as, ...body } });
  }
  // Strangers first: what members do comes after.
  for (const role of ['nobody', 'pretender', 'stranger', 'member', 'operator']) {
    for (const [route, [expected, request]] of Object.entries(rows)) {
      it(`${role}: ${route}`, async () => {
        const answer = await ask(route, request(), role);
        const got = answer.status < 300 ? 200 : answer.data?.code;
        assert.equal(got, expected[role], answer.text);
        if (role === 'member' || role === 'operator') return;
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

  // event -> what each role gets, true for an answer that is ok, or a code; and what it sends. Ann is a
  // member, eve a stranger; a pretender is eve who says that she is ann.
  const everybody = { member: true, stranger: true, pretender: true };
  const themselves = { ...everybody, pretender: 'permission_denied' };
  const ofMembers = { member: true, stranger: 'not_found', pretender: 'not_found' };
  const nameOf = (role) => (role === 'stranger' ? 'eve' : 'ann');
  const eventRows = {
    register: [themselves, (id, role) => nameOf(role)],
    auth_refresh: [themselves, (id, role) => ({ token: token({ sub: nameOf(role) }) })],
    send_message: [{ ...ofMembers, pretender: 'permission_denied' }, (id, role) => ({ conversationId: id, textMessage: 'let me in', ...(role === 'pretender' && { senderId: 'ann' }) })],
    typing: [ofMembers, (id) => ({ conversationId: id, typing: true })],
    mark_read: [ofMembers, (id) => ({ conversationId: id, seq: 1 })],
    history: [ofMembers, (id) => ({ conversationId: id })],
    conversations: [everybody, () => ({})],
    sync: [everybody, () => ({ since: 0 })],
    presence: [everybody, () => ({ userIds: ['ann', 'bob'] })],
  };
  // What only members are told, beside `ok`.
  const secret = (answer) => JSON.stringify(answer).includes(TEXT) || answer.users?.length > 0 || answer.conversations?.length > 0;

  for (const role of ['stranger', 'pretender', 'member']) {
    for (const [event, [expected, argument]] of Object.entries(eventRows)) {
      it(`${role}: ${event}`, async () => {
        const socket = await Socket.join(chatd.port, { token: token({ sub: role === 'member' ? 'ann' : 'eve' }) });
        await socket.next('42["ready"');
        const answer = await socket.ask(event, argument(conversation(), role));
        assert.equal(answer.ok || answer.error.code, expected[role], JSON.stringify(answer));
        if (role !== 'member') {
          assert.ok(!secret(answer) && !socket.received.join().includes(TEXT), JSON.stringify(answer));
          assert.deepEqual(await socket.ask(event, argument(NOBODYS, role)), answer, 'what does not exist');
        } else if (['history', 'conversations', 'sync', 'presence'].includes(event)) {
          assert.ok(secret(answer), 'the control: there is something to be told');
        }
        socket.drop();
      });
    }
  }
  it('an operator has no connection: its key is for calls', async () => {
    const operator = await Socket.join(chatd.port, { token: OPERATOR });
    assert.equal(JSON.parse((await operator.next('44')).slice(2)).data.code, 'token_malformed');
    operator.drop();
  });
  for (const [what, claims, code] of [
    ['an expired token', { exp: 1 }, 'token_expired'],
    ['a token of nobody', { sub: undefined }, 'token_malformed'],
  ]) {
    it(`${what} sends no event`, async () => {
      const socket = await Socket.join(chatd.port, { token: token(claims) });
      assert.equal(JSON.parse((await socket.next('44')).slice(2)).data.code, code);
      socket.drop();
    });
  }
  it('nobody sends any event: there is no connection without a token', async () => {
    const nobody = await Socket.join(chatd.port);
    const packet = await nobody.next('44');
    assert.equal(JSON.parse(packet.slice(2)).data.code, 'token_missing');
    nobody.drop();
  });
  it('what a stranger did was told to nobody', () => {
    for (const user of ['ann', 'bob']) {
      const told = sockets[user].received.join('\n');
      assert.ok(!told.includes('eve'), told);
    }
  });
});
