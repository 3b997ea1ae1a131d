/**
 * The board's code on Node, with natives of the host: for comparison, not for use.
 */
import { createHash } from 'node:crypto';
import { createBlindRsa } from '../../firmware/crypto/blind-rsa.js';
import { openCombTable } from '../../firmware/crypto/comb-table.js';
import { createEd25519, type Ed25519 } from '../../firmware/crypto/ed25519.js';
import { createEdwards } from '../../firmware/crypto/edwards.js';
import { createSealer } from '../../firmware/crypto/hpke.js';
import { createRsa } from '../../firmware/crypto/rsa.js';
import { createScalars } from '../../firmware/crypto/scalar.js';
import { createX25519 } from '../../firmware/crypto/x25519.js';
import type { BoardFiles } from './board-script.js';
import {
  median,
  OPERATIONS,
  ROUNDS,
  SCHEDULE,
  SEALED_BYTES,
  SEED,
  SIGNED_BYTES,
  type Compared,
  type Figure,
  type Operation,
} from './interpreter-programs.js';
import { rivalsOnNode } from './rival-sources.js';
import { aesBlocks, createHostNatives } from '../base/crypto/node-natives.js';

function random(count: number): Uint8Array {
  return new Uint8Array(count).map((_, i) => (i * 89 + 7) & 255);
}

/** Milliseconds of one call. */
function measure(repeat: number, call: () => void): number {
  const start = process.cpuUsage();
  for (let i = 0; i < repeat; i++) call();
  const used = process.cpuUsage(start);
  return (used.user + used.system) / 1000 / repeat;
}

const TIMES = { tweetnacl: 'timesTweetnacl', tweetnaclFast: 'timesTweetnaclFast', noble: 'timesNoble' } as const;
/** Calls of a rival in a row: with a sixth of them @noble/curves was not yet compiled, and twice as slow. */
const REPEATS: Record<Compared, number> = { keyPair: 60, sign: 60, verify: 30 };

/**
 * Every operation, and how many times as fast as the others it is, in alternation as interpreter-programs.ts says.
 * @param files those of interpreter-programs.ts
 */
export async function measureOnNode(files: BoardFiles): Promise<Record<Operation, Figure>> {
  const own = ownOperations(files);
  const rivals = Object.entries(await rivalsOnNode());
  const found = new Map<string, number[]>();
  const note = (name: string, value: number): void => void found.set(name, [...(found.get(name) ?? []), value]);
  const measureOwn = (name: Operation): number => {
    const value = own[name]();
    note(name, value);
    return value;
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [names, compared] of SCHEDULE) {
      let last = names.map(measureOwn);
      for (const [rival, calls] of compared ? rivals : []) {
        const took = measure(REPEATS[compared!], calls[compared!]);
        const next = names.map(measureOwn);
        names.forEach((name, i) => note(`${name}.${rival}`, (2 * took) / (last[i]! + next[i]!)));
        last = next;
      }
    }
  }
  const figure = ([name, , same]: (typeof OPERATIONS)[number]): [Operation, Figure] => [
    name,
    {
      ms: median(found.get(name)!),
      ...Object.fromEntries(
        same
          ? rivals.map(([rival]) => [TIMES[rival as keyof typeof TIMES], median(found.get(`${name}.${rival}`)!)])
          : [],
      ),
    },
  ];
  return Object.fromEntries(OPERATIONS.map(figure)) as Record<Operation, Figure>;
}

/** Each measures itself: milliseconds. */
function ownOperations(files: BoardFiles): Record<Operation, () => number> {
  const natives = createHostNatives({ checked: false });
  const ed: Ed25519 = createEd25519(natives, { base: files.baseTable! });
  const key = ed.keyFromSeed(new Uint8Array(Buffer.from(SEED, 'hex')));
  const known = ed.prepareKey(files.keyTable!)!;
  const message = new Uint8Array(SIGNED_BYTES);
  const [spare] = ed.makeNonces(random, 1);
  const signature = ed.sign(key, { R: spare!.R, k: spare!.k!.slice() }, message);
  const x25519 = createX25519(createEdwards(natives), createScalars(natives));
  const sealer = createSealer(
    natives,
    aesBlocks,
    x25519,
    openCombTable(files.baseTable!),
    openCombTable(files.peerTable!),
  );
  const nothing = new Uint8Array(0);
  const rsa = createRsa(natives);
  const blindRsa = createBlindRsa(rsa, (data) => new Uint8Array(createHash('sha384').update(data).digest()));
  const modulus = rsa.prepare(files.modulus!)!;
  const x = rsa.fromBytesBelow(modulus, random(256).fill(1, 0, 1));
  const blinding = { r: x, power: x, mask: x };
  const inverse = rsa.toBytes(modulus, x);
  return {
    signAtTap: () => measure(200, () => ed.sign(key, { R: spare!.R, k: spare!.k!.slice() }, message)),
    makeNonce: () => measure(2, () => ed.makeNonces(random, 8)) / 8,
    keyPair: () => measure(20, () => ed.keyFromSeed(random(32))),
    verifyKnownKey: () => measure(20, () => ed.verifyKnown(known, message, signature)),
    verifyAnyKey: () =>
      measure(10, () => ed.verifyKnown(ed.prepareWithMultiples(key.publicKey, files.multiples!)!, message, signature)),
    verifyBareKey: () => measure(10, () => ed.verify(key.publicKey, message, signature)),
    hpkeSeal: () =>
      measure(10, () =>
        sealer.seal(sealer.encapsulate(random(32), random(32)), nothing, nothing, new Uint8Array(SEALED_BYTES)),
      ),
    rsaPublic: () => measure(10, () => rsa.power65537(modulus, x)),
    blindUnblind: () =>
      measure(10, () => blindRsa.unblind(modulus, inverse, blindRsa.blind(modulus, blinding, random(64), random(48)))),
  };
}
