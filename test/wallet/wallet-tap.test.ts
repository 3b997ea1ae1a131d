/**
 * The wallet through a PN532 on a PC's USB port, with the chip's model at the other end of the serial line: at the
 * reader of an emulated terminal board it registers, withdraws and pays, as a token does.
 */
import { join } from 'node:path';
import { fromHex } from '../../firmware/core/bytes.js';
import { makeWallet, usbReader } from '../../host-bridge/rig/line-shop.js';
import { createPresence } from '../../host-bridge/rig/presence.js';
import { startWholeShop } from '../../host-bridge/rig/whole-shop.js';
import { startWalletCard } from '../../host-bridge/wallet/wallet-card.js';
import { good } from '../kit/people.js';
import { tempFolder } from '../kit/temp-folder.js';

/** Between two presses of who stands at the desk. */
const PRESS_MS = 1000;

test.each([1, 6])('scheme %i: registers, withdraws and pays at a terminal', async (scheme) => {
  const folder = tempFolder();
  const rig = await startWholeShop({
    ...{ dataDir: folder, shops: ['Cafe Roma'], users: [], interpreter: null, seed: null, scheme },
    onStep: () => undefined,
  });
  const [shop] = rig.shops as [(typeof rig.shops)[0]];
  const houses = { ...rig, forBridge: { scheme: rig.scheme, issuer: rig.issuerClient } };
  const wallet = await makeWallet(join(folder, 'wallet'), houses, () => Date.now() / 1000);
  const { chip, port } = usbReader(rig.scheduler);
  const faults: string[] = [];
  const closers: (() => void)[] = [];
  try {
    startWalletCard({ token: wallet.token, port, onFailure: (code) => void faults.push(code) });
    const presence = createPresence(chip.card);
    presence.hold(shop.field);
    // Whoever holds it presses for the desk, and for x: the desk tells only that it waits for the button.
    const presses = setInterval(wallet.token.press, PRESS_MS);
    closers.push(() => clearInterval(presses));
    const { teller } = shop.bridge;
    good(await teller.registerUser({ name: 'Alice', funding: 10_000 }));
    good(await teller.withdraw({ amount: 3000 }));
    expect(wallet.status()).toMatchObject({ name: 'Alice', licensed: true, balance: 3000 });
    presence.leave();
    clearInterval(presses);

    const { charge } = good(await shop.bridge.charge(350));
    const id = fromHex(charge.id)!;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    presence.hold(shop.field);
    let now = good(await shop.bridge.wait(id, 0, 0)).charge;
    for (let waits = 0; waits < 60 && now.state !== 'paid'; waits++) {
      // A token that is too early, or was torn by a busy machine, taps again.
      if (now.tap && now.code !== 'OK') presence.tapAgain(rig.scheduler);
      now = good(await shop.bridge.wait(id, now.changes, 2000)).charge;
    }
    expect([now.state, faults]).toEqual(['paid', []]);
    expect(wallet.status()).toMatchObject({ balance: 2650 });
  } finally {
    closers.forEach((end) => end());
    await port.close();
    wallet.close();
    await rig.close();
  }
});
