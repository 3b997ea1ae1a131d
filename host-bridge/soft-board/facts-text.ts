/** What a board is provisioned with of its houses, as text for a store's settings: public keys in hexadecimal. */
import { fromHex, toHex } from '../../firmware/core/bytes.js';
import type { IssuerFacts } from '../../flash-scripts/provision/board-files.js';

/** The facts, as they are stored. */
export interface StoredFacts {
  issuer: string;
  currency: string;
  issuerKey: string;
  registrarKey: string;
  sealKey: string | null;
  registrarBefore: string | null;
  registrarUntilS: number;
  issuerBefore: string | null;
}

const hexOrNull = (bytes: Uint8Array | null | undefined): string | null => (bytes ? toHex(bytes) : null);
const bytesOrNull = (text: string | null): Uint8Array | null => (text === null ? null : fromHex(text));

/** For a store. */
export function storedFacts(facts: IssuerFacts): StoredFacts {
  return {
    issuer: toHex(facts.issuer),
    currency: facts.currency,
    issuerKey: toHex(facts.issuerKey),
    registrarKey: toHex(facts.registrarKey),
    sealKey: hexOrNull(facts.sealKey),
    registrarBefore: hexOrNull(facts.before?.registrarKey),
    registrarUntilS: facts.before?.registrarUntilS ?? 0,
    issuerBefore: hexOrNull(facts.before?.issuerKey),
  };
}

/** From a store. */
export function factsFrom(stored: StoredFacts): IssuerFacts {
  return {
    issuer: fromHex(stored.issuer)!,
    currency: stored.currency,
    issuerKey: fromHex(stored.issuerKey)!,
    registrarKey: fromHex(stored.registrarKey)!,
    sealKey: bytesOrNull(stored.sealKey),
    before: {
      registrarKey: bytesOrNull(stored.registrarBefore),
      registrarUntilS: stored.registrarUntilS,
      issuerKey: bytesOrNull(stored.issuerBefore),
    },
  };
}
