/** What settings are made of, read from the command line. */
import { isCurrency } from '../base/currency.js';
import { STANDARD_CURRENCY } from '../base/money.js';
import { failure } from '../base/errors.js';

/** A TCP port; 0: any free one. @throws TapcashError USAGE */
export function portArgument(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65535)) throw failure('USAGE', `--listen ${text}: 0 to 65535 expected`);
  return port;
}

/** ISO 4217's three letters. @throws TapcashError USAGE */
export function currencyArgument(text: string): string {
  const code = text.toUpperCase();
  if (!isCurrency(code))
    throw failure(
      'USAGE',
      `--currency ${text}: no currency of ISO 4217; three letters expected, such as ${STANDARD_CURRENCY}`,
    );
  return code;
}

/**
 * What amounts are in, where somebody else says it too.
 * @param wanted on the command line, or in the settings @param told by whom `who` names; null: not there
 * @returns null: nobody knows yet @throws TapcashError USAGE: they differ
 */
export function agreedCurrency(wanted: string | undefined, told: string | null, who: string): string | null {
  const currency = wanted === undefined ? null : currencyArgument(wanted);
  if (currency !== null && told !== null && currency !== told)
    throw failure(
      'USAGE',
      `--currency ${currency}: ${who} has ${told}; leave the option out, or name the right folder`,
    );
  return told ?? currency;
}
