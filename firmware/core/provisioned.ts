/**
 * The institutions that a board is provisioned with, as the root signs them (type `institutions` of wire/signed.ts).
 *
 * They come to a board in its provisioned file, as text; so what is signed is text too: the fields below, joined by
 * blanks, in this order. A board pins the root at its first provisioning (board/pinned-root.ts).
 */

/** Keys and ids in hexadecimal. */
export interface Institutions {
  /** Rises with each change; a board takes none that is older than what it has. */
  version: number;
  issuer: string;
  currency: string;
  registrarKey: string;
  issuerKey: string;
  /** '' where no scheme seals. */
  sealKey: string;
  /** SHA-256 of each of `TABLES` that the issuer gives, joined by commas. */
  tables: string;
  /**
   * The keys before registrarKey and issuerKey, while their time is not over; '' or not there where there are none.
   * They have no tables: a check takes longer. A license under `registrarBefore` is good where it ends by
   * `registrarUntilS`.
   */
  registrarBefore?: string;
  registrarUntilS?: number;
  issuerBefore?: string;
}

/** Files in Storage whose hashes stand in `Institutions.tables`, in this order. */
export const TABLES = ['tab.issuer', 'tab.registrar', 'tab.seal'];

/** What the root signs: ASCII text. */
export function institutionsText(given: Institutions): string {
  const text = [
    given.version,
    given.issuer,
    given.currency,
    given.registrarKey,
    given.issuerKey,
    given.sealKey,
    given.tables,
  ].join(' ');
  // Without earlier keys as ever: what boards have seen of a root that signed no others stays good.
  return given.registrarBefore || given.issuerBefore
    ? [text, given.registrarBefore, given.registrarUntilS, given.issuerBefore].join(' ')
    : text;
}

/** A part of the provisioned file. */
export interface SignedInstitutions extends Partial<Institutions> {
  /** The root's public key, hexadecimal. */
  root?: string;
  /** 64 bytes, hexadecimal. */
  signature?: string;
  /**
   * Encoded `signedSuccession`s of the issuer, hexadecimal, joined by commas: the way from an older root to this one.
   */
  roots?: string;
}
