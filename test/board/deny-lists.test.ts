/** The deny list's flash in the real interpreter, whose arithmetic and typed arrays are others than Node's. */
import { join } from 'node:path';
import { buildBundle } from '../../flash-scripts/build/build.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { interpreterTest, runInEspruino } from '../build/fixture-runner.js';

interpreterTest('20,000 pseudonyms, a difference, and what is wrong, in the interpreter', async () => {
  const { code } = await buildBundle(join(packageRoot(), 'test', 'board', 'program', 'deny-lists.ts'));
  expect(runInEspruino(code, 600_000)).toEqual([
    `whole ${'.'.repeat(25)}`,
    'version 1 size 20000 found 541 and 0',
    'wrong base LIST_MISMATCH',
    'wrong digest LIST_MISMATCH',
    'version 1 size 20000 found 541 and 0',
    'difference OK',
    // Of every 37th one, the 0th and the 18,500th are gone.
    'version 2 size 19960 found 539 and 0',
    'opened again 2',
    'left behind true',
  ]);
});
