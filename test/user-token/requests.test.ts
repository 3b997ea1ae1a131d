/**
 * The token's requests in schemes 2 to 6: a row for each command and result code, what waits and what may replace it,
 * hostile replies, and what the bank can see.
 */
import { codeNumber } from '../../firmware/core/codes.js';
import { concat, toHex } from '../../firmware/core/bytes.js';
import { RECORD } from '../../firmware/user-token/token-records.js';
import { COUPONS_MAX, couponRecord, DESK_RECORD, requestHead } from '../../firmware/user-token/desk/desk-records.js';
import * as wire from '../../firmware/wire/request.js';
import {
  amountRequest,
  couponStart,
  identity,
  partRequest,
  PART_BYTES,
  replyAnswer,
  replyData,
  REQUEST_START_BYTES,
  requestPart,
} from '../../firmware/wire/token-commands.js';
import { RECEIPT_KINDS } from '../../firmware/wire/withdrawal.js';
import { sealBox } from '../../host-bridge/base/crypto/sealed-box.js';
import { createCouponSigner } from '../../host-bridge/base/crypto/coupon-signer.js';
import { inverseOf } from '../../host-bridge/bridge/desk/desk-requests.js';
import {
  COMMAND_ID,
  agreeTo,
  boot,
  codeOfAnswer,
  keyOf,
  licenseBytes,
  must,
  nameBytes,
  newFlash,
  pseudonymKey,
  registrar,
  type TestPurse,
} from './purse-rig.js';
import {
  agreed,
  askCoupon,
  configOf,
  couponList,
  finish,
  grantFor,
  makeHouseKeys,
  readWhole,
  realTools,
  reboot,
  register,
  registered,
  withdraw,
  type Dealing,
  type HouseKeys,
} from './other-side-of-desk.js';

const { REQUEST, TO_TOKEN } = wire;
const NONE = new Uint8Array(0);
const X = 100;
const NO_START = new Uint8Array(REQUEST_START_BYTES);
let keys: HouseKeys;
beforeAll(async () => {
  keys = await makeHouseKeys([X, 20]);
});

type Answer = { ok: true; data: Uint8Array } | { ok: false; code: string };
const flip = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at % bytes.length ? byte ^ 1 : byte));
const reply = (token: TestPurse, index: number, body: Uint8Array): Answer =>
  token.desk.reply(replyData.encode({ index, body }), 0);
const boxesFor = async (d: Dealing, first: Answer): Promise<Uint8Array[]> => {
  const { kind, bytes } = readWhole(d.token, first);
  return d.houses.answer(kind, bytes);
};
const modulusOf = (amount: number) => keys.coupons.get(amount)!.modulus;
const startOnce = (t: TestPurse, amount = X, modulus = modulusOf(amount)): Answer =>
  t.desk.couponStart(couponStart.encode({ commandId: COMMAND_ID, amount, modulus }), 0);
/** COUPON START, to which the owner agrees. */
const start = (t: TestPurse, amount = X, modulus = modulusOf(amount)): Answer =>
  agreed(t, () => startOnce(t, amount, modulus));

/**
 * [scheme, what, code, how, before]: on a token that is registered, with its desk open. What is refused writes nothing.
 */
type Row = [
  scheme: number,
  what: string,
  code: string,
  how: (d: Dealing) => Answer | Promise<Answer>,
  before?: (d: Dealing) => unknown,
];
/** PART. @param start that of the request that waits, unless given */
function part(token: TestPurse, offset: number, start?: Uint8Array): Answer {
  const ofWaiting = () => requestPart.decode(must(token.desk.redeem(0)).data)!.part.slice(0, REQUEST_START_BYTES);
  return token.desk.part(partRequest.encode({ start: start ?? ofWaiting(), offset }), 0);
}
// REDEEM after each, as the rows ask for what waits: the token notes which command came last.
const askX = (token: TestPurse, amount = X) =>
  token.desk.withdraw(amountRequest.encode({ commandId: COMMAND_ID, amount }), 0);
const withdrawn = ({ token }: Dealing) => (must(withdraw(token, X)), must(token.desk.redeem(0)));
const couponAsked = (d: Dealing) => (must(askCoupon(d, X)), must(d.token.desk.redeem(0)));
const begun = ({ token }: Dealing) => must(start(token));
/** The first box for what waits. */
const boxOf = async (d: Dealing): Promise<Uint8Array> => (await boxesFor(d, d.token.desk.redeem(0)))[0]!;
const rows: Row[] = [
  [3, 'register again', 'OK', ({ token }) => register(token)],
  [3, 'register under another name', 'WRONG_NAME', ({ token }) => token.desk.register(nameBytes('Eve'), 0)],
  [3, 'register: no name', 'BAD_REQUEST', ({ token }) => token.desk.register(NONE, 0)],
  [3, 'register: no signature to be had', 'DEVICE_FAULT', ({ token }) => ((token.keys.fail = true), register(token))],
  [
    3,
    'license in a sealed scheme: desk closed, whatever the token has',
    'DESK_CLOSED',
    ({ token }) => token.desk.license(token.log.get(RECORD.license, 0)!, 60_001),
  ],
  [3, 'register: desk closed', 'DESK_CLOSED', ({ token }) => token.desk.register(nameBytes('Ada'), 60_001)],
  [
    3,
    'a license in the open',
    'BAD_REQUEST',
    ({ token }) => {
      const grant = grantFor(token.keys.publicKey(1));
      return token.desk.license(concat([grant.license, grant.multiples]), 0);
    },
  ],
  [3, 'withdraw', 'OK', ({ token }) => withdraw(token, X)],
  [3, 'withdraw 0', 'NO_CHARGE', ({ token }) => withdraw(token, 0)],
  [3, 'withdraw: not an amount', 'BAD_REQUEST', ({ token }) => token.desk.withdraw(NONE, 0)],
  [
    3,
    'withdraw: too much to take',
    'REFUSED',
    ({ token }) => withdraw(token, 2 ** 53 - 1),
    (d) => must(d.token.desk.receipt(d.houses.give(10, RECEIPT_KINDS.refund))),
  ],
  [
    3,
    'withdraw: desk closed',
    'DESK_CLOSED',
    ({ token }) => token.desk.withdraw(amountRequest.encode({ commandId: COMMAND_ID, amount: 1 }), 60_001),
  ],
  [
    3,
    'withdraw: no signature to be had',
    'DEVICE_FAULT',
    ({ token }) => ((token.keys.fail = true), withdraw(token, X)),
  ],
  [4, 'keyed withdraw', 'OK', ({ token }) => withdraw(token, X)],
  [
    4,
    'keyed withdraw: no K',
    'NOT_LICENSED',
    ({ token }) => withdraw(token, X),
    ({ token }) => token.log.put(DESK_RECORD.sharedKey, 0, NONE),
  ],
  [2, 'withdraw in a scheme of coupons', 'OK', ({ token }) => withdraw(token, X)],
  [1, 'withdraw 0, and nothing was entered', 'NO_CHARGE', ({ token }) => withdraw(token, 0)],
  ...[1, 2, 3, 4].map((scheme): Row => [scheme, 'withdraw, no press', 'CONFIRM_NEEDED', ({ token }) => askX(token)]),
  ...[1, 2, 3, 4].map((scheme): Row => [
    scheme,
    'withdraw 0 for what was entered',
    'OK',
    ({ token }) => (agreeTo(token, X), askX(token, 0)),
  ]),
  ...[1, 2, 3, 4].map((scheme): Row => [
    scheme,
    'withdraw more than was agreed to',
    'CONFIRM_NEEDED',
    ({ token }) => (agreeTo(token, X), askX(token, X + 1)),
  ]),
  [2, 'coupon start, no press', 'CONFIRM_NEEDED', ({ token }) => startOnce(token)],
  [3, 'part: nothing waits', 'NO_CHARGE', ({ token }) => part(token, 0, NO_START)],
  [3, 'part: beyond the end', 'BAD_REQUEST', ({ token }) => part(token, 10_000), withdrawn],
  [3, 'part: of another request', 'BAD_REQUEST', ({ token }) => part(token, 0, NO_START), withdrawn],
  [3, 'part', 'OK', ({ token }) => part(token, 0), withdrawn],
  [3, 'part: not an offset', 'BAD_REQUEST', ({ token }) => token.desk.part(NONE, 0), withdrawn],
  [3, 'reply: nothing waits', 'NO_CHARGE', ({ token }) => reply(token, 0, new Uint8Array(100))],
  [3, 'reply: empty', 'BAD_REQUEST', ({ token }) => token.desk.reply(NONE, 0)],
  [1, 'reply in the open', 'NO_CHARGE', ({ token }) => reply(token, 0, new Uint8Array(100))],
  [3, 'reply: no box', 'REPLY_INVALID', ({ token }) => reply(token, 0, new Uint8Array(16)), withdrawn],
  [3, 'reply: a flipped bit', 'REPLY_INVALID', async (d) => reply(d.token, 0, flip(await boxOf(d), 40)), withdrawn],
  [3, 'reply: another index', 'REPLY_INVALID', async (d) => reply(d.token, 1, await boxOf(d)), withdrawn],
  [1, 'redeem in the open', 'NO_CHARGE', ({ token }) => token.desk.redeem(0)],
  [2, 'redeem: no coupon', 'NO_CHARGE', ({ token }) => token.desk.redeem(0)],
  [2, 'redeem: without an id', 'BAD_REQUEST', ({ token }) => token.desk.redeem(0, NONE)],
  [2, 'missed receipts: without an id', 'BAD_REQUEST', ({ token }) => token.desk.missed(0, NONE)],
  [2, 'missed receipts', 'OK', ({ token }) => token.desk.missed(0)],
  [1, 'missed receipts in the open', 'OK', ({ token }) => token.desk.missed(0)],
  [3, 'missed receipts in a scheme without coupons', 'OK', ({ token }) => token.desk.missed(0)],
  [2, 'missed receipts: desk closed', 'DESK_CLOSED', ({ token }) => token.desk.missed(60_001)],
  [2, 'redeem: desk closed', 'DESK_CLOSED', ({ token }) => token.desk.redeem(60_001)],
  [3, 'coupon keys in a scheme without', 'BAD_REQUEST', ({ token }) => token.desk.couponKeys(couponList(keys), 0)],
  [3, 'coupon start in a scheme without', 'BAD_REQUEST', ({ token }) => start(token)],
  [3, 'coupon blind in a scheme without', 'BAD_REQUEST', ({ token }) => token.desk.couponBlind(NONE, 0)],
  [2, 'coupon keys: again', 'OK', ({ token }) => token.desk.couponKeys(couponList(keys), 0)],
  [
    2,
    'coupon keys: newer',
    'OK',
    ({ token }) => token.desk.couponKeys(couponList(keys, { version: 2, amounts: [X] }), 0),
  ],
  [2, 'coupon keys: older', 'NOT_NEWER', ({ token }) => token.desk.couponKeys(couponList(keys, { version: 0 }), 0)],
  [
    2,
    'coupon keys: others of the same version',
    'NOT_NEWER',
    ({ token }) => token.desk.couponKeys(couponList(keys, { amounts: [X] }), 0),
  ],
  [
    2,
    'coupon keys: by another key',
    'SIGNATURE_INVALID',
    ({ token }) => token.desk.couponKeys(couponList(keys, { version: 2, by: registrar }), 0),
  ],
  [
    2,
    'coupon keys: as another type',
    'SIGNATURE_INVALID',
    ({ token }) => token.desk.couponKeys(couponList(keys, { version: 2, type: 3 }), 0),
  ],
  [
    2,
    'coupon keys: another issuer',
    'SIGNATURE_INVALID',
    ({ token }) => token.desk.couponKeys(couponList(keys, { version: 2, issuer: new Uint8Array(4) }), 0),
  ],
  [
    2,
    'coupon keys: another currency',
    'SIGNATURE_INVALID',
    ({ token }) => token.desk.couponKeys(couponList(keys, { version: 2, currency: 'USD' }), 0),
  ],
  [2, 'coupon keys: cut', 'BAD_REQUEST', ({ token }) => token.desk.couponKeys(couponList(keys).subarray(0, 100), 0)],
  [
    2,
    'coupon keys: more than there may be',
    'BAD_REQUEST',
    ({ token }) => token.desk.couponKeys(couponList(keys, { version: 2, amounts: Array(13).fill(X) }), 0),
  ],
  [2, 'coupon start', 'OK', ({ token }) => start(token)],
  [2, 'coupon start: no such amount', 'COUPON_INVALID', ({ token }) => start(token, 50, modulusOf(X))],
  [2, "coupon start: another amount's key", 'COUPON_INVALID', ({ token }) => start(token, X, modulusOf(20))],
  [2, 'coupon start: cut', 'BAD_REQUEST', ({ token }) => token.desk.couponStart(new Uint8Array(100), 0)],
  [2, 'coupon start: a request waits', 'SEQ_REFUSED', ({ token }) => start(token), couponAsked],
  [2, 'coupon blind: nothing begun', 'NO_CHARGE', ({ token }) => token.desk.couponBlind(new Uint8Array(256), 0)],
  [
    2,
    'coupon blind: not the inverse',
    'BAD_REQUEST',
    ({ token }) => token.desk.couponBlind(new Uint8Array(256).fill(1), 0),
    begun,
  ],
  [2, 'coupon blind: cut', 'BAD_REQUEST', ({ token }) => token.desk.couponBlind(new Uint8Array(255), 0), begun],
  [
    2,
    'coupon blind: no signature to be had',
    'DEVICE_FAULT',
    ({ token }) => {
      const { data } = must(start(token)); // the same as before: it was begun
      token.keys.fail = true;
      return token.desk.couponBlind(inverseOf(data, modulusOf(X))!, 0);
    },
    begun,
  ],
  [
    2,
    "coupon reply: not the bank's",
    'COUPON_INVALID',
    ({ token }) => reply(token, 0, new Uint8Array(256).fill(1)),
    couponAsked,
  ],
  [
    2,
    'coupon reply: a flipped bit',
    'COUPON_INVALID',
    async (d) => reply(d.token, 0, flip(await boxOf(d), 200)),
    couponAsked,
  ],
  [2, 'coupon reply: cut', 'COUPON_INVALID', async (d) => reply(d.token, 0, (await boxOf(d)).subarray(1)), couponAsked],
];

test.each(rows.map((row): [number, string, string, Row] => [row[0], row[1], row[2], row]))(
  'scheme %i, %s: %s',
  async (scheme, _what, code, [, , , how, before]) => {
    const dealing = await registered(keys, scheme);
    const { token } = dealing;
    await before?.(dealing);
    const image = token.flash.image();
    const balance = token.purse.state.journal.balance();
    expect(codeOfAnswer((await how(dealing)) as { ok: true })).toBe(code);
    if (code === 'OK') return;
    expect(Buffer.compare(token.flash.image(), image)).toBe(0);
    expect(token.purse.state.journal.balance()).toBe(balance);
    expect(token.purse.state.fault).toBe('');
  },
);

test('without a license or name nothing can be asked for, and the places for coupons end', async () => {
  for (const scheme of [2, 3, 4]) {
    const token = boot(newFlash(), configOf(scheme), realTools(keys));
    if (scheme === 2) {
      must(token.desk.couponKeys(couponList(keys), 0));
      expect(codeOfAnswer(start(token) as { ok: true })).toBe('NOT_LICENSED');
    } else expect(codeOfAnswer(withdraw(token, X) as { ok: true })).toBe('NOT_LICENSED');
  }
  const { token } = await registered(keys, 2);
  for (let slot = 0; slot < COUPONS_MAX; slot++) token.log.put(DESK_RECORD.coupon, slot, new Uint8Array([1]));
  expect(codeOfAnswer(start(token) as { ok: true })).toBe('JOURNAL_FULL');
});

test('the desk does not learn PKU where registration is sealed, and does where it is open', async () => {
  for (const scheme of [2, 3, 6]) {
    const { token } = await registered(keys, scheme);
    const { pku } = identity.decode(must(token.desk.identity(0)).data)!;
    expect(toHex(pku)).toBe(scheme === 2 ? toHex(token.keys.publicKey(1)) : '00'.repeat(32));
  }
});

describe.each([
  [3, 1],
  [4, 3],
  [5, 1],
  [6, 5],
])('scheme %i with %i pseudonyms', (scheme, n) => {
  test('registers PKU1..n with proofs, takes n licenses, withdraws, twice', async () => {
    const dealing = await registered(keys, scheme, n);
    const { token, houses } = dealing;
    expect(houses.registered).toEqual([Array.from({ length: n }, (_, i) => pseudonymKey(i).publicKey)]);
    expect(token.purse.state.licensed).toBe(true);
    for (const number of [1, 2]) {
      expect(await finish(dealing, withdraw(token, X))).toBe('OK');
      expect([houses.receipts.length, token.purse.state.journal.balance()]).toEqual([number, X * number]);
    }
  });

  test('a request waits with the same bytes, over a reset, whatever else is asked for; then there is a new one', async () => {
    const dealing = await registered(keys, scheme, n);
    const first = readWhole(dealing.token, withdraw(dealing.token, X));
    for (const asked of [X, 7, 0]) expect(readWhole(dealing.token, withdraw(dealing.token, asked))).toEqual(first);
    expect(readWhole(dealing.token, dealing.token.desk.redeem(0))).toEqual(first);
    const later = reboot(dealing);
    expect(readWhole(later.token, withdraw(later.token, 7))).toEqual(first);
    expect(later.token.keys.signed).toBe(0);
    expect(await finish(later, withdraw(later.token, 7))).toBe('OK');
    expect(readWhole(later.token, withdraw(later.token, 7)).bytes).not.toEqual(first.bytes);
  });

  test('the reply lost after it was taken: the same box, the same answer, also after a reset', async () => {
    const dealing = await registered(keys, scheme, n);
    const [box] = await boxesFor(dealing, withdraw(dealing.token, X));
    const once = must(reply(dealing.token, 0, box!)).data;
    expect(replyAnswer.decode(once)).toEqual({ left: 0, code: 0, receiptNumber: 1 });
    expect(must(reply(dealing.token, 0, box!)).data).toEqual(once);
    const later = reboot(dealing);
    expect(must(reply(later.token, 0, box!)).data).toEqual(once);
    expect(later.token.purse.state.journal.balance()).toBe(X);
    expect(codeOfAnswer(reply(later.token, 0, flip(box!, 3)) as { ok: true })).toBe('NO_CHARGE');
  });

  test('boxes of another request, of another kind, or to the issuer are none of this one', async () => {
    const dealing = await registered(keys, scheme, n);
    const { token, houses } = dealing;
    const [old] = await boxesFor(dealing, withdraw(token, X));
    must(reply(token, 0, old!));
    const registration = [...houses.replies.values()][0]![0]!;
    must(withdraw(token, X));
    for (const box of [old!, registration])
      expect(codeOfAnswer(reply(token, 0, box) as { ok: true })).toBe('REPLY_INVALID');
    const head = requestHead.decode(token.log.get(DESK_RECORD.request, 0)!)!;
    const refused = wire.replyPlain.encode({ code: codeNumber('AMOUNT_MISMATCH'), body: NONE });
    const info = { direction: TO_TOKEN, kind: head.kind, kid: head.kid, sequence: head.sequence, index: 0 };
    const draw = (count: number) => new Uint8Array(count);
    for (const wrong of [
      { direction: 0 },
      { kind: head.kind + 1 },
      { kid: new Uint8Array(8).fill(9) },
      { sequence: head.sequence + 1 },
      { index: 1 },
    ]) {
      expect(codeOfAnswer(reply(token, 0, sealBox(head.k, { ...info, ...wrong }, refused, draw)) as { ok: true })).toBe(
        'REPLY_INVALID',
      );
    }
    // Cash that the issuer says it gave has its receipt.
    expect(
      codeOfAnswer(
        reply(token, 0, sealBox(head.k, info, wire.replyPlain.encode({ code: 0, body: NONE }), draw)) as { ok: true },
      ),
    ).toBe('REPLY_INVALID');
    // A refusal is the end of it, and nothing was credited.
    expect(replyAnswer.decode(must(reply(token, 0, sealBox(head.k, info, refused, draw))).data)).toEqual({
      left: 0,
      code: codeNumber('AMOUNT_MISMATCH'),
      receiptNumber: 1,
    });
    expect(token.purse.state.journal.balance()).toBe(X);
    expect(codeOfAnswer(withdraw(token, X) as { ok: true })).toBe('OK');
  });

  test('a receipt that the token missed comes with the refusal, and the next request has the next number', async () => {
    const dealing = await registered(keys, scheme, n);
    const { token, houses } = dealing;
    houses.give(5, RECEIPT_KINDS.refund);
    expect(await finish(dealing, withdraw(token, X))).toBe('RECEIPT_GAP');
    expect(token.purse.state.journal.balance()).toBe(5);
    expect(await finish(dealing, withdraw(token, X))).toBe('OK');
    expect(token.purse.state.journal.balance()).toBe(5 + X);
    expect(await finish(dealing, token.desk.missed(0))).toBe('OK');
  });

  test('a registration takes the place of a withdrawal that waits; what was credited comes with the next one', async () => {
    const dealing = await registered(keys, scheme, n);
    const { token, houses } = dealing;
    await boxesFor(dealing, withdraw(token, X)); // credited, and the reply is lost for ever
    houses.validUntilS = 1_900_000_000;
    expect(await finish(dealing, register(token))).toBe('OK');
    expect(token.log.get(RECORD.license, n - 1)!.subarray(0, 124)).toEqual(
      grantFor(token.keys.publicKey(n), 1_900_000_000).license,
    );
    expect(await finish(dealing, token.desk.missed(0))).toBe('RECEIPT_GAP');
    expect([token.purse.state.journal.balance(), houses.credited]).toEqual([X, X]);
    // One that ends earlier is taken for what it is, and the longer one stays.
    houses.validUntilS = 1_700_000_000;
    expect(await finish(dealing, register(token))).toBe('OK');
    expect(token.log.get(RECORD.license, 0)!.subarray(0, 124)).toEqual(
      grantFor(token.keys.publicKey(1), 1_900_000_000).license,
    );
  });
});

test('licenses come in order, the first ones again at will; the token is licensed with the last', async () => {
  const config = configOf(4, 3);
  const dealing = await registered(keys, 4, 3);
  const fresh = { ...dealing, token: boot(newFlash(), config, dealing.tools) };
  const boxes = await boxesFor(fresh, register(fresh.token));
  const left = (index: number) => {
    const answer = reply(fresh.token, index, boxes[index]!);
    return answer.ok ? replyAnswer.decode(answer.data)!.left : answer.code;
  };
  expect([left(1), left(2), left(0), left(0), left(2), left(1), left(0)]).toEqual([
    'BAD_REQUEST',
    'BAD_REQUEST',
    2,
    2,
    'BAD_REQUEST',
    1,
    // As when it came first.
    2,
  ]);
  expect(fresh.token.purse.state.licensed).toBe(false);
  expect(codeOfAnswer(fresh.token.purse.open(new Uint8Array(18).fill(1)))).not.toBe('OK');
  expect([left(2), fresh.token.purse.state.licensed]).toEqual([0, true]);
});

test('licenses of others in a box are refused, and the request goes on waiting', async () => {
  const dealing = await registered(keys, 3);
  const { token } = dealing;
  must(register(token));
  const head = requestHead.decode(token.log.get(DESK_RECORD.request, 0)!)!;
  const give = (grant: { license: Uint8Array; multiples: Uint8Array }) => {
    const body = wire.replyPlain.encode({
      code: 0,
      body: wire.grantPlain.encode({ kid: new Uint8Array(8), ...grant }),
    });
    return codeOfAnswer(
      reply(
        token,
        0,
        sealBox(
          head.k,
          { direction: TO_TOKEN, kind: REQUEST.register, kid: new Uint8Array(8), sequence: 0, index: 0 },
          body,
          (count) => new Uint8Array(count),
        ),
      ) as { ok: true },
    );
  };
  const own = grantFor(token.keys.publicKey(1));
  expect(give(grantFor(keyOf(0x77).publicKey))).toBe('LICENSE_INVALID');
  expect(give({ ...own, license: licenseBytes({ by: registrar }) })).toBe('LICENSE_INVALID');
  expect(give({ ...own, multiples: flip(own.multiples, 100) })).toBe('LICENSE_INVALID');
  expect(give(own)).toBe('OK');
});

test('register before the license: another name takes the place of what waits; many proofs take several calls', () => {
  const token = boot(newFlash(), configOf(6, 6), realTools(keys));
  const calls: string[] = [];
  for (let i = 0; i < 3; i++) calls.push(codeOfAnswer(token.desk.register(nameBytes('Ada'), 0)));
  expect(calls).toEqual(['BUSY', 'BUSY', 'OK']);
  expect(token.keys.signed).toBe(6 + 1);
  const ada = readWhole(token, token.desk.register(nameBytes('Ada'), 0)).bytes;
  expect(wire.ownedRequest.decode(ada)!.name).toBe('Ada');
  const eve = readWhole(token, register(token, 'Eve')).bytes;
  expect(wire.ownedRequest.decode(eve)!.name).toBe('Eve');
  expect(eve.length).toBeGreaterThan(PART_BYTES);
});

test('32 pseudonyms: four proofs a call, told; a power cut loses the call that it was in, and no other', () => {
  const config = configOf(6, 32);
  const flash = newFlash();
  let token = boot(flash, config, realTools(keys));
  const call = () => token.desk.register(nameBytes('Ada'), 0) as { ok: boolean; code?: string; data?: Uint8Array };
  const told: number[][] = [];
  let signed = 0;
  for (let calls = 1; calls <= 8; calls++) {
    const { code, data } = call();
    expect(code).toBe('BUSY');
    told.push([...data!]);
    // The power goes between any two calls.
    signed += token.keys.signed;
    token = boot(flash, config, realTools(keys));
  }
  expect(told).toEqual([4, 8, 12, 16, 20, 24, 28, 32].map((done) => [done, 32]));
  expect(signed).toBe(32);
  const first = call();
  expect([first.ok, token.keys.signed]).toEqual([true, 1]);
  const { bytes } = readWhole(token, first as { ok: true; data: Uint8Array });
  const id = token.log.get(DESK_RECORD.request, 0);
  expect([token.log.slots(DESK_RECORD.proofs), id !== null]).toEqual([[], true]);
  // Given again after a reset, and nothing is signed for it.
  token = boot(flash, config, realTools(keys));
  expect(readWhole(token, call() as { ok: true; data: Uint8Array }).bytes).toEqual(bytes);
  expect(token.keys.signed).toBe(0);
});

test('proofs for another issuer or another number of pseudonyms are not taken on', () => {
  const flash = newFlash();
  const begin = (config: ReturnType<typeof configOf>) => {
    const token = boot(flash, config, realTools(keys));
    const answer = token.desk.register(nameBytes('Ada'), 0) as { data?: Uint8Array };
    return [...answer.data!];
  };
  expect(begin(configOf(6, 9))).toEqual([4, 9]);
  expect(begin(configOf(6, 9))).toEqual([8, 9]);
  expect(begin({ ...configOf(6, 9), issuer: new Uint8Array(4).fill(9) })).toEqual([4, 9]);
  // Those of the first call are of that issuer now.
  expect(begin(configOf(6, 9))).toEqual([4, 9]);
  expect(begin(configOf(6, 9))).toEqual([8, 9]);
  expect(begin(configOf(6, 7))).toEqual([7, 7]);
});

describe('coupons', () => {
  async function withCoupons(amounts: number[]): Promise<Dealing> {
    const dealing = await registered(keys, 2);
    for (const amount of amounts) expect(await finish(dealing, askCoupon(dealing, amount))).toBe('OK');
    return dealing;
  }

  test('two of one amount are two; each is redeemed once, in any order, and becomes Balance', async () => {
    const dealing = await withCoupons([X, X, 20]);
    const { token, houses } = dealing;
    expect([houses.drawn, houses.credited, token.purse.state.journal.balance()]).toEqual([2 * X + 20, 0, 0]);
    for (let i = 0; i < 3; i++) expect(await finish(dealing, token.desk.redeem(0))).toBe('OK');
    expect(codeOfAnswer(token.desk.redeem(0))).toBe('NO_CHARGE');
    expect([houses.credited, token.purse.state.journal.balance(), houses.spent.size]).toEqual([
      2 * X + 20,
      2 * X + 20,
      3,
    ]);
  });

  test("the bank's refusal ends it, also after a reset; any other bytes do not; the next coupon is free", async () => {
    const dealing = await registered(keys, 2);
    const { request } = wire.ownedRequest.decode(readWhole(dealing.token, askCoupon(dealing, X)).bytes)!;
    const signer = createCouponSigner(new Map([...keys.coupons].map(([amount, { key }]) => [amount, key])));
    const refusal = signer.refuse(X, request)!;
    const bad = [
      flip(refusal, 100),
      signer.refuse(20, request.subarray(32))!,
      signer.refuse(X, flip(request, 40))!,
      signer.sign(X, refusal)!,
    ];
    for (const bytes of bad) expect(codeOfAnswer(reply(dealing.token, 0, bytes))).toBe('COUPON_INVALID');
    const later = reboot(dealing);
    const ended = { left: 0, code: codeNumber('FUNDS_INSUFFICIENT'), receiptNumber: 0 };
    for (let i = 0; i < 2; i++) expect(replyAnswer.decode(must(reply(later.token, 0, refusal)).data)).toEqual(ended);
    expect(replyAnswer.decode(must(reply(reboot(later).token, 0, refusal)).data)).toEqual(ended);
    expect(await finish(later, askCoupon(later, X))).toBe('OK');
    expect(later.token.log.slots(DESK_RECORD.coupon)).toEqual([0]);
  });

  test('a coupon asked for waits for its signature, and for a late one too; the same again makes no second coupon', async () => {
    const dealing = await registered(keys, 2);
    const first = readWhole(dealing.token, askCoupon(dealing, X));
    expect(first.kind).toBe(REQUEST.coupon);
    const later = reboot(dealing);
    expect(readWhole(later.token, withdraw(later.token, 0))).toEqual(first);
    expect(readWhole(later.token, later.token.desk.couponBlind(NONE, 0))).toEqual(first);
    const [signature] = await later.houses.answer(first.kind, first.bytes);
    const once = must(reply(later.token, 0, signature!)).data;
    expect(must(reply(later.token, 0, signature!)).data).toEqual(once);
    expect(later.token.log.slots(DESK_RECORD.coupon)).toEqual([0]);
  });

  test('what unblinds a coupon is erased once the coupon is there, or was refused', async () => {
    const dealing = await registered(keys, 2);
    const first = readWhole(dealing.token, askCoupon(dealing, X));
    expect(dealing.token.log.slots(DESK_RECORD.blinding)).toEqual([0]);
    const [signature] = await dealing.houses.answer(first.kind, first.bytes);
    must(reply(dealing.token, 0, signature!));
    expect(dealing.token.log.slots(DESK_RECORD.blinding)).toEqual([]);
    expect(dealing.token.log.slots(DESK_RECORD.coupon)).toEqual([0]);
    const { request } = wire.ownedRequest.decode(readWhole(dealing.token, askCoupon(dealing, X)).bytes)!;
    expect(dealing.token.log.slots(DESK_RECORD.blinding)).toEqual([0]);
    const signer = createCouponSigner(new Map([...keys.coupons].map(([amount, { key }]) => [amount, key])));
    must(reply(dealing.token, 0, signer.refuse(X, request)!));
    expect(dealing.token.log.slots(DESK_RECORD.blinding)).toEqual([]);
    // Left by a loss of power: the next start erases it.
    dealing.token.log.put(DESK_RECORD.blinding, 0, new Uint8Array([1]));
    expect(reboot(dealing).token.log.slots(DESK_RECORD.blinding)).toEqual([]);
  });

  test('spent elsewhere: the coupon goes; invalid there: it stays, and the next one comes first', async () => {
    const dealing = await withCoupons([X, 20]);
    const { token, houses } = dealing;
    const [first] = token.log.slots(DESK_RECORD.coupon);
    const { prefix } = couponRecord.decode(token.log.get(DESK_RECORD.coupon, first!)!)!;
    houses.spent.add(toHex(concat([prefix, token.keys.publicKey(1)])));
    expect(await finish(dealing, token.desk.redeem(0))).toBe('COUPON_SPENT');
    expect(token.log.slots(DESK_RECORD.coupon)).toEqual([1]);
    // A second list has another key for 20: the coupon of the first is not valid there.
    const others = await makeHouseKeys([20]);
    const kept = keys.coupons.get(20)!;
    keys.coupons.set(20, others.coupons.get(20)!);
    expect(await finish(dealing, token.desk.redeem(0))).toBe('COUPON_INVALID');
    expect(await finish(dealing, token.desk.redeem(0))).toBe('COUPON_INVALID');
    keys.coupons.set(20, kept);
    expect(token.log.slots(DESK_RECORD.coupon)).toEqual([1]);
    expect(await finish(dealing, token.desk.redeem(0))).toBe('OK');
    expect([houses.credited, token.purse.state.journal.balance()]).toEqual([20, 20]);
  });

  test('a missed receipt comes with the redemption, and the coupon is redeemed with the next number', async () => {
    const dealing = await withCoupons([X]);
    const { token, houses } = dealing;
    houses.pku = token.keys.publicKey(1);
    houses.give(7, RECEIPT_KINDS.refund);
    expect(await finish(dealing, token.desk.redeem(0))).toBe('RECEIPT_GAP');
    expect(await finish(dealing, token.desk.redeem(0))).toBe('OK');
    expect(token.purse.state.journal.balance()).toBe(X + 7);
  });

  test('a missed receipt comes without a coupon, and takes none away', async () => {
    const dealing = await withCoupons([X]);
    const { token, houses } = dealing;
    houses.pku = token.keys.publicKey(1);
    houses.give(7, RECEIPT_KINDS.refund);
    expect(await finish(dealing, token.desk.missed(0))).toBe('RECEIPT_GAP');
    expect(token.purse.state.journal.balance()).toBe(7);
    expect(await finish(dealing, token.desk.missed(0))).toBe('OK');
    expect(await finish(dealing, token.desk.redeem(0))).toBe('OK');
    expect(token.purse.state.journal.balance()).toBe(X + 7);
  });

  test('the bank sees nothing of a coupon: for every coupon and every transcript there is an r that joins them', async () => {
    const dealing = await registered(keys, 2);
    const n = BigInt('0x' + toHex(modulusOf(X)));
    const big = (bytes: Uint8Array) => BigInt('0x' + toHex(bytes));
    const power = (base: bigint) => {
      let value = base;
      for (let i = 0; i < 16; i++) value = (value * value) % n;
      return (value * base) % n;
    };
    const transcripts: { blinded: bigint; signed: bigint; bytes: Uint8Array }[] = [];
    for (let i = 0; i < 3; i++) {
      const { kind, bytes } = readWhole(dealing.token, askCoupon(dealing, X));
      const [signed] = await dealing.houses.answer(kind, bytes);
      must(reply(dealing.token, 0, signed!));
      transcripts.push({
        blinded: big(wire.couponRequest.decode(wire.ownedRequest.decode(bytes)!.request)!.blinded),
        signed: big(signed!),
        bytes,
      });
    }
    for (const slot of dealing.token.log.slots(DESK_RECORD.coupon)) {
      const { signature, prefix } = couponRecord.decode(dealing.token.log.get(DESK_RECORD.coupon, slot)!)!;
      for (const { blinded, signed, bytes } of transcripts) {
        // r = z / s fits what the bank answered; then r^e s^e must be what it was given.
        const r = (signed * big(inverseOf(signature, modulusOf(X))!)) % n;
        expect((power(r) * power(big(signature))) % n).toBe(blinded);
        expect(toHex(bytes)).not.toContain(toHex(prefix));
        expect(toHex(bytes)).not.toContain(toHex(dealing.token.keys.publicKey(1)));
      }
    }
  });
});

test('nothing that was drawn as a secret leaves the token', async () => {
  for (const [scheme, n] of [
    [2, 1],
    [4, 2],
  ] as const) {
    const drawn: Uint8Array[] = [];
    const config = configOf(scheme, n);
    const dealing = await registered(keys, scheme, n);
    const tools = realTools(keys, (count) => {
      const bytes = new Uint8Array(count).map(() => Math.floor(Math.random() * 256));
      drawn.push(bytes);
      return bytes;
    });
    const token = boot(dealing.token.flash, config, tools);
    token.purse.press(0);
    const given: string[] = [];
    const watch = (answer: Answer): Answer => (answer.ok && given.push(toHex(answer.data)), answer);
    const watched: Dealing = { ...dealing, token, tools };
    if (scheme === 2) expect(await finish(watched, watch(askCoupon(watched, X)))).toBe('OK');
    expect(await finish(watched, watch(scheme === 2 ? token.desk.redeem(0) : withdraw(token, X)))).toBe('OK');
    // The salt of a box is public (16 bytes, keyed); everything else stays inside, whole or in halves.
    const secrets = scheme === 4 ? drawn.filter((bytes) => bytes.length > 16) : drawn;
    expect(drawn.length).toBeGreaterThan(0);
    for (const secret of secrets) for (const text of given) expect(text).not.toContain(toHex(secret.subarray(0, 16)));
  }
});
