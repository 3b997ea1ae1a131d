/**
 * A charge that nobody asked for now is not paid: not by a token that stayed, not after its time, not under a number
 * that is not newer. Across resets, too.
 */
import { codeOf } from '../../firmware/core/codes.js';
import { CHARGE_STATES, chargeRequest, KIND, terminalStatus } from '../../firmware/wire/link/link-messages.js';
import { TOMBSTONES_MAX } from '../../firmware/shop-terminal/shop-records.js';
import { createToken, createRig, type Token, type Rig } from './terminal-rig.js';
import { bringNotices, idOf, makeFlash, openShop, pkuOf, tap, tapUntilAnswer, type Shop } from './till-rig.js';

function online(): Rig {
  const rig = createRig();
  rig.link(true);
  rig.run(200);
  return rig;
}
const shown = (rig: Rig): string[] => rig.screen[rig.screen.length - 1];
const codes = (rig: Rig): string[] => rig.bridge.reports.map(({ code }) => codeOf(code));
const paid = (rig: Rig): number[] => [...rig.bridge.amounts.values()];

/** Off and on again. */
function reset(rig: Rig): void {
  rig.boot();
  rig.run(200);
}

/** A charge that this token has paid, and on whose reader it stays. */
function paidBy(token: Token): Rig {
  const rig = online();
  rig.charge(1, 350);
  rig.field.token = token;
  rig.scheduler.runUntil(() => rig.state() === 'paid', 3000);
  return rig;
}

describe('a token that stays on the reader', () => {
  test.each([0, 20, 100, 500, 3000, 60_000])('does not pay a charge that opens %i ms after its payment', (afterMs) => {
    const token = createToken(1);
    const rig = paidBy(token);
    rig.run(afterMs);
    expect(rig.charge(2, 100)).toBe('OK');
    rig.run(20_000);
    expect([rig.state(), paid(rig), token.debits.size]).toEqual(['open', [350], 1]);
    expect(shown(rig)).toEqual(['PAY', '1.00 EUR', 'take token away']);
    expect(codes(rig)).toEqual(['OK', 'TOKEN_STAYED']);
    rig.field.token = null;
    rig.run(1000);
    expect(shown(rig)).toEqual(['PAY', '1.00 EUR', 'tap your token', '5 min left']);
    expect(rig.tap(token)).toBe('paid');
    expect(token.debits.size).toBe(2);
  });

  test('does not pay for the next customer, whose token pays once the other has left', () => {
    const rig = paidBy(createToken(1));
    expect(rig.charge(2, 100)).toBe('OK');
    rig.run(2000);
    rig.field.token = null;
    rig.run(1000);
    expect(rig.tap(createToken(2))).toBe('paid');
    rig.run(500);
    expect(paid(rig)).toEqual([350, 100]);
  });

  test('is looked for while nothing is charged, so that the next charge is paid at once', () => {
    const rig = paidBy(createToken(1));
    rig.run(3000);
    rig.field.token = null;
    rig.run(1000);
    expect(rig.charge(2, 100)).toBe('OK');
    expect(rig.tap(createToken(2))).toBe('paid');
    expect(codes(rig)).toEqual(['OK', 'OK']);
  });

  test.each(['refused', 'cancelled in the tap', 'at the desk'])('pays no later charge either: %s', (how) => {
    const rig = online();
    const token = createToken(1);
    if (how === 'at the desk') {
      rig.field.token = token;
      rig.ask(KIND.desk, Uint8Array.of(0, 0, 1, 0, 0x40));
    } else {
      if (how === 'refused') token.refuses = 'CONFIRM_NEEDED';
      rig.charge(1, 350);
      rig.field.token = token;
      if (how === 'refused') rig.run(1000);
      else rig.scheduler.runUntil(() => shown(rig)[0] === 'HOLD', 1000);
      expect(rig.cancel(1)).toBe('OK');
      token.refuses = null;
    }
    expect(rig.charge(2, 100)).toBe('OK');
    rig.run(10_000);
    expect([rig.state(), token.debits.size, shown(rig)[2]]).toEqual(['open', 0, 'take token away']);
  });

  test.each(['before', 'after'])('pays no other charge across a reset %s that one opens', (when) => {
    const token = createToken(1);
    const rig = paidBy(token);
    if (when === 'before') reset(rig);
    expect(rig.charge(2, 100)).toBe('OK');
    if (when === 'after') reset(rig);
    rig.link(true);
    rig.run(10_000);
    expect([rig.state(), token.debits.size, shown(rig)[2]]).toEqual(['open', 1, 'take token away']);
    rig.field.token = null;
    rig.run(1000);
    expect(rig.tap(token)).toBe('paid');
  });

  test('goes on with the charge that it was sent, across a reset', () => {
    const rig = online();
    const token = createToken(1);
    rig.charge(1, 350);
    rig.field.token = token;
    // Bound, and perhaps signed.
    rig.scheduler.runUntil(() => rig.till.view().isBound, 3000);
    reset(rig);
    rig.link(true);
    rig.run(3000);
    expect([rig.state(), token.debits.size]).toEqual(['paid', 1]);
  });
});

describe('the lifetime of a charge', () => {
  test('counts down on the display, and ends it with a tombstone', () => {
    const rig = online();
    expect(rig.charge(1, 350, 150)).toBe('OK');
    const left: string[] = [];
    for (let s = 0; s < 150; s++) {
      expect(rig.state()).toBe('open');
      if (left[left.length - 1] !== shown(rig)[3]) left.push(shown(rig)[3]);
      rig.run(1000);
    }
    expect(left).toEqual(['3 min left', '2 min left', '1 min left']);
    rig.run(1000);
    expect([rig.state(), shown(rig)]).toEqual(['cancelled', ['CANCELLED', '3.50 EUR', 'time is over']]);
    expect(rig.bridge.tombstones.size).toBe(1);
    expect(rig.bridge.reports).toMatchObject([{ chargeId: idOf(1), chargeState: CHARGE_STATES.cancelled }]);
    expect(codes(rig)).toEqual(['CHARGE_EXPIRED']);
    expect(rig.charge(1, 350)).toBe('CHARGE_EXPIRED');
    reset(rig);
    expect(rig.charge(1, 350)).toBe('CHARGE_EXPIRED');
    const token = createToken(1);
    expect([rig.tap(token), token.debits.size]).toEqual(['cancelled', 0]);
    expect(rig.charge(2, 350)).toBe('OK');
    expect(rig.tap(token)).toBe('paid');
  });

  test('is written to the display once a minute, and to flash not at all', () => {
    const rig = online();
    rig.charge(1, 350, 600);
    const before = rig.screen.length;
    const writes = rig.flash.counters.writes;
    rig.run(545_000);
    expect([rig.screen.length - before, rig.flash.counters.writes - writes]).toEqual([9, 0]);
  });

  test('ends a charge that a token has signed, unseen, with a tombstone of what it signed', () => {
    const rig = online();
    const token = createToken(1);
    rig.charge(1, 350, 60);
    rig.field.tear = { left: 2, when: 'after' };
    expect(rig.tap(token)).toBe('open');
    expect(token.debits.size).toBe(1);
    rig.run(60_000);
    expect([rig.state(), [...rig.bridge.tombstones.keys()]]).toEqual(['cancelled', [...token.debits.keys()]]);
    expect(rig.tap(token)).toBe('cancelled');
    rig.run(1000);
    expect([paid(rig), rig.cancel(1), rig.bridge.tombstones.size]).toEqual([[], 'OK', 1]);
  });

  test('never ends one whose signature was verified, or is kept', () => {
    const rig = online();
    rig.charge(1, 350, 60);
    rig.tap(createToken(1));
    rig.run(120_000);
    expect(rig.state()).toBe('paid');
    rig.charge(2, 350, 60);
    rig.link(false);
    rig.field.token = createToken(2);
    rig.scheduler.runUntil(() => rig.state() === 'accepted', 3000);
    expect(rig.till.expire()).toBe('NO_CHARGE');
    rig.run(120_000);
    expect([rig.state(), rig.till.expire()]).toEqual(['paid', 'NO_CHARGE']);
  });

  test('ends no charge in the middle of a tap, which may still be paid', () => {
    const rig = online();
    const token = createToken(1);
    rig.charge(1, 350, 60);
    rig.run(59_900);
    expect(rig.tap(token)).toBe('paid');
    rig.run(1000);
    expect([rig.state(), paid(rig)]).toEqual(['paid', [350]]);
  });

  test('is halved by each start that finds it open, so that resets do not lengthen it for ever', () => {
    const rig = online();
    rig.charge(1, 350, 300);
    let openMs = 0;
    while (rig.state() === 'open') {
      reset(rig);
      openMs += 200;
      const from = rig.scheduler.nowMs();
      rig.scheduler.runUntil(() => rig.state() !== 'open', (rig.till.view().lifetimeS - 1) * 1000);
      openMs += rig.scheduler.nowMs() - from;
      if (rig.till.view().lifetimeS < 2) rig.run(2000);
    }
    expect(openMs).toBeLessThan(300_000);
    expect(codes(rig).pop()).toBe('CHARGE_EXPIRED');
  });

  test('is shortened by a bridge that asks again with less, and never lengthened', () => {
    const rig = online();
    rig.charge(1, 350, 300);
    expect(rig.charge(1, 350, 10_000)).toBe('OK');
    expect(rig.charge(1, 350, 20)).toBe('OK');
    expect(rig.charge(1, 350, 300)).toBe('OK');
    rig.run(26_000);
    expect(rig.state()).toBe('cancelled');
  });
});

describe('the till', () => {
  function fresh(): Shop {
    const shop = openShop(makeFlash());
    bringNotices(shop);
    return shop;
  }

  test('with no room for a tombstone keeps an expired charge for its own token alone', () => {
    for (const bound of [true, false]) {
      const shop = fresh();
      for (let n = 1; n <= TOMBSTONES_MAX; n++) {
        shop.till.charge(idOf(n), 1, n, 300);
        shop.till.cancel(idOf(n));
      }
      expect(shop.till.charge(idOf(99), 1, 99, 300)).toBe('OK');
      if (bound) shop.till.bind(pkuOf(1));
      shop.till.release();
      expect(shop.till.expire()).toBe('TOMBSTONES_FULL');
      expect(shop.till.bind(pkuOf(2))).toBe('CHARGE_EXPIRED');
      if (!bound) expect(shop.till.bind(pkuOf(1))).toBe('CHARGE_EXPIRED');
      else expect(tap(shop.till, pkuOf(1))).toBe('OK');
      // A later charge is not over.
      shop.tombstones.setDelivered(shop.tombstones.next(0));
      if (!bound) expect(shop.till.expire()).toBe('OK');
      expect(shop.till.charge(idOf(100), 1, 100, 300)).toBe('OK');
      expect(typeof shop.till.bind(pkuOf(3))).toBe('object');
    }
  });

  test('expires no charge between CHALLENGE and check', () => {
    const shop = fresh();
    shop.till.charge(idOf(1), 350, 1, 300);
    tapUntilAnswer(shop.till, pkuOf(1));
    expect(shop.till.expire()).toBe('BUSY');
  });

  test.each([1, 4, 5])('opens no charge of another id under number %i after number 5', (number) => {
    const flash = makeFlash();
    let shop = openShop(flash);
    bringNotices(shop);
    expect(shop.till.charge(idOf(5), 350, 5, 300)).toBe('OK');
    expect(shop.till.charge(idOf(1), 350, number, 300)).toBe('NOT_NEWER');
    tap(shop.till, pkuOf(1));
    expect(shop.till.charge(idOf(1), 350, number, 300)).toBe('NOT_NEWER');
    // Also after a charge of the terminal's own, and a reset.
    expect(shop.till.charge(idOf(77), 1, 0, 300)).toBe('OK');
    shop.till.cancel(idOf(77));
    expect(shop.till.charge(idOf(5), 350, 5, 300)).toBe('NOT_NEWER');
    shop = openShop(flash);
    bringNotices(shop);
    expect([shop.till.view().number, shop.till.charge(idOf(1), 350, number, 300)]).toEqual([5, 'NOT_NEWER']);
    expect(shop.till.charge(idOf(1), 350, 6, 300)).toBe('OK');
  });
});

test('a bridge asks with numbers from 1 on, and is told the last one', () => {
  const rig = online();
  const request = (number: number) => chargeRequest.encode({ number, id: idOf(9), amount: 1, lifetimeS: 60 });
  expect(rig.ask(KIND.charge, request(0)).code).toBe('NOT_NEWER');
  expect(rig.ask(KIND.charge, request(7)).code).toBe('OK');
  expect(terminalStatus.decode(rig.ask(KIND.status, new Uint8Array(0)).data)).toMatchObject({ chargeNumber: 7 });
});
