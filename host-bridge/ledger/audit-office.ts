/**
 * Audit of the office: deny lists, overspends, traces, terminals, and the operators' signed requests. EP 0926637 [0031].
 */
import { copy, equal, toHex } from '../../firmware/core/bytes.js';
import { denyBody, isDenyKeys, signedDenyList } from '../../firmware/wire/notices.js';
import { KEY_BYTES } from '../../firmware/wire/payment.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { isSigned, issuerIdOf } from '../actors/signer.js';
import type { AuditBooks } from './audit.js';

/** Bytes of `operatorRequestBody` (http/operator-requests.ts) before its request id: the issuer's id. */
const REQUEST_ID_AT = 4;

/** Checks terminals, overspends, denials, deny lists, traces and operator requests. */
export function auditOffice(books: AuditBooks): void {
  for (const row of books.each('SELECT shop, terminal_id, key FROM terminals', 'terminals')) {
    if (!books.one('SELECT 1 FROM accounts WHERE name = ?', row['shop'])) books.broken('terminals', `${row['shop']} ${row['terminal_id'].toString('hex')}`, 'belongs to no account');
  }
  for (const row of books.each('SELECT o.*, h.pku AS deposited FROM overspends o LEFT JOIN histories h ON h.transaction_id = o.transaction_id', 'overspends')) {
    const id = String(row['transaction_id']);
    if (!row['deposited']?.equals(row['pku'])) books.broken('overspends', id, 'is of another pseudonym than its history');
    if (!books.one('SELECT 1 FROM denials WHERE pku = ?', row['pku'])) books.broken('overspends', id, 'the pseudonym was never denied');
  }
  auditDenyLists(books);
  auditTraces(books);
  auditRequests(books);
}

function auditDenyLists(books: AuditBooks): void {
  for (const row of books.each('SELECT * FROM deny_lists ORDER BY version', 'deny_lists')) {
    const signed = signedDenyList.decode(row['list']);
    const body = signed && denyBody.decode(signed.body);
    const broken = (problem: string) => books.broken('deny_lists', String(row['version']), problem);
    if (!signed || !body || !isDenyKeys(body.keys)) broken('does not decode');
    else if (BigInt(body.version) !== row['version'] || !equal(body.issuer, issuerIdOf(books.issuerKey))) broken('says other than its row');
    else if (!isSigned(books.issuerKey, SIGNED.denyList, signed.body, signed.signature)) broken('is not signed by the issuer');
  }
  const newest = books.one('SELECT version, list FROM deny_lists ORDER BY version DESC LIMIT 1');
  const listed = newest && denyBody.decode(signedDenyList.decode(newest['list'])?.body ?? new Uint8Array(0));
  for (let at = 0; listed && at < listed.keys.length; at += KEY_BYTES) {
    const pku = copy(listed.keys, at, at + KEY_BYTES);
    if (!books.one('SELECT 1 FROM denials WHERE pku = ?', pku)) books.broken('deny_lists', String(newest['version']), `names ${toHex(pku)}, who was never denied`);
  }
  for (const row of books.each('SELECT pku FROM denials', 'denials')) {
    if (row['pku'].length !== 32) books.broken('denials', row['pku'].toString('hex'), 'is not a pseudonym');
  }
}

/** A trace needs an overspend before it, and shows the name that the pseudonym is bound to. */
function auditTraces(books: AuditBooks): void {
  for (const row of books.each('SELECT t.*, p.name AS owner FROM traces t LEFT JOIN pseudonyms p ON p.pku = t.pku', 'traces')) {
    const broken = (problem: string) => books.broken('traces', String(row['id']), problem);
    if (row['owner'] !== row['name']) broken(`named ${row['name']}, the pseudonym belongs to ${row['owner']}`);
    if (row['ebc'] >= 0n || !books.one('SELECT 1 FROM overspends WHERE pku = ?', row['pku'])) broken('the pseudonym was not overspent');
  }
}

function auditRequests(books: AuditBooks): void {
  for (const row of books.each('SELECT * FROM operator_requests', 'operator_requests')) {
    const broken = (problem: string) => books.broken('operator_requests', row['id'].toString('hex'), problem);
    const key: Buffer = row['operator_key'];
    const idInside = (row['signed'] as Buffer).subarray(REQUEST_ID_AT, REQUEST_ID_AT + 16);
    if (!idInside.equals(row['id'])) broken('was signed under another request id');
    else if (!isSigned(key, SIGNED.operatorRequest, row['signed'], row['signature'])) broken('is not signed by its operator');
    else if (books.operatorKeys && !books.operatorKeys.some((known) => equal(known, key))) broken('is by an operator who is not known');
  }
}
