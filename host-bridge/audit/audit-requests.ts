/**
 * Audit of a bank's requests: each is its owner's, was drawn once, went to the issuer as it came, and ended as the
 * issuer's reply says. EP 0926637 [0040], [0062]-[0069], [0085]-[0091], signed [0094]-[0108].
 */
import { isBalance } from '../../firmware/core/amount.js';
import { codeOf } from '../../firmware/core/codes.js';
import { equal, toHex } from '../../firmware/core/bytes.js';
import { bankMessage, CLASS_UNIT, issuerReply, unpackBoxes } from '../../firmware/wire/institutions.js';
import { ownedRequest, REQUEST } from '../../firmware/wire/request.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { sha256 } from '../base/crypto/hash.js';
import { isSigned, issuerIdOf } from '../base/crypto/signer.js';
import { bodyOf } from '../base/services/trace-proof.js';
import { grantedClaim } from './audit-refunds.js';
import type { AuditBooks, Audited, Problem } from './audit-books.js';
import { firstOf, isOurs } from './audit-books.js';

/** Checks requests. */
export function auditRequests(books: AuditBooks): void {
  for (const row of books.each<Audited<'requests'>>('SELECT * FROM requests', 'requests')) {
    const problem =
      originProblem(books, row) ?? drawProblem(books, row) ?? messageProblem(books, row) ?? endProblem(books, row);
    if (problem) books.broken('requests', toHex(row.hash), problem);
  }
}

/** Whose request it is. */
function originProblem(books: AuditBooks, row: Audited<'requests'>): Problem {
  const kind = Number(row.kind);
  if (kind === REQUEST.refund)
    return books.one(
      'SELECT 1 FROM refunds WHERE refund = ? AND transaction_id = ? AND shop = ? AND amount = ?',
      row.owned,
      row.draw_id,
      row.name,
      row.amount,
    )
      ? null
      : 'belongs to no refund';
  if (kind === REQUEST.reconcile)
    return grantedClaim(books, row.owned) && row.name === null && row.amount === 0n
      ? null
      : 'belongs to no claim that was granted';
  const owned = ownedRequest.decode(row.owned);
  if (!owned) return 'request does not decode';
  const account =
    books.one<Pick<Audited<'accounts'>, 'account_key'>>('SELECT account_key FROM accounts WHERE name = ?', row.name)
      ?.account_key ?? null;
  const hash = sha256(owned.request);
  return firstOf(
    [kindsOf(books).includes(kind), 'is of a kind that this scheme does not have'],
    [
      owned.kind === kind && owned.name === row.name && BigInt(owned.amount) === row.amount && equal(hash, row.hash),
      'request says other than its row',
    ],
    [isOurs(books, owned), 'request is for another issuer or currency'],
    [account !== null && equal(account, owned.accountKey), 'request names another key than its account has'],
    [
      account !== null && isSigned(account, SIGNED.ownedRequest, bodyOf(owned, hash), owned.accountSignature),
      "request is not signed by the account's key",
    ],
  );
}

function kindsOf({ scheme }: AuditBooks): number[] {
  const issue = { direct: [], coupon: [REQUEST.coupon], sealed: [REQUEST.sealedIssue], keyed: [REQUEST.keyedIssue] }[
    scheme.issue
  ];
  return scheme.registration === 'sealed' ? [REQUEST.register, ...issue] : issue;
}

/** Whether the account held too little: nothing was drawn, and the request went on so that it would be refused. */
const isShort = (row: Audited<'requests'>): boolean => row.amount > 0n && row.draw_id === null;

/** What was drawn, and went back on a refusal alone. */
function drawProblem(books: AuditBooks, row: Audited<'requests'>): Problem {
  const isKind = (id: bigint | null, kind: string) =>
    books.one('SELECT 1 FROM transactions WHERE id = ? AND kind = ?', id, kind) !== undefined;
  const moves = row.amount > 0n && !isShort(row);
  const backs = moves && row.state === 'refused';
  return firstOf(
    [isBalance(Number(row.amount)) && BigInt(Number(row.amount)) === row.amount, 'amount is none'],
    [!isShort(row) || row.state !== 'done', 'was never drawn'],
    [
      moves ? isKind(row.draw_id, 'draw') : row.draw_id === null,
      moves ? 'was drawn by no draw' : 'was drawn for nothing',
    ],
    [
      backs ? isKind(row.drawback_id, 'drawback') : row.drawback_id === null,
      backs ? 'was refused and never drawn back' : 'was drawn back though it was not refused',
    ],
  );
}

/** What went to the issuer: the same request and amount, and SKB where the scheme signs. */
function messageProblem(books: AuditBooks, row: Audited<'requests'>): Problem {
  const kind = Number(row.kind);
  if (kind === REQUEST.coupon)
    return row.message === null && row.message_signature === null ? null : 'a coupon went to the issuer';
  const request = ownedRequest.decode(row.owned)?.request ?? row.owned;
  // The class of its licenses stands with a registration, and in no other book.
  const said = kind === REQUEST.register && row.message ? (bankMessage.decode(row.message)?.kind ?? kind) : kind;
  const expected = bankMessage.encode({
    kind: said % CLASS_UNIT === kind ? said : kind,
    issuer: issuerIdOf(books.issuerKey),
    amount: isShort(row) ? 0 : Number(row.amount),
    request: kind === REQUEST.refund || kind === REQUEST.reconcile ? row.owned : request,
  });
  if (!row.message || !equal(row.message, expected))
    return 'another message went to the issuer than its owner asked for';
  return signatureProblem(books, 'bank', SIGNED.bankMessage, row.message, row.message_signature, row.time_s);
}

/**
 * A signature between institutions, where and only where the scheme has one.
 * @param timeS when it was made, where this house knows
 */
export function signatureProblem(
  books: AuditBooks,
  by: 'bank' | 'issuer',
  type: number,
  message: Uint8Array,
  signature: Uint8Array | null,
  timeS: bigint | null,
): Problem {
  const who = by === 'bank' ? 'SKB' : 'SKI';
  if (!books.scheme.signedBetweenInstitutions)
    return signature === null ? null : `${who} stands where the scheme has none`;
  return signature && books.keys.isBy(by, type, message, signature, timeS) ? null : `is not signed by ${who}`;
}

function endProblem(books: AuditBooks, row: Audited<'requests'>): Problem {
  const { state, boxes } = row;
  if (state === 'pending') return boxes === null && row.reply === null ? null : 'waits though it has a reply';
  const papers = boxes && unpackBoxes(boxes);
  if (!papers) return 'boxes do not decode';
  if (row.kind === BigInt(REQUEST.coupon))
    return (state === 'done' ? papers.length === 1 : papers.length <= (isShort(row) ? 1 : 0)) && row.reply === null
      ? null
      : 'a coupon has one blind signature, or was refused';
  const reply = row.reply && issuerReply.decode(row.reply);
  if (!reply) return 'reply does not decode';
  const problem = firstOf(
    [row.message !== null && equal(sha256(row.message), reply.messageHash), 'reply is to another message'],
    [equal(sha256(boxes), reply.boxesHash), 'boxes are not those of the reply'],
    [(codeOf(reply.code) === 'OK') === (state === 'done'), `is ${state}, the reply says ${codeOf(reply.code)}`],
  );
  return problem ?? signatureProblem(books, 'issuer', SIGNED.issuerReply, row.reply!, row.reply_signature, null);
}
