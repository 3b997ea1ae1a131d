/** The report of the first hour with boards: made by doctor at the emulated board, refused where a field is wrong. */
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BOARD_FIGURES,
  emptyReport,
  parseReport,
  withBoardIn,
  type BoardReport,
  type ReportedBoard,
} from '../../flash-scripts/doctor/board-report.js';
import { examineBoard } from '../../flash-scripts/doctor/doctor.js';
import { NODE_TOOLS } from '../../flash-scripts/flash/node/board-tools.js';
import {
  compareFigures,
  figuresText,
  keepBoardPart,
  writeBoardFigures,
} from '../../host-bridge/bench/board-figures.js';
import { createEmulatedPort } from '../../host-bridge/serial/port.js';
import { attemptOn, BOARD, espRig, plantInterpreter } from '../flash/flash-rig.js';
import { interpreterTest, runInEspruino } from '../build/fixture-runner.js';
import { PROGRAMS } from '../../flash-scripts/doctor/timings.js';
import { skipWaits } from '../kit/skipped-waits.js';

skipWaits();

const PAGE = `# Performance

| HSU, with a bridge | 305 ms | 1,476 ms | 2,404 ms |

## How to measure
`;

const TIMED: ReportedBoard = {
  board: 'esp32-devkitc-wrover',
  role: 'user-token',
  interpreter: 'Espruino 2v29.277',
  variables: 16_383,
  faults: [],
  timings: { emptyLoopUs: 173, dotElementUs: 7.7, hashBlockUs: 45 },
};

const report = (changes: Partial<BoardReport> = {}): BoardReport => ({
  ...withBoardIn(emptyReport(), TIMED),
  taps: [400, 305, 610],
  ...changes,
});

test('doctor takes the figures of an emulated board, and bench reads what it wrote', async () => {
  const rig = espRig();
  plantInterpreter(rig.esp);
  let measured: Pick<ReportedBoard, 'variables' | 'timings'> | null = null;
  await examineBoard({
    ...NODE_TOOLS,
    device: rig.cable,
    attempt: attemptOn(rig.cable),
    reporter: { step: () => undefined, progress: () => undefined, hint: () => undefined },
    burstBytesMax: 1024,
    handMs: 500,
    board: BOARD,
    onMeasured: (figures) => void (measured = figures),
    openLink: async () => createEmulatedPort(rig.esp.cable),
  });
  // It counts no variables, and its programs take no time of its clock: what cannot be measured is left out.
  expect(measured).toEqual({ variables: 0, timings: {} });
  const board = { board: BOARD.name, role: 'unknown', interpreter: 'Espruino 2v29', faults: [], ...measured! };
  const text = JSON.stringify(withBoardIn(emptyReport(), board));
  expect(compareFigures(parseReport(text, 'boards.json'), PAGE)).toEqual([]);
});

interpreterTest('the programs give numbers in the interpreter', () => {
  const lines = runInEspruino(BOARD_FIGURES.map((name) => `print(${PROGRAMS[name]});`).join('\n'), 60_000);
  expect(lines.length).toBe(BOARD_FIGURES.length);
  for (const line of lines) expect(Number(line)).toBeGreaterThan(0);
});

test('each figure stands beside its estimate', () => {
  const byHand = {
    powerPulled: { times: 20, paidOnce: 20, paidTwice: 0, lost: 0 },
    i2cStretchUs: 640,
    radioSeen: [],
  };
  const rows = compareFigures(report({ byHand }), PAGE);
  expect(
    rows.map(({ what, estimate, measured, ratio }) => [what.replace(/.*: /, ''), estimate, measured, ratio]),
  ).toEqual([
    ['a round of an empty loop', '86.5', 173, 2],
    ['an element of E.convolve', '7.7', 7.7, 1],
    ['a block of SHA-256', '90', 45, 0.5],
    ['variables', '16383', 16_383, 1],
    ['3 taps with a bridge, p50', '305', 400, 1.31],
    ['3 taps with a bridge, p99', '1476', 610, 0.41],
    ['SCL held low by a PN532', '400-1000', 640, null],
    ['paid twice, or lost', '0', 0, null],
    ['names on the air', '0', 0, null],
  ]);
  expect(figuresText(rows)).toContain('esp32-devkitc-wrover, user-token: a block of SHA-256        90 us        45 us');
});

test('a board that is measured again takes the place of its earlier figures', () => {
  const again = withBoardIn(report(), { ...TIMED, timings: {} });
  expect(again.boards).toEqual([{ ...TIMED, timings: {} }]);
  expect(withBoardIn(again, { ...TIMED, role: 'shop-terminal' }).boards.length).toBe(2);
});

/** Puts a value where a path leads, undefined to leave it out. */
function spoil(report: object, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop()!;
  const at = names.reduce((inner, name) => (inner as Record<string, object>)[name], report);
  (at as Record<string, unknown>)[last] = value;
}

test.each<[path: string, value: unknown, fault?: string]>([
  ['format', 2],
  ['boards', {}],
  ['boards.0', null, 'boards.0.an object'],
  ['boards.0.board', undefined],
  ['boards.0.variables', -1],
  ['boards.0.faults', [1]],
  ['boards.0.timings.emptyLoopUs', 0],
  ['boards.0.timings.signUs', 5, 'boards.0.timings.signUs: no such figure'],
  ['taps', [300, '400']],
  ['byHand', undefined],
  ['byHand.powerPulled', { times: 3 }],
  ['byHand.i2cStretchUs', 'long'],
  ['byHand.radioSeen', 'none'],
])('a report is refused by the name of its field: %s', (path, value, fault = path) => {
  const bad = JSON.parse(JSON.stringify(report())) as object;
  expect(() => parseReport(JSON.stringify(bad), 'f')).not.toThrow();
  spoil(bad, path, value);
  expect(() => parseReport(JSON.stringify(bad), 'f')).toThrow(
    expect.objectContaining({ code: 'BAD_REQUEST', detail: expect.stringContaining(`f: ${fault}`) }),
  );
  expect(() => parseReport('{', 'f')).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
});

test('the page gets them, once, and keeps them when it is written anew', () => {
  const root = mkdtempSync(join(tmpdir(), 'tapcash-page-'));
  try {
    mkdirSync(join(root, 'docs'));
    const file = join(root, 'docs', 'performance.md');
    writeFileSync(file, PAGE);
    for (const taps of [[300], [500]]) expect(writeBoardFigures(report({ taps }), root)).toBe('docs/performance.md');
    const page = readFileSync(file, 'utf8');
    expect(page.match(/## On real boards/g)!.length).toBe(1);
    expect(page).toContain('| 1 taps with a bridge, p50 | 305 ms | 500 ms | 1.64 |');
    expect(page.indexOf('## On real boards')).toBeLessThan(page.indexOf('## How to measure'));
    expect(keepBoardPart(page, PAGE)).toBe(page);
    expect(keepBoardPart(PAGE, PAGE)).toBe(PAGE);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
