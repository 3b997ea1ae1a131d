/**
 * A key follows another in the middle of a session: in each scheme, of each of its houses, before each step of a life
 * from the registration to the reconciled debit. Nothing that was begun is lost, nothing is credited twice, and the
 * books are right.
 *
 * The short form tries each step in some scheme, and each house in each scheme; `npm run test:long -- rotation-session
 * --all` every step of every scheme.
 */
import { extent } from '../kit/extent.js';
import { audit } from '../../host-bridge/audit/audit.js';
import { finish, register, SHOP, terminal } from '../houses/houses-rig.js';
import type { ReferenceWallet } from '../houses/reference-wallet.js';
import { codeOf, good, refundOf, rsOf } from '../kit/people.js';
import { housesOf, startRotating, type Rotating } from './rotating-houses-rig.js';

const DAY_S = 86400;

interface Life {
  at: Rotating;
  ada: ReferenceWallet;
  /** What was handed over between steps. */
  paid: Record<string, Uint8Array>;
}

type Step = (life: Life) => Promise<void> | void;

async function returned({ at }: Life): Promise<void> {
  for (let more = at.bank !== null; more;) ({ more } = good(await at.bank!.forward()));
}

async function collect(life: Life): Promise<void> {
  const { at, ada } = life;
  await returned(life);
  if (at.scheme.issue === 'direct') {
    const { bytes } = await ada.startWithdrawal(1);
    for (const paper of good(at.issuer.receipts(bytes)).receipts) expect(ada.takeReceipt(paper)).toBe('OK');
    ada.waiting = null;
    return;
  }
  for (let outcome = ''; outcome !== 'OK';) {
    await (at.scheme.issue === 'coupon' ? ada.startQuestion() : ada.startWithdrawal(0));
    outcome = await finish(at, ada);
    expect(['OK', 'RECEIPT_GAP']).toContain(outcome);
  }
}

/** A withdrawal is begun on the token: its bytes are durable, or its coupon is blinded. */
const ask =
  (amount: number): Step =>
  async ({ at, ada }) => {
    expect(at.bringCouponKeys(ada)).toBe('OK');
    await (at.scheme.issue === 'coupon' ? ada.startCoupon(amount) : ada.startWithdrawal(amount));
  };

const answer: Step = async ({ at, ada }) => expect(await finish(at, ada)).toBe('OK');

const redeemAsk: Step = async ({ ada }) => void (ada.coupons[0] && (await ada.startRedemption(ada.coupons[0])));
const redeemAnswer: Step = async ({ at, ada }) => {
  if (ada.waiting) expect(await finish(at, ada)).toBe('OK');
};

const pay =
  (name: string, amount: number, counter: number): Step =>
  ({ at, ada, paid }) => {
    paid[name] = ada.pay(SHOP, amount, rsOf(counter), at.clock.nowS, ada.pseudonyms.length - 1);
  };
const deposit =
  (name: string): Step =>
  ({ at, paid }) => {
    expect(good((at.bank ?? at.issuer).deposit(paid[name]!)).repeated).toBe(false);
    expect(good((at.bank ?? at.issuer).deposit(paid[name]!)).repeated).toBe(true);
  };

const STEPS: [name: string, step: Step][] = [
  ['make a registration', async ({ ada }) => void (ada.waiting ?? (await ada.startRegistration()))],
  ['register', async ({ at, ada }) => expect(await register(at, ada)).toBe('OK')],
  ['make a withdrawal', ask(20)],
  ['withdraw', answer],
  ['make a redemption', redeemAsk],
  ['redeem', redeemAnswer],
  ['pay', pay('first', 6, 1)],
  ['deposit', deposit('first')],
  ['return', returned],
  [
    'refund',
    async ({ at, ada }) =>
      void good(
        await (at.bank ?? at.issuer).refund(
          refundOf(terminal, ada.pseudonyms[ada.pseudonyms.length - 1]!.publicKey, SHOP, rsOf(1), 2, 1),
        ),
      ),
  ],
  ['collect', collect],
  ['pay where nobody deposits', pay('lost', 3, 2)],
  ['claim', async ({ at, paid }) => expect(good(await (at.bank ?? at.issuer).claim(paid['lost']!)).state).toBe('open')],
  [
    'reconcile',
    async (life) => {
      life.at.clock.nowS += 8 * DAY_S;
      expect(good(await (life.at.bank ?? life.at.issuer).claim(life.paid['lost']!)).state).toBe('granted');
      await collect(life);
    },
  ],
  ['pay with the old license', pay('last', 4, 3)],
  [
    'renew',
    async ({ at, ada }) => {
      at.clock.nowS += 320 * DAY_S;
      if (at.scheme.registration === 'sealed') return expect(await register(at, ada)).toBe('OK');
      const { certificate } = good(at.accounts.openAccount('Ada', ada.account.publicKey));
      const { bytes } = await ada.startRegistration();
      const { license } = good(await at.trustee!.renew(bytes, certificate!));
      expect(ada.takeLicenses([license])).toBe('OK');
    },
  ],
  ['deposit what was paid before', deposit('last')],
  ['make another withdrawal', ask(5)],
  ['withdraw again', answer],
  ['make another redemption', redeemAsk],
  ['redeem again', redeemAnswer],
  ['pay with the new license', pay('new', 5, 4)],
  ['deposit that', deposit('new')],
  ['return all', returned],
];

/** Plays a life with a rotation of one house before one of its steps. */
async function play(number: number, house: ReturnType<typeof housesOf>[number], before: number): Promise<void> {
  const at = await startRotating(number);
  const life: Life = { at, ada: at.userOf('Ada', 100), paid: {} };
  for (const [i, [, step]] of STEPS.entries()) {
    if (i === before) {
      await at.rotate(house);
      at.update(life.ada);
    }
    await step(life);
    expect(at.conservation()).toMatchObject({ ok: true });
  }
  expect(life.ada.balance).toBe(100 - 75 - 6 + 2 - 4 - 5);
  expect(good(at.office.counterOf(life.ada.pku)).ebc).toBe(life.ada.balance);
  expect(good(at.accounts.balanceOf(SHOP)).balance).toBe(6 - 2 + 4 + 5);
  expect(good(at.accounts.balanceOf('Ada')).balance).toBe(75);
  await at.close();
  const report = audit(at.databases);
  expect(report.broken).toEqual([]);
  expect(report.keys.filter((line) => line.house === house)).toHaveLength(2);
  at.end();
}

const PAIRS = [1, 2, 3, 4, 5, 6].flatMap((number) => housesOf(number).map((house) => [number, house] as const));
/** Each pair at some steps, spread so that each step is met several times over the pairs. */
const CASES = PAIRS.flatMap(([number, house], pair) =>
  STEPS.flatMap(([name], i) =>
    i % extent(PAIRS.length, 4, 1) === pair % extent(PAIRS.length, 4, 1) ? [{ number, house, name, i }] : [],
  ),
);

test.each(CASES)('scheme $number: the $house has another key before "$name"', async ({ number, house, i }) => {
  await play(number, house, i);
});

test.each([1, 2, 3, 4, 5, 6])(
  'scheme %i: a token without the new key is refused by name, loses nothing, and goes on after its update',
  async (number) => {
    const at = await startRotating(number);
    const life: Life = { at, ada: at.userOf('Ada', 100), paid: {} };
    const { ada } = life;
    for (const [, step] of STEPS.slice(0, 6)) await step(life);
    await at.rotate('issuer');
    // It goes on paying, and is credited, with the license that it has.
    await pay('first', 6, 1)(life);
    await deposit('first')(life);
    if (at.scheme.issue === 'coupon') expect(at.bringCouponKeys(ada)).toBe('SIGNATURE_INVALID');
    else {
      await ada.startWithdrawal(5);
      expect(await finish(at, ada)).toBe('RECEIPT_INVALID');
      expect(ada.balance).toBe(14);
      expect(ada.waiting).not.toBeNull();
    }
    expect(at.conservation()).toMatchObject({ ok: true });
    at.update(ada);
    if (at.scheme.issue === 'coupon') await ask(5)(life);
    // The same bytes again: the same receipt, one credit.
    await answer(life);
    await redeemAsk(life);
    await redeemAnswer(life);
    await returned(life);
    expect([ada.balance, good(at.office.counterOf(ada.pku)).ebc]).toEqual([19, 19]);
    expect(at.conservation()).toMatchObject({ ok: true });
    await at.close();
    expect(audit(at.databases).broken).toEqual([]);
    at.end();
  },
);

test('before it is in force a successor signs nothing, and after it the first key nothing', async () => {
  const at = await startRotating(1);
  const { newKey, fromS } = await at.rotate('issuer', 14 * DAY_S);
  const first = at.issuer.parameters();
  const byNow = () => good(at.issuer.signedTime(new Uint8Array(8))).time;
  const before = byNow();
  at.clock.nowS = fromS - 1;
  expect(byNow().slice(0, 64)).not.toEqual(before.slice(0, 64));
  const { isSigned } = await import('../../host-bridge/base/crypto/signer.js');
  const isNew = (time: Uint8Array) => isSigned(newKey, 9, time.slice(64), time.slice(0, 64));
  expect(isNew(byNow())).toBe(false);
  at.clock.nowS = fromS;
  expect(isNew(byNow())).toBe(true);
  expect(codeOf(first)).toBe('OK');
  await at.close();
  at.end();
});

test('a coupon that was blinded for the old key is signed with it while its time lasts, and is worth its amount once', async () => {
  const at = await startRotating(2);
  const [ada, bob] = [at.userOf('Ada', 100), at.userOf('Bob', 100)];
  for (const user of [ada, bob]) {
    expect(await register(at, user)).toBe('OK');
    expect(at.bringCouponKeys(user)).toBe('OK');
    await user.startCoupon(10);
  }
  const late = bob.waiting!.bytes;
  const { untilS } = await at.rotate('bank');
  expect(await finish(at, ada)).toBe('OK');
  await ada.startRedemption(ada.coupons[0]!);
  expect(await finish(at, ada)).toBe('OK');
  // One bought now is under the new key.
  const old = ada.couponKeys.get(10)!;
  expect(at.bringCouponKeys(ada)).toBe('OK');
  expect(ada.couponKeys.get(10)).not.toEqual(old);
  await ada.startCoupon(10);
  expect(await finish(at, ada)).toBe('OK');
  at.clock.nowS = untilS;
  expect(good(await at.bank!.request(late)).boxes).toEqual([]);
  expect([ada.balance, good(at.accounts.balanceOf('Ada')).balance, good(at.accounts.balanceOf('Bob')).balance]).toEqual(
    [10, 80, 100],
  );
  expect(at.conservation()).toMatchObject({ ok: true });
  await at.close();
  at.end();
});
