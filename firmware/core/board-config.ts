/**
 * What a board's JSON in board-configs/ says, and a check of it at boot: pins, buses, flash region, entropy.
 *
 * The provisioned file 'tapcash.cfg' in Storage is {role, board, provision} with such an entry as `board`. The host's
 * schema (board-configs/schema.json) checks more; a board checks what it would otherwise run into blindly.
 */

/** A pin with one meaning. Pins have Espruino's names, "D0". */
export interface PinConfig {
  pin: string;
  /** Level, 0 or 1, at which the button is pressed, or the LED or buzzer on. */
  active: number;
  /** Passive buzzers only: the tone. */
  frequencyHz?: number;
  /** Buzzers on D25 or D26 of an ESP32: the unit of its DAC, 1 or 2, which makes the tone there. */
  dac?: number;
}

/** A matrix of keys, or none at its place where `keys` has a blank. */
export interface KeypadConfig {
  /** Pins that are driven low one at a time. */
  rows: string[];
  /** Inputs with pull-up. */
  columns: string[];
  /** A string for each row, a character for each column. */
  keys: string[];
}

/** A button that stands for a key of the amount entry. */
export interface AmountKeyConfig extends PinConfig {
  /** As in panel/amount-entry.ts. */
  key: string;
}

/** The PN532: on a UART (HSU), on I2C, or on SPI. */
export interface Pn532Config {
  /** "uart", "i2c" or "spi". */
  bus: string;
  /** "Serial2", "I2C1"; "SPI" and "I2C" are Espruino's classes of ports in software. */
  port: string;
  /** UART only; 115200 unless told. */
  baud?: number;
  /** UART pins. */
  rx?: string;
  tx?: string;
  /** UART of the Linux build: a device's path. */
  path?: string;
  /** I2C pins and clock. */
  sda?: string;
  scl?: string;
  bitrate?: number;
  /** SPI pins; `nss` chooses the chip. */
  sck?: string;
  miso?: string;
  mosi?: string;
  nss?: string;
  /** Most bytes that come in one go, in an interpreter that loses none (`limitBursts`). */
  burstBytesMax: number;
}

/** The serial line to the bridge (terminal only). */
export interface LinkConfig {
  port: string;
  baud?: number;
  rx?: string;
  tx?: string;
  path?: string;
  burstBytesMax: number;
}

/**
 * A display: SSD1306 on I2C, ILI9341 on SPI, one that the interpreter's build drives itself, or lines on the console.
 */
export interface DisplayConfig {
  /** "ssd1306", "ili9341", "graphics" or "console". */
  type: string;
  port?: string;
  sda?: string;
  scl?: string;
  bitrate?: number;
  /** I2C address, 60 unless told. */
  address?: number;
  width?: number;
  height?: number;
  /** ILI9341: SPI pins and clock, data or command, reset, light. */
  sck?: string;
  mosi?: string;
  cs?: string;
  dc?: string;
  reset?: string;
  backlight?: string;
  baud?: number;
  /** ILI9341: MADCTL, and whether the panel shows colours inverted. */
  memoryAccess?: number;
  inverted?: boolean;
  /** "graphics", terminals: keys for the amount that are drawn and touched (touch-keys.ts), four rows of three. */
  keys?: string[];
}

/** Where fresh entropy comes from. */
export interface EntropyConfig {
  /**
   * "sar-adc": the chip's random register, fed by its ADC (board/sar-adc.ts); "file": one of the operating system;
   * "none": this chip has none without a radio that names the board to everybody, and cannot be run.
   */
  source: string;
  /** "sar-adc": address of the random register for `peek32`. */
  register?: number;
  /** Linux build: "/dev/urandom". */
  file?: string;
}

/** One entry of board-configs/. */
export interface BoardConfig {
  name: string;
  /** The Espruino build that has what the firmware needs; named when something is missing. */
  firmware: string;
  /** Region of raw flash for records (docs/security.md 2). */
  flash: {
    address: number;
    bytes: number;
    pageBytes: number;
    eraseBytes?: number;
    /** Where Storage begins, as boards are told: a terminal's deny list lies in a file of it. */
    storage?: number;
  };
  entropy: EntropyConfig;
  pn532: Pn532Config;
  link?: LinkConfig;
  display?: DisplayConfig;
  /**
   * `user`: the owner's button (token) or the clerk's (terminal). `console`: held at reset it brings the console back.
   */
  buttons: { user: PinConfig; console?: PinConfig };
  /** For amounts: at a terminal without a bridge, and on a token. */
  keypad?: KeypadConfig;
  /** Single buttons for the same. */
  amountKeys?: AmountKeyConfig[];
  /** Tokens: `display.keys` of a terminal, which are drawn only while they are wanted. */
  touchKeys?: string[];
  led?: PinConfig;
  buzzer?: PinConfig;
  /** Ports that the console must leave, "Serial1"; the console then moves to `consolePort`. */
  consoleLeaves?: string;
  /** Where the console goes: another port's name, or absent for nowhere. */
  consolePort?: string;
}

/** The provisioned file as a whole; `provision` is the role's own affair. */
export interface StoredConfig<P> {
  role: string;
  board: BoardConfig;
  provision: P;
}

/** Room for 64 unacknowledged debits, or the histories of a terminal, however small the pages are. */
const FLASH_BYTES_MIN = 32768;

function isPin(config: PinConfig | undefined): boolean {
  return !!config && typeof config.pin === 'string' && (config.active === 0 || config.active === 1);
}

function isWhole(value: unknown, least: number): boolean {
  return typeof value === 'number' && value >= least && Math.floor(value) === value;
}

/** What an older interpreter takes of what a UART brings in one go; the rest is lost (Espruino's issue 2718). */
const OLD_BURST_BYTES = 64;
/** The first that loses nothing: 2v29.96, of July 2026. */
const LOSSLESS_BUILD = 96;

/**
 * Whether a version is of a release before 2v29, or of a build before `build` after it.
 * @param version `process.version`, "2v29" for a release or "2v29.277" for a build after it
 */
export function isBefore(version: string, build: number): boolean {
  const parts = version.split('v');
  const minor = ('' + parts[1]).split('.');
  const release = parseInt(parts[0], 10) * 1000 + parseInt(minor[0], 10);
  const found = minor.length > 1 ? parseInt(minor[1], 10) : 0;
  return !(release > 2029 || (release === 2029 && found >= build));
}

/**
 * Holds the PN532's answers on a UART to what the interpreter takes in one go.
 * @param version as for `isBefore`
 */
export function limitBursts(board: BoardConfig, version: string): void {
  const pn532 = board.pn532;
  if (pn532.bus === 'uart' && isBefore(version, LOSSLESS_BUILD))
    pn532.burstBytesMax = Math.min(pn532.burstBytesMax, OLD_BURST_BYTES);
}

/** What is wrong with a board's entry, as "path: what it must be"; null where it can be run. */
export function boardFault(board: BoardConfig | undefined): string | null {
  if (!board || typeof board.name !== 'string') return 'board: missing';
  const flash = board.flash;
  if (
    !flash ||
    !isWhole(flash.address, 0) ||
    !isWhole(flash.pageBytes, 256) ||
    !isWhole(flash.bytes, FLASH_BYTES_MIN)
  ) {
    return 'board.flash: address, bytes (' + FLASH_BYTES_MIN + ' or more), pageBytes';
  }
  const entropy = board.entropy;
  if (
    !entropy ||
    !(entropy.source === 'sar-adc' ? isWhole(entropy.register, 1) : entropy.source === 'file' && entropy.file)
  )
    return 'board.entropy: no source that works without radio';
  const pn532 = board.pn532;
  if (!pn532 || ['uart', 'i2c', 'spi'].indexOf(pn532.bus) < 0 || typeof pn532.port !== 'string') {
    return 'board.pn532: bus "uart", "i2c" or "spi", and port';
  }
  if (!isWhole(pn532.burstBytesMax, 16)) return 'board.pn532.burstBytesMax: 16 or more';
  if (!board.buttons || !isPin(board.buttons.user)) return 'board.buttons.user: pin, active 0 or 1';
  if (board.buttons.console && !isPin(board.buttons.console)) return 'board.buttons.console: pin, active 0 or 1';
  if (board.led && !isPin(board.led)) return 'board.led: pin, active 0 or 1';
  if (board.buzzer && !isPin(board.buzzer)) return 'board.buzzer: pin, active 0 or 1';
  if (board.link && (typeof board.link.port !== 'string' || !isWhole(board.link.burstBytesMax, 32))) {
    return 'board.link: port, burstBytesMax of 32 or more';
  }
  if (board.display && ['ssd1306', 'ili9341', 'graphics', 'console'].indexOf(board.display.type) < 0)
    return 'board.display.type: unknown';
  return null;
}
