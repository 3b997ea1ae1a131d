/**
 * The prices of the tap model against what an ESP32 build of Espruino took for whole operations (2v27.45, instructions
 * counted in QEMU with -icount): sums of prices that were counted construct by construct, on another machine.
 */
import { generateKeyPairSync } from 'node:crypto';
import {
  BASE_SHAPE,
  edwardsOfX25519,
  KEY_SHAPE,
  makeCombTable,
  SEAL_SHAPE,
} from '../../flash-scripts/provision/tables.js';
import { createEd25519 } from '../../firmware/crypto/ed25519.js';
import { multiplesOf } from '../../host-bridge/base/crypto/key-multiples.js';
import { createHostNatives } from '../../host-bridge/base/crypto/node-natives.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { libraryBundle } from '../../host-bridge/bench/board-script.js';
import { OPERATIONS_OF_BOARD, SEED } from '../../host-bridge/bench/interpreter-programs.js';
import { createBoard } from '../../host-bridge/emulator/board.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { isLong } from '../kit/extent.js';
import { workMs, ESP32_SPEED } from '../../host-bridge/emulator/work-meter.js';
import { loadBoard } from '../../flash-scripts/flash/node/load-board.js';

/** Millions of instructions, and how many single operations a call is. */
const COUNTED = {
  signAtTap: [2.69, 1],
  makeNonce: [259, 8],
  keyPair: [347, 1],
  verifyKnownKey: [534, 1],
  verifyAnyKey: [1052, 1],
  verifyBareKey: [1924, 1],
  hpkeSeal: [665, 1],
  rsaPublic: [936, 1],
  blindUnblind: [234, 1],
} as const;

// The library is bundled for it: it takes a quarter of a minute.
(isLong ? test : test.skip)('whole operations cost what was counted on an ESP32 build, within a tenth', async () => {
  const base = makeCombTable(BASE_SHAPE);
  const seed = new Uint8Array(Buffer.from(SEED, 'hex'));
  const { publicKey } = createEd25519(createHostNatives({ checked: false }), { base }).keyFromSeed(seed);
  const of = (key: { export(options: { format: 'jwk' }): { x?: string; n?: string } }): Uint8Array => {
    const { x, n } = key.export({ format: 'jwk' });
    return new Uint8Array(Buffer.from((x ?? n)!, 'base64url'));
  };
  const files: Record<string, Uint8Array> = {
    baseTable: base,
    keyTable: makeCombTable(KEY_SHAPE, publicKey),
    multiples: multiplesOf(publicKey),
    peerTable: makeCombTable(SEAL_SHAPE, edwardsOfX25519(of(generateKeyPairSync('x25519').publicKey))),
    modulus: of(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey),
  };
  const read = Object.keys(files).map(
    (name) => `var ${name}=new Uint8Array(require("Storage").readArrayBuffer("${name}"));`,
  );
  const own = `function fromHex(t){var b=new Uint8Array(t.length/2);for(var i=0;i<b.length;i++)b[i]=parseInt(t.substr(2*i,2),16);return b;}`;
  const board = createBoard({
    scheduler: createVirtualScheduler(),
    name: 'counted',
    bundle: [`var lib;function give(l){lib=l;}`, own, ...read, await libraryBundle(), OPERATIONS_OF_BOARD].join('\n'),
    files,
    flash: createEmulatedFlash(loadBoard('emulated').flash),
    entropy: (count) => new Uint8Array(count),
    speed: ESP32_SPEED,
  });
  board.powerOn();
  const work = workMs(
    { ...ESP32_SPEED, cycles: 1, mhz: 1000 },
    () => board.evaluate('$work()') as number[],
    () => [],
  );
  const said: Record<string, string> = {};
  for (const [name, [counted, times]] of Object.entries(COUNTED)) {
    const before = work();
    board.evaluate(`own.${name}[2]()`);
    said[name] = ((work() - before) / times / counted).toFixed(2);
  }
  expect(board.errors).toEqual([]);

  for (const part of Object.values(said)) {
    expect(Number(part)).toBeGreaterThan(0.9);
    expect(Number(part)).toBeLessThan(1.1);
  }
});
