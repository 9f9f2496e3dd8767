// What the log says: one line for each thing that happens, with ids, without texts.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { open, Page } from '../lib/clients.mjs';

it('has a line for start, connect, register, message, disconnect and refusal, and no texts', async (t) => {
  const chatd = await new Chatd(['--log-level', 'debug']).start();
  t.after(() => chatd.close());
  const secret = 'a text that is nobody else\'s business';
  const ann = await open(chatd, 'ann', 'websocket');
  const sent = await ann.send('bob', secret);
  const byHttp = await chatd.post({ senderId: 'ann', selectedUser: 'bob', textMessage: secret });
  await ann.ask('no_such_event', secret);
  await chatd.post({ senderId: 'ann', textMessage: secret });
  const hostile = new Page(chatd, null, 'websocket');
  await hostile.ask('register', 'x"},\u2028{"level":"error');
  const gone = chatd.logged((entry) => entry.event === 'disconnect');
  ann.close();
  const disconnect = await gone;

  await chatd.signal('SIGTERM');

  const lines = chatd.log.map((line) => JSON.parse(line)); // each parses
  const of = (event) => lines.filter((line) => line.event === event);
  for (const line of lines) {
    assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(['debug', 'info', 'warning', 'error'].includes(line.level));
  }
  assert.equal(of('start').length, 1);
  assert.equal(of('start')[0].port, chatd.port);
  assert.equal(of('connect').length, 2);
  assert.deepEqual(of('register').map((line) => line.user), ['ann', 'x"},\u2028{"level":"error']);
  assert.deepEqual(of('message').map((line) => line.message), [sent.message._id, byHttp.body._id]);
  assert.ok(disconnect.reason.length > 0);
  assert.deepEqual(of('refused').map((line) => line.code), ['unknown_event', 'invalid_argument']);
  assert.ok(!chatd.log.some((line) => line.includes(secret)));
  hostile.close();
});

it('says at every level that it has started, and with "error" nothing else of a good day', { timeout: 60_000 }, async (t) => {
  const chatd = new Chatd(['--log-level', 'error']);
  t.after(() => chatd.close());
  await chatd.start(); // which waits for that line
  await chatd.post({ senderId: 'ann', selectedUser: 'bob', textMessage: 'hi' });
  assert.equal(await chatd.signal('SIGTERM'), 0);
  assert.deepEqual(chatd.log.map((line) => JSON.parse(line).event), ['start']);
});
