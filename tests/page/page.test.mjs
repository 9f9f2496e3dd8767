// The page in a browser, against the real chatd: what users see and do.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { launch, Window } from './browser.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const kPhone = { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true };
const kFirstLoadBytesMax = 150_000;

describe('the page', { concurrency: false }, () => {
  let chatd, browser;
  before(async () => {
    chatd = await new Chatd(['--db', ':memory:', '--presence-grace', '300']).start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await chatd.close();
  });
  const open = (user, peer, options) => Window.open(browser, chatd.url, user, { peer, ...options });
  const closeAll = async (...windows) => {
    for (const window of windows) {
      assert.deepEqual(window.complaints, [], 'the console is clean');
      await window.context.close();
    }
  };

  it('signs in by name, and two users chat: echo, states, typing, presence, unread, title', async () => {
    const context = await browser.newContext({ viewport: { width: 1100, height: 700 } });
    const ann = new Window(context, await context.newPage(), chatd.url);
    await ann.page.goto(chatd.url);
    await ann.page.getByLabel('Your name').fill('ann');
    await ann.page.getByRole('button', { name: 'Start chatting' }).click();
    await ann.talkTo('bob');
    const bob = await open('bob');

    await ann.write('hello bob');
    await ann.shows('hello bob');
    await bob.page.getByRole('link', { name: /ann.*hello bob.*1 unread message/ }).waitFor();
    await bob.until(() => document.title === '(1) Chat');
    await ann.state('hello bob', 'Delivered');
    await bob.page.getByRole('link', { name: /ann/ }).click();
    await bob.page.getByText('New messages').waitFor();
    await bob.shows('hello bob');
    await ann.state('hello bob', 'Read');
    await bob.until(() => document.title === 'Chat');

    await bob.composer.pressSequentially('hi');
    await ann.page.locator('.chat-head').getByText('typing…').waitFor();
    await bob.composer.press('Enter');
    await ann.shows('hi');
    await ann.page.locator('.chat-head').getByText('online').waitFor();
    await closeAll(bob);
    await ann.page.locator('.chat-head').getByText('last seen').waitFor();
    await closeAll(ann);
  });

  it('keeps three tabs of one user in step', async () => {
    const first = await open('three', 'friend');
    const tabs = [first, await first.tab('three', 'friend'), await first.tab('three')];
    const friend = await open('friend', 'three');
    await tabs[1].write('from the second tab');
    for (const window of [first, friend]) await window.shows('from the second tab');
    await friend.write('to all of them');
    for (const window of tabs.slice(0, 2)) await window.shows('to all of them');
    await tabs[2].page.getByRole('link', { name: /to all of them/ }).waitFor();
    // It was read in the open tabs, so it is read here.
    await tabs[2].until(() => document.title === 'Chat');
    for (const tab of tabs) assert.deepEqual(tab.complaints, []);
    await closeAll(first, friend);
  });

  it('shows long texts, links, emoji and right-to-left as they are, and runs nothing in them', async () => {
    const ann = await open('ann-texts', 'bob-texts');
    const script = '<img src=x onerror="document.title=\'owned\'"> <script>document.title="owned"</script>';
    for (const text of [script, 'javascript:alert(1) and https://safe.example/x.', '👍🏽', 'שלום עולם', `${'long '.repeat(2000)}end`]) {
      await ann.write(text);
      await ann.state(text.slice(0, 30), 'Sent');
    }
    assert.equal((await ann.texts())[0], script);
    const link = ann.page.locator('.text a');
    assert.equal(await link.count(), 1);
    assert.deepEqual([await link.getAttribute('href'), await link.getAttribute('rel')], ['https://safe.example/x', 'noopener noreferrer nofollow']);
    assert.equal(await ann.page.locator('.text', { hasText: 'שלום' }).evaluate((text) => getComputedStyle(text).direction), 'rtl');
    assert.equal(await ann.page.getByText(/ end$/).count(), 0);
    await ann.page.getByRole('button', { name: 'Show all of it' }).click();
    await ann.page.getByText(/ end$/).waitFor();
    assert.notEqual(await ann.page.title(), 'owned');
    await ann.composer.fill('x'.repeat(65_537));
    await ann.page.getByText('1 bytes too long').waitFor();
    await closeAll(ann);
  });

  it('scrolls back by pages without jumping', async () => {
    for (let i = 1; i <= 160; ++i) await chatd.post({ senderId: 'writer', selectedUser: 'scroller', textMessage: `line ${i}` });
    const window = await open('scroller', 'writer');
    await window.shows('line 160');
    assert.equal((await window.texts()).length <= 100, true);
    const list = window.page.getByRole('log');
    // Read where a message stands, scroll up until older ones come in, and look where it stands then.
    const stands = () => window.page.locator('[data-seq="111"]').evaluate((one) => one.getBoundingClientRect().top + one.closest('.messages').scrollTop);
    const height = () => list.evaluate((box) => box.scrollHeight);
    await list.evaluate((box) => (box.scrollTop = 500));
    const [before, was] = [await stands(), await height()];
    await list.evaluate((box) => (box.scrollTop = 300));
    await window.until(() => document.querySelectorAll('.message').length >= 100);
    assert.ok(Math.abs(await stands() - before - (await height() - was)) < 2, 'the messages in view stay where they were');
    for (let i = 0; i < 5; ++i) {
      await list.evaluate((box) => (box.scrollTop = 0));
      await window.page.waitForTimeout(100);
    }
    await window.page.getByText('This is the beginning').waitFor();
    assert.deepEqual(await window.texts(), Array.from({ length: 160 }, (_, i) => `line ${i + 1}`));

    await chatd.post({ senderId: 'writer', selectedUser: 'scroller', textMessage: 'below' });
    await window.page.getByRole('button', { name: '1 new message' }).click();
    await window.message('below').waitFor();
    await closeAll(window);
  });

  it('leaves a message unread while its tab is hidden', async () => {
    const window = await open('hides', 'seeker');
    await chatd.post({ senderId: 'seeker', selectedUser: 'hides', textMessage: 'seen' });
    await window.shows('seen');
    const show = (state) => window.page.evaluate((state) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
    await show('hidden');
    await chatd.post({ senderId: 'seeker', selectedUser: 'hides', textMessage: 'not seen yet' });
    await window.until(() => document.title === '(1) Chat');
    await show('visible');
    await window.page.getByText('New messages').waitFor();
    await window.until(() => document.title === 'Chat');
    await closeAll(window);
  });

  it('has in its drawer what breaks it, and what shows that it holds', async () => {
    const ann = await open('tools-ann', 'tools-bob');
    const bob = await open('tools-bob', 'tools-ann');
    await ann.openTools();
    await ann.page.getByRole('button', { name: 'Send 100 messages' }).click();
    await bob.shows('100 / 100');
    await ann.until(() => document.querySelectorAll('.draft').length === 0);
    await ann.page.getByRole('button', { name: 'Go offline' }).click();
    await ann.page.getByText('You are offline').waitFor();
    await ann.write('kept');
    await ann.state('kept', 'Sending');
    await bob.write('missed?');
    await ann.page.getByRole('button', { name: 'Come back online' }).click();
    await ann.shows('missed?');
    await bob.shows('kept');
    await ann.message('kept').last().getByRole('button', { name: 'What happened to this message?' }).click();
    await ann.page.locator('.value dt', { hasText: 'confirmedAt' }).first().waitFor();
    assert.ok((await ann.page.locator('.value dd', { hasText: 'tools-bob' }).count()) > 0);
    await ann.page.getByRole('button', { name: 'Drop the connection' }).click();
    await ann.until(() => document.querySelector('[data-fact="Connects"]').textContent === '3');
    await ann.until(() => document.querySelector('[data-fact="Status"]').textContent === 'online');
    assert.match(await ann.fact('Offset'), /^\d+$/);
    const [tab] = await Promise.all([ann.context.waitForEvent('page'), ann.page.getByRole('button', { name: 'Open another tab' }).click()]);
    await tab.getByLabel('Message to tools-bob').waitFor();
    const expected = [...Array.from({ length: 100 }, (_, i) => `${i + 1} / 100`)];
    assert.deepEqual((await ann.texts()).slice(0, 100), expected);
    assert.deepEqual((await ann.texts()).slice(100).sort(), ['kept', 'missed?']);
    await closeAll(ann, bob);
  });

  it('shows operators what goes on, and ends a session', async () => {
    const user = await open('operated', 'other');
    const operator = new Window(user.context, await user.context.newPage(), chatd.url);
    await operator.page.goto(`${chatd.url}/operator`);
    await operator.page.getByRole('img', { name: /^Connections.*: registered [1-9]/ }).waitFor();
    await operator.page.getByRole('textbox', { name: 'User' }).fill('operated');
    await operator.page.getByRole('button', { name: 'Find' }).click();
    await operator.page.getByRole('button', { name: 'Disconnect' }).click();
    await user.page.getByText('The server has ended this connection.').waitFor();
    await user.page.getByRole('button', { name: 'Connect again' }).click();
    await user.page.getByText('The server has ended this connection.').waitFor({ state: 'detached' });
    assert.deepEqual(operator.complaints, []);
    await closeAll(user);
  });

  it('can be used with the keyboard alone', async () => {
    const window = await open('keys', 'board');
    await window.page.keyboard.type('typed without a click');
    await window.page.keyboard.press('Shift+Enter');
    await window.page.keyboard.type('second line');
    await window.page.keyboard.press('Enter');
    await window.shows('second line');
    await window.openTools();
    assert.equal(await window.page.evaluate(() => document.activeElement.textContent), 'Under the hood');
    await window.page.keyboard.press('Escape');
    await window.page.getByRole('heading', { name: 'Under the hood' }).waitFor({ state: 'detached' });
    await closeAll(window);
  });

  for (const colorScheme of ['light', 'dark']) {
    it(`breaks no rule of axe-core, on desktop and phone (${colorScheme})`, async () => {
      const look = async (window, what) => {
        await window.page.evaluate(axe);
        const { violations } = await window.page.evaluate(() => axe.run());
        assert.deepEqual(violations.map((one) => `${what}: ${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`), []);
      };
      await chatd.post({ senderId: 'axe', selectedUser: 'wood', textMessage: 'see https://a.example' });
      const window = await open('wood', 'axe', { colorScheme, reducedMotion: 'reduce' });
      await window.shows('see https');
      await window.write('mine');
      await window.state('mine', 'Sent');
      await window.openTools();
      await look(window, 'desktop');
      await window.page.goto(`${chatd.url}/operator`);
      await window.page.getByRole('img', { name: /^Connections/ }).waitFor();
      await look(window, 'operator');
      const phone = await open('wood', 'axe', { colorScheme, ...kPhone });
      await phone.shows('mine');
      await look(phone, 'phone');
      await phone.page.getByRole('button', { name: 'Back to conversations' }).click();
      await phone.page.getByRole('navigation').waitFor();
      await look(phone, 'list');
      await phone.page.getByRole('button', { name: 'Sign out' }).click();
      await phone.page.getByLabel('Your name').waitFor();
      await look(phone, 'sign in');
      await closeAll(phone);
      await window.context.close();
    });
  }

  it('is small, comes from its own origin alone, and is not fetched twice', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const urls = new Map();
    page.on('response', (response) => urls.set(response.url(), response));
    await page.goto(`${chatd.url}/?user=small#/peer`);
    await page.getByLabel('Message to peer').waitFor();
    const files = [...urls].filter(([url]) => !url.includes('/socket.io/') && !url.includes('/v1/'));
    let bytes = 0;
    for (const [url, response] of files) {
      assert.equal(new URL(url).origin, chatd.url);
      bytes += gzipSync(await response.body()).length;
    }
    assert.ok(files.length >= 3, `${files.length} files`);
    assert.ok(bytes < kFirstLoadBytesMax, `${bytes} bytes`);
    await context.close();
    const html = await fetch(chatd.url);
    assert.equal((await fetch(chatd.url, { headers: { 'if-none-match': html.headers.get('etag') } })).status, 304);
  });

  it('does not let a page of another origin connect unless it is listed', async () => {
    // A page at an origin of its own that is not loopback's: --dev allows those. The browser is told
    // that its name is here.
    const bundle = `${chatd.url}/socket.io/socket.io.min.js`;
    const other = createServer((_, response) => response.setHeader('content-type', 'text/html').end(`<script src="${bundle}"></script>
      <script>const socket = io('${chatd.url}', {reconnection: false});
      socket.on('connect', () => document.title = 'connected'); socket.on('connect_error', () => document.title = 'refused');</script>`));
    await new Promise((ready) => other.listen(0, '127.0.0.1', ready));
    const named = await launch(['--host-resolver-rules=MAP other.example 127.0.0.1', '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests']);
    const origin = `http://other.example:${other.address().port}`;
    const outcome = async () => {
      const page = await named.newPage();
      await page.goto(origin);
      await page.waitForFunction(() => document.title !== '');
      return page.title();
    };
    try {
      assert.equal(await outcome(), 'refused');
      await chatd.signal('SIGTERM');
      chatd.args.push('--cors-origin', origin);
      await chatd.start();
      assert.equal(await outcome(), 'connected');
    } finally {
      await named.close();
      other.close();
    }
  });
});
