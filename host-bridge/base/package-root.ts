/**
 * Where this package lies on disk, whatever the working directory: sources, board configs and bundles are found from
 * here.
 *
 * The module's own place is the only thing to start from: `flash-scripts/` under jest, `dist/flash-scripts/` once
 * built. `import.meta.url` serves both, since swc writes it as __filename when it compiles to CommonJS.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE_NAME = 'tapcash';

function isRoot(folder: string): boolean {
  const file = join(folder, 'package.json');
  return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === PACKAGE_NAME;
}

/** The folder that holds this package's package.json. @throws Error when the module was copied out of its package */
export function packageRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    if (isRoot(folder)) return folder;
    if (dirname(folder) === folder) throw new Error(`no package.json of ${PACKAGE_NAME} above ${start}`);
  }
}
