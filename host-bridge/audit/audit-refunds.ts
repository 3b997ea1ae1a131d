/**
 * Audit of what came back to payers: refunds are their shops' and within their payments, reconciled debits are their
 * payers' own and were never credited, and each has exactly one receipt.
 */
import { equal, toHex } from '../../firmware/core/bytes.js';
import { challenge, history, license, licenseBody } from '../../firmware/wire/payment.js';
import { refund, refundBody } from '../../firmware/wire/refund.js';
import { releaseOrder, signedReleaseOrder } from '../../firmware/wire/institutions.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { RECEIPT_KINDS } from '../../firmware/wire/withdrawal.js';
import { sha256 } from '../base/crypto/hash.js';
import { isSigned } from '../base/crypto/signer.js';
import { counterOf } from './audit-ledger.js';
import { moneyIn, type AuditBooks, type Audited } from './audit-books.js';

/** What names a payment in every table. */
type Payment = Pick<Audited<'histories'>, 'pku' | 'shop' | 'rs' | 'amount'>;

const nameOf = (row: Payment) => `${toHex(row.pku)} ${row.shop} ${toHex(row.rs)}`;

/** Checks refunds and claims. */
export function auditBack(books: AuditBooks): void {
  for (const row of books.each<Audited<'refunds'>>('SELECT * FROM refunds', 'refunds')) {
    const problem = refundProblem(books, row);
    if (problem) books.broken('refunds', nameOf(row), problem);
  }
  for (const row of books.each<Audited<'claims'>>('SELECT * FROM claims', 'claims')) {
    const problem = claimProblem(books, row);
    if (problem) books.broken('claims', nameOf(row), problem);
  }
}

/** Checks what was left of lost tokens: released after its time by the issuer, credited on its order by a bank. */
export function auditReleases(books: AuditBooks): void {
  for (const row of books.each<Audited<'releases'>>('SELECT * FROM releases', 'releases')) {
    const problem = releaseProblem(books, row);
    if (problem) books.broken('releases', String(row.transaction_id), problem);
  }
}

function releaseProblem(books: AuditBooks, row: Audited<'releases'>): string | null {
  if (books.house === 'issuer') {
    const loss = books.one<Pick<Audited<'losses'>, 'due_s'>>('SELECT due_s FROM losses WHERE counter = ?', row.subject);
    if (!loss) return 'release is of a token that was not reported lost';
    if (row.time_s < loss.due_s) return 'release came before its time';
    if (books.keepsAccounts)
      return row.release_order === null ? null : 'release has an order in a house that needs none';
  }
  const outer = row.release_order && signedReleaseOrder.decode(row.release_order);
  const order = outer && releaseOrder.decode(outer.body);
  if (!outer || !order) return 'release order does not decode';
  if (!books.keys.isBy('issuer', SIGNED.release, outer.body, outer.signature, order.timeS))
    return 'release order is not signed by the issuer';
  const own = books.house === 'bank' ? equal(order.subject, row.subject) : BigInt(order.number) === row.transaction_id;
  return own && BigInt(order.amount) === row.amount ? null : 'release order says other than its row';
}

function refundProblem(books: AuditBooks, row: Audited<'refunds'>): string | null {
  const outer = refund.decode(row.refund);
  const body = outer && refundBody.decode(outer.body);
  if (!outer || !body) return 'refund does not decode';
  const same =
    equal(body.pku, row.pku) &&
    body.shop === row.shop &&
    equal(body.rs, row.rs) &&
    equal(body.refundId, row.refund_id) &&
    BigInt(body.amount) === row.amount;
  if (!same) return 'refund says other than its row';
  // Terminals are known where the accounts are.
  const terminal = books.keepsAccounts
    ? books.one<Pick<Audited<'terminals'>, 'key'>>(
        'SELECT key FROM terminals WHERE shop = ? AND terminal_id = ?',
        body.shop,
        body.terminalId,
      )
    : null;
  if (terminal !== null && !(terminal && isSigned(terminal.key, SIGNED.refund, outer.body, outer.signature)))
    return 'refund is not signed by a terminal of the shop';
  const paid = books.one<Pick<Audited<'histories'>, 'amount'>>(
    'SELECT amount FROM histories WHERE pku = ? AND shop = ? AND rs = ?',
    row.pku,
    row.shop,
    row.rs,
  );
  if (!paid) return 'refund is of a payment that was never deposited';
  const sum =
    books.one<{ sum: bigint | null }>(
      'SELECT sum(amount) AS sum FROM refunds WHERE pku = ? AND shop = ? AND rs = ? AND undone_s IS NULL',
      row.pku,
      row.shop,
      row.rs,
    )?.sum ?? 0n;
  if (sum > paid.amount) return `refunds of ${moneyIn(books, sum)} for a payment of ${moneyIn(books, paid.amount)}`;
  return papersFor(books, RECEIPT_KINDS.refund, row.refund, row) === 1
    ? null
    : `refund has not exactly one ${paperOf(books)}`;
}

function claimProblem(books: AuditBooks, row: Audited<'claims'>): string | null {
  const h = history.decode(row.history);
  const paid = h && challenge.decode(h.challenge);
  const licensed = h && license.decode(h.license);
  const terms = licensed && licenseBody.decode(licensed.body);
  if (!h || !paid || !licensed || !terms) return 'claim does not decode';
  if (
    !equal(terms.pku, row.pku) ||
    paid.shop !== row.shop ||
    !equal(paid.rs, row.rs) ||
    BigInt(paid.amount) !== row.amount
  )
    return 'claim says other than its row';
  if (!books.keys.isLicense(terms.validUntilS, licensed.body, licensed.signature))
    return 'license is not signed by the registrar';
  if (!isSigned(terms.pku, SIGNED.payment, h.challenge, h.signature)) return 'claim is not signed by SKU';
  const early = row.granted_s !== null && row.granted_s < row.due_s;
  if (early && !books.one('SELECT 1 FROM tombstones WHERE shop = ? AND rs = ?', row.shop, row.rs))
    return 'claim was granted before its window was over';
  const papers = papersFor(books, RECEIPT_KINDS.reconcile, row.history, row);
  return papers === (row.granted_s === null ? 0 : 1) ? null : `claim has ${papers} ${paperOf(books)}s`;
}

/**
 * What follows from a refund or a granted claim: a receipt, or at a bank a request to the issuer, which gives the
 * receipt.
 */
const paperOf = ({ house }: AuditBooks) => (house === 'bank' ? 'request' : 'receipt');

function papersFor(books: AuditBooks, kind: number, because: Buffer, row: Payment): number {
  const papers =
    books.house === 'bank'
      ? books.one<{ count: bigint }>(
          'SELECT count(*) AS count FROM requests WHERE hash = ? AND owned = ?',
          sha256(because),
          because,
        )
      : books.one<{ count: bigint }>(
          'SELECT count(*) AS count FROM receipts WHERE pku = ? AND kind = ? AND request = ? AND amount = ?',
          counterOf(books, row.pku),
          kind,
          because,
          row.amount,
        );
  return Number(papers?.count ?? 0n);
}

/** A receipt that is no withdrawal answers a refund or a granted claim, and moved EBC for a refund alone. */
export function backProblem(books: AuditBooks, row: Audited<'receipts'>): string | null {
  if (row.kind === BigInt(RECEIPT_KINDS.refund)) {
    const found = books.one(
      'SELECT transaction_id FROM refunds WHERE transaction_id = ? AND refund = ?',
      row.transaction_id,
      row.request,
    );
    return found ? null : 'receipt has no refund';
  }
  if (row.kind !== BigInt(RECEIPT_KINDS.reconcile)) return 'receipt is of no known kind';
  if (row.transaction_id !== null) return 'receipt of a reconciled debit moved money';
  return grantedClaim(books, row.request) ? null : 'receipt has no claim';
}

/** The claim of a history, where it was granted: looked up by what names its payment. */
export function grantedClaim(books: AuditBooks, bytes: Uint8Array): Pick<Audited<'claims'>, 'granted_s'> | undefined {
  const h = history.decode(bytes);
  const paid = h && challenge.decode(h.challenge);
  const licensed = h && license.decode(h.license);
  const terms = licensed && licenseBody.decode(licensed.body);
  if (!paid || !terms) return undefined;
  return books.one(
    'SELECT granted_s FROM claims WHERE pku = ? AND shop = ? AND rs = ? AND history = ? AND granted_s IS NOT NULL',
    terms.pku,
    paid.shop,
    paid.rs,
    bytes,
  );
}
