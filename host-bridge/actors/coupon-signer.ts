/**
 * The bank's blind signatures SKBx: RSABSSA-SHA384-PSS-Randomized (RFC 9474) with one RSA-2048 key for each amount, by
 * @cloudflare/blindrsa-ts. EP 0926637 [0039]-[0040]. Left out: keeping the keys (http/key-file.ts).
 */
import { createPrivateKey, webcrypto, type JsonWebKey, type KeyObject } from 'node:crypto';
import { RSABSSA } from '@cloudflare/blindrsa-ts';

/** Amounts for which there are coupons, minor units, falling: any amount up to some thousands splits into a few. */
export const COUPON_AMOUNTS = [5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1];

/** Signing keys that do not show themselves. */
export interface CouponSigner {
  /** Falling. */
  amounts: number[];
  /** Moduli, 256 bytes each, in the order of `amounts`. */
  moduli: Uint8Array[];
  /** The blind signature, 256 bytes; null where the blinded message is no number below n. */
  sign(amount: number, blinded: Uint8Array): Promise<Uint8Array | null>;
}

const suite = RSABSSA.SHA384.PSS.Randomized({ supportsRSARAW: false });

/** Makes a signer. @param keys RSA-2048 private keys with e = 65537 by amount */
export async function createCouponSigner(keys: Map<number, KeyObject>): Promise<CouponSigner> {
  const amounts = [...keys.keys()].sort((a, b) => b - a);
  const imported = new Map<number, webcrypto.CryptoKey>();
  const moduli: Uint8Array[] = [];
  for (const amount of amounts) {
    const jwk = createPrivateKey(keys.get(amount)!.export({ format: 'pem', type: 'pkcs8' })).export({ format: 'jwk' });
    moduli.push(new Uint8Array(Buffer.from(jwk.n as string, 'base64url')));
    imported.set(amount, await webcrypto.subtle.importKey('jwk', jwk as JsonWebKey, { name: 'RSA-PSS', hash: 'SHA-384' }, true, ['sign']));
  }
  return {
    amounts,
    moduli,
    async sign(amount, blinded) {
      const key = imported.get(amount);
      if (!key) return null;
      try {
        return new Uint8Array(await suite.blindSign(key, blinded));
      } catch {
        return null;
      }
    },
  };
}

/** An amount as coupons, largest first. @param amounts falling; the last must be 1 for every amount to split */
export function splitAmount(amount: number, amounts: number[]): number[] | null {
  const parts: number[] = [];
  let rest = amount;
  for (const each of amounts) {
    for (; rest >= each; rest -= each) parts.push(each);
  }
  return rest === 0 ? parts : null;
}
