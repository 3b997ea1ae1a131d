/**
 * What people do at the counter: register, withdraw, pay, look. Each answers the desk's and the terminal's wishes as a
 * person would: holds the token to the reader, presses its button when asked, taps again.
 */
import { equal, toHex } from '../../firmware/core/bytes.js';
import type { TokenStatus } from '../../firmware/wire/token-commands.js';
import type { OpenTerms, TapReport } from '../../firmware/wire/link/link-messages.js';
import { createRealScheduler } from '../base/scheduler.js';
import type { Board } from '../emulator/board.js';
import type { ClaimLine, Debit } from '../bridge/desk/desk-statement.js';
import type { DeskEvent } from '../bridge/desk/desk-steps.js';
import type { Shop, Token, WholeShop } from './whole-shop.js';
import { must } from './must.js';

/** How long a button is pressed. */
const PRESS_MS = 120;
/** How long a charge may take, button and all. */
const CHARGE_MS = 60_000;
/** Between an event and what a person does about it. */
const REACTION_MS = 150;
/** Until a terminal has seen that the token which was there last has left. */
const LEFT_MS = 700;

/** Presses the token's own button. */
export function pressButton(rig: WholeShop, board: Board): void {
  board.press(rig.maker.config.buttons.user.pin, PRESS_MS);
}

const pause = (ms: number) => new Promise<void>((resolve) => void createRealScheduler().setTimer(resolve, ms));

/** Enters an amount on a board's keypad, in minor units, key by key, and says that it is right by its button. */
async function enter(rig: WholeShop, board: Board, amount: number): Promise<void> {
  const { rows, columns, keys } = rig.maker.config.keypad!;
  await pause(PRESS_MS + REACTION_MS);
  for (const digit of amount > 0 ? String(amount) : '') {
    const row = keys.findIndex((line) => line.includes(digit));
    board.pressKey(rows[row]!, columns[keys[row]!.indexOf(digit)]!, PRESS_MS);
    await pause(PRESS_MS + REACTION_MS);
  }
  pressButton(rig, board);
}

/** Does what a token asks its owner for. @param amount to be entered; null: its button alone */
async function answer(rig: WholeShop, board: Board, amount: number | null): Promise<void> {
  if (amount !== null) await enter(rig, board, amount);
  else {
    await pause(REACTION_MS);
    pressButton(rig, board);
  }
  await pause(PRESS_MS + REACTION_MS);
}

/** Does what the desk asks for. @param amount what is entered on the token, where the desk asks for that */
function atDesk(rig: WholeShop, shop: Shop, token: Token, amount = 0) {
  return {
    onEvent: ({ wait }: DeskEvent) => {
      if (wait === 'tap' || wait === 'again') token.presence.hold(shop.field);
      if (wait === 'button' || wait === 'confirm') pressButton(rig, token.device.board);
      if (wait === 'enter') enter(rig, token.device.board, amount).catch(() => undefined);
    },
  };
}

/** Registration [0013]-[0016], with an account and money in it. */
export async function register(rig: WholeShop, shop: Shop, token: Token, funding: number): Promise<void> {
  const done = must(
    `register ${token.name}`,
    await shop.bridge.teller.registerUser({ name: token.name, funding, ...atDesk(rig, shop, token) }),
  );
  token.presence.leave();
  if (done.pku) token.pkus.push(done.pku);
}

/** Withdrawal [0017]-[0021]. */
export async function withdraw(rig: WholeShop, shop: Shop, token: Token, amount: number): Promise<void> {
  must(`withdraw for ${token.name}`, await shop.bridge.teller.withdraw({ amount, ...atDesk(rig, shop, token) }));
  token.presence.leave();
}

/** Withdrawal of what its owner enters on the token [0017], [0067]. @returns x as the desk had it from the token */
export async function withdrawEntered(rig: WholeShop, shop: Shop, token: Token, amount: number): Promise<number> {
  const done = must(`withdraw for ${token.name}`, await shop.bridge.teller.withdraw(atDesk(rig, shop, token, amount)));
  token.presence.leave();
  return done.amount;
}

/** Coupons for cash [0042]-[0044], where the scheme has them. */
export async function redeem(rig: WholeShop, shop: Shop, token: Token): Promise<void> {
  must(`redeem for ${token.name}`, await shop.bridge.teller.redeem(atDesk(rig, shop, token)));
  token.presence.leave();
}

/** From the token back to the account. */
export async function unload(rig: WholeShop, shop: Shop, token: Token, amount: number): Promise<void> {
  must(
    `unload for ${token.name}`,
    await shop.bridge.teller.unload({ name: token.name, amount, ...atDesk(rig, shop, token) }),
  );
  token.presence.leave();
}

/** A license for longer. */
export async function renew(rig: WholeShop, shop: Shop, token: Token): Promise<void> {
  must(
    `renew for ${token.name}`,
    await shop.bridge.teller.renewUser({ name: token.name, ...atDesk(rig, shop, token) }),
  );
  token.presence.leave();
}

/** What the token has paid, as its owner can prove it. */
export async function statement(rig: WholeShop, shop: Shop, token: Token): Promise<Debit[]> {
  const { debits } = must(`statement of ${token.name}`, await shop.bridge.teller.statement(atDesk(rig, shop, token)));
  token.presence.leave();
  return debits;
}

/** Claims back what the token paid and no shop was paid. */
export async function claim(rig: WholeShop, shop: Shop, token: Token): Promise<ClaimLine[]> {
  const { claims } = must(`claims of ${token.name}`, await shop.bridge.teller.reconcile(atDesk(rig, shop, token)));
  token.presence.leave();
  return claims;
}

/** Receipts that the token missed. */
export async function collect(rig: WholeShop, shop: Shop, token: Token): Promise<void> {
  must(`collect for ${token.name}`, await shop.bridge.teller.collect(atDesk(rig, shop, token)));
  token.presence.leave();
}

/** What the token says of itself at the desk. */
export async function lookInto(rig: WholeShop, shop: Shop, token: Token): Promise<TokenStatus> {
  const { status } = must(`status of ${token.name}`, await shop.bridge.teller.tokenStatus(atDesk(rig, shop, token)));
  token.presence.leave();
  return status;
}

/** The last report of a tap in a shop, as it comes. */
export type TapListener = (listener: ((report: TapReport) => void) | null) => void;

/** A payment as clerk and radio saw it. */
export interface TapResult {
  token: string;
  shop: string;
  /** Minor units. */
  amount: number;
  /** paid, or the code of the refusal. */
  result: string;
  /** Taps that it took: 2 where the token asked for its button, or the field went. */
  taps: number;
  /** Milliseconds from the moment when the terminal found the token; of the last tap. */
  phases: { select: number; license: number; challenge: number; verify: number; flash: number; paid: number };
  /** Bytes on the air, both ways, checksums included; all taps of this payment. */
  airBytes: { toToken: number; toTerminal: number };
  /** Flash writes and erasures at the terminal, last tap. */
  flashWrites: number;
}

/** What the payer says of an open charge: its limits, and what is entered on the token: y, or the tip. */
export interface Said {
  open: OpenTerms;
  entered: number;
}

const openCharge = (shop: Shop, asked: number | Said) =>
  typeof asked === 'number' ? shop.bridge.charge(asked) : shop.bridge.charge(0, undefined, asked.open);

/**
 * A payment [0022]-[0027]: the clerk charges, the owner taps, presses where asked, taps again; until it is paid or
 * final.
 * @param listen sets who hears of this shop's taps
 */
export async function pay(
  rig: WholeShop,
  shop: Shop,
  token: Token,
  asked: number | Said,
  listen: TapListener,
): Promise<TapResult> {
  const before = shop.field.counts();
  const { board } = token.device;
  let taps = 0;
  let last: TapReport | null = null;
  listen((report) => {
    last = report;
    taps++;
  });
  try {
    let { charge } = must('charge', await openCharge(shop, asked));
    const id = Buffer.from(charge.id, 'hex');
    const endMs = performance.now() + CHARGE_MS;
    await pause(LEFT_MS);
    token.presence.hold(shop.field);
    while (
      (charge.state === 'open' || charge.state === 'accepted' || charge.state === 'sending') &&
      performance.now() < endMs
    ) {
      const seen = charge.changes;
      ({ charge } = must('charge', await shop.bridge.wait(id, seen, 1000)));
      if (charge.state !== 'open' || charge.changes === seen || charge.code === null || charge.code === 'OK') continue;
      if (charge.code === 'CONFIRM_NEEDED' || (charge.code === 'AMOUNT_NEEDED' && typeof asked !== 'number')) {
        // The display asks; the owner takes the token away, reads, enters or presses, taps again.
        token.presence.leave();
        await answer(rig, board, charge.code === 'CONFIRM_NEEDED' ? null : (asked as Said).entered);
        token.presence.hold(shop.field);
      } else if (charge.code === 'TOKEN_STAYED') token.presence.tapAgain(createRealScheduler());
      else if (charge.code !== 'TAP_TORN') break;
    }
    await pause(REACTION_MS);
    token.presence.leave();
    if (charge.state === 'open') must('cancel', await shop.bridge.cancel(id));
    return tapResult(
      shop,
      token,
      charge.amount,
      charge.state === 'open' ? String(charge.code) : charge.state,
      Math.max(taps, 1),
      last,
      before,
    );
  } finally {
    token.presence.leave();
    listen(null);
  }
}

function tapResult(
  shop: Shop,
  token: Token,
  amount: number,
  result: string,
  taps: number,
  report: TapReport | null,
  before: { toCard: number; toReader: number },
): TapResult {
  const after = shop.field.counts();
  return {
    token: token.name,
    shop: shop.name,
    amount,
    result,
    taps,
    phases: {
      select: report?.selectMs ?? 0,
      license: report?.licenseMs ?? 0,
      challenge: report?.challengeMs ?? 0,
      verify: report?.verifyMs ?? 0,
      flash: report?.flashMs ?? 0,
      paid: report?.paidMs ?? 0,
    },
    airBytes: { toToken: after.toCard - before.toCard, toTerminal: after.toReader - before.toReader },
    flashWrites: report?.flashWrites ?? 0,
  };
}

/** For listing: whose pseudonym this is. */
export function ownerOf(tokens: Token[], pku: Uint8Array): string {
  return tokens.find((token) => token.pkus.some((own) => equal(own, pku)))?.name ?? toHex(pku).slice(0, 8);
}
