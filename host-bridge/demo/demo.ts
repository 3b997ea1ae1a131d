/**
 * The demo: a whole shop from registration to settled deposit, in any scheme and scenario.
 *
 * Everything is real but the hardware: services over HTTP with SQLite on disk, the bundles that boards are flashed
 * with, bytes on the serial lines and on the air.
 */
import { equal, readU32, toHex } from '../../firmware/core/bytes.js';
import type { TapReport } from '../../firmware/wire/link/link-messages.js';
import type { BridgeEvent } from '../bridge/bridge.js';
import { audit } from '../audit/audit.js';
import { PAYMENTS_MAX } from '../base/payment-query.js';
import type { ErrorCode } from '../base/errors.js';
import { conservationOf } from '../ledger/rules-bank.js';
import { lookInto, ownerOf } from '../rig/people.js';
import type { DemoReport, Step } from './report.js';
import type { NfcBoard } from '../rig/nfc-boards.js';
import type { ScenarioName } from './scenario-names.js';
import { SCENARIOS } from './scenarios.js';
import { createStage, openAccounts, tokenWrites, USERS, type Listeners, type Stage } from './stage.js';
import { startWholeShop, type WholeShop } from '../rig/whole-shop.js';
import { must } from '../rig/must.js';

export interface DemoOptions {
  dataDir: string;
  scenario: ScenarioName;
  /** Number of the scheme's row, default 1; pseudonyms of each token, default 1. */
  scheme?: number;
  pseudonyms?: number;
  /** ISO 4217; default `STANDARD_CURRENCY`. */
  currency?: string;
  /** TCP port of the first house, which the others follow; default: any free ones. */
  port?: number | null;
  interpreter: string | null;
  /** Count the boards' variables while they work; the interpreter only, and slow. */
  watchMemory?: boolean;
  seed: number | null;
  /** Told of each step as it ends. */
  onStep?(step: Step): void;
  onConsole?(board: string, line: string): void;
  /** Told of each tap, also after the scenario. */
  onTap?(shop: string, report: TapReport): void;
  /** Told of whatever a bridge tells, and when an emulated board may look otherwise. */
  onEvent?(shop: string, event: BridgeEvent): void;
  onLook?(): void;
  /** Told how each procedure of the teller's ends, and CONFIRM_NEEDED where one waits for the token's button. */
  onDesk?(shop: string, code: ErrorCode): void;
}

/** A demo that has run, with its shop still up. */
export interface RunningDemo {
  rig: WholeShop;
  report: DemoReport;
  close(): Promise<void>;
}

/** Runs a scenario and leaves the shop up. @throws TapcashError; then nothing is left running */
export async function runDemo(options: DemoOptions): Promise<RunningDemo> {
  const steps: Step[] = [];
  const listeners: Listeners = new Map();
  const onStep = (name: string, ms: number) => {
    steps.push({ name, ms });
    options.onStep?.({ name, ms });
  };
  const onEvent = (shop: string, event: BridgeEvent) => {
    options.onEvent?.(shop, event);
    if (event.type === 'desk') options.onDesk?.(shop, event.code);
    if (event.type === 'desk-wait' && event.wait === 'confirm') options.onDesk?.(shop, 'CONFIRM_NEEDED');
    if (event.type !== 'tap') return;
    listeners.get(shop)?.(event.report);
    options.onTap?.(shop, event.report);
  };
  const { dataDir, interpreter, seed, scheme, pseudonyms, currency, watchMemory, onConsole, port } = options;
  const { shops, offline, users = USERS, play } = SCENARIOS[options.scenario];
  const rig = await startWholeShop({
    dataDir,
    interpreter,
    scheme,
    pseudonyms,
    currency,
    port,
    watchMemory,
    seed,
    shops,
    offline,
    users,
    onStep,
    onConsole,
    onEvent,
    onLook: options.onLook,
  });
  const stage = createStage(rig, listeners, onStep);
  try {
    await openAccounts(stage);
    const before = await tokenWrites(stage);
    await play(stage);
    const report = await takeStock(stage, steps, options, before);
    report.ok = report.conservation.ok && report.audit.ok && report.checks.every(({ ok }) => ok);
    return { rig, report, close: rig.close };
  } catch (thrown) {
    await rig.close();
    throw thrown;
  }
}

/** The books of every house, looked at by the audit's own code. */
function auditOf({ issuer, bank, trustee }: WholeShop): DemoReport['audit'] {
  const { ok, broken } = audit({
    issuerDatabase: issuer.database,
    ...(bank ? { bankDatabase: bank.database } : {}),
    ...(trustee ? { trusteeDatabase: trustee.database } : {}),
  });
  return { ok, broken: broken.length };
}

/** Balances on both sides, histories, conservation, numbers. */
async function takeStock(
  { rig, taps, paidBy, checks, overspend }: Stage,
  steps: Step[],
  options: DemoOptions,
  writesBefore: number,
): Promise<DemoReport> {
  await nameThePseudonyms(rig, paidBy);
  const { balances, variables, writes } = await askBoards(rig);
  const { numbers } = must('numbers', await rig.accounts.numbers());
  const atIssuer = rig.bank ? must('numbers', await rig.office.numbers()).numbers : null;
  const histories = await depositedAt(rig);
  const paid = taps.filter(
    (tap) => tap.result === 'paid' && rig.tokens.some((token) => token.name === tap.token),
  ).length;
  return {
    ok: false,
    scheme: rig.scheme.number,
    pseudonyms: rig.pseudonyms,
    currency: rig.currency,
    scenario: options.scenario,
    boards: rig.maker.kind,
    steps,
    taps,
    balances,
    histories,
    conservation: conservationOf(numbers, atIssuer),
    audit: auditOf(rig),
    checks,
    variables,
    bundleBytes: {
      'user-token': rig.programs['user-token'].bundle.length,
      'shop-terminal': rig.programs['shop-terminal'].bundle.length,
    },
    tokenFlashWritesPerPayment: paid > 0 ? (writes - writesBefore) / paid : 0,
    ...(overspend ? { overspend } : {}),
  };
}

/** What every board says of itself, and what the houses have for its owner. `writes`: of all tokens, to flash. */
async function askBoards(rig: WholeShop): Promise<Pick<DemoReport, 'balances' | 'variables'> & { writes: number }> {
  const balances: DemoReport['balances'] = { tokens: {}, ebc: {}, abc: {} };
  const variables: DemoReport['variables'] = {};
  let writes = 0;
  for (const token of rig.tokens) {
    const status = await lookInto(rig, rig.shops[0], token);
    balances.tokens[token.name] = status.balance;
    variables[`token ${token.name}`] = {
      used: status.variablesUsed,
      total: status.variablesTotal,
      ...(await peakOf(token.device)),
    };
    writes += status.flashWrites;
    const [pku] = token.pkus;
    if (pku) balances.ebc[token.name] = must('EBC', await rig.office.counterOf(pku)).ebc;
    balances.abc[token.name] = must('ABC', await rig.accounts.balanceOf(token.name)).balance;
  }
  for (const shop of rig.shops) {
    balances.abc[shop.name] = must('ABC', await rig.accounts.balanceOf(shop.name)).balance;
    const { status } = must('terminal status', await shop.bridge.terminal.status());
    variables[`terminal ${shop.name}`] = {
      used: status.variablesUsed,
      total: status.variablesTotal,
      ...(await peakOf(shop.device)),
    };
  }
  return { balances, variables, writes };
}

/** The histories that were deposited, oldest first. */
async function depositedAt(rig: WholeShop): Promise<DemoReport['histories']> {
  const { payments } = must('payments', await rig.accounts.payments({ limit: PAYMENTS_MAX }));
  return payments.reverse().map(({ pku, shop, rs, amount }) => ({
    token: ownerOf(rig.tokens, pku),
    shop,
    amount,
    counter: readU32(rs, 4),
  }));
}

/**
 * Whose a pseudonym is shows in the payment that this person made: where registration is sealed, nobody here is told
 * otherwise.
 */
async function nameThePseudonyms(rig: WholeShop, paidBy: Map<string, string>): Promise<void> {
  for (const { pku, rs } of must('payments', await rig.accounts.payments({ limit: PAYMENTS_MAX })).payments) {
    const token = rig.tokens.find(({ name }) => name === paidBy.get(toHex(rs)));
    if (token && !token.pkus.some((own) => equal(own, pku))) token.pkus.push(pku);
  }
}

async function peakOf(device: NfcBoard): Promise<{ peak?: number }> {
  return device.variablesPeak ? { peak: await device.variablesPeak() } : {};
}
