/**
 * Audit of the evidence: every stored message decodes, says what its row says, and carries the signatures that it must.
 * EP 0926637 [0015], [0017]-[0018], [0026], [0030], [0043], [0068], [0112].
 */
import { copy, equal, toHex } from '../../firmware/core/bytes.js';
import { isName } from '../../firmware/wire/name.js';
import { challenge, chargeId, history, license, licenseBody, tombstone } from '../../firmware/wire/payment.js';
import { accountCertificate, registration, registrationBody } from '../../firmware/wire/registration.js';
import { readAccount } from '../base/account-paper.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { issueBody, issueSecret } from '../../firmware/wire/request.js';
import {
  receipt,
  receiptBody,
  RECEIPT_KINDS,
  withdrawal,
  withdrawalBody,
  type ReceiptBody,
} from '../../firmware/wire/withdrawal.js';
import { isSigned } from '../base/crypto/signer.js';
import { backProblem, grantedClaim } from './audit-refunds.js';
import { auditSuccessionPairs } from './audit-keys.js';
import { counterOf } from './audit-ledger.js';
import type { AuditBooks, Audited, Problem } from './audit-books.js';
import { firstOf, isOurs } from './audit-books.js';

/** Checks an issuer's accounts, pseudonyms, receipts, histories and tombstones. */
export function auditEvidence(books: AuditBooks): void {
  auditAccounts(books);
  for (const row of books.each<Audited<'pseudonyms'>>('SELECT * FROM pseudonyms', 'pseudonyms')) {
    const problem = pseudonymProblem(books, row);
    if (problem) books.broken('pseudonyms', row.pku.toString('hex'), problem);
  }
  auditReceipts(books);
}

/** Checks accounts, histories and tombstones: what every house with a ledger has. */
export function auditAccounts(books: AuditBooks): void {
  for (const row of books.each<Audited<'accounts'>>('SELECT * FROM accounts', 'accounts')) {
    const problem = books.keepsAccounts ? accountProblem(books, row) : 'belongs to the bank';
    if (problem) books.broken('accounts', row.name, problem);
  }
  auditHistories(books);
  for (const row of books.each<Audited<'tombstones'>>('SELECT * FROM tombstones', 'tombstones')) {
    const problem = tombstoneProblem(books, row);
    if (problem) books.broken('tombstones', `${row.shop} ${row.rs.toString('hex')}`, problem);
  }
}

function accountProblem(books: AuditBooks, row: Audited<'accounts'>): Problem {
  if (!isName(row.name)) return 'is not a name';
  if (row.account_key === null && row.certificate === null) return null;
  return certificateProblem(
    books,
    row.certificate ?? new Uint8Array(0),
    row.name,
    row.account_key ?? new Uint8Array(0),
  );
}

function certificateProblem(books: AuditBooks, bytes: Uint8Array, name: string, accountKey: Uint8Array): Problem {
  const certificate = accountCertificate.decode(bytes);
  const body = certificate && readAccount(certificate.body);
  if (!certificate || !body) return 'account certificate does not decode';
  return firstOf(
    [body.name === name && equal(body.accountKey, accountKey), 'account certificate is for another name or key'],
    [
      books.keys.isBy('accounts', SIGNED.account, certificate.body, certificate.signature, null),
      `account certificate is not signed by the ${books.scheme.accountsAt}`,
    ],
  );
}

/** A stored withdrawal request against what it should say, and both its signatures. */
function requestProblem(
  books: AuditBooks,
  bytes: Uint8Array,
  pku: Uint8Array,
  name: string,
  number: bigint,
  amount: bigint | null,
): Problem {
  const request = withdrawal.decode(bytes);
  const body = request && withdrawalBody.decode(request.body);
  if (!request || !body) return 'withdrawal request does not decode';
  const account = books.one<Pick<Audited<'accounts'>, 'account_key'>>(
    'SELECT account_key FROM accounts WHERE name = ?',
    name,
  );
  return firstOf(
    [isOurs(books, body), 'withdrawal request is for another issuer or currency'],
    [equal(body.pku, pku) && body.name === name, 'withdrawal request is for another pseudonym or name'],
    [
      BigInt(body.number) === number && (amount === null || BigInt(body.amount) === amount),
      'withdrawal request is for another number or amount',
    ],
    [
      Boolean(account?.account_key) &&
        isSigned(account!.account_key!, SIGNED.withdrawal, request.body, request.accountSignature),
      "withdrawal request is not signed by the account's key",
    ],
    [isSigned(pku, SIGNED.withdrawalProof, request.body, request.proof), 'withdrawal request is not signed by SKU'],
  );
}

function pseudonymProblem(books: AuditBooks, row: Audited<'pseudonyms'>): Problem {
  const { pku, counter, name, request } = row;
  const last = books.one<{ count: bigint; last: bigint }>(
    'SELECT count(*) AS count, coalesce(max(number), 0) AS last FROM receipts WHERE pku = ?',
    pku,
  );
  if (last?.last !== row.receipt_number)
    return `says receipt number ${row.receipt_number}, the last receipt is ${last?.last}`;
  if (last?.count !== row.receipt_number) return `has ${last?.count} receipts up to number ${row.receipt_number}`;
  // [0112]: a set is registered as one; its receipts are its first pseudonym's.
  if (!books.one('SELECT 1 FROM pseudonyms WHERE pku = ? AND counter = pku', counter))
    return 'spends the counter of a pseudonym that has none';
  if (!pku.equals(counter) && row.receipt_number !== 0n) return 'has receipts beside those of its set';
  if (books.scheme.registration === 'sealed' && !books.one('SELECT 1 FROM shared_keys WHERE counter = ?', counter))
    return 'was never registered';
  if (books.scheme.issue !== 'direct') return name === null ? null : 'has a name that this issuer cannot know';
  if (name === null) return row.receipt_number === 0n ? null : 'has receipts but no name';
  return requestProblem(books, request ?? new Uint8Array(0), pku, name, 1n, null);
}

/** A receipt, and whose pseudonym it is. */
type OwnedReceipt = Audited<'receipts'> & { owner: string | null };

function auditReceipts(books: AuditBooks): void {
  let before: { pku: Buffer; number: bigint } | null = null;
  for (const row of books.each<OwnedReceipt>(
    'SELECT r.*, p.name AS owner FROM receipts r LEFT JOIN pseudonyms p ON p.pku = r.pku ORDER BY r.pku, r.number',
    'receipts',
  )) {
    const { pku, number } = row;
    const expected: bigint = before && before.pku.equals(pku) ? before.number + 1n : 1n;
    const problem =
      number === expected ? receiptProblem(books, row) : `is number ${number} where ${expected} should be`;
    if (problem) books.broken('receipts', `${pku.toString('hex')} ${number}`, problem);
    before = { pku, number };
  }
}

/** When a receipt was given: with its transaction, or with the claim that it grants. */
function givenS(books: AuditBooks, row: Audited<'receipts'>): bigint | null {
  if (row.transaction_id === null) return grantedClaim(books, row.request)?.granted_s ?? null;
  const given = 'SELECT time_s FROM transactions WHERE id = ?';
  return books.one<Pick<Audited<'transactions'>, 'time_s'>>(given, row.transaction_id)?.time_s ?? null;
}

function receiptProblem(books: AuditBooks, row: OwnedReceipt): Problem {
  const paper = receipt.decode(row.receipt);
  const body = paper && receiptBody.decode(paper.body);
  if (!paper || !body) return 'receipt does not decode';
  const same =
    counterOf(books, Buffer.from(body.pku)).equals(row.pku) &&
    BigInt(body.number) === row.number &&
    BigInt(body.kind) === row.kind &&
    BigInt(body.amount) === row.amount;
  const problem = firstOf(
    [same && isOurs(books, body), 'receipt says other than its row'],
    [
      books.keys.isBy('issuer', SIGNED.receipt, paper.body, paper.signature, givenS(books, row)),
      "receipt is not signed by the issuer's key of its time",
    ],
  );
  if (problem || row.kind !== BigInt(RECEIPT_KINDS.withdrawal)) return problem ?? backProblem(books, row);
  const kind = books.scheme.issue === 'direct' ? 'withdraw' : 'issue';
  const owned = firstOf(
    [row.owner === row.name, 'receipt names another owner than its pseudonym'],
    [
      books.one('SELECT 1 FROM transactions WHERE id = ? AND kind = ?', row.transaction_id, kind) !== undefined,
      'receipt has no transaction',
    ],
  );
  if (owned) return owned;
  if (books.scheme.issue === 'direct')
    return requestProblem(books, row.request, row.pku, row.name!, row.number, row.amount);
  return issueProblem(books, row.request, body);
}

/** What SKU signed inside a sealed or keyed request, or for a coupon: (PKU, x) under the receipt's number. */
function issueProblem(books: AuditBooks, bytes: Uint8Array, paper: ReceiptBody): Problem {
  const secret = issueSecret.decode(bytes);
  const body = secret && issueBody.decode(secret.body);
  if (!secret || !body) return 'request for the receipt does not decode';
  return firstOf(
    [isOurs(books, body), 'request for the receipt is for another issuer or currency'],
    [
      equal(body.pku, paper.pku) && body.number === paper.number && body.amount === paper.amount,
      'request for the receipt is for another pseudonym, number or amount',
    ],
    [isSigned(body.pku, SIGNED.issue, secret.body, secret.proof), 'request for the receipt is not signed by SKU'],
  );
}

function auditHistories(books: AuditBooks): void {
  let before = '';
  for (const row of books.each<Audited<'histories'>>('SELECT * FROM histories ORDER BY rs, shop, pku', 'histories')) {
    const identity = `${row.pku.toString('hex')} ${row.shop} ${row.rs.toString('hex')}`;
    const problem = identity === before ? 'was credited twice' : historyProblem(books, row);
    if (problem) books.broken('histories', identity, problem);
    before = identity;
  }
}

function historyProblem(books: AuditBooks, row: Audited<'histories'>): Problem {
  const h = history.decode(row.history);
  const paid = h && challenge.decode(h.challenge);
  const licensed = h && license.decode(h.license);
  const terms = licensed && licenseBody.decode(licensed.body);
  if (!h || !paid || !licensed || !terms) return 'history does not decode';
  return firstOf(
    [
      equal(terms.pku, row.pku) &&
        paid.shop === row.shop &&
        equal(paid.rs, row.rs) &&
        BigInt(paid.amount) === row.amount,
      'history says other than its row',
    ],
    [isOurs(books, paid) && isOurs(books, terms), 'history is for another issuer or currency'],
    [
      books.keys.isLicense(terms.validUntilS, licensed.body, licensed.signature),
      'license is not signed by the registrar',
    ],
    [isSigned(terms.pku, SIGNED.payment, h.challenge, h.signature), 'payment is not signed by SKU'],
    [
      books.one(
        'SELECT 1 FROM transactions WHERE id = ? AND kind = ?',
        row.transaction_id,
        books.keepsAccounts ? 'deposit' : 'return',
      ) !== undefined,
      'history has no transaction',
    ],
    [row.return_code === null || row.return_code === 'OK', `the issuer does not take it: ${row.return_code}`],
    [(row.returned_s === null) === (row.return_code === null), 'was returned without an answer'],
    [
      books.one('SELECT 1 FROM tombstones WHERE shop = ? AND rs = ?', row.shop, row.rs) === undefined,
      'charge was both credited and cancelled',
    ],
    [
      books.one(
        'SELECT 1 FROM claims WHERE pku = ? AND shop = ? AND rs = ? AND granted_s IS NOT NULL',
        row.pku,
        row.shop,
        row.rs,
      ) === undefined,
      'debit was both credited and reconciled',
    ],
  );
}

function tombstoneProblem(books: AuditBooks, row: Audited<'tombstones'>): Problem {
  const stone = tombstone.decode(row.tombstone);
  const charge = stone && chargeId.decode(stone.chargeId);
  if (!stone || !charge) return 'tombstone does not decode';
  const terminal = books.one<Pick<Audited<'terminals'>, 'key'>>(
    'SELECT key FROM terminals WHERE shop = ? AND terminal_id = ?',
    charge.shop,
    copy(charge.rs, 0, 4),
  );
  return firstOf(
    [charge.shop === row.shop && equal(charge.rs, row.rs), 'tombstone says other than its row'],
    [terminal !== undefined, 'tombstone is of a terminal that is not registered'],
    [
      terminal !== undefined && isSigned(terminal.key, SIGNED.tombstone, stone.chargeId, stone.signature),
      'tombstone is not signed by its terminal',
    ],
  );
}

/** Checks the trustee's registrations, and that both houses know a pseudonym by the same name. */
export function auditRegistrations(trustee: AuditBooks, issuer: AuditBooks): void {
  if (!equal(trustee.issuerKey, issuer.issuerKey)) trustee.broken('books', 'issuerKey', "is not the issuer's");
  if (!equal(trustee.registrarKey, issuer.registrarKey))
    trustee.broken('books', 'registrarKey', 'is not the one that the issuer verifies with');
  auditSuccessionPairs(trustee, issuer);
  for (const row of trustee.each<Audited<'registrations'>>('SELECT * FROM registrations', 'registrations')) {
    const owner =
      issuer.one<Pick<Audited<'pseudonyms'>, 'name'>>('SELECT name FROM pseudonyms WHERE pku = ?', row.pku)?.name ??
      row.name;
    const problem =
      registrationProblem(trustee, row) ?? (owner === row.name ? null : `the issuer knows this pseudonym as ${owner}`);
    if (problem) trustee.broken('registrations', toHex(row.pku), problem);
  }
}

function registrationProblem(books: AuditBooks, row: Audited<'registrations'>): Problem {
  const request = registration.decode(row.request);
  const body = request && registrationBody.decode(request.body);
  const licensed = license.decode(row.license);
  const terms = licensed && licenseBody.decode(licensed.body);
  if (!request || !body) return 'registration does not decode';
  if (!licensed || !terms) return 'license does not decode';
  const problem = firstOf(
    [
      equal(body.pku, row.pku) && body.name === row.name && equal(body.accountKey, row.account_key),
      'registration says other than its row',
    ],
    [
      isSigned(row.account_key, SIGNED.registration, request.body, request.accountSignature),
      "registration is not signed by the account's key",
    ],
    [isSigned(row.pku, SIGNED.registrationProof, request.body, request.proof), 'registration is not signed by SKU'],
    [equal(terms.pku, row.pku) && isOurs(books, terms), 'license says other than its row'],
    [
      books.keys.isLicense(terms.validUntilS, licensed.body, licensed.signature),
      'license is not signed by the registrar',
    ],
  );
  return problem ?? certificateProblem(books, row.certificate, row.name, row.account_key);
}
