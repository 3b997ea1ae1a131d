/**
 * The boards of board-configs/, checked against schema.json and against what no schema can say.
 *
 * Addresses may stand there in hexadecimal, as datasheets have them; here and on the board they are numbers.
 * Leaves out what the board checks itself at boot (firmware/drivers/board-config.ts).
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import type { ErrorObject, ValidateFunction } from 'ajv';
import type { BoardConfig } from '../firmware/drivers/board-config.js';
import { packageRoot } from './package-root.js';

/** A board's entry: what the firmware gets, and what only the host asks. */
export interface BoardEntry extends BoardConfig {
  description: string;
  chip: 'esp32' | 'esp32c3' | 'esp32s3' | 'linux';
  roles: ('user-token' | 'shop-terminal')[];
}

/** A board's entry that cannot be used; `message` names board, field and remedy. */
export class BoardError extends Error {
  readonly code = 'BOARD_INVALID';
  constructor(message: string) {
    super(message);
    this.name = 'BoardError';
  }
}

const folder = (): string => join(packageRoot(), 'board-configs');

/** Names of the boards that there are. */
export function boardNames(): string[] {
  return readdirSync(folder())
    .filter((file) => file.endsWith('.json') && file !== 'schema.json')
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/** A problem as "flash.bytes: must be >= 32768". */
function describe(error: ErrorObject): string {
  const { missingProperty, additionalProperty, allowedValues, allowedValue } = error.params as Record<string, unknown>;
  const path = error.instancePath.split('/').slice(1);
  if (missingProperty) return `${[...path, missingProperty].join('.')}: missing`;
  if (additionalProperty) return `${[...path, additionalProperty].join('.')}: no such field`;
  const place = path.join('.') || '(the whole file)';
  if (allowedValues) return `${place}: must be one of ${(allowedValues as unknown[]).map((value) => JSON.stringify(value)).join(', ')}`;
  if (allowedValue !== undefined) return `${place}: must be ${JSON.stringify(allowedValue)}`;
  return `${place}: ${error.message ?? 'wrong'}`;
}

/** Pins that keep an ESP32 from starting when a button holds them, and pins that its flash uses. */
const STRAPPING_PINS = new Map([
  ['esp32', ['D0', 'D2', 'D5', 'D12', 'D15']],
  ['esp32c3', ['D2', 'D8', 'D9']],
  ['esp32s3', ['D0', 'D3', 'D45', 'D46']],
]);
const FLASH_PINS = new Map([['esp32', ['D6', 'D7', 'D8', 'D9', 'D10', 'D11']]]);

/** Every pin in the entry with its field; those of a bus may be shared with another on the same port. */
function pinsOf(entry: BoardEntry): { field: string; pin: string; port?: string }[] {
  const found: { field: string; pin: string; port?: string }[] = [];
  for (const device of ['pn532', 'link', 'display'] as const) {
    for (const use of ['rx', 'tx', 'sda', 'scl'] as const) {
      const config = entry[device] as { [field: string]: string | undefined } | undefined;
      if (config?.[use]) found.push({ field: `${device}.${use}`, pin: config[use], port: `${config['port']}.${use}` });
    }
  }
  const outputs = { 'buttons.user': entry.buttons.user, 'buttons.console': entry.buttons.console, led: entry.led, buzzer: entry.buzzer };
  for (const [field, config] of Object.entries(outputs)) if (config) found.push({ field: `${field}.pin`, pin: config.pin });
  return found;
}

/** What no schema says: pins, ports and pages that fit together. */
function faultOf(entry: BoardEntry, name: string): string | null {
  if (entry.name !== name) return `name: "${entry.name}", but the file is ${name}.json`;
  const { bytes, pageBytes, eraseBytes = pageBytes, address } = entry.flash;
  if (bytes % pageBytes) return 'flash.bytes: not a whole number of pages';
  if (bytes / pageBytes < 4) return 'flash.bytes: the record log needs 4 pages or more';
  if (pageBytes % eraseBytes) return 'flash.eraseBytes: pageBytes is not a whole number of it';
  if (address % eraseBytes) return 'flash.address: not at the start of a page';
  if (entry.roles.includes('shop-terminal') && !entry.link) return 'link: missing, and a shop-terminal needs one';
  if (entry.link && entry.link.port === entry.pn532.port) return 'link.port: the PN532 has it';
  if (entry.consolePort && [entry.pn532.port, entry.link?.port, entry.consoleLeaves].includes(entry.consolePort)) {
    return 'consolePort: frames pass there';
  }
  const pins = pinsOf(entry);
  for (const [i, { field, pin, port }] of pins.entries()) {
    const other = pins.slice(0, i).find((each) => each.pin === pin && !(port && each.port === port));
    if (other) return `${field}: ${pin} is taken by ${other.field}`;
    if (FLASH_PINS.get(entry.chip)?.includes(pin)) return `${field}: ${pin} belongs to the chip's flash`;
  }
  const held = entry.buttons.console?.pin;
  if (held && STRAPPING_PINS.get(entry.chip)?.includes(held)) return `buttons.console.pin: ${held} held at reset keeps the chip from starting`;
  return null;
}

/** The entry with its addresses as numbers. */
function withNumbers(entry: BoardEntry): BoardEntry {
  const { register } = entry.entropy;
  return {
    ...entry,
    flash: { ...entry.flash, address: Number(entry.flash.address) },
    entropy: { ...entry.entropy, ...(register === undefined ? {} : { register: Number(register) }) },
  };
}

let validator: ValidateFunction | undefined;

function validatorOf(): ValidateFunction {
  // Every error is listed: a `oneOf` that fails has one for each of its branches, and the first would mislead.
  validator ??= new Ajv({ allErrors: true }).compile(JSON.parse(readFileSync(join(folder(), 'schema.json'), 'utf8')) as object);
  return validator;
}

/**
 * Checks a board's entry as read from its file.
 * @param name the file's name without .json
 * @throws BoardError (code BOARD_INVALID) that names the field
 */
export function checkBoard(value: unknown, name: string): BoardEntry {
  const validate = validatorOf();
  if (!validate(value)) {
    const lines = [...new Set((validate.errors ?? []).filter((error) => !['if', 'oneOf'].includes(error.keyword)).map(describe))];
    throw new BoardError(`board ${name}: ${lines.join('; ')}`);
  }
  const { $schema: _schema, ...fields } = value as { $schema?: string };
  const entry = withNumbers(fields as unknown as BoardEntry);
  const fault = faultOf(entry, name);
  if (fault) throw new BoardError(`board ${name}: ${fault}`);
  return entry;
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
  return checkBoard(value, name);
}
