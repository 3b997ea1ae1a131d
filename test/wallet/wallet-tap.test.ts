/**
 * The wallet through a PN532 on a PC's USB port, with the chip's model at the other end of the serial line: at the
 * reader of an emulated terminal board it registers, withdraws and pays, as a token does; and it pays another shop over
 * a line. It is the demo's scenario, with its checks, conservation and the audit.
 */
import { join } from 'node:path';
import { runDemo } from '../../host-bridge/demo/demo.js';
import { tempFolder } from '../kit/temp-folder.js';

test.each([
  [1, 1],
  [6, 2],
])('scheme %i with %i pseudonyms: registers, withdraws and pays at a terminal, and over a line', async (scheme, n) => {
  const demo = await runDemo({
    ...{ dataDir: join(tempFolder(), 'demo'), scenario: 'wallet', scheme, pseudonyms: n },
    ...{ interpreter: null, seed: null },
  });
  await demo.close();
  const { checks, ...report } = demo.report;
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(checks.map(({ name }) => name)).toEqual([
    'paid at the reader',
    "the wallet's reader has no fault",
    'the line says shop and amount',
    'paid again is the same payment',
    'paid over the line',
    'the wallet has what it has not spent',
    "the owner's account paid for the cash",
    'both shops are credited',
    'every payment arrived once',
    'Balance and EBC are the same',
  ]);
  expect(report).toMatchObject({ ok: true, conservation: { ok: true }, audit: { ok: true, broken: 0 } });
  expect(report.histories.map(({ shop, amount }) => [shop, amount])).toEqual([
    ['Cafe Roma', 350],
    ['Web Shop', 1250],
  ]);
});
