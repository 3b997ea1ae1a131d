/** The terminal's bundle from boot to a delivered payment, on the emulated board and in the real interpreter. */
import { findInterpreter } from '../../flash-scripts/find-interpreter.js';
import { KIND } from '../../firmware/wire/link-messages.js';
import { createBench, createToken, denyList, keyOf, type Bench } from './board-bench.js';

const interpreter = findInterpreter();
const places: [string, string | null, typeof describe][] = [
  ['emulated board', null, describe],
  ['real interpreter', interpreter, interpreter ? describe : describe.skip],
];
jest.setTimeout(180_000);

for (const [place, path, run] of places) {
  run(`the bundle on the ${place}`, () => {
    let bench: Bench;
    afterEach(() => bench?.close());

    async function boot(): Promise<void> {
      bench.board.powerOn();
      await bench.until(() => ['READY', 'PAY'].includes(bench.board.screen()[0]), 30_000);
      if (!bench.bridge.up) bench.connect();
      await bench.until(() => bench.bridge.up, 15_000);
    }

    test('boots, takes a payment with the bridge, delivers it, and cancels', async () => {
      bench = await createBench(path);
      await boot();
      expect((await bench.request(KIND.denyList, denyList(3, [keyOf(9).publicKey]))).code).toBe('OK');
      let status = await bench.status();
      for (let i = 0; i < 50 && status.timeS === 0; i++) status = await bench.status();
      expect(status).toMatchObject({ denyVersion: 3, historiesPending: 0, chargeState: 0 });
      expect(status.timeS).toBeGreaterThan(0);
      const writes = status.flashWrites;

      const token = createToken(1);
      expect(await bench.charge(1, 350)).toBe('OK');
      expect(bench.board.screen()).toEqual(['PAY', '3.50 EUR', 'tap your token']);
      bench.present(token);
      await bench.until(() => bench.bridge.reports.length > 0, 20_000);
      expect(bench.board.screen()[0]).toBe('PAID');
      expect(bench.bridge.reports[0]).toMatchObject({ amount: 350, chargeState: 3, code: 0 });
      await bench.until(() => bench.bridge.histories.length > 0, 5000);
      bench.present(null);
      expect([...token.debits.values()].map((d) => d.settled)).toEqual([true]);
      status = await bench.status();
      console.log(place, 'tap', bench.bridge.reports[0], 'flash writes', status.flashWrites - writes, 'variables', status.variablesUsed, status.variablesTotal);

      expect(await bench.charge(2, 1)).toBe('OK');
      bench.present(createToken(9));
      await bench.until(() => bench.bridge.reports.length > 1, 20_000);
      expect(bench.board.screen()).toEqual(['PAY', '0.01 EUR', 'token is denied']);
      bench.present(null);
      expect(await bench.cancel(2)).toBe('OK');
      await bench.until(() => bench.bridge.tombstones === 1, 5000);
      expect(bench.board.errors).toEqual([]);
    });

    test('verifies on the board where the bridge will not, and keeps charge and history through a reset', async () => {
      bench = await createBench(path);
      bench.bridge.verifies = false;
      await boot();
      expect(await bench.charge(1, 900)).toBe('OK');
      bench.board.powerOff();
      await boot();
      await bench.until(() => bench.board.screen()[0] === 'PAY', 5000);
      const token = createToken(1);
      bench.present(token);
      await bench.until(() => bench.board.screen()[0] === 'PAID', 60_000);
      await bench.until(() => bench.bridge.histories.length > 0, 10_000);
      expect(await bench.charge(1, 900)).toBe('ALREADY_PAID');
      expect(bench.board.errors).toEqual([]);
    });
  });
}
