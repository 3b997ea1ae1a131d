/**
 * A terminal whose place was taken: it is told by the issuer, opens no charge from then on, across resets, still
 * delivers what it has, and works again when that is taken back.
 */
import { PowerLost } from '../../host-bridge/emulator/flash.js';
import { CHARGE_STATES, KIND } from '../../firmware/wire/link/link-messages.js';
import { retiredBody, signedRetired } from '../../firmware/wire/notices.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { createRig, createToken, type Rig } from './terminal-rig.js';
import { bringNotices, CONFIG, idOf, ISSUER, makeFlash, mark, NOW_S, openShop, verifyMark } from './till-rig.js';

/** What the issuer says. */
function notice(timeS: number, retired: number, change: object = {}): Uint8Array {
  const body = retiredBody.encode({ issuer: ISSUER, terminalId: CONFIG.terminalId, timeS, retired, ...change });
  return signedRetired.encode({ body, signature: mark(`issuer${SIGNED.retired}`, body) });
}

function online(): Rig {
  const rig = createRig();
  rig.link(true);
  rig.run(200);
  return rig;
}
const shown = (rig: Rig): string[] => rig.screen[rig.screen.length - 1];

function tell(rig: Rig, bytes: Uint8Array): string | null {
  const asked = rig.ask(KIND.retired, bytes);
  rig.run(500);
  return asked.code;
}

test('it opens no charge, says why, and works again once that is taken back; also across resets', () => {
  const rig = online();
  expect(tell(rig, notice(NOW_S, 1))).toBe('OK');
  for (let life = 0; life < 2; life++) {
    expect(shown(rig)).toEqual(['REPLACED', CONFIG.shop, 'TERMINAL_RETIRED']);
    expect(rig.charge(5 + life, 350)).toBe('TERMINAL_RETIRED');
    // Nor one of its own keys.
    for (const key of '350#') rig.terminal.onKey(key);
    expect(shown(rig)).toEqual(['NO CHARGE', 'TERMINAL_RETIRED']);
    expect(rig.till.view().state).toBe(CHARGE_STATES.none);
    rig.boot();
    rig.run(500);
  }
  expect(tell(rig, notice(NOW_S + 1, 0))).toBe('OK');
  expect(shown(rig)).toEqual(['READY', CONFIG.shop]);
  expect(rig.charge(9, 350)).toBe('OK');
  expect(rig.tap(createToken(1))).toBe('paid');
});

test('a charge that is open ends by a tombstone, and what it took before is delivered', () => {
  const rig = online();
  rig.bridge.refusesAmount = 350;
  rig.charge(1, 350);
  expect(rig.tap(createToken(1))).toBe('paid');
  rig.run(500);
  rig.charge(2, 100);
  const asked = rig.ask(KIND.retired, notice(NOW_S, 1));
  rig.run(2000);
  expect([asked.code, rig.till.view().state]).toEqual(['OK', CHARGE_STATES.cancelled]);
  expect(shown(rig)).toEqual(['REPLACED', CONFIG.shop, 'TERMINAL_RETIRED']);
  rig.tap(createToken(2), 3000);
  rig.bridge.refusesAmount = 0;
  rig.boot();
  rig.run(400_000);
  expect([[...rig.bridge.amounts.values()], rig.bridge.tombstones.size]).toEqual([[350], 1]);
});

test('a charge that was open when power went in that moment is not paid after it', () => {
  const rig = online();
  rig.charge(1, 350);
  // The notice is durable, what it does to the charge not yet.
  const reopened = openShop(rig.flash);
  expect(reopened.notices.accept(KIND.retired, notice(NOW_S, 1), verifyMark)).toBe('OK');
  rig.boot();
  const token = createToken(1);
  expect(rig.tap(token, 5000)).not.toBe('paid');
  expect([token.debits.size, rig.state()]).toEqual([0, 'cancelled']);
});

test.each([
  ['of another issuer', notice(NOW_S, 1, { issuer: Uint8Array.of(1, 1, 1, 1) }), 'BAD_REQUEST'],
  ['for another terminal', notice(NOW_S, 1, { terminalId: Uint8Array.of(9, 8, 7, 7) }), 'BAD_REQUEST'],
  ['that says neither', notice(NOW_S, 2), 'BAD_REQUEST'],
  ['cut', notice(NOW_S, 1).slice(0, -1), 'BAD_REQUEST'],
  ['with a byte more', Uint8Array.of(...notice(NOW_S, 1), 0), 'BAD_REQUEST'],
  ['empty', new Uint8Array(0), 'BAD_REQUEST'],
  ['not signed', notice(NOW_S, 1).fill(0, 0, 64), 'SIGNATURE_INVALID'],
])('a notice %s changes nothing', (_, bytes, code) => {
  const rig = online();
  expect(tell(rig, bytes)).toBe(code);
  expect(rig.charge(1, 350)).toBe('OK');
});

test('of two notices the later one counts, whichever comes last', () => {
  const rig = online();
  expect(tell(rig, notice(NOW_S + 5, 0))).toBe('OK');
  for (const timeS of [NOW_S, NOW_S + 5]) expect(tell(rig, notice(timeS, 1))).toBe('NOT_NEWER');
  expect(tell(rig, notice(NOW_S + 6, 1))).toBe('OK');
  // Asked again, it is known.
  expect(tell(rig, notice(NOW_S + 6, 1))).toBe('NOT_NEWER');
  expect(tell(rig, notice(NOW_S + 5, 0))).toBe('NOT_NEWER');
  expect(rig.charge(1, 350)).toBe('TERMINAL_RETIRED');
});

test('power cut at every flash operation of a notice: told or not told, and the next try tells', () => {
  for (let cut = 0; ; cut++) {
    const shop = openShop(makeFlash());
    bringNotices(shop);
    shop.flash.cutAfter(cut, 'during');
    let done = false;
    try {
      expect(shop.notices.accept(KIND.retired, notice(NOW_S, 1), verifyMark)).toBe('OK');
      done = true;
    } catch (thrown) {
      if (!(thrown instanceof PowerLost)) throw thrown;
    }
    shop.flash.powerOn();
    const after = openShop(shop.flash);
    if (!after.notices.isRetired()) {
      expect(done).toBe(false);
      expect(after.notices.accept(KIND.retired, notice(NOW_S, 1), verifyMark)).toBe('OK');
    }
    bringNotices(after);
    expect(after.till.charge(idOf(1), 350, 1, 300)).toBe('TERMINAL_RETIRED');
    if (done) return;
  }
});
