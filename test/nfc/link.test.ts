/** The dialog with the chip when chip or line misbehave: every command calls back once, in bounded time, by name. */
import { fc } from '../kit/properties.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { answerFrames, createPn532Card } from '../../firmware/nfc/pn532-card.js';
import { ackFrame, encodeFrame, nackFrame, plainBytes, TFI_TO_HOST } from '../../firmware/nfc/pn532-frame.js';
import { createI2cPort } from '../../firmware/nfc/pn532-i2c.js';
import type { LinkResult, Pn532Port } from '../../firmware/nfc/pn532-link.js';
import { createPn532Link } from '../../firmware/nfc/pn532-link.js';
import { createPn532Reader, parseTarget } from '../../firmware/nfc/pn532-reader.js';
import type { Wiring } from './nfc-rig.js';
import { await1, clockOf, createBoard } from './nfc-rig.js';

const chars = (bytes: ArrayLike<number>) => String.fromCharCode(...Array.from(bytes));
const answer = (...data: number[]) => encodeFrame([TFI_TO_HOST], Uint8Array.from(data), [], plainBytes);
const VERSION = Uint8Array.of(0x02);
const VERSION_ANSWER = answer(0x03, 0x32, 0x01, 0x06, 0x07);
const ok = { ok: true, data: Uint8Array.of(0x32, 0x01, 0x06, 0x07) };

/** A link whose chip is a script: for each frame sent, what comes back. */
function createScripted(
  script: (sent: Uint8Array, wake: boolean, index: number) => ArrayLike<number>[] | false,
  whole = false,
) {
  const scheduler = createVirtualScheduler();
  const sent: Uint8Array[] = [];
  const port: Pn532Port = {
    onBytes: () => 0,
    send: (frame, wake) => {
      sent.push(frame.slice());
      const chunks = script(frame, wake, sent.length - 1);
      if (!chunks) return false;
      chunks.forEach((chunk, i) => scheduler.setTimer(() => port.onBytes(chars(chunk), whole), 1 + i));
      return true;
    },
  };
  const link = createPn532Link(port, clockOf(scheduler), { burstBytesMax: 64 });
  const run = (command = VERSION, once = false, timeoutMs = 200) =>
    await1<LinkResult>(scheduler, 2000, (done) => link.command(command, timeoutMs, once, done));
  return { scheduler, port, link, sent, run };
}

const isAck = (frame: Uint8Array) => String(frame) === String(ackFrame());
const isNack = (frame: Uint8Array) => String(frame) === String(nackFrame());

/** The link's one timer may be left to run out; nothing follows, and nothing is polled. */
function expectIdle(scheduler: ReturnType<typeof createVirtualScheduler>): void {
  expect(scheduler.pending()).toBeLessThanOrEqual(1);
  scheduler.advance(60_000);
  expect(scheduler.pending()).toBe(0);
}

test('ACK and answer in any pieces', () => {
  const all = [...ackFrame(), ...VERSION_ANSWER];
  for (let cut = 1; cut < all.length; cut++) {
    const chip = createScripted(() => [all.slice(0, cut), all.slice(cut)]);
    expect(chip.run()).toEqual(ok);
    expect(chip.sent).toHaveLength(1);
    expectIdle(chip.scheduler);
  }
  expect(createScripted(() => all.map((byte) => [byte])).run()).toEqual(ok);
});

test('an answer whose rest is lost is asked for again', () => {
  for (let cut = 1; cut < VERSION_ANSWER.length; cut++) {
    const chip = createScripted((sent) =>
      isNack(sent) ? [VERSION_ANSWER] : [ackFrame(), VERSION_ANSWER.subarray(0, cut)],
    );
    expect(chip.run()).toEqual(ok);
    expect(chip.sent.map(isNack)).toEqual([false, true]);
  }
});

test('a silent chip: three attempts, then an abort; a command that must not be repeated is sent once', () => {
  const silent = createScripted(() => []);
  expect(silent.run()).toEqual({ ok: false, code: 'PN532_NO_ACK' });
  expect(silent.sent.map(isAck)).toEqual([false, false, false, true]);
  expect(silent.scheduler.nowMs()).toBeLessThanOrEqual(800);
  const once = createScripted(() => []);
  expect(once.run(VERSION, true)).toEqual({ ok: false, code: 'PN532_NO_ACK' });
  expect(once.sent.map(isAck)).toEqual([false, true]);
});

test('a bus that refuses is tried again, for any command, as nothing was sent', () => {
  const busy = createScripted((_sent, _wake, i) => (i < 2 ? false : [ackFrame(), VERSION_ANSWER]));
  expect(busy.run(VERSION, true)).toEqual(ok);
  const dead = createScripted(() => false);
  expect(dead.run(VERSION, true)).toEqual({ ok: false, code: 'PN532_NO_ACK' });
});

test('ACK without answer ends by an abort', () => {
  const chip = createScripted((sent) => (isAck(sent) ? [] : [ackFrame()]));
  expect(chip.run()).toEqual({ ok: false, code: 'PN532_TIMEOUT' });
  expect(chip.sent.map(isAck)).toEqual([false, true]);
});

test('an answer without ACK is not taken', () => {
  const chip = createScripted((sent) => (isAck(sent) ? [] : [VERSION_ANSWER]));
  expect(chip.run()).toEqual({ ok: false, code: 'PN532_NO_ACK' });
});

test('the first command wakes the chip, later ones do not; after a failure the next does again', () => {
  const wakes: boolean[] = [];
  let dead = false;
  const chip = createScripted((_sent, wake) => {
    wakes.push(wake);
    return dead ? [] : [ackFrame(), VERSION_ANSWER];
  });
  chip.run();
  chip.run();
  dead = true;
  chip.run(VERSION, true);
  dead = false;
  chip.run();
  chip.run();
  expect(wakes).toEqual([true, false, false, true, true, false]);
});

test('what may be asleep is woken: at each repetition, and after an operation that was given up', () => {
  const wakes: boolean[] = [];
  const replies: Uint8Array[][] = [
    [ackFrame(), VERSION_ANSWER],
    [],
    [ackFrame(), VERSION_ANSWER],
    [ackFrame()],
    [],
    [ackFrame(), VERSION_ANSWER],
  ];
  const chip = createScripted((_sent, wake, i) => {
    wakes.push(wake);
    return replies[i];
  });
  expect(chip.run()).toEqual(ok);
  expect(chip.run()).toEqual(ok); // at the second attempt
  expect(chip.run()).toEqual({ ok: false, code: 'PN532_TIMEOUT' }); // the abort is the fifth frame
  expect(chip.run()).toEqual(ok);
  expect(wakes).toEqual([true, false, true, false, true, true]);
});

test.each([false, true])('a damaged answer is asked for again, at most twice (whole transfers: %s)', (whole) => {
  const damaged = VERSION_ANSWER.slice();
  damaged[8] ^= 1;
  for (const bad of [damaged, VERSION_ANSWER.subarray(0, 7), Uint8Array.of(0, 0, 0xff)]) {
    for (const failures of [1, 2]) {
      const chip = createScripted(
        (sent, _wake, i) =>
          i > failures - 1 && isNack(sent) ? [VERSION_ANSWER] : isNack(sent) ? [bad] : [ackFrame(), bad],
        whole,
      );
      expect(chip.run()).toEqual(ok);
      expect(chip.sent.filter(isNack)).toHaveLength(failures);
    }
    const chip = createScripted((sent) => (isNack(sent) ? [bad] : isAck(sent) ? [] : [ackFrame(), bad]), whole);
    expect(chip.run(VERSION, false, 1000)).toEqual({ ok: false, code: 'PN532_DAMAGED' });
    expect(chip.sent.map((f) => [isAck(f), isNack(f)])).toEqual([
      [false, false],
      [false, true],
      [false, true],
      [true, false],
    ]);
  }
});

test.each([
  ['none', []],
  ['a long one', [0, 0, 0, 0]],
  ['a byte of residue', [0x80, 0]],
  ['residue alone', [0x55]],
  ['residue that looks like a start', [0, 0xff, 0]],
])('preamble of ACK and answer: %s, in any pieces', (_what, preamble) => {
  for (const ackPreamble of [preamble, [0]]) {
    const all = [...ackPreamble, ...ackFrame().slice(1), ...preamble, ...VERSION_ANSWER.slice(1)];
    for (let cut = 1; cut <= all.length; cut++) {
      const chip = createScripted(() => [all.slice(0, cut), all.slice(cut)]);
      for (let i = 0; i < 2; i++) expect(chip.run()).toEqual(ok);
      // Nothing had to be asked for again.
      expect(chip.sent).toHaveLength(2);
    }
    expect(createScripted(() => all.map((byte) => [byte])).run()).toEqual(ok);
  }
});

test('noise around a good answer does no harm', () => {
  const noise = Uint8Array.of(0x55, 0xff, 0, 0, 0x12, 0, 0xff, 0x33, 0x33);
  const chip = createScripted(() => [noise, ackFrame(), noise, [...noise, ...VERSION_ANSWER, ...noise]]);
  expect(chip.run()).toEqual(ok);
  expect(chip.run()).toEqual(ok);
});

test('error frame, foreign answers, wrong direction', () => {
  expect(createScripted(() => [ackFrame(), [0, 0, 0xff, 1, 0xff, 0x7f, 0x81, 0]]).run()).toEqual({
    ok: false,
    code: 'PN532_ERROR',
  });
  const echo = encodeFrame([0xd4], Uint8Array.of(0x03, 1, 2, 3, 4), [], plainBytes);
  expect(createScripted(() => [ackFrame(), answer(0x05, 9), answer(), echo, VERSION_ANSWER]).run()).toEqual(ok);
});

test('an answer to a command given up is never taken for that to the next', () => {
  const scheduler = createVirtualScheduler();
  const port: Pn532Port = { onBytes: () => 0, send: () => true };
  const link = createPn532Link(port, clockOf(scheduler), { burstBytesMax: 64 });
  const results: LinkResult[] = [];
  const exchange = Uint8Array.of(0x40, 1, 0xaa);
  link.command(exchange, 100, true, (r) => results.push(r));
  port.onBytes(chars(ackFrame()), false);
  link.cancel();
  expect(results).toEqual([{ ok: false, code: 'CANCELLED' }]);
  link.command(exchange, 100, true, (r) => results.push(r));
  port.onBytes(chars(answer(0x41, 0, 1)), false); // late, for the first
  expect(results).toHaveLength(1);
  port.onBytes(chars(ackFrame()), false);
  port.onBytes(chars(answer(0x41, 0, 2)), false);
  expect(results[1]).toEqual({ ok: true, data: Uint8Array.of(0, 2) });
  port.onBytes(chars(answer(0x41, 0, 3)), false); // nobody asked
  expect(results).toHaveLength(2);
  expect(link.busy()).toBe(false);
  expectIdle(scheduler);
});

test('a second command at once is BUSY and leaves the first alone; a command from a callback is not', () => {
  const chip = createScripted(() => [ackFrame(), VERSION_ANSWER]);
  const order: string[] = [];
  chip.link.command(VERSION, 100, false, (r) => {
    order.push('first ' + r.ok);
    chip.link.command(VERSION, 100, false, (r2) => order.push('third ' + r2.ok));
  });
  chip.link.command(VERSION, 100, false, (r) => order.push('second ' + (r.ok ? '' : r.code)));
  chip.scheduler.advance(1000);
  expect(order).toEqual(['second BUSY', 'first true', 'third true']);
});

test('whatever bytes come: one callback, bounded time, no timer left', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom(
      ackFrame(),
      nackFrame(),
      VERSION_ANSWER,
      VERSION_ANSWER.subarray(0, 9),
      Uint8Array.of(0, 0, 0xff, 0xff, 0xff),
    ),
  );
  fc.assert(
    fc.property(
      fc.array(fc.array(piece, { maxLength: 6 }), { maxLength: 8 }),
      fc.boolean(),
      fc.boolean(),
      (replies, once, whole) => {
        const chip = createScripted((_sent, _wake, i) => replies[i] ?? [], whole);
        const result = chip.run(VERSION, once, 500);
        if (!result.ok)
          expect(['PN532_NO_ACK', 'PN532_TIMEOUT', 'PN532_DAMAGED', 'PN532_ERROR']).toContain(result.code);
        chip.scheduler.advance(50);
        expectIdle(chip.scheduler);
        expect(chip.sent.length).toBeLessThanOrEqual(7);
      },
    ),
    { numRuns: 400 },
  );
});

describe('reader and card before chips that answer nonsense', () => {
  const piece = fc.tuple(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom('code', 'raw', 'frame') as fc.Arbitrary<string>,
  );

  test('reader: every operation ends by a named result', () => {
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), (pieces) => {
        const chip = createScripted((sent, _wake, i) => {
          const [bytes, kind] = pieces[i % pieces.length];
          if (sent.length < 8) return [];
          if (kind === 'raw') return [ackFrame(), bytes];
          return [ackFrame(), kind === 'code' ? answer(sent[6] + 1, ...bytes) : answer(...bytes)];
        });
        const reader = createPn532Reader(chip.link, clockOf(chip.scheduler), { exchangeTimeoutMs: 300 });
        const known = [
          'RF_LOST',
          'RF_ERROR',
          'NO_CARD',
          'CARD_UNSUPPORTED',
          'TOO_LONG',
          'PN532_NO_ACK',
          'PN532_TIMEOUT',
          'PN532_DAMAGED',
          'PN532_ERROR',
        ];
        const check = (result: any) => result.ok || expect(known).toContain(result.code);
        check(await1(chip.scheduler, 20_000, (done) => reader.init(done)));
        check(await1(chip.scheduler, 20_000, (done) => reader.findCard(done, 500)));
        check(
          await1(chip.scheduler, 20_000, (done) => reader.transceive(reader.frameOf(Uint8Array.of(1, 2, 3), 64), done)),
        );
        check(await1(chip.scheduler, 20_000, (done) => reader.release(done)));
      }),
      { numRuns: 150 },
    );
  });

  test('card: goes on or stops with its last error, never throws, never answers twice', () => {
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), (pieces) => {
        const chip = createScripted((sent, _wake, i) => {
          const [bytes, kind] = pieces[i % pieces.length];
          if (sent.length < 8) return [];
          if (kind === 'raw') return [ackFrame(), bytes];
          return [ackFrame(), kind === 'code' ? answer(sent[6] + 1, ...bytes) : answer(...bytes)];
        });
        let finals = 0;
        const card = createPn532Card(chip.link, clockOf(chip.scheduler), {
          random: (n) => new Uint8Array(n),
          listenMs: 300,
          onCommand: () => answerFrames(chip.link)(new Uint8Array(0), 0x9000),
          onError: (_failure, final) => (finals += final ? 1 : 0),
        });
        card.start();
        for (let i = 0; i < 3000 && finals === 0; i++) chip.scheduler.step();
        expect(finals).toBeLessThanOrEqual(1);
        card.stop();
        const sent = chip.sent.length;
        chip.scheduler.advance(60_000);
        expect(chip.sent.length).toBe(sent);
      }),
      { numRuns: 60 },
    );
  });

  test('a card whose chip is dead says so, and stops after its attempts', () => {
    const chip = createScripted(() => []);
    const errors: [string, boolean][] = [];
    const card = createPn532Card(chip.link, clockOf(chip.scheduler), {
      random: (n) => new Uint8Array(n),
      onCommand: () => new Uint8Array(0),
      onError: (failure, final) => errors.push([failure.code, final]),
    });
    card.start();
    chip.scheduler.advance(60_000);
    expect(errors).toEqual([1, 2, 3, 4, 5].map((i) => ['PN532_NO_ACK', i === 5]));
    expectIdle(chip.scheduler);
    card.start();
    chip.scheduler.advance(60_000);
    expect(errors).toHaveLength(10);
  });

  test('targets: every truncation of an answer to InListPassiveTarget, and another kind of card', () => {
    const full = Uint8Array.of(1, 1, 0, 4, 0x20, 4, 8, 1, 2, 3, 5, 0x75, 0x33, 0x92, 3);
    expect(parseTarget(full)).toEqual({
      card: { uid: full.subarray(6, 10), selRes: 0x20, ats: full.subarray(11) },
      hasAts: true,
    });
    for (let n = 0; n < full.length; n++) {
      const found = parseTarget(full.subarray(0, n));
      expect(found === null).toBe(n < 10);
      if (found) expect(found.hasAts).toBe(false);
    }
    expect(parseTarget(Uint8Array.of(2, ...full.subarray(1)))).toBeNull();
    for (let uidLength = 0; uidLength < 256; uidLength++) {
      const changed = full.slice();
      changed[5] = uidLength;
      expect(parseTarget(changed) === null).toBe(![4, 7].includes(uidLength));
    }
  });
});

test('a whole chip over a line that drops, doubles or damages chunks: every operation ends, and later ones succeed', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('ok', 'ok', 'drop', 'double', 'flip', 'cut'), { maxLength: 12 }), (faults) => {
      const scheduler = createVirtualScheduler();
      const board = createBoard(scheduler, 'HSU', 64);
      for (const end of [board.line.a, board.line.b]) {
        const write = end.write;
        end.write = (data) => {
          const fault = faults.shift() ?? 'ok';
          if (fault === 'drop') return;
          if (fault === 'double') write(data);
          if (fault === 'flip')
            return write(data.slice(0, 5) + String.fromCharCode(data.charCodeAt(5) ^ 4) + data.slice(6));
          write(fault === 'cut' ? data.slice(0, 8) : data);
        };
      }
      const reader = createPn532Reader(board.link, clockOf(scheduler), {});
      await1(scheduler, 20_000, (done) => reader.init(done));
      faults.length = 0;
      expect(await1(scheduler, 20_000, (done) => reader.init(done))).toEqual({ ok: true });
    }),
    { numRuns: 150 },
  );
});

test('an ACK that stood behind the timer in the queue, as the program was busy, still counts', () => {
  const scheduler = createVirtualScheduler();
  const port: Pn532Port = { onBytes: () => 0, send: () => true };
  const link = createPn532Link(port, clockOf(scheduler), { burstBytesMax: 64, ackTimeoutMs: 20 });
  const results: LinkResult[] = [];
  link.command(VERSION, 50, true, (r) => results.push(r));
  scheduler.advance(21);
  port.onBytes(chars(ackFrame()), false);
  scheduler.advance(51);
  port.onBytes(chars(VERSION_ANSWER), false);
  expect(results).toEqual([ok]);
  expectIdle(scheduler);
});

test.each<Wiring>(['I2C', 'SPI'])('over %s nothing is polled while no answer is awaited', (wiring) => {
  const scheduler = createVirtualScheduler();
  const board = createBoard(scheduler, wiring, 64);
  const reader = createPn532Reader(board.link, clockOf(scheduler), {});
  expect(await1(scheduler, 5000, (done) => reader.init(done))).toEqual({ ok: true });
  scheduler.advance(20);
  expectIdle(scheduler);
});

test('over I2C a read asks for the status byte and the longest frame that can come', () => {
  const scheduler = createVirtualScheduler();
  const reads: number[] = [];
  let frames: Uint8Array[] = [];
  const bus = {
    writeTo: () => void (frames = [ackFrame(), VERSION_ANSWER]),
    readFrom: (_address: number, bytes: number) => {
      reads.push(bytes);
      return bytes === 1
        ? Uint8Array.of(1)
        : Uint8Array.from([1, ...frames.shift()!, ...new Uint8Array(80)]).subarray(0, bytes);
    },
  };
  const port = createI2cPort(bus, clockOf(scheduler), {});
  const link = createPn532Link(port, clockOf(scheduler), { burstBytesMax: 64 });
  expect(await1(scheduler, 1000, (done) => link.command(VERSION, 100, false, done))).toEqual(ok);
  expect(reads).toEqual([7, 1, 65]);
});
