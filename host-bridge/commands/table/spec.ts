/**
 * What the command line is made of: each command is data, and the module that does its work is loaded when it runs.
 *
 * host-bridge/cli.ts builds the parser and the help from this. Tables therefore import nothing but each other and the
 * vocabulary of options, so that `tapcash --help` and small commands start at once.
 */
import type { Settings } from '../settings.js';

/** An option: its flags, one meaning, and where its value comes from when nobody gives it. */
export interface OptionSpec {
  /** As in `--issuer-key <key>`; `...` in the brackets takes several, `[...]` an optional value. */
  readonly flags: string;
  /** What it means, everywhere. */
  readonly what: string;
  /** What it is for in one command, after its meaning. */
  readonly detail?: string;
  readonly standard?: string;
  /** A name of somebody: it is brought into normal form C. */
  readonly isName?: true;
  /** Must be given, where no settings file knows it. */
  readonly isNeeded?: boolean;
  /** What a folder's settings say; they go before the standard value, and after what is given. */
  readonly setting?: (settings: Settings) => string | string[] | undefined;
}

/** A command's argument: `<name>` must be given, `[name]` may, `[name...]` takes several. */
export interface ArgumentSpec {
  readonly name: string;
  readonly what: string;
  /** A name of somebody: it is brought into normal form C. */
  readonly isName?: true;
}

/** What a command is told besides its arguments and options. */
export interface CommandContext {
  /** The environment, which host-bridge/cli.ts alone reads. */
  readonly environment: NodeJS.ProcessEnv;
  /** The settings of its data folder, if there are any. */
  readonly settings: Settings | null;
  /** Runs another command line. */
  run(words: string[]): Promise<void>;
}

/** Arguments in their order, then the options, then the context. @returns false: something does not add up (exit 4) */
export type Action = (...values: never[]) => unknown;

/** A command, or a group of them. */
export interface CommandSpec {
  readonly name: string;
  readonly what: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** Command lines without the `tapcash` before them. */
  readonly examples?: readonly string[];
  /** What `--help` says after the options. */
  readonly more?: string;
  readonly commands?: readonly CommandSpec[];
  /** What its group does without a command's name. */
  readonly isDefault?: true;
  /** Loads what does the work. */
  readonly run?: () => Promise<Action>;
}

/** An option of the vocabulary, as one command has it. */
export function as(option: OptionSpec, changes: Partial<Omit<OptionSpec, 'flags' | 'what'>>): OptionSpec {
  return { ...option, ...changes };
}

/** The name of an option: `--issuer-key`. */
export const longFlag = ({ flags }: Pick<OptionSpec, 'flags'>): string => flags.split(/[ ,]/)[0] as string;

/** The name of an option in code: `issuerKey`. */
export const optionKey = (option: Pick<OptionSpec, 'flags'>): string =>
  longFlag(option)
    .slice(2)
    .replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
