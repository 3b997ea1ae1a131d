/**
 * `tapcash files`: what a board's Storage holds besides the program, written to a folder, and the command that brings all
 * of it onto the board with EspruinoTools, program included.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { schemeOf } from '../../firmware/core/scheme.js';
import { isName } from '../../firmware/wire/codec.js';
import { TERMINAL_TERMS, terminalFiles, tokenFiles, TOKEN_LIMITS } from '../../flash-scripts/board-files.js';
import { loadBoard } from '../../flash-scripts/boards.js';
import { bundlePath, type Role } from '../../flash-scripts/build.js';
import { builtProgram } from '../../flash-scripts/built-bundles.js';
import { issuerIdOf } from '../actors/signer.js';
import { failure } from '../errors.js';
import { keyArgument, print, pseudonymsArgument, schemeArgument } from './output.js';

export interface FilesCommand {
  board: string;
  issuerKey: string;
  registrarKey: string;
  /** Row of the scheme table and pseudonyms of a token; X25519 key that it seals to, in schemes 2 to 6. */
  scheme: string;
  pseudonyms: string;
  sealKey?: string;
  shop?: string;
  out: string;
  json?: boolean;
}

/** Writes the files of a token, or of a shop's terminal. */
export async function files(what: string, options: FilesCommand): Promise<void> {
  if (what !== 'token' && what !== 'terminal') throw failure('USAGE', `${what}: token or terminal expected`);
  const { shop } = options;
  if (what === 'terminal' && !isName(shop)) throw failure('NAME_INVALID', '--shop');
  const role: Role = what === 'token' ? 'user-token' : 'shop-terminal';
  const board = loadBoard(options.board);
  const issuerKey = keyArgument(options.issuerKey, '--issuer-key');
  const facts = { issuer: issuerIdOf(issuerKey), currency: 'EUR', issuerKey, registrarKey: keyArgument(options.registrarKey, '--registrar-key'), sealKey: options.sealKey === undefined ? null : keyArgument(options.sealKey, '--seal-key') };
  const scheme = { number: schemeArgument(options.scheme), pseudonyms: pseudonymsArgument(options.pseudonyms, options.scheme) };
  if (what === 'token' && schemeOf(scheme.number).issue !== 'direct' && !facts.sealKey) throw failure('USAGE', '--seal-key: this scheme needs it (tapcash keys prints it)');
  const seed = new Uint8Array(randomBytes(32));
  const contents =
    what === 'token'
      ? tokenFiles(board, facts, TOKEN_LIMITS, seed, scheme)
      : terminalFiles(board, facts, { ...TERMINAL_TERMS, shop: shop as string, terminalId: new Uint8Array(randomBytes(4)) }, seed);
  const { bundle, overlays } = await builtProgram(role);
  mkdirSync(options.out, { recursive: true, mode: 0o700 });
  for (const [name, bytes] of Object.entries(contents)) {
    const path = join(options.out, name);
    writeFileSync(path, bytes, { mode: 0o600 });
    chmodSync(path, 0o600);
  }
  const near = (path: string) => relative(process.cwd(), path) || path;
  const paths = [
    ...Object.keys(contents).map((name) => [name, join(options.out, name)] as const),
    ...Object.keys(overlays).map((name) => [name, bundlePath(role, name)] as const),
    ['.bootcde', bundlePath(role)] as const,
  ];
  const storage = paths.map(([name, path]) => `--storage ${name}:${near(path)}`);
  const command = `npx espruino -p PORT -b 115200 ${storage.join(' ')} -e "load()"`;
  const sizes = [...Object.entries({ ...contents, ...overlays }), ['.bootcde', bundle] as const].map(([name, data]) => [name, data.length] as const);
  const text = [
    ...sizes.map(([name, bytes]) => `${name.padEnd(16)} ${String(bytes).padStart(6)} bytes`),
    '',
    'Onto a board that runs Espruino, PORT being its serial port:',
    `  ${command}`,
    '',
    'tapcash.seed is fresh entropy for this one board: delete it afterwards, and make new files for each board.',
  ];
  print(options.json, { ok: true, role, files: Object.fromEntries(sizes), command }, text.join('\n'));
}
