// The page's modules as the build compiles them for tests.
import { join, resolve } from 'node:path';

export const folder = resolve(process.env.PAGE_MODULES ?? 'build/daemon/web/lib');

export const importModule = (name) => import(join(folder, `${name}.js`));
