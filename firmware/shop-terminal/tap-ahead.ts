/**
 * What a tap has ready ahead, so that neither token nor customer waits while it is made: one object, which the till
 * keeps, for a tap does nothing without it. Types alone.
 */
import type { PreparedCommand } from '../nfc/iso-dep-client.js';
import type { RecordPlace } from '../records/record-log.js';
import type { Awaited } from './till-phases.js';

/**
 * Each is made as early as what it says is known, and let go of once it was used, for the room that it takes:
 *
 *   field          made while                       good until
 *   select, open   a token is waited for            it is sent; `open` while the charge has the Rs in it
 *   chargePlace    a token is waited for            the charge is bound, or something else is written to the log
 *   draftTimeS     the token answers OPEN           the charge is bound, or has another Rs
 *   challenge      the token answers OPEN           it is sent; or `bind` says AGAIN
 *   record         the token signs                  H is kept, the tap comes to nothing, or the charge has another Rs
 *   historyPlace   the token signs                  H is kept, the board checks by itself, or as chargePlace
 *   paidLines      the token signs, with a bridge   they show, or the board checks by itself
 *
 * A place that is not good any more does no harm: the log sees it and finds another.
 */
export interface TapAhead {
  /** SELECT, OPEN and CHALLENGE, encoded. */
  select: PreparedCommand | null;
  open: PreparedCommand | null;
  challenge: PreparedCommand | null;
  /** Room in flash for the charge with its PKU. */
  chargePlace: RecordPlace | undefined;
  /** Ts of the challenge that was drafted, with which the charge is bound; -1 for none. */
  draftTimeS: number;
  /** The record of the history, without its signature. */
  record: Awaited | null;
  /** Room in flash for it. */
  historyPlace: RecordPlace | undefined;
  /** What shows once H is kept; drawn already. */
  paidLines: string[] | null;
}
