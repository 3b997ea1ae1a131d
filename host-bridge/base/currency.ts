/** Which three letters are a currency that cash can be in (ISO 4217). */
import { code as currencyOf, codes } from 'currency-codes';

/** On the list, but without a minor unit: metals, units of account, and codes for tests and for no currency. */
const NO_MINOR_UNIT = ['XAG', 'XAU', 'XBA', 'XBB', 'XBC', 'XBD', 'XDR', 'XPD', 'XPT', 'XSU', 'XTS', 'XUA', 'XXX'];

/** Whether amounts can be in it. @param text three letters, capital */
export function isCurrency(text: string): boolean {
  return currencyOf(text)?.code === text && !NO_MINOR_UNIT.includes(text);
}

/** Every currency, with the decimals that its amounts have. */
export function currencies(): { code: string; decimals: number }[] {
  return codes()
    .filter(isCurrency)
    .map((code) => ({ code, decimals: currencyOf(code)!.digits }));
}
