/**
 * `tapcash doctor`: what is on a board, and what to do about each fault.
 */
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { examineBoard, type Finding } from '../../flash-scripts/doctor/doctor.js';
import { withBoardIn, type ReportedBoard } from '../../flash-scripts/doctor/board-report.js';
import { testProgram } from '../../flash-scripts/flash/node/board-tools.js';
import { EXIT } from '../base/errors.js';
import { openBoardPort } from '../serial/port.js';
import { changeBoardReport } from './board-report-file.js';
import { withBoard, type PortCommand } from './board-access.js';
import { table } from '../base/text-table.js';
import { print } from './output.js';

function textOf(findings: Finding[]): string {
  const lines = table(
    findings.flatMap(({ check, ok, found, code, remedy }) => [
      [ok ? 'ok' : 'FAULT', check, `${code ? `${code}: ` : ''}${found}`],
      ...(remedy ? [['', '', `-> ${remedy}`]] : []),
    ]),
  );
  const faults = findings.filter((finding) => !finding.ok).length;
  return [...lines, faults === 0 ? 'Nothing is wrong.' : `${faults} fault${faults === 1 ? '' : 's'}.`].join('\n');
}

/** Checks that `--selftest` adds. */
const SELFTEST: readonly Finding['check'][] = ['answers', 'field', 'buttons', 'flash', 'curve', 'display'];

/** What a report says of a board beside its figures. */
function whatOf(findings: Finding[]): Pick<ReportedBoard, 'board' | 'role' | 'interpreter' | 'faults' | 'selftest'> {
  const foundBy = (check: Finding['check']) => findings.find((finding) => finding.check === check && finding.ok)?.found;
  const [role, board] = foundBy('provision')?.split(' on ') ?? [];
  const tried = findings.filter(({ check }) => SELFTEST.includes(check)).map(({ check, found }) => [check, found]);
  return {
    board: board ?? 'unknown',
    role: role ?? 'unknown',
    interpreter: foundBy('interpreter') ?? 'unknown',
    faults: findings.filter(({ ok }) => !ok).map(({ check }) => check),
    ...(tried.length > 0 ? { selftest: Object.fromEntries(tried) as Record<string, string> } : {}),
  };
}

/** Looks at a board; a fault makes the exit code 3. */
export async function doctor(
  options: PortCommand & { board?: string; boardReport?: string; selftest?: boolean },
): Promise<void> {
  const board = options.board === undefined ? null : loadBoard(options.board);
  let measured = { variables: 0, timings: {} };
  const findings = await withBoard(options, (access) =>
    examineBoard({
      ...access,
      ...(board ? { board } : {}),
      ...(board?.link ? { burstBytesMax: board.link.burstBytesMax } : {}),
      ...(options.selftest ? { selftest: testProgram } : {}),
      ...(options.boardReport ? { onMeasured: (figures) => void (measured = figures) } : {}),
      openLink: () => openBoardPort(access.device.path),
    }),
  );
  if (options.boardReport)
    changeBoardReport(options.boardReport, (report) => withBoardIn(report, { ...whatOf(findings), ...measured }));
  const ok = findings.every((finding) => finding.ok);
  print(options.json, { ok, checks: findings }, textOf(findings));
  if (!ok) process.exitCode = EXIT.environment;
}
