/**
 * Audit of the houses' keys: each succession is signed by the key before it and follows in its line, and what was
 * signed was signed by the key of its time. Own code, as all of the audit: it reads the notices from the file.
 */
import { equal, toHex } from '../../firmware/core/bytes.js';
import type { Scheme } from '../../firmware/core/scheme.js';
import { HOUSE, signedSuccession, successionBody } from '../../firmware/wire/succession.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { isSigned, issuerIdOf } from '../base/crypto/signer.js';
import type { AuditBooks, Audited, AuditedKeys, Role } from './audit-books.js';

/** A key, until when its house signed with it, and until when licenses under it may last. */
interface AuditedKey {
  key: Uint8Array;
  endS: number;
  untilS: number;
}

/** What is read of a database. */
export interface KeyRows {
  /** Rows of `successions` by house and number; none where the database is of a version without. */
  rows: Audited<'successions'>[];
  scheme: Scheme;
  issuerKey: Uint8Array;
  registrarKey: Uint8Array;
  bankKey: Uint8Array;
  broken(table: string, row: string, problem: string): void;
}

/** Reads the lines of a database, and names what does not follow. */
export function auditKeys({ rows, scheme, issuerKey, registrarKey, bankKey, broken }: KeyRows): AuditedKeys {
  const line = (house: number, first: Uint8Array): AuditedKey[] => {
    const keys: AuditedKey[] = [{ key: first, endS: Infinity, untilS: Infinity }];
    for (const row of rows.filter((one) => Number(one.house) === house)) {
      const outer = signedSuccession.decode(row.notice);
      const body = outer && successionBody.decode(outer.body);
      const old = keys[keys.length - 1]!;
      const problem =
        !outer || !body
          ? 'does not decode'
          : body.house !== house || BigInt(body.number) !== row.number || !equal(body.issuer, issuerIdOf(issuerKey))
            ? 'says other than its row'
            : body.number !== keys.length
              ? `is number ${body.number} where ${keys.length} should be`
              : !equal(body.oldKey, old.key) || !isSigned(old.key, SIGNED.succession, outer.body, outer.signature)
                ? 'is not signed by the key before it'
                : body.untilS <= body.fromS || (keys.length > 1 && body.fromS < keys[keys.length - 2]!.untilS)
                  ? 'begins before the one before it is over'
                  : null;
      if (problem) {
        broken('successions', `${house} ${row.number}`, problem);
        break;
      }
      Object.assign(old, { endS: body!.fromS, untilS: body!.untilS });
      keys.push({ key: body!.newKey, endS: Infinity, untilS: Infinity });
    }
    return keys;
  };
  const issuer = line(HOUSE.issuer, issuerKey);
  const trustee = equal(registrarKey, issuerKey) ? null : line(HOUSE.trustee, registrarKey);
  const bank = bankKey.length > 0 ? line(HOUSE.bank, bankKey) : null;
  const of: Record<Role, AuditedKey[]> = {
    issuer,
    registrar: trustee ?? issuer,
    bank: bank ?? [],
    accounts: scheme.accountsAt === 'bank' ? (bank ?? []) : issuer,
  };
  return {
    isBy: (role, type, message, signature, timeS) =>
      of[role].some(
        ({ key, endS }) => (timeS === null || Number(timeS) < endS) && isSigned(key, type, message, signature),
      ),
    isLicense: (validUntilS, body, signature) =>
      of.registrar.some(({ key, untilS }) => validUntilS <= untilS && isSigned(key, SIGNED.license, body, signature)),
    lines: () =>
      Object.entries({ issuer, trustee, bank }).flatMap(([house, keys]) =>
        (keys ?? []).map(({ key, untilS }, i) => ({
          house,
          key: toHex(key),
          fromS: i === 0 ? 0 : keys![i - 1]!.endS,
          untilS: untilS === Infinity ? null : untilS,
        })),
      ),
  };
}

/** Two houses have heard of the same successors, as far as they have heard. */
export function auditSuccessionPairs(house: AuditBooks, issuer: AuditBooks): void {
  const known = issuer.keys.lines();
  for (const { house: whose, key } of house.keys.lines()) {
    const [own, theirs] = [house, issuer].map((books) => books.keys.lines().filter((one) => one.house === whose));
    const number = own!.findIndex((one) => one.key === key);
    const other = theirs![number];
    if (other ? other.key !== key : whose === 'issuer')
      house.broken(
        'successions',
        `${whose} ${number}`,
        other
          ? 'is another than the issuer has heard of'
          : 'is one that the issuer does not have: its database is older',
      );
  }
  for (const { house: whose, key } of known.filter((one) => one.house === house.house)) {
    if (!house.keys.lines().some((one) => one.key === key))
      house.broken('successions', whose, 'has a successor that its own books do not have: they are older');
  }
}
