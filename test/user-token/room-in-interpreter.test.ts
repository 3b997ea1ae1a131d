/**
 * A token's life in as many variables as docs/memory.md says that it needs, beside an emulated terminal.
 *
 * Skipped, and said so, without an interpreter whose variables are an ESP32's, 14 bytes each (ESPRUINO; docs/memory.md
 * says how to build one): only such a one takes as many as it is told to have.
 */
import { INS } from '../../firmware/wire/token-commands.js';
import { RECEIPT_KINDS } from '../../firmware/wire/withdrawal.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { createTapRig, type TapRig } from '../../host-bridge/rig/tap-rig.js';
import { interpreterOf14Bytes, mixedBoards, PRELUDE_VARIABLES } from '../kit/mixed-boards.js';

/** What a token needs. */
const VARIABLES = 6450;
/** 5,886, those of a board without PSRAM, less a tenth that is never used. */
const MOST_IN_PAYMENT = 5297;
const WAIT_MS_MAX = 90_000;
/** A full stock of nonces, and between two looks whether it is: a token begins when it was left alone for 3 s. */
const NONCES = 8;
const NONCES_MS = 7000;
const NONCES_TRIES = 10;
const LIMITS = { paymentMax: 2100, sumMax: 1_000_000 };

const suite = interpreterOf14Bytes ? describe : describe.skip;

suite('a token with as many variables as it needs', () => {
  let rig: TapRig;
  beforeAll(async () => {
    process.env['ESPR_VARIABLES'] = String(VARIABLES + PRELUDE_VARIABLES);
    rig = await createTapRig({
      scheduler: createRealScheduler(),
      maker: mixedBoards(interpreterOf14Bytes!, 'user-token'),
      seed: 1,
      limits: LIMITS,
    });
  });
  afterAll(() => {
    rig?.close();
    delete process.env['ESPR_VARIABLES'];
  });

  test('makes keys and nonces, takes license and receipt, pays, and takes a refund', async () => {
    await rig.connected();
    await rig.deny([]);
    const token = await rig.addToken('Alice', LIMITS.sumMax);
    // Its stock of nonces is full when it looks for no more work: what makes them makes room.
    for (let tries = 0; (await rig.status(token)).nonces < NONCES && tries < NONCES_TRIES; tries++)
      await rig.rest(NONCES_MS);
    await rig.rest(NONCES_MS);
    await token.device.variablesPeak!();
    expect((await rig.charge(LIMITS.paymentMax)).code).toBe('OK');
    token.presence.hold(rig.field);
    expect(await rig.until(() => rig.reports.some(({ code }) => code === 0), WAIT_MS_MAX)).toBe(true);
    await rig.settled(WAIT_MS_MAX);
    expect((await token.device.variablesPeak!()) - PRELUDE_VARIABLES).toBeLessThan(MOST_IN_PAYMENT);
    await rig.desk(INS.receipt, rig.signReceipt(token.pku, 2, 1, RECEIPT_KINDS.refund));
    token.presence.leave();
    expect(await rig.status(token)).toMatchObject({ balance: LIMITS.sumMax - LIMITS.paymentMax + 1, receiptNumber: 2 });
  });
});
