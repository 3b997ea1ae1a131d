/**
 * A terminal's life in as many variables as docs/memory.md says that it needs, beside an emulated token.
 *
 * Skipped, and said so, without an interpreter whose variables are an ESP32's (test/kit/mixed-boards.ts).
 */
import { refundBody } from '../../firmware/wire/refund.js';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { variablesNeeded } from '../../flash-scripts/boards/memory-needs.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { createTapRig, SHOP_NAME, type TapRig } from '../../host-bridge/rig/tap-rig.js';
import { interpreterOf14Bytes, mixedBoards, PRELUDE_VARIABLES } from '../kit/mixed-boards.js';

/** Counted in a payment that the bridge checks, and a hundredth. */
const MOST_IN_PAYMENT = 5943;
const WAIT_MS_MAX = 90_000;
/** Longer than it is left alone before it checks what the bridge said, and than that takes. */
const RECHECK_MS = 15_000;
const LIMITS = { paymentMax: 2100, sumMax: 1_000_000 };

const suite = interpreterOf14Bytes ? describe : describe.skip;

suite('a terminal with as many variables as it needs', () => {
  let rig: TapRig;
  beforeAll(async () => {
    process.env['ESPR_VARIABLES'] = String(variablesNeeded('shop-terminal') + PRELUDE_VARIABLES);
    const maker = mixedBoards(interpreterOf14Bytes!, 'shop-terminal');
    rig = await createTapRig({ scheduler: createRealScheduler(), maker, seed: 1, limits: LIMITS });
  });
  afterAll(() => {
    rig?.close();
    delete process.env['ESPR_VARIABLES'];
  });

  test('makes key and nonces, signs on, takes a payment and checks it again, and signs a refund', async () => {
    await rig.connected();
    await rig.deny([]);
    const token = await rig.addToken('Alice', LIMITS.sumMax);
    await rig.rest(RECHECK_MS);
    await rig.terminalDevice.variablesPeak!();
    expect((await rig.charge(LIMITS.paymentMax)).code).toBe('OK');
    token.presence.hold(rig.field);
    expect(await rig.until(() => rig.reports.some(({ code }) => code === 0), WAIT_MS_MAX)).toBe(true);
    // Before it is left alone for so long that it checks again what the bridge said.
    expect((await rig.terminalDevice.variablesPeak!()) - PRELUDE_VARIABLES).toBeLessThan(MOST_IN_PAYMENT);
    await rig.settled(WAIT_MS_MAX);
    token.presence.leave();
    await rig.rest(RECHECK_MS);
    const body = refundBody.encode({
      issuer: rig.facts.issuer,
      currency: rig.facts.currency,
      pku: token.pku,
      rs: new Uint8Array(16),
      amount: 1,
      refundId: new Uint8Array(8),
      terminalId: rig.terminalId,
      shop: SHOP_NAME,
    });
    expect((await rig.answered(rig.ask(KIND.refund, body))).code).toBe('OK');
    expect(rig.alarms).toEqual([]);
  });
});
