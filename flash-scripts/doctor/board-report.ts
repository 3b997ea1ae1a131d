/**
 * The report of the first hour with real boards (docs/hardware.md): one JSON file that `tapcash doctor` and `tapcash
 * charge --wait` add to with `--board-report`, and people complete by hand; `tapcash bench` reads it.
 */
import { failure } from '../../host-bridge/base/errors.js';

/** Figures that a board's own clock gives, by programs typed on its console. */
export const BOARD_FIGURES = ['emptyLoopUs', 'dotElementUs', 'byteUs', 'characterUs', 'hashBlockUs'] as const;

/** Figures of `--selftest`: of the role's own program, and of flash. */
export const SELFTEST_FIGURES = [
  'keyPairUs',
  'nonceUs',
  'signatureUs',
  'checkUs',
  'pictureUs',
  'flashWriteUs',
  'flashEraseUs',
] as const;

/** Microseconds of each, where they could be measured. */
export type BoardTimings = { [figure in (typeof BOARD_FIGURES | typeof SELFTEST_FIGURES)[number]]?: number };

/** What doctor found on one board. */
export interface ReportedBoard {
  /** Name of its entry; "unknown" where the board was not provisioned and none was named. */
  board: string;
  role: string;
  /** As doctor tells it: "Espruino 2v29.277". */
  interpreter: string;
  variables: number;
  /** Names of the checks that failed. */
  faults: string[];
  timings: BoardTimings;
  /** What `--selftest` found, by the name of each of its checks; absent without it. */
  selftest?: Record<string, string>;
}

/** What people write into it; null until they do. */
interface ByHand {
  /** Power pulled from the token within a tap: how often, and what came of each charge after tapping again. */
  powerPulled: { times: number; paidOnce: number; paidTwice: number; lost: number } | null;
  /** How long a PN532 on I2C holds SCL low, microseconds, by a logic analyser. */
  i2cStretchUs: number | null;
  /** Names of WiFi and Bluetooth that a phone beside the boards saw come and go with their power. */
  radioSeen: string[] | null;
}

/** The file. */
export interface BoardReport {
  format: 1;
  boards: ReportedBoard[];
  /** Milliseconds from the token's answer until PAID, one for each tap. */
  taps: number[];
  byHand: ByHand;
}

/** A report in which nothing stands yet. */
export const emptyReport = (): BoardReport => ({
  format: 1,
  boards: [],
  taps: [],
  byHand: { powerPulled: null, i2cStretchUs: null, radioSeen: null },
});

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

function boardFault(board: unknown): string | null {
  if (!isObject(board)) return 'an object';
  for (const name of ['board', 'role', 'interpreter'])
    if (typeof board[name] !== 'string' || board[name] === '') return `${name}: a text`;
  if (!isCount(board['variables'])) return 'variables: a number';
  if (!isTexts(board['faults'])) return 'faults: texts';
  const { timings } = board;
  if (!isObject(timings)) return 'timings: an object';
  for (const [name, us] of Object.entries(timings)) {
    if (![...BOARD_FIGURES, ...SELFTEST_FIGURES].some((figure) => figure === name))
      return `timings.${name}: no such figure`;
    if (!isCount(us) || us === 0) return `timings.${name}: microseconds above 0`;
  }
  const { selftest } = board;
  if (selftest !== undefined && !(isObject(selftest) && isTexts(Object.values(selftest))))
    return 'selftest: texts by name';
  return null;
}

function handFault(hand: unknown): string | null {
  if (!isObject(hand)) return 'byHand: an object';
  const { powerPulled, i2cStretchUs, radioSeen } = hand;
  if (powerPulled !== null) {
    const counts = ['times', 'paidOnce', 'paidTwice', 'lost'];
    if (!isObject(powerPulled) || !counts.every((name) => isCount(powerPulled[name])))
      return `byHand.powerPulled: null, or ${counts.join(', ')}`;
  }
  if (i2cStretchUs !== null && !isCount(i2cStretchUs)) return 'byHand.i2cStretchUs: null, or microseconds';
  if (radioSeen !== null && !isTexts(radioSeen)) return 'byHand.radioSeen: null, or texts';
  return null;
}

/** @returns what is wrong with a report, field first; null where nothing is */
function reportFault(report: unknown): string | null {
  if (!isObject(report) || report['format'] !== 1) return 'format: 1';
  const { boards, taps } = report;
  if (!Array.isArray(boards)) return 'boards: a list';
  for (const [i, board] of boards.entries()) {
    const fault = boardFault(board);
    if (fault) return `boards.${i}.${fault}`;
  }
  if (!Array.isArray(taps) || !taps.every((ms) => isCount(ms) && ms > 0)) return 'taps: milliseconds above 0';
  return handFault(report['byHand']);
}

/** A report from its file's text. @throws TapcashError BAD_REQUEST that names the field */
export function parseReport(text: string, file: string): BoardReport {
  let report: unknown;
  try {
    report = JSON.parse(text);
  } catch (error) {
    throw failure('BAD_REQUEST', `${file}: not JSON`, error as Error);
  }
  const fault = reportFault(report);
  if (fault) throw failure('BAD_REQUEST', `${file}: ${fault}`);
  return report as BoardReport;
}

/** The report with this board in it; what it held of a board of the same kind and role goes. */
export const withBoardIn = (report: BoardReport, board: ReportedBoard): BoardReport => ({
  ...report,
  boards: [...report.boards.filter((each) => each.board !== board.board || each.role !== board.role), board],
});
