/**
 * The clerk's commands to a running bridge: charge, cancel, status; and the desk: register, withdraw, look.
 */
import { EXIT, failure, isErrorCode, must, type TapcashError } from '../base/errors.js';
import { fromHex } from '../../firmware/core/bytes.js';
import type { Approval, ApprovedRefund } from '../base/services/calls.js';
import {
  createControlClient,
  isResolved,
  type ChargeAsked,
  type ControlCharge,
  type ControlClient,
  type ControlRefund,
} from '../control/control-client.js';
import { bridgeFolder, runningLine, tillAddress } from '../control/control-file.js';
import { amountArgument, day, interruption, moment, money, print } from './output.js';
import { underId, type ActOptions } from './pending-acts.js';

export interface ClerkOptions {
  data: string;
  json?: boolean;
}

/** The bridge that runs with this folder: the folder's own, or that of the demo in it. */
export function clientOf(data: string): ControlClient {
  return createControlClient(bridgeFolder(data));
}

/** What a charge is opened with, in words. */
function askedText(asked: ChargeAsked): string {
  if (typeof asked === 'number') return money(asked);
  const { base, min, max } = asked;
  return base > 0 ? `${money(base)} and a tip of at most ${money(max - base)}` : `${money(min)} to ${money(max)}`;
}

/** The amount, or what the payer may say. Codes: USAGE, AMOUNT_INVALID. */
function askedOf(text: string | undefined, { open, tip }: { open?: string; tip?: string }): ChargeAsked {
  if ((text === undefined) !== (open !== undefined) || (open !== undefined && tip !== undefined))
    throw failure('USAGE', 'give an amount, with --tip or without; or --open alone');
  if (open !== undefined) {
    const [min, max, ...more] = open.split('..').map(amountArgument);
    if (min === undefined || max === undefined || more.length > 0 || min > max)
      throw failure('USAGE', '--open takes two amounts: 1.00..50.00');
    return { base: 0, min, max };
  }
  const amount = amountArgument(text!);
  return tip === undefined ? amount : { base: amount, min: amount, max: amount + amountArgument(tip) };
}

function describe(charge: ControlCharge): string {
  const { state, tap } = charge;
  const shownAmount = charge.amount === 0 && charge.open ? askedText(charge.open) : money(charge.amount);
  const said = charge.code && charge.code !== 'OK' ? ` (${charge.code})` : '';
  const shown = state === 'paid' && tap ? `, ${tap.paidMs} ms after the terminal found the token` : '';
  return `${shownAmount} ${state}${said}${shown}`;
}

/** What a charge that ended unpaid throws. */
function codeFailure(code: string | null, state: string): TapcashError {
  return failure(isErrorCode(code) && code !== 'OK' ? code : 'NO_CHARGE', `the charge is ${state}`);
}

/** Adds a tap that was paid to a board report. */
async function reportTap(file: string, { state, tap }: ControlCharge): Promise<void> {
  if (state !== 'paid' || !tap || tap.paidMs <= 0) return;
  const { changeBoardReport } = await import('./board-report-file.js');
  changeBoardReport(file, (report) => ({ ...report, taps: [...report.taps, tap.paidMs] }));
}

/** `tapcash till`: where the page is that does all this. */
export async function till({ data, json }: ClerkOptions): Promise<void> {
  must(await clientOf(data).status());
  const url = tillAddress(data);
  if (url === null) throw failure('SERVICE_DOWN', data);
  print(json, { url }, `${url}\nOpen it in a browser here. Whoever has this address can charge and refund.`);
}

/** `tapcash charge`: opens a charge; with `wait` follows it to its end. */
export async function charge(
  text: string | undefined,
  options: ActOptions & { wait?: boolean; boardReport?: string; open?: string; tip?: string },
): Promise<void> {
  if (options.boardReport && !options.wait) throw failure('USAGE', '--board-report is for --wait');
  const asked = askedOf(text, options);
  const client = clientOf(options.data);
  // What was understood, before anybody taps for it.
  if (!options.json) process.stderr.write(`Charge of ${askedText(asked)}\n`);
  const giveUp = options.wait ? interruption() : undefined;
  const say = (now: ControlCharge) => options.json || isResolved(now) || process.stderr.write(`${describe(now)}\n`);
  const { charge: now } = await underId<{ charge: ControlCharge }>(
    {
      command: 'charge',
      values: typeof asked === 'number' ? { amount: asked } : { open: asked },
      idBytes: 8,
      send: (id, answered) =>
        options.wait ? client.follow(asked, (seen) => (answered(), say(seen)), giveUp, id) : client.charge(asked, id),
    },
    options,
  );
  if (options.boardReport) await reportTap(options.boardReport, now);
  const isWell = options.wait ? now.state === 'paid' : now.state !== 'refused';
  const line = runningLine(options.data);
  const pay = line === null ? {} : { pay: `${line}/pay/${now.id}` };
  const next = line === null ? 'hold a token to the reader' : `pay it by\n  tapcash wallet pay ${line}/pay/${now.id}`;
  if (options.wait || isWell)
    print(
      options.json,
      options.wait ? { ...now, ...pay, ok: isWell } : { ...now, ...pay },
      `${describe(now)}${options.wait || isResolved(now) ? '' : `: ${next}`}\ncharge ${now.id}`,
    );
  if (!isWell) throw codeFailure(now.code, now.state);
  if (options.wait) process.exit();
}

/** `tapcash cancel`. */
export async function cancel(id: string | undefined, options: ClerkOptions): Promise<void> {
  const { charge: ended } = must(await clientOf(options.data).cancel(id));
  print(options.json, ended, describe(ended));
}

/** Signs for a refund with a folder's operator.key. @throws TapcashError FILE_MISSING, KEY_FILE_INVALID, LINK_LOST */
async function approvalOf(folder: string, client: ControlClient, wanted: ApprovedRefund): Promise<Approval> {
  // Keys and the houses' client are loaded only where they are used.
  const [{ serviceKey }, { mustBeOperator }, { approveRefund }] = await Promise.all([
    import('../base/keys/key-file.js'),
    import('./office.js'),
    import('../http/client.js'),
  ]);
  mustBeOperator(folder);
  const { terminal, link } = must(await client.status());
  if (!terminal) throw failure(isErrorCode(link.code) && link.code !== 'OK' ? link.code : 'LINK_LOST', 'no terminal');
  const issuer = fromHex(terminal.issuer) as Uint8Array;
  return approveRefund({ operator: serviceKey(folder, 'operator'), issuer }, wanted);
}

/** `tapcash refund`. */
export async function refund(
  payment: string,
  text: string | undefined,
  options: ActOptions & { supervisor?: string },
): Promise<void> {
  const amount = text === undefined ? undefined : amountArgument(text);
  if (!/^([0-9a-f]{16}|[0-9a-f]{32})$/.test(payment))
    throw failure('USAGE', `payment ${payment}: 16 hexadecimal digits, the charge's id, or 32, its Rs`);
  const done = await underId<ControlRefund>(
    {
      command: 'refund',
      values: { payment, amount: amount ?? null },
      idBytes: 8,
      send: async (id) => {
        const client = clientOf(options.data);
        const { supervisor } = options;
        const wanted = { payment, amount: amount ?? null, id };
        const approval = supervisor === undefined ? undefined : await approvalOf(supervisor, client, wanted);
        const given = await client.refund(payment, amount, id, approval);
        return given.ok ? { ok: true, ...given.refund } : given;
      },
      // Until its delivery has ended, the same command asks how it stands.
      isAnswer: ({ state }) => state !== 'pending' && state !== 'held',
    },
    options,
  );
  if (done.state === 'refused') throw failure(isErrorCode(done.code) ? done.code : 'REFUSED', `refund ${done.id}`);
  const outcome =
    done.state === 'refunded'
      ? 'is given back; the payer gets it with: tapcash teller collect'
      : `waits to be delivered${done.code ? ` (${done.code})` : ''}, and goes on by itself: tapcash outbox`;
  print(options.json, done, `${money(done.amount)} ${outcome}. Refund ${done.id}`);
}

/** Where the terminal does not have the newest key. */
const KEY_MISSING = [
  'keys       the terminal was not given the newest key:',
  '           tapcash manifest, then tapcash provision terminal',
];

/** `tapcash status`. Its exit code says whether all is well: for a monitor. */
export async function status(options: ClerkOptions): Promise<void> {
  const now = must(await clientOf(options.data).status());
  const {
    link,
    terminal,
    retired,
    charge: last,
    outbox,
    acknowledged,
    trouble,
    outage,
    outageDetail,
    alarms,
    restored,
    keys,
    hasNewestKey,
  } = now;
  const open = outbox.held + outbox.refused - acknowledged;
  // Loaded where it is used: it reads this program's own firmware.
  const { firmwareLines, firmwareOf } = await import('./terminal-firmware.js');
  const firmware = terminal && firmwareOf(terminal.firmware);
  const lines = [
    `terminal   ${link.up ? `connected: ${terminal?.shop ?? ''}` : `not connected (${link.port?.message ?? link.older ?? link.code})`}`,
    ...(terminal ? [`           id ${terminal.terminalId}`] : []),
    ...(firmware ? firmwareLines(firmware) : []),
    ...(retired ? ['           TERMINAL_RETIRED: another one has taken its place, and it opens no charge'] : []),
    `charge     ${last ? describe(last) : 'none'}`,
    ...(last ? [`           id ${last.id}`] : []),
    `outbox     ${outbox.pending} to deliver, ${outbox.held} held, ${outbox.credited} credited, ${outbox.refused} refused`,
    ...(acknowledged > 0 ? [`           ${acknowledged} of the refused ones acknowledged`] : []),
    `           ${outbox.duplicate} known already, ${outbox.buried} cancelled, ${outbox.refunded} given back`,
    ...(outage ? [`services   ${outage}: deliveries wait${outageDetail ? ` (${outageDetail})` : ''}`] : []),
    ...trouble.map(
      (entry) =>
        `trouble    ${entry.kind} ${entry.state} ${entry.code ?? ''} ${entry.amount === null ? '' : money(entry.amount)}`,
    ),
    ...(terminal
      ? [
          `flash      ${terminal.flashWrites} writes`,
          ...(terminal.variablesUsed ? [`variables  ${terminal.variablesUsed} of ${terminal.variablesTotal}`] : []),
        ]
      : []),
    ...(restored
      ? [
          `restored   ${restored.backupS === null ? `at ${moment(restored.beganS)}` : `from the backup of ${moment(restored.backupS)}`};`,
          '           charges and deliveries since are missing here: docs/operations.md',
        ]
      : []),
    ...(alarms.length > 0 ? [`alarms     ${alarms.join(', ')}`] : []),
    ...keys
      .filter(({ fromS }) => fromS > 0)
      .map(({ house, key, fromS }) => `keys       the ${house} signs with ${key.slice(0, 16)} from ${day(fromS)} on`),
    ...(hasNewestKey === false ? KEY_MISSING : []),
    ...(open > 0 ? ['           what was refused, and what to do: tapcash outbox'] : []),
  ];
  const exit = outage ? EXIT.environment : open > 0 || retired ? EXIT.refused : EXIT.ok;
  print(options.json, { ...now, firmware, ok: exit === EXIT.ok }, lines.join('\n'));
  process.exitCode = exit;
}
