/** The terminal's bundle from boot to a delivered payment, on the emulated board and in the real interpreter. */
import { toHex } from '../../firmware/core/bytes.js';
import { programName } from '../../flash-scripts/build/bundle-files.js';
import { builtProgram } from '../../flash-scripts/build/built-bundles.js';
import { codeNumber, codeOf } from '../../firmware/core/codes.js';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { KEY_SHAPE, makeCombTable } from '../../flash-scripts/provision/tables.js';
import { challenge, history } from '../../firmware/wire/payment.js';
import { exercises } from '../kit/exercises.js';
import { INS } from '../../firmware/wire/token-commands.js';
import { createRig, createToken, denyList, ISSUER_KEY, keyOf, retirement, type Bench } from './terminal-board-rig.js';
import { licenseFor, multiplesFor, REGISTRAR } from './terminal-rig.js';
import { CONFIG, NOW_S } from './till-rig.js';

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
    const rig = await createRig(null, terms, files);
    rig.board.powerOn();
    await rig.until(() => rig.board.screen()[0] === 'FAULT', 5000);
    expect(rig.board.screen().slice(1).join('')).toBe(fault);
    rig.connect();
    rig.present(createToken(1));
    await expect(rig.until(() => rig.bridge.up, 5000)).rejects.toThrow('in vain');
    rig.close();
  });
});

for (const [place, path, run] of places) {
  run(`the bundle on the ${place}`, () => {
    let rig: Bench;
    afterEach(() => rig?.close());

    async function boot(): Promise<void> {
      rig.board.powerOn();
      await rig.until(() => ['READY', 'PAY', 'REPLACED'].includes(rig.board.screen()[0]), 30_000);
      rig.connect();
      await rig.until(() => rig.bridge.up, 15_000);
      // On a busy machine a pty brings bytes of before the start, and the first session ends with them.
      await rig.status();
    }

    test('boots, takes a payment with the bridge, delivers it, and cancels', async () => {
      rig = await createRig(path);
      await boot();
      expect((await rig.request(KIND.denyList, denyList(3, [keyOf(9).publicKey]))).code).toBe('OK');
      let status = await rig.status();
      for (let i = 0; i < 50 && status.timeS === 0; i++) status = await rig.status();
      expect(status).toMatchObject({ denyVersion: 3, historiesPending: 0, chargeState: 0 });
      expect(status.timeS).toBeGreaterThan(0);
      expect(toHex(status.firmware)).toBe(programName(await builtProgram('shop-terminal')));

      const token = createToken(1);
      expect(await rig.charge(1, 350)).toBe('OK');
      expect(rig.board.screen()).toEqual(['PAY', '3.50 EUR', 'tap your token', '5 min left']);
      rig.present(token);
      // On a busy machine this token answers late, and the tap is torn: the terminal begins it again.
      const untorn = () => rig.bridge.reports.filter(({ code }) => code !== codeNumber('TAP_TORN'));
      await rig.until(() => untorn().length > 0, 20_000);
      // In the interpreter the display comes another way than the report.
      await rig.until(() => rig.board.screen()[0] === 'PAID', 5000);
      expect(rig.board.screen()[0]).toBe('PAID');
      expect(untorn()[0]).toMatchObject({ amount: 350, chargeState: 3, code: 0 });
      await rig.until(() => rig.bridge.histories.length > 0, 5000);
      await rig.until(() => [...token.debits.values()].every((d) => d.settled), 5000);
      rig.present(null);
      expect([...token.debits.values()].map((d) => d.settled)).toEqual([true]);
      status = await rig.status();
      const h = history.decode(rig.bridge.histories[0])!;
      expect([status.registrar, challenge.decode(h.challenge)!.shop]).toEqual([
        REGISTRAR.publicKey.slice(0, 4),
        CONFIG.shop,
      ]);
      exercises('21.2');
      expect(status).toMatchObject({ historiesPending: 0, tombstonesPending: 0, chargeState: 3 });

      expect(await rig.charge(2, 1)).toBe('OK');
      rig.present(createToken(9));
      await rig.until(() => untorn().length > 1, 20_000);
      await rig.until(() => rig.board.screen()[2] === 'token is denied', 5000);
      expect(rig.board.screen()).toEqual(['PAY', '0.01 EUR', 'token is denied']);
      rig.present(null);
      expect(await rig.cancel(2)).toBe('OK');
      await rig.until(() => rig.bridge.tombstones === 1, 5000);
      expect(rig.board.errors).toEqual([]);
    });

    test('with the next keys: takes what the keys before signed, while it may last, and refuses by name what is by a key that it was not given', async () => {
      const [registrarKey, issuerKey] = [keyOf(2001).publicKey, keyOf(2002).publicKey];
      const before = {
        registrarKey: REGISTRAR.publicKey,
        registrarUntilS: NOW_S + 1e6,
        issuerKey: ISSUER_KEY.publicKey,
      };
      rig = await createRig(path, {}, {}, { registrarKey, issuerKey, before });
      rig.bridge.verifies = false;
      await boot();
      // Time and deny list of the issuer's key before.
      expect((await rig.request(KIND.denyList, denyList(3, []))).code).toBe('OK');
      let status = await rig.status();
      for (let i = 0; i < 50 && status.timeS === 0; i++) status = await rig.status();
      expect(status.timeS).toBeGreaterThan(0);
      expect(status.registrar).toEqual(registrarKey.slice(0, 4));
      expect(await rig.charge(1, 350)).toBe('OK');
      rig.present(createToken(1));
      await rig.until(() => rig.board.screen()[0] === 'PAID', 60_000);
      rig.present(null);
      await rig.until(() => rig.bridge.histories.length > 0, 10_000);
      const codes = () =>
        rig.bridge.reports
          .filter(({ chargeId }) => chargeId[7] === 2)
          .map(({ code }) => codeOf(code))
          .filter((code) => code !== 'TAP_TORN' && code !== 'TOKEN_STAYED');
      // A license under that key which ends later than any that it gave: a thief's.
      expect(await rig.charge(2, 5)).toBe('OK');
      const late = createToken(2);
      late.license = licenseFor(2, REGISTRAR, NOW_S + 1e6 + 1);
      rig.present(late);
      await rig.until(() => codes().length > 0, 60_000);
      expect(codes()).toEqual(['LICENSE_INVALID']);
      rig.present(null);
      // One under a key that only the bridge knows.
      rig.bridge.verifies = true;
      rig.bridge.verdict = 'KEY_UNKNOWN';
      rig.present(createToken(3));
      await rig.until(() => codes().length > 1, 60_000);
      expect(codes()[1]).toBe('KEY_UNKNOWN');
      expect(rig.bridge.alarms).toEqual([]);
      expect(rig.board.errors).toEqual([]);
    });

    test('its place was taken: opens no charge, also after a reset, until that is taken back', async () => {
      rig = await createRig(path);
      await boot();
      expect((await rig.request(KIND.retired, retirement(NOW_S, 1))).code).toBe('OK');
      expect(await rig.charge(1, 350)).toBe('TERMINAL_RETIRED');
      await rig.disconnect();
      rig.board.powerOff();
      await boot();
      expect((await rig.request(KIND.retired, retirement(NOW_S, 1))).code).toBe('NOT_NEWER');
      expect(await rig.charge(2, 350)).toBe('TERMINAL_RETIRED');
      expect((await rig.request(KIND.retired, retirement(NOW_S + 1, 0))).code).toBe('OK');
      expect(await rig.charge(3, 350)).toBe('OK');
      expect(rig.board.errors).toEqual([]);
    });

    test('keeps its key and its deny list through a reset', async () => {
      rig = await createRig(path);
      await boot();
      const before = await rig.status();
      await rig.request(KIND.denyList, denyList(7, []));
      await rig.disconnect();
      rig.board.powerOff();
      await boot();
      const status = await rig.status();
      expect(status.terminalKey).toEqual(before.terminalKey);
      expect(status.denyVersion).toBe(7);
      expect((await rig.request(KIND.denyList, denyList(7, []))).code).toBe('NOT_NEWER');
    });

    test('verifies on the board where the bridge will not, and keeps charge and history through a reset', async () => {
      rig = await createRig(path);
      rig.bridge.verifies = false;
      await boot();
      expect(await rig.charge(1, 900)).toBe('OK');
      await rig.disconnect();
      rig.board.powerOff();
      await boot();
      await rig.until(() => rig.board.screen()[0] === 'PAY', 5000);
      const token = createToken(1);
      rig.present(token);
      await rig.until(() => rig.board.screen()[0] === 'PAID', 60_000);
      await rig.until(() => rig.bridge.histories.length > 0, 10_000);
      expect(await rig.charge(1, 900)).toBe('ALREADY_PAID');
      expect(rig.board.errors).toEqual([]);
    });

    test('without a bridge: the amount from the keypad, cancelled, entered again, paid', async () => {
      rig = await createRig(path);
      rig.board.powerOn();
      await rig.until(() => rig.board.screen()[0] === 'READY', 30_000);
      const { rows, columns, keys } = loadBoard('linux').keypad!;
      async function type(text: string, then: string): Promise<void> {
        for (const key of text) {
          const before = rig.board.screen().join();
          const row = keys.findIndex((each) => each.includes(key));
          rig.board.pressKey(rows[row], columns[keys[row].indexOf(key)], 100);
          await rig.until(() => rig.board.screen().join() !== before, 5000);
          const downMs = rig.scheduler.nowMs();
          await rig.until(() => rig.scheduler.nowMs() > downMs + 200, 5000);
        }
        await rig.until(() => rig.board.screen().slice(0, 2).join() === then, 5000);
      }
      await type('72', 'AMOUNT,0.72 EUR');
      await type('#', 'PAY,0.72 EUR');
      await type('*', 'CANCELLED,0.72 EUR');
      await type('350#', 'PAY,3.50 EUR');
      const token = createToken(1);
      rig.present(token);
      await rig.until(() => rig.board.screen()[0] === 'PAID', 60_000);
      expect([...token.debits.values()]).toMatchObject([{ amount: 350 }]);
      rig.present(null);
      rig.connect();
      await rig.until(() => rig.bridge.histories.length > 0 && rig.bridge.tombstones === 1, 20_000);
      expect(rig.board.errors).toEqual([]);
    });

    const tokens: [string, Uint8Array | null, boolean][] = [
      ['the multiples of its key', multiplesFor(2), false],
      ['no multiples', null, false],
      ["another key's multiples", multiplesFor(3), false],
      ['too few multiples', multiplesFor(2).subarray(64), false],
      ['a forged payment and multiples', multiplesFor(2), true],
    ];
    test.each(tokens)('alone, it asks for multiples and decides as ever: %s', async (_what, multiples, forges) => {
      rig = await createRig(path);
      rig.bridge.verifies = false;
      await boot();
      expect((await rig.request(KIND.denyList, denyList(3, []))).code).toBe('OK');
      while ((await rig.status()).timeS === 0);
      const token = createToken(2);
      let asked = 0;
      const answer = token.answer;
      token.answer = (ins, data) => {
        if (ins === INS.multiples) asked++;
        return answer(ins, data);
      };
      token.multiples = multiples;
      token.forges = forges;
      expect(await rig.charge(1, 1100)).toBe('OK');
      rig.present(token);
      // On a loaded machine the interpreter's first tap may be torn; the token is still there for another.
      const decided = () => rig.bridge.reports.filter(({ code }) => code !== codeNumber('TAP_TORN'));
      await rig.until(() => decided().length > 0, 60_000);
      expect(decided()[0]).toMatchObject({ amount: 1100, code: forges ? codeNumber('SIGNATURE_INVALID') : 0 });
      expect(asked).toBeGreaterThan(0);
      expect(rig.board.errors).toEqual([]);
    });
  });
}
