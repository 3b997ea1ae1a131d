/** The folder that a demo keeps everything in. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '../base/errors.js';
import { askPeople, PEOPLE_FILE } from '../demo/demo-client.js';

/** How a demo's folder is made free. */
export interface Room {
  /** An ended demo's books may go. */
  isFresh: boolean;
  /** Asks somebody whether they may; null where there is nobody. */
  ask: ((question: string) => Promise<string>) | null;
}

/** The demo's own folder, empty; never that of a demo that runs, and never a folder that is not a demo's. */
export async function makeRoom(dataDir: string, { isFresh, ask }: Room): Promise<void> {
  const mark = join(dataDir, 'tapcash-demo');
  if (existsSync(dataDir)) {
    if (!existsSync(mark))
      throw failure('DATA_DIR_FAILED', `${dataDir} exists and was not made by a demo: choose another with --data`);
    // A demo that runs answers; asking it to press nobody's button changes nothing.
    const asked = await askPeople(dataDir, 'press', '');
    if (asked.ok || asked.code !== 'SERVICE_DOWN') throw failure('DEMO_RUNS', `in ${dataDir}, at ${placeOf(dataDir)}`);
    await mayErase(dataDir, { isFresh, ask });
    rmSync(dataDir, { recursive: true });
  }
  mkdirSync(mark, { recursive: true, mode: 0o700 });
}

/** @throws TapcashError DEMO_KEPT: nobody said that the books of the last demo may go */
async function mayErase(dataDir: string, { isFresh, ask }: Room): Promise<void> {
  if (isFresh) return;
  const answer = ask ? await ask(`Erase the books of the last demo in ${dataDir}? [y/N] `) : '';
  if (!/^y(es)?$/i.test(answer.trim())) throw failure('DEMO_KEPT', dataDir);
}

/** Address of the demo that runs in a folder. */
function placeOf(dataDir: string): string {
  const { url } = JSON.parse(readFileSync(join(dataDir, PEOPLE_FILE), 'utf8')) as { url: string };
  return url;
}
