/**
 * Whose keys a board trusts: those that its pinned root has signed (core/provisioned.ts).
 *
 * The root is the issuer's key of the first provisioning, kept in raw flash beside the board's own keys, where no file
 * in Storage reaches it; or the key that has followed it by the issuer's succession notices, which then takes its place
 * for good. Later institutions must be signed by it, be no older, and come with the tables that it signed. What was
 * found good once is known again by its hash, so that a signature is verified at a provisioning and not at each boot.
 *
 * Left out: a board without a root in its file, as emulated ones are made; it pins nothing, until it gets one.
 * This keeps a board from being handed another issuer by whoever types at its console; it does not keep anybody from
 * writing another program.
 */
import { concat, copy, equal, fromChars, fromHex, readU32, toHex, writeU32 } from '../core/bytes.js';
import { institutionsText, TABLES, type SignedInstitutions } from '../core/provisioned.js';
import type { Institutions } from '../core/provisioned.js';
import { BOARD_RECORD } from './startup.js';
import type { BoardRecords, StorageModule } from './startup.js';

/** root (32), version (4), SHA-256 of the text (32). */
const VERSION_AT = 32;
const HASH_AT = 36;

/** What a board's institutions are judged with. */
export interface RootTools {
  storage: StorageModule;
  records: BoardRecords;
  sha256(bytes: Uint8Array): Uint8Array;
  /** A signature of type `institutions` by this key. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** The key that has followed the root by notices that its holders signed (`followedBy` of wire/succession.ts). */
  followedBy(root: Uint8Array, notices: string): Uint8Array;
}

/** Why these institutions cannot be used, or ''. What is good is remembered in flash. @throws Error when flash fails */
export function rootFault(tools: RootTools, given: SignedInstitutions): string {
  const kept = tools.records.get(BOARD_RECORD.root, 0);
  if (!kept && !given.root) return '';
  const text = fromChars(institutionsText(given as Institutions));
  const hash = tools.sha256(text);
  if (kept && equal(copy(kept, HASH_AT, kept.length), hash)) return '';
  const version = given.version || 0;
  if (kept && version < readU32(kept, VERSION_AT)) return 'older than what the board has';
  const root = kept ? tools.followedBy(copy(kept, 0, VERSION_AT), given.roots || '') : fromHex(given.root as string);
  const signature = fromHex(given.signature || '');
  if (!root || root.length !== 32 || !signature || !tools.verify(root, text, signature))
    return 'not signed by the root of this board';
  const hashes = (given.tables as string).split(',');
  for (let i = 0; i < TABLES.length; i++) {
    const table = tools.storage.readArrayBuffer(TABLES[i]);
    if (table && toHex(tools.sha256(new Uint8Array(table))) !== hashes[i])
      return TABLES[i] + ': not the one that the root signed';
  }
  const number = new Uint8Array(4);
  writeU32(number, 0, version);
  tools.records.put(BOARD_RECORD.root, 0, concat([root, number, hash]));
  return '';
}
