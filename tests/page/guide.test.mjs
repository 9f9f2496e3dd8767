// What docs/frontend.md shows of chat.ts is run; its plain JavaScript is run with the other documents.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { Chatd } from '../lib/chatd.mjs';
import { folder } from './modules.mjs';

it('docs/frontend.md: the guide to chat.ts works as it stands', async () => {
  const page = readFileSync(new URL('../../docs/frontend.md', import.meta.url), 'utf8');
  const [, code] = /^```ts\n(.*?)^```$/ms.exec(page);
  const work = mkdtempSync(join(tmpdir(), 'chatrt-guide-'));
  const chatd = await new Chatd().start();
  // A link: Node finds what chat.js imports from where it really is.
  symlinkSync(join(folder, 'chat.js'), join(work, 'chat.js'));
  const globals = `import '${new URL('./modules.mjs', import.meta.url)}';\n`;
  writeFileSync(join(work, 'guide.mjs'), globals + code.replaceAll('http://localhost:3000', chatd.url));
  const child = spawn('node', ['guide.mjs'], { cwd: work, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    let out = '';
    for await (const chunk of child.stdout) {
      out += chunk;
      if (/^bob hello sent$/m.test(out)) break;
    }
    assert.match(out, /^bob hello sending$/m);
    assert.match(out, /^bob hello sent$/m);
  } finally {
    child.kill('SIGKILL');
    await chatd.close();
    rmSync(work, { recursive: true, force: true });
  }
});
