/**
 * How many variables each interpreter build has that people may put on a board, and how each figure was got.
 *
 * Espruino's board files give the most that a build can number (`variables`, which also decides the size of one); an
 * ESP32's start takes free heap less a reserve, over that size, in one malloc (targets/esp32/main.c). No number here
 * was counted on a board, and only what says "seen" was seen; the rest is from design notes or an estimate, and nobody
 * checked it in a checkout of that build.
 */

/** One row. */
export interface InterpreterBuild {
  build: string;
  module: string;
  /** Most variables; null where nobody has a figure. */
  variables: number | null;
  /** Bytes of one, by the number that its board file has (src/jsutils.h). */
  bytes: number;
  /** Where the number is from. */
  source: string;
  /** Whether it is a bound or reckoned, and not seen to be so. */
  estimate: boolean;
}

/** The builds. By design notes releases 2v27 to 2v29 have the same number, and the same reserve. */
export const INTERPRETER_BUILDS: readonly InterpreterBuild[] = [
  {
    build: 'ESP32, 2v27 to 2v29',
    module: 'with PSRAM (WROVER)',
    variables: 16383,
    bytes: 14,
    source: 'a 2v27.45 build was seen to pay in QEMU; from design notes for other releases',
    estimate: false,
  },
  {
    build: 'ESP32, 2v27 to 2v29',
    module: 'without PSRAM (WROOM-32), Bluetooth off',
    variables: 5886,
    bytes: 14,
    source: 'seen with 2v27.45 in QEMU; other releases leave more or less heap',
    estimate: true,
  },
  {
    build: 'ESP32, 2v27 to 2v29',
    module: 'without PSRAM (WROOM-32), Bluetooth on',
    variables: null,
    bytes: 14,
    source: 'fewer than 5,886: Bluetooth takes heap first; QEMU has no Bluetooth',
    estimate: true,
  },
  {
    build: 'ESP32_IDF5, September 2026',
    module: 'without PSRAM (WROOM-32)',
    variables: null,
    bytes: 14,
    source: 'fewer than 5,886, from design notes, not checked; it leaves SHA512 out',
    estimate: true,
  },
  {
    build: 'ESP32C3_IDF4, 2v29',
    module: 'ESP32-C3',
    variables: 4095,
    bytes: 13,
    source: 'from design notes, not checked: the most that it can number',
    estimate: true,
  },
  {
    build: 'ESP32C3_IDF5, September 2026',
    module: 'ESP32-C3',
    variables: 16383,
    bytes: 14,
    source: 'from design notes, not checked: the most that it can number',
    estimate: true,
  },
  {
    build: 'ESP32S3_IDF4, 2v29',
    module: 'ESP32-S3',
    variables: 16383,
    bytes: 14,
    source: 'from design notes, not checked: the most that it can number',
    estimate: true,
  },
  {
    build: 'ESP32S3_IDF5, September 2026',
    module: 'ESP32-S3',
    variables: 4095,
    bytes: 13,
    source: 'from design notes, not checked: the most that it can number',
    estimate: true,
  },
];
