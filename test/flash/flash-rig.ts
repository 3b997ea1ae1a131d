/** An emulated ESP32 board at the end of a cable, and everything that flashing it needs. */
import { randomBytes } from 'node:crypto';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { createAttempt } from '../../flash-scripts/flash/attempt.js';
import type { Pn532Config } from '../../firmware/core/board-config.js';
import { PN532_I2C_ADDRESS } from '../../firmware/nfc/pn532-i2c.js';
import { createEspBoard, type EspBoard } from '../../host-bridge/emulator/esp-board.js';
import { createEmulatedCable, type EmulatedCable } from '../../host-bridge/emulator/esp-cable.js';
import type { EspChip } from '../../host-bridge/emulator/esp-rom.js';
import { createI2cBus } from '../../host-bridge/emulator/i2c-bus.js';
import { createPn532Chip, type Pn532Chip } from '../../host-bridge/emulator/pn532-chip.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { createSerialLine, type SerialLine } from '../../host-bridge/serial/serial-line.js';
import { tempFolder } from '../kit/temp-folder.js';
import { writeRelease, type FirmwareOptions } from './firmware-kit.js';
import type { BoardEntry } from '../../flash-scripts/boards/board-entry.js';

const boards: EspBoard[] = [];
afterAll(() => {
  // A board that runs, or shows a fault, has timers of its own.
  for (const esp of boards) esp.board.powerOff();
});

/** With as many variables as with PSRAM: flashing is refused on fewer. */
export const BOARD: BoardEntry = { ...loadBoard('esp32-devkitc'), variables: 16_383 };

export interface EspRig {
  esp: EspBoard;
  cable: EmulatedCable;
  pn532: Pn532Chip;
  /** Between board and PN532. */
  wire: SerialLine;
  /** A value that the source of entropy gives again and again. */
  entropy: { fixed: number | null };
  /** What the board printed. */
  lines: string[];
}

/** A new board, its flash empty. @param config where its PN532 is */
export function espRig(
  chip: EspChip = 'esp32',
  hasLines = true,
  config: Pn532Config = BOARD.pn532,
  hasQuad = true,
): EspRig {
  const scheduler = createRealScheduler();
  const pn532 = createPn532Chip(scheduler);
  const wire = createSerialLine(scheduler);
  // A chip that is on a UART says nothing on its other interfaces.
  if (config.bus === 'uart') pn532.connectHsu(wire.b, (baud) => void (wire.baud = baud));
  const i2c = createI2cBus();
  i2c.attach(PN532_I2C_ADDRESS, pn532.i2c);
  const entropy: EspRig['entropy'] = { fixed: null };
  const lines: string[] = [];
  const esp = createEspBoard({
    scheduler,
    name: 'board',
    chip,
    hasQuad,
    records: BOARD.flash,
    entropy: (count) =>
      entropy.fixed === null ? new Uint8Array(randomBytes(count)) : new Uint8Array(count).fill(entropy.fixed),
    serials: { Serial2: wire.a },
    buses: { i2c, spi: config.nss ? { [config.nss]: pn532.spi } : {} },
    onConsole: (line) => void lines.push(line),
  });
  boards.push(esp);
  return { esp, cable: createEmulatedCable(esp, hasLines), pn532, wire, entropy, lines };
}

/** Puts an interpreter into flash without the loader. */
export function plantInterpreter(esp: EspBoard, firmware: FirmwareOptions = {}): void {
  const files = writeRelease(tempFolder(), firmware);
  esp.flash.set(files['bootloader.bin'], firmware.chip && firmware.chip !== 'esp32' ? 0 : 0x1000);
  esp.flash.set(files['partitions_espruino.bin'], 0x8000);
  esp.flash.set(files['espruino_esp32.bin'], 0x10000);
  esp.pressReset();
}

/** What a board has in its memories. */
export interface BoardImage {
  records: Uint8Array;
  files: Map<string, Uint8Array>;
}

/** What this board has, to be given to others: flashing and provisioning one takes a second. */
export function imageOf({ esp }: EspRig): BoardImage {
  return { records: esp.records.image(), files: new Map(esp.board.files) };
}

/** A new board with an interpreter and with what another had, just reset. */
export function benchWith({ records, files }: BoardImage): EspRig {
  const rig = espRig();
  plantInterpreter(rig.esp);
  rig.esp.board.powerOff();
  // As flashing left the other's chip.
  rig.esp.board.settings.bluetooth = false;
  rig.esp.records.restore(records);
  for (const [name, data] of files) rig.esp.board.files.set(name, data);
  rig.esp.pressReset();
  return rig;
}

/** An attempt that ends when this cable is pulled. */
export function attemptOn(cable: EmulatedCable) {
  const attempt = createAttempt();
  attempt.watch(cable);
  return attempt;
}
