/**
 * The desk's commands to a running bridge: register, withdraw, look; each waits for a token at the reader.
 */
import { failure, isErrorCode, must, type ErrorCode, type Result } from '../base/errors.js';
import type { DeskEvent } from '../bridge/desk/desk-steps.js';
import { eventText } from '../bridge/desk/event-text.js';
import type { ControlClient } from '../control/control-client.js';
import { clientOf, type ClerkOptions } from './clerk.js';
import { localTime } from './local-time.js';
import { amountArgument, interruption, money, print } from './output.js';
import { underId, type ActOptions } from './pending-acts.js';

/** Says what is waited for, once in a row; Ctrl-C gives the procedure up. */
function listen(options: ClerkOptions): { onEvent(event: DeskEvent): void; signal: AbortSignal } {
  let said = '';
  return {
    signal: interruption(),
    onEvent: (event: DeskEvent) => {
      const text = eventText(event);
      if (!options.json && text !== said) process.stderr.write(`${text}\n`);
      said = text;
    },
  };
}

/** Codes after which the bridge may not have ended what it was asked for. */
const UNHEARD: readonly ErrorCode[] = ['SERVICE_DOWN', 'SERVICE_SILENT', 'REPLY_INVALID', 'INTERRUPTED'];

/** One act at the desk, under its id. @param send what asks the bridge for it */
async function deskAct<T extends object>(
  command: string,
  values: object,
  options: ActOptions,
  send: (client: ControlClient, id: string) => Promise<Result<T>>,
  isAnswer?: (done: T) => boolean,
) {
  const client = clientOf(options.data);
  return underId<T>(
    {
      command: `teller ${command}`,
      values,
      idBytes: 16,
      send: (id) => send(client, id),
      isAnswer,
      // The bridge knows how far it came; where no word of its came back, it may still be under way there.
      async isUndone(id, code) {
        if (UNHEARD.includes(code)) return false;
        const known = await client.actState(id);
        return known.ok && known.state === 'unknown';
      },
    },
    options,
  );
}

/** `tapcash teller register`. */
export async function register(name: string, options: ActOptions & { funding?: string }): Promise<void> {
  const funding = options.funding === undefined ? undefined : amountArgument(options.funding);
  const done = await deskAct('register', { name, funding: funding ?? null }, options, (client, id) =>
    client.registerUser({ name, funding, id }, listen(options)),
  );
  print(
    options.json,
    done,
    [
      `${done.name} is registered${done.repeated ? ' (was before)' : ''}`,
      // As it was when the money came: a stored answer is shown again as it is.
      ...(funding === undefined || done.balance === null
        ? []
        : [`${money(funding)} put in, which made the account ${money(done.balance)}`]),
      // What `office lose` asks for where the desk knows it.
      ...(done.pku ? [`pseudonym ${done.pku}`] : []),
      `act ${done.id}`,
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
export async function withdraw(text: string | undefined, options: ActOptions): Promise<void> {
  const amount = text === undefined ? undefined : amountArgument(text);
  const done = await deskAct('withdraw', { amount: amount ?? null }, options, (client, id) =>
    client.withdraw({ ...(amount === undefined ? {} : { amount }), id }, listen(options)),
  );
  const said =
    done.coupons > 0
      ? `Coupons worth ${money(done.coupons)} on the token.\nLater, better not at once, they become cash: tapcash teller redeem`
      : `${money(done.amount)} on the token, receipt ${done.receiptNumber}${done.missed ? `; ${money(done.missed)} from receipts it had missed` : ''}`;
  print(options.json, done, `${said}\nact ${done.id}`);
}

/** `tapcash teller unload`. */
export async function unload(name: string, text: string, options: ActOptions): Promise<void> {
  const amount = amountArgument(text);
  const done = await deskAct(
    'unload',
    { name, amount },
    options,
    (client, id) => client.unload({ name, amount, id }, listen(options)),
    // Until its delivery has ended, the same command asks how it stands.
    ({ state }) => state !== 'pending' && state !== 'held',
  );
  if (done.state === 'refused') throw failure(isErrorCode(done.code) ? done.code : 'REFUSED', 'unload');
  const waits =
    done.state === 'credited' || done.state === 'duplicate'
      ? ''
      : ' as soon as it is delivered, which goes on by itself';
  print(
    options.json,
    done,
    `${money(done.amount)} from the token to the account of ${done.name}${waits}\nact ${done.id}`,
  );
}

/** `tapcash teller redeem`. */
export async function redeem(options: ActOptions): Promise<void> {
  const done = await deskAct('redeem', {}, options, (client, id) => client.redeem({ id }, listen(options)));
  print(options.json, done, `${money(done.amount)} redeemed, receipt ${done.receiptNumber}\nact ${done.id}`);
}

/** `tapcash teller collect`. */
export async function collect(options: ClerkOptions): Promise<void> {
  const done = must(await clientOf(options.data).collect(listen(options)));
  print(options.json, done, `The token has every receipt, up to ${done.receiptNumber}`);
}

const when = (timeS: number) => (timeS === 0 ? 'time unknown' : localTime(timeS));

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
export async function reconcile(options: ActOptions): Promise<void> {
  const { claims, id } = await deskAct('reconcile', {}, options, (client, act) =>
    client.reconcile({ id: act }, listen(options)),
  );
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
    { ok: true, claims, id },
    [...(lines.length > 0 ? lines : ['Every payment of this token was acknowledged by its shop']), `act ${id}`].join(
      '\n',
    ),
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
