/**
 * Every result code that a board gives, with the number that stands for it on the wire.
 *
 * On the radio a code other than OK is the status word 0x6400 + number (ISO/IEC 7816-4, 5.6: "64xx, execution error,
 * state unchanged"), on the serial link it is the number itself. Numbers are never reused; new codes go to the end.
 * Causes, remedies and HTTP statuses stand in the host's table (host-bridge/base/errors.ts), which has every code here too.
 */

/**
 * All codes, by number. A function has them, because as a variable an array of them takes 120 of a board's, and a text
 * 57.
 */
export function allCodes() {
  return [
    'OK', // 0
    'BAD_REQUEST', // 1   bytes that are not the message they should be
    'CONFIRM_NEEDED', // 2   above the limits or the balance, the token's display says which: press its button and tap again
    'CHALLENGE_CONFLICT', // 3   a known (IdS, Rs) with another Ts or y
    'REFUSED', // 4   another issuer or currency; no room for the amount
    'JOURNAL_FULL', // 5   no settled place for another debit
    'NOT_LICENSED', // 6
    'DESK_CLOSED', // 7   desk commands need the token's button
    'RECEIPT_GAP', // 8   not the next receipt
    'RECEIPT_INVALID', // 9
    'LICENSE_INVALID', // 10
    'DEVICE_FAULT', // 11  flash, entropy or native calls failed
    'LICENSE_EXPIRED', // 12
    'DENIED', // 13  the pseudonym is on the deny list
    'SIGNATURE_INVALID', // 14
    'AMOUNT_INVALID', // 15
    'CHARGE_OPEN', // 16  another charge is open
    'NO_CHARGE', // 17
    'TIME_STALE', // 18  above the floor limit with no recent signed time
    'HISTORY_FULL', // 19
    'ALREADY_PAID', // 20
    'BUSY', // 21
    'TAP_TORN', // 22  the field went away: tap again
    'NO_TOKEN', // 23  nobody tapped in time
    'NOT_NEWER', // 24  a time or deny list older than the one held
    'TOMBSTONES_FULL', // 25
    'STALE_LIMIT', // 26  with an old deny list, this pseudonym has had its limit
    'WRONG_NAME', // 27  the token belongs to another name
    'VERIFIER_LIED', // 28  the bridge called a signature good that is not
    'UNKNOWN_CODE', // 29  a number that this version does not know
    'UNDELIVERED_OLD', // 30  the oldest undelivered history is older than half the deposit window
    'NOT_PROVISIONED', // 31
    'LINK_DOWN', // 32  the serial link has no session, or lost it before the answer came
    'UPDATE_NEEDED', // 33  the other side speaks another version
    'NO_ANSWER', // 34  the other end took the request and did not answer in time
    'SEQ_REFUSED', // 35  a keyed request that is neither the last one again nor the next
    'AMOUNT_MISMATCH', // 36  the bank drew another amount than the sealed one
    'KID_UNKNOWN', // 37  no shared key K under this KID
    'COUPON_INVALID', // 38  not signed by the bank's key for its amount
    'COUPON_SPENT', // 39  redeemed before
    'REPLY_INVALID', // 40  not a reply to this request
    'CLASS_LIMIT', // 41  above what the license's class may pay at once
    'FUNDS_INSUFFICIENT', // 42  the account does not hold the amount: the request has ended
    'KEY_UNKNOWN', // 43  by a house's key that is newer than what this board was given
    'TOKEN_STAYED', // 44  the token has not left the reader since the last charge
    'CHARGE_EXPIRED', // 45  the charge's lifetime is over
    'LIST_MISMATCH', // 46  a difference that does not stand on the deny list held, or does not end in what was signed
    'DENY_LIST_FULL', // 47  a deny list that is longer than there is room for
    'TERMINAL_RETIRED', // 48  another terminal has taken its place
    'NO_KEYS', // 49  the token's board has no keys to enter an amount with
    'AMOUNT_NEEDED', // 50  the amount is to be entered, on the token or at the terminal
  ] as const;
}

export type Code = ReturnType<typeof allCodes>[number];

/** A named result that carries its code, and where that is BUSY how far the work is. */
export interface Refusal {
  ok: false;
  code: Code;
  /** With BUSY alone: what is done, and of how many. */
  data?: Uint8Array;
}

/** Makes a refusal. */
export function refuse(code: Code): Refusal {
  return { ok: false, code: code };
}

/** Status word of success, ISO/IEC 7816-4. */
export const SW_OK = 0x9000;

/** The number of a code. */
export function codeNumber(code: Code): number {
  return (allCodes() as readonly Code[]).indexOf(code);
}

/** The code of a number; UNKNOWN_CODE for one that is not in the table. */
export function codeOf(number: number): Code {
  return (allCodes() as readonly Code[])[number] || 'UNKNOWN_CODE';
}

/** The status word that carries a code on the radio. */
export function statusWord(code: Code): number {
  return code === 'OK' ? SW_OK : 0x6400 + codeNumber(code);
}

/** The code that a status word carries; BAD_REQUEST for those of ISO 7816-4 itself. */
export function codeOfStatusWord(sw: number): Code {
  if (sw === SW_OK) return 'OK';
  return sw >> 8 === 0x64 ? codeOf(sw & 255) : 'BAD_REQUEST';
}
