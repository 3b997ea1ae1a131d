/**
 * The token at the teller's desk: registration, license, withdrawal, receipts [0013]-[0021].
 *
 * Desk commands sign in the owner's name, so they answer only for a while after the button was pressed; before the first
 * license there is nothing yet to guard. A receipt needs no desk: it is only ever good for its owner.
 * As in purse.ts: named results, checks in numbered order, one durable record last.
 *
 * An overlay (main.ts): it is loaded at a desk command and let go at the next payment, so what must outlive that stands in
 * `PurseState` or in a record.
 */
import { AMOUNT_MAX } from '../core/amount.js';
import { copy, equal } from '../core/bytes.js';
import { refuse } from '../core/codes.js';
import type { Refusal } from '../core/codes.js';
import { license, licenseBody, MULTIPLES_HASH_BYTES } from '../wire/payment.js';
import { registration, registrationBody } from '../wire/registration.js';
import { SIGNED, signedBytes } from '../wire/signed.js';
import { REQUEST } from '../wire/request.js';
import { amountRequest, identity, INS, licenseGrant, nameRequest, receiptAnswer, requestPart } from '../wire/token-commands.js';
import { receipt, RECEIPT_KINDS, receiptBody, withdrawal, withdrawalBody } from '../wire/withdrawal.js';
import { guarded, isDeskOpen, PSEUDONYM_KEY } from './purse.js';
import type { PurseAnswer, PurseState } from './purse.js';
import { identityRecord, RECORD } from './records.js';
import { readDebit } from './statement.js';

/** Desk commands, each with the data of its APDU. */
export interface Desk {
  /** IDENTITY: encoded `identity`. */
  identity(nowMs: number): PurseAnswer;
  /** REGISTER: encoded `requestPart` of a `registration`. */
  register(data: Uint8Array, nowMs: number): PurseAnswer;
  /** LICENSE, encoded `licenseGrant`: nothing. */
  license(data: Uint8Array, nowMs: number): PurseAnswer;
  /** WITHDRAW: encoded `requestPart` of a `withdrawal`. */
  withdraw(data: Uint8Array, nowMs: number): PurseAnswer;
  /** RECEIPT: encoded `receiptAnswer`. */
  receipt(data: Uint8Array): PurseAnswer;
  /** DEBIT: encoded `debitAnswer`. */
  debit(data: Uint8Array, nowMs: number): PurseAnswer;
  /** The answer of one of these commands by its instruction; null for any other. */
  answer(ins: number, data: Uint8Array, nowMs: number): PurseAnswer | null;
}

const ACCOUNT_KEY = 0;

/** Makes the desk over the purse's state. */
export function createDesk(state: PurseState): Desk {
  const keys = state.keys;
  const config = state.config;
  const journal = state.journal;

  /** A command that answers only at the desk. */
  function atDesk(nowMs: number, command: () => PurseAnswer): PurseAnswer {
    return guarded<PurseAnswer>(state, function () {
      return isDeskOpen(state, nowMs) ? command() : refuse('DESK_CLOSED');
    });
  }

  /** The account key's and the pseudonym's signature over one body, as registration and withdrawal both have them. */
  function signBoth(
    body: Uint8Array,
    accountType: number,
    proofType: number,
  ): { accountSignature: Uint8Array; proof: Uint8Array; body: Uint8Array } | Refusal {
    const accountSignature = keys.sign(ACCOUNT_KEY, signedBytes(accountType, body));
    const proof = accountSignature && keys.sign(PSEUDONYM_KEY, signedBytes(proofType, body));
    if (!accountSignature || !proof) return refuse('DEVICE_FAULT');
    return { accountSignature: accountSignature, proof: proof, body: body };
  }

  function openRequest(amount: number, bytes: Uint8Array): PurseAnswer {
    return { ok: true, data: requestPart.encode({ kind: REQUEST.open, amount: amount, length: bytes.length, part: bytes }) };
  }

  function identityNow(): PurseAnswer {
    const data = identity.encode({
      accountKey: keys.publicKey(ACCOUNT_KEY),
      pku: keys.publicKey(PSEUDONYM_KEY),
      receiptNumber: journal.receiptNumber(),
      licensed: state.license ? 1 : 0,
    });
    return { ok: true, data: data };
  }

  function registerChecked(data: Uint8Array): PurseAnswer {
    // 1. It is a name.  2. Not another one than that of the license.
    const request = nameRequest.decode(data);
    if (!request) return refuse('BAD_REQUEST');
    if (state.license && request.name !== state.name) return refuse('WRONG_NAME');
    // 3. The name is durable before anything is signed in it.
    if (request.name !== state.name) {
      state.records.put(RECORD.identity, 0, identityRecord.encode(request));
      state.name = request.name;
    }
    const body = registrationBody.encode({
      pku: keys.publicKey(PSEUDONYM_KEY),
      accountKey: keys.publicKey(ACCOUNT_KEY),
      name: request.name,
    });
    const signed = signBoth(body, SIGNED.registration, SIGNED.registrationProof);
    return 'ok' in signed ? signed : openRequest(0, registration.encode(signed));
  }

  function licenseChecked(data: Uint8Array): PurseAnswer {
    // 1. It is a license with multiples ...
    const grant = licenseGrant.decode(data);
    const offered = grant && license.decode(grant.license);
    const body = offered && licenseBody.decode(offered.body);
    if (!grant || !offered || !body) return refuse('BAD_REQUEST');
    // 2. ... for our PKU, issuer and currency ...
    const ours =
      equal(body.pku, keys.publicKey(PSEUDONYM_KEY)) && equal(body.issuer, config.issuer) && body.currency === config.currency;
    // 3. ... by our registrar.
    if (!ours || !keys.verify(config.registrarKey, signedBytes(SIGNED.license, offered.body), offered.signature)) {
      return refuse('LICENSE_INVALID');
    }
    if (!equal(body.multiplesHash, copy(keys.sha256(grant.multiples), 0, MULTIPLES_HASH_BYTES))) return refuse('LICENSE_INVALID');
    // 4. The one that we have: nothing to do. One that ends earlier: no.
    const held = state.license;
    if (held && equal(held, grant.license)) return { ok: true, data: new Uint8Array(0) };
    const heldBody = held && licenseBody.decode(license.decode(held)!.body);
    if (heldBody && heldBody.validUntilS > body.validUntilS) return refuse('NOT_NEWER');
    state.records.put(RECORD.license, 0, data);
    state.license = grant.license;
    return { ok: true, data: new Uint8Array(0) };
  }

  function withdrawChecked(data: Uint8Array): PurseAnswer {
    // 1. It is an amount.  2. Licensed, and with a name.
    const request = amountRequest.decode(data);
    if (!request || request.amount === 0) return refuse('BAD_REQUEST');
    if (!state.license || state.name === '') return refuse('NOT_LICENSED');
    // 3. What we could not take must not be asked for.
    if (request.amount > AMOUNT_MAX - journal.balance()) return refuse('REFUSED');
    const body = withdrawalBody.encode({
      issuer: config.issuer,
      currency: config.currency,
      pku: keys.publicKey(PSEUDONYM_KEY),
      number: journal.receiptNumber() + 1,
      amount: request.amount,
      name: state.name,
    });
    const signed = signBoth(body, SIGNED.withdrawal, SIGNED.withdrawalProof);
    return 'ok' in signed ? signed : openRequest(request.amount, withdrawal.encode(signed));
  }

  function receiptChecked(data: Uint8Array): PurseAnswer {
    // 1. It is a receipt.
    const offered = receipt.decode(data);
    const body = offered && receiptBody.decode(offered.body);
    if (!offered || !body) return refuse('BAD_REQUEST');
    // 2. For our PKU, issuer and currency, of a kind we know, by our issuer.
    const kinds = RECEIPT_KINDS;
    const ours =
      equal(body.pku, keys.publicKey(PSEUDONYM_KEY)) && equal(body.issuer, config.issuer) && body.currency === config.currency;
    const known = body.kind === kinds.withdrawal || body.kind === kinds.refund || body.kind === kinds.reconcile;
    if (!ours || !known || !keys.verify(config.issuerKey, signedBytes(SIGNED.receipt, offered.body), offered.signature)) {
      return refuse('RECEIPT_INVALID');
    }
    // 3. The next one. One taken already changes nothing.
    const last = journal.receiptNumber();
    if (body.number > last + 1) return refuse('RECEIPT_GAP');
    if (body.number === last + 1) {
      // 4. Balance stays a number that can be counted.
      if (body.amount > AMOUNT_MAX - journal.balance()) return refuse('RECEIPT_INVALID');
      journal.credit(body.number, body.amount);
    }
    return { ok: true, data: receiptAnswer.encode({ receiptNumber: journal.receiptNumber() }) };
  }

  const desk: Desk = {
    identity: function (nowMs) {
      return atDesk(nowMs, identityNow);
    },
    register: function (data, nowMs) {
      return atDesk(nowMs, function () {
        return registerChecked(data);
      });
    },
    license: function (data, nowMs) {
      return atDesk(nowMs, function () {
        return licenseChecked(data);
      });
    },
    withdraw: function (data, nowMs) {
      return atDesk(nowMs, function () {
        return withdrawChecked(data);
      });
    },
    receipt: function (data) {
      return guarded<PurseAnswer>(state, function () {
        return receiptChecked(data);
      });
    },
    debit: function (data, nowMs) {
      return atDesk(nowMs, function () {
        return readDebit(state, data);
      });
    },
    answer: function (ins, data, nowMs) {
      if (ins === INS.identity) return desk.identity(nowMs);
      if (ins === INS.register) return desk.register(data, nowMs);
      if (ins === INS.license) return desk.license(data, nowMs);
      if (ins === INS.withdraw) return desk.withdraw(data, nowMs);
      if (ins === INS.debit) return desk.debit(data, nowMs);
      return ins === INS.receipt ? desk.receipt(data) : null;
    },
  };
  return desk;
}
