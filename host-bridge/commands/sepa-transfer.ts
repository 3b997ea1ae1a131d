/**
 * A SEPA credit transfer as a bank takes it: ISO 20022 pain.001.001.09, by the package sepa. What SEPA's rules allow is
 * judged here before any of it is paid: IBAN (ISO 13616: country, length, mod 97), letters, amounts.
 */
import { electronicFormatIBAN, isSEPACountry, isValidIBAN } from 'ibantools';
import { Document } from 'sepa';
import { failure } from '../base/errors.js';
import { moneyText } from '../base/money.js';

/** Longest name of payer or payee. */
const NAME_CHARS_MAX = 70;
/** The most in one transfer, cents: 999,999,999.99. */
const TRANSFER_MAX = 99_999_999_999;

/** Letters that come apart into no base letter and accent. */
const SPELLED: Record<string, string> = {
  ...{ ß: 'ss', ẞ: 'SS', æ: 'ae', Æ: 'AE', œ: 'oe', Œ: 'OE', ø: 'o', Ø: 'O', đ: 'd', Đ: 'D', ł: 'l', Ł: 'L' },
  ...{ þ: 'th', Þ: 'Th', ð: 'd', Ð: 'D', ı: 'i', '’': "'", '–': '-', '&': '+' },
};

/** One transfer. */
export interface Transfer {
  name: string;
  iban: string;
  /** Cents. */
  amount: number;
  /** At most 35 characters; EndToEndId, and the text on the payee's statement. */
  reference: string;
}

/** An IBAN without blanks; null: it is none of a SEPA country. */
export function readIban(text: string): string | null {
  const iban = electronicFormatIBAN(text);
  return iban !== null && isValidIBAN(iban) && isSEPACountry(iban.slice(0, 2)) ? iban : null;
}

/** A name in the letters that every bank of SEPA takes; null: it cannot be spelled, or is too long. */
export function sepaName(text: string): string | null {
  const spelled = [...text.normalize('NFKD').replace(/\p{M}/gu, '')]
    .map((letter) => SPELLED[letter] ?? letter)
    .join('')
    .trim();
  return /^[A-Za-z0-9][A-Za-z0-9/?:().,'+ -]*$/.test(spelled) && spelled.length <= NAME_CHARS_MAX ? spelled : null;
}

/** SEPA is the single euro payments area: it carries no other currency. */
export const SEPA_CURRENCY = 'EUR';

/** Whether one transfer can be of so much. @param amount cents */
export const isTransferable = (amount: number): boolean => amount >= 1 && amount <= TRANSFER_MAX;

/** Cents with a point. */
const euros = (cents: bigint): string => `${cents / 100n}.${String(cents % 100n).padStart(2, '0')}`;

/**
 * The document. @param id of the message, at most 24 characters: a bank takes it once @param timeS when it was made,
 * which is also the day of the transfer. @throws TypeError where the package sums otherwise than we do
 */
export function transferDocument(
  id: string,
  timeS: number,
  payer: { name: string; iban: string },
  transfers: Transfer[],
): string {
  const document = new Document('pain.001.001.09');
  const made = new Date(timeS * 1000);
  document.grpHdr.id = id;
  document.grpHdr.created = made;
  document.grpHdr.initiatorName = payer.name;
  const info = document.createPaymentInfo();
  info.requestedExecutionDate = made;
  info.debtorName = payer.name;
  info.debtorIBAN = payer.iban;
  info.batchBooking = true;
  document.addPaymentInfo(info);
  for (const { name, iban, amount, reference } of transfers) {
    if (!isTransferable(amount)) throw failure('AMOUNT_INVALID', `${moneyText(amount, SEPA_CURRENCY)} in one transfer`);
    const transaction = info.createTransaction();
    transaction.creditorName = name;
    transaction.creditorIBAN = iban;
    transaction.amount = amount / 100;
    transaction.currency = SEPA_CURRENCY;
    transaction.end2endId = reference;
    transaction.remittanceInfo = reference;
    info.addTransaction(transaction);
  }
  const text = document.toString();
  // The package adds fractions; ours are whole cents.
  const sum = euros(transfers.reduce((before, { amount }) => before + BigInt(amount), 0n));
  const sums = [...text.matchAll(/<CtrlSum>([^<]*)<\/CtrlSum>/g)].map((found) => found[1]);
  if (sums.length !== 2 || sums.some((one) => one !== sum))
    throw new TypeError(`the sum is ${sum}, not ${sums.join()}`);
  return text;
}
