/**
 * An ESP32 board at the end of a USB cable: chip with its loader in ROM, 4 MiB of flash, the two transistors that make
 * reset and boot mode of DTR and RTS, and, once an interpreter is in flash, the emulated board.
 *
 * The interpreter itself is not emulated: an image with the right header in its place stands for it. Which one it is,
 * images of tests say in text (`EMULATED_INTERPRETER`), so that an old one can be flashed as well.
 * Records and Storage of the emulated board lie where Espruino's partition table has them (partitions_espruino.csv).
 */
import type { BoardOptions, EmulatedBoard } from './board.js';
import { createBoard } from './board.js';
import type { EspChip, EspRom } from './esp-rom.js';
import { createEspRom } from './esp-rom.js';
import type { EmulatedFlash } from './flash.js';
import { createEmulatedFlash } from './flash.js';
import type { Interpreter } from './espruino-api.js';
import type { Scheduler } from '../base/scheduler.js';
import type { SerialEnd } from '../serial/serial-line.js';

const FLASH_BYTES = 4 * 1024 * 1024;
const STORAGE = { from: 0x320000, to: 0x400000 };
const IMAGE_MAGIC = 0xe9;
/** Byte 2 of the bootloader. */
const QIO = 0;
const PARTITIONS = { at: 0x8000, first: 0xaa, second: 0x50 };
const APP_AT = 0x10000;
const BOOTLOADER_AT: Record<EspChip, number> = { esp32: 0x1000, esp32c3: 0, esp32s3: 0 };

/**
 * What stands in an image that the emulated board can run, followed by its version and by natives that it lacks:
 * "2v29.277 crypto"; or, behind "!", by what it cannot switch off.
 */
export const EMULATED_INTERPRETER = 'emulated Espruino ';

export interface EspBoardOptions {
  scheduler: Scheduler;
  name: string;
  chip: EspChip;
  /** Where records lie: a board's `flash`. */
  records: { address: number; bytes: number; pageBytes: number };
  entropy: (count: number) => Uint8Array;
  /** What is wired to the other ports. */
  serials?: { Serial2?: SerialEnd };
  /** What is on other buses, as boards have it. */
  buses?: Pick<BoardOptions, 'i2c' | 'spi'>;
  onConsole?: (line: string) => void;
  /** Whether the flash chip has four lines (its QE bit), so that it can be read in QIO. Default true. */
  hasQuad?: boolean;
}

export interface EspBoard {
  /** The host's end of the cable. */
  readonly cable: SerialEnd;
  /** The lines of the converter: true pulls low. */
  setSignals(signals: { dtr: boolean; rts: boolean }): void;
  /** As they are now. */
  readonly lines: { dtr: boolean; rts: boolean };
  /** Somebody presses reset, holding BOOT or not. */
  pressReset(holdBoot?: boolean): void;
  /** Nothing in flash that starts; the loader; or the interpreter. */
  readonly mode: 'blank' | 'loader' | 'interpreter';
  readonly rom: EspRom | null;
  readonly board: EmulatedBoard;
  readonly records: EmulatedFlash;
  /** The whole flash; records and Storage only as far as the loader has seen them. */
  readonly flash: Uint8Array;
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/** Makes a board with empty flash, at power-up. */
export function createEspBoard(options: EspBoardOptions): EspBoard {
  const { scheduler, chip } = options;
  const flash = new Uint8Array(FLASH_BYTES).fill(0xff);
  const records = createEmulatedFlash(options.records);
  const recordsAt = options.records.address;
  const cable: SerialEnd = { onData: null, write: (data) => void scheduler.setTimer(() => receive(data), 0) };
  const toHost = (data: string): void => void scheduler.setTimer(() => cable.onData?.(data), 0);
  /** The interpreter's Serial1. */
  const serial1: SerialEnd = { onData: null, write: toHost };
  const interpreter: Interpreter = {};
  const board = createBoard({
    scheduler,
    name: options.name,
    bundle: '',
    flash: records,
    entropy: options.entropy,
    interpreter,
    serials: { ...options.serials, Serial1: serial1 },
    // As a chip comes.
    bluetooth: true,
    ...options.buses,
    ...(options.onConsole ? { onConsole: options.onConsole } : {}),
  });
  board.files.clear();
  let rom: EspRom | null = null;
  let mode: EspBoard['mode'] = 'blank';
  let lines = { dtr: false, rts: false };

  function receive(data: string): void {
    if (rom) rom.receive(new Uint8Array(Buffer.from(data, 'latin1')));
    else serial1.onData?.(data);
  }

  /** Files as the loader sees them: bytes that tell whether Storage was erased. */
  const storageMark = (): Uint8Array =>
    new Uint8Array(Buffer.from(board.files.size > 0 ? 'Storage' : '\xff', 'latin1'));

  /** What flash holds of the running board, for the loader; and back, after it. */
  function enterLoader(): void {
    flash.set(records.image(), recordsAt);
    flash.fill(0xff, STORAGE.from, STORAGE.to);
    flash.set(storageMark(), STORAGE.from);
    rom = createEspRom({ chip, flash, send: (bytes) => toHost(latin1(bytes)), onReboot: () => restart(false) });
    mode = 'loader';
    toHost(
      'ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\nwaiting for download\r\n',
    );
  }

  function leaveLoader(): void {
    rom = null;
    records.restore(flash.slice(recordsAt, recordsAt + options.records.bytes));
    if (flash[STORAGE.from] === storageMark()[0]) return;
    // All was erased, the chip's settings too.
    board.files.clear();
    board.settings.bluetooth = true;
  }

  function isBootable(): boolean {
    const partitions = flash[PARTITIONS.at] === PARTITIONS.first && flash[PARTITIONS.at + 1] === PARTITIONS.second;
    const at = BOOTLOADER_AT[chip];
    if (flash[at + 2] === QIO && options.hasQuad === false) return false;
    return flash[at] === IMAGE_MAGIC && partitions && flash[APP_AT] === IMAGE_MAGIC;
  }

  /** Reads which interpreter the image stands for; none where the image is not whole. */
  function readInterpreter(): boolean {
    const image = Buffer.from(flash.buffer, APP_AT, recordsAt - APP_AT);
    const at = image.indexOf(EMULATED_INTERPRETER, 0, 'latin1');
    if (at < 0) return false;
    const text = image.toString('latin1', at + EMULATED_INTERPRETER.length, image.indexOf(0, at));
    const [version, ...rest] = text.split(' ');
    const stubborn = rest.filter((word) => word.startsWith('!')).map((word) => word.slice(1));
    Object.assign(interpreter, { version, without: rest.filter((word) => !word.startsWith('!')), stubborn });
    return true;
  }

  function restart(holdBoot: boolean): void {
    board.powerOff();
    if (rom) leaveLoader();
    if (holdBoot) return enterLoader();
    if (!isBootable() || !readInterpreter()) {
      mode = 'blank';
      toHost(
        'rst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nflash read err, 1000\r\nets_main.c 371 \r\n',
      );
      return;
    }
    mode = 'interpreter';
    board.powerOn();
  }

  return {
    cable,
    board,
    records,
    flash,
    get mode() {
      return mode;
    },
    get rom() {
      return rom;
    },
    get lines() {
      return lines;
    },
    pressReset: (holdBoot = false) => restart(holdBoot),
    setSignals(signals) {
      const before = lines;
      lines = { ...signals };
      // EN is low while RTS is set and DTR is not; IO0 while DTR is set and RTS is not.
      const inReset = (now: { dtr: boolean; rts: boolean }): boolean => now.rts && !now.dtr;
      if (!inReset(before) || inReset(lines)) {
        if (inReset(lines)) board.powerOff();
        return;
      }
      restart(lines.dtr && !lines.rts);
    },
  };
}
