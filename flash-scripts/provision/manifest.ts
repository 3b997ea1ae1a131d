/**
 * The manifest: keys of an issuer's institutions and hashes of their tables, signed by the root. Boards are provisioned from
 * it, and check the signature themselves (firmware/drivers/root.ts). Everything in it is public.
 */
import { createHash } from 'node:crypto';
import { fromChars, fromHex, toHex } from '../../firmware/core/bytes.js';
import { institutionsText, TABLES, type Institutions } from '../../firmware/core/provisioned.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { isSigned, type Signer } from '../../host-bridge/actors/signer.js';
import { failure } from '../../host-bridge/errors.js';
import { issuerTables, type IssuerFacts } from '../board-files.js';

/** As in the file, and in a board's provisioned file. Keys and ids in hexadecimal. */
export interface Manifest extends Institutions {
  /** The key that boards pin: the issuer's own at first, and the same for ever after. */
  root: string;
  signature: string;
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

function institutionsOf(facts: IssuerFacts, version: number): Institutions {
  const tables = issuerTables(facts);
  return {
    version,
    issuer: toHex(facts.issuer),
    currency: facts.currency,
    registrarKey: toHex(facts.registrarKey),
    issuerKey: toHex(facts.issuerKey),
    sealKey: facts.sealKey ? toHex(facts.sealKey) : '',
    tables: TABLES.flatMap((name) => (tables[name] ? [sha256(tables[name])] : [])).join(','),
  };
}

/**
 * Signs a manifest for these facts.
 * @param before the one that boards may have: the version rises where something changed, and the root stays
 * @throws TapcashError KEY_MISMATCH where `root` is not the key that signed it
 */
export function signManifest(facts: IssuerFacts, root: Signer, before: Manifest | null): Manifest {
  const rootKey = toHex(root.publicKey);
  if (before && before.root !== rootKey) throw failure('KEY_MISMATCH', 'the manifest has another root');
  if (before && institutionsText(institutionsOf(facts, before.version)) === institutionsText(before)) return before;
  const given = institutionsOf(facts, (before?.version ?? 0) + 1);
  return { ...given, root: rootKey, signature: toHex(root.sign(SIGNED.institutions, fromChars(institutionsText(given)))) };
}

const isKey = (text: unknown): text is string => typeof text === 'string' && fromHex(text)?.length === 32;

/** Reads a manifest's text. @throws TapcashError MANIFEST_INVALID */
export function parseManifest(text: string): Manifest {
  const invalid = (why: string) => failure('MANIFEST_INVALID', why);
  let value: Manifest;
  try {
    value = JSON.parse(text) as Manifest;
  } catch {
    throw invalid('not JSON');
  }
  const { version, issuer, currency, registrarKey, issuerKey, sealKey, tables, root, signature } = value ?? {};
  if (!Number.isSafeInteger(version) || version < 1 || version > 0xffffffff) throw invalid('version');
  if (typeof issuer !== 'string' || fromHex(issuer)?.length !== 4) throw invalid('issuer');
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency)) throw invalid('currency');
  for (const [name, key] of Object.entries({ registrarKey, issuerKey, root })) if (!isKey(key)) throw invalid(name);
  if (sealKey !== '' && !isKey(sealKey)) throw invalid('sealKey');
  const bytes = fromHex(typeof signature === 'string' ? signature : '');
  if (typeof tables !== 'string' || !bytes || !isSigned(fromHex(root) as Uint8Array, SIGNED.institutions, fromChars(institutionsText(value)), bytes)) {
    throw invalid('not signed by the root that it names');
  }
  return { version, issuer, currency, registrarKey, issuerKey, sealKey, tables, root, signature };
}

/** What a board's files are made from. */
export function factsOf(manifest: Manifest): IssuerFacts {
  const bytes = (hex: string): Uint8Array => fromHex(hex) as Uint8Array;
  return {
    issuer: bytes(manifest.issuer),
    currency: manifest.currency,
    registrarKey: bytes(manifest.registrarKey),
    issuerKey: bytes(manifest.issuerKey),
    sealKey: manifest.sealKey ? bytes(manifest.sealKey) : null,
    signed: manifest,
  };
}
