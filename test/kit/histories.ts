/** Keys and signed messages for the bridge's tests, made by the host's own signer. */
import { createHash } from 'node:crypto';
import { createSigner, issuerIdOf } from '../../host-bridge/base/crypto/signer.js';
import { challenge, chargeId, history, license, licenseBody, tombstone } from '../../firmware/wire/payment.js';
import { SIGNED } from '../../firmware/wire/signed.js';

/** A seed that is the same in every run. */
export const seedOf = (name: string) => new Uint8Array(createHash('sha256').update(name).digest());

export const issuerKey = createSigner(seedOf('issuer'));
export const registrarKey = createSigner(seedOf('registrar'));
export const terminalKey = createSigner(seedOf('terminal'));
export const pseudonymKey = createSigner(seedOf('pseudonym'));
export const ISSUER = issuerIdOf(issuerKey.publicKey);
export const SHOP = 'Corner Shop';
export const TERMINAL_ID = new Uint8Array([1, 2, 3, 4]);

export function rsOf(counter: number): Uint8Array {
  const rs = new Uint8Array(16).fill(9);
  rs.set(TERMINAL_ID);
  new DataView(rs.buffer).setUint32(4, counter);
  return rs;
}

export function makeLicense(key = pseudonymKey, validUntilS = 4_000_000_000): Uint8Array {
  const body = licenseBody.encode({
    issuer: ISSUER,
    currency: 'EUR',
    licenseClass: 1,
    validUntilS,
    pku: key.publicKey,
    multiplesHash: new Uint8Array(16),
  });
  return license.encode({ body, signature: registrarKey.sign(SIGNED.license, body) });
}

export function makeHistory(counter: number, amount = 100, key = pseudonymKey): Uint8Array {
  const asked = challenge.encode({
    issuer: ISSUER,
    currency: 'EUR',
    amount,
    timeS: 1_800_000_000,
    counter,
    rs: rsOf(counter),
    shop: SHOP,
  });
  return history.encode({ license: makeLicense(key), signature: key.sign(SIGNED.payment, asked), challenge: asked });
}

export function makeTombstone(counter: number): Uint8Array {
  const id = chargeId.encode({ rs: rsOf(counter), shop: SHOP });
  return tombstone.encode({ signature: terminalKey.sign(SIGNED.tombstone, id), chargeId: id });
}
