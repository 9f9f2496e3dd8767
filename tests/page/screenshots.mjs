// Takes the pictures of docs/: CHATD=build/daemon/chatd node tests/page/screenshots.mjs docs/images
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Chatd } from '../lib/chatd.mjs';
import { launch, Window } from './browser.mjs';

const folder = process.argv[2] ?? 'docs/images';
const kPhone = { viewport: { width: 390, height: 720 }, isMobile: true, hasTouch: true };
const kDesktop = { viewport: { width: 1200, height: 720 } };

mkdirSync(folder, { recursive: true });
const chatd = await new Chatd(['--db', ':memory:']).start();
const browser = await launch();
try {
  const said = [
    ['bob', 'ann', 'Good morning! Did you see the plan for Friday?'],
    ['ann', 'bob', 'Yes, it looks fine: https://example.org/plan'],
    ['ann', 'bob', 'I would move the demo to the afternoon.'],
    ['bob', 'ann', 'Fine with me 👍'],
    ['דנה', 'ann', 'מתי הפגישה?'],
    ['carla', 'ann', 'Lunch?'],
    ['carla', 'ann', '12:30 at the usual place'],
  ];
  for (const [senderId, selectedUser, textMessage] of said) await chatd.post({ senderId, selectedUser, textMessage });
  const bob = await Window.open(browser, chatd.url, 'bob', { peer: 'ann' });
  for (const colorScheme of ['light', 'dark']) {
    const desktop = await Window.open(browser, chatd.url, 'ann', { peer: 'bob', colorScheme, ...kDesktop });
    const phone = await Window.open(browser, chatd.url, 'ann', { peer: 'bob', colorScheme, ...kPhone });
    for (const window of [desktop, phone]) await window.shows('Fine with me');
    await desktop.openTools();
    await bob.composer.pressSequentially('…');
    for (const window of [desktop, phone]) await window.page.locator('.chat-head').getByText('typing…').waitFor();
    await desktop.page.screenshot({ path: join(folder, `page-desktop-${colorScheme}.png`) });
    await phone.page.screenshot({ path: join(folder, `page-phone-${colorScheme}.png`) });
    await bob.composer.fill('');
    for (const window of [desktop, phone]) await window.context.close();
  }
} finally {
  await browser.close();
  await chatd.close();
}
