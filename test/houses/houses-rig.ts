/**
 * The houses of any scheme in process, in memory or on disk, with reference wallets as users: which houses there are,
 * and which of them a step goes to, is the scheme's row. For the tests of schemes 1 to 6 without boards and without
 * HTTP.
 */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { REQUEST } from '../../firmware/wire/request.js';
import { schemeOf, type Scheme } from '../../firmware/core/scheme.js';
import { createBank, type Bank } from '../../host-bridge/houses/bank/bank.js';
import { createUnsealer, type Unsealer } from '../../host-bridge/base/crypto/sealed-box.js';
import { createCouponSigner, splitAmount, type CouponSigner } from '../../host-bridge/base/crypto/coupon-signer.js';
import { createIssuer, type Issuer } from '../../host-bridge/houses/issuer/issuer.js';
import type {
  AccountsOffice,
  BankOffice,
  BankService,
  IssuerForBank,
  IssuerOffice,
  IssuerService,
  PublicParameters,
  Service,
  Trace,
  TrusteeService,
} from '../../host-bridge/base/services/procedures.js';
import { createTrustee } from '../../host-bridge/houses/trustee/trustee.js';
import type { Result } from '../../host-bridge/base/errors.js';
import { openBankStore } from '../../host-bridge/ledger/sqlite/sqlite-bank.js';
import { openIssuerStore } from '../../host-bridge/ledger/sqlite/sqlite-issuer.js';
import { openTrusteeStore } from '../../host-bridge/ledger/sqlite/sqlite-trustee.js';
import { conservationOf } from '../../host-bridge/ledger/rules-bank.js';
import type { BankStore, IssuerStore, TrusteeStore } from '../../host-bridge/ledger/store.js';
import { rsaKey } from '../kit/rsa-keys.js';
import { ReferenceWallet, type Outcome } from './reference-wallet.js';
import { good, issuerSigner, registrarSigner, rsOf, seedOf, signerOf, START_S } from '../kit/people.js';

export const bankSigner = signerOf('bank');
export const terminal = signerOf('terminal');
export const SHOP = 'Shop';
/** Falling. */
const COUPONS = [10, 5, 1];

let made: Map<number, KeyObject> | null = null;
/** RSA keys by amount. */
export function couponKeyPairs(): Map<number, KeyObject> {
  return (made ??= new Map(COUPONS.map((amount, i) => [amount, rsaKey(i)])));
}

export interface Houses {
  scheme: Scheme;
  facts: PublicParameters;
  clock: { nowS: number };
  issuer: Issuer;
  bank: Bank | null;
  trustee: TrusteeService | null;
  issuerStore: IssuerStore;
  bankStore: BankStore | null;
  trusteeStore: TrusteeStore | null;
  coupons: CouponSigner | null;
  unsealer: Unsealer | null;
  office: IssuerOffice;
  bankOffice: BankOffice | null;
  /** Where the accounts are. */
  accounts: AccountsOffice;
  /** Paths of the databases, for the audit; of those on disk. */
  databases: { issuerDatabase: string; bankDatabase?: string; trusteeDatabase?: string };
  close(): void;
}

export interface HousesOptions {
  /** Databases lie here; default: in memory. */
  folder?: string;
  /** Stands between bank and issuer. */
  between?(issuer: Issuer): Service<IssuerForBank>;
  bankSigner?: typeof bankSigner;
  depositGraceS?: number;
  licenseValidS?: number;
  tracePolicy?: 'automatic' | 'operator';
}

/** Makes the houses that a scheme's row has. */
export async function createHouses(number: number, options: HousesOptions = {}): Promise<Houses> {
  const scheme = schemeOf(number);
  const clock = { nowS: START_S };
  const now = () => clock.nowS;
  const [hasBank, hasTrustee] = [scheme.accountsAt === 'bank', scheme.licenseFrom === 'trustee'];
  const issuerKey = issuerSigner.publicKey;
  const registrarKey = hasTrustee ? registrarSigner.publicKey : issuerKey;
  const bankKey = hasBank ? bankSigner.publicKey : null;
  const books = { issuerKey, registrarKey, currency: 'EUR', scheme: number, bankKey };
  const place = (name: string) => (options.folder ? join(options.folder, `${name}.db`) : ':memory:');
  const issuerStore = openIssuerStore(place('issuer'), books);
  const bankStore = hasBank ? openBankStore(place('bank'), books) : null;
  const trusteeStore = hasTrustee ? openTrusteeStore(place('trustee'), books) : null;
  const unsealer = scheme.issue === 'direct' ? null : await createUnsealer(seedOf('seal'));
  const terms = {
    currency: 'EUR',
    clock: now,
    scheme,
    ...(options.licenseValidS ? { licenseValidS: options.licenseValidS } : {}),
    ...(options.depositGraceS ? { depositGraceS: options.depositGraceS } : {}),
  };
  const tracePolicy = options.tracePolicy ?? 'operator';
  const issuer = createIssuer({
    ...terms,
    tracePolicy,
    store: issuerStore,
    signer: issuerSigner,
    registrarKey,
    bankKey,
    unsealer,
  });
  const coupons = scheme.issue === 'coupon' ? createCouponSigner(couponKeyPairs()) : null;
  const bank =
    bankStore &&
    createBank({
      ...terms,
      store: bankStore,
      signer: options.bankSigner ?? bankSigner,
      issuerKey,
      registrarKey,
      issuer: options.between?.(issuer) ?? issuer,
      coupons,
    });
  const trustee =
    trusteeStore &&
    createTrustee({
      ...terms,
      issuer,
      store: trusteeStore,
      signer: registrarSigner,
      issuerKey,
      ...(bankKey ? { accountsKey: bankKey } : {}),
    });
  const office = issuer.office('operator');
  const bankOffice = bank?.office('clerk') ?? null;
  const accounts = bankOffice ?? office;
  good(accounts.openAccount(SHOP, null));
  good(accounts.registerTerminal(SHOP, rsOf(0).subarray(0, 4), terminal.publicKey));
  if (bank && coupons) good(office.publishCouponKeys(good(bank.couponKeys()).keys));
  return {
    ...{
      scheme,
      clock,
      issuer,
      bank,
      trustee,
      issuerStore,
      bankStore,
      trusteeStore,
      coupons,
      unsealer,
      office,
      bankOffice,
      accounts,
    },
    facts: good(issuer.parameters()).parameters,
    databases: {
      issuerDatabase: place('issuer'),
      ...(hasBank ? { bankDatabase: place('bank') } : {}),
      ...(hasTrustee ? { trusteeDatabase: place('trustee') } : {}),
    },
    close() {
      for (const store of [issuerStore, bankStore, trusteeStore]) store?.close();
    },
  };
}

/** A user with an account and money in it, not yet registered. */
export function userOf(houses: Houses, name: string, funding = 0, pseudonyms = 1): ReferenceWallet {
  const { scheme, facts, issuer, coupons } = houses;
  const wallet = new ReferenceWallet({ scheme, facts, name, pseudonyms });
  if (coupons) {
    const { list, moduli } = good(issuer.couponKeys());
    if (wallet.takeCouponKeys(list, moduli) !== 'OK') throw new Error("the coupon keys are not the issuer's");
  }
  good(houses.accounts.openAccount(name, wallet.account.publicKey));
  if (funding > 0) good(houses.accounts.fundAccount(name, funding));
  return wallet;
}

/** The houses as a user reaches them: in process, or over HTTP. */
export interface Reach {
  scheme: Scheme;
  issuer: Service<Pick<IssuerService, 'withdraw' | 'redeem'>>;
  bank: Service<Pick<BankService, 'request'>> | null;
  trustee: Service<Pick<TrusteeService, 'register'>> | null;
  accounts: Service<Pick<AccountsOffice, 'openAccount'>>;
}

/** Brings a waiting registration to who licenses, and back. */
export async function register(houses: Reach, wallet: ReferenceWallet): Promise<Outcome> {
  const { bytes } = wallet.waiting ?? (await wallet.startRegistration());
  if (houses.scheme.registration === 'open') {
    const account = await houses.accounts.openAccount(wallet.options.name, wallet.account.publicKey);
    if (!account.ok) return account.code;
    const given = await houses.trustee!.register(bytes, account.certificate!);
    return given.ok ? wallet.takeLicenses([given.license]) : given.code;
  }
  const given = await houses.bank!.request(bytes);
  return given.ok ? wallet.takeLicenses(given.boxes) : given.code;
}

/** What a waiting request comes to: to bank or issuer, and the reply to the wallet. */
export async function finish(houses: Reach, wallet: ReferenceWallet): Promise<Outcome> {
  const { kind, bytes } = wallet.waiting!;
  const { issue } = houses.scheme;
  if (issue === 'direct') {
    const given = await houses.issuer.withdraw(bytes);
    return given.ok ? wallet.takeCash([given.receipt]) : given.code;
  }
  const given = kind === REQUEST.redeem ? await houses.issuer.redeem(bytes) : await houses.bank!.request(bytes);
  if (!given.ok) return given.code;
  return kind === REQUEST.coupon ? wallet.takeCoupon(given.boxes) : wallet.takeCash(given.boxes);
}

/** [0017]-[0021] and its kin: x from the account to the wallet, through coupons where the scheme has them. */
export async function withdraw(houses: Reach, wallet: ReferenceWallet, amount: number, which = 0): Promise<Outcome> {
  if (houses.scheme.issue !== 'coupon') {
    await wallet.startWithdrawal(amount, which);
    return finish(houses, wallet);
  }
  for (const part of splitAmount(amount, COUPONS)!) {
    await wallet.startCoupon(part);
    const drawn = await finish(houses, wallet);
    if (drawn !== 'OK') return drawn;
  }
  for (const coupon of [...wallet.coupons]) {
    await wallet.startRedemption(coupon);
    const redeemed = await finish(houses, wallet);
    if (redeemed !== 'OK') return redeemed;
  }
  return 'OK';
}

/** Whoever keeps the accounts takes the history [0029]-[0030], [0050]-[0052], [0076]-[0077]. */
export function deposit(houses: Houses, bytes: Uint8Array): Result<{ amount: number; repeated: boolean }> {
  return (houses.bank ?? houses.issuer).deposit(bytes);
}

/** [0053]-[0055], [0078]-[0080]: until nothing is left. */
export async function returnAll(houses: Houses): Promise<void> {
  for (let more = houses.bank !== null; more;) ({ more } = good(await houses.bank!.forward()));
}

/** The name behind a pseudonym by the scheme's own path [0031], [0056], [0081]. */
export function traceOf(houses: Houses, pku: Uint8Array, why = 'EBC is negative'): Result<Trace> {
  if (houses.scheme.traceBy === 'issuer') return houses.office.trace(pku, why);
  const ordered = houses.office.traceOrder(pku, why);
  if (!ordered.ok) return ordered;
  return houses.scheme.traceBy === 'bank'
    ? houses.bankOffice!.trace(ordered.order)
    : houses.trustee!.trace(ordered.order);
}

/** Conservation over the houses. */
export function conservation(houses: Houses): { ok: boolean; in: number; held: number } {
  const numbers = good(houses.accounts.numbers()).numbers;
  return conservationOf(numbers, houses.bank ? good(houses.office.numbers()).numbers : null);
}

/** Everything that the books say, to show that a refusal changed nothing. */
export function stateOf(houses: Houses): unknown {
  const names = [SHOP, 'Ada', 'Bob'].map((name) => houses.accounts.balanceOf(name));
  return {
    names,
    accounts: good(houses.accounts.numbers()).numbers,
    issuer: good(houses.office.numbers()).numbers,
    lists: houses.issuer.denyList(0),
  };
}
