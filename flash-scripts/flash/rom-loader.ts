/**
 * Writes the interpreter with Espressif's own esptool-js: chip check, compressed blocks, MD5 of what is then in flash.
 *
 * Parts whose MD5 is right already are skipped, so that a run after a pulled cable goes on where it was. Nothing is
 * erased but the sectors of a part, unless all is to be erased.
 */
import { md5 } from '@noble/hashes/legacy.js';
import { ESPLoader, Transport } from 'esptool-js';
import { toHex } from '../../firmware/core/bytes.js';
import { failure, isFailure } from '../../host-bridge/base/errors.js';
import type { SerialDevice } from '../../host-bridge/serial/device.js';
import type { FirmwarePart } from './firmware-image.js';
import type { Attempt } from './attempt.js';
import { createWebSerial } from './web-serial.js';

/** Rate at which loaders in ROM begin. */
const ROM_BAUD = 115200;
/** Times that a reset into the loader is tried: esptool-js takes a short and a long pulse in turn. */
const RESET_ATTEMPTS = 4;
/** How long somebody may take to hold BOOT and press reset, where the port has no lines for it. */
const HAND_MS = 120_000;
/** Times that a part is written before its MD5 counts as wrong for good. */
const WRITE_ATTEMPTS = 2;

/** What happens while it is written, for people. */
export type FlashEvent =
  | { kind: 'chip'; name: string }
  | { kind: 'skipped' | 'verified'; part: string }
  | { kind: 'progress'; part: string; done: number; total: number }
  /** Nothing answers: BOOT must be held while reset is pressed. */
  | { kind: 'hold-boot' };

export interface FlashOptions {
  /** The chip that the board must have, as esptool-js names it. */
  chip: string;
  parts: FirmwarePart[];
  /** Erases everything first, records and Storage too. */
  eraseAll?: boolean;
  /** Speed for the data; `ROM_BAUD` stays at the first one. */
  baud?: number;
  /** How long to wait for somebody's hand. */
  handMs?: number;
  attempt: Attempt;
  onEvent(event: FlashEvent): void;
}

/** As `writeFlash` pads it. */
const padded = (data: Uint8Array): Uint8Array => {
  const out = new Uint8Array((data.length + 3) & ~3).fill(0xff);
  out.set(data);
  return out;
};

const quiet = { clean: () => undefined, write: () => undefined, writeLine: () => undefined };

function createLoader(device: SerialDevice, baud: number): { loader: ESPLoader; transport: Transport } {
  const transport = new Transport(createWebSerial(device) as never); // Web Serial's type, which Node does not have
  transport.trace = () => undefined; // it prints even when tracing is off
  return { transport, loader: new ESPLoader({ transport, baudrate: baud, romBaudrate: ROM_BAUD, terminal: quiet }) };
}

/** Whether the port has lines that can press reset and hold BOOT. */
async function hasLines(device: SerialDevice): Promise<boolean> {
  await device.open(ROM_BAUD);
  const found = await device.setSignals({ dtr: false, rts: false });
  await device.close();
  return found;
}

/** Gets an answer from the loader: by the control lines first, where there are any, then with somebody's hand. */
async function connect(
  device: SerialDevice,
  baud: number,
  options: FlashOptions,
): Promise<{ loader: ESPLoader; transport: Transport }> {
  const { attempt, onEvent, handMs = HAND_MS } = options;
  const resets = await attempt.run(hasLines(device));
  let endMs = 0;
  for (let round = 0; ; round++) {
    const made = createLoader(device, baud);
    try {
      await attempt.run(
        resets && round === 0
          ? made.loader.connect('default_reset', RESET_ATTEMPTS)
          : made.loader.connect('no_reset', 1),
      );
      return made;
    } catch (thrown) {
      await device.close();
      if (isFailure(thrown)) throw thrown;
      if (round > 0 && Date.now() > endMs) throw failure('LOADER_SILENT', device.path, thrown);
      if (round > 0) continue;
      onEvent({ kind: 'hold-boot' });
      endMs = Date.now() + handMs;
    }
  }
}

/** Writes one part until its MD5 is right. @throws TapcashError FLASH_FAILED */
async function writePart(loader: ESPLoader, part: FirmwarePart, options: FlashOptions): Promise<void> {
  const { attempt, onEvent } = options;
  const data = padded(part.data);
  const isRight = async () => (await attempt.run(loader.flashMd5sum(part.address, data.length))) === toHex(md5(data));
  if (await isRight()) return onEvent({ kind: 'skipped', part: part.name });
  for (let tries = 1; ; tries++) {
    try {
      await attempt.run(
        loader.writeFlash({
          fileArray: [{ data, address: part.address }],
          flashMode: 'keep',
          flashFreq: 'keep',
          flashSize: 'keep',
          eraseAll: false,
          compress: true,
          reportProgress: (_, done, total) => onEvent({ kind: 'progress', part: part.name, done, total }),
        }),
      );
      if (await isRight()) return onEvent({ kind: 'verified', part: part.name });
      if (tries === WRITE_ATTEMPTS)
        throw failure('FLASH_FAILED', `${part.name}: what is in flash is not what was sent`);
    } catch (thrown) {
      if (isFailure(thrown)) throw thrown;
      if (tries === WRITE_ATTEMPTS) throw failure('FLASH_FAILED', `${part.name}: ${(thrown as Error).message}`, thrown);
    }
  }
}

/**
 * Writes the interpreter; the device is closed before and after, the chip still in its loader.
 * @throws TapcashError LOADER_SILENT, CHIP_WRONG, FLASH_FAILED, LINK_LOST, INTERRUPTED, and those of opening a port
 */
export async function writeFirmware(device: SerialDevice, options: FlashOptions): Promise<void> {
  const { attempt, onEvent } = options;
  const baud = options.baud ?? ROM_BAUD;
  const { loader, transport } = await connect(device, baud, options);
  try {
    const name = loader.chip.CHIP_NAME;
    onEvent({ kind: 'chip', name });
    if (name !== options.chip)
      throw failure('CHIP_WRONG', `${name} at ${device.path}, the board's configuration says ${options.chip}`);
    if (loader.chip.postConnect) await attempt.run(loader.chip.postConnect(loader));
    await attempt.run(loader.runStub());
    if (baud !== ROM_BAUD) await attempt.run(loader.changeBaud());
    if (options.eraseAll) await attempt.run(loader.eraseFlash());
    for (const part of options.parts) await writePart(loader, part, options);
  } catch (thrown) {
    throw isFailure(thrown) ? thrown : failure('FLASH_FAILED', (thrown as Error).message, thrown);
  } finally {
    await transport.device.close();
  }
}
