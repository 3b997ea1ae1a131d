/**
 * `tapcash demo --all`: every scenario in every scheme, each in a shop of its own, and a table of what held.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SCHEMES } from '../../firmware/core/scheme.js';
import { runDemo } from '../demo/demo.js';
import { SCENARIO_TEXTS, type ScenarioName } from '../demo/scenario-names.js';
import { fitted } from '../base/fitted-text.js';
import { table } from '../base/text-table.js';
import { bodyOfThrown, type ErrorCode } from '../base/errors.js';
import { makeRoom, type Room } from './demo-folder.js';
import { print } from './output.js';

export interface DemoAllCommand extends Room {
  dataDir: string;
  /** Of each token, where the scheme has several. */
  pseudonyms: number;
  /** ISO 4217. */
  currency: string;
  interpreter: string | null;
  seed: number | null;
  json: boolean;
}

/** One scenario in one scheme. */
export interface Cell {
  scheme: number;
  scenario: ScenarioName;
  pseudonyms: number;
  ok: boolean;
  ms: number;
  /** What ended it before its time; null where it was played to its end. */
  code: ErrorCode | null;
  /** Checks that did not hold. */
  broken: string[];
}

/** Runs all. @returns whether every cell held */
export async function demoAll(options: DemoAllCommand): Promise<boolean> {
  const names = Object.keys(SCENARIO_TEXTS) as ScenarioName[];
  const cells: Cell[] = [];
  await makeRoom(options.dataDir, options);
  for (const { number, pseudonymsMax } of SCHEMES) {
    for (const scenario of names) {
      const cell = await runCell(options, number, scenario, Math.min(options.pseudonyms, pseudonymsMax));
      cells.push(cell);
      process.stderr.write(`${cellText(cell)}\n`);
    }
  }
  const ok = cells.every((cell) => cell.ok);
  print(options.json, { ok, cells }, tableOf(cells, names));
  return ok;
}

/** A line as a cell ends, and one for each thing that did not hold. */
export function cellText({ scheme, scenario, ms, ok, code, broken }: Cell): string {
  const line = `  scheme ${scheme}  ${scenario.padEnd(10)} ${String(Math.round(ms)).padStart(7)} ms  `;
  return fitted(
    [`${line}${ok ? 'holds' : `BROKEN ${code ?? ''}`.trimEnd()}`, ...broken.map((what) => `    ${what}`)].join('\n'),
  );
}

/** The folder of a cell that held is removed; that of another stays, for the audit. */
async function runCell(
  options: DemoAllCommand,
  scheme: number,
  scenario: ScenarioName,
  pseudonyms: number,
): Promise<Cell> {
  const dataDir = join(options.dataDir, `scheme-${scheme}-${scenario}`);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const startMs = performance.now();
  const cell: Cell = { scheme, scenario, pseudonyms, ok: false, ms: 0, code: null, broken: [] };
  try {
    const demo = await runDemo({
      dataDir,
      scenario,
      scheme,
      pseudonyms,
      currency: options.currency,
      interpreter: options.interpreter,
      seed: options.seed,
    });
    await demo.close();
    const { ok, checks, audit, conservation } = demo.report;
    const found = [...checks, { name: 'audit', ok: audit.ok }, { name: 'conservation', ok: conservation.ok }];
    Object.assign(cell, { ok, broken: found.filter((check) => !check.ok).map(({ name }) => name) });
    if (ok) rmSync(dataDir, { recursive: true });
  } catch (thrown) {
    const { code, message } = bodyOfThrown(thrown);
    Object.assign(cell, { code, broken: [message] });
  }
  return { ...cell, ms: performance.now() - startMs };
}

/** A row for each scheme, a column for each scenario. */
function tableOf(cells: Cell[], names: ScenarioName[]): string {
  const rows = SCHEMES.map(({ number, paragraphs }) => {
    const mine = cells.filter(({ scheme }) => scheme === number);
    const marks = mine.map(({ ok, ms }) => `${ok ? 'ok' : 'BROKEN'} ${(ms / 1000).toFixed(1)}s`);
    return [String(number), String(mine[0]!.pseudonyms), ...marks, paragraphs];
  });
  const seconds = Math.round(cells.reduce((sum, { ms }) => sum + ms, 0) / 1000);
  const broken = cells.filter(({ ok }) => !ok).length;
  return [
    '',
    ...table(rows, { head: ['', 'n', ...names, 'EP 0926637'], align: 'lr', indent: 2 }),
    '',
    `${cells.length - broken} of ${cells.length} hold, in ${seconds} s.`,
  ].join('\n');
}
