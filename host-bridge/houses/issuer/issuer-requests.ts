/**
 * Requests that the issuer opens: sealed and keyed ones that a bank passes on, and coupons that a token redeems.
 * EP 0926637 [0042]-[0043], [0064], [0068], [0086], [0090], and signed [0095], [0098], [0103], [0106].
 *
 * A reply is final and kept: the same bytes get the same reply, and one credit, whenever they come again. So a refusal
 * is final too, and the bank may post its draw back. Other bytes under an id that was used are refused, and change
 * nothing. Which kinds a scheme takes, and whether messages are signed, are its columns. What is decided:
 * issuer-licenses.ts, issuer-cash.ts.
 */
import { codeNumber, type Code } from '../../../firmware/core/codes.js';
import { classPaymentMax } from '../../../firmware/core/license-class.js';
import { copy } from '../../../firmware/core/bytes.js';
import {
  bankMessage,
  CLASS_UNIT,
  issuerReply,
  packBoxes,
  unpackBoxes,
  type BankMessage,
} from '../../../firmware/wire/institutions.js';
import {
  issueSecret,
  keyedRequest,
  KID_BYTES,
  replyPlain,
  REQUEST,
  REQUEST_ID_BYTES,
  sealedPlain,
  TO_ISSUER,
  TO_TOKEN,
} from '../../../firmware/wire/request.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import { sha256 } from '../../base/crypto/hash.js';
import { refusal, type Result } from '../../base/errors.js';
import { openBox, sealBox } from '../../base/crypto/sealed-box.js';
import { issueCash, issueForCoupon, readCoupon } from './issuer-cash.js';
import { creditRefund, reconcileDebit } from './refund-receipts.js';
import { licenseSet } from './issuer-licenses.js';
import { answeredOpenly, refused, type Decided, type Opened } from './issuer-reply.js';
import { checkOurs } from '../read-history.js';
import { checkNow } from '../../base/keys/key-line.js';
import type { BankReply } from '../../base/services/procedures.js';
import type { IssuerContext } from './issuer-context.js';

const NO_KID = new Uint8Array(KID_BYTES);
/**
 * [0063]-[0064], [0067]-[0068]: what the bank brings. @param signature SKB's of type `bankMessage`, where the scheme
 * has it. Codes of the call itself: BAD_REQUEST, ISSUER_UNKNOWN, SIGNATURE_INVALID, KEY_RETIRED, and of a refund or a
 * claim what may pass (base/services/finality.ts); what is decided about the request is in the reply.
 */
export async function receiveFromBank(
  context: IssuerContext,
  bytes: Uint8Array,
  signature: Uint8Array | null,
): Promise<Result<BankReply>> {
  const { scheme, lines, store } = context;
  const said = bankMessage.decode(bytes);
  if (!said) return refusal('BAD_REQUEST', 'bank message');
  const message = { ...said, kind: said.kind % CLASS_UNIT };
  const ownClass = (said.kind - message.kind) / CLASS_UNIT;
  const foreign = checkOurs(context, { issuer: message.issuer, currency: context.currency });
  if (foreign) return foreign;
  const signed = scheme.signedBetweenInstitutions;
  if (signed !== (signature !== null))
    return refusal('SIGNATURE_INVALID', signed ? 'SKB missing' : 'SKB not in this scheme');
  if (signature && !lines.bank) return refusal('SIGNATURE_INVALID', 'SKB');
  const unsigned =
    signature && checkNow(lines.bank!, context.nowS(), { type: SIGNED.bankMessage, message: bytes, signature }, 'SKB');
  if (unsigned) return unsigned;
  if (!kindsOf(context).includes(message.kind)) return refusal('BAD_REQUEST', 'kind of request');
  if (ownClass !== 0 && (message.kind !== REQUEST.register || classPaymentMax(ownClass) === 0))
    return refusal('BAD_REQUEST', 'class of licenses');

  // Not decided: what is decided is final, and a license ends by the clock.
  if (message.kind === REQUEST.register && context.clockDoubted() && !store.reply(sha256(bytes)))
    return refusal('CLOCK_DOUBTED');
  const read = await open(context, message.kind, message.request);
  return store.transaction(() =>
    answer(context, read.ok ? read.opened : null, bytes, signature, () =>
      read.ok ? decide(context, read.opened, message, ownClass) : { code: read.code, bodies: [] },
    ),
  );
}

/**
 * [0042]-[0043]: a coupon for cash, or a question for a missed receipt. Nobody stands between.
 * @param bytes encoded `sealedRequest`. Codes: BAD_REQUEST.
 */
export async function redeem(
  context: IssuerContext,
  bytes: Uint8Array,
): Promise<Result<{ boxes: Uint8Array[]; repeated: boolean }>> {
  const read = context.scheme.issue === 'coupon' ? await open(context, REQUEST.redeem, bytes) : null;
  if (!read?.ok) return refusal('BAD_REQUEST', 'redemption');
  const { opened } = read;
  // A question for a receipt that was missed: nothing changes, so nothing is kept.
  const question = issueSecret.decode(opened.body);
  if (question)
    return { ok: true, boxes: sealBoxes(context, opened, issueCash(context, question, 0, null)), repeated: false };
  const coupon = readCoupon(context, opened.body);
  // Anybody may bring such a request, so what no bank signed leaves no row behind.
  if (!coupon.ok) return { ok: true, boxes: sealBoxes(context, opened, refused(coupon.code)), repeated: false };
  const done = context.store.transaction(() =>
    answer(context, opened, bytes, null, () => issueForCoupon(context, coupon)),
  );
  return done.ok ? { ok: true, boxes: done.boxes, repeated: done.repeated } : done;
}

/** Kinds of request that this scheme's bank brings. */
function kindsOf({ scheme }: IssuerContext): number[] {
  const issue = { direct: [], coupon: [], sealed: [REQUEST.sealedIssue], keyed: [REQUEST.keyedIssue] }[scheme.issue];
  const back = scheme.accountsAt === 'bank' ? [REQUEST.refund, REQUEST.reconcile] : [];
  return [...(scheme.registration === 'sealed' ? [REQUEST.register] : []), ...issue, ...back];
}

type OpenedResult = { ok: true; opened: Opened } | { ok: false; code: Code };

/** Codes: BAD_REQUEST, KID_UNKNOWN. */
async function open(context: IssuerContext, kind: number, request: Uint8Array): Promise<OpenedResult> {
  if (kind === REQUEST.keyedIssue) return openKeyed(context, request);
  // In the open, and answered by the code alone: its receipt is asked for by the token.
  if (kind === REQUEST.refund || kind === REQUEST.reconcile) {
    return {
      ok: true,
      opened: {
        kind,
        id: copy(sha256(request), 0, REQUEST_ID_BYTES),
        k: new Uint8Array(0),
        kid: NO_KID,
        sequence: 0,
        body: request,
      },
    };
  }
  const plain = (await context.unsealer?.open(request, context.scheme.number, kind)) ?? null;
  const found = plain && sealedPlain.decode(plain);
  if (!found) return { ok: false, code: 'BAD_REQUEST' };
  return { ok: true, opened: { kind, id: found.requestId, k: found.k, kid: NO_KID, sequence: 0, body: found.body } };
}

function openKeyed(context: IssuerContext, request: Uint8Array): OpenedResult {
  const kind = REQUEST.keyedIssue;
  const found = keyedRequest.decode(request);
  if (!found) return { ok: false, code: 'BAD_REQUEST' };
  const k = context.store.sharedKey(found.kid)?.k;
  if (!k) return { ok: false, code: 'KID_UNKNOWN' };
  const body = openBox(
    k,
    { direction: TO_ISSUER, kind, kid: found.kid, sequence: found.sequence, index: 0 },
    found.box,
  );
  if (!body) return { ok: false, code: 'BAD_REQUEST' };
  return {
    ok: true,
    opened: { kind, id: copy(request, 0, KID_BYTES + 4), k, kid: found.kid, sequence: found.sequence, body },
  };
}

/** Whether a request comes in its turn: under an id that is new, and if keyed as the next of its KID. */
function isInTurn({ store }: IssuerContext, { kind, id, kid, sequence }: Opened): boolean {
  if (store.isTaken(id)) return false;
  return kind !== REQUEST.keyedIssue || sequence === (store.sharedKey(kid)?.sequence ?? 0) + 1;
}

/**
 * The stored reply to the same bytes, or a new one, kept before it is given. Within a transaction. A request out of
 * turn is refused for good and without a box, so that no bank can make a token forget one that was granted.
 */
function answer(
  context: IssuerContext,
  opened: Opened | null,
  message: Uint8Array,
  messageSignature: Uint8Array | null,
  decideNow: () => Decided,
): Result<BankReply> {
  const { store } = context;
  const messageHash = sha256(message);
  const stored = store.reply(messageHash);
  if (stored)
    return {
      ok: true,
      reply: stored.reply,
      signature: stored.replySignature,
      boxes: unpackBoxes(stored.boxes) as Uint8Array[],
      repeated: true,
    };
  const timeS = context.nowS(); // before anything is signed: the key is judged by it
  const inTurn = opened === null || isInTurn(context, opened);
  const decided: Decided = inTurn ? decideNow() : { code: 'SEQ_REFUSED', bodies: [] };
  // Not the last word: nothing has changed, nothing is kept, and the bank brings it again.
  if (decided.passing) return refusal(decided.passing);
  if (inTurn && opened?.kind === REQUEST.keyedIssue) store.setSequence(opened.kid, opened.sequence);
  const boxes = opened ? sealBoxes(context, opened, decided) : [];
  const reply = issuerReply.encode({
    code: codeNumber(decided.code),
    messageHash,
    boxesHash: sha256(packBoxes(boxes)),
  });
  const signature = context.scheme.signedBetweenInstitutions ? context.signer.sign(SIGNED.issuerReply, reply) : null;
  store.addReply({
    messageHash,
    id: inTurn && opened ? opened.id : null,
    message,
    messageSignature,
    reply,
    replySignature: signature,
    boxes: packBoxes(boxes),
    timeS,
  });
  return { ok: true, reply, signature, boxes, repeated: false };
}

function sealBoxes(
  context: IssuerContext,
  { k, kind, kid, sequence }: Opened,
  { code, bodies }: Decided,
): Uint8Array[] {
  return bodies.map((body, index) =>
    sealBox(
      k,
      { direction: TO_TOKEN, kind, kid, sequence, index },
      replyPlain.encode({ code: codeNumber(code), body }),
      context.random,
    ),
  );
}

function decide(context: IssuerContext, opened: Opened, message: BankMessage, ownClass: number): Decided {
  if (opened.kind === REQUEST.refund)
    return answeredOpenly('passedRefund', creditRefund(context, message.amount, opened.body));
  if (opened.kind === REQUEST.reconcile) return answeredOpenly('passedClaim', reconcileDebit(context, opened.body));
  if (opened.kind === REQUEST.register)
    return message.amount === 0
      ? licenseSet(context, opened, message.request, ownClass || context.licenseClass)
      : refused('AMOUNT_MISMATCH');
  const secret = issueSecret.decode(opened.body);
  return secret ? issueCash(context, secret, message.amount, opened) : refused('BAD_REQUEST');
}
