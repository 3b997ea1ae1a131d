/**
 * The desk: registration and withdrawal against the real issuer and trustee, with a token that speaks the real
 * messages. Every step is cut before and after its effect, and the procedure repeated: the effect is that of one.
 */
import { INS } from '../../firmware/wire/token-commands.js';
import type { ErrorCode } from '../../host-bridge/base/errors.js';
import { UNSEEN_MAX_S } from '../../host-bridge/bridge/desk/desk-acts.js';
import { createFakeToken } from './fake-token.js';
import { createRig, type Rig } from './bridge-rig.js';
import { pass, run } from '../kit/virtual-time.js';

let rig: Rig;
afterEach(() => rig.stop());
const go = <T>(promise: Promise<T>) => run(rig.scheduler, promise);
const token = () => rig.terminal.token!;

async function prepare(): Promise<void> {
  rig = await createRig({ baud: 0 });
  rig.terminal.token = createFakeToken('alice');
}
const register = (name = 'Alice', funding: number | null = 1000, id?: Uint8Array) =>
  go(rig.bridge.teller.registerUser({ name, ...(funding === null ? {} : { funding }), id, stepMs: 5000 }));
const ID = new Uint8Array(16).fill(7);
const withdraw = (amount: number) => go(rig.bridge.teller.withdraw({ amount, stepMs: 5000 }));
const abc = (name = 'Alice') => (rig.office.balanceOf(name) as { balance: number }).balance;

test('funding that the operator of the desk may not do is refused before the account is opened', async () => {
  await prepare();
  rig.services.checkFunding = async (amount) => (amount > 500 ? { ok: false, code: 'ROLE_FORBIDDEN' } : { ok: true });
  expect(await register('Alice', 501)).toMatchObject({ ok: false, code: 'ROLE_FORBIDDEN' });
  expect(rig.office.balanceOf('Alice')).toMatchObject({ code: 'ACCOUNT_UNKNOWN' });
  expect(rig.calls.filter((name) => name.startsWith('office'))).toEqual([]);
  expect(await register('Alice', 500)).toMatchObject({ ok: true, balance: 500 });
  expect(await register('Alice', null)).toMatchObject({ ok: true });
});

test('registration, withdrawal, status', async () => {
  await prepare();
  expect(await register()).toMatchObject({ ok: true, name: 'Alice', balance: 1000, repeated: false, pku: token().pku });
  expect(token().license).not.toBeNull();
  expect(await withdraw(300)).toEqual({
    ok: true,
    amount: 300,
    receiptNumber: 1,
    coupons: 0,
    missed: 0,
    repeated: false,
  });
  expect(await withdraw(200)).toMatchObject({ receiptNumber: 2 });
  expect([token().balance, abc()]).toEqual([500, 500]);
  expect(await go(rig.bridge.teller.tokenStatus())).toMatchObject({
    ok: true,
    status: { balance: 500, receiptNumber: 2 },
    identity: { licensed: 1 },
  });
  expect(rig.office.counterOf(token().pku)).toMatchObject({ ebc: 500, receiptNumber: 2 });
});

// Every step of both procedures, cut before and after its effect; then all of it again.
const cuts = [
  ...[INS.identity, INS.register, INS.license, INS.withdraw, INS.receipt].map((ins) => ({
    place: `token ${ins.toString(16)}`,
    ins,
    service: '',
  })),
  ...['office.openAccount', 'office.fundAccount', 'trustee.register', 'issuer.withdraw'].map((service) => ({
    place: service,
    ins: 0,
    service,
  })),
].flatMap((cut) => [false, true].map((late) => ({ ...cut, late })));

test.each(cuts)(
  'cut at $place, late: $late: the procedure fails by name, and repeated it is done once',
  async ({ ins, service, late }) => {
    await prepare();
    rig.terminal.deskFault = (asked) => (asked === ins ? { code: 'REFUSED', late } : null);
    rig.fault = (name) => (name === service ? (late ? 'after' : 'before') : null);
    const first = await register('Alice', 1000, ID);
    const failed = (first.ok ? await withdraw(300) : first) as { ok: boolean; code: ErrorCode };
    expect(failed.ok).toBe(false);
    expect(['REFUSED', 'SERVICE_DOWN', 'SERVICE_SILENT']).toContain(failed.code);
    rig.terminal.deskFault = null;
    rig.fault = null;
    expect(await register('Alice', 1000, ID)).toMatchObject({ ok: true });
    expect(await withdraw(300)).toMatchObject({ ok: true, amount: 300, missed: 0 });
    expect([token().balance, token().receiptNumber, abc()]).toEqual([300, 1, 700]);
    expect(rig.store.numbers()).toMatchObject({ pseudonyms: 1, receipts: 1, in: 1000 });
  },
);

test('a token of another version: the procedure ends, and says which side is older', async () => {
  await prepare();
  rig.terminal.deskFault = () => ({ code: 'UPDATE_NEEDED', late: false, data: Uint8Array.of(1, 200) });
  expect(await register()).toMatchObject({
    ok: false,
    code: 'UPDATE_NEEDED',
    detail: 'the token is older: version 1, this program 2',
  });
  expect(rig.terminal.desk).toEqual([]);
});

test('torn taps at every step are taken up within the procedure', async () => {
  await prepare();
  const events: string[] = [];
  const seen = new Map<string, number>();
  rig.terminal.deskFault = (ins) => {
    for (const late of [false, true]) {
      const key = `${ins} ${late}`;
      if (!seen.has(key)) {
        seen.set(key, 1);
        return { code: 'TAP_TORN', late };
      }
    }
    return null;
  };
  const onEvent = ({ step, wait }: { step: string; wait: string }) => void events.push(`${step} ${wait}`);
  expect(await go(rig.bridge.teller.registerUser({ name: 'Alice', funding: 1000, onEvent }))).toMatchObject({
    ok: true,
  });
  expect(await go(rig.bridge.teller.withdraw({ amount: 300, onEvent }))).toMatchObject({ ok: true });
  expect([token().balance, abc()]).toEqual([300, 700]);
  expect(events).toEqual(
    ['identity', 'register', 'license', 'license', 'withdraw', 'receipt'].flatMap((step) => [
      `${step} tap`,
      `${step} again`,
    ]),
  );
});

test('a service that is out for a moment is waited for', async () => {
  await prepare();
  const downs = new Map<string, number>();
  rig.fault = (name) => {
    const count = (downs.get(name) ?? 0) + 1;
    downs.set(name, count);
    return count === 1 ? 'before' : count === 2 ? 'after' : null;
  };
  expect(await register()).toMatchObject({ ok: true, balance: 1000 });
  expect(await withdraw(300)).toMatchObject({ ok: true });
  expect([token().balance, abc(), rig.store.numbers().in]).toEqual([300, 700, 1000]);
});

test('the button is asked for and waited for; the link may drop meanwhile', async () => {
  await prepare();
  await register();
  token().open = false;
  const events: string[] = [];
  const withdrawing = rig.bridge.teller.withdraw({ amount: 10, onEvent: ({ wait }) => void events.push(wait) });
  await pass(rig.scheduler, 3000);
  expect(events).toEqual(['tap', 'tap', 'button']);
  rig.terminal.reboot();
  await pass(rig.scheduler, 3000);
  token().open = true;
  expect(await go(withdrawing)).toMatchObject({ ok: true });
  expect([token().balance, abc()]).toEqual([10, 990]);
});

test("the owner's press for x is asked for and waited for, and nothing is drawn before it", async () => {
  await prepare();
  await register();
  token().agrees = false;
  const events: string[] = [];
  const withdrawing = rig.bridge.teller.withdraw({ amount: 10, onEvent: ({ wait }) => void events.push(wait) });
  await pass(rig.scheduler, 5000);
  expect([events, abc()]).toEqual([['tap', 'tap', 'confirm'], 1000]);
  token().agrees = true;
  expect(await go(withdrawing)).toMatchObject({ ok: true });
  expect([token().balance, abc()]).toEqual([10, 990]);
  // Whoever never presses has withdrawn nothing; receipts need no press.
  token().agrees = false;
  const given = rig.bridge.teller.withdraw({ amount: 20, stepMs: 5000 });
  expect(await go(given)).toMatchObject({ code: 'CONFIRM_NEEDED' });
  expect([token().balance, abc()]).toEqual([10, 990]);
  expect(await go(rig.bridge.teller.collect())).toMatchObject({ ok: true, receiptNumber: 1 });
});

test('a receipt that the token missed comes first, then what was asked for', async () => {
  await prepare();
  await register();
  rig.terminal.deskFault = (ins) => (ins === INS.receipt ? { code: 'REFUSED', late: false } : null);
  expect(await withdraw(300)).toMatchObject({ code: 'REFUSED' });
  rig.terminal.deskFault = null;
  expect([token().balance, abc()]).toEqual([0, 700]);
  // The same amount again completes it; another amount brings both.
  expect(await withdraw(50)).toEqual({
    ok: true,
    amount: 50,
    receiptNumber: 2,
    coupons: 0,
    missed: 300,
    repeated: false,
  });
  expect([token().balance, abc()]).toEqual([350, 650]);
  rig.terminal.deskFault = (ins) => (ins === INS.receipt ? { code: 'REFUSED', late: false } : null);
  await withdraw(70);
  rig.terminal.deskFault = null;
  expect(await withdraw(70)).toMatchObject({ repeated: true, missed: 0 });
  expect([token().balance, abc()]).toEqual([420, 580]);
});

test('x that the owner enters on the token: waited for, taken from there, once; without keys told by name', async () => {
  await prepare();
  await register();
  const waits: string[] = [];
  const entered = (id?: Uint8Array) =>
    rig.bridge.teller.withdraw({ id, stepMs: 5000, onEvent: ({ wait }) => void waits.push(wait) });
  const first = entered(new Uint8Array(16).fill(1));
  await pass(rig.scheduler, 3000);
  expect([token().balance, waits]).toEqual([0, ['tap', 'enter']]);
  token().entered = 300;
  const done = { ok: true, amount: 300, receiptNumber: 1, coupons: 0, missed: 0, repeated: false };
  expect(await go(first)).toEqual(done);
  // The same act has its answer, and asks nobody.
  expect(await go(entered(new Uint8Array(16).fill(1)))).toEqual(done);
  expect(token().balance).toBe(300);
  // Nobody enters anything; a token without keys; more than the account has. Nothing changed.
  expect(await go(entered())).toMatchObject({ code: 'AMOUNT_NEEDED' });
  token().entered = null;
  expect(await go(entered())).toMatchObject({ code: 'NO_KEYS' });
  token().entered = 701;
  expect(await go(entered())).toMatchObject({ code: 'FUNDS_INSUFFICIENT' });
  expect([token().balance, token().receiptNumber]).toEqual([300, 1]);
  // A desk that says x is confirmed as before.
  expect(await withdraw(700)).toMatchObject({ ok: true, amount: 700, receiptNumber: 2 });
});

test('a receipt whose taking nobody saw is no second withdrawal, also after the bridge ended; later it is another one', async () => {
  await prepare();
  await register();
  for (const bridgeEnds of [false, true]) {
    rig.terminal.deskFault = (ins) => (ins === INS.receipt ? { code: 'REFUSED', late: true } : null);
    expect(await withdraw(100)).toMatchObject({ code: 'REFUSED' });
    rig.terminal.deskFault = null;
    if (bridgeEnds) {
      await go(rig.bridge.close());
      await rig.start();
    }
    expect(await withdraw(100)).toMatchObject({ ok: true, repeated: true });
  }
  expect([token().balance, abc()]).toEqual([200, 800]);
  expect(await withdraw(100)).toMatchObject({ ok: true, repeated: false });
  rig.terminal.deskFault = (ins) => (ins === INS.receipt ? { code: 'REFUSED', late: true } : null);
  await withdraw(100);
  rig.terminal.deskFault = null;
  await pass(rig.scheduler, (UNSEEN_MAX_S + 10) * 1000);
  expect(await withdraw(100)).toMatchObject({ ok: true, repeated: false, receiptNumber: 5 });
  expect([token().balance, abc()]).toEqual([500, 500]);
});

test('another token in the middle is noticed, and nobody is harmed', async () => {
  await prepare();
  const alice = token();
  const bob = createFakeToken('bob');
  for (const at of [INS.register, INS.license]) {
    rig.terminal.token = alice;
    rig.terminal.deskFault = (ins) => {
      if (ins === at) rig.terminal.token = bob;
      return null;
    };
    expect(await register()).toMatchObject({ ok: false, code: 'TOKEN_CHANGED' });
  }
  rig.terminal.deskFault = null;
  rig.terminal.token = alice;
  expect(await register()).toMatchObject({ ok: true });
  rig.terminal.deskFault = (ins) => {
    if (ins === INS.receipt) rig.terminal.token = bob;
    return null;
  };
  expect(await withdraw(100)).toMatchObject({ ok: false, code: 'TOKEN_CHANGED' });
  rig.terminal.deskFault = null;
  rig.terminal.token = alice;
  expect(await withdraw(100)).toMatchObject({ ok: true, repeated: true });
  expect([alice.balance, bob.balance, abc()]).toEqual([100, 0, 900]);
});

test('what the services refuse is the answer, by its name', async () => {
  await prepare();
  expect(await register('x'.repeat(65))).toMatchObject({ code: 'NAME_INVALID' });
  expect(await register('Alice', 0)).toMatchObject({ code: 'AMOUNT_INVALID' });
  expect(await withdraw(0.5)).toMatchObject({ code: 'AMOUNT_INVALID' });
  expect(await withdraw(5)).toMatchObject({ code: 'NOT_LICENSED' });
  await register();
  expect(await withdraw(1001)).toMatchObject({ code: 'FUNDS_INSUFFICIENT' });
  expect(await withdraw(1000)).toMatchObject({ ok: true });
  rig.terminal.token = createFakeToken('bob');
  expect(await register('Alice')).toMatchObject({ code: 'NAME_TAKEN' });
  expect(await register('Bob', null)).toMatchObject({ ok: true, balance: null });
  expect(await register('Carol', null)).toMatchObject({ code: 'KEY_TAKEN' });
  // Another's token at the reader: no other name would help.
  expect(await go(rig.bridge.teller.renewUser({ name: 'Alice', stepMs: 5000 }))).toMatchObject({ code: 'WRONG_NAME' });
});

test('nobody there, a charge open, the desk in use, a procedure given up', async () => {
  await prepare();
  rig.terminal.token = null;
  expect(await withdraw(5)).toMatchObject({ code: 'NO_TOKEN' });
  const giveUp = new AbortController();
  const first = rig.bridge.teller.withdraw({ amount: 5, signal: giveUp.signal });
  expect(await go(rig.bridge.teller.withdraw({ amount: 5 }))).toMatchObject({ code: 'BUSY' });
  expect(await go(rig.bridge.charge(5))).toMatchObject({ code: 'BUSY' });
  const atMs = rig.scheduler.nowMs();
  giveUp.abort();
  expect(await go(first)).toMatchObject({ code: 'INTERRUPTED' });
  // At once, and the terminal is free: its reader waits for no token of the desk's any more.
  expect(rig.scheduler.nowMs() - atMs).toBeLessThan(1000);
  await go(rig.bridge.charge(5));
  expect(await withdraw(5)).toMatchObject({ code: 'CHARGE_OPEN' });
  await go(rig.bridge.cancel());
  rig.terminal.token = createFakeToken('alice');
  expect(await register()).toMatchObject({ ok: true });
});

test('a bridge that ends gives the procedure up', async () => {
  await prepare();
  await register();
  token().open = false;
  const withdrawing = rig.bridge.teller.withdraw({ amount: 5 });
  await pass(rig.scheduler, 3000);
  await go(rig.bridge.close());
  expect(await go(withdrawing)).toMatchObject({ ok: false, code: 'INTERRUPTED' });
});
