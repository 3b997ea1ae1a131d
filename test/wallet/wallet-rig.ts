/**
 * A scheme's houses, a shop on a communication line, and a wallet with money; the line can be lost anywhere. After each
 * test the books are audited, and the wallet's Balance is what they say.
 */
import { join } from 'node:path';
import { fromHex } from '../../firmware/core/bytes.js';
import { schemeOf } from '../../firmware/core/scheme.js';
import { audit } from '../../host-bridge/audit/audit.js';
import type { Result } from '../../host-bridge/base/errors.js';
import { makeWallet, openLineShop, walletOptions, type LineShop } from '../../host-bridge/rig/line-shop.js';
import { startHouses } from '../../host-bridge/rig/served-houses.js';
import type { Cut } from '../../host-bridge/soft-board/soft-store.js';
import type { LinePaid } from '../../host-bridge/wallet/line-payment.js';
import { openWallet, type Wallet } from '../../host-bridge/wallet/wallet.js';
import { startLossyProxy } from '../kit/lossy-proxy.js';
import { good } from '../kit/people.js';
import { tempFolder } from '../kit/temp-folder.js';

const FUNDING = 100_000;
export const WITHDRAWN = 50_000;
export const SHOP = 'Cafe Roma';
/** At least: boot counter, debit, acknowledgement. */
export const PURSE_WRITES = 3;

const clock = () => Date.now() / 1000;
/** Looks at what comes by itself, 50 ms apart: two minutes on the slowest machine. */
const TRIES = 2400;

/** Waits for what comes by itself. */
async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await done()); tries++) {
    if (tries === TRIES) throw new Error('it never came');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A scheme's houses. */
const openHouses = (folder: string, scheme: number) =>
  startHouses({
    dataDir: join(folder, 'houses'),
    seed: 1,
    scheme: schemeOf(scheme),
    currency: 'EUR',
    clock,
    port: null,
  });

/** That the audit finds nothing, and as much is held as was put in. */
function auditNow({ issuer, bank, trustee }: Awaited<ReturnType<typeof openHouses>>): void {
  const { ok, broken, ...sums } = audit({
    issuerDatabase: issuer.database,
    ...(bank ? { bankDatabase: bank.database } : {}),
    ...(trustee ? { trusteeDatabase: trustee.database } : {}),
  });
  expect([ok, broken, sums.in, sums.held]).toEqual([true, [], FUNDING, FUNDING]);
}

export type WalletRig = Awaited<ReturnType<typeof openWalletRig>>;

/** Opens everything; the owner is Alice. */
export async function openWalletRig(scheme: number, pseudonyms = 1) {
  const folder = tempFolder();
  const houses = await openHouses(folder, scheme);
  const shopAt = { dataDir: join(folder, 'shop'), name: SHOP, houses, clock };
  let shop: LineShop = await openLineShop(shopAt);
  const proxy = await startLossyProxy(shop.service.url);
  const walletDir = join(folder, 'wallet');
  let wallet: Wallet = await makeWallet(walletDir, houses, clock, pseudonyms);
  good(await wallet.atDesk((teller) => teller.registerUser({ name: 'Alice', funding: FUNDING })));
  good(await wallet.atDesk((teller) => teller.withdraw({ amount: WITHDRAWN })));

  const rig = {
    folder,
    walletDir,
    houses,
    proxy,
    shop: () => shop,
    wallet: () => wallet,
    /** Opens a charge and pays it, through the proxy. */
    async charge(amount: number): Promise<Uint8Array> {
      const { charge } = good(await shop.bridge.charge(amount));
      expect(charge.state).toBe('open');
      return fromHex(charge.id)!;
    },
    pay: (charge: Uint8Array, amount: number, shopName = SHOP): Promise<Result<LinePaid>> =>
      wallet.pay(proxy.url, charge, { shop: shopName, currency: 'EUR', amount }, true),
    /** Until the bridge has heard how it ended. */
    async paid(charge: Uint8Array): Promise<void> {
      await until(async () => good(await shop.bridge.wait(charge, 0, 0)).charge.state === 'paid');
    },
    /** The process ends where it stands, and another one begins. */
    reopen(cut?: Cut): Wallet {
      wallet.close();
      wallet = openWallet({ ...walletOptions(walletDir, houses, clock), ...(cut ? { cut } : {}) });
      return wallet;
    },
    async reopenShop(cut?: Cut): Promise<void> {
      await shop.close();
      shop = await openLineShop({ ...shopAt, ...(cut ? { cut } : {}) });
      proxy.target = shop.service.url;
    },
    /** Every history arrived once and nothing is under way: what was spent is what the shop has; the audit agrees. */
    async addsUp(spent: number, payments: number): Promise<void> {
      await until(() => {
        const { credited, pending, held } = shop.bridge.outboxState().outbox;
        return credited === payments && pending + held === 0;
      });
      expect(wallet.status()).toMatchObject({ balance: WITHDRAWN - spent, unacknowledged: 0, fault: '' });
      const balances = async (name: string) => good(await houses.accounts.balanceOf(name)).balance;
      expect([await balances('Alice'), await balances(SHOP)]).toEqual([FUNDING - WITHDRAWN, spent]);
      auditNow(houses);
    },
    async close(): Promise<void> {
      await proxy.close();
      wallet.close();
      await shop.close();
      await houses.stop();
    },
  };
  return rig;
}
