/**
 * What a terminal is provisioned with ('tapcash.cfg', `provision`), checked before anything is done with it.
 *
 * Hexadecimal and JSON numbers come from the host's flash-scripts; a board with a wrong entry stops and names it.
 */
import { isBalance } from '../core/amount.js';
import { copy, fromHex } from '../core/bytes.js';
import { LINE_CHARACTERS } from '../panel/display.js';
import { spell } from '../panel/spell.js';
import { charsOfName, isName } from '../wire/name.js';
import { ISSUER_ID_BYTES, KEY_BYTES } from '../wire/payment.js';
import { NoticeLimits } from './issuer-notices.js';
import { TillConfig } from './till.js';

/** As it stands in the file. */
export interface TerminalProvision {
  /** 4 bytes, hexadecimal. */
  issuer: string;
  currency: string;
  /** 32 bytes each, hexadecimal. */
  registrarKey: string;
  issuerKey: string;
  /** As of core/provisioned.ts; not there where there are none. */
  registrarBefore?: string;
  registrarUntilS?: number;
  issuerBefore?: string;
  /** IdS. */
  shop: string;
  /** 4 bytes, hexadecimal; new at each provisioning. */
  terminalId: string;
  floorLimit: number;
  staleListLimit: number;
  timeMaxAgeS: number;
  denyMaxAgeS: number;
  undeliveredMaxAgeS: number;
  chargeLifetimeS: number;
  historiesMax: number;
}

/** The same, as the terminal works with it. */
export interface TerminalSetup {
  till: TillConfig;
  limits: NoticeLimits;
  registrarKey: Uint8Array;
  issuerKey: Uint8Array;
  /** The keys before these, while their time is not over: licenses under the first are good where they end by then. */
  registrarBefore: Uint8Array | null;
  registrarUntilS: number;
  issuerBefore: Uint8Array | null;
  historiesMax: number;
}

/** More would not fit 64 KiB of raw flash beside tombstones and deny list; with the longest names some fewer fit. */
export const HISTORIES_MAX = 128;

const TERMINAL_ID_BYTES = 4;
const KEY_ID_BYTES = 4;

/** As the codec of challenges takes it: the schema on the host asks more. */
function isCurrency(text: unknown): boolean {
  return typeof text === 'string' && text.length === 3;
}

/** Entries that are whole numbers, with the least that they can be. */
function wholeNumbers(): [name: string, least: number][] {
  return [
    ['floorLimit', 0],
    ['staleListLimit', 0],
    ['timeMaxAgeS', 1],
    ['denyMaxAgeS', 1],
    ['undeliveredMaxAgeS', 1],
    ['chargeLifetimeS', 1],
    ['historiesMax', 1],
  ];
}

/** Checks and decodes; the fault names the first entry that is wrong. */
export function readProvision(
  given: TerminalProvision,
): { ok: true; setup: TerminalSetup } | { ok: false; fault: string } {
  const values = given as any;
  const bytes: { [name: string]: Uint8Array } = {};
  // Entries in hexadecimal, with their bytes.
  const texts: [name: string, bytes: number][] = [
    ['issuer', ISSUER_ID_BYTES],
    ['terminalId', TERMINAL_ID_BYTES],
    ['registrarKey', KEY_BYTES],
    ['issuerKey', KEY_BYTES],
  ];
  const numbers = wholeNumbers();
  for (let i = 0; i < texts.length; i++) {
    const name = texts[i][0];
    const decoded = typeof values[name] === 'string' ? fromHex(values[name]) : null;
    if (!decoded || decoded.length !== texts[i][1]) return { ok: false, fault: 'provision.' + name };
    bytes[name] = decoded;
  }
  for (let i = 0; i < numbers.length; i++) {
    const name = numbers[i][0];
    if (!isBalance(values[name]) || values[name] < numbers[i][1]) return { ok: false, fault: 'provision.' + name };
  }
  if (given.historiesMax > HISTORIES_MAX) return { ok: false, fault: 'provision.historiesMax' };
  if (!isName(given.shop)) return { ok: false, fault: 'provision.shop' };
  if (!isCurrency(given.currency)) return { ok: false, fault: 'provision.currency' };
  return {
    ok: true,
    setup: {
      till: {
        issuer: bytes.issuer,
        currency: given.currency,
        shop: given.shop,
        // Two lines: three more stand beside them.
        shopShown: spell(charsOfName(given.shop), 2 * LINE_CHARACTERS),
        terminalId: bytes.terminalId,
        registrar: copy(bytes.registrarKey, 0, KEY_ID_BYTES),
        floorLimit: given.floorLimit,
        undeliveredMaxAgeS: given.undeliveredMaxAgeS,
        chargeLifetimeS: given.chargeLifetimeS,
      },
      limits: {
        issuer: bytes.issuer,
        terminalId: bytes.terminalId,
        timeMaxAgeS: given.timeMaxAgeS,
        denyMaxAgeS: given.denyMaxAgeS,
        staleListLimit: given.staleListLimit,
      },
      registrarKey: bytes.registrarKey,
      issuerKey: bytes.issuerKey,
      registrarBefore: fromHex(given.registrarBefore || ''),
      registrarUntilS: given.registrarUntilS || 0,
      issuerBefore: fromHex(given.issuerBefore || ''),
      historiesMax: given.historiesMax,
    },
  };
}
