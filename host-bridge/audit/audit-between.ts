/**
 * Audit between bank and issuer: both say the same of every request and history, and the money of both together is what
 * was put in. Each looks at one moment of the two (audit.ts), in which something may be on its way. docs/security.md 6,
 * "Conservation".
 */
import { constants, publicEncrypt, type KeyObject } from 'node:crypto';
import { equal, toHex } from '../../firmware/core/bytes.js';
import { codeOf } from '../../firmware/core/codes.js';
import { issuerReply, unpackBoxes } from '../../firmware/wire/institutions.js';
import { couponRequest, ownedRequest, REQUEST } from '../../firmware/wire/request.js';
import { auditSuccessionPairs } from './audit-keys.js';
import { unequal, type Sums } from './audit-ledger.js';
import { bankMessageOf, couponKeysFor } from './audit-replies.js';
import { sha256 } from '../base/crypto/hash.js';
import { moneyIn, type AuditBooks, type Audited } from './audit-books.js';

/** Checks what the houses have in common. @returns money put in and held, by both */
export function auditBetween(
  bank: AuditBooks,
  atBank: Sums,
  issuer: AuditBooks,
  atIssuer: Sums,
): { in: bigint; held: bigint } {
  for (const key of ['issuerKey', 'registrarKey', 'bankKey'] as const)
    if (!equal(bank[key], issuer[key])) bank.broken('books', key, "is not the issuer's");
  if (bank.scheme !== issuer.scheme) bank.broken('books', 'scheme', "is not the issuer's");
  auditSuccessionPairs(bank, issuer);
  const drawn = auditRequestPairs(bank, issuer);
  auditReplyPairs(bank, issuer);
  const unreturned = auditHistoryPairs(bank, issuer);
  const coupons = auditCoupons(bank, issuer);
  const released = auditReleasePairs(bank, issuer);
  const sums = { in: atBank.in, held: atBank.abc + atIssuer.ebc + drawn + coupons + released - unreturned };
  if (sums.in !== sums.held) bank.broken('entries', 'both houses', unequal(bank, sums.in, sums.held));
  return sums;
}

/**
 * Requests that the issuer has answered, and those on their way.
 * @returns what was drawn and neither credited nor drawn back
 */
function auditRequestPairs(bank: AuditBooks, issuer: AuditBooks): bigint {
  let drawn = 0n;
  for (const row of bank.each<Audited<'requests'>>('SELECT * FROM requests')) {
    const answered =
      row.message &&
      issuer.one<Pick<Audited<'replies'>, 'reply' | 'boxes'>>(
        'SELECT reply, boxes FROM replies WHERE message_hash = ?',
        sha256(row.message),
      );
    const granted = answered && codeOf(issuerReply.decode(answered.reply)?.code ?? 255) === 'OK';
    if (row.state === 'pending' && !granted) drawn += row.amount;
    if (row.state === 'pending' || row.message === null) continue;
    const same = answered && equal(answered.reply, row.reply!) && equal(answered.boxes, row.boxes!);
    if (!same)
      bank.broken(
        'requests',
        toHex(row.hash),
        answered ? 'has another reply than the issuer gave' : 'has a reply that the issuer never gave',
      );
  }
  return drawn;
}

/** What the issuer answered, the bank asked. */
function auditReplyPairs(bank: AuditBooks, issuer: AuditBooks): void {
  const messageHashes = new Set(
    [...bank.each<{ message: Buffer }>('SELECT message FROM requests WHERE message IS NOT NULL')].map(({ message }) =>
      toHex(sha256(message)),
    ),
  );
  for (const row of issuer.each<Pick<Audited<'replies'>, 'message_hash' | 'message'>>(
    'SELECT message_hash, message FROM replies',
  )) {
    if (bankMessageOf(issuer, row) && !messageHashes.has(toHex(row.message_hash)))
      issuer.broken('replies', toHex(row.message_hash), 'is to a request that the bank does not have');
  }
}

/** @returns sum of the histories that the issuer has not taken */
function auditHistoryPairs(bank: AuditBooks, issuer: AuditBooks): bigint {
  const find = 'SELECT history FROM histories WHERE pku = ? AND shop = ? AND rs = ?';
  const nameOf = (row: Pick<Audited<'histories'>, 'pku' | 'shop' | 'rs'>) =>
    `${toHex(row.pku)} ${row.shop} ${toHex(row.rs)}`;
  let unreturned = 0n;
  for (const row of bank.each<Audited<'histories'>>('SELECT * FROM histories')) {
    const taken = issuer.one<Pick<Audited<'histories'>, 'history'>>(find, row.pku, row.shop, row.rs);
    if (!taken) unreturned += row.amount;
    if (!taken && row.return_code === 'OK')
      bank.broken('histories', nameOf(row), 'was returned, and the issuer does not have it');
    if (taken && !equal(taken.history, row.history))
      bank.broken('histories', nameOf(row), 'is another than the one that the issuer has');
  }
  for (const row of issuer.each<Pick<Audited<'histories'>, 'pku' | 'shop' | 'rs'>>(
    'SELECT pku, shop, rs FROM histories',
  )) {
    if (!bank.one(find, row.pku, row.shop, row.rs))
      issuer.broken('histories', nameOf(row), 'was never credited by the bank');
  }
  return unreturned;
}

/** What was left of lost tokens is credited on the issuer's orders. @returns what is on its way */
function auditReleasePairs(bank: AuditBooks, issuer: AuditBooks): bigint {
  let underway = 0n;
  for (const row of issuer.each<Pick<Audited<'releases'>, 'amount'>>('SELECT amount FROM releases'))
    underway += row.amount;
  for (const row of bank.each<Pick<Audited<'releases'>, 'transaction_id' | 'amount' | 'release_order'>>(
    'SELECT transaction_id, amount, release_order FROM releases',
  )) {
    underway -= row.amount;
    if (!issuer.one('SELECT 1 FROM releases WHERE release_order = ?', row.release_order))
      bank.broken('releases', String(row.transaction_id), 'is on an order that the issuer does not have');
  }
  return underway;
}

/**
 * [0040], [0043]: blind signatures are the bank's, and no more coupons come back than it gave.
 * @returns worth of those not redeemed
 */
function auditCoupons(bank: AuditBooks, issuer: AuditBooks): bigint {
  const signed = new Map<bigint, bigint>();
  for (const row of bank.each<Audited<'requests'>>(
    `SELECT * FROM requests WHERE kind = ${REQUEST.coupon} AND state = 'done'`,
  )) {
    const { amount } = row;
    signed.set(amount, (signed.get(amount) ?? 0n) + 1n);
    const request = ownedRequest.decode(row.owned)?.request;
    const blinded = request && (couponRequest.decode(request)?.blinded ?? request);
    const [signature] = unpackBoxes(row.boxes!) ?? [];
    const fits =
      blinded && signature && couponKeysFor(issuer, amount).some((key) => raised(key, signature)?.equals(blinded));
    if (!fits) bank.broken('requests', toHex(row.hash), "its blind signature is not by the bank's key for the amount");
  }
  let worth = 0n;
  for (const [amount, count] of signed) worth += amount * count;
  for (const { amount, count } of issuer.each<{ amount: bigint; count: bigint }>(
    'SELECT amount, count(*) AS count FROM coupons GROUP BY amount',
  )) {
    worth -= amount * count;
    if (count > (signed.get(amount) ?? 0n))
      issuer.broken(
        'coupons',
        `of ${moneyIn(issuer, amount)}`,
        `${count} were redeemed, the bank signed ${signed.get(amount) ?? 0n}`,
      );
  }
  return worth;
}

/** s^e modulo n; null for what is no number below n. */
function raised(key: KeyObject, signature: Uint8Array): Buffer | null {
  try {
    return publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
  } catch {
    return null;
  }
}
