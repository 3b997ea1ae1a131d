/**
 * The file of a board report (flash-scripts/doctor/board-report.ts), which several commands add to.
 */
import { existsSync, readFileSync } from 'node:fs';
import { emptyReport, parseReport, type BoardReport } from '../../flash-scripts/doctor/board-report.js';
import { replaceFile } from '../base/durable-file.js';
import { failure } from '../base/errors.js';

/** The report in a file. @throws TapcashError FILE_MISSING, BAD_REQUEST that names the field */
export function readBoardReport(file: string): BoardReport {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw failure('FILE_MISSING', file, error as Error);
  }
  return parseReport(text, file);
}

/** Changes the report in a file, which is made where it is not there. @throws TapcashError BAD_REQUEST */
export function changeBoardReport(file: string, change: (report: BoardReport) => BoardReport): void {
  const report = change(existsSync(file) ? readBoardReport(file) : emptyReport());
  replaceFile(file, `${JSON.stringify(report, null, 2)}\n`);
}
