/**
 * Registration [0013]-[0016]: the account certificate, and the request (PKU, IdU) with its proofs.
 */
import { defineMessage, BYTES, NAME } from './codec.js';
import { KEY_BYTES, SIGNATURE_BYTES } from './payment.js';

/** What binds an account key to a name: signed by who keeps the accounts, as type `account`. */
export interface AccountBody {
  accountKey: Uint8Array;
  name: string;
}
export const accountBody = defineMessage<AccountBody>([
  ['accountKey', BYTES, KEY_BYTES],
  ['name', NAME],
]);

/** Account certificate. */
export interface AccountCertificate {
  signature: Uint8Array;
  /** Encoded `accountBody`. */
  body: Uint8Array;
}
export const accountCertificate = defineMessage<AccountCertificate>([
  ['signature', BYTES, SIGNATURE_BYTES],
  ['body', 'rest'],
]);

/** (PKU, IdU): signed by the account key (type `registration`) and by SKU (type `registrationProof`). */
export interface RegistrationBody {
  pku: Uint8Array;
  accountKey: Uint8Array;
  name: string;
}
export const registrationBody = defineMessage<RegistrationBody>([
  ['pku', BYTES, KEY_BYTES],
  ['accountKey', BYTES, KEY_BYTES],
  ['name', NAME],
]);

/** Registration request. */
export interface Registration {
  accountSignature: Uint8Array;
  proof: Uint8Array;
  /** Encoded `registrationBody`. */
  body: Uint8Array;
}
export const registration = defineMessage<Registration>([
  ['accountSignature', BYTES, SIGNATURE_BYTES],
  ['proof', BYTES, SIGNATURE_BYTES],
  ['body', 'rest'],
]);
