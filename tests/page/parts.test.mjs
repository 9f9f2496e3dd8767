// The page's modules that need neither a browser nor a server.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { importModule } from './modules.mjs';

const { linkify } = await importModule('linkify');
const conversation = await importModule('conversation');
const { Sending } = await importModule('sending');
const { memoryOutbox } = await importModule('outbox');
const metrics = await importModule('operator/metrics');
const { dayName, sameDay } = await importModule('time');

const links = (text) => linkify(text).filter((part) => part.href).map((part) => part.text);

describe('linkify', () => {
  it('keeps every character of the text', () => {
    for (const text of ['', 'plain', 'see https://a.example/x, then (http://b.example/(y)).', 'https://', '<b>http://c.example</b>']) {
      assert.equal(linkify(text).map((part) => part.text).join(''), text);
    }
  });
  it('leaves the punctuation of the sentence outside', () => {
    assert.deepEqual(links('Look at https://a.example/x?y=1. And (https://b.example/c), "https://d.example"!'), ['https://a.example/x?y=1', 'https://b.example/c', 'https://d.example']);
    assert.deepEqual(links('https://a.example/(in)'), ['https://a.example/(in)']);
  });
  it('makes no link of other schemes, of disguised hosts or of nonsense', () => {
    for (const text of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'https://bank.example@evil.example', 'https://a:b@c.example', 'http://', 'https://[::']) {
      assert.deepEqual(links(text), [], text);
    }
    // An override of the direction ends the link: it cannot be shown as another one.
    assert.deepEqual(links('https://a.example/\u202egpj.exe'), ['https://a.example/']);
  });
});

const message = (seq, more = {}) => ({
  _id: String(seq).padStart(24, '0'), conversationId: '1', seq, senderId: 'bob', receiverId: 'ann', textMessage: `m${seq}`,
  createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:00.000Z', ...more,
});
const loaded = (...seqs) => conversation.withNewestPage(conversation.emptyConversation('bob'), seqs.map((seq) => message(seq)), false, 'ann');
const seqs = (one) => one.messages.map((each) => each.seq);

describe('a conversation', () => {
  it('shows a message once, however often it comes', () => {
    let one = loaded(1, 2);
    for (const seq of [3, 2, 3, 1, 4, 4]) one = conversation.withMessage(one, message(seq), 'ann');
    assert.deepEqual(seqs(one), [1, 2, 3, 4]);
    assert.equal(one.unread, 2);
  });
  it('asks for a page where a message would leave a gap', () => {
    const one = conversation.withMessage(loaded(1, 2), message(5), 'ann');
    assert.deepEqual(seqs(one), [1, 2]);
    assert.equal(conversation.isBehind(one), true);
    assert.deepEqual(seqs(conversation.withNewestPage(one, [2, 3, 4, 5].map((seq) => message(seq)), false, 'ann')), [1, 2, 3, 4, 5]);
    // A page that does not reach down to the window takes its place.
    const anew = conversation.withNewestPage(one, [4, 5].map((seq) => message(seq)), true, 'ann');
    assert.deepEqual([seqs(anew), anew.hasOlder], [[4, 5], true]);
  });
  it('puts older pages in front, and lets go of them', () => {
    const one = conversation.withOlderPage(loaded(4, 5), [2, 3, 4].map((seq) => message(seq)), true);
    assert.deepEqual([seqs(one), one.hasOlder], [[2, 3, 4, 5], true]);
    assert.deepEqual(seqs(conversation.trimmed(one, 2)), [4, 5]);
  });
  it('raises marks and never lowers them', () => {
    const mark = (seq, userId = 'bob') => ({ conversationId: '1', userId, seq });
    let one = loaded(1, 2, 3);
    one = conversation.withMark(one, mark(2), 'read', 'ann');
    one = conversation.withMark(one, mark(3), 'delivered', 'ann');
    one = conversation.withMark(one, mark(1), 'read', 'ann');
    assert.deepEqual([1, 2, 3, 4].map((seq) => conversation.stateOf(one, message(seq))), ['read', 'read', 'delivered', 'sent']);
    one = conversation.withMark({ ...one, unread: 3 }, mark(2, 'ann'), 'read', 'ann');
    assert.deepEqual([one.read, one.unread], [2, 1]);
    assert.equal(conversation.withMark(one, mark(1, 'ann'), 'read', 'ann').read, 2);
  });
  it('drops a draft when its message is there', () => {
    const drafts = [{ clientMessageId: 'c1', peer: 'bob', text: 'x', writtenAt: 0 }];
    const one = { ...loaded(1), drafts };
    assert.equal(conversation.withMessage(one, message(2, { clientMessageId: 'c1' }), 'ann').drafts.length, 1); // of bob
    assert.equal(conversation.withMessage(one, message(2, { senderId: 'ann', receiverId: 'bob', clientMessageId: 'c1' }), 'ann').drafts.length, 0);
  });
});

describe('Sending', () => {
  const draft = (id, peer = 'bob') => ({ clientMessageId: id, peer, text: id, writtenAt: 0 });
  // Answers in the order of `answers`; then ok.
  function sender(answers = []) {
    const seen = { emitted: [], left: [], outbox: memoryOutbox(), ready: true };
    let idle;
    seen.idle = new Promise((resolve) => (idle = resolve));
    seen.sending = new Sending({
      outbox: seen.outbox,
      ready: () => seen.ready,
      emit: async (one) => {
        seen.emitted.push(one.clientMessageId);
        const answer = answers.shift();
        if (answer === 'lost') throw new Error('lost');
        return answer ?? { ok: true, message: message(seen.emitted.length) };
      },
      changed: (_, drafts) => {
        seen.left = drafts;
        if (drafts.length === 0 || drafts.every((one) => one.error)) idle();
      },
      confirmed: () => {},
    });
    return seen;
  }

  it('sends in the order of writing, also when one is refused for now or its answer is lost', async () => {
    const seen = sender([{ ok: false, error: { code: 'busy', message: '', retryAfterMs: 1 } }, 'lost']);
    for (const id of ['a', 'b', 'c']) seen.sending.add(draft(id));
    await seen.idle;
    assert.deepEqual(seen.emitted, ['a', 'a', 'a', 'b', 'c']);
    assert.deepEqual(await seen.outbox.all(), []);
  });
  it('keeps what is refused for good until it is tried again or given up', async () => {
    const seen = sender([{ ok: false, error: { code: 'too_large', message: '' } }]);
    seen.sending.add(draft('a'));
    await seen.idle;
    assert.deepEqual((await seen.outbox.all()).map((one) => one.error), ['too_large']);
    seen.sending.retry('a');
    await new Promise(setImmediate);
    assert.deepEqual([seen.emitted, seen.left], [['a', 'a'], []]);
  });
  it('keeps drafts while it may not send, and takes up those of an earlier page', async () => {
    const first = sender();
    first.ready = false;
    first.sending.add(draft('a'));
    await new Promise(setImmediate);
    assert.deepEqual(first.emitted, []);
    const second = sender();
    for (const one of await first.outbox.all()) await second.outbox.put(one);
    await second.sending.load();
    await second.idle;
    assert.deepEqual(second.emitted, ['a']);
  });
});

describe('metrics', () => {
  const text = (n) => `# HELP chatd_x x
# TYPE chatd_x_total counter
chatd_x_total ${n}
# TYPE chatd_refused_total counter
chatd_refused_total{reason="too_large"} ${n / 10}
chatd_refused_total{reason="busy"} 0
# TYPE chatd_t_seconds histogram
chatd_t_seconds_bucket{le="0.001"} ${n}
chatd_t_seconds_bucket{le="0.01"} ${n * 1.5}
chatd_t_seconds_bucket{le="+Inf"} ${n * 2}
chatd_t_seconds_sum ${n / 100}
chatd_t_seconds_count ${n * 2}
`;
  const [before, after] = [metrics.parseMetrics(text(10), 0), metrics.parseMetrics(text(30), 2000)];
  it('gives rates, means, quantiles and what was refused by its reason', () => {
    assert.equal(metrics.valueOf(after, 'chatd_refused_total'), 3);
    assert.equal(metrics.valueOf(after, 'chatd_absent'), undefined);
    assert.equal(metrics.rateOf(before, after, 'chatd_x_total'), 10);
    assert.equal(metrics.rateOf(after, { ...before, at: 4000 }, 'chatd_x_total'), 5); // restarted
    assert.ok(Math.abs(metrics.meanOf(before, after, 'chatd_t_seconds') - 0.2 / 40) < 1e-9);
    assert.equal(metrics.quantileOf(before, after, 'chatd_t_seconds', 0.5), 0.001);
    assert.equal(metrics.quantileOf(before, after, 'chatd_t_seconds', 0.99), 0.01);
    assert.equal(metrics.meanOf(after, after, 'chatd_t_seconds'), undefined);
    assert.deepEqual([...metrics.refusals(after)], [['refused: too large', 3]]);
  });
});

describe('time', () => {
  it('names days as they are told', () => {
    const now = new Date(2026, 10, 25, 12);
    const iso = (day, hour) => new Date(2026, 10, day, hour).toISOString();
    assert.equal(dayName(iso(25, 1), now), 'Today');
    assert.equal(dayName(iso(24, 23), now), 'Yesterday');
    assert.match(dayName(iso(20, 23), now), /20/);
    assert.equal(sameDay(iso(25, 0), iso(25, 23)), true);
    assert.equal(sameDay(iso(24, 23), iso(25, 0)), false);
  });
});
