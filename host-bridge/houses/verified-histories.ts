/**
 * The signatures of many histories at once: as `readHistory` verifies one, with the same codes in the same order, but
 * all that is to be verified goes to `verify` in one piece, and a license that was verified before is known by its
 * bytes.
 */
import { SIGNED, signedBytes } from '../../firmware/wire/signed.js';
import type { SignatureCheck, VerifyMany } from '../base/crypto/verify-many.js';
import { refusal, type Result } from '../base/errors.js';
import { checkLicense, checkLicenseBy, type KeyLine, type LineKey } from '../base/keys/key-line.js';
import { requestOf, type VerifiedHistory } from './depositary.js';
import { decodeHistory, type CashOf, type HistoryRead } from './read-history.js';

/** Licenses that are remembered: some 200 bytes each. */
const LICENSES_KEPT_MAX = 100_000;

/** A history whose signatures are good, and what it said. */
export interface GoodHistory {
  request: VerifiedHistory;
  read: HistoryRead;
  /** The state of the line of keys under which it was verified. */
  line: LineKey[];
}

/** Verifies histories for one house. */
export interface HistoryVerifier {
  /** In the order of the histories. */
  verify(histories: Uint8Array[]): Promise<Result<GoodHistory>[]>;
  /**
   * The same once more before they are judged: where a key of the line has changed since, licenses are asked again.
   * @param verified one result for each of what `verify` was given
   */
  recheck(verified: Result<GoodHistory>[]): Result<GoodHistory>[];
}

/**
 * Which key of the line signed a license, by the license's bytes as a text; of another state of the line nothing is
 * known.
 */
class LicenseMemory {
  private keys: LineKey[] = [];
  private readonly signers = new Map<string, LineKey>();
  constructor(private readonly licensesMax: number) {}

  /** @param keys the line as it is now */
  of(keys: LineKey[]): ReadonlyMap<string, LineKey> {
    if (keys !== this.keys) this.signers.clear();
    this.keys = keys;
    return this.signers;
  }

  add(keys: LineKey[], license: string, by: LineKey): void {
    this.of(keys);
    // The oldest goes: a license that pays often is back with its next payment.
    if (this.signers.size >= this.licensesMax) this.signers.delete(this.signers.keys().next().value!);
    this.signers.set(license, by);
  }
}

/** One history on its way. */
interface OnItsWay {
  bytes: Uint8Array;
  decoded: Result<{ read: HistoryRead }>;
  /** Its license's bytes as a text; empty where there is none. To hash them took longer than all that it is for. */
  license: string;
}

/** Bytes as a text of so many characters. */
const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/** What a batch takes: each license that is not known, once, then each history. */
function checksOf(batch: OnItsWay[], keys: Uint8Array[], known: ReadonlyMap<string, LineKey>) {
  const checks: SignatureCheck[] = [];
  /** Where the check of a license stands. */
  const licenses = new Map<string, number>();
  for (const { decoded, license } of batch) {
    if (!decoded.ok || licenses.has(license) || known.has(license)) continue;
    const { body, signature } = decoded.read.licensed;
    licenses.set(license, checks.length);
    checks.push({ keys, message: signedBytes(SIGNED.license, body), signature });
  }
  for (const { decoded } of batch) {
    if (!decoded.ok) continue;
    const { terms, challengeBytes, signature } = decoded.read;
    checks.push({ keys: [terms.pku], message: signedBytes(SIGNED.payment, challengeBytes), signature });
  }
  return { checks, licenses };
}

/** @param licensesMax how many licenses are remembered */
export function createHistoryVerifier(
  ours: CashOf & { registrar: KeyLine },
  verify: VerifyMany,
  licensesMax = LICENSES_KEPT_MAX,
): HistoryVerifier {
  const { registrar } = ours;
  const memory = new LicenseMemory(licensesMax);

  return {
    async verify(histories) {
      const line = registrar.keys();
      const batch = histories.map((bytes): OnItsWay => {
        const decoded = decodeHistory(ours, bytes);
        return { bytes, decoded, license: decoded.ok ? textOf(decoded.read.license) : '' };
      });
      const known = memory.of(line);
      // Before anything is awaited: what is remembered now may be forgotten meanwhile.
      const signers = new Map(batch.map(({ license }) => [license, known.get(license) ?? null]));
      const { checks, licenses } = checksOf(
        batch,
        line.map(({ key }) => key),
        known,
      );
      const found = await verify(checks);
      const isSame = registrar.keys() === line;
      for (const [license, at] of licenses) {
        const by = line[found[at]!] ?? null;
        signers.set(license, by);
        if (by && isSame) memory.add(line, license, by);
      }
      let next = licenses.size;
      return batch.map(({ bytes, decoded, license }): Result<GoodHistory> => {
        if (!decoded.ok) return decoded;
        const { read } = decoded;
        const isPaid = found[next++] === 0;
        const unlicensed = checkLicenseBy(signers.get(license) ?? null, read.terms.validUntilS);
        if (unlicensed) return unlicensed;
        if (!isPaid) return refusal('SIGNATURE_INVALID');
        return { ok: true, request: requestOf(read, bytes), read, line };
      });
    },
    recheck(verified) {
      const line = registrar.keys();
      return verified.map((result) => {
        if (!result.ok || result.line === line) return result;
        const { terms, licensed } = result.read;
        return checkLicense(registrar, terms.validUntilS, licensed.body, licensed.signature) ?? result;
      });
    },
  };
}
