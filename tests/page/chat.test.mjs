// chat.ts against a real chatd, without a browser.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { importModule } from './modules.mjs';

const { Chat, byLatest, stateOf, unreadTotal } = await importModule('chat');
const { memoryOutbox } = await importModule('outbox');

const kFast = { reconnectionDelay: 50, reconnectionDelayMax: 200 };

describe('Chat', { concurrency: false }, () => {
  let chatd;
  before(async () => {
    chatd = await new Chatd().start();
  });
  after(() => chatd.close());

  const open = (user, more = {}) => {
    const chat = new Chat({ user, url: chatd.url, socket: kFast, ...more });
    chatd.clients.add(chat);
    return chat;
  };
  // Resolves with what `found` makes of the state once that is truthy.
  const until = (chat, found, deadlineMs = 30_000) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const value = found(chat.store.get());
        if (!value) return;
        leave();
        clearTimeout(timer);
        resolve(value);
      };
      const leave = chat.store.subscribe(look);
      const timer = setTimeout(() => reject(new Error(`not within ${deadlineMs} ms: ${found}\n${JSON.stringify(chat.store.get().connection)}`)), deadlineMs);
      look();
    });
  const online = (chat) => until(chat, (state) => state.connection.status === 'online' && state.listed);
  const texts = (state, peer) => state.conversations.get(peer)?.messages.map((message) => message.textMessage) ?? [];

  it('takes a message from draft to read', async () => {
    const [ann, bob] = [open('ann'), open('bob')];
    await Promise.all([online(ann), online(bob)]);
    ann.open('bob');
    ann.send('bob', 'hello');
    assert.deepEqual(ann.store.get().conversations.get('bob').drafts.map((draft) => draft.text), ['hello']);

    await until(bob, (state) => state.conversations.get('ann')?.last?.textMessage === 'hello');
    assert.equal(unreadTotal(bob.store.get()), 1);
    bob.open('ann');
    await until(bob, (state) => texts(state, 'ann').length === 1);
    bob.markRead('ann');
    assert.equal(unreadTotal(bob.store.get()), 0);
    await until(ann, ({ conversations }) => {
      const one = conversations.get('bob');
      return one.drafts.length === 0 && one.messages.length === 1 && stateOf(one, one.messages[0]) === 'read';
    });
    await until(ann, (state) => state.conversations.get('bob').presence?.online);
  });

  it('shows typing, and ends it', async () => {
    const [ann, bob] = [open('ann'), open('bob')];
    await Promise.all([online(ann), online(bob)]);
    ann.typing('bob', true);
    await until(bob, (state) => state.conversations.get('ann')?.typing);
    ann.typing('bob', false);
    await until(bob, (state) => !state.conversations.get('ann').typing);
  });

  it('keeps several tabs in step', async () => {
    const [one, two, peer] = [open('tabs'), open('tabs'), open('peer')];
    await Promise.all([one, two, peer].map(online));
    for (const tab of [one, two]) tab.open('peer');
    one.send('peer', 'from the first tab');
    peer.send('tabs', 'an answer');
    for (const tab of [one, two]) await until(tab, (state) => texts(state, 'peer').length === 2);
    one.markRead('peer');
    await until(two, (state) => unreadTotal(state) === 0);
  });

  it('pages through history without gaps', async () => {
    const pages = open('pages');
    await online(pages);
    for (let i = 1; i <= 120; ++i) pages.send('book', `page ${i}`);
    await until(pages, (state) => state.conversations.get('book').drafts.length === 0);
    const reader = open('pages');
    await online(reader);
    reader.open('book');
    await until(reader, (state) => texts(state, 'book').length === 50);
    await reader.loadOlder('book');
    await reader.loadOlder('book');
    assert.deepEqual(texts(reader.store.get(), 'book'), Array.from({ length: 120 }, (_, i) => `page ${i + 1}`));
    assert.equal(reader.store.get().conversations.get('book').hasOlder, false);
  });

  it('has what came in while the first page was on its way', async () => {
    const reader = open('early');
    await online(reader);
    // The page is asked for first, and is empty; the message may be there before its answer.
    for (let i = 1; i <= 10; ++i) {
      const peer = `early-peer-${i}`;
      reader.open(peer);
      reader.send(peer, 'at once');
      await until(reader, (state) => texts(state, peer).length === 1 && state.conversations.get(peer).drafts.length === 0);
    }
  });

  it('misses nothing that was written while it was away, by either side', async () => {
    const [ann, bob] = [open('away-ann'), open('away-bob')];
    await Promise.all([online(ann), online(bob)]);
    ann.open('away-bob');
    bob.open('away-ann');
    ann.send('away-bob', 'first');
    for (const [chat, peer] of [[ann, 'away-bob'], [bob, 'away-ann']]) {
      await until(chat, (state) => texts(state, peer).length === 1);
    }

    ann.goOffline();
    assert.equal(ann.store.get().connection.status, 'offline');
    ann.send('away-bob', 'written offline');
    bob.send('away-ann', 'meanwhile');
    await until(bob, (state) => state.conversations.get('away-ann').drafts.length === 0);
    assert.deepEqual(texts(ann.store.get(), 'away-bob'), ['first']);
    ann.reconnect();

    for (const [chat, peer] of [[ann, 'away-bob'], [bob, 'away-ann']]) {
      await until(chat, (state) => texts(state, peer).length === 3);
      assert.deepEqual(texts(chat.store.get(), peer), ['first', 'meanwhile', 'written offline']);
    }
  });

  it('outlives a server that is killed, and sends what was written meanwhile once', async () => {
    const [ann, bob] = [open('kill-ann'), open('kill-bob')];
    await Promise.all([online(ann), online(bob)]);
    ann.open('kill-bob');
    bob.open('kill-ann');
    const sent = Array.from({ length: 20 }, (_, i) => `text ${i}`);
    for (const text of sent.slice(0, 10)) ann.send('kill-bob', text);
    await chatd.signal('SIGKILL');
    for (const text of sent.slice(10)) ann.send('kill-bob', text);
    await until(ann, (state) => state.connection.status === 'reconnecting');
    await chatd.start();
    await until(ann, (state) => state.connection.status === 'online' && state.conversations.get('kill-bob').drafts.length === 0, 60_000);
    await until(bob, (state) => texts(state, 'kill-ann').length === 20, 60_000);
    assert.deepEqual(texts(bob.store.get(), 'kill-ann'), sent);
    assert.deepEqual((await chatd.stored('kill-bob')).map((message) => message.textMessage), sent);
  });

  it('sends from the outbox of an earlier page', async () => {
    const outbox = memoryOutbox();
    await outbox.put({ clientMessageId: 'left-over', peer: 'later', text: 'kept', writtenAt: 1 });
    const chat = open('reloads', { outbox: () => outbox });
    await until(chat, (state) => state.conversations.get('later')?.last?.textMessage === 'kept');
    assert.deepEqual(await outbox.all(), []);
  });

  it('says why a message was refused, and keeps it', async () => {
    const chat = open('refused');
    await online(chat);
    chat.send('somebody', 'x'.repeat(65_537));
    const [draft] = await until(chat, (state) => state.conversations.get('somebody').drafts[0]?.error && state.conversations.get('somebody').drafts);
    assert.equal(draft.error, 'too_large');
    chat.discard(draft.clientMessageId);
    assert.deepEqual(chat.store.get().conversations.get('somebody').drafts, []);
  });

  it('lists the conversation with the newest message first', async () => {
    const chat = open('lists');
    await online(chat);
    for (const peer of ['x', 'y', 'x']) {
      chat.send(peer, `to ${peer}`);
      await until(chat, (state) => state.conversations.get(peer).drafts.length === 0);
    }
    assert.deepEqual(byLatest(chat.store.get()).map((one) => one.peer), ['x', 'y']);
  });
});
