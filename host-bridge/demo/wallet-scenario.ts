/**
 * The scenario of a token without a board: a wallet registers, withdraws and pays at a shop's reader, through a PN532
 * on a PC's USB port, and pays another shop over a communication line [0001], [0011], [0130]. Chip and reader are
 * models; wallet, line and bridge are the programs that people run (docs/wallet.md).
 */
import { join } from 'node:path';
import { fromHex } from '../../firmware/core/bytes.js';
import { PAYMENTS_MAX } from '../base/payment-query.js';
import { failure } from '../base/errors.js';
import type { DeskEvent } from '../bridge/desk/desk-steps.js';
import { makeWallet, openLineShop, usbReader, type LineShop } from '../rig/line-shop.js';
import { must } from '../rig/must.js';
import { createPresence, type Presence } from '../rig/presence.js';
import type { Shop } from '../rig/whole-shop.js';
import { startWalletCard } from '../wallet/wallet-card.js';
import type { Wallet } from '../wallet/wallet.js';
import { deliver, FUNDING, type Stage } from './stage.js';

/** Who has the wallet, and the shop that takes payments over the network. */
const OWNER = 'Carol';
const LINE_SHOP = 'Web Shop';
const WITHDRAWN = 3000;
const AT_READER = 350;
const OVER_LINE = 1250;

/** How often the shop is asked how a charge goes; it answers when something has changed, or after two seconds. */
const ASKS_MAX = 60;
const ASK_MS = 2000;
/** Until a terminal has seen that nobody is at its reader. */
const LEFT_MS = 1000;
const DRAIN_MS = 30_000;

const nowS = (): number => Date.now() / 1000;

/** Plays it: at the reader, then over the line; then both shops have what was paid. */
export async function payByWallet(stage: Stage): Promise<void> {
  const { rig, step, money } = stage;
  const [shop] = rig.shops as [Shop];
  const closers: (() => Promise<void> | void)[] = [];
  try {
    const wallet = await step(`${OWNER} makes a wallet, without a board`, () =>
      makeWallet(join(rig.dataDir, 'wallet'), rig, nowS, rig.pseudonyms),
    );
    closers.push(wallet.close);
    const { chip, port } = usbReader(rig.scheduler);
    closers.push(() => port.close());
    const faults: string[] = [];
    startWalletCard({ token: wallet.token, port, onFailure: (code) => void faults.push(code) });
    const presence = createPresence(chip.card);
    await fill(stage, shop, wallet, presence);
    await step(`${OWNER} pays ${money(AT_READER)} at ${shop.name}, by a reader on USB`, () =>
      payAtReader(stage, shop, presence),
    );
    stage.check("the wallet's reader has no fault", faults.length === 0);
    await deliver(stage);

    const line = await step(`${LINE_SHOP} opens a line, without a terminal's board`, () =>
      openLineShop({ dataDir: join(rig.dataDir, 'line'), name: LINE_SHOP, houses: rig, clock: nowS }),
    );
    closers.push(line.close);
    await step(`${OWNER} pays ${money(OVER_LINE)} at ${LINE_SHOP}, over the line`, () =>
      payOverLine(stage, line, wallet),
    );
    if (!(await line.bridge.drained(DRAIN_MS))) throw failure('SERVICE_DOWN', 'the line delivers nothing');
    await deliver(stage);
    await checkBooks(stage, wallet);
  } finally {
    for (const end of closers.reverse()) await end();
  }
}

/** An account, and cash, at a teller's desk. */
async function fill({ rig, step, money }: Stage, shop: Shop, wallet: Wallet, presence: Presence): Promise<void> {
  const { teller } = shop.bridge;
  const onEvent = ({ wait }: DeskEvent): void => {
    if (wait === 'tap' || wait === 'again') presence.hold(shop.field);
    if (wait === 'button' || wait === 'confirm') wallet.token.press();
  };
  await step(`register ${OWNER}`, async () => {
    must('register', await teller.registerUser({ name: OWNER, funding: FUNDING, onEvent }));
    presence.leave();
  });
  await step(`withdraw ${money(WITHDRAWN)} for ${OWNER}`, async () => {
    must('withdraw', await teller.withdraw({ amount: WITHDRAWN, onEvent }));
    presence.leave();
    if (rig.scheme.issue !== 'coupon') return;
    must('redeem', await teller.redeem({ onEvent }));
    presence.leave();
  });
}

async function payAtReader({ rig, check }: Stage, shop: Shop, presence: Presence): Promise<void> {
  let { charge } = must('charge', await shop.bridge.charge(AT_READER));
  const id = fromHex(charge.id)!;
  await new Promise((resolve) => setTimeout(resolve, LEFT_MS));
  presence.hold(shop.field);
  for (let asks = 0; asks < ASKS_MAX && charge.state !== 'paid'; asks++) {
    const seen = charge.changes;
    ({ charge } = must('charge', await shop.bridge.wait(id, seen, ASK_MS)));
    // One that is too early, or was torn by a busy machine, taps again.
    if (charge.changes !== seen && charge.tap && charge.code !== 'OK') presence.tapAgain(rig.scheduler);
  }
  presence.leave();
  check('paid at the reader', charge.state === 'paid');
}

async function payOverLine({ rig, check }: Stage, { bridge, service }: LineShop, wallet: Wallet): Promise<void> {
  let { charge } = must('charge', await bridge.charge(OVER_LINE));
  const id = fromHex(charge.id)!;
  const asked = must('charge', await wallet.look(service.url, id));
  check('the line says shop and amount', asked.shop === LINE_SHOP && asked.amount === OVER_LINE);
  const confirmed = { shop: LINE_SHOP, currency: rig.currency, amount: OVER_LINE };
  must('pay', await wallet.pay(service.url, id, confirmed, true));
  const again = must('pay again', await wallet.pay(service.url, id, confirmed, true));
  check('paid again is the same payment', again.repeated);
  for (let asks = 0; asks < ASKS_MAX && charge.state !== 'paid'; asks++)
    ({ charge } = must('charge', await bridge.wait(id, charge.changes, ASK_MS)));
  check('paid over the line', charge.state === 'paid');
}

/** Balance, ABC and EBC of the wallet's owner, and what the shops have. */
async function checkBooks({ rig, check }: Stage, wallet: Wallet): Promise<void> {
  const left = WITHDRAWN - AT_READER - OVER_LINE;
  const { balance, unacknowledged } = wallet.status();
  check('the wallet has what it has not spent', balance === left && unacknowledged === 0);
  const held = async (name: string) => must('ABC', await rig.accounts.balanceOf(name)).balance;
  check("the owner's account paid for the cash", (await held(OWNER)) === FUNDING - WITHDRAWN);
  check(
    'both shops are credited',
    (await held(LINE_SHOP)) === OVER_LINE && (await held(rig.shops[0]!.name)) === AT_READER,
  );
  const { payments } = must('payments', await rig.accounts.payments({ limit: PAYMENTS_MAX }));
  check('every payment arrived once', payments.length === 2);
  const { ebc } = must('EBC', await rig.office.counterOf(payments[0]!.pku));
  check('Balance and EBC are the same', ebc === left);
}
