/**
 * Signing keys in files: PKCS #8 PEM (RFC 8410), readable by their owner alone, made at first start.
 *
 * A key is never made anew where a database shows that one existed: boards trust the old one.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
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
  if (isNew(paths.key, paths.database)) writeKeyFile(paths.key, random(SEED_BYTES));
  return readKeyFile(paths.key);
}

/** Whether a key is still to be made. @throws TapcashError KEY_FILE_INVALID where a database shows that there was one */
function isNew(path: string, database: string): boolean {
  if (existsSync(path)) return false;
  if (existsSync(database)) throw failure('KEY_FILE_INVALID', `${path}: missing, but ${database} was made with it`);
  return true;
}

/**
 * The seed of the issuer's HPKE key, 32 bytes, made at first start in `dataDir`/issuer-seal.key as hexadecimal.
 * @throws TapcashError KEY_FILE_INVALID, DATA_DIR_FAILED
 */
export function sealSeed(dataDir: string, random: Random = randomBytes): Uint8Array {
  ensureDataDir(dataDir);
  const path = join(dataDir, 'issuer-seal.key');
  if (isNew(path, pathsOf(dataDir, 'issuer').database)) writeSecretFile(path, `${Buffer.from(random(SEED_BYTES)).toString('hex')}\n`);
  const seed = Buffer.from(readSecretFile(path).trim(), 'hex');
  if (seed.length !== SEED_BYTES) throw failure('KEY_FILE_INVALID', `${path}: not ${SEED_BYTES} bytes in hexadecimal`);
  return new Uint8Array(seed);
}

/** The bank's RSA-2048 keys for coupons, one file for each amount, made at first start. @throws TapcashError KEY_FILE_INVALID, DATA_DIR_FAILED */
export function couponKeys(dataDir: string, amounts: number[]): Map<number, KeyObject> {
  ensureDataDir(dataDir);
  return new Map(
    amounts.map((amount) => {
      const path = join(dataDir, `coupon-${amount}.key`);
      if (isNew(path, pathsOf(dataDir, 'bank').database)) {
        const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 65537 });
        writeSecretFile(path, privateKey.export({ format: 'pem', type: 'pkcs8' }) as string);
      }
      const pem = readSecretFile(path);
      try {
        return [amount, createPrivateKey(pem)] as const;
      } catch {
        throw failure('KEY_FILE_INVALID', `${path}: not an RSA private key in PEM`);
      }
    }),
  );
}

/** Writes a new key file, complete or not at all; leaves one that exists. @throws TapcashError DATA_DIR_FAILED */
export function writeKeyFile(path: string, seed: Uint8Array): void {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  writeSecretFile(path, `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`);
}

function writeSecretFile(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    const file = openSync(temporary, 'wx', 0o600);
    try {
      writeSync(file, text);
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
  const pem = readSecretFile(path);
  let seed: Uint8Array;
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== 'ed25519') throw new Error();
    const der = key.export({ format: 'der', type: 'pkcs8' });
    seed = new Uint8Array(der.subarray(der.length - SEED_BYTES));
  } catch {
    // What the parser says is left out: it might quote the key.
    throw failure('KEY_FILE_INVALID', `${path}: not an Ed25519 private key in PEM`);
  }
  return createSigner(seed);
}

/** The text of a file that nobody but its owner may read. */
function readSecretFile(path: string): string {
  const invalid = (why: string) => failure('KEY_FILE_INVALID', `${path}: ${why}`);
  let text: string;
  let mode: number;
  try {
    text = readFileSync(path, 'utf8');
    mode = statSync(path).mode;
  } catch (thrown) {
    throw invalid(String((thrown as NodeJS.ErrnoException).code));
  }
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw invalid(`mode ${(mode & 0o777).toString(8)}`);
  return text;
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
