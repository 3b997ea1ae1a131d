/**
 * Requests that the issuer opens: sealed and keyed ones that a bank passes on, and coupons that a token redeems.
 * EP 0926637 [0046]-[0048], [0064], [0068], [0086], [0090], and signed [0094]-[0108].
 *
 * A reply is final and kept: the same bytes under the same id get the same reply, and one credit. Other bytes under an id that
 * was used are refused, and change nothing. Which kinds a scheme takes, and whether messages are signed, are its columns.
 */
import { constants, createHash, createPublicKey, verify as verifyRsa } from 'node:crypto';
import { CODES, codeNumber, type Code } from '../../firmware/core/codes.js';
import { concat, copy, equal, toHex } from '../../firmware/core/bytes.js';
import { bankMessage, issuerReply, packBoxes, unpackBoxes, type BankMessage } from '../../firmware/wire/institutions.js';
import {
  couponKey, COUPON_KEY_BYTES, couponKeysBody, grantPlain, issueBody, issueSecret, keyedRequest, KID_BYTES, proofBody, pseudonymProof, PSEUDONYM_PROOF_BYTES,
  redemptionSecret, replyPlain, REQUEST, sealedPlain, signedCouponKeys, TO_ISSUER, TO_TOKEN, type IssueBody,
} from '../../firmware/wire/request.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { receipt, receiptBody, RECEIPT_KINDS } from '../../firmware/wire/withdrawal.js';
import { refusal, type Result } from '../errors.js';
import { ebcOf } from '../ledger/rules.js';
import { BANK, ruleIssue } from '../ledger/rules-bank.js';
import { isLicensable } from '../relay/ed25519-verify.js';
import { multiplesOf } from '../relay/key-multiples.js';
import { openBox, sealBox } from './box.js';
import type { IssuerContext } from './issuer.js';
import { quarterEnd, signLicense } from './licensing.js';
import { checkOurs } from './read-history.js';
import { isSigned } from './signer.js';
import type { BankReply } from './services.js';

const NO_KID = new Uint8Array(KID_BYTES);
const NOTHING = new Uint8Array(0);
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());

/** A request after its decryption: what its reply is kept and sealed under. */
interface Opened {
  kind: number;
  /** Request id, or KID and sequence. */
  id: Uint8Array;
  k: Uint8Array;
  kid: Uint8Array;
  sequence: number;
  body: Uint8Array;
}

/** What a reply says before it is sealed. */
interface Decided {
  code: Code;
  /** Bodies of `replyPlain`, one for each box. */
  bodies: Uint8Array[];
}

/** A code that boards know: what only houses know is REFUSED to a token. */
function boardCode(code: string): Code {
  return (CODES as readonly string[]).includes(code) ? (code as Code) : 'REFUSED';
}

const refused = (code: string, body: Uint8Array = NOTHING): Decided => ({ code: boardCode(code), bodies: [body] });

/**
 * [0063]-[0064], [0067]-[0068]: what the bank brings. @param signature SKB's of type `bankMessage`, where the scheme has it
 * Codes of the call itself: BAD_REQUEST, ISSUER_UNKNOWN, SIGNATURE_INVALID; what is decided about the request is in the reply.
 */
export async function receiveFromBank(context: IssuerContext, bytes: Uint8Array, signature: Uint8Array | null): Promise<Result<BankReply>> {
  const { scheme, bankKey } = context;
  const message = bankMessage.decode(bytes);
  if (!message) return refusal('BAD_REQUEST', 'bank message');
  const foreign = checkOurs(context, { issuer: message.issuer, currency: context.currency });
  if (foreign) return foreign;
  const signed = scheme.signedBetweenInstitutions;
  if (signed !== (signature !== null)) return refusal('SIGNATURE_INVALID', signed ? 'SKB missing' : 'SKB not in this scheme');
  if (signature && (!bankKey || !isSigned(bankKey, SIGNED.bankMessage, bytes, signature))) return refusal('SIGNATURE_INVALID', 'SKB');

  const opened = kindsOf(context).includes(message.kind) ? await open(context, message.kind, message.request) : null;
  if (!opened) return { ok: true, ...signReply(context, bytes, 'BAD_REQUEST', []), repeated: false };
  return context.store.transaction(() => answer(context, opened, bytes, signature, () => decide(context, opened, message)));
}

/** [0046]-[0048]: a coupon for cash. Nobody stands between. @param bytes encoded `sealedRequest`. Codes: BAD_REQUEST, REQUEST_ID_REUSED. */
export async function redeem(context: IssuerContext, bytes: Uint8Array): Promise<Result<{ boxes: Uint8Array[]; repeated: boolean }>> {
  const opened = context.scheme.issue === 'coupon' ? await open(context, REQUEST.redeem, bytes) : null;
  if (!opened) return refusal('BAD_REQUEST', 'redemption');
  const done = context.store.transaction(() => answer(context, opened, bytes, null, () => redeemCoupon(context, opened)));
  return done.ok ? { ok: true, boxes: done.boxes, repeated: done.repeated } : done;
}

/** Kinds of request that this scheme's bank brings. */
function kindsOf({ scheme }: IssuerContext): number[] {
  const issue = { direct: [], coupon: [], sealed: [REQUEST.sealedIssue], keyed: [REQUEST.keyedIssue] }[scheme.issue];
  return scheme.registration === 'sealed' ? [REQUEST.register, ...issue] : issue;
}

async function open(context: IssuerContext, kind: number, request: Uint8Array): Promise<Opened | null> {
  if (kind === REQUEST.keyedIssue) return openKeyed(context, request);
  const plain = (await context.unsealer?.open(request, context.scheme.number, kind)) ?? null;
  const found = plain && sealedPlain.decode(plain);
  return found && { kind, id: found.requestId, k: found.k, kid: NO_KID, sequence: 0, body: found.body };
}

function openKeyed(context: IssuerContext, request: Uint8Array): Opened | null {
  const kind = REQUEST.keyedIssue;
  const found = keyedRequest.decode(request);
  const shared = found && context.store.sharedKey(found.kid);
  const body = found && shared && openBox(shared.k, { direction: TO_ISSUER, kind, kid: found.kid, sequence: found.sequence, index: 0 }, found.box);
  if (!found || !shared || !body) return null;
  return { kind, id: copy(request, 0, KID_BYTES + 4), k: shared.k, kid: found.kid, sequence: found.sequence, body };
}

/** The stored reply to the same bytes, or a new one, kept before it is given. Within a transaction. */
function answer(context: IssuerContext, opened: Opened, message: Uint8Array, messageSignature: Uint8Array | null, decideNow: () => Decided): Result<BankReply> {
  const { store } = context;
  const messageHash = sha256(message);
  const stored = store.reply(opened.id);
  if (stored) {
    // Other bytes under the same id: refused, in a reply that is not kept, so that the first one stands.
    if (!equal(stored.messageHash, messageHash)) return { ok: true, ...signReply(context, message, 'SEQ_REFUSED', []), repeated: false };
    return { ok: true, reply: stored.reply, signature: stored.replySignature, boxes: unpackBoxes(stored.boxes) as Uint8Array[], repeated: true };
  }
  if (opened.kind === REQUEST.keyedIssue) {
    const last = store.sharedKey(opened.kid)?.sequence ?? 0;
    if (opened.sequence !== last + 1) return { ok: true, ...signReply(context, message, 'SEQ_REFUSED', []), repeated: false };
    store.setSequence(opened.kid, opened.sequence);
  }
  const decided = decideNow();
  const boxes = decided.bodies.map((body, index) =>
    sealBox(opened.k, { direction: TO_TOKEN, kind: opened.kind, kid: opened.kid, sequence: opened.sequence, index }, replyPlain.encode({ code: codeNumber(decided.code), body }), context.random),
  );
  const made = signReply(context, message, decided.code, boxes);
  store.addReply({ id: opened.id, messageHash, message, messageSignature, reply: made.reply, replySignature: made.signature, boxes: packBoxes(boxes), timeS: context.nowS() });
  return { ok: true, ...made, repeated: false };
}

function signReply(context: IssuerContext, message: Uint8Array, code: Code, boxes: Uint8Array[]): Omit<BankReply, 'repeated'> {
  const reply = issuerReply.encode({ code: codeNumber(code), messageHash: sha256(message), boxesHash: sha256(packBoxes(boxes)) });
  const signature = context.scheme.signedBetweenInstitutions ? context.signer.sign(SIGNED.issuerReply, reply) : null;
  return { reply, signature, boxes };
}

function decide(context: IssuerContext, opened: Opened, message: BankMessage): Decided {
  if (opened.kind === REQUEST.register) return message.amount === 0 ? licenseSet(context, opened, message.request) : refused('AMOUNT_MISMATCH');
  const secret = issueSecret.decode(opened.body);
  if (!secret) return refused('BAD_REQUEST');
  return issueCash(context, opened, secret, message.amount);
}

/** [0064], [0086], [0110]: licenses for PKU1..n, each with its proof of possession; K is kept under a KID. */
function licenseSet(context: IssuerContext, opened: Opened, registration: Uint8Array): Decided {
  const { store, scheme, issuer, currency, signer } = context;
  const count = opened.body.length / PSEUDONYM_PROOF_BYTES;
  if (!Number.isInteger(count) || count < 1) return refused('BAD_REQUEST');
  if (count > scheme.pseudonymsMax) return refused('REFUSED');
  const proofs = Array.from({ length: count }, (_, i) => pseudonymProof.decode(copy(opened.body, i * PSEUDONYM_PROOF_BYTES, (i + 1) * PSEUDONYM_PROOF_BYTES))!);
  if (new Set(proofs.map(({ pku }) => toHex(pku))).size !== count) return refused('BAD_REQUEST');
  for (const { pku, proof } of proofs) {
    const body = proofBody.encode({ issuer, currency, requestId: opened.id, pku });
    if (!isLicensable(pku) || !isSigned(pku, SIGNED.pseudonymProof, body, proof)) return refused('SIGNATURE_INVALID');
  }
  const counter = proofs[0]!.pku;
  // A set that is known renews its licenses; a pseudonym of another set, or one that was denied, gets none.
  const nowS = context.nowS();
  for (const { pku } of proofs) {
    const known = store.pseudonym(pku);
    if (known && !equal(known.counter, counter)) return refused('REFUSED');
    const denial = store.denial(pku);
    if (denial && (denial.untilS === null || denial.untilS > nowS)) return refused('DENIED');
  }
  for (const { pku } of proofs) store.addPseudonym(pku, counter);
  const kid = context.random(KID_BYTES);
  store.addSharedKey({ kid, k: opened.k, counter, sequence: 0, registration, timeS: nowS });
  const validUntilS = quarterEnd(nowS, context.licenseValidS);
  const bodies = proofs.map(({ pku }) => {
    const multiples = multiplesOf(pku);
    return grantPlain.encode({ kid, license: signLicense(signer, { issuer, currency, validUntilS }, pku, multiples), multiples });
  });
  return { code: 'OK', bodies };
}

/** [0068], [0090]: EBC + x and SKI(PKU, x). @param drawn what the bank drew, or the coupon's worth */
function issueCash(context: IssuerContext, opened: Opened, secret: { proof: Uint8Array; body: Uint8Array }, drawn: number, coupon?: { prepared: Uint8Array; signature: Uint8Array }): Decided {
  const { store } = context;
  const body = issueBody.decode(secret.body);
  if (!body || body.number === 0 || checkOurs(context, body)) return refused('BAD_REQUEST');
  if (!isSigned(body.pku, SIGNED.issue, secret.body, secret.proof)) return refused('SIGNATURE_INVALID');
  if (opened.kind === REQUEST.keyedIssue && !equal(store.sharedKey(opened.kid)!.counter, body.pku)) return refused('REFUSED');
  if (coupon) store.addPseudonym(body.pku);
  const pseudonym = store.pseudonym(body.pku);
  const ebc = ebcOf(toHex(body.pku));
  const nowS = context.nowS();
  const denial = store.denial(body.pku);
  const ruling = ruleIssue({
    ...{ ebc, number: body.number, amount: body.amount, drawn },
    nextNumber: (pseudonym?.receiptNumber ?? 0) + 1,
    known: pseudonym !== null && equal(pseudonym.counter, body.pku),
    denied: denial !== null && (denial.untilS === null || denial.untilS > nowS),
    balances: { [ebc]: store.balance(ebc), [BANK]: store.balance(BANK) },
  });
  // A number that was given: the receipt goes along, for the token that missed it.
  if (!ruling.ok) return refused(ruling.code, ruling.code === 'RECEIPT_GAP' ? (store.receipt(body.pku, body.number)?.receipt ?? NOTHING) : NOTHING);
  if (ruling.entries.length === 0) return { code: 'OK', bodies: [NOTHING] };
  const transaction = store.post('issue', nowS, ruling.entries);
  if (coupon) store.addCoupon({ id: sha256(coupon.prepared), ...coupon, amount: drawn, transaction });
  return { code: 'OK', bodies: [writeReceipt(context, body, RECEIPT_KINDS.withdrawal, issueSecret.encode(secret), transaction)] };
}

/** Writes the next receipt of an EBC. Within a transaction. @returns encoded `receipt` */
export function writeReceipt(context: IssuerContext, body: Pick<IssueBody, 'pku' | 'number' | 'amount'>, kind: number, request: Uint8Array, transaction: number | null): Uint8Array {
  const { issuer, currency, signer, store } = context;
  const { pku, number, amount } = body;
  const encoded = receiptBody.encode({ issuer, currency, pku, number, kind, amount });
  const paper = receipt.encode({ body: encoded, signature: signer.sign(SIGNED.receipt, encoded) });
  store.addReceipt({ pku, number, kind, amount, name: null, receipt: paper, request, transaction });
  return paper;
}

/** [0047]: the coupon is the bank's for its amount, and was not redeemed before; its identity is its prepared message. */
function redeemCoupon(context: IssuerContext, opened: Opened): Decided {
  const secret = redemptionSecret.decode(opened.body);
  const body = secret && issueBody.decode(secret.body);
  if (!secret || !body || body.amount === 0) return refused('BAD_REQUEST');
  const prepared = concat([secret.prefix, body.pku]);
  const modulus = modulusFor(context, body.amount);
  if (!modulus || !verifyCoupon(modulus, prepared, secret.signature)) return refused('COUPON_INVALID');
  if (context.store.coupon(sha256(prepared))) return refused('COUPON_SPENT');
  return issueCash(context, opened, secret, body.amount, { prepared, signature: secret.signature });
}

/** PKBx of an amount, as the published list has it. */
function modulusFor(context: IssuerContext, amount: number): Uint8Array | null {
  const published = context.store.couponKeys();
  const signed = published && signedCouponKeys.decode(published.list);
  const list = signed && couponKeysBody.decode(signed.body);
  if (!published || !list) return null;
  const moduli = unpackBoxes(published.moduli) ?? [];
  for (let i = 0; i < moduli.length; i++) {
    const row = couponKey.decode(copy(list.keys, i * COUPON_KEY_BYTES, (i + 1) * COUPON_KEY_BYTES));
    if (row && row.amount === amount) return moduli[i]!;
  }
  return null;
}

/** RSASSA-PSS with SHA-384 and 48 bytes of salt, e = 65537: Node takes any salt length unless told. */
export function verifyCoupon(modulus: Uint8Array, prepared: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: { kty: 'RSA', n: Buffer.from(modulus).toString('base64url'), e: 'AQAB' }, format: 'jwk' });
  return verifyRsa('sha384', prepared, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 }, signature);
}
