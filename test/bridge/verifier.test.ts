/** VERIFY: the one rule, on licenses and histories; every field of them counts. */
import { license, licenseBody } from '../../firmware/wire/payment.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { fixedLine, type KeyLine } from '../../host-bridge/base/keys/key-line.js';
import { VERIFY } from '../../firmware/wire/link/link-messages.js';
import { createSigner } from '../../host-bridge/base/crypto/signer.js';
import { createVerifier } from '../../host-bridge/bridge/verifier.js';
import { makeHistory, makeLicense, registrarKey, seedOf } from '../kit/histories.js';

const verifier = createVerifier({ registrar: fixedLine(registrarKey.publicKey) });
const ask = (what: number, bytes: Uint8Array) => verifier.answer(Uint8Array.of(what, ...bytes));
/** License, challenge, signature: what VERIFY.payment takes. */
const paymentOf = (bytes: Uint8Array) =>
  Buffer.concat([bytes.subarray(0, 124), bytes.subarray(188), bytes.subarray(124, 188)]);
const flipped = (bytes: Uint8Array, at: number, mask = 1) => bytes.map((byte, i) => (i === at ? byte ^ mask : byte));

test('a good license and a good history are good', () => {
  expect(ask(VERIFY.license, makeLicense())).toBe('OK');
  for (const amount of [1, 100, 9007199254740991])
    expect(ask(VERIFY.payment, paymentOf(makeHistory(1, amount)))).toBe('OK');
});

test('one flipped bit anywhere in a license is refused', () => {
  const good = makeLicense();
  for (let at = 0; at < good.length; at++) {
    for (const mask of [1, 128])
      expect(['LICENSE_INVALID', 'BAD_REQUEST']).toContain(ask(VERIFY.license, flipped(good, at, mask)));
  }
  expect(ask(VERIFY.license, flipped(good, good.length - 40))).toBe('LICENSE_INVALID');
});

test('one flipped bit anywhere in a history is refused, by the name of what it damages', () => {
  const good = makeHistory(7);
  for (let at = 0; at < good.length; at++) {
    const code = ask(VERIFY.payment, flipped(paymentOf(good), at));
    const wanted = at < 124 ? ['LICENSE_INVALID', 'BAD_REQUEST'] : ['SIGNATURE_INVALID', 'BAD_REQUEST'];
    expect(wanted).toContain(code);
  }
  expect(ask(VERIFY.payment, paymentOf(flipped(good, 140)))).toBe('SIGNATURE_INVALID');
});

test('the license of one pseudonym is no license for another, nor one of another registrar', () => {
  const other = createSigner(seedOf('other'));
  const mixed = makeHistory(1, 100, other);
  mixed.set(makeLicense(), 0);
  expect(ask(VERIFY.payment, paymentOf(mixed))).toBe('SIGNATURE_INVALID');
  expect(createVerifier({ registrar: fixedLine(other.publicKey) }).history(makeHistory(1))).toBe('LICENSE_INVALID');
});

test('keys that follow: by what the terminal was given, and no verdict where it has one that the bridge has not heard of', () => {
  const [before, later] = [registrarKey, createSigner(seedOf('later'))];
  const endS = licenseBody.decode(license.decode(makeLicense())!.body)!.validUntilS;
  const lineUntil = (untilS: number): KeyLine => ({
    keys: () => [
      { key: before.publicKey, sealKey: null, fromS: 0, endS: 1, untilS },
      { key: later.publicKey, sealKey: null, fromS: 1, endS: Infinity, untilS: Infinity },
    ],
  });
  const { body } = license.decode(makeLicense())!;
  const byLater = license.encode({ body, signature: later.sign(SIGNED.license, body) });
  const judge = (has: Uint8Array | null, bytes: Uint8Array, untilS = endS) =>
    createVerifier({ registrar: lineUntil(untilS), terminalHas: () => has && has.slice(0, 4) }).license(bytes);
  expect([judge(null, byLater), judge(later.publicKey, byLater), judge(before.publicKey, byLater)]).toEqual([
    'OK',
    'OK',
    'KEY_UNKNOWN',
  ]);
  expect([judge(before.publicKey, makeLicense()), judge(later.publicKey, makeLicense())]).toEqual(['OK', 'OK']);
  expect(judge(later.publicKey, makeLicense(), endS - 1)).toBe('LICENSE_INVALID');
  const unheard = createVerifier({
    registrar: fixedLine(before.publicKey),
    terminalHas: () => later.publicKey.slice(0, 4),
  });
  expect([unheard.license(byLater), unheard.license(makeLicense())]).toEqual(['BUSY', 'OK']);
});

test('what is no request is named so, whatever its length', () => {
  const good = makeHistory(1);
  expect(verifier.answer(new Uint8Array(0))).toBe('BAD_REQUEST');
  expect(ask(0, good)).toBe('BAD_REQUEST');
  expect(ask(2, good)).toBe('BAD_REQUEST');
  for (let length = 0; length < good.length; length++)
    expect(ask(VERIFY.payment, paymentOf(good).slice(0, length))).toBe('BAD_REQUEST');
  expect(ask(VERIFY.license, good)).toBe('BAD_REQUEST');
});

test('times are measured', () => {
  let ms = 0;
  const timed = createVerifier({ registrar: fixedLine(registrarKey.publicKey), nowMs: () => (ms += 3) });
  timed.answer(Uint8Array.of(VERIFY.license, ...makeLicense()));
  timed.answer(new Uint8Array(0));
  expect(timed.times()).toEqual({ count: 2, sumMs: 6, maxMs: 3 });
});
