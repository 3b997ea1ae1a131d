/**
 * What a terminal is provisioned with ('tapcash.cfg', `provision`), checked before anything is done with it.
 *
 * Hexadecimal and JSON numbers come from the host's flash-scripts; a board with a wrong entry stops and names it.
 */
import { isAmount, isBalance } from '../core/amount.js';
import { fromHex } from '../core/bytes.js';
import { isName } from '../wire/codec.js';
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
  /** IdS. */
  shop: string;
  /** 4 bytes, hexadecimal; new at each provisioning. */
  terminalId: string;
  floorLimit: number;
  staleListLimit: number;
  timeMaxAgeS: number;
  denyMaxAgeS: number;
  undeliveredMaxAgeS: number;
  historiesMax: number;
}

/** The same, as the terminal works with it. */
export interface TerminalSetup {
  till: TillConfig;
  limits: NoticeLimits;
  registrarKey: Uint8Array;
  issuerKey: Uint8Array;
  historiesMax: number;
}

/** More would not fit 64 KiB of raw flash beside tombstones and deny list. */
export const HISTORIES_MAX = 128;

function bytesOf(text: unknown, length: number): Uint8Array | null {
  const bytes = typeof text === 'string' ? fromHex(text) : null;
  return bytes && bytes.length === length ? bytes : null;
}

function isCurrency(text: unknown): boolean {
  if (typeof text !== 'string' || text.length !== 3) return false;
  for (let i = 0; i < 3; i++) if (text.charCodeAt(i) < 65 || text.charCodeAt(i) > 90) return false;
  return true;
}

/** Checks and decodes; the fault names the entry and what it must be. */
export function readProvision(given: TerminalProvision): { ok: true; setup: TerminalSetup } | { ok: false; fault: string } {
  const issuer = bytesOf(given.issuer, ISSUER_ID_BYTES);
  const terminalId = bytesOf(given.terminalId, 4);
  const registrarKey = bytesOf(given.registrarKey, KEY_BYTES);
  const issuerKey = bytesOf(given.issuerKey, KEY_BYTES);
  let fault = '';
  if (!issuer) fault = 'issuer: 8 hex digits';
  else if (!terminalId) fault = 'terminalId: 8 hex digits';
  else if (!registrarKey) fault = 'registrarKey: 64 hex digits';
  else if (!issuerKey) fault = 'issuerKey: 64 hex digits';
  else if (!isCurrency(given.currency)) fault = 'currency: 3 capitals';
  else if (!isName(given.shop)) fault = 'shop: a name';
  else if (!isBalance(given.floorLimit)) fault = 'floorLimit: an amount';
  else if (!isBalance(given.staleListLimit)) fault = 'staleListLimit: an amount';
  else if (!isAmount(given.timeMaxAgeS)) fault = 'timeMaxAgeS: seconds';
  else if (!isAmount(given.denyMaxAgeS)) fault = 'denyMaxAgeS: seconds';
  else if (!isAmount(given.undeliveredMaxAgeS)) fault = 'undeliveredMaxAgeS: seconds';
  else if (!isAmount(given.historiesMax) || given.historiesMax > HISTORIES_MAX) fault = 'historiesMax: 1 to ' + HISTORIES_MAX;
  if (fault || !issuer || !terminalId || !registrarKey || !issuerKey) return { ok: false, fault: 'provision.' + fault };
  return {
    ok: true,
    setup: {
      till: {
        issuer: issuer,
        currency: given.currency,
        shop: given.shop,
        terminalId: terminalId,
        floorLimit: given.floorLimit,
        undeliveredMaxAgeS: given.undeliveredMaxAgeS,
      },
      limits: {
        issuer: issuer,
        timeMaxAgeS: given.timeMaxAgeS,
        denyMaxAgeS: given.denyMaxAgeS,
        staleListLimit: given.staleListLimit,
      },
      registrarKey: registrarKey,
      issuerKey: issuerKey,
      historiesMax: given.historiesMax,
    },
  };
}
