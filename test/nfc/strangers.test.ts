/** A reader before cards that are no ISO/IEC 14443-4 cards, alone and beside one that is. */
import type { FindResult } from '../../firmware/nfc/pn532-reader.js';
import { await1 } from './nfc-rig.js';
import { createTap } from './apdu-tap.js';
import { createForeignCard } from './foreign-card.js';

const BANK = { ats: [0x05, 0x78, 0x80, 0x70, 0x02] };

function started() {
  const t = createTap();
  t.card.start();
  expect(await1(t.scheduler, 5000, (done) => t.reader.init(done))).toEqual({ ok: true });
  /** Searches; what was found, and how long that took. */
  const find = (strangers?: number) => {
    const fromMs = t.scheduler.nowMs();
    const found = await1<FindResult>(t.scheduler, 6000, (done) => t.reader.findCard(done, 3000, strangers));
    return {
      uid: found.ok ? [...found.card.uid] : [],
      code: found.ok ? 'OK' : found.code,
      ms: t.scheduler.nowMs() - fromMs,
    };
  };
  const halt = () => await1(t.scheduler, 1000, (done) => t.reader.release(done, true));
  return { ...t, find, halt, isToken: (uid: number[]) => uid[0] === 0x08 };
}

test('a token beside a MIFARE card that wins anticollision is found at once', () => {
  const t = started();
  t.field.present(createForeignCard(t.scheduler));
  t.field.present(t.user.chip.card);
  const { uid, ms } = t.find();
  expect(t.isToken(uid)).toBe(true);
  expect(ms).toBeLessThan(300);
  expect(t.tap(new Uint8Array(10))).toMatchObject({ step: 'done' });
});

test('a token beside a bank card is found by the next search, where that is told of the stranger', () => {
  const t = started();
  const card = createForeignCard(t.scheduler, BANK);
  t.field.present(card);
  t.field.present(t.user.chip.card);
  const first = t.find(0);
  expect(t.isToken(first.uid)).toBe(false);
  t.halt();
  const second = t.find(1);
  expect(t.isToken(second.uid)).toBe(true);
  expect(second.ms).toBeLessThan(200);
  // The one that was passed over hears nothing of what is said to the token.
  const select = t.reader.frameOf(Uint8Array.of(0, 0xa4, 4, 0, 0), 40);
  expect(await1(t.scheduler, 1000, (done) => t.reader.transceive(select, done))).toMatchObject({ ok: true });
  expect(card.state).toBe('halt');
});

test.each([
  ['a MIFARE card alone', {}, 0, 'CARD_UNSUPPORTED'],
  ['a bank card alone, found before', BANK, 1, 'CARD_UNSUPPORTED'],
])('%s is told soon where that is asked for, and at the end where not', (_what, options, strangers, code) => {
  const t = started();
  t.field.present(createForeignCard(t.scheduler, options));
  if (strangers > 0) {
    t.find(0);
    t.halt();
  }
  const soon = t.find(strangers);
  expect(soon.code).toBe(code);
  expect(soon.ms).toBeLessThan(300);
  if (strangers > 0) return;
  const late = t.find();
  expect(late.code).toBe(code);
  expect(late.ms).toBeGreaterThan(3000);
});
