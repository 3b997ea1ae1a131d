/** What settings are made of, read from the command line. */
import { isCurrency } from '../base/currency.js';
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
    throw failure('USAGE', `--currency ${text}: no currency of ISO 4217; three letters expected, such as EUR`);
  return code;
}
