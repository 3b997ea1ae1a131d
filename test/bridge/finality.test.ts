/**
 * What ends a history, a tombstone or a refund, and what does not: by every code of the table, by a house that is
 * another one, by older rules, and by a clock that somebody sets.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { ERRORS, failure, isErrorCode, refusal, type ErrorCode, type Result } from '../../host-bridge/base/errors.js';
import { silentLog } from '../../host-bridge/base/log.js';
import { weigh } from '../../host-bridge/base/services/calls.js';
import { FINAL_ANSWERS, finalityText, isFinal, type Sent } from '../../host-bridge/base/services/finality.js';
import type { PublicParameters } from '../../host-bridge/base/services/procedures.js';
import { openDatabase } from '../../host-bridge/base/sqlite/database.js';
import { BRIDGE_MIGRATIONS, openBridgeStore } from '../../host-bridge/bridge/bridge-store.js';
import { createDepositaryIdentity } from '../../host-bridge/bridge/depositary-identity.js';
import { createOutbox } from '../../host-bridge/bridge/outbox.js';
import {
  BACKOFF_MAX_MS,
  createOutboxDelivery,
  HOLD_MAX_S,
  HOLD_S,
  type DeliveryOptions,
} from '../../host-bridge/bridge/outbox-delivery.js';
import { issuerKey, makeHistory, makeTombstone, registrarKey } from '../kit/histories.js';
import { pass } from '../kit/virtual-time.js';

const T0 = 1_800_000_000;
const DAY_S = 86_400;
type Reply = Result<{ amount: number; repeated: boolean }>;
const credited: Reply = { ok: true, amount: 1, repeated: false };

/** An outbox with its delivery; `wall` is the machine's clock, which is not the scheduler's. */
function rig(reply: () => Reply, options: Partial<DeliveryOptions> = {}) {
  const scheduler = createVirtualScheduler();
  const wall = { s: T0 };
  const outbox = createOutbox(openBridgeStore(mkdtempSync(join(tmpdir(), 'tapcash-final-'))), () => wall.s);
  const made = { scheduler, wall, outbox, calls: [] as number[], delivery: null as never as Delivery };
  const ask = () => {
    made.calls.push(scheduler.nowMs());
    return reply();
  };
  const depositary = { deposit: ask, tombstone: ask, refund: ask };
  made.delivery = createOutboxDelivery({
    ...{ outbox, depositary, scheduler, log: silentLog(), random: () => 1 },
    ...options,
  });
  return made;
}
type Delivery = ReturnType<typeof createOutboxDelivery>;

describe('the table', () => {
  const MARKS = [
    '<!-- finality: made from host-bridge/base/services/finality.ts, checked by test/bridge/finality.test.ts -->\n\n',
    '\n<!-- finality ends -->',
  ] as const;

  test('docs/protocol.md shows it', () => {
    const path = join(__dirname, '../../docs/protocol.md');
    const text = readFileSync(path, 'utf8');
    const [from, to] = [text.indexOf(MARKS[0]) + MARKS[0].length, text.indexOf(MARKS[1])];
    expect(from).toBeGreaterThan(MARKS[0].length);
    const right = `${text.slice(0, from)}${finalityText()}\n${text.slice(to)}`;
    if (process.env['UPDATE_PROTOCOL']) writeFileSync(path, right);
    expect(readFileSync(path, 'utf8')).toBe(right);
  });

  // What a house may say of a message whose fate hangs on its keys, clock, address or order.
  const PASSING: ErrorCode[] = [
    'LICENSE_EXPIRED',
    'LICENSE_INVALID',
    'KEY_RETIRED',
    'ISSUER_UNKNOWN',
    'CURRENCY_UNKNOWN',
    'HISTORY_UNKNOWN',
    'NOT_RETURNED',
    'CLAIM_DUE',
    'BAD_REQUEST',
    'NOT_FOUND',
    'TERMINAL_UNKNOWN',
    'ACCOUNT_UNKNOWN',
    'FUNDS_INSUFFICIENT',
    'OPERATOR_UNKNOWN',
    'BODY_TOO_LARGE',
  ];
  test.each(PASSING)('%s ends nothing', (code) => {
    for (const sent of Object.keys(FINAL_ANSWERS) as Sent[]) expect([sent, isFinal(sent, code)]).toEqual([sent, false]);
  });

  test('every code is an outage, held, or on the list', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      for (const sent of ['history', 'tombstone', 'refund'] as const)
        expect([code, sent, weigh(sent, code) === 'final']).toEqual([code, sent, isFinal(sent, code)]);
    }
    for (const answers of Object.values(FINAL_ANSWERS))
      for (const { code } of answers) expect(isErrorCode(code)).toBe(true);
  });
});

test('what may pass is sent again later and later, and shown with its last code; then it is credited', async () => {
  let code: ErrorCode | null = 'LICENSE_EXPIRED';
  const made = rig(() => (code ? refusal(code) : credited));
  made.outbox.add('history', makeHistory(1));
  made.delivery.kick();
  await pass(made.scheduler, 10 * HOLD_MAX_S * 1000);
  const gapsS = made.calls.slice(1).map((ms, i) => Math.round((ms - made.calls[i]!) / 1000));
  expect(gapsS.slice(0, 8)).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600]);
  expect(made.outbox.entries(['held'], 5)).toMatchObject([{ code: 'LICENSE_EXPIRED' }]);
  code = null;
  await pass(made.scheduler, HOLD_MAX_S * 1000);
  expect(made.outbox.counts()).toMatchObject({ held: 0, credited: 1 });
});

test.each([-25 * DAY_S, 25 * DAY_S, -12 * 365 * DAY_S])(
  'the clock is set by %d s while a row is held: it is tried in time, and one timer is set',
  async (byS) => {
    let down = true;
    const made = rig(() => (down ? refusal('ACCOUNT_UNKNOWN') : credited));
    for (let i = 0; i < 3; i++) made.outbox.add('history', makeHistory(i));
    made.delivery.kick();
    await pass(made.scheduler, 1000);
    made.wall.s += byS;
    for (let i = 0; i < 20; i++) made.delivery.kick();
    await pass(made.scheduler, 1000);
    expect([made.scheduler.pending(), made.calls.length]).toEqual([1, 3]);
    down = false;
    await pass(made.scheduler, HOLD_S * 1000);
    expect(made.outbox.counts()).toMatchObject({ held: 0, credited: 3 });
    expect(made.scheduler.pending()).toBe(0);
  },
);

test('a bridge that starts again tries at once what is held, whatever its clock said before', async () => {
  const scheduler = createVirtualScheduler();
  scheduler.advance(1_000_000_000);
  const database = openBridgeStore(mkdtempSync(join(tmpdir(), 'tapcash-final-')));
  const outbox = createOutbox(database, () => T0);
  outbox.add('history', makeHistory(1));
  outbox.hold(outbox.next(0)!, 'NOT_FOUND', scheduler.nowMs() + 1e9);
  expect(outbox.next(scheduler.nowMs())).toBeNull();
  const depositary = { deposit: () => credited, tombstone: () => credited, refund: () => credited };
  const fresh = createVirtualScheduler();
  createOutboxDelivery({ outbox, depositary, scheduler: fresh, log: silentLog() }).kick();
  await pass(fresh, 1);
  expect(outbox.counts()).toMatchObject({ credited: 1 });
});

describe('another house at the address', () => {
  const parametersOf = (key: Uint8Array) => ({
    ok: true as const,
    parameters: { issuerKey: key } as PublicParameters,
  });
  function served() {
    let at: ReturnType<typeof parametersOf> | ReturnType<typeof refusal> = parametersOf(issuerKey.publicKey);
    let answer: Reply = credited;
    const scheduler = createVirtualScheduler();
    const house = { parameters: () => at };
    const made = rig(() => answer, {
      scheduler,
      identity: createDepositaryIdentity(house, issuerKey.publicKey, scheduler),
    });
    return {
      ...made,
      scheduler,
      serve: (next: typeof at) => (at = next),
      say: (next: Reply) => (answer = next),
    };
  }

  test('is an outage that says so, and nothing is sent there; then it goes on', async () => {
    const made = served();
    made.serve(parametersOf(registrarKey.publicKey));
    made.say(refusal('ISSUER_UNKNOWN'));
    made.outbox.add('history', makeHistory(1));
    made.delivery.kick();
    await pass(made.scheduler, 3_600_000);
    expect(made.delivery.outageDetail()).toMatchObject({
      code: 'WRONG_SERVICE',
      detail: expect.stringMatching(/serves issuer [0-9a-f]{16}, this bridge is set up for [0-9a-f]{16}/),
    });
    expect([made.calls.length, made.outbox.counts().pending]).toEqual([0, 1]);
    made.serve(parametersOf(issuerKey.publicKey));
    made.say(credited);
    await pass(made.scheduler, BACKOFF_MAX_MS);
    expect([made.delivery.outage(), made.outbox.counts().credited]).toEqual([null, 1]);
  });

  test('that takes its place while it is believed has no last word', async () => {
    const made = served();
    made.outbox.add('history', makeHistory(1));
    made.delivery.kick();
    await pass(made.scheduler, 10);
    made.serve(parametersOf(registrarKey.publicKey));
    made.say(refusal('TOMBSTONED'));
    made.outbox.add('history', makeHistory(2));
    made.delivery.kick();
    await pass(made.scheduler, 10);
    expect([made.delivery.outage(), made.outbox.counts().pending]).toEqual(['WRONG_SERVICE', 1]);
  });

  test('is said when the bridge starts, before there is anything to deliver; one that is down is not', async () => {
    const made = served();
    made.serve(refusal('SERVICE_DOWN'));
    made.delivery.kick();
    await pass(made.scheduler, 10);
    expect([made.delivery.outage(), made.scheduler.pending()]).toEqual([null, 0]);
    made.serve(parametersOf(registrarKey.publicKey));
    made.delivery.kick();
    await pass(made.scheduler, 600_000);
    expect([made.delivery.outage(), made.scheduler.pending()]).toEqual(['WRONG_SERVICE', 1]);
    made.serve(parametersOf(issuerKey.publicKey));
    await pass(made.scheduler, BACKOFF_MAX_MS);
    expect([made.delivery.outage(), made.scheduler.pending()]).toEqual([null, 0]);
  });

  test('a gateway that answers everything with 400 is an outage too', async () => {
    const made = served();
    made.serve(refusal('BAD_REQUEST'));
    made.outbox.add('tombstone', makeTombstone(1));
    made.delivery.kick();
    await pass(made.scheduler, 10);
    expect([made.delivery.outage(), made.calls.length]).toEqual(['WRONG_SERVICE', 0]);
  });
});

test('refusals under older rules that are not final go on; final ones stay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapcash-final-'));
  const old = openDatabase(join(folder, 'bridge.db'), { migrations: BRIDGE_MIGRATIONS.slice(0, 3) });
  const add = old.prepare(
    "INSERT INTO outbox (kind, identity, bytes, state, code, arrived_s, next_s, done_s) VALUES (?, x'00', ?, ?, ?, 1, ?, 2)",
  );
  const rows: [kind: string, state: string, code: string, nextS: number][] = [
    ['history', 'refused', 'LICENSE_EXPIRED', 0],
    ['history', 'refused', 'ISSUER_UNKNOWN', 0],
    ['history', 'refused', 'RECONCILED', 0], // a window that was over was called so, too
    ['history', 'refused', 'TOMBSTONED', 0],
    ['tombstone', 'refused', 'SIGNATURE_INVALID', 0],
    ['tombstone', 'refused', 'ALREADY_PAID', 0],
    ['refund', 'refused', 'HISTORY_UNKNOWN', 0],
    ['refund', 'refused', 'REFUND_TOO_LARGE', 0],
    ['history', 'held', 'NOT_FOUND', 4_000_000_000],
    ['history', 'credited', 'OK', 0],
  ];
  rows.forEach(([kind, state, code, nextS], i) => add.run(kind, new Uint8Array([i]), state, code, nextS));
  old.close();
  const outbox = createOutbox(openBridgeStore(folder), () => T0);
  expect(outbox.entries(['refused'], 20).map(({ code }) => code)).toEqual([
    'REFUND_TOO_LARGE',
    'ALREADY_PAID',
    'TOMBSTONED',
  ]);
  expect(outbox.entries(['held'], 20).map(({ sequence }) => sequence)).toEqual([9, 7, 5, 3, 2, 1]);
  expect(outbox.counts()).toMatchObject({ refused: 3, held: 6, credited: 1, pending: 0 });
  expect(outbox.next(0)).not.toBeNull();
});

test('a database that cannot be read while nothing is to be delivered is an outage, and no rejection', async () => {
  const made = rig(() => refusal('NOT_FOUND'));
  const { heldUntilMs } = made.outbox;
  let failures = 2;
  made.outbox.heldUntilMs = () => {
    if (failures-- > 0) throw failure('DATABASE_FAILED', 'disk I/O error');
    return heldUntilMs();
  };
  made.outbox.add('history', makeHistory(1));
  made.delivery.kick();
  await pass(made.scheduler, 1);
  expect(made.delivery.outage()).toBe('DATABASE_FAILED');
  await pass(made.scheduler, 30_000);
  expect([made.delivery.outage(), made.outbox.counts().held]).toEqual([null, 1]);
  await pass(made.scheduler, HOLD_S * 1000);
  expect(made.calls.length).toBe(2);
});

test('somebody who wants one tried again waits for no timer, not even in an outage', async () => {
  let reply: Reply = refusal('SERVICE_DOWN');
  const made = rig(() => reply);
  made.outbox.add('history', makeHistory(1));
  made.delivery.kick();
  await pass(made.scheduler, 60_000);
  const tried = made.calls.length;
  reply = refusal('TOMBSTONED');
  made.delivery.kick(true);
  await pass(made.scheduler, 1);
  expect([made.calls.length, made.outbox.counts().refused]).toEqual([tried + 1, 1]);
  reply = credited;
  expect(made.outbox.resend(1)).toBe(true);
  expect(made.outbox.entries(['held'], 1)).toMatchObject([{ code: 'TOMBSTONED', doneS: null }]);
  made.delivery.kick(true);
  await pass(made.scheduler, 1);
  expect(made.outbox.counts().credited).toBe(1);
  expect(made.outbox.resend(1)).toBe(false);
});
