/**
 * The six embodiments of EP 0926637 as six rows of one table. Each step of a procedure is chosen by a column, never by
 * the scheme's number.
 */

/** One embodiment. */
export interface Scheme {
  /** 1 to 6, the order of the embodiments in the patent: for display, and a label in sealed messages. */
  number: number;
  /** Who signs the license: the trustee gives SKR(PKU), the issuer SKI(PKU). */
  licenseFrom: 'trustee' | 'issuer';
  /** How a registration reaches who signs: in the open, or sealed to the issuer and passed on by the bank. */
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

/** Most pseudonyms of a token that may have several ([0109]: n is left open). */
export const PSEUDONYMS_MAX = 32;

const BY_BANK = { licenseFrom: 'issuer', registration: 'sealed', accountsAt: 'bank', traceBy: 'bank' } as const;

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
  {
    number: 2,
    licenseFrom: 'trustee',
    registration: 'open',
    accountsAt: 'bank',
    issue: 'coupon',
    signedBetweenInstitutions: false,
    pseudonymsMax: 1,
    traceBy: 'trustee',
    paragraphs: '[0032]-[0056]',
  },
  {
    number: 3,
    ...BY_BANK,
    issue: 'sealed',
    signedBetweenInstitutions: false,
    pseudonymsMax: 1,
    paragraphs: '[0057]-[0081]',
  },
  {
    number: 4,
    ...BY_BANK,
    issue: 'keyed',
    signedBetweenInstitutions: false,
    pseudonymsMax: PSEUDONYMS_MAX,
    paragraphs: '[0082]-[0092], [0109]-[0117]',
  },
  {
    number: 5,
    ...BY_BANK,
    issue: 'sealed',
    signedBetweenInstitutions: true,
    pseudonymsMax: 1,
    paragraphs: '[0093]-[0100]',
  },
  {
    number: 6,
    ...BY_BANK,
    issue: 'keyed',
    signedBetweenInstitutions: true,
    pseudonymsMax: PSEUDONYMS_MAX,
    paragraphs: '[0101]-[0108], [0109]-[0117]',
  },
];

/** The row of a scheme. @throws RangeError for a number that is none */
export function schemeOf(number: number): Scheme {
  const found = SCHEMES.filter((scheme) => scheme.number === number)[0];
  if (!found) throw new RangeError('schemes are 1 to ' + SCHEMES.length);
  return found;
}
