/**
 * A house's next key: made in its data folder, and put into force by one row of its database.
 *
 * The files come first and the row last, in one transaction with the notice that the old key signs. Killed before the
 * row, the house goes on as it was, and the next try takes the files that are there; after it, the rotation is done. A
 * service that runs on the same folder follows at once.
 *
 * What is kept: a key for signing until its successor is in force, one that opens requests or signs coupons until the
 * old key's time is over. `tidyKeys` deletes what is not kept.
 */
import { existsSync, unlinkSync } from 'node:fs';
import { equal, toHex } from '../../firmware/core/bytes.js';
import { schemeOf, type Scheme } from '../../firmware/core/scheme.js';
import { HOUSE, signedSuccession, successionBody } from '../../firmware/wire/succession.js';
import { createUnsealer } from '../base/crypto/sealed-box.js';
import { COUPON_AMOUNTS } from '../base/crypto/coupon-signer.js';
import { linesOf, type HouseName, type KeyLine, type KeyLines } from '../base/keys/key-line.js';
import { LICENSE_VALID_S, quarterEnd } from '../houses/licensing.js';
import { acceptSuccession, everySuccession, writeSuccession, type SuccessionStore } from '../base/keys/succession.js';
import { failure } from '../base/errors.js';
import { lifeOf } from '../ledger/sqlite/sqlite-accounts.js';
import { bookMark } from '../ledger/sqlite/sqlite-books.js';
import { BANK_MIGRATIONS, ISSUER_MIGRATIONS, TRUSTEE_MIGRATIONS } from '../ledger/sqlite/sqlite-schema.js';
import { openDatabase } from '../base/sqlite/database.js';
import { keyPaths, makeNextKeys, pathsOf, readKeyFile, sealSeed, type Random } from '../base/keys/key-file.js';

const MIGRATIONS: Record<HouseName, string[]> = {
  issuer: ISSUER_MIGRATIONS,
  trustee: TRUSTEE_MIGRATIONS,
  bank: BANK_MIGRATIONS,
};

/** A house's books, as far as keys are about. */
export interface HouseBooks {
  scheme: Scheme;
  lines: KeyLines;
  /** Of this house. */
  line: KeyLine;
  store: SuccessionStore;
  /** Every notice that it knows, encoded `signedSuccession`. */
  notices(): Uint8Array[];
  close(): void;
}

/** Opens the books of a house that was started before. @throws TapcashError FILE_MISSING, DATABASE_* */
export function openHouseBooks(dataDir: string, house: HouseName): HouseBooks {
  const path = pathsOf(dataDir, house).database;
  if (!existsSync(path)) throw failure('FILE_MISSING', `${path}: start the ${house} once, then rotate its key`);
  const database = openDatabase(path, { migrations: MIGRATIONS[house] });
  try {
    const mark = (key: string) => bookMark(path, key) ?? new Uint8Array(0);
    const scheme = schemeOf(mark('scheme')[0] ?? 1);
    const bankKey = bookMark(path, 'bankKey');
    const store = lifeOf(database);
    const lines = linesOf(store, { issuerKey: mark('issuerKey'), registrarKey: mark('registrarKey'), bankKey });
    return { scheme, lines, line: lines.of(house)!, store, notices: () => everySuccession(store), close: store.close };
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** Every notice that the houses of a folder know, each once. */
export function noticesIn(dataDir: string): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  for (const house of Object.keys(MIGRATIONS) as HouseName[]) {
    if (!existsSync(pathsOf(dataDir, house).database)) continue;
    const books = openHouseBooks(dataDir, house);
    for (const notice of books.notices()) found.set(toHex(notice), notice);
    books.close();
  }
  return [...found.values()];
}

export interface RotateOptions {
  dataDir: string;
  house: HouseName;
  /**
   * Unix time, whole seconds: now, and from when the new key signs; the next second at the earliest, as the old one may
   * have signed in this one.
   */
  nowS: number;
  fromS: number;
  /** How long licenses are valid that the house signs; default `LICENSE_VALID_S`. */
  licenseValidS?: number;
  random?: Random;
  /** Told before each step that lasts: a test ends the process here. */
  onStep?(step: 'keys' | 'notice' | 'done'): void;
}

/** A rotation that is under way. */
export interface Rotation {
  house: HouseName;
  number: number;
  newKey: Uint8Array;
  fromS: number;
  untilS: number;
  /** Encoded `signedSuccession`, for the other houses. */
  notice: Uint8Array;
}

/**
 * Makes the next key of a house and its succession.
 * @throws TapcashError ROTATION_RUNNING, FILE_MISSING, KEY_FILE_INVALID, DATA_DIR_FAILED, DATABASE_*
 */
export async function rotate(options: RotateOptions): Promise<Rotation> {
  const { dataDir, house, nowS, random, licenseValidS = LICENSE_VALID_S, onStep = () => undefined } = options;
  const fromS = Math.max(options.fromS, nowS + 1);
  const books = openHouseBooks(dataDir, house);
  try {
    const { scheme, lines, line, store } = books;
    const number = line.keys().length;
    const before = line.keys()[number - 2];
    if (before && nowS < before.untilS)
      throw failure('ROTATION_RUNNING', `until ${new Date(before.untilS * 1000).toISOString().slice(0, 10)}`);
    const seal = house === 'issuer' && (scheme.registration === 'sealed' || scheme.issue !== 'direct');
    const amounts = house === 'bank' && scheme.issue === 'coupon' ? COUPON_AMOUNTS : [];
    onStep('keys');
    makeNextKeys(dataDir, house, number + 1, { seal, amounts }, random);
    onStep('notice');
    const newKey = readKeyFile(keyPaths(dataDir, house, number + 1).key).publicKey;
    const sealKey = seal ? (await createUnsealer(sealSeed(dataDir, random, number + 1))).publicKey : new Uint8Array(32);
    const untilS = quarterEnd(fromS, licenseValidS);
    const notice = writeSuccession(readKeyFile(keyPaths(dataDir, house, number).key), {
      house: HOUSE[house],
      issuer: lines.issuerId,
      number,
      newKey,
      sealKey,
      fromS,
      untilS,
    });
    const taken = acceptSuccession(store, lines, notice, nowS);
    if (!taken.ok) throw failure(taken.code, taken.detail);
    onStep('done');
    return { house, number, newKey, fromS, untilS, notice };
  } finally {
    books.close();
  }
}

/**
 * Takes a house's own notice back from another house, after its database was restored.
 * @throws TapcashError of `acceptSuccession`, KEY_FILE_INVALID where the new key is not here
 */
export function restoreSuccession(
  dataDir: string,
  house: HouseName,
  notice: Uint8Array,
  nowS: number,
): { number: number; repeated: boolean } {
  const books = openHouseBooks(dataDir, house);
  try {
    const body = successionBody.decode(signedSuccession.decode(notice)?.body ?? new Uint8Array(0));
    if (!body || body.house !== HOUSE[house]) throw failure('BAD_REQUEST', `no notice of the ${house}`);
    const path = keyPaths(dataDir, house, body.number + 1).key;
    if (!equal(readKeyFile(path).publicKey, body.newKey))
      throw failure('KEY_FILE_INVALID', `${path}: not the key of this notice`);
    const taken = acceptSuccession(books.store, books.lines, notice, nowS);
    if (!taken.ok) throw failure(taken.code, taken.detail);
    return taken;
  } finally {
    books.close();
  }
}

/** The rotation made last; null before the first. */
export function lastRotation(books: HouseBooks, house: HouseName): Rotation | null {
  const keys = books.line.keys();
  const number = keys.length - 1;
  if (number === 0) return null;
  const { key, fromS } = keys[number]!;
  return {
    house,
    number,
    newKey: key,
    fromS,
    untilS: keys[number - 1]!.untilS,
    notice: books.store.successions(HOUSE[house])[number - 1]!,
  };
}

/** Deletes private keys that are no longer needed. @returns the files that are gone */
export function tidyKeys(dataDir: string, house: HouseName, nowS: number): string[] {
  const books = openHouseBooks(dataDir, house);
  try {
    const gone = books.line.keys().flatMap(({ endS, untilS }, i) => {
      const paths = keyPaths(dataDir, house, i + 1);
      const over =
        nowS >= untilS
          ? [...(house === 'issuer' ? [paths.seal] : []), ...(house === 'bank' ? COUPON_AMOUNTS.map(paths.coupon) : [])]
          : [];
      return [...(nowS >= endS ? [paths.key] : []), ...over].filter((path) => existsSync(path));
    });
    for (const path of gone) unlinkSync(path);
    return gone;
  } finally {
    books.close();
  }
}
