/** The console of a board, reached whatever its firmware does, and files in its Storage. */
import { NODE_TOOLS } from '../../flash-scripts/flash/node/board-tools.js';
import { openConsole, type BoardConsole } from '../../flash-scripts/flash/console.js';
import { BOOT_FILE, installFiles, type StorageFiles } from '../../flash-scripts/flash/storage-files.js';
import { attemptOn, espRig, plantInterpreter, type EspRig } from './flash-rig.js';
import { skipWaits } from '../kit/skipped-waits.js';

skipWaits();

const BURST = 1024;
/** What acknowledges a packet. */
const ACK = 6;
const open = (rig: EspRig, more = {}): Promise<BoardConsole> =>
  openConsole(rig.cable, {
    ...NODE_TOOLS,
    attempt: attemptOn(rig.cable),
    burstBytesMax: BURST,
    handMs: 3000,
    ...more,
  });

/** A firmware that moves the console away once its radio is on, as ours does. */
const HIDES = `(function(){var n=0;function poll(){if(n++<3)setTimeout(poll,50);else{E.setConsole(null,{force:true});global.hidden=1}}poll()})()`;

const quiet = { onProgress: () => undefined, onFile: () => undefined };

test('a bare interpreter answers at once, an error says what the board says', async () => {
  const rig = espRig();
  plantInterpreter(rig.esp);
  const console = await open(rig);
  expect(console.version).toBe('2v29.277');
  expect(await console.evaluate('1+1')).toBe(2);
  expect(await console.evaluate('JSON.stringify({a:["b\\"",1]})')).toBe('{"a":["b\\"",1]}');
  await expect(console.evaluate('nothing.there')).rejects.toMatchObject({
    code: 'FLASH_FAILED',
    detail: expect.stringContaining('nothing is not defined'),
  });
  await console.close();
});

test('a board that erases for a minute before it acknowledges a file gets the whole of it', async () => {
  const rig = espRig();
  plantInterpreter(rig.esp);
  const console = await open(rig);
  const receive = rig.cable.onData!;
  let late = 0;
  rig.cable.onData = (bytes) => {
    // Of the file's first packet.
    if (late > 0 || !bytes.includes(ACK)) return receive(bytes);
    late = 60_000;
    setTimeout(() => receive(bytes), late);
  };
  const data = new Uint8Array(3000).map((_, i) => i & 127);
  await console.sendFile('slow', data, () => undefined);
  expect([late, Buffer.from(rig.esp.board.files.get('slow')!).equals(Buffer.from(data))]).toEqual([60_000, true]);
  await console.close();
});

test('a firmware that has moved the console away is stopped at its next start', async () => {
  const rig = espRig();
  plantInterpreter(rig.esp);
  rig.esp.board.files.set(BOOT_FILE, Buffer.from(HIDES));
  rig.esp.pressReset();
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(rig.esp.board.evaluate('global.hidden')).toBe(1);
  const console = await open(rig);
  expect(await console.evaluate('typeof hidden')).toBe('undefined');
  await console.close();
});

test('without control lines, somebody is asked to press reset', async () => {
  const rig = espRig('esp32', false);
  plantInterpreter(rig.esp);
  rig.esp.board.files.set(BOOT_FILE, Buffer.from(HIDES));
  rig.esp.pressReset();
  await new Promise((resolve) => setTimeout(resolve, 400));
  let asked = 0;
  const console = await open(rig, { onPressReset: () => (asked++, setTimeout(() => rig.esp.pressReset(), 200)) });
  expect(asked).toBe(1);
  await console.close();
});

test('an old interpreter and a board that says nothing are told apart', async () => {
  const old = espRig();
  plantInterpreter(old.esp, { interpreter: '2v19' });
  await expect(open(old)).rejects.toMatchObject({ code: 'INTERPRETER_OLD', detail: expect.stringContaining('2v19') });
  const silent = espRig();
  await expect(open(silent, { startMs: 300, handMs: 300 })).rejects.toMatchObject({ code: 'BOARD_SILENT' });
});

const bytes = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * seed + (i >> 8)) & 255);

describe('files', () => {
  const files: StorageFiles = {
    [BOOT_FILE]: Buffer.from('print("started")'),
    'tab.a': bytes(5000, 7),
    'tab.b': bytes(3, 1),
    'tab.c': bytes(1024, 3),
  };

  test('are written, compared and skipped the second time', async () => {
    const rig = espRig();
    plantInterpreter(rig.esp);
    const console = await open(rig);
    const told: string[] = [];
    const hooks = {
      onProgress: () => undefined,
      onFile: (name: string, what: string) => void told.push(`${name} ${what}`),
    };
    await installFiles(console, files, hooks);
    expect(Object.fromEntries([...rig.esp.board.files].map(([name, data]) => [name, Buffer.from(data)]))).toEqual(
      Object.fromEntries(Object.entries(files).map(([name, data]) => [name, Buffer.from(data)])),
    );
    expect(told).toEqual(['tab.a written', 'tab.b written', 'tab.c written', '.bootcde written']);
    told.length = 0;
    await installFiles(console, files, hooks);
    expect(told).toEqual(['tab.a right', 'tab.b right', 'tab.c right', '.bootcde right']);
    await console.close();
  });

  test('with a burst of 64 bytes nothing is lost on a port that takes no more', async () => {
    const rig = espRig();
    plantInterpreter(rig.esp);
    const console = await open(rig, { burstBytesMax: 64 });
    await installFiles(console, { 'tab.a': bytes(5000, 7) }, quiet);
    expect(rig.esp.board.errors).toEqual([]);
    expect(Buffer.from(rig.esp.board.files.get('tab.a')!)).toEqual(Buffer.from(bytes(5000, 7)));
    await console.close();
  });

  test('a cable pulled at any write leaves a board that the same command finishes', async () => {
    let pulledAt = 0;
    for (let writes = 0; ; writes += 3) {
      const rig = espRig();
      plantInterpreter(rig.esp);
      rig.esp.board.files.set(BOOT_FILE, Buffer.from('print("old")'));
      const first = await open(rig);
      rig.cable.pullAfter(writes);
      const done = await installFiles(first, files, quiet).then(
        () => true,
        (thrown) => (thrown.code === 'LINK_LOST' ? false : Promise.reject(thrown)),
      );
      await first.close();
      if (done) break;
      pulledAt++;
      rig.cable.pullAfter(Infinity);
      rig.lines.length = 0;
      rig.esp.pressReset();
      // Old firmware, new firmware whose files are all there, or a bare console: never one with files of two versions.
      const started = rig.lines.includes('started');
      if (started) expect(rig.esp.board.files.size).toBe(4);
      const second = await open(rig);
      await installFiles(second, files, quiet);
      await second.close();
      rig.esp.pressReset();
      expect(rig.lines).toContain('started');
    }
    expect(pulledAt).toBeGreaterThan(5);
  });
});
