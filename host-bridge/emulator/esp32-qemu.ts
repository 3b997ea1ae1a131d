/**
 * The third place to run: a real build of Espruino for the ESP32 in a QEMU that has an ESP32 machine.
 *
 * Both are the user's: ESP32_QEMU is the emulator's executable, ESP32_FIRMWARE a folder with the three files of an
 * Espruino release. QEMU runs the chip's ROM, bootloader, both cores and the interpreter as they are; here are only its
 * flash, a file of 4 MiB, and the ends of its three UARTs, of which the first is the USB cable. Time there is counted
 * in instructions (`-icount`): each takes `NS_A_INSTRUCTION`, and while all rest it goes as outside. So what the board
 * measures with its own clock is a count.
 *
 * The chip has no Bluetooth there: a fresh flash has it switched off in NVS, as `ESP32.enableBLE(false)` leaves it.
 * Needs changes to the emulator (docs/espruino.md). Left out: the loader in ROM, pins, I2C, SPI, and losing bytes in
 * bursts: a UART there takes bytes when it has room.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failure } from '../base/errors.js';
import { crc32 } from 'node:zlib';
import type { SerialEnd } from '../serial/serial-line.js';

/** Virtual nanoseconds of an instruction: `-icount` takes a power of two. */
export const NS_A_INSTRUCTION = 8;
const ICOUNT_SHIFT = 3;

const FLASH_BYTES = 4 * 1024 * 1024;
const UARTS = 3;
/**
 * What a board takes without a word of its own, about as much as a UART's driver has room for; the rest is lost. Else
 * all that is said to it while it starts would wait for it.
 */
const UNHEARD_BYTES_MAX = 2048;
/** How long QEMU may take to open its ports, and to end. */
const OPEN_MS = 60_000;
const END_MS = 10_000;

/** What a user has of it. */
export interface QemuParts {
  /** The emulator's executable. */
  qemu: string;
  /** Folder with bootloader.bin, partitions_espruino.bin and espruino_esp32.bin. */
  firmware: string;
}

/** A release's files, and where each lies. */
const RELEASE = { 'bootloader.bin': 0x1000, 'partitions_espruino.bin': 0x8000, 'espruino_esp32.bin': 0x10000 } as const;

/** Where the interpreter has its Storage, whatever the partition table says (jshardwareESP32.c). */
const STORAGE_AT = 0x320000;
const ENTRY_BYTES = 32;

/**
 * What this environment has of it, or null: tests then say skipped.
 * @throws TapcashError FILE_MISSING when it names what is not there: a typing mistake must not skip
 */
export function findQemu(environment: NodeJS.ProcessEnv): QemuParts | null {
  const { ESP32_QEMU: qemu, ESP32_FIRMWARE: firmware } = environment;
  if (!qemu && !firmware) return null;
  for (const path of [
    qemu ?? 'ESP32_QEMU',
    ...Object.keys(RELEASE).map((file) => join(firmware ?? 'ESP32_FIRMWARE', file)),
  ])
    if (!existsSync(path)) throw failure('FILE_MISSING', path);
  return { qemu: qemu as string, firmware: firmware as string };
}

/** Where a partition table has a partition; null where it has none of that name. */
function partitionAt(table: Uint8Array, name: string): number | null {
  for (let at = 0; table[at] === 0xaa && table[at + 1] === 0x50; at += ENTRY_BYTES) {
    const label = Buffer.from(table.subarray(at + 12, at + 28)).toString('latin1');
    if (label.replace(/\0+$/, '') === name) return Buffer.from(table).readUInt32LE(at + 4);
  }
  return null;
}

/**
 * The files of a release by their addresses.
 * @throws Error where the partition table is of a release before Storage was at 0x320000: the interpreter writes there
 *   all the same, and reads what the table names, so each file reads as 255s
 */
export function readRelease(folder: string): Record<number, Uint8Array> {
  const parts: Record<number, Uint8Array> = {};
  for (const [file, at] of Object.entries(RELEASE)) parts[at] = new Uint8Array(readFileSync(join(folder, file)));
  const at = partitionAt(parts[RELEASE['partitions_espruino.bin']] as Uint8Array, 'storage');
  if (at !== STORAGE_AT)
    throw new Error(`${folder}: partitions_espruino.bin has "storage" at ${at}, the interpreter at ${STORAGE_AT}`);
  return parts;
}

/**
 * A page of NVS that says that Bluetooth is off.
 * Source: ESP-IDF, "NVS internals": a header of 32 bytes, two bits of state for each of 126 entries, entries of 32
 * bytes, CRC32 that begins with all bits set.
 */
function nvsWithoutBluetooth(): Uint8Array {
  const page = new Uint8Array(4096).fill(0xff);
  const view = new DataView(page.buffer);
  const crc = (...parts: Uint8Array[]): number => crc32(Buffer.concat(parts), 0xffffffff);
  view.setUint32(0, 0xfffffffe, true); // active
  view.setUint32(4, 0, true); // the first page
  page[8] = 0xfe; // version 2
  view.setUint32(28, crc(page.subarray(4, 28)), true);
  const U8 = 1;
  const U32 = 4;
  const entries: [space: number, type: number, key: string, value: number][] = [
    [0, U8, 'nvs', 1],
    [1, U32, 'bleStatus', 0],
    [1, U32, 'wifiStatus', 1],
  ];
  entries.forEach(([space, type, key, value], i) => {
    const at = 64 + 32 * i;
    page.set([space, type, 1], at);
    page.set(Buffer.from(key.padEnd(16, '\0'), 'latin1'), at + 8);
    if (type === U8) page[at + 24] = value;
    else view.setUint32(at + 24, value, true);
    view.setUint32(at + 4, crc(page.subarray(at, at + 4), page.subarray(at + 8, at + 32)), true);
    page[32] &= ~(1 << (2 * i)); // written
  });
  return page;
}

/** Where Espruino's partition table has NVS. */
const NVS_AT = 0x9000;

/** A fresh chip's flash. @param parts what is written to it already, by address */
export function freshFlash(parts: Record<number, Uint8Array> = {}): Uint8Array {
  const flash = new Uint8Array(FLASH_BYTES).fill(0xff);
  for (const [at, data] of Object.entries(parts)) flash.set(data, Number(at));
  flash.set(nvsWithoutBluetooth(), NVS_AT);
  return flash;
}

export interface QemuBoardOptions extends QemuParts {
  flash: Uint8Array;
  /** With 4 MiB of PSRAM, as a WROVER module has it. */
  psram?: boolean;
}

export interface QemuBoard {
  /** The far ends of UART 0, 1 and 2; Espruino's Serial1 is UART 0. */
  readonly uarts: readonly SerialEnd[];
  /** The flash as a file. */
  readonly flashFile: string;
  /** Resolves when the chip runs. @throws Error when QEMU does not start */
  powerOn(): Promise<void>;
  powerOff(): Promise<void>;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** Waits at a path for the emulator. */
function listenAt(path: string, onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    onSocket(socket);
  });
  return new Promise((resolve, reject) => server.once('error', reject).listen(path, () => resolve(server)));
}

/** Starts the emulator. @param paths of its UARTs @param onEnded told why it did not start, or ended */
function spawnQemu(
  { qemu, psram }: QemuBoardOptions,
  flashFile: string,
  paths: string[],
  onEnded: (why: Error) => void,
): ChildProcess {
  const args = ['-M', 'esp32', '-display', 'none', '-monitor', 'none', '-icount', `${ICOUNT_SHIFT}`];
  args.push('-drive', `file=${flashFile},if=mtd,format=raw`);
  if (psram) args.push('-m', '4M');
  args.push('-global', 'driver=timer.esp32.timg,property=wdt_disable,value=true');
  // With a WiFi at which nobody is: the interpreter switches WiFi on at its start.
  args.push('-nic', 'hubport,hubid=0,model=esp32_wifi');
  paths.forEach((path, i) => args.push('-chardev', `socket,id=uart${i},path=${path}`, '-serial', `chardev:uart${i}`));
  const child = spawn(qemu, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  running.add(child);
  let said = '';
  child.stderr!.on('data', (bytes: Buffer) => void (said = (said + bytes.toString()).slice(-1000)));
  child.once('error', (error) => onEnded(error));
  child.once('exit', (code) => {
    running.delete(child);
    onEnded(new Error(`${qemu} ended with ${code}: ${said.trim()}`));
  });
  return child;
}

/** The ends of a board's UARTs, and where the emulator finds them. */
async function openUarts(folder: string) {
  const sockets: (Socket | null)[] = Array(UARTS).fill(null);
  const hooks = { onConnected: (): void => undefined };
  const unheard: number[] = Array(UARTS).fill(0);
  const uarts: SerialEnd[] = sockets.map((_, i) => ({
    onData: null,
    write(data) {
      unheard[i] += data.length;
      if (unheard[i]! <= UNHEARD_BYTES_MAX) sockets[i]?.write(Buffer.from(data, 'latin1'));
    },
  }));
  const paths = uarts.map((_, i) => join(folder, `uart${i}`));
  const servers = await Promise.all(
    uarts.map((end, i) =>
      listenAt(paths[i] as string, (socket) => {
        sockets[i] = socket;
        socket.on('data', (bytes) => {
          unheard[i] = 0;
          end.onData?.(latin1(bytes));
        });
        socket.on('close', () => void (sockets[i] = sockets[i] === socket ? null : sockets[i]));
        hooks.onConnected();
      }),
    ),
  );
  return { sockets, uarts, paths, servers, hooks };
}

/** Makes a board, switched off. */
export async function createQemuBoard(options: QemuBoardOptions): Promise<QemuBoard> {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-qemu-'));
  const flashFile = join(folder, 'flash.bin');
  writeFileSync(flashFile, options.flash);
  const { sockets, uarts, paths, servers, hooks } = await openUarts(folder);
  let child: ChildProcess | null = null;

  function start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`${options.qemu} opens no ports`)), OPEN_MS);
      child = spawnQemu(options, flashFile, paths, (why) => {
        clearTimeout(limit);
        reject(why);
      });
      hooks.onConnected = () => {
        if (sockets.includes(null)) return;
        clearTimeout(limit);
        resolve();
      };
    });
  }

  async function powerOff(): Promise<void> {
    const ending = child;
    child = null;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill('SIGTERM');
    const limit = setTimeout(() => ending.kill('SIGKILL'), END_MS);
    await ended;
    clearTimeout(limit);
    for (let i = 0; i < UARTS; i++) sockets[i]?.destroy();
    sockets.fill(null);
  }

  return {
    uarts,
    flashFile,
    powerOff,
    async powerOn() {
      await powerOff();
      await start();
    },
    async close() {
      await powerOff();
      for (const server of servers) server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
