/** The serial link without faults on the line: handshake, sizes, limits, restarts, versions. */
import { crc32 } from 'node:zlib';
import { allCodes } from '../../firmware/core/codes.js';
import { encodeFrame, FRAME } from '../../firmware/wire/link/link-frame.js';
import { createLinkSession, MESSAGE_BYTES_MAX, REQUESTS_MAX, ROLE } from '../../firmware/wire/link/link-session.js';
import { createLinkTransport, SENDS_MAX, SENDS_TO_BOARD_MAX } from '../../firmware/wire/link/link-transport.js';
import { ask, askInParts, bootBoth, createPair, pattern } from './link-rig.js';

test('both ends come up once, whoever starts first, and each takes the other for what it is', () => {
  for (const order of [
    ['bridge', 'terminal'],
    ['terminal', 'bridge'],
  ] as const) {
    for (const delayMs of [0, 1, 3, 10, 999, 1000, 5000]) {
      const pair = createPair();
      pair.boot(order[0]);
      pair.scheduler.advance(delayMs);
      pair.boot(order[1]);
      pair.scheduler.advance(3000);
      expect([pair.bridge.link.up(), pair.terminal.link.up()]).toEqual([true, true]);
      expect([pair.bridge.ups, pair.terminal.ups, pair.bridge.downs, pair.terminal.downs]).toEqual([1, 1, [], []]);
    }
  }
});

test('bodies of every size come back whole, in frames that leave the receiver room for an ACK', () => {
  for (const bursts of [
    [48, 48],
    [64, 64],
    [1024, 64],
    [64, 300],
  ] as [number, number][]) {
    const pair = createPair({ bursts, baud: 0 });
    expect(bootBoth(pair)).toBe(true);
    for (const length of [0, 1, 30, 31, 32, 33, 34, 35, 36, 37, 38, 100, 1000, MESSAGE_BYTES_MAX - 3]) {
      for (const side of ['bridge', 'terminal'] as const) {
        const outcome = ask(pair[side], 5, pattern(length, length));
        expect(pair.scheduler.runUntil(() => outcome.calls > 0, 60_000)).toBe(true);
        expect([outcome.code, outcome.body.length]).toEqual(['OK', length]);
        expect(Buffer.compare(outcome.body, pattern(length, length))).toBe(0);
      }
    }
    const longest = pair.writes.reduce((most, bytes) => Math.max(most, bytes.length), 0);
    expect(longest).toBeLessThanOrEqual(Math.max(...bursts) - 14);
    expect(longest).toBeGreaterThan(Math.max(...bursts) - 14 - 14);
  }
});

test('a VERIFY takes little more than its bytes on the line', () => {
  const body = Uint8Array.from({ length: 237 }, (_, i) => (i * 37 + 11) & 255); // a history of the usual size
  const bytesMs = ((2 + 237) * 10_000) / 115200;
  for (const [hostBurst, limitMs] of [
    [512, bytesMs + 5],
    [64, bytesMs + 25],
  ] as const) {
    const pair = createPair({ bursts: [hostBurst, 64], respond: (_kind, _body, reply) => reply('OK') });
    bootBoth(pair);
    const startMs = pair.scheduler.nowMs();
    const outcome = ask(pair.terminal, 0x10, body);
    pair.scheduler.runUntil(() => outcome.calls > 0, 1000);
    const ms = pair.scheduler.nowMs() - startMs;
    expect(outcome.code).toBe('OK');
    expect(ms).toBeLessThan(limitMs);
  }
});

describe('a request whose end is not known yet', () => {
  const body = pattern(200, 7);
  const begin = (pair: ReturnType<typeof createPair>, known: number, afterMs: number) =>
    askInParts(pair, pair.terminal, 2, body, known, afterMs);

  test('arrives whole, however much of it was known and whenever the rest comes', () => {
    for (const bursts of [
      [512, 64],
      [64, 64],
      [48, 48],
    ] as [number, number][]) {
      for (const known of [0, 1, 20, 100, 199]) {
        for (const afterMs of [0, 1, 5, 100, 1000]) {
          const pair = createPair({ bursts });
          bootBoth(pair);
          const outcome = begin(pair, known, afterMs);
          expect(pair.scheduler.runUntil(() => outcome.calls > 0, 3000)).toBe(true);
          expect(outcome).toEqual({ calls: 1, code: 'OK', body });
          expect(pair.bridge.requests).toEqual([{ kind: 2, body }]);
        }
      }
    }
  });

  test('has only its rest to be waited for, and lets messages of one frame pass', () => {
    const pair = createPair({ bursts: [512, 64], respond: (_kind, _body, reply) => reply('OK') });
    bootBoth(pair);
    const outcome = begin(pair, 136, 100);
    const between = ask(pair.terminal, 5, pattern(9, 1));
    pair.scheduler.advance(100);
    expect([between.code, pair.bridge.requests.map(({ kind }) => kind)]).toEqual(['OK', [5]]);
    const startMs = pair.scheduler.nowMs();
    pair.scheduler.runUntil(() => outcome.calls > 0, 1000);
    expect(pair.scheduler.nowMs() - startMs).toBeLessThan(((64 + 12 + 13) * 10_000) / 115200 + 3);
  });

  test('given up: its answer is heard by nobody, and what comes then is understood', () => {
    for (const bursts of [
      [512, 64],
      [48, 48],
    ] as [number, number][]) {
      for (const before of [0, 3]) {
        // messages in front of it
        for (const afterMs of [0, 1, 10, 100]) {
          const pair = createPair({ bursts });
          bootBoth(pair);
          const front = Array.from({ length: before }, (_, i) => ask(pair.terminal, 3, pattern(40, i)));
          const begun = pair.terminal.link.begin(2, body.slice(0, 60), 64)!;
          pair.scheduler.advance(afterMs);
          pair.terminal.link.finish(begun, new Uint8Array(0), () => undefined, 1000);
          const next = begin(pair, 100, 20);
          const last = ask(pair.terminal, 4, body);
          pair.scheduler.advance(3000);
          expect([...front, next, last].map(({ calls, code }) => `${calls} ${code}`)).toEqual(
            new Array(before + 2).fill('1 OK'),
          );
          const lengths = pair.bridge.requests.filter(({ kind }) => kind === 2).map((one) => one.body.length);
          expect(lengths.sort()).toEqual([200, 60]);
        }
      }
    }
  });

  test('ends with its session, and is refused where a request would be', () => {
    const pair = createPair({ respond: () => undefined });
    pair.boot('terminal');
    expect(pair.terminal.link.begin(2, body, 0)).toBeNull();
    pair.boot('bridge');
    pair.scheduler.advance(3000);
    const finished = begin(pair, 100, 5000);
    pair.terminal.link.begin(2, body, 10);
    pair.boot('bridge');
    pair.scheduler.advance(6000);
    expect(finished).toMatchObject({ calls: 1, code: 'LINK_DOWN' });
    expect(pair.bridge.requests).toEqual([]);
    for (let i = 0; i < REQUESTS_MAX; i++) ask(pair.terminal, 1, pattern(1, i));
    expect(pair.terminal.link.begin(2, body, 0)).toBeNull();
  });
});

test('answers find their requests in any order; each reply counts once', () => {
  const replies: (() => void)[] = [];
  const pair = createPair({
    respond: (_kind, body, reply) => {
      replies.push(() => {
        reply('DENIED', body);
        reply('OK');
      });
    },
  });
  bootBoth(pair);
  const outcomes = Array.from({ length: REQUESTS_MAX }, (_, i) => ask(pair.bridge, 1, pattern(i * 20, i)));
  const busy = ask(pair.bridge, 1, pattern(0, 0));
  pair.scheduler.advance(2000);
  expect(replies.length).toBe(REQUESTS_MAX);
  for (const i of [3, 0, 7, 1, 6, 2, 5, 4]) replies[i]();
  pair.scheduler.advance(2000);
  expect(busy).toMatchObject({ calls: 1, code: 'BUSY' });
  outcomes.forEach((outcome, i) => expect(outcome).toEqual({ calls: 1, code: 'DENIED', body: pattern(i * 20, i) }));
});

test('a late answer meets nobody, and its id comes back into use', () => {
  const pair = createPair({
    respond: (kind, body, reply) => {
      if (kind === 2) pair.scheduler.setTimer(() => reply('OK', body), 1000);
      else reply('OK', body);
    },
  });
  bootBoth(pair);
  const late = ask(pair.bridge, 2, pattern(3, 1), 500);
  pair.scheduler.advance(600);
  expect(late).toMatchObject({ calls: 1, code: 'NO_ANSWER' });
  for (let i = 0; i < 600; i++) {
    const outcome = ask(pair.bridge, 3, pattern(1, i));
    pair.scheduler.runUntil(() => outcome.calls > 0, 1000);
    expect(outcome).toEqual({ calls: 1, code: 'OK', body: pattern(1, i) });
  }
  // Never answered at all: the ids run out for nobody.
  const mute = createPair({ respond: () => undefined });
  bootBoth(mute);
  for (let i = 0; i < 600; i++) {
    const outcome = ask(mute.bridge, 3, pattern(1, i), 50);
    mute.scheduler.advance(60);
    expect(outcome.calls).toBe(1);
  }
  expect(late.calls).toBe(1);
});

test('an answer that comes when its id would be due again meets nobody', () => {
  for (let count = 250; count < 260; count++) {
    const replies: (() => void)[] = [];
    const pair = createPair({ baud: 0, respond: (_kind, body, reply) => void replies.push(() => reply('OK', body)) });
    bootBoth(pair);
    const late = ask(pair.bridge, 2, pattern(3, 1), 50);
    pair.scheduler.advance(60);
    expect(late.code).toBe('NO_ANSWER');
    for (let i = 1; i < count; i++) {
      const outcome = ask(pair.bridge, 2, pattern(2, i));
      pair.scheduler.advance(1);
      replies[i]!();
      pair.scheduler.advance(1);
      expect(outcome.code).toBe('OK');
    }
    const last = ask(pair.bridge, 2, pattern(1, 9));
    pair.scheduler.advance(1);
    replies[0]!();
    pair.scheduler.advance(1);
    expect([late.calls, last.calls]).toEqual([1, 0]);
    replies[count]!();
    pair.scheduler.advance(1);
    expect(last).toEqual({ calls: 1, code: 'OK', body: pattern(1, 9) });
  }
});

test('an answer of another kind is no answer, and a peer that never answers wears out no ids', () => {
  const end = lone(ROLE.terminal);
  end.link.start();
  end.feed(FRAME.hello, 0, HELLO_7);
  const codes: string[] = [];
  end.link.request(3, new Uint8Array(0), (code) => void codes.push(code), 1000);
  const acknowledge = (sequence: number) => end.feed(FRAME.ack, sequence & 255, [], 7);
  acknowledge(0);
  end.feed(FRAME.whole, 0, [0x82, 1, 0], 7);
  expect(codes).toEqual([]);
  end.feed(FRAME.whole, 1, [0x83, 1, 0], 7);
  expect(codes).toEqual(['OK']);
  for (let i = 1; i < 700; i++) {
    end.link.request(3, new Uint8Array(0), (code) => void codes.push(code), 10);
    acknowledge(i);
    end.scheduler.advance(20);
  }
  expect(codes.length).toBe(700);
  expect(new Set(codes.slice(1))).toEqual(new Set(['NO_ANSWER']));
});

test('a message of one frame does not wait for a deny list', () => {
  const pair = createPair();
  bootBoth(pair);
  const list = ask(pair.bridge, 3, pattern(4000, 1));
  pair.scheduler.advance(50);
  const short = ask(pair.bridge, 1, pattern(2, 2));
  const startMs = pair.scheduler.nowMs();
  pair.scheduler.runUntil(() => short.calls > 0, 10_000);
  expect(short).toEqual({ calls: 1, code: 'OK', body: pattern(2, 2) });
  expect(pair.scheduler.nowMs() - startMs).toBeLessThan(30);
  expect(list.calls).toBe(0);
  pair.scheduler.runUntil(() => list.calls > 0, 10_000);
  expect(list).toEqual({ calls: 1, code: 'OK', body: pattern(4000, 1) });
});

test('either side restarts at any moment: requests end, the other side hears of it, and both come up again', () => {
  for (const who of ['bridge', 'terminal'] as const) {
    const other = who === 'bridge' ? 'terminal' : 'bridge';
    for (let atMs = 0; atMs < 60; atMs += 3) {
      const pair = createPair();
      bootBoth(pair);
      const outcomes = [ask(pair[who], 1, pattern(100, 1)), ask(pair[other], 2, pattern(100, 2))];
      pair.scheduler.advance(atMs);
      pair.boot(who);
      pair.scheduler.advance(4000);
      expect([pair.bridge.link.up(), pair.terminal.link.up()]).toEqual([true, true]);
      expect(pair[other].downs).toEqual(['LINK_DOWN']);
      expect(pair[who].ups).toBe(2);
      for (const outcome of outcomes) {
        expect(outcome.calls).toBe(1);
        expect(outcome.code === 'OK' || outcome.code === 'LINK_DOWN').toBe(true);
      }
      const after = ask(pair[who], 3, pattern(50, 3));
      pair.scheduler.advance(1000);
      expect(after).toEqual({ calls: 1, code: 'OK', body: pattern(50, 3) });
    }
  }
});

test('a dead line ends requests in bounded time; without a session they end at once', () => {
  let dead = false;
  const pair = createPair({ fault: () => (dead ? () => [] : undefined) });
  bootBoth(pair);
  dead = true;
  const before = pair.writes.length;
  const outcome = ask(pair.terminal, 1, pattern(10, 1), 600_000);
  pair.scheduler.runUntil(() => outcome.calls > 0, 600_000);
  expect(outcome).toMatchObject({ calls: 1, code: 'LINK_DOWN' });
  expect(pair.scheduler.nowMs()).toBeLessThan(25_000);
  expect(pair.writes.length - before).toBe(SENDS_MAX + 1);
  expect(pair.terminal.downs).toEqual(['LINK_DOWN']);
  const next = ask(pair.terminal, 1, pattern(10, 1));
  pair.scheduler.advance(0);
  expect(next).toMatchObject({ calls: 1, code: 'LINK_DOWN' });
  dead = false;
  pair.scheduler.advance(3000);
  expect([pair.bridge.link.up(), pair.terminal.link.up()]).toEqual([true, true]);
});

test('stop ends the requests, and nothing is written or called any more', () => {
  const pair = createPair({ respond: () => undefined });
  bootBoth(pair);
  const outcome = ask(pair.bridge, 1, pattern(100, 1));
  pair.bridge.link.stop();
  expect(outcome).toMatchObject({ calls: 1, code: 'LINK_DOWN' });
  const writes = pair.writes.length;
  pair.terminal.link.stop();
  pair.scheduler.advance(60_000);
  expect(pair.writes.length).toBe(writes);
  expect(pair.bridge.downs).toEqual([]);
  expect(outcome.calls).toBe(1);
});

/** CRC of a frame in a session of these two numbers, XORed; of the handshake: 0. */
const crcOf = (session: number) => (bytes: Uint8Array) => (crc32(bytes) ^ session) >>> 0;
/** The lone end's number of its session. */
const OWN = 0xfeedbeef;

/** A lone end whose peer is written by hand, with number 7; CRC of the handshake is plain. */
function lone(role: number, sendsMax?: number) {
  const pair = createPair();
  const sent: Uint8Array[] = [];
  const downs: string[] = [];
  let requests = 0;
  const link = createLinkSession({
    role,
    ...(sendsMax ? { sendsMax } : {}),
    burstBytesMax: 64,
    clock: {
      setTimeout: (callback, delayMs) => pair.scheduler.setTimer(callback, delayMs),
      clearTimeout: (timer) => pair.scheduler.clearTimer(timer),
    },
    crc32: (bytes) => crc32(bytes),
    write: (bytes) => void sent.push(bytes),
    random32: () => OWN,
    onRequest: (_kind, _body, reply) => {
      requests++;
      reply('OK');
    },
    onUp: () => undefined,
    onDown: (code, version) => void downs.push(version ? `${code} ${version}` : code),
  });
  const feed = (type: number, sequence: number, payload: number[], theirs = 0) =>
    link.receive(encodeFrame({ type, sequence, payload: new Uint8Array(payload) }, crcOf(theirs && theirs ^ OWN)));
  return { link, sent, downs, feed, requests: () => requests, scheduler: pair.scheduler };
}
const HELLO_7 = [2, ROLE.bridge, 0, 0, 0, 64, 0, 0, 0, 7, 0, 0, 0, 0];

test('another version is named once, answered, and forgotten when the peer is updated', () => {
  const end = lone(ROLE.terminal);
  end.link.start();
  for (let i = 0; i < 5; i++) {
    const before = end.sent.length;
    end.feed(FRAME.hello, 0, [3, ROLE.bridge, 9, 9]);
    expect(end.sent.length).toBeGreaterThan(before);
    end.scheduler.advance(1000);
  }
  expect(end.downs).toEqual(['UPDATE_NEEDED 3']);
  expect(end.link.up()).toBe(false);
  expect(allCodes()).toContain('UPDATE_NEEDED');
  end.feed(FRAME.hello, 0, HELLO_7);
  expect(end.link.up()).toBe(true);
  end.feed(FRAME.helloAck, 0, [1, ROLE.bridge]);
  expect(end.downs).toEqual(['UPDATE_NEEDED 3', 'UPDATE_NEEDED 1']);
});

test('an echo of itself, a burst too small and a malformed HELLO are no peer', () => {
  const end = lone(ROLE.terminal);
  end.link.start();
  end.link.receive(end.sent[0]);
  end.feed(FRAME.hello, 0, [2, ROLE.terminal, ...HELLO_7.slice(2)]);
  end.feed(FRAME.hello, 0, [3, ROLE.terminal]);
  end.feed(FRAME.hello, 0, [2, ROLE.bridge, 0, 0, 0, 47, ...HELLO_7.slice(6)]);
  end.feed(FRAME.hello, 0, HELLO_7.slice(0, 13));
  end.feed(FRAME.hello, 0, [...HELLO_7, 0]);
  end.feed(FRAME.hello, 0, [2]);
  end.feed(FRAME.hello, 0, []);
  expect([end.link.up(), end.sent.length, end.downs]).toEqual([false, 1, []]);
});

test('a frame of another session is no frame', () => {
  const end = lone(ROLE.terminal);
  end.link.start();
  end.feed(FRAME.hello, 0, HELLO_7);
  end.feed(FRAME.whole, 0, [1, 1], 6);
  expect(end.requests()).toBe(0);
  end.feed(FRAME.whole, 0, [1, 1], 7);
  expect(end.requests()).toBe(1);
});

test('a message longer than the limit is refused, and the next is understood', () => {
  const end = lone(ROLE.terminal);
  end.link.start();
  end.feed(FRAME.hello, 0, HELLO_7);
  let sequence = 0;
  for (let sum = 0; sum <= 10 * MESSAGE_BYTES_MAX; sum += 30)
    end.feed(FRAME.part, sequence++ & 255, [1, 77, ...new Array(28).fill(5)], 7);
  end.feed(FRAME.last, sequence++ & 255, [1], 7);
  expect(end.requests()).toBe(0);
  const refusal = encodeFrame(
    { type: FRAME.whole, sequence: 0, payload: new Uint8Array([0x81, 77, allCodes().indexOf('BAD_REQUEST')]) },
    crcOf(7 ^ OWN),
  );
  expect(end.sent[end.sent.length - 1]).toEqual(refusal);
  end.feed(FRAME.whole, sequence & 255, [1, 1], 7);
  expect(end.requests()).toBe(1);
});

test('of a message that is too long no more than the limit is kept', () => {
  const kept: number[] = [];
  let running = 0;
  const clock = { setTimeout: () => ++running, clearTimeout: () => undefined };
  const transport = createLinkTransport({
    ...{
      role: ROLE.terminal,
      burstBytesMax: 64,
      clock,
      crc32: (bytes) => crc32(bytes),
      write: () => undefined,
      random32: () => OWN,
      onUp: () => undefined,
      onDown: () => undefined,
    },
    urgentAbove: 127,
    onMessage: (message, cut) => void kept.push(cut ? -message.length : message.length),
  });
  transport.start();
  const feed = (type: number, sequence: number, payload: Uint8Array, session: number) =>
    transport.receive(encodeFrame({ type, sequence: sequence & 255, payload }, crcOf(session)));
  feed(FRAME.hello, 0, Uint8Array.from(HELLO_7), 0);
  for (let i = 0; i < 300; i++) feed(FRAME.part, i, new Uint8Array(30), 7 ^ OWN);
  feed(FRAME.last, 300, new Uint8Array(30), 7 ^ OWN);
  feed(FRAME.part, 301, new Uint8Array(30), 7 ^ OWN);
  feed(FRAME.last, 302, new Uint8Array(5), 7 ^ OWN);
  expect(kept).toEqual([-MESSAGE_BYTES_MAX, 35]);
});

test('an answer that comes after its session answers nobody in the next one', () => {
  const replies: (() => void)[] = [];
  const pair = createPair({ respond: (_kind, body, reply) => void replies.push(() => reply('OK', body)) });
  bootBoth(pair);
  ask(pair.terminal, 1, pattern(4, 1));
  pair.scheduler.advance(100);
  pair.boot('terminal');
  pair.scheduler.advance(3000);
  const second = ask(pair.terminal, 1, pattern(4, 2)); // the same id again
  pair.scheduler.advance(100);
  expect(replies.length).toBe(2);
  replies[0]!();
  pair.scheduler.advance(100);
  expect(second.calls).toBe(0);
  replies[1]!();
  pair.scheduler.advance(100);
  expect(second).toEqual({ calls: 1, code: 'OK', body: pattern(4, 2) });
});

test('a peer that asks without end and never acknowledges takes bounded room', () => {
  const end = lone(ROLE.terminal);
  end.link.start();
  end.feed(FRAME.hello, 0, HELLO_7);
  for (let i = 0; i < 10_000; i++) end.feed(FRAME.whole, i & 255, [1, i & 255], 7);
  expect(end.requests()).toBe(20);
  end.scheduler.advance(25_000);
  expect(end.downs).toEqual(['LINK_DOWN']);
});

test('a burst too small is misuse, and so is a message too long', () => {
  expect(() => createPair({ bursts: [47, 64] }).boot('bridge')).toThrow(RangeError);
  const pair = createPair();
  bootBoth(pair);
  expect(() => ask(pair.bridge, 1, new Uint8Array(MESSAGE_BYTES_MAX - 1))).toThrow(RangeError);
});

test('who talks to a board bears a silence of 40 s, and no endless one', () => {
  const end = lone(ROLE.terminal, SENDS_TO_BOARD_MAX);
  end.link.start();
  end.feed(FRAME.hello, 0, HELLO_7);
  end.feed(FRAME.whole, 0, [1, 0], 7);
  end.scheduler.advance(40_000);
  expect(end.downs).toEqual([]);
  end.scheduler.advance(10_000);
  expect(end.downs).toEqual(['LINK_DOWN']);
});
