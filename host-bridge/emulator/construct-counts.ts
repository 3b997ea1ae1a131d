/**
 * What each construct of a program costs Espruino, in instructions of an ESP32: the prices of work-meter.ts.
 *
 * Counted, by valgrind's callgrind around loops of one construct each: Espruino 2v29.277 for x86-64 (-O2); the numbers
 * of COUNTS are those counts, differences of two programs. Scaled: times SCALE, for an ESP32 build has other
 * instructions, and doubles in software. SCALE and the instructions of a dot product's element are the ones with which
 * the sums of these prices are what an ESP32 build of 2v27.45 took for nine whole operations of our cryptography, in
 * QEMU with -icount; `test/emulator/construct-counts.test.ts` holds each within a tenth. A round of an empty loop took
 * 11,527 instructions there and 5,288 here, which alone would give 2.18.
 *
 * Left out: the search for room for an array, which takes the longer the more scattered free variables are; and
 * instructions that wait, for which the cycles of an instruction stand (work-meter.ts).
 */

/** Instructions of an ESP32 build for one of the x86-64 build. */
export const SCALE = 1.97;

/** Counts on x86-64. */
export const COUNTS = {
  statement: 230,
  /** A name that is found at once; and for each name, and each function, that is looked through before. */
  name: 615,
  nameBefore: 12,
  functionBefore: 290,
  /** Beside its walk through all names: a global of the interpreter. */
  globalName: 1500,
  number: 615,
  text: 1145,
  comma: 150,
  operator: 850,
  assignment: 757,
  /** `++a`, `a++`. */
  update: 1383,
  condition: 950,
  logical: 425,
  branch: 436,
  /** A round of a loop, beside test and step. */
  round: 1244,
  attempt: 1433,
  returned: 500,
  /** A property of our own; an element of an array. */
  member: 560,
  element: 993,
  elementWritten: 560,
  /** What all arrays and texts have, `length` for example; a function of E or Math. */
  nativeMember: 5500,
  length: 7500,
  toolMember: 3300,
  call: 1800,
  argument: 1322,
  /** A function that does something is begun. */
  entered: 3000,
  variable: 950,
  functionMade: 1400,
  characterSkipped: 46,
  objectField: 2175,
  arrayElement: 800,
  made: 3662,
  /** Natives, for each that they go through. */
  byte: 200,
  character: 797,
} as const;

/** Instructions of an ESP32 for what natives go through. */
export const NATIVES = {
  dotElement: 1025,
  /** Graphics.transformVertices and E.mapInPlace; assumed to cost what a dot product's element does. */
  pairValue: 1025,
  byte: Math.round(COUNTS.byte * SCALE),
  character: Math.round(COUNTS.character * SCALE),
  /** An ESP32 build took 61,765 for SHA-512 of 100 bytes in a loop, of which round and call explain some 50,000. */
  hashBlock: 12_000,
  /** One byte of an overlay that is loaded: its functions are skipped over. */
  overlayByte: Math.round(COUNTS.characterSkipped * SCALE),
};
