/**
 * Audit of what an issuer answered and gave on sealed, keyed and blinded requests: replies, sequences, coupons and
 * their keys. EP 0926637 [0043], [0064], [0068], [0086], [0090], signed [0095], [0098].
 */
import { constants, verify, type KeyObject } from 'node:crypto';
import { codeOf } from '../../firmware/core/codes.js';
import { copy, equal, readU32, toHex } from '../../firmware/core/bytes.js';
import {
  bankMessage,
  CLASS_UNIT,
  issuerReply,
  unpackBoxes,
  type BankMessage,
} from '../../firmware/wire/institutions.js';
import {
  couponKey,
  COUPON_KEY_BYTES,
  couponKeysBody,
  KID_BYTES,
  REQUEST,
  signedCouponKeys,
} from '../../firmware/wire/request.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { sha256 } from '../base/crypto/hash.js';
import { rsaPublicKeyOf } from '../base/crypto/key-objects.js';
import { issuerIdOf } from '../base/crypto/signer.js';
import { signatureProblem } from './audit-requests.js';
import type { AuditBooks, Audited, Problem } from './audit-books.js';
import { firstOf, isOurs, moneyIn } from './audit-books.js';

/** Checks replies, shared keys, coupons and coupon keys. */
export function auditReplies(books: AuditBooks): void {
  let granted = 0n;
  for (const row of books.each<Audited<'replies'>>('SELECT * FROM replies', 'replies')) {
    const problem = replyProblem(books, row);
    if (problem) books.broken('replies', toHex(row.message_hash), problem);
    else granted += grantedBy(books, row);
  }
  // Each reply that says OK to a withdrawal gave its x; which posting is whose, the sealed request alone knows.
  const issued = books.one<{
    sum: bigint;
  }>(`SELECT coalesce(sum(e.delta), 0) AS sum FROM entries e JOIN transactions t ON t.id = e.transaction_id
    WHERE t.kind = 'issue' AND e.account LIKE 'ebc:%' AND t.id NOT IN (SELECT transaction_id FROM coupons)`)?.sum;
  if (issued !== granted)
    books.broken('replies', 'all', `grant ${moneyIn(books, granted)}, and ${moneyIn(books, issued ?? 0n)} was issued`);
  for (const row of books.each<Audited<'shared_keys'>>('SELECT * FROM shared_keys', 'shared_keys')) {
    const problem = sharedKeyProblem(books, row);
    if (problem) books.broken('shared_keys', toHex(row.kid), problem);
  }
  auditCouponKeys(books);
  for (const row of books.each<Audited<'coupons'>>('SELECT * FROM coupons', 'coupons')) {
    const problem = couponProblem(books, row);
    if (problem) books.broken('coupons', toHex(row.id), problem);
  }
}

/** What the bank said, or null for a redemption, which comes from a token. */
export function bankMessageOf(books: AuditBooks, row: Pick<Audited<'replies'>, 'message'>): BankMessage | null {
  const message = bankMessage.decode(row.message);
  return message && equal(message.issuer, issuerIdOf(books.issuerKey)) ? message : null;
}

function replyProblem(books: AuditBooks, row: Audited<'replies'>): Problem {
  const reply = issuerReply.decode(row.reply);
  if (!reply || !unpackBoxes(row.boxes)) return 'reply does not decode';
  const message = bankMessageOf(books, row);
  if (!message && books.scheme.issue !== 'coupon') return 'message does not decode';
  const problem = firstOf(
    [
      equal(sha256(row.message), row.message_hash) && equal(reply.messageHash, row.message_hash),
      'reply is to another message',
    ],
    [equal(sha256(row.boxes), reply.boxesHash), 'boxes are not those of the reply'],
    [
      message?.kind !== REQUEST.keyedIssue || row.id === null || equal(row.id, message.request.slice(0, KID_BYTES + 4)),
      'was taken under another KID or sequence',
    ],
    [row.id !== null || codeOf(reply.code) !== 'OK', 'was granted without taking an id'],
  );
  if (problem) return problem;
  const byBank = message
    ? signatureProblem(books, 'bank', SIGNED.bankMessage, row.message, row.message_signature, null)
    : null;
  return byBank ?? signatureProblem(books, 'issuer', SIGNED.issuerReply, row.reply, row.reply_signature, row.time_s);
}

/** x that a reply granted to a withdrawal. */
function grantedBy(books: AuditBooks, row: Audited<'replies'>): bigint {
  const message = bankMessageOf(books, row);
  const isWithdrawal = message?.kind === REQUEST.sealedIssue || message?.kind === REQUEST.keyedIssue;
  return isWithdrawal && codeOf(issuerReply.decode(row.reply)!.code) === 'OK' ? BigInt(message.amount) : 0n;
}

function sharedKeyProblem(books: AuditBooks, row: Audited<'shared_keys'>): Problem {
  const { kid } = row;
  const first = kid.toString('hex');
  const sequences = [
    ...books.each<{ id: Buffer }>(
      `SELECT id FROM replies WHERE id BETWEEN x'${first}' AND x'${first}ffffffff' AND length(id) = ${KID_BYTES + 4} ORDER BY id`,
    ),
  ].map(({ id }) => readU32(id, KID_BYTES));
  // Of whichever class its licenses are.
  let registered: Pick<Audited<'replies'>, 'reply'> | undefined;
  for (let kind = REQUEST.register; !registered && kind < 256; kind += CLASS_UNIT) {
    const message = bankMessage.encode({
      kind,
      issuer: issuerIdOf(books.issuerKey),
      amount: 0,
      request: row.registration,
    });
    registered = books.one('SELECT reply FROM replies WHERE message_hash = ?', sha256(message));
  }
  return firstOf(
    [books.scheme.registration === 'sealed', 'stands where the scheme has none'],
    [(row.k !== null) === (books.scheme.issue === 'keyed'), 'K is kept where the scheme has none, or is missing'],
    [
      BigInt(sequences.length) === row.sequence && sequences.every((sequence, i) => sequence === i + 1),
      `says sequence ${row.sequence}, its replies are ${sequences.join(', ') || 'none'}`,
    ],
    [
      registered !== undefined && codeOf(issuerReply.decode(registered.reply)?.code ?? 255) === 'OK',
      'its registration was never granted',
    ],
    [
      books.one('SELECT 1 FROM pseudonyms WHERE pku = ? AND counter = pku', row.counter) !== undefined,
      'belongs to no set',
    ],
  );
}

function auditCouponKeys(books: AuditBooks): void {
  for (const row of books.each<Audited<'coupon_keys'>>('SELECT * FROM coupon_keys ORDER BY version', 'coupon_keys')) {
    const signed = signedCouponKeys.decode(row.list);
    const list = signed && couponKeysBody.decode(signed.body);
    const moduli = unpackBoxes(row.moduli);
    const problem =
      !signed || !list || !moduli
        ? 'does not decode'
        : firstOf(
            [BigInt(list.version) === row.version && isOurs(books, list), 'says other than its row'],
            [
              list.keys.length === COUPON_KEY_BYTES * moduli.length &&
                moduli.every((modulus, i) => equal(sha256(modulus), rowOf(list.keys, i).modulusHash)),
              'its moduli are not those of the list',
            ],
            [
              books.keys.isBy('issuer', SIGNED.couponKeys, signed.body, signed.signature, null),
              'is not signed by the issuer',
            ],
          );
    if (problem) books.broken('coupon_keys', String(row.version), problem);
  }
}

const rowOf = (keys: Uint8Array, i: number) =>
  couponKey.decode(copy(keys, i * COUPON_KEY_BYTES, (i + 1) * COUPON_KEY_BYTES))!;

/** The bank's keys for an amount, of every list that was published. */
export function couponKeysFor(books: AuditBooks, amount: bigint): KeyObject[] {
  const keys: KeyObject[] = [];
  for (const row of books.each<Pick<Audited<'coupon_keys'>, 'list' | 'moduli'>>(
    'SELECT list, moduli FROM coupon_keys ORDER BY version',
  )) {
    const list = couponKeysBody.decode(signedCouponKeys.decode(row.list)?.body ?? new Uint8Array(0));
    for (const [i, modulus] of (unpackBoxes(row.moduli) ?? []).entries()) {
      if (!list || list.keys.length < COUPON_KEY_BYTES * (i + 1) || BigInt(rowOf(list.keys, i).amount) !== amount)
        continue;
      const key = publicKeyOf(modulus);
      if (key) keys.push(key);
    }
  }
  return keys;
}

function publicKeyOf(modulus: Uint8Array): KeyObject | null {
  try {
    return rsaPublicKeyOf(modulus);
  } catch {
    return null;
  }
}

/** [0043]: one coupon, one credit, under the bank's key for its amount. */
function couponProblem(books: AuditBooks, row: Audited<'coupons'>): Problem {
  const receipt = books.one<Pick<Audited<'receipts'>, 'pku' | 'amount'>>(
    'SELECT pku, amount FROM receipts WHERE transaction_id = ?',
    row.transaction_id,
  );
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };
  return firstOf(
    [equal(sha256(row.prepared), row.id), 'has another identity than its message'],
    [
      receipt !== undefined && receipt.amount === row.amount && row.prepared.subarray(32).equals(receipt.pku),
      'has no receipt of its pseudonym and amount',
    ],
    [
      couponKeysFor(books, row.amount).some((key) =>
        verify('sha384', row.prepared, { key, ...padding }, row.signature),
      ),
      "is not signed by the bank's key for its amount",
    ],
  );
}
