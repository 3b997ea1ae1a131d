/**
 * The houses of any scheme as services on free ports, with SQLite on disk: what test/houses/houses-rig.ts is in
 * process.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { schemeOf, type Scheme } from '../../firmware/core/scheme.js';
import { COUPON_AMOUNTS } from '../../host-bridge/base/crypto/coupon-signer.js';
import type { PublicParameters } from '../../host-bridge/base/services/procedures.js';
import {
  createBankChannel,
  createBankClient,
  createBankOfficeClient,
  createIssuerClient,
  createOfficeClient,
  createTrusteeClient,
} from '../../host-bridge/http/client.js';
import { keyPaths, writeKeyFile } from '../../host-bridge/base/keys/key-file.js';
import { startBank, startIssuer, startTrustee } from '../../host-bridge/services/start.js';
import { bankSigner } from '../houses/houses-rig.js';
import { ReferenceWallet } from '../houses/reference-wallet.js';
import { rsaKey } from '../kit/rsa-keys.js';
import { good, ISSUER, issuerSigner, registrarSigner, seedOf, signerOf, START_S } from '../kit/people.js';
import { PATIENT_MS } from '../kit/patience.js';

export const operator = signerOf('operator');

/** Where to find each house, and which there are. */
export interface Urls {
  issuer: string;
  bank?: string;
  trustee?: string;
}

/** A data folder with the keys of test/kit/people.ts, and coupon keys. */
export function houseFolder(scheme: Scheme): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'tapcash-'));
  for (const [role, label] of [
    ['issuer', 'issuer'],
    ['trustee', 'registrar'],
    ['bank', 'bank'],
  ])
    writeKeyFile(join(dataDir, `${role}.key`), seedOf(label!));
  if (scheme.issue !== 'coupon') return dataDir;
  for (const [i, amount] of COUPON_AMOUNTS.entries())
    writeFileSync(keyPaths(dataDir, 'bank', 1).coupon(amount), rsaKey(i).export({ format: 'pem', type: 'pkcs8' }), {
      mode: 0o600,
    });
  return dataDir;
}

/** What services of a scheme are started with, as JSON would hold it. */
export function placeOf(scheme: Scheme, dataDir: string) {
  const hasTrustee = scheme.licenseFrom === 'trustee';
  const registrarKey = hasTrustee ? registrarSigner.publicKey : issuerSigner.publicKey;
  return {
    dataDir,
    scheme: scheme.number,
    operatorKeys: [operator.publicKey],
    clock: () => START_S,
    registrarKey,
    issuerKey: issuerSigner.publicKey,
  };
}

/** Clients of running houses, for users and operators. */
export function clientsOf(scheme: Scheme, urls: Urls) {
  const timeoutMs = PATIENT_MS;
  const office = { operator, issuer: ISSUER, timeoutMs };
  const issuer = createIssuerClient({ url: urls.issuer, timeoutMs });
  const bank = urls.bank ? createBankClient({ url: urls.bank, timeoutMs }) : null;
  const trustee = urls.trustee ? createTrusteeClient({ url: urls.trustee, timeoutMs }) : null;
  const issuerOffice = createOfficeClient({ ...office, url: urls.issuer });
  const bankOffice = urls.bank ? createBankOfficeClient({ ...office, url: urls.bank }) : null;
  return { scheme, issuer, bank, trustee, office: issuerOffice, bankOffice, accounts: bankOffice ?? issuerOffice };
}

export type Clients = ReturnType<typeof clientsOf>;

/** A user with an account and money in it. */
export async function userAt(
  clients: Clients,
  facts: PublicParameters,
  name: string,
  funding: number,
  pseudonyms = 1,
): Promise<ReferenceWallet> {
  const wallet = new ReferenceWallet({ scheme: clients.scheme, facts, name, pseudonyms });
  good(await clients.accounts.openAccount(name, wallet.account.publicKey));
  if (funding > 0) good(await clients.accounts.fundAccount(name, funding));
  if (clients.scheme.issue === 'coupon') {
    const { list, moduli } = good(await clients.issuer.couponKeys());
    if (wallet.takeCouponKeys(list, moduli) !== 'OK') throw new Error("the coupon keys are not the issuer's");
  }
  return wallet;
}

const running: (() => Promise<void>)[] = [];

/** Ends what a test that failed has left running: `afterEach(endHouses)`. */
export async function endHouses(): Promise<void> {
  for (const close of running.splice(0)) await close();
}

/** Starts every house that the row has. */
export async function startHouses(number: number, options: { dataDir?: string; log?: Logger; currency?: string } = {}) {
  const scheme = schemeOf(number);
  const dataDir = options.dataDir ?? houseFolder(scheme);
  const place = {
    ...placeOf(scheme, dataDir),
    ...(options.log ? { log: options.log } : {}),
    ...(options.currency ? { currency: options.currency } : {}),
  };
  const hasBank = scheme.accountsAt === 'bank';
  const bankKey = hasBank ? bankSigner.publicKey : null;
  const issuer = await startIssuer({ ...place, bankKey });
  const trustee =
    scheme.licenseFrom === 'trustee'
      ? await startTrustee({ ...place, ...(bankKey ? { accountsKey: bankKey } : {}) })
      : null;
  const bank = hasBank
    ? await startBank({
        ...place,
        forwardMs: 20,
        issuerChannel: (signer, issuerLine) =>
          createBankChannel({ url: issuer.url, signer, issuerLine, issuer: ISSUER, clock: place.clock }),
      })
    : null;
  const clients = clientsOf(scheme, {
    issuer: issuer.url,
    ...(bank ? { bank: bank.url } : {}),
    ...(trustee ? { trustee: trustee.url } : {}),
  });
  if (clients.bank && scheme.issue === 'coupon')
    good(await clients.office.publishCouponKeys(good(await clients.bank.couponKeys()).keys));
  const close = async () => {
    for (const service of [bank, trustee, issuer]) await service?.close();
  };
  running.push(close);
  return {
    ...{ dataDir, clients, facts: issuer.parameters, services: { issuer, bank, trustee }, close },
    end: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}
