/**
 * Registration [0013]-[0016]: the account certificate, and the request (PKU, IdU) with its proofs.
 */
import { defineMessage, BYTES, NAME, U8, type MessageOf } from './codec.js';
import { KEY_BYTES, SIGNATURE_BYTES } from './payment.js';

/** What binds an account key to a name: signed by who keeps the accounts, as type `account`. */
export const accountBody = defineMessage([
  ['accountKey', BYTES, KEY_BYTES],
  ['name', NAME],
]);

/**
 * The same of an account whose licenses have a class of their own (core/license-class.ts); who signs licenses follows
 * it. No board reads either.
 */
export const classedAccountBody = defineMessage([
  ['accountKey', BYTES, KEY_BYTES],
  ['name', NAME],
  ['licenseClass', U8],
]);

/** Account certificate. */
export const accountCertificate = defineMessage([
  ['signature', BYTES, SIGNATURE_BYTES],
  // Encoded `accountBody` or `classedAccountBody`.
  ['body', 'rest'],
]);

/** (PKU, IdU): signed by the account key (type `registration`) and by SKU (type `registrationProof`). */
export const registrationBody = defineMessage([
  ['pku', BYTES, KEY_BYTES],
  ['accountKey', BYTES, KEY_BYTES],
  ['name', NAME],
]);
export type RegistrationBody = MessageOf<typeof registrationBody>;

/** Registration request. */
export const registration = defineMessage([
  ['accountSignature', BYTES, SIGNATURE_BYTES],
  ['proof', BYTES, SIGNATURE_BYTES],
  // Encoded `registrationBody`.
  ['body', 'rest'],
]);
export type Registration = MessageOf<typeof registration>;
