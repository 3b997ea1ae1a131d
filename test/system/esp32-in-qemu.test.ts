/**
 * The third place to run: Espruino's build for the ESP32 in QEMU (host-bridge/emulator/esp32-qemu.ts). Keys and
 * signatures have the bytes that they have everywhere; instructions and variables are counted.
 *
 * Skipped, and said so, where ESP32_QEMU and ESP32_FIRMWARE name no emulator and no release of Espruino.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WITHOUT_PSRAM } from '../../flash-scripts/boards/interpreter-builds.js';
import { libraryBundle } from '../../host-bridge/bench/board-script.js';
import {
  createQemuBoard,
  findQemu,
  freshFlash,
  NS_A_INSTRUCTION,
  readRelease,
  type QemuBoard,
} from '../../host-bridge/emulator/esp32-qemu.js';
import { readStorageImage, writeStorageImage } from '../../host-bridge/emulator/storage-image.js';
import { tempFolder } from '../kit/temp-folder.js';
import { writeRelease } from '../flash/firmware-kit.js';
import { baseTable, fastEd, hex } from '../crypto/crypto-kit.js';

const parts = findQemu(process.env);
const inQemu = parts ? describe : describe.skip;

/** For what a busy machine takes long for. */
const LONG_MS = 1_800_000;
const STORAGE = { at: 0x320000, bytes: 917504 };

/** Instructions that were seen with 2v27.45: a round of an empty loop, with one call in it, and whole operations. */
const LOOP = 10_880;
const DOT = 41_780;
const HASH = 58_060;
const KEY_PAIR = 334.5e6;
const SIGN = 2.29e6;
/** Of pages that a chip has read. */
const CRCS = { header: 0xb9ba2d84, bleStatus: 0xe8452b8c };

const filled = (bytes: number, value: number): Uint8Array => new Uint8Array(bytes).fill(value);

/** Asks a board that has nothing but the interpreter. @returns what an expression prints as */
function createAsking({ uarts }: QemuBoard) {
  let out = '';
  let wake = (): void => undefined;
  const [cable] = uarts as [QemuBoard['uarts'][number]];
  cable.onData = (data) => {
    out += data;
    wake();
  };
  async function until(what: RegExp): Promise<string> {
    for (;;) {
      const match = what.exec(out);
      if (match) {
        out = out.slice(match.index + match[0].length);
        return match[1] ?? '';
      }
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  let asked = 0;
  return {
    until,
    ask(expression: string): Promise<string> {
      asked++;
      cable.write(`\x10print("<"+"${asked}",(${expression}),">")\n`);
      return until(new RegExp(`<${asked} ([^]*?) >`));
    },
  };
}

/**
 * A board at its prompt, with files in its Storage. What it is told while the emulator's station joins its access
 * point may be lost to MEMORY_BUSY: so it is asked after that, and its WiFi is switched off as the firmware does it.
 */
async function started(psram: boolean, files: Record<string, Uint8Array>) {
  const flash = freshFlash(readRelease(parts!.firmware));
  const storage = flash.subarray(STORAGE.at, STORAGE.at + STORAGE.bytes);
  writeStorageImage(storage, new Map(Object.entries(files)), STORAGE.bytes);
  expect([...readStorageImage(storage).keys()]).toEqual(Object.keys(files));
  const board = await createQemuBoard({ ...parts!, flash, psram });
  const { ask, until } = createAsking(board);
  try {
    await board.powerOn();
    await until(/AID=1[^\n]*\n/);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await ask('(Wifi=require("Wifi"),Wifi.stopAP(),Wifi.disconnect(),1)');
  } catch (thrown) {
    await board.close();
    throw thrown;
  }
  return { board, ask };
}

/** Counts differ by what other tasks take, some 3 in 100. */
const near = (counted: number, seen: number): void => {
  expect(counted).toBeGreaterThan(0.95 * seen);
  expect(counted).toBeLessThan(1.05 * seen);
};

inQemu('ESP32 in QEMU', () => {
  let board: QemuBoard;
  let ask: (expression: string) => Promise<string>;

  /** Instructions while a statement runs, right after a collection: garbage makes allocations dearer. */
  async function count(statement: string): Promise<number> {
    await ask('(process.memory(),1)');
    const seconds = await ask(`(function(){var t=getTime();${statement};return getTime()-t})()`);
    return (Number(seconds) * 1e9) / NS_A_INSTRUCTION;
  }
  /** The same for a round of a loop. */
  const round = async (body: string, rounds: number) => (await count(`for(var i=0;i<${rounds};i++){${body}}`)) / rounds;
  beforeAll(async () => {
    const lib = Buffer.from(`var lib;function give(l){lib=l;}\n${await libraryBundle()}`, 'latin1');
    ({ board, ask } = await started(true, { lib, base: baseTable }));
  }, LONG_MS);
  afterAll(() => board?.close(), LONG_MS);

  test(
    'as many variables as a module with PSRAM has',
    async () => {
      expect(JSON.parse(await ask('JSON.stringify(process.memory())'))).toMatchObject({ total: 16_383, blocksize: 14 });
    },
    LONG_MS,
  );

  test(
    'a loop, a dot product, a hash take the instructions that were seen',
    async () => {
      await ask('(a=new Float64Array(12),b=new Float64Array(23),h=new Uint8Array(100),c=require("crypto"),1)');
      await ask('(function(){for(var i=0;i<12;i++){a[i]=3e6+i;b[i]=2e6-i}return 1})()');
      near(await round('', 1000), LOOP);
      near(await round('E.convolve(a,b,11)', 500), DOT);
      near(await round('c.SHA512(h)', 200), HASH);
    },
    LONG_MS,
  );

  test(
    'key and signature have the bytes that they have everywhere',
    async () => {
      const ed = fastEd();
      const key = ed.keyFromSeed(filled(32, 7));
      const [nonce] = ed.makeNonces((bytes) => filled(bytes, 5), 1);
      const signature = hex(ed.sign(key, nonce!, filled(100, 9)));
      await ask('(eval(require("Storage").read("lib")),1)');
      await ask(
        '(ed=lib.createEd25519(lib.natives,{base:new Uint8Array(require("Storage").readArrayBuffer("base"))}),1)',
      );
      await ask(
        '(hex=function(b){var s="";for(var i=0;i<b.length;i++)s+=(b[i]+256).toString(16).substr(1);return s},1)',
      );
      await ask(
        '(f=function(n,v){var b=new Uint8Array(n);for(var i=0;i<n;i++)b[i]=v;return b},seed=f(32,7),m=f(100,9),1)',
      );
      near(await count('key=ed.keyFromSeed(seed)'), KEY_PAIR);
      expect(await ask('hex(key.publicKey)')).toBe(hex(key.publicKey));
      await ask('(n=ed.makeNonces(function(b){return f(b,5)},1)[0],1)');
      near(await count('s=ed.sign(key,n,m)'), SIGN);
      expect(await ask('hex(s)')).toBe(signature);
    },
    LONG_MS,
  );
});

inQemu('ESP32 in QEMU without PSRAM', () => {
  test(
    'as many variables as the table of builds says',
    async () => {
      const { board, ask } = await started(false, {});
      try {
        const { total } = JSON.parse(await ask('JSON.stringify(process.memory())'));
        expect(Math.abs(total - WITHOUT_PSRAM)).toBeLessThanOrEqual(16);
      } finally {
        await board.close();
      }
    },
    LONG_MS,
  );
});

describe('without QEMU', () => {
  test('nothing is named: nothing is found; what is named must be there', () => {
    expect(findQemu({})).toBeNull();
    const folder = tempFolder();
    writeRelease(folder);
    const here = { ESP32_QEMU: process.execPath, ESP32_FIRMWARE: folder };
    expect(findQemu(here)).toEqual({ qemu: process.execPath, firmware: folder });
    for (const wrong of [
      { ...here, ESP32_QEMU: join(folder, 'x') },
      { ESP32_QEMU: folder },
      { ESP32_FIRMWARE: folder },
    ])
      expect(() => findQemu(wrong)).toThrow(expect.objectContaining({ code: 'FILE_MISSING' }));
  });

  test('a release whose partition table has Storage elsewhere is refused', () => {
    const folder = tempFolder();
    writeRelease(folder);
    expect(() => readRelease(folder)).toThrow('has "storage" at null');
    const table = new Uint8Array(96).fill(0xff);
    const entry = (at: number, name: string, address: number): void => {
      table.set([0xaa, 0x50, 1, 0x41], at);
      new DataView(table.buffer).setUint32(at + 4, address, true);
      table.fill(0, at + 12, at + 32);
      table.set(Buffer.from(name, 'latin1'), at + 12);
    };
    entry(0, 'nvs', 0x9000);
    entry(32, 'storage', 0x360000);
    writeFileSync(join(folder, 'partitions_espruino.bin'), table);
    expect(() => readRelease(folder)).toThrow('has "storage" at 3538944');
    entry(32, 'storage', 0x320000);
    writeFileSync(join(folder, 'partitions_espruino.bin'), table);
    expect(Object.keys(readRelease(folder)).map(Number)).toEqual([0x1000, 0x8000, 0x10000]);
  });

  test('a fresh flash says that Bluetooth is off, as the chip reads it', () => {
    const flash = freshFlash({ 0x1000: filled(4, 1) });
    expect([...flash.subarray(0xffe, 0x1006)]).toEqual([255, 255, 1, 1, 1, 1, 255, 255]);
    const page = Buffer.from(flash.subarray(0x9000, 0xa000));
    // Checks of header and entry, as ESP-IDF's NVS makes them, from another implementation.
    expect([page.readUInt32LE(28), page.readUInt32LE(64 + 32 + 4)]).toEqual([CRCS.header, CRCS.bleStatus]);
    expect(page.toString('latin1', 104, 113)).toBe('bleStatus');
    expect(page.readUInt32LE(120)).toBe(0);
    expect(page[32]).toBe(0b11101010);
  });
});
