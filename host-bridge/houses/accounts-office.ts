/**
 * Operators' acts on accounts ABC, wherever they are kept: open, fund, terminals, balances, sums.
 */
import { toHex } from '../../firmware/core/bytes.js';
import { accountCertificate } from '../../firmware/wire/registration.js';
import { classPaymentMax } from '../../firmware/core/license-class.js';
import { KEY_BYTES } from '../../firmware/wire/payment.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { refusal, type Result } from '../base/errors.js';
import { abcOf, IN, ruleClose, ruleFund, ruleOpen, rulePayout, ruleTerminal } from '../ledger/rules.js';
import type { AccountRow, AccountStore } from '../ledger/store.js';
import { encodeAccount, readAccount } from '../base/account-paper.js';
import { bytes } from '../base/hex.js';
import {
  cursorOf,
  LISTED_MAX as PAGE_MAX,
  PAYMENTS_MAX,
  readCursor,
  type PaymentQuery,
} from '../base/payment-query.js';
import { isLicensable } from '../base/crypto/ed25519-verify.js';
import type { AccountsOffice, PaymentRow } from '../base/services/procedures.js';
import { isSigned, type Signer } from '../base/crypto/signer.js';

const TERMINAL_ID_BYTES = 4;

/** Whether a page of the office's lists may have so many rows. */
export const isPage = (limit: number): boolean => Number.isInteger(limit) && limit >= 1 && limit <= PAGE_MAX;

/** What the acts need of their house. */
export interface AccountsHouse {
  store: AccountStore;
  /** Signs account certificates. */
  signer: Signer;
  nowS(): number;
}

/** Money that comes into accounts and leaves them. */
function movesOf(house: AccountsHouse, operator: string): Pick<AccountsOffice, 'fundAccount' | 'payOut'> {
  const { store } = house;
  return {
    fundAccount(name, amount) {
      return store.transaction(() => {
        const abc = abcOf(name);
        const account = store.account(name);
        const balances = { [IN]: store.balance(IN), [abc]: store.balance(abc) };
        const ruling = ruleFund({ name, amount, exists: account !== null && account.closedS === null, balances });
        if (!ruling.ok) return ruling;
        store.post('fund', house.nowS(), ruling.entries);
        return { ok: true, balance: store.balance(abc) };
      });
    },

    payOut(name, amount, reference) {
      return store.transaction(() => {
        const abc = abcOf(name);
        const account = store.account(name);
        const balances = { [IN]: store.balance(IN), [abc]: store.balance(abc) };
        const exists = account !== null && account.closedS === null;
        const ruling = rulePayout({ name, amount, reference, exists, balances });
        if (!ruling.ok) return ruling;
        const timeS = house.nowS();
        const transaction = store.post('payout', timeS, ruling.entries);
        store.addPayout({ name, amount, reference, operator, timeS, transaction });
        return { ok: true, balance: store.balance(abc) };
      });
    },
  };
}

/** Makes the acts of one operator. @param operator its key id */
export function createAccountsOffice(house: AccountsHouse, operator: string): AccountsOffice {
  const { store } = house;
  return {
    ...movesOf(house, operator),
    openAccount: (name, accountKey) => openAccount(house, name, accountKey),

    closeAccount(name) {
      return store.transaction(() => {
        const account = store.account(name);
        const ruling = ruleClose({
          exists: account !== null,
          closed: account !== null && account.closedS !== null,
          balance: store.balance(abcOf(name)),
          counters: store.countersOf(name),
          undecided: store.openClaims(name) + store.openRequests(name),
        });
        if (ruling.ok && !ruling.repeated) store.closeAccount(name, house.nowS());
        return ruling;
      });
    },

    registerTerminal(shop, terminalId, key) {
      if (terminalId.length !== TERMINAL_ID_BYTES) return refusal('BAD_REQUEST', 'terminal id');
      return store.transaction(() => {
        const registered = store.terminalKey(shop, terminalId);
        const facts = { shopExists: store.account(shop) !== null, keyIsLicensable: isLicensable(key) };
        const ruling = ruleTerminal({ ...facts, key: toHex(key), registeredKey: registered && toHex(registered) });
        if (ruling.ok && !ruling.repeated) store.addTerminal(shop, terminalId, key);
        return ruling;
      });
    },

    licenseClassOf(name) {
      const account = store.account(name);
      if (!account) return refusal('ACCOUNT_UNKNOWN');
      if (!account.accountKey) return refusal('ACCOUNT_KEY_MISSING');
      return { ok: true, licenseClass: store.licenseClass(account.accountKey), accountKey: account.accountKey };
    },

    setLicenseClass(accountKey, licenseClass) {
      if (accountKey.length !== KEY_BYTES || classPaymentMax(licenseClass) === 0)
        return refusal('BAD_REQUEST', 'account key, class');
      return store.transaction(() => {
        const repeated = store.licenseClass(accountKey) === licenseClass;
        if (!repeated) store.setLicenseClass({ accountKey, licenseClass, operator, timeS: house.nowS() });
        return { ok: true, repeated };
      });
    },

    balanceOf(name) {
      return store.account(name) ? { ok: true, balance: store.balance(abcOf(name)) } : refusal('ACCOUNT_UNKNOWN');
    },

    payments: (query) => payments(store, query),

    heldAccounts(limit, after) {
      if (!isPage(limit)) return refusal('BAD_REQUEST', `limit is 1 to ${PAGE_MAX}`);
      const accounts = store.heldAccounts(limit, after);
      return { ok: true, accounts, more: accounts.length < limit ? null : accounts.at(-1)!.name };
    },

    numbers: () => ({ ok: true, numbers: store.numbers() }),
  };
}

function payments(
  store: AccountStore,
  query: PaymentQuery & { shop?: string },
): Result<{ payments: PaymentRow[]; more: string | null }> {
  const { limit } = query;
  const before = readCursor(query.before);
  if (before === undefined) return refusal('BAD_REQUEST', 'before');
  if (!Number.isInteger(limit) || limit < 1 || limit > PAYMENTS_MAX)
    return refusal('BAD_REQUEST', `limit is 1 to ${PAYMENTS_MAX}`);
  const found = store.payments({
    ...{ limit: limit + 1, before, sinceS: query.sinceS ?? null, untilS: query.untilS ?? null },
    ...{ amount: query.amount ?? null, shop: query.shop ?? null },
    pku: query.token === undefined ? null : bytes(query.token),
    rs: query.charge === undefined ? null : bytes(query.charge),
  });
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return {
    ok: true,
    payments: page.map(({ pku, shop, rs, amount, arrivedS, refunded }) => ({
      ...{ pku, shop, rs, amount, arrivedS, refunded },
    })),
    more: found.length > limit && last ? cursorOf(last.arrivedS, last.transaction) : null,
  };
}

function certify(store: AccountStore, signer: Signer, accountKey: Uint8Array, name: string): Uint8Array {
  const body = encodeAccount({ accountKey, name, licenseClass: store.licenseClass(accountKey) });
  return accountCertificate.encode({ signature: signer.sign(SIGNED.account, body), body });
}

/**
 * The certificate of an account, signed anew where the house has another key by now, for whoever is shown it may know
 * that one alone; or where its licenses have another class.
 */
function currentCertificate(
  store: AccountStore,
  signer: Signer,
  { name, accountKey, certificate }: AccountRow,
): Uint8Array | null {
  const paper = certificate && accountCertificate.decode(certificate);
  if (!paper || !accountKey) return certificate;
  const says = readAccount(paper.body)?.licenseClass ?? null;
  if (
    says === store.licenseClass(accountKey) &&
    isSigned(signer.publicKey, SIGNED.account, paper.body, paper.signature)
  )
    return certificate;
  const anew = certify(store, signer, accountKey, name);
  store.setCertificate(name, anew);
  return anew;
}

function openAccount(
  { store, signer, nowS }: AccountsHouse,
  name: string,
  accountKey: Uint8Array | null,
): Result<{ certificate: Uint8Array | null; repeated: boolean }> {
  return store.transaction(() => {
    const existing = typeof name === 'string' ? store.account(name) : null;
    const ruling = ruleOpen({
      name,
      accountKey: accountKey && toHex(accountKey),
      keyIsLicensable: accountKey !== null && isLicensable(accountKey),
      existing: existing && {
        accountKey: existing.accountKey && toHex(existing.accountKey),
        closed: existing.closedS !== null,
      },
      keyOwner: (accountKey && store.accountByKey(accountKey)?.name) ?? null,
    });
    if (!ruling.ok) return ruling;
    if (existing) return { ok: true, certificate: currentCertificate(store, signer, existing), repeated: true };
    const certificate = accountKey && certify(store, signer, accountKey, name);
    store.addAccount({ name, accountKey, certificate, openedS: nowS() });
    return { ok: true, certificate, repeated: false };
  });
}
