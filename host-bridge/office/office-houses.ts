/** The houses as an operator has them, for the office's page: what they say now. */
import { equal, readU32, toHex } from '../../firmware/core/bytes.js';
import { decimalsOf } from '../../firmware/core/amount-text.js';
import { schemeOf, type Scheme } from '../../firmware/core/scheme.js';
import { denyBody, PREFIX_BYTES, signedDenyList } from '../../firmware/wire/notices.js';
import type { Signer } from '../base/crypto/signer.js';
import { bodyOfThrown, errorBody, failure, must } from '../base/errors.js';
import { hexed } from '../base/hex.js';
import type { KeyLine } from '../base/keys/key-line.js';
import { linesFrom } from '../base/keys/succession.js';
import { PAYMENTS_MAX } from '../base/payment-query.js';
import type {
  AccountsOffice,
  BankOffice,
  IssuerOffice,
  PublicParameters,
  Remote,
} from '../base/services/procedures.js';
import { RIGHTS, ruleRole, type Act } from '../base/services/roles.js';
import {
  createBankOfficeClient,
  createClockClient,
  createIssuerClient,
  createOfficeClient,
  createOperatorsClient,
} from '../http/client.js';
import { conservationOf } from '../ledger/rules-bank.js';
import type {
  Account,
  HouseKey,
  HouseState,
  OfficePayment,
  OfficeState,
  Overspent,
  Today,
} from '../web/office/office-state.js';

/** Where the houses are, and who asks. */
export interface OfficeHousesOptions {
  operator: Signer;
  issuerUrl: string;
  bankUrl: string;
  trusteeUrl: string;
  /** The bank's first key, where it is known: whose successors are shown. */
  bankKey: Uint8Array | null;
}

/** A house that does not answer is told of within this time. */
const TIMEOUT_MS = 5000;
/** Most payments that are counted for a day. */
const TODAY_MAX = 5000;
const HOUR_S = 3600;
const HOURS = 24;

interface Reached {
  scheme: Scheme;
  parameters: PublicParameters;
  issuer: Remote<IssuerOffice>;
  bank: Remote<BankOffice>;
  accounts: Remote<AccountsOffice>;
}

/** What the page asks of the houses. Each throws a TapcashError where a house does not answer, or refuses. */
export interface OfficeHouses {
  /** Never throws: who does not answer is a part of it. */
  state(): Promise<Omit<OfficeState, 'openActs' | 'audit'>>;
  today(nowS: number): Promise<Today>;
  held(limit: number, after: string): Promise<{ accounts: Account[]; more: string | null }>;
  payments(query: PaymentsOf): Promise<{ payments: OfficePayment[]; more: string | null }>;
  overspends(): Promise<Overspent[]>;
  /** The first 4 bytes of each denied pseudonym, ascending, as hexadecimal. */
  denied(): Promise<{ version: number; prefixes: string[] }>;
  denyVersion(): Promise<number | null>;
  keys(): Promise<HouseKey[]>;
}

/** A page of payments. */
export interface PaymentsOf {
  limit: number;
  before?: string;
  shop?: string;
  sinceS?: number;
  untilS?: number;
}

/** @param options addresses; nothing is asked yet */
export function createOfficeHouses(options: OfficeHousesOptions): OfficeHouses {
  const { operator, issuerUrl, bankUrl } = options;
  const publicIssuer = createIssuerClient({ url: issuerUrl, timeoutMs: TIMEOUT_MS });
  let denyVersion = 0;

  async function reach(): Promise<Reached> {
    const { parameters } = must(await publicIssuer.parameters());
    const scheme = schemeOf(parameters.scheme);
    const of = { operator, issuer: parameters.issuer, timeoutMs: TIMEOUT_MS };
    const issuer = createOfficeClient({ url: issuerUrl, ...of });
    const bank = createBankOfficeClient({ url: bankUrl, ...of });
    return { scheme, parameters, issuer, bank, accounts: scheme.accountsAt === 'bank' ? bank : issuer };
  }

  return {
    async state() {
      const unknown = { currency: null, decimals: 0, scheme: 0, isOpen: true, who: null, sums: null };
      const reached = await reach().catch((thrown: unknown) => bodyOfThrown(thrown));
      if ('code' in reached)
        return { ...unknown, houses: [{ house: 'issuer', said: reached, clockDoubted: false, restoredS: null }] };
      const { scheme, parameters } = reached;
      return {
        currency: parameters.currency,
        decimals: decimalsOf(parameters.currency),
        scheme: scheme.number,
        isOpen: scheme.registration === 'open',
        who: await whoOf(options, reached),
        houses: await housesOf(options, reached),
        sums: await sumsOf(reached),
      };
    },
    today: async (nowS) => today((await reach()).accounts, nowS),
    held: async (limit, after) => must(await (await reach()).accounts.heldAccounts(limit, after)),
    payments: async (query) => hexed(must(await (await reach()).accounts.payments(query))),
    overspends: async () => hexed(must(await (await reach()).issuer.overspends()).overspends),
    async denied() {
      const { version, messages } = must(await publicIssuer.denyList(0));
      return { version, prefixes: prefixesOf(messages) };
    },
    async denyVersion() {
      // From the version that is known: no list comes where nothing has changed.
      const list = await publicIssuer.denyList(denyVersion);
      if (list.ok) denyVersion = list.version;
      return list.ok ? list.version : null;
    },
    async keys() {
      const { parameters, scheme } = await reach();
      const { issuerKey, registrarKey } = parameters;
      const bankKey = scheme.accountsAt === 'bank' ? options.bankKey : null;
      const lines = linesFrom({ issuerKey, registrarKey, bankKey }, parameters.successions);
      return [
        ...keysOf('issuer', lines.issuer),
        ...(equal(issuerKey, registrarKey) ? [] : keysOf('trustee', lines.registrar)),
        ...(lines.bank ? keysOf('bank', lines.bank) : []),
      ];
    },
  };
}

function keysOf(house: string, line: KeyLine): HouseKey[] {
  return line.keys().map(({ key, fromS, untilS }) => ({
    ...{ house, key: toHex(key), fromS },
    untilS: untilS === Infinity ? null : untilS,
  }));
}

/** Who the key is at the house that keeps the accounts, and what it may do there. */
async function whoOf(options: OfficeHousesOptions, { scheme, parameters }: Reached): Promise<OfficeState['who']> {
  const url = scheme.accountsAt === 'bank' ? options.bankUrl : options.issuerUrl;
  const of = { url, operator: options.operator, issuer: parameters.issuer, timeoutMs: TIMEOUT_MS };
  const who = await createOperatorsClient(of).self();
  if (!who.ok) return null;
  const rights = { ...who, isForgotten: false };
  const may = (Object.keys(RIGHTS) as Act[]).filter((act) => ruleRole(rights, act, null).ok);
  return { name: who.name, role: who.role, may };
}

async function housesOf(options: OfficeHousesOptions, { scheme, parameters }: Reached): Promise<HouseState[]> {
  const urls: [HouseState['house'], string][] = [
    ['issuer', options.issuerUrl],
    ...(scheme.accountsAt === 'bank' ? ([['bank', options.bankUrl]] as [HouseState['house'], string][]) : []),
    ...(scheme.licenseFrom === 'trustee' ? ([['trustee', options.trusteeUrl]] as [HouseState['house'], string][]) : []),
  ];
  const { operator } = options;
  return Promise.all(
    urls.map(async ([house, url]): Promise<HouseState> => {
      const client = createClockClient({ url, operator, issuer: parameters.issuer, timeoutMs: TIMEOUT_MS });
      const health = await client.health();
      if (!health.ok)
        return { house, said: errorBody(health.code, health.detail), clockDoubted: false, restoredS: null };
      return {
        house,
        said: null,
        clockDoubted: health.clock.doubt !== null,
        restoredS: health.restored?.beganS ?? null,
      };
    }),
  );
}

async function sumsOf({ scheme, issuer, accounts }: Reached): Promise<OfficeState['sums']> {
  const found = await accounts.numbers();
  const beside = scheme.accountsAt === 'bank' ? await issuer.numbers() : null;
  if (!found.ok || (beside && !beside.ok)) return null;
  const both = beside?.numbers ?? found.numbers;
  const { ok: holds, held } = conservationOf(found.numbers, beside?.numbers ?? null);
  return {
    in: found.numbers.in,
    paidOut: found.numbers.paidOut,
    accounts: found.numbers.abc,
    cash: both.ebc,
    ...{ held, holds },
    accountCount: found.numbers.accounts,
    overspent: both.overspent,
  };
}

/** Counts the last 24 hours, newest first, so that what is left out is what is oldest. */
async function today(accounts: Remote<AccountsOffice>, nowS: number): Promise<Today> {
  const firstS = (Math.floor(nowS / HOUR_S) - HOURS + 1) * HOUR_S;
  const hours = Array.from({ length: HOURS }, (_, i) => ({ fromS: firstS + i * HOUR_S, count: 0, sum: 0 }));
  const found: Today = { hours, count: 0, sum: 0, refunded: 0, isWhole: true };
  for (let before: string | null = null; ;) {
    const page: { payments: { arrivedS: number; amount: number; refunded: number }[]; more: string | null } = must(
      await accounts.payments({ limit: PAYMENTS_MAX, sinceS: firstS, ...(before ? { before } : {}) }),
    );
    for (const { arrivedS, amount, refunded } of page.payments) {
      const hour = hours[Math.min(HOURS - 1, Math.floor((arrivedS - firstS) / HOUR_S))]!;
      hour.count++;
      hour.sum += amount;
      found.count++;
      found.sum += amount;
      found.refunded += refunded;
    }
    before = page.more;
    if (before === null) return found;
    if (found.count >= TODAY_MAX) return { ...found, isWhole: false };
  }
}

/** The whole list that the messages from version 0 bring. */
function prefixesOf(messages: Uint8Array[]): string[] {
  return messages.flatMap((message) => {
    const signed = signedDenyList.decode(message);
    const body = signed && denyBody.decode(signed.body);
    if (!body) throw failure('REPLY_INVALID', 'deny list');
    const count = body.changes.length / PREFIX_BYTES;
    return Array.from({ length: count }, (_, i) =>
      readU32(body.changes, i * PREFIX_BYTES)
        .toString(16)
        .padStart(2 * PREFIX_BYTES, '0'),
    );
  });
}
