/**
 * `tapcash payments` and `tapcash office payments`: the payments that came in, newest first, as a table, as JSON, or as
 * CSV for a spreadsheet; a page, or all.
 */
import { stringify } from 'csv-stringify/sync';
import { failure, must, type Result } from '../base/errors.js';
import { hexed } from '../base/hex.js';
import { PAYMENTS_MAX, readCursor, type PaymentQuery } from '../base/payment-query.js';
import { table } from '../base/text-table.js';
import { clientOf } from './clerk.js';
import { openOffice, type OfficeCommand } from './office.js';
import { isoLocal, shortTime, timeOfWall, zoneInUse } from './local-time.js';
import { amountArgument, money, print } from './output.js';

/** What is searched for, as it is typed. */
export interface PaymentOptions {
  since?: string;
  until?: string;
  amount?: string;
  token?: string;
  charge?: string;
  limit: string;
  before?: string;
  allPages?: boolean;
  csv?: boolean;
  json?: boolean;
}

/** A row of either list. */
interface Row {
  id: string;
  rs: string;
  token: string;
  shop: string;
  amount: number;
  refunded: number;
  arrivedS: number;
  state?: string;
  code?: string | null;
  paidS?: number;
}

/** A day, or a day and a time, by the clock on the wall. @returns Unix time @throws TapcashError USAGE */
function timeArgument(text: string, option: string, isEnd: boolean): number {
  const found = /^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?))?$/.exec(text);
  const isDay = !found?.[2];
  // A whole day, to its end: days differ in length.
  const dayMs = found ? Date.parse(`${found[1]}T00:00Z`) + (isEnd && isDay ? 86_400_000 : 0) : NaN;
  const at = Number.isNaN(dayMs)
    ? NaN
    : timeOfWall(`${new Date(dayMs).toISOString().slice(0, 10)}T${found?.[2] ?? '00:00'}`);
  if (Number.isNaN(at)) throw failure('USAGE', `${option} ${text}: write 2026-11-29 or 2026-11-29T14:03`);
  return Math.max(0, at);
}

function hexArgument(text: string | undefined, option: string, digits: readonly number[]): string | undefined {
  if (text === undefined || (/^[0-9a-f]+$/.test(text) && digits.includes(text.length))) return text;
  throw failure('USAGE', `${option} ${text}: ${digits.join(' or ')} hexadecimal digits`);
}

/** @throws TapcashError USAGE, AMOUNT_INVALID */
function queryOf(options: PaymentOptions, chargeDigits: readonly number[]): PaymentQuery {
  if (readCursor(options.before) === undefined)
    throw failure('USAGE', `--before ${options.before}: as the page before ended`);
  const query: PaymentQuery = {
    limit: PAYMENTS_MAX,
    before: options.before,
    sinceS: options.since === undefined ? undefined : timeArgument(options.since, '--since', false),
    untilS: options.until === undefined ? undefined : timeArgument(options.until, '--until', true),
    amount: options.amount === undefined ? undefined : amountArgument(options.amount),
    token: hexArgument(options.token, '--token', [64]),
    charge: hexArgument(options.charge, '--charge', chargeDigits),
  };
  return Object.fromEntries(
    Object.entries(query).filter(([, value]) => value !== undefined),
  ) as unknown as PaymentQuery;
}

/** How many rows are wanted. @throws TapcashError USAGE */
function countOf({ limit, allPages }: PaymentOptions): number {
  if (allPages) return Infinity;
  const count = /^[0-9]{1,3}$/.test(limit) ? Number(limit) : 0;
  if (count < 1) throw failure('USAGE', `--limit ${limit}: 1 to 999; --all-pages for all`);
  return count;
}

/** So many rows, in as many pages as it takes, and where the next one begins. */
async function rowsOf(
  query: PaymentQuery,
  count: number,
  ask: (query: PaymentQuery) => Promise<Result<{ payments: Row[]; more: string | null }>>,
): Promise<{ payments: Row[]; more: string | null }> {
  const payments: Row[] = [];
  for (let before = query.before; ;) {
    const limit = Math.min(PAYMENTS_MAX, count - payments.length);
    const page = must(await ask({ ...query, ...(before === undefined ? {} : { before }), limit }));
    payments.push(...page.payments);
    if (page.more === null || payments.length >= count) return { payments, more: page.more };
    before = page.more;
  }
}

const isoTime = (timeS: number | undefined): string => (timeS ? isoLocal(timeS) : '');

/** As a spreadsheet takes it; no cell of it is a formula, whatever a shop is called. Amounts in minor units. */
const csvOf = (payments: Row[]): string =>
  stringify(
    payments.map(({ paidS, arrivedS, ...row }) => ({
      ...row,
      paid: isoTime(paidS),
      arrived: isoTime(arrivedS),
    })),
    {
      header: true,
      escape_formulas: true,
      columns: ['id', 'arrived', 'paid', 'shop', 'amount', 'refunded', 'state', 'code', 'token', 'rs'],
    },
  );

function textOf(payments: Row[], more: string | null): string {
  const rows = payments.map(({ id, arrivedS, shop, amount, refunded, state }) => [
    shortTime(arrivedS),
    shop,
    money(amount),
    refunded === 0 ? '' : `${money(refunded)} back`,
    state ?? '',
    id,
  ]);
  return [
    ...(rows.length === 0 ? ['No payment'] : [...table(rows, { align: 'llrrll' }), `Times of ${zoneInUse()}`]),
    ...(more === null ? [] : [`There are more: --before ${more}, or --all-pages`]),
  ].join('\n');
}

function show(options: PaymentOptions, found: { payments: Row[]; more: string | null }): void {
  if (!options.csv) return print(options.json, found, textOf(found.payments, found.more));
  process.stdout.write(csvOf(found.payments));
  if (found.more !== null) process.stderr.write(`There are more: --before ${found.more}, or --all-pages\n`);
}

/** `tapcash payments`. */
export async function payments(options: PaymentOptions & { data: string }): Promise<void> {
  const client = clientOf(options.data);
  show(options, await rowsOf(queryOf(options, [16, 32]), countOf(options), (query) => client.payments(query)));
}

/** `tapcash office payments`. */
export async function officePayments(options: PaymentOptions & OfficeCommand & { shop?: string }): Promise<void> {
  const query = queryOf(options, [32]);
  const { accounts } = await openOffice(options);
  const shop = options.shop === undefined ? {} : { shop: options.shop };
  const found = await rowsOf(query, countOf(options), async (page) => {
    const given = await accounts.payments({ ...page, ...shop });
    if (!given.ok) return given;
    return {
      ...given,
      payments: given.payments.map((row) => {
        const { pku, rs, ...rest } = hexed(row);
        return { ...rest, id: rs, rs, token: pku };
      }),
    };
  });
  show(options, found);
}
