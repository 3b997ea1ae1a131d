/**
 * The purse against a model of a few lines: any sequence of commands, hostile ones, resets and power cuts.
 *
 * The model knows nothing of journals: a Balance, what was asked and signed, which debits were acknowledged, the sum
 * since the press. Where power was cut it takes whichever of old and new the token woke up with.
 */
import { fc } from '../kit/properties.js';
import { payment } from '../../firmware/wire/payment.js';
import {
  boot,
  challengeBytes,
  chargeBytes,
  CONFIG,
  isPaymentFor,
  ready,
  receiptBytes,
  type TestPurse,
} from './purse-rig.js';

const SLOTS = CONFIG.debitSlots;

interface Model {
  balance: number;
  receipts: number;
  /** Since the press; of the newest debit, as a reset brings it back. */
  sum: number;
  durableSum: number;
  /** Every debit ever made, by charge, with what was asked. */
  debits: Map<string, { bytes: Uint8Array; signature: Uint8Array; acknowledged: boolean }>;
}

type Step =
  /** Of a charge that was opened before, prepared, or not. */
  | { do: 'pay'; number: number; amount: number; shop: string; ahead: boolean }
  | { do: 'open'; number: number; shop: string }
  | { do: 'ack'; number: number; shop: string }
  | { do: 'receipt'; offset: number; amount: number }
  | { do: 'press' }
  | { do: 'reset' }
  | { do: 'cut'; operation: number; word: number }
  | { do: 'noise'; bytes: Uint8Array };

const shop = fc.constantFrom('Cafe', 'Kiosk');
const number = fc.integer({ min: 1, max: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('pay' as const),
      number,
      amount: fc.integer({ min: 1, max: 1200 }),
      shop,
      ahead: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('open' as const), number, shop }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('ack' as const), number, shop }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('receipt' as const),
      offset: fc.integer({ min: 0, max: 2 }),
      amount: fc.integer({ min: 1, max: 3000 }),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ do: 'press' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'reset' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('cut' as const),
      operation: fc.integer({ min: 0, max: 2 }),
      word: fc.integer({ min: 0, max: 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('noise' as const), bytes: fc.uint8Array({ maxLength: 130 }) }) },
);

const unsettledAt = (model: Model, shop: string) =>
  [...model.debits].filter(([key, debit]) => key.startsWith(shop) && !debit.acknowledged).length;
const unacknowledged = (model: Model) => [...model.debits.values()].filter((debit) => !debit.acknowledged).length;

/** One step on both; `cut` says that power may go during it, so that DEVICE_FAULT is a possible answer. */
function take(token: TestPurse, model: Model, now: Step, cut: boolean): void {
  if (now.do === 'open' || (now.do === 'pay' && now.ahead)) {
    const answer = token.purse.open(chargeBytes(now.number, now.shop));
    expect(answer.ok ? answer.data[124] : cut && answer.code).toEqual(
      answer.ok ? unsettledAt(model, now.shop) : 'DEVICE_FAULT',
    );
    token.purse.expectPayment(0);
  }
  if (now.do === 'pay') {
    const bytes = challengeBytes({ number: now.number, amount: now.amount, shop: now.shop });
    const asked = token.purse.pending(0);
    const answer = token.purse.pay(bytes, 0);
    const key = now.shop + now.number;
    const known = model.debits.get(key);
    const held = known && token.purse.state.journal.find(bytes.subarray(23)) >= 0;
    if (!answer.ok) {
      if (cut && answer.code === 'DEVICE_FAULT') return;
      if (answer.code === 'CHALLENGE_CONFLICT') expect(known && Buffer.compare(known.bytes, bytes)).toBeTruthy();
      else if (answer.code === 'CONFIRM_NEEDED')
        expect(
          // Another y of the charge that waits for a press is asked for, whatever it is.
          (asked !== null && asked.about === token.purse.pending(0)?.about && asked.amount !== now.amount) ||
            now.amount > model.balance ||
            now.amount > CONFIG.limits.paymentMax ||
            model.sum + now.amount > CONFIG.limits.sumMax,
        ).toBe(true);
      else if (answer.code === 'JOURNAL_FULL') expect(unacknowledged(model)).toBe(SLOTS);
      else throw new Error('pay answered ' + answer.code);
      return;
    }
    expect(isPaymentFor(answer.data, bytes)).toBe(true);
    if (answer.repeated) {
      expect(held).toBe(true);
      expect(Buffer.compare(known!.bytes, bytes)).toBe(0);
      expect(payment.decode(answer.data)!.signature).toEqual(known!.signature);
      return;
    }
    // Only a debit that was acknowledged, and then overwritten, may be made anew.
    expect(!known || known.acknowledged).toBe(true);
    model.balance -= now.amount;
    model.sum += now.amount;
    model.durableSum = model.sum;
    model.debits.set(key, { bytes, signature: payment.decode(answer.data)!.signature, acknowledged: false });
  } else if (now.do === 'ack') {
    const known = model.debits.get(now.shop + now.number);
    const answer = token.purse.ack(chargeBytes(now.number, now.shop));
    if (answer.ok) known!.acknowledged = true;
    else if (!(cut && answer.code === 'DEVICE_FAULT')) expect(!known || known.acknowledged).toBe(true);
  } else if (now.do === 'receipt') {
    const answer = token.desk.receipt(receiptBytes({ number: model.receipts + now.offset, amount: now.amount }));
    if (!answer.ok && cut && answer.code === 'DEVICE_FAULT') return;
    expect(answer.ok).toBe(now.offset < 2);
    if (now.offset !== 1) return;
    model.receipts++;
    model.balance += now.amount;
  } else if (now.do === 'press') {
    // A press for the desk; what a press confirms is in purse.test.ts.
    if (token.purse.pending(0)) return;
    token.purse.press(0);
    model.sum = 0;
  } else if (now.do === 'noise') {
    for (const command of [token.purse.open, token.purse.ack, token.purse.recall, token.desk.receipt])
      command(now.bytes);
    token.purse.pay(now.bytes, 0);
    for (const command of [token.desk.register, token.desk.license, token.desk.withdraw]) command(now.bytes, 0);
  }
}

/** After a cut: the token has the old state or the new one of the step that was cut; the model follows. */
function follow(token: TestPurse, model: Model, cutStep: Step): void {
  const journal = token.purse.state.journal;
  if (cutStep.do === 'pay') {
    const bytes = challengeBytes({ number: cutStep.number, amount: cutStep.amount, shop: cutStep.shop });
    const slot = journal.find(bytes.subarray(23));
    if (slot >= 0 && journal.balance() === model.balance - cutStep.amount) {
      const found = journal.read(slot);
      expect(found.challenge).toEqual(bytes);
      model.balance -= cutStep.amount;
      model.sum += cutStep.amount;
      model.durableSum = model.sum;
      model.debits.set(cutStep.shop + cutStep.number, { bytes, signature: found.signature, acknowledged: false });
    }
  } else if (cutStep.do === 'ack') {
    const known = model.debits.get(cutStep.shop + cutStep.number);
    const slot = journal.find(chargeBytes(cutStep.number, cutStep.shop));
    if (known && slot >= 0 && journal.isSettled(slot)) known.acknowledged = true;
  } else if (cutStep.do === 'receipt' && journal.receiptNumber() === model.receipts + 1) {
    model.receipts++;
    model.balance += cutStep.amount;
  }
}

function agree(token: TestPurse, model: Model): void {
  const journal = token.purse.state.journal;
  expect(journal.balance()).toBe(model.balance);
  expect(journal.receiptNumber()).toBe(model.receipts);
  expect(journal.unsettledCount()).toBe(unacknowledged(model));
  // Nothing unacknowledged is ever lost.
  for (const [, debit] of model.debits) {
    if (debit.acknowledged) continue;
    expect(journal.read(journal.find(debit.bytes.subarray(23))).signature).toEqual(debit.signature);
  }
}

test('any sequence of commands, resets and power cuts', () => {
  let cuts = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
      let token = ready(4000);
      const model: Model = { balance: 4000, receipts: 1, sum: 0, durableSum: 0, debits: new Map() };
      let pendingCut: { operation: number; word: number } | null = null;
      for (const now of steps) {
        if (now.do === 'cut') {
          pendingCut = now;
          continue;
        }
        if (pendingCut) token.flash.cutAfter(pendingCut.operation, 'during', pendingCut.word);
        let lost = false;
        token.flash.onPowerLost = () => void (lost = true);
        take(token, model, now, pendingCut !== null);
        if (lost) cuts++;
        if (lost || now.do === 'reset') {
          token.flash.powerOn();
          token = boot(token.flash);
          model.sum = model.durableSum;
          if (lost) follow(token, model, now);
        } else token.flash.powerOn();
        pendingCut = null;
        agree(token, model);
      }
      agree(boot(token.flash), model);
    }),
    { numRuns: 150 },
  );
  expect(cuts).toBeGreaterThan(20);
});
