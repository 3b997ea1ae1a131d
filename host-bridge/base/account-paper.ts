/**
 * What an account certificate says: whose key it is, and of which class licenses under it are.
 */
import { accountBody, classedAccountBody } from '../../firmware/wire/registration.js';

/** What an account certificate binds. */
export interface AccountPaper {
  accountKey: Uint8Array;
  name: string;
  /** Of its licenses (firmware/core/license-class.ts); null: what the house that signs them gives everybody. */
  licenseClass: number | null;
}

/** The body of a certificate, encoded. */
export const encodeAccount = ({ licenseClass, ...account }: AccountPaper): Uint8Array =>
  licenseClass === null ? accountBody.encode(account) : classedAccountBody.encode({ ...account, licenseClass });

/** The same, read; null for anything else. */
export function readAccount(body: Uint8Array): AccountPaper | null {
  const plain = accountBody.decode(body);
  return plain ? { ...plain, licenseClass: null } : classedAccountBody.decode(body);
}
