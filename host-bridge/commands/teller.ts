/**
 * The desk's commands to a running bridge: register, withdraw, look; each waits for a token at the reader.
 */
import { failure, isErrorCode } from '../base/errors.js';
import type { DeskEvent } from '../bridge/desk/desk-steps.js';
import { eventText } from '../bridge/desk/event-text.js';
import { clientOf, type ClerkOptions } from './clerk.js';
import { amountArgument, interrupted, money, must, print } from './output.js';

/** Says what is waited for, once in a row; Ctrl-C gives the procedure up. */
function listen(options: ClerkOptions): { onEvent(event: DeskEvent): void; signal: AbortSignal } {
  let said = '';
  const giveUp = new AbortController();
  void interrupted().then(() => giveUp.abort());
  return {
    signal: giveUp.signal,
    onEvent: (event: DeskEvent) => {
      const text = eventText(event);
      if (!options.json && text !== said) process.stderr.write(`${text}\n`);
      said = text;
    },
  };
}

/** `tapcash teller register`. */
export async function register(name: string, options: ClerkOptions & { funding?: string }): Promise<void> {
  const funding = options.funding === undefined ? undefined : amountArgument(options.funding);
  const done = must(await clientOf(options.data).registerUser({ name, funding }, listen(options)));
  print(
    options.json,
    done,
    [
      `${done.name} is registered${done.repeated ? ' (was before)' : ''}${done.balance === null ? '' : `; account ${money(done.balance)}`}`,
      // What `office lose` asks for where the desk knows it.
      ...(done.pku ? [`pseudonym ${done.pku}`] : []),
    ].join('\n'),
  );
}

/** `tapcash teller renew`. */
export async function renew(name: string, options: ClerkOptions): Promise<void> {
  const done = must(await clientOf(options.data).renewUser({ name }, listen(options)));
  print(
    options.json,
    done,
    done.repeated
      ? `${done.name} keeps the license: it can be renewed in the last quarter of its time`
      : `The license of ${done.name} is renewed`,
  );
}

/** `tapcash teller withdraw`. */
export async function withdraw(text: string, options: ClerkOptions): Promise<void> {
  const done = must(await clientOf(options.data).withdraw({ amount: amountArgument(text) }, listen(options)));
  if (done.coupons > 0)
    return print(
      options.json,
      done,
      `Coupons worth ${money(done.coupons)} on the token.\nLater, better not at once, they become cash: tapcash teller redeem`,
    );
  print(
    options.json,
    done,
    `${money(done.amount)} on the token, receipt ${done.receiptNumber}${done.missed ? `; ${money(done.missed)} from receipts it had missed` : ''}`,
  );
}

/** `tapcash teller unload`. */
export async function unload(name: string, text: string, options: ClerkOptions): Promise<void> {
  const done = must(await clientOf(options.data).unload({ name, amount: amountArgument(text) }, listen(options)));
  if (done.state === 'refused') throw failure(isErrorCode(done.code) ? done.code : 'REFUSED', 'unload');
  const waits =
    done.state === 'credited' || done.state === 'duplicate'
      ? ''
      : ' as soon as it is delivered, which goes on by itself';
  print(options.json, done, `${money(done.amount)} from the token to the account of ${done.name}${waits}`);
}

/** `tapcash teller redeem`. */
export async function redeem(options: ClerkOptions): Promise<void> {
  const done = must(await clientOf(options.data).redeem(listen(options)));
  print(options.json, done, `${money(done.amount)} redeemed, receipt ${done.receiptNumber}`);
}

/** `tapcash teller collect`. */
export async function collect(options: ClerkOptions): Promise<void> {
  const done = must(await clientOf(options.data).collect(listen(options)));
  print(options.json, done, `The token has every receipt, up to ${done.receiptNumber}`);
}

const when = (timeS: number) =>
  timeS === 0 ? 'time unknown' : new Date(timeS * 1000).toISOString().replace('T', ' ').slice(0, 16);

/** `tapcash teller receipts`. */
export async function receipts(options: ClerkOptions): Promise<void> {
  const { debits } = must(await clientOf(options.data).statement(listen(options)));
  const lines = debits.map(
    ({ shop, amount, timeS, settled, verified, rs }) =>
      `${when(timeS)}  ${money(amount).padStart(12)}  ${shop}\n    ${verified ? 'signature good' : 'SIGNATURE BAD'}${settled ? '' : ', not acknowledged'}; ${rs}`,
  );
  print(options.json, { ok: true, debits }, lines.join('\n') || 'The token has paid nothing that it still knows of');
}

/** `tapcash teller reconcile`. */
export async function reconcile(options: ClerkOptions): Promise<void> {
  const { claims } = must(await clientOf(options.data).reconcile(listen(options)));
  const texts = {
    paid: () => 'the shop has it; settled',
    open: (dueS: number | null) => `claimed; unless the shop deposits it, it comes back after ${when(dueS ?? 0)}`,
    granted: () => 'comes back: tapcash teller collect',
    refused: () => 'refused',
  };
  const lines = claims.map(
    ({ shop, amount, state, dueS, code }) =>
      `${money(amount).padStart(12)}  ${shop}\n              ${texts[state](dueS)}${code ? ` (${code})` : ''}`,
  );
  print(
    options.json,
    { ok: true, claims },
    lines.join('\n') || 'Every payment of this token was acknowledged by its shop',
  );
}

/** `tapcash teller status`. */
export async function tokenStatus(options: ClerkOptions): Promise<void> {
  const done = must(await clientOf(options.data).tokenStatus(listen(options)));
  const { status: now, identity } = done;
  print(
    options.json,
    done,
    `Balance ${money(now.balance)}, last receipt ${now.receiptNumber}, ${now.unacknowledged} payments not acknowledged, ${identity.licensed ? 'licensed' : 'no license'}`,
  );
}
