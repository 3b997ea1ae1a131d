/**
 * Signing keys in files: PKCS #8 PEM (RFC 8410), readable by their owner alone, made at first start.
 *
 * A key is never made anew where a database shows that one existed: boards trust the old one.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createSigner, SEED_BYTES, type Signer } from '../crypto/signer.js';
import { makeFile } from '../durable-file.js';
import { failure } from '../errors.js';
import { pkcs8Of, seedOf } from '../crypto/key-objects.js';

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

/** Path of a role's key, of its database, and of the file that says which database belongs to it. */
export function pathsOf(dataDir: string, role: string): { key: string; database: string; identity: string } {
  return {
    key: keyPaths(dataDir, role, 1).key,
    database: join(dataDir, `${role}.db`),
    identity: join(dataDir, `${role}.id`),
  };
}

/** Paths of a house's keys by their number in its line, 1 for the first. */
export function keyPaths(
  dataDir: string,
  role: string,
  number: number,
): { key: string; seal: string; coupon(amount: number): string } {
  const path = (name: string) => join(dataDir, number === 1 ? `${name}.key` : `${name}.${number}.key`);
  return { key: path(role), seal: path('issuer-seal'), coupon: (amount) => path(`coupon-${amount}`) };
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

/**
 * Whether a key is still to be made.
 * @throws TapcashError KEY_FILE_INVALID where a database shows that there was one
 */
function isNew(path: string, database: string): boolean {
  if (existsSync(path)) return false;
  if (existsSync(database)) throw failure('KEY_FILE_INVALID', `${path}: missing, but ${database} was made with it`);
  return true;
}

/**
 * The seed of the issuer's HPKE key, 32 bytes, made at first start in `dataDir`/issuer-seal.key as hexadecimal.
 * @param number in the issuer's line @throws TapcashError KEY_FILE_INVALID, DATA_DIR_FAILED
 */
export function sealSeed(dataDir: string, random: Random = randomBytes, number = 1): Uint8Array {
  ensureDataDir(dataDir);
  const path = keyPaths(dataDir, 'issuer', number).seal;
  if (number === 1 && isNew(path, pathsOf(dataDir, 'issuer').database)) writeSealFile(path, random);
  const seed = Buffer.from(readSecretFile(path).trim(), 'hex');
  if (seed.length !== SEED_BYTES) throw failure('KEY_FILE_INVALID', `${path}: not ${SEED_BYTES} bytes in hexadecimal`);
  return new Uint8Array(seed);
}

/** Writes a new seed; leaves one that is there. */
function writeSealFile(path: string, random: Random): void {
  makeFile(path, `${Buffer.from(random(SEED_BYTES)).toString('hex')}\n`);
}

/**
 * The bank's RSA-2048 keys for coupons, one file for each amount, made at first start.
 * @throws TapcashError KEY_FILE_INVALID, DATA_DIR_FAILED
 */
export function couponKeys(dataDir: string, amounts: number[]): Map<number, KeyObject> {
  ensureDataDir(dataDir);
  for (const amount of amounts) {
    const path = keyPaths(dataDir, 'bank', 1).coupon(amount);
    if (isNew(path, pathsOf(dataDir, 'bank').database)) writeCouponFile(path);
  }
  return new Map(amounts.map((amount) => [amount, couponKey(dataDir, amount, 1)]));
}

/** One of them, that is there. @param number in the bank's line @throws TapcashError KEY_FILE_INVALID */
export function couponKey(dataDir: string, amount: number, number: number): KeyObject {
  const path = keyPaths(dataDir, 'bank', number).coupon(amount);
  const pem = readSecretFile(path);
  try {
    return createPrivateKey(pem);
  } catch {
    throw failure('KEY_FILE_INVALID', `${path}: not an RSA private key in PEM`);
  }
}

function writeCouponFile(path: string): void {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 65537 });
  makeFile(path, privateKey.export({ format: 'pem', type: 'pkcs8' }) as string);
}

/**
 * Makes the next keys of a house; those that are there stay, from a rotation that did not come to its end.
 * @param amounts of coupons
 */
export function makeNextKeys(
  dataDir: string,
  role: string,
  number: number,
  which: { seal: boolean; amounts: number[] },
  random: Random = randomBytes,
): void {
  const paths = keyPaths(dataDir, role, number);
  if (!existsSync(paths.key)) writeKeyFile(paths.key, random(SEED_BYTES));
  if (which.seal && !existsSync(paths.seal)) writeSealFile(paths.seal, random);
  for (const amount of which.amounts) if (!existsSync(paths.coupon(amount))) writeCouponFile(paths.coupon(amount));
}

/** Writes a new key file, complete or not at all; leaves one that exists. @throws TapcashError DATA_DIR_FAILED */
export function writeKeyFile(path: string, seed: Uint8Array): void {
  makeFile(path, `-----BEGIN PRIVATE KEY-----\n${pkcs8Of(seed).toString('base64')}\n-----END PRIVATE KEY-----\n`);
}

/** Reads a key file. @throws TapcashError KEY_FILE_INVALID */
export function readKeyFile(path: string): Signer {
  const pem = readSecretFile(path);
  let seed: Uint8Array;
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== 'ed25519') throw new Error();
    seed = seedOf(key);
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
