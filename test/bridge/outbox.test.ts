/** The outbox: kept before it is acknowledged, delivered at least once, every result by its name, through outages. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVirtualScheduler, type VirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { refusal, type ErrorCode, type Result } from '../../host-bridge/base/errors.js';
import { silentLog } from '../../host-bridge/base/log.js';
import { openBridgeStore } from '../../host-bridge/bridge/bridge-store.js';
import { createOutbox, type Outbox } from '../../host-bridge/bridge/outbox.js';
import {
  BACKOFF_FIRST_MS,
  BACKOFF_MAX_MS,
  createOutboxDelivery,
  HOLD_S,
} from '../../host-bridge/bridge/outbox-delivery.js';
import { makeHistory, makeTombstone } from '../kit/histories.js';
import { pass, settle } from '../kit/virtual-time.js';

interface Rig {
  scheduler: VirtualScheduler;
  outbox: Outbox;
  delivery: ReturnType<typeof createOutboxDelivery>;
  /** Deposits and tombstones that reached the service: virtual time and the first byte that tells them apart. */
  calls: { ms: number; bytes: Uint8Array }[];
  reopen(): void;
}

type Reply = Result<{ amount: number; repeated: boolean }>;

function rig(reply: (bytes: Uint8Array, call: number) => Reply | Promise<Reply>): Rig {
  const dataDir = mkdtempSync(join(tmpdir(), 'tapcash-outbox-'));
  const scheduler = createVirtualScheduler();
  const made = { scheduler, calls: [] as Rig['calls'] } as Rig;
  made.reopen = () => {
    made.outbox = createOutbox(openBridgeStore(dataDir), () => 1_800_000_000 + scheduler.nowMs() / 1000);
    const ask = (bytes: Uint8Array) => {
      made.calls.push({ ms: scheduler.nowMs(), bytes });
      return reply(bytes, made.calls.length - 1);
    };
    made.delivery = createOutboxDelivery({
      outbox: made.outbox,
      depositary: { deposit: ask, tombstone: ask, refund: ask },
      scheduler,
      log: silentLog(),
      random: () => 1,
    });
  };
  made.reopen();
  return made;
}

const credited: Reply = { ok: true, amount: 1, repeated: false };

test('what is acknowledged is on disk, once, in the order of its arrival', async () => {
  const made = rig(() => credited);
  const all = [makeHistory(3), makeTombstone(1), makeHistory(2), makeTombstone(4)];
  all.forEach((bytes, i) => expect(made.outbox.add(i % 2 ? 'tombstone' : 'history', bytes)).toBe('OK'));
  all.forEach((bytes, i) => expect(made.outbox.add(i % 2 ? 'tombstone' : 'history', bytes)).toBe('OK'));
  made.reopen(); // as another process would find it
  expect(made.outbox.counts()).toMatchObject({ pending: 4 });
  made.delivery.kick();
  await pass(made.scheduler, 10);
  expect(made.calls.map((call) => Buffer.from(call.bytes))).toEqual(all.map((bytes) => Buffer.from(bytes)));
  expect(made.outbox.counts()).toMatchObject({ pending: 0, credited: 2, buried: 2 });
  expect(made.outbox.add('history', all[0] as Uint8Array)).toBe('OK');
  made.delivery.kick();
  await pass(made.scheduler, 10);
  expect(made.calls.length).toBe(4);
});

test('what is no history or tombstone is refused and not kept', () => {
  const made = rig(() => credited);
  const good = makeHistory(1);
  for (let length = 0; length < good.length; length += 7)
    expect(made.outbox.add('history', good.slice(0, length))).toBe('BAD_REQUEST');
  expect(made.outbox.add('tombstone', good)).toBe('BAD_REQUEST');
  expect(made.outbox.add('history', makeTombstone(1))).toBe('BAD_REQUEST');
  expect(Object.values(made.outbox.counts()).reduce((sum, count) => sum + count)).toBe(0);
});

// One row for each result that the issuer can give: what becomes of the history, and of the one behind it.
const refusals: [ErrorCode, 'refused' | 'held' | 'outage'][] = [
  ['SIGNATURE_INVALID', 'refused'],
  ['LICENSE_INVALID', 'held'],
  ['LICENSE_EXPIRED', 'held'],
  ['TOMBSTONED', 'refused'],
  ['CHALLENGE_CONFLICT', 'refused'],
  ['ISSUER_UNKNOWN', 'held'],
  ['CURRENCY_UNKNOWN', 'held'],
  ['BAD_REQUEST', 'held'],
  ['RECONCILED', 'refused'],
  ['CLAIM_DUE', 'held'],
  ['KEY_RETIRED', 'held'],
  ['ACCOUNT_UNKNOWN', 'held'],
  ['TERMINAL_UNKNOWN', 'held'],
  ['NOT_FOUND', 'held'],
  ['REPLY_INVALID', 'held'],
  ['WRONG_SERVICE', 'held'],
  ['INTERNAL', 'held'],
  ['SERVICE_DOWN', 'outage'],
  ['SERVICE_SILENT', 'outage'],
  ['DATABASE_LOCKED', 'outage'],
  ['DATABASE_READ_ONLY', 'outage'],
];
test.each(refusals)('%s: %s', async (code, fate) => {
  const bad = makeHistory(1);
  let mended = false;
  const made = rig((bytes) => (!mended && Buffer.compare(bytes, bad) === 0 ? refusal(code) : credited));
  made.outbox.add('history', bad);
  made.outbox.add('history', makeHistory(2));
  made.delivery.kick();
  await pass(made.scheduler, 100);
  const counts = made.outbox.counts();
  if (fate === 'outage') {
    expect([counts.pending, counts.credited, made.delivery.outage()]).toEqual([2, 0, code]);
  } else {
    expect([counts[fate], counts.credited, made.delivery.outage()]).toEqual([1, 1, null]);
    expect(made.outbox.entries([fate], 5)).toMatchObject([{ code, attempts: 1, amount: 100, kind: 'history' }]);
  }
  mended = true;
  await pass(made.scheduler, (HOLD_S + 5) * 1000);
  expect(made.outbox.counts()).toMatchObject(
    fate === 'refused' ? { refused: 1, credited: 1 } : { pending: 0, held: 0, credited: 2 },
  );
});

test('a reply that says "repeated" is a duplicate: credited before', async () => {
  const made = rig(() => ({ ok: true, amount: 1, repeated: true }));
  made.outbox.add('history', makeHistory(1));
  made.delivery.kick();
  await pass(made.scheduler, 10);
  expect(made.outbox.counts()).toMatchObject({ duplicate: 1, credited: 0 });
});

test('an outage is tried again later and later, up to a limit, and ends at once', async () => {
  let down = true;
  const made = rig(() => (down ? refusal('SERVICE_DOWN') : credited));
  for (let i = 0; i < 5; i++) made.outbox.add('history', makeHistory(i));
  made.delivery.kick();
  for (let i = 0; i < 40; i++) {
    made.delivery.kick(); // new arrivals do not hammer a service that is down
    await pass(made.scheduler, 30_000);
  }
  const gaps = made.calls.slice(1).map((call, i) => call.ms - (made.calls[i] as { ms: number }).ms);
  expect(gaps[0]).toBe(BACKOFF_FIRST_MS);
  gaps.forEach((gap, i) => expect(gap).toBe(Math.min(BACKOFF_FIRST_MS * 2 ** i, BACKOFF_MAX_MS)));
  expect(gaps[gaps.length - 1]).toBe(BACKOFF_MAX_MS);
  down = false;
  await pass(made.scheduler, BACKOFF_MAX_MS + 10);
  expect(made.outbox.counts()).toMatchObject({ pending: 0, credited: 5 });
  expect(made.delivery.outage()).toBeNull();
  made.outbox.add('history', makeHistory(9));
  made.delivery.kick();
  await pass(made.scheduler, 10);
  expect(made.outbox.counts()).toMatchObject({ credited: 6 });
});

test('what a service in this process throws is an outage too, and a database of our own that fails loses nothing', async () => {
  let broken = true;
  const made = rig(() => {
    if (broken) throw Object.assign(new Error('disk'), { name: 'TapcashError', code: 'DATABASE_FULL' });
    return credited;
  });
  made.outbox.add('history', makeHistory(1));
  made.delivery.kick();
  await pass(made.scheduler, 10);
  expect(made.outbox.counts()).toMatchObject({ held: 1 });
  broken = false;
  const settleRow = made.outbox.settle;
  let failures = 2;
  made.outbox.settle = (...values) => {
    if (failures-- > 0) throw Object.assign(new Error('disk'), { name: 'TapcashError', code: 'DATABASE_LOCKED' });
    settleRow(...values);
  };
  await pass(made.scheduler, 120_000);
  expect(made.outbox.counts()).toMatchObject({ credited: 1 });
  expect(made.calls.length).toBe(4);
});

test('arrivals while a delivery is under way are delivered too, one at a time', async () => {
  let running = 0;
  let most = 0;
  const made = rig(async () => {
    most = Math.max(most, ++running);
    await settle();
    running--;
    return credited;
  });
  for (let i = 0; i < 30; i++) {
    made.outbox.add('history', makeHistory(i));
    made.delivery.kick();
    if (i % 3 === 0) await settle();
  }
  await pass(made.scheduler, 100);
  for (let i = 0; i < 100; i++) await settle();
  expect(made.outbox.counts()).toMatchObject({ credited: 30 });
  expect([most, made.calls.length]).toEqual([1, 30]);
});

test('an arrival in the moment in which the last delivery ends is not left lying', async () => {
  const made = rig(() => credited);
  made.outbox.add('history', makeHistory(1));
  const { next } = made.outbox;
  let late = true;
  made.outbox.next = (nowMs) => {
    const row = next(nowMs);
    if (!row && late) {
      late = false;
      queueMicrotask(() => {
        made.outbox.add('history', makeHistory(2));
        made.delivery.kick();
      });
    }
    return row;
  };
  made.delivery.kick();
  await pass(made.scheduler, 10);
  expect(made.outbox.counts()).toMatchObject({ pending: 0, credited: 2 });
});

test('stop waits for the delivery under way and begins no other', async () => {
  let finish: (reply: Reply) => void = () => undefined;
  const made = rig(() => new Promise<Reply>((resolve) => (finish = resolve)));
  made.outbox.add('history', makeHistory(1));
  made.outbox.add('history', makeHistory(2));
  made.delivery.kick();
  await settle();
  const stopped = made.delivery.stop();
  finish(credited);
  await stopped;
  made.delivery.kick();
  await pass(made.scheduler, 1000);
  expect(made.calls.length).toBe(1);
  expect(made.outbox.counts()).toMatchObject({ credited: 1, pending: 1 });
});

describe('histories that wait one behind the other', () => {
  type Many = Result<{ results: Reply[] }>;
  function many(reply: (histories: Uint8Array[]) => Many) {
    const dataDir = mkdtempSync(join(tmpdir(), 'tapcash-outbox-'));
    const scheduler = createVirtualScheduler();
    const outbox = createOutbox(openBridgeStore(dataDir), () => 1_800_000_000);
    const calls: string[] = [];
    const one = (kind: string) => (): Reply => {
      calls.push(kind);
      return credited;
    };
    const delivery = createOutboxDelivery({
      outbox,
      depositary: {
        ...{ deposit: one('history'), tombstone: one('tombstone'), refund: one('refund') },
        async depositMany(histories) {
          calls.push(`${histories.length} histories`);
          return reply(histories);
        },
      },
      scheduler,
      log: silentLog(),
      random: () => 1,
    });
    return { scheduler, outbox, delivery, calls };
  }
  const all = (histories: Uint8Array[]): Many => ({ ok: true, results: histories.map(() => credited) });

  test('go in one call, and in their order with the rest', async () => {
    const { scheduler, outbox, delivery, calls } = many(all);
    for (const i of [1, 2, 3]) outbox.add('history', makeHistory(i));
    outbox.add('tombstone', makeTombstone(4));
    for (const i of [5, 6]) outbox.add('history', makeHistory(i));
    outbox.add('tombstone', makeTombstone(7));
    outbox.add('history', makeHistory(8));
    delivery.kick();
    await pass(scheduler, 10);
    expect(calls).toEqual(['3 histories', 'tombstone', '2 histories', 'tombstone', 'history']);
    expect(outbox.counts()).toMatchObject({ credited: 6, buried: 2, pending: 0 });
  });

  test('each have their own result', async () => {
    const results: Reply[] = [
      credited,
      refusal('TOMBSTONED'),
      refusal('LICENSE_EXPIRED'),
      { ...credited, repeated: true },
      refusal('CLOCK_DOUBTED'),
      credited,
    ];
    const { scheduler, outbox, delivery } = many(() => ({ ok: true, results }));
    results.forEach((_, i) => outbox.add('history', makeHistory(i)));
    delivery.kick();
    await settle();
    await pass(scheduler, 10);
    const states = outbox.entries(['credited', 'refused', 'held', 'duplicate', 'pending'], 10).reverse();
    expect(states.map(({ state, code }) => [state, code])).toEqual([
      ['credited', null],
      ['refused', 'TOMBSTONED'],
      ['held', 'LICENSE_EXPIRED'],
      ['duplicate', null],
      ['pending', null], // a house that doubts its clock takes nothing: an outage
      ['credited', null],
    ]);
    await delivery.stop();
  });

  test('go one by one to a house that has no such call, and where a whole call fails', async () => {
    const older = many(() => refusal('NOT_FOUND'));
    for (const i of [1, 2, 3]) older.outbox.add('history', makeHistory(i));
    older.delivery.kick();
    await pass(older.scheduler, 10);
    expect(older.calls).toEqual(['3 histories', 'history', 'history', 'history']);
    const poisoned = many(() => refusal('INTERNAL'));
    for (const i of [1, 2, 3]) poisoned.outbox.add('history', makeHistory(i));
    poisoned.delivery.kick();
    await pass(poisoned.scheduler, 10);
    expect(poisoned.calls).toEqual(['3 histories', 'history', '2 histories', 'history', 'history']);
    expect(poisoned.outbox.counts()).toMatchObject({ credited: 3, pending: 0 });
  });

  test('wait together through an outage', async () => {
    let isDown = true;
    const { scheduler, outbox, delivery, calls } = many((histories) =>
      isDown ? refusal('SERVICE_DOWN') : all(histories),
    );
    for (const i of [1, 2]) outbox.add('history', makeHistory(i));
    delivery.kick();
    await pass(scheduler, 10);
    expect(delivery.outage()).toBe('SERVICE_DOWN');
    expect(outbox.counts()).toMatchObject({ pending: 2 });
    isDown = false;
    await pass(scheduler, BACKOFF_MAX_MS);
    expect(outbox.counts()).toMatchObject({ credited: 2, pending: 0 });
    expect(calls).toEqual(['2 histories', '2 histories']);
  });
});
