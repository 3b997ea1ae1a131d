/**
 * `tapcash.json`: what a folder's commands need to know, once. `tapcash setup` writes it; nothing in it is secret.
 *
 * Keys are the houses' first public ones, which services and boards are started with; private keys lie in files of
 * their own beside it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAmount } from '../../firmware/core/amount.js';
import type { HouseName } from '../base/keys/key-line.js';
import { failure } from '../base/errors.js';

/** Name of the file in its folder. */
export const SETTINGS_FILE = 'tapcash.json';

/** TCP ports of the houses, where nobody chose others. */
const LISTEN: Record<HouseName, number> = { issuer: 8101, trustee: 8102, bank: 8103 };

const at = (host: string, port: number): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

export const ISSUER_URL = at('127.0.0.1', LISTEN.issuer);
export const TRUSTEE_URL = at('127.0.0.1', LISTEN.trustee);
export const BANK_URL = at('127.0.0.1', LISTEN.bank);

/** A folder's settings. */
export interface Settings {
  version: 1;
  /** Number of the scheme's row. */
  scheme: number;
  /** Three letters. */
  currency: string;
  /** Name of the shop, IdS. */
  shop: string;
  /** Names of the first users. */
  users: string[];
  /** Address that the houses serve on. */
  host: string;
  listen: Record<HouseName, number>;
  /** Public keys, 64 hexadecimal digits; a house that the scheme does not have is missing. */
  keys: { issuer: string; trustee?: string; bank?: string; operator: string };
  /** The desk's teller: public key, and most that it may put into an account at once; null: nothing. */
  desk?: { key: string; limit: number | null };
}

/** Where a house of the folder answers; undefined where the scheme has none. */
export function urlOf({ host, listen, keys }: Settings, house: HouseName): string | undefined {
  if (keys[house] === undefined) return undefined;
  // An address that means "all of this machine's" is none to go to.
  const goTo = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return at(goTo, listen[house]);
}

const KEY = /^[0-9a-f]{64}$/;
const isPort = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) < 65536;

/** What is wrong with a settings file; null: nothing. */
function faultOf(found: Partial<Settings>): string | null {
  const { version, scheme, currency, shop, users, host, listen, keys, desk } = found;
  if (version !== 1) return 'version: 1 expected';
  if (!Number.isInteger(scheme) || scheme! < 1 || scheme! > 6) return 'scheme: 1 to 6 expected';
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency)) return 'currency: three capital letters expected';
  if (typeof shop !== 'string') return 'shop: a name expected';
  if (!Array.isArray(users) || users.some((user) => typeof user !== 'string')) return 'users: a list of names expected';
  if (typeof host !== 'string') return 'host: an address expected';
  if (!listen || !(['issuer', 'trustee', 'bank'] as const).every((house) => isPort(listen[house])))
    return 'listen: a port for issuer, trustee and bank expected';
  if (!keys || !KEY.test(keys.issuer) || !KEY.test(keys.operator)) return 'keys: issuer and operator expected';
  if ([keys.trustee, keys.bank].some((key) => key !== undefined && !KEY.test(key)))
    return 'keys: 64 hexadecimal digits expected';
  if (desk !== undefined && (!KEY.test(desk?.key) || (desk.limit !== null && !isAmount(desk.limit))))
    return 'desk: a key of 64 hexadecimal digits, and a limit or null, expected';
  return null;
}

/** The settings of a folder; null where it has none. @throws TapcashError SETTINGS_INVALID */
export function readSettings(folder: string): Settings | null {
  const path = join(folder, SETTINGS_FILE);
  if (!existsSync(path)) return null;
  let found: Partial<Settings>;
  try {
    found = JSON.parse(readFileSync(path, 'utf8')) as Partial<Settings>;
  } catch (thrown) {
    throw failure('SETTINGS_INVALID', `${path}: ${(thrown as NodeJS.ErrnoException).code ?? 'not JSON'}`, thrown);
  }
  const fault = found === null || typeof found !== 'object' ? 'an object expected' : faultOf(found);
  if (fault) throw failure('SETTINGS_INVALID', `${path}: ${fault}`);
  return found as Settings;
}
