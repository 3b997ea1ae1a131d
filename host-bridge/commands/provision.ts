/**
 * `tapcash provision token`, `tapcash provision terminal`: a board gets its institutions and makes its keys; a label
 * for it.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../../firmware/core/bytes.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { isName } from '../../firmware/wire/name.js';
import { TERMINAL_TERMS, TOKEN_LIMITS, type PseudonymPolicy } from '../../flash-scripts/provision/board-files.js';
import type { BoardAccess } from '../../flash-scripts/flash/flash-board.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { BACKUP_POLICY, labelOf } from '../../flash-scripts/provision/board-label.js';
import { labelPng, labelSvg, type Label } from '../../flash-scripts/provision/label.js';
import { parseManifest, schemeFault, type Manifest } from '../../flash-scripts/provision/manifest.js';
import { provisionBoard, type BoardPurpose, type Provisioned } from '../../flash-scripts/provision/provision-board.js';
import { failure } from '../base/errors.js';
import { withBoard, type PortCommand } from './board-access.js';
import { provisionList } from './provision-list.js';
import { enrol } from './enrol.js';
import type { Settings } from './settings.js';
import type { CommandContext } from './table/spec.js';
import { amountArgument, print, pseudonymsArgument, quoted, schemeArgument, useCurrency } from './output.js';
import { agreedCurrency } from './settings-arguments.js';

export interface ProvisionCommand extends PortCommand {
  board?: string;
  data: string;
  manifest?: string;
  label: string;
  name?: string;
  /** A CSV of tokens, instead of one name. */
  list?: string;
  shop?: string;
  scheme?: string;
  pseudonyms?: string;
  policy?: string;
  currency?: string;
  paymentMax?: string;
  sumMax?: string;
  floorLimit?: string;
  /** No bridge stands beside the terminal. */
  alone?: boolean;
  staleListLimit?: string;
}

const POLICIES = ['rotate', 'per-shop', 'random'];

function readManifest(options: ProvisionCommand): Manifest {
  const path = options.manifest ?? join(options.data, 'manifest.json');
  if (!existsSync(path))
    throw failure('FILE_MISSING', `${path}: tapcash manifest makes it, or name another by --manifest`);
  const manifest = parseManifest(readFileSync(path, 'utf8'));
  useCurrency(agreedCurrency(options.currency, manifest.currency, path)!);
  return manifest;
}

const amountOr = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : amountArgument(text);

type TokenPurpose = Extract<BoardPurpose, { role: 'user-token' }>;

function tokenPurpose(options: ProvisionCommand, manifest: Manifest): TokenPurpose {
  const number = schemeArgument(options.scheme as string);
  const row = schemeOf(number);
  const pseudonyms = pseudonymsArgument(options.pseudonyms as string, options.scheme as string);
  const policy = (options.policy ?? 'rotate') as PseudonymPolicy;
  if (!POLICIES.includes(policy)) throw failure('USAGE', `--policy: ${POLICIES.join(', ')}`);
  const fault = schemeFault(manifest, row);
  if (fault !== null)
    throw failure('USAGE', `--scheme ${number}: ${fault}; make it with tapcash manifest --scheme ${number}`);
  const limits = {
    paymentMax: amountOr(options.paymentMax, TOKEN_LIMITS.paymentMax),
    sumMax: amountOr(options.sumMax, TOKEN_LIMITS.sumMax),
  };
  return { role: 'user-token', limits, scheme: { number, pseudonyms, policy } };
}

/** What a terminal is provisioned for. */
export function terminalPurpose(
  options: Pick<ProvisionCommand, 'shop' | 'alone' | 'floorLimit' | 'staleListLimit'>,
): Extract<BoardPurpose, { role: 'shop-terminal' }> {
  const shop = options.shop as string;
  const terms = {
    ...TERMINAL_TERMS,
    shop,
    floorLimit: amountOr(options.floorLimit, options.alone ? 0 : TERMINAL_TERMS.floorLimit),
    staleListLimit: amountOr(options.staleListLimit, TERMINAL_TERMS.staleListLimit),
  };
  return { role: 'shop-terminal', terms };
}

function writeLabel(folder: string, label: Label): string[] {
  const base = join(folder, `${label.kind}-${label.key.slice(0, 8)}`);
  writeFileSync(`${base}.svg`, labelSvg(label));
  writeFileSync(`${base}.png`, labelPng(label));
  return [`${base}.svg`, `${base}.png`];
}

const terminalOf = (done: Provisioned) => ({
  terminalId: done.terminalId as Uint8Array,
  terminalKey: done.keys[0] as Uint8Array,
});

/** What is to be done next. */
async function nextOf(
  name: string,
  done: Provisioned,
  options: ProvisionCommand,
  settings: Settings | null,
): Promise<string[]> {
  if (done.role !== 'shop-terminal') return [BACKUP_POLICY, `Next: tapcash teller register ${quoted(name)}`];
  const why = settings ? await enrol(name, terminalOf(done), options.data, settings) : 'no settings';
  const replaces = [
    'It takes the place of another one? That one opens no charge any more after:',
    '  tapcash office retire ITS-ID "replaced"',
  ];
  if (why === null) return [`The account of ${name} is open, and the terminal registered with it.`, ...replaces];
  return [
    ...(settings
      ? [`The terminal is not registered yet (${why}). Start the houses of ${options.data}, then:`]
      : ['Next:']),
    `  tapcash office open ${quoted(name)}`,
    `  tapcash office terminal ${quoted(name)} ${toHex(done.terminalId as Uint8Array)} \\`,
    `    ${toHex(done.keys[0] as Uint8Array)}`,
    ...replaces,
  ];
}

/** Has a board made what is asked for, as the one that it is or that is named. */
function provisionAt(access: BoardAccess, options: ProvisionCommand, manifest: Manifest, purpose: BoardPurpose) {
  const board = options.board === undefined ? null : loadBoard(options.board);
  return provisionBoard({
    ...access,
    manifest,
    purpose,
    ...(board ? { board } : {}),
    ...(board?.link ? { burstBytesMax: board.link.burstBytesMax } : {}),
  });
}

/** Provisions the tokens of a list, board after board. */
async function provisionListed(list: string, options: ProvisionCommand): Promise<void> {
  // A name is not refused: a folder's settings may have put it there.
  if (options.paymentMax !== undefined || options.sumMax !== undefined)
    throw failure('USAGE', '--list: limits stand in the list');
  const manifest = readManifest(options);
  const purpose = tokenPurpose(options, manifest);
  await provisionList(list, options, async (access, { name, paymentMax, sumMax }) => {
    const done = await provisionAt(access, options, manifest, { ...purpose, limits: { paymentMax, sumMax } });
    const [label] = writeLabel(options.label, labelOf(name, done)) as [string, string];
    return { account: toHex(done.keys[0]), pseudonym: done.keys[1] ? toHex(done.keys[1]) : '', label };
  });
}

/** Provisions a token, or a shop's terminal. */
export async function provision(
  what: 'token' | 'terminal',
  options: ProvisionCommand,
  { settings }: Pick<CommandContext, 'settings'>,
): Promise<void> {
  if (options.list !== undefined) return provisionListed(options.list, options);
  const name = what === 'token' ? options.name : options.shop;
  if (name === undefined) throw failure('USAGE', `--${what === 'token' ? 'name (or --list)' : 'shop'} is needed`);
  if (!isName(name)) throw failure('NAME_INVALID', what === 'token' ? '--name' : '--shop');
  const manifest = readManifest(options);
  const purpose = what === 'token' ? tokenPurpose(options, manifest) : terminalPurpose(options);
  const done = await withBoard(options, (access) => provisionAt(access, options, manifest, purpose));
  const labels = writeLabel(options.label, labelOf(name, done));
  const terminalId = done.terminalId ? toHex(done.terminalId) : null;
  const keys =
    done.role === 'shop-terminal'
      ? { terminal: toHex(done.keys[0]) }
      : { account: toHex(done.keys[0]), ...(done.keys[1] ? { pseudonym: toHex(done.keys[1]) } : {}) };
  const lines = [
    ...Object.entries(keys).map(([use, key]) => `${use.padEnd(10)} ${key}`),
    ...(terminalId ? [`id         ${terminalId}`] : []),
    `label      ${labels.join(', ')}`,
    ...(await nextOf(name, done, options, settings)),
  ];
  print(
    options.json,
    { ok: true, role: done.role, name, keys, ...(terminalId ? { terminalId } : {}), labels, backups: BACKUP_POLICY },
    lines.join('\n'),
  );
}
