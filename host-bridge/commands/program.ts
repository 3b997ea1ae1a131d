/**
 * The parser and the help of the command line, built from the tables in host-bridge/commands/table/. What a command is
 * not given, it finds in its folder's settings.
 */
import { Command, Option } from 'commander';
import { EXIT, failure } from '../base/errors.js';
import { TEXT_WIDTH } from '../base/fitted-text.js';
import { reportFailure } from './failures.js';
import { useZone } from './local-time.js';
import { useCurrency } from './output.js';
import { readSettings, type Settings } from './settings.js';
import { COMMANDS } from './table/all-commands.js';
import { longFlag, optionKey, type CommandSpec, type OptionSpec } from './table/spec.js';

/** The command line. @param environment what commands may know of it */
export function createProgram(environment: NodeJS.ProcessEnv): Command {
  const program = new Command('tapcash')
    .description(
      'Electronic cash after EP 0926637: tokens and terminals on Espruino boards, their bridge and services.',
    )
    .version('0.1.0')
    .showHelpAfterError('(tapcash --help shows all commands)')
    .configureHelp({ sortSubcommands: false, subcommandTerm, minWidthToWrap: 20 })
    .configureOutput({ getOutHelpWidth: () => TEXT_WIDTH, getErrHelpWidth: () => TEXT_WIDTH })
    .exitOverride();
  for (const spec of COMMANDS) add(program, spec, environment);
  return program;
}

/** A command in the list of its group: its options are many and stand in its own help. */
function subcommandTerm(command: Command): string {
  const names = command.registeredArguments.map((one) => {
    const name = `${one.name()}${one.variadic ? '...' : ''}`;
    return one.required ? `<${name}>` : `[${name}]`;
  });
  return [command.name(), ...names].join(' ');
}

function optionOf({ flags, what, detail, standard }: OptionSpec): Option {
  const option = new Option(flags, detail === undefined ? what : `${what}; ${detail}`);
  return standard === undefined ? option : option.default(standard, standard);
}

/** Adds a command, and those that it groups. */
function add(parent: Command, spec: CommandSpec, environment: NodeJS.ProcessEnv): void {
  const command = parent.command(spec.name, { isDefault: spec.isDefault ?? false }).description(spec.what);
  for (const { name, what } of spec.arguments ?? []) command.argument(name, what);
  for (const option of spec.options ?? []) command.addOption(optionOf(option));
  const examples = (spec.examples ?? []).map((line) => `  tapcash ${line}`);
  if (spec.more) command.addHelpText('after', spec.more);
  if (examples.length > 0) command.addHelpText('after', `\nExamples:\n${examples.join('\n')}`);
  for (const one of spec.commands ?? []) add(command, one, environment);
  if (spec.run) command.action(() => runCommand(spec, command, environment));
}

/**
 * Names as they are used: whoever types "u" and a diaeresis means the same as with the one key. What tidies them is
 * loaded only for a command that is given names.
 */
async function tidied(value: unknown): Promise<unknown> {
  if (value === undefined) return value;
  const { tidyName } = await import('../../firmware/wire/name.js');
  const tidy = (one: unknown): unknown =>
    typeof one === 'string' ? tidyName(one) : Array.isArray(one) ? one.map(tidy) : one;
  return tidy(value);
}

/** Runs a command; its failures are printed with their remedy. */
async function runCommand(spec: CommandSpec, command: Command, environment: NodeJS.ProcessEnv): Promise<void> {
  const options = command.optsWithGlobals<Record<string, unknown>>();
  try {
    options['line'] = lineOf(spec, command);
    const context = {
      environment,
      settings: fillIn(spec, command, options),
      run: async (words: string[]) => void (await createProgram(environment).parseAsync(['node', 'tapcash', ...words])),
    };
    await useRunningCurrency(options['data']);
    useZone(options['zone'] as string | undefined);
    const run = (await spec.run!()) as (...values: unknown[]) => unknown;
    for (const option of spec.options ?? []) {
      const key = optionKey(option);
      if (option.isName) options[key] = await tidied(options[key]);
    }
    const given = await Promise.all(
      command.processedArgs.map((value, i) => (spec.arguments?.[i]?.isName ? tidied(value) : (value as unknown))),
    );
    if ((await run(...given, options, context)) === false) process.exitCode = EXIT.broken;
  } catch (thrown) {
    reportFailure(thrown, options['json'] === true);
  }
}

/** Options that say how a command is done, and not what. */
const HOW = ['data', 'id', 'new', 'json'];

/** The words by which this command is given again: its name, arguments and options. */
function lineOf(spec: CommandSpec, command: Command): string[] {
  const names: string[] = [];
  for (let at: Command | null = command; at?.parent; at = at.parent) names.unshift(at.name());
  const options = (spec.options ?? []).flatMap((option) => {
    const key = optionKey(option);
    const value: unknown = command.getOptionValueSource(key) === 'cli' ? command.opts()[key] : undefined;
    if (value === undefined || HOW.includes(key)) return [];
    return [longFlag(option), ...(value === true ? [] : [value].flat().map(String))];
  });
  // Options first: after "--" all is an argument, also a negative number.
  return [
    ...names,
    ...options,
    '--',
    ...command.processedArgs
      .flat()
      .filter((one) => one !== undefined)
      .map(String),
  ];
}

/** Amounts are read as the bridge has them that runs with the folder, if one does. */
async function useRunningCurrency(data: unknown): Promise<void> {
  if (typeof data !== 'string') return;
  const currency = (await import('../control/control-file.js')).runningCurrency(data);
  if (currency) useCurrency(currency);
}

/** An option that a folder's settings have is rarely typed: more often the folder is another, or not made yet. */
const WHERE_IT_STANDS = '; a folder made by tapcash setup has it, and --data names the folder';

/** Gives options that nobody gave the value of the folder's settings. @throws TapcashError USAGE: one is missing */
function fillIn(spec: CommandSpec, command: Command, options: Record<string, unknown>): Settings | null {
  const isGiven = (key: string): boolean => !['default', undefined].includes(command.getOptionValueSource(key));
  const settings = settingsFor(options, isGiven('data'));
  if (settings) useCurrency(settings.currency);
  for (const option of spec.options ?? []) {
    const key = optionKey(option);
    const value = isGiven(key) || !settings ? undefined : option.setting?.(settings);
    if (value !== undefined) options[key] = value;
    if (option.isNeeded && options[key] === undefined)
      throw failure('USAGE', `${longFlag(option)} is needed: ${option.what}${option.setting ? WHERE_IT_STANDS : ''}`);
  }
  return settings;
}

/** The settings of the folder named, else those of the working directory, which then is the folder. */
function settingsFor(options: Record<string, unknown>, isDataGiven: boolean): Settings | null {
  if (isDataGiven || options['data'] === undefined) return isDataGiven ? readSettings(String(options['data'])) : null;
  const here = readSettings('.');
  if (here) options['data'] = '.';
  return here;
}
