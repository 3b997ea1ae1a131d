/**
 * Succession notices: a house writes one over its own next key, and every house takes those of the others.
 *
 * A notice proves itself, so anybody may bring it, and again. At most one successor may be under way in a line: the
 * next one is taken when the old key's time is over, since boards know two keys of a house.
 */
import { equal } from '../../../firmware/core/bytes.js';
import { HOUSE, signedSuccession, successionBody, type SuccessionBody } from '../../../firmware/wire/succession.js';
import { SIGNED } from '../../../firmware/wire/signed.js';
import { refusal, type Result } from '../errors.js';
import { isLicensable } from '../crypto/ed25519-verify.js';
import { linesOf, type FirstKeys, type HouseName, type KeyLine, type KeyLines, type Successions } from './key-line.js';
import { isSigned, type Signer } from '../crypto/signer.js';

/** A key of a house follows its last one. */
export interface SuccessionRow {
  /** One of `HOUSE`. */
  house: number;
  /** 1, 2, 3 ... in its line. */
  number: number;
  /** Encoded `signedSuccession`. */
  notice: Uint8Array;
  /** When this house heard of it. */
  timeS: number;
}

/** The part of a store that keeps notices. */
export interface SuccessionStore extends Successions {
  transaction<T>(run: () => T): T;
  addSuccession(row: SuccessionRow): void;
}

/** Name of a house by its number; null for none. */
function houseName(house: number): HouseName | null {
  return (Object.keys(HOUSE) as HouseName[]).find((name) => HOUSE[name] === house) ?? null;
}

/** Writes a notice. @param old the key that is succeeded @returns encoded `signedSuccession` */
export function writeSuccession(old: Signer, body: Omit<SuccessionBody, 'oldKey'>): Uint8Array {
  const encoded = successionBody.encode({ ...body, oldKey: old.publicKey });
  return signedSuccession.encode({ signature: old.sign(SIGNED.succession, encoded), body: encoded });
}

/** Whether a key is one of any line's already: a signature must never be two houses'. */
function isTaken(lines: KeyLines, key: Uint8Array): boolean {
  return (Object.keys(HOUSE) as HouseName[]).some((house) =>
    lines
      .of(house)
      ?.keys()
      .some((known) => equal(known.key, key)),
  );
}

/**
 * What a notice must be to follow in its line. Codes: BAD_REQUEST, SIGNATURE_INVALID, SUCCESSION_CONFLICT, KEY_INVALID,
 * ROTATION_RUNNING.
 */
function ruleSuccession(
  lines: KeyLines,
  line: KeyLine,
  body: SuccessionBody,
  given: { signature: Uint8Array; body: Uint8Array },
): Result<object> {
  const keys = line.keys();
  // 1. Signed by the key that it says, which is the one of that number in the line.
  const old = body.number >= 1 ? keys[body.number - 1] : undefined;
  if (!old) return refusal('SUCCESSION_CONFLICT', `number ${body.number}, this house knows ${keys.length - 1}`);
  if (!equal(old.key, body.oldKey) || !isSigned(old.key, SIGNED.succession, given.body, given.signature))
    return refusal('SIGNATURE_INVALID', 'succession');
  // 2. The first of its number: of two successors the one is taken that came first.
  if (body.number !== keys.length)
    return refusal('SUCCESSION_CONFLICT', `another successor of number ${body.number} is there`);
  // 3. A key that can be verified with, and nobody's yet.
  if (!isLicensable(body.newKey) || isTaken(lines, body.newKey)) return refusal('KEY_INVALID', 'new key');
  // 4. An end after its beginning, and that after the end of the one before.
  if (body.untilS <= body.fromS) return refusal('BAD_REQUEST', 'times');
  const before = keys[keys.length - 2];
  if (before && body.fromS < before.untilS) return refusal('ROTATION_RUNNING');
  return { ok: true };
}

/**
 * Takes a notice that somebody brought. Codes: ISSUER_UNKNOWN and those of `ruleSuccession`. @param bytes encoded
 * `signedSuccession`
 * @param own the house that takes it: its own keys follow where they are kept alone, or whoever has an old one could
 *   silence it
 */
export function acceptSuccession(
  store: SuccessionStore,
  lines: KeyLines,
  bytes: Uint8Array,
  nowS: number,
  own: HouseName | null = null,
): Result<{ house: HouseName; number: number; repeated: boolean }> {
  const given = signedSuccession.decode(bytes);
  const body = given && successionBody.decode(given.body);
  const house = body && houseName(body.house);
  const line = house && lines.of(house);
  if (!given || !body || !house || !line) return refusal('BAD_REQUEST', 'succession');
  if (!equal(body.issuer, lines.issuerId)) return refusal('ISSUER_UNKNOWN');
  return store.transaction(() => {
    const stored = store.successions(body.house)[body.number - 1];
    if (stored && equal(stored, bytes)) return { ok: true, house, number: body.number, repeated: true };
    const ruling = ruleSuccession(lines, line, body, given);
    if (!ruling.ok) return ruling;
    if (house === own)
      return refusal('SUCCESSION_CONFLICT', `the ${own}'s own key follows where it is kept: tapcash rotate`);
    store.addSuccession({ house: body.house, number: body.number, notice: bytes, timeS: nowS });
    return { ok: true, house, number: body.number, repeated: false };
  });
}

/** All notices that a house knows, those of each line in order. */
export function everySuccession(store: Successions): Uint8Array[] {
  return Object.values(HOUSE).flatMap((house) => store.successions(house));
}

/** Notices in memory, for who reads them from a house and judges them itself: a bridge, an operator's command. */
export function memorySuccessions(): SuccessionStore {
  const rows: SuccessionRow[] = [];
  return {
    transaction: (run) => run(),
    successions: (house) => rows.filter((row) => row.house === house).map(({ notice }) => notice),
    addSuccession: (row) => void rows.push(row),
  };
}

/**
 * The lines of houses from the notices that a house gave; what does not follow is left out.
 * @param first as they were known before
 */
export function linesFrom(first: FirstKeys, notices: Uint8Array[]): KeyLines {
  const store = memorySuccessions();
  const lines = linesOf(store, first);
  for (const notice of notices) acceptSuccession(store, lines, notice, 0);
  return lines;
}
