/**
 * `tapcash outbox`: what the bridge has to deliver, from the running bridge or, where none runs, from its database.
 */
import { closeSync, existsSync, openSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { ERRORS, failure, isErrorCode, messageOf, must, type ErrorCode, type Result } from '../base/errors.js';
import { table } from '../base/text-table.js';
import type { ControlReply, CONTROL_ENDPOINTS } from '../control/control-schemas.js';
import type { ControlClient, OutboxState } from '../control/control-client.js';
import { ISSUER_ENDPOINTS } from '../http/schemas.js';
import { clientOf, type ClerkOptions } from './clerk.js';
import { money, print } from './output.js';

type Reply<Name extends 'outbox' | 'messages' | 'resend'> = ControlReply<(typeof CONTROL_ENDPOINTS)[Name]>;
type Entry = Reply<'outbox'>['entries'][number];

/** What `list` and `export` show unless they are told otherwise. */
const OPEN: OutboxState[] = ['pending', 'held', 'refused'];
const EVERY: OutboxState[] = [...OPEN, 'credited', 'duplicate', 'buried', 'refunded'];
const PAGE = 200;
/** As long as every reason for the record. */
const WHY_CHARS_MAX = 200;

/** Where each kind is posted to. */
const SENT_TO: Record<Entry['kind'], string> = {
  history: ISSUER_ENDPOINTS.deposit.path,
  tombstone: ISSUER_ENDPOINTS.tombstone.path,
  refund: ISSUER_ENDPOINTS.refund.path,
};

type OutboxCommands = Pick<ControlClient, 'outbox' | 'messages' | 'resend' | 'acknowledge'> & { close(): void };

/** The running bridge, else its database. @throws TapcashError SERVICE_DOWN: neither is there */
async function outboxOf(options: ClerkOptions, isChange = false): Promise<OutboxCommands> {
  const running = clientOf(options.data);
  const asked = await running.outbox(['pending'], 1);
  if (asked.ok || asked.code !== 'SERVICE_DOWN') {
    must(asked);
    return { ...running, close: () => undefined };
  }
  const dataDir = storeIn(options.data);
  if (dataDir === undefined) throw failure('SERVICE_DOWN', asked.detail);
  if (!options.json)
    process.stderr.write('No bridge runs here: this is its database. What waits goes on when it starts.\n');
  return storedOutbox(dataDir, isChange);
}

/** The folder with the database of the one bridge that is here; a demo names its folder after the shop. */
function storeIn(data: string): string | undefined {
  if (!existsSync(data)) return undefined;
  const named = readdirSync(data).filter((name) => /^bridge(-|$)/.test(name));
  const found = [data, ...named.map((name) => join(data, name))].filter((at) => existsSync(join(at, 'bridge.db')));
  return found.length === 1 ? found[0] : undefined;
}

/** The database of a bridge that does not run. */
async function storedOutbox(dataDir: string, isChange: boolean): Promise<OutboxCommands> {
  const [{ openOnlyBridgeStore, openBridgeToRead }, { createOutbox }] = await Promise.all([
    import('../bridge/bridge-store.js'),
    import('../bridge/outbox.js'),
  ]);
  const database = isChange ? openOnlyBridgeStore(dataDir) : openBridgeToRead(dataDir);
  const stored = createOutbox(database, () => Date.now() / 1000);
  return {
    outbox: async (states, limit, before) => ({
      ok: true,
      entries: stored.entries(states, limit, before),
      outbox: stored.counts(),
      acknowledged: stored.acknowledged(),
      outage: 'SERVICE_DOWN',
      outageDetail: 'no bridge runs',
    }),
    messages: async (states, limit, after) => ({
      ok: true,
      messages: stored.messages(states, limit, after).map(({ bytes, ...entry }) => ({ ...entry, bytes: toHex(bytes) })),
    }),
    async resend(sequence) {
      if (sequence !== undefined) return stored.resend(sequence) ? { ok: true, count: 1 } : notResent(sequence);
      let count = 0;
      for (let last = 0, more = true; more;) {
        const part = stored.resendSome(last, PAGE);
        [count, last, more] = [count + part.count, part.last, part.count === PAGE];
      }
      return { ok: true, count };
    },
    acknowledge: async (sequence, why) =>
      stored.acknowledge(sequence, why)
        ? { ok: true }
        : { ok: false, code: 'NOT_FOUND', detail: `${sequence} was not refused` },
    close: database.close,
  };
}

const notResent = (sequence: number): Result<never> => ({
  ok: false,
  code: 'NOT_FOUND',
  detail: `${sequence} is neither held nor refused`,
});

/** How long ago, in the largest unit that fits. */
function ageText(sinceS: number): string {
  const s = Math.max(0, Math.round(Date.now() / 1000) - sinceS);
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  return s < 172_800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86_400)} d`;
}

const codeText = (code: string | null): string => (code === null || code === 'OK' ? '' : code);

/** A number on the command line. @throws TapcashError USAGE */
function numberArgument(text: string, name: string, most: number): number {
  const number = /^[0-9]{1,15}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) throw failure('USAGE', `${name} ${text}: 1 to ${most} expected`);
  return number;
}

/** Each code once: what it means, and what to do. */
function remediesOf(codes: (string | null)[]): string[] {
  const known = [...new Set(codes)].filter((code): code is ErrorCode => isErrorCode(code) && code !== 'OK');
  return table(
    known.map((code) => [code, `${messageOf(code)} ${ERRORS[code].remedy}`]),
    {},
  );
}

/** `tapcash outbox list`. */
export async function list(
  options: ClerkOptions & { delivered?: boolean; limit: string; before?: string },
): Promise<void> {
  const limit = numberArgument(options.limit, '--limit', 999);
  const before = options.before === undefined ? undefined : numberArgument(options.before, '--before', 1e15);
  const from = await outboxOf(options);
  try {
    const page = must(await from.outbox(options.delivered ? EVERY : OPEN, limit, before));
    const { entries, outbox, acknowledged, outage, outageDetail } = page;
    const next = entries.length === limit ? entries.at(-1)!.sequence : null;
    const rows = entries.map((entry) => [
      String(entry.sequence),
      entry.kind,
      entry.amount === null ? '' : money(entry.amount),
      entry.acknowledgedS === null ? entry.state : 'acknowledged',
      ageText(entry.arrivedS),
      String(entry.attempts),
      codeText(entry.code),
    ]);
    const remedies = remediesOf([...entries.map(({ code }) => code), outage === 'SERVICE_DOWN' ? null : outage]);
    const lines = [
      `${outbox.pending} pending, ${outbox.held} held, ${outbox.refused} refused` +
        (acknowledged > 0 ? ` (${acknowledged} acknowledged)` : ''),
      ...(outage ? [`Deliveries wait: ${outage}${outageDetail ? ` (${outageDetail})` : ''}`] : []),
      ...(rows.length > 0
        ? [
            '',
            ...table(rows, { head: ['id', 'what', 'amount', 'state', 'age', 'tries', 'last code'], align: 'rlrlrrl' }),
          ]
        : []),
      ...(remedies.length > 0 ? ['', ...remedies] : []),
      ...(next === null ? [] : ['', `More: tapcash outbox list --before ${next}`]),
    ];
    print(options.json, { ...page, next }, lines.join('\n'));
  } finally {
    from.close();
  }
}

/** `tapcash outbox resend`. */
export async function resend(id: string | undefined, options: ClerkOptions & { all?: boolean }): Promise<void> {
  if ((id === undefined) !== (options.all === true))
    throw failure('USAGE', 'name one, as tapcash outbox shows it, or say --all');
  const sequence = id === undefined ? undefined : numberArgument(id, 'id', 1e15);
  const from = await outboxOf(options, true);
  try {
    const done = must(await from.resend(sequence));
    const what = done.count === 1 ? '1 message is' : `${done.count} messages are`;
    print(options.json, done, `${what} tried again now. See what becomes of it: tapcash outbox`);
  } finally {
    from.close();
  }
}

/** `tapcash outbox acknowledge`. */
export async function acknowledge(id: string, options: ClerkOptions & { why?: string }): Promise<void> {
  const why = options.why?.trim() ?? '';
  if (why.length < 1 || why.length > WHY_CHARS_MAX) throw failure('REASON_MISSING', '--why');
  const sequence = numberArgument(id, 'id', 1e15);
  const from = await outboxOf(options, true);
  try {
    must(await from.acknowledge(sequence, why));
    const text = `${sequence} is acknowledged. It stays listed, and tapcash status no longer warns of it.`;
    print(options.json, { sequence, acknowledged: why }, text);
  } finally {
    from.close();
  }
}

/** `tapcash outbox export`. */
export async function exportMessages(path: string, options: ClerkOptions & { delivered?: boolean }): Promise<void> {
  const from = await outboxOf(options);
  const states = options.delivered ? EVERY : OPEN;
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (thrown) {
    from.close();
    throw (thrown as NodeJS.ErrnoException).code === 'EEXIST' ? failure('FILE_EXISTS', path, thrown) : thrown;
  }
  let count = 0;
  try {
    for (let after = 0, more = true; more;) {
      const { messages } = must(await from.messages(states, PAGE, after));
      for (const { bytes, ...entry } of messages)
        writeSync(file, `${JSON.stringify({ ...entry, path: SENT_TO[entry.kind], body: { [entry.kind]: bytes } })}\n`);
      count += messages.length;
      more = messages.length === PAGE;
      after = messages.at(-1)?.sequence ?? after;
    }
  } finally {
    closeSync(file);
    from.close();
  }
  print(options.json, { count, file: path }, `${count} messages in ${path}, a line each`);
}
