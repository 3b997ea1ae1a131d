#!/usr/bin/env node
/**
 * tapcash: one command with subcommands. The only place that reads the environment, picks stores and ports, and
 * listens.
 */
import { resolve } from 'node:path';
import { Command, CommanderError } from 'commander';
import { SCHEMES } from '../firmware/core/scheme.js';
import { findInterpreter } from './emulator/find-interpreter.js';
import { ROLES, runBuild } from '../flash-scripts/build/build.js';
import { askPeople } from './demo/demo-control.js';
import { demoCommand } from './commands/demo.js';
import { boards as listBoards, showBoard } from './commands/boards.js';
import { demoAll } from './commands/demo-all.js';
import { SCENARIOS } from './demo/scenarios.js';
import * as clerk from './commands/clerk.js';
import { doctor } from './commands/doctor.js';
import * as flashing from './commands/flash.js';
import { office as act, type OfficeCommand } from './commands/office.js';
import { must, print, pseudonymsArgument, reportFailure, schemeArgument } from './commands/output.js';
import { provision, signManifestFile, type ProvisionCommand } from './commands/provision.js';
import { LEAD_DAYS, ROTATE_HELP, rotateKey } from './commands/rotate.js';
import * as services from './commands/services.js';
import { EXIT, failure } from './base/errors.js';

/** Where the demo keeps everything, and where other commands look for it. */
const DEMO_DATA = '.tapcash/demo';

const program = new Command('tapcash')
  .description('Electronic cash after EP 0926637: tokens and terminals on Espruino boards, their bridge and services.')
  .version('0.1.0')
  .showHelpAfterError('(tapcash --help shows all commands)')
  .configureHelp({ sortSubcommands: false })
  .exitOverride();

/** A command whose failures are printed with their remedy. */
function run<A extends unknown[]>(action: (...values: A) => Promise<void> | void): (...values: A) => Promise<void> {
  return async (...values) => {
    try {
      await action(...values);
    } catch (thrown) {
      const json = values.some((value) => (value as { json?: boolean } | null)?.json === true);
      reportFailure(thrown, json);
    }
  };
}

const dataOption = ['--data <folder>', 'data folder', DEMO_DATA] as const;
const jsonOption = ['--json', 'print JSON for programs'] as const;

program
  .command('demo')
  .description('run a whole shop: register, withdraw, tap, deposit; then stay up for charges and taps')
  .option('--once', 'exit when the scenario has run')
  .option(
    '--scenario <name>',
    Object.entries(SCENARIOS)
      .map(([name, { what }]) => `${name}: ${what}`)
      .join('; '),
    'pay',
  )
  .option('--scheme <number>', 'row of the scheme table, 1 to 6', '1')
  .option('--pseudonyms <n>', 'of each token, in schemes 4 and 6; default 1, with --all 3')
  .option('--all', 'every scenario in every scheme, one after the other, and a table of what held; minutes')
  .option(
    '--interpreter [path]',
    "run the boards in Espruino's Linux build (default: ESPRUINO, then espruino-linux on the PATH)",
  )
  .option('--seed <number>', 'draw all randomness from a seed, to look at the same run again')
  .option('--verbose', 'print what the boards print on their consoles')
  .option(...dataOption)
  .option(...jsonOption)
  .action(
    run(
      async (options: {
        once?: boolean;
        all?: boolean;
        scenario: string;
        scheme: string;
        pseudonyms?: string;
        interpreter?: string | true;
        seed?: string;
        verbose?: boolean;
        data: string;
        json?: boolean;
      }) => {
        const seed = options.seed === undefined ? null : Number(options.seed);
        if (seed !== null && !Number.isSafeInteger(seed)) throw failure('USAGE', '--seed: a whole number expected');
        const common = {
          dataDir: resolve(options.data),
          interpreter: interpreterOption(options.interpreter),
          seed,
          json: options.json === true,
        };
        const ok = options.all
          ? await demoAll({
              ...common,
              pseudonyms: pseudonymsArgument(options.pseudonyms ?? '3', String(SCHEMES.length)),
            })
          : await demoCommand({
              ...common,
              scenario: options.scenario,
              scheme: schemeArgument(options.scheme),
              pseudonyms: pseudonymsArgument(options.pseudonyms ?? '1', options.scheme),
              once: options.once === true,
              verbose: options.verbose === true,
            });
        process.exitCode = ok ? EXIT.ok : EXIT.broken;
      },
    ),
  );

function interpreterOption(value: string | true | undefined): string | null {
  if (value === undefined) return null;
  const path = findInterpreter(value === true ? process.env : { ESPRUINO: value });
  if (!path) throw failure('INTERPRETER_MISSING', 'no ESPRUINO, no espruino-linux on the PATH');
  return path;
}

program
  .command('charge')
  .argument('<amount>', 'minor units: 350 is 3.50')
  .description('open a charge at the terminal')
  .option('--wait', 'follow it until it is paid')
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(clerk.charge));
program
  .command('cancel')
  .argument('[id]', 'the charge; default: the open one')
  .description('give a charge up')
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(clerk.cancel));
program
  .command('refund')
  .argument('<payment>', "the charge's id as tapcash charge --json shows it, or its Rs")
  .argument('[amount]', 'minor units; default: all of the payment')
  .description(
    "give a payment back from the shop's account; the payer's token takes it up with `tapcash teller collect`",
  )
  .option('--id <refund>', 'the id of a refund begun before: asked again it is given back once')
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(clerk.refund));
program
  .command('status')
  .description('state of bridge, terminal and outbox')
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(clerk.status));

for (const [verb, what] of [
  ['tap', 'hold a token of the running demo to its reader'],
  ['press', "press a demo token's button"],
] as const) {
  program
    .command(verb)
    .argument('<token>', 'Alice or Bob')
    .description(what)
    .option(...dataOption)
    .option(...jsonOption)
    .action(
      run(async (token: string, options: { data: string; json?: boolean }) => {
        const { result } = must(await askPeople(resolve(options.data), verb, token));
        print(options.json, { ok: true, result }, result);
      }),
    );
}
program
  .command('stop')
  .description('end the running demo')
  .option(...dataOption)
  .action(
    run(async (options: { data: string }) =>
      print(false, null, must(await askPeople(resolve(options.data), 'stop', '')).result),
    ),
  );

program
  .command('audit')
  .description('recompute every balance and check every signature in the books')
  .option(...dataOption)
  .option(...jsonOption)
  .action(
    run((options: { data: string; json?: boolean }) => {
      process.exitCode = services.auditCommand(options) ? EXIT.ok : EXIT.broken;
    }),
  );

program
  .command('linkage')
  .description('what each party, and each group of them, can link after a run: names, pseudonyms, payments')
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(services.linkageCommand));

const teller = program
  .command('teller')
  .description("the desk: registration and withdrawal through the terminal's reader");
teller
  .command('register')
  .argument('<name>')
  .description('open an account, license the token at the reader')
  .option('--funding <amount>', 'money to put in, minor units')
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(clerk.register));
teller
  .command('renew')
  .argument('<name>')
  .description('a license for longer, in the last quarter of its time or after its end')
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(clerk.renew));
teller
  .command('withdraw')
  .argument('<amount>')
  .description('from the account to the token at the reader')
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(clerk.withdraw));
teller
  .command('unload')
  .argument('<name>', "the owner's account")
  .argument('<amount>', 'minor units')
  .description("from the token at the reader back to its owner's account")
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(clerk.unload));
teller
  .command('redeem')
  .description('turn the coupons on the token at the reader into cash: at another time than the withdrawal')
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(clerk.redeem));
teller
  .command('collect')
  .description('give the token at the reader the receipts that it missed, of refunds for example')
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(clerk.collect));
teller
  .command('receipts')
  .description('list what the token at the reader has paid: shop, amount, time, and the signature that proves it')
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(clerk.receipts));
teller
  .command('reconcile')
  .description(
    "claim back what the token at the reader paid and no shop deposited: cancelled charges at once, others after the shop's time is over",
  )
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(clerk.reconcile));
teller
  .command('status')
  .description('what the token at the reader holds')
  .option(...dataOption)
  .option(...jsonOption)
  .action(run(clerk.tokenStatus));

const SERVICE_DATA = '.tapcash/services';
const serviceData = ['--data <folder>', 'keys and database', SERVICE_DATA] as const;
const schemeOption = ['--scheme <number>', 'row of the scheme table, 1 to 6; see docs/schemes.md', '1'] as const;
const operatorOption = ['--operator <key...>', 'public keys of operators'] as const;
const classOption = [
  '--license-class <number>',
  'of new licenses: 1 without bound, 2 for small payments alone (50.00)',
  '1',
] as const;
const issuerUrl = 'http://127.0.0.1:8101';

/** A house as a process: its data folder, port and scheme. */
function house(name: string, what: string, port: string): Command {
  return program
    .command(name)
    .description(what)
    .option(...schemeOption)
    .option('--port <number>', '0: any free port', port)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option(...serviceData);
}

program
  .command('keys')
  .description('make the keys of issuer, trustee, bank and operator, print the public ones')
  .option(...serviceData)
  .option(...jsonOption)
  .action(run(services.keys));
program
  .command('rotate')
  .argument('<house>', 'issuer, trustee or bank')
  .description(
    'give a house another key, whose service was started before on the data folder; a running one follows by itself',
  )
  .option(
    '--in <days>',
    'until the new key signs: time to tell the houses and bring boards up to date; 0 for at once',
    String(LEAD_DAYS),
  )
  .option('--tell <url...>', 'bring the notice to these houses; it proves itself, and may be brought again')
  .option('--again', 'no new key: the last notice, for --tell')
  .option(
    '--restore <notice>',
    'no new key: a notice of this house that another one has (its /v1/parameters), after an older database was restored',
  )
  .option('--tidy', 'no new key: delete private keys that are no longer needed')
  .option(...serviceData)
  .option(...jsonOption)
  .addHelpText('after', ROTATE_HELP)
  .action(run(rotateKey));
house('issuer', 'serve the issuer: counters EBC, deny list; in scheme 1 accounts, in 3 to 6 licenses', '8101')
  .option('--registrar <key>', "the trustee's public key: schemes 1 and 2")
  .option('--bank <key>', "the bank's public key: schemes 2 to 6")
  .option(...classOption)
  .requiredOption(...operatorOption)
  .action(run(services.issuer));
house('trustee', 'serve the trustee: licenses and names of schemes 1 and 2', '8102')
  .requiredOption('--issuer <key>', "the issuer's public key")
  .option('--issuer-url <url>', 'address of the issuer: renewals ask for its deny list', issuerUrl)
  .option('--accounts <key>', "the bank's public key, which certifies account keys: scheme 2")
  .option(...classOption)
  .action(run(services.trustee));
house('bank', 'serve the bank of schemes 2 to 6: accounts, coupons, deposits, return to the issuer', '8103')
  .requiredOption('--issuer <key>', "the issuer's public key")
  .option('--issuer-url <url>', 'address of the issuer', issuerUrl)
  .option('--registrar <key>', "the trustee's public key: scheme 2")
  .requiredOption(...operatorOption)
  .action(run(services.bank));
program
  .command('bridge')
  .description('connect the terminal on a serial port with the services')
  .requiredOption('--port <path>', 'serial port, such as /dev/ttyUSB0')
  .requiredOption('--issuer-key <key>', "the issuer's public key")
  .requiredOption('--registrar-key <key>', "the trustee's public key")
  .option('--issuer <url>', 'address of the issuer', issuerUrl)
  .option('--bank <url>', 'address of the bank: schemes 2 to 6', 'http://127.0.0.1:8103')
  .option('--trustee <url>', 'address of the trustee: for a desk')
  .option(...schemeOption)
  .option('--operator-data <folder>', 'folder with operator.key: for a desk')
  .option('--data <folder>', 'outbox and charges', '.tapcash/bridge')
  .action(run(services.bridge));

const office = program.command('office').description('acts of an operator; every trace and denial is recorded');
for (const [verb, args, what] of [
  ['open', '<name>', 'open an account that only receives: a shop'],
  ['fund', '<name> <amount>', 'put money into an account'],
  ['close', '<name>', 'close an account that is empty, for good'],
  ['terminal', '<shop> <terminalId> <key>', "register a terminal's key for its cancellations"],
  ['balance', '<name>', 'ABC of a name'],
  ['overspends', '', 'pseudonyms whose EBC is negative'],
  [
    'trace',
    '<pku> <why>',
    "the real name behind an overspent pseudonym, by the scheme's own path; recorded with who asked and why",
  ],
  [
    'lose',
    '<who> <why>',
    'a token is lost: deny it now. WHO: its PKU, as the registration at the desk showed it (schemes 1, 2), or its owner (3 to 6)',
  ],
  [
    'release',
    '<who> [name]',
    'what is left of a lost token goes back to its owner, once its licenses are over. NAME: the account, in scheme 2',
  ],
  ['deny', '<pku> <why>', 'put a pseudonym on the deny list'],
  ['numbers', '', 'sums over all books'],
  ['coupon-keys', '', "have the issuer sign the list of the bank's coupon keys: scheme 2, once and after a new key"],
] as const) {
  const command = office
    .command(`${verb} ${args}`.trim())
    .description(what)
    .option('--url <url>', 'address of the issuer', issuerUrl)
    .option('--bank <url>', 'address of the bank', 'http://127.0.0.1:8103')
    .option('--data <folder>', 'folder with operator.key', SERVICE_DATA)
    .option(...jsonOption);
  if (verb === 'trace')
    command
      .option('--trustee <url>', 'address of the trustee', 'http://127.0.0.1:8102')
      .option('--accounts-key <key>', 'public key of who keeps the accounts: the proof is then checked here');
  command.action(
    run((...values: unknown[]) =>
      act(verb, values.slice(0, -2) as string[], values[values.length - 2] as OfficeCommand),
    ),
  );
}

program
  .command('build')
  .description('build the firmware bundles')
  .argument('[roles...]', ROLES.join(', '))
  .option('--out <folder>', 'where to; default: dist/firmware-bundles')
  .option(...jsonOption)
  .action(
    run(async (roles: string[], options: { out?: string; json?: boolean }) => {
      await runBuild({
        roles: roles.length > 0 ? roles : ROLES,
        ...(options.out ? { outDir: resolve(options.out) } : {}),
        json: options.json === true,
        log: (line) => void process.stdout.write(`${line}\n`),
      });
    }),
  );

program
  .command('bench')
  .description('measure the cryptography in the interpreter, beside TweetNaCl in the same process, and on Node')
  .option('--interpreter <path>', 'default: ESPRUINO, then espruino-linux on the PATH')
  .option('--quick', 'operations only, without memory, taps and constant time')
  .option('--svg <file>', "write a plot of a tap's phases")
  .option(...jsonOption)
  .action(
    run(async (options: { interpreter?: string; quick?: boolean; svg?: string; json?: boolean }) => {
      const { runBench } = await import('./bench/bench.js');
      await runBench({
        interpreter: findInterpreter(options.interpreter ? { ESPRUINO: options.interpreter } : process.env),
        quick: options.quick === true,
        ...(options.svg ? { svg: options.svg } : {}),
        json: options.json === true,
      });
    }),
  );

const boards = program
  .command('boards')
  .description('the boards that there are')
  .option(...jsonOption)
  .action(run((options: { json?: boolean }) => listBoards(options)));
boards
  .command('show')
  .argument('<name>')
  .description('how a board is wired: a table, or a drawing')
  .option('--svg <file>', 'write the drawing there')
  .option(...jsonOption)
  .action(
    run((name: string, options: { svg?: string; json?: boolean }, command: Command) =>
      showBoard(name, { ...options, ...(command.optsWithGlobals() as object) }),
    ),
  );
const boardOption = ['--board <name>', 'an entry of board-configs', 'esp32-devkitc'] as const;
const portOption = ['--port <path>', 'serial port, such as /dev/ttyUSB0; default: the only one with a board'] as const;
const waitOption = ['--wait', 'wait until the board is plugged in'] as const;
program
  .command('ports')
  .description('serial ports that a board may be at')
  .option(...jsonOption)
  .action(run(flashing.ports));
program
  .command('flash')
  .description('write Espruino and our firmware to a board; keys, cash and histories on it are kept')
  .requiredOption(...boardOption)
  .option(...portOption)
  .option('--firmware <path>', "Espruino's release for the board: its unpacked folder, or one merged file")
  .option('--only-app', 'our firmware alone: an update')
  .option('--role <role>', 'token or terminal; default: what the board was')
  .option('--erase-all', 'erase everything first, keys too; with --yes')
  .option('--yes', 'that is meant')
  .option('--baud <rate>', "speed of the chip's loader", '460800')
  .option(...waitOption)
  .option(...jsonOption)
  .action(run(flashing.flash));

program
  .command('doctor')
  .description(
    'look at a board: interpreter, memory, entropy, PN532, firmware, what is undelivered; and what to do about each fault',
  )
  .option(...portOption)
  .option('--board <name>', 'an entry of board-configs, for a board that was not provisioned')
  .option(...waitOption)
  .option(...jsonOption)
  .action(run(doctor));
program
  .command('manifest')
  .description(
    'sign the keys that boards are provisioned with, by the issuer as their root; the version rises when they change',
  )
  .option(...schemeOption)
  .option('--data <folder>', 'folder with the keys', SERVICE_DATA)
  .option(...jsonOption)
  .action(run(signManifestFile));
const provisioning = program
  .command('provision')
  .description('give a flashed board its institutions, have it make its keys and prove them, and print a label');
for (const what of ['token', 'terminal'] as const) {
  const command = provisioning
    .command(what)
    .description(what === 'token' ? 'a user token' : "a shop's terminal")
    .option(...portOption)
    .option('--board <name>', 'an entry of board-configs; default: what the board was')
    .option('--data <folder>', 'folder with manifest.json', SERVICE_DATA)
    .option('--manifest <file>', 'keys of the institutions, signed by the root (tapcash manifest)')
    .option('--label <folder>', 'where the label goes, as SVG and PNG', '.')
    .option(...waitOption)
    .option(...jsonOption);
  if (what === 'token')
    command
      .requiredOption('--name <name>', "its owner's name, for the label")
      .option(...schemeOption)
      .option('--pseudonyms <n>', 'in schemes 4 and 6', '1')
      .option('--policy <policy>', 'how it chooses one: rotate, per-shop, random')
      .option('--payment-max <amount>', 'paid without its button')
      .option('--sum-max <amount>', 'the same in sum');
  else
    command
      .requiredOption('--shop <name>', "the shop's name, IdS")
      .option('--floor-limit <amount>', 'ACCEPTED before the check up to here')
      .option('--stale-list-limit <amount>', 'most from one pseudonym with an old deny list');
  command.action(run((options: ProvisionCommand) => provision(what, options)));
}

try {
  await program.parseAsync();
} catch (thrown) {
  // Commander has said what is wrong with the command line.
  if (!(thrown instanceof CommanderError)) throw thrown;
  process.exitCode = thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
}
