/** Time for what is emulated: the real scheduler keeps the order of the virtual one, whatever Node's timers do. */
import {
  createRealScheduler,
  createVirtualScheduler,
  type Scheduler,
  type Timer,
} from '../../host-bridge/base/scheduler.js';
import { createSerialLine, type SerialEnd } from '../../host-bridge/serial/serial-line.js';
import { seededRandom } from '../kit/random.js';
import { replaceNodeTimers } from './node-timers-rig.js';

/** Delays that Node puts in queues of different kinds, and on both sides of each border. */
const DELAYS_MS = [0, 0.02, 0.087, 0.5, 0.99, 1, 1.01, 1.9, 2, 2.5, 3, 5, 5.9, 10, 40, -1];
/** Bits a second; 0 takes no time. */
const BAUDS = [0, 9600, 115200, 460800];
const WRITES = 100_000;

let node: ReturnType<typeof replaceNodeTimers> | undefined;
let random: () => number;

beforeEach(() => {
  random = seededRandom(1);
  node = replaceNodeTimers(random);
});

afterEach(() => node!.restore());

const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)];

test('events run in order of time, and of scheduling where times are equal, never before their time', () => {
  const scheduler = createRealScheduler();
  const waiting = new Map<number, number>();
  let scheduled = 0;
  let lastMs = 0;
  let early = 0;
  let overtaken = 0;

  function schedule(): void {
    const id = scheduled++;
    const timer: Timer = scheduler.setTimer(() => {
      waiting.delete(id);
      if (timer.dueMs > scheduler.nowMs()) early++;
      if (timer.dueMs < lastMs) overtaken++;
      lastMs = timer.dueMs;
      for (let i = 0; i < 2 && scheduled < WRITES && random() < 0.55; i++) schedule();
    }, pick(DELAYS_MS));
    waiting.set(id, timer.dueMs);
  }
  while (scheduled < WRITES) {
    node!.turn(() => {
      for (let i = 0; i < 20; i++) {
        schedule();
        if (random() < 0.1) node!.spend(4 * random());
      }
    });
  }
  while (node!.turn());
  expect([early, overtaken, waiting.size]).toEqual([0, 0, 0]);
});

test('what is scheduled for one time runs in order of scheduling, and a passed time means now', () => {
  const scheduler = createRealScheduler();
  const order: string[] = [];
  node!.spend(100);
  scheduler.setTimerAt(() => order.push('later'), 150);
  scheduler.setTimerAt(() => order.push('same, first'), 120);
  scheduler.setTimerAt(() => order.push('same, second'), 120);
  scheduler.setTimer(() => order.push('now'), 0);
  scheduler.setTimerAt(() => order.push('passed'), 10);
  while (node!.turn());
  expect(order).toEqual(['now', 'passed', 'same, first', 'same, second', 'later']);
});

test('a cleared event does not run, and the loop ends when none is left', () => {
  const scheduler = createRealScheduler();
  const ran: number[] = [];
  const timers = [0, 0, 5, 5, 50, 50].map((ms, i) => scheduler.setTimer(() => ran.push(i), ms));
  for (const i of [0, 2, 4]) scheduler.clearTimer(timers[i]);
  while (node!.turn());
  expect(ran).toEqual([1, 3, 5]);
  scheduler.clearTimer(scheduler.setTimer(() => ran.push(9), 10_000));
  expect(node!.turn()).toBe(false);
  // One that ran is nothing to clear.
  timers.forEach(scheduler.clearTimer);
  expect(node!.turn()).toBe(false);
});

test('a callback that throws does not keep the others from running', () => {
  const scheduler = createRealScheduler();
  const ran: string[] = [];
  scheduler.setTimer(() => {
    throw new Error('of the callback');
  }, 0);
  scheduler.setTimer(() => ran.push('the next'), 0);
  scheduler.setTimer(() => ran.push('a later one'), 20);
  expect(() => node!.turn(() => undefined)).toThrow('of the callback');
  while (node!.turn());
  expect(ran).toEqual(['the next', 'a later one']);
});

test('a delay longer than Node can wait is waited for', () => {
  const scheduler = createRealScheduler();
  let ranMs = 0;
  scheduler.setTimer(() => (ranMs = scheduler.nowMs()), 2 ** 32);
  for (let turns = 0; turns < 10; turns++) node!.turn();
  expect(ranMs).toBeGreaterThanOrEqual(2 ** 32);
});

/** Writes numbers both ways, in bursts and in answers to what came, and counts those that come in another order. */
function overtakings(scheduler: Scheduler, turn: (poll?: () => void) => boolean, baud: number, writes: number) {
  const line = createSerialLine(scheduler, baud);
  let written = 0;
  let came = 0;
  let overtaken = 0;
  const ends = [line.a, line.b].map((end) => ({ end, sent: 0, heard: 0, open: '' }));
  const write = (side: { end: SerialEnd; sent: number }) => {
    side.end.write(`${side.sent++}${'.'.repeat(Math.floor(random() * 4) * Math.floor(random() * 20))};`);
    written++;
  };
  ends.forEach((side, i) => {
    side.end.onData = (data) => {
      const other = ends[1 - i];
      const parts = (side.open + data).split(';');
      side.open = parts.pop()!;
      for (const part of parts) {
        came++;
        if (Number.parseInt(part, 10) !== side.heard) overtaken++;
        side.heard = Number.parseInt(part, 10) + 1;
      }
      if (written < writes && random() < 0.4) write(side);
      if (written < writes && random() < 0.1) write(other);
    };
  });
  while (written < writes) {
    turn(() => {
      for (let i = 0; i < 4 && written < writes; i++) {
        write(pick(ends));
        if (random() < 0.2) node!.spend(random());
      }
    });
  }
  while (turn());
  return { overtaken, lost: written - came };
}

test.each(BAUDS)('no write on a serial line overtakes another, at %i baud', (baud) => {
  expect(overtakings(createRealScheduler(), node!.turn, baud, WRITES / BAUDS.length)).toEqual({
    overtaken: 0,
    lost: 0,
  });
});

test.each(BAUDS)('nor in virtual time, at %i baud', (baud) => {
  const scheduler = createVirtualScheduler();
  const turn = (poll?: () => void) => {
    poll?.();
    return scheduler.step() || poll !== undefined;
  };
  expect(overtakings(scheduler, turn, baud, 5000)).toEqual({ overtaken: 0, lost: 0 });
});
