/**
 * The file of Storage that holds the deny list: pages of flash that the program writes itself.
 *
 * Other files of an emulated board are kept by name (espruino-modules.ts); this one is where `require("Flash")` finds
 * it, at the beginning of Storage, with the header of src/jsflash.h before it. Flash of its own, so that power can be
 * cut at any of its operations, made when the program first looks there.
 */
import { DENY_FILE, DENY_FILE_BYTES } from '../../firmware/core/deny-file.js';
import { createEmulatedFlash, type EmulatedFlash } from './flash.js';

/** Where Storage is on an ESP32, up to the end of its partition. */
const STORAGE_AT = 0x320000;
const STORAGE_END = 0x400000;
const PAGE_BYTES = 4096;
const HEADER_BYTES = 32;

/** What `Storage` has under its name: nobody writes it as a file. */
export const DENY_FILE_BLANK: Uint8Array = new Uint8Array(DENY_FILE_BYTES).fill(0xff);

/** Pages of Storage that a program reads and writes by address. */
export interface ReservedPages {
  /** Whether an address lies in Storage. */
  covers(address: number): boolean;
  /** The flash with the file, or with none. */
  flash(): EmulatedFlash;
  /** As `flash().read`; what is behind the file was never written. */
  read(length: number, address: number): Uint8Array;
  /** Operations so far. */
  readonly writes: number;
  readonly erases: number;
  /** As `EmulatedFlash` has it. */
  powerOn(): void;
  onPowerLost: (() => void) | null;
}

/** Makes them for a board with these files: the pages are there as long as the file is. */
export function createReservedPages(files: ReadonlyMap<string, Uint8Array>): ReservedPages {
  let file: Uint8Array | undefined;
  let flash: EmulatedFlash | null = null;
  let size = 0;

  function getFlash(): EmulatedFlash {
    const now = files.get(DENY_FILE);
    if (flash && now === file) return flash;
    file = now;
    size = Math.ceil((HEADER_BYTES + (file?.length ?? 0)) / PAGE_BYTES) * PAGE_BYTES;
    flash = createEmulatedFlash({ address: STORAGE_AT, bytes: size, pageBytes: PAGE_BYTES });
    flash.onPowerLost = () => pages.onPowerLost?.();
    if (file) {
      const header = new Uint8Array(HEADER_BYTES);
      new DataView(header.buffer).setUint32(0, file.length, true);
      header.set(Buffer.from(DENY_FILE, 'latin1'), 4);
      flash.write(header, STORAGE_AT);
    }
    return flash;
  }

  const pages: ReservedPages = {
    onPowerLost: null,
    covers: (address) => address >= STORAGE_AT && address < STORAGE_END,
    flash: getFlash,
    read(length, address) {
      const bytes = new Uint8Array(length).fill(0xff);
      const now = getFlash();
      const end = STORAGE_AT + size;
      if (address < end) bytes.set(now.read(Math.min(length, end - address), address));
      return bytes;
    },
    get writes() {
      return flash?.counters.writes ?? 0;
    },
    get erases() {
      return flash?.counters.erases ?? 0;
    },
    powerOn: () => flash?.powerOn(true),
  };
  return pages;
}
