/**
 * Who checks licenses and payments: a cache, the bridge, or the board itself (docs/architecture.md 3, point 4).
 *
 * The bridge takes a millisecond where the board takes seconds. What it called good is checked again on the board when
 * there is time; on one lie the board alarms and asks no bridge again until it is reset. A bridge that calls a good
 * signature bad only loses its own shop's sale.
 *
 * Left out: the arithmetic, which comes as an argument.
 */
import { concat } from '../core/bytes.js';
import { Code } from '../core/codes.js';
import { textOf } from '../wire/codec.js';
import { KIND, VERIFY } from '../wire/link/link-messages.js';
import type { BegunRequest } from '../wire/link/link-session.js';
import { LICENSE_BYTES, SIGNATURE_BYTES } from '../wire/payment.js';
import type { BridgeLink } from './delivery.js';

/** Verification on the board: slow, and sure. */
export interface BoardVerifier {
  /** The registrar's signature on an encoded license. */
  license(bytes: Uint8Array): boolean;
  /**
   * SKU's signature in an encoded history, under the PKU of its license. Faster with the multiples of the PKU, and as
   * sure: others than the license names are not used.
   */
  payment(bytes: Uint8Array, multiples: Uint8Array | null): boolean;
}

/** What the checker works with. */
export interface CheckerParts {
  board: BoardVerifier;
  link: BridgeLink;
  /** How long a customer waits for the bridge's verdict. */
  timeoutMs: number;
  /** SHA-256, 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** Called before the board is busy for a while. @param step 1: with a license, 2: with a payment */
  onSlow(step: number): void;
  /** The bridge lied. */
  onLie(): void;
}

/** Licenses and payments, judged. */
export interface Checker {
  /** OK, or why not: LICENSE_INVALID; and a bridge may know that the key is too new for this board, KEY_UNKNOWN. */
  license(bytes: Uint8Array, done: (code: Code) => void): void;
  /**
   * Tells the bridge all of a payment but its signature, while the token makes that; null where it cannot be asked.
   * What comes back goes to `payment`, or is dropped.
   */
  begin(licenseBytes: Uint8Array, challengeBytes: Uint8Array): BegunRequest | null;
  drop(begun: BegunRequest): void;
  /**
   * OK, LICENSE_INVALID, SIGNATURE_INVALID; or LATER where no bridge answers and `mayWait`.
   * The license in it has been checked before. `begun` is what `begin` gave for it. `fetch` gets the PKU's multiples
   * from the token, or null; it is called once at most, when the board itself is to check.
   */
  payment(
    historyBytes: Uint8Array,
    begun: BegunRequest | null,
    mayWait: boolean,
    fetch: (then: (multiples: Uint8Array | null) => void) => void,
    done: (code: Code | 'LATER') => void,
  ): void;
  /** Whether something that the bridge checked is still to be checked again. */
  hasWork(): boolean;
  /** Checks one such thing; takes as long as the board takes. */
  recheck(): void;
}

const NOTHING = new Uint8Array(0);
/** Licenses known to be good; the oldest is forgotten first. */
const CACHE_MAX = 16;
/** Things to check again; what comes while the queue is full is left unchecked, as there was no time. */
const QUEUE_MAX = 4;

/** Makes a checker with nothing in its cache. */
export function createChecker(parts: CheckerParts): Checker {
  let known: string[] = []; // hashes of licenses
  let queue: { what: number; bytes: Uint8Array }[] = [];
  let trusted = true;

  function remember(hash: string): void {
    if (known.indexOf(hash) >= 0) return;
    if (known.length >= CACHE_MAX) known.shift();
    known.push(hash);
  }

  function onBoard(what: number, bytes: Uint8Array, multiples: Uint8Array | null): Code {
    if (what === VERIFY.license) return parts.board.license(bytes) ? 'OK' : 'LICENSE_INVALID';
    return parts.board.payment(bytes, multiples) ? 'OK' : 'SIGNATURE_INVALID';
  }

  /** Asks the bridge the rest; `done` gets null where it gave no verdict. @param bytes what the board would check */
  function finish(
    begun: BegunRequest | null,
    rest: Uint8Array,
    what: number,
    bytes: Uint8Array,
    done: (code: Code | null) => void,
  ): void {
    if (!begun) return done(null);
    parts.link.finish(
      begun,
      rest,
      function (code) {
        if (code === 'OK' && queue.length < QUEUE_MAX) queue.push({ what: what, bytes: bytes });
        const verdict =
          code === 'OK' || code === 'LICENSE_INVALID' || code === 'SIGNATURE_INVALID' || code === 'KEY_UNKNOWN';
        // What it said while it was found lying counts as unsaid.
        done(verdict && trusted ? code : null);
      },
      parts.timeoutMs,
    );
  }

  return {
    license: function (bytes, done) {
      const hash = textOf(parts.sha256(bytes), 0, 32);
      if (known.indexOf(hash) >= 0) {
        done('OK');
        return;
      }
      const begun = trusted
        ? parts.link.begin(KIND.verify, concat([new Uint8Array([VERIFY.license]), bytes]), 0)
        : null;
      finish(begun, NOTHING, VERIFY.license, bytes, function (code) {
        if (code === null) parts.onSlow(1);
        const result = code === null ? onBoard(VERIFY.license, bytes, null) : code;
        if (result === 'OK') remember(hash);
        done(result);
      });
    },
    begin: function (licenseBytes, challengeBytes) {
      const start = concat([new Uint8Array([VERIFY.payment]), licenseBytes, challengeBytes]);
      return trusted ? parts.link.begin(KIND.verify, start, SIGNATURE_BYTES) : null;
    },
    drop: function (begun) {
      parts.link.finish(begun, NOTHING, function () {}, parts.timeoutMs);
    },
    payment: function (bytes, begun, mayWait, fetch, done) {
      finish(
        begun,
        bytes.subarray(LICENSE_BYTES, LICENSE_BYTES + SIGNATURE_BYTES),
        VERIFY.payment,
        bytes,
        function (code) {
          if (code !== null) {
            done(code);
            return;
          }
          if (mayWait) {
            done('LATER');
            return;
          }
          parts.onSlow(2);
          fetch(function (multiples) {
            done(onBoard(VERIFY.payment, bytes, multiples));
          });
        },
      );
    },
    hasWork: function () {
      return queue.length > 0;
    },
    recheck: function () {
      const item = queue.shift();
      if (!item || onBoard(item.what, item.bytes, null) === 'OK') return;
      trusted = false;
      known = [];
      queue = [];
      parts.onLie();
    },
  };
}
