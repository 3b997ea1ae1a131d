/** Many signatures at once: the same verdict as one at a time, here and in worker threads. */
import { signedBytes, SIGNED } from '../../firmware/wire/signed.js';
import { createVerifyPool } from '../../host-bridge/base/crypto/verify-pool.js';
import { packChecks, verifyHere, type SignatureCheck } from '../../host-bridge/base/crypto/verify-many.js';
import { flipped, signerOf } from '../kit/people.js';

const signers = ['a', 'b', 'c'].map((label) => signerOf(label));

/** Messages of each length by one of three keys; of four, one is by nobody. */
function checksFor(count: number): { checks: SignatureCheck[]; wanted: number[] } {
  const wanted: number[] = [];
  const checks = Array.from({ length: count }, (_, i): SignatureCheck => {
    const message = signedBytes(SIGNED.payment, new Uint8Array(i % 97).fill(i));
    const by = i % 4;
    const signature = signers[by % 3]!.sign(SIGNED.payment, new Uint8Array(i % 97).fill(i));
    wanted.push(by === 3 ? -1 : by);
    return {
      keys: signers.map(({ publicKey }) => publicKey),
      message,
      signature: by === 3 ? flipped(signature, 5) : signature,
    };
  });
  return { checks, wanted };
}

test.each([0, 1, 3, 4, 7, 8, 9, 40])('%i of them, here and in two threads', async (count) => {
  const { checks, wanted } = checksFor(count);
  const pool = createVerifyPool(2);
  expect([...(await verifyHere(checks))]).toEqual(wanted);
  expect([...(await pool.verify(checks))]).toEqual(wanted);
  await pool.close();
  // After its end too: who still asks is answered.
  expect([...(await pool.verify(checks))]).toEqual(wanted);
});

test('several blocks at a time get their own answers', async () => {
  const pool = createVerifyPool(2);
  const asked = [30, 5, 12, 60].map(checksFor);
  const found = await Promise.all(asked.map(({ checks }) => pool.verify(checks)));
  expect(found.map((one) => [...one])).toEqual(asked.map(({ wanted }) => wanted));
  await pool.close();
});

test('what cannot be packed is a mistake of ours', () => {
  const [check] = checksFor(1).checks as [SignatureCheck];
  expect(() => packChecks([{ ...check, signature: check.signature.subarray(1) }])).toThrow(RangeError);
  expect(() => packChecks([{ ...check, keys: [new Uint8Array(31)] }])).toThrow(RangeError);
  expect(() => packChecks([{ ...check, message: new Uint8Array(65_536) }])).toThrow(RangeError);
});
