/**
 * The interpreter onto a model of the chip's loader, by the real esptool-js: what is in flash afterwards, to the byte.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { createAttempt } from '../../flash-scripts/flash/attempt.js';
import { CHIPS } from '../../flash-scripts/flash/firmware-image.js';
import { readFirmware } from '../../flash-scripts/flash/node/read-firmware.js';
import { writeFirmware, type FlashEvent } from '../../flash-scripts/flash/rom-loader.js';
import { createWebSerial } from '../../flash-scripts/flash/web-serial.js';
import { createEspBoard } from '../../host-bridge/emulator/esp-board.js';
import { createEmulatedCable } from '../../host-bridge/emulator/esp-cable.js';
import type { EspChip } from '../../host-bridge/emulator/esp-rom.js';
import type { Signals } from '../../host-bridge/serial/device.js';
import { accessAdvice } from '../../host-bridge/serial/port-access.js';
import { createRealScheduler } from '../../host-bridge/base/scheduler.js';
import { writeRelease, type FirmwareOptions } from './firmware-kit.js';
import { skipWaits } from '../kit/skipped-waits.js';

skipWaits();

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

const board = loadBoard('esp32-devkitc');

function bench(chip: EspChip = 'esp32', firmware: FirmwareOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-'));
  folders.push(folder);
  const files = writeRelease(folder, { chip, ...firmware });
  const esp = createEspBoard({
    scheduler: createRealScheduler(),
    name: 'board',
    chip,
    records: board.flash,
    entropy: (count) => new Uint8Array(randomBytes(count)),
  });
  const cable = createEmulatedCable(esp);
  const events: FlashEvent[] = [];
  const flash = (more: Partial<Parameters<typeof writeFirmware>[1]> = {}) =>
    writeFirmware(cable, {
      chip: CHIPS[chip].name,
      parts: readFirmware(folder, { ...board, chip }),
      attempt: createAttempt(),
      onEvent: (event) => void events.push(event),
      ...more,
    });
  return { folder, files, esp, cable, events, flash };
}

/** What flash must hold: the parts in their places, everything else as it was. */
function expected(before: Uint8Array, files: Record<string, Uint8Array>, bootloaderAt: number): Uint8Array {
  const flash = before.slice();
  for (const [name, address] of [
    ['bootloader.bin', bootloaderAt],
    ['partitions_espruino.bin', 0x8000],
    ['espruino_esp32.bin', 0x10000],
  ] as const) {
    const data = files[name];
    const sectors = Math.ceil(data.length / 4096) * 4096;
    flash.fill(0xff, address, address + sectors);
    flash.set(data, address);
  }
  return flash;
}

test.each(['esp32', 'esp32c3', 'esp32s3'] as const)(
  'writes an interpreter to an %s, which then starts',
  async (chip) => {
    const { files, esp, events, flash } = bench(chip);
    const before = esp.flash.fill(0x5a).slice();
    esp.records.restore(new Uint8Array(board.flash.bytes).fill(0x33));
    before.fill(0x33, board.flash.address, board.flash.address + board.flash.bytes);
    before.fill(0xff, 0x320000); // no files in Storage
    await flash();
    expect(Buffer.compare(esp.flash, expected(before, files, CHIPS[chip].bootloader))).toBe(0);
    expect(events.filter((event) => event.kind === 'verified')).toHaveLength(3);
    expect(events[0]).toEqual({ kind: 'chip', name: CHIPS[chip].name });
    esp.pressReset();
    expect(esp.mode).toBe('interpreter');
    expect(esp.records.image().every((byte) => byte === 0x33)).toBe(true);
  },
);

describe('what goes wrong', () => {
  test('a part that is right is skipped; a spoiled block and lost bytes are written again', async () => {
    const { esp, cable, events, files, flash } = bench();
    await flash();
    events.length = 0;
    esp.flash[0x10000 + 5000] ^= 1;
    let spoiled = false;
    await flash({
      onEvent(event) {
        events.push(event);
        if (event.kind === 'chip') cable.dropByte = (write) => write % 40 === 7;
        if (event.kind === 'progress' && !spoiled) spoiled = esp.rom!.spoilNextBlock = true;
      },
    });
    expect(events.filter(({ kind }) => kind === 'skipped')).toHaveLength(2);
    expect(spoiled).toBe(true);
    expect(Buffer.from(esp.flash.slice(0x10000, 0x10000 + files['espruino_esp32.bin'].length))).toEqual(
      Buffer.from(files['espruino_esp32.bin']),
    );
  });

  test('another chip than the board has', async () => {
    const { flash } = bench('esp32c3');
    await expect(flash({ chip: 'ESP32', parts: [] })).rejects.toMatchObject({
      code: 'CHIP_WRONG',
      detail: expect.stringContaining('ESP32-C3'),
    });
  });

  test('nobody holds BOOT', async () => {
    const { esp, events } = bench();
    const mute = createEmulatedCable(esp, false);
    await expect(
      writeFirmware(mute, {
        chip: 'ESP32',
        parts: [],
        attempt: createAttempt(),
        handMs: 200,
        onEvent: (event) => void events.push(event),
      }),
    ).rejects.toMatchObject({ code: 'LOADER_SILENT' });
    expect(events).toEqual([{ kind: 'hold-boot' }]);
  });

  test('all is erased when that is asked for, records too', async () => {
    const { esp, flash } = bench();
    esp.records.restore(new Uint8Array(board.flash.bytes).fill(0x33));
    await flash({ eraseAll: true });
    esp.pressReset();
    expect(esp.records.image().every((byte) => byte === 0xff)).toBe(true);
  });
});

describe('files that are no interpreter for the board', () => {
  const folderWith = (change: (files: Record<string, Uint8Array>) => void, firmware: FirmwareOptions = {}): string => {
    const { folder, files } = bench('esp32', firmware);
    change(files);
    for (const [name, data] of Object.entries(files)) writeFileSync(join(folder, name), data);
    return folder;
  };

  test.each<[string, () => string, string]>([
    ['no such path', () => '/nowhere/at-all', 'FILE_MISSING'],
    [
      'a text',
      () =>
        join(
          folderWith((files) => void (files['espruino_esp32.bin'] = Buffer.from('#!/bin/sh\n'))),
          'espruino_esp32.bin',
        ),
      'FIRMWARE_INVALID',
    ],
    [
      'a folder with a text in it',
      () => folderWith((files) => void (files['espruino_esp32.bin'] = Buffer.alloc(100))),
      'FIRMWARE_INVALID',
    ],
    [
      'no bootloader',
      () => (
        rmSync(
          join(
            folderWith(() => undefined),
            'bootloader.bin',
          ),
        ),
        folders.at(-1)!
      ),
      'FIRMWARE_INVALID',
    ],
    [
      'no partition table',
      () => folderWith((files) => void (files['partitions_espruino.bin'] = Buffer.alloc(3000))),
      'FIRMWARE_INVALID',
    ],
    [
      'two interpreters',
      () => folderWith((files) => void (files['espruino_other.bin'] = files['espruino_esp32.bin'])),
      'FIRMWARE_INVALID',
    ],
    ['one for another chip', () => folderWith((files) => void (files['espruino_esp32.bin'][12] = 9)), 'FIRMWARE_CHIP'],
    [
      'one that would reach the records',
      () => folderWith(() => undefined, { appBytes: board.flash.address }),
      'FIRMWARE_INVALID',
    ],
  ])('%s', (_, path, code) => {
    expect(() => readFirmware(path(), board)).toThrow(expect.objectContaining({ code }));
  });

  test('a merged file is taken as a whole', () => {
    const { folder, files } = bench();
    const merged = new Uint8Array(0x10000 + files['espruino_esp32.bin'].length).fill(0xff);
    merged.set(files['bootloader.bin'], 0x1000);
    merged.set(files['partitions_espruino.bin'], 0x8000);
    merged.set(files['espruino_esp32.bin'], 0x10000);
    writeFileSync(join(folder, 'full.bin'), merged);
    expect(readFirmware(join(folder, 'full.bin'), board)).toMatchObject([{ address: 0 }]);
    writeFileSync(join(folder, 'full.bin'), merged.subarray(0x1000));
    expect(readFirmware(join(folder, 'full.bin'), board)).toMatchObject([{ address: 0x1000 }]);
  });
});

test('who may not open a port is told what to type on this system', () => {
  const facts = {
    platform: 'linux',
    user: 'ada',
    groups: [1000],
    gid: 20,
    mode: 0o660,
    groupFile: 'root:x:0:\ndialout:x:20:\nplugdev:x:46:ada\n',
  };
  expect(accessAdvice(facts)).toContain('sudo usermod -aG dialout ada');
  expect(accessAdvice({ ...facts, groupFile: 'dialout:x:20:bob,ada\n' })).toContain('log out and in again');
  expect(accessAdvice({ ...facts, gid: 0 })).toContain('udev');
  expect(accessAdvice({ ...facts, mode: 0o600 })).toContain('udev');
  expect(accessAdvice({ ...facts, platform: 'darwin' })).not.toContain('usermod');
});

describe('control lines', () => {
  /** What esptool-js does to a chip on its own USB, one line at a time, ends with the lines as they are named last. */
  test('a line that is not named stays as it was', async () => {
    const { esp, cable } = bench('esp32s3');
    const web = createWebSerial(cable);
    await web.open({ baudRate: 115200 });
    await web.setSignals({ dataTerminalReady: false, requestToSend: false });
    await web.setSignals({ requestToSend: false });
    expect(esp.lines).toEqual({ dtr: false, rts: false });
    await web.setSignals({ requestToSend: true });
    expect(esp.lines).toEqual({ dtr: false, rts: true });
    await web.setSignals({ dataTerminalReady: false });
    expect(esp.lines).toEqual({ dtr: false, rts: true });
  });

  test('the emulated cable switches on what is not named, as node-serialport does', async () => {
    const { esp, cable } = bench();
    await cable.open(115200);
    await cable.setSignals({ rts: false } as Signals);
    expect(esp.lines).toEqual({ dtr: true, rts: false });
  });
});
