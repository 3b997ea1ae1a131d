/**
 * The order of a payment as types: from `judge` to `keep` of the till each step takes what only the step before it
 * gives. Types alone: no byte of a bundle.
 */

/** Phases of a payment, as bytes that only the till makes: a PKU whose license is good for the charge, ... */
export interface Judged extends Uint8Array {
  readonly isJudged: true;
}

/** ... data of CHALLENGE for the charge that is given to it, ... */
export interface Bound extends Uint8Array {
  readonly isBound: true;
}

/** ... the record that the answer to it goes into, ... */
export interface Awaited extends Uint8Array {
  readonly isAwaited: true;
}

/** ... and with the answer: an encoded `historyRecord`, whose signature is still to be checked. */
export interface Completed extends Uint8Array {
  readonly isCompleted: true;
}
