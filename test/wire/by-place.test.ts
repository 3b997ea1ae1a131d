/** What a board reads or writes by its place at a tap is what the codecs say: same bytes, same refusals. */
import { fc } from '../kit/properties.js';
import {
  encodeHistoryRecord,
  historyRecord,
  CHARGE_PKU_AT,
  CHARGE_TIME_AT,
  chargeRecord,
} from '../../firmware/shop-terminal/shop-records.js';
import { debitRecord, encodeDebit } from '../../firmware/user-token/token-records.js';
import {
  challenge,
  CHALLENGE_AMOUNT_AT,
  CHALLENGE_CHARGE_AT,
  CHALLENGE_TIME_AT,
  chargeId,
  isChargeId,
  license,
  licenseBody,
  LICENSE_CLASS_AT,
  LICENSE_PKU_AT,
  LICENSE_UNTIL_AT,
  payment,
  readChallenge,
  TERMS_BYTES,
} from '../../firmware/wire/payment.js';
import { readU32 } from '../../firmware/core/bytes.js';
import { anyMessage } from './layouts.js';

/** Encoded messages, whole, with a byte changed, cut or longer; and noise. */
function bytesLike<T>(
  codec: Parameters<typeof anyMessage>[0] & { encode(message: T): Uint8Array },
): fc.Arbitrary<Uint8Array> {
  const whole = anyMessage(codec).map((message) => codec.encode(message as T));
  const changed = fc.tuple(whole, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([bytes, at, flip]) => {
    bytes[at % bytes.length] ^= flip;
    return bytes;
  });
  const resized = fc
    .tuple(whole, fc.nat({ max: 90 }))
    .map(([bytes, length]) => Uint8Array.from({ length }, (_, i) => bytes[i] ?? 0x41));
  // A view whose buffer goes on after its end.
  const cut = fc.tuple(whole, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % (bytes.length + 1)));
  return fc.oneof(whole, changed, resized, cut, fc.uint8Array({ maxLength: 70 }));
}

test('a challenge', () => {
  fc.assert(
    fc.property(bytesLike(challenge), (bytes) => {
      const read = readChallenge(bytes);
      expect(read && { ...read, issuer: read.issuer.slice(), rs: read.rs.slice() }).toEqual(challenge.decode(bytes));
    }),
    { numRuns: 2000 },
  );
});

test('a charge id', () => {
  fc.assert(
    fc.property(bytesLike(chargeId), (bytes) => expect(isChargeId(bytes)).toBe(chargeId.decode(bytes) !== null)),
    { numRuns: 2000 },
  );
});

test('the records of a payment', () => {
  fc.assert(
    fc.property(anyMessage(debitRecord), (record) =>
      expect(encodeDebit(record as never)).toEqual(debitRecord.encode(record as never)),
    ),
  );
  fc.assert(
    fc.property(anyMessage(historyRecord), (record) =>
      expect(encodeHistoryRecord(record as never)).toEqual(historyRecord.encode(record as never)),
    ),
  );
});

test('places within a challenge, its answer, a license and a charge', () => {
  fc.assert(
    fc.property(
      anyMessage(challenge),
      anyMessage(licenseBody),
      anyMessage(chargeRecord),
      (asked: any, body: any, charge: any) => {
        const bytes = challenge.encode(asked);
        expect(chargeId.decode(bytes.subarray(CHALLENGE_CHARGE_AT))).toEqual({ rs: asked.rs, shop: asked.shop });
        const signature = new Uint8Array(64).fill(7);
        expect(payment.encode({ amount: asked.amount, signature })).toEqual(
          Uint8Array.of(...bytes.subarray(CHALLENGE_AMOUNT_AT, CHALLENGE_TIME_AT), ...signature),
        );
        expect(readU32(bytes, CHALLENGE_TIME_AT)).toBe(asked.timeS);

        const licensed = license.encode({ body: licenseBody.encode(body), signature });
        expect(licensed.subarray(0, TERMS_BYTES)).toEqual(Uint8Array.of(...body.issuer, ...Buffer.from(body.currency)));
        expect([licensed[LICENSE_CLASS_AT], readU32(licensed, LICENSE_UNTIL_AT)]).toEqual([
          body.licenseClass,
          body.validUntilS,
        ]);
        expect(licensed.slice(LICENSE_PKU_AT, LICENSE_PKU_AT + 32)).toEqual(body.pku);

        const stored = chargeRecord.encode(charge);
        expect([readU32(stored, CHARGE_TIME_AT), stored.length]).toEqual([charge.timeS, CHARGE_PKU_AT + 40]);
        expect(stored.slice(CHARGE_PKU_AT, CHARGE_PKU_AT + 32)).toEqual(charge.boundPku);
      },
    ),
  );
});
