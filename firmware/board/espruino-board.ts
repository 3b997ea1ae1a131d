/**
 * The board of either role, made from Espruino's globals: checks natives and configuration, opens the raw flash, starts
 * entropy, and hands all devices over; or stops with a named fault on display, LED and console.
 *
 * One of the files that may name Espruino's globals (board/espruino-*.ts); everything else gets them as arguments.
 * Nothing here asks what it runs on: a difference between boards is an entry of board-configs/.
 *
 * Left out: keys and random numbers, which need crypto/ and belong to the roles' main files.
 */
import { toChars } from '../core/bytes.js';
import { NATIVES } from '../core/native-names.js';
import type { BoardConfig, DisplayConfig, StoredConfig } from '../core/board-config.js';
import { isPressed } from '../panel/buttons.js';
import { createClock } from '../core/clock.js';
import type { Clock } from '../core/clock.js';
import { BAD, createDisplay, PLAIN } from '../panel/display.js';
import type { Display } from '../panel/display.js';
import { createEntropy, sampleSource } from './entropy.js';
import type { HealthTest, TakeEntropy } from './entropy.js';
import { CONSOLE_FAULT } from './espruino-consoles.js';
import { createIndicator, SIGNAL } from '../panel/indicator.js';
import type { Indicator } from '../panel/indicator.js';
import { createLcd } from '../panel/lcd.js';
import { createHsuPort, HSU_BAUD } from '../nfc/pn532-hsu.js';
import { openI2cPort } from '../nfc/pn532-i2c.js';
import { openSpiPort } from '../nfc/pn532-spi.js';
import { createPn532Link } from '../nfc/pn532-link.js';
import type { Pn532Link } from '../nfc/pn532-link.js';
import { createRecordLog, scanRecords } from '../records/record-log.js';
import type { RecordLog } from '../records/record-log.js';
import {
  countBoot,
  leaveConsole,
  missingNative,
  radioFault,
  readConfig,
  readOverlay,
  takeAsk,
  takeSeed,
} from './startup.js';
import type { StorageModule } from './startup.js';

/** As overlay.d.ts has it. */
type OpenOverlay = <T>(file: string, id: string, start: (text: string) => () => T) => () => T;

/** A board that runs. */
export interface RunningBoard<P> {
  config: StoredConfig<P>;
  clock: Clock;
  display: Display;
  indicator: Indicator;
  storage: StorageModule;
  records: RecordLog;
  /** Fresh entropy, health-tested at every call; null when the source fails. */
  takeEntropy: TakeEntropy;
  /** 32 bytes given at provisioning. */
  seed: Uint8Array;
  /** Number of this boot, durable. */
  bootCount: number;
  /** Variables of the interpreter. */
  memory(): { used: number; total: number };
  /**
   * Opens an overlay (overlay.d.ts); what comes back loads it from flash at each call, so that it can be let go of.
   * @throws Error when the file is missing or of another build: at once, and at each call
   */
  openOverlay: OpenOverlay;
  /** Says a proof of its keys on the console, if a host asked for one. @param by the proof for what the host asked */
  prove(by: (asked: Uint8Array) => string): void;
  /** Says on the console that the firmware runs, and leaves the console. */
  introduce(): void;
  /** Shows a fault until the next reset. The caller stops. */
  fail(fault: string): void;
  /** Runs a step; what it throws is shown as a fault. */
  attempt(step: () => void): void;
}

const FAULT_REPEAT_MS = 3000;

/**
 * Before anything is opened: for the cable to stop the firmware while it has the console
 * (flash-scripts/flash/console.ts), and for what the interpreter itself does once its boot files have run.
 */
const CABLE_MS = 200;

const pins = {
  setWatch: setWatch,
  digitalRead: digitalRead,
  digitalWrite: digitalWrite,
  analogWrite: analogWrite,
  poke32: poke32,
  pinMode: pinMode,
} as any;

/** The global pin functions, for buttons. */
export function espruinoPins(): any {
  return pins;
}

/** A port by its name, "Serial2" or "I2C1"; undefined where the board has none. */
export function espruinoPort(name: string): any {
  return global[name];
}

const requireModule = require as (name: string) => any;

/** The board's display. @throws Error when the overlay of one in colour is missing or of another build */
function displayOf(clock: Clock, open: OpenOverlay, config?: DisplayConfig): Display {
  const devices = {
    bus: espruinoPort,
    createGraphics: function (
      width: number,
      height: number,
      bitsPerPixel: number,
      options: { vertical_byte?: boolean; msb?: boolean },
    ) {
      return Graphics.createArrayBuffer(width, height, bitsPerPixel, options);
    },
    crc32: E.CRC32,
    print: print,
    clock: clock,
    digitalWrite: digitalWrite,
    own: function () {
      return global.g;
    },
    mapInPlace: E.mapInPlace,
  };
  if (config && (config.type === 'ili9341' || config.type === 'graphics'))
    return overlay(open, 'lcd.js', function () {
      return createLcd;
    })()(devices, config);
  return createDisplay(devices, config);
}

/** Shows a fault in every way that the board has, again and again. */
function createFail(display: Display, indicator: Indicator, clock: Clock): (fault: string) => void {
  return function (fault) {
    const lines = ['FAULT'];
    for (let at = 0; at < fault.length; at += 16) lines.push(fault.substr(at, 16));
    display.show(lines, BAD);
    print('tapcash: FAULT: ' + fault);
    function signal(): void {
      indicator.play(SIGNAL.bad, true);
      clock.setTimeout(signal, FAULT_REPEAT_MS);
    }
    signal();
  };
}

/** Native, but without an answer where memory has no room for the text in one piece. */
export function textOf(bytes: Uint8Array): string {
  return E.toString(bytes) || toChars(bytes);
}

/** The dialog with the PN532, its port set up. HSU is in the bundle; overlays are of other buses. */
export function openPn532(board: RunningBoard<unknown>): Pn532Link {
  const config = board.config.board.pn532;
  const clock = board.clock;
  const open = board.openOverlay;
  const port = espruinoPort(config.port);
  if (!port) throw new Error('board.pn532.port: no ' + config.port);
  const options = { burstBytesMax: config.burstBytesMax, natives: { toBytes: E.toUint8Array, sum: E.sum } };
  if (config.bus !== 'uart') {
    const openPort =
      config.bus === 'spi'
        ? overlay(open, 'spi.js', function () {
            return openSpiPort;
          })
        : overlay(open, 'i2c.js', function () {
            return openI2cPort;
          });
    return createPn532Link(openPort()(port, config, clock, { toChars: textOf }), clock, options);
  }
  function setup(baud: number): void {
    port.setup(baud, serialOptions(config));
  }
  setup(HSU_BAUD);
  return createPn532Link(createHsuPort(port, config.baud || HSU_BAUD, setup), clock, options);
}

/**
 * What of a port's entry `Serial.setup` takes. No flow control: an ESP32's Serial1 starts with it, and would add byte
 * 19.
 */
export function serialOptions(config: { rx?: string; tx?: string; path?: string }): any {
  const options: any = { flow: 'none' };
  if (config.rx) options.rx = config.rx;
  if (config.tx) options.tx = config.tx;
  if (config.path) options.path = config.path;
  return options;
}

function memory(): { used: number; total: number } {
  const found = process.memory();
  // An emulated board counts no variables.
  return { used: found.usage || 0, total: found.total || 0 };
}

/** What runs once, at start: it lies in Storage's 'boot.js', and its room is free again. */
interface Boot {
  readConfig: typeof readConfig;
  missingNative: typeof missingNative;
  radioFault: typeof radioFault;
  scanRecords: typeof scanRecords;
}

/** Flash, boot counter and seed; throws, or answers a fault's text. */
function openStore(
  board: BoardConfig,
  storage: StorageModule,
  scan: Boot['scanRecords'],
): { records: RecordLog; seed: Uint8Array; bootCount: number } | string {
  const flash = board.flash;
  const region = {
    address: flash.address,
    // A quotient is no integer to Espruino, even where it is whole.
    pages: (flash.bytes / flash.pageBytes) | 0,
    pageBytes: flash.pageBytes,
    eraseBytes: flash.eraseBytes || flash.pageBytes,
  };
  const opened = scan(requireModule('Flash'), region, E.CRC32);
  if (!opened.ok) return 'FLASH_DAMAGED at ' + opened.address;
  const records = createRecordLog(opened.state);
  const seed = takeSeed(storage, records);
  if (!seed) return 'NOT_PROVISIONED: no entropy was given';
  return { records: records, seed: seed, bootCount: countBoot(records) };
}

/**
 * Starts the board; nothing happens after a fault.
 * @param role as in 'tapcash.cfg': "token" or "terminal"
 * @param healthy the health test of crypto/
 * @param ready called once, when everything can be used; what it throws is shown as a fault
 */
export function startBoard<P>(role: string, healthy: HealthTest, ready: (board: RunningBoard<P>) => void): void {
  const clock = createClock({ getTime: getTime, setTimeout: setTimeout, clearTimeout: clearTimeout });
  const storage = requireModule('Storage') as StorageModule;
  function openOverlay<T>(file: string, id: string, start: (text: string) => () => T): () => T {
    readOverlay(storage, file, id);
    return function () {
      return start(readOverlay(storage, file, id))();
    };
  }

  let display: Display;
  let fault = '';
  let boot: Boot | null = null;
  let stored: StoredConfig<P> | null = null;
  try {
    boot = overlay(openOverlay, 'boot.js', function (): Boot {
      return {
        readConfig: readConfig,
        missingNative: missingNative,
        radioFault: radioFault,
        scanRecords: scanRecords,
      };
    })();
    const read = boot.readConfig<P>(storage, role, process.version);
    if (read.ok) stored = read.config;
    else fault = 'NOT_PROVISIONED: ' + read.fault;
    display = displayOf(clock, openOverlay, stored ? stored.board.display : undefined);
  } catch (error) {
    // Without its display a board says what is wrong on console and LED.
    fault = '' + ((error as any).message || error);
    display = createDisplay({ print: print } as any, { type: 'console' });
  }
  const indicator = createIndicator(
    pins,
    clock,
    stored ? stored.board.led : undefined,
    stored ? stored.board.buzzer : undefined,
  );
  const fail = createFail(display, indicator, clock);
  if (CONSOLE_FAULT) return fail(CONSOLE_FAULT);
  if (fault || !stored || !boot) return fail(fault);
  const config = stored as StoredConfig<P>;

  const missing = boot.missingNative(global, requireModule, NATIVES);
  if (missing) return fail('no ' + missing + ' in this Espruino: flash ' + config.board.firmware);
  const button = config.board.buttons.console;
  const mover = { setConsole: E.setConsole as (port: any, options: { force: boolean }) => void, port: espruinoPort };
  if (button && isPressed(pins, button)) {
    display.show(['CONSOLE', 'not started'], PLAIN);
    print('tapcash: console button held, firmware not started');
    return;
  }

  function attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      fail('' + ((error as any).message || error));
    }
  }

  const start = atStart(function (): void {
    const radio = boot!.radioFault(global, requireModule);
    if (radio) return fail(radio);
    const store = openStore(config.board, storage, boot!.scanRecords);
    boot = null;
    if (typeof store === 'string') return fail(store);
    ready({
      config: config,
      clock: clock,
      display: display,
      indicator: indicator,
      storage: storage,
      records: store.records,
      takeEntropy: createEntropy(
        overlay(openOverlay, 'entropy.js', function () {
          return sampleSource;
        }),
        { peek32: peek32, poke32: poke32, openFile: E.openFile },
        config.board.entropy,
        healthy,
      ),
      seed: store.seed,
      bootCount: store.bootCount,
      memory: memory,
      openOverlay: openOverlay,
      prove: atStart(function (by: (asked: Uint8Array) => string) {
        const asked = takeAsk(storage);
        if (asked) print('tapcash: keys ' + by(asked));
      }),
      // Last before frames pass, so that faults up to here can be read on the console.
      introduce: atStart(function () {
        print('tapcash: ' + role + ' runs');
        leaveConsole(mover, config.board.consoleLeaves, config.board.consolePort);
      }),
      fail: fail,
      attempt: attempt,
    });
  });

  clock.setTimeout(
    atStart(function () {
      attempt(start);
    }),
    CABLE_MS,
  );
}
