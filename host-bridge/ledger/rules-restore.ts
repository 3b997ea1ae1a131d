/**
 * Rules of a house that came back from a backup and has forgotten acts that others saw acknowledged. As in rules.ts:
 * facts in, a ruling out, no storage. docs/restore.md says them in words; test/ledger/restore-model.ts searches them
 * breadth first with all parties around them.
 *
 * A house is `recovering` from its restore on until its known peers have said "nothing more". A token's visit is a step
 * of its own, which the end of recovery does not replace: until then the house does not know what the token holds.
 */

/** What a house does with a request about a set: judge it by the rules of the books, or leave it waiting. */
export type Turn = 'judge' | 'wait';

/** What a request about a set is judged by after a restore. */
export interface TurnFacts {
  /** Whether the house was ever restored: before that, every set counts as visited. */
  restored: boolean;
  /** The set's token has shown its receipts in this epoch. */
  visited: boolean;
}

/** Before the visit nothing is credited to a set, and nothing is refused: withdrawals, refunds and claims wait. */
export function turnOfSet({ restored, visited }: TurnFacts): Turn {
  return restored && !visited ? 'wait' : 'judge';
}

/** What a history without a signed OK is judged by. */
export interface DepositTurnFacts extends TurnFacts {
  /** Unix time of its Ts, and now, seconds. */
  timeS: number;
  nowS: number;
  /** The deposit window, seconds. */
  windowS: number;
}

/**
 * A history whose Ts is older than half a window may stand for a debit that was reconciled before the restore: it is
 * held until its token's visit, which shows the receipt. A younger one cannot.
 */
export function turnOfDeposit(facts: DepositTurnFacts): Turn {
  return facts.nowS - facts.timeS > facts.windowS / 2 ? turnOfSet(facts) : 'judge';
}

/** What the end of a claim's window is judged by. */
export interface ClaimEndFacts extends TurnFacts {
  /** The window is over. */
  due: boolean;
  /** The shop cancelled the charge: its tombstone is there. */
  buried: boolean;
  /** In this epoch the shop's bridge (and, of two houses, the other one) has said "nothing more". */
  heard: boolean;
  /** An operator grants without having heard the shop: `loss` pays, should the history come. */
  operatorGrants: boolean;
}

/** How a claim stands: open, granted with the shop heard, or granted by an operator unheard. */
export type ClaimEnd = 'open' | 'heard' | 'unheard';

/** No window ends after a restore before the token was there and the shop was heard. */
export function endOfClaim(facts: ClaimEndFacts): ClaimEnd {
  if (turnOfSet(facts) === 'wait') return 'open';
  if (facts.buried) return 'heard';
  if (!facts.due) return 'open';
  if (!facts.restored || facts.heard) return 'heard';
  return facts.operatorGrants ? 'unheard' : 'open';
}

/** What a house does with an act that a signed OK proves and its book does not have. */
export type Replay = 'book' | 'void' | 'bookAtLoss';

/**
 * An act with a signed OK is booked as it was replied; no rule judges it again. Only a deposit can meet a debit that
 * was reconciled meanwhile: where the shop had been heard, the claim's receipt voids the deposit; where it had not, the
 * shop keeps its money and `loss` pays.
 */
export function replayOfDeposit(reconciled: ClaimEnd | null): Replay {
  if (reconciled === 'heard') return 'void';
  return reconciled === 'unheard' ? 'bookAtLoss' : 'book';
}

/** The number of a replayed credit: its own where that is free, else the next one, signed anew. */
export function numberOfReplay(facts: { own: number; isTaken: boolean; next: number }): number {
  return facts.isTaken ? facts.next : facts.own;
}

/** What a token checks of a receipt besides its signature. */
export interface ReceiptFacts {
  /** Epoch of the receipt, and the one that the token has stored. */
  epoch: number;
  tokenEpoch: number;
  number: number;
  lastNumber: number;
  /** The token has a receipt for the same origin. */
  originKnown: boolean;
}

/** OK, or why the token does not take a receipt. */
export type ReceiptRuling = 'OK' | 'EPOCH_OLD' | 'NOT_NEWER' | 'RECEIPT_GAP' | 'ORIGIN_KNOWN';

/** The guards in their order. A known origin takes the number and no money, so that the next receipt fits. */
export function ruleReceipt(facts: ReceiptFacts): ReceiptRuling {
  if (facts.epoch !== facts.tokenEpoch) return 'EPOCH_OLD';
  if (facts.number <= facts.lastNumber) return 'NOT_NEWER';
  if (facts.number !== facts.lastNumber + 1) return 'RECEIPT_GAP';
  return facts.originKnown ? 'ORIGIN_KNOWN' : 'OK';
}

/** What follows from an EBC below zero. */
export type Naming = 'none' | 'denied' | 'named';

/** Naming takes the token's visit, or its license's end after notice was given; before that the set is denied only. */
export function namingOf(facts: TurnFacts & { ebc: number; licenseOver: boolean }): Naming {
  if (facts.ebc >= 0) return 'none';
  return turnOfSet(facts) === 'judge' || facts.licenseOver ? 'named' : 'denied';
}

/** Whether a restored bank may draw from accounts and pass on what its backup holds unanswered. */
export function mayBankDraw(facts: { restored: boolean; issuerSaid: boolean; desksSaid: boolean }): boolean {
  return !facts.restored || (facts.issuerSaid && facts.desksSaid);
}

/** Whether recovery ends: every known peer has said "nothing more", or an operator ends it with a reason. */
export function isRecovered(facts: { peers: boolean[]; operatorReason: string }): boolean {
  return facts.peers.every((said) => said) || facts.operatorReason !== '';
}
