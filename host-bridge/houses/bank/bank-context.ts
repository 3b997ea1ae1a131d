/**
 * What the bank's procedures share. In a file of its own that imports no other file of the bank, so that each of them
 * may take it.
 */
import type { Scheme } from '../../../firmware/core/scheme.js';
import type { HostRefusal } from '../../base/errors.js';
import type { BankRequestRow, BankStore } from '../../ledger/store.js';
import type { CouponSigner } from '../../base/crypto/coupon-signer.js';
import type { CashOf } from '../read-history.js';
import type { IssuerForBank, Service } from '../../base/services/procedures.js';
import type { KeyLines } from '../../base/keys/key-line.js';
import type { Signer } from '../../base/crypto/signer.js';

/** What the bank's procedures share. */
export interface BankContext extends CashOf {
  store: BankStore;
  signer: Signer;
  lines: KeyLines;
  scheme: Scheme;
  issuerService: Service<IssuerForBank>;
  coupons: CouponSigner | null;
  /** How far the present round of `forward` has come: requests without a reply, and histories to return. */
  round: { request: BankRequestRow | null; returnedTo: number; trouble: HostRefusal | null };
  /** Unix time, whole seconds. */
  nowS(): number;
}
