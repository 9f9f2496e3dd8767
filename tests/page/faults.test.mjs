// The page in a browser whose network is cut, and on a chatd that is killed.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { launch, Window } from './browser.mjs';

describe('the page, when things break', { concurrency: false }, () => {
  let chatd, browser, ann, bob;
  before(async () => {
    browser = await launch();
  });
  after(() => browser?.close());
  beforeEach(async () => {
    chatd = await new Chatd().start();
    ann = await Window.open(browser, chatd.url, 'ann', { peer: 'bob' });
    bob = await Window.open(browser, chatd.url, 'bob', { peer: 'ann' });
    await ann.write('before');
    await bob.shows('before');
  });
  afterEach(async () => {
    for (const window of [ann, bob]) {
      assert.deepEqual(window.complaints, []);
      await window.context.close();
    }
    await chatd.close();
  });
  const both = async (expected) => {
    for (const window of [ann, bob]) {
      for (const text of expected) await window.shows(text);
      await window.until(() => document.querySelectorAll('.draft').length === 0);
      assert.deepEqual([...(await window.texts())].sort(), [...expected].sort());
    }
    assert.deepEqual(await ann.texts(), await bob.texts());
  };

  it('loses nothing while the browser is offline and both sides write', async () => {
    await ann.context.setOffline(true);
    await ann.page.getByText('Reconnecting').waitFor();
    await ann.write('written offline');
    await ann.state('written offline', 'Sending');
    await bob.write('written meanwhile');
    await bob.state('written meanwhile', 'Sent');
    await ann.context.setOffline(false);
    await both(['before', 'written offline', 'written meanwhile']);
    await ann.page.getByText('Reconnecting').waitFor({ state: 'detached' });
  });

  it('goes on after a reload in mid-conversation', async () => {
    for (let i = 1; i <= 10; ++i) await ann.write(`text ${i}`);
    await ann.page.reload();
    await ann.write('after the reload');
    await both(['before', ...Array.from({ length: 10 }, (_, i) => `text ${i + 1}`), 'after the reload']);
  });

  it('sends what was in the outbox over a reload', async () => {
    await chatd.signal('SIGKILL');
    await ann.page.getByText('Reconnecting').waitFor();
    await ann.write('kept over a reload');
    await ann.state('kept over a reload', 'Sending');
    // The page is closed while the server is away; the next one finds the draft.
    await ann.page.close();
    await chatd.start();
    ann.page = await ann.context.newPage();
    await ann.as('ann', 'bob');
    await both(['before', 'kept over a reload']);
  });

  it('outlives a chatd that is killed and started again', async () => {
    for (let i = 1; i <= 5; ++i) await ann.write(`text ${i}`);
    await chatd.signal('SIGKILL');
    await bob.write('while it is gone');
    await chatd.start();
    await both(['before', ...Array.from({ length: 5 }, (_, i) => `text ${i + 1}`), 'while it is gone']);
  });
});
