/**
 * The demo as programs see it: `tapcash demo --once --json`, on emulated boards and, where there is one, in the real
 * interpreter; and the overspend.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { runDemo } from '../../host-bridge/demo/demo.js';
import type { ScenarioName } from '../../host-bridge/demo/scenario-names.js';
import { reportText, stepLine } from '../../host-bridge/demo/report.js';
import { unreadable } from '../kit/readable.js';
import { spread } from '../kit/extent.js';

const interpreter = findInterpreter(process.env);
let folder: string;
/** More taps for one payment are no busy machine. */
const TAPS_MAX = 10;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapcash-demo-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(scenario: ScenarioName, path: string | null, scheme = 1, pseudonyms = 1) {
  const demo = await runDemo({
    dataDir: join(folder, 'demo'),
    scenario,
    scheme,
    pseudonyms,
    interpreter: path,
    seed: null,
  });
  await demo.close();
  expect(unreadable([...demo.report.steps.map(stepLine), reportText(demo.report)].join('\n'))).toEqual([]);
  return demo.report;
}

async function checkPay(path: string | null): Promise<void> {
  const report = await run('pay', path);
  expect(report).toMatchObject({ ok: true, scheme: 1, conservation: { ok: true, in: 20_000, held: 20_000 } });
  expect(report.taps.map(({ token, amount, result }) => [token, amount, result])).toEqual([
    ['Alice', 350, 'paid'],
    ['Bob', 1299, 'paid'],
    ['Alice', 2600, 'paid'],
  ]);
  // A button is pressed between two taps. A tap that passing time tears is one more, and still pays once.
  for (const [i, { taps }] of report.taps.entries()) {
    expect(taps).toBeGreaterThanOrEqual(i === 2 ? 2 : 1);
    expect(taps).toBeLessThanOrEqual(TAPS_MAX);
  }
  expect(report.balances).toEqual({
    tokens: { Alice: 2050, Bob: 1701 },
    ebc: { Alice: 2050, Bob: 1701 },
    abc: { Alice: 5000, Bob: 7000, 'Cafe Roma': 4249 },
  });
  expect(report.histories.map(({ token, amount }) => [token, amount])).toEqual([
    ['Alice', 350],
    ['Bob', 1299],
    ['Alice', 2600],
  ]);
  for (const tap of report.taps) expect(tap.phases.paid).toBeGreaterThan(0);
  expect(reportText(report)).toContain('Conservation: holds');
  // What leaves the process holds no secret: seeds and keys are 32 bytes, and no history is printed whole.
  expect(JSON.stringify(report)).not.toMatch(/[0-9a-f]{64}/);
}

test('pay, on emulated boards', () => checkPay(null));

(interpreter ? test : test.skip)('pay, in the real interpreter', () => checkPay(interpreter));

// A scheme each, two of them in the short form; `tapcash demo --all` plays every scenario in every scheme.
const played = [
  ['torn', 4, 3, ['paid', 'paid', 'paid', 'paid', 'paid']],
  ['refund', 3, 1, ['paid']],
  ['rotate', 5, 1, ['paid', 'paid', 'paid', 'paid', 'paid']],
  ['renew', 6, 2, ['paid', 'LICENSE_EXPIRED', 'paid']],
] as const;
test.each(spread(played, 2))(
  '%s, in scheme %i with %i pseudonyms: what it must show holds, and the books are right',
  async (scenario, scheme, pseudonyms, results) => {
    const report = await run(scenario, null, scheme, pseudonyms);
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(report).toMatchObject({ ok: true, conservation: { ok: true }, audit: { ok: true, broken: 0 } });
    expect(report.taps.map((tap) => tap.result)).toEqual(results);
  },
);

test('a port that is taken is named', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  try {
    const common = { scenario: 'pay', interpreter: null, seed: null } as const;
    await expect(runDemo({ ...common, dataDir: join(folder, 'demo'), port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(String(port)),
    });
  } finally {
    other.close();
  }
});

test('overspend: both shops credited, the right name with its proof, denied everywhere, within the bound', async () => {
  const report = await run('overspend', null);
  expect(report.ok).toBe(true);
  expect(report.overspend).toMatchObject({
    ebc: -1500,
    name: 'Bob',
    proof: 'PROVEN',
    deniedAt: ['Cafe Roma', 'Book Corner'],
    afterwards: 'DENIED',
    loss: 1500,
  });
  expect(report.overspend!.loss).toBeLessThanOrEqual(report.overspend!.bound);
  expect(report.balances.abc).toMatchObject({ 'Cafe Roma': 3000, 'Book Corner': 1500 });
  expect(report.taps.map((tap) => tap.result)).toEqual(['paid', 'paid', 'paid', 'STALE_LIMIT', 'DENIED']);
  expect(report.conservation.ok).toBe(true);
});
