/**
 * `tapcash demo`: the whole shop without hardware; then it stays up for charges and taps of other shells.
 */
import { join, resolve } from 'node:path';
import { SCHEMES } from '../../firmware/core/scheme.js';
import { codeOf } from '../../firmware/core/codes.js';
import type { TapReport } from '../../firmware/wire/link/link-messages.js';
import { createRealScheduler } from '../base/scheduler.js';
import { failure, isFailure, type ErrorCode } from '../base/errors.js';
import { runDemo, type RunningDemo } from '../demo/demo.js';
import { SCENARIO_TEXTS, type ScenarioName } from '../demo/scenario-names.js';
import { createBench, type Bench } from '../demo/bench.js';
import { openBenchPage, type BenchPage } from '../demo/bench-page.js';
import type { People } from '../demo/demo-client.js';
import { startPeople } from '../demo/demo-control.js';
import { pressButton } from '../rig/people.js';
import { reportText, stepLine } from '../demo/report.js';
import type { Shop, Token, WholeShop } from '../rig/whole-shop.js';
import { startControl } from '../control/control-api.js';
import { findInterpreter } from '../emulator/find-interpreter.js';
import { demoAll } from './demo-all.js';
import { makeRoom, type Room } from './demo-folder.js';
import { person } from './person.js';
import { currencyArgument, portArgument } from './settings-arguments.js';
import { interrupted, money, plain, pseudonymsArgument, schemeArgument, useCurrency } from './output.js';
import type { CommandContext } from './table/spec.js';

/** Options of `tapcash demo` as they stand on the command line. */
interface DemoOptions {
  once?: boolean;
  all?: boolean;
  scenario: string;
  scheme: string;
  pseudonyms?: string;
  currency: string;
  interpreter?: string | true;
  seed?: string;
  listen: string;
  verbose?: boolean;
  fresh?: boolean;
  data: string;
  json?: boolean;
}

interface DemoCommand extends Room {
  dataDir: string;
  scenario: string;
  /** Number of the scheme's row, and pseudonyms of each token. */
  scheme: number;
  pseudonyms: number;
  currency: string;
  interpreter: string | null;
  seed: number | null;
  /** The first house's TCP port, which the others follow; null: any free ones. */
  port: number | null;
  once: boolean;
  json: boolean;
  verbose: boolean;
}

/** How long `tapcash tap` waits for the terminal's word, and how long it holds a token while the teller is at work. */
const TAP_MS = 15_000;
const DESK_MS = 120_000;

function interpreterOption(value: string | true | undefined, environment: NodeJS.ProcessEnv): string | null {
  if (value === undefined) return null;
  const path = findInterpreter(value === true ? environment : { ESPRUINO: value });
  if (!path) throw failure('INTERPRETER_MISSING', 'no ESPRUINO, no espruino-linux on the PATH');
  return path;
}

/** `tapcash demo`. @returns whether all was as it must be */
export async function demo(options: DemoOptions, { environment }: CommandContext): Promise<boolean> {
  const seed = options.seed === undefined ? null : Number(options.seed);
  if (seed !== null && !Number.isSafeInteger(seed)) throw failure('USAGE', '--seed: a whole number expected');
  const common = {
    isFresh: options.fresh === true,
    ask: options.json ? null : person(),
    dataDir: resolve(options.data),
    currency: currencyArgument(options.currency),
    interpreter: interpreterOption(options.interpreter, environment),
    seed,
    json: options.json === true,
  };
  if (options.all)
    return demoAll({ ...common, pseudonyms: pseudonymsArgument(options.pseudonyms ?? '3', String(SCHEMES.length)) });
  return demoCommand({
    ...common,
    scenario: options.scenario,
    scheme: schemeArgument(options.scheme),
    pseudonyms: pseudonymsArgument(options.pseudonyms ?? '1', options.scheme),
    port: portArgument(options.listen) || null,
    once: options.once === true,
    verbose: options.verbose === true,
  });
}

/** Who hears what becomes of a tap, and of a procedure of the teller's, by shop. */
interface Listeners {
  tap: Map<string, (report: TapReport) => void>;
  desk: Map<string, (code: ErrorCode) => void>;
}

/** Runs the demo. @returns whether all was as it must be */
async function demoCommand(options: DemoCommand): Promise<boolean> {
  const { json, scenario } = options;
  if (!Object.hasOwn(SCENARIO_TEXTS, scenario))
    throw failure('USAGE', `no scenario ${scenario}: there are ${Object.keys(SCENARIO_TEXTS).join(', ')}`);
  useCurrency(options.currency);
  await makeRoom(options.dataDir, options);
  const say = (line: string) => json || process.stdout.write(`${line}\n`);
  say(
    `tapcash demo: scheme ${options.scheme}${options.pseudonyms > 1 ? ` with ${options.pseudonyms} pseudonyms` : ''}, ${scenario}, ${options.interpreter ? `boards in ${options.interpreter}` : 'emulated boards'}\ndata in ${options.dataDir}\n`,
  );
  const listeners: Listeners = { tap: new Map(), desk: new Map() };
  let bench: Bench | null = null;
  const demo = await runDemo({
    dataDir: options.dataDir,
    scenario: scenario as ScenarioName,
    scheme: options.scheme,
    pseudonyms: options.pseudonyms,
    currency: options.currency,
    interpreter: options.interpreter,
    port: options.port,
    seed: options.seed,
    onStep: (step) => say(stepLine(step)),
    onConsole: (board, line) => options.verbose && process.stderr.write(`[${board}] ${line}\n`),
    onTap: (shop, report) => listeners.tap.get(shop)?.(report),
    onDesk: (shop, code) => listeners.desk.get(shop)?.(code),
    onEvent: (shop, event) => bench?.onBridge(shop, event),
    onLook: () => bench?.onLook(),
  });
  try {
    process.stdout.write(json ? `${JSON.stringify(demo.report)}\n` : `${reportText(demo.report)}\n`);
    if (!options.once) {
      bench = options.interpreter ? null : await createBench(demo.rig);
      await stayUp(demo, { dataDir: options.dataDir, listeners, say, bench });
    }
  } finally {
    await demo.close();
  }
  return demo.report.ok;
}

/** The bench's page; null, and said, where it was not built. */
async function pageOf(bench: Bench, say: (line: string) => void): Promise<BenchPage | null> {
  try {
    return await openBenchPage(bench);
  } catch (thrown) {
    if (!isFailure(thrown) || thrown.code !== 'NOT_FOUND') throw thrown;
    say('The page was not built: npm run build.');
    return null;
  }
}

/** Says what to do next, does it for other processes, and waits for the end. */
async function stayUp(
  demo: RunningDemo,
  {
    dataDir,
    listeners,
    say,
    bench,
  }: { dataDir: string; listeners: Listeners; say: (line: string) => void; bench: Bench | null },
): Promise<void> {
  const { rig } = demo;
  const [shop] = rig.shops;
  let stop = () => undefined as void;
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const control = await startControl({
    bridge: shop.bridge,
    dataDir: join(dataDir, 'bridge'),
    currency: rig.currency,
  });
  const endPeople = await startPeople(dataDir, peopleOf(rig, listeners, stop));
  const page = bench && (await pageOf(bench, say));
  const token = rig.tokens[0].name;
  say('');
  if (page) say(`See it, tap, and tear it:\n  ${page.url}\n`);
  say('The shop stays open. In another shell:');
  say(`  ./tapcash charge ${plain(350).padEnd(11)}the clerk asks for ${money(350)}`);
  say(`  ./tapcash tap ${token.padEnd(14)}${token} holds the token to the reader`);
  say(
    `  ./tapcash teller withdraw ${plain(500)}\n      and meanwhile in a third, once for the desk and once for the amount:\n      ./tapcash press ${token} && ./tapcash tap ${token}`,
  );
  say(`  ./tapcash audit             recomputes every balance, checks every signature`);
  const houses = Object.entries({ issuer: rig.issuer, trustee: rig.trustee, bank: rig.bank }).flatMap(
    ([name, house]) => (house ? [`${name} ${house.url}`] : []),
  );
  for (const house of houses) say(`${house}/v2/openapi.json`);
  say('Ctrl-C ends it.');
  await Promise.race([interrupted(), stopped]);
  say('Closing.');
  bench?.close();
  await page?.close();
  await endPeople();
  await control.close();
}

/**
 * Holds a token to the reader until the teller is done with it, or it asks for its button, or for a while; the button
 * is pressed by `tapcash press`.
 */
async function holdAtDesk(shop: Shop, token: Token, desk: Listeners['desk']): Promise<{ result: string }> {
  const code = await new Promise<ErrorCode | null>((resolve) => {
    const timer = setTimeout(() => resolve(null), DESK_MS);
    desk.set(shop.name, (ended) => {
      clearTimeout(timer);
      resolve(ended);
    });
    token.presence.hold(shop.field);
  });
  desk.delete(shop.name);
  token.presence.leave();
  if (code === null) throw failure('TIMED_OUT', `${token.name} was held to the reader for ${DESK_MS / 1000} s`);
  if (code === 'CONFIRM_NEEDED')
    return { result: `the token of ${token.name} asks for its button: ./tapcash press ${token.name}, then tap again` };
  if (code !== 'OK') throw failure(code, `the teller, with the token of ${token.name}`);
  return { result: `the teller is done with the token of ${token.name}` };
}

function peopleOf(rig: WholeShop, listeners: Listeners, stop: () => void): People {
  const [shop] = rig.shops;
  const find = (name: string) => {
    const token = rig.tokens.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (!token) throw failure('TOKEN_UNKNOWN', `${name}; there are ${rig.tokens.map((one) => one.name).join(' and ')}`);
    return token;
  };
  return {
    async tap(name) {
      const token = find(name);
      const { charge, deskBusy } = await shop.bridge.status();
      if (deskBusy) return holdAtDesk(shop, token, listeners.desk);
      if (!charge || charge.state !== 'open') throw failure('NO_CHARGE', 'and no teller is at work');
      const report = await new Promise<TapReport | null>((resolve) => {
        const timer = setTimeout(() => resolve(null), TAP_MS);
        listeners.tap.set(shop.name, (said) => {
          if (codeOf(said.code) === 'TOKEN_STAYED') return token.presence.tapAgain(createRealScheduler());
          clearTimeout(timer);
          resolve(said);
        });
        token.presence.hold(shop.field);
      });
      listeners.tap.delete(shop.name);
      // The acknowledgement follows PAID; a person does not pull the token away at once either.
      await new Promise((resolve) => setTimeout(resolve, 300));
      token.presence.leave();
      if (!report) throw failure('NO_TOKEN', 'the terminal said nothing');
      const code = codeOf(report.code);
      if (code !== 'OK') throw failure(code, `${token.name}: ${token.device.board.screen().join(' / ')}`);
      return { result: `PAID: ${token.name}, ${report.paidMs} ms after the terminal found the token` };
    },
    async press(name) {
      const token = find(name);
      pressButton(rig, token.device.board);
      return { result: `${token.name} pressed the button` };
    },
    async stop() {
      setTimeout(stop, 50);
      return { result: 'the demo ends' };
    },
  };
}
