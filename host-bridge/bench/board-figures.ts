/**
 * Each estimate of ours beside what real boards measured (`tapcash bench --board-report`): as a text, and as a part of
 * docs/performance.md.
 */
import type { BoardReport, BoardTimings } from '../../flash-scripts/doctor/board-report.js';
import { boardNames, loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { packageRoot } from '../base/package-root.js';
import { NATIVES } from '../emulator/construct-counts.js';
import { ESP32_SPEED } from '../emulator/work-meter.js';
import { keepPart, NEXT_SECTION, readPage, writePart, type PagePart } from './page-part.js';

/** One figure, estimated and measured. */
export interface ComparedFigure {
  what: string;
  unit: string;
  /** As people read it: a number, or a range. */
  estimate: string;
  measured: number;
  /** Measured by estimated; null where the estimate is a range. */
  ratio: number | null;
}

/** Microseconds of so many instructions, to a tenth. */
const usOf = (instructions: number): number =>
  Math.round((instructions * ESP32_SPEED.cycles * 10) / ESP32_SPEED.mhz) / 10;
/** Instructions of an ESP32 build for a round, counted in QEMU (construct-counts.ts). */
const EMPTY_LOOP = 11_527;
/** The same for operations on the curve (docs/performance.md). */
const KEY_PAIR = 347e6;
const NONCE = 259e6;
const SIGNATURE = 2.69e6;
const BARE_CHECK = 1924e6;
/** Of a display in colour (docs/hardware.md). */
const PICTURE_US = 200_000;

const TIMED: Record<keyof BoardTimings, [what: string, estimateUs: number]> = {
  emptyLoopUs: ['a round of an empty loop', usOf(EMPTY_LOOP)],
  dotElementUs: ['an element of E.convolve', usOf(NATIVES.dotElement)],
  byteUs: ['a byte of a native call', usOf(NATIVES.byte)],
  characterUs: ['a character that indexOf looks at', usOf(NATIVES.character)],
  hashBlockUs: ['a block of SHA-256', usOf(NATIVES.hashBlock)],
  keyPairUs: ['a key pair', usOf(KEY_PAIR)],
  nonceUs: ['a nonce', usOf(NONCE)],
  signatureUs: ['a signature, its nonce ready', usOf(SIGNATURE)],
  checkUs: ['a check of any key, without multiples', usOf(BARE_CHECK)],
  pictureUs: ['a picture on the display', PICTURE_US],
  flashWriteUs: ['a write to flash', ESP32_SPEED.flashWriteMs * 1000],
  flashEraseUs: ['a page of flash erased', ESP32_SPEED.flashEraseMs * 1000],
};

/** Around the part of the page that `--board-report --write` writes, and `--write` keeps. */
const BOARD_PART: PagePart = {
  markers: ['<!-- boards: written by tapcash bench --board-report -->', '<!-- end of boards -->'],
  before: NEXT_SECTION,
};

/** Where a percentile stands in a sorted list. */
const percentile = (sorted: number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];

const compared = (what: string, unit: string, estimate: number, measured: number): ComparedFigure => ({
  what,
  unit,
  estimate: String(estimate),
  measured,
  ratio: Math.round((measured / estimate) * 100) / 100,
});

/** The modelled tap with a bridge, from the page's table. */
function modelledTap(page: string): [p50Ms: number, p99Ms: number] | null {
  const found = /\| HSU, with a bridge \| ([\d,]+) ms \| ([\d,]+) ms \|/.exec(page);
  return found ? [Number(found[1].replace(/,/g, '')), Number(found[2].replace(/,/g, ''))] : null;
}

/** Each figure of a report beside its estimate. @param page docs/performance.md, where the modelled tap stands */
export function compareFigures(report: BoardReport, page: string): ComparedFigure[] {
  const rows: ComparedFigure[] = [];
  for (const { board, role, variables, timings } of report.boards) {
    const where = `${board}, ${role}: `;
    for (const [figure, [what, estimateUs]] of Object.entries(TIMED)) {
      const us = timings[figure as keyof BoardTimings];
      if (us !== undefined) rows.push(compared(where + what, 'us', estimateUs, us));
    }
    // An interpreter that counts none, as the emulated one, says 0.
    if (variables > 0 && boardNames().includes(board))
      rows.push(compared(`${where}variables`, '', loadBoard(board).variables, variables));
  }
  const taps = [...report.taps].sort((a, b) => a - b);
  const model = modelledTap(page);
  if (taps.length > 0 && model) {
    rows.push(compared(`${taps.length} taps with a bridge, p50`, 'ms', model[0], percentile(taps, 0.5)));
    rows.push(compared(`${taps.length} taps with a bridge, p99`, 'ms', model[1], percentile(taps, 0.99)));
  }
  const { powerPulled, i2cStretchUs, radioSeen } = report.byHand;
  if (i2cStretchUs !== null)
    rows.push({
      what: 'SCL held low by a PN532',
      unit: 'us',
      estimate: '400-1000',
      measured: i2cStretchUs,
      ratio: null,
    });
  if (powerPulled)
    rows.push({
      what: `power pulled ${powerPulled.times} times: paid twice, or lost`,
      unit: '',
      estimate: '0',
      measured: powerPulled.paidTwice + powerPulled.lost,
      ratio: null,
    });
  if (radioSeen)
    rows.push({ what: 'names on the air', unit: '', estimate: '0', measured: radioSeen.length, ratio: null });
  return rows;
}

const cellsOf = ({ what, unit, estimate, measured, ratio }: ComparedFigure): string[] => [
  what,
  `${estimate} ${unit}`.trim(),
  `${measured} ${unit}`.trim(),
  ratio === null ? '' : String(ratio),
];

/** The figures as people read them in a terminal. */
export function figuresText(rows: ComparedFigure[]): string {
  const table = [['what', 'estimate', 'measured', 'ratio'], ...rows.map(cellsOf)];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((cells) => cells[column].length)));
  return table
    .map((cells) =>
      cells
        .map((cell, i) => (i < 3 ? cell.padEnd(widths[i]) : cell))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function partOf(rows: ComparedFigure[], report: BoardReport): string {
  const boards = report.boards.map(({ board, role, interpreter }) => `${board} (${role}, ${interpreter})`);
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [
    BOARD_PART.markers[0],
    '## On real boards',
    '',
    `Measured on ${boards.join(', ')}; each beside our estimate.`,
    '',
    line(['what', 'estimate', 'measured', 'ratio']),
    line(['---', '---', '---', '---']),
    ...rows.map((row) => line(cellsOf(row))),
    BOARD_PART.markers[1],
  ].join('\n');
}

/** A page that was written anew, with what the one before said of boards. */
export const keepBoardPart = (before: string, page: string): string => keepPart(before, page, BOARD_PART);

/** Puts a report's figures into docs/performance.md. @returns the file, from the repository's root */
export function writeBoardFigures(report: BoardReport, root = packageRoot()): string {
  return writePart(BOARD_PART, partOf(compareFigures(report, readPage(root)), report), root);
}
