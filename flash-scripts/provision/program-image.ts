/**
 * An image: the program of one role for one board in one file, with the hashes of what is in it under the root's
 * signature (EP 0926637, claims 28 to 38: a program on a recording medium).
 *
 *   tapcash image 1            the format; another number is refused
 *   {"role": ...}              `ImageManifest`, JSON in one line
 *   signature                  64 bytes in hexadecimal, type `image`, over both lines
 *   the files' bytes, one after another in the manifest's order
 *
 * It holds what `tapcash flash --only-app` would write: bundle, overlays that the board loads, the base point's table.
 * All of it is public; a name of any other file is refused, so that an image can bring neither keys nor a
 * configuration. Left out: the interpreter, which comes from Espruino, and what a board is provisioned with. Building
 * and writing one is host-bridge/commands/image.ts.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, fromChars, fromHex, toHex } from '../../firmware/core/bytes.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { followedBy } from '../../firmware/wire/succession.js';
import { isSigned, type Signer } from '../../host-bridge/base/crypto/signer.js';
import { failure } from '../../host-bridge/base/errors.js';
import { ROLES, type Role } from '../boards/roles.js';
import type { BoardProvision } from '../flash/board-state.js';
import type { StorageFiles } from '../flash/storage-files.js';

/** The number in the first line. */
const IMAGE_FORMAT = 1;
const FIRST_WORDS = 'tapcash image ';
/** No header is longer: a file that is no image is not searched to its end. */
const LINE_BYTES_MAX = 65_536;
/** Names that a program's files can have; the boot file is what the interpreter runs. */
const FILE_NAME = /^([a-z0-9-]{1,25}\.js|tab\.base|\.bootcde)$/;
const BOOT_FILE = '.bootcde';

/** What the root signs. */
export interface ImageManifest {
  role: Role;
  /** Name of its entry in board-configs. */
  board: string;
  /** By what the program is named, as `tapcash status` shows it of a terminal: 8 hexadecimal digits. */
  program: string;
  /** Public key of who signed, hexadecimal. */
  root: string;
  /** Encoded `signedSuccession`s, hexadecimal, joined by commas: the way to this root from an older one; or ''. */
  roots: string;
  /** In the order in which their bytes follow. */
  files: { name: string; bytes: number; sha256: string }[];
}

/** An image that was read: its hashes and its signature fit. Whose signature it is `checkImage` judges. */
export interface ProgramImage extends ImageManifest {
  contents: StorageFiles;
}

const headOf = (manifest: string): string => `${FIRST_WORDS}${IMAGE_FORMAT}\n${manifest}\n`;

/**
 * Makes an image. @param root signs it @returns the file's bytes, the same for the same program and root
 */
export function makeImage(
  what: Omit<ImageManifest, 'root' | 'files'>,
  contents: StorageFiles,
  root: Signer,
): Uint8Array {
  const manifest: ImageManifest = {
    role: what.role,
    board: what.board,
    program: what.program,
    root: toHex(root.publicKey),
    roots: what.roots,
    files: Object.entries(contents).map(([name, data]) => ({ name, bytes: data.length, sha256: toHex(sha256(data)) })),
  };
  const head = headOf(JSON.stringify(manifest));
  const signature = toHex(root.sign(SIGNED.image, fromChars(head)));
  return concat([fromChars(`${head}${signature}\n`), ...Object.values(contents)]);
}

const invalid = (why: string) => failure('IMAGE_INVALID', why);

/** The line that begins at a place, without its end. @throws TapcashError IMAGE_INVALID where none ends */
function lineAt(file: Uint8Array, at: number, what: string): string {
  const end = file.subarray(at, at + LINE_BYTES_MAX).indexOf(10);
  if (end < 0) throw invalid(what);
  return String.fromCharCode(...file.subarray(at, at + end));
}

/** @throws TapcashError IMAGE_INVALID, IMAGE_FORMAT */
function checkFormat(line: string): void {
  const [, number] = /^tapcash image (\d{1,9})$/.exec(line) ?? [];
  if (number === undefined) throw invalid('it does not begin as an image does');
  if (Number(number) === IMAGE_FORMAT) return;
  const age = Number(number) > IMAGE_FORMAT ? 'newer' : 'older';
  throw failure('IMAGE_FORMAT', `format ${number}, which is ${age} than ${IMAGE_FORMAT}`);
}

const isText = (value: unknown, form: RegExp): value is string => typeof value === 'string' && form.test(value);

/** @throws TapcashError IMAGE_INVALID with the field */
function parseImageManifest(text: string): ImageManifest {
  let value: ImageManifest;
  try {
    value = JSON.parse(text) as ImageManifest;
  } catch {
    throw invalid('its manifest is not JSON');
  }
  const { role, board, program, root, roots, files } = value ?? {};
  if (!ROLES.some((each) => each === role)) throw invalid('manifest: role');
  if (!isText(board, /^[a-z0-9-]{1,64}$/)) throw invalid('manifest: board');
  if (!isText(program, /^[0-9a-f]{8}$/)) throw invalid('manifest: program');
  if (!isText(root, /^[0-9a-f]{64}$/)) throw invalid('manifest: root');
  if (!isText(roots, /^([0-9a-f]+(,[0-9a-f]+)*)?$/)) throw invalid('manifest: roots');
  if (!Array.isArray(files)) throw invalid('manifest: files');
  for (const file of files)
    if (
      !isText(file?.name, FILE_NAME) ||
      !Number.isSafeInteger(file.bytes) ||
      file.bytes < 1 ||
      !isText(file.sha256, /^[0-9a-f]{64}$/)
    )
      throw invalid(`manifest: file ${String(file?.name).slice(0, 30)}`);
  if (new Set(files.map(({ name }) => name)).size !== files.length) throw invalid('manifest: a name twice');
  if (!files.some(({ name }) => name === BOOT_FILE)) throw invalid(`manifest: no ${BOOT_FILE}`);
  return { role, board, program, root, roots, files };
}

/**
 * Reads an image: each byte of it is either signed or under a hash that is.
 * @throws TapcashError IMAGE_INVALID, IMAGE_FORMAT
 */
export function readImage(file: Uint8Array): ProgramImage {
  const first = lineAt(file, 0, 'it does not begin as an image does');
  checkFormat(first);
  const manifest = lineAt(file, first.length + 1, 'it ends within its manifest');
  const head = headOf(manifest);
  // The number could be written with zeros before it.
  if (!head.startsWith(`${first}\n`)) throw invalid('it does not begin as an image does');
  const signatureHex = lineAt(file, head.length, 'it ends within its signature');
  const read = parseImageManifest(manifest);
  const signature = /^[0-9a-f]{128}$/.test(signatureHex) ? fromHex(signatureHex) : null;
  if (!signature) throw invalid('it has no signature');
  if (!isSigned(fromHex(read.root) as Uint8Array, SIGNED.image, fromChars(head), signature))
    throw invalid('not signed by the root that it names');
  let at = head.length + signatureHex.length + 1;
  const contents: StorageFiles = {};
  for (const { name, bytes, sha256: hash } of read.files) {
    const data = file.slice(at, at + bytes);
    at += bytes;
    if (data.length !== bytes) throw invalid(`it ends within ${name}`);
    if (toHex(sha256(data)) !== hash) throw invalid(`${name} is not what was signed`);
    contents[name] = data;
  }
  if (at !== file.length) throw invalid('bytes follow its last file');
  return { ...read, contents };
}

/** Whether an image is signed by a pinned root, hexadecimal, or by the key that has followed it. */
function isOfRoot({ root, roots }: ProgramImage, pinned: string): boolean {
  const key = fromHex(pinned);
  return (
    key !== null &&
    toHex(followedBy(key, roots, (by, body, signature) => isSigned(by, SIGNED.succession, body, signature))) === root
  );
}

/** What an image must fit. */
export interface ImageWish {
  /** Where somebody named them. */
  role?: Role;
  board?: string;
  /** The root of the manifest that boards are provisioned from, hexadecimal; null: there is none here. */
  root: string | null;
}

/** @throws TapcashError IMAGE_MISMATCH, IMAGE_FOREIGN */
export function checkImage(image: ProgramImage, { role, board, root }: ImageWish): void {
  if (role !== undefined && role !== image.role)
    throw failure('IMAGE_MISMATCH', `it is for a ${image.role}, not for a ${role}`);
  if (board !== undefined && board !== image.board)
    throw failure('IMAGE_MISMATCH', `it is for ${image.board}, not for ${board}`);
  if (root !== null && !isOfRoot(image, root))
    throw failure('IMAGE_FOREIGN', `signed by ${image.root}, the manifest's root is ${root}`);
}

/**
 * Whether an image is for a board as it is, by what it was provisioned with.
 * @param provision null: not at all; then a manifest must have named the root
 * @throws TapcashError IMAGE_MISMATCH, IMAGE_FOREIGN
 */
export function checkImageFor(image: ProgramImage, wish: ImageWish, provision: BoardProvision | null): void {
  const pinned = (provision?.provision as { root?: string } | undefined)?.root;
  if (pinned === undefined && wish.root === null)
    throw failure('IMAGE_FOREIGN', 'the board pins no root yet: name the manifest that has it by --manifest');
  if (!provision) return;
  checkImage(image, { role: provision.role, board: provision.board.name, root: null });
  if (pinned !== undefined && !isOfRoot(image, pinned))
    throw failure('IMAGE_FOREIGN', `signed by ${image.root}, the board's root is ${pinned}`);
}
