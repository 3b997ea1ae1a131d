/**
 * What commands print: people read standard output, programs `--json`. And what they read on the command line.
 */
import { amountText, decimalsOf } from '../../firmware/core/amount-text.js';
import { isAmount } from '../../firmware/core/amount.js';
import { fromHex } from '../../firmware/core/bytes.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { failure } from '../base/errors.js';
import { moneyText, STANDARD_CURRENCY } from '../base/money.js';
import { fitted } from '../base/fitted-text.js';

/** A day for people. @param timeS Unix time */
export const day = (timeS: number): string => new Date(timeS * 1000).toISOString().slice(0, 10);

/** A moment for people. @param timeS Unix time */
export const moment = (timeS: number): string =>
  `${new Date(timeS * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** Prints a result: one JSON object, in which `ok` says whether all is well, or text in 80 columns. */
export function print(json: boolean | undefined, value: object, text: string): void {
  process.stdout.write(json ? `${JSON.stringify({ ok: true, ...value })}\n` : `${fitted(text)}\n`);
}

/** The currency of what is read and printed here: that of the running bridge, or of the folder's settings. */
let currency = STANDARD_CURRENCY;

/** Reads and prints amounts in another currency from now on. @param code ISO 4217 */
export function useCurrency(code: string): void {
  currency = code;
}

/**
 * An amount on the command line: digits alone are minor units; a separator means major ones, as people write them.
 * @returns minor units
 * @throws TapcashError AMOUNT_INVALID
 * @example amountArgument('3.50') === amountArgument('350')
 */
export function amountArgument(text: string): number {
  const decimals = decimalsOf(currency);
  const found = /^([0-9]{1,16})(?:[.,]([0-9]+))?$/.exec(text);
  const fraction = found?.[2];
  // Three digits after a comma are thousands to some and a fraction to others: neither is guessed.
  const isOdd = !found || (fraction !== undefined && fraction.length !== decimals);
  const amount = isOdd ? NaN : Number(found[1] + (fraction ?? ''));
  if (!isAmount(amount))
    throw failure(
      'AMOUNT_INVALID',
      `${JSON.stringify(text)}: write ${amountText(350, currency)} as ${decimals > 0 ? `${plain(350)} or ` : ''}350`,
    );
  return amount;
}

/** An amount without its currency. */
export const plain = (amount: number): string => amountText(amount, currency).split(' ')[0] as string;

/** A public key on the command line. @param option what to name where it is none @throws TapcashError USAGE */
export function keyArgument(text: string, option: string): Uint8Array {
  const key = fromHex(text);
  if (!key || key.length !== 32) throw failure('USAGE', `${option}: 64 hexadecimal digits expected`);
  return key;
}

/** A key that the scheme's row needs, or does not have. @throws TapcashError USAGE */
export function keyOf(text: string | undefined, option: string, needed: boolean): Uint8Array | null {
  if (needed && text === undefined) throw failure('USAGE', `${option}: this scheme needs it`);
  return text === undefined ? null : keyArgument(text, option);
}

/** The reason for which an operator accepts a loss, if there is one. @throws TapcashError USAGE */
export function lossArgument(why: string | undefined): string | undefined {
  if (why !== undefined && (why.trim() === '' || why.length > 200))
    throw failure('USAGE', '--accept-loss: a reason of 1 to 200 characters, for the record');
  return why;
}

/** The number of a row of the scheme table. @throws TapcashError USAGE */
export function schemeArgument(text: string): number {
  if (!/^[1-6]$/.test(text)) throw failure('USAGE', '--scheme: 1 to 6 expected');
  return Number(text);
}

/** How many pseudonyms a token of a scheme has. @throws TapcashError USAGE */
export function pseudonymsArgument(text: string, scheme: string): number {
  const most = schemeOf(schemeArgument(scheme)).pseudonymsMax;
  const count = /^[0-9]{1,2}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > most) throw failure('USAGE', `--pseudonyms: scheme ${scheme} has 1 to ${most}`);
  return count;
}

/** An amount for people, with its currency. @param amount minor units */
export function money(amount: number): string {
  return moneyText(amount, currency);
}

/** Aborted at the first Ctrl-C or SIGTERM. */
export function interruption(): AbortSignal {
  const given = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => given.abort());
  return given.signal;
}

/** Resolves at the first Ctrl-C or SIGTERM. */
export function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}

/** A word for a shell, as somebody may copy it: in quotes where it needs them. */
export const quoted = (text: string): string =>
  /^[\w./-]+$/.test(text)
    ? text
    : text.includes('!')
      ? `'${text.replace(/'/g, `'\\''`)}'`
      : `"${text.replace(/["\\$`]/g, '\\$&')}"`;
