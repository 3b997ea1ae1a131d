/**
 * `tapcash build --image`, and the file that `tapcash flash --image` takes: flash-scripts/provision/program-image.ts
 * has the format.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex, toHex } from '../../firmware/core/bytes.js';
import { loadBoard, realBoardNames } from '../../flash-scripts/flash/node/load-board.js';
import { appFiles } from '../../flash-scripts/flash/node/board-tools.js';
import { programName } from '../../flash-scripts/build/bundle-files.js';
import { builtProgram } from '../../flash-scripts/build/built-bundles.js';
import type { Role } from '../../flash-scripts/boards/roles.js';
import { parseManifest, type Manifest } from '../../flash-scripts/provision/manifest.js';
import { makeImage, readImage, type ProgramImage } from '../../flash-scripts/provision/program-image.js';
import type { Signer } from '../base/crypto/signer.js';
import { replaceFile } from '../base/durable-file.js';
import { failure } from '../base/errors.js';
import { linesFrom } from '../base/keys/succession.js';
import { pathsOf } from '../base/keys/key-file.js';
import { firstKey, houseSigner } from '../services/house-keys.js';
import { noticesIn } from '../services/rotate.js';

/** One image that was written. */
export interface WrittenImage {
  role: Role;
  board: string;
  file: string;
  bytes: number;
}

/** A folder's manifest; null where none was made. @throws TapcashError MANIFEST_INVALID */
export function manifestAt(path: string): Manifest | null {
  return existsSync(path) ? parseManifest(readFileSync(path, 'utf8')) : null;
}

/**
 * The issuer's key in force, which is the manifest's root.
 * @throws TapcashError FILE_MISSING, KEY_MISMATCH, KEY_FILE_*
 */
function rootIn(dataDir: string): { root: Signer; manifest: Manifest } {
  const path = join(dataDir, 'manifest.json');
  const manifest = manifestAt(path);
  if (!manifest) throw failure('FILE_MISSING', `${path}: tapcash manifest makes it, where the issuer's key is`);
  const { key } = pathsOf(dataDir, 'issuer');
  if (!existsSync(key) && !existsSync(pathsOf(dataDir, 'issuer').database))
    throw failure('FILE_MISSING', `${key}: images are signed where the issuer's key is`);
  const first = { issuerKey: firstKey(dataDir, 'issuer'), registrarKey: fromHex(manifest.registrarKey) as Uint8Array };
  const root = houseSigner(dataDir, 'issuer', linesFrom(first, noticesIn(dataDir)).issuer, () =>
    Math.floor(Date.now() / 1000),
  );
  if (toHex(root.publicKey) !== manifest.root)
    throw failure('KEY_MISMATCH', `${path} has an older root: make it again by tapcash manifest`);
  return { root, manifest };
}

/**
 * Writes an image for each role and board: `ROLE.BOARD.image`; for a board that this computer stands in for, none. The
 * roles' programs must have been built.
 * @param board one of board-configs; default: all of them
 */
export async function writeImages(
  folder: string,
  dataDir: string,
  roles: readonly Role[],
  board?: string,
): Promise<WrittenImage[]> {
  const { root, manifest } = rootIn(dataDir);
  const names = board === undefined ? realBoardNames() : [board];
  mkdirSync(folder, { recursive: true });
  const written: WrittenImage[] = [];
  for (const name of names) {
    const entry = loadBoard(name);
    for (const role of roles.filter((each) => entry.roles.includes(each))) {
      const program = programName(await builtProgram(role));
      if (program === null) throw failure('BUNDLES_OUTDATED', `${role}: a program without a name`);
      const what = { role, board: name, program, roots: manifest.roots ?? '' };
      const bytes = makeImage(what, await appFiles(role, entry), root);
      const file = join(folder, `${role}.${name}.image`);
      replaceFile(file, bytes);
      // Nothing in it is secret.
      chmodSync(file, 0o644);
      written.push({ role, board: name, file, bytes: bytes.length });
    }
  }
  if (written.length === 0)
    throw failure('USAGE', `--board ${board}: it can be ${loadBoard(board as string).roles.join(' or ')}`);
  return written;
}

/** Reads the image at a path. @throws TapcashError FILE_MISSING, IMAGE_INVALID, IMAGE_FORMAT */
export function readImageFile(path: string): ProgramImage {
  let file: Uint8Array;
  try {
    file = new Uint8Array(readFileSync(path));
  } catch (thrown) {
    throw failure('FILE_MISSING', path, thrown as Error);
  }
  return readImage(file);
}
