/**
 * The software wallet at real houses: it registers, withdraws, and pays over a communication line (EP 0926637 [0001],
 * [0011], [0130]), which may be lost at every message; processes may end at every write of either store. The books are
 * audited after each test.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { PURSE_WRITES, openWalletRig, type WalletRig, WITHDRAWN, SHOP } from './wallet-rig.js';
import { CUTS, type Cut as LineCut } from '../kit/lossy-proxy.js';
import { codeOf, good } from '../kit/people.js';

let rig: WalletRig;
afterEach(() => rig.close());

test.each([1, 2, 6])('scheme %i: registers, withdraws, pays over a line, and the shop is credited', async (scheme) => {
  rig = await openWalletRig(scheme, scheme === 6 ? 3 : 1);
  if (scheme === 2) good(await rig.wallet().atDesk((teller) => teller.redeem()));
  expect(statSync(join(rig.walletDir, 'wallet.db')).mode & 0o777).toBe(0o600);
  expect(rig.wallet().status()).toMatchObject({ name: 'Alice', licensed: true, balance: WITHDRAWN });
  const charge = await rig.charge(350);
  expect(good(await rig.wallet().look(rig.proxy.url, charge))).toMatchObject({
    shop: SHOP,
    currency: 'EUR',
    amount: 350,
    state: 'open',
  });
  expect(good(await rig.pay(charge, 350))).toMatchObject({ amount: 350, shop: SHOP, repeated: false });
  await rig.paid(charge);
  // Again is the same payment; so it is for another process.
  expect(good(await rig.pay(charge, 350)).repeated).toBe(true);
  rig.reopen();
  expect(good(await rig.pay(charge, 350)).repeated).toBe(true);
  // Above what a token pays unasked: its owner has confirmed this very amount.
  const large = await rig.charge(4000);
  good(await rig.pay(large, 4000));
  await rig.addsUp(4350, 2);
});

test('the line is lost at every message, and in every way: each charge is paid once', async () => {
  rig = await openWalletRig(1);
  /** What goes out in a payment, counted from its beginning. */
  const pay = async (cutAt: number, cut: LineCut | null): Promise<number> => {
    const charge = await rig.charge(100);
    let requests = 0;
    rig.proxy.cut = () => (requests++ === cutAt ? cut : null);
    const paid = await rig.pay(charge, 100);
    rig.proxy.cut = null;
    expect([cutAt, cut, codeOf(paid)]).toEqual([cutAt, cut, 'OK']);
    await rig.paid(charge);
    return requests;
  };
  const whole = await pay(-1, null);
  expect(whole).toBeGreaterThanOrEqual(5);
  let count = 1;
  for (let at = 0; at < whole; at++) for (const cut of CUTS) count += (await pay(at, cut)) > 0 ? 1 : 0;
  await rig.addsUp(100 * count, count);
});

test('a line that is lost for good anywhere: the same again goes on from there, and nothing is paid twice', async () => {
  rig = await openWalletRig(6);
  let count = 0;
  for (let at = 0; at < 6; at++) {
    const charge = await rig.charge(100);
    let requests = 0;
    rig.proxy.cut = () => (requests++ >= at ? (at % 2 === 0 ? 'reply' : 'request') : null);
    const lost = await rig.pay(charge, 100);
    rig.proxy.cut = null;
    rig.reopen();
    if (!lost.ok) expect(['SERVICE_DOWN', 'REPLY_INVALID', 'TAP_TORN']).toContain(lost.code);
    good(await rig.pay(charge, 100));
    await rig.paid(charge);
    count++;
  }
  await rig.addsUp(100 * count, count);
});

test.each(['before', 'after'] as const)('the wallet ends %s every write of its store', async (when) => {
  rig = await openWalletRig(1);
  let count = 0;
  for (let at = 0; ; at++) {
    const charge = await rig.charge(100);
    let writes = 0;
    let isCut = false;
    // The start's own writes are among them.
    try {
      rig.reopen((now) => {
        if (now === when && writes++ === at) {
          isCut = true;
          throw new Error('the process ends here');
        }
      });
      const torn = await rig.pay(charge, 100);
      if (isCut) expect(codeOf(torn)).not.toBe('OK');
    } catch (thrown) {
      expect((thrown as Error).message).toBe('the process ends here');
    }
    rig.reopen();
    good(await rig.pay(charge, 100));
    await rig.paid(charge);
    count++;
    if (!isCut) break;
  }
  expect(count).toBeGreaterThan(PURSE_WRITES);
  await rig.addsUp(100 * count, count);
});

test.each(['before', 'after'] as const)("the shop's terminal ends %s every write of its store", async (when) => {
  rig = await openWalletRig(1);
  let count = 0;
  for (let at = 0; ; at++) {
    let writes = -1;
    let isCut = false;
    await rig.reopenShop((now) => {
      if (now === when && writes >= 0 && writes++ === at) {
        isCut = true;
        throw new Error('the process ends here');
      }
    });
    const charge = await rig.charge(100);
    // From the charge's being open on: what comes before is the clerk's.
    writes = 0;
    const torn = await rig.pay(charge, 100);
    if (isCut && at === 0) expect(codeOf(torn)).not.toBe('OK');
    await rig.reopenShop();
    good(await rig.pay(charge, 100));
    await rig.paid(charge);
    count++;
    if (!isCut) break;
  }
  expect(count).toBeGreaterThan(2);
  await rig.addsUp(100 * count, count);
});
