/**
 * A user token without a board: the modules of firmware/user-token on Node, its records in SQLite (docs/wallet.md).
 * What firmware/user-token/main.ts makes of a board, this makes of a store; every rule is the purse's.
 *
 * The store holds the keys, so whoever can read its file can spend, as with a board's flash; it has mode 0600. A copy
 * of it is a clone of the token: both spend the same money, and the owner of the name is answerable for it.
 */
import { codeOfStatusWord } from '../../firmware/core/codes.js';
import type { Clock } from '../../firmware/core/clock.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { createNoncePool } from '../../firmware/crypto/nonce-pool.js';
import { createNonceSource } from '../../firmware/crypto/nonce-source.js';
import { countBoot } from '../../firmware/board/startup.js';
import { createDesk, needsTools } from '../../firmware/user-token/desk/desk.js';
import { createDeskTools } from '../../firmware/user-token/desk/desk-tools.js';
import { createPaperDesk } from '../../firmware/user-token/desk/paper-desk.js';
import { createSealedDesk } from '../../firmware/user-token/desk/sealed-desk.js';
import { keySecret, makeKey, missingKey, openPurseKeys } from '../../firmware/user-token/keys.js';
import { openPurse, PSEUDONYM_KEY, type Purse, type PurseConfig } from '../../firmware/user-token/purse.js';
import { DEBIT_SLOTS } from '../../firmware/user-token/token-records.js';
import { createToken, type Token } from '../../firmware/user-token/token.js';
import {
  issuerTables,
  type IssuerFacts,
  type PseudonymPolicy,
  type TokenLimits,
} from '../../flash-scripts/provision/board-files.js';
import { createHash } from 'node:crypto';
import { aesBlocks } from '../base/crypto/node-natives.js';
import { verify } from '../base/crypto/ed25519-verify.js';
import { createRealScheduler } from '../base/scheduler.js';
import {
  createSoftCrypto,
  displayTo,
  drawBytes,
  clockOf,
  SILENT_INDICATOR,
  type SoftCrypto,
} from '../soft-board/soft-parts.js';
import type { SoftStore } from '../soft-board/soft-store.js';
import type { TerminalSession } from '../serial/terminal-session.js';

/** What a token is provisioned with. */
export interface TokenTerms {
  scheme: number;
  pseudonyms: number;
  policy: PseudonymPolicy;
  limits: TokenLimits;
  facts: IssuerFacts;
}

/** Parts that tests may bring. */
export interface SoftTokenOptions {
  clock?: Clock;
  random?(bytes: number): Uint8Array;
  /** What its display would show. */
  onLines?(lines: string[]): void;
}

/** The token. */
export interface SoftToken extends Pick<Token, 'handlers' | 'finish' | 'setInField' | 'press'> {
  purse: Purse;
  clock: Clock;
  /** The token as a desk reaches it; its owner presses the button for what it is asked. */
  desk: Pick<TerminalSession, 'desk' | 'leaveDesk'>;
}

/** Most data of a command in one APDU: as much as a PN532 carries in one answer (firmware/nfc/pn532-link.ts). */
const COMMAND_BYTES_MAX = 246;
const ENTROPY_BYTES = 32;
const NONCES_MAX = 2;

function configOf({ scheme, pseudonyms, policy, limits, facts }: TokenTerms): PurseConfig {
  const row = schemeOf(scheme);
  return {
    issuer: facts.issuer,
    currency: facts.currency,
    registrarKey: facts.registrarKey,
    issuerKey: facts.issuerKey,
    registrarBefore: facts.before?.registrarKey ?? null,
    issuerBefore: facts.before?.issuerKey ?? null,
    limits,
    debitSlots: DEBIT_SLOTS,
    pseudonyms,
    policy,
    scheme: row.number,
    registration: row.registration,
    issue: row.issue,
  };
}

/** The keys of a store, those that it lacks made, and what signs with them. */
function openKeys(
  records: SoftStore['records'],
  pseudonyms: number,
  random: (bytes: number) => Uint8Array,
  { natives, maker, signer }: SoftCrypto,
) {
  const bootCounter = countBoot(records);
  const keyCount = PSEUDONYM_KEY + pseudonyms;
  for (let index = missingKey(records, keyCount); index >= 0; index = missingKey(records, keyCount))
    makeKey(records, index, random, maker.publicKeyOf);
  const secret = keySecret(records, signer, keyCount);
  const source = createNonceSource({ natives, secret, bootCounter, entropy: () => random(ENTROPY_BYTES) });
  const pool = createNoncePool({ ed: () => maker, source, size: NONCES_MAX, batch: 1 });
  const keys = openPurseKeys(records, pseudonyms, {
    signer,
    // Every key is checked by the host's one rule: there are no tables.
    tables: () => [],
    verifier: () => {
      throw new TypeError('a wallet has no tables');
    },
    ed25519: () => ({ verify }),
    secret,
    nonce: pool.take,
    sha256: natives.sha256,
  });
  return { keys, source, pool };
}

/** Opens the token that a store holds; the keys that it lacks are made. @throws what the store throws */
export function openSoftToken(store: SoftStore, terms: TokenTerms, options: SoftTokenOptions = {}): SoftToken {
  // Its timers do not keep a program running whose work is done.
  const { clock = clockOf(createRealScheduler({ keepsAlive: false })), random = drawBytes } = options;
  const { records } = store;
  const config = configOf(terms);
  const crypto = createSoftCrypto();
  const { natives, curve } = crypto;
  const { keys, source, pool } = openKeys(records, config.pseudonyms, random, crypto);
  const purse = openPurse(records, keys, config);
  const token = createToken(purse, {
    clock,
    display: displayTo(options.onLines),
    indicator: SILENT_INDICATOR,
    spell: (chars) => chars,
    commandBytesMax: COMMAND_BYTES_MAX,
    work: () => false,
    loadDesk: (progress) =>
      createDesk(
        purse.state,
        needsTools(config)
          ? (requests) => {
              const tools = createDeskTools({
                natives,
                aes: aesBlocks,
                sha384: (data) => new Uint8Array(createHash('sha384').update(data).digest()),
                curve,
                sealTable: bufferOf(issuerTables(terms.facts)['tab.seal']!),
                random: source.draw,
              });
              return createSealedDesk(purse.state, requests, tools, progress);
            }
          : null,
      ),
    loadPapers: () => createPaperDesk(purse.state),
    openKeys: () => null,
    makeRoom: () => undefined,
    nonces: pool.level,
    memory: () => ({ used: 0, total: 0 }),
    flashWrites: records.writes,
  });
  return {
    handlers: token.handlers,
    finish: token.finish,
    setInField: token.setInField,
    press: token.press,
    purse,
    clock,
    desk: { desk: async (ins, data) => askDesk(token, ins, data), leaveDesk: async () => undefined },
  };
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer as ArrayBuffer;
}

/** Opening the desk, and x: as often as a token asks its owner. */
const PRESSES_MAX = 2;

/** A command of a desk that its owner has called for: where the token asks for a press, that was it. */
function askDesk(token: Token, ins: number, data: Uint8Array) {
  for (let presses = 0; ; presses++) {
    const { sw, data: body = new Uint8Array(0) } = token.handlers.command(ins, data, 0, 0);
    token.finish();
    const code = codeOfStatusWord(sw);
    if (presses === PRESSES_MAX || (code !== 'DESK_CLOSED' && code !== 'CONFIRM_NEEDED')) return { code, body };
    token.press();
  }
}
