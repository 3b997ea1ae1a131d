/**
 * Audit of the office: deny lists, overspends, traces, terminals, and the operators' signed requests. EP 0926637
 * [0031].
 */
import { equal, fromHex, readU32, toHex } from '../../firmware/core/bytes.js';
import { denyDigest, prefixesOf } from '../base/deny-lists.js';
import {
  denyBody,
  type DenyBody,
  PREFIX_BYTES,
  retiredBody,
  signedDenyList,
  signedRetired,
} from '../../firmware/wire/notices.js';
import { signedTraceOrder, traceOrder } from '../../firmware/wire/institutions.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { sha256 } from '../base/crypto/hash.js';
import { isSigned, issuerIdOf } from '../base/crypto/signer.js';
import { proofOf } from '../base/services/trace-proof.js';
import { counterOf } from './audit-ledger.js';
import type { AuditBooks, Audited, Problem } from './audit-books.js';
import { firstOf } from './audit-books.js';

/** Bytes of `operatorRequestBody` (http/operator-requests.ts) before its request id: the issuer's id. */
const REQUEST_ID_AT = 4;

/** Checks terminals and operator requests. */
export function auditOffice(books: AuditBooks): void {
  for (const row of books.each<Pick<Audited<'terminals'>, 'shop' | 'terminal_id' | 'key'>>(
    'SELECT shop, terminal_id, key FROM terminals',
    'terminals',
  )) {
    if (!books.one('SELECT 1 FROM accounts WHERE name = ?', row.shop))
      books.broken('terminals', `${row.shop} ${row.terminal_id.toString('hex')}`, 'belongs to no account');
  }
  auditOperators(books);
}

/** Checks overspends, denials and deny lists: the issuer's. */
export function auditDenials(books: AuditBooks): void {
  for (const row of books.each<Audited<'overspends'> & { deposited: Buffer | null }>(
    'SELECT o.*, h.pku AS deposited FROM overspends o LEFT JOIN histories h ON h.transaction_id = o.transaction_id',
    'overspends',
  )) {
    const id = String(row.transaction_id);
    if (!row.deposited || !counterOf(books, row.deposited).equals(row.pku))
      books.broken('overspends', id, 'is of another pseudonym than its history');
    if (!books.one('SELECT 1 FROM denials WHERE pku = ?', row.pku))
      books.broken('overspends', id, 'the pseudonym was never denied');
  }
  auditDenyLists(books);
  auditTerminalNotices(books);
}

/** What was said of terminals is what the issuer signed. */
function auditTerminalNotices(books: AuditBooks): void {
  for (const row of books.each<Audited<'terminal_notices'>>('SELECT * FROM terminal_notices', 'terminal_notices')) {
    const signed = signedRetired.decode(row.notice);
    const body = signed && retiredBody.decode(signed.body);
    const broken = (problem: string) => books.broken('terminal_notices', row.terminal_id.toString('hex'), problem);
    if (!signed || !body) broken('does not decode');
    else if (
      !equal(body.terminalId, row.terminal_id) ||
      !equal(body.issuer, issuerIdOf(books.issuerKey)) ||
      BigInt(body.timeS) !== row.time_s ||
      BigInt(body.retired) !== row.retired
    )
      broken('says other than its row');
    else if (!books.keys.isBy('issuer', SIGNED.retired, signed.body, signed.signature, null))
      broken('is not signed by the issuer');
  }
}

/** Whether a stored step is one: whole prefixes, ascending, all in one message. */
function isStep(body: DenyBody): boolean {
  if (body.changes.length !== body.total * PREFIX_BYTES || body.first !== 0) return false;
  const changes = prefixesOf(body.changes);
  return changes.every((prefix, i) => i === 0 || prefix > changes[i - 1]);
}

/** Each version is signed, stands on the one before, and all of them add up to the list that the last one names. */
function auditDenyLists(books: AuditBooks): void {
  const listed = new Set<number>();
  let newest: { version: string; digest: Uint8Array } | null = null;
  let before = 0;
  for (const row of books.each<Audited<'deny_lists'>>('SELECT * FROM deny_lists ORDER BY version', 'deny_lists')) {
    const signed = signedDenyList.decode(row.list);
    const body = signed && denyBody.decode(signed.body);
    const broken = (problem: string) => books.broken('deny_lists', String(row.version), problem);
    if (!signed || !body || !isStep(body)) {
      broken('does not decode');
      continue;
    }
    for (const prefix of prefixesOf(body.changes)) if (!listed.delete(prefix)) listed.add(prefix);
    if (BigInt(body.toVersion) !== row.version || !equal(body.issuer, issuerIdOf(books.issuerKey)))
      broken('says other than its row');
    else if (!books.keys.isBy('issuer', SIGNED.denyList, signed.body, signed.signature, body.timeS))
      broken('is not signed by the issuer');
    else if (body.fromVersion !== before) broken('does not stand on the version before');
    else if (body.size !== listed.size) broken('has another size than its steps');
    before = body.toVersion;
    newest = { version: String(row.version), digest: body.digest };
  }
  const denied = new Set<number>();
  for (const row of books.each<Pick<Audited<'denials'>, 'pku'>>('SELECT pku FROM denials', 'denials')) {
    if (row.pku.length !== 32) books.broken('denials', row.pku.toString('hex'), 'is not a pseudonym');
    else denied.add(readU32(row.pku, 0));
  }
  if (!newest) return;
  const { version, digest } = newest;
  if (!equal(denyDigest(Uint32Array.from(listed).sort()), digest))
    books.broken('deny_lists', version, 'is not the list that it names');
  for (const prefix of listed)
    if (!denied.has(prefix))
      books.broken('deny_lists', version, `names ${prefix.toString(16).padStart(8, '0')}, which was never denied`);
}

/** A name came out where the scheme says, on a negative EBC alone, and is the one that the books have. */
export function auditTraces(books: AuditBooks): void {
  for (const row of books.each<Audited<'traces'>>('SELECT * FROM traces', 'traces')) {
    const byThisHouse = books.house === books.scheme.traceBy;
    const problem =
      !byThisHouse && row.name !== null
        ? `named ${row.name}, which is the ${books.scheme.traceBy}'s to do`
        : traceProblem(books, row);
    if (problem) books.broken('traces', String(row.id), problem);
  }
}

function traceProblem(books: AuditBooks, row: Audited<'traces'>): Problem {
  const { house, scheme } = books;
  if (row.ebc >= 0n) return 'the pseudonym was not overspent';
  if (house === 'issuer') {
    if (!books.one('SELECT 1 FROM overspends WHERE pku = ?', counterOf(books, row.pku)))
      return 'the pseudonym was not overspent';
    if (isForgotten(books, row))
      return 'was asked for after a restore, of a set that may have receipts beyond the books';
    if (scheme.traceBy !== 'issuer') return orderProblem(books, row, subjectOf(books, row.pku));
  }
  const owner = ownerOf(books, row.pku);
  if (!owner || owner.name !== row.name)
    return `named ${row.name}, the pseudonym belongs to ${owner?.name ?? 'nobody'}`;
  const proof = proofOf(
    scheme.traceBy,
    books.keys
      .lines()
      .filter((one) => one.house === scheme.accountsAt)
      .map(({ key }) => fromHex(key)!),
    { subject: row.pku, ...owner },
  );
  if (proof !== row.proof) return `says ${row.proof}, the evidence says ${proof}`;
  return house === 'issuer' ? null : orderProblem(books, row, row.pku);
}

/** Whether the books were restored before a trace, and show no overspend of the set from before that. */
function isForgotten(books: AuditBooks, row: Audited<'traces'>): boolean {
  if (!books.one(`SELECT 1 FROM sqlite_schema WHERE name = 'epochs'`)) return false;
  const line = books.one<Pick<Audited<'epochs'>, 'acts'>>(
    `SELECT acts FROM epochs WHERE cause <> 'made' AND began_s < ? ORDER BY epoch DESC LIMIT 1`,
    row.time_s,
  );
  return (
    line !== undefined &&
    !books.one('SELECT 1 FROM overspends WHERE pku = ? AND transaction_id <= ?', counterOf(books, row.pku), line.acts)
  );
}

/** Who owns a pseudonym, and what says so. */
interface Owner {
  name: string;
  request: Buffer;
  certificate: Buffer | null;
}

/** What this house has of a pseudonym's owner, by the scheme's column. */
function ownerOf(
  books: AuditBooks,
  subject: Buffer,
): { name: string; request: Uint8Array; certificate: Uint8Array } | null {
  const row = {
    issuer: () =>
      books.one<Owner>(
        'SELECT p.name, p.request, a.certificate FROM pseudonyms p JOIN accounts a ON a.name = p.name WHERE p.pku = ?',
        subject,
      ),
    trustee: () => books.one<Owner>('SELECT name, request, certificate FROM registrations WHERE pku = ?', subject),
    bank: () =>
      books.one<Owner>(
        'SELECT r.name, r.owned AS request, a.certificate FROM requests r JOIN accounts a ON a.name = r.name WHERE r.hash = ?',
        subject,
      ),
  }[books.scheme.traceBy]();
  return row ? { name: row.name, request: row.request, certificate: row.certificate ?? new Uint8Array(0) } : null;
}

/** What trustee or bank know the owner of a pseudonym by: the newest registration of its set, or the pseudonym. */
function subjectOf(books: AuditBooks, pku: Buffer): Uint8Array[] | Uint8Array {
  if (books.scheme.registration === 'open') return pku;
  return [
    ...books.each<Pick<Audited<'shared_keys'>, 'registration'>>(
      `SELECT registration FROM shared_keys WHERE counter = x'${counterOf(books, pku).toString('hex')}'`,
    ),
  ].map((row) => sha256(row.registration));
}

/** The order of a trace is signed by the issuer, and about the same subject, EBC and reason. */
function orderProblem(books: AuditBooks, row: Audited<'traces'>, subjects: Uint8Array[] | Uint8Array): Problem {
  const outer = signedTraceOrder.decode(row.trace_order ?? new Uint8Array(0));
  const order = outer && traceOrder.decode(outer.body);
  if (!outer || !order) return 'its order does not decode';
  if (!books.keys.isBy('issuer', SIGNED.traceOrder, outer.body, outer.signature, order.timeS))
    return 'its order is not signed by the issuer';
  const { subject, missing } = order;
  const reason = new TextDecoder().decode(order.why);
  const about = Array.isArray(subjects) ? subjects : [subjects];
  return firstOf([
    about.some((each) => equal(each, subject)) && -BigInt(missing) === row.ebc && reason === row.why,
    'its order says other than its row',
  ]);
}

function auditOperators(books: AuditBooks): void {
  // Databases of before there were roles have no list.
  const hasList = books.one(`SELECT 1 FROM sqlite_schema WHERE name = 'operators'`) !== undefined;
  const listed = new Map(
    hasList ? [...books.each<Audited<'operators'>>('SELECT * FROM operators')].map((row) => [toHex(row.key), row]) : [],
  );
  for (const row of books.each<Audited<'operator_requests'>>('SELECT * FROM operator_requests', 'operator_requests')) {
    const broken = (problem: string) => books.broken('operator_requests', row.id.toString('hex'), problem);
    const key = row.operator_key;
    const idInside = row.signed.subarray(REQUEST_ID_AT, REQUEST_ID_AT + 16);
    if (!idInside.equals(row.id)) broken('was signed under another request id');
    else if (!isSigned(key, SIGNED.operatorRequest, row.signed, row.signature)) broken('is not signed by its operator');
    else if (books.operatorKeys && !books.operatorKeys.some((known) => equal(known, key)) && !listed.has(toHex(key)))
      broken('is by an operator who is not known');
    else if (hasList && row.role !== null && row.role !== (listed.get(toHex(key))?.role ?? 'supervisor'))
      broken(`was done as ${row.role}, which its operator is not`);
  }
}
