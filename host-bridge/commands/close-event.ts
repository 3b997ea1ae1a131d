/**
 * `tapcash office close-event`: what a festival does on Monday. Every balance goes to its owner's bank account as a
 * payout under a reference; what has no bank account, and what is still on tokens, is listed.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { toHex } from '../../firmware/core/bytes.js';
import { replaceFile } from '../base/durable-file.js';
import { EXIT, ERRORS, failure, must, type ErrorCode, type Result } from '../base/errors.js';
import { bytes } from '../base/hex.js';
import { LISTED_MAX } from '../base/payment-query.js';
import { table } from '../base/text-table.js';
import { keepPlan, keptPlan, makePlan, type Payout, type Plan } from './closing-plan.js';
import { openOffice, type OfficeCommand } from './office.js';
import { money, print } from './output.js';
import { readIban, SEPA_CURRENCY, sepaName, transferDocument } from './sepa-transfer.js';

/** Options of the command. */
interface CloseEventCommand extends OfficeCommand {
  ibans: string;
  closing: string;
  payerIban?: string;
  payerName?: string;
  dryRun?: boolean;
}

type Office = Awaited<ReturnType<typeof openOffice>>;

/** How a payout ended. */
interface Done extends Payout {
  /** null: paid. */
  code: ErrorCode | null;
}

/** Cash that is still out, of one license class. */
interface Unclaimed {
  /** null: of sets that never paid. */
  licenseClass: number | null;
  sets: number;
  ebc: number;
}

/** Every page of a list. */
async function everyPage<T>(
  ask: (after: string) => Promise<Result<{ more: string | null }>> | Result<{ more: string | null }>,
  rowsOf: (page: never) => T[],
): Promise<T[]> {
  const rows: T[] = [];
  for (let after: string | null = ''; after !== null;) {
    const page: { more: string | null } = must(await ask(after));
    rows.push(...rowsOf(page as never));
    after = page.more;
  }
  return rows;
}

/** Who pays, checked. @throws TapcashError USAGE */
function payerOf({ payerIban, payerName, dryRun }: CloseEventCommand, currency: string): Plan['payer'] {
  if (payerIban === undefined && payerName === undefined && (dryRun || currency !== SEPA_CURRENCY)) return null;
  if (currency !== SEPA_CURRENCY)
    throw failure(
      'USAGE',
      `--payer-iban, --payer-name: SEPA carries ${SEPA_CURRENCY} alone, and these books are in ${currency}; without them payouts.csv is what the bank gets`,
    );
  const iban = payerIban === undefined ? null : readIban(payerIban);
  const name = payerName === undefined ? null : sepaName(payerName);
  if (iban === null) throw failure('USAGE', `--payer-iban ${payerIban ?? ''}: the IBAN of the account that pays`);
  if (name === null) throw failure('USAGE', `--payer-name ${payerName ?? ''}: who pays, in SEPA's letters`);
  return { name, iban };
}

/** The operator's list. @throws TapcashError FILE_MISSING */
function listIn(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    throw failure('FILE_MISSING', `${path}: ${(thrown as NodeJS.ErrnoException).code}`);
  }
}

/** A new plan, of the books as they are. @throws TapcashError PAYOUT_LIST_INVALID, USAGE and the houses' */
async function planNow(houses: Office, options: CloseEventCommand): Promise<Plan> {
  const { accounts, parameters } = houses;
  const payer = payerOf(options, parameters.currency);
  const list = listIn(options.ibans);
  const held = await everyPage(
    (after) => accounts.heldAccounts(LISTED_MAX, after),
    (page: { accounts: Plan['listed'] }) => page.accounts,
  );
  return makePlan({
    ...{ id: toHex(randomBytes(6)), issuer: toHex(parameters.issuer), currency: parameters.currency },
    ...{ madeS: Math.floor(Date.now() / 1000), payer, list, accounts: held },
    async known(account) {
      const balance = await accounts.balanceOf(account);
      if (!balance.ok && balance.code !== 'ACCOUNT_UNKNOWN') must(balance);
      return balance.ok;
    },
  });
}

/** Pays what the plan says: each payout under its id, once, however often it is asked. @throws the houses' outages */
async function pay(houses: Office, plan: Plan): Promise<Done[]> {
  const done: Done[] = [];
  for (const payout of plan.payouts) {
    const { account, amount, reference, requestId } = payout;
    const result = await houses.under(bytes(requestId)).accounts.payOut(account, amount, reference);
    if (!result.ok && ERRORS[result.code].exit !== EXIT.refused) {
      const soFar = `${done.length} of ${plan.payouts.length} are paid: the same command finishes it`;
      throw failure(result.code, [result.detail, soFar].filter(Boolean).join('; '));
    }
    // What the role forbids, or a stranger asks for, it forbids for all of them: nothing is kept under the id.
    if (!result.ok && (result.code === 'ROLE_FORBIDDEN' || result.code === 'OPERATOR_UNKNOWN')) must(result);
    done.push({ ...payout, code: result.ok ? null : result.code });
  }
  return done;
}

/** Cash on tokens: the issuer knows the pseudonyms, and by their last payment the class. */
async function unclaimedOf({ issuer }: Office) {
  const sets = await everyPage(
    (after) => issuer.unclaimed(LISTED_MAX, after),
    (page: { sets: { pku: Uint8Array; ebc: number; licenseClass: number | null }[] }) => page.sets,
  );
  const classOrder = ({ licenseClass }: { licenseClass: number | null }) => licenseClass ?? Infinity;
  const classes = new Map<number | null, Unclaimed>();
  for (const { licenseClass, ebc } of sets) {
    const sum = classes.get(licenseClass) ?? { licenseClass, sets: 0, ebc: 0 };
    classes.set(licenseClass, { licenseClass, sets: sum.sets + 1, ebc: sum.ebc + ebc });
  }
  return {
    sets: sets.sort((a, b) => classOrder(a) - classOrder(b)),
    classes: [...classes.values()].sort((a, b) => classOrder(a) - classOrder(b)),
  };
}

/** A file for a spreadsheet; no cell of it is a formula. */
const csv = (rows: object[], columns: string[]): string =>
  stringify(rows, { header: true, escape_formulas: true, columns });

function writeFiles(
  folder: string,
  plan: Plan,
  done: Done[],
  { sets }: Awaited<ReturnType<typeof unclaimedOf>>,
): string[] {
  const paid = done.filter(({ code }) => code === null);
  const rows = done.map(({ code, ...row }) => ({
    ...row,
    state: code === null ? 'paid' : 'refused',
    code: code ?? '',
  }));
  const files: [string, string][] = [
    ['payouts.csv', csv(rows, ['account', 'name', 'iban', 'amount', 'reference', 'state', 'code'])],
    ['listed.csv', csv(plan.listed, ['name', 'balance'])],
    [
      'unclaimed.csv',
      csv(
        sets.map(({ pku, ebc, licenseClass }) => ({ class: licenseClass ?? 'never paid', pseudonym: toHex(pku), ebc })),
        ['class', 'pseudonym', 'ebc'],
      ),
    ],
  ];
  // In another currency the list is what the bank gets.
  if (plan.payer && plan.currency === SEPA_CURRENCY && paid.length > 0)
    files.push(['pain.001.xml', transferDocument(`TAPCASH-${plan.id}`, plan.madeS, plan.payer, paid)]);
  for (const [name, text] of files) replaceFile(join(folder, name), text);
  return files.map(([name]) => name);
}

const sumOf = (rows: { amount: number }[]): number => rows.reduce((sum, { amount }) => sum + amount, 0);

/** `tapcash office close-event`. */
export async function closeEvent(options: CloseEventCommand): Promise<void> {
  const houses = await openOffice(options);
  const begun = keptPlan(options.closing);
  if (begun && begun.issuer !== toHex(houses.parameters.issuer))
    throw failure('USAGE', `--closing ${options.closing}: the closing of another issuer's event`);
  const plan = begun ?? (await planNow(houses, options));
  if (!begun && !options.dryRun) keepPlan(options.closing, plan);
  const done = options.dryRun ? plan.payouts.map((payout) => ({ ...payout, code: null })) : await pay(houses, plan);
  const unclaimed = await unclaimedOf(houses);
  const files = options.dryRun ? [] : writeFiles(options.closing, plan, done, unclaimed);
  const { unreturned, drawsPending } = must(await houses.accounts.numbers()).numbers;
  const paid = done.filter(({ code }) => code === null);
  const refused = done.filter(({ code }) => code !== null);
  const listed = plan.listed.map(({ name, balance: amount }) => ({ name, amount }));
  const lines = [
    ...(begun
      ? [`This goes on with the plan of ${new Date(plan.madeS * 1000).toISOString()}; --ibans is not read again.`]
      : []),
    ...table(
      [
        [options.dryRun ? 'would be paid' : 'paid', String(paid.length), money(sumOf(paid))],
        ['refused', String(refused.length), money(sumOf(refused))],
        ['no IBAN: money stays', String(listed.length), money(sumOf(listed))],
        ...unclaimed.classes.map(({ licenseClass, sets, ebc }) => [
          licenseClass === null ? 'on tokens that never paid' : `on tokens of class ${licenseClass}`,
          String(sets),
          money(ebc),
        ]),
      ],
      { align: 'lrr' },
    ),
    ...(unreturned + drawsPending > 0
      ? ['The bank still waits for answers of the issuer: look again before you close.']
      : []),
    ...refused.map(({ account, code }) => `${account}: ${code}`),
    ...(files.length > 0 ? [`In ${options.closing}: ${files.join(', ')}`] : []),
  ];
  print(
    options.json,
    {
      ok: refused.length === 0,
      ...{ id: plan.id, dryRun: options.dryRun === true, continues: begun !== null, currency: plan.currency },
      ...{ payouts: done, paid: sumOf(paid), listed, unclaimed: unclaimed.classes, unreturned, drawsPending, files },
    },
    lines.join('\n'),
  );
  if (refused.length > 0) process.exitCode = EXIT.refused;
}
