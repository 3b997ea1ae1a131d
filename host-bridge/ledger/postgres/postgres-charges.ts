/**
 * Charges on PostgreSQL: the row (IdS, Rs) that deposit, tombstone and claim all lock before they look at anything, and
 * the acts tombstone and claim themselves.
 *
 * Whoever has the row knows that no other transaction is deciding about its charge, and sees what the one before it
 * committed: each query of READ COMMITTED looks anew. A charge that nobody has heard of gets its row by being locked.
 */
import { hexOf } from '../../base/hex.js';
import {
  byteaArray,
  textArray,
  type PostgresDatabase,
  type PostgresTransaction,
} from '../../base/postgres/postgres.js';
import type { ChargeEngine } from '../charges.js';
import type { ClaimRow } from '../store.js';

/** Locks charges, in one order for everybody, until the transaction ends. */
export async function lockCharges(
  tx: PostgresTransaction,
  charges: readonly { shop: string; rs: Uint8Array }[],
): Promise<void> {
  await tx.query(
    'lock charges',
    `INSERT INTO charges (rs, shop)
    SELECT DISTINCT rs, shop COLLATE "C" FROM unnest($1::bytea[], $2::text[]) k (rs, shop) ORDER BY 1, 2
    ON CONFLICT (rs, shop) DO UPDATE SET rs = excluded.rs`,
    [byteaArray(charges.map(({ rs }) => hexOf(rs))), textArray(charges.map(({ shop }) => shop))],
  );
}

/** The acts. */
export function postgresChargesOf(database: PostgresDatabase): ChargeEngine {
  return {
    bury: (act) =>
      database.transaction(async (tx) => {
        const { shop, rs, tombstone } = act;
        await lockCharges(tx, [act]);
        const [facts] = await tx.query<{ stored: boolean; deposited: boolean }>(
          'facts of a tombstone',
          `SELECT tombstone IS NOT NULL AS stored,
            EXISTS (SELECT 1 FROM histories h WHERE h.rs = c.rs AND h.shop = c.shop) AS deposited
          FROM charges c WHERE rs = $1 AND shop = $2`,
          [rs, shop],
        );
        const ruling = act.judge(facts!);
        if (ruling.ok && !ruling.repeated)
          await tx.query(
            'add tombstone',
            'UPDATE charges SET tombstone = $3, buried_s = $4 WHERE rs = $1 AND shop = $2',
            [rs, shop, tombstone, act.nowS()],
          );
        return ruling;
      }),
    claim: (act) =>
      database.transaction(async (tx) => {
        const { pku, shop, rs } = act;
        await lockCharges(tx, [act]);
        const [facts] = await tx.query<ClaimFactsRow>('facts of a claim', CLAIM_FACTS, [rs, shop, pku]);
        const { ruling, row } = act.judge({
          stored: facts!.due_s === null ? null : storedOf(act, facts!),
          deposited: facts!.deposited,
          buried: facts!.buried,
        });
        if (row)
          await tx.query('put claim', PUT_CLAIM, [
            ...[rs, shop, pku, row.amount, row.history],
            ...[row.openedS, row.dueS, row.grantedS],
          ]);
        return ruling;
      }),
  };
}

interface ClaimFactsRow {
  buried: boolean;
  deposited: boolean;
  amount: number | null;
  history: Buffer | null;
  opened_s: number | null;
  due_s: number | null;
  granted_s: number | null;
}

const CLAIM_FACTS = `
  SELECT c.tombstone IS NOT NULL AS buried, h.rs IS NOT NULL AS deposited,
    l.amount, l.history, l.opened_s, l.due_s, l.granted_s
  FROM charges c
  LEFT JOIN histories h ON h.rs = c.rs AND h.shop = c.shop AND h.pku = $3
  LEFT JOIN claims l ON l.rs = c.rs AND l.shop = c.shop AND l.pku = $3
  WHERE c.rs = $1 AND c.shop = $2`;

const PUT_CLAIM = `
  INSERT INTO claims (rs, shop, pku, amount, history, opened_s, due_s, granted_s)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
  ON CONFLICT (rs, shop, pku) DO UPDATE SET granted_s = excluded.granted_s WHERE claims.granted_s IS NULL`;

const storedOf = ({ pku, shop, rs }: Pick<ClaimRow, 'pku' | 'shop' | 'rs'>, row: ClaimFactsRow): ClaimRow => ({
  ...{ pku, shop, rs },
  amount: row.amount!,
  history: new Uint8Array(row.history!),
  openedS: row.opened_s!,
  dueS: row.due_s!,
  grantedS: row.granted_s,
});
