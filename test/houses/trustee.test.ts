/**
 * The trustee: registration and license.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { CLASS_FULL, CLASS_SMALL } from '../../firmware/core/license-class.js';
import { concat, equal } from '../../firmware/core/bytes.js';
import { license, licenseBody } from '../../firmware/wire/payment.js';
import { accountBody, accountCertificate } from '../../firmware/wire/registration.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { LICENSE_VALID_S, quarterEnd, RENEW_GRACE_S } from '../../host-bridge/houses/licensing.js';
import { isSigned, type Signer } from '../../host-bridge/base/crypto/signer.js';
import { createTrustee } from '../../host-bridge/houses/trustee/trustee.js';
import { refusal } from '../../host-bridge/base/errors.js';
import { multiplesHashOf, multiplesOf } from '../../host-bridge/base/crypto/key-multiples.js';
import {
  codeOf,
  createRig,
  CURRENCY,
  flipped,
  good,
  historyOf,
  ISSUER,
  issuerSigner,
  person,
  registrarSigner,
  registrationOf,
  rsOf,
  START_S,
  type Rig,
} from '../kit/people.js';

const ada = person('Ada');
const bob = person('Bob');

let rig: Rig;
let certificate: Uint8Array;
beforeEach(() => {
  rig = createRig();
  certificate = rig.open(ada);
});
afterEach(() => rig.close());

function certificateOf(name: string, accountKey: Uint8Array, signer: Signer = issuerSigner): Uint8Array {
  const body = accountBody.encode({ accountKey, name });
  return accountCertificate.encode({ signature: signer.sign(SIGNED.account, body), body });
}

test('(PKU, IdU) gives the license SKR(PKU), valid for a year and to the end of the quarter', () => {
  const { license: bytes, repeated } = good(rig.trustee.register(registrationOf(ada), certificate));
  const signed = license.decode(bytes);
  expect(repeated).toBe(false);
  expect(licenseBody.decode(signed?.body as Uint8Array)).toEqual({
    issuer: ISSUER,
    currency: 'EUR',
    licenseClass: 1,
    validUntilS: quarterEnd(START_S, 365 * 86400),
    pku: ada.pku,
    multiplesHash: multiplesHashOf(multiplesOf(ada.pku)),
  });
  expect(
    isSigned(registrarSigner.publicKey, SIGNED.license, signed?.body as Uint8Array, signed?.signature as Uint8Array),
  ).toBe(true);
  expect(rig.trusteeStore.registration(ada.pku)).toMatchObject({
    name: 'Ada',
    request: registrationOf(ada),
    certificate,
    license: bytes,
  });
});

test('asked again, the same license bytes, whatever the clock says', () => {
  const first = good(rig.trustee.register(registrationOf(ada), certificate));
  rig.clock.nowS += 12345;
  const again = good(rig.trustee.register(registrationOf(ada), certificate));
  expect(again.repeated).toBe(true);
  expect(equal(again.license, first.license)).toBe(true);
});

test('a pseudonym keeps its name, and a name has one pseudonym', () => {
  good(rig.trustee.register(registrationOf(ada), certificate));
  const stolen = { ...bob, token: ada.token, pku: ada.pku };
  expect(codeOf(rig.trustee.register(registrationOf(stolen), rig.open(bob)))).toBe('PSEUDONYM_TAKEN');
  expect(
    codeOf(rig.trustee.register(registrationOf({ ...ada, ...{ token: bob.token, pku: bob.pku } }), certificate)),
  ).toBe('PSEUDONYM_LIMIT');
  expect(rig.trusteeStore.registration(bob.pku)).toBeNull();
});

// Order 8 point; the neutral element; a key that is no point at all.
const SMALL_ORDER = new Uint8Array(
  Buffer.from('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'hex'),
);
/** Ada's key plus a point of order 8: signatures of hers may still verify, but the key is nobody's alone. */
const mixedOrder = () =>
  new Uint8Array(ed25519.Point.fromBytes(ada.pku).add(ed25519.Point.fromBytes(SMALL_ORDER)).toBytes());
const NEUTRAL = new Uint8Array([1, ...new Array(31).fill(0)]);

test.each<[string, () => Uint8Array, () => Uint8Array]>([
  ['BAD_REQUEST', () => new Uint8Array(0), () => certificate],
  ['BAD_REQUEST', () => registrationOf(ada).subarray(0, 190), () => certificate],
  ['BAD_REQUEST', () => concat([registrationOf(ada), new Uint8Array(1)]), () => certificate],
  ['BAD_REQUEST', () => registrationOf(ada), () => new Uint8Array(0)],
  [
    'CERTIFICATE_INVALID',
    () => registrationOf(ada),
    () => certificateOf('Ada', ada.account.publicKey, registrarSigner),
  ],
  ['CERTIFICATE_INVALID', () => registrationOf(ada), () => certificateOf('Bob', ada.account.publicKey)],
  ['CERTIFICATE_INVALID', () => registrationOf(ada), () => certificateOf('Ada', bob.account.publicKey)],
  ['SIGNATURE_INVALID', () => registrationOf(ada, {}, { account: bob.account }), () => certificate],
  ['SIGNATURE_INVALID', () => registrationOf(ada, {}, { token: bob.token }), () => certificate],
  ['KEY_INVALID', () => registrationOf(ada, { pku: SMALL_ORDER }), () => certificate],
  ['KEY_INVALID', () => registrationOf(ada, { pku: mixedOrder() }), () => certificate],
  ['KEY_INVALID', () => registrationOf(ada, { pku: NEUTRAL }), () => certificate],
  ['KEY_INVALID', () => registrationOf(ada, { pku: new Uint8Array(32).fill(255) }), () => certificate],
])('%s, and nothing is stored', (expected, request, paper) => {
  expect(codeOf(rig.trustee.register(request(), paper()))).toBe(expected);
  expect(rig.trusteeStore.pseudonymsOf('Ada')).toBe(0);
});

test('every byte of request and certificate is covered: turned by one bit it is refused', () => {
  const request = registrationOf(ada);
  for (let at = 0; at < request.length; at++)
    expect([at, rig.trustee.register(flipped(request, at), certificate).ok]).toEqual([at, false]);
  for (let at = 0; at < certificate.length; at++)
    expect([at, rig.trustee.register(request, flipped(certificate, at)).ok]).toEqual([at, false]);
  expect(rig.trusteeStore.pseudonymsOf('Ada')).toBe(0);
});

test('licenses of one quarter end in the same second, so that it tells nobody when their owners registered', () => {
  const endOf = (nowS: number) => quarterEnd(nowS, 365 * 86400);
  const quarterS = 7889400;
  const ends = Array.from({ length: 200 }, (_, day) => endOf(START_S + day * 86400));
  expect(new Set(ends).size).toBeLessThanOrEqual(4);
  for (const [day, endS] of ends.entries()) {
    const asked = START_S + (day + 365) * 86400;
    expect(endS >= asked && endS < asked + quarterS && endS % quarterS === 0).toBe(true);
  }
  // A license of an hour still ends within two.
  expect(quarterEnd(START_S, 3600) - START_S).toBeLessThan(7200);
});

describe('renewal', () => {
  const endOf = (paper: Uint8Array) => licenseBody.decode(license.decode(paper)!.body)!.validUntilS;
  const renew = () => rig.trustee.renew(registrationOf(ada), certificate);
  let first: Uint8Array;
  beforeEach(() => {
    first = good(rig.trustee.register(registrationOf(ada), certificate)).license;
  });

  test('early: the same license; due: the same pseudonym and class with another quarter; late: none', async () => {
    expect(good(await renew())).toEqual({ ok: true, license: first, repeated: true });
    rig.clock.nowS = endOf(first) - LICENSE_VALID_S / 4;
    const { license: second, repeated } = good(await renew());
    expect(repeated).toBe(false);
    const [before, after] = [first, second].map((paper) => licenseBody.decode(license.decode(paper)!.body)!);
    expect({ ...after!, validUntilS: 0 }).toEqual({ ...before!, validUntilS: 0 });
    expect(endOf(second)).toBe(quarterEnd(rig.clock.nowS, LICENSE_VALID_S));
    expect(
      isSigned(
        registrarSigner.publicKey,
        SIGNED.license,
        license.decode(second)!.body,
        license.decode(second)!.signature,
      ),
    ).toBe(true);
    expect(good(await renew())).toEqual({ ok: true, license: second, repeated: true });
    expect(good(rig.trustee.register(registrationOf(ada), certificate))).toEqual({
      ok: true,
      license: second,
      repeated: true,
    });
    rig.clock.nowS = endOf(second) + RENEW_GRACE_S - 1;
    expect(good(await renew()).repeated).toBe(false);
    rig.clock.nowS += 2 * LICENSE_VALID_S;
    expect(codeOf(await renew())).toBe('LICENSE_EXPIRED');
  });

  test('a renewed license keeps its class, whatever new ones have now', async () => {
    const small = (licenseClass: number) =>
      createTrustee({
        store: rig.trusteeStore,
        signer: registrarSigner,
        issuerKey: issuerSigner.publicKey,
        currency: CURRENCY,
        clock: () => rig.clock.nowS,
        issuer: rig.issuer,
        licenseClass,
      });
    const request = registrationOf(bob);
    const paper = rig.open(bob);
    const { license: held } = good(small(CLASS_SMALL).register(request, paper));
    rig.clock.nowS = endOf(held);
    const { license: renewed, repeated } = good(await small(CLASS_FULL).renew(request, paper));
    expect([repeated, licenseBody.decode(license.decode(renewed)!.body)!.licenseClass]).toEqual([false, CLASS_SMALL]);
  });

  test('who is denied gets none, as long as any license may be out, also where the history was paid with an older one', async () => {
    rig.clock.nowS = endOf(first) - 1000;
    const { license: second } = good(await renew());
    rig.shop('Shop');
    good(rig.issuer.deposit(historyOf(ada, 'Shop', 5, rsOf(1), {}, { license: first }))); // never withdrew: overspent
    rig.clock.nowS = endOf(second);
    expect(codeOf(await renew())).toBe('DENIED');
  });

  test('who is not registered, is somebody else, or cannot be looked up', async () => {
    expect(codeOf(await rig.trustee.renew(registrationOf(bob), rig.open(bob)))).toBe('PSEUDONYM_UNKNOWN');
    const both = { ...bob, token: ada.token, pku: ada.pku };
    expect(
      codeOf(
        await rig.trustee.renew(
          registrationOf(both),
          good(rig.office.openAccount('Bob', bob.account.publicKey)).certificate!,
        ),
      ),
    ).toBe('PSEUDONYM_TAKEN');
    for (const issuer of [
      undefined,
      { denyList: () => ({ ok: true as const, version: 1, messages: [new Uint8Array(76)] }) },
      { denyList: () => refusal('SERVICE_DOWN') },
    ]) {
      const blind = createTrustee({
        store: rig.trusteeStore,
        signer: registrarSigner,
        issuerKey: issuerSigner.publicKey,
        currency: CURRENCY,
        clock: () => START_S,
        ...(issuer ? { issuer } : {}),
      });
      expect(['SERVICE_DOWN', 'REPLY_INVALID']).toContain(codeOf(await blind.renew(registrationOf(ada), certificate)));
    }
    for (let at = 0; at < 190; at += 7)
      expect((await rig.trustee.renew(flipped(registrationOf(ada), at), certificate)).ok).toBe(false);
  });
});
