/**
 * `tapcash provision`: gives a board that has our firmware its institutions, its limits and fresh entropy, and has it
 * make its keys and prove that it has them.
 *
 *   1. the console; the firmware must be the one of this version
 *   2. the root: a board that has one takes only what that root signed; it checks this itself, too
 *      (board/pinned-root.ts)
 *   3. files in Storage: tables, 32 random bytes, 32 bytes to be signed, the provisioned file
 *   4. a start: the board makes the keys that it lacks, and signs
 *
 * Keys never leave the board, and no backup of them exists: a lost token is denied, and its EBC returns to its owner.
 * The 32 random bytes are useless without the board's own entropy, and are not kept here.
 */
import { copy, fromHex, toHex } from '../../firmware/core/bytes.js';
import type { BoardConfig } from '../../firmware/core/board-config.js';
import { TABLES } from '../../firmware/core/provisioned.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { isSigned } from '../../host-bridge/base/crypto/signer.js';
import { failure, type TapcashError } from '../../host-bridge/base/errors.js';
import {
  SEED_BYTES,
  terminalFiles,
  tokenFiles,
  type TerminalTerms,
  type TokenLimits,
  type TokenScheme,
} from './board-files.js';
import { checkNatives, readProvision, startFirmware, variablesOf, type BoardProvision } from '../flash/board-state.js';
import type { BoardConsole } from '../flash/console.js';
import { reachConsole, type BoardAccess } from '../flash/flash-board.js';
import { checkRadios, checkSource } from '../flash/radios.js';
import { reserveDenyFile } from '../flash/reserve.js';
import { compareFiles, eraseFile, installFiles, type StorageFiles } from '../flash/storage-files.js';
import { factsOf, followsRoot, type Manifest } from './manifest.js';
import { checkMemoryFor } from '../boards/memory-needs.js';
import type { Role } from '../boards/roles.js';

/** What a board shall be. */
export type BoardPurpose =
  | { role: 'user-token'; limits: TokenLimits; scheme: TokenScheme }
  | { role: 'shop-terminal'; terms: Omit<TerminalTerms, 'terminalId'> };

export interface ProvisionOptions extends BoardAccess {
  /** Default: the one that the board was provisioned as. */
  board?: BoardConfig;
  manifest: Manifest;
  purpose: BoardPurpose;
}

export interface Provisioned {
  role: Role;
  /** A terminal's, new at each provisioning; 4 bytes. */
  terminalId: Uint8Array | null;
  /** Public keys whose possession the board has proved: a token's account key and, where registration is open, PKU. */
  keys: Uint8Array[];
}

/** Last: until it is there, a board that loses its cable stops with a fault, its console where it was. */
const CONFIG_FILE = 'tapcash.cfg';
const ASK_FILE = 'tapcash.ask';
const ASK_BYTES = 32;
const KEY_BYTES = 32;
const PROOF_BYTES = 96;
/** What the firmware says of institutions that it does not take. */
const ROOT_FAULT = 'provision: ';

const randomBytes = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count));

async function checkFirmware(
  console: BoardConsole,
  { appFiles }: ProvisionOptions,
  role: Role,
  board: BoardConfig,
): Promise<StorageFiles> {
  const app = await appFiles(role, board);
  const wrong = [...(await compareFiles(console, app))].filter(([, same]) => !same).map(([name]) => name);
  if (wrong.length > 0) throw failure('FIRMWARE_MISSING', `${role}: ${wrong.join(', ')}`);
  return app;
}

/** Refuses before anything is written what the board would refuse after it. */
function checkRoot(before: BoardProvision | null, manifest: Manifest): void {
  const { root, version } = (before?.provision ?? {}) as Partial<Manifest>;
  if (root && !followsRoot(manifest, root)) throw failure('ROOT_MISMATCH', `the board's root is ${root}`);
  if (version && version > manifest.version)
    throw failure('ROOT_MISMATCH', `version ${version} is there, the manifest has ${manifest.version}`);
}

function filesFor(
  board: BoardConfig,
  manifest: Manifest,
  purpose: BoardPurpose,
  terminalId: Uint8Array | null,
): StorageFiles {
  const facts = factsOf(manifest);
  const seed = randomBytes(SEED_BYTES);
  return purpose.role === 'user-token'
    ? tokenFiles(board, facts, purpose.limits, seed, purpose.scheme)
    : terminalFiles(board, facts, { ...purpose.terms, terminalId: terminalId as Uint8Array }, seed);
}

/**
 * Keys whose signature over `asked` is good.
 * @param said lines of the board, one of them "keys " and hexadecimal
 * @throws TapcashError SIGNATURE_INVALID
 */
export function provedKeys(said: string[], asked: Uint8Array): Uint8Array[] {
  const line = said.find((text) => text.startsWith('keys '));
  const proofs = line ? fromHex(line.slice('keys '.length)) : null;
  if (!proofs || proofs.length === 0 || proofs.length % PROOF_BYTES !== 0)
    throw failure('SIGNATURE_INVALID', 'the board gave no proof of its keys');
  const keys: Uint8Array[] = [];
  for (let at = 0; at < proofs.length; at += PROOF_BYTES) {
    const key = copy(proofs, at, at + KEY_BYTES);
    if (!isSigned(key, SIGNED.possession, asked, copy(proofs, at + KEY_BYTES, at + PROOF_BYTES)))
      throw failure('SIGNATURE_INVALID', `the board does not have the key ${toHex(key)}`);
    keys.push(key);
  }
  return keys;
}

/**
 * What a start ended with. A provisioned file that the board refuses goes, so that the next one is judged by the board
 * alone.
 */
async function refused(console: BoardConsole, fault: string): Promise<TapcashError> {
  if (!fault.startsWith(ROOT_FAULT)) return failure('DEVICE_FAULT', fault);
  await eraseFile(console, CONFIG_FILE);
  return failure('ROOT_MISMATCH', fault);
}

/**
 * Provisions a board; the same again is a new provisioning with the same keys.
 * @throws TapcashError MEMORY_LOW, FIRMWARE_MISSING, RADIO_ON, ENTROPY_NONE, ROOT_MISMATCH, SIGNATURE_INVALID,
 *   DEVICE_FAULT, USAGE, those of `reachConsole`
 *   and `installFiles`
 */
export async function provisionBoard(options: ProvisionOptions): Promise<Provisioned> {
  const { attempt, reporter, manifest, purpose } = options;
  attempt.watch(options.device);
  const console = await reachConsole(options);
  try {
    const before = await readProvision(console);
    await checkNatives(console, options.board ?? before?.board);
    if (before && before.role !== purpose.role)
      throw failure(
        'USAGE',
        `the board is a ${before.role}; tapcash flash --erase-all --yes makes it a new one, and loses its keys`,
      );
    checkMemoryFor(
      'the interpreter',
      await variablesOf(console),
      [purpose.role],
      purpose.role === 'user-token' ? schemeOf(purpose.scheme.number).registration : undefined,
    );
    checkRoot(before, manifest);
    const board = options.board ?? before?.board;
    if (!board) throw failure('USAGE', '--board: which board it is');
    const app = await checkFirmware(console, options, purpose.role, board);
    // Before keys are made: nobody but the cable may reach them, and they need entropy.
    checkSource(board);
    await checkRadios(console);

    // Where only files were brought, not by `tapcash flash`.
    if (purpose.role === 'shop-terminal') await reserveDenyFile(console);

    const terminalId = purpose.role === 'shop-terminal' ? randomBytes(4) : null;
    const asked = randomBytes(ASK_BYTES);
    const { [CONFIG_FILE]: config, ...files } = filesFor(board, manifest, purpose, terminalId);
    const rest = Object.fromEntries(Object.entries(files).filter(([name]) => !(name in app)));
    // A table of an earlier manifest that this scheme does without would not be the one that the root signed.
    for (const table of TABLES) if (!(table in rest)) await eraseFile(console, table);
    await installFiles(
      console,
      { ...rest, [ASK_FILE]: asked, [CONFIG_FILE]: config },
      {
        onProgress: reporter.progress,
        onFile: (name, what) =>
          reporter.step(`${name}: ${what === 'right' ? 'is there already' : 'written and verified'}`),
      },
    );
    rest['tapcash.seed']?.fill(0);

    reporter.step('the board starts, and makes the keys that it lacks');
    const start = await startFirmware(console, attempt);
    if (!start.runs) throw await refused(console, start.fault);
    return { role: purpose.role, terminalId, keys: provedKeys(start.said, asked) };
  } finally {
    await console.close();
  }
}
