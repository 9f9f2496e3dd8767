// Raw HTTP against chatd itself: one defined answer for each request, and never two. The same
// table behind nginx is in nginx.test.mjs.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { answersTo } from './lib/raw.mjs';
import { RAW_REQUESTS, SMUGGLED } from './lib/raw_requests.mjs';

describe('raw HTTP', () => {
  let chatd;
  before(async () => {
    chatd = await new Chatd().start();
  });
  after(() => chatd.close());

  it('has a table of at least 60', () => assert.ok(RAW_REQUESTS.length >= 60, String(RAW_REQUESTS.length)));

  for (const [name, raw, status] of RAW_REQUESTS) {
    it(`answers ${name}`, async () => {
      const answers = await answersTo({ port: chatd.port }, raw);
      assert.equal(answers.length, 1, answers.join('\n'));
      const got = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answers[0])[1]);
      assert.ok([status].flat().includes(got), `${got} in place of ${status}`);
      assert.ok(!answers[0].includes('smuggled'));
      // What is refused for its form or has a body that is not read ends the connection: whatever
      // follows is not looked at.
      const ends = (got >= 400 && ![404, 405].includes(got)) || raw.endsWith(SMUGGLED);
      if (ends) assert.match(answers[0], /\r\nConnection: close\r\n/i);
    });
  }

  it('answers once what it refuses while the body is still coming', async () => {
    const { text } = await chatd.request('GET', '/socket.io/?EIO=4&transport=polling');
    const path = `/socket.io/?EIO=4&transport=polling&sid=${JSON.parse(text.slice(1)).sid}`;
    const begun = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const answers = await answersTo({ port: chatd.port }, `${begun}ffffff\r\n${SMUGGLED}`);
    assert.equal(answers.length, 1, answers.join('\n'));
    assert.match(answers[0], /^HTTP\/1\.1 413 .*\r\nConnection: close\r\n/s);
  });

  it('control: two good requests get two answers', async () => {
    const [good, more] = await answersTo({ port: chatd.port }, RAW_REQUESTS[0][1] + SMUGGLED, 2);
    assert.match(good, /^HTTP\/1\.1 200 /);
    assert.match(more, /smuggled/);
  });
});
