/** What the office's server tells its page. Amounts are minor units, times Unix time in seconds; no key is private. */
import type { Said } from '../parts/said.js';

/** A house, as it answers now. */
export interface HouseState {
  house: 'issuer' | 'bank' | 'trustee';
  /** Why it does not answer; null while it does. */
  said: Said | null;
  /** Its clock is doubted: nothing ends and nothing is granted until an operator confirms the time. */
  clockDoubted: boolean;
  /** Since when acts may be missing; null where the books were never restored. */
  restoredS: number | null;
}

/** Sums over all books. */
export interface Sums {
  /** Put in, less what was paid out; and what was paid out. */
  in: number;
  paidOut: number;
  /** In accounts, and as cash on tokens. */
  accounts: number;
  cash: number;
  /** All that is held; equal to `in`, or money was made or lost. */
  held: number;
  holds: boolean;
  accountCount: number;
  overspent: number;
}

/** An act without an answer: it may have been done. */
export interface OpenAct {
  id: string;
  /** As on the command line. */
  text: string;
  begunS: number;
}

/** The audit that runs, or ran last. */
export interface AuditState {
  isRunning: boolean;
  /** Rows checked, by table. */
  rows: [table: string, rows: number][];
  /** null until it has ended, or where it could not be made. */
  result: { ok: boolean; in: number; held: number; broken: number; notes: string[] } | null;
  said: Said | null;
}

/** All that the page shows without asking. */
export interface OfficeState {
  /** null until the issuer has said it. */
  currency: string | null;
  decimals: number;
  scheme: number;
  /** The issuer knows a token by its PKU; else by its owner's name, through the bank. */
  isOpen: boolean;
  /** Who the operator's key is, where the accounts are kept; null until that house has said it. */
  who: { name: string; role: string; may: string[] } | null;
  houses: HouseState[];
  /** null until the houses have said them. */
  sums: Sums | null;
  openActs: OpenAct[];
  audit: AuditState | null;
}

/** Payments of the last day. */
export interface Today {
  /** By hour, oldest first: 24 of them. */
  hours: { fromS: number; count: number; sum: number }[];
  count: number;
  sum: number;
  refunded: number;
  /** false: there are more payments than were counted. */
  isWhole: boolean;
}

/** An account that holds money. */
export interface Account {
  name: string;
  balance: number;
}

/** A payment of an account. */
export interface OfficePayment {
  pku: string;
  shop: string;
  rs: string;
  amount: number;
  refunded: number;
  arrivedS: number;
}

/** A terminal, as the bridge that runs with the same folder knows it. */
export interface TerminalState {
  /** Of the bridge. */
  folder: string;
  shop: string;
  /** 8 hexadecimal digits; '' while no terminal is connected. */
  id: string;
  /** Why it is not reached; null while it is. */
  said: Said | null;
  isRetired: boolean;
  /** What is not delivered: in the terminal, and at the bridge; and when the oldest of the bridge's came. */
  inTerminal: number;
  atBridge: number;
  oldestS: number | null;
  denyVersion: number;
  /** The issuer's time that it was told last; 0: never. */
  timeS: number;
  /** Whether it has the issuer's newest key; null: not known. */
  hasNewestKey: boolean | null;
}

/** A set of pseudonyms below zero. */
export interface Overspent {
  pku: string;
  ebc: number;
  timeS: number;
}

/** A key of a house. */
export interface HouseKey {
  house: string;
  key: string;
  /** 0: the first. */
  fromS: number;
  /** null: no successor. */
  untilS: number | null;
}

/** A row that the audit found broken. */
export interface Broken {
  database: string;
  table: string;
  row: string;
  problem: string;
}

/** Who can link what. */
export interface PartyLinks {
  party: string;
  pseudonyms: number;
  namedByRecord: number;
  namedByTiming: number;
  fewestCandidates: number | null;
  payments: number;
  payers: number;
}

/** Acts that the page may ask for, by the names that the command line has. */
export const OFFICE_VERBS = [
  'open',
  'fund',
  'payout',
  'close',
  'terminal',
  'retire',
  'reinstate',
  'balance',
  'deny',
  'lose',
  'release',
  'trace',
] as const;
export type OfficeAct = (typeof OFFICE_VERBS)[number];
