/**
 * Requests that only the issuer can read: registration PKI(PKU1..n, K) [0062], [0084], [0110], withdrawal PKI(PKU, x,
 * K) [0067] and K(PKU, x) with KID [0089], [0114], redemption of a coupon [0042].
 *
 * Each has a random id and a fresh K (keyed: the next sequence of K), and waits in flash before it is given. What goes
 * through a bank is signed by the account key, by the hash of what is sealed.
 */
import { concat, copy, equal } from '../../core/bytes.js';
import { refuse } from '../../core/codes.js';
import type { Refusal } from '../../core/codes.js';
import {
  issueBody,
  issueSecret,
  K_BYTES,
  keyedRequest,
  KID_BYTES,
  ownedBody,
  ownedRequest,
  proofBody,
  pseudonymProof,
  PSEUDONYM_PROOF_BYTES,
  redemptionSecret,
  REQUEST,
  REQUEST_ID_BYTES,
  sealedPlain,
  TO_ISSUER,
} from '../../wire/request.js';
import { SIGNED, signedBytes } from '../../wire/signed.js';
import { ISSUER_ID_BYTES } from '../../wire/payment.js';
import { DESK_RECORD, sharedKey } from './desk-records.js';
import type { CouponRecord } from './desk-records.js';
import type { DeskTools } from './desk-tools.js';
import { ACCOUNT_KEY, PSEUDONYM_KEY } from '../purse.js';
import type { PurseAnswer, PurseState } from '../purse.js';
import type { Requests } from '../requests.js';

/** Sealed requests; each answers the first part of what now waits. */
export interface SealedRequests {
  /**
   * A registration under the purse's name. Code BUSY, with what is done and of how many, until all proofs are signed,
   * some a call. What a call has signed is durable: after a loss of power the next one goes on from there.
   */
  register(): PurseAnswer;
  /** @param amount 0 asks for a receipt that was missed */
  withdraw(amount: number): PurseAnswer;
  /** @param slot of the coupon */
  redeem(slot: number, coupon: CouponRecord): PurseAnswer;
  /** In a scheme with coupons, a question for a receipt that was missed: it goes the way of a redemption. */
  missed(): PurseAnswer;
  /** The account key's request around bytes for the bank. */
  own(kind: number, amount: number, request: Uint8Array): Uint8Array | null;
}

/** Proofs of possession that one call signs: with nonces to be made, ten seconds on a modelled ESP32. */
const PROOFS_A_CALL = 4;
/** In front of the proofs of a call: the request's id and the issuer. */
const HEAD_BYTES = REQUEST_ID_BYTES + ISSUER_ID_BYTES;

const NO_KID = new Uint8Array(KID_BYTES);

/** Makes the sealed requests of a purse. @param progress told of each pseudonym signed */
export function createSealedRequests(
  state: PurseState,
  requests: Requests,
  tools: DeskTools,
  progress: (done: number, total: number) => void,
): SealedRequests {
  const keys = state.keys;
  const config = state.config;
  const issuer = config.issuer;
  const currency = config.currency;
  // Those of a request that waits were left by a loss of power: no other request may have its id.
  const waits = requests.waiting();
  if (waits && waits.kind === REQUEST.register) forgetProofs();

  function forgetProofs(): void {
    const slots = state.records.slots(DESK_RECORD.proofs);
    for (let i = 0; i < slots.length; i++) state.records.put(DESK_RECORD.proofs, slots[i], new Uint8Array(0));
  }

  function own(kind: number, amount: number, request: Uint8Array): Uint8Array | null {
    const accountKey = keys.publicKey(ACCOUNT_KEY);
    const name = state.name;
    const body = ownedBody.encode({
      kind: kind,
      issuer: issuer,
      currency: currency,
      accountKey: accountKey,
      amount: amount,
      name: name,
      requestHash: keys.sha256(request),
    });
    const signature = keys.sign(ACCOUNT_KEY, signedBytes(SIGNED.ownedRequest, body));
    if (!signature) return null;
    return ownedRequest.encode({
      accountSignature: signature,
      kind: kind,
      issuer: issuer,
      currency: currency,
      accountKey: accountKey,
      amount: amount,
      name: name,
      request: request,
    });
  }

  /** Keeps what was made, and gives its first part. */
  function keep(
    kind: number,
    amount: number,
    k: Uint8Array,
    kid: Uint8Array,
    sequence: number,
    coupon: number,
    bytes: Uint8Array | null,
  ): PurseAnswer {
    if (!bytes) return refuse('DEVICE_FAULT');
    requests.keep({ kind: kind, amount: amount, k: k, kid: kid, sequence: sequence, coupon: coupon }, bytes);
    return requests.first();
  }

  function seal(kind: number, id: Uint8Array, k: Uint8Array, body: Uint8Array): Uint8Array {
    return tools.seal(config.scheme, kind, sealedPlain.encode({ requestId: id, k: k, body: body }));
  }

  /** [0110]: each PKU with its proof of possession. Many take long: the desk asks again, and the display counts. */
  function register(): PurseAnswer {
    const count = config.pseudonyms;
    // A record of what a call signed: the request's id, the issuer that it is for, and the proofs. Few are signed in
    // one call, and not kept.
    let head = concat([tools.random(REQUEST_ID_BYTES), issuer]);
    let proofs: Uint8Array[] = [];
    for (let from = 0; from < count; from += PROOFS_A_CALL) {
      const end = Math.min(count, from + PROOFS_A_CALL);
      const kept = state.records.get(DESK_RECORD.proofs, from / PROOFS_A_CALL);
      if (kept && from === 0 && equal(copy(kept, REQUEST_ID_BYTES, HEAD_BYTES), issuer))
        head = copy(kept, 0, HEAD_BYTES);
      if (
        kept &&
        kept.length === HEAD_BYTES + (end - from) * PSEUDONYM_PROOF_BYTES &&
        equal(copy(kept, 0, HEAD_BYTES), head)
      ) {
        proofs.push(copy(kept, HEAD_BYTES, kept.length));
        continue;
      }
      const made = [head];
      const id = copy(head, 0, REQUEST_ID_BYTES);
      for (let i = from; i < end; i++) {
        const pku = keys.publicKey(PSEUDONYM_KEY + i);
        const body = proofBody.encode({ issuer: issuer, currency: currency, requestId: id, pku: pku });
        const proof = keys.sign(PSEUDONYM_KEY + i, signedBytes(SIGNED.pseudonymProof, body));
        if (!proof) return refuse('DEVICE_FAULT');
        made.push(pseudonymProof.encode({ pku: pku, proof: proof }));
      }
      progress(end, count);
      if (count > PROOFS_A_CALL) {
        state.records.put(DESK_RECORD.proofs, from / PROOFS_A_CALL, concat(made));
        return { ok: false, code: 'BUSY', data: new Uint8Array([end, count]) };
      }
      made.shift();
      proofs = made;
    }
    const k = tools.random(K_BYTES);
    const sealed = seal(REQUEST.register, copy(head, 0, REQUEST_ID_BYTES), k, concat(proofs));
    const first = keep(REQUEST.register, 0, k, NO_KID, 0, 0, own(REQUEST.register, 0, sealed));
    if (first.ok) forgetProofs();
    return first;
  }

  /**
   * (PKUi, x) with the number of the next receipt, and SKUi's signature. Any of the set withdraws [0114]: they take
   * turns by that number, so that asked again the same one does. A coupon is always the first one's.
   */
  function issue(amount: number): { proof: Uint8Array; body: Uint8Array } | Refusal {
    const number = state.journal.receiptNumber() + 1;
    const key = PSEUDONYM_KEY + (config.issue === 'coupon' ? 0 : number % config.pseudonyms);
    const body = issueBody.encode({
      issuer: issuer,
      currency: currency,
      pku: keys.publicKey(key),
      number: number,
      amount: amount,
    });
    const proof = keys.sign(key, signedBytes(SIGNED.issue, body));
    return proof ? { proof: proof, body: body } : refuse('DEVICE_FAULT');
  }

  /** [0067] */
  function withdrawSealed(amount: number, secret: Uint8Array): PurseAnswer {
    const kind = REQUEST.sealedIssue;
    const k = tools.random(K_BYTES);
    return keep(
      kind,
      amount,
      k,
      NO_KID,
      0,
      0,
      own(kind, amount, seal(kind, tools.random(REQUEST_ID_BYTES), k, secret)),
    );
  }

  /** [0089]: under the K that the issuer keeps. */
  function withdrawKeyed(amount: number, secret: Uint8Array): PurseAnswer {
    const kind = REQUEST.keyedIssue;
    const stored = state.records.get(DESK_RECORD.sharedKey, 0);
    const shared = stored && sharedKey.decode(stored);
    if (!shared) return refuse('NOT_LICENSED');
    const sequence = shared.sequence + 1;
    const box = tools.sealBox(
      shared.k,
      { direction: TO_ISSUER, kind: kind, kid: shared.kid, sequence: sequence, index: 0 },
      secret,
    );
    const request = keyedRequest.encode({ kid: shared.kid, sequence: sequence, box: box });
    return keep(kind, amount, shared.k, shared.kid, sequence, 0, own(kind, amount, request));
  }

  return {
    register: register,
    withdraw: function (amount) {
      const made = issue(amount);
      if ('ok' in made) return made;
      const secret = issueSecret.encode(made);
      return config.issue === 'keyed' ? withdrawKeyed(amount, secret) : withdrawSealed(amount, secret);
    },
    missed: function () {
      const made = issue(0);
      if ('ok' in made) return made;
      const k = tools.random(K_BYTES);
      return keep(
        REQUEST.redeem,
        0,
        k,
        NO_KID,
        0,
        0,
        seal(REQUEST.redeem, tools.random(REQUEST_ID_BYTES), k, issueSecret.encode(made)),
      );
    },
    redeem: function (slot, coupon) {
      const made = issue(coupon.amount);
      if ('ok' in made) return made;
      const k = tools.random(K_BYTES);
      const secret = redemptionSecret.encode({
        proof: made.proof,
        body: made.body,
        prefix: coupon.prefix,
        signature: coupon.signature,
      });
      // No owner: it goes to the issuer in a session of its own, and nobody there may learn whose it is.
      return keep(
        REQUEST.redeem,
        coupon.amount,
        k,
        NO_KID,
        0,
        slot,
        seal(REQUEST.redeem, tools.random(REQUEST_ID_BYTES), k, secret),
      );
    },
    own: own,
  };
}
