/**
 * The histories in an issuer's database, oldest first, for people to look at. Reads only; decides nothing.
 */
import Sqlite from 'better-sqlite3';
import { challenge, history, license, licenseBody } from '../../firmware/wire/payment.js';

/** What a history says. */
export interface ListedHistory {
  pku: Uint8Array;
  shop: string;
  amount: number;
  /** Counter of Ts. */
  counter: number;
}

/** @param database path of the issuer's database @throws Error when it cannot be read */
export function listHistories(database: string): ListedHistory[] {
  const books = new Sqlite(database, { readonly: true });
  try {
    const rows = books.prepare('SELECT history FROM histories ORDER BY rowid').all() as { history: Uint8Array }[];
    return rows.flatMap((row) => {
      const outer = history.decode(new Uint8Array(row.history));
      const licensed = outer && license.decode(outer.license);
      const body = licensed && licenseBody.decode(licensed.body);
      const paid = outer && challenge.decode(outer.challenge);
      return body && paid ? [{ pku: body.pku, shop: paid.shop, amount: paid.amount, counter: paid.counter }] : [];
    });
  } finally {
    books.close();
  }
}
