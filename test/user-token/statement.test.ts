/**
 * The owner's statement: each debit of the journal as the history that its shop has, at the desk alone.
 */
import { fc } from '../kit/properties.js';
import { challenge, history } from '../../firmware/wire/payment.js';
import { debitAnswer, debitRequest } from '../../firmware/wire/token-commands.js';
import {
  boot,
  challengeBytes,
  chargeBytes,
  codeOfAnswer,
  CONFIG,
  isPaymentFor,
  licenseBytes,
  must,
  newFlash,
  ready,
} from './purse-rig.js';
import { payment } from '../../firmware/wire/payment.js';

const ask = (slot: number) => debitRequest.encode({ slot });
const OPEN = { ...CONFIG, limits: { paymentMax: 1000, sumMax: 1_000_000 } };

test('debits in the order of their places, settled or not, with a signature that verifies', () => {
  const token = ready(5000, OPEN);
  for (const number of [1, 2, 3]) must(token.purse.pay(challengeBytes({ number }), 0));
  must(token.purse.ack(chargeBytes(2)));
  token.purse.press(0);
  const seen: [number, number, boolean][] = [];
  for (let slot = 0; ;) {
    const answer = token.desk.debit(ask(slot), 0);
    if (!answer.ok) {
      expect(answer.code).toBe('NO_CHARGE');
      break;
    }
    const read = debitAnswer.decode(answer.data)!;
    const h = history.decode(read.history)!;
    expect(h.license).toEqual(licenseBytes({}));
    const { amount } = challenge.decode(h.challenge)!;
    seen.push([read.slot, read.settled, isPaymentFor(payment.encode({ amount, signature: h.signature }), h.challenge)]);
    slot = read.slot + 1;
  }
  expect(seen).toEqual([
    [0, 0, true],
    [1, 1, true],
    [2, 0, true],
  ]);
});

test('it changes nothing, and is the same after a reset', () => {
  const token = ready(5000, OPEN);
  must(token.purse.pay(challengeBytes({ number: 1 }), 0));
  token.purse.press(0);
  const writes = token.log.writes();
  const before = must(token.desk.debit(ask(0), 0)).data;
  expect(token.log.writes()).toBe(writes);
  const again = boot(token.flash, OPEN);
  again.purse.press(0);
  expect(must(again.desk.debit(ask(0), 0)).data).toEqual(before);
});

test('not without the button, not beyond the journal, not for nonsense', () => {
  const token = ready(5000, OPEN);
  must(token.purse.pay(challengeBytes({ number: 1 }), 0));
  expect(codeOfAnswer(token.desk.debit(ask(0), 0))).toBe('DESK_CLOSED');
  token.purse.press(0);
  expect(codeOfAnswer(token.desk.debit(ask(1), 0))).toBe('NO_CHARGE');
  expect(codeOfAnswer(token.desk.debit(ask(255), 0))).toBe('NO_CHARGE');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5 }), (data) => {
      const answer = token.desk.debit(data, 0);
      expect(answer.ok || ['BAD_REQUEST', 'NO_CHARGE'].includes(answer.code)).toBe(true);
    }),
    { numRuns: 50 },
  );
  expect(codeOfAnswer(boot(newFlash()).desk.debit(ask(0), 0))).toBe('NO_CHARGE');
});
