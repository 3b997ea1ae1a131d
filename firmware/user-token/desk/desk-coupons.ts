/**
 * Coupons SKBx(PKU): blinded for the bank, unblinded and verified here, kept until they are redeemed (EP 0926637
 * [0039]-[0043], RFC 9474 RSABSSA-SHA384-PSS-Randomized). A coupon's identity is its prepared message: random prefix,
 * PKU.
 *
 * The board has no Euclid for 1/r: the desk is given r u for a random u that stays here, and inverts that; r r^-1 = 1
 * is checked (crypto/blind-rsa.ts; docs/threat-model.md says why nothing leaks). Prefix and 1/r are durable before the
 * blinded message is, and that before it is given; so a coupon whose reply comes late is unblinded late, but never
 * lost.
 */
import { AMOUNT_MAX } from '../../core/amount.js';
import { concat, equal } from '../../core/bytes.js';
import { refuse } from '../../core/codes.js';
import type { Blinding } from '../../crypto/blind-rsa.js';
import type { RsaModulus } from '../../crypto/rsa.js';
import {
  couponKey,
  COUPON_KEY_BYTES,
  COUPON_KEYS_MAX,
  COUPON_PREFIX_BYTES,
  couponKeysBody,
  K_BYTES,
  KID_BYTES,
  REQUEST,
  signedCouponKeys,
} from '../../wire/request.js';
import { SIGNED, signedBytes } from '../../wire/signed.js';
import { couponStart } from '../../wire/token-commands.js';
import { blindingRecord, couponRecord, COUPONS_MAX, DESK_RECORD } from './desk-records.js';
import type { BlindingRecord, CouponRecord } from './desk-records.js';
import { isBy } from './desk-papers.js';
import type { DeskTools } from './desk-tools.js';
import { isRecent, WITHDRAWAL } from '../confirmation.js';
import { PSEUDONYM_KEY } from '../purse.js';
import type { PurseAnswer, PurseState } from '../purse.js';
import type { Requests } from '../requests.js';
import type { SealedRequests } from './desk-sealed.js';

/** Coupons of a token. */
export interface Coupons {
  /** COUPON KEYS: nothing. Codes: BAD_REQUEST, SIGNATURE_INVALID, NOT_NEWER. */
  keys(data: Uint8Array): PurseAnswer;
  /** Whether this is the list that is held. @param data as for `keys` */
  holds(data: Uint8Array): boolean;
  /**
   * COUPON START: r u. Codes: BAD_REQUEST, NOT_LICENSED, SEQ_REFUSED, COUPON_INVALID, JOURNAL_FULL, REFUSED,
   * CONFIRM_NEEDED.
   * @param isAgain the same command was answered before, and nothing has come of it
   */
  start(data: Uint8Array, nowMs: number, isAgain: boolean): PurseAnswer;
  /** COUPON BLIND: encoded `requestPart`. Codes: NO_CHARGE, BAD_REQUEST. */
  blind(data: Uint8Array): PurseAnswer;
  /** The bank's signature for the request that waits: whether it became a coupon, durable. */
  take(amount: number, blindSignature: Uint8Array): boolean;
  /** Whether the bank says, by the key that would sign it, that the request that waits will never be signed. */
  isRefused(refusal: Uint8Array): boolean;
  /** Erases what unblinds, once no coupon waits for it: with the bank's books it would tell whose coupon that was. */
  forget(): void;
  /** The next coupon to redeem: another one than that of the last refusal, where there is one. */
  next(): { slot: number; coupon: CouponRecord } | null;
  /** A coupon is spent. */
  remove(slot: number): void;
  /** Whether a coupon was begun by START, in RAM, and waits for BLIND. */
  isBusy(): boolean;
}

const NOTHING = new Uint8Array(0);
const SALT_BYTES = 48;

/** Makes the coupons of a purse. */
export function createCoupons(
  state: PurseState,
  requests: Requests,
  sealed: SealedRequests,
  tools: DeskTools,
): Coupons {
  const records = state.records;
  const config = state.config;
  const rsa = tools.rsa();
  const blindRsa = tools.blindRsa();
  // The modulus last used, prepared: that takes longer than everything else. And a coupon between START and BLIND.
  let modulusBytes: Uint8Array = NOTHING;
  let modulus: RsaModulus | null = null;
  let begun: { amount: number; blinding: Blinding; id: Uint8Array; masked: Uint8Array } | null = null;

  function prepare(bytes: Uint8Array): RsaModulus | null {
    if (!modulus || !equal(modulusBytes, bytes)) {
      modulus = rsa.prepare(bytes);
      modulusBytes = bytes;
    }
    return modulus;
  }

  /** The list held, encoded; null before the first. */
  function heldKeys() {
    const stored = records.get(DESK_RECORD.couponKeys, 0);
    return stored && couponKeysBody.decode(stored);
  }

  /** Hash of the modulus for an amount, or null. */
  function modulusHashFor(amount: number): Uint8Array | null {
    const list = heldKeys();
    if (!list) return null;
    for (let at = 0; at < list.keys.length; at += COUPON_KEY_BYTES) {
      const row = couponKey.decode(list.keys.subarray(at, at + COUPON_KEY_BYTES));
      if (row && row.amount === amount) return row.modulusHash;
    }
    return null;
  }

  function couponIn(slot: number): CouponRecord {
    const coupon = couponRecord.decode(records.get(DESK_RECORD.coupon, slot)!);
    if (!coupon) throw new Error('coupon ' + slot + ' cannot be read');
    return coupon;
  }

  function blinding(): BlindingRecord {
    const secret = blindingRecord.decode(records.get(DESK_RECORD.blinding, 0)!);
    if (!secret) throw new Error('the blinding cannot be read');
    return secret;
  }

  /** A slot without a coupon, or -1. */
  function freeSlot(): number {
    const taken = records.slots(DESK_RECORD.coupon);
    for (let slot = 0; slot < COUPONS_MAX; slot++) if (taken.indexOf(slot) < 0) return slot;
    return -1;
  }

  function holds(data: Uint8Array): boolean {
    const offered = signedCouponKeys.decode(data);
    const stored = records.get(DESK_RECORD.couponKeys, 0);
    return !!offered && !!stored && equal(stored, offered.body);
  }

  function forget(): void {
    const waiting = requests.waiting();
    if (!(waiting && waiting.kind === REQUEST.coupon) && records.get(DESK_RECORD.blinding, 0))
      records.put(DESK_RECORD.blinding, 0, NOTHING);
  }

  // Power may have been lost between a request's end and this.
  forget();
  return {
    forget: forget,
    holds: holds,
    keys: function (data) {
      // 1. It is a list of whole rows, for our issuer and currency.
      const offered = signedCouponKeys.decode(data);
      const body = offered && couponKeysBody.decode(offered.body);
      if (
        !offered ||
        !body ||
        body.keys.length % COUPON_KEY_BYTES !== 0 ||
        body.keys.length > COUPON_KEYS_MAX * COUPON_KEY_BYTES
      )
        return refuse('BAD_REQUEST');
      // 2. Signed by our issuer, who signs the same for everybody: a key of its own would mark its coupons.
      const ours = equal(body.issuer, config.issuer) && body.currency === config.currency;
      if (
        !ours ||
        !isBy(
          state.keys,
          config.issuerKey,
          config.issuerBefore,
          signedBytes(SIGNED.couponKeys, offered.body),
          offered.signature,
        )
      )
        return refuse('SIGNATURE_INVALID');
      // 3. Never an older one, nor another one of the same version.
      if (holds(data)) return { ok: true, data: NOTHING };
      const held = heldKeys();
      if (held && held.version >= body.version) return refuse('NOT_NEWER');
      records.put(DESK_RECORD.couponKeys, 0, offered.body);
      return { ok: true, data: NOTHING };
    },
    start: function (data, nowMs, isAgain) {
      // 1. An amount and a modulus.  2. Licensed, with a name, and no other request waits.
      const asked = couponStart.decode(data);
      if (!asked) return refuse('BAD_REQUEST');
      // Begun already: the same again.
      if (begun && equal(begun.id, asked.commandId) && begun.amount === asked.amount)
        return { ok: true, data: begun.masked };
      if (!state.licensed || state.name === '') return refuse('NOT_LICENSED');
      if (requests.waiting()) return refuse('SEQ_REFUSED');
      // 3. The modulus that everybody has for this amount.
      const hash = modulusHashFor(asked.amount);
      if (!hash || !equal(hash, state.keys.sha256(asked.modulus))) return refuse('COUPON_INVALID');
      // 4. A place for the coupon, and for its cash.
      if (freeSlot() < 0) return refuse('JOURNAL_FULL');
      if (asked.amount > AMOUNT_MAX - state.journal.balance()) return refuse('REFUSED');
      const prepared = prepare(asked.modulus);
      if (!prepared) return refuse('COUPON_INVALID');
      // 5. It is of the x that its owner agreed to by WITHDRAW, or else agreed to by itself.
      const isOfWithdrawal = state.couponsLeft >= asked.amount && isRecent(state.couponsMs, nowMs);
      if (!isAgain && !isOfWithdrawal && !state.confirmation.agreed(WITHDRAWAL, asked.amount, '', nowMs))
        return refuse('CONFIRM_NEEDED');
      if (!isAgain && isOfWithdrawal) state.couponsLeft -= asked.amount;
      else if (!isAgain) state.confirmation.end();
      state.couponsMs = nowMs;
      const drawn = blindRsa.startBlinding(prepared, tools.random);
      const masked = blindRsa.maskedForInversion(prepared, drawn);
      begun = { amount: asked.amount, blinding: drawn, id: asked.commandId, masked: masked };
      return { ok: true, data: masked };
    },
    blind: function (data) {
      // 1. Given already: the same again.  2. A coupon was begun.  3. 1/(r u), and nothing else.
      if (requests.waiting()) return requests.first();
      const now = begun;
      if (!now || !modulus) return refuse('NO_CHARGE');
      const inverse = blindRsa.takeInverse(modulus, now.blinding, data);
      if (!inverse) return refuse('BAD_REQUEST');
      begun = null;
      const prefix = tools.random(COUPON_PREFIX_BYTES);
      const prepared = concat([prefix, state.keys.publicKey(PSEUDONYM_KEY)]);
      const blinded = blindRsa.blind(modulus, now.blinding, prepared, tools.random(SALT_BYTES));
      const request = concat([state.keys.sha256(modulusBytes), blinded]);
      const owned = sealed.own(REQUEST.coupon, now.amount, request);
      if (!owned) return refuse('DEVICE_FAULT');
      records.put(
        DESK_RECORD.blinding,
        0,
        blindingRecord.encode({
          prefix: prefix,
          inverse: inverse,
          modulus: modulusBytes,
          requestHash: state.keys.sha256(request),
        }),
      );
      const none = { k: new Uint8Array(K_BYTES), kid: new Uint8Array(KID_BYTES), sequence: 0, coupon: 0 };
      requests.keep(
        {
          kind: REQUEST.coupon,
          amount: now.amount,
          k: none.k,
          kid: none.kid,
          sequence: none.sequence,
          coupon: none.coupon,
        },
        owned,
      );
      return requests.first();
    },
    isRefused: function (refusal) {
      const secret = blinding();
      const prepared = prepare(secret.modulus);
      return !!prepared && blindRsa.verify(prepared, signedBytes(SIGNED.couponRefusal, secret.requestHash), refusal);
    },
    take: function (amount, blindSignature) {
      const secret = blinding();
      const prepared = prepare(secret.modulus);
      const signature = prepared && blindRsa.unblind(prepared, secret.inverse, blindSignature);
      const message = concat([secret.prefix, state.keys.publicKey(PSEUDONYM_KEY)]);
      if (!prepared || !signature || !blindRsa.verify(prepared, message, signature)) return false;
      // Stored before, and the request not yet ended: power was lost in between.
      const slots = records.slots(DESK_RECORD.coupon);
      for (let i = 0; i < slots.length; i++) if (equal(couponIn(slots[i]).prefix, secret.prefix)) return true;
      records.put(
        DESK_RECORD.coupon,
        freeSlot(),
        couponRecord.encode({ amount: amount, prefix: secret.prefix, signature: signature }),
      );
      return true;
    },
    next: function () {
      const slots = records.slots(DESK_RECORD.coupon);
      if (slots.length === 0) return null;
      let slot = slots[0];
      for (let i = slots.length - 1; i >= 0; i--) if (slots[i] > state.lastTried) slot = slots[i];
      state.lastTried = slot;
      return { slot: slot, coupon: couponIn(slot) };
    },
    remove: function (slot) {
      records.put(DESK_RECORD.coupon, slot, NOTHING);
    },
    isBusy: function () {
      return begun !== null;
    },
  };
}
