/**
 * The manifest: keys of an issuer's institutions and hashes of their tables, signed by the root. Boards are provisioned
 * from it, and check the signature themselves (firmware/board/pinned-root.ts). Everything in it is public.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { fromChars, fromHex, toHex } from '../../firmware/core/bytes.js';
import type { Scheme } from '../../firmware/core/scheme.js';
import { institutionsText, TABLES, type Institutions } from '../../firmware/core/provisioned.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { isSigned, type Signer } from '../../host-bridge/base/crypto/signer.js';
import { failure } from '../../host-bridge/base/errors.js';
import { HOUSE, signedSuccession, successionBody } from '../../firmware/wire/succession.js';
import { beforeFields, issuerTables, type IssuerFacts } from './board-files.js';

/** As in the file, and in a board's provisioned file. Keys and ids in hexadecimal. */
export interface Manifest extends Institutions {
  /** The key that boards pin: the issuer's own at first, and the one that follows it by the issuer's successions. */
  root: string;
  signature: string;
  /** Encoded `signedSuccession`s of the issuer, joined by commas; left out where there are none. */
  roots?: string;
}

function institutionsOf(facts: IssuerFacts, version: number): Institutions {
  const tables = issuerTables(facts);
  return {
    version,
    issuer: toHex(facts.issuer),
    currency: facts.currency,
    registrarKey: toHex(facts.registrarKey),
    issuerKey: toHex(facts.issuerKey),
    sealKey: facts.sealKey ? toHex(facts.sealKey) : '',
    tables: TABLES.flatMap((name) => (tables[name] ? [toHex(sha256(tables[name]))] : [])).join(','),
    ...beforeFields(facts),
  };
}

/**
 * Signs a manifest for these facts.
 * @param before the one that boards may have: the version rises where something changed
 * @param successions encoded `signedSuccession`s: the way from an older root to this one
 * @throws TapcashError KEY_MISMATCH where `root` neither signed it nor follows the key that did
 */
export function signManifest(
  facts: IssuerFacts,
  root: Signer,
  before: Manifest | null,
  successions: Uint8Array[] = [],
): Manifest {
  const rootKey = toHex(root.publicKey);
  const ways = successions.filter((notice) => successionOf(notice)?.house === HOUSE.issuer);
  if (before && before.root !== rootKey && !leadsFrom(ways, before.root))
    throw failure('KEY_MISMATCH', 'the manifest has another root');
  if (before && institutionsText(institutionsOf(facts, before.version)) === institutionsText(before)) return before;
  const given = institutionsOf(facts, (before?.version ?? 0) + 1);
  const signature = toHex(root.sign(SIGNED.institutions, fromChars(institutionsText(given))));
  return { ...given, root: rootKey, ...(ways.length > 0 ? { roots: ways.map(toHex).join(',') } : {}), signature };
}

const successionOf = (notice: Uint8Array) =>
  successionBody.decode(signedSuccession.decode(notice)?.body ?? new Uint8Array(0));

/** Whether a succession begins at this root. The board that has it verifies them all. */
function leadsFrom(notices: Uint8Array[], root: string): boolean {
  return notices.some((notice) => toHex(successionOf(notice)?.oldKey ?? new Uint8Array(0)) === root);
}

/** Whether a board with this root can take a manifest. */
export function followsRoot(manifest: Manifest, root: string): boolean {
  return (
    manifest.root === root ||
    leadsFrom(
      (manifest.roots ?? '').split(',').map((text) => fromHex(text) ?? new Uint8Array(0)),
      root,
    )
  );
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
  const {
    version,
    issuer,
    currency,
    registrarKey,
    issuerKey,
    sealKey,
    tables,
    root,
    signature,
    roots,
    registrarBefore,
    registrarUntilS,
    issuerBefore,
  } = value ?? {};
  if (!Number.isSafeInteger(version) || version < 1 || version > 0xffffffff) throw invalid('version');
  if (typeof issuer !== 'string' || fromHex(issuer)?.length !== 4) throw invalid('issuer');
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency)) throw invalid('currency');
  for (const [name, key] of Object.entries({ registrarKey, issuerKey, root })) if (!isKey(key)) throw invalid(name);
  if (sealKey !== '' && !isKey(sealKey)) throw invalid('sealKey');
  for (const [name, key] of Object.entries({ registrarBefore, issuerBefore }))
    if (key !== undefined && key !== '' && !isKey(key)) throw invalid(name);
  if (registrarUntilS !== undefined && (!Number.isSafeInteger(registrarUntilS) || registrarUntilS < 0))
    throw invalid('registrarUntilS');
  if (roots !== undefined && (typeof roots !== 'string' || !/^[0-9a-f]+(,[0-9a-f]+)*$/.test(roots)))
    throw invalid('roots');
  const bytes = fromHex(typeof signature === 'string' ? signature : '');
  if (
    typeof tables !== 'string' ||
    !bytes ||
    !isSigned(fromHex(root) as Uint8Array, SIGNED.institutions, fromChars(institutionsText(value)), bytes)
  ) {
    throw invalid('not signed by the root that it names');
  }
  const before = registrarBefore === undefined ? {} : { registrarBefore, registrarUntilS, issuerBefore };
  return {
    version,
    issuer,
    currency,
    registrarKey,
    issuerKey,
    sealKey,
    tables,
    ...before,
    root,
    signature,
    ...(roots === undefined ? {} : { roots }),
  };
}

/** Whether a scheme's tokens seal what they ask the issuer for. */
export const sealsRequests = (row: Scheme): boolean => row.registration === 'sealed' || row.issue !== 'direct';

/** Why a manifest does not do for tokens of a scheme; null: it does. */
export function schemeFault(manifest: Manifest, row: Scheme): string | null {
  const isIssuers = manifest.registrarKey === manifest.issuerKey;
  if (isIssuers !== (row.licenseFrom === 'issuer'))
    return `licenses come from the ${row.licenseFrom}, the manifest has another key for them`;
  return sealsRequests(row) && !manifest.sealKey ? 'it seals, and the manifest has no key for that' : null;
}

/** What a board's files are made from. */
export function factsOf(manifest: Manifest): IssuerFacts {
  const bytes = (hex: string): Uint8Array => fromHex(hex) as Uint8Array;
  const maybe = (hex: string | undefined): Uint8Array | null => (hex ? bytes(hex) : null);
  return {
    issuer: bytes(manifest.issuer),
    currency: manifest.currency,
    registrarKey: bytes(manifest.registrarKey),
    issuerKey: bytes(manifest.issuerKey),
    sealKey: manifest.sealKey ? bytes(manifest.sealKey) : null,
    before: {
      registrarKey: maybe(manifest.registrarBefore),
      registrarUntilS: manifest.registrarUntilS ?? 0,
      issuerKey: maybe(manifest.issuerBefore),
    },
    signed: manifest,
  };
}
