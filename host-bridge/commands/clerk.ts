/**
 * The clerk's commands to a running bridge: charge, cancel, status; and the desk: register, withdraw, look.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { failure, isErrorCode, type TapcashError } from '../base/errors.js';
import { createControlClient, type ControlCharge, type ControlClient } from '../control/control-client.js';
import { CONTROL_FILE } from '../control/control-api.js';
import type { DeskEvent } from '../bridge/desk/desk-steps.js';
import { eventText } from '../bridge/desk/teller.js';
import { day, amountArgument, interrupted, money, must, print } from './output.js';

export interface ClerkOptions {
  data: string;
  json?: boolean;
}

/** The bridge that runs with this folder: the folder's own, or that of the demo in it. */
function clientOf(data: string): ControlClient {
  const inside = join(data, 'bridge');
  return createControlClient(existsSync(join(inside, CONTROL_FILE)) ? inside : data);
}

function describe(charge: ControlCharge): string {
  const { amount, state, tap } = charge;
  const said = charge.code && charge.code !== 'OK' ? ` (${charge.code})` : '';
  return `${money(amount)} ${state}${said}${state === 'paid' && tap ? `, ${tap.paidMs} ms after the terminal found the token` : ''}`;
}

/** What a charge that ended unpaid throws. */
function codeFailure(code: string | null, state: string): TapcashError {
  return failure(isErrorCode(code) && code !== 'OK' ? code : 'NO_CHARGE', `the charge is ${state}`);
}

/** `tapcash charge`: opens a charge; with `wait` follows it to its end. */
export async function charge(text: string, options: ClerkOptions & { wait?: boolean }): Promise<void> {
  const amount = amountArgument(text);
  const client = clientOf(options.data);
  if (!options.wait) {
    const opened = must(await client.charge(amount)).charge;
    if (opened.state === 'refused') throw codeFailure(opened.code, 'refused');
    return print(options.json, opened, `${describe(opened)}: hold a token to the reader`);
  }
  const giveUp = new AbortController();
  void interrupted().then(() => giveUp.abort());
  const say = (now: ControlCharge) => options.json || process.stderr.write(`${describe(now)}\n`);
  const ended = must(await client.follow(amount, say, giveUp.signal)).charge;
  print(options.json, ended, describe(ended));
  if (ended.state !== 'paid') throw codeFailure(ended.code, ended.state);
  process.exit();
}

/** `tapcash cancel`. */
export async function cancel(id: string | undefined, options: ClerkOptions): Promise<void> {
  const { charge: ended } = must(await clientOf(options.data).cancel(id));
  print(options.json, ended, describe(ended));
}

/** `tapcash refund`. */
export async function refund(
  payment: string,
  text: string | undefined,
  options: ClerkOptions & { id?: string },
): Promise<void> {
  const amount = text === undefined ? undefined : amountArgument(text);
  for (const [name, value, digits] of [
    ['payment', payment, /^([0-9a-f]{16}|[0-9a-f]{32})$/],
    ['--id', options.id ?? '0'.repeat(16), /^[0-9a-f]{16}$/],
  ] as const) {
    if (!digits.test(value))
      throw failure(
        'USAGE',
        `${name} ${value}: ${name === '--id' ? "16 hexadecimal digits, the refund's id" : "16 hexadecimal digits, the charge's id, or 32, its Rs"}`,
      );
  }
  const { refund: done } = must(await clientOf(options.data).refund(payment, amount, options.id));
  if (done.state === 'refused') throw failure(isErrorCode(done.code) ? done.code : 'REFUSED', `refund ${done.id}`);
  const outcome =
    done.state === 'refunded'
      ? 'is given back; the payer gets it with: tapcash teller collect'
      : 'waits to be delivered, and goes on by itself';
  print(options.json, { ok: true, ...done }, `${money(done.amount)} ${outcome}. Refund ${done.id}`);
}

/** `tapcash status`. */
export async function status(options: ClerkOptions): Promise<void> {
  const now = must(await clientOf(options.data).status());
  const { link, terminal, charge: last, outbox, trouble, outage, alarms, keys, hasNewestKey } = now;
  const lines = [
    `terminal   ${link.up ? `connected: ${terminal?.shop ?? ''}` : `not connected (${link.port?.message ?? link.code})`}`,
    `charge     ${last ? describe(last) : 'none'}`,
    `outbox     ${outbox.pending} to deliver, ${outbox.held} held, ${outbox.credited} credited, ${outbox.duplicate} known already, ${outbox.buried} cancelled, ${outbox.refunded} given back, ${outbox.refused} refused`,
    ...(outage ? [`services   ${outage}: deliveries wait`] : []),
    ...trouble.map(
      (entry) =>
        `trouble    ${entry.kind} ${entry.state} ${entry.code ?? ''} ${entry.amount === null ? '' : money(entry.amount)}`,
    ),
    ...(terminal
      ? [
          `variables  ${terminal.variablesUsed || 'not counted'} of ${terminal.variablesTotal || '?'}; flash writes ${terminal.flashWrites}`,
        ]
      : []),
    ...(alarms.length > 0 ? [`alarms     ${alarms.join(', ')}`] : []),
    ...keys
      .filter(({ fromS }) => fromS > 0)
      .map(({ house, key, fromS }) => `keys       the ${house} signs with ${key.slice(0, 16)} from ${day(fromS)} on`),
    ...(hasNewestKey === false
      ? ['keys       the terminal was not given the newest key: tapcash manifest, then tapcash provision terminal']
      : []),
  ];
  print(options.json, now, lines.join('\n'));
}

/** Says what is waited for, once in a row. */
function listen(options: ClerkOptions): { onEvent(event: DeskEvent): void } {
  let said = '';
  return {
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
    `${done.name} is registered${done.repeated ? ' (was before)' : ''}${done.balance === null ? '' : `; account ${money(done.balance)}`}`,
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
      `Coupons worth ${money(done.coupons)} on the token; tapcash teller redeem turns them into cash, better not at once`,
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
      `${when(timeS)}  ${money(amount).padStart(12)}  ${shop.padEnd(24)} ${verified ? 'signature good' : 'SIGNATURE BAD'}${settled ? '' : ', not acknowledged'}  ${rs}`,
  );
  print(options.json, { ok: true, debits }, lines.join('\n') || 'The token has paid nothing that it still knows of');
}

/** `tapcash teller reconcile`. */
export async function reconcile(options: ClerkOptions): Promise<void> {
  const { claims } = must(await clientOf(options.data).reconcile(listen(options)));
  const texts = {
    paid: () => 'the shop has it; settled',
    open: (dueS: number | null) =>
      `claimed; comes back after ${when(dueS ?? 0)} unless the shop deposits it: come again then`,
    granted: () => 'comes back: tapcash teller collect',
    refused: () => 'refused',
  };
  const lines = claims.map(
    ({ shop, amount, state, dueS, code }) =>
      `${money(amount).padStart(12)}  ${shop.padEnd(24)} ${texts[state](dueS)}${code ? ` (${code})` : ''}`,
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
