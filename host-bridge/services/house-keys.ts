/**
 * The private keys of a house over time: `role`.key is its first one, `role`.2.key the next, and so on; beside them the
 * issuer's keys for sealed requests and the bank's for coupons, of the same numbers. Which of them is in force the
 * database says.
 *
 * A key that is no longer needed may be gone (commands/rotate.ts): one for signing since its successor is in force, one
 * that opens requests or signs coupons since the old key's time is over.
 */
import { randomBytes, type KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { equal } from '../../firmware/core/bytes.js';
import { createUnsealer, type Unsealer } from '../base/crypto/sealed-box.js';
import { COUPON_AMOUNTS, createCouponSigner, type CouponSigner } from '../base/crypto/coupon-signer.js';
import { keyAt, lineSigner, type HouseName, type KeyLine } from '../base/keys/key-line.js';
import type { Signer } from '../base/crypto/signer.js';
import { failure } from '../base/errors.js';
import { bookMark } from '../ledger/sqlite/sqlite-books.js';
import { couponKey, keyPaths, pathsOf, readKeyFile, sealSeed, serviceKey, type Random } from '../base/keys/key-file.js';

/** Mark in the books of a house's own first key. */
const MARKS: Record<HouseName, string> = { issuer: 'issuerKey', trustee: 'registrarKey', bank: 'bankKey' };

/**
 * A house's first public key; its private key is made at first start.
 * @throws TapcashError KEY_FILE_INVALID, DATA_DIR_FAILED, DATABASE_*
 */
export function firstKey(dataDir: string, role: HouseName, random: Random = randomBytes): Uint8Array {
  const { key, database } = pathsOf(dataDir, role);
  if (existsSync(key) || !existsSync(database) || !existsSync(keyPaths(dataDir, role, 2).key))
    return serviceKey(dataDir, role, random).publicKey;
  const mark = bookMark(database, MARKS[role]);
  if (!mark) throw failure('KEY_FILE_INVALID', `${key}: missing, and ${database} does not say which it was`);
  return mark;
}

/** Whether a house has only ever had its first keys. */
export function isFirstStart(dataDir: string, role: HouseName): boolean {
  return !existsSync(keyPaths(dataDir, role, 2).key);
}

/**
 * Signs with the key in force; a rotation is followed at once.
 * @throws TapcashError KEY_FILE_INVALID where its file is missing or another key, now or when it signs
 */
export function houseSigner(dataDir: string, role: HouseName, line: KeyLine, nowS: () => number): Signer {
  const signer = lineSigner(
    line,
    (publicKey) => {
      const number = line.keys().findIndex(({ key }) => equal(key, publicKey)) + 1;
      const path = keyPaths(dataDir, role, number).key;
      const read = readKeyFile(path);
      if (!equal(read.publicKey, publicKey))
        throw failure('KEY_FILE_INVALID', `${path}: not the key of the succession that the database has`);
      return read;
    },
    nowS,
  );
  void signer.publicKey;
  return signer;
}

/** Opens what was sealed to any of the issuer's keys whose time is not over. */
export async function houseUnsealer(
  dataDir: string,
  line: KeyLine,
  nowS: () => number,
  random: Random = randomBytes,
): Promise<Unsealer> {
  const first =
    existsSync(keyPaths(dataDir, 'issuer', 2).seal) && !existsSync(keyPaths(dataDir, 'issuer', 1).seal)
      ? null
      : await createUnsealer(sealSeed(dataDir, random));
  const made = new Map<number, Promise<Unsealer>>();
  const ofNumber = (number: number) =>
    made.get(number) ?? made.set(number, createUnsealer(sealSeed(dataDir, random, number))).get(number)!;
  return {
    get publicKey() {
      return line.keys().findLast(({ sealKey }) => sealKey !== null)?.sealKey ?? first!.publicKey;
    },
    async open(bytes, scheme, kind) {
      const keys = line.keys();
      for (let number = keys.length; number > 1; number--) {
        const { sealKey, untilS } = keys[number - 1]!;
        const plain = sealKey && nowS() < untilS ? await (await ofNumber(number)).open(bytes, scheme, kind) : null;
        if (plain) return plain;
      }
      return first && nowS() < keys[0]!.untilS ? first.open(bytes, scheme, kind) : null;
    },
  };
}

/**
 * Signs coupons with the keys in force, and blinded messages that were made for older ones until their time is over.
 */
export function houseCoupons(
  dataDir: string,
  line: KeyLine,
  { nowS, keyS }: { nowS(): number; keyS(): number },
): CouponSigner {
  const made = new Map<number, CouponSigner>();
  const ofNumber = (number: number): CouponSigner => {
    const keys = (): Map<number, KeyObject> =>
      new Map(COUPON_AMOUNTS.map((amount) => [amount, couponKey(dataDir, amount, number)]));
    return made.get(number) ?? made.set(number, createCouponSigner(keys())).get(number)!;
  };
  const current = () => ofNumber(line.keys().indexOf(keyAt(line, keyS())) + 1);
  current();
  /** Of the key that a request was made for, while it is in force. */
  const byItsKey = (ask: (signer: CouponSigner) => Uint8Array | null): Uint8Array | null => {
    for (const [i, { untilS }] of line.keys().entries()) {
      const answer = nowS() < untilS ? ask(ofNumber(i + 1)) : null;
      if (answer) return answer;
    }
    return null;
  };
  return {
    get amounts() {
      return current().amounts;
    },
    get moduli() {
      return current().moduli;
    },
    sign: (amount, request) => byItsKey((signer) => signer.sign(amount, request)),
    refuse: (amount, request) => byItsKey((signer) => signer.refuse(amount, request)),
  };
}
