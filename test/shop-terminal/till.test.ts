/**
 * The till's rules: one row for each refusal, then charge, rebinding, cancelling, recalls, limits of an old deny list.
 */
import type { Till } from '../../firmware/shop-terminal/till.js';
import { CHARGE_STATES, KIND } from '../../firmware/wire/link/link-messages.js';
import { challenge, chargeId, history, license, licenseBody, payment, tombstone } from '../../firmware/wire/payment.js';
import { codeNumber } from '../../firmware/core/codes.js';
import { historyRecord, RECORD, STALE_SUMS_MAX, TOMBSTONES_MAX } from '../../firmware/shop-terminal/shop-records.js';
import { exercises } from '../kit/exercises.js';
import * as h from './till-rig.js';

import type { Shop } from './till-rig.js';
import type { Completed } from '../../firmware/shop-terminal/till-phases.js';

function freshShop(historiesMax?: number): Shop {
  const shop = h.openShop(h.makeFlash(), {}, historiesMax);
  h.bringNotices(shop);
  return shop;
}
function openCharge(shop: Shop, amount = 350, n = 1): Shop {
  expect(shop.till.charge(h.idOf(n), amount, n, 300)).toBe('OK');
  return shop;
}
const later = (shop: Shop, seconds: number): void => void (shop.clock.ms += seconds * 1000);
const rsOf = (shop: Shop): string => Buffer.from(shop.till.view().rs).toString('hex');

type Row = [what: string, code: string, act: () => string];
const rows: Row[] = [
  // 0 is a charge that leaves y to its payer (open-amount.test.ts); a request for a fixed one carries no 0.
  ['amount -1', 'AMOUNT_INVALID', () => freshShop().till.charge(h.idOf(1), -1, 1, 300)],
  ['amount 1.5', 'AMOUNT_INVALID', () => freshShop().till.charge(h.idOf(1), 1.5, 1, 300)],
  ['amount 2^53', 'AMOUNT_INVALID', () => freshShop().till.charge(h.idOf(1), 2 ** 53, 1, 300)],
  [
    'charge of a paid id',
    'ALREADY_PAID',
    () => {
      const s = openCharge(freshShop());
      h.tap(s.till, h.pkuOf(1));
      return s.till.charge(h.idOf(1), 350, 1, 300);
    },
  ],
  [
    'charge of a cancelled id',
    'NO_CHARGE',
    () => {
      const s = openCharge(freshShop());
      s.till.cancel(h.idOf(1));
      return s.till.charge(h.idOf(1), 350, 1, 300);
    },
  ],
  ['charge of another id', 'CHARGE_OPEN', () => openCharge(freshShop()).till.charge(h.idOf(2), 350, 2, 300)],
  [
    'charge of the open id, other amount',
    'CHARGE_OPEN',
    () => openCharge(freshShop()).till.charge(h.idOf(1), 351, 1, 300),
  ],
  [
    'charge while one is accepted',
    'CHARGE_OPEN',
    () => {
      const s = openCharge(freshShop());
      h.tap(s.till, h.pkuOf(1), false);
      return s.till.charge(h.idOf(2), 1, 2, 300);
    },
  ],
  [
    'charge with an old history',
    'UNDELIVERED_OLD',
    () => {
      const s = openCharge(freshShop());
      h.tap(s.till, h.pkuOf(1));
      later(s, 302401);
      return s.till.charge(h.idOf(2), 1, 2, 300);
    },
  ],
  [
    'charge with the log full',
    'HISTORY_FULL',
    () => {
      const s = openCharge(freshShop(1));
      h.tap(s.till, h.pkuOf(1));
      return s.till.charge(h.idOf(2), 1, 2, 300);
    },
  ],
  [
    'charge above the floor limit without time',
    'TIME_STALE',
    () => h.openShop(h.makeFlash()).till.charge(h.idOf(1), 1001, 1, 300),
  ],
  [
    'charge above the floor limit with old time',
    'TIME_STALE',
    () => {
      const s = freshShop();
      later(s, 604801);
      return s.till.charge(h.idOf(1), 1001, 1, 300);
    },
  ],
  ['cancel of nothing', 'NO_CHARGE', () => freshShop().till.cancel(h.idOf(0))],
  ['cancel of another id', 'NO_CHARGE', () => openCharge(freshShop()).till.cancel(h.idOf(2))],
  [
    'cancel of a paid charge',
    'ALREADY_PAID',
    () => {
      const s = openCharge(freshShop());
      h.tap(s.till, h.pkuOf(1));
      return s.till.cancel(h.idOf(1));
    },
  ],
  [
    'cancel of an accepted charge',
    'BUSY',
    () => {
      const s = openCharge(freshShop());
      h.tap(s.till, h.pkuOf(1), false);
      return s.till.cancel(h.idOf(1));
    },
  ],
  [
    'cancel between CHALLENGE and check',
    'BUSY',
    () => {
      const s = openCharge(freshShop());
      h.tapUntilAnswer(s.till, h.pkuOf(1));
      return s.till.cancel(h.idOf(1));
    },
  ],
  [
    'cancel with all tombstones undelivered',
    'TOMBSTONES_FULL',
    () => {
      const s = freshShop();
      for (let n = 1; n <= TOMBSTONES_MAX; n++) {
        openCharge(s, 1, n);
        s.till.cancel(h.idOf(n));
      }
      openCharge(s, 1, 99);
      return s.till.cancel(h.idOf(99));
    },
  ],
  [
    'license of damaged bytes',
    'LICENSE_INVALID',
    () =>
      h.tap(openCharge(freshShop()).till, h.pkuOf(1)) &&
      String((openCharge(freshShop()).till.judge(new Uint8Array(107)) as any).code),
  ],
  [
    'license of another issuer',
    'LICENSE_INVALID',
    () =>
      String(
        h.tapUntilAnswer(
          openCharge(freshShop()).till,
          h.pkuOf(1),
          h.makeLicense(h.pkuOf(1), { issuer: h.ISSUER.map((b) => b + 1) }),
        ),
      ),
  ],
  [
    'license in another currency',
    'LICENSE_INVALID',
    () =>
      String(
        h.tapUntilAnswer(openCharge(freshShop()).till, h.pkuOf(1), h.makeLicense(h.pkuOf(1), { currency: 'USD' })),
      ),
  ],
  [
    'license of the zero key',
    'LICENSE_INVALID',
    () => String(h.tapUntilAnswer(openCharge(freshShop()).till, new Uint8Array(32))),
  ],
  [
    'license in its first expired second',
    'LICENSE_EXPIRED',
    () =>
      String(
        h.tapUntilAnswer(openCharge(freshShop()).till, h.pkuOf(1), h.makeLicense(h.pkuOf(1), { validUntilS: h.NOW_S })),
      ),
  ],
  [
    'more than a small license may pay',
    'CLASS_LIMIT',
    () =>
      String(
        h.tapUntilAnswer(
          openCharge(freshShop(), 5001).till,
          h.pkuOf(1),
          h.makeLicense(h.pkuOf(1), { licenseClass: 2 }),
        ),
      ),
  ],
  [
    'license of an unknown class',
    'CLASS_LIMIT',
    () =>
      String(
        h.tapUntilAnswer(openCharge(freshShop()).till, h.pkuOf(1), h.makeLicense(h.pkuOf(1), { licenseClass: 3 })),
      ),
  ],
  [
    'denied pseudonym',
    'DENIED',
    () => {
      const s = freshShop();
      s.notices.accept(KIND.denyList, h.makeDenyList(2, h.NOW_S, [h.pkuOf(0), h.pkuOf(1)]), h.verifyMark);
      return h.tap(openCharge(s).till, h.pkuOf(1));
    },
  ],
  [
    'more than c under an old list',
    'STALE_LIMIT',
    () => {
      const s = freshShop();
      later(s, h.DAY_S + 1);
      return h.tap(openCharge(s, 2501).till, h.pkuOf(1));
    },
  ],
  [
    'bind above the floor limit without time',
    'TIME_STALE',
    () => h.openShop(openCharge(freshShop(), 1001).flash).till.bind(h.pkuOf(1)) as string,
  ],
  [
    'rebind with all tombstones undelivered',
    'TOMBSTONES_FULL',
    () => {
      const s = freshShop();
      for (let n = 1; n <= TOMBSTONES_MAX; n++) {
        openCharge(s, 1, n);
        s.till.cancel(h.idOf(n));
      }
      openCharge(s, 1, 99);
      s.till.bind(h.pkuOf(1));
      return s.till.bind(h.pkuOf(2)) as string;
    },
  ],
  [
    'bind of a cancelled charge',
    'NO_CHARGE',
    () => {
      const s = openCharge(freshShop());
      s.till.cancel(h.idOf(1));
      return s.till.bind(h.pkuOf(1)) as string;
    },
  ],
  [
    'answer of damaged bytes',
    'BAD_REQUEST',
    () => {
      const s = openCharge(freshShop());
      s.till.expect(h.bound(s.till, h.pkuOf(1)), h.makeLicense(h.pkuOf(1)));
      return s.till.complete(s.till.ahead.record!, new Uint8Array(71)) as string;
    },
  ],
  [
    'answer with another amount',
    'AMOUNT_INVALID',
    () => {
      const s = openCharge(freshShop());
      const sent = h.bound(s.till, h.pkuOf(1));
      s.till.expect(sent, h.makeLicense(h.pkuOf(1)));
      return s.till.complete(s.till.ahead.record!, h.answer(h.pkuOf(1), sent, 349)) as string;
    },
  ],
];

describe('refusals', () => {
  test.each(rows)('%s: %s', (_what, code, act) => {
    expect(act()).toBe(code);
  });
});

describe('a charge', () => {
  test('opened twice under one id stays one charge with one Rs', () => {
    const shop = openCharge(freshShop());
    const rs = rsOf(shop);
    expect(shop.till.charge(h.idOf(1), 350, 1, 300)).toBe('OK');
    expect(rsOf(shop)).toBe(rs);
  });

  test('paid: H holds license, challenge and signature, and is delivered once', () => {
    const shop = openCharge(freshShop());
    shop.till.keep(h.tapUntilAnswer(shop.till, h.pkuOf(1)) as Completed, true);
    expect(shop.till.view().state).toBe(CHARGE_STATES.paid);
    const slot = shop.histories.oldest(false, 0);
    const record = shop.histories.read(slot);
    const decoded = challenge.decode(history.decode(record.history)!.challenge)!;
    expect(decoded).toMatchObject({ amount: 350, shop: h.CONFIG.shop, timeS: h.NOW_S, counter: 1, currency: 'EUR' });
    expect(Buffer.from(decoded.rs).toString('hex')).toBe(rsOf(shop));
    expect(record.chargeId).toEqual(h.idOf(1));
    const paid = history.decode(record.history)!;
    const answered = payment.decode(h.answer(h.pkuOf(1), paid.challenge, 350))!;
    expect(paid.signature).toEqual(answered.signature);
    exercises('2.3');
    expect(paid.license).toEqual(h.makeLicense(h.pkuOf(1)));
    expect(licenseBody.decode(license.decode(paid.license)!.body)!.pku).toEqual(h.pkuOf(1));
    exercises('4.3', '5.3', '7.3', '9.3', '21.1');
    shop.till.delivered(slot);
    expect(shop.histories.count()).toBe(0);
    expect(h.openShop(shop.flash).till.charge(h.idOf(1), 350, 1, 300)).toBe('ALREADY_PAID');
  });

  test('survives a reset: the same token gets the same challenge', () => {
    const shop = openCharge(freshShop());
    const sent = shop.till.bind(h.pkuOf(1));
    const again = h.openShop(shop.flash);
    h.bringNotices(again, h.NOW_S + 5000);
    expect(sent).toBeInstanceOf(Uint8Array);
    expect(again.till.bind(h.pkuOf(1))).toEqual(sent);
  });

  test('is bound with the Ts of its draft, by which its license is judged too, though time goes on or comes meanwhile', () => {
    const shop = openCharge(h.openShop(h.makeFlash()));
    h.bringNotices(shop);
    const ending = h.makeLicense(h.pkuOf(1), { validUntilS: h.NOW_S + 10 });
    const draft = shop.till.draft().slice();
    later(shop, 10);
    h.bringNotices(shop, h.NOW_S + 60);
    expect(shop.till.judge(ending).ok).toBe(true);
    expect([shop.till.bind(h.pkuOf(1)), challenge.decode(draft)!.timeS]).toEqual([draft, h.NOW_S]);
    // Nor does a draft change a charge that is bound.
    expect(shop.till.draft()).toEqual(draft);
    const again = h.openShop(shop.flash);
    h.bringNotices(again, h.NOW_S + 5000);
    expect(again.till.bind(h.pkuOf(1))).toEqual(draft);
    again.till.release();
    // Without one it is the time of binding.
    expect(again.till.bind(h.pkuOf(2))).toBe('AGAIN');
    expect(challenge.decode(h.bound(again.till, h.pkuOf(2)))!.timeS).toBe(h.NOW_S + 5000);
  });

  test('bound to a token is finished by it, though its license ends meanwhile', () => {
    const shop = openCharge(freshShop());
    const ending = h.makeLicense(h.pkuOf(1), { validUntilS: h.NOW_S + 10 });
    const torn = h.tapUntilAnswer(shop.till, h.pkuOf(1), ending);
    shop.till.release();
    later(shop, 10);
    expect(h.tapUntilAnswer(shop.till, h.pkuOf(1), ending)).toEqual(torn);
    expect(shop.till.bind(h.pkuOf(2))).toBe('AGAIN');
    expect(h.tapUntilAnswer(shop.till, h.pkuOf(1), ending)).toBe('LICENSE_EXPIRED');
  });

  test('goes to another token only under a new Rs, the old one buried and signed', () => {
    const shop = openCharge(freshShop());
    shop.till.bind(h.pkuOf(1));
    const old = shop.till.opening();
    shop.till.release();
    expect(shop.till.bind(h.pkuOf(2))).toBe('AGAIN');
    expect(shop.till.opening()).not.toEqual(old);
    const stone = tombstone.decode(shop.tombstones.read(shop.tombstones.next(0)))!;
    expect(stone.chargeId).toEqual(old);
    expect(stone.signature).toEqual(h.mark('terminal11', old));
    expect(h.tap(shop.till, h.pkuOf(2))).toBe('OK');
  });

  test('of an accepted history that turns out bad is open again, and can be cancelled', () => {
    const shop = openCharge(freshShop());
    h.tap(shop.till, h.pkuOf(1), false);
    expect(shop.till.view().state).toBe(CHARGE_STATES.accepted);
    expect(shop.histories.oldest(false, 0)).toBe(-1);
    shop.till.checked(shop.histories.oldest(true, 0), 'SIGNATURE_INVALID');
    expect(shop.till.view().state).toBe(CHARGE_STATES.open);
    expect(shop.histories.count()).toBe(0);
    expect(shop.till.cancel(h.idOf(1))).toBe('OK');
    expect(shop.till.cancel(h.idOf(1))).toBe('OK');
  });

  test('a bad one stays as evidence with its code, also after a reset; it is no money, and the last 8 do', () => {
    let shop = freshShop();
    const kept = () =>
      shop.log.slots(RECORD.history).map((slot) => historyRecord.decode(shop.log.get(RECORD.history, slot)!)!);
    for (let n = 1; n <= 10; n++) {
      openCharge(shop, 1, n);
      h.tap(shop.till, h.pkuOf(1), false);
      const slot = shop.histories.oldest(true, 0);
      const { history } = shop.histories.read(slot);
      shop.till.checked(slot, 'SIGNATURE_INVALID');
      expect(kept().find(({ counter }) => counter === shop.till.view().counter)).toMatchObject({
        unverified: codeNumber('SIGNATURE_INVALID'),
        history,
      });
      shop = h.openShop(shop.flash);
      expect([shop.histories.oldest(true, 0), shop.histories.oldest(false, 0), shop.histories.count()]).toEqual([
        -1, -1, 0,
      ]);
      expect([shop.histories.oldestTimeS(), shop.histories.isFull()]).toEqual([-1, false]);
      // Its own charge may still be paid, under the same Rs.
      if (n === 10) expect([h.tap(shop.till, h.pkuOf(1)), shop.till.view().state]).toEqual(['OK', CHARGE_STATES.paid]);
      else expect(shop.till.cancel(h.idOf(n))).toBe('OK');
    }
    const evidence = kept().filter(({ unverified }) => unverified > 1);
    expect(evidence.map(({ counter }) => counter).sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
    expect(shop.histories.count()).toBe(1);
  });

  test('of an accepted history that is good is paid, also after a reset', () => {
    const shop = openCharge(freshShop());
    h.tap(shop.till, h.pkuOf(1), false);
    const again = h.openShop(shop.flash);
    expect(again.till.view().state).toBe(CHARGE_STATES.accepted);
    again.till.checked(again.histories.oldest(true, 0), 'OK');
    expect(again.till.view().state).toBe(CHARGE_STATES.paid);
    expect(h.openShop(shop.flash).histories.oldest(true, 0)).toBe(-1);
  });
});

describe('recalled debits', () => {
  function shopWithHistory(): { shop: Shop; paid: Uint8Array; buried: Uint8Array } {
    const shop = openCharge(freshShop());
    const paid = shop.till.view().rs;
    h.tap(shop.till, h.pkuOf(1));
    openCharge(shop, 1, 2);
    const buried = shop.till.view().rs;
    shop.till.cancel(h.idOf(2));
    return { shop: openCharge(shop, 1, 3), paid, buried };
  }

  test('were paid unless buried, open, foreign or from the future', () => {
    const { shop, paid, buried } = shopWithHistory();
    const change = (rs: Uint8Array, at: number): Uint8Array => rs.map((b, i) => (i === at ? b ^ 64 : b));
    expect(shop.till.wasPaid(paid)).toBe(true);
    expect(shop.till.wasPaid(buried)).toBe(false);
    expect(shop.till.wasPaid(shop.till.view().rs)).toBe(false);
    expect(shop.till.wasPaid(change(paid, 0))).toBe(false);
    expect(shop.till.wasPaid(change(paid, 4))).toBe(false);
    expect(shop.till.wasPaid(paid.slice(0, 15))).toBe(false);
  });

  test('of the charge just paid count, those of an accepted one not yet', () => {
    const shop = openCharge(freshShop());
    h.tap(shop.till, h.pkuOf(1), false);
    expect(shop.till.wasPaid(shop.till.view().rs)).toBe(false);
    shop.till.checked(shop.histories.oldest(true, 0), 'OK');
    expect(shop.till.wasPaid(shop.till.view().rs)).toBe(true);
  });

  test('below the horizon of a ring that went round are not judged', () => {
    const { shop, paid } = shopWithHistory();
    expect(shop.till.cancel(h.idOf(3))).toBe('OK');
    for (let n = 4; n < 4 + TOMBSTONES_MAX; n++) {
      while (shop.tombstones.next(0) >= 0) shop.tombstones.setDelivered(shop.tombstones.next(0));
      openCharge(shop, 1, n);
      expect(shop.till.cancel(h.idOf(n))).toBe('OK');
    }
    expect(shop.tombstones.horizon()).toBe(3);
    const again = h.openShop(shop.flash);
    expect(again.tombstones.horizon()).toBe(3);
    expect(again.till.wasPaid(paid)).toBe(false);
  });
});

describe('an old deny list', () => {
  test('lets one pseudonym pay c in sum, counted once for each Rs and also after a reset', () => {
    let shop = freshShop();
    later(shop, h.DAY_S + 1);
    for (const [n, amount, code] of [
      [1, 1500, 'OK'],
      [2, 1001, 'STALE_LIMIT'],
      [3, 1000, 'OK'],
      [4, 1, 'STALE_LIMIT'],
    ] as const) {
      openCharge(shop, amount, n);
      expect(h.tap(shop.till, h.pkuOf(1))).toBe(code);
      if (code !== 'OK') expect(shop.till.cancel(h.idOf(n))).toBe('OK');
    }
    shop = openCharge(h.openShop(shop.flash), 1, 5);
    expect(h.tap(shop.till, h.pkuOf(1))).toBe('STALE_LIMIT');
    expect(h.tap(shop.till, h.pkuOf(2))).toBe('OK');
    h.bringNotices(shop, h.NOW_S + 2 * h.DAY_S);
    expect(h.tap(openCharge(shop, 2500, 6).till, h.pkuOf(1))).toBe('OK');
    later(shop, h.DAY_S + 1);
    expect(h.tap(openCharge(shop, 2500, 7).till, h.pkuOf(1))).toBe('OK');
  });

  test('counts a payment once that a power cut interrupted between sum and history', () => {
    for (const again of [501, 500]) {
      let shop = freshShop();
      later(shop, h.DAY_S + 1);
      openCharge(shop, 2000);
      const record = h.tapUntilAnswer(shop.till, h.pkuOf(1)) as Completed;
      shop.flash.cutAfter(2, 'before'); // the sum is two writes
      expect(() => shop.till.keep(record, true)).toThrow('power');
      shop = h.openShop(shop.flash);
      expect(shop.log.slots(35)).toEqual([0]);
      expect(shop.histories.count()).toBe(0);
      expect(h.tap(shop.till, h.pkuOf(1))).toBe('OK');
      // 2500 - 2000 are left.
      expect(shop.till.charge(h.idOf(2), again, 2, 300)).toBe('OK');
      expect(h.tap(shop.till, h.pkuOf(1))).toBe(again === 500 ? 'OK' : 'STALE_LIMIT');
    }
  });

  test('takes payments of so many pseudonyms as can be counted', () => {
    const shop = h.openShop(h.makeFlash());
    for (let n = 0; n < STALE_SUMS_MAX; n++) expect(h.tap(openCharge(shop, 1, n + 1).till, h.pkuOf(n))).toBe('OK');
    openCharge(shop, 1, 99);
    expect(h.tap(shop.till, h.pkuOf(STALE_SUMS_MAX))).toBe('STALE_LIMIT');
    expect(h.tap(shop.till, h.pkuOf(0))).toBe('OK');
  });
});

test('one record says which deny list counts, and after a power cut it says what it said', () => {
  const many = Array.from({ length: 480 }, (_, n) => h.pkuOf(n));
  let shop = h.openShop(h.makeFlash());
  expect(shop.notices.accept(KIND.denyList, h.makeDenyList(1, h.NOW_S, many), h.verifyMark)).toBe('OK');
  expect(shop.log.slots(36)).toEqual([0]);
  expect(shop.notices.accept(KIND.denyList, h.makeDenyList(2, h.NOW_S, []), h.verifyMark)).toBe('OK');
  expect(shop.log.slots(36)).toEqual([0]);
  shop.flash.cutAfter(2, 'before');
  expect(() => shop.notices.accept(KIND.denyList, h.makeDenyList(3, h.NOW_S, many), h.verifyMark)).toThrow('power');
  shop = h.openShop(shop.flash);
  expect(shop.notices.denyVersion()).toBe(2);
  expect(shop.notices.isDenied(h.pkuOf(7))).toBe(false);
  expect(shop.notices.accept(KIND.denyList, h.makeDenyList(3, h.NOW_S, many), h.verifyMark)).toBe('OK');
  expect(shop.log.slots(36)).toEqual([0]);
  expect(shop.notices.isDenied(h.pkuOf(7))).toBe(true);
});

test('Rs and the counter of Ts never repeat, whatever the random source does', () => {
  const flash = h.makeFlash();
  const seen = new Set<string>();
  for (let n = 1; n <= 20; n++) {
    const shop = h.openShop(flash);
    openCharge(shop, 5, n);
    seen.add(Buffer.from(shop.till.view().rs).toString('hex', 4, 8));
    expect(chargeId.decode(shop.till.opening())!.rs).toEqual(shop.till.view().rs);
    shop.till.cancel(h.idOf(n));
  }
  expect(seen.size).toBe(20);
});

/** For the compiler alone (`npm run check`): a payment's steps in another order are errors of types. */
export function otherOrders(till: Till, licenseBytes: Uint8Array, answer: Uint8Array): void {
  const judged = till.judge(licenseBytes);
  // @ts-expect-error a pseudonym whose license was not judged
  till.bind(licenseBytes.subarray(12, 44));
  const bound = judged.ok && till.bind(judged.pku);
  // @ts-expect-error a charge that may not be bound
  till.expect(bound, licenseBytes);
  // @ts-expect-error a draft is not bound
  till.expect(till.draft(), licenseBytes);
  // @ts-expect-error an answer that may not be awaited
  till.complete(till.ahead.record, answer);
  // @ts-expect-error a record without its answer
  till.keep(till.ahead.record!, true);
}

// On the flash of a board: what docs/operations.md says of HISTORY_FULL.
test.each([
  ["Anna's Bakery", 0, 128],
  ['é'.repeat(32), 0, 128],
  ["Anna's Bakery", TOMBSTONES_MAX, 128],
  ['é'.repeat(32), TOMBSTONES_MAX, 115],
])('a log full of histories of %s beside %i tombstones: a charge is refused, nothing lost', (name, buried, fits) => {
  const flash = h.makeFlash();
  const change = { shop: name, shopShown: name };
  const shop = h.openShop(flash, change);
  h.bringNotices(shop);
  let n = 1;
  for (; n <= buried; n++) {
    openCharge(shop, n, n);
    expect(shop.till.cancel(h.idOf(n))).toBe('OK');
  }
  const paid: number[] = [];
  for (; shop.till.charge(h.idOf(n), n, n, 300) === 'OK'; n++) {
    expect(h.tap(shop.till, h.pkuOf(n))).toBe('OK');
    paid.push(n);
  }
  expect(shop.till.charge(h.idOf(n), n, n, 300)).toBe('HISTORY_FULL');
  expect(paid).toHaveLength(fits);
  // After a reset each is there, whole. Once they are delivered, the charge is taken.
  const later = h.openShop(flash, change);
  h.bringNotices(later);
  expect(later.till.charge(h.idOf(n), n, n, 300)).toBe('HISTORY_FULL');
  expect(later.log.slots(RECORD.tombstone)).toHaveLength(buried);
  const kept = paid.map(() => {
    const slot = later.histories.oldest(false, -1);
    const record = later.histories.read(slot);
    later.histories.remove(slot);
    const { shop: named, amount } = challenge.decode(history.decode(record.history)!.challenge)!;
    expect(named).toBe(name);
    return amount;
  });
  expect(kept).toEqual(paid);
  expect(later.till.charge(h.idOf(n), n, n, 300)).toBe('OK');
});
