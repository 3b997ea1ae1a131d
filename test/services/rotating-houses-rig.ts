/**
 * The houses of a scheme with their keys in files and books on disk, as `tapcash` starts them, called in process: for
 * what happens while a key follows another. The clock is the test's.
 */
import { cpSync, existsSync, rmSync } from 'node:fs';
import { schemeOf } from '../../firmware/core/scheme.js';
import { signedSuccession, successionBody } from '../../firmware/wire/succession.js';
import type { Bank } from '../../host-bridge/houses/bank/bank.js';
import { COUPON_AMOUNTS } from '../../host-bridge/base/crypto/coupon-signer.js';
import type { Issuer } from '../../host-bridge/houses/issuer/issuer.js';
import type { HouseName } from '../../host-bridge/base/keys/key-line.js';
import type { TrusteeService } from '../../host-bridge/base/services/procedures.js';
import { createBankChannel } from '../../host-bridge/http/client.js';
import { keyPaths } from '../../host-bridge/base/keys/key-file.js';
import { rotate, type Rotation } from '../../host-bridge/services/rotate.js';
import { startBank, startIssuer, startTrustee, type RunningService } from '../../host-bridge/services/start.js';
import { conservationOf } from '../../host-bridge/ledger/rules-bank.js';
import { bankSigner, SHOP, terminal } from '../houses/houses-rig.js';
import { ReferenceWallet } from '../houses/reference-wallet.js';
import { good, ISSUER, issuerSigner, registrarSigner, rsOf, START_S } from '../kit/people.js';
import { houseFolder, operator } from './served-houses-rig.js';

/** Second keys of coupons, taken from the first ones of another amount: to make twelve takes seconds. */
export function giveNextCoupons(dataDir: string): void {
  for (const [i, amount] of COUPON_AMOUNTS.entries()) {
    const from = keyPaths(dataDir, 'bank', 1).coupon(COUPON_AMOUNTS[(i + 1) % COUPON_AMOUNTS.length]!);
    cpSync(from, keyPaths(dataDir, 'bank', 2).coupon(amount));
  }
}

/** Houses that a scheme has. */
export function housesOf(number: number): HouseName[] {
  const scheme = schemeOf(number);
  return [
    'issuer',
    ...(scheme.licenseFrom === 'trustee' ? (['trustee'] as const) : []),
    ...(scheme.accountsAt === 'bank' ? (['bank'] as const) : []),
  ];
}

/** Starts them. */
export async function startRotating(number: number) {
  const scheme = schemeOf(number);
  const dataDir = houseFolder(scheme);
  const has = (house: HouseName) => housesOf(number).includes(house);
  const clock = { nowS: START_S };
  const registrarKey = has('trustee') ? registrarSigner.publicKey : issuerSigner.publicKey;
  const bankKey = has('bank') ? bankSigner.publicKey : null;
  const place = {
    dataDir,
    scheme: number,
    operatorKeys: [operator.publicKey],
    clock: () => clock.nowS,
    monotonic: () => clock.nowS,
    registrarKey,
    issuerKey: issuerSigner.publicKey,
  };
  const issuer = await startIssuer({ ...place, bankKey });
  const bank =
    bankKey &&
    (await startBank({
      ...place,
      forwardMs: 3_600_000,
      issuerChannel: (signer, issuerLine) =>
        createBankChannel({ url: issuer.url, signer, issuerLine, issuer: ISSUER, clock: place.clock }),
    }));
  const trustee = has('trustee')
    ? await startTrustee({ ...place, issuer: issuer.actor, ...(bankKey ? { accountsKey: bankKey } : {}) })
    : null;
  const services: Partial<
    Record<HouseName, RunningService<Issuer> | RunningService<Bank> | RunningService<TrusteeService>>
  > = { issuer, ...(bank ? { bank } : {}), ...(trustee ? { trustee } : {}) };
  const accounts = (bank ?? issuer).actor.office('clerk');
  const office = issuer.actor.office('operator');
  good(accounts.openAccount(SHOP, null));
  good(accounts.registerTerminal(SHOP, rsOf(0).subarray(0, 4), terminal.publicKey));
  if (bank && scheme.issue === 'coupon') good(office.publishCouponKeys(good(bank.actor.couponKeys()).keys));
  return {
    ...{ scheme, dataDir, clock, accounts, office },
    issuer: issuer.actor,
    bank: bank ? bank.actor : null,
    trustee: trustee ? trustee.actor : null,
    services,
    databases: {
      issuerDatabase: issuer.database,
      ...(bank ? { bankDatabase: bank.database } : {}),
      ...(trustee ? { trusteeDatabase: trustee.database } : {}),
    },
    /** Rotates a house's key, and tells the others. */
    async rotate(house: HouseName, aheadS = 0): Promise<Rotation> {
      if (house === 'bank' && scheme.issue === 'coupon' && !existsSync(keyPaths(dataDir, 'bank', 2).coupon(1)))
        giveNextCoupons(dataDir);
      const done = await rotate({ dataDir, house, nowS: clock.nowS, fromS: clock.nowS + aheadS });
      for (const service of Object.values(services)) good(service.actor.succeed(done.notice));
      if (aheadS === 0) clock.nowS = done.fromS;
      if (house === 'bank' && scheme.issue === 'coupon')
        good(office.publishCouponKeys(good(bank!.actor.couponKeys()).keys));
      return done;
    },
    /** What an update of a board brings: the keys of now, and what to seal to. */
    update(wallet: ReferenceWallet): void {
      const { parameters } = good(issuer.actor.parameters());
      for (const notice of parameters.successions) {
        const body = successionBody.decode(signedSuccession.decode(notice)!.body)!;
        if (body.house === 1) wallet.issuerKeys.push(body.newKey);
        if (body.house === 2 || (body.house === 1 && !has('trustee'))) wallet.registrarKeys.push(body.newKey);
      }
      wallet.options.facts.sealKey = parameters.sealKey;
    },
    /** A user with an account and money in it. */
    userOf(name: string, funding: number): ReferenceWallet {
      const { parameters } = good(issuer.actor.parameters());
      const wallet = new ReferenceWallet({
        scheme,
        facts: { ...parameters },
        name,
        pseudonyms: Math.min(2, scheme.pseudonymsMax),
      });
      good(accounts.openAccount(name, wallet.account.publicKey));
      good(accounts.fundAccount(name, funding));
      return wallet;
    },
    /** The list of coupon keys as the desk brings it before each withdrawal. */
    bringCouponKeys(wallet: ReferenceWallet): string {
      if (scheme.issue !== 'coupon') return 'OK';
      const { list, moduli } = good(issuer.actor.couponKeys());
      return wallet.takeCouponKeys(list, moduli);
    },
    conservation() {
      const numbers = good(accounts.numbers()).numbers;
      return conservationOf(numbers, bank ? good(office.numbers()).numbers : null);
    },
    async close() {
      for (const service of Object.values(services)) await service.close();
    },
    end: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}

export type Rotating = Awaited<ReturnType<typeof startRotating>>;
