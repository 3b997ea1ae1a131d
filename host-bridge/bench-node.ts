/**
 * The board's code on Node, with natives of the host: for comparison, not for use.
 */
import { createHash } from 'node:crypto';
import { createBlindRsa } from '../firmware/crypto/blind-rsa.js';
import { openCombTable } from '../firmware/crypto/comb-table.js';
import { createEd25519, type Ed25519 } from '../firmware/crypto/ed25519.js';
import { createEdwards } from '../firmware/crypto/edwards.js';
import { createSealer } from '../firmware/crypto/hpke.js';
import { createRsa } from '../firmware/crypto/rsa.js';
import { createScalars } from '../firmware/crypto/scalar.js';
import { createX25519 } from '../firmware/crypto/x25519.js';
import type { BoardFiles } from './bench-board.js';
import { OPERATIONS, SEALED_BYTES, SEED, SIGNED_BYTES, type Figure, type Operation } from './bench-programs.js';
import { rivalsOnNode } from './bench-rivals.js';
import { aesBlocks, createHostNatives } from './emulator/natives.js';

function random(count: number): Uint8Array {
  return new Uint8Array(count).map((_, i) => (i * 89 + 7) & 255);
}

/** Milliseconds of one call, the best of three rounds. */
function measure(repeat: number, call: () => void): { ms: number } {
  let best = Infinity;
  for (let round = 0; round < 3; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < repeat; i++) call();
    const used = process.cpuUsage(start);
    best = Math.min(best, (used.user + used.system) / 1000 / repeat);
  }
  return { ms: best };
}

/** Every operation, and how many times as fast as the others it is. @param files those of bench-programs.ts */
export async function measureOnNode(files: BoardFiles): Promise<Record<Operation, Figure>> {
  const own = measureOwn(files);
  const figures: Record<Operation, Figure> = { ...own };
  for (const [rival, calls] of Object.entries(await rivalsOnNode())) {
    const took = { keyPair: measure(20, calls.keyPair), sign: measure(20, calls.sign), verify: measure(10, calls.verify) };
    for (const [name, , same] of OPERATIONS) if (same) figures[name] = { ...figures[name], [TIMES[rival as keyof typeof TIMES]]: took[same].ms / own[name].ms };
  }
  return figures;
}

const TIMES = { tweetnacl: 'timesTweetnacl', tweetnaclFast: 'timesTweetnaclFast', noble: 'timesNoble' } as const;

function measureOwn(files: BoardFiles): Record<Operation, { ms: number }> {
  const natives = createHostNatives({ checked: false });
  const ed: Ed25519 = createEd25519(natives, { base: files.baseTable! });
  const key = ed.keyFromSeed(new Uint8Array(Buffer.from(SEED, 'hex')));
  const known = ed.prepareKey(files.keyTable!)!;
  const message = new Uint8Array(SIGNED_BYTES);
  const [spare] = ed.makeNonces(random, 1);
  const signature = ed.sign(key, { R: spare!.R, k: spare!.k!.slice() }, message);
  const x25519 = createX25519(createEdwards(natives), createScalars(natives));
  const sealer = createSealer(natives, aesBlocks, x25519, openCombTable(files.baseTable!), openCombTable(files.peerTable!));
  const nothing = new Uint8Array(0);
  const rsa = createRsa(natives);
  const blindRsa = createBlindRsa(rsa, (data) => new Uint8Array(createHash('sha384').update(data).digest()));
  const modulus = rsa.prepare(files.modulus!)!;
  const x = rsa.fromBytesBelow(modulus, random(256).fill(1, 0, 1));
  const blinding = { r: x, power: x, mask: x };
  const inverse = rsa.toBytes(modulus, x);
  return {
    signAtTap: measure(200, () => ed.sign(key, { R: spare!.R, k: spare!.k!.slice() }, message)),
    makeNonce: { ms: measure(3, () => ed.makeNonces(random, 8)).ms / 8 },
    keyPair: measure(20, () => ed.keyFromSeed(random(32))),
    verifyKnownKey: measure(20, () => ed.verifyKnown(known, message, signature)),
    verifyAnyKey: measure(10, () => ed.verifyKnown(ed.prepareWithMultiples(key.publicKey, files.multiples!)!, message, signature)),
    verifyBareKey: measure(10, () => ed.verify(key.publicKey, message, signature)),
    hpkeSeal: measure(10, () => sealer.seal(sealer.encapsulate(random(32), random(32)), nothing, nothing, new Uint8Array(SEALED_BYTES))),
    rsaPublic: measure(10, () => rsa.power65537(modulus, x)),
    blindUnblind: measure(10, () => blindRsa.unblind(modulus, inverse, blindRsa.blind(modulus, blinding, random(64), random(48)))),
  };
}
