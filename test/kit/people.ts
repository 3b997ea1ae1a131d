/**
 * People, shops and houses for the tests of ledger, actors and services: everything that a token or terminal would
 * sign, made from keys that follow from a name, so that every run is the same.
 */
import { createHash } from 'node:crypto';
import { createIssuer, type Issuer, type IssuerOptions } from '../../host-bridge/houses/issuer/issuer.js';
import type { IssuerOffice, TrusteeService } from '../../host-bridge/base/services/procedures.js';
import { createSigner, issuerIdOf, type Signer } from '../../host-bridge/base/crypto/signer.js';
import { createTrustee, type TrusteeOptions } from '../../host-bridge/houses/trustee/trustee.js';
import type { Result } from '../../host-bridge/base/errors.js';
import { openIssuerStore } from '../../host-bridge/ledger/sqlite/sqlite-issuer.js';
import { openTrusteeStore } from '../../host-bridge/ledger/sqlite/sqlite-trustee.js';
import type { IssuerStore, TrusteeStore } from '../../host-bridge/ledger/store.js';
import { concat, writeU32 } from '../../firmware/core/bytes.js';
import {
  challenge,
  chargeId,
  history,
  license,
  licenseBody,
  tombstone,
  type Challenge,
  type LicenseBody,
} from '../../firmware/wire/payment.js';
import { refund, refundBody, type RefundBody } from '../../firmware/wire/refund.js';
import { registration, registrationBody, type RegistrationBody } from '../../firmware/wire/registration.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { withdrawal, withdrawalBody, type WithdrawalBody } from '../../firmware/wire/withdrawal.js';

/** 32 bytes that follow from a label. */
export function seedOf(label: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(label).digest());
}

/** A signer that follows from a label. */
export function signerOf(label: string): Signer {
  return createSigner(seedOf(label));
}

export const START_S = 1_800_000_000;
export const CURRENCY = 'EUR';
export const issuerSigner = signerOf('issuer');
export const registrarSigner = signerOf('registrar');
export const ISSUER = issuerIdOf(issuerSigner.publicKey);
export const BOOKS = { issuerKey: issuerSigner.publicKey, registrarKey: registrarSigner.publicKey, currency: CURRENCY };

/** The fields of a result, or a failing test that says why. */
export function good<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`refused: ${result.code} ${result.detail ?? ''}`);
  return result;
}

/** The code of a result; OK for a good one. */
export function codeOf(result: Result<unknown>): string {
  return result.ok ? 'OK' : result.code;
}

/** Rs: terminal id, counter, 8 bytes. */
export function rsOf(counter: number, terminal = 1): Uint8Array {
  const rs = new Uint8Array(16);
  writeU32(rs, 0, terminal);
  writeU32(rs, 4, counter);
  rs.set(seedOf(`rs ${terminal} ${counter}`).subarray(0, 8), 8);
  return rs;
}

export interface Person {
  name: string;
  account: Signer;
  token: Signer;
  pku: Uint8Array;
}

/** @param token label of the pseudonym's key, where it is not the name's own */
export function person(name: string, token = name): Person {
  const signer = signerOf(`token ${token}`);
  return { name, account: signerOf(`account ${name}`), token: signer, pku: signer.publicKey };
}

/** A signed withdrawal request; `changes` is what it says otherwise, `signers` who signs instead. */
export function withdrawalOf(
  who: Person,
  number: number,
  amount: number,
  changes: Partial<WithdrawalBody> = {},
  signers: { account?: Signer; token?: Signer } = {},
): Uint8Array {
  const body = withdrawalBody.encode({
    issuer: ISSUER,
    currency: CURRENCY,
    pku: who.pku,
    number,
    amount,
    name: who.name,
    ...changes,
  });
  const account = signers.account ?? who.account;
  const token = signers.token ?? who.token;
  return withdrawal.encode({
    accountSignature: account.sign(SIGNED.withdrawal, body),
    proof: token.sign(SIGNED.withdrawalProof, body),
    body,
  });
}

/** A signed registration request. */
export function registrationOf(
  who: Person,
  changes: Partial<RegistrationBody> = {},
  signers: { account?: Signer; token?: Signer } = {},
): Uint8Array {
  const body = registrationBody.encode({ pku: who.pku, accountKey: who.account.publicKey, name: who.name, ...changes });
  const account = signers.account ?? who.account;
  const token = signers.token ?? who.token;
  return registration.encode({
    accountSignature: account.sign(SIGNED.registration, body),
    proof: token.sign(SIGNED.registrationProof, body),
    body,
  });
}

/** A license without asking the trustee. */
export function licenseOf(
  pku: Uint8Array,
  changes: Partial<LicenseBody> = {},
  signer: Signer = registrarSigner,
): Uint8Array {
  const body = licenseBody.encode({
    issuer: ISSUER,
    currency: CURRENCY,
    licenseClass: 1,
    validUntilS: START_S + 86400 * 365,
    pku,
    multiplesHash: new Uint8Array(16),
    ...changes,
  });
  return license.encode({ body, signature: signer.sign(SIGNED.license, body) });
}

/** A history H of a payment; the license is made here unless given. */
export function historyOf(
  who: Person,
  shop: string,
  amount: number,
  rs: Uint8Array,
  changes: Partial<Challenge> = {},
  given: { license?: Uint8Array; token?: Signer } = {},
): Uint8Array {
  const paid = challenge.encode({
    issuer: ISSUER,
    currency: CURRENCY,
    amount,
    timeS: START_S,
    counter: 1,
    rs,
    shop,
    ...changes,
  });
  const signature = (given.token ?? who.token).sign(SIGNED.payment, paid);
  return history.encode({ license: given.license ?? licenseOf(who.pku), signature, challenge: paid });
}

/** A terminal's tombstone. */
export function tombstoneOf(terminal: Signer, shop: string, rs: Uint8Array): Uint8Array {
  const id = chargeId.encode({ rs, shop });
  return tombstone.encode({ signature: terminal.sign(SIGNED.tombstone, id), chargeId: id });
}

/** A refund as a terminal signs it. */
export function refundOf(
  terminal: Signer,
  pku: Uint8Array,
  shop: string,
  rs: Uint8Array,
  amount: number,
  id: number,
  changes: Partial<RefundBody> = {},
): Uint8Array {
  const refundId = new Uint8Array(8).fill(id);
  const body = refundBody.encode({
    issuer: ISSUER,
    currency: CURRENCY,
    pku,
    rs,
    amount,
    refundId,
    terminalId: rsOf(0).subarray(0, 4),
    shop,
    ...changes,
  });
  return refund.encode({ signature: terminal.sign(SIGNED.refund, body), body });
}

export interface Rig {
  issuerStore: IssuerStore;
  trusteeStore: TrusteeStore;
  issuer: Issuer;
  trustee: TrusteeService;
  office: IssuerOffice;
  clock: { nowS: number };
  /** Opens an account with its key and puts money in. */
  open(who: Person, amount?: number): Uint8Array;
  /** Opens a shop's account. */
  shop(name: string): void;
  close(): void;
}

/** Houses in process; in memory unless paths are given. */
export function createRig(
  options: { issuerPath?: string; trusteePath?: string } & Partial<
    Pick<IssuerOptions, 'depositGraceS' | 'claimWindowS' | 'denyRefreshS' | 'tracePolicy' | 'verifyMany'>
  > &
    Partial<Pick<TrusteeOptions, 'licenseValidS'>> = {},
): Rig {
  const clock = { nowS: START_S };
  const issuerStore = openIssuerStore(options.issuerPath ?? ':memory:', BOOKS);
  const trusteeStore = openTrusteeStore(options.trusteePath ?? ':memory:', BOOKS);
  const now = () => clock.nowS;
  const issuer = createIssuer({
    ...options,
    store: issuerStore,
    signer: issuerSigner,
    registrarKey: BOOKS.registrarKey,
    currency: CURRENCY,
    clock: now,
  });
  const trustee = createTrustee({
    ...options,
    issuer,
    store: trusteeStore,
    signer: registrarSigner,
    issuerKey: BOOKS.issuerKey,
    currency: CURRENCY,
    clock: now,
  });
  const office = issuer.office('operator');
  return {
    ...{ issuerStore, trusteeStore, issuer, trustee, office, clock },
    open(who, amount = 0) {
      const { certificate } = good(office.openAccount(who.name, who.account.publicKey));
      if (amount > 0) good(office.fundAccount(who.name, amount));
      return certificate as Uint8Array;
    },
    shop: (name) => void good(office.openAccount(name, null)),
    close() {
      issuerStore.close();
      trusteeStore.close();
    },
  };
}

/** Bytes with one bit turned. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const out = concat([bytes]);
  out[at] = (out[at] as number) ^ 1;
  return out;
}
