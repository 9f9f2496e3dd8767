// The page's modules as the build compiles them for tests.
import { webcrypto } from 'node:crypto';
import { join, resolve } from 'node:path';

// As in browsers; Node has it there from 20 on.
globalThis.crypto ??= webcrypto;

export const folder = resolve(process.env.PAGE_MODULES ?? 'build/daemon/web/lib');

export const importModule = (name) => import(join(folder, `${name}.js`));
