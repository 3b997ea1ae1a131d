/**
 * What a demo finds out, for programs (`--json`) and as text for people.
 */
import { moneyText } from '../base/money.js';
import { table } from '../base/text-table.js';
import type { TapResult } from '../rig/people.js';

export interface Step {
  name: string;
  ms: number;
}

/** Both sides of the money, minor units. */
export interface Balances {
  /** Balance on each token, as the token says at the desk. */
  tokens: Record<string, number>;
  /** EBC of each pseudonym, by its user's name: the demo knows whose it is. */
  ebc: Record<string, number>;
  /** ABC of each account. */
  abc: Record<string, number>;
}

/** A history as the issuer has it. */
export interface HistoryLine {
  token: string;
  shop: string;
  amount: number;
  counter: number;
}

export interface Conservation {
  ok: boolean;
  /** Money put in, and what all accounts and counters hold together. */
  in: number;
  held: number;
}

/** Something that a scenario must show. */
export interface Check {
  name: string;
  ok: boolean;
}

/** What the overspend scenario adds. */
export interface OverspendResult {
  pku: string;
  ebc: number;
  /** The real name that trace gave. */
  name: string;
  proof: string;
  /** Shops whose terminal holds a deny list with the pseudonym. */
  deniedAt: string[];
  /** What the clone got when it tapped once more. */
  afterwards: string;
  /** Loss of the issuer, and what it could have been: n x c x stale terminals. */
  loss: number;
  bound: number;
}

export interface DemoReport {
  ok: boolean;
  scheme: number;
  pseudonyms: number;
  /** ISO 4217: what all amounts here are in. */
  currency: string;
  scenario: string;
  boards: string;
  steps: Step[];
  taps: TapResult[];
  balances: Balances;
  histories: HistoryLine[];
  conservation: Conservation;
  /** What the audit said of the books, and how many rows are broken. */
  audit: { ok: boolean; broken: number };
  checks: Check[];
  /** Variables in use, of how many; 0 where the emulated board cannot count them. */
  variables: Record<string, { used: number; total: number; peak?: number }>;
  bundleBytes: Record<string, number>;
  /** Flash writes and erasures at the tokens, mean of all payments. */
  tokenFlashWritesPerPayment: number;
  overspend?: OverspendResult;
}

/** An amount for people. @param amount minor units */
type Money = (amount: number) => string;

const ms = (value: number) => (value < 10 ? value.toFixed(1) : Math.round(value).toString());

/** A table of names and, to the right, what is counted of each. */
const figures = (head: string[], rows: string[][]): string[] =>
  table(rows, { head, align: `l${'r'.repeat(head.length - 1)}`, indent: 2 });

/** A line as a step ends. */
export function stepLine(step: Step): string {
  return `  ${step.name.padEnd(42)} ${ms(step.ms).padStart(7)} ms`;
}

/** The report below the steps. */
export function reportText(report: DemoReport): string {
  const money: Money = (amount) => moneyText(amount, report.currency);
  return [
    ...(report.taps.length > 0 ? ['', ...tapLines(report, money)] : []),
    ...['', ...balanceLines(report.balances, money)],
    ...['', ...historyLines(report.histories, money)],
    ...['', ...boardLines(report)],
    ...(report.overspend ? ['', ...overspendLines(report.overspend, money)] : []),
    ...['', ...checkLines(report)],
    ...['', conservationLine(report.conservation, money)],
  ].join('\n');
}

function tapLines({ taps, tokenFlashWritesPerPayment: writes }: DemoReport, money: Money): string[] {
  return [
    'Taps (milliseconds since the terminal found the token)',
    ...figures(
      ['token', 'shop', 'amount', 'result', 'taps', 'bytes to token', 'to terminal'],
      taps.map(({ token, shop, amount, result, taps: count, airBytes }) => [
        ...[token, shop, money(amount), result],
        ...[count, airBytes.toToken, airBytes.toTerminal].map(String),
      ]),
    ),
    '',
    ...figures(
      ['token', 'select', 'license', 'challenge', 'verify', 'flash', 'PAID', 'flash writes'],
      taps.map(({ token, phases, flashWrites }) => [
        token,
        ...[phases.select, phases.license, phases.challenge, phases.verify, phases.flash, phases.paid].map(String),
        String(flashWrites),
      ]),
    ),
    // They are counted since power-up: a token that was provisioned anew meanwhile says nothing of it.
    ...(writes > 0 ? [`  Flash writes at the token: ${writes.toFixed(1)} a payment, with its acknowledgement.`] : []),
  ];
}

function balanceLines({ tokens, ebc, abc }: Balances, money: Money): string[] {
  const names = Object.keys(tokens);
  return [
    'Balances',
    ...figures(
      ['user', 'Balance (token)', 'EBC (issuer)', 'ABC (account)'],
      names.map((name) => [
        name,
        money(tokens[name]!),
        name in ebc ? money(ebc[name]!) : 'not seen, has not paid',
        name in abc ? money(abc[name]!) : '',
      ]),
    ),
    ...figures(
      ['shop', 'ABC (account)'],
      Object.keys(abc)
        .filter((name) => !names.includes(name))
        .map((name) => [name, money(abc[name]!)]),
    ),
  ];
}

function historyLines(histories: HistoryLine[], money: Money): string[] {
  const rows = histories.map(({ token, shop, amount, counter }) => [token, shop, money(amount), String(counter)]);
  return ['Histories at the issuer', ...figures(['token', 'shop', 'amount', 'counter'], rows)];
}

function boardLines({ variables, bundleBytes }: DemoReport): string[] {
  const counted = Object.entries(variables).filter(([, { used }]) => used > 0);
  return [
    'Boards',
    // An emulated board cannot count them.
    ...(counted.length > 0
      ? figures(
          ['board', 'variables in use', 'of'],
          counted.map(([name, { used, total }]) => [name, String(used), String(total)]),
        )
      : []),
    ...figures(
      ['bundle', 'bytes'],
      Object.entries(bundleBytes).map(([name, bytes]) => [name, String(bytes)]),
    ),
  ];
}

const holds = (ok: boolean): string => (ok ? 'holds' : 'BROKEN');

function checkLines({ checks, audit }: DemoReport): string[] {
  const all = [
    ...checks,
    { name: `the audit finds nothing${audit.ok ? '' : `: ${audit.broken} rows are broken`}`, ok: audit.ok },
  ];
  return ['Checks', ...all.map(({ name, ok }) => `  ${holds(ok).padEnd(6)}  ${name}`)];
}

const conservationLine = ({ ok, in: putIn, held }: Conservation, money: Money): string =>
  `Conservation: ${holds(ok)}. Put in ${money(putIn)}, held ${money(held)}.`;

function overspendLines(overspend: OverspendResult, money: Money): string[] {
  return [
    'Overspend',
    `  EBC of the pseudonym is ${money(overspend.ebc)}: both shops were credited.`,
    `  trace: ${overspend.name}, ${overspend.proof}: the account key signed the request that bound`,
    '  the pseudonym to the name.',
    `  The pseudonym is on the deny list of ${overspend.deniedAt.join(' and ')}.`,
    `  Tapped once more, the clone gets ${overspend.afterwards}.`,
    `  Loss ${money(overspend.loss)}; bound n x c x stale terminals = ${money(overspend.bound)}.`,
  ];
}
