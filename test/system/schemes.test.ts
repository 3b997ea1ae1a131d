/**
 * Every scheme as programs see it: `tapcash demo --scheme 1..6 --pseudonyms n` pays, deposits and comes out even, on
 * emulated boards; coupons and a keyed scheme in the real interpreter too (a sealed one:
 * test/user-token/token-in-interpreter), by `TAPCASH_SCHEMES=all` every one of them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { runDemo, type RunningDemo } from '../../host-bridge/demo/demo.js';
import { reportText, stepLine } from '../../host-bridge/demo/report.js';
import type { NfcBoard } from '../../host-bridge/rig/nfc-boards.js';
import { good } from '../kit/people.js';
import { unreadable } from '../kit/readable.js';

const interpreter = findInterpreter(process.env);
const folder = mkdtempSync(join(tmpdir(), 'tapcash-schemes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Currencies without decimals and with three, and what 350 and 1701 of their minor units look like. */
const SHOWN: Record<string, [pay: string, balance: string]> = {
  EUR: ['3.50 EUR', '17.01 EUR'],
  JPY: ['350 JPY', '1701 JPY'],
  BHD: ['0.350 BHD', '1.701 BHD'],
  IQD: ['0.350 IQD', '1.701 IQD'],
};

/** Terminal and token show amounts with the decimals that their currency has. */
async function looksRight({ rig, report }: RunningDemo, currency: string): Promise<void> {
  const [pay, balance] = SHOWN[currency]!;
  const [shop] = rig.shops;
  const [, bob] = rig.tokens;
  const shows = async (board: NfcBoard['board'], text: string) => {
    for (let tries = 0; tries < 600 && !board.screen().join(' ').includes(text); tries++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(board.screen().join(' ')).toContain(text);
  };
  good(await shop.bridge.charge(350));
  await shows(shop.device.board, pay);
  await shows(bob.device.board, balance);
  expect(report.currency).toBe(currency);
  expect(report.steps.map(({ name }) => name)).toContain(`Alice pays ${pay} at Cafe Roma`);
  expect(reportText(report)).toContain(balance);
  // Licenses, challenges and receipts say it too: the houses took no others (test/houses).
  expect(good(await rig.issuerClient.parameters()).parameters.currency).toBe(currency);
}

async function pays(scheme: number, pseudonyms: number, path: string | null, currency = 'EUR'): Promise<void> {
  const demo = await runDemo({
    dataDir: join(folder, `${scheme}-${path ? 'real' : 'emulated'}`),
    scenario: 'pay',
    scheme,
    pseudonyms,
    currency,
    interpreter: path,
    seed: null,
  });
  try {
    if (!path) await looksRight(demo, currency);
  } finally {
    await demo.close();
  }
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
      [1, 1, 'EUR'],
      [2, 1, 'JPY'],
      [3, 1, 'BHD'],
    ],
  ],
  [
    [
      [4, 3, 'IQD'],
      [5, 1, 'EUR'],
      [6, 2, 'JPY'],
    ],
  ],
] as [number, number, string][][][])('schemes, pseudonyms and currencies %j on emulated boards', async (demos) => {
  await Promise.all(demos.map(([scheme, pseudonyms, currency]) => pays(scheme, pseudonyms, null, currency)));
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
