/**
 * Refunds at the clerk's wish and claims at the desk, against the real issuer: whatever is cut, money comes back once.
 */
import { rmSync } from 'node:fs';
import { toHex } from '../../firmware/core/bytes.js';
import { KIND } from '../../firmware/wire/link/link-messages.js';
import { challenge } from '../../firmware/wire/payment.js';
import { refund as refundMessage, refundBody } from '../../firmware/wire/refund.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import { INS } from '../../firmware/wire/token-commands.js';
import { DEPOSIT_GRACE_S } from '../../host-bridge/houses/depositary.js';
import { createFakeToken } from './fake-token.js';
import { CLASS_FULL, CLASS_SMALL } from '../../firmware/core/license-class.js';
import { signLicense } from '../../host-bridge/houses/licensing.js';
import {
  ISSUER,
  issuerKey,
  makeTombstone,
  pseudonymKey,
  registrarKey,
  rsOf,
  SHOP,
  TERMINAL_ID,
  terminalKey,
} from '../kit/histories.js';
import { createRig, T0, type Rig } from './bridge-rig.js';
import { pass, run } from '../kit/virtual-time.js';

let rig: Rig;
afterEach(() => rig.stop());
const go = <T>(promise: Promise<T>) => run(rig.scheduler, promise);
const token = () => rig.terminal.token!;
const abc = (name: string) => (rig.office.balanceOf(name) as { balance: number }).balance;
const asked = (counter: number, amount: number) =>
  challenge.encode({ issuer: ISSUER, currency: 'EUR', amount, timeS: T0, counter, rs: rsOf(counter), shop: SHOP });
const PAYMENT = toHex(rsOf(1));

/** Alice, 1000 in her account, 500 of them on the token; 300 paid at the shop, and delivered. */
async function prepare(options: { refundMax?: number } = {}): Promise<string> {
  rig = await createRig({ baud: 0, ...options });
  rig.terminal.token = createFakeToken('alice');
  expect(await go(rig.bridge.teller.registerUser({ name: 'Alice', funding: 1000 }))).toMatchObject({ ok: true });
  expect(await go(rig.bridge.teller.withdraw({ amount: 500 }))).toMatchObject({ ok: true });
  const opened = await go(rig.bridge.charge(300));
  const h = token().pay(asked(1, 300));
  rig.terminal.tap('paid');
  expect((await go(rig.terminal.request(KIND.history, h))).code).toBe('OK');
  expect(await go(rig.bridge.drained(5000))).toBe(true);
  return (opened as { charge: { id: string } }).charge.id;
}
const refund = (amount?: number, id?: string, payment = PAYMENT) => go(rig.bridge.refund(payment, amount, id));
const collect = () => go(rig.bridge.teller.collect());

test("a clerk's limit is of one payment in sum; what is above it is signed by nobody", async () => {
  const charge = await prepare({ refundMax: 150 });
  expect(await refund(undefined, undefined, charge)).toMatchObject({ ok: false, code: 'ROLE_FORBIDDEN' });
  expect(await refund(151)).toMatchObject({ ok: false, code: 'ROLE_FORBIDDEN' });
  expect(await refund(100)).toMatchObject({ ok: true, refund: { state: 'refunded' } });
  expect(await refund(51)).toMatchObject({ ok: false, code: 'ROLE_FORBIDDEN' });
  expect(await refund(50, '0a0b0c0d0e0f1011')).toMatchObject({ ok: true, refund: { state: 'refunded' } });
  // The same again is the same refund, and no more than the limit.
  expect(await refund(50, '0a0b0c0d0e0f1011')).toMatchObject({ ok: true, refund: { amount: 50 } });
  expect(await refund(1)).toMatchObject({ ok: false, code: 'ROLE_FORBIDDEN' });
  expect(rig.store.numbers()).toMatchObject({ histories: 1 });
  expect(abc(SHOP)).toBe(150);
});

test("two commands at once stay within the clerk's limit, and the same one twice is one refund", async () => {
  await prepare({ refundMax: 150 });
  const [first, second] = ['0a0b0c0d0e0f1011', '1a0b0c0d0e0f1011'];
  const together = (...asked: [number, string?][]) =>
    go(Promise.all(asked.map(([amount, id]) => rig.bridge.refund(PAYMENT, amount, id))));
  const both = await together([100, first], [100, second]);
  expect(both.map((one) => (one.ok ? 'OK' : one.code))).toEqual(['OK', 'ROLE_FORBIDDEN']);
  expect(abc(SHOP)).toBe(200);
  expect(await together([20, second], [20, second])).toMatchObject([{ ok: true }, { ok: true }]);
  expect(abc(SHOP)).toBe(180);
  const unnamed = await together([30], [30]);
  expect(unnamed[0]).toMatchObject({ ok: true, refund: { state: 'refunded' } });
  expect(unnamed[1]).toEqual(unnamed[0]);
  expect(abc(SHOP)).toBe(150);
});

test('a refund by the id of its charge, in part and then the rest; the token collects both', async () => {
  const charge = await prepare();
  expect(await refund(100, undefined, charge)).toMatchObject({
    ok: true,
    refund: { amount: 100, rs: PAYMENT, state: 'refunded' },
  });
  expect(await refund(300)).toMatchObject({ ok: true, refund: { state: 'refused', code: 'REFUND_TOO_LARGE' } });
  expect(await refund(200)).toMatchObject({ ok: true, refund: { state: 'refunded' } });
  expect([abc(SHOP), token().balance]).toEqual([0, 200]);
  expect(await collect()).toMatchObject({ ok: true, receiptNumber: 3 });
  expect(token().balance).toBe(500);
});

test('more receipts than a page has: collect brings all of them, and so does a withdrawal', async () => {
  await prepare();
  for (let i = 0; i < 120; i++) expect(await refund(1)).toMatchObject({ ok: true, refund: { state: 'refunded' } });
  expect(await collect()).toMatchObject({ ok: true, receiptNumber: 121 });
  expect(token().balance).toBe(320);
  for (let i = 0; i < 140; i++) expect(await refund(1)).toMatchObject({ ok: true, refund: { state: 'refunded' } });
  expect(await go(rig.bridge.teller.withdraw({ amount: 5 }))).toMatchObject({
    ok: true,
    missed: 140,
    receiptNumber: 262,
  });
  expect([token().balance, abc('Alice')]).toEqual([465, 495]);
});

test('what is refused before anything is signed', async () => {
  await prepare();
  expect(await refund(0)).toMatchObject({ code: 'AMOUNT_INVALID' });
  expect(await refund(1, 'xx')).toMatchObject({ code: 'BAD_REQUEST' });
  expect(await refund(1, undefined, '00'.repeat(8))).toMatchObject({ code: 'CHARGE_UNKNOWN' });
  expect(await refund(1, undefined, toHex(rsOf(2)))).toMatchObject({ code: 'HISTORY_UNKNOWN' });
  expect(await refund(1, '11'.repeat(8))).toMatchObject({ ok: true });
  expect(await refund(2, '11'.repeat(8))).toMatchObject({ code: 'REQUEST_ID_REUSED' });
  expect(rig.terminal.refunds).toBe(1);
  // The bridge knows this one: it is not paid, which another id would not mend.
  const open = (await go(rig.bridge.charge(50))) as unknown as { charge: { id: string } };
  expect(await refund(1, undefined, open.charge.id)).toMatchObject({ code: 'NOT_PAID' });
});

test('cut before or after the terminal signed, or the issuer acted, and asked again: given back once', async () => {
  await prepare();
  rig.terminal.refuseWith = (kind) => (kind === KIND.refund ? 'BUSY' : null);
  expect(await refund(100)).toMatchObject({ code: 'BUSY' });
  rig.terminal.refuseWith = null;
  rig.terminal.mute = (kind) => kind === KIND.refund;
  expect(await refund(100)).toMatchObject({ code: 'NO_ANSWER' });
  rig.terminal.mute = null;
  for (const when of ['before', 'after'] as const) {
    rig.fault = (name) => (name === 'issuer.refund' ? when : null);
    expect(await refund(100)).toMatchObject({ ok: true, refund: { state: 'pending' } });
  }
  // The bridge ends in between, too.
  await go(rig.bridge.close());
  rig.fault = null;
  await rig.start();
  await go(rig.bridge.drained(60_000));
  expect(abc(SHOP)).toBe(200);
  expect(await refund(100)).toMatchObject({ ok: true, refund: { state: 'refunded' } }); // another one now
  expect(abc(SHOP)).toBe(100);
});

test('another terminal of the shop may sign; one that came in between is asked anew', async () => {
  await prepare();
  rig.terminal.refuseWith = (kind) => (kind === KIND.refund ? 'BUSY' : null);
  expect(await refund(100)).toMatchObject({ code: 'BUSY' });
  rig.terminal.refuseWith = null;
  rig.terminal.terminalId = new Uint8Array([5, 5, 5, 5]);
  expect(await refund(100)).toMatchObject({ code: 'WRONG_NAME' });
  expect(await refund(100)).toMatchObject({ ok: true, refund: { state: 'held', code: 'TERMINAL_UNKNOWN' } });
});

test('a payment of the other till, or from before the computer was replaced, is given back all the same', async () => {
  await prepare();
  const token2 = createFakeToken('alice');
  await go(rig.bridge.close());
  rmSync(rig.dataDir, { recursive: true }); // another computer: it knows of no payment
  await rig.start();
  rig.terminal.token = token2;
  expect(await refund(1, undefined, toHex(rsOf(2)))).toMatchObject({ code: 'HISTORY_UNKNOWN' });
  expect(rig.terminal.refunds).toBe(0); // nothing is signed for a payment that is none
  expect(await refund(100)).toMatchObject({ ok: true, refund: { amount: 100, state: 'refunded' } });
  expect(await refund()).toMatchObject({ ok: true, refund: { state: 'refused', code: 'REFUND_TOO_LARGE' } });
  expect(await refund(200)).toMatchObject({ ok: true, refund: { state: 'refunded' } });
  expect(abc(SHOP)).toBe(0);
  rig.fault = (name) => (name === 'issuer.findPayment' ? 'before' : null);
  expect(await refund(1)).toMatchObject({ code: 'SERVICE_DOWN' });
});

test('who is no terminal of the shop learns that there was a payment, and not whose', async () => {
  await prepare();
  const { issuer } = rig;
  const pku = new Uint8Array(32);
  const body = (over: object = {}) =>
    refundBody.encode({
      ...{ issuer: ISSUER, currency: 'EUR', pku, rs: rsOf(1), amount: 1, refundId: new Uint8Array(8) },
      ...{ terminalId: TERMINAL_ID, shop: SHOP },
      ...over,
    });
  const asked = (bytes: Uint8Array, key = terminalKey, rs = rsOf(1)) =>
    issuer.findPayment(SHOP, rs, refundMessage.encode({ signature: key.sign(SIGNED.refund, bytes), body: bytes }));
  expect(issuer.findPayment(SHOP, rsOf(1), null)).toEqual({ ok: true, history: null });
  expect(issuer.findPayment('Other Shop', rsOf(1), null)).toMatchObject({ code: 'HISTORY_UNKNOWN' });
  expect(asked(body())).toMatchObject({ ok: true, history: expect.any(Uint8Array) });
  expect(asked(body(), pseudonymKey)).toMatchObject({ code: 'SIGNATURE_INVALID' });
  expect(asked(body({ terminalId: new Uint8Array(4) }))).toMatchObject({ code: 'TERMINAL_UNKNOWN' });
  expect(asked(body({ pku: new Uint8Array(32).fill(1) }))).toMatchObject({ code: 'BAD_REQUEST' });
  expect(asked(body({ rs: rsOf(3) }))).toMatchObject({ code: 'BAD_REQUEST' });
  expect(asked(body({ currency: 'USD' }))).toMatchObject({ code: 'CURRENCY_UNKNOWN' });
  // The question itself gives nothing back.
  const question = refundMessage.encode({ signature: terminalKey.sign(SIGNED.refund, body()), body: body() });
  expect(issuer.refund(question)).toMatchObject({ code: 'HISTORY_UNKNOWN' });
});

test('the statement shows every payment with its proof', async () => {
  await prepare();
  token().pay(asked(2, 50));
  const said = await go(rig.bridge.teller.statement());
  expect(said).toMatchObject({
    ok: true,
    debits: [
      { shop: SHOP, amount: 300, timeS: T0, verified: true, settled: false },
      { amount: 50, verified: true },
    ],
  });
  token().debits[1]!.signature.fill(1);
  expect(await go(rig.bridge.teller.statement())).toMatchObject({ debits: [{ verified: true }, { verified: false }] });
});

test('claims: deposited is settled, cancelled comes back at once, the rest after the window', async () => {
  await prepare();
  token().pay(asked(2, 50));
  token().pay(asked(3, 70));
  expect((await go(rig.terminal.request(KIND.tombstone, makeTombstone(2)))).code).toBe('OK');
  await go(rig.bridge.drained(5000));
  const claim = () => go(rig.bridge.teller.reconcile());
  const dueS = T0 + DEPOSIT_GRACE_S;
  const first = await claim();
  expect(first).toMatchObject({
    ok: true,
    claims: [
      { amount: 300, state: 'paid' },
      { amount: 50, state: 'granted' },
      { amount: 70, state: 'open' },
    ],
  });
  expect(Math.abs((first as { claims: { dueS: number }[] }).claims[2]!.dueS - dueS)).toBeLessThan(60);
  expect(token().debits.map(({ settled }) => settled)).toEqual([true, true, false]);
  await collect();
  expect(token().balance).toBe(500 - 300 - 70);
  expect(await claim()).toMatchObject({ claims: [{ amount: 70, state: 'open' }] });
  await pass(rig.scheduler, DEPOSIT_GRACE_S * 1000);
  // Cut after it was granted: the next claim says the same, and the receipt is one.
  rig.fault = (name) => (name === 'issuer.claim' ? 'after' : null);
  expect(await claim()).toMatchObject({ claims: [{ state: 'refused', code: 'SERVICE_SILENT' }] });
  rig.fault = null;
  expect(await claim()).toMatchObject({ claims: [{ amount: 70, state: 'granted' }] });
  await collect();
  expect(token().balance).toBe(500 - 300);
  expect(await claim()).toMatchObject({ claims: [] });
  expect(token().receiptNumber).toBe(3);
});

test('a token whose button was not pressed gives no statement away', async () => {
  await prepare();
  token().open = false;
  expect(await go(rig.bridge.teller.statement({ stepMs: 3000 }))).toMatchObject({ code: 'DESK_CLOSED' });
  expect(rig.terminal.desk.filter((ins) => ins === INS.debit).length).toBeGreaterThan(0);
});

describe('unloading', () => {
  const WEEK = DEPOSIT_GRACE_S;
  const until = (validUntilS: number, by = registrarKey, licenseClass = CLASS_FULL) =>
    signLicense(by, { issuer: ISSUER, currency: 'EUR', validUntilS, licenseClass }, token().pku);
  const unload = (amount: number, name = 'Alice') => go(rig.bridge.teller.unload({ name, amount, stepMs: 5000 }));

  test('cash goes back to the account as a payment to it, once whatever is cut', async () => {
    await prepare();
    expect(await unload(50)).toEqual({ ok: true, name: 'Alice', amount: 50, state: 'credited', code: null });
    expect([token().balance, abc('Alice')]).toEqual([150, 550]);
    for (const ins of [INS.open, INS.challenge, INS.ack]) {
      for (const late of [false, true]) {
        rig.terminal.deskFault = (asked) => (asked === ins ? { code: 'REFUSED', late } : null);
        expect(await unload(10)).toMatchObject({ ok: false, code: 'REFUSED' });
        await go(rig.bridge.close());
        await rig.start();
        rig.terminal.deskFault = null;
        expect(await unload(10)).toMatchObject({ ok: true });
      }
    }
    await go(rig.bridge.drained(5000));
    expect([token().balance, abc('Alice')]).toEqual([150 - 60, 550 + 60]);
    expect(token().debits.filter(({ settled }) => !settled)).toHaveLength(1); // the payment at the shop
  });

  test('refused: more than the token has, no amount, no name, no account', async () => {
    await prepare();
    expect(await unload(201)).toMatchObject({ code: 'REFUSED' });
    expect(await unload(0)).toMatchObject({ code: 'AMOUNT_INVALID' });
    expect(await unload(1, ' x')).toMatchObject({ code: 'NAME_INVALID' });
    expect(await unload(1, 'Nobody')).toMatchObject({ ok: false, code: 'ACCOUNT_UNKNOWN' });
  });

  test.each<[string, string, (nowS: number) => { name?: string; amount?: number; license?: Uint8Array }]>([
    ['a mistyped owner', 'ACCOUNT_UNKNOWN', () => ({ name: 'Alcie' })],
    ["another customer's name", 'WRONG_NAME', () => ({ name: 'Bob' })],
    ["a shop's name", 'WRONG_NAME', () => ({ name: SHOP })],
    ['a closed account', 'ACCOUNT_CLOSED', () => ({ name: 'Gone' })],
    [
      'a license that is over, with the time to deposit',
      'LICENSE_EXPIRED',
      (nowS) => ({ license: until(nowS - WEEK) }),
    ],
    ["a license of somebody else's", 'LICENSE_INVALID', (nowS) => ({ license: until(nowS + WEEK, issuerKey) })],
    [
      'more than the class of its license allows',
      'CLASS_LIMIT',
      (nowS) => ({ license: until(nowS + WEEK, registrarKey, CLASS_SMALL), amount: 5001 }),
    ],
  ])('%s is refused before the token is debited', async (_what, code, how) => {
    await prepare();
    rig.office.fundAccount('Alice', 10_000);
    await go(rig.bridge.teller.withdraw({ amount: 10_000 }));
    rig.office.openAccount('Bob', createFakeToken('bob').accountKey);
    rig.office.openAccount('Gone', null);
    rig.office.closeAccount('Gone');
    const { name = 'Alice', amount = 100, license } = how(Math.floor(rig.nowS()));
    if (license) token().license = license;
    const before = [token().balance, token().debits.length, rig.store.numbers().abc];
    expect(await unload(amount, name)).toMatchObject({ ok: false, code });
    expect([token().balance, token().debits.length, rig.store.numbers().abc]).toEqual(before);
    expect(rig.terminal.desk).not.toContain(INS.challenge);
    const [id] = [new Uint8Array(16).fill(1)];
    expect(await go(rig.bridge.teller.unload({ name, amount, id, stepMs: 5000 }))).toMatchObject({ code });
    // Nothing of it is kept, so nothing of it is to be finished.
    expect(rig.bridge.teller.stateOf(id!)).toBe('unknown');
  });

  test('cash on a token whose license has just ended goes back: by unloading, while it can be deposited', async () => {
    await prepare();
    token().license = until(Math.floor(rig.nowS()) - 1);
    expect(await go(rig.bridge.teller.withdraw({ amount: 1 }))).toMatchObject({ code: 'LICENSE_EXPIRED' });
    expect(await unload(200)).toMatchObject({ ok: true, state: 'credited' });
    expect([token().balance, abc('Alice')]).toEqual([0, 700]);
  });

  test('an account is closed when it is empty and nothing about it is open; then nothing goes in or out', async () => {
    await prepare();
    const close = (name: string) => rig.office.closeAccount(name) as { code?: string; repeated?: boolean };
    expect(close('Alice')).toMatchObject({ code: 'ACCOUNT_NOT_EMPTY' });
    await unload(200);
    expect(close('Alice')).toMatchObject({ code: 'ACCOUNT_NOT_EMPTY' });
    rig.store.post('withdraw', T0, [
      { account: 'abc:Alice', delta: -700 },
      { account: `abc:${SHOP}`, delta: 700 },
    ]);
    token().pay(asked(9, 1));
    await go(rig.bridge.teller.reconcile());
    rig.store.post('withdraw', T0, [
      { account: `abc:${SHOP}`, delta: -1000 },
      { account: 'in', delta: 1000 },
    ]);
    expect(close(SHOP)).toMatchObject({ code: 'ACCOUNT_BUSY' });
    expect(close('Alice')).toEqual({ ok: true, repeated: false });
    expect(close('Alice')).toEqual({ ok: true, repeated: true });
    expect(rig.office.fundAccount('Alice', 1)).toMatchObject({ code: 'ACCOUNT_UNKNOWN' });
    expect(await go(rig.bridge.teller.withdraw({ amount: 1 }))).toMatchObject({ code: 'ACCOUNT_CLOSED' });
    expect(rig.office.openAccount('Alice', token().accountKey)).toMatchObject({ code: 'ACCOUNT_CLOSED' });
  });
});
