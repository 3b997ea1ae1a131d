/**
 * Every scheme as programs see it: `tapcash demo --scheme 1..6 --pseudonyms n` pays, deposits and comes out even, on
 * emulated boards; coupons and a keyed scheme in the real interpreter too (a sealed one:
 * test/user-token/token-in-interpreter), by `TAPCASH_SCHEMES=all` every one of them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { runDemo } from '../../host-bridge/demo/demo.js';
import { reportText, stepLine } from '../../host-bridge/demo/report.js';
import { unreadable } from '../kit/readable.js';

const interpreter = findInterpreter(process.env);
const folder = mkdtempSync(join(tmpdir(), 'tapcash-schemes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function pays(scheme: number, pseudonyms: number, path: string | null): Promise<void> {
  const demo = await runDemo({
    dataDir: join(folder, `${scheme}-${path ? 'real' : 'emulated'}`),
    scenario: 'pay',
    scheme,
    pseudonyms,
    interpreter: path,
    seed: null,
  });
  await demo.close();
  const { report } = demo;
  expect(report.taps.map(({ token, amount, result }) => [token, amount, result])).toEqual([
    ['Alice', 350, 'paid'],
    ['Bob', 1299, 'paid'],
    ['Alice', 2600, 'paid'],
  ]);
  expect(report.balances).toEqual({
    tokens: { Alice: 2050, Bob: 1701 },
    ebc: { Alice: 2050, Bob: 1701 },
    abc: { Alice: 5000, Bob: 7000, 'Cafe Roma': 4249 },
  });
  expect(report).toMatchObject({ ok: true, scheme, pseudonyms, conservation: { ok: true, in: 20_000, held: 20_000 } });
  expect(unreadable([...report.steps.map(stepLine), reportText(report)].join('\n'))).toEqual([]);
  expect(JSON.stringify(report)).not.toMatch(/[0-9a-f]{64}/);
}

// Side by side, as far as two processors go: a demo mostly waits for its people.
test.each([
  [
    [
      [1, 1],
      [2, 1],
      [3, 1],
    ],
  ],
  [
    [
      [4, 3],
      [5, 1],
      [6, 2],
    ],
  ],
])('schemes and pseudonyms %j on emulated boards', async (demos) => {
  await Promise.all(demos.map(([scheme, pseudonyms]) => pays(scheme!, pseudonyms!, null)));
});

const real: [what: string, scheme: number, pseudonyms: number][] = [
  ['coupons', 2, 1],
  ['keyed, two pseudonyms', 6, 2],
];
const others: typeof real = [
  ['sealed', 3, 1],
  ['keyed', 4, 1],
  ['sealed and signed', 5, 1],
];
const chosen = process.env.TAPCASH_SCHEMES === 'all' ? [...real, ...others] : real;
(interpreter ? test : test.skip).each(chosen)(
  '%s, in the real interpreter',
  (_what, scheme, pseudonyms) => pays(scheme, pseudonyms, interpreter),
  300_000,
);
