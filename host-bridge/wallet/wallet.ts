/**
 * The software wallet: a token's store, the houses that it is registered at, and the payments that it makes
 * (docs/wallet.md). One process at a time has it.
 *
 * Its owner is at the desk and at the token at once: what a teller does at a reader, `createTeller` does here, over the
 * token in the same process. Opening an account needs a teller's key; everything else is signed by the token itself.
 */
import { join } from 'node:path';
import { equal, fromHex, toHex } from '../../firmware/core/bytes.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { currentFacts } from '../../flash-scripts/provision/current-facts.js';
import { ensureDataDir } from '../base/keys/key-file.js';
import { failure, isFailure, refusal, type Result } from '../base/errors.js';
import { silentLog } from '../base/log.js';
import { createRealScheduler } from '../base/scheduler.js';
import type { Services } from '../base/services/calls.js';
import { openOnlyBridgeStore } from '../bridge/bridge-store.js';
import { createDeskActs } from '../bridge/desk/desk-acts.js';
import { createTeller, type Teller } from '../bridge/desk/teller.js';
import { createHouseLines } from '../bridge/house-lines.js';
import { createLineClient, type LineClient } from '../http/line-client.js';
import { factsFrom, storedFacts, type StoredFacts } from '../soft-board/facts-text.js';
import { drawBytes } from '../soft-board/soft-parts.js';
import { openSoftStore, type Cut, type SoftStore } from '../soft-board/soft-store.js';
import { payOverLine, type Confirmed, type LinePaid } from './line-payment.js';
import { openSoftToken, type SoftToken, type SoftTokenOptions, type TokenTerms } from './soft-token.js';

/** File in the data folder. */
const WALLET_FILE = 'wallet.db';
/** Charges whose (IdS, Rs) is remembered: as many as the journal holds debits. */
const CHARGES_MAX = 64;

/** Addresses of the houses; null where the scheme has none. */
export interface HouseUrls {
  issuer: string;
  bank: string | null;
  trustee: string | null;
}

/** What the store says of its token; keys in hexadecimal. */
interface StoredTerms {
  scheme: number;
  pseudonyms: number;
  policy: TokenTerms['policy'];
  limits: TokenTerms['limits'];
  urls: HouseUrls;
  /** The houses' first keys, which what follows them is proved by. */
  first: { issuerKey: string; registrarKey: string };
  facts: StoredFacts;
}

/** What a new wallet is made with. */
export interface NewWallet extends Omit<TokenTerms, 'facts' | 'scheme'> {
  dataDir: string;
  urls: HouseUrls;
  /** What the issuer says of itself, and of its houses' keys. */
  parameters: Parameters<typeof currentFacts>[0] & { scheme: number };
}

/** How an existing one is opened. */
export interface WalletOptions extends SoftTokenOptions {
  dataDir: string;
  /** The houses' clients; without them what needs a house is refused. */
  services?: (urls: HouseUrls, issuer: Uint8Array) => Services;
  nowS?(): number;
  cut?: Cut;
}

/** What the wallet says of itself. */
export interface WalletStatus {
  name: string;
  licensed: boolean;
  scheme: number;
  pseudonyms: number;
  currency: string;
  /** Minor units. */
  balance: number;
  receiptNumber: number;
  unacknowledged: number;
  /** Minor units. */
  unacknowledgedSum: number;
  fault: string;
}

/** An open wallet. */
export interface Wallet {
  status(): WalletStatus;
  token: SoftToken;
  urls: HouseUrls;
  /** The desk's procedures over this token. Codes: those of `Teller`, and SERVICE_DOWN without houses. */
  atDesk<T extends object>(run: (teller: Teller) => Promise<Result<T>>): Promise<Result<T>>;
  /** What the shop at that address says of a charge. */
  look(url: string, charge: Uint8Array): ReturnType<LineClient['charge']>;
  /** Codes: those of `payOverLine`. @param presses whether this amount was confirmed by its owner as by a press */
  pay(url: string, charge: Uint8Array, confirmed: Confirmed, presses: boolean): Promise<Result<LinePaid>>;
  close(): void;
}

const secondsNow = (): number => Date.now() / 1000;

/**
 * Makes a wallet with its keys; nothing is registered yet.
 * @throws TapcashError WALLET_EXISTS, USAGE, DATA_DIR_FAILED, DATABASE_*
 */
export function createWallet(options: NewWallet): void {
  const { dataDir, urls, parameters, limits, policy, pseudonyms } = options;
  const row = schemeOf(parameters.scheme);
  if (!(pseudonyms >= 1 && pseudonyms <= row.pseudonymsMax))
    throw failure('USAGE', `scheme ${row.number} has 1 to ${row.pseudonymsMax} pseudonyms`);
  ensureDataDir(dataDir);
  const store = openSoftStore(join(dataDir, WALLET_FILE), { busy: 'WALLET_RUNS', mayMake: true });
  try {
    if (store.setting('wallet')) throw failure('WALLET_EXISTS', dataDir);
    const facts = currentFacts(parameters, secondsNow());
    const terms: StoredTerms = {
      ...{ scheme: row.number, pseudonyms, policy, limits, urls },
      first: { issuerKey: toHex(parameters.issuerKey), registrarKey: toHex(parameters.registrarKey) },
      facts: storedFacts(facts),
    };
    // The keys first: a wallet that says that it is there has them.
    openSoftToken(store, termsOf(terms));
    store.setSetting('wallet', terms);
  } finally {
    store.close();
  }
}

function termsOf(stored: StoredTerms): TokenTerms {
  const { scheme, pseudonyms, policy, limits, facts } = stored;
  return { scheme, pseudonyms, policy, limits, facts: factsFrom(facts) };
}

function openStore(dataDir: string, cut?: Cut): SoftStore {
  try {
    return openSoftStore(join(dataDir, WALLET_FILE), { busy: 'WALLET_RUNS', mayMake: false, cut });
  } catch (thrown) {
    if (isFailure(thrown) && (thrown.code === 'FILE_MISSING' || thrown.code === 'DATABASE_UNREACHABLE'))
      throw failure('WALLET_MISSING', dataDir);
    throw thrown;
  }
}

/** Opens a wallet. @throws TapcashError WALLET_MISSING, WALLET_RUNS, DATABASE_* */
export function openWallet(options: WalletOptions): Wallet {
  const { dataDir, nowS = secondsNow } = options;
  const store = openStore(dataDir, options.cut);
  try {
    const stored = store.setting<StoredTerms>('wallet');
    if (!stored) throw failure('WALLET_MISSING', dataDir);
    return walletOf(options, store, stored, nowS);
  } catch (thrown) {
    store.close();
    throw thrown;
  }
}

function walletOf(options: WalletOptions, store: SoftStore, stored: StoredTerms, nowS: () => number): Wallet {
  const token = openSoftToken(store, termsOf(stored), options);
  const { purse } = token;
  const { state } = purse;
  const scheduler = createRealScheduler();
  return {
    token,
    urls: stored.urls,
    status: () => ({
      name: state.name,
      licensed: state.licensed,
      scheme: stored.scheme,
      pseudonyms: stored.pseudonyms,
      currency: stored.facts.currency,
      balance: state.journal.balance(),
      receiptNumber: state.journal.receiptNumber(),
      unacknowledged: state.journal.unsettledCount(),
      unacknowledgedSum: state.journal.unsettledSum(),
      fault: state.fault,
    }),
    atDesk: (run) => atDesk(options, store, stored, token, nowS, run),
    look: (url, charge) => createLineClient({ url }).charge(charge),
    pay(url, charge, confirmed, presses) {
      const charges = chargesOf(store);
      return payOverLine({
        ...{ token, charge, confirmed, presses },
        client: createLineClient({ url }),
        known: () => charges.find(charge),
        note: (id) => charges.note(charge, id),
        pause: (ms) => new Promise((resolve) => scheduler.setTimer(() => resolve(), ms)),
      });
    },
    close: store.close,
  };
}

/** Under which (IdS, Rs) each charge was signed, the newest last. */
function chargesOf(store: SoftStore) {
  const read = () => store.setting<[charge: string, id: string][]>('charges') ?? [];
  return {
    find(charge: Uint8Array): Uint8Array | null {
      const found = read().find(([name]) => name === toHex(charge));
      return found ? fromHex(found[1]) : null;
    },
    note(charge: Uint8Array, id: Uint8Array): void {
      const entry: [string, string] = [toHex(charge), toHex(id)];
      const all = read();
      if (all.some(([name, known]) => name === entry[0] && known === entry[1])) return;
      store.setSetting('charges', [...all.filter(([name]) => name !== entry[0]), entry].slice(-CHARGES_MAX));
    },
  };
}

/** Runs a procedure of the desk; the houses' newer keys are learned first, and kept for the next start. */
async function atDesk<T extends object>(
  options: WalletOptions,
  store: SoftStore,
  stored: StoredTerms,
  token: SoftToken,
  nowS: () => number,
  run: (teller: Teller) => Promise<Result<T>>,
): Promise<Result<T>> {
  const first = { issuerKey: fromHex(stored.first.issuerKey)!, registrarKey: fromHex(stored.first.registrarKey)! };
  const services = options.services?.(stored.urls, fromHex(stored.facts.issuer)!);
  if (!services) return refusal('SERVICE_DOWN', 'no houses');
  const known = await services.issuer.parameters();
  if (known.ok && !equal(known.parameters.issuerKey, first.issuerKey))
    return refusal('WRONG_SERVICE', `${stored.urls.issuer}: not the issuer of this wallet`);
  const lines = createHouseLines(first, services.issuer, nowS, silentLog());
  await lines.learn();
  if (known.ok) {
    const facts = storedFacts(currentFacts(known.parameters, nowS()));
    if (JSON.stringify(facts) !== JSON.stringify(stored.facts)) store.setSetting('wallet', { ...stored, facts });
  }
  const database = openOnlyBridgeStore(join(options.dataDir, 'desk'), { nowS });
  try {
    const teller = createTeller({
      ...{ services, nowS },
      terminal: token.desk,
      scheduler: createRealScheduler(),
      acts: createDeskActs(database, options.random ?? drawBytes, nowS),
      registrar: lines.registrar,
      keysFollowed: lines.haveFollowed,
      // Money goes back through a shop's desk, which has an outbox for it.
      unload: async () => refusal('OPERATOR_UNKNOWN', 'a wallet has no outbox to unload through'),
      reserve: () => ({ ok: true, free: () => undefined }),
    });
    return await run(teller);
  } finally {
    database.close();
  }
}
