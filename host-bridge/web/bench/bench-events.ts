/**
 * What the bench tells its page, and what the page may ask. Public things alone: what is on the air, on displays, and
 * in the books; never a key, a seed or a token's secret.
 */

/** Pixels of two colours. */
export interface PictureEvent {
  width: number;
  height: number;
  /** 24 bits each: of a 0, of a 1. */
  colours: [number, number];
  /** A bit a pixel, highest first, in base64. */
  bits: string;
}

/** A board as it looks now. */
export interface BoardEvent {
  type: 'board';
  board: string;
  powered: boolean;
  led: boolean;
  /** Hertz; 0 is silence. */
  toneHz: number;
  picture: PictureEvent | null;
  /** What the display says, for who hears it read. */
  lines: string[];
}

/** Who and what there is; told anew when a clone is made. */
export interface SceneEvent {
  type: 'scene';
  /** Counts shops: another one has nothing of the one before. */
  run: number;
  /** What it was made from; null: from chance, so no link reproduces it. */
  seed: number | null;
  scheme: number;
  currency: string;
  decimals: number;
  shop: string;
  tokens: string[];
  /** Rows of the terminal's keypad. */
  keys: string[];
}

/** A debit, as the token's journal has it. */
export interface DebitLine {
  amount: number;
  settled: boolean;
}

/** Both sides of the money. */
export interface StateEvent {
  type: 'state';
  /** By token: what its flash says, and its EBC at the issuer (null: not known here). */
  tokens: Record<string, { balance: number; debits: DebitLine[]; ebc: number | null; at: boolean }>;
  charge: { id: string; amount: number; state: string; code: string | null } | null;
  /** Histories that the terminal and the bridge still have to bring. */
  undelivered: number;
  online: boolean;
  /** The shop's account, and the newest payments in the books. */
  shopAccount: number;
  ledger: { amount: number; token: string }[];
  conservation: { ok: boolean; in: number; held: number };
  overspends: { name: string; ebc: number }[];
}

/** A message between terminal and token. */
export interface ApduEvent {
  type: 'apdu';
  toCard: boolean;
  /** Instruction byte of the command that this is or answers; -1 for SELECT. */
  ins: number;
  /** Data of a command, or of an answer without its status word. */
  data: string;
  /** Status word of an answer. */
  sw: number | null;
  /** Bytes on the air since the token came: where its first and last frame began and ended. */
  from: number;
  to: number;
}

/** A tap's course. */
export interface TapEvent {
  type: 'tap';
  what: 'began' | 'torn' | 'noise' | 'power' | 'flash' | 'result';
  /** The board that it happened to, or the token. */
  who: string;
  /** Bytes on the air since the token came. */
  at: number;
  /** Code of a result, or the number of a flash operation. */
  code: string;
}

/** Something to say in words. */
export interface NoteEvent {
  type: 'note';
  tone: 'good' | 'bad' | 'plain';
  text: string;
}

export type BenchEvent = SceneEvent | BoardEvent | StateEvent | ApduEvent | TapEvent | NoteEvent;

/** What the page may ask. */
export interface BenchAct {
  do: 'charge' | 'cancel' | 'tap' | 'leave' | 'press' | 'key' | 'network' | 'audit' | 'clone' | 'deliver' | 'restart';
  /** Of another shop: its scheme, and what it is made from. */
  scheme?: number;
  seed?: number;
  /** Minor units. */
  amount?: number;
  /** Name of a token, or of the shop for its terminal. */
  board?: string;
  key?: string;
  on?: boolean;
  /** Of a tap: cut the radio after so many bytes; damage a byte; lose power at that operation of the flash. */
  tearAfter?: number;
  noiseAt?: number;
  cutToken?: number;
  cutTerminal?: number;
}
