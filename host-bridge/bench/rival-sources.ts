/**
 * What the board's curve arithmetic is compared with, from a folder with a package of its own: TweetNaCl.js in both of
 * its builds, and on Node @noble/curves besides, which needs BigInt and so cannot run on Espruino.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../base/package-root.js';
import { SEED, SIGNED_BYTES, type Compared, type Rival } from './interpreter-programs.js';

/** The command that installs them. */
export const INSTALL = 'npm ci --prefix host-bridge/bench/rivals';

const FOLDER = join(packageRoot(), 'host-bridge', 'bench', 'rivals', 'node_modules');

const BUILDS: Record<Rival, string> = { tweetnacl: 'nacl.min.js', tweetnaclFast: 'nacl-fast.min.js' };

/** Sources of TweetNaCl.js for the interpreter; none where it is not installed. */
export function rivalSources(): [Rival, string][] {
  const paths = Object.entries(BUILDS).map(([name, file]) => [name as Rival, join(FOLDER, 'tweetnacl', file)] as const);
  return paths.filter(([, path]) => existsSync(path)).map(([name, path]) => [name, readFileSync(path, 'latin1')]);
}

/** One of them on Node: a call of each operation. */
export type NodeRival = Record<Compared, () => unknown>;

/** Those of Node by name; none where they are not installed. */
export async function rivalsOnNode(): Promise<Partial<Record<Rival | 'noble', NodeRival>>> {
  const noblePath = join(FOLDER, '@noble', 'curves', 'ed25519.js');
  if (!existsSync(noblePath)) return {};
  const seed = new Uint8Array(Buffer.from(SEED, 'hex'));
  const message = new Uint8Array(SIGNED_BYTES);
  const found: Partial<Record<Rival | 'noble', NodeRival>> = {};
  for (const [name, file] of Object.entries(BUILDS) as [Rival, string][]) {
    const { sign } = createRequire(import.meta.url)(join(FOLDER, 'tweetnacl', file)) as TweetNacl;
    const { publicKey, secretKey } = sign.keyPair.fromSeed(seed);
    const signature = sign.detached(message, secretKey);
    found[name] = {
      keyPair: () => sign.keyPair.fromSeed(seed),
      sign: () => sign.detached(message, secretKey),
      verify: () => sign.detached.verify(message, signature, publicKey),
    };
  }
  const { ed25519 } = (await import(pathToFileURL(noblePath).href)) as { ed25519: Noble };
  const publicKey = ed25519.getPublicKey(seed);
  const signature = ed25519.sign(message, seed);
  found.noble = {
    keyPair: () => ed25519.getPublicKey(seed),
    sign: () => ed25519.sign(message, seed),
    verify: () => ed25519.verify(signature, message, publicKey),
  };
  return found;
}

interface TweetNacl {
  sign: {
    keyPair: { fromSeed(seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array } };
    detached: ((message: Uint8Array, secretKey: Uint8Array) => Uint8Array) & {
      verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean;
    };
  };
}

interface Noble {
  getPublicKey(seed: Uint8Array): Uint8Array;
  sign(message: Uint8Array, seed: Uint8Array): Uint8Array;
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
}
