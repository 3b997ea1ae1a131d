/**
 * Registration [0013]-[0016]: the account certificate, and the request (PKU, IdU) with its proofs.
 */
import { defineMessage, NAME } from './codec.js';
import { KEY_BYTES, SIGNATURE_BYTES } from './payment.js';

/** What binds an account key to a name: signed by who keeps the accounts, as type `account`. */
export interface AccountBody {
  accountKey: Uint8Array;
  name: string;
}
export const accountBody = defineMessage<AccountBody>([
  ['accountKey', 'bytes', KEY_BYTES],
  ['name', NAME],
]);

/** Account certificate. */
export interface AccountCertificate {
  signature: Uint8Array;
  /** Encoded `accountBody`. */
  body: Uint8Array;
}
export const accountCertificate = defineMessage<AccountCertificate>([
  ['signature', 'bytes', SIGNATURE_BYTES],
  ['body', 'rest'],
]);

/** (PKU, IdU): signed by the account key (type `registration`) and by SKU (type `registrationProof`). */
export interface RegistrationBody {
  pku: Uint8Array;
  accountKey: Uint8Array;
  name: string;
}
export const registrationBody = defineMessage<RegistrationBody>([
  ['pku', 'bytes', KEY_BYTES],
  ['accountKey', 'bytes', KEY_BYTES],
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
  ['accountSignature', 'bytes', SIGNATURE_BYTES],
  ['proof', 'bytes', SIGNATURE_BYTES],
  ['body', 'rest'],
]);
