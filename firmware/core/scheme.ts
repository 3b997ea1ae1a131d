/**
 * The six embodiments of EP 0926637 as six rows of one table. Each step of a procedure is chosen by a column, never by
 * the scheme's number. Rows 2 to 6 are listed when their procedures exist.
 */

/** One embodiment. */
export interface Scheme {
  /** 1 to 6, the order of the embodiments in the patent; for display only. */
  number: number;
  /** Who signs the license: the trustee gives SKR(PKU), the issuer SKI(PKU). */
  licenseFrom: 'trustee' | 'issuer';
  /** How a registration reaches the registrar. */
  registration: 'open' | 'sealed';
  /** Who keeps the accounts ABC. */
  accountsAt: 'issuer' | 'bank';
  /** How cash is asked for: in the open, by blind coupon, sealed to the issuer, or under the shared key K. */
  issue: 'direct' | 'coupon' | 'sealed' | 'keyed';
  /** Whether messages between bank and issuer carry SKB and SKI signatures. */
  signedBetweenInstitutions: boolean;
  /** Largest number of pseudonyms PKU1..n. */
  pseudonymsMax: number;
  /** Who turns a negative EBC into a real name. */
  traceBy: 'issuer' | 'trustee' | 'bank';
  /** Paragraphs of EP 0926637. */
  paragraphs: string;
}

/** The table. */
export const SCHEMES: Scheme[] = [
  {
    number: 1,
    licenseFrom: 'trustee',
    registration: 'open',
    accountsAt: 'issuer',
    issue: 'direct',
    signedBetweenInstitutions: false,
    pseudonymsMax: 1,
    traceBy: 'issuer',
    paragraphs: '[0011]-[0031]',
  },
];
