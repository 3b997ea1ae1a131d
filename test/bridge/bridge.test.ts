/**
 * The bridge against a fake terminal on an emulated cable, with the real issuer: relay, time, deny list, charges, and
 * all that comes back after the cable was pulled, the terminal restarted, or the bridge ended.
 */
import { fixedLine } from '../../host-bridge/base/keys/key-line.js';
import { crc32 } from 'node:zlib';
import { fromHex, toChars, toHex } from '../../firmware/core/bytes.js';
import { encodeFrame, FRAME } from '../../firmware/wire/link/link-frame.js';
import { KIND, VERIFY } from '../../firmware/wire/link/link-messages.js';
import { signedTime, timeBody } from '../../firmware/wire/notices.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { refusal, type Result } from '../../host-bridge/base/errors.js';
import { silentLog } from '../../host-bridge/base/log.js';
import { createNoticePush, DENY_POLL_MS } from '../../host-bridge/bridge/notice-push.js';
import { ASK_AGAIN_MS, CHARGE_LIFETIME_S, SENDING_MAX_S } from '../../host-bridge/bridge/clerk.js';
import { issuerKey, makeHistory, makeLicense, makeTombstone, pseudonymKey, SHOP } from '../kit/histories.js';
import { createRig, T0, type Rig } from './bridge-rig.js';
import { pass, run } from '../kit/virtual-time.js';

let rig: Rig;
afterEach(() => rig.stop());
const go = <T>(promise: Promise<T>) => run(rig.scheduler, promise);
const ms = (time: number) => pass(rig.scheduler, time);

describe('relay', () => {
  test('VERIFY is answered; HISTORY and TOMBSTONE are acknowledged and reach the issuer once', async () => {
    rig = await createRig();
    const { terminal } = rig;
    const history = makeHistory(1, 250);
    expect((await go(terminal.request(KIND.verify, Uint8Array.of(VERIFY.license, ...makeLicense())))).code).toBe('OK');
    const bad = Buffer.concat([history.subarray(0, 124), history.subarray(188), history.subarray(124, 188)]);
    bad[bad.length - 30] ^= 1;
    expect((await go(terminal.request(KIND.verify, Uint8Array.of(VERIFY.payment, ...bad)))).code).toBe(
      'SIGNATURE_INVALID',
    );
    for (let i = 0; i < 3; i++) expect((await go(terminal.request(KIND.history, history))).code).toBe('OK');
    expect((await go(terminal.request(KIND.tombstone, makeTombstone(2)))).code).toBe('OK');
    await ms(1000);
    expect(rig.office.balanceOf(SHOP)).toEqual({ ok: true, balance: 250 });
    expect(rig.calls.filter((name) => name === 'issuer.deposit').length).toBe(1);
    expect((await go(rig.bridge.status())).outbox).toMatchObject({ pending: 0, credited: 1, buried: 1 });
    expect(await go(rig.bridge.drained(1000))).toBe(true);
    expect(rig.issuer.deposit(makeHistory(2))).toMatchObject({ ok: false, code: 'TOMBSTONED' });
  });

  test('a history is acknowledged while the issuer is down, survives the end of the bridge, and is credited later', async () => {
    rig = await createRig();
    rig.fault = (name) => (name === 'issuer.deposit' ? 'before' : null);
    expect((await go(rig.terminal.request(KIND.history, makeHistory(1)))).code).toBe('OK');
    await ms(60_000);
    expect(await go(rig.bridge.status())).toMatchObject({ outage: 'SERVICE_DOWN', outbox: { pending: 1 } });
    expect(await go(rig.bridge.drained(500))).toBe(false);
    await go(rig.bridge.close());
    rig.fault = null;
    await go(rig.start());
    await ms(1000);
    expect(rig.office.balanceOf(SHOP)).toEqual({ ok: true, balance: 100 });
  });

  test('a reply that gets lost makes a duplicate, not a second credit', async () => {
    rig = await createRig();
    let cut = 3;
    rig.fault = (name) => (name === 'issuer.deposit' && cut-- > 0 ? 'after' : null);
    await go(rig.terminal.request(KIND.history, makeHistory(1)));
    await ms(30_000);
    expect((await go(rig.bridge.status())).outbox).toMatchObject({ pending: 0, duplicate: 1 });
    expect(rig.office.balanceOf(SHOP)).toEqual({ ok: true, balance: 100 });
  });

  test('what is refused for good is kept by name for the clerk', async () => {
    rig = await createRig();
    const bad = makeHistory(1);
    bad[130] ^= 1;
    await go(rig.terminal.request(KIND.history, bad));
    await go(rig.terminal.request(KIND.history, makeHistory(2)));
    await ms(1000);
    const status = await go(rig.bridge.status());
    expect(status.trouble).toMatchObject([{ state: 'refused', code: 'SIGNATURE_INVALID', kind: 'history' }]);
    expect(status.outbox).toMatchObject({ credited: 1, refused: 1 });
  });

  test('malformed requests of a terminal are refused and change nothing', async () => {
    rig = await createRig();
    for (const kind of [KIND.verify, KIND.history, KIND.tombstone, KIND.tap, KIND.alarm, KIND.timeWanted, 0, 0x7f]) {
      for (const body of [new Uint8Array(0), new Uint8Array(3), new Uint8Array(400).fill(255)]) {
        expect((await go(rig.terminal.request(kind, body))).code).toBe('BAD_REQUEST');
      }
    }
    expect((await go(rig.terminal.request(KIND.alarm, Uint8Array.of(28)))).code).toBe('OK');
    const status = await go(rig.bridge.status());
    expect(status.alarms).toEqual(['VERIFIER_LIED']);
    expect(Object.values(status.outbox).reduce((sum, count) => sum + count)).toBe(0);
  });
});

describe('time and deny list', () => {
  test('signed time answers the nonce of the newest question only', async () => {
    rig = await createRig();
    rig.fault = (name) => (name === 'issuer.signedTime' ? 'before' : null);
    await go(rig.terminal.request(KIND.timeWanted, new Uint8Array(8).fill(1)));
    await ms(5000);
    await go(rig.terminal.request(KIND.timeWanted, new Uint8Array(8).fill(2)));
    await ms(5000);
    expect(rig.terminal.times.length).toBe(0);
    rig.fault = null;
    await ms(10_000);
    expect(rig.terminal.times.length).toBe(1);
    const body = timeBody.decode(signedTime.decode(rig.terminal.times[0] as Uint8Array)!.body)!;
    expect([...body.nonce]).toEqual(new Array(8).fill(2));
    expect(body.timeS).toBeGreaterThanOrEqual(T0 + 10);
  });

  test('an answer that is overtaken by a newer question is not brought', async () => {
    const answers: ((reply: Result<{ time: Uint8Array }>) => void)[] = [];
    const brought: Uint8Array[] = [];
    const clock = createVirtualScheduler();
    const notices = createNoticePush({
      issuer: {
        signedTime: () => new Promise((resolve) => answers.push(resolve)),
        denyList: () => refusal('SERVICE_DOWN'),
        terminalNotice: () => refusal('SERVICE_DOWN'),
      },
      terminal: {
        up: () => true,
        time: async (bytes) => (brought.push(bytes), 'OK'),
        denyList: async () => 'OK',
        retired: async () => 'OK',
      },
      ...{
        issuerLine: fixedLine(issuerKey.publicKey),
        learn: async () => undefined,
        scheduler: clock,
        log: silentLog(),
      },
    });
    rig = await createRig();
    const timeOf = (fill: number) =>
      rig.issuer.signedTime(new Uint8Array(8).fill(fill)) as { ok: true; time: Uint8Array };
    notices.onTimeWanted(new Uint8Array(8).fill(1));
    notices.onTimeWanted(new Uint8Array(8).fill(2));
    answers[1]!(timeOf(2));
    answers[0]!(timeOf(1));
    await pass(clock, 10);
    expect(brought).toEqual([timeOf(2).time]);
    notices.onTimeWanted(new Uint8Array(8).fill(3));
    notices.onDown(); // the terminal's next session asks anew
    answers[2]!(timeOf(3));
    await pass(clock, 10);
    expect(brought.length).toBe(1);
  });

  test('a newer deny list reaches the terminal at once after it connects, and within a poll later', async () => {
    rig = await createRig();
    await ms(100);
    const first = rig.terminal.denyVersion;
    expect(first).toBe(rig.bridge ? (await go(Promise.resolve(rig.issuer.denyList(0)))).ok && first : 0);
    rig.office.deny(pseudonymKey.publicKey, 'test');
    await ms(DENY_POLL_MS + 1000);
    expect(rig.terminal.denyVersion).toBeGreaterThan(first);
    const calls = rig.calls.filter((name) => name === 'issuer.denyList').length;
    await ms(10 * DENY_POLL_MS);
    expect(rig.calls.filter((name) => name === 'issuer.denyList').length - calls).toBeLessThanOrEqual(11);
    rig.office.deny(new Uint8Array(32).fill(3), 'test');
    await go(rig.bridge.pushDenyList());
    expect(rig.terminal.denyVersion).toBe((rig.issuer.denyList(0) as { version: number }).version);
  });

  test('a list of another issuer is not brought', async () => {
    rig = await createRig({ issuerKey: new Uint8Array(32).fill(7) });
    await ms(1000);
    rig.office.deny(pseudonymKey.publicKey, 'test');
    await go(rig.bridge.pushDenyList());
    await go(rig.terminal.request(KIND.timeWanted, new Uint8Array(8)));
    await ms(1000);
    expect([rig.terminal.denyVersion, rig.terminal.times.length]).toEqual([0, 0]);
  });
});

describe('charges', () => {
  const stateOf = async () => (await go(rig.bridge.status())).charge?.state;

  test('a charge opens, is tapped, accepted, paid; a waiter sees each change', async () => {
    rig = await createRig();
    const opened = await go(rig.bridge.charge(350));
    expect(opened).toMatchObject({ ok: true, charge: { amount: 350, state: 'open', tap: null } });
    if (!opened.ok) return;
    const id = fromHex(opened.charge.id) as Uint8Array;
    const waiting = rig.bridge.wait(id, opened.charge.changes, 60_000);
    rig.terminal.tap('open', 'CONFIRM_NEEDED');
    expect(await go(waiting)).toMatchObject({ charge: { state: 'open', code: 'CONFIRM_NEEDED' } });
    rig.terminal.tap('accepted');
    await ms(100);
    expect(await stateOf()).toBe('accepted');
    await ms(3 * ASK_AGAIN_MS); // asked again, an accepted charge stays accepted
    expect(await stateOf()).toBe('accepted');
    rig.terminal.tap('paid');
    await ms(100);
    expect(await go(rig.bridge.wait(id, 99, 60_000))).toMatchObject({
      charge: { state: 'paid', code: 'OK', tap: { paidMs: 65, verifyMs: 14, flashWrites: 2 } },
    });
    expect(await go(rig.bridge.cancel(id))).toMatchObject({ ok: false, code: 'ALREADY_PAID' });
    expect(await go(rig.bridge.cancel())).toMatchObject({ ok: false, code: 'NO_CHARGE' });
    expect(rig.terminal.opened).toBe(1);
    expect((await go(rig.bridge.charge(1))).ok).toBe(true);
  });

  test('one at a time; the same id is the same charge', async () => {
    rig = await createRig();
    const id = new Uint8Array(8).fill(5);
    await go(rig.bridge.charge(350, id));
    expect(await go(rig.bridge.charge(350, id))).toMatchObject({ ok: true, charge: { id: toHex(id), state: 'open' } });
    expect(await go(rig.bridge.charge(351, id))).toMatchObject({ code: 'CHARGE_OPEN' });
    expect(await go(rig.bridge.charge(350))).toMatchObject({ code: 'CHARGE_OPEN' });
    expect(rig.terminal.opened).toBe(1);
    expect(await go(rig.bridge.cancel())).toMatchObject({ ok: true, charge: { state: 'cancelled' } });
    expect(await go(rig.bridge.cancel(id))).toMatchObject({ ok: true, charge: { state: 'cancelled' } });
    expect(await go(rig.bridge.cancel(new Uint8Array(8)))).toMatchObject({ code: 'CHARGE_UNKNOWN' });
    expect(await go(rig.bridge.wait(new Uint8Array(8), 0, 0))).toMatchObject({ code: 'CHARGE_UNKNOWN' });
    expect(await go(rig.bridge.charge(1, new Uint8Array(7)))).toMatchObject({ code: 'BAD_REQUEST' });
  });

  test.each([0, -1, 0.1, NaN, 2 ** 53, '5' as never])('amount %p is refused', async (amount) => {
    rig = await createRig();
    expect(await go(rig.bridge.charge(amount))).toMatchObject({ code: 'AMOUNT_INVALID' });
    expect(rig.terminal.opened).toBe(0);
  });

  test("the terminal's refusal is the charge's end, by its name, and the next one may be asked for", async () => {
    rig = await createRig();
    for (const code of ['TIME_STALE', 'HISTORY_FULL', 'UNDELIVERED_OLD', 'CHARGE_OPEN'] as const) {
      rig.terminal.refuseWith = (kind) => (kind === KIND.charge ? code : null);
      expect(await go(rig.bridge.charge(1))).toMatchObject({ ok: true, charge: { state: 'refused', code } });
    }
    rig.terminal.refuseWith = null;
    expect(await go(rig.bridge.charge(1))).toMatchObject({ charge: { state: 'open' } });
  });

  test('an answer that gets lost opens nothing twice, and a report that gets lost is asked for', async () => {
    rig = await createRig();
    let lose = 2;
    rig.terminal.mute = (kind) => kind === KIND.charge && lose-- > 0;
    const charging = rig.bridge.charge(10);
    await ms(50_000);
    expect(await go(charging)).toMatchObject({ ok: true });
    expect([rig.terminal.opened, await stateOf()]).toEqual([1, 'open']);
    rig.terminal.tap('paid', 'OK', true);
    await ms(ASK_AGAIN_MS + 1000);
    expect(await stateOf()).toBe('paid');
    expect(rig.terminal.opened).toBe(1);
  });

  test('cable pulled, terminal restarted, bridge ended in an open charge: one charge, one result', async () => {
    rig = await createRig();
    await go(rig.bridge.charge(10));
    rig.line.connected = false;
    await ms(5000);
    rig.terminal.tap('paid');
    await ms(60_000);
    expect(await stateOf()).toBe('open');
    rig.line.connected = true;
    await ms(30_000);
    expect(await stateOf()).toBe('paid');

    await go(rig.bridge.charge(11));
    rig.terminal.reboot();
    rig.terminal.charge!.state = 4; // the clerk's button, with nobody to hear it
    await ms(20_000);
    expect(await stateOf()).toBe('cancelled');

    await go(rig.bridge.charge(12));
    await go(rig.bridge.close());
    rig.terminal.charge!.state = 3;
    await go(rig.start());
    await ms(20_000);
    expect(await stateOf()).toBe('paid');
    expect(rig.terminal.opened).toBe(3);
  });

  test('a charge that never reached the terminal opens when it returns soon, and never when it returns late', async () => {
    for (const [awayMs, state] of [
      [20_000, 'open'],
      [SENDING_MAX_S * 1000 + 5000, 'cancelled'],
    ] as const) {
      rig = await createRig();
      rig.terminal.off();
      rig.line.connected = false;
      await ms(60_000); // until the bridge knows
      const charging = rig.bridge.charge(10);
      await ms(awayMs);
      expect(await go(charging)).toMatchObject({ charge: { state: 'sending' } });
      rig.line.connected = true;
      rig.terminal.reboot();
      await ms(10_000);
      expect([rig.terminal.opened, await stateOf()]).toEqual([state === 'open' ? 1 : 0, state]);
      if (awayMs < 30_000) await rig.stop();
    }
  });

  test.each([-25, 25])('the clock is set by %i days: a charge that nobody saw is given up in time', async (days) => {
    let wallS = T0;
    rig = await createRig({ clock: () => wallS });
    rig.terminal.off();
    rig.line.connected = false;
    await ms(60_000); // until the bridge knows
    const charging = rig.bridge.charge(10);
    await ms(1000);
    wallS += days * 86_400;
    await ms(10_000);
    expect(await go(charging)).toMatchObject({ charge: { state: 'sending' } });
    await ms(SENDING_MAX_S * 1000);
    rig.line.connected = true;
    rig.terminal.reboot();
    await ms(10_000);
    expect([rig.terminal.opened, await stateOf()]).toEqual([0, 'cancelled']);
  });

  test('a cancel that finds no terminal is kept, also over the end of the bridge', async () => {
    rig = await createRig();
    await go(rig.bridge.charge(10));
    rig.line.connected = false;
    expect(await go(rig.bridge.cancel())).toMatchObject({
      ok: false,
      code: expect.stringMatching(/LINK_DOWN|NO_ANSWER/),
      detail: expect.stringContaining('as soon as'),
    });
    await go(rig.bridge.close());
    rig.line.connected = true;
    await go(rig.start());
    await ms(5000);
    expect([rig.terminal.charge!.state, await stateOf()]).toEqual([4, 'cancelled']);
  });

  test('each charge has a number above all before, also those of another bridge or of a database that was lost', async () => {
    rig = await createRig();
    rig.terminal.chargeNumber = 41;
    rig.terminal.reboot();
    await ms(20_000);
    for (const number of [42, 43]) {
      expect(await go(rig.bridge.charge(10))).toMatchObject({ charge: { state: 'open' } });
      expect(rig.terminal.chargeNumber).toBe(number);
      await go(rig.bridge.cancel());
    }
    await go(rig.bridge.close());
    await go(rig.start());
    await go(rig.bridge.charge(10));
    expect([rig.terminal.chargeNumber, rig.terminal.opened]).toEqual([44, 3]);
  });

  test('a charge that the terminal has forgotten behind later ones is not opened again: its result is lost', async () => {
    rig = await createRig();
    await go(rig.bridge.charge(10));
    rig.terminal.off();
    await ms(60_000);
    // As after a restore of the bridge: the terminal has had other charges since.
    rig.terminal.charge = { ...rig.terminal.charge!, id: new Uint8Array(8), state: 3 };
    rig.terminal.chargeNumber = 7;
    rig.terminal.reboot();
    await ms(20_000);
    expect([rig.terminal.opened, await stateOf()]).toEqual([1, 'lost']);
    expect((await go(rig.bridge.status())).charge).toMatchObject({ code: 'NOT_NEWER' });
    expect(await go(rig.bridge.charge(11))).toMatchObject({ charge: { state: 'open' } });
    expect(rig.terminal.chargeNumber).toBe(8);
  });

  test('a charge whose time is over while the terminal is away ends at its return; one that was paid stays paid', async () => {
    for (const isPaid of [false, true]) {
      rig = await createRig();
      await go(rig.bridge.charge(10));
      expect(rig.terminal.charge!.lifetimeS).toBe(CHARGE_LIFETIME_S);
      rig.terminal.off();
      if (isPaid) rig.terminal.charge!.state = 3;
      await ms(CHARGE_LIFETIME_S * 1000);
      expect(await stateOf()).toBe('open');
      rig.terminal.reboot();
      await ms(20_000);
      expect([rig.terminal.charge!.state, await stateOf()]).toEqual(isPaid ? [3, 'paid'] : [4, 'cancelled']);
      expect((await go(rig.bridge.status())).charge!.code).toBe(isPaid ? null : 'CHARGE_EXPIRED');
      if (!isPaid) await rig.stop();
    }
  });

  test('a charge that the terminal ended for its time is told so, by its report or by its answer', async () => {
    for (const silent of [false, true]) {
      rig = await createRig();
      await go(rig.bridge.charge(10));
      rig.terminal.tap('cancelled', 'CHARGE_EXPIRED', silent);
      if (silent) rig.terminal.refuseWith = (kind) => (kind === KIND.charge ? 'CHARGE_EXPIRED' : null);
      await ms(ASK_AGAIN_MS + 1000);
      expect((await go(rig.bridge.status())).charge).toMatchObject({ state: 'cancelled', code: 'CHARGE_EXPIRED' });
      if (!silent) await rig.stop();
    }
  });

  test('what is left of a lifetime is asked for, and no clock that is set changes it', async () => {
    let aheadS = 0;
    rig = await createRig({ chargeLifetimeS: 60, clock: () => T0 + aheadS });
    await go(rig.bridge.charge(10));
    expect(rig.terminal.charge!.lifetimeS).toBe(60);
    for (aheadS of [1e6, -1e6]) {
      rig.terminal.charge = null;
      rig.terminal.chargeNumber = 0;
      await ms(ASK_AGAIN_MS + 1000);
    }
    expect(rig.terminal.charge!.lifetimeS).toBeGreaterThan(20);
    expect(rig.terminal.charge!.lifetimeS).toBeLessThan(50);
  });

  test('another terminal at the cable is not asked for a charge of the first', async () => {
    rig = await createRig();
    await go(rig.bridge.charge(10));
    rig.terminal.terminalId = new Uint8Array([9, 9, 9, 9]);
    rig.terminal.charge = null;
    rig.terminal.reboot();
    await ms(20_000);
    expect([rig.terminal.opened, await stateOf()]).toEqual([1, 'lost']);
    expect(await go(rig.bridge.charge(11))).toMatchObject({ charge: { state: 'open' } });
  });
});

describe('port', () => {
  test('a port that vanishes and returns is taken up again; requests meanwhile fail by name', async () => {
    rig = await createRig();
    rig.portMissing = true;
    await rig.port!.close();
    rig.port!.onLost!(Object.assign(new Error('unplugged'), { name: 'TapcashError', code: 'LINK_LOST' }) as never);
    expect(await go(rig.bridge.terminal.status())).toMatchObject({ code: 'LINK_DOWN' });
    await ms(10_000);
    const seen = rig.events.filter((event) => event.type === 'port');
    expect(seen).toMatchObject([{ ok: false, error: { code: 'LINK_LOST' } }]);
    expect((await go(rig.bridge.status())).link).toMatchObject({ up: false, port: { code: 'LINK_LOST' } });
    rig.portMissing = false;
    rig.terminal.reboot();
    await ms(5000);
    expect((await go(rig.bridge.status())).link).toMatchObject({ up: true, code: 'OK', port: null });
    expect(rig.events.filter((event) => event.type === 'port').length).toBe(2);
  });

  test('a terminal that is silent is named, and so is a port that is missing at the start', async () => {
    rig = await createRig();
    await go(rig.bridge.close());
    rig.terminal.off();
    rig.line.b.onData = null;
    const silent = rig.start().then(
      () => 'up',
      (error) => error.code,
    );
    expect(await go(silent)).toBe('BOARD_SILENT');
    await go(rig.bridge.close());
    rig.portMissing = true;
    expect(
      await go(
        rig.start().then(
          () => 'up',
          (error) => error.code,
        ),
      ),
    ).toBe('PORT_MISSING');
  });

  test('a terminal of another version is named', async () => {
    rig = await createRig();
    await go(rig.bridge.close());
    rig.terminal.off();
    const plain = (bytes: Uint8Array) => crc32(bytes);
    rig.line.b.onData = () =>
      rig.line.b.write(
        toChars(encodeFrame({ type: FRAME.helloAck, sequence: 0, payload: Uint8Array.of(3, 2, 9, 9) }, plain)),
      );
    expect(
      await go(
        rig.start().then(
          () => 'up',
          (error) => error.message,
        ),
      ),
    ).toContain('(this program is older: version 2, the board 3)');
    expect((await go(rig.bridge.status())).link).toMatchObject({
      up: false,
      code: 'UPDATE_NEEDED',
      older: 'this program is older: version 2, the board 3',
    });
  });
});
