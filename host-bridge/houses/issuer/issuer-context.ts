/**
 * What the issuer's procedures share. In a file of its own that imports no other file of the issuer, so that each of
 * them may take it.
 */
import type { Scheme } from '../../../firmware/core/scheme.js';
import type { IssuerStore } from '../../ledger/store.js';
import type { Unsealer } from '../../base/crypto/sealed-box.js';
import type { Depositary } from '../depositary.js';
import type { KeyLine, KeyLines } from '../../base/keys/key-line.js';
import type { Signer } from '../../base/crypto/signer.js';

/** The issuer's deny list (deny-list.ts). */
export interface DenyLists {
  /** The newest version, signed anew where it is too old. */
  current(nowS: number): number;
  /**
   * What brings a terminal from a version to the newest one: encoded `signedDenyList`, none where it has that.
   * @param from 0: it has none
   */
  messages(from: number, nowS: number): { version: number; messages: Uint8Array[] };
  /**
   * Denies pseudonyms, in one version, within the caller's transaction.
   * @param untilS null: for ever
   * @returns whether any of them was not denied before
   */
  deny(pkus: readonly Uint8Array[], untilS: number | null, why: string, nowS: number): boolean;
  /** Whether all of these have room on the list that terminals get. */
  listsAll(pkus: readonly Uint8Array[], nowS: number): boolean;
  /** Pseudonyms denied now, also those that found no room on the list. */
  count(nowS: number): number;
}

/** When the name behind a negative EBC is opened: as soon as it falls below 0, or when an operator asks. */
export type TracePolicy = 'automatic' | 'operator';

/** What the issuer's procedures share. */
export interface IssuerContext {
  store: IssuerStore;
  signer: Signer;
  lines: KeyLines;
  /** PKR. */
  registrar: KeyLine;
  /** Issuer id, 4 bytes. */
  issuer: Uint8Array;
  currency: string;
  graceS: number;
  denyLists: DenyLists;
  scheme: Scheme;
  unsealer: Unsealer | null;
  licenseValidS: number;
  licenseClass: number;
  tracePolicy: TracePolicy;
  random(bytes: number): Uint8Array;
  /** Deposits are judged by it, where this scheme has its accounts here. */
  depositary: Depositary;
  /** Unix time, whole seconds. */
  nowS(): number;
  /** The house does not believe its clock: nothing that depends on the time is given out. */
  clockDoubted(): boolean;
  /** How many acts the books held when they were last restored; null: they never were. */
  restoredAt: number | null;
}
