/**
 * What a board's Storage holds besides the bundle: configuration, the host's entropy, and the tables of known points.
 *
 * The same files are flashed, emulated and tested. The entropy is moved to raw flash at the first boot and erased here;
 * the host does not keep it.
 */
import { fromChars, toHex } from '../../firmware/core/bytes.js';
import type { BoardConfig } from '../../firmware/core/board-config.js';
import type { Institutions, SignedInstitutions } from '../../firmware/core/provisioned.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { firmwareConfig } from '../boards/boards.js';
import { BASE_SHAPE, edwardsOfX25519, KEY_SHAPE, makeCombTable, SEAL_SHAPE, TABLES_BYTES_MAX } from './tables.js';

/** Public keys and names that every board of one issuer is provisioned with. */
export interface IssuerFacts {
  /** Issuer id, 4 bytes. */
  issuer: Uint8Array;
  currency: string;
  /** PKR, 32 bytes. */
  registrarKey: Uint8Array;
  /** PKI, 32 bytes. */
  issuerKey: Uint8Array;
  /** The keys before PKR and PKI, while their time is not over, and until when the former's licenses may last. */
  before?: { registrarKey: Uint8Array | null; registrarUntilS: number; issuerKey: Uint8Array | null } | null;
  /** The issuer's X25519 key that tokens seal to, 32 bytes; for schemes that seal. */
  sealKey?: Uint8Array | null;
  /** The root's word on all of this (provision/manifest.ts), for boards that pin it. */
  signed?: SignedInstitutions;
}

/** How a token chooses a pseudonym for a payment. */
export type PseudonymPolicy = 'rotate' | 'per-shop' | 'random';

/** Which scheme a token is for. */
export interface TokenScheme {
  /** Number of its row in firmware/core/scheme.ts. */
  number: number;
  /** Pseudonyms PKU1..n, at most `pseudonymsMax` of the row; default 1. */
  pseudonyms?: number;
  /** Default 'rotate'. */
  policy?: PseudonymPolicy;
}

/** What a token may pay without its button, minor units. */
export interface TokenLimits {
  paymentMax: number;
  sumMax: number;
}

/** What a terminal is provisioned with, beside the issuer's facts. Amounts in minor units. */
export interface TerminalTerms {
  /** IdS. */
  shop: string;
  /** 4 bytes, new at each provisioning. */
  terminalId: Uint8Array;
  /** Up to here: ACCEPTED before the check, and payment while the time is stale. */
  floorLimit: number;
  /** c: most from one pseudonym while the deny list is old. */
  staleListLimit: number;
  timeMaxAgeS: number;
  denyMaxAgeS: number;
  undeliveredMaxAgeS: number;
  /** How long a charge that is entered at the terminal itself may wait for a token. */
  chargeLifetimeS: number;
  historiesMax: number;
}

/**
 * Terms unless the shop says otherwise: 20.00 offline, one week of time, one day of deny list, five minutes for a
 * charge, 128 histories.
 */
export const TERMINAL_TERMS = {
  floorLimit: 2000,
  staleListLimit: 2000,
  timeMaxAgeS: 604_800,
  denyMaxAgeS: 86_400,
  undeliveredMaxAgeS: 302_400,
  chargeLifetimeS: 300,
  historiesMax: 128,
};

/** Limits of a token unless its owner says otherwise: 25.00 a payment, 50.00 in sum until the button is pressed. */
export const TOKEN_LIMITS: TokenLimits = { paymentMax: 2500, sumMax: 5000 };

/** Bytes of host entropy. */
export const SEED_BYTES = 32;

const made = new Map<string, Uint8Array>();

/** A table, made once a process: some 100 ms each. */
function table(key?: Uint8Array, shape = key ? KEY_SHAPE : BASE_SHAPE): Uint8Array {
  const name = key ? toHex(key) : 'base';
  let bytes = made.get(name);
  if (!bytes) made.set(name, (bytes = makeCombTable(shape, key)));
  return bytes;
}

/** Bytes of the tables among a board's files. */
export function tableBytes(all: Record<string, Uint8Array>): number {
  return Object.entries(all).reduce((sum, [name, { length }]) => sum + (name.startsWith('tab.') ? length : 0), 0);
}

/** @throws RangeError where a board's tables take more than they may */
function withinTables(all: Record<string, Uint8Array>): Record<string, Uint8Array> {
  if (tableBytes(all) > TABLES_BYTES_MAX)
    throw new RangeError(`tables of ${tableBytes(all)} bytes, at most ${TABLES_BYTES_MAX}`);
  return all;
}

/** The table of the base point, which every board has: `tab.base`. */
export const baseTable = (): Uint8Array => table();

/** Tables of an issuer's keys. */
export function issuerTables({ issuerKey, registrarKey, sealKey }: IssuerFacts): Record<string, Uint8Array> {
  return {
    'tab.issuer': table(issuerKey),
    'tab.registrar': table(registrarKey),
    ...(sealKey ? { 'tab.seal': table(edwardsOfX25519(sealKey), SEAL_SHAPE) } : {}),
  };
}

/** The root's word, field by field: the build keeps the names that stand here (property-names.ts). */
function signedFields({ signed }: IssuerFacts): SignedInstitutions {
  return signed
    ? {
        version: signed.version,
        sealKey: signed.sealKey,
        tables: signed.tables,
        root: signed.root,
        roots: signed.roots,
        signature: signed.signature,
      }
    : {};
}

/** The keys before those of now, where there are any: as boards and manifests have them. */
export function beforeFields({
  before,
}: IssuerFacts): Pick<Institutions, 'registrarBefore' | 'registrarUntilS' | 'issuerBefore'> | Record<string, never> {
  if (!before || !(before.registrarKey || before.issuerKey)) return {};
  const hex = (key: Uint8Array | null) => (key ? toHex(key) : '');
  return {
    registrarBefore: hex(before.registrarKey),
    registrarUntilS: before.registrarKey ? before.registrarUntilS : 0,
    issuerBefore: hex(before.issuerKey),
  };
}

/** A token's display shows its keys only while its owner enters an amount. */
function configFor(role: string, board: BoardConfig): BoardConfig {
  const config = firmwareConfig(board);
  if (role !== 'user-token' || !config.display?.keys) return config;
  const { keys, ...display } = config.display;
  return { ...config, display, touchKeys: keys };
}

/** JSON in ASCII alone; text beyond it, a name, becomes its bytes in UTF-8, as Espruino's strings hold them. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replace(/[^ -~]+/g, (text) =>
    [...new TextEncoder().encode(text)].map((byte) => `\\u00${toHex(Uint8Array.of(byte))}`).join(''),
  );
}

function files(
  role: string,
  board: BoardConfig,
  facts: IssuerFacts,
  provision: object,
  seed: Uint8Array,
): Record<string, Uint8Array> {
  if (seed.length !== SEED_BYTES) throw new RangeError('a board is given 32 bytes of entropy');
  const common = {
    issuer: toHex(facts.issuer),
    currency: facts.currency,
    registrarKey: toHex(facts.registrarKey),
    issuerKey: toHex(facts.issuerKey),
    ...beforeFields(facts),
  };
  const config = asciiJson({
    role,
    board: configFor(role, board),
    provision: { ...common, ...signedFields(facts), ...provision },
  });
  return {
    'tapcash.cfg': fromChars(config),
    'tapcash.seed': seed,
    'tab.base': table(),
    ...issuerTables({ ...facts, sealKey: null }),
  };
}

/**
 * Files of a user token. @param seed 32 random bytes, not to be kept @param scheme default: the first row
 * @throws RangeError for a scheme that is none, more pseudonyms than it has, or a missing `sealKey`
 */
export function tokenFiles(
  board: BoardConfig,
  facts: IssuerFacts,
  limits: TokenLimits,
  seed: Uint8Array,
  scheme: TokenScheme = { number: 1 },
): Record<string, Uint8Array> {
  const row = schemeOf(scheme.number);
  const { pseudonyms = 1, policy = 'rotate' } = scheme;
  if (!(pseudonyms >= 1 && pseudonyms <= row.pseudonymsMax))
    throw new RangeError(`scheme ${row.number} has 1 to ${row.pseudonymsMax} pseudonyms`);
  const seals = row.registration === 'sealed' || row.issue !== 'direct';
  if (seals && !facts.sealKey) throw new RangeError(`scheme ${row.number} needs the issuer's key for sealed requests`);
  const made = files(
    'user-token',
    board,
    facts,
    { limits, scheme: row.number, registration: row.registration, issue: row.issue, pseudonyms, policy },
    seed,
  );
  const all = seals ? { ...made, ...issuerTables(facts) } : made;
  // Where the issuer licenses, one table serves for both keys.
  if (toHex(facts.registrarKey) === toHex(facts.issuerKey)) delete all['tab.registrar'];
  return withinTables(all);
}

/** Files of a shop terminal. @param seed 32 random bytes, not to be kept */
export function terminalFiles(
  board: BoardConfig,
  facts: IssuerFacts,
  terms: TerminalTerms,
  seed: Uint8Array,
): Record<string, Uint8Array> {
  return withinTables(files('shop-terminal', board, facts, { ...terms, terminalId: toHex(terms.terminalId) }, seed));
}
