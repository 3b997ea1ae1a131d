/**
 * What boards are given of houses whose keys have followed one another: the newest key of each, and the one before
 * while its time is not over.
 */
import type { PublicParameters } from '../../host-bridge/base/services/procedures.js';
import type { LineKey } from '../../host-bridge/base/keys/key-line.js';
import { linesFrom } from '../../host-bridge/base/keys/succession.js';
import type { IssuerFacts } from './board-files.js';

/** The newest key of a line, and the one before it where that is still taken. */
function newestOf(keys: LineKey[], nowS: number): { key: Uint8Array; before: LineKey | null } {
  const before = keys[keys.length - 2];
  return { key: keys[keys.length - 1]!.key, before: before && nowS < before.untilS ? before : null };
}

/** The facts for a board that is provisioned now. @param nowS Unix time */
export function currentFacts(
  { issuer, currency, issuerKey, registrarKey, sealKey, successions }: PublicParameters,
  nowS: number,
): IssuerFacts {
  const lines = linesFrom({ issuerKey, registrarKey }, successions);
  const [pki, pkr] = [lines.issuer, lines.registrar].map((line) => newestOf(line.keys(), nowS)) as [
    ReturnType<typeof newestOf>,
    ReturnType<typeof newestOf>,
  ];
  return {
    ...{ issuer, currency, sealKey },
    issuerKey: pki.key,
    registrarKey: pkr.key,
    before: {
      registrarKey: pkr.before?.key ?? null,
      registrarUntilS: pkr.before?.untilS ?? 0,
      issuerKey: pki.before?.key ?? null,
    },
  };
}
