/**
 * What every scenario of the demo works with: the rig, its steps with their durations, payments, and what was found
 * to hold.
 */
import { codeOf } from '../../firmware/core/codes.js';
import { toHex } from '../../firmware/core/bytes.js';
import type { TapReport } from '../../firmware/wire/link/link-messages.js';
import { failure } from '../base/errors.js';
import {
  lookInto,
  pay,
  redeem,
  register,
  withdraw,
  type Said,
  type TapListener,
  type TapResult,
} from '../rig/people.js';
import { moneyText } from '../base/money.js';
import type { Check, OverspendResult } from './report.js';
import type { Shop, Token, WholeShop } from '../rig/whole-shop.js';
import { must } from '../rig/must.js';

/** Shops and users of every scenario, as far as it has them. */
export const SHOPS = ['Cafe Roma', 'Book Corner'];
export const USERS = ['Alice', 'Bob'];
/** What users bring to their account, and take from it to the token; minor units. */
export const FUNDING = 10_000;
export const WITHDRAWALS: Record<string, number> = { Alice: 5000, Bob: 3000 };
/** How long the outbox, and the bank, may take to deliver all. */
const DRAIN_MS = 30_000;

/** A scene, and what was played on it. */
export interface Stage {
  rig: WholeShop;
  /** An amount for people. @param amount minor units */
  money(amount: number): string;
  step<T>(name: string, run: () => Promise<T>): Promise<T>;
  pay(shop: Shop, token: Token, asked: number | Said): Promise<TapResult>;
  /** Notes that something that must hold does, or does not. */
  check(name: string, ok: boolean): void;
  taps: TapResult[];
  checks: Check[];
  /** Whose tap a charge was, by Rs in hexadecimal. */
  paidBy: Map<string, string>;
  overspend: OverspendResult | null;
}

/** Who hears of the taps in a shop; null: nobody. */
export type Listeners = Map<string, ((report: TapReport) => void) | null>;

/** What is charged, in words. */
function askedText({ money }: Pick<Stage, 'money'>, asked: number | Said): string {
  if (typeof asked === 'number') return money(asked);
  const { base, min, max } = asked.open;
  const entered = `${money(asked.entered)}, entered on the token`;
  return base > 0 ? `${money(base)} and a tip of ${entered},` : `between ${money(min)} and ${money(max)}: ${entered},`;
}

/** Sets the stage. @param onStep told of each step as it ends */
export function createStage(rig: WholeShop, listeners: Listeners, onStep: (name: string, ms: number) => void): Stage {
  const stage: Stage = {
    rig,
    money: (amount) => moneyText(amount, rig.currency),
    ...{ taps: [], checks: [], paidBy: new Map(), overspend: null },
    async step(name, run) {
      const startMs = performance.now();
      const result = await run();
      onStep(name, performance.now() - startMs);
      return result;
    },
    async pay(shop, token, asked) {
      const listen: TapListener = (listener) =>
        void listeners.set(
          shop.name,
          listener &&
            ((report) => {
              if (codeOf(report.code) === 'OK') stage.paidBy.set(toHex(report.rs), token.name);
              listener(report);
            }),
        );
      const tap = await stage.step(`${token.name} pays ${askedText(stage, asked)} at ${shop.name}`, () =>
        pay(rig, shop, token, asked, listen),
      );
      stage.taps.push(tap);
      return tap;
    },
    check: (name, ok) => void stage.checks.push({ name, ok }),
  };
  return stage;
}

/** Registers everybody, with money in the account and cash on the token. */
export async function openAccounts({ rig, step, money }: Stage): Promise<void> {
  const [shop] = rig.shops;
  const withCoupons = rig.scheme.issue === 'coupon';
  for (const token of rig.tokens) {
    await step(`register ${token.name}`, () => register(rig, shop, token, FUNDING));
    const amount = WITHDRAWALS[token.name]!;
    await step(`withdraw ${money(amount)} for ${token.name}${withCoupons ? ', as coupons' : ''}`, () =>
      withdraw(rig, shop, token, amount),
    );
  }
  // Later, and in another order, so that bank and issuer cannot tell by the time whose coupon it is.
  if (withCoupons)
    for (const token of [...rig.tokens].reverse())
      await step(`redeem ${token.name}'s coupons`, () => redeem(rig, shop, token));
}

/** Flash writes of all tokens since power-up. */
export async function tokenWrites({ rig }: Stage): Promise<number> {
  let writes = 0;
  for (const token of rig.tokens) writes += (await lookInto(rig, rig.shops[0], token)).flashWrites;
  return writes;
}

/** Waits until the issuer has every history. */
export async function deliver({ rig, step }: Stage): Promise<void> {
  await step('deposit', async () => {
    for (const shop of rig.shops) {
      if (!(await comesTrue(() => isHandedOver(shop))) || !(await shop.bridge.drained(DRAIN_MS)))
        throw failure('SERVICE_DOWN', `${shop.name}: histories are not delivered`);
    }
  });
  if (!rig.bank) return;
  await step('return to the issuer', async () => {
    if (!(await comesTrue(() => isReturned(rig)))) throw failure('SERVICE_DOWN', 'the bank cannot return histories');
  });
}

/** Looks until something has come true, `DRAIN_MS` at most. @returns whether it has */
async function comesTrue(look: () => Promise<boolean>): Promise<boolean> {
  const endMs = performance.now() + DRAIN_MS;
  for (;;) {
    if (await look()) return true;
    if (performance.now() > endMs) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Whether the bridge has what the terminal held: it shows PAID before it brings the history. */
async function isHandedOver(shop: Shop): Promise<boolean> {
  const { link, terminal } = await shop.bridge.status();
  return link.up && terminal !== null && terminal.historiesPending + terminal.tombstonesPending === 0;
}

/** Whether the bank has nothing left for the issuer. */
async function isReturned(rig: WholeShop): Promise<boolean> {
  const { numbers } = must('numbers', await rig.accounts.numbers());
  return numbers.unreturned + numbers.drawsPending === 0;
}
