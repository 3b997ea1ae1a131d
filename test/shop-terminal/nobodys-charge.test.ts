/**
 * A charge that nobody asked for now is not paid: not by a token that stayed, not after its time, not under a number
 * that is not newer. Across resets, too.
 */
import { codeOf } from '../../firmware/core/codes.js';
import { CHARGE_STATES, chargeRequest, KIND, terminalStatus } from '../../firmware/wire/link/link-messages.js';
import { TOMBSTONES_MAX } from '../../firmware/shop-terminal/shop-records.js';
import { createToken, createWorld, type Token, type World } from './terminal-rig.js';
import { bringNotices, idOf, makeFlash, openShop, pkuOf, tap, tapUntilAnswer, type Shop } from './till-rig.js';

function online(): World {
  const world = createWorld();
  world.link(true);
  world.run(200);
  return world;
}
const shown = (world: World): string[] => world.screen[world.screen.length - 1];
const codes = (world: World): string[] => world.bridge.reports.map(({ code }) => codeOf(code));
const paid = (world: World): number[] => [...world.bridge.amounts.values()];

/** Off and on again. */
function reset(world: World): void {
  world.boot();
  world.run(200);
}

/** A charge that this token has paid, and on whose reader it stays. */
function paidBy(token: Token): World {
  const world = online();
  world.charge(1, 350);
  world.field.token = token;
  world.scheduler.runUntil(() => world.state() === 'paid', 3000);
  return world;
}

describe('a token that stays on the reader', () => {
  test.each([0, 20, 100, 500, 3000, 60_000])('does not pay a charge that opens %i ms after its payment', (afterMs) => {
    const token = createToken(1);
    const world = paidBy(token);
    world.run(afterMs);
    expect(world.charge(2, 100)).toBe('OK');
    world.run(20_000);
    expect([world.state(), paid(world), token.debits.size]).toEqual(['open', [350], 1]);
    expect(shown(world)).toEqual(['PAY', '1.00 EUR', 'take token away']);
    expect(codes(world)).toEqual(['OK', 'TOKEN_STAYED']);
    world.field.token = null;
    world.run(1000);
    expect(shown(world)).toEqual(['PAY', '1.00 EUR', 'tap your token', '5 min left']);
    expect(world.tap(token)).toBe('paid');
    expect(token.debits.size).toBe(2);
  });

  test('does not pay for the next customer, whose token pays once the other has left', () => {
    const world = paidBy(createToken(1));
    expect(world.charge(2, 100)).toBe('OK');
    world.run(2000);
    world.field.token = null;
    world.run(1000);
    expect(world.tap(createToken(2))).toBe('paid');
    world.run(500);
    expect(paid(world)).toEqual([350, 100]);
  });

  test('is looked for while nothing is charged, so that the next charge is paid at once', () => {
    const world = paidBy(createToken(1));
    world.run(3000);
    world.field.token = null;
    world.run(1000);
    expect(world.charge(2, 100)).toBe('OK');
    expect(world.tap(createToken(2))).toBe('paid');
    expect(codes(world)).toEqual(['OK', 'OK']);
  });

  test.each(['refused', 'cancelled in the tap', 'at the desk'])('pays no later charge either: %s', (how) => {
    const world = online();
    const token = createToken(1);
    if (how === 'at the desk') {
      world.field.token = token;
      world.ask(KIND.desk, Uint8Array.of(0, 0, 1, 0, 0x40));
    } else {
      if (how === 'refused') token.refuses = 'CONFIRM_NEEDED';
      world.charge(1, 350);
      world.field.token = token;
      if (how === 'refused') world.run(1000);
      else world.scheduler.runUntil(() => shown(world)[0] === 'HOLD', 1000);
      expect(world.cancel(1)).toBe('OK');
      token.refuses = null;
    }
    expect(world.charge(2, 100)).toBe('OK');
    world.run(10_000);
    expect([world.state(), token.debits.size, shown(world)[2]]).toEqual(['open', 0, 'take token away']);
  });

  test.each(['before', 'after'])('pays no other charge across a reset %s that one opens', (when) => {
    const token = createToken(1);
    const world = paidBy(token);
    if (when === 'before') reset(world);
    expect(world.charge(2, 100)).toBe('OK');
    if (when === 'after') reset(world);
    world.link(true);
    world.run(10_000);
    expect([world.state(), token.debits.size, shown(world)[2]]).toEqual(['open', 1, 'take token away']);
    world.field.token = null;
    world.run(1000);
    expect(world.tap(token)).toBe('paid');
  });

  test('goes on with the charge that it was sent, across a reset', () => {
    const world = online();
    const token = createToken(1);
    world.charge(1, 350);
    world.field.token = token;
    // Bound, and perhaps signed.
    world.scheduler.runUntil(() => world.till.view().isBound, 3000);
    reset(world);
    world.link(true);
    world.run(3000);
    expect([world.state(), token.debits.size]).toEqual(['paid', 1]);
  });
});

describe('the lifetime of a charge', () => {
  test('counts down on the display, and ends it with a tombstone', () => {
    const world = online();
    expect(world.charge(1, 350, 150)).toBe('OK');
    const left: string[] = [];
    for (let s = 0; s < 150; s++) {
      expect(world.state()).toBe('open');
      if (left[left.length - 1] !== shown(world)[3]) left.push(shown(world)[3]);
      world.run(1000);
    }
    expect(left).toEqual(['3 min left', '2 min left', '1 min left']);
    world.run(1000);
    expect([world.state(), shown(world)]).toEqual(['cancelled', ['CANCELLED', '3.50 EUR', 'time is over']]);
    expect(world.bridge.tombstones.size).toBe(1);
    expect(world.bridge.reports).toMatchObject([{ chargeId: idOf(1), chargeState: CHARGE_STATES.cancelled }]);
    expect(codes(world)).toEqual(['CHARGE_EXPIRED']);
    expect(world.charge(1, 350)).toBe('CHARGE_EXPIRED');
    reset(world);
    expect(world.charge(1, 350)).toBe('CHARGE_EXPIRED');
    const token = createToken(1);
    expect([world.tap(token), token.debits.size]).toEqual(['cancelled', 0]);
    expect(world.charge(2, 350)).toBe('OK');
    expect(world.tap(token)).toBe('paid');
  });

  test('is written to the display once a minute, and to flash not at all', () => {
    const world = online();
    world.charge(1, 350, 600);
    const before = world.screen.length;
    const writes = world.flash.counters.writes;
    world.run(545_000);
    expect([world.screen.length - before, world.flash.counters.writes - writes]).toEqual([9, 0]);
  });

  test('ends a charge that a token has signed, unseen, with a tombstone of what it signed', () => {
    const world = online();
    const token = createToken(1);
    world.charge(1, 350, 60);
    world.field.tear = { left: 2, when: 'after' };
    expect(world.tap(token)).toBe('open');
    expect(token.debits.size).toBe(1);
    world.run(60_000);
    expect([world.state(), [...world.bridge.tombstones.keys()]]).toEqual(['cancelled', [...token.debits.keys()]]);
    expect(world.tap(token)).toBe('cancelled');
    world.run(1000);
    expect([paid(world), world.cancel(1), world.bridge.tombstones.size]).toEqual([[], 'OK', 1]);
  });

  test('never ends one whose signature was verified, or is kept', () => {
    const world = online();
    world.charge(1, 350, 60);
    world.tap(createToken(1));
    world.run(120_000);
    expect(world.state()).toBe('paid');
    world.charge(2, 350, 60);
    world.link(false);
    world.field.token = createToken(2);
    world.scheduler.runUntil(() => world.state() === 'accepted', 3000);
    expect(world.till.expire()).toBe('NO_CHARGE');
    world.run(120_000);
    expect([world.state(), world.till.expire()]).toEqual(['paid', 'NO_CHARGE']);
  });

  test('ends no charge in the middle of a tap, which may still be paid', () => {
    const world = online();
    const token = createToken(1);
    world.charge(1, 350, 60);
    world.run(59_900);
    expect(world.tap(token)).toBe('paid');
    world.run(1000);
    expect([world.state(), paid(world)]).toEqual(['paid', [350]]);
  });

  test('is halved by each start that finds it open, so that resets do not lengthen it for ever', () => {
    const world = online();
    world.charge(1, 350, 300);
    let openMs = 0;
    while (world.state() === 'open') {
      reset(world);
      openMs += 200;
      const from = world.scheduler.nowMs();
      world.scheduler.runUntil(() => world.state() !== 'open', (world.till.view().lifetimeS - 1) * 1000);
      openMs += world.scheduler.nowMs() - from;
      if (world.till.view().lifetimeS < 2) world.run(2000);
    }
    expect(openMs).toBeLessThan(300_000);
    expect(codes(world).pop()).toBe('CHARGE_EXPIRED');
  });

  test('is shortened by a bridge that asks again with less, and never lengthened', () => {
    const world = online();
    world.charge(1, 350, 300);
    expect(world.charge(1, 350, 10_000)).toBe('OK');
    expect(world.charge(1, 350, 20)).toBe('OK');
    expect(world.charge(1, 350, 300)).toBe('OK');
    world.run(26_000);
    expect(world.state()).toBe('cancelled');
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
  const world = online();
  const request = (number: number) => chargeRequest.encode({ number, id: idOf(9), amount: 1, lifetimeS: 60 });
  expect(world.ask(KIND.charge, request(0)).code).toBe('NOT_NEWER');
  expect(world.ask(KIND.charge, request(7)).code).toBe('OK');
  expect(terminalStatus.decode(world.ask(KIND.status, new Uint8Array(0)).data)).toMatchObject({ chargeNumber: 7 });
});
