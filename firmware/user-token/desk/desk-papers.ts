/**
 * What others signed for this token: licenses SKR(PKU) or SKI(PKU), receipts SKI(PKU, x). They are checked and taken in
 * one way, whether they come in the open or in a box (EP 0926637 [0016], [0021], [0065], [0069], [0087], [0091]).
 */
import { AMOUNT_MAX } from '../../core/amount.js';
import { copy, equal } from '../../core/bytes.js';
import { refuse } from '../../core/codes.js';
import type { Refusal } from '../../core/codes.js';
import { license, licenseBody, LICENSE_BYTES, MULTIPLES_HASH_BYTES } from '../../wire/payment.js';
import { SIGNED, signedBytes } from '../../wire/signed.js';
import { licenseGrant } from '../../wire/token-commands.js';
import type { LicenseGrant } from '../../wire/token-commands.js';
import { receipt, RECEIPT_KINDS, receiptBody } from '../../wire/withdrawal.js';
import { hasLicenses, PSEUDONYM_KEY } from '../purse.js';
import type { PurseState } from '../purse.js';
import { RECORD } from '../token-records.js';

/** Checks and takes what others signed. */
export interface Papers {
  /**
   * Stores the license of a pseudonym. Codes: BAD_REQUEST, LICENSE_INVALID, NOT_NEWER. One that is held already changes
   * nothing.
   * @param pseudonym 0 to n - 1
   */
  takeLicense(pseudonym: number, grant: LicenseGrant): Refusal | null;
  /**
   * Turns the next receipt into Balance. Codes: BAD_REQUEST, RECEIPT_INVALID, RECEIPT_GAP. One taken before changes
   * nothing.
   */
  takeReceipt(bytes: Uint8Array): Refusal | null;
}

/** Whether a house signed it: with its key, or with the one before that. */
export function isBy(
  keys: PurseState['keys'],
  key: Uint8Array,
  before: Uint8Array | null,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  return keys.verify(key, bytes, signature) || (!!before && before.length > 0 && keys.verify(before, bytes, signature));
}

/** Makes the papers of a purse. */
export function createPapers(state: PurseState): Papers {
  const keys = state.keys;
  const config = state.config;
  const journal = state.journal;

  return {
    takeLicense: function (pseudonym, grant) {
      // 1. It is a license ...
      const stored = state.records.get(RECORD.license, pseudonym);
      const offered = license.decode(grant.license);
      const body = offered && licenseBody.decode(offered.body);
      if (!offered || !body) return refuse('BAD_REQUEST');
      // 2. The one that we have, checked when it came: nothing to do, whatever keys we were given since.
      if (stored && equal(stored, licenseGrant.encode(grant))) return null;
      // 3. ... for this PKU, our issuer and currency, with its multiples ...
      const pku = keys.publicKey(PSEUDONYM_KEY + pseudonym);
      const ours = equal(body.pku, pku) && equal(body.issuer, config.issuer) && body.currency === config.currency;
      const whole = equal(body.multiplesHash, copy(keys.sha256(grant.multiples), 0, MULTIPLES_HASH_BYTES));
      // 4. ... by our registrar.
      if (
        !ours ||
        !whole ||
        !isBy(
          keys,
          config.registrarKey,
          config.registrarBefore,
          signedBytes(SIGNED.license, offered.body),
          offered.signature,
        )
      ) {
        return refuse('LICENSE_INVALID');
      }
      // 5. One that ends earlier than the one that we have: no.
      const held = stored && stored.subarray(0, LICENSE_BYTES);
      const heldBody = held && licenseBody.decode(license.decode(held)!.body);
      if (heldBody && heldBody.validUntilS > body.validUntilS) return refuse('NOT_NEWER');
      state.records.put(RECORD.license, pseudonym, licenseGrant.encode(grant));
      state.licensed = state.licensed || hasLicenses(state.records, config.pseudonyms);
      return null;
    },
    takeReceipt: function (bytes) {
      // 1. It is a receipt.
      const offered = receipt.decode(bytes);
      const body = offered && receiptBody.decode(offered.body);
      if (!offered || !body) return refuse('BAD_REQUEST');
      // 2. For a PKUi of ours, issuer and currency, of a kind we know, by our issuer.
      const kinds = RECEIPT_KINDS;
      let at = 0;
      while (at < config.pseudonyms && !equal(body.pku, keys.publicKey(PSEUDONYM_KEY + at))) at++;
      const ours = at < config.pseudonyms && equal(body.issuer, config.issuer) && body.currency === config.currency;
      const known = body.kind === kinds.withdrawal || body.kind === kinds.refund || body.kind === kinds.reconcile;
      if (
        !ours ||
        !known ||
        !isBy(keys, config.issuerKey, config.issuerBefore, signedBytes(SIGNED.receipt, offered.body), offered.signature)
      ) {
        return refuse('RECEIPT_INVALID');
      }
      // 3. The next one. One taken already changes nothing.
      const next = journal.receiptNumber() + 1;
      if (body.number > next) return refuse('RECEIPT_GAP');
      if (body.number < next) return null;
      // 4. Balance stays a number that can be counted.
      if (body.amount > AMOUNT_MAX - journal.balance()) return refuse('RECEIPT_INVALID');
      journal.credit(body.number, body.amount);
      return null;
    },
  };
}
