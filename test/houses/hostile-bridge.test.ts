/**
 * What stands between a user and the houses changes, cuts, repeats or withholds anything: every byte of every message,
 * in every scheme, both ways; in the short form 40 bytes of each message.
 * It is refused with a named result, and nothing is changed. Then hostile users: expired
 * licenses, coupons under another amount's key, everything at once.
 */
import { extent, spread } from '../kit/extent.js';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { concat } from '../../firmware/core/bytes.js';
import { SCHEMES } from '../../firmware/core/scheme.js';
import { ownedRequest, REQUEST } from '../../firmware/wire/request.js';
import type { Result } from '../../host-bridge/base/errors.js';
import {
  conservation,
  createHouses,
  deposit,
  finish,
  register,
  returnAll,
  SHOP,
  stateOf,
  terminal,
  traceOf,
  userOf,
  withdraw,
  type Houses,
  type HousesOptions,
} from './houses-rig.js';
import { ReferenceWallet } from './reference-wallet.js';
import { codeOf, flipped, good, rsOf, START_S, tombstoneOf } from '../kit/people.js';

const ALL = SCHEMES.map(({ number }) => number);
const COUPON = SCHEMES.filter((scheme) => scheme.issue === 'coupon').map(({ number }) => number);

let houses: Houses;
let ada: ReferenceWallet;
async function open(number: number, options: HousesOptions = {}, funding = 100): Promise<void> {
  houses = await createHouses(number, options);
  ada = userOf(houses, 'Ada', funding);
}
afterEach(() => houses.close());

/** Places in a message: every byte of it, or, in the short form, so many at equal distances. */
const bytesOf = (bytes: Uint8Array): number[] => spread([...bytes.keys()], 40);

/** Offers every altered form of a message: none is taken, none changes the books. */
async function offerAltered(
  bytes: Uint8Array,
  offer: (altered: Uint8Array) => Result<unknown> | Promise<Result<unknown>>,
): Promise<void> {
  const before = stateOf(houses);
  for (const at of bytesOf(bytes)) expect([at, (await offer(flipped(bytes, at))).ok]).toEqual([at, false]);
  for (let length = 0; length < bytes.length; length += extent(25, 5))
    expect([length, (await offer(bytes.subarray(0, length))).ok]).toEqual([length, false]);
  expect((await offer(concat([bytes, new Uint8Array(1)]))).ok).toBe(false);
  expect(stateOf(houses)).toEqual(before);
}

/** Gives a wallet every altered form of a reply: it takes none, and still waits. */
async function giveAltered(
  wallet: ReferenceWallet,
  papers: Uint8Array[],
  take: (papers: Uint8Array[]) => string | Promise<string>,
): Promise<void> {
  for (const [index, paper] of papers.entries()) {
    for (const at of bytesOf(paper)) {
      const outcome = await take(papers.map((each, i) => (i === index ? flipped(each, at) : each)));
      expect([index, at, outcome, wallet.waiting !== null]).toEqual([
        index,
        at,
        expect.stringMatching(/^(RECEIPT|LICENSE|COUPON)_INVALID$/),
        true,
      ]);
    }
    expect(await take(papers.map((each, i) => (i === index ? each.subarray(1) : each)))).toMatch(/INVALID/);
  }
  expect(await take([])).toMatch(/INVALID/);
}

test.each(ALL)('scheme %i: registration, both ways', async (number) => {
  await open(number);
  const { bytes } = await ada.startRegistration();
  if (houses.scheme.registration === 'open') {
    const { certificate } = good(houses.accounts.openAccount('Ada', ada.account.publicKey));
    await offerAltered(bytes, (altered) => houses.trustee!.register(altered, certificate!));
    await offerAltered(certificate!, (altered) => houses.trustee!.register(bytes, altered));
    const { license } = good(houses.trustee!.register(bytes, certificate!));
    await giveAltered(ada, [license], (papers) => ada.takeLicenses(papers));
  } else {
    await offerAltered(bytes, (altered) => houses.bank!.request(altered));
    const { boxes } = good(await houses.bank!.request(bytes));
    await giveAltered(ada, boxes, (papers) => ada.takeLicenses(papers));
  }
  expect(await register(houses, ada)).toBe('OK');
});

test.each(ALL)('scheme %i: withdrawal, both ways, then the same bytes 20 times', async (number) => {
  await open(number);
  expect(await register(houses, ada)).toBe('OK');
  const isCoupon = houses.scheme.issue === 'coupon';
  const { bytes } = isCoupon ? await ada.startCoupon(10) : await ada.startWithdrawal(10);
  const offer = (given: Uint8Array): Promise<Result<{ boxes?: Uint8Array[]; receipt?: Uint8Array }>> =>
    Promise.resolve(houses.bank ? houses.bank.request(given) : houses.issuer.withdraw(given));
  await offerAltered(bytes, offer);
  const given = good(await offer(bytes));
  const papers = given.boxes ?? [given.receipt!];
  const after = stateOf(houses);
  for (let i = 0; i < 20; i++) expect(good(await offer(bytes))).toEqual({ ...given, repeated: true });
  expect(stateOf(houses)).toEqual(after);
  if (isCoupon) {
    for (const at of [0, 100, 255]) expect(await ada.takeCoupon([flipped(papers[0]!, at)])).toBe('COUPON_INVALID');
    expect(await ada.takeCoupon(papers)).toBe('OK');
  } else {
    await giveAltered(ada, papers, (altered) => ada.takeCash(altered));
    expect(ada.takeCash(papers)).toBe('OK');
    expect(ada.balance).toBe(10);
  }
  expect(conservation(houses).ok).toBe(true);
});

test.each(COUPON)('scheme %i: redemption, both ways, then the same bytes 20 times', async (number) => {
  await open(number);
  expect(await register(houses, ada)).toBe('OK');
  await ada.startCoupon(10);
  expect(await finish(houses, ada)).toBe('OK');
  const { bytes } = await ada.startRedemption(ada.coupons[0]!);
  await offerAltered(bytes, (altered) => houses.issuer.redeem(altered));
  const given = good(await houses.issuer.redeem(bytes));
  for (let i = 0; i < 20; i++) expect(good(await houses.issuer.redeem(bytes))).toEqual({ ...given, repeated: true });
  await giveAltered(ada, given.boxes, (papers) => ada.takeCash(papers));
  expect(ada.takeCash(given.boxes)).toBe('OK');
  expect([ada.balance, good(houses.office.counterOf(ada.pku)).ebc]).toEqual([10, 10]);
  expect(conservation(houses).ok).toBe(true);
});

test.each(ALL)('scheme %i: histories, cancelled charges and returns', async (number) => {
  await open(number);
  expect(await register(houses, ada)).toBe('OK');
  expect(await withdraw(houses, ada, 10)).toBe('OK');
  const paid = ada.pay(SHOP, 4, rsOf(1), START_S);
  await offerAltered(paid, (altered) => deposit(houses, altered));
  const stone = tombstoneOf(terminal, SHOP, rsOf(2));
  await offerAltered(stone, (altered) => (houses.bank ?? houses.issuer).tombstone(altered));
  if (houses.bank) {
    const before = stateOf(houses);
    for (const at of bytesOf(paid))
      expect([at, good(houses.issuer.returnCash([flipped(paid, at)])).codes]).toEqual([
        at,
        [expect.not.stringMatching(/^OK$/)],
      ]);
    expect(stateOf(houses)).toEqual(before);
  }
  good(deposit(houses, paid));
  await returnAll(houses);
  // An expired license is judged where a history arrives; what was credited stays credited.
  const late = ada.pay(SHOP, 2, rsOf(3), START_S);
  houses.clock.nowS += 3 * 365 * 86400;
  const before = stateOf(houses);
  expect(codeOf(deposit(houses, late))).toBe('LICENSE_EXPIRED');
  expect(good(deposit(houses, paid)).repeated).toBe(true);
  expect(stateOf(houses)).toEqual(before);
});

test.each(ALL)('scheme %i: a history with the license of somebody else', async (number) => {
  await open(number);
  const mallory = userOf(houses, 'Mallory');
  expect(await register(houses, ada)).toBe('OK');
  expect(await register(houses, mallory)).toBe('OK');
  mallory.licenses[0] = ada.licenses[0]!;
  expect(codeOf(deposit(houses, mallory.pay(SHOP, 4, rsOf(1), START_S)))).toBe('SIGNATURE_INVALID');
});

const count = (codes: string[]) =>
  Object.fromEntries([...new Set(codes)].sort().map((code) => [code, codes.filter((each) => each === code).length]));

/** 100 requests for 1 each from one account: by as many tokens, or as many blinded messages. */
async function hundredWithdrawals(): Promise<(() => Promise<Result<unknown>>)[]> {
  const { scheme, facts, bank, issuer } = houses;
  const starts: (() => Promise<Result<unknown>>)[] = [];
  for (let i = 0; i < 100; i++) {
    if (scheme.issue === 'coupon') {
      const blinded = new Uint8Array([1, ...randomBytes(255)]);
      const bytes = ada.owned(REQUEST.coupon, 1, blinded);
      starts.push(() => bank!.request(bytes));
      continue;
    }
    const token = new ReferenceWallet({ scheme, facts, name: 'Ada', account: ada.account });
    if (scheme.registration === 'sealed') expect(await register(houses, token)).toBe('OK');
    const { bytes } = await token.startWithdrawal(1);
    starts.push(async () => (bank ? bank.request(bytes) : issuer.withdraw(bytes)));
  }
  return starts;
}

test.each(spread(ALL, 3))('scheme %i: 100 withdrawals at once with funds for 37: exactly 37', async (number) => {
  await open(number, {}, 37);
  const starts = await hundredWithdrawals();
  const results = await Promise.all(starts.map((start) => start()));
  // A bank has each one ended, drawn or not.
  if (houses.bank) expect(count(results.map(codeOf))).toEqual({ OK: 100 });
  else expect(count(results.map(codeOf))).toEqual({ FUNDS_INSUFFICIENT: 63, OK: 37 });
  expect(good(houses.accounts.balanceOf('Ada')).balance).toBe(0);
  expect(conservation(houses)).toMatchObject({ ok: true, in: 37 });
  const numbers = good(houses.accounts.numbers()).numbers;
  expect(houses.bank ? good(houses.office.numbers()).numbers.ebc + numbers.couponsSigned : numbers.ebc).toBe(37);
});

test.each(ALL)(
  'scheme %i: more than the account holds: refused for good, and the next request is free',
  async (number) => {
    await open(number, {}, 9);
    expect(await register(houses, ada)).toBe('OK');
    const before = stateOf(houses);
    const ask = () => (houses.scheme.issue === 'coupon' ? ada.startCoupon(10) : ada.startWithdrawal(10));
    const { bytes } = await ask();
    const refused = houses.bank ? good(await houses.bank.request(bytes)).boxes : null;
    expect(await finish(houses, ada)).toBe('FUNDS_INSUFFICIENT');
    expect(stateOf(houses)).toEqual(before);
    // With money now, the same bytes stay refused; new ones are drawn.
    good(houses.accounts.fundAccount('Ada', 1));
    if (refused) {
      expect(good(await houses.bank!.request(bytes))).toEqual({
        ok: true,
        boxes: refused,
        refused: true,
        repeated: true,
      });
      expect(good(houses.accounts.balanceOf('Ada')).balance).toBe(10);
    }
    expect(await withdraw(houses, ada, 10)).toBe('OK');
    expect([
      ada.balance,
      good(houses.accounts.balanceOf('Ada')).balance,
      good(houses.office.counterOf(ada.pku)).ebc,
    ]).toEqual([10, 0, 10]);
    expect(conservation(houses)).toMatchObject({ ok: true, in: 10 });
  },
);

test.each(COUPON)("scheme %i: a bank's refusal is no coupon, and says nothing of another request", async (number) => {
  await open(number, {}, 0);
  expect(await register(houses, ada)).toBe('OK');
  const first = await ada.startCoupon(10);
  const [refusal] = good(await houses.bank!.request(first.bytes)).boxes;
  for (let at = 0; at < 256; at += 5) expect(await ada.takeCoupon([flipped(refusal!, at)])).toBe('COUPON_INVALID');
  expect(await ada.takeCoupon([refusal!])).toBe('FUNDS_INSUFFICIENT');
  // For another request, and in the place of a coupon.
  await ada.startCoupon(10);
  expect(await ada.takeCoupon([refusal!])).toBe('COUPON_INVALID');
  const before = stateOf(houses);
  await ada.startRedemption({ amount: 10, prepared: concat([new Uint8Array(32), ada.pku]), signature: refusal! });
  expect(await finish(houses, ada)).toBe('COUPON_INVALID');
  expect(stateOf(houses)).toEqual(before);
});

test.each(ALL)('scheme %i: one withdrawal and one history 100 times at once: one debit, one credit', async (number) => {
  await open(number);
  expect(await register(houses, ada)).toBe('OK');
  const { bytes } = houses.scheme.issue === 'coupon' ? await ada.startCoupon(10) : await ada.startWithdrawal(10);
  const replies = await Promise.all(
    Array.from({ length: 100 }, async () =>
      good<object>(houses.bank ? await houses.bank.request(bytes) : houses.issuer.withdraw(bytes)),
    ),
  );
  expect(new Set(replies.map((reply) => JSON.stringify({ ...reply, repeated: null }))).size).toBe(1);
  expect(good(houses.accounts.balanceOf('Ada')).balance).toBe(90);
  const paid = ada.pay(SHOP, 4, rsOf(1), START_S);
  const credits = await Promise.all(Array.from({ length: 100 }, async () => deposit(houses, paid)));
  expect(credits.filter((credit) => !good(credit).repeated)).toHaveLength(1);
  await Promise.all([returnAll(houses), returnAll(houses), returnAll(houses)]);
  expect(good(houses.accounts.balanceOf(SHOP)).balance).toBe(4);
  expect(good(houses.office.counterOf(ada.pku)).ebc).toBe(houses.scheme.issue === 'coupon' ? -4 : 6);
  expect(conservation(houses).ok).toBe(true);
});

describe.each(COUPON)('scheme %i: coupons', (number) => {
  beforeEach(async () => {
    await open(number);
    expect(await register(houses, ada)).toBe('OK');
    await ada.startCoupon(1);
    expect(await finish(houses, ada)).toBe('OK');
  });
  const ebc = () => good(houses.office.counterOf(ada.pku)).ebc;

  test("under another amount's key: refused, no row, no money", async () => {
    const before = stateOf(houses);
    for (const amount of [10, 5, 2, 7_000]) {
      await ada.startRedemption(ada.coupons[0]!, amount);
      expect(await finish(houses, ada)).toBe('COUPON_INVALID');
      ada.waiting = null;
    }
    expect(stateOf(houses)).toEqual(before);
    expect(conservation(houses).ok).toBe(true);
  });

  test('for another pseudonym than it was signed for', async () => {
    const bob = userOf(houses, 'Bob');
    await bob.startRedemption(ada.coupons[0]!);
    expect(await finish(houses, bob)).toBe('COUPON_INVALID');
    expect(codeOf(houses.office.counterOf(bob.pku))).toBe('PSEUDONYM_UNKNOWN');
  });

  test('redeemed 100 times at once, in 100 different requests: once', async () => {
    const requests = [];
    for (let i = 0; i < 100; i++) requests.push((await ada.startRedemption(ada.coupons[0]!)).bytes);
    const given = await Promise.all(requests.map((bytes) => houses.issuer.redeem(bytes)));
    expect(given.every((reply) => reply.ok && !reply.repeated)).toBe(true);
    expect(ebc()).toBe(1);
    expect(good(houses.office.numbers()).numbers.couponsRedeemed).toBe(1);
    await ada.startRedemption(ada.coupons[0]!);
    expect(await finish(houses, ada)).toBe('COUPON_SPENT');
    expect(conservation(houses).ok).toBe(true);
  });

  test('a coupon out of its number, by a stranger: nothing is remembered of the pseudonym', async () => {
    ada.receiptNumber = 7;
    await ada.startRedemption(ada.coupons[0]!);
    expect(await finish(houses, ada)).toBe('REFUSED'); // RECEIPT_AHEAD, which boards do not know
    expect(codeOf(houses.office.counterOf(ada.pku))).toBe('PSEUDONYM_UNKNOWN');
  });

  test('the same amount twice is two coupons', async () => {
    await ada.startCoupon(1);
    expect(await finish(houses, ada)).toBe('OK');
    for (const coupon of [...ada.coupons]) {
      await ada.startRedemption(coupon);
      expect(await finish(houses, ada)).toBe('OK');
    }
    expect([ebc(), ada.balance]).toEqual([2, 2]);
  });

  test("a coupon outlives a change of the bank's keys", async () => {
    const { keys } = good(houses.bank!.couponKeys());
    const other = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 65537 }).publicKey.export({
      format: 'jwk',
    }).n as string;
    const changed = keys.map((key) =>
      key.amount === 1 ? { ...key, modulus: new Uint8Array(Buffer.from(other, 'base64url')) } : key,
    );
    expect(good(houses.office.publishCouponKeys(changed)).version).toBe(2);
    await ada.startRedemption(ada.coupons[0]!);
    expect(await finish(houses, ada)).toBe('OK');
    expect(ebc()).toBe(1);
  });

  test('coupon keys that are none are not published; the same list again is the same version', () => {
    const { keys } = good(houses.bank!.couponKeys());
    expect(good(houses.office.publishCouponKeys(keys))).toMatchObject({ version: 1, repeated: true });
    const rising = [...keys].reverse();
    const even = keys.map((key, i) => (i === 1 ? { ...key, modulus: new Uint8Array(256).fill(254) } : key));
    for (const bad of [[], rising, even, [...keys, { amount: 0, modulus: keys[0]!.modulus }]])
      expect(codeOf(houses.office.publishCouponKeys(bad))).toBe('BAD_REQUEST');
  });
});

const AT_BANK = SCHEMES.filter((scheme) => scheme.accountsAt === 'bank').map(({ number }) => number);

test.each(AT_BANK)(
  "scheme %i: somebody else's ciphertext, or one's own for another amount: REQUEST_ID_REUSED, and nothing is drawn",
  async (number) => {
    await open(number);
    const mallory = userOf(houses, 'Mallory', 100);
    expect(await register(houses, ada)).toBe('OK');
    const { kind, bytes } =
      houses.scheme.issue === 'coupon' ? await ada.startCoupon(10) : await ada.startWithdrawal(10);
    const { request } = ownedRequest.decode(bytes)!;
    expect(await finish(houses, ada)).toBe('OK');
    const before = stateOf(houses);
    for (const again of [mallory.owned(kind, 10, request), ada.owned(kind, 5, request)])
      expect(codeOf(await houses.bank!.request(again))).toBe('REQUEST_ID_REUSED');
    expect(stateOf(houses)).toEqual(before);
    expect(good(houses.accounts.balanceOf('Mallory')).balance).toBe(100);
  },
);

test.each(AT_BANK)(
  'scheme %i: a name that is no account, an account that only receives, too much, another kind',
  async (number) => {
    await open(number);
    const bank = houses.bank!;
    const isCoupon = houses.scheme.issue === 'coupon';
    const kind = { direct: 0, coupon: REQUEST.coupon, sealed: REQUEST.sealedIssue, keyed: REQUEST.keyedIssue }[
      houses.scheme.issue
    ];
    const request = new Uint8Array([1, ...randomBytes(255)]);
    const before = stateOf(houses);
    const as = (name: string) => new ReferenceWallet({ ...ada.options, name, account: ada.account });
    expect(codeOf(await bank.request(as('Nobody').owned(kind, 10, request)))).toBe('ACCOUNT_UNKNOWN');
    expect(codeOf(await bank.request(as(SHOP).owned(kind, 10, request)))).toBe('ACCOUNT_KEY_MISSING');
    for (const other of [REQUEST.redeem, REQUEST.open, 0, 99])
      expect(codeOf(await bank.request(ada.owned(other, 10, request)))).toBe('BAD_REQUEST');
    if (isCoupon)
      for (const amount of [0, 3, 101])
        expect(codeOf(await bank.request(ada.owned(kind, amount, request)))).toBe('AMOUNT_INVALID');
    else expect(codeOf(await bank.request(ada.owned(REQUEST.register, 1, request)))).toBe('AMOUNT_INVALID');
    expect(stateOf(houses)).toEqual(before);
    // Nothing that can be signed or opened: refused for good, and the draw goes back.
    expect(good(await bank.request(ada.owned(kind, 10, new Uint8Array(256).fill(255)))).boxes).toEqual([]);
    expect(good(houses.accounts.balanceOf('Ada')).balance).toBe(100);
    expect(conservation(houses).ok).toBe(true);
  },
);

test.each(ALL)('scheme %i: an operator asks for a name of nobody, or without a word', async (number) => {
  await open(number);
  expect(codeOf(traceOf(houses, new Uint8Array(32)))).toBe('PSEUDONYM_UNKNOWN');
  expect(codeOf(traceOf(houses, new Uint8Array(31)))).toBe('BAD_REQUEST');
  expect(codeOf(traceOf(houses, ada.pku, ''))).toBe('REASON_MISSING');
  expect(houses.issuerStore.traces()).toEqual([]);
});
