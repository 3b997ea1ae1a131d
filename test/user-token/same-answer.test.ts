/**
 * What a house sent is answered the same each time it comes: its answer was lost, and in between its own success closed
 * the desk, the minute was over, the power was cut anywhere, other receipts came, or the keys changed. No button. So is
 * what a desk asks the token to sign, as long as nothing has come of it.
 */
import { concat } from '../../firmware/core/bytes.js';
import {
  amountRequest,
  couponStart,
  partRequest,
  replyData,
  REQUEST_START_BYTES,
  requestPart,
} from '../../firmware/wire/token-commands.js';
import { inverseOf } from '../../host-bridge/bridge/desk/desk-requests.js';
import { RECEIPT_KINDS } from '../../firmware/wire/withdrawal.js';
import type { CutPlace } from '../../host-bridge/emulator/flash.js';
import type { PurseConfig } from '../../firmware/user-token/purse.js';
import { agreeTo, boot, COMMAND_ID, keyOf, must, nameBytes, newFlash, type TestPurse } from './purse-rig.js';
import {
  askCoupon,
  configOf,
  couponList,
  finish,
  grantFor,
  Houses,
  makeHouseKeys,
  readWhole,
  realTools,
  register,
  registered,
  withdraw,
  type Dealing,
  type HouseKeys,
} from './other-side-of-desk.js';

const X = 100;
const LATER_MS = 10_000_000;
const PLACES: CutPlace[] = ['before', 'during', 'scattered', 'after'];
let keys: HouseKeys;
beforeAll(async () => {
  keys = await makeHouseKeys([X]);
});

type Answer = { ok: true; data: Uint8Array } | { ok: false; code: string };
interface Command {
  name: string;
  /** Whether a desk that is closed is right to refuse it, as long as nothing was taken. */
  needsDesk?: boolean;
  send(token: TestPurse, nowMs: number): Answer;
}
const amountBytes = (amount: number, commandId = COMMAND_ID) => amountRequest.encode({ commandId, amount });
const startBytes = (amount: number, modulus: Uint8Array) =>
  couponStart.encode({ commandId: COMMAND_ID, amount, modulus });
const shown = (answer: Answer) => (answer.ok ? Buffer.from(answer.data).toString('hex') : answer.code);

/** The boxes to the request that waits, as commands. */
async function replies({ token, houses }: Dealing, first: Answer): Promise<Command[]> {
  const { kind, bytes } = readWhole(token, first);
  return (await houses.answer(kind, bytes)).map((body, index) => ({
    name: `reply ${kind}, box ${index}`,
    send: (at, nowMs) => at.desk.reply(replyData.encode({ index, body }), nowMs),
  }));
}

const receiptOf = ({ houses }: Dealing, amount: number): Command => {
  const bytes = houses.give(amount, RECEIPT_KINDS.refund);
  return { name: `receipt ${houses.receipts.length}`, send: (at) => at.desk.receipt(bytes) };
};

function fresh(scheme: number, pseudonyms: number): Dealing {
  const config = configOf(scheme, pseudonyms);
  const tools = realTools(keys);
  const dealing = { token: boot(newFlash(), config, tools), houses: new Houses(keys, config), tools };
  dealing.houses.pku = dealing.token.keys.publicKey(1);
  return dealing;
}

/** Each flow with the token before it, and what the houses send, in its order. */
const flows: [string, () => Promise<{ dealing: Dealing; commands: Command[] }>][] = [
  [
    'license and receipts in the open, scheme 1',
    async () => {
      const dealing = fresh(1, 1);
      must(dealing.token.desk.register(nameBytes('Ada'), 0));
      const { license, multiples } = grantFor(dealing.token.keys.publicKey(1));
      const bytes = concat([license, multiples]);
      return {
        dealing,
        commands: [
          { name: 'license', send: (at, nowMs) => at.desk.license(bytes, nowMs) },
          receiptOf(dealing, 5),
          receiptOf(dealing, 7),
        ],
      };
    },
  ],
  ...[3, 4].map((scheme): (typeof flows)[number] => [
    `a sealed registration, scheme ${scheme}`,
    async () => {
      const dealing = fresh(scheme, scheme === 4 ? 3 : 1);
      return { dealing, commands: await replies(dealing, register(dealing.token)) };
    },
  ]),
  ...[3, 4].map((scheme): (typeof flows)[number] => [
    `a withdrawal, scheme ${scheme}`,
    async () => {
      const dealing = await registered(keys, scheme);
      return { dealing, commands: await replies(dealing, withdraw(dealing.token, X)) };
    },
  ]),
  [
    'a coupon, scheme 2',
    async () => {
      const dealing = await registered(keys, 2);
      return { dealing, commands: await replies(dealing, askCoupon(dealing, X)) };
    },
  ],
  [
    'a redemption and another list of keys, scheme 2',
    async () => {
      const dealing = await registered(keys, 2);
      for (const command of await replies(dealing, askCoupon(dealing, X))) must(command.send(dealing.token, 0));
      const list = couponList(keys, { version: 2 });
      return {
        dealing,
        commands: [
          ...(await replies(dealing, dealing.token.desk.redeem(0) as Answer)),
          { name: 'coupon keys', needsDesk: true, send: (at, nowMs) => at.desk.couponKeys(list, nowMs) },
        ],
      };
    },
  ],
];

test.each(flows)('%s', async (_name, prepare) => {
  const { dealing, commands } = await prepare();
  const { flash } = dealing.token;
  const { config } = dealing.houses;
  const start = (change: Partial<PurseConfig> = {}) => boot(flash, { ...config, ...change }, dealing.tools);
  let again = 0;
  for (const command of commands) {
    const before = flash.image();
    // In one life, as the desk sees it without any fault. A press for what needs one.
    const token = start();
    if (command.needsDesk) token.purse.press(0);
    const from = flash.counters.writes + flash.counters.erases;
    const right = shown(command.send(token, 0));
    const operations = flash.counters.writes + flash.counters.erases - from;
    expect([command.name, right]).toEqual([command.name, expect.stringMatching(/^([0-9a-f]{2})*$/)]);
    const balance = token.purse.state.journal.balance();
    // At once, when the minute is over, and after a reset.
    expect([shown(command.send(token, 1)), shown(command.send(token, LATER_MS))]).toEqual([right, right]);
    expect(shown(command.send(start(), LATER_MS))).toBe(right);
    expect(start().purse.state.journal.balance()).toBe(balance);
    const after = flash.image();
    // The power is cut at each flash operation, and comes back without a press.
    for (let operation = 0; operation < operations; operation++) {
      for (const place of PLACES) {
        flash.restore(before);
        const cut = start();
        if (command.needsDesk) cut.purse.press(0);
        flash.cutAfter(operation, place);
        command.send(cut, 0);
        flash.powerOn();
        const later = start();
        let answer = shown(command.send(later, LATER_MS));
        if (answer === 'DESK_CLOSED' && command.needsDesk) {
          later.purse.press(LATER_MS);
          answer = shown(command.send(later, LATER_MS));
        }
        expect([command.name, operation, place, answer]).toEqual([command.name, operation, place, right]);
        expect(shown(command.send(start(), LATER_MS))).toBe(right);
        expect(start().purse.state.journal.balance()).toBe(balance);
        again++;
      }
    }
    flash.restore(after);
  }
  expect(again).toBeGreaterThan(3);
});

test.each([3, 4])('scheme %i: a reply again after another receipt names the number that it named before', async (n) => {
  const dealing = await registered(keys, n);
  const [reply] = await replies(dealing, withdraw(dealing.token, X));
  const right = shown(reply!.send(dealing.token, 0));
  const receipt = receiptOf(dealing, 5);
  const taken = shown(receipt.send(dealing.token, 0));
  expect(shown(reply!.send(dealing.token, LATER_MS))).toBe(right);
  must(receiptOf(dealing, 6).send(dealing.token, 0) as { ok: boolean });
  expect([shown(reply!.send(dealing.token, 0)), shown(receipt.send(dealing.token, 0))]).toEqual([right, taken]);
});

test('a license again after the token was given other keys of its houses', async () => {
  const dealing = await flows[0]![1]();
  const { token, houses, tools } = dealing.dealing;
  const [license] = dealing.commands;
  const right = shown(license!.send(token, 0));
  const other = { ...houses.config, registrarKey: keyOf(0x55).publicKey, registrarBefore: null };
  const later = boot(token.flash, other, tools);
  later.purse.press(0);
  expect([shown(license!.send(later, 0)), shown(license!.send(later, LATER_MS))]).toEqual([right, right]);
});

/** A token whose owner has agreed to a withdrawal. */
async function agreedTo(scheme: number, nowMs = 0): Promise<Dealing> {
  const dealing = await registered(keys, scheme);
  agreeTo(dealing.token, X, nowMs);
  return dealing;
}

/** What the desk asks for, in the same bytes; each with the token before it. */
const asked: [string, () => Promise<{ dealing: Dealing; command: Command }>][] = [
  [
    'REGISTER, whose license came',
    async () => {
      const dealing = fresh(1, 1);
      const command = {
        name: 'REGISTER',
        send: (at: TestPurse, nowMs: number) => at.desk.register(nameBytes('Ada'), nowMs),
      };
      must(command.send(dealing.token, 0));
      const { license, multiples } = grantFor(dealing.token.keys.publicKey(1));
      must(dealing.token.desk.license(concat([license, multiples]), 0));
      return { dealing, command };
    },
  ],
  [
    'REGISTER, to be renewed',
    async () => ({
      dealing: await registered(keys, 3),
      command: { name: 'REGISTER', send: (at, nowMs) => at.desk.register(nameBytes('Ada'), nowMs) },
    }),
  ],
  ...[1, 3, 4].map((scheme): (typeof asked)[number] => [
    `WITHDRAW, scheme ${scheme}`,
    async () => ({
      dealing: await agreedTo(scheme),
      command: { name: 'WITHDRAW', send: (at, nowMs) => at.desk.withdraw(amountBytes(X), nowMs) },
    }),
  ]),
  ...[1, 2, 3, 4].map((scheme): (typeof asked)[number] => [
    `WITHDRAW of what the owner entered, scheme ${scheme}`,
    async () => ({
      dealing: await agreedTo(scheme),
      command: { name: 'WITHDRAW', send: (at, nowMs) => at.desk.withdraw(amountBytes(0), nowMs) },
    }),
  ]),
  [
    'COUPON BLIND, scheme 2',
    async () => {
      const dealing = await agreedTo(2);
      const { modulus } = keys.coupons.get(X)!;
      const masked = must(dealing.token.desk.couponStart(startBytes(X, modulus), 0) as Answer);
      const inverse = inverseOf(masked.data, modulus)!;
      return { dealing, command: { name: 'BLIND', send: (at, nowMs) => at.desk.couponBlind(inverse, nowMs) } };
    },
  ],
  [
    'REDEEM, scheme 2',
    async () => ({
      dealing: await withCoupons(1),
      command: { name: 'REDEEM', send: (at, nowMs) => at.desk.redeem(nowMs) as Answer },
    }),
  ],
  [
    'the question for a missed receipt, scheme 2',
    async () => ({
      dealing: await registered(keys, 2),
      command: { name: 'MISSED', send: (at, nowMs) => at.desk.missed(nowMs) as Answer },
    }),
  ],
  [
    'PART of a registration, scheme 4',
    async () => {
      const dealing = fresh(4, 8);
      await finish(dealing, register(dealing.token));
      dealing.token.purse.press(0);
      const part = partRequest.encode({ start: startOf(register(dealing.token)), offset: 512 });
      return { dealing, command: { name: 'PART', send: (at, nowMs) => at.desk.part(part, nowMs) as Answer } };
    },
  ],
];

/** A token of scheme 2 with coupons, its desk open. */
async function withCoupons(count: number): Promise<Dealing> {
  const dealing = await registered(keys, 2);
  for (let i = 0; i < count; i++) expect(await finish(dealing, askCoupon(dealing, X))).toBe('OK');
  return dealing;
}

/** What PART names a request by. @param first the answer that gave its first part */
const startOf = (first: Answer) => requestPart.decode(must(first).data)!.part.slice(0, REQUEST_START_BYTES);

test.each(asked)(
  '%s: the same again after the minute and after a reset, in other bytes the button',
  async (_name, prepare) => {
    const { dealing, command } = await prepare();
    const { token, houses, tools } = dealing;
    const right = shown(command.send(token, 0));
    expect(right).toMatch(/^([0-9a-f]{2})+$/);
    const balance = token.purse.state.journal.balance();
    expect([shown(command.send(token, 1)), shown(command.send(token, LATER_MS))]).toEqual([right, right]);
    const later = boot(token.flash, houses.config, tools);
    expect([shown(command.send(later, LATER_MS)), later.purse.state.journal.balance()]).toEqual([right, balance]);
    // A stranger knows name and amount, and not the id.
    const stranger: Uint8Array = new Uint8Array(COMMAND_ID).fill(8);
    expect(shown(later.desk.withdraw(amountBytes(X, stranger), LATER_MS))).toBe('DESK_CLOSED');
    expect(shown(later.desk.register(nameBytes('Ada', stranger), LATER_MS))).toBe('DESK_CLOSED');
    expect(shown(later.desk.redeem(LATER_MS, stranger))).toBe('DESK_CLOSED');
    expect(shown(later.desk.missed(LATER_MS, stranger))).toBe('DESK_CLOSED');
    const guess = partRequest.encode({ start: stranger, offset: 0 });
    expect(shown(later.desk.part(guess, LATER_MS))).toBe('DESK_CLOSED');
    expect(shown(later.desk.couponBlind(new Uint8Array(256), LATER_MS))).toBe('DESK_CLOSED');
  },
);

test('COUPON START gives the same again while it is begun, and begins anew after a reset', async () => {
  const { token, houses, tools } = await agreedTo(2, LATER_MS);
  const { modulus } = keys.coupons.get(X)!;
  const start = (at: TestPurse) => shown(at.desk.couponStart(startBytes(X, modulus), LATER_MS) as Answer);
  token.purse.press(LATER_MS);
  const right = shown(token.desk.couponStart(startBytes(X, modulus), LATER_MS) as Answer);
  const closed = LATER_MS * 2;
  expect(shown(token.desk.couponStart(startBytes(X, modulus), closed) as Answer)).toBe(right);
  const later = boot(token.flash, houses.config, tools);
  expect(start(later)).toMatch(/^([0-9a-f]{2}){256}$/);
});

test.each([3, 4])('scheme %i: once its reply was taken, the same WITHDRAW begins nothing', async (scheme) => {
  const dealing = await registered(keys, scheme);
  const again = () => shown(dealing.token.desk.withdraw(amountBytes(X), LATER_MS) as Answer);
  const [reply] = await replies(dealing, withdraw(dealing.token, X));
  expect(again()).toMatch(/^([0-9a-f]{2})+$/);
  must(reply!.send(dealing.token, LATER_MS));
  expect(again()).toBe('DESK_CLOSED');
});

test('REDEEM: once its reply was taken, the same begins nothing, though another coupon is left', async () => {
  const dealing = await withCoupons(2);
  const again = () => shown(dealing.token.desk.redeem(LATER_MS) as Answer);
  const [reply] = await replies(dealing, dealing.token.desk.redeem(0) as Answer);
  expect(again()).toMatch(/^([0-9a-f]{2})+$/);
  must(reply!.send(dealing.token, LATER_MS));
  expect(again()).toBe('DESK_CLOSED');
  expect(dealing.token.purse.state.journal.balance()).toBe(X);
});

test('REDEEM: that no coupon is left is said again after the minute', async () => {
  const { token } = await registered(keys, 2);
  const answers = [token.desk.redeem(0), token.desk.redeem(LATER_MS), token.desk.redeem(LATER_MS, new Uint8Array(8))];
  expect(answers.map((answer) => shown(answer as Answer))).toEqual(['NO_CHARGE', 'NO_CHARGE', 'DESK_CLOSED']);
});

test('PART: the same after a receipt, and nothing of a request that has its reply', async () => {
  const dealing = await registered(keys, 3);
  const { token } = dealing;
  const first = withdraw(token, X);
  const part = partRequest.encode({ start: startOf(first), offset: 10 });
  const right = shown(token.desk.part(part, 0) as Answer);
  must(receiptOf(dealing, 5).send(token, 0) as { ok: boolean });
  expect(shown(token.desk.part(part, LATER_MS) as Answer)).toBe(right);
  for (const reply of await replies(dealing, first)) must(reply.send(token, LATER_MS) as { ok: boolean });
  expect(shown(token.desk.part(part, LATER_MS) as Answer)).toBe('DESK_CLOSED');
  token.purse.press(LATER_MS);
  agreeTo(token, X, LATER_MS);
  must(token.desk.withdraw(amountBytes(X, new Uint8Array(8)), LATER_MS) as { ok: boolean });
  expect(shown(token.desk.part(part, LATER_MS) as Answer)).toBe('BAD_REQUEST');
});

test('in the open, once its receipt was taken, the same WITHDRAW asks for no other', async () => {
  const dealing = await registered(keys, 1);
  dealing.houses.pku = dealing.token.keys.publicKey(1);
  const again = () => shown(dealing.token.desk.withdraw(amountBytes(X), LATER_MS) as Answer);
  must(withdraw(dealing.token, X) as Answer);
  expect(again()).toMatch(/^([0-9a-f]{2})+$/);
  must(receiptOf(dealing, X).send(dealing.token, 0) as { ok: boolean });
  expect(again()).toBe('DESK_CLOSED');
});

test('with the desk closed, a stranger learns nothing from a reply', async () => {
  const dealing = await registered(keys, 3);
  must(withdraw(dealing.token, X) as { ok: boolean });
  const waiting = dealing.token.desk.reply(replyData.encode({ index: 0, body: new Uint8Array(60) }), LATER_MS);
  const idle = (await registered(keys, 3)).token;
  const nothing = idle.desk.reply(replyData.encode({ index: 0, body: new Uint8Array(60) }), LATER_MS);
  expect([shown(waiting as Answer), shown(nothing as Answer)]).toEqual(['DESK_CLOSED', 'DESK_CLOSED']);
  expect(shown(dealing.token.desk.reply(new Uint8Array(0), LATER_MS) as Answer)).toBe('DESK_CLOSED');
});
