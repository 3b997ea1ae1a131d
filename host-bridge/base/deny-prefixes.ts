/** What of denied pseudonyms stands on a deny list (`denyBody` of firmware/wire/notices.ts). */
import { concat, toHex } from '../../firmware/core/bytes.js';
import { PREFIX_BYTES } from '../../firmware/wire/notices.js';

/** Prefixes of these pseudonyms, ascending, each once. */
export function denyPrefixesOf(pkus: readonly Uint8Array[]): Uint8Array {
  const prefixes = new Map(pkus.map((pku) => [toHex(pku.slice(0, PREFIX_BYTES)), pku.slice(0, PREFIX_BYTES)]));
  return concat([...prefixes.keys()].sort().map((hex) => prefixes.get(hex)!));
}
