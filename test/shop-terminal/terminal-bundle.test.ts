/** The terminal's bundle from boot to a delivered payment, on the emulated board and in the real interpreter. */
import { codeNumber, codeOf } from '../../firmware/core/codes.js';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { KEY_SHAPE, makeCombTable } from '../../flash-scripts/provision/tables.js';
import { INS } from '../../firmware/wire/token-commands.js';
import { createBench, createToken, denyList, ISSUER_KEY, keyOf, type Bench } from './terminal-board-rig.js';
import { licenseFor, multiplesFor, REGISTRAR } from './terminal-rig.js';
import { NOW_S } from './till-rig.js';

const interpreter = findInterpreter(process.env);
const places: [string, string | null, typeof describe][] = [
  ['emulated board', null, describe],
  ['real interpreter', interpreter, interpreter ? describe : describe.skip],
];
describe('a board that cannot run', () => {
  const rows: [string, object, Record<string, Uint8Array>, string][] = [
    ['a provision that is wrong', { historiesMax: 0 }, {}, 'NOT_PROVISIONED: provision.historiesMax'],
    [
      'a table of another key',
      {},
      { 'tab.issuer': makeCombTable(KEY_SHAPE, keyOf(5).publicKey) },
      'tab.issuer: not the table of the provisioned key',
    ],
    ['a table that is damaged', {}, { 'tab.registrar': new Uint8Array(100) }, 'not a comb table'],
    ['no seed', {}, { 'tapcash.seed': new Uint8Array(3) }, 'NOT_PROVISIONED: no entropy was given'],
  ];
  test.each(rows)('for %s stops and says so', async (_what, terms, files, fault) => {
    const bench = await createBench(null, terms, files);
    bench.board.powerOn();
    await bench.until(() => bench.board.screen()[0] === 'FAULT', 5000);
    expect(bench.board.screen().slice(1).join('')).toBe(fault);
    bench.connect();
    bench.present(createToken(1));
    await expect(bench.until(() => bench.bridge.up, 5000)).rejects.toThrow('in vain');
    bench.close();
  });
});

for (const [place, path, run] of places) {
  run(`the bundle on the ${place}`, () => {
    let bench: Bench;
    afterEach(() => bench?.close());

    async function boot(): Promise<void> {
      bench.board.powerOn();
      await bench.until(() => ['READY', 'PAY'].includes(bench.board.screen()[0]), 30_000);
      bench.connect();
      await bench.until(() => bench.bridge.up, 15_000);
      // On a busy machine a pty brings bytes of before the start, and the first session ends with them.
      await bench.status();
    }

    test('boots, takes a payment with the bridge, delivers it, and cancels', async () => {
      bench = await createBench(path);
      await boot();
      expect((await bench.request(KIND.denyList, denyList(3, [keyOf(9).publicKey]))).code).toBe('OK');
      let status = await bench.status();
      for (let i = 0; i < 50 && status.timeS === 0; i++) status = await bench.status();
      expect(status).toMatchObject({ denyVersion: 3, historiesPending: 0, chargeState: 0 });
      expect(status.timeS).toBeGreaterThan(0);

      const token = createToken(1);
      expect(await bench.charge(1, 350)).toBe('OK');
      expect(bench.board.screen()).toEqual(['PAY', '3.50 EUR', 'tap your token', '5 min left']);
      bench.present(token);
      await bench.until(() => bench.bridge.reports.length > 0, 20_000);
      // In the interpreter the display comes another way than the report.
      await bench.until(() => bench.board.screen()[0] === 'PAID', 5000);
      expect(bench.board.screen()[0]).toBe('PAID');
      expect(bench.bridge.reports[0]).toMatchObject({ amount: 350, chargeState: 3, code: 0 });
      await bench.until(() => bench.bridge.histories.length > 0, 5000);
      await bench.until(() => [...token.debits.values()].every((d) => d.settled), 5000);
      bench.present(null);
      expect([...token.debits.values()].map((d) => d.settled)).toEqual([true]);
      status = await bench.status();
      expect(status).toMatchObject({ historiesPending: 0, tombstonesPending: 0, chargeState: 3 });

      expect(await bench.charge(2, 1)).toBe('OK');
      bench.present(createToken(9));
      await bench.until(() => bench.bridge.reports.length > 1, 20_000);
      await bench.until(() => bench.board.screen()[2] === 'token is denied', 5000);
      expect(bench.board.screen()).toEqual(['PAY', '0.01 EUR', 'token is denied']);
      bench.present(null);
      expect(await bench.cancel(2)).toBe('OK');
      await bench.until(() => bench.bridge.tombstones === 1, 5000);
      expect(bench.board.errors).toEqual([]);
    });

    test('with the next keys: takes what the keys before signed, while it may last, and refuses by name what is by a key that it was not given', async () => {
      const [registrarKey, issuerKey] = [keyOf(2001).publicKey, keyOf(2002).publicKey];
      const before = {
        registrarKey: REGISTRAR.publicKey,
        registrarUntilS: NOW_S + 1e6,
        issuerKey: ISSUER_KEY.publicKey,
      };
      bench = await createBench(path, {}, {}, { registrarKey, issuerKey, before });
      bench.bridge.verifies = false;
      await boot();
      // Time and deny list of the issuer's key before.
      expect((await bench.request(KIND.denyList, denyList(3, []))).code).toBe('OK');
      let status = await bench.status();
      for (let i = 0; i < 50 && status.timeS === 0; i++) status = await bench.status();
      expect(status.timeS).toBeGreaterThan(0);
      expect(status.registrar).toEqual(registrarKey.slice(0, 4));
      expect(await bench.charge(1, 350)).toBe('OK');
      bench.present(createToken(1));
      await bench.until(() => bench.board.screen()[0] === 'PAID', 60_000);
      bench.present(null);
      await bench.until(() => bench.bridge.histories.length > 0, 10_000);
      const codes = () =>
        bench.bridge.reports
          .filter(({ chargeId }) => chargeId[7] === 2)
          .map(({ code }) => codeOf(code))
          .filter((code) => code !== 'TAP_TORN' && code !== 'TOKEN_STAYED');
      // A license under that key which ends later than any that it gave: a thief's.
      expect(await bench.charge(2, 5)).toBe('OK');
      const late = createToken(2);
      late.license = licenseFor(2, REGISTRAR, NOW_S + 1e6 + 1);
      bench.present(late);
      await bench.until(() => codes().length > 0, 60_000);
      expect(codes()).toEqual(['LICENSE_INVALID']);
      bench.present(null);
      // One under a key that only the bridge knows.
      bench.bridge.verifies = true;
      bench.bridge.verdict = 'KEY_UNKNOWN';
      bench.present(createToken(3));
      await bench.until(() => codes().length > 1, 60_000);
      expect(codes()[1]).toBe('KEY_UNKNOWN');
      expect(bench.bridge.alarms).toEqual([]);
      expect(bench.board.errors).toEqual([]);
    });

    test('keeps its key and its deny list through a reset', async () => {
      bench = await createBench(path);
      await boot();
      const before = await bench.status();
      await bench.request(KIND.denyList, denyList(7, []));
      await bench.disconnect();
      bench.board.powerOff();
      await boot();
      const status = await bench.status();
      expect(status.terminalKey).toEqual(before.terminalKey);
      expect(status.denyVersion).toBe(7);
      expect((await bench.request(KIND.denyList, denyList(7, []))).code).toBe('NOT_NEWER');
    });

    test('verifies on the board where the bridge will not, and keeps charge and history through a reset', async () => {
      bench = await createBench(path);
      bench.bridge.verifies = false;
      await boot();
      expect(await bench.charge(1, 900)).toBe('OK');
      await bench.disconnect();
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

    test('without a bridge: the amount from the keypad, cancelled, entered again, paid', async () => {
      bench = await createBench(path);
      bench.board.powerOn();
      await bench.until(() => bench.board.screen()[0] === 'READY', 30_000);
      const { rows, columns, keys } = loadBoard('linux').keypad!;
      async function type(text: string, then: string): Promise<void> {
        for (const key of text) {
          const before = bench.board.screen().join();
          const row = keys.findIndex((each) => each.includes(key));
          bench.board.pressKey(rows[row], columns[keys[row].indexOf(key)], 100);
          await bench.until(() => bench.board.screen().join() !== before, 5000);
          const downMs = bench.scheduler.nowMs();
          await bench.until(() => bench.scheduler.nowMs() > downMs + 200, 5000);
        }
        await bench.until(() => bench.board.screen().slice(0, 2).join() === then, 5000);
      }
      await type('72', 'AMOUNT,0.72 EUR');
      await type('#', 'PAY,0.72 EUR');
      await type('*', 'CANCELLED,0.72 EUR');
      await type('350#', 'PAY,3.50 EUR');
      const token = createToken(1);
      bench.present(token);
      await bench.until(() => bench.board.screen()[0] === 'PAID', 60_000);
      expect([...token.debits.values()]).toMatchObject([{ amount: 350 }]);
      bench.present(null);
      bench.connect();
      await bench.until(() => bench.bridge.histories.length > 0 && bench.bridge.tombstones === 1, 20_000);
      expect(bench.board.errors).toEqual([]);
    });

    const tokens: [string, Uint8Array | null, boolean][] = [
      ['the multiples of its key', multiplesFor(2), false],
      ['no multiples', null, false],
      ["another key's multiples", multiplesFor(3), false],
      ['too few multiples', multiplesFor(2).subarray(64), false],
      ['a forged payment and multiples', multiplesFor(2), true],
    ];
    test.each(tokens)('alone, it asks for multiples and decides as ever: %s', async (_what, multiples, forges) => {
      bench = await createBench(path);
      bench.bridge.verifies = false;
      await boot();
      expect((await bench.request(KIND.denyList, denyList(3, []))).code).toBe('OK');
      while ((await bench.status()).timeS === 0);
      const token = createToken(2);
      let asked = 0;
      const answer = token.answer;
      token.answer = (ins, data) => {
        if (ins === INS.multiples) asked++;
        return answer(ins, data);
      };
      token.multiples = multiples;
      token.forges = forges;
      expect(await bench.charge(1, 1100)).toBe('OK');
      bench.present(token);
      // On a loaded machine the interpreter's first tap may be torn; the token is still there for another.
      const decided = () => bench.bridge.reports.filter(({ code }) => code !== codeNumber('TAP_TORN'));
      await bench.until(() => decided().length > 0, 60_000);
      expect(decided()[0]).toMatchObject({ amount: 1100, code: forges ? codeNumber('SIGNATURE_INVALID') : 0 });
      expect(asked).toBeGreaterThan(0);
      expect(bench.board.errors).toEqual([]);
    });
  });
}
