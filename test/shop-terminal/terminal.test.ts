/** The terminal between token and bridge: who checks, what is shown, what is delivered, and what a torn tap leaves. */
import { SIGNAL } from '../../firmware/panel/indicator.js';
import { KIND, deskRequest, tapReport, terminalStatus } from '../../firmware/wire/link/link-messages.js';
import { codeNumber, codeOf, type Code } from '../../firmware/core/codes.js';
import { INS } from '../../firmware/wire/token-commands.js';
import { refundBody, type RefundBody } from '../../firmware/wire/refund.js';
import { SIGNED, WIRE_VERSION } from '../../firmware/wire/signed.js';
import { exercises } from '../kit/exercises.js';
import { CONFIG, idOf, makeDenyList, makeTime, NOW_S } from './till-rig.js';
import { createToken, createRig, keyOf, lastLine, licenseFor, TERMINAL, verifies, type Rig } from './terminal-rig.js';

/** A rig whose bridge is there and has brought time and deny list. */
function online(): Rig {
  const rig = createRig();
  rig.link(true);
  rig.run(200);
  return rig;
}
const total = (rig: Rig): number => [...rig.bridge.amounts.values()].reduce((sum, amount) => sum + amount, 0);

describe('a tap', () => {
  test('is checked by the bridge, PAID, acknowledged, reported and delivered', () => {
    const rig = online();
    const token = createToken(1);
    expect(rig.charge(1, 350)).toBe('OK');
    expect(lastLine(rig)).toBe('PAY');
    expect(rig.tap(token)).toBe('paid');
    expect(rig.screen.slice(-3)).toEqual([
      ['PAY', '3.50 EUR', 'tap your token', '5 min left'],
      ['HOLD', '3.50 EUR'],
      ['PAID', '3.50 EUR'],
    ]);
    expect([...token.debits.values()]).toMatchObject([{ amount: 350, settled: true }]);
    expect([...rig.bridge.stored.values()]).toEqual([1]);
    exercises('2.2', '4.2', '5.2', '7.2', '9.2', '21.7', '21.8', '21.9');
    const report = rig.bridge.reports[0];
    expect(report).toMatchObject({ chargeId: idOf(1), amount: 350, chargeState: 3, code: 0 });
    expect(report.paidMs).toBeGreaterThanOrEqual(
      report.selectMs + report.licenseMs + report.challengeMs + report.verifyMs,
    );
    expect(rig.boardChecks.count).toBe(0);
    expect(rig.charge(1, 350)).toBe('ALREADY_PAID');
    const status = terminalStatus.decode(rig.ask(KIND.status, new Uint8Array(0)).data)!;
    expect(status).toMatchObject({ historiesPending: 0, tombstonesPending: 0, chargeState: 3, denyVersion: 1 });
    expect(status.timeS).toBeGreaterThanOrEqual(NOW_S);
    expect(status.firmware).toEqual(new Uint8Array([0xfa, 0x1b, 0x2c, 0x3d]));
  });

  test('of a token that was here before asks the bridge for the payment only', () => {
    const rig = online();
    const token = createToken(1);
    rig.charge(1, 1);
    rig.tap(token);
    expect(rig.bridge.asked.length).toBe(2);
    rig.charge(2, 1);
    rig.tap(token);
    expect(rig.bridge.asked.length).toBe(3);
  });

  test('around which the clerk cancels and charges another amount shows PAID with the amount that was paid', () => {
    for (let afterMs = 0; afterMs < 150; afterMs++) {
      const rig = online();
      const token = createToken(1);
      rig.charge(1, 350);
      rig.run(100);
      rig.field.token = token;
      rig.run(afterMs);
      const amount = rig.cancel(1) === 'OK' ? 4200 : 350; // from CHALLENGE on it is too late
      if (amount === 4200) {
        expect(rig.charge(2, amount)).toBe('OK');
        // This token was there for the first charge.
        rig.field.token = null;
        rig.run(1000);
        rig.field.token = token;
      }
      rig.run(3000);
      expect([...token.debits.values()].map((d) => d.amount)).toEqual([amount]);
      expect(rig.screen.filter(([headline]) => headline === 'PAID')).toEqual([
        ['PAID', amount === 350 ? '3.50 EUR' : '42.00 EUR'],
      ]);
    }
  });

  test('during which the clerk cancels and charges anew sends no CHALLENGE for a charge that was not opened', () => {
    const rig = online();
    rig.bridge.verifies = 'silent';
    rig.charge(1, 350);
    const token = createToken(1);
    rig.field.token = token;
    rig.scheduler.runUntil(() => rig.bridge.asked.length === 1, 3000); // about the license
    expect(rig.cancel(1)).toBe('OK');
    expect(rig.charge(2, 99)).toBe('OK');
    rig.scheduler.runUntil(() => rig.bridge.reports.some((r) => r.code !== 0), 3000);
    expect(token.debits.size).toBe(0);
    rig.field.token = null;
    rig.run(1000);
    expect(rig.tap(token, 6000)).toBe('accepted');
    expect([...token.debits.values()].map((d) => d.amount)).toEqual([99]);
  });

  test.each([
    [1, 'update token', 'UPDATE_NEEDED'],
    [3, 'update terminal', 'UPDATE_NEEDED'],
  ])('by a token of version %i shows which side is to be updated, and does nothing else', (version, line, code) => {
    const rig = online();
    rig.charge(1, 350);
    rig.field.version = version;
    const before = rig.field.commands;
    rig.field.token = createToken(1);
    rig.run(500);
    expect(rig.screen[rig.screen.length - 1]).toEqual(['PAY', '3.50 EUR', line]);
    expect(rig.bridge.reports.map((report) => codeOf(report.code))).toEqual([code]);
    expect([rig.field.commands - before, rig.field.token.debits.size]).toEqual([1, 0]);
    rig.field.version = WIRE_VERSION;
    expect(rig.tap(rig.field.token, 6000)).toBe('paid');
  });

  test('that is over for the till is acknowledged and reported under its own Rs, though the next charge is open', () => {
    const rig = online();
    const token = createToken(1);
    rig.charge(1, 350);
    rig.field.token = token;
    rig.scheduler.runUntil(() => rig.state() === 'paid', 3000);
    expect(rig.charge(2, 5)).toBe('OK');
    rig.field.tear = { left: 1, when: 'before' }; // ACK goes through, then the token is gone
    rig.run(200);
    expect([...token.debits.values()]).toMatchObject([{ amount: 350, settled: true }]);
    expect(rig.bridge.reports[0]).toMatchObject({ chargeId: idOf(1), amount: 350, chargeState: 3 });
    expect(rig.state()).toBe('open');
  });

  test('of a token that says that there is no charge leaves PAY on the display', () => {
    const rig = online();
    const token = createToken(1);
    token.answer = () => {
      rig.field.token = null; // after this answer, for good
      return { code: 'NO_CHARGE', data: new Uint8Array(0) };
    };
    rig.charge(1, 350);
    rig.field.token = token;
    rig.run(3000);
    expect(rig.screen.map(([headline]) => headline)).toContain('HOLD');
    expect([lastLine(rig), rig.state()]).toEqual(['PAY', 'open']);
  });

  test('without bridge, up to the floor limit: ACCEPTED, checked on the board, then PAID', () => {
    const rig = online();
    rig.charge(1, 1000);
    rig.link(false);
    rig.field.token = createToken(1);
    rig.scheduler.runUntil(() => rig.state() === 'accepted', 3000);
    expect(rig.screen.at(-1)).toEqual(['ACCEPTED', '10.00 EUR', 'not checked yet']);
    expect(rig.tap(rig.field.token)).toBe('paid');
    // Not the signal of a payment that was checked.
    expect(rig.signals).toEqual([SIGNAL.unsure]);
    expect(rig.boardChecks.count).toBe(2);
    expect(rig.bridge.stored.size).toBe(0);
    rig.link(true);
    rig.run(100);
    expect([...rig.bridge.stored.values()]).toEqual([1]);
  });

  test('without bridge, above the floor limit: PAID only after the board has checked', () => {
    const rig = online();
    rig.charge(1, 1001);
    rig.link(false);
    const shown = rig.screen.length;
    expect(rig.tap(createToken(1))).toBe('paid');
    const titles = rig.screen.slice(shown).map((lines) => lines[0]);
    expect(titles).not.toContain('ACCEPTED');
    expect(titles.indexOf('CHECKING')).toBeLessThan(titles.indexOf('PAID'));
    // How far it is: the license, then the payment.
    const steps = rig.screen.slice(shown).filter(([title]) => title === 'CHECKING');
    expect(steps.map(([, step]) => step)).toEqual(['1 of 2', '2 of 2']);
  });

  test('with a bridge that does not answer is checked on the board', () => {
    const rig = online();
    rig.bridge.verifies = 'silent';
    rig.charge(1, 1001);
    expect(rig.tap(createToken(1), 6000)).toBe('paid');
    expect(rig.boardChecks.count).toBe(2);
  });

  test('below the floor limit with a forged signature: ACCEPTED, then alarm, and the charge is open again', () => {
    const rig = online();
    rig.charge(1, 500);
    rig.link(false);
    const token = createToken(1);
    token.forges = true;
    rig.field.token = token;
    rig.scheduler.runUntil(() => rig.state() === 'accepted', 3000);
    rig.field.token = null;
    rig.run(500);
    expect(rig.state()).toBe('open');
    expect(rig.screen.map((lines) => lines.join(' '))).toContain('ALARM SIGNATURE_INVALI D');
    rig.link(true);
    rig.run(200);
    expect(rig.bridge.alarms).toEqual(['SIGNATURE_INVALID']);
    expect(rig.bridge.stored.size).toBe(0);
    expect(rig.tap(createToken(2))).toBe('paid');
  });

  const refusals: [string, (rig: Rig, token: ReturnType<typeof createToken>) => void][] = [
    ['REFUSED', (_w, t) => void (t.refuses = 'REFUSED')],
    ['SIGNATURE_INVALID', (_w, t) => void (t.forges = true)],
    ['LICENSE_INVALID', (_w, t) => void (t.license = licenseFor(t.n, keyOf(77)))],
    ['LICENSE_EXPIRED', (_w, t) => void (t.license = licenseFor(t.n, undefined, NOW_S))],
    ['DENIED', (w, t) => void w.ask(KIND.denyList, makeDenyList(9, NOW_S, [keyOf(t.n).publicKey]))],
    ['BAD_REQUEST', (_w, t) => void (t.license = new Uint8Array(10))],
    ['CONFIRM_NEEDED', (_w, t) => void (t.refuses = 'CONFIRM_NEEDED')],
  ];
  // A bad license gets no CHALLENGE, a bad SKU leaves no H.
  const CLAIMED: Record<string, string[]> = {
    LICENSE_INVALID: ['4.1', '5.1', '7.1', '9.1', '21.3', '21.6'],
    SIGNATURE_INVALID: ['2.1', '21.4', '21.5', '21.10'],
  };
  test.each(refusals)('%s is shown and reported, and the charge stays open for another token', (code, spoil) => {
    const rig = online();
    rig.charge(1, 350);
    const token = createToken(1);
    spoil(rig, token);
    expect(rig.tap(token, 500)).toBe('open');
    expect(rig.bridge.reports[0].code).toBe(codeNumber(code as never));
    expect([token.debits.size, rig.bridge.stored.size]).toEqual([0, 0]);
    exercises(...(CLAIMED[code] ?? []));
    expect(rig.tap(createToken(2))).toBe('paid');
    expect(total(rig)).toBe(350);
  });

  test('CONFIRM_NEEDED: pressed and tapped again, the same token pays the same challenge', () => {
    const rig = online();
    rig.charge(1, 350);
    const token = createToken(1);
    token.refuses = 'CONFIRM_NEEDED';
    rig.tap(token, 300);
    const rs = rig.till.view().rs;
    token.refuses = null;
    expect(rig.tap(token)).toBe('paid');
    expect(rig.till.view().rs).toEqual(rs);
    expect(rig.bridge.tombstones.size).toBe(0);
  });

  test('a debit whose ACK was lost is settled at the next tap here; one of a cancelled charge is not', () => {
    const rig = online();
    const token = createToken(1);
    rig.charge(1, 100);
    rig.field.tear = { left: 3, when: 'before' }; // SELECT, OPEN, CHALLENGE, then ACK
    expect(rig.tap(token)).toBe('paid');
    rig.charge(2, 50);
    rig.field.tear = { left: 2, when: 'after' };
    expect(rig.tap(token)).toBe('open');
    expect(rig.cancel(2)).toBe('OK');
    expect([...token.debits.values()].map((d) => d.settled)).toEqual([false, false]);
    rig.charge(3, 10);
    expect(rig.tap(token)).toBe('paid');
    expect([...token.debits.values()].map((d) => [d.amount, d.settled])).toEqual([
      [100, true],
      [50, false],
      [10, true],
    ]);
  });
});

describe('a torn tap', () => {
  test.each(['before', 'after'] as const)('%s each command: tapping again pays and debits once', (when) => {
    for (let left = 0; left < 4; left++) {
      const rig = online();
      const token = createToken(1);
      rig.charge(1, 350);
      rig.field.tear = { left, when };
      const state = rig.tap(token);
      expect(state).toBe(left < 3 ? 'open' : 'paid');
      if (state === 'open') expect(rig.tap(token)).toBe('paid');
      expect(token.debits.size).toBe(1);
      expect([...rig.bridge.stored.values()]).toEqual([1]);
      rig.charge(2, 1);
      rig.tap(token);
      expect([...token.debits.values()].every((d) => d.settled)).toBe(true);
    }
  });
});

describe('the bridge', () => {
  test('that forgets its answers gets each H and tombstone again, until it answers', () => {
    const rig = online();
    rig.bridge.forgets = true;
    rig.charge(1, 350);
    rig.tap(createToken(1));
    rig.charge(2, 10);
    rig.cancel(2);
    rig.run(60_000);
    const [times] = [...rig.bridge.stored.values()];
    expect(times).toBeGreaterThan(1);
    rig.bridge.forgets = false;
    rig.run(400_000);
    expect(rig.bridge.stored.size).toBe(1);
    expect(rig.bridge.tombstones.size).toBe(1);
    const status = terminalStatus.decode(rig.ask(KIND.status, new Uint8Array(0)).data)!;
    expect(status).toMatchObject({ historiesPending: 0, tombstonesPending: 0 });
    const after = [...rig.bridge.stored.values()];
    rig.run(400_000);
    expect([...rig.bridge.stored.values()]).toEqual(after);
  });

  test('that refuses one history gets the others all the same', () => {
    const rig = online();
    rig.bridge.refusesAmount = 350;
    for (const [n, amount] of [
      [1, 350],
      [2, 10],
      [3, 20],
    ]) {
      rig.charge(n, amount);
      rig.tap(createToken(n));
    }
    rig.run(1000);
    expect([...rig.bridge.amounts.values()]).toEqual([10, 20]);
    rig.bridge.refusesAmount = 0;
    rig.run(400_000);
    expect([...rig.bridge.amounts.values()]).toEqual([10, 20, 350]);
  });

  test('that calls a forged payment good is found out: alarm, and never asked again', () => {
    const rig = online();
    rig.bridge.verifies = 'yes';
    const token = createToken(1);
    token.forges = true;
    rig.charge(1, 350);
    expect(rig.tap(token)).toBe('paid');
    expect(rig.bridge.alarms).toEqual([]);
    rig.run(10_000);
    expect(rig.bridge.alarms).toEqual(['VERIFIER_LIED']);
    const asked = rig.bridge.asked.length;
    rig.charge(2, 2000);
    expect(rig.tap(token, 1000)).toBe('open');
    expect(rig.bridge.asked.length).toBe(asked);
  });

  test('that calls a forged license good is found out, and the license is not remembered', () => {
    const rig = online();
    rig.bridge.verifies = 'yes';
    const token = createToken(1);
    token.license = licenseFor(1, keyOf(77));
    rig.charge(1, 350);
    expect(rig.tap(token)).toBe('paid');
    rig.run(10_000);
    expect(rig.bridge.alarms).toEqual(['VERIFIER_LIED']);
    rig.charge(2, 1);
    expect(rig.tap(token, 500)).toBe('open');
  });

  test('that called nothing wrong is checked again while idle, without alarm', () => {
    const rig = online();
    rig.charge(1, 350);
    rig.tap(createToken(1));
    rig.run(10_000);
    expect(rig.boardChecks.count).toBe(2);
    expect(rig.bridge.alarms).toEqual([]);
  });

  test('cannot replay time or deny list', () => {
    const rig = createRig();
    const sent: Uint8Array[] = [];
    rig.bridge.bringsTime = false;
    rig.link(true);
    rig.run(50);
    expect(rig.ask(KIND.time, makeTime(NOW_S, new Uint8Array(8))).code).toBe('NOT_NEWER');
    expect(rig.charge(1, 1001)).toBe('TIME_STALE');
    const list = makeDenyList(5, NOW_S, [keyOf(1).publicKey]);
    sent.push(list);
    expect(rig.ask(KIND.denyList, list).code).toBe('OK');
    expect(rig.ask(KIND.denyList, list).code).toBe('NOT_NEWER');
    expect(rig.ask(KIND.denyList, makeDenyList(4, NOW_S + 9, [])).code).toBe('NOT_NEWER');
    const forged = makeDenyList(6, NOW_S, []);
    forged[0] ^= 1;
    expect(rig.ask(KIND.denyList, forged).code).toBe('SIGNATURE_INVALID');
    expect(rig.ask(KIND.denyList, makeDenyList(6, NOW_S, [], Uint8Array.of(9, 9, 9, 9))).code).toBe('BAD_REQUEST');
    expect(rig.ask(KIND.denyList, list.subarray(0, list.length - 1)).code).toBe('BAD_REQUEST');
    rig.boot();
    expect(rig.ask(KIND.denyList, list).code).toBe('NOT_NEWER');
  });

  test('that holds signed time back for longer than a nonce lives has it refused', () => {
    const rig = createRig();
    rig.bridge.bringsTime = false;
    rig.link(true);
    rig.run(100);
    const [first] = rig.bridge.nonces;
    rig.run(120_500);
    expect(rig.bridge.nonces.length).toBe(2);
    expect(rig.ask(KIND.time, makeTime(NOW_S, first)).code).toBe('NOT_NEWER');
    rig.bridge.up = false; // no further nonce will be asked for
    rig.run(119_000);
    const late = createRig();
    late.bridge.bringsTime = false;
    late.link(true);
    late.run(100);
    late.bridge.up = false;
    late.run(120_100);
    expect(late.ask(KIND.time, makeTime(NOW_S, late.bridge.nonces[0])).code).toBe('NOT_NEWER');
    const forged = makeTime(NOW_S, rig.bridge.nonces[1]);
    forged[0] ^= 1;
    expect(rig.ask(KIND.time, forged).code).toBe('SIGNATURE_INVALID');
    expect(rig.ask(KIND.time, makeTime(NOW_S, rig.bridge.nonces[1], Uint8Array.of(9, 9, 9, 9))).code).toBe(
      'BAD_REQUEST',
    );
    expect(rig.ask(KIND.time, makeTime(NOW_S, rig.bridge.nonces[1])).code).toBe('OK');
    expect(rig.ask(KIND.time, makeTime(NOW_S + 9, rig.bridge.nonces[1])).code).toBe('NOT_NEWER');
  });

  test('is told BUSY between CHALLENGE and check, and gets the tombstone of a cancelled charge', () => {
    const rig = online();
    rig.charge(1, 350);
    rig.bridge.verifies = 'silent';
    rig.field.token = createToken(1);
    rig.scheduler.runUntil(() => rig.bridge.asked.length === 2 || rig.field.commands >= 3, 5000);
    rig.run(30);
    expect(rig.cancel(1)).toBe('BUSY');
    rig.scheduler.runUntil(() => rig.state() === 'paid', 5000);
    expect(rig.cancel(1)).toBe('ALREADY_PAID');
    expect(rig.charge(2, 5)).toBe('OK');
    expect(rig.cancel(2)).toBe('OK');
    expect(lastLine(rig)).toBe('CANCELLED');
    rig.run(100);
    expect(rig.bridge.tombstones.size).toBe(1);
  });

  test('is refused what is no request', () => {
    const rig = online();
    expect(rig.ask(0x7f, new Uint8Array(0)).code).toBe('BAD_REQUEST');
    expect(rig.ask(KIND.charge, new Uint8Array(23)).code).toBe('BAD_REQUEST');
    expect(rig.ask(KIND.charge, new Uint8Array(24)).code).toBe('AMOUNT_INVALID');
    expect(rig.ask(KIND.cancel, new Uint8Array(7)).code).toBe('BAD_REQUEST');
    expect(rig.ask(KIND.desk, new Uint8Array(4)).code).toBe('BAD_REQUEST');
  });
});

describe('the desk', () => {
  const identity = (timeoutMs: number): Uint8Array =>
    deskRequest.encode({ timeoutMs, ins: INS.identity, data: new Uint8Array(0) });

  test('passes a command to the token that is tapped, and its code back', () => {
    const rig = online();
    rig.field.token = createToken(1);
    expect(rig.ask(KIND.desk, identity(2000))).toEqual({ code: 'OK', data: Uint8Array.of(7, 7) });
    const wrong = deskRequest.encode({ timeoutMs: 1000, ins: 0x99, data: new Uint8Array(3) });
    expect(rig.ask(KIND.desk, wrong).code).toBe('BAD_REQUEST');
  });

  test('says NO_TOKEN when nobody taps, TAP_TORN when the token leaves, BUSY while a charge is open', () => {
    const rig = online();
    expect(rig.ask(KIND.desk, identity(500)).code).toBe('NO_TOKEN');
    rig.field.token = createToken(1);
    rig.field.tear = { left: 1, when: 'after' };
    expect(rig.ask(KIND.desk, identity(500)).code).toBe('TAP_TORN');
    rig.charge(1, 5);
    expect(rig.ask(KIND.desk, identity(500)).code).toBe('BUSY');
  });

  test('tells the version of a token that speaks another one, and sends it no command', () => {
    const rig = online();
    rig.field.version = 3;
    rig.field.token = createToken(1);
    const { code, data } = rig.ask(KIND.desk, identity(500));
    expect([code, [...data], rig.field.commands]).toEqual(['UPDATE_NEEDED', [3, 200], 1]);
  });

  test('shows how far a registration is, between its commands too, and no longer than it goes on', () => {
    const rig = online();
    let answer: { code: Code; data: Uint8Array } = { code: 'BUSY', data: Uint8Array.of(4, 32) };
    rig.field.token = { ...createToken(1), answer: () => answer };
    const ask = (ins: number) =>
      rig.ask(KIND.desk, deskRequest.encode({ timeoutMs: 2000, ins, data: new Uint8Array(0) }));
    const shown = () => rig.screen.at(-1);
    expect(ask(INS.register)).toEqual({ code: 'BUSY', data: Uint8Array.of(4, 32) });
    expect(shown()).toEqual(['DESK', 'REGISTERING', '4 of 32']);
    answer = { code: 'OK', data: Uint8Array.of(12, 0, 0, 0, 0, 0) };
    ask(INS.reply);
    expect(shown()).toEqual(['DESK', 'REGISTERING', '12 to go']);
    // While the next command waits for its token, and for a moment after the last one.
    rig.field.token = null;
    rig.terminal.onRequest(
      KIND.desk,
      deskRequest.encode({ timeoutMs: 9000, ins: INS.reply, data: new Uint8Array(0) }),
      () => undefined,
    );
    rig.run(8000);
    expect(shown()).toEqual(['DESK', 'REGISTERING', '12 to go']);
    rig.run(2000);
    expect(shown()![0]).toBe('READY');
    rig.field.token = { ...createToken(1), answer: () => ({ code: 'BUSY', data: Uint8Array.of(8, 32) }) };
    ask(INS.register);
    expect(shown()![2]).toBe('8 of 32');
    rig.run(6000);
    expect(shown()![0]).toBe('READY');
    // A charge comes before it.
    ask(INS.register);
    expect(rig.charge(1, 350)).toBe('OK');
    expect(shown()![0]).toBe('PAY');
    rig.cancel(1);
    for (const last of [Uint8Array.of(0, 0, 0, 0, 0, 1), new Uint8Array(0)]) {
      answer = { code: 'OK', data: last };
      rig.field.token = { ...createToken(1), answer: () => answer };
      ask(INS.reply);
      expect(shown()![0]).not.toBe('DESK');
    }
  });

  test('goes on for the rest of its time after other work, and ends with the link', () => {
    const rig = online();
    let code = '';
    rig.terminal.onRequest(KIND.desk, identity(4000), (c) => void (code = c));
    rig.run(1000);
    expect(rig.charge(1, 5)).toBe('BUSY');
    expect(rig.ask(KIND.denyList, makeDenyList(9, NOW_S, [])).code).toBe('OK');
    rig.run(2500);
    expect(code).toBe('');
    rig.run(1000);
    expect(code).toBe('NO_TOKEN');
    rig.terminal.onRequest(KIND.desk, identity(100_000), (c) => void (code = c));
    rig.run(100);
    rig.link(false);
    rig.run(100);
    expect(lastLine(rig)).toBe('READY');
    expect(rig.charge(1, 5)).toBe('OK');
  });
});

describe('the board', () => {
  test('whose reader fails says DEVICE_FAULT, answers the bridge, and goes on when it is back', () => {
    const rig = online();
    rig.charge(1, 350);
    rig.field.broken = true;
    rig.run(9000);
    expect(rig.bridge.alarms).toEqual([]);
    rig.run(10_000);
    expect(rig.bridge.alarms).toEqual(['DEVICE_FAULT']);
    expect(rig.ask(KIND.denyList, makeDenyList(9, NOW_S, [])).code).toBe('OK');
    expect(rig.cancel(1)).toBe('OK');
    rig.charge(2, 350);
    const identity = deskRequest.encode({ timeoutMs: 300, ins: INS.identity, data: new Uint8Array(0) });
    expect(rig.cancel(2)).toBe('OK');
    expect(rig.ask(KIND.desk, identity).code).toBe('DEVICE_FAULT');
    rig.field.broken = false;
    rig.run(3000);
    expect(rig.ask(KIND.desk, identity).code).toBe('NO_TOKEN');
    rig.charge(3, 350);
    expect(rig.tap(createToken(1))).toBe('paid');
  });

  test('whose reader starts but never works says so too, at the desk and at the till', () => {
    const rig = online();
    rig.field.halfBroken = true;
    const identity = deskRequest.encode({ timeoutMs: 300, ins: INS.identity, data: new Uint8Array(0) });
    let code = '';
    rig.terminal.onRequest(KIND.desk, identity, (c) => void (code = c));
    rig.run(12_000);
    expect(code).toBe('DEVICE_FAULT');
    rig.charge(1, 350);
    rig.run(5000);
    expect(rig.bridge.alarms).toEqual(['DEVICE_FAULT']);
    rig.field.halfBroken = false;
    expect(rig.tap(createToken(1))).toBe('paid');
    expect(rig.bridge.alarms).toEqual(['DEVICE_FAULT']);
  });

  test('whose reader fails for a moment now and then, with desk commands served between, is not called broken', () => {
    const rig = online();
    rig.field.token = createToken(1);
    const identity = deskRequest.encode({ timeoutMs: 5000, ins: INS.identity, data: new Uint8Array(0) });
    for (let times = 0; times < 3; times++) {
      let code = '';
      rig.field.halfBroken = true;
      rig.terminal.onRequest(KIND.desk, identity, (c) => void (code = c));
      rig.run(1000);
      rig.field.halfBroken = false;
      rig.run(11_000);
      expect(code).toBe('OK');
    }
    expect(rig.bridge.alarms).toEqual([]);
  });

  test('serves the desk though it was asked before its reader had started', () => {
    const rig = online();
    rig.field.token = createToken(1);
    rig.boot();
    const identity = deskRequest.encode({ timeoutMs: 1000, ins: INS.identity, data: new Uint8Array(0) });
    expect(rig.ask(KIND.desk, identity).code).toBe('OK');
  });

  test('asks for the time every 12 hours', () => {
    const rig = online();
    rig.timeS = NOW_S + 43200;
    rig.run(43_200_000 + 1000);
    const status = terminalStatus.decode(rig.ask(KIND.status, new Uint8Array(0)).data)!;
    expect(status.timeS - NOW_S).toBeLessThan(43200 + 5);
    expect(status.timeS - NOW_S).toBeGreaterThanOrEqual(43200);
  });

  test('signs refunds of its own shop under its own id, nothing else, and no damaged request', () => {
    const rig = online();
    const body: RefundBody = {
      issuer: CONFIG.issuer,
      currency: CONFIG.currency,
      pku: keyOf(1).publicKey,
      rs: new Uint8Array(16),
      amount: 5,
      refundId: new Uint8Array(8),
      terminalId: CONFIG.terminalId,
      shop: CONFIG.shop,
    };
    const answer = rig.ask(KIND.refund, refundBody.encode(body));
    expect(answer.code).toBe('OK');
    expect(verifies(TERMINAL.publicKey, SIGNED.refund, refundBody.encode(body), answer.data)).toBe(true);
    for (const other of [
      { issuer: new Uint8Array(4) },
      { currency: 'USD' },
      { terminalId: new Uint8Array(4) },
      { shop: 'Other' },
    ]) {
      expect(rig.ask(KIND.refund, refundBody.encode({ ...body, ...other }))).toMatchObject({ code: 'WRONG_NAME' });
    }
    const sound = refundBody.encode(body);
    for (let length = 0; length < sound.length; length++)
      expect(rig.ask(KIND.refund, sound.subarray(0, length)).code).toBe('BAD_REQUEST');
  });

  test('cancels by its button, and reports it', () => {
    const rig = online();
    rig.charge(1, 350);
    rig.terminal.onButton();
    rig.run(100);
    expect(rig.state()).toBe('cancelled');
    expect(rig.bridge.reports.map((r) => r.chargeState)).toEqual([4]);
    expect(rig.bridge.tombstones.size).toBe(1);
  });
});

test('reports survive their own codec', () => {
  const rig = online();
  rig.charge(1, 2 ** 53 - 1);
  rig.tap(createToken(1));
  expect(tapReport.decode(tapReport.encode(rig.bridge.reports[0]))).toEqual(rig.bridge.reports[0]);
});
