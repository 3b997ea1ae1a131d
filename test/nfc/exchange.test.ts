/** Terminal and token end to end: drivers, chips, air; over UART, I2C and SPI. */
import { answerFrames, createPn532Card } from '../../firmware/nfc/pn532-card.js';
import type { Wiring } from './nfc-rig.js';
import { await1, createBoard } from './nfc-rig.js';
import type { TapOptions } from './apdu-tap.js';
import { createTap } from './apdu-tap.js';

const bytes = (n: number, seed = 1) => Uint8Array.from({ length: n }, (_, i) => (i * 7 + seed) & 255);

function started(options: TapOptions = {}) {
  const t = createTap(options);
  t.card.start();
  expect(await1(t.scheduler, 5000, (done) => t.reader.init(done))).toEqual({ ok: true });
  t.field.present(t.user.chip.card);
  return t;
}

describe.each<[Wiring, number]>([
  ['HSU', 64],
  ['HSU', 32],
  ['HSU', 300],
  ['I2C', 64],
  ['I2C', 300],
  ['I2C+IRQ', 128],
  ['SPI', 64],
  ['SPI', 264],
  ['SPI+IRQ', 128],
])('over %s with bursts of %i', (wiring, burstBytesMax) => {
  test('messages of 0 to 704 bytes both ways', () => {
    const t = started({ wiring, burstBytesMax });
    for (const n of [0, 1, 41, 42, 43, 84, 255, 256, 300, 512, 704]) {
      expect(t.tap(bytes(n))).toEqual({ step: 'done', data: bytes(n).reverse(), sw: 0x9000 });
    }
    expect(t.log.errors).toEqual([]);
    expect(t.log.activated).toBe(11);
  });

  test('no burst towards a host above the limit', () => {
    const t = started({ wiring, burstBytesMax });
    expect(t.tap(bytes(300)).step).toBe('done');
    if (wiring !== 'HSU') return;
    for (const board of [t.shop, t.user]) {
      expect(board.bursts.longest).toBeLessThanOrEqual(burstBytesMax);
      // The limit is used, not merely kept.
      if (burstBytesMax <= 64) expect(board.bursts.longest).toBeGreaterThan(burstBytesMax - 16);
    }
  });
});

test('the card is released at the end of a tap, found again under another UID, and gone when taken away', () => {
  const t = started();
  const uids: string[] = [];
  for (let i = 0; i < 3; i++) {
    const found = await1<any>(t.scheduler, 3000, (done) => t.reader.findCard(done, 2000));
    expect(found.ok).toBe(true);
    expect(found.card.selRes).toBe(0x20);
    expect(found.card.uid[0]).toBe(0x08);
    expect(Array.from(found.card.ats.subarray(0, 4))).toEqual([0x75, 0x33, 0x92, 0x03]);
    uids.push(String(found.card.uid));
    expect(await1(t.scheduler, 3000, (done) => t.reader.release(done))).toEqual({ ok: true });
  }
  expect(new Set(uids).size).toBe(3);
  t.scheduler.advance(10);
  expect(t.log.released.map((r) => [r.code, r.status])).toEqual([
    ['RF_LOST', 0x29],
    ['RF_LOST', 0x29],
    ['RF_LOST', 0x29],
  ]);
  t.field.remove();
  const before = t.scheduler.nowMs();
  expect(t.tap(bytes(3), 1000)).toEqual({ step: 'find', code: 'NO_CARD' });
  expect(t.scheduler.nowMs() - before).toBeGreaterThan(1000);
  expect(t.scheduler.nowMs() - before).toBeLessThan(1400);
});

test('a token that thinks for seconds is waited for by waiting-time extensions, up to the limit', () => {
  const t = started({ thinkMs: 1200 });
  const extensions: number[] = [];
  t.field.onTraffic = (toCard, frame) => {
    if (!toCard && frame[0] === 0xf2) extensions.push(t.scheduler.nowMs());
  };
  expect(t.tap(bytes(100))).toMatchObject({ step: 'done' });
  expect(extensions.length).toBeGreaterThan(10);
  const slow = started({ thinkMs: 4000 });
  expect(slow.tap(bytes(10))).toEqual({ step: 'select', code: 'PN532_TIMEOUT' });
  // The late answer belongs to nobody, and the next tap is an ordinary one.
  slow.scheduler.advance(10_000);
  expect(slow.log.errors).toEqual([]);
});

test('cancel: while searching, while exchanging, while idle', () => {
  const t = started({ thinkMs: 1000 });
  t.field.remove();
  let outcome = '';
  t.reader.findCard((r) => (outcome += r.ok ? 'ok' : r.code), 60_000);
  t.scheduler.advance(777);
  t.reader.cancel();
  expect(outcome).toBe('CANCELLED');
  t.scheduler.advance(1000);
  t.field.present(t.user.chip.card);
  expect(await1<any>(t.scheduler, 3000, (done) => t.reader.findCard(done, 2000)).ok).toBe(true);
  outcome = '';
  t.reader.transceive(t.reader.frameOf(Uint8Array.of(0, 0xa4, 4, 0), 64), (r) => (outcome += r.ok ? 'ok' : r.code));
  t.scheduler.advance(300);
  t.reader.cancel();
  t.reader.cancel();
  expect(outcome).toBe('CANCELLED');
  t.scheduler.advance(5000);
  expect(outcome).toBe('CANCELLED');
  expect(t.tap(bytes(20)).step).toBe('done');
});

test('misuse is a named result: two operations at once, no card, too long', () => {
  const t = started();
  let first: any;
  t.reader.findCard((r) => (first = r), 2000);
  expect(await1<any>(t.scheduler, 10, (done) => t.reader.init(done))).toEqual({ ok: false, code: 'BUSY' });
  expect(await1<any>(t.scheduler, 10, (done) => t.reader.transceive(t.reader.frameOf(bytes(5), 64), done))).toEqual({
    ok: false,
    code: 'RF_LOST',
  });
  t.scheduler.advance(1000);
  expect(first.ok).toBe(true);
  expect(await1<any>(t.scheduler, 10, (done) => t.reader.transceive(t.reader.frameOf(bytes(263), 64), done))).toEqual({
    ok: false,
    code: 'TOO_LONG',
  });
  expect(await1<any>(t.scheduler, 10, (done) => t.client.command(0x80, 2, 0, 0, bytes(705), done))).toEqual({
    ok: false,
    code: 'TOO_LONG',
  });
});

test('power of a chip fails and returns: errors are bounded and named, then taps work again', () => {
  const t = started();
  expect(t.tap(bytes(50)).step).toBe('done');
  t.shop.chip.setPower(false);
  expect(t.tap(bytes(50))).toEqual({ step: 'find', code: 'PN532_NO_ACK' });
  t.shop.chip.setPower(true);
  expect(await1(t.scheduler, 5000, (done) => t.reader.init(done))).toEqual({ ok: true });
  expect(t.tap(bytes(50)).step).toBe('done');
  t.user.chip.setPower(false);
  expect(t.tap(bytes(50), 500)).toEqual({ step: 'find', code: 'NO_CARD' });
  t.user.chip.setPower(true);
  // Within the token's listening time it notices that its chip forgot everything.
  t.scheduler.advance(31_000);
  expect(t.tap(bytes(50)).step).toBe('done');
});

test('two tokens in the field: one is served, the other untouched; alone, it is served too', () => {
  const t = started();
  const other = createBoard(t.scheduler, 'HSU', 64);
  const log: string[] = [];
  const card = createPn532Card(other.link, t.clock, {
    random: (n) => new Uint8Array(n).fill(0xff), // its 1s win the anticollision
    onActivated: () => log.push('activated'),
    onCommand: () => answerFrames(other.link)(new Uint8Array(0), 0x6d00),
  });
  card.start();
  t.scheduler.advance(100);
  t.field.present(other.chip.card);
  expect(t.tap(bytes(60))).toEqual({ step: 'select', sw: 0x6d00 });
  expect([t.log.activated, log]).toEqual([0, ['activated']]);
  t.field.remove(other.chip.card);
  expect(t.tap(bytes(60)).step).toBe('done');
  expect([t.log.activated, log.length]).toEqual([1, 1]);
});

test('air statistics: bytes and time of a 300-byte exchange', () => {
  const t = started();
  const startMs = t.scheduler.nowMs();
  expect(t.tap(bytes(300)).step).toBe('done');
  const counts = t.field.counts();
  expect(counts.toCard).toBeGreaterThan(350);
  expect(counts.toReader).toBeGreaterThan(350);
  expect(counts.toCard + counts.toReader).toBeLessThan(900);
  expect(t.scheduler.nowMs() - startMs).toBeLessThan(400);
});
