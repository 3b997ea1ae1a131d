/**
 * Espruino's builds by chip: which there are, whether the firmware runs on them, and how many variables a board has
 * with each. The one table; boards take their rows by the name of the file that their entry tells to take.
 *
 * Espruino's board files give the most that a build can number (`counts`, which also decides the size of one); an
 * ESP32's start takes free heap less a reserve, over that size, in one malloc (targets/esp32/main.c). No number here
 * was counted on a board, and only what says "seen" was seen; the rest is from Espruino's sources, design notes or an
 * estimate.
 */

/** What a build leaves on a module. */
interface ModuleVariables {
  /** For people. */
  module: string;
  /** Most variables; null where nobody has a figure. */
  variables: number | null;
  /** Where the number is from. */
  source: string;
  /** Whether it is a bound or reckoned, and not seen to be so. */
  estimate: boolean;
}

/** One build. */
export interface InterpreterBuild {
  /** Its board file in Espruino's boards/, without .py, and since when it is there or which releases have it. */
  name: string;
  since?: string;
  /** Its file; `*` stands for the release. Builds on different ESP-IDFs have the same. */
  file: string;
  idf: 3 | 4 | 5;
  /** Variables that it can number at most. */
  counts: number;
  /** Bytes of one, by that number (src/jsutils.h). */
  bytes: number;
  /** Why the firmware does not run on it. */
  unfit?: string;
  modules: readonly ModuleVariables[];
}

/** Variables of an ESP32 without PSRAM, with Bluetooth off. */
export const WITHOUT_PSRAM = 5886;

const NO_SHA512 = 'it leaves crypto.SHA512 out';
const TOO_FEW = 'its 4,095 variables are too few for either role';
const AT_MOST = 'from design notes, not checked: the most that it can number';

/** On ESP-IDF 3. By design notes releases 2v27 to 2v29 have the same number, and the same reserve. */
const ESP32_MODULES: readonly ModuleVariables[] = [
  {
    module: 'with PSRAM (WROVER)',
    variables: 16383,
    source: 'a 2v27.45 build was seen to pay in QEMU; from design notes for other releases',
    estimate: false,
  },
  {
    module: 'without PSRAM (WROOM-32), Bluetooth off',
    variables: WITHOUT_PSRAM,
    source: 'seen with 2v27.45 in QEMU; other releases leave more or less heap',
    estimate: true,
  },
  {
    module: 'without PSRAM (WROOM-32), Bluetooth on',
    variables: null,
    source: 'fewer than 5,886: Bluetooth takes heap first; QEMU has no Bluetooth',
    estimate: true,
  },
];

function atMost(module: string, variables: number): readonly ModuleVariables[] {
  return [{ module, variables, source: AT_MOST, estimate: true }];
}

/** All of them. */
export const INTERPRETER_BUILDS: readonly InterpreterBuild[] = [
  {
    name: 'ESP32',
    since: '2v27 to 2v29',
    file: 'espruino_*_esp32.bin',
    idf: 3,
    counts: 16383,
    bytes: 14,
    modules: ESP32_MODULES,
  },
  {
    name: 'ESP32_IDF4',
    file: 'espruino_*_esp32.bin',
    idf: 4,
    counts: 16383,
    bytes: 14,
    unfit: NO_SHA512,
    modules: [],
  },
  {
    name: 'ESP32_IDF5',
    since: 'September 2026',
    file: 'espruino_*_esp32.bin',
    idf: 5,
    counts: 16383,
    bytes: 14,
    unfit: NO_SHA512,
    modules: [
      {
        module: 'without PSRAM (WROOM-32)',
        variables: null,
        source: 'fewer than 5,886, from design notes, not checked; it leaves SHA512 out',
        estimate: true,
      },
    ],
  },
  {
    name: 'ESP32_CYD',
    since: '2v27 to 2v29',
    file: 'espruino_*_esp32_cyd.bin',
    idf: 3,
    counts: 16383,
    bytes: 14,
    modules: ESP32_MODULES.slice(1),
  },
  {
    name: 'ESP32C3_IDF4',
    since: '2v29',
    file: 'espruino_*_esp32c3.bin',
    idf: 4,
    counts: 4095,
    bytes: 13,
    unfit: TOO_FEW,
    modules: atMost('ESP32-C3', 4095),
  },
  {
    name: 'ESP32C3_IDF5',
    since: 'September 2026',
    file: 'espruino_*_esp32c3.bin',
    idf: 5,
    counts: 16383,
    bytes: 14,
    modules: atMost('ESP32-C3', 16383),
  },
  {
    name: 'ESP32S3_IDF4',
    since: '2v29',
    file: 'espruino_*_esp32s3.bin',
    idf: 4,
    counts: 16383,
    bytes: 14,
    modules: atMost('ESP32-S3', 16383),
  },
  {
    name: 'ESP32S3_IDF5',
    since: 'September 2026',
    file: 'espruino_*_esp32s3.bin',
    idf: 5,
    counts: 4095,
    bytes: 13,
    unfit: TOO_FEW,
    modules: atMost('ESP32-S3', 4095),
  },
];

/** The builds whose file a board's entry tells to take. @param firmware as the entry has it: the file's name first */
export function buildsOf(firmware: string): InterpreterBuild[] {
  return INTERPRETER_BUILDS.filter(({ file }) => {
    const [before, after] = file.split('*') as [string, string];
    const [name] = firmware.split(' ') as [string];
    const release = name.slice(before.length, -after.length);
    return name.startsWith(before) && name.endsWith(after) && /^[^_]+$/.test(release);
  });
}
