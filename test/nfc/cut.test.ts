/**
 * The radio is cut after every single byte of a tap, and bits are flipped in every byte: bounded, and the next tap
 * works.
 */
import type { Wiring } from './nfc-rig.js';
import { await1 } from './nfc-rig.js';
import type { TapOptions } from './apdu-tap.js';
import { createTap } from './apdu-tap.js';

const bytes = (n: number) => Uint8Array.from({ length: n }, (_, i) => (i * 7 + 3) & 255);
const MESSAGE = bytes(100);

function started(options: TapOptions = {}) {
  const t = createTap(options);
  t.card.start();
  await1(t.scheduler, 5000, (done) => t.reader.init(done));
  t.field.present(t.user.chip.card);
  return t;
}

function bytesOfATap(): number {
  const t = started();
  expect(t.tap(MESSAGE).step).toBe('done');
  const counts = t.field.counts();
  return counts.toCard + counts.toReader;
}

test.each([0, 3])('cut after every byte, either direction; the token thinks for %i ms', (thinkMs) => {
  const total = bytesOfATap();
  expect(total).toBeGreaterThan(300);
  const seen: Record<string, number> = {};
  for (let n = 0; n <= total; n++) {
    const t = started({ thinkMs });
    const before = t.field.counts();
    t.field.cutAfter(n);
    const torn = t.tap(MESSAGE, 100);
    const passed = t.field.counts();
    seen[torn.step + (torn.code ?? '')] = (seen[torn.step + (torn.code ?? '')] ?? 0) + 1;
    // Exactly n bytes passed, unless the tap needed fewer.
    if (torn.step !== 'done') {
      expect(passed.toCard + passed.toReader - before.toCard - before.toReader).toBe(n);
      expect(torn.code).toBe(torn.step === 'find' ? 'NO_CARD' : 'RF_LOST');
      expect(t.field.isCut()).toBe(true);
    }
    // What the card handed to its program was never a damaged or partial command.
    for (const command of t.log.commands) expect(command).toEqual(MESSAGE);
    t.field.restore();
    expect(t.tap(MESSAGE)).toEqual({ step: 'done', data: MESSAGE.slice().reverse(), sw: 0x9000 });
    expect(t.log.errors).toEqual([]);
  }
  // Each phase was hit: search, SELECT, command.
  expect(seen.findNO_CARD).toBeGreaterThan(30);
  expect(seen.selectRF_LOST).toBeGreaterThan(10);
  expect(seen.commandRF_LOST).toBeGreaterThan(200);
});

test('a card is found soon, whichever byte of its activation is damaged', () => {
  const clean = started();
  const counts = clean.field.counts();
  let activation = 0;
  clean.reader.findCard(() => {
    const now = clean.field.counts();
    activation = now.toCard + now.toReader - counts.toCard - counts.toReader;
  }, 2000);
  clean.scheduler.advance(2000);
  expect(activation).toBeGreaterThan(30);
  for (let n = 0; n < activation; n++) {
    const t = started();
    t.field.flipBit(n, 3);
    const fromMs = t.scheduler.nowMs();
    expect([n, await1<any>(t.scheduler, 2000, (done) => t.reader.findCard(done, 2000))]).toMatchObject([
      n,
      { ok: true },
    ]);
    expect([n, t.scheduler.nowMs() - fromMs < 200]).toEqual([n, true]);
  }
});

test('cut at the boundary of the last command: its response lost, or nothing lost', () => {
  // Find the byte after which the whole response to the command has passed.
  const t0 = started();
  const frames: { end: number; toCard: boolean; pcb: number }[] = [];
  let sum = 0;
  t0.field.onTraffic = (toCard, frame) => frames.push({ end: (sum += frame.length), toCard, pcb: frame[0] });
  expect(t0.tap(MESSAGE).step).toBe('done');
  const last = frames.filter((f) => !f.toCard && (f.pcb & 0xee) === 0x02).pop()!;

  const lost = started();
  lost.field.cutAfter(last.end - 1);
  expect(lost.tap(MESSAGE, 100)).toEqual({ step: 'command', code: 'RF_LOST' });
  expect(lost.log.commands).toHaveLength(1); // the token did its work; only the answer is gone
  expect(lost.log.released.length).toBeGreaterThan(0);

  const kept = started();
  kept.field.cutAfter(last.end);
  expect(kept.tap(MESSAGE, 100).step).toBe('done');
  expect(kept.field.isCut()).toBe(true);
});

test('one flipped bit in any byte: the block protocol repeats, the tap succeeds or fails by name, the next works', () => {
  const total = bytesOfATap();
  let survived = 0;
  for (let n = 0; n < total; n++) {
    const t = started();
    t.field.flipBit(n, n % 8);
    const outcome = t.tap(MESSAGE, 300);
    if (outcome.step === 'done') {
      survived++;
      expect(outcome.data).toEqual(MESSAGE.slice().reverse());
    } else {
      expect(['RF_LOST', 'RF_ERROR', 'NO_CARD']).toContain(outcome.code);
    }
    // A block repeated on the air is one command to the program.
    expect(t.log.commands.length).toBeLessThanOrEqual(1);
    expect(t.tap(MESSAGE).step).toBe('done');
  }
  // Damage is repaired nearly everywhere: what remains is a search that starts over.
  expect(survived).toBeGreaterThan(total * 0.95);
});

test.each<Wiring>(['I2C', 'SPI'])('over %s, a sample of cuts', (wiring) => {
  for (let n = 0; n < 400; n += 17) {
    const t = started({ wiring, burstBytesMax: 200 });
    t.field.cutAfter(n);
    t.tap(MESSAGE, 100);
    t.field.restore();
    expect(t.tap(MESSAGE).step).toBe('done');
  }
});
