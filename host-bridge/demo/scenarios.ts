/**
 * The scenarios of the demo. Each plays on any scheme, and notes what must hold; that the money adds up, and that the
 * audit finds nothing, is checked after every one of them (demo.ts).
 */
import { toHex } from '../../firmware/core/bytes.js';
import { history, license, licenseBody } from '../../firmware/wire/payment.js';
import { INS } from '../../firmware/wire/token-commands.js';
import { PAYMENTS_MAX } from '../base/payment-query.js';
import { failure, isFailure } from '../base/errors.js';
import { housesOf } from '../rig/served-houses.js';
import type { ScenarioName } from './scenario-names.js';
import { spendTwice } from './overspend.js';
import { payByWallet } from './wallet-scenario.js';
import {
  claim,
  collect,
  lookInto,
  redeem,
  renew,
  statement,
  unload,
  withdraw,
  withdrawEntered,
} from '../rig/people.js';
import { deliver, FUNDING, SHOPS, USERS, WITHDRAWALS, type Stage } from './stage.js';
import type { Shop, Token } from '../rig/whole-shop.js';
import { must } from '../rig/must.js';

/** A scenario: which shops and users it needs, which of the shops are offline, and what is played. */
export interface Scenario {
  shops: string[];
  offline: string[];
  /** Default: `USERS`. */
  users?: string[];
  play(stage: Stage): Promise<void>;
}

const ONE = { shops: SHOPS.slice(0, 1), offline: [] };

/** By name, in the order of `--all`. */
export const SCENARIOS: Record<ScenarioName, Scenario> = {
  pay: { ...ONE, play: payThrice },
  enter: { ...ONE, play: enterAmounts },
  overspend: { shops: SHOPS, offline: SHOPS.slice(1), play: spendTwice },
  refund: { ...ONE, play: giveBack },
  torn: { ...ONE, play: tear },
  outage: { ...ONE, play: goDown },
  renew: { ...ONE, play: renewLicense },
  rotate: { ...ONE, play: rotateKeys },
  wallet: { ...ONE, users: USERS.slice(0, 1), play: payByWallet },
};

async function payThrice(stage: Stage): Promise<void> {
  const { rig } = stage;
  const [shop] = rig.shops;
  const [alice, bob] = rig.tokens;
  await stage.pay(shop, alice, 350);
  await stage.pay(shop, bob, 1299);
  // Above what the token pays unasked: its owner presses the button and taps again.
  await stage.pay(shop, alice, 2600);
  await deliver(stage);
  checkPaid(stage);
  await checkBalances(stage);
}

/** x is entered on the token [0017], [0067]. */
const ENTERED = 700;

/** What the patent has the user enter, entered on the token. */
async function enterAmounts(stage: Stage): Promise<void> {
  const { rig, step, money } = stage;
  const [shop] = rig.shops;
  const [alice] = rig.tokens;
  const before = (await lookInto(rig, shop, alice)).balance;
  const x = await step(`Alice enters ${money(ENTERED)} on her token, and the desk takes it from there`, () =>
    withdrawEntered(rig, shop, alice, ENTERED),
  );
  stage.check('x of the withdrawal is what was entered on the token', x === ENTERED);
  if (rig.scheme.issue === 'coupon') await step("redeem Alice's coupons", () => redeem(rig, shop, alice));
  const { balance } = await lookInto(rig, shop, alice);
  stage.check('x is on the token', balance === before + ENTERED);
  const open = { base: 0, min: 100, max: 5000 };
  const given = await stage.pay(shop, alice, { open, entered: 450 });
  stage.check('y of an open charge is what was entered on the token', given.amount === 450);
  const tipped = await stage.pay(shop, alice, { open: { base: 1200, min: 1200, max: 1700 }, entered: 150 });
  stage.check('y with a tip is the sum of both', tipped.amount === 1350);
  await deliver(stage);
  checkPaid(stage);
  await checkBalances(stage);
}

/** The shop gives a payment back in two parts; a third would be more than it was paid. */
async function giveBack(stage: Stage): Promise<void> {
  const { rig, step } = stage;
  const [shop] = rig.shops;
  const [alice] = rig.tokens;
  await stage.pay(shop, alice, 900);
  await deliver(stage);
  const paid = shop.bridge.charges(1)[0]!;
  for (const amount of [300, 600]) {
    const { refund } = must(
      'refund',
      await step(`refund ${stage.money(amount)}`, () => shop.bridge.refund(paid.id, amount)),
    );
    stage.check(`${stage.money(amount)} given back`, refund.state === 'refunded');
  }
  const over = must('refund', await step(`refund ${stage.money(1)} more`, () => shop.bridge.refund(paid.id, 1)));
  stage.check('no more than was paid', over.refund.code === 'REFUND_TOO_LARGE');
  await deliver(stage);
  await step('Alice collects the receipts', () => collect(rig, shop, alice));
  // Above what her token pays unasked, so with its button.
  const unloaded = 2600;
  await step(`Alice unloads ${stage.money(unloaded)} to her account`, () => unload(rig, shop, alice, unloaded));
  await deliver(stage);
  const { balance } = must('ABC', await rig.accounts.balanceOf(alice.name));
  stage.check('unloaded to the account', balance === FUNDING - WITHDRAWALS[alice.name]! + unloaded);
  checkPaid(stage);
  await checkBalances(stage);
}

/**
 * Bytes of an ordinary tap after which the radio is cut, as parts of all: in OPEN, in CHALLENGE, in its answer, in ACK.
 */
const CUTS = [0.25, 0.6, 0.85, 0.97];
const CUT_REST_MS = 300;
const CUT_MS = 20_000;

/** Taps that are cut and go on, paid once each; and one whose customer leaves when her token has paid. */
async function tear(stage: Stage): Promise<void> {
  const { rig } = stage;
  const [shop] = rig.shops;
  const [alice, bob] = rig.tokens;
  const whole = await stage.pay(shop, alice, 150);
  const bytes = whole.airBytes.toToken + whole.airBytes.toTerminal;
  for (const part of CUTS) {
    shop.field.cutAfter(Math.round(part * bytes));
    const mended = mend(shop);
    await stage.pay(shop, alice, 150);
    await mended;
  }
  checkPaid(stage);
  await walkAway(stage, shop, bob, 800);
  await deliver(stage);
  const [claimed] = await stage.step('Bob claims his payment back', () => claim(rig, shop, bob));
  stage.check('a cancelled charge comes back at once', claimed?.amount === 800 && claimed.state === 'granted');
  await deliver(stage);
  await stage.step('Bob collects the receipt', () => collect(rig, shop, bob));
  await checkBalances(stage);
}

/** Ends a cut some time after it has happened. */
async function mend(shop: Shop): Promise<void> {
  const endMs = performance.now() + CUT_MS;
  while (!shop.field.isCut() && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, CUT_REST_MS));
  shop.field.restore();
}

/**
 * The radio goes when the token answers the challenge, so that it has paid and the terminal does not know; the clerk
 * cancels.
 */
async function walkAway({ rig, step, check, money }: Stage, shop: Shop, token: Token, amount: number): Promise<void> {
  await step(`${token.name} pays ${money(amount)}, leaves, and the clerk cancels`, async () => {
    const { charge } = must('charge', await shop.bridge.charge(amount));
    let ins = 0;
    shop.field.onTraffic = (toCard, frame) => {
      if (toCard && (frame[1]! & 0xef) === 0x80) ins = frame[2]!;
      // The signature's frame, or its first part: longer than any acknowledgement.
      else if (!toCard && ins === INS.challenge && frame.length > 24) shop.field.cutAfter(0);
    };
    // A token that was there before the charge does not pay it.
    await new Promise((resolve) => setTimeout(resolve, LEFT_MS));
    token.presence.hold(shop.field);
    const endMs = performance.now() + CUT_MS;
    while (!shop.field.isCut() && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 5));
    shop.field.onTraffic = null;
    token.presence.leave();
    shop.field.restore();
    for (let tries = 0; ; tries++) {
      const cancelled = await shop.bridge.cancel(Buffer.from(charge.id, 'hex'));
      if (cancelled.ok) break;
      // The terminal waits for the token's answer until its time is over.
      if (tries === 100) throw failure(cancelled.code, 'cancel');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
  check('the token has paid, and the shop was not', (await lookInto(rig, shop, token)).unacknowledged === 1);
}

const LEFT_MS = 1000;
const HAND_OVER_MS = 20_000;

/** Payments while no house can be reached; then everything is delivered. */
async function goDown(stage: Stage): Promise<void> {
  const { rig, step } = stage;
  const [shop] = rig.shops;
  const [alice, bob] = rig.tokens;
  await stage.pay(shop, alice, 350);
  await step('every service goes down', () => rig.stop());
  await stage.pay(shop, bob, 700);
  await stage.pay(shop, alice, 120);
  // The terminal hands over what it has when its time is free.
  const endMs = performance.now() + HAND_OVER_MS;
  const kept = async () => (await shop.bridge.status()).outbox.pending;
  while ((await kept()) < 2 && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 100));
  stage.check('the bridge keeps what it cannot deliver', (await kept()) === 2);
  await step('the services are back', () => rig.start());
  await deliver(stage);
  checkPaid(stage);
  await checkBalances(stage);
}

/** How long after its end somebody comes with a license. */
const LATE_S = 3600;

/** A license that has ended is refused at the shop and renewed at the desk; it names the same pseudonym. */
async function renewLicense(stage: Stage): Promise<void> {
  const { rig, step } = stage;
  const [shop] = rig.shops;
  const [alice] = rig.tokens;
  await stage.pay(shop, alice, 350);
  await deliver(stage);
  const before = await termsOf(stage, shop, alice);
  await step('time passes until the license has ended', () =>
    rig.advance(before.validUntilS - Math.floor(Date.now() / 1000) + LATE_S),
  );
  const late = await stage.pay(shop, alice, 200);
  stage.check('an ended license is refused', late.result === 'LICENSE_EXPIRED');
  await step("renew Alice's license", () => renew(rig, shop, alice));
  const again = await stage.pay(shop, alice, 200);
  stage.check('a renewed one pays', again.result === 'paid');
  await deliver(stage);
  const after = await termsOf(stage, shop, alice);
  stage.check(
    'the same pseudonym and class, a later quarter',
    toHex(after.pku) === toHex(before.pku) &&
      after.licenseClass === before.licenseClass &&
      after.validUntilS > before.validUntilS,
  );
  await checkBalances(stage);
}

/**
 * Every house has another key; boards are brought up to date one after another, and nothing stops or is lost meanwhile.
 */
async function rotateKeys(stage: Stage): Promise<void> {
  const { rig, step, check } = stage;
  const [shop] = rig.shops;
  const [alice, bob] = rig.tokens;
  await stage.pay(shop, alice, 350);
  for (const house of housesOf(rig.scheme)) await step(`the ${house} gets another key`, () => rig.rotateKey(house));
  await stage.pay(shop, bob, 200);
  check(
    'a token without the new key is told so',
    (await step('Alice withdraws, and her token does not know the key', () =>
      refusal(withdraw(rig, shop, alice, 700)),
    )) === 'KEY_UNKNOWN',
  );
  await step('Alice brings her token up to date', () => rig.updateToken(alice));
  await step('Alice withdraws', () => withdraw(rig, shop, alice, 700));
  if (rig.scheme.issue === 'coupon') await step('Alice redeems her coupons', () => redeem(rig, shop, alice));
  await step('the terminal is brought up to date', () => rig.updateShop(shop));
  await stage.pay(shop, alice, 120);
  await stage.pay(shop, bob, 130);
  await deliver(stage);
  const before = await termsOf(stage, shop, alice);
  await step('time passes until the license is about to end', () =>
    rig.advance(before.validUntilS - Math.floor(Date.now() / 1000) - LATE_S),
  );
  await step("renew Alice's license", () => renew(rig, shop, alice));
  await stage.pay(shop, alice, 110);
  check('a license under the new key pays', (await termsOf(stage, shop, alice)).validUntilS >= before.validUntilS);
  await step('Bob brings his token up to date', () => rig.updateToken(bob));
  await deliver(stage);
  checkPaid(stage);
  await checkBalances(stage);
}

/** The code that an act of people's is refused with; null where it is not. */
async function refusal(act: Promise<void>): Promise<string | null> {
  try {
    await act;
    return null;
  } catch (thrown) {
    if (!isFailure(thrown)) throw thrown;
    return thrown.code;
  }
}

/** What the license of a token's first payment says now. */
async function termsOf({ rig }: Stage, shop: Shop, token: Token) {
  const [debit] = await statement(rig, shop, token);
  if (!debit) throw failure('NO_CHARGE', `${token.name} has paid nothing`);
  return licenseBody.decode(license.decode(history.decode(debit.history)!.license)!.body)!;
}

/** Every tap was paid, and every history arrived once. */
function checkPaid(stage: Stage): void {
  stage.check(
    'every tap was paid',
    stage.taps.every((tap) => tap.result === 'paid'),
  );
}

/** Everything is delivered and collected: what was paid has arrived once, and each Balance is what its EBC says. */
async function checkBalances({ rig, taps, check }: Stage): Promise<void> {
  const [shop] = rig.shops;
  const { payments } = must('payments', await rig.accounts.payments({ limit: PAYMENTS_MAX }));
  const atShops = payments.filter(({ shop: name }) => rig.shops.some((one) => one.name === name));
  check('every payment arrived once', atShops.length === taps.filter((tap) => tap.result === 'paid').length);
  for (const token of rig.tokens) {
    // Where registration is sealed, a payment is the first that anybody here sees of a pseudonym.
    const pku = token.pkus[0] ?? (await statement(rig, shop, token))[0]?.pku;
    if (!pku) continue;
    const { ebc } = must('EBC', await rig.office.counterOf(pku));
    const { balance } = await lookInto(rig, shop, token);
    check(`${token.name}: Balance and EBC are the same`, balance === ebc);
  }
}
