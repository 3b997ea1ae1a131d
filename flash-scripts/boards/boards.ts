/**
 * The boards of board-configs/, checked against schema.json and against what no schema can say.
 *
 * Addresses may stand there in hexadecimal, as datasheets have them; here and on the board they are numbers.
 * Leaves out what the board checks itself at boot (firmware/core/board-config.ts), and reading the files
 * (flash/node/load-board.ts).
 */
import { Ajv } from 'ajv';
import type { ErrorObject, ValidateFunction } from 'ajv';
import type { BoardConfig } from '../../firmware/core/board-config.js';
import { pinsFault } from './chip-pins.js';
import type { BoardEntry } from './board-entry.js';
import { buildsOf } from './interpreter-builds.js';
import { variablesFault } from './memory-needs.js';

/** What a board must know of itself: the entry without what only the host asks. */
export function firmwareConfig(entry: BoardConfig): BoardConfig {
  const { description, chip, roles, variables, psram, usb, limits, layout, ...config } = entry as BoardEntry;
  // What was read from a board has it already.
  return layout ? { ...config, flash: { ...config.flash, storage: layout.storage.address } } : config;
}

/** A board's entry that cannot be used; `message` names board, field and remedy. */
export class BoardError extends Error {
  readonly code = 'BOARD_INVALID';
  constructor(message: string) {
    super(message);
    this.name = 'BoardError';
  }
}

/** A problem as "flash.bytes: must be >= 32768". */
function describe(error: ErrorObject): string {
  const { missingProperty, additionalProperty, allowedValues, allowedValue } = error.params as Record<string, unknown>;
  const path = error.instancePath.split('/').slice(1);
  if (missingProperty) return `${[...path, missingProperty].join('.')}: missing`;
  if (additionalProperty) return `${[...path, additionalProperty].join('.')}: no such field`;
  const place = path.join('.') || '(the whole file)';
  if (allowedValues)
    return `${place}: must be one of ${(allowedValues as unknown[]).map((value) => JSON.stringify(value)).join(', ')}`;
  if (allowedValue !== undefined) return `${place}: must be ${JSON.stringify(allowedValue)}`;
  return `${place}: ${error.message ?? 'wrong'}`;
}

/**
 * The areas of Espruino's partition tables that nothing else uses ("flash", type 0x40): targets/esp32/Changes_V3.1 and
 * IDF4 of its sources have the same one. The Linux build has none; its Storage is told to leave the upper 60 KiB free.
 */
const FREE_AREAS = {
  esp32: [0x310000, 0x320000],
  esp32c3: [0x310000, 0x320000],
  esp32s3: [0x310000, 0x320000],
  linux: [0x10031000, 0x10040000],
} as const;

/** Records must lie in pages that are erased as a whole, where neither Storage nor the interpreter comes. */
function flashFault({ chip, flash, layout }: BoardEntry): string | null {
  const { bytes, pageBytes, eraseBytes = pageBytes, address } = flash;
  if (bytes % pageBytes) return 'flash.bytes: not a whole number of pages';
  if (bytes / pageBytes < 4) return 'flash.bytes: the record log needs 4 pages or more';
  if (pageBytes % eraseBytes) return 'flash.eraseBytes: pageBytes is not a whole number of it';
  if (address % eraseBytes) return 'flash.address: not at the start of a page';
  const [first, end] = FREE_AREAS[chip];
  const free = `0x${first.toString(16)} to 0x${end.toString(16)}`;
  if (address < first || address + bytes > end)
    return `flash.address: the pages must lie in ${free}, which Espruino leaves free on this chip`;
  const { storage, flashBytes } = layout;
  if (storage.address < address + bytes && address < storage.address + storage.bytes)
    return 'layout.storage: overlaps the pages of flash';
  if (chip !== 'linux' && storage.address + storage.bytes > flashBytes)
    return 'layout.flashBytes: smaller than what Storage needs';
  return null;
}

/** A keypad that can charge and clear, and every digit of it once. */
function keypadFault({ keypad, amountKeys }: BoardEntry): string | null {
  if (!keypad) return null;
  if (amountKeys) return 'amountKeys: the keypad does that; leave one of them out';
  const { rows, columns, keys } = keypad;
  if (keys.length !== rows.length) return `keypad.keys: ${keys.length} rows of keys, but ${rows.length} pins`;
  const wrong = keys.findIndex((row) => row.length !== columns.length);
  if (wrong >= 0) return `keypad.keys.${wrong}: ${keys[wrong].length} keys, but ${columns.length} columns`;
  const lacking = [...'0123456789*#'].find((key) => keys.join('').split(key).length !== 2);
  return lacking ? `keypad.keys: ${lacking} must be there once` : null;
}

/** No more variables than chip and builds allow. The emulated board counts none. */
function memoryFaultOf({ name, chip, psram, variables, firmware }: BoardEntry): string | null {
  if (name === 'emulated') return null;
  const counts = buildsOf(firmware).map((build) => build.counts);
  return variablesFault(chip, psram === true, variables, Math.max(0, ...counts));
}

/** What no schema says: pins, ports and pages that fit together. */
function faultOf(entry: BoardEntry, name: string): string | null {
  if (entry.name !== name) return `name: "${entry.name}", but the file is ${name}.json`;
  if (entry.roles.includes('shop-terminal') && !entry.link) return 'link: missing, and a shop-terminal needs one';
  if (entry.link && entry.link.port === entry.pn532.port) return 'link.port: the PN532 has it';
  if (entry.consolePort && [entry.pn532.port, entry.link?.port, entry.consoleLeaves].includes(entry.consolePort)) {
    return 'consolePort: frames pass there';
  }
  return flashFault(entry) ?? keypadFault(entry) ?? memoryFaultOf(entry) ?? pinsFault(entry);
}

/** The entry with its addresses as numbers. */
function withNumbers(entry: BoardEntry): BoardEntry {
  const { register } = entry.entropy;
  return {
    ...entry,
    flash: { ...entry.flash, address: Number(entry.flash.address) },
    layout: { ...entry.layout, storage: { ...entry.layout.storage, address: Number(entry.layout.storage.address) } },
    entropy: { ...entry.entropy, ...(register === undefined ? {} : { register: Number(register) }) },
  };
}

/** What tells whether an entry follows the schema. @param schema board-configs/schema.json */
export function compileSchema(schema: object): ValidateFunction {
  // Every error is listed: a `oneOf` that fails has one for each of its branches, and the first would mislead.
  return new Ajv({ allErrors: true }).compile(schema);
}

/**
 * Checks a board's entry as read from its file.
 * @param name the file's name without .json
 * @param validate made by `compileSchema`
 * @throws BoardError (code BOARD_INVALID) that names the field
 */
export function checkBoard(value: unknown, name: string, validate: ValidateFunction): BoardEntry {
  if (!validate(value)) {
    const lines = [
      ...new Set((validate.errors ?? []).filter((error) => !['if', 'oneOf'].includes(error.keyword)).map(describe)),
    ];
    throw new BoardError(`board ${name}: ${lines.join('; ')}`);
  }
  const { $schema: _schema, ...fields } = value as { $schema?: string };
  const entry = withNumbers(fields as unknown as BoardEntry);
  const fault = faultOf(entry, name);
  if (fault) throw new BoardError(`board ${name}: ${fault}`);
  return entry;
}
