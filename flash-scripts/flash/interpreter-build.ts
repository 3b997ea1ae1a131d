/**
 * Which build of Espruino an image holds, read from the image itself: before it is written, so before anything is
 * erased.
 *
 * Espruino gives the builds of one chip on ESP-IDF 3, 4 and 5 the same file name, and they differ in what the firmware
 * needs: natives and variables. ESP-IDF puts a description into each image (`esp_app_desc_t`, behind the headers of
 * image and first segment); Espruino has its version as a text, and the names of a module's functions in one block
 * (scripts/build_jswrapper.py), those of the module crypto in alphabetical order. Seen in the images of 2v22.26 and
 * 2v27.45. Leaves out images that are none of ESP-IDF, or hold no version: those are judged by their console.
 */
import { failure } from '../../host-bridge/base/errors.js';
import type { BoardConfig } from '../../firmware/core/board-config.js';
import { buildsOf } from '../boards/interpreter-builds.js';
import { isSupported } from './console.js';

/** What an image says of itself. */
interface ImageBuild {
  /** As `process.version` has it: "2v29.277". */
  version: string;
  /** The major version of ESP-IDF. */
  idf: number;
  hasSha512: boolean;
}

/** `esp_app_desc_t`: behind 24 bytes of the image's header and 8 of the first segment's. */
const DESCRIPTION_AT = 32;
const DESCRIPTION_MAGIC = [0x32, 0x54, 0xcd, 0xab];
const IDF_AT = DESCRIPTION_AT + 112;
const IDF_BYTES = 32;
const VERSION = /\0Espruino (\d+v\d+(?:\.\d+)?)\0/;
/** Both names come and go together; elsewhere in an image they stand apart. */
const SHA512_NAMES = '\0SHA384\0SHA512\0';

/** What an interpreter's image says of itself; null where it says nothing. */
export function readBuild(image: Uint8Array): ImageBuild | null {
  if (DESCRIPTION_MAGIC.some((byte, i) => image[DESCRIPTION_AT + i] !== byte)) return null;
  const text = new TextDecoder('latin1').decode(image);
  const [, idf] = /^v(\d+)\./.exec(text.slice(IDF_AT, IDF_AT + IDF_BYTES)) ?? [];
  const [, version] = VERSION.exec(text) ?? [];
  return idf && version ? { version, idf: Number(idf), hasSha512: text.includes(SHA512_NAMES) } : null;
}

/** Which build to take, for people. */
export function buildToTake({ firmware }: Pick<BoardConfig, 'firmware'>): string {
  const right = buildsOf(firmware)
    .filter(({ unfit }) => !unfit)
    .map(({ idf, counts }) => `ESP-IDF ${idf}, ${counts} variables`);
  return `take ${firmware}${right.length > 0 ? ` (${right.join(' or ')})` : ''}`;
}

/**
 * Refuses an interpreter that the firmware cannot run on.
 * @param name of the file, for people
 * @throws TapcashError INTERPRETER_OLD, NATIVE_MISSING, FIRMWARE_INVALID, each with the build to take
 */
export function checkBuild(name: string, image: Uint8Array, board: Pick<BoardConfig, 'firmware'>): void {
  const build = readBuild(image);
  if (!build) return;
  const what = `${name} is Espruino ${build.version} on ESP-IDF ${build.idf}`;
  const take = buildToTake(board);
  if (!isSupported(build.version)) throw failure('INTERPRETER_OLD', `${what}: ${take}`);
  if (!build.hasSha512) throw failure('NATIVE_MISSING', `${what}, without crypto.SHA512: ${take}`);
  const unfit = buildsOf(board.firmware).find(({ idf }) => idf === build.idf)?.unfit;
  if (unfit) throw failure('FIRMWARE_INVALID', `${what}: ${unfit}; ${take}`);
}
