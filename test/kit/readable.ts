/** What output for people must be. */
import { decimalsOf } from '../../firmware/core/amount-text.js';

/** A word that an amount follows, and digits that are no money: "withdraw 5000". */
const BARE_AMOUNT = /\b(pays|withdraw|refund|refunds of|unloads|charge|put in|held|worth|bound|loss) \d+(?![\d.])/i;

/** "withdraw 5000 JPY" is money: that currency has no decimals. */
const withoutWhole = (line: string): string =>
  line.replace(/ \d+ ([A-Z]{3})\b/g, (text, code: string) => (decimalsOf(code) === 0 ? ' money' : text));

/** Lines of more than 80 columns, and those with an amount in minor units. */
export const unreadable = (text: string): string[] =>
  text.split('\n').filter((line) => line.length > 80 || BARE_AMOUNT.test(withoutWhole(line)));
