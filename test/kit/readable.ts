/** What output for people must be. */

/** A word that an amount follows, and digits that are no money: "withdraw 5000". */
const BARE_AMOUNT = /\b(pays|withdraw|refund|refunds of|unloads|charge|put in|held|worth|bound|loss) \d+(?![\d.])/i;

/** Lines of more than 80 columns, and those with an amount in minor units. */
export const unreadable = (text: string): string[] =>
  text.split('\n').filter((line) => line.length > 80 || BARE_AMOUNT.test(line));
