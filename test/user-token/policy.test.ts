/**
 * The choice of a pseudonym, and what readers learn from it: properties of each policy, on the purse itself.
 */
import { fc } from '../kit/properties.js';
import { createHash } from 'node:crypto';
import { choosePseudonym, type Policy } from '../../firmware/user-token/policy.js';
import { license, licenseBody, payment } from '../../firmware/wire/payment.js';
import { SIGNED, signedBytes } from '../../firmware/wire/signed.js';
import { licenseGrant } from '../../firmware/wire/token-commands.js';
import { PSEUDONYMS_MAX } from '../../firmware/core/scheme.js';
import { RECORD } from '../../firmware/user-token/token-records.js';
import {
  boot,
  challengeBytes,
  chargeBytes,
  codeOfAnswer,
  CONFIG,
  licenseBytes,
  multiplesFor,
  must,
  nameBytes,
  newFlash,
  pseudonymKey,
  receiptBytes,
  verifyRaw,
  type TestPurse,
} from './purse-rig.js';

const POLICIES: Policy[] = ['rotate', 'random', 'per-shop'];
const secretHash = (key: string) => (bytes: Uint8Array) =>
  new Uint8Array(createHash('sha256').update(key).update(bytes).digest());
const shopField = (name: string) => new Uint8Array([name.length, ...Buffer.from(name)]);
const count = fc.integer({ min: 1, max: PSEUDONYMS_MAX });
const last = (n: number) => fc.record({ sequence: fc.nat(), pseudonym: fc.integer({ min: -1, max: n - 1 }) });
const shop = fc.constantFrom('Cafe', 'Kiosk', 'Bar').map(shopField);

/** A licensed token of n pseudonyms with cash. */
function walletOf(n: number, policy: Policy): TestPurse {
  const config = { ...CONFIG, pseudonyms: n, policy, limits: { paymentMax: 1000, sumMax: 1_000_000 }, debitSlots: 8 };
  const flash = newFlash();
  const log = boot(flash, config).log;
  for (let i = 0; i < n; i++) {
    const pku = pseudonymKey(i).publicKey;
    log.put(RECORD.license, i, licenseGrant.encode({ license: licenseBytes({ pku }), multiples: multiplesFor(pku) }));
  }
  const token = boot(flash, config);
  must(token.desk.receipt(receiptBytes({ number: 1, amount: 100_000 })));
  return token;
}

/** Which pseudonym a license is for. */
function shownBy(data: Uint8Array): number {
  const { pku } = licenseBody.decode(license.decode(data.subarray(0, 124))!.body)!;
  for (let i = 0; ; i++) if (Buffer.compare(pseudonymKey(i).publicKey, pku) === 0) return i;
}

const open = (token: TestPurse, number: number, name = 'Cafe') =>
  shownBy(must(token.purse.open(chargeBytes(number, name))).data);

/** Pays, and tells whose signature it is. */
function pay(token: TestPurse, number: number, n: number, name = 'Cafe'): number {
  const bytes = challengeBytes({ number, amount: 1, shop: name });
  const { signature } = payment.decode(must(token.purse.pay(bytes, 0)).data)!;
  const who = Array.from({ length: n }, (_, i) => i).filter((i) =>
    verifyRaw(pseudonymKey(i).publicKey, signedBytes(SIGNED.payment, bytes), signature),
  );
  expect(who).toHaveLength(1);
  must(token.purse.ack(chargeBytes(number, name)));
  return who[0]!;
}

test.each(POLICIES)('%s: within the set, the same for the same question, and all of it is used', (policy) => {
  fc.assert(
    fc.property(
      count.chain((n) => fc.tuple(fc.constant(n), last(n), shop)),
      ([n, debit, at]) => {
        const chosen = choosePseudonym(policy, n, debit, at, secretHash('a'));
        expect(chosen >= 0 && chosen < n && Number.isInteger(chosen)).toBe(true);
        expect(choosePseudonym(policy, n, debit, at, secretHash('a'))).toBe(chosen);
      },
    ),
  );
  const n = 8;
  const used = new Set<number>();
  let pseudonym = -1;
  for (let i = 0; i < 200; i++)
    used.add(
      (pseudonym = choosePseudonym(policy, n, { sequence: i, pseudonym }, shopField(`shop ${i}`), secretHash('a'))),
    );
  expect(used.size).toBe(n);
});

test('rotate: no pseudonym comes again before all others have paid', () => {
  fc.assert(
    fc.property(
      count.filter((n) => n > 1),
      fc.array(shop, { minLength: 70, maxLength: 70 }),
      (n, shops) => {
        const order: number[] = [];
        for (const [i, at] of shops.entries())
          order.push(choosePseudonym('rotate', n, { sequence: i, pseudonym: order[i - 1] ?? -1 }, at, secretHash('a')));
        for (let i = 0; i + n <= order.length; i++) expect(new Set(order.slice(i, i + n)).size).toBe(n);
      },
    ),
    { numRuns: 40 },
  );
});

test('per-shop: one shop one pseudonym, whatever was paid; random: another secret, another order', () => {
  fc.assert(
    fc.property(
      count.chain((n) => fc.tuple(fc.constant(n), last(n), last(n), shop)),
      ([n, one, other, at]) => {
        expect(choosePseudonym('per-shop', n, one, at, secretHash('a'))).toBe(
          choosePseudonym('per-shop', n, other, at, secretHash('a')),
        );
      },
    ),
  );
  const order = (key: string) =>
    Array.from({ length: 64 }, (_, sequence) =>
      choosePseudonym('random', 32, { sequence, pseudonym: 0 }, shopField('Cafe'), secretHash(key)),
    );
  const [a, b] = [order('a'), order('b')];
  expect(a.filter((pseudonym, i) => pseudonym === b[i]).length).toBeLessThan(10);
  // About as even as chance is: of 2,000 draws from 8, none is far from 250.
  const draws = Array.from({ length: 2000 }, (_, sequence) =>
    choosePseudonym('random', 8, { sequence, pseudonym: 0 }, shopField('Cafe'), secretHash('c')),
  );
  for (let i = 0; i < 8; i++) expect(Math.abs(draws.filter((each) => each === i).length - 250)).toBeLessThan(75);
});

describe.each(POLICIES)('a purse of three pseudonyms, %s', (policy) => {
  test('OPEN shows who will sign, one Balance pays for all, and a known charge is always the one who paid', () => {
    const token = walletOf(3, policy);
    const paidBy: number[] = [];
    for (let number = 1; number <= 6; number++) {
      const shown = open(token, number);
      expect(pay(token, number, 3)).toBe(shown);
      paidBy.push(shown);
    }
    expect(token.purse.state.journal.balance()).toBe(100_000 - 6);
    const later = boot(token.flash, token.purse.state.config);
    for (let number = 6; number >= 1; number--) expect(open(later, number)).toBe(paidBy[number - 1]);
  });

  test('a reader that asks and asks, under other Rs and amounts, over resets, learns one pseudonym', () => {
    const token = walletOf(3, policy);
    pay(token, 1, 3);
    const seen = new Set<number>();
    for (let number = 10; number < 40; number++) {
      const asked = number % 10 === 9 ? boot(token.flash, token.purse.state.config) : token;
      seen.add(open(asked, number));
      expect(codeOfAnswer(asked.purse.pay(challengeBytes({ number, amount: 2000 }), 0))).toBe('CONFIRM_NEEDED');
    }
    expect(seen.size).toBe(1);
  });

  test('MULTIPLES are those of the license that this reader was shown, and of nobody for another reader', () => {
    const token = walletOf(3, policy);
    expect(codeOfAnswer(token.purse.multiples())).toBe('NO_CHARGE');
    const shown = open(token, 1);
    expect(must(token.purse.multiples()).data).toEqual(multiplesFor(pseudonymKey(shown).publicKey));
    token.purse.select();
    expect(codeOfAnswer(token.purse.multiples())).toBe('NO_CHARGE');
  });
});

test('a token with a license missing pays with none of the others', () => {
  const token = walletOf(3, 'rotate');
  token.log.put(RECORD.license, 1, new Uint8Array(0));
  const later = boot(token.flash, token.purse.state.config);
  expect([
    codeOfAnswer(later.purse.open(chargeBytes(1))),
    codeOfAnswer(later.purse.pay(challengeBytes({ amount: 1 }), 0)),
  ]).toEqual(['NOT_LICENSED', 'NOT_LICENSED']);
});

test('a reader cannot tell the limit from the Balance, nor search for either, by what it may ask', () => {
  // Two tokens: one is poor, one has a low limit. Whatever is asked and not paid has the same answer, press or no
  // press.
  const poor = boot(newFlash(), { ...CONFIG, limits: { paymentMax: 1_000_000, sumMax: 1_000_000 } });
  const limited = boot(newFlash(), { ...CONFIG, limits: { paymentMax: 1000, sumMax: 1000 } });
  for (const token of [poor, limited]) {
    must(token.desk.register(nameBytes('Ada'), 0));
    must(
      token.desk.license(
        licenseGrant.encode({ license: licenseBytes({}), multiples: multiplesFor(pseudonymKey(0).publicKey) }),
        0,
      ),
    );
    must(token.desk.receipt(receiptBytes({ number: 1, amount: token === poor ? 1000 : 1_000_000 })));
  }
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1001, max: 1_000_000 }), fc.integer({ min: 2, max: 9 })), { maxLength: 12 }),
      (asked) => {
        const answers = [poor, limited].map((token) =>
          asked.map(([amount, number]) => codeOfAnswer(token.purse.pay(challengeBytes({ amount, number }), 0))),
        );
        expect(answers[0]).toEqual(answers[1]);
        expect(new Set(answers[0]).size).toBeLessThan(2);
      },
    ),
  );
});
