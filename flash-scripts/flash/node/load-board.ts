/**
 * Reads the boards of board-configs/ from their files (boards/boards.ts checks them).
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../host-bridge/base/package-root.js';
import type { BoardEntry } from '../../boards/board-entry.js';
import { BoardError, checkBoard, compileSchema } from '../../boards/boards.js';

const folder = (): string => join(packageRoot(), 'board-configs');

/** Names of the boards that there are. */
export function boardNames(): string[] {
  return readdirSync(folder())
    .filter((file) => file.endsWith('.json') && file !== 'schema.json')
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/** Entries that a computer stands in for. */
const STAND_INS = ['emulated', 'linux'];

/** Names of those that somebody can buy. */
export const realBoardNames = (): string[] => boardNames().filter((name) => !STAND_INS.includes(name));

let validator: ReturnType<typeof compileSchema> | undefined;

/**
 * Checks a board's entry by the schema of board-configs/.
 * @throws BoardError (code BOARD_INVALID) that names the field
 */
export function checkEntry(value: unknown, name: string): BoardEntry {
  validator ??= compileSchema(JSON.parse(readFileSync(join(folder(), 'schema.json'), 'utf8')) as object);
  return checkBoard(value, name, validator);
}

/**
 * Reads and checks a board of board-configs/.
 * @throws BoardError (code BOARD_INVALID) that names the file, the field, or the boards that there are
 */
export function loadBoard(name: string): BoardEntry {
  const path = join(folder(), `${name}.json`);
  if (!/^[a-z0-9-]+$/.test(name) || name === 'schema' || !existsSync(path)) {
    throw new BoardError(`no board ${name}: there are ${boardNames().join(', ')}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new BoardError(`board ${name}: ${(error as Error).message}`);
  }
  return checkEntry(value, name);
}
