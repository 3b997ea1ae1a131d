/**
 * Which answers of a house are its last word, in one table: everything else may be another answer tomorrow, so it is
 * kept, sent again and shown.
 *
 * Final is only what no later state of keys, clock, address or order can change. A license that has ended, a key that
 * was not heard of, another issuer at the address, a payment that has not arrived yet, a gateway's 400: all of these
 * pass. docs/protocol.md shows this table, and a test holds the two together.
 */
import type { ErrorCode } from '../errors.js';

/** One final answer. */
interface FinalAnswer {
  code: ErrorCode;
  /** Why nothing that comes later changes it. */
  why: string;
}

const REFUND_SPENT: FinalAnswer = {
  code: 'REFUND_TOO_LARGE',
  why: 'the payment was given back as far as it goes; what was given back stays so',
};
const ID_USED: FinalAnswer = {
  code: 'REQUEST_ID_REUSED',
  why: 'another refund has this id, and is kept under it',
};
const OTHER_CHALLENGE: FinalAnswer = {
  code: 'CHALLENGE_CONFLICT',
  why: 'a history with the same (PKU, IdS, Rs) and another challenge was taken, and is kept',
};
const GIVEN_BACK: FinalAnswer = {
  code: 'RECONCILED',
  why: 'the payer has a receipt for it; a window that is over without one is CLAIM_DUE, and passes',
};

/**
 * What is sent, to whom, and the answers that end it. The first three are a bridge's messages to who keeps the
 * accounts, the others a bank's to the issuer.
 */
export const FINAL_ANSWERS = {
  history: [
    { code: 'TOMBSTONED', why: "the shop's signed cancellation is kept" },
    GIVEN_BACK,
    OTHER_CHALLENGE,
    { code: 'SIGNATURE_INVALID', why: 'SKU is judged by the key in the same bytes' },
  ],
  tombstone: [{ code: 'ALREADY_PAID', why: 'a history of this charge was credited, and is kept' }],
  refund: [
    ID_USED,
    { code: 'REFUND_UNDONE', why: 'the issuer refused it, and the shop has its money again' },
    REFUND_SPENT,
  ],
  returned: [GIVEN_BACK, OTHER_CHALLENGE],
  passedRefund: [
    ID_USED,
    REFUND_SPENT,
    { code: 'AMOUNT_MISMATCH', why: 'both amounts stand in the same message' },
    { code: 'BALANCE_TOO_LARGE', why: 'the shop has its money again and may begin another refund: nothing is lost' },
  ],
  passedClaim: [
    { code: 'ALREADY_PAID', why: 'the history was returned, and is kept' },
    OTHER_CHALLENGE,
    { code: 'PSEUDONYM_UNKNOWN', why: 'a token has no cash to pay with before the issuer knows it' },
  ],
} satisfies Record<string, FinalAnswer[]>;

/** Something that is sent until it has a final answer. */
export type Sent = keyof typeof FINAL_ANSWERS;

/** Whether a refusal ends it. */
export function isFinal(sent: Sent, code: ErrorCode): boolean {
  return (FINAL_ANSWERS[sent] as FinalAnswer[]).some((answer) => answer.code === code);
}

/** For people: what each is. */
const WHAT: Record<Sent, string> = {
  history: 'history, to who keeps the accounts',
  tombstone: 'tombstone, to who keeps the accounts',
  refund: 'refund, to who keeps the accounts',
  returned: 'history that a bank returns, to the issuer',
  passedRefund: 'refund that a bank passes on, to the issuer',
  passedClaim: 'claim that a bank granted, to the issuer',
};

/** The table as docs/protocol.md has it. */
export function finalityText(): string {
  const rows = (Object.keys(FINAL_ANSWERS) as Sent[]).flatMap((sent) =>
    FINAL_ANSWERS[sent].map(({ code, why }) => `| ${WHAT[sent]} | ${code} | ${why} |`),
  );
  return ['| message | final answer | why it stays |', '|---|---|---|', ...rows].join('\n');
}
