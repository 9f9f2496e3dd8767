// Debian's Chromium, and pages of chatd in it that fail a test on whatever the console complains of.
import { chromium } from 'playwright-core';

export const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

export async function launch(args = []) {
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', ...args] });
}

// What a browser says by itself when a network that is cut, or a server that was killed, does not
// answer.
const kOfTheNetwork = /net::ERR_|WebSocket connection to|status of (400|503)/;

// One window of one user. `complaints` is what the console and uncaught errors said.
export class Window {
  complaints = [];

  constructor(context, page, url) {
    Object.assign(this, { context, page, url });
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type()) && !kOfTheNetwork.test(message.text())) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.setDefaultTimeout(90_000);
  }

  static async open(browser, url, user, { peer, ...options } = {}) {
    const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', viewport: { width: 1200, height: 760 }, ...options });
    return new Window(context, await context.newPage(), url).as(user, peer);
  }
  // Another tab of the same browser profile: the same outbox.
  async tab(user, peer) {
    return new Window(this.context, await this.context.newPage(), this.url).as(user, peer);
  }

  async as(user, peer) {
    await this.page.goto(`${this.url}/?user=${encodeURIComponent(user)}${peer ? `#/${encodeURIComponent(peer)}` : ''}`);
    await this.page.locator('.messenger').waitFor();
    return this;
  }
  async talkTo(peer) {
    await this.page.getByLabel('Start a conversation with').fill(peer);
    await this.page.getByLabel('Start a conversation with').press('Enter');
    await this.page.getByLabel(`Message to ${peer}`).waitFor();
  }
  get composer() {
    return this.page.getByRole('textbox', { name: 'Message to' });
  }
  async write(text) {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }
  // The texts of the messages that are shown, in order.
  texts() {
    return this.page.locator('.message .text').allTextContents();
  }
  message(text) {
    return this.page.locator('.message', { hasText: text });
  }
  async shows(text) {
    await this.message(text).last().waitFor();
  }
  // Waits until a message of one's own has come as far as that.
  async state(text, state) {
    await this.message(text).last().getByRole('img', { name: state, exact: true }).waitFor();
  }
  async until(found, argument, what = String(found)) {
    await this.page.waitForFunction(found, argument).catch((error) => {
      throw new Error(`not shown: ${what}\n${error.message}`);
    });
  }
  async fact(name) {
    return this.page.locator(`[data-fact="${name}"]`).textContent();
  }
  async openTools() {
    await this.page.getByRole('button', { name: 'Connection and tools' }).click();
  }
}
