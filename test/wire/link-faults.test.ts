/**
 * The serial link on a line that misbehaves: every request is answered once and done at most once, and after the fault
 * both ends are in step again. First every single fault at every write of a conversation, then many at random. The
 * short form takes every seventh byte of each write, another one from write to write.
 */
import { extent } from '../kit/extent.js';
import { fc } from '../kit/properties.js';
import { FRAME } from '../../firmware/wire/link/link-frame.js';
import { ROLE } from '../../firmware/wire/link/link-session.js';
import { ACK_TIMEOUT_MS } from '../../firmware/wire/link/link-transport.js';
import { ask, askInParts, bootBoth, createPair, pattern, type Fault, type Outcome, type Pair } from './link-rig.js';

const out = (bytes: Uint8Array, delayMs = 0) => ({ bytes, delayMs });
const flip = (bytes: Uint8Array, bit: number) => {
  bytes[(bit >> 3) % bytes.length] ^= 1 << (bit & 7);
  return bytes;
};

/**
 * What both sides say to each other: short and long, both ways at once, one begun before its end is known. Bodies name
 * the request.
 */
const SIZES = [3, 90, 0];
function converse(pair: Pair): Outcome[] {
  return SIZES.flatMap((size, i) => [
    ask(pair.bridge, 1 + i, Uint8Array.of(2 * i, ...pattern(size, 10 + i))),
    i === 1
      ? askInParts(pair, pair.terminal, 2, Uint8Array.of(3, ...pattern(size, 21)), 50, 30)
      : ask(pair.terminal, 1 + i, Uint8Array.of(2 * i + 1, ...pattern(size, 20 + i))),
  ]);
}

/**
 * Throws unless no request was done twice and every callback was called once. Plain checks: it runs a million times.
 */
function checkOnce(pair: Pair, outcomes: Outcome[]): void {
  const done = new Map<number, number>();
  for (const side of [pair.bridge, pair.terminal]) {
    for (const { body } of side.requests) done.set(body[0], (done.get(body[0]) ?? 0) + 1);
  }
  outcomes.forEach((outcome, i) => {
    const times = done.get(i) ?? 0;
    const say = `request ${i}: ${outcome.calls} callbacks, done ${times} times, ${outcome.code}`;
    if (outcome.calls !== 1 || times > 1) throw new Error(say);
    if (outcome.code === 'OK') {
      if (times !== 1 || outcome.body[0] !== i || outcome.body.length !== SIZES[i >> 1] + 1) throw new Error(say);
    } else if (outcome.code !== 'LINK_DOWN' && outcome.code !== 'NO_ANSWER') throw new Error(say);
  });
  if (!pair.bridge.link.up() || !pair.terminal.link.up()) throw new Error('the link did not come up again');
}

/** Runs the conversation with one fault at write `at`; -1 for none. @returns codes and how long it took */
function run(at: number, fault: Fault): { codes: string[]; ms: number; pair: Pair } {
  const pair = createPair({ fault: (write) => (write === at ? fault : undefined) });
  if (!bootBoth(pair, 3000)) throw new Error('the link did not come up');
  const outcomes = converse(pair);
  const startMs = pair.scheduler.nowMs();
  pair.scheduler.runUntil(() => outcomes.every((outcome) => outcome.calls > 0), 60_000);
  const ms = pair.scheduler.nowMs() - startMs;
  pair.scheduler.advance(2500);
  checkOnce(pair, outcomes);
  return { codes: outcomes.map((outcome) => outcome.code as string), ms, pair };
}
const clean = run(-1, (bytes) => [out(bytes)]);
const allOk = clean.codes.map(() => 'OK').join();
const writes = Array.from({ length: clean.pair.writes.length }, (_, i) => i);

test('without faults the conversation takes its time on the line and no frame twice', () => {
  expect(clean.codes.join()).toBe(allOk);
  expect(clean.ms).toBeLessThan(120);
  expect(new Set(clean.pair.writes.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBeGreaterThan(25);
});

const GARBAGE = Uint8Array.from({ length: 40 }, (_, i) => [192, 219, 220, 7, 255][i % 5]);
/** ESP-IDF prints such lines into UART0, where our link runs, whatever the program does. */
const IDF_LINE = Uint8Array.from(Buffer.from('\x1b[0;33mW (184263) spi_flash: erase took 612 ms\x1b[0m\r\n', 'latin1'));
const single: [string, (variant: number) => Fault | null][] = [
  ['dropped', (variant) => (variant > 0 ? null : () => [])],
  ['doubled', (variant) => (variant > 0 ? null : (bytes) => [out(bytes), out(bytes)])],
  [
    'doubled late',
    (variant) =>
      variant > 8 ? null : (bytes) => [out(bytes), out(bytes, [1, 2, 5, 9, 20, 40, 100, 300, 1200][variant])],
  ],
  ['late', (variant) => (variant > 7 ? null : (bytes) => [out(bytes, [1, 3, 7, 20, 60, 249, 260, 1300][variant])])],
  ['flipped at a bit', (variant) => (variant > 64 ? null : (bytes) => [out(flip(bytes, variant * 9))])],
  ['cut after', (variant) => (variant > 64 ? null : (bytes) => [out(bytes.slice(0, variant))])],
  ['begun at', (variant) => (variant > 64 ? null : (bytes) => [out(bytes.slice(variant))])],
  [
    'in single bytes',
    (variant) => (variant > 0 ? null : (bytes) => [...bytes].map((byte) => out(Uint8Array.of(byte)))),
  ],
  [
    'with a line of ESP-IDF from',
    (variant) =>
      variant > 64 ? null : (bytes) => [out(bytes.slice(0, variant)), out(IDF_LINE), out(bytes.slice(variant))],
  ],
  ['behind garbage', (variant) => (variant > 5 ? null : (bytes) => [out(GARBAGE.slice(7 * variant)), out(bytes)])],
  ['before garbage', (variant) => (variant > 5 ? null : (bytes) => [out(bytes), out(GARBAGE.slice(7 * variant))])],
];

test.each(single)('a frame %s costs one more sending, nothing else', (name, make) => {
  for (const at of writes) {
    const everyByte = /^(flipped|cut|begun|with a line)/.test(name);
    const every = everyByte ? extent(7, 1) : 1;
    for (let variant = at % every; ; variant += every) {
      const fault = make(variant);
      if (!fault || (everyByte && variant >= clean.pair.writes[at].length)) break;
      const { codes, ms, pair } = run(at, fault);
      // An old HELLO that arrives later than the session begins it anew; that is no fault of a real line.
      const lost = pair.bridge.downs.length + pair.terminal.downs.length > 0;
      if (lost) {
        if (at > 2 || !name.includes('late'))
          throw new Error(`session lost by write ${at} ${name}, variant ${variant}`);
      } else if (codes.join() !== allOk || ms > clean.ms + ACK_TIMEOUT_MS + 100) {
        throw new Error(`write ${at} ${name}, variant ${variant}: ${codes} after ${ms} ms`);
      }
    }
  }
});

const anyFault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant<Fault>(() => []),
  fc.constant<Fault>((bytes) => [out(bytes), out(bytes)]),
  fc.integer({ min: 1, max: 3000 }).map((ms): Fault => (bytes) => [out(bytes, ms)]),
  fc.integer({ min: 1, max: 3000 }).map((ms): Fault => (bytes) => [out(bytes), out(bytes, ms)]),
  fc.nat(600).map((bit): Fault => (bytes) => [out(flip(bytes, bit))]),
  fc.nat(64).map((at): Fault => (bytes) => [out(bytes.slice(0, at % bytes.length))]),
  fc.nat(64).map((at): Fault => (bytes) => [out(bytes.slice(at % bytes.length))]),
  fc.uint8Array({ maxLength: 60 }).map((noise): Fault => (bytes) => [out(noise), out(bytes), out(noise)]),
);

test('lines of ESP-IDF at any byte of any frames, both ways at once: all is answered, nothing is done twice', () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.integer({ min: 0, max: 60 }).map(String),
        fc.array(fc.nat(200), { minLength: 1, maxLength: 3 }),
        {
          minKeys: 1,
          maxKeys: 12,
        },
      ),
      (places) => {
        const pair = createPair({
          fault: (write) =>
            places[write] &&
            ((bytes) => {
              const cuts = places[write].map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
              const pieces = [...cuts, bytes.length].map((end, i) => bytes.slice(i > 0 ? cuts[i - 1] : 0, end));
              return pieces.flatMap((piece, i) => (i > 0 ? [out(IDF_LINE), out(piece)] : [out(piece)]));
            }),
        });
        if (!bootBoth(pair, 20_000)) throw new Error('the link did not come up');
        const outcomes = converse(pair);
        pair.scheduler.runUntil(() => outcomes.every((outcome) => outcome.calls > 0), 60_000);
        pair.scheduler.advance(2500);
        checkOnce(pair, outcomes);
        if (outcomes.some(({ code }) => code !== 'OK')) throw new Error(outcomes.map(({ code }) => code).join());
      },
    ),
    { numRuns: extent(100, 400, 10_000) },
  );
});

test('any mixture of faults and restarts: no request is done twice or answered twice, and the line recovers', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.integer({ min: 0, max: 120 }).map(String), anyFault, { maxKeys: 40 }),
      fc.array(fc.tuple(fc.constantFrom('bridge' as const, 'terminal' as const), fc.nat(3000)), { maxLength: 3 }),
      (faults, restarts) => {
        let faulty = true;
        const pair = createPair({ fault: (write) => (faulty ? faults[write] : undefined) });
        pair.boot('terminal');
        pair.boot('bridge');
        pair.scheduler.runUntil(() => pair.bridge.link.up() && pair.terminal.link.up(), 20_000);
        const outcomes = converse(pair);
        for (const [who, ms] of restarts) {
          pair.scheduler.advance(ms);
          pair.boot(who);
        }
        pair.scheduler.advance(60_000);
        checkOnce(pair, outcomes);
        faulty = false;
        // The first use may find out that each is in a session of its own; the second one works.
        let after = ask(pair.terminal, 9, Uint8Array.of(99));
        pair.scheduler.advance(4000);
        if (after.code === 'LINK_DOWN') {
          after = ask(pair.terminal, 9, Uint8Array.of(99));
          pair.scheduler.advance(1000);
        }
        if (after.calls !== 1 || after.code !== 'OK') throw new Error(`not in step again: ${after.code}`);
      },
    ),
    { numRuns: extent(150, 600, 20_000) },
  );
});

test('each end in a session of its own, after an old HELLO whose answer got lost: the first use of the line finds out', () => {
  let fault: Fault | undefined;
  const pair = createPair({ fault: () => fault });
  bootBoth(pair);
  const old = pair.writes.find((bytes) => bytes[1] === FRAME.hello && bytes[4] === ROLE.terminal)!;
  pair.boot('terminal');
  pair.scheduler.advance(3000);
  // The bridge gets the old HELLO, and nothing that it says arrives.
  fault = (bytes) => ((fault = () => []), [out(bytes), out(old)]);
  ask(pair.terminal, 1, Uint8Array.of(1));
  pair.scheduler.advance(40);
  fault = undefined;
  const lost = ask(pair.bridge, 2, Uint8Array.of(2));
  pair.scheduler.advance(2500);
  expect(lost).toMatchObject({ calls: 1, code: 'LINK_DOWN' });
  const after = ask(pair.terminal, 3, Uint8Array.of(3));
  pair.scheduler.advance(100);
  expect(after).toMatchObject({ calls: 1, code: 'OK' });
});

test('a HELLO that comes late, after its answerer started anew, begins no old session again', () => {
  // Of any earlier HELLO of the bridge, with the terminal's own lost, and with the answer to the late one lost as well.
  for (const answerLost of [false, true]) {
    let fault: Fault | undefined;
    const pair = createPair({ fault: () => fault });
    bootBoth(pair);
    const messages = [1, 2, 3].map((id) => ask(pair.terminal, id, Uint8Array.of(id)));
    pair.scheduler.advance(100);
    expect(messages.map(({ code }) => code)).toEqual(['OK', 'OK', 'OK']);
    const late = pair.writes.find((bytes) => bytes[1] === FRAME.hello && bytes[4] === ROLE.bridge)!;
    fault = () => ((fault = answerLost ? () => ((fault = undefined), []) : undefined), []);
    pair.boot('terminal');
    pair.bridge.late(late);
    pair.scheduler.advance(3000);
    // Both are in one session, or the first use finds out that they are not.
    const first = ask(pair.terminal, 4, Uint8Array.of(4));
    pair.scheduler.advance(4000);
    const after = first.code === 'OK' ? first : ask(pair.terminal, 5, Uint8Array.of(5));
    pair.scheduler.advance(100);
    expect([first.calls, after.code]).toEqual([1, 'OK']);
    expect(pair.bridge.downs).toEqual(['LINK_DOWN']);
  }
});

test('a line that loses a third of all frames still carries everything', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(99)), (stream) => {
      const dice = stream[Symbol.iterator]();
      let noisy = false;
      const pair = createPair({ fault: () => (noisy && dice.next().value < 33 ? () => [] : undefined) });
      bootBoth(pair);
      noisy = true;
      const outcomes = converse(pair);
      pair.scheduler.runUntil(() => outcomes.every((outcome) => outcome.calls > 0), 300_000);
      // Of such a line nothing more can be asked than that it is up whenever it is asked for on a quiet one.
      noisy = false;
      pair.scheduler.advance(60_000);
      checkOnce(pair, outcomes);
    }),
    { numRuns: extent(40, 100, 5_000) },
  );
});
