/**
 * The keys of a house, one after another: which of them a signature may be by, and which one the house signs with now.
 *
 * A house's first key stays its name: a database belongs to it, and the issuer's id comes from it. Each later one is
 * there by a succession notice under the key before it (wire/succession.ts), kept in the database of every house that
 * has heard of it.
 *
 * A successor's signature is good from the notice on. The old key's is good for what its house signed before the
 * successor was in force: a license that ends by `untilS`, a message of an earlier time; and what says no time until
 * `untilS`. So no license is cut short by a rotation, nor a history that was paid with one, and a key that is stolen
 * after its time makes neither.
 */
import { equal, toHex } from '../../../firmware/core/bytes.js';
import { HOUSE, signedSuccession, successionBody } from '../../../firmware/wire/succession.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import { refusal, type HostRefusal } from '../errors.js';
import { isSigned, issuerIdOf, type Signer } from '../crypto/signer.js';

/** A house's name on the command line, and of its files. */
export type HouseName = keyof typeof HOUSE;

/** One key of a line. */
export interface LineKey {
  /** Ed25519, 32 bytes. */
  key: Uint8Array;
  /** X25519, 32 bytes: what tokens seal to since this key; null where it came without one. */
  sealKey: Uint8Array | null;
  /** Unix time from which the house signs with it; 0 for the first. */
  fromS: number;
  /** When its successor is in force, and until when it is taken after that; both Infinity without a successor. */
  endS: number;
  untilS: number;
}

/** A house's keys, oldest first; at least one. */
export interface KeyLine {
  keys(): LineKey[];
}

/** Where notices are kept. */
export interface Successions {
  /** Notices of a house, encoded `signedSuccession`, in order. @param house one of `HOUSE` */
  successions(house: number): Uint8Array[];
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** A line from its first key and the notices after it, which were checked when they came. */
function lineOf(first: Uint8Array, notices: Uint8Array[]): LineKey[] {
  const keys: LineKey[] = [{ key: first, sealKey: null, fromS: 0, endS: Infinity, untilS: Infinity }];
  for (const notice of notices) {
    const body = successionBody.decode(signedSuccession.decode(notice)?.body ?? new Uint8Array(0));
    if (!body) throw new TypeError('a stored succession does not decode');
    Object.assign(keys[keys.length - 1]!, { endS: body.fromS, untilS: body.untilS });
    keys.push({
      key: body.newKey,
      sealKey: isZero(body.sealKey) ? null : body.sealKey,
      fromS: body.fromS,
      endS: Infinity,
      untilS: Infinity,
    });
  }
  return keys;
}

/** A line as a store has it: what is added there is followed at once. */
function storedLine(store: Successions, house: HouseName, first: Uint8Array): KeyLine {
  let read = -1;
  let keys: LineKey[] = [];
  return {
    keys() {
      const notices = store.successions(HOUSE[house]);
      if (notices.length !== read) [keys, read] = [lineOf(first, notices), notices.length];
      return keys;
    },
  };
}

/** A line of one key alone. */
export function fixedLine(key: Uint8Array): KeyLine {
  const keys = lineOf(key, []);
  return { keys: () => keys };
}

/** The lines that a house judges by. */
export interface KeyLines {
  /** Issuer id, 4 bytes: of the issuer's first key. */
  issuerId: Uint8Array;
  issuer: KeyLine;
  /** Whose licenses are: the trustee's, or the issuer's. */
  registrar: KeyLine;
  /** null where there is no bank. */
  bank: KeyLine | null;
  /** By house, those that are there. */
  of(house: HouseName): KeyLine | null;
}

/** The first keys of houses, 32 bytes each. */
export interface FirstKeys {
  issuerKey: Uint8Array;
  /** PKR; the issuer's where the scheme has it sign licenses. */
  registrarKey: Uint8Array;
  bankKey?: Uint8Array | null;
}

/** The lines of houses. */
export function linesOf(store: Successions, first: FirstKeys): KeyLines {
  const issuer = storedLine(store, 'issuer', first.issuerKey);
  const trustee = equal(first.registrarKey, first.issuerKey) ? null : storedLine(store, 'trustee', first.registrarKey);
  const bank = first.bankKey ? storedLine(store, 'bank', first.bankKey) : null;
  return {
    issuerId: issuerIdOf(first.issuerKey),
    issuer,
    registrar: trustee ?? issuer,
    bank,
    of: (house) => ({ issuer, trustee, bank })[house],
  };
}

/** The key that the house signs with at a time. */
export function keyAt(line: KeyLine, timeS: number): LineKey {
  return line.keys().find(({ endS }) => timeS < endS)!;
}

/** All keys of a line, for evidence that says no time. */
export function everyKey(line: KeyLine): Uint8Array[] {
  return line.keys().map(({ key }) => key);
}

/**
 * Signs with the key in force.
 * @param signerOf the private key of a public one; throws where it is not there
 * @param nowS Unix time
 */
export function lineSigner(line: KeyLine, signerOf: (publicKey: Uint8Array) => Signer, nowS: () => number): Signer {
  const made = new Map<string, Signer>();
  const now = (): Signer => {
    const { key } = keyAt(line, nowS());
    const name = toHex(key);
    return made.get(name) ?? made.set(name, signerOf(key)).get(name)!;
  };
  return {
    get publicKey() {
      return now().publicKey;
    },
    sign: (type, message) => now().sign(type, message),
  };
}

/** What was signed. */
export interface Signed {
  type: number;
  message: Uint8Array;
  signature: Uint8Array;
}

function judge(
  line: KeyLine,
  { type, message, signature }: Signed,
  isInTime: (key: LineKey) => boolean,
  what: string,
): HostRefusal | null {
  const by = line.keys().find(({ key }) => isSigned(key, type, message, signature));
  if (!by) return refusal('SIGNATURE_INVALID', what);
  return isInTime(by) ? null : refusal('KEY_RETIRED', what);
}

/**
 * What says no time: good until its key's time is over. Codes: SIGNATURE_INVALID, KEY_RETIRED.
 * @param what for people
 */
export function checkNow(line: KeyLine, nowS: number, signed: Signed, what: string): HostRefusal | null {
  return judge(line, signed, ({ untilS }) => nowS < untilS, what);
}

/**
 * What says its time: under the key of that time. Codes: SIGNATURE_INVALID, KEY_RETIRED.
 * @param timeS as the message says it
 */
export function checkAt(line: KeyLine, timeS: number, nowS: number, signed: Signed, what: string): HostRefusal | null {
  return judge(line, signed, ({ endS, untilS }) => timeS < endS && nowS < untilS, what);
}

/** A license: by its end. Codes: LICENSE_INVALID, KEY_RETIRED. */
export function checkLicense(
  line: KeyLine,
  validUntilS: number,
  body: Uint8Array,
  signature: Uint8Array,
): HostRefusal | null {
  const found = judge(
    line,
    { type: SIGNED.license, message: body, signature },
    ({ untilS }) => validUntilS <= untilS,
    'license',
  );
  return found?.code === 'SIGNATURE_INVALID' ? refusal('LICENSE_INVALID') : found;
}

/** A license whose signature is by this key of the line, or by none: as `checkLicense`. */
export function checkLicenseBy(by: LineKey | null, validUntilS: number): HostRefusal | null {
  if (!by) return refusal('LICENSE_INVALID');
  return validUntilS <= by.untilS ? null : refusal('KEY_RETIRED', 'license');
}
