/**
 * A build of Espruino on which the firmware does not run is refused by its image, before a port is opened; the images
 * of releases say so at the places where these do.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { boardNames, loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { readFirmware } from '../../flash-scripts/flash/node/read-firmware.js';
import { buildsOf } from '../../flash-scripts/boards/interpreter-builds.js';
import { buildToTake, readBuild } from '../../flash-scripts/flash/interpreter-build.js';
import { writeRelease, type CHIP_IDS } from './firmware-kit.js';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

const WITH_SHA512 = 'AES\0PBKDF2\0SHA1\0SHA224\0SHA256\0SHA384\0SHA512\0\0';
const WITHOUT = 'AES\0PBKDF2\0SHA1\0SHA224\0SHA256\0\0';
/** Texts of mbedtls and of the hasher's names stand in every image. */
const ELSEWHERE = '\0SHA384\0\0SHA512\0\0hmacSHA512\0';

interface Build {
  version: string;
  idf: string;
  names?: string;
}

/** What ESP-IDF and Espruino put into an image, at their places. */
function describeImage(image: Uint8Array, { version, idf, names = WITH_SHA512 }: Build): void {
  image.set([0x32, 0x54, 0xcd, 0xab], 32);
  image.set(Buffer.from(`v${idf}\0`, 'latin1'), 144);
  image.set(Buffer.from(`\0${names}${ELSEWHERE}\0Espruino ${version}\0`, 'latin1'), 0x3001);
}

function releaseOf(chip: keyof typeof CHIP_IDS, build: Build): string {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-build-'));
  folders.push(folder);
  const image = writeRelease(folder, { chip })['espruino_esp32.bin'];
  describeImage(image, build);
  writeFileSync(join(folder, 'espruino_esp32.bin'), image);
  return folder;
}

const IDF = { 3: '3.3.6', 4: '4.4.8', 5: '5.4.1' };

test.each([
  ['2v29 of an ESP32', 'esp32-devkitc-wrover', { version: '2v29', idf: IDF[3] }, null],
  ['a build after 2v29', 'esp32-devkitc', { version: '2v29.277', idf: IDF[3] }, null],
  ['one of before', 'esp32-devkitc', { version: '2v27.45', idf: IDF[3] }, 'INTERPRETER_OLD'],
  ['an ESP32 on ESP-IDF 5', 'esp32-devkitc', { version: '2v30', idf: IDF[5], names: WITHOUT }, 'NATIVE_MISSING'],
  ['an ESP32 on ESP-IDF 4', 'm5stack-core', { version: '2v29', idf: IDF[4], names: WITHOUT }, 'NATIVE_MISSING'],
  ['a C3 on ESP-IDF 5', 'esp32-c3-devkitm', { version: '2v29.300', idf: IDF[5] }, null],
  ['a C3 on ESP-IDF 4', 'esp32-c3-devkitm', { version: '2v29', idf: IDF[4] }, 'FIRMWARE_INVALID'],
  ['an S3 on ESP-IDF 4', 'esp32-s3-devkitc', { version: '2v29', idf: IDF[4] }, null],
  ['an S3 on ESP-IDF 5', 'esp32-s3-devkitc', { version: '2v30', idf: IDF[5] }, 'FIRMWARE_INVALID'],
] as const)('%s', (_, name, build, code) => {
  const board = loadBoard(name);
  const folder = releaseOf(board.chip as keyof typeof CHIP_IDS, build);
  const read = () => readFirmware(folder, board);
  if (code === null) {
    expect(read()).toHaveLength(3);
    return;
  }
  expect(read).toThrow(expect.objectContaining({ code, detail: expect.stringContaining(buildToTake(board)) }));
  expect(read).toThrow(expect.objectContaining({ detail: expect.stringContaining(build.version) }));
});

test('every board names a build to take, and why not the others', () => {
  for (const board of boardNames().map(loadBoard)) {
    if (board.chip === 'linux') continue;
    const right = buildsOf(board.firmware).filter(({ unfit }) => !unfit);
    expect(right.map(({ counts }) => counts)).toEqual([16_383]);
    expect(buildToTake(board)).toContain(`${board.firmware} (ESP-IDF ${right[0].idf}`);
  }
});

test('an image that says nothing of itself is left to its console', () => {
  expect(readBuild(new Uint8Array(65_536))).toBeNull();
});

const real = process.env.ESP32_FIRMWARE;
(real ? test : test.skip)('the image of a release (ESP32_FIRMWARE)', () => {
  const folder = real as string;
  const [name] = readdirSync(folder).filter((file) => /^espruino.*\.bin$/.test(file));
  expect(readBuild(readFileSync(join(folder, name)))).toMatchObject({ idf: 3, hasSha512: true });
});
