/**
 * What nobody foresaw ends a process with a reason, its exit code, and no secret; work that nobody waits for ends
 * nothing. Runs what `npm run prepare` has built.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { inBackground } from '../../host-bridge/base/background.js';
import { failure } from '../../host-bridge/base/errors.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { settle } from '../kit/virtual-time.js';

const CLI = join(packageRoot(), 'dist', 'host-bridge', 'cli.js');
const KEY = 'ab01'.repeat(16);

/** Runs a command into which `fault` is thrown as soon as it has said who hears of that. */
function run(fault: string): { status: number | null; err: string; out: string } {
  const preload = `process.on('newListener', (name) => { if (name === 'uncaughtException') setImmediate(() => { ${fault} }); });`;
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(preload)}`, CLI, 'boards'],
    { encoding: 'utf8' },
  );
  return { status, err: stderr, out: stdout };
}

test.each([
  ['a rejection that nobody handles', `Promise.reject(new Error('seed ${KEY}'))`],
  ['an exception of a timer', `throw new Error('seed ${KEY.toUpperCase()}')`],
  ['PEM', `throw new Error('-----BEGIN PRIVATE KEY-----\\\\nMC4CAQAwBQYDK2Vw\\\\n-----END PRIVATE KEY-----')`],
  ['something that is no error', `Promise.reject('${KEY}')`],
])('%s', (_what, fault) => {
  const { status, err } = run(fault);
  expect([status, err]).toEqual([3, expect.stringMatching(/^tapcash: INTERNAL: /)]);
  expect(err).toContain('[redacted]');
  expect(err.toLowerCase()).not.toMatch(/ab01ab01|MC4CAQ/i);
  expect(err).not.toContain('triggerUncaughtException');
});

test('work that nobody waits for tells the log, and only the log', async () => {
  const lines: [object, string][] = [];
  const log = { error: (fields: object, text: string) => void lines.push([fields, text]) };
  inBackground(Promise.reject(failure('DATABASE_FAILED', 'disk')), log as never, 'not done');
  inBackground(Promise.reject(new Error('odd')), log as never, 'not done either');
  inBackground(Promise.resolve(1), log as never, 'done');
  await settle();
  expect(lines).toEqual([
    [{ code: 'DATABASE_FAILED', err: undefined }, 'not done'],
    [{ code: 'INTERNAL', err: expect.any(Error) }, 'not done either'],
  ]);
});
