/**
 * The issuer's office: acts that take an operator. Opening and funding accounts, registering terminals, deny, trace.
 * EP 0926637 [0031] for trace: the name comes out only when EBC is negative, and that it did is recorded.
 */
import { equal, toHex } from '../../firmware/core/bytes.js';
import { KEY_BYTES } from '../../firmware/wire/payment.js';
import { DENY_KEYS_MAX } from '../../firmware/wire/notices.js';
import { accountBody, accountCertificate } from '../../firmware/wire/registration.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { withdrawal, withdrawalBody } from '../../firmware/wire/withdrawal.js';
import { refusal, type Result } from '../errors.js';
import { abcOf, ebcOf, IN, ruleDeny, ruleFund, ruleOpen, ruleTerminal, ruleTrace } from '../ledger/rules.js';
import type { AccountRow, PseudonymRow } from '../ledger/store.js';
import { isLicensable } from '../relay/ed25519-verify.js';
import type { IssuerContext } from './issuer.js';
import type { IssuerOffice, Trace } from './services.js';
import { isSigned } from './signer.js';

const TERMINAL_ID_BYTES = 4;

/** Most rows in one answer. */
const LISTED_MAX = 100;

/** Makes the office of one operator. @param operator who acts, for the record */
export function createOffice(context: IssuerContext, operator: string): IssuerOffice {
  const { store } = context;
  return {
    openAccount: (name, accountKey) => openAccount(context, name, accountKey),

    fundAccount(name, amount) {
      return store.transaction(() => {
        const abc = abcOf(name);
        const balances = { [IN]: store.balance(IN), [abc]: store.balance(abc) };
        const ruling = ruleFund({ name, amount, exists: store.account(name) !== null, balances });
        if (!ruling.ok) return ruling;
        store.post('fund', context.nowS(), ruling.entries);
        return { ok: true, balance: store.balance(abc) };
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

    deny(pku, why) {
      if (pku.length !== KEY_BYTES) return refusal('BAD_REQUEST', 'pku');
      return store.transaction(() => {
        const nowS = context.nowS();
        const before = store.denial(pku);
        const denied = before !== null && (before.untilS === null || before.untilS > nowS);
        const ruling = ruleDeny({ why, denied, listed: context.denyLists.count(nowS), listMax: DENY_KEYS_MAX });
        if (!ruling.ok) return ruling;
        // An operator's denial knows no license, so it has no end.
        if (!denied) context.denyLists.deny(pku, null, `${operator}: ${why}`, nowS);
        return { ok: true, version: context.denyLists.current(nowS).version, repeated: denied };
      });
    },

    trace: (pku, why) => trace(context, operator, pku, why),

    balanceOf(name) {
      return store.account(name) ? { ok: true, balance: store.balance(abcOf(name)) } : refusal('ACCOUNT_UNKNOWN');
    },

    counterOf(pku) {
      const pseudonym = pku.length === KEY_BYTES ? store.pseudonym(pku) : null;
      if (!pseudonym) return refusal('PSEUDONYM_UNKNOWN');
      return { ok: true, ebc: store.balance(ebcOf(toHex(pku))), receiptNumber: pseudonym.receiptNumber };
    },

    histories(limit) {
      if (!Number.isInteger(limit) || limit < 1 || limit > LISTED_MAX) return refusal('BAD_REQUEST', `limit is 1 to ${LISTED_MAX}`);
      return { ok: true, histories: store.latestHistories(limit).map(({ pku, shop, rs, amount, arrivedS }) => ({ pku, shop, rs, amount, arrivedS })) };
    },

    numbers: () => ({ ok: true, numbers: store.numbers() }),
    overspends: () => ({ ok: true, overspends: store.overspends().map(({ pku, timeS }) => ({ pku, ebc: store.balance(ebcOf(toHex(pku))), timeS })) }),
  };
}

function openAccount(context: IssuerContext, name: string, accountKey: Uint8Array | null): Result<{ certificate: Uint8Array | null; repeated: boolean }> {
  const { store, signer } = context;
  return store.transaction(() => {
    const existing = typeof name === 'string' ? store.account(name) : null;
    const ruling = ruleOpen({
      name,
      accountKey: accountKey && toHex(accountKey),
      keyIsLicensable: accountKey !== null && isLicensable(accountKey),
      existing: existing && { accountKey: existing.accountKey && toHex(existing.accountKey) },
      keyOwner: (accountKey && store.accountByKey(accountKey)?.name) ?? null,
    });
    if (!ruling.ok) return ruling;
    if (existing) return { ok: true, certificate: existing.certificate, repeated: true };
    let certificate: Uint8Array | null = null;
    if (accountKey) {
      const body = accountBody.encode({ accountKey, name });
      certificate = accountCertificate.encode({ signature: signer.sign(SIGNED.account, body), body });
    }
    store.addAccount({ name, accountKey, certificate, openedS: context.nowS() });
    return { ok: true, certificate, repeated: false };
  });
}

/** [0031]: the real name behind a negative EBC, with the request that bound the pseudonym to it. */
function trace(context: IssuerContext, operator: string, pku: Uint8Array, why: string): Result<Trace> {
  const { store } = context;
  if (pku.length !== KEY_BYTES) return refusal('BAD_REQUEST', 'pku');
  return store.transaction(() => {
    const pseudonym = store.pseudonym(pku);
    const ebc = store.balance(ebcOf(toHex(pku)));
    const ruling = ruleTrace({ why, known: pseudonym !== null, ebc, owner: pseudonym?.name ?? null });
    if (!ruling.ok) return ruling;
    const { name } = ruling;
    const account = store.account(name);
    const request = pseudonym?.request ?? new Uint8Array(0);
    const proof = account && isBinding(context, account, pseudonym as PseudonymRow) ? 'PROVEN' : 'UNPROVEN';
    store.addTrace({ pku, operator, why, ebc, name, proof, timeS: context.nowS() });
    return { ok: true, name, ebc, proof, request, certificate: account?.certificate ?? new Uint8Array(0) };
  });
}

/** Whether the stored request shows that the owner of the account bound this pseudonym to the name. */
function isBinding(context: IssuerContext, account: AccountRow, pseudonym: PseudonymRow): boolean {
  const certificate = account.certificate && accountCertificate.decode(account.certificate);
  const certified = certificate && accountBody.decode(certificate.body);
  const request = pseudonym.request && withdrawal.decode(pseudonym.request);
  const body = request && withdrawalBody.decode(request.body);
  if (!certificate || !certified || !request || !body) return false;
  return (
    certified.name === account.name &&
    body.name === account.name &&
    equal(body.pku, pseudonym.pku) &&
    isSigned(context.signer.publicKey, SIGNED.account, certificate.body, certificate.signature) &&
    isSigned(certified.accountKey, SIGNED.withdrawal, request.body, request.accountSignature) &&
    isSigned(body.pku, SIGNED.withdrawalProof, request.body, request.proof)
  );
}
