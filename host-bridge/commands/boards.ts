/** `tapcash boards`: which boards there are, and how one is wired. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { boardNames, loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { wiringSvg } from '../../flash-scripts/boards/wiring-svg.js';
import { busName, partsOf, wiringTable } from '../../flash-scripts/boards/wiring.js';
import { table } from '../base/text-table.js';
import { print } from './output.js';

/** Lists the boards of board-configs/. `--json`: an array. */
export function boards(options: { json?: boolean }): void {
  const found = boardNames().map((name) => {
    const board = loadBoard(name);
    return { name, chip: board.chip, roles: board.roles, bus: busName(board), limits: board.limits ?? [] };
  });
  const rows = found.map(({ name, chip, bus, roles, limits }) => [
    ...[name, chip, bus],
    `${roles.join(', ')}${limits.length ? ' (with limits)' : ''}`,
  ]);
  print(
    options.json,
    { boards: found },
    [...table(rows, { head: ['name', 'chip', 'bus', 'roles'] }), '', 'Wiring: tapcash boards show NAME'].join('\n'),
  );
}

/** Prints how a board is wired, and writes the drawing where `--svg` says. */
export function showBoard(name: string, options: { svg?: string; json?: boolean }): void {
  const board = loadBoard(name);
  if (options.svg) writeFileSync(resolve(options.svg), wiringSvg(board));
  print(
    options.json,
    { ...board, bus: busName(board), parts: partsOf(board) },
    options.svg ? `${wiringTable(board)}\n\ndrawn: ${options.svg}` : wiringTable(board),
  );
}
