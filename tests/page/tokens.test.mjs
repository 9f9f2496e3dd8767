// The page and the operator's view of a chatd that asks for tokens.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Chatd, OPERATOR, suite, token } from '../safety/lib/chatd.mjs';
import { launch, Window } from './browser.mjs';

describe('the page, with tokens', { concurrency: false }, () => {
  const t = suite();
  let chatd, browser, url;
  before(async () => {
    chatd = await Chatd.start(t, { dev: false });
    url = `http://localhost:${chatd.port}`;
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await t.end();
  });
  async function open(path = '') {
    const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1200, height: 760 } });
    const window = new Window(context, await context.newPage(), url);
    await window.page.goto(url + path);
    return window;
  }
  async function close(window) {
    // The browser says by itself that a request was refused.
    assert.deepEqual(window.complaints.filter((one) => !/status of 40[13]/.test(one)), []);
    await window.context.close();
  }
  async function signIn(window, given) {
    await window.page.getByLabel('Token').fill(given);
    await window.page.getByRole('button', { name: 'Start chatting' }).click();
  }

  it('signs in by token, says why one is refused, and stays signed in over a reload', async () => {
    const ann = await open();
    await signIn(ann, token({ sub: 'ann', exp: 1 }));
    await ann.page.getByRole('alert').getByText('token_expired').waitFor();
    await signIn(ann, 'no token at all');
    await ann.page.getByRole('alert').getByText('token_malformed').waitFor();
    await signIn(ann, token({ sub: 'ann' }));
    await ann.talkTo('bob');
    const bob = await open('/#/ann');
    await signIn(bob, token({ sub: 'bob' }));
    await ann.write('by token');
    await bob.shows('by token');
    await ann.state('by token', 'Read');

    await bob.page.reload();
    await bob.shows('by token');
    await bob.write('still me');
    await ann.shows('still me');
    await Promise.all([ann, bob].map(close));
  });

  it('opens the operator\'s view with the key alone', async () => {
    const user = await open('/#/eve');
    await signIn(user, token({ sub: 'joe' }));
    await user.page.getByLabel('Message to eve').waitFor();
    const operator = await open('/operator');
    const enter = async (key) => {
      await operator.page.getByLabel('Operator key').fill(key);
      await operator.page.getByRole('button', { name: 'Show' }).click();
    };
    await Promise.all([operator.page.waitForResponse((answer) => answer.url().endsWith('/metrics') && answer.status() === 403), enter('x'.repeat(32))]);
    assert.equal(await operator.page.getByRole('img', { name: /^Connections/ }).count(), 0);
    await enter(OPERATOR);
    await operator.page.getByRole('img', { name: /^Connections.*: registered [1-9]/ }).waitFor();
    await operator.page.getByRole('textbox', { name: 'User' }).fill('joe');
    await operator.page.getByRole('button', { name: 'Find' }).click();
    await operator.page.getByRole('button', { name: 'Disconnect' }).click();
    await user.page.getByText('The server has ended this connection.').waitFor();
    await Promise.all([operator, user].map(close));
  });
});
