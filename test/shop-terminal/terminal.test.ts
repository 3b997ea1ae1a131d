/** The terminal between token and bridge: who checks, what is shown, what is delivered, and what a torn tap leaves. */
import { KIND, deskRequest, tapReport, terminalStatus } from '../../firmware/wire/link/link-messages.js';
import { codeNumber, codeOf } from '../../firmware/core/codes.js';
import { INS } from '../../firmware/wire/token-commands.js';
import { refundBody, type RefundBody } from '../../firmware/wire/refund.js';
import { SIGNED, WIRE_VERSION } from '../../firmware/wire/signed.js';
import { CONFIG, idOf, makeDenyList, makeTime, NOW_S } from './till-rig.js';
import {
  createToken,
  createWorld,
  keyOf,
  lastLine,
  licenseFor,
  TERMINAL,
  verifies,
  type World,
} from './terminal-rig.js';

/** A world whose bridge is there and has brought time and deny list. */
function online(): World {
  const world = createWorld();
  world.link(true);
  world.run(200);
  return world;
}
const total = (world: World): number => [...world.bridge.amounts.values()].reduce((sum, amount) => sum + amount, 0);

describe('a tap', () => {
  test('is checked by the bridge, PAID, acknowledged, reported and delivered', () => {
    const world = online();
    const token = createToken(1);
    expect(world.charge(1, 350)).toBe('OK');
    expect(lastLine(world)).toBe('PAY');
    expect(world.tap(token)).toBe('paid');
    expect(world.screen.slice(-3)).toEqual([
      ['PAY', '3.50 EUR', 'tap your token', '5 min left'],
      ['HOLD', '3.50 EUR'],
      ['PAID', '3.50 EUR'],
    ]);
    expect([...token.debits.values()]).toMatchObject([{ amount: 350, settled: true }]);
    expect([...world.bridge.stored.values()]).toEqual([1]);
    const report = world.bridge.reports[0];
    expect(report).toMatchObject({ chargeId: idOf(1), amount: 350, chargeState: 3, code: 0 });
    expect(report.paidMs).toBeGreaterThanOrEqual(
      report.selectMs + report.licenseMs + report.challengeMs + report.verifyMs,
    );
    expect(world.boardChecks.count).toBe(0);
    expect(world.charge(1, 350)).toBe('ALREADY_PAID');
    const status = terminalStatus.decode(world.ask(KIND.status, new Uint8Array(0)).data)!;
    expect(status).toMatchObject({ historiesPending: 0, tombstonesPending: 0, chargeState: 3, denyVersion: 1 });
    expect(status.timeS).toBeGreaterThanOrEqual(NOW_S);
  });

  test('of a token that was here before asks the bridge for the payment only', () => {
    const world = online();
    const token = createToken(1);
    world.charge(1, 1);
    world.tap(token);
    expect(world.bridge.asked.length).toBe(2);
    world.charge(2, 1);
    world.tap(token);
    expect(world.bridge.asked.length).toBe(3);
  });

  test('around which the clerk cancels and charges another amount shows PAID with the amount that was paid', () => {
    for (let afterMs = 0; afterMs < 150; afterMs++) {
      const world = online();
      const token = createToken(1);
      world.charge(1, 350);
      world.run(100);
      world.field.token = token;
      world.run(afterMs);
      const amount = world.cancel(1) === 'OK' ? 4200 : 350; // from CHALLENGE on it is too late
      if (amount === 4200) {
        expect(world.charge(2, amount)).toBe('OK');
        // This token was there for the first charge.
        world.field.token = null;
        world.run(1000);
        world.field.token = token;
      }
      world.run(3000);
      expect([...token.debits.values()].map((d) => d.amount)).toEqual([amount]);
      expect(world.screen.filter(([headline]) => headline === 'PAID')).toEqual([
        ['PAID', amount === 350 ? '3.50 EUR' : '42.00 EUR'],
      ]);
    }
  });

  test('during which the clerk cancels and charges anew sends no CHALLENGE for a charge that was not opened', () => {
    const world = online();
    world.bridge.verifies = 'silent';
    world.charge(1, 350);
    const token = createToken(1);
    world.field.token = token;
    world.scheduler.runUntil(() => world.bridge.asked.length === 1, 3000); // about the license
    expect(world.cancel(1)).toBe('OK');
    expect(world.charge(2, 99)).toBe('OK');
    world.scheduler.runUntil(() => world.bridge.reports.some((r) => r.code !== 0), 3000);
    expect(token.debits.size).toBe(0);
    world.field.token = null;
    world.run(1000);
    expect(world.tap(token, 6000)).toBe('accepted');
    expect([...token.debits.values()].map((d) => d.amount)).toEqual([99]);
  });

  test.each([
    [1, 'update token', 'UPDATE_NEEDED'],
    [3, 'update terminal', 'UPDATE_NEEDED'],
  ])('by a token of version %i shows which side is to be updated, and does nothing else', (version, line, code) => {
    const world = online();
    world.charge(1, 350);
    world.field.version = version;
    const before = world.field.commands;
    world.field.token = createToken(1);
    world.run(500);
    expect(world.screen[world.screen.length - 1]).toEqual(['PAY', '3.50 EUR', line]);
    expect(world.bridge.reports.map((report) => codeOf(report.code))).toEqual([code]);
    expect([world.field.commands - before, world.field.token.debits.size]).toEqual([1, 0]);
    world.field.version = WIRE_VERSION;
    expect(world.tap(world.field.token, 6000)).toBe('paid');
  });

  test('that is over for the till is acknowledged and reported under its own Rs, though the next charge is open', () => {
    const world = online();
    const token = createToken(1);
    world.charge(1, 350);
    world.field.token = token;
    world.scheduler.runUntil(() => world.state() === 'paid', 3000);
    expect(world.charge(2, 5)).toBe('OK');
    world.field.tear = { left: 1, when: 'before' }; // ACK goes through, then the token is gone
    world.run(200);
    expect([...token.debits.values()]).toMatchObject([{ amount: 350, settled: true }]);
    expect(world.bridge.reports[0]).toMatchObject({ chargeId: idOf(1), amount: 350, chargeState: 3 });
    expect(world.state()).toBe('open');
  });

  test('of a token that says that there is no charge leaves PAY on the display', () => {
    const world = online();
    const token = createToken(1);
    token.answer = () => {
      world.field.token = null; // after this answer, for good
      return { code: 'NO_CHARGE', data: new Uint8Array(0) };
    };
    world.charge(1, 350);
    world.field.token = token;
    world.run(3000);
    expect(world.screen.map(([headline]) => headline)).toContain('HOLD');
    expect([lastLine(world), world.state()]).toEqual(['PAY', 'open']);
  });

  test('without bridge, up to the floor limit: ACCEPTED, checked on the board, then PAID', () => {
    const world = online();
    world.charge(1, 1000);
    world.link(false);
    world.field.token = createToken(1);
    world.scheduler.runUntil(() => world.state() === 'accepted', 3000);
    expect(lastLine(world)).toBe('ACCEPTED');
    expect(world.tap(world.field.token)).toBe('paid');
    expect(world.boardChecks.count).toBe(2);
    expect(world.bridge.stored.size).toBe(0);
    world.link(true);
    world.run(100);
    expect([...world.bridge.stored.values()]).toEqual([1]);
  });

  test('without bridge, above the floor limit: PAID only after the board has checked', () => {
    const world = online();
    world.charge(1, 1001);
    world.link(false);
    const shown = world.screen.length;
    expect(world.tap(createToken(1))).toBe('paid');
    const titles = world.screen.slice(shown).map((lines) => lines[0]);
    expect(titles).not.toContain('ACCEPTED');
    expect(titles.indexOf('CHECKING')).toBeLessThan(titles.indexOf('PAID'));
  });

  test('with a bridge that does not answer is checked on the board', () => {
    const world = online();
    world.bridge.verifies = 'silent';
    world.charge(1, 1001);
    expect(world.tap(createToken(1), 6000)).toBe('paid');
    expect(world.boardChecks.count).toBe(2);
  });

  test('below the floor limit with a forged signature: ACCEPTED, then alarm, and the charge is open again', () => {
    const world = online();
    world.charge(1, 500);
    world.link(false);
    const token = createToken(1);
    token.forges = true;
    world.field.token = token;
    world.scheduler.runUntil(() => world.state() === 'accepted', 3000);
    world.field.token = null;
    world.run(500);
    expect(world.state()).toBe('open');
    expect(world.screen.map((lines) => lines.join(' '))).toContain('ALARM SIGNATURE_INVALI D');
    world.link(true);
    world.run(200);
    expect(world.bridge.alarms).toEqual(['SIGNATURE_INVALID']);
    expect(world.bridge.stored.size).toBe(0);
    expect(world.tap(createToken(2))).toBe('paid');
  });

  const refusals: [string, (world: World, token: ReturnType<typeof createToken>) => void][] = [
    ['REFUSED', (_w, t) => void (t.refuses = 'REFUSED')],
    ['SIGNATURE_INVALID', (_w, t) => void (t.forges = true)],
    ['LICENSE_INVALID', (_w, t) => void (t.license = licenseFor(t.n, keyOf(77)))],
    ['LICENSE_EXPIRED', (_w, t) => void (t.license = licenseFor(t.n, undefined, NOW_S))],
    ['DENIED', (w, t) => void w.ask(KIND.denyList, makeDenyList(9, NOW_S, [keyOf(t.n).publicKey]))],
    ['BAD_REQUEST', (_w, t) => void (t.license = new Uint8Array(10))],
    ['CONFIRM_NEEDED', (_w, t) => void (t.refuses = 'CONFIRM_NEEDED')],
  ];
  test.each(refusals)('%s is shown and reported, and the charge stays open for another token', (code, spoil) => {
    const world = online();
    world.charge(1, 350);
    const token = createToken(1);
    spoil(world, token);
    expect(world.tap(token, 500)).toBe('open');
    expect(world.bridge.reports[0].code).toBe(codeNumber(code as never));
    expect(world.tap(createToken(2))).toBe('paid');
    expect(total(world)).toBe(350);
  });

  test('CONFIRM_NEEDED: pressed and tapped again, the same token pays the same challenge', () => {
    const world = online();
    world.charge(1, 350);
    const token = createToken(1);
    token.refuses = 'CONFIRM_NEEDED';
    world.tap(token, 300);
    const rs = world.till.view().rs;
    token.refuses = null;
    expect(world.tap(token)).toBe('paid');
    expect(world.till.view().rs).toEqual(rs);
    expect(world.bridge.tombstones.size).toBe(0);
  });

  test('a debit whose ACK was lost is settled at the next tap here; one of a cancelled charge is not', () => {
    const world = online();
    const token = createToken(1);
    world.charge(1, 100);
    world.field.tear = { left: 3, when: 'before' }; // SELECT, OPEN, CHALLENGE, then ACK
    expect(world.tap(token)).toBe('paid');
    world.charge(2, 50);
    world.field.tear = { left: 2, when: 'after' };
    expect(world.tap(token)).toBe('open');
    expect(world.cancel(2)).toBe('OK');
    expect([...token.debits.values()].map((d) => d.settled)).toEqual([false, false]);
    world.charge(3, 10);
    expect(world.tap(token)).toBe('paid');
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
      const world = online();
      const token = createToken(1);
      world.charge(1, 350);
      world.field.tear = { left, when };
      const state = world.tap(token);
      expect(state).toBe(left < 3 ? 'open' : 'paid');
      if (state === 'open') expect(world.tap(token)).toBe('paid');
      expect(token.debits.size).toBe(1);
      expect([...world.bridge.stored.values()]).toEqual([1]);
      world.charge(2, 1);
      world.tap(token);
      expect([...token.debits.values()].every((d) => d.settled)).toBe(true);
    }
  });
});

describe('the bridge', () => {
  test('that forgets its answers gets each H and tombstone again, until it answers', () => {
    const world = online();
    world.bridge.forgets = true;
    world.charge(1, 350);
    world.tap(createToken(1));
    world.charge(2, 10);
    world.cancel(2);
    world.run(60_000);
    const [times] = [...world.bridge.stored.values()];
    expect(times).toBeGreaterThan(1);
    world.bridge.forgets = false;
    world.run(400_000);
    expect(world.bridge.stored.size).toBe(1);
    expect(world.bridge.tombstones.size).toBe(1);
    const status = terminalStatus.decode(world.ask(KIND.status, new Uint8Array(0)).data)!;
    expect(status).toMatchObject({ historiesPending: 0, tombstonesPending: 0 });
    const after = [...world.bridge.stored.values()];
    world.run(400_000);
    expect([...world.bridge.stored.values()]).toEqual(after);
  });

  test('that refuses one history gets the others all the same', () => {
    const world = online();
    world.bridge.refusesAmount = 350;
    for (const [n, amount] of [
      [1, 350],
      [2, 10],
      [3, 20],
    ]) {
      world.charge(n, amount);
      world.tap(createToken(n));
    }
    world.run(1000);
    expect([...world.bridge.amounts.values()]).toEqual([10, 20]);
    world.bridge.refusesAmount = 0;
    world.run(400_000);
    expect([...world.bridge.amounts.values()]).toEqual([10, 20, 350]);
  });

  test('that calls a forged payment good is found out: alarm, and never asked again', () => {
    const world = online();
    world.bridge.verifies = 'yes';
    const token = createToken(1);
    token.forges = true;
    world.charge(1, 350);
    expect(world.tap(token)).toBe('paid');
    expect(world.bridge.alarms).toEqual([]);
    world.run(10_000);
    expect(world.bridge.alarms).toEqual(['VERIFIER_LIED']);
    const asked = world.bridge.asked.length;
    world.charge(2, 2000);
    expect(world.tap(token, 1000)).toBe('open');
    expect(world.bridge.asked.length).toBe(asked);
  });

  test('that calls a forged license good is found out, and the license is not remembered', () => {
    const world = online();
    world.bridge.verifies = 'yes';
    const token = createToken(1);
    token.license = licenseFor(1, keyOf(77));
    world.charge(1, 350);
    expect(world.tap(token)).toBe('paid');
    world.run(10_000);
    expect(world.bridge.alarms).toEqual(['VERIFIER_LIED']);
    world.charge(2, 1);
    expect(world.tap(token, 500)).toBe('open');
  });

  test('that called nothing wrong is checked again while idle, without alarm', () => {
    const world = online();
    world.charge(1, 350);
    world.tap(createToken(1));
    world.run(10_000);
    expect(world.boardChecks.count).toBe(2);
    expect(world.bridge.alarms).toEqual([]);
  });

  test('cannot replay time or deny list', () => {
    const world = createWorld();
    const sent: Uint8Array[] = [];
    world.bridge.bringsTime = false;
    world.link(true);
    world.run(50);
    expect(world.ask(KIND.time, makeTime(NOW_S, new Uint8Array(8))).code).toBe('NOT_NEWER');
    expect(world.charge(1, 1001)).toBe('TIME_STALE');
    const list = makeDenyList(5, NOW_S, [keyOf(1).publicKey]);
    sent.push(list);
    expect(world.ask(KIND.denyList, list).code).toBe('OK');
    expect(world.ask(KIND.denyList, list).code).toBe('NOT_NEWER');
    expect(world.ask(KIND.denyList, makeDenyList(4, NOW_S + 9, [])).code).toBe('NOT_NEWER');
    const forged = makeDenyList(6, NOW_S, []);
    forged[0] ^= 1;
    expect(world.ask(KIND.denyList, forged).code).toBe('SIGNATURE_INVALID');
    expect(world.ask(KIND.denyList, makeDenyList(6, NOW_S, [], Uint8Array.of(9, 9, 9, 9))).code).toBe('BAD_REQUEST');
    expect(world.ask(KIND.denyList, list.subarray(0, list.length - 1)).code).toBe('BAD_REQUEST');
    world.boot();
    expect(world.ask(KIND.denyList, list).code).toBe('NOT_NEWER');
  });

  test('that holds signed time back for longer than a nonce lives has it refused', () => {
    const world = createWorld();
    world.bridge.bringsTime = false;
    world.link(true);
    world.run(100);
    const [first] = world.bridge.nonces;
    world.run(120_500);
    expect(world.bridge.nonces.length).toBe(2);
    expect(world.ask(KIND.time, makeTime(NOW_S, first)).code).toBe('NOT_NEWER');
    world.bridge.up = false; // no further nonce will be asked for
    world.run(119_000);
    const late = createWorld();
    late.bridge.bringsTime = false;
    late.link(true);
    late.run(100);
    late.bridge.up = false;
    late.run(120_100);
    expect(late.ask(KIND.time, makeTime(NOW_S, late.bridge.nonces[0])).code).toBe('NOT_NEWER');
    const forged = makeTime(NOW_S, world.bridge.nonces[1]);
    forged[0] ^= 1;
    expect(world.ask(KIND.time, forged).code).toBe('SIGNATURE_INVALID');
    expect(world.ask(KIND.time, makeTime(NOW_S, world.bridge.nonces[1], Uint8Array.of(9, 9, 9, 9))).code).toBe(
      'BAD_REQUEST',
    );
    expect(world.ask(KIND.time, makeTime(NOW_S, world.bridge.nonces[1])).code).toBe('OK');
    expect(world.ask(KIND.time, makeTime(NOW_S + 9, world.bridge.nonces[1])).code).toBe('NOT_NEWER');
  });

  test('is told BUSY between CHALLENGE and check, and gets the tombstone of a cancelled charge', () => {
    const world = online();
    world.charge(1, 350);
    world.bridge.verifies = 'silent';
    world.field.token = createToken(1);
    world.scheduler.runUntil(() => world.bridge.asked.length === 2 || world.field.commands >= 3, 5000);
    world.run(30);
    expect(world.cancel(1)).toBe('BUSY');
    world.scheduler.runUntil(() => world.state() === 'paid', 5000);
    expect(world.cancel(1)).toBe('ALREADY_PAID');
    expect(world.charge(2, 5)).toBe('OK');
    expect(world.cancel(2)).toBe('OK');
    expect(lastLine(world)).toBe('CANCELLED');
    world.run(100);
    expect(world.bridge.tombstones.size).toBe(1);
  });

  test('is refused what is no request', () => {
    const world = online();
    expect(world.ask(0x7f, new Uint8Array(0)).code).toBe('BAD_REQUEST');
    expect(world.ask(KIND.charge, new Uint8Array(23)).code).toBe('BAD_REQUEST');
    expect(world.ask(KIND.charge, new Uint8Array(24)).code).toBe('AMOUNT_INVALID');
    expect(world.ask(KIND.cancel, new Uint8Array(7)).code).toBe('BAD_REQUEST');
    expect(world.ask(KIND.desk, new Uint8Array(4)).code).toBe('BAD_REQUEST');
  });
});

describe('the desk', () => {
  const identity = (timeoutMs: number): Uint8Array =>
    deskRequest.encode({ timeoutMs, ins: INS.identity, data: new Uint8Array(0) });

  test('passes a command to the token that is tapped, and its code back', () => {
    const world = online();
    world.field.token = createToken(1);
    expect(world.ask(KIND.desk, identity(2000))).toEqual({ code: 'OK', data: Uint8Array.of(7, 7) });
    const wrong = deskRequest.encode({ timeoutMs: 1000, ins: 0x99, data: new Uint8Array(3) });
    expect(world.ask(KIND.desk, wrong).code).toBe('BAD_REQUEST');
  });

  test('says NO_TOKEN when nobody taps, TAP_TORN when the token leaves, BUSY while a charge is open', () => {
    const world = online();
    expect(world.ask(KIND.desk, identity(500)).code).toBe('NO_TOKEN');
    world.field.token = createToken(1);
    world.field.tear = { left: 1, when: 'after' };
    expect(world.ask(KIND.desk, identity(500)).code).toBe('TAP_TORN');
    world.charge(1, 5);
    expect(world.ask(KIND.desk, identity(500)).code).toBe('BUSY');
  });

  test('tells the version of a token that speaks another one, and sends it no command', () => {
    const world = online();
    world.field.version = 3;
    world.field.token = createToken(1);
    const { code, data } = world.ask(KIND.desk, identity(500));
    expect([code, [...data], world.field.commands]).toEqual(['UPDATE_NEEDED', [3, 200], 1]);
  });

  test('goes on for the rest of its time after other work, and ends with the link', () => {
    const world = online();
    let code = '';
    world.terminal.onRequest(KIND.desk, identity(4000), (c) => void (code = c));
    world.run(1000);
    expect(world.charge(1, 5)).toBe('BUSY');
    expect(world.ask(KIND.denyList, makeDenyList(9, NOW_S, [])).code).toBe('OK');
    world.run(2500);
    expect(code).toBe('');
    world.run(1000);
    expect(code).toBe('NO_TOKEN');
    world.terminal.onRequest(KIND.desk, identity(100_000), (c) => void (code = c));
    world.run(100);
    world.link(false);
    world.run(100);
    expect(lastLine(world)).toBe('READY');
    expect(world.charge(1, 5)).toBe('OK');
  });
});

describe('the board', () => {
  test('whose reader fails says DEVICE_FAULT, answers the bridge, and goes on when it is back', () => {
    const world = online();
    world.charge(1, 350);
    world.field.broken = true;
    world.run(9000);
    expect(world.bridge.alarms).toEqual([]);
    world.run(10_000);
    expect(world.bridge.alarms).toEqual(['DEVICE_FAULT']);
    expect(world.ask(KIND.denyList, makeDenyList(9, NOW_S, [])).code).toBe('OK');
    expect(world.cancel(1)).toBe('OK');
    world.charge(2, 350);
    const identity = deskRequest.encode({ timeoutMs: 300, ins: INS.identity, data: new Uint8Array(0) });
    expect(world.cancel(2)).toBe('OK');
    expect(world.ask(KIND.desk, identity).code).toBe('DEVICE_FAULT');
    world.field.broken = false;
    world.run(3000);
    expect(world.ask(KIND.desk, identity).code).toBe('NO_TOKEN');
    world.charge(3, 350);
    expect(world.tap(createToken(1))).toBe('paid');
  });

  test('whose reader starts but never works says so too, at the desk and at the till', () => {
    const world = online();
    world.field.halfBroken = true;
    const identity = deskRequest.encode({ timeoutMs: 300, ins: INS.identity, data: new Uint8Array(0) });
    let code = '';
    world.terminal.onRequest(KIND.desk, identity, (c) => void (code = c));
    world.run(12_000);
    expect(code).toBe('DEVICE_FAULT');
    world.charge(1, 350);
    world.run(5000);
    expect(world.bridge.alarms).toEqual(['DEVICE_FAULT']);
    world.field.halfBroken = false;
    expect(world.tap(createToken(1))).toBe('paid');
    expect(world.bridge.alarms).toEqual(['DEVICE_FAULT']);
  });

  test('whose reader fails for a moment now and then, with desk commands served between, is not called broken', () => {
    const world = online();
    world.field.token = createToken(1);
    const identity = deskRequest.encode({ timeoutMs: 5000, ins: INS.identity, data: new Uint8Array(0) });
    for (let times = 0; times < 3; times++) {
      let code = '';
      world.field.halfBroken = true;
      world.terminal.onRequest(KIND.desk, identity, (c) => void (code = c));
      world.run(1000);
      world.field.halfBroken = false;
      world.run(11_000);
      expect(code).toBe('OK');
    }
    expect(world.bridge.alarms).toEqual([]);
  });

  test('serves the desk though it was asked before its reader had started', () => {
    const world = online();
    world.field.token = createToken(1);
    world.boot();
    const identity = deskRequest.encode({ timeoutMs: 1000, ins: INS.identity, data: new Uint8Array(0) });
    expect(world.ask(KIND.desk, identity).code).toBe('OK');
  });

  test('asks for the time every 12 hours', () => {
    const world = online();
    world.timeS = NOW_S + 43200;
    world.run(43_200_000 + 1000);
    const status = terminalStatus.decode(world.ask(KIND.status, new Uint8Array(0)).data)!;
    expect(status.timeS - NOW_S).toBeLessThan(43200 + 5);
    expect(status.timeS - NOW_S).toBeGreaterThanOrEqual(43200);
  });

  test('signs refunds of its own shop under its own id, nothing else, and no damaged request', () => {
    const world = online();
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
    const answer = world.ask(KIND.refund, refundBody.encode(body));
    expect(answer.code).toBe('OK');
    expect(verifies(TERMINAL.publicKey, SIGNED.refund, refundBody.encode(body), answer.data)).toBe(true);
    for (const other of [
      { issuer: new Uint8Array(4) },
      { currency: 'USD' },
      { terminalId: new Uint8Array(4) },
      { shop: 'Other' },
    ]) {
      expect(world.ask(KIND.refund, refundBody.encode({ ...body, ...other }))).toMatchObject({ code: 'WRONG_NAME' });
    }
    const sound = refundBody.encode(body);
    for (let length = 0; length < sound.length; length++)
      expect(world.ask(KIND.refund, sound.subarray(0, length)).code).toBe('BAD_REQUEST');
  });

  test('cancels by its button, and reports it', () => {
    const world = online();
    world.charge(1, 350);
    world.terminal.onButton();
    world.run(100);
    expect(world.state()).toBe('cancelled');
    expect(world.bridge.reports.map((r) => r.chargeState)).toEqual([4]);
    expect(world.bridge.tombstones.size).toBe(1);
  });
});

test('reports survive their own codec', () => {
  const world = online();
  world.charge(1, 2 ** 53 - 1);
  world.tap(createToken(1));
  expect(tapReport.decode(tapReport.encode(world.bridge.reports[0]))).toEqual(world.bridge.reports[0]);
});
