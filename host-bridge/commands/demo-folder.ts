/** The folder that a demo keeps everything in. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '../base/errors.js';
import { askPeople } from '../demo/demo-client.js';

/** The demo's own folder, empty; never that of a demo that runs, and never a folder that is not a demo's. */
export async function makeRoom(dataDir: string): Promise<void> {
  const mark = join(dataDir, 'tapcash-demo');
  if (existsSync(dataDir)) {
    if (!existsSync(mark))
      throw failure('DATA_DIR_FAILED', `${dataDir} exists and was not made by a demo: choose another with --data`);
    // A demo that runs answers; asking it to press nobody's button changes nothing.
    const asked = await askPeople(dataDir, 'press', '');
    if (asked.ok || asked.code !== 'SERVICE_DOWN')
      throw failure('PORT_IN_USE', `a demo already runs with ${dataDir}: tapcash stop`);
    rmSync(dataDir, { recursive: true });
  }
  mkdirSync(mark, { recursive: true, mode: 0o700 });
}
