/**
 * Signing keys in files: PKCS #8 PEM (RFC 8410), readable by their owner alone, made at first start.
 *
 * A key is never made anew where a database shows that one existed: boards trust the old one.
 */
import { createPrivateKey, randomBytes } from 'node:crypto';
import { chmodSync, closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createSigner, SEED_BYTES, type Signer } from '../actors/signer.js';
import { failure } from '../errors.js';

/** Source of random bytes. */
export type Random = (bytes: number) => Uint8Array;

/** Makes a folder that only its owner may enter. @throws TapcashError DATA_DIR_FAILED */
export function ensureDataDir(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw failure('DATA_DIR_FAILED', `${path}: ${(thrown as NodeJS.ErrnoException).code}`, thrown);
  }
}

/** Path of a role's key, and of its database. */
export function pathsOf(dataDir: string, role: string): { key: string; database: string } {
  return { key: join(dataDir, `${role}.key`), database: join(dataDir, `${role}.db`) };
}

/**
 * The signing key of a service, made at first start in `dataDir`/`role`.key.
 * @throws TapcashError KEY_FILE_INVALID, DATA_DIR_FAILED
 */
export function serviceKey(dataDir: string, role: string, random: Random = randomBytes): Signer {
  ensureDataDir(dataDir);
  const paths = pathsOf(dataDir, role);
  if (!existsSync(paths.key)) {
    if (existsSync(paths.database)) throw failure('KEY_FILE_INVALID', `${paths.key}: missing, but ${paths.database} was made with it`);
    writeKeyFile(paths.key, random(SEED_BYTES));
  }
  return readKeyFile(paths.key);
}

/** Writes a new key file, complete or not at all; leaves one that exists. @throws TapcashError DATA_DIR_FAILED */
export function writeKeyFile(path: string, seed: Uint8Array): void {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const pem = `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`;
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    const file = openSync(temporary, 'wx', 0o600);
    try {
      writeSync(file, pem);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    chmodSync(temporary, 0o600);
    try {
      linkSync(temporary, path); // unlike rename, never over a key that another process has just made
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    } finally {
      unlinkSync(temporary);
    }
    syncFolder(dirname(path));
  } catch (thrown) {
    throw failure('DATA_DIR_FAILED', `${path}: ${(thrown as NodeJS.ErrnoException).code}`, thrown);
  }
}

/** Reads a key file. @throws TapcashError KEY_FILE_INVALID */
export function readKeyFile(path: string): Signer {
  // What the parser says is left out: it might quote the key.
  const invalid = (why: string) => failure('KEY_FILE_INVALID', `${path}: ${why}`);
  let pem: string;
  let mode: number;
  try {
    pem = readFileSync(path, 'utf8');
    mode = statSync(path).mode;
  } catch (thrown) {
    throw invalid(String((thrown as NodeJS.ErrnoException).code));
  }
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw invalid(`mode ${(mode & 0o777).toString(8)}`);
  let seed: Uint8Array;
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== 'ed25519') throw new Error();
    const der = key.export({ format: 'der', type: 'pkcs8' });
    seed = new Uint8Array(der.subarray(der.length - SEED_BYTES));
  } catch {
    throw invalid('not an Ed25519 private key in PEM');
  }
  return createSigner(seed);
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
