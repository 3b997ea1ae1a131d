/**
 * The demo: a whole shop from registration to settled deposit, and a cloned token that spends twice.
 *
 * Everything is real but the hardware: services over HTTP with SQLite on disk, the bundles that boards are flashed with,
 * bytes on the serial lines and on the air.
 */
import { codeOf } from '../../firmware/core/codes.js';
import type { Scheme } from '../../firmware/core/scheme.js';
import { equal, readU32, toHex } from '../../firmware/core/bytes.js';
import type { BridgeEvent } from '../relay/bridge.js';
import type { TapReport } from '../../firmware/wire/link-messages.js';
import { TERMINAL_TERMS } from '../../flash-scripts/board-files.js';
import type { Trace } from '../actors/services.js';
import { failure, type Result } from '../errors.js';
import { conservationOf } from '../ledger/rules-bank.js';
import { lookInto, ownerOf, pay, redeem, register, withdraw, type TapListener } from './people.js';
import type { DemoReport, OverspendResult, Step, TapResult } from './report.js';
import type { NfcBoard } from './nfc-boards.js';
import { must, startWorld, type Shop, type Token, type World } from './world.js';

export const SCENARIOS = ['pay', 'overspend'] as const;
export type Scenario = (typeof SCENARIOS)[number];

export interface DemoOptions {
  dataDir: string;
  scenario: Scenario;
  /** Number of the scheme's row, default 1; pseudonyms of each token, default 1. */
  scheme?: number;
  pseudonyms?: number;
  interpreter: string | null;
  /** Count the boards' variables while they work; the interpreter only, and slow. */
  watchMemory?: boolean;
  seed: number | null;
  /** Told of each step as it ends. */
  onStep?(step: Step): void;
  onConsole?(board: string, line: string): void;
  /** Told of each tap, also after the scenario. */
  onTap?(shop: string, report: TapReport): void;
}

/** A demo that has run, with its world still up. */
export interface RunningDemo {
  world: World;
  report: DemoReport;
  close(): Promise<void>;
}

const SHOPS = ['Cafe Roma', 'Book Corner'];
const USERS = ['Alice', 'Bob'];
/** What users bring to their account, and take from it to the token; minor units. */
const FUNDING = 10_000;
const WITHDRAWALS: Record<string, number> = { Alice: 5000, Bob: 3000 };
/** How long the outbox may take to deliver all. */
const DRAIN_MS = 30_000;

/** What the scenarios work with. */
interface Stage {
  world: World;
  step<T>(name: string, run: () => Promise<T>): Promise<T>;
  pay(shop: Shop, token: Token, amount: number): Promise<TapResult>;
  taps: TapResult[];
  /** Whose tap a charge was, by Rs in hexadecimal. */
  paidBy: Map<string, string>;
}

/** Runs a scenario and leaves the world up. @throws TapcashError; then nothing is left running */
export async function runDemo(options: DemoOptions): Promise<RunningDemo> {
  const steps: Step[] = [];
  const taps: TapResult[] = [];
  const listeners = new Map<string, ((report: TapReport) => void) | null>();
  const onStep = (name: string, ms: number) => {
    steps.push({ name, ms });
    options.onStep?.({ name, ms });
  };
  const onEvent = (shop: string, event: BridgeEvent) => {
    if (event.type !== 'tap') return;
    listeners.get(shop)?.(event.report);
    options.onTap?.(shop, event.report);
  };
  const { dataDir, interpreter, seed, scenario, onConsole } = options;
  const shops = scenario === 'overspend' ? SHOPS : SHOPS.slice(0, 1);
  const offline = scenario === 'overspend' ? [SHOPS[1]] : [];
  const world = await startWorld({ dataDir, interpreter, scheme: options.scheme, pseudonyms: options.pseudonyms, watchMemory: options.watchMemory, seed, shops, offline, users: USERS, onStep, onConsole, onEvent });
  const paidBy = new Map<string, string>();
  const stage: Stage = {
    world,
    taps,
    paidBy,
    async step(name, run) {
      const startMs = performance.now();
      const result = await run();
      onStep(name, performance.now() - startMs);
      return result;
    },
    async pay(shop, token, amount) {
      const listen: TapListener = (listener) =>
        void listeners.set(shop.name, listener && ((report) => {
          if (codeOf(report.code) === 'OK') paidBy.set(toHex(report.rs), token.name);
          listener(report);
        }));
      const tap = await stage.step(`${token.name} pays ${amount} at ${shop.name}`, () => pay(world, shop, token, amount, listen));
      taps.push(tap);
      return tap;
    },
  };
  try {
    await openAccounts(stage);
    const before = await tokenWrites(stage);
    const overspend = scenario === 'overspend' ? await spendTwice(stage) : await payThrice(stage);
    const report = await takeStock(stage, steps, options, before);
    if (overspend) report.overspend = overspend;
    report.ok = report.conservation.ok && (overspend ? isProven(overspend) : isSettled(report));
    return { world, report, close: world.close };
  } catch (thrown) {
    await world.close();
    throw thrown;
  }
}

async function openAccounts({ world, step }: Stage): Promise<void> {
  const [shop] = world.shops;
  const withCoupons = world.scheme.issue === 'coupon';
  for (const token of world.tokens) {
    await step(`register ${token.name}`, () => register(world, shop, token, FUNDING));
    await step(`withdraw ${WITHDRAWALS[token.name]} for ${token.name}${withCoupons ? ', as coupons' : ''}`, () => withdraw(world, shop, token, WITHDRAWALS[token.name]));
  }
  // Later, and in another order, so that bank and issuer cannot tell by the time whose coupon it is.
  if (withCoupons) for (const token of [...world.tokens].reverse()) await step(`redeem ${token.name}'s coupons`, () => redeem(world, shop, token));
}

/** Flash writes of all tokens since power-up. */
async function tokenWrites({ world }: Stage): Promise<number> {
  let writes = 0;
  for (const token of world.tokens) writes += (await lookInto(world, world.shops[0], token)).flashWrites;
  return writes;
}

async function payThrice(stage: Stage): Promise<null> {
  const { world } = stage;
  const [shop] = world.shops;
  const [alice, bob] = world.tokens;
  await stage.pay(shop, alice, 350);
  await stage.pay(shop, bob, 1299);
  // Above what the token pays unasked: its owner presses the button and taps again.
  await stage.pay(shop, alice, 2600);
  await deliver(stage);
  return null;
}

/** Waits until the issuer has every history. */
async function deliver({ world, step }: Stage): Promise<void> {
  await step('deposit', async () => {
    for (const shop of world.shops) {
      if (!(await shop.bridge.drained(DRAIN_MS))) throw failure('SERVICE_DOWN', `${shop.name}: histories are not delivered`);
    }
  });
  if (world.bank) await step('return to the issuer', () => returned(world));
}

/** Waits until the bank has nothing left for the issuer. */
async function returned(world: World): Promise<void> {
  const endMs = performance.now() + DRAIN_MS;
  for (;;) {
    const { numbers } = must('numbers', await world.accounts.numbers());
    if (numbers.unreturned + numbers.drawsPending === 0) return;
    if (performance.now() > endMs) throw failure('SERVICE_DOWN', 'the bank cannot return histories');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Overspend [0031]: Bob's token pays at one shop, its copy at another that is offline, with the same money. What the clone
 * can take there is bounded by the terminal's limit for an old deny list.
 */
async function spendTwice(stage: Stage): Promise<OverspendResult> {
  const { world, step } = stage;
  const [first, second] = world.shops;
  const bob = world.tokens[1];
  const clone = await step("copy the memory of Bob's token", () => world.clone(bob, "Bob's clone"));
  const half = WITHDRAWALS.Bob / 2;
  for (let part = 0; part < 2; part++) await stage.pay(first, bob, half);
  for (let part = 0; part < 2; part++) await stage.pay(second, clone, half);
  second.setOnline(true);
  await deliver(stage);

  const { overspends } = must('overspends', await world.office.overspends());
  const [found] = overspends;
  if (!found) throw failure('NOT_OVERSPENT', 'no EBC is negative');
  const trace = await step('trace', async () => must('trace', await traceBy[world.scheme.traceBy](world, found.pku, 'EBC is negative')));
  const deniedAt: string[] = [];
  await step('bring the deny list to the terminals', async () => {
    for (const shop of world.shops) if (await holdsNewestList(world, shop)) deniedAt.push(shop.name);
  });
  const again = await stage.pay(second, clone, 100);
  return {
    pku: toHex(found.pku),
    ebc: found.ebc,
    name: trace.name,
    proof: trace.proof,
    deniedAt,
    afterwards: again.result,
    loss: -found.ebc,
    // n pseudonyms, c at each terminal without a fresh list: one.
    bound: world.pseudonyms * TERMINAL_TERMS.staleListLimit,
  };
}

/** Who gives the name out, by the scheme's column; trustee and bank do so on the issuer's signed order alone. */
const traceBy: Record<Scheme['traceBy'], (world: World, pku: Uint8Array, why: string) => Promise<Result<Trace>>> = {
  issuer: (world, pku, why) => world.office.trace(pku, why),
  async trustee(world, pku, why) {
    const ordered = await world.office.traceOrder(pku, why);
    return ordered.ok ? world.trusteeClient!.trace(ordered.order) : ordered;
  },
  async bank(world, pku, why) {
    const ordered = await world.office.traceOrder(pku, why);
    return ordered.ok ? world.bankOffice!.trace(ordered.order) : ordered;
  },
};

/** Brings the newest deny list to a shop's terminal; whether it has it, at most 10 s later. */
async function holdsNewestList(world: World, shop: Shop): Promise<boolean> {
  const { version } = must('deny list', await world.issuerClient.denyList());
  for (let tries = 0; tries < 100; tries++) {
    await shop.bridge.pushDenyList();
    const { status } = must('terminal status', await shop.bridge.terminal.status());
    if (status.denyVersion >= version) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

/** Balances on both sides, histories, conservation, numbers. */
async function takeStock({ world, taps, paidBy }: Stage, steps: Step[], options: DemoOptions, writesBefore: number): Promise<DemoReport> {
  await nameThePseudonyms(world, paidBy);
  const balances: DemoReport['balances'] = { tokens: {}, ebc: {}, abc: {} };
  const variables: DemoReport['variables'] = {};
  let writes = 0;
  for (const token of world.tokens) {
    const status = await lookInto(world, world.shops[0], token);
    balances.tokens[token.name] = status.balance;
    variables[`token ${token.name}`] = { used: status.variablesUsed, total: status.variablesTotal, ...(await peakOf(token.device)) };
    writes += status.flashWrites;
    const [pku] = token.pkus;
    if (pku) balances.ebc[token.name] = must('EBC', await world.office.counterOf(pku)).ebc;
    balances.abc[token.name] = must('ABC', await world.accounts.balanceOf(token.name)).balance;
  }
  for (const shop of world.shops) {
    balances.abc[shop.name] = must('ABC', await world.accounts.balanceOf(shop.name)).balance;
    const { status } = must('terminal status', await shop.bridge.terminal.status());
    variables[`terminal ${shop.name}`] = { used: status.variablesUsed, total: status.variablesTotal, ...(await peakOf(shop.device)) };
  }
  const { numbers } = must('numbers', await world.accounts.numbers());
  const atIssuer = world.bank ? must('numbers', await world.office.numbers()).numbers : null;
  const deposited = must('histories', await world.accounts.histories(100)).histories.reverse();
  const histories = deposited.map(({ pku, shop, rs, amount }) => ({ token: ownerOf(world.tokens, pku), shop, amount, counter: readU32(rs, 4) }));
  const paid = taps.filter((tap) => tap.result === 'paid' && world.tokens.some((token) => token.name === tap.token)).length;
  return {
    ok: false,
    scheme: world.scheme.number,
    pseudonyms: world.pseudonyms,
    scenario: options.scenario,
    boards: world.maker.kind,
    steps,
    taps,
    balances,
    histories,
    conservation: conservationOf(numbers, atIssuer),
    variables,
    bundleBytes: { 'user-token': world.programs['user-token'].bundle.length, 'shop-terminal': world.programs['shop-terminal'].bundle.length },
    tokenFlashWritesPerPayment: paid > 0 ? (writes - writesBefore) / paid : 0,
  };
}

/** Whose a pseudonym is shows in the payment that this person made: where registration is sealed, nobody here is told otherwise. */
async function nameThePseudonyms(world: World, paidBy: Map<string, string>): Promise<void> {
  for (const { pku, rs } of must('histories', await world.accounts.histories(100)).histories) {
    const token = world.tokens.find(({ name }) => name === paidBy.get(toHex(rs)));
    if (token && !token.pkus.some((own) => equal(own, pku))) token.pkus.push(pku);
  }
}

async function peakOf(device: NfcBoard): Promise<{ peak?: number }> {
  return device.variablesPeak ? { peak: await device.variablesPeak() } : {};
}

/** Honest tokens, everything delivered: every Balance equals its EBC, and every tap was paid and arrived. */
function isSettled({ balances, taps, histories }: DemoReport): boolean {
  return Object.keys(balances.tokens).every((name) => balances.tokens[name] === balances.ebc[name]) && taps.every((tap) => tap.result === 'paid') && histories.length === taps.length;
}

function isProven(found: OverspendResult): boolean {
  return found.name === 'Bob' && found.proof === 'PROVEN' && found.afterwards === 'DENIED' && found.deniedAt.length === SHOPS.length;
}

