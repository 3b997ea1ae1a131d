/** `tapcash flash` from an empty board to one that starts, and everything that can be wrong on the way. */
import { NODE_TOOLS } from '../../flash-scripts/flash/node/board-tools.js';
import { flashBoard, type FlashBoardOptions, type Reporter } from '../../flash-scripts/flash/flash-board.js';
import { readFirmware } from '../../flash-scripts/flash/node/read-firmware.js';
import { attemptOn, BOARD, espRig, plantInterpreter, type EspRig } from './flash-rig.js';
import { tempFolder } from '../kit/temp-folder.js';
import { writeRelease, type FirmwareOptions } from './firmware-kit.js';
import { skipWaits } from '../kit/skipped-waits.js';

skipWaits();

const silent: Reporter = { step: () => undefined, progress: () => undefined, hint: () => undefined };

function partsOf(firmware: FirmwareOptions = {}) {
  const folder = tempFolder();
  writeRelease(folder, firmware);
  return readFirmware(folder, BOARD);
}

const flash = (rig: EspRig, more: Partial<FlashBoardOptions> = {}) =>
  flashBoard({
    ...NODE_TOOLS,
    device: rig.cable,
    attempt: attemptOn(rig.cable),
    reporter: silent,
    board: BOARD,
    parts: null,
    role: 'user-token',
    burstBytesMax: 1024,
    handMs: 2000,
    ...more,
  });

test('an empty board gets everything, and asks to be provisioned; the second time nothing is written', async () => {
  const rig = espRig();
  const hints: string[] = [];
  const first = await flash(rig, {
    parts: partsOf(),
    reporter: { ...silent, hint: (text) => void hints.push(text) },
  });
  expect(first).toMatchObject({ role: 'user-token', interpreter: '2v29.277', provisioned: false, right: [] });
  expect(first.written).toContain('.bootcde');
  expect(hints).toEqual([]);
  expect(rig.lines.at(-1)).toContain('NOT_PROVISIONED');
  const second = await flash(rig);
  expect(second.written).toEqual([]);
  expect(second.right.sort()).toEqual(first.written.sort());
});

test('a board whose module has too few variables is refused before its interpreter is written', async () => {
  const rig = espRig();
  const before = rig.esp.flash.slice();
  for (const role of ['user-token', 'shop-terminal'] as const)
    await expect(flash(rig, { parts: partsOf(), board: { ...BOARD, variables: 5886 }, role })).rejects.toMatchObject({
      code: 'MEMORY_LOW',
      detail: expect.stringContaining('take a board with PSRAM (esp32-devkitc-wrover)'),
    });
  // By Jest that takes a minute.
  expect(Buffer.compare(rig.esp.flash, before)).toBe(0);
});

test('a board without a role asks for one; one that has a role keeps it', async () => {
  const rig = espRig();
  plantInterpreter(rig.esp);
  const { role: _, ...none } = { role: undefined };
  await expect(
    flashBoard({
      ...NODE_TOOLS,
      device: rig.cable,
      attempt: attemptOn(rig.cable),
      reporter: silent,
      board: BOARD,
      parts: null,
      burstBytesMax: 1024,
      ...none,
    }),
  ).rejects.toMatchObject({ code: 'USAGE' });
  rig.esp.board.files.set(
    'tapcash.cfg',
    Buffer.from(JSON.stringify({ role: 'shop-terminal', board: BOARD, provision: {} })),
  );
  await expect(flash(rig)).rejects.toMatchObject({
    code: 'USAGE',
    detail: expect.stringContaining('the board is a shop-terminal'),
  });
});

test.each([
  ['no native crypto', '2v29.277 crypto', 'NATIVE_MISSING', 'crypto.SHA256, crypto.SHA512'],
  ['no dot product', '2v29.277 E.convolve', 'NATIVE_MISSING', 'E.convolve'],
  ['too old', '2v28.1', 'INTERPRETER_OLD', '2v28.1'],
])('an interpreter with %s is named', async (_, interpreter, code, detail) => {
  const rig = espRig();
  plantInterpreter(rig.esp, { interpreter });
  await expect(flash(rig)).rejects.toMatchObject({ code, detail: expect.stringContaining(detail) });
});
