/**
 * `tapcash provision token --list`: board after board as each is plugged in, by a list of tokens. What became of each
 * row stands in the list itself, so that whoever stops goes on where it was; at the end there is a sheet of all labels.
 *
 *   1. a row that is not done yet takes the next board that is plugged in; a board is worked at once a plug
 *   2. its keys are written beside the row before the next board is looked for; a failure leaves its code there, and
 *      the row to the next board
 *   3. a board that another row has already keeps that row, and what that row gives it
 *
 * Whoever has the list knows whose each pseudonym is: only its owner may read it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { CLASS_FULL, CLASS_SMALL, classPaymentMax } from '../../firmware/core/license-class.js';
import { isName } from '../../firmware/wire/name.js';
import { labelSheet } from '../../flash-scripts/provision/label-sheet.js';
import { TOKEN_LIMITS } from '../../flash-scripts/provision/board-files.js';
import { replaceFile } from '../base/durable-file.js';
import { bodyOfThrown, failure, isFailure } from '../base/errors.js';
import { withBoards, type PortCommand } from './board-access.js';
import { amountArgument, money, print } from './output.js';

/** What of a list is read, and what is written. Amounts as on the command line; empty: the default. */
const GIVEN = ['name', 'class', 'payment_max', 'sum_max'] as const;
const RESULT = ['state', 'code', 'account', 'pseudonym', 'label'] as const;
type Row = Record<(typeof GIVEN)[number] | (typeof RESULT)[number], string>;

/** What a token of a row is to be. */
export interface ListedToken {
  /** The owner's; empty for a token that anybody may be given. */
  name: string;
  /** Minor units. */
  paymentMax: number;
  sumMax: number;
  /** Of its licenses (firmware/core/license-class.ts); null: what the house that signs them gives everybody. */
  licenseClass: number | null;
}

/** What a row's board became. */
interface ListedResult {
  /** Hexadecimal. */
  account: string;
  /** Hexadecimal; empty where registration is sealed. */
  pseudonym: string;
  /** The label as SVG. */
  label: string;
}

/** Faults of a list that are named at once. */
const FAULTS_SHOWN = 20;
const DONE = 'done';
const FAILED = 'failed';

/** A class of licenses as people write it. @throws TapcashError USAGE */
export function classArgument(text: string): number {
  const licenseClass = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (classPaymentMax(licenseClass) === 0)
    throw failure('USAGE', `class ${text}: ${CLASS_FULL} or ${CLASS_SMALL} expected`);
  return licenseClass;
}

/** A token that is nobody's pays no more than its license class would let it, with its button or without. */
const NAMELESS = {
  paymentMax: Math.min(TOKEN_LIMITS.paymentMax, classPaymentMax(CLASS_SMALL)),
  sumMax: classPaymentMax(CLASS_SMALL),
};

const nameless = (): string =>
  `a token without a name: at most ${money(NAMELESS.paymentMax)} in a payment, ${money(NAMELESS.sumMax)} in sum`;

function tokenOf(row: Row): ListedToken {
  const isNameless = row.name === '';
  const licenseClass = row.class === '' ? (isNameless ? CLASS_SMALL : null) : classArgument(row.class);
  const { paymentMax, sumMax } = isNameless || licenseClass === CLASS_SMALL ? NAMELESS : TOKEN_LIMITS;
  const token = {
    name: row.name,
    licenseClass,
    paymentMax: row.payment_max === '' ? paymentMax : amountArgument(row.payment_max),
    sumMax: row.sum_max === '' ? sumMax : amountArgument(row.sum_max),
  };
  if (token.name !== '' && !isName(token.name)) throw failure('NAME_INVALID', token.name);
  if (isNameless && licenseClass !== CLASS_SMALL)
    throw failure('USAGE', `class ${row.class}: a token without a name is of class ${CLASS_SMALL}`);
  if (licenseClass === CLASS_SMALL && token.paymentMax > classPaymentMax(CLASS_SMALL))
    throw failure(
      'AMOUNT_INVALID',
      `class ${CLASS_SMALL}: at most ${money(classPaymentMax(CLASS_SMALL))} in a payment`,
    );
  if (token.name === '' && (token.paymentMax > NAMELESS.paymentMax || token.sumMax > NAMELESS.sumMax))
    throw failure('AMOUNT_INVALID', nameless());
  return token;
}

/** A list in memory, and the file that it is written to after each change. */
interface TokenList {
  readonly size: number;
  /** The first row that is not done, and its number; null where all are. */
  next(): { number: number; token: ListedToken } | null;
  /** The row that has this account key, and its number. */
  holderOf(account: string): { number: number; token: ListedToken } | null;
  done(number: number, result: ListedResult): void;
  failed(number: number, code: string): void;
  results(): ListedResult[];
  classes(): { account: string; licenseClass: number }[];
}

/** Reads a list. @throws TapcashError FILE_MISSING, TOKEN_LIST_INVALID, with the lines that are wrong */
function openTokenList(path: string): TokenList {
  if (!existsSync(path)) throw failure('FILE_MISSING', `${path}: a CSV with the columns ${GIVEN.join(', ')}`);
  const rows = readRows(path);
  const faults: string[] = [];
  const tokens = rows.map((row, i) => {
    try {
      return tokenOf(row);
    } catch (thrown) {
      if (!isFailure(thrown)) throw thrown;
      faults.push(`row ${i + 1}: ${thrown.message}`);
      return null;
    }
  });
  const accounts = new Set<string>();
  rows.forEach(({ state, account }, i) => {
    if (state !== DONE) return;
    if (!/^[0-9a-f]{64}$/.test(account) || accounts.has(account)) faults.push(`row ${i + 1}: account`);
    accounts.add(account);
  });
  if (faults.length > 0) throw failure('TOKEN_LIST_INVALID', `${path}: ${faults.slice(0, FAULTS_SHOWN).join('; ')}`);
  const entry = (at: number) => (at < 0 ? null : { number: at + 1, token: tokens[at] as ListedToken });
  const write = (): void => replaceFile(path, stringify(rows, { header: true, columns: [...GIVEN, ...RESULT] }));
  return {
    size: rows.length,
    next: () => entry(rows.findIndex(({ state }) => state !== DONE)),
    holderOf: (account) => entry(rows.findIndex((row) => row.state === DONE && row.account === account)),
    done(number, result) {
      Object.assign(rows[number - 1] as Row, result, { state: DONE, code: '' });
      write();
    },
    failed(number, code) {
      Object.assign(rows[number - 1] as Row, { state: FAILED, code });
      write();
    },
    results: () => rows.filter(({ state }) => state === DONE),
    classes: () =>
      rows.flatMap(({ state, account }, i) => {
        const licenseClass = (tokens[i] as ListedToken).licenseClass;
        return state === DONE && licenseClass !== null ? [{ account, licenseClass }] : [];
      }),
  };
}

function readRows(path: string): Row[] {
  let read: Record<string, string>[];
  try {
    read = parse(readFileSync(path), { columns: true, bom: true, trim: true, skip_empty_lines: true });
  } catch (thrown) {
    throw failure('TOKEN_LIST_INVALID', `${path}: ${(thrown as Error).message}`, thrown);
  }
  const known: readonly string[] = [...GIVEN, ...RESULT];
  const other = Object.keys(read[0] ?? {}).filter((column) => !known.includes(column));
  if (read.length === 0) throw failure('TOKEN_LIST_INVALID', `${path}: no rows`);
  if (other.length > 0)
    throw failure('TOKEN_LIST_INVALID', `${path}: column ${other.join(', ')}; known: ${known.join(', ')}`);
  return read.map((row) => Object.fromEntries(known.map((column) => [column, row[column] ?? ''])) as Row);
}

/** The account keys of a list's tokens that are provisioned, and the classes that the list gives them. */
export const classesOfList = (path: string): { account: string; licenseClass: number }[] =>
  openTokenList(path).classes();

/** What makes one board a row's token. */
export type ProvisionOne = (
  access: Parameters<Parameters<typeof withBoards>[1]>[0],
  token: ListedToken,
) => Promise<ListedResult>;

const sameGrant = (one: ListedToken, other: ListedToken): boolean =>
  one.paymentMax === other.paymentMax && one.sumMax === other.sumMax;

/** Provisions board after board until each row has one; then writes the sheet of labels. */
export async function provisionList(
  path: string,
  options: PortCommand & { label: string },
  provisionOne: ProvisionOne,
  eachBoard = withBoards,
): Promise<void> {
  const list = openTokenList(path);
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  if (list.next())
    await eachBoard(options, async (access) => {
      const { number, token } = list.next()!;
      say(`row ${number} of ${list.size}${token.name === '' ? '' : ` (${token.name})`}`);
      try {
        const result = await provisionOne(access, token);
        const holder = list.holderOf(result.account);
        if (holder) {
          if (!sameGrant(holder.token, token)) await provisionOne(access, holder.token);
          say(`> this board is row ${holder.number} already`);
        } else list.done(number, result);
      } catch (thrown) {
        // The list is what counts: where it cannot be written, nothing goes on. Ctrl-C is no fault of a row.
        const { code, message } = bodyOfThrown(thrown);
        if (!isFailure(thrown) || code === 'DATA_DIR_FAILED' || code === 'INTERRUPTED') throw thrown;
        list.failed(number, code);
        say(`> row ${number}: ${code}: ${message}`);
      }
      return list.next() !== null;
    });
  const sheet = join(options.label, 'labels.html');
  replaceFile(sheet, labelSheet(list.results().map(({ label }) => readFileSync(label, 'utf8'))));
  print(
    options.json,
    { list: path, tokens: list.size, sheet },
    `All ${list.size} tokens of ${path} are provisioned.\nlabels     ${sheet}`,
  );
}
