/**
 * The serial loader of an ESP32: the one in ROM, and the "stub" that a flashing program puts into RAM and starts.
 *
 * Follows Espressif's "Serial Protocol" (docs.espressif.com/projects/esptool, advanced topics; the stub's answer to
 * SYNC: espressif/esptool-legacy-flasher-stub, stub_flasher.c): frames in SLIP; a command is 00, op, size (2), checksum
 * (4), data; an answer 01, op, size, value, data, status. The ROM ends its data with four status bytes, the stub with
 * two. The stub is not run: once its bytes are in RAM and started, its commands are there.
 *
 * What it refuses as the chips do: a block out of order or with a wrong checksum, and flash that was not erased by a
 * BEGIN. Left out: reading flash, encryption, secure boot, and the time that erasing takes.
 */
import { createHash } from 'node:crypto';
import { constants, inflateSync } from 'node:zlib';
import { createSlipReader, slipFrame } from './slip.js';

/** Chips that boards of board-configs/ have. */
export type EspChip = 'esp32' | 'esp32c3' | 'esp32s3';

interface ChipFacts {
  /** Word at 0x40001000 by which a chip is known (esptool, targets/*.py: CHIP_DETECT_MAGIC_VALUE). */
  magic: number;
  /** IMAGE_CHIP_ID; answered to GET_SECURITY_INFO by all but the first ESP32. */
  chipId: number;
  securityInfo: boolean;
  /** SPI1's registers: base, USR2 (command byte) and W0 (data), through which the flash's id is read. */
  spi: { base: number; usr2: number; w0: number };
}

const CHIPS: Record<EspChip, ChipFacts> = {
  esp32: { magic: 0x00f01d83, chipId: 0, securityInfo: false, spi: { base: 0x3ff42000, usr2: 0x24, w0: 0x80 } },
  esp32c3: { magic: 0x1b31506f, chipId: 5, securityInfo: true, spi: { base: 0x60002000, usr2: 0x20, w0: 0x58 } },
  esp32s3: { magic: 0x00000009, chipId: 9, securityInfo: true, spi: { base: 0x60002000, usr2: 0x20, w0: 0x58 } },
};

const OP = {
  flashBegin: 0x02,
  flashData: 0x03,
  flashEnd: 0x04,
  memBegin: 0x05,
  memEnd: 0x06,
  memData: 0x07,
  sync: 0x08,
  writeReg: 0x09,
  readReg: 0x0a,
  spiAttach: 0x0d,
  changeBaud: 0x0f,
  deflBegin: 0x10,
  deflData: 0x11,
  deflEnd: 0x12,
  md5: 0x13,
  securityInfo: 0x14,
  eraseFlash: 0xd0,
};

/** Error bytes of the ROM and of the stub. */
const ERROR = { invalid: 0x05, failed: 0x06, checksum: 0x07, flash: 0x08, inflate: 0x0b, unknownInStub: 0xff };

const MAGIC_REGISTER = 0x40001000;
const SECTOR_BYTES = 4096;
/** JEDEC id: manufacturer 0xC8, type 0x40, 2^0x16 bytes, as READ_ID gives it from low to high. */
const FLASH_ID = 0x1640c8;

export interface EspRomOptions {
  chip: EspChip;
  /** The flash: programmed and erased here. */
  flash: Uint8Array;
  /** Sends bytes to the host. */
  send(bytes: Uint8Array): void;
  /** FLASH_END with 0: the loader restarts the chip. */
  onReboot(): void;
  /** False: the stub does not start, as where RAM or a wire is bad. */
  stubStarts?: boolean;
}

export interface EspRom {
  receive(bytes: Uint8Array): void;
  /** Commands that were carried out, by op: for tests. */
  readonly counts: Record<number, number>;
  /** Whether the next block that is written shall come out wrong in flash: for tests. */
  spoilNextBlock: boolean;
}

type Answer = { value?: number; data?: Uint8Array; error?: number };
type Writing = {
  address: number;
  erasedTo: number;
  nextSeq: number;
  pieces: Uint8Array[];
  written: number;
  compressed: boolean;
};

const word = (data: Uint8Array, index: number): number =>
  new DataView(data.buffer, data.byteOffset).getUint32(index * 4, true);
const BLOCK_HEADER_BYTES = 16;

/** Whatever of a deflate stream has come can be had, as chips write it while it comes. */
function inflated(pieces: Uint8Array[]): Uint8Array | null {
  try {
    return new Uint8Array(inflateSync(Buffer.concat(pieces), { finishFlush: constants.Z_SYNC_FLUSH }));
  } catch {
    return null;
  }
}

/** Starts the loader in ROM. */
export function createEspRom(options: EspRomOptions): EspRom {
  const { flash } = options;
  const chip = CHIPS[options.chip];
  const registers = new Map<number, number>();
  let stub = false;
  let writing: Writing | null = null;
  let ramSeq = 0;
  const rom: EspRom = { receive: createSlipReader(onFrame), counts: {}, spoilNextBlock: false };

  const raw = (bytes: ArrayLike<number>): void => options.send(slipFrame(bytes));

  function answer(op: number, { value = 0, data = new Uint8Array(0), error = 0 }: Answer): void {
    const status = error === 0 ? [0, 0] : [1, error];
    const body = [...data, ...status, ...(stub ? [] : [0, 0])];
    raw([
      1,
      op,
      body.length & 255,
      body.length >> 8,
      value & 255,
      (value >>> 8) & 255,
      (value >>> 16) & 255,
      value >>> 24,
      ...body,
    ]);
  }

  function erase(from: number, bytes: number): void {
    const start = from - (from % SECTOR_BYTES);
    flash.fill(0xff, start, Math.ceil((from + bytes) / SECTOR_BYTES) * SECTOR_BYTES);
  }

  function begin(data: Uint8Array, compressed: boolean): Answer {
    const [bytes, , , address] = [word(data, 0), word(data, 1), word(data, 2), word(data, 3)];
    if (address + bytes > flash.length) return { error: ERROR.invalid };
    erase(address, bytes);
    writing = { address, erasedTo: address + bytes, nextSeq: 0, pieces: [], written: 0, compressed };
    return {};
  }

  /**
   * A block of MEM_DATA, FLASH_DATA, FLASH_DEFL_DATA: size, sequence number, two words of 0, then bytes with a
   * checksum.
   */
  function blockOf(data: Uint8Array, checksum: number): Uint8Array | null {
    const block = data.subarray(BLOCK_HEADER_BYTES);
    const sum = block.reduce((state, byte) => state ^ byte, 0xef);
    return block.length === word(data, 0) && sum === (checksum & 255) ? block : null;
  }

  function program(now: Writing, bytes: Uint8Array): Answer {
    const at = now.address + now.written;
    if (at + bytes.length > now.erasedTo && now.compressed) return { error: ERROR.flash };
    for (let i = 0; i < bytes.length && at + i < flash.length; i++) flash[at + i] &= bytes[i];
    if (rom.spoilNextBlock && bytes.length > 0) flash[at] ^= 0xff;
    rom.spoilNextBlock = false;
    now.written += bytes.length;
    return {};
  }

  function write(data: Uint8Array, checksum: number): Answer {
    const block = blockOf(data, checksum);
    if (!writing || !block) return { error: ERROR.checksum };
    // A block whose answer was lost comes again: it is in flash already.
    if (word(data, 1) === writing.nextSeq - 1) return {};
    if (word(data, 1) !== writing.nextSeq) return { error: ERROR.invalid };
    let bytes: Uint8Array | null = block;
    if (writing.compressed) {
      bytes = inflated([...writing.pieces, block])?.subarray(writing.written) ?? null;
      if (!bytes) return { error: ERROR.inflate };
      writing.pieces.push(block);
    }
    writing.nextSeq++;
    return program(writing, bytes);
  }

  function startStub(): void {
    answer(OP.memEnd, {});
    if (options.stubStarts === false) return;
    stub = true;
    raw(Buffer.from('OHAI'));
  }

  function register(address: number): number {
    if (address === MAGIC_REGISTER) return chip.magic;
    const { base, usr2, w0 } = chip.spi;
    if (address === base) return 0; // a command of the flash is done at once
    if (address === base + w0 && ((registers.get(base + usr2) ?? 0) & 0xff) === 0x9f) return FLASH_ID;
    return registers.get(address) ?? 0;
  }

  function md5(data: Uint8Array): Answer {
    const digest = createHash('md5')
      .update(flash.subarray(word(data, 0), word(data, 0) + word(data, 1)))
      .digest();
    return { data: new Uint8Array(stub ? digest : Buffer.from(digest.toString('hex'))) };
  }

  function securityInfo(): Answer {
    const data = new Uint8Array(20);
    new DataView(data.buffer).setUint32(12, chip.chipId, true);
    return { data };
  }

  /** A command that this loader does not have. The ROM tells the op of nothing. */
  function unknown(op: number): void {
    if (stub) answer(op, { error: ERROR.unknownInStub });
    else answer(0, { error: ERROR.invalid });
  }

  function finish(data: Uint8Array, op: number): void {
    answer(op, {});
    writing = null;
    if (word(data, 0) === 0) options.onReboot();
  }

  function onFrame(frame: Uint8Array): void {
    if (frame.length < 8 || frame[0] !== 0) return;
    const op = frame[1];
    const size = frame[2] | (frame[3] << 8);
    const checksum = word(frame.slice(4, 8), 0);
    const data = frame.slice(8);
    if (data.length !== size) return answer(op, { error: ERROR.invalid });
    rom.counts[op] = (rom.counts[op] ?? 0) + 1;
    switch (op) {
      case OP.sync:
        for (let i = 0; i < 8; i++) answer(op, { value: stub ? 0 : 0x20120707 });
        return;
      case OP.readReg:
        return answer(op, { value: register(word(data, 0)) });
      case OP.writeReg:
        registers.set(word(data, 0), word(data, 1));
        return answer(op, {});
      case OP.memBegin:
        ramSeq = 0;
        return answer(op, {});
      case OP.memData:
        return answer(
          op,
          !blockOf(data, checksum)
            ? { error: ERROR.checksum }
            : word(data, 1) === ramSeq++
              ? {}
              : { error: ERROR.invalid },
        );
      case OP.memEnd:
        return startStub();
      case OP.flashBegin:
      case OP.deflBegin:
        return answer(op, begin(data, op === OP.deflBegin));
      case OP.flashData:
      case OP.deflData:
        return answer(op, write(data, checksum));
      case OP.flashEnd:
      case OP.deflEnd:
        return finish(data, op);
      case OP.md5:
        return answer(op, md5(data));
      case OP.spiAttach:
      case OP.changeBaud:
        return answer(op, {});
      case OP.securityInfo:
        return chip.securityInfo ? answer(op, securityInfo()) : unknown(op);
      case OP.eraseFlash:
        if (!stub) return unknown(op);
        flash.fill(0xff);
        return answer(op, {});
      default:
        return unknown(op);
    }
  }
  return rom;
}
