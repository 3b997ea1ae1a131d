/**
 * The plan of an event's closing: who is paid what, under which reference and request id. It is on disk before the
 * first payout; whoever gives the command again finishes this plan, so nobody is paid twice.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { makeFile } from '../base/durable-file.js';
import { failure } from '../base/errors.js';
import { ensureDataDir } from '../base/keys/key-file.js';
import { moneyText } from '../base/money.js';
import type { HeldAccount } from '../base/services/procedures.js';
import { isTransferable, readIban, sepaName } from './sepa-transfer.js';

const FILE = 'plan.json';
/** Most faults that are named at once. */
const FAULTS_SHOWN = 20;

/** One payout. */
export interface Payout {
  account: string;
  /** Minor units. */
  amount: number;
  iban: string;
  /** As SEPA spells it. */
  name: string;
  /** Of the act, of the transfer, and on the payee's statement. */
  reference: string;
  /** Of the act at the house, 16 bytes as hexadecimal. */
  requestId: string;
}

/** A plan. */
export interface Plan {
  version: 1;
  /** 12 hexadecimal digits, random. */
  id: string;
  /** The issuer's id as hexadecimal: whose books these are. */
  issuer: string;
  currency: string;
  madeS: number;
  payer: { name: string; iban: string } | null;
  payouts: Payout[];
  /** Accounts whose owner brought no IBAN: their money stays. */
  listed: HeldAccount[];
}

/** A row of the operator's list. */
interface IbanRow {
  iban: string;
  name: string;
}

/**
 * Reads the operator's list. @param text CSV with the columns account, iban and name, comma or semicolon
 * @returns by account, and what is wrong with which line
 */
function readIbans(text: string): { rows: Map<string, IbanRow>; faults: string[] } {
  const rows = new Map<string, IbanRow>();
  const faults: string[] = [];
  let read: { record: Record<string, string>; info: { lines: number } }[];
  try {
    read = parse(text, {
      ...{ bom: true, columns: (head: string[]) => head.map((name) => name.trim().toLowerCase()), info: true },
      ...{ delimiter: [',', ';'], trim: true, skip_empty_lines: true },
    }) as unknown as typeof read;
  } catch (thrown) {
    return { rows, faults: [(thrown as Error).message] };
  }
  for (const { record, info } of read) {
    const { account, iban: ibanText, name: nameText } = record;
    const at = `line ${info.lines}`;
    if (account === undefined || ibanText === undefined || nameText === undefined)
      return { rows, faults: [`${at}: the columns account, iban and name are needed`] };
    const iban = readIban(ibanText);
    const name = sepaName(nameText);
    const key = account.normalize('NFC');
    if (key === '') faults.push(`${at}: no account`);
    else if (rows.has(key)) faults.push(`${at}: ${account} stands twice`);
    if (iban === null) faults.push(`${at}: ${ibanText || 'nothing'} is no IBAN of a SEPA country`);
    if (name === null) faults.push(`${at}: ${nameText || 'nothing'} is no name that SEPA can spell`);
    if (iban !== null && name !== null) rows.set(key, { iban, name });
  }
  return { rows, faults };
}

/**
 * Makes a plan. @param known whether the house has an account @throws TapcashError PAYOUT_LIST_INVALID: with every row
 * that is wrong, and nothing is paid
 */
export async function makePlan(
  facts: Pick<Plan, 'id' | 'issuer' | 'currency' | 'madeS' | 'payer'> & {
    list: string;
    accounts: HeldAccount[];
    known(account: string): Promise<boolean>;
  },
): Promise<Plan> {
  const { id, issuer, currency, madeS, payer, list, accounts, known } = facts;
  const { rows, faults } = readIbans(list);
  const held = new Set(accounts.map(({ name }) => name));
  for (const account of rows.keys())
    if (!held.has(account) && !(await known(account))) faults.push(`${account}: the house has no such account`);
  const payouts: Payout[] = [];
  for (const { name: account, balance: amount } of accounts) {
    const row = rows.get(account);
    if (!row) continue;
    if (!isTransferable(amount)) faults.push(`${account}: ${moneyText(amount, currency)} is too much for one transfer`);
    const reference = `TAPCASH-${id}-${String(payouts.length + 1).padStart(5, '0')}`;
    const requestId = createHash('sha256').update(`${issuer} ${reference} ${account}`).digest('hex').slice(0, 32);
    payouts.push({ account, amount, ...row, reference, requestId });
  }
  if (faults.length > 0) {
    const more = faults.length > FAULTS_SHOWN ? [`and ${faults.length - FAULTS_SHOWN} more`] : [];
    throw failure('PAYOUT_LIST_INVALID', [...faults.slice(0, FAULTS_SHOWN), ...more].join('; '));
  }
  return {
    version: 1,
    id,
    issuer,
    currency,
    madeS,
    payer,
    payouts,
    listed: accounts.filter((one) => !rows.has(one.name)),
  };
}

/** Keeps a plan; never over one that another command has just kept. @throws TapcashError DATA_DIR_FAILED */
export function keepPlan(folder: string, plan: Plan): void {
  ensureDataDir(folder);
  const path = join(folder, FILE);
  if (!makeFile(path, `${JSON.stringify(plan, null, 1)}\n`)) throw failure('DATA_DIR_FAILED', `${path}: EEXIST`);
}

/** The plan that a folder has; null: none. @throws TapcashError USAGE: what is there is none */
export function keptPlan(folder: string): Plan | null {
  const path = join(folder, FILE);
  if (!existsSync(path)) return null;
  try {
    const plan = JSON.parse(readFileSync(path, 'utf8')) as Plan;
    if (plan.version === 1 && Array.isArray(plan.payouts)) return plan;
  } catch {
    // Told below.
  }
  throw failure('USAGE', `${path}: not the plan of a closing`);
}
