/**
 * What else a role's modules take from a board, on Node: time, random bytes, a display that nobody reads, and the
 * firmware's own cryptography over Node's natives.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../firmware/core/clock.js';
import type { Natives } from '../../firmware/core/crypto-natives.js';
import { createCurveParts, type CurveParts } from '../../firmware/crypto/curve-parts.js';
import { createNonceMaker, type NonceMaker } from '../../firmware/crypto/nonce-maker.js';
import { createScalars } from '../../firmware/crypto/scalar.js';
import { createSigner, type Signer } from '../../firmware/crypto/signer.js';
import { drawNothing, type Display } from '../../firmware/panel/display.js';
import type { Indicator } from '../../firmware/panel/indicator.js';
import { baseTable } from '../../flash-scripts/provision/board-files.js';
import { createHostNatives } from '../base/crypto/node-natives.js';
import type { Scheduler, Timer } from '../base/scheduler.js';

/** Random bytes of the operating system. */
export const drawBytes = (count: number): Uint8Array => new Uint8Array(randomBytes(count));

/** A board's clock on a scheduler. */
export function clockOf(scheduler: Scheduler): Clock {
  return {
    setTimeout: (callback, delayMs) => scheduler.setTimer(callback, delayMs),
    clearTimeout: (timer: Timer) => scheduler.clearTimer(timer),
    nowMs: () => scheduler.nowMs(),
  };
}

/** A scheduler that ends with its board: as when power goes, nothing runs after `end`. */
export interface EndingScheduler extends Scheduler {
  end(): void;
  ended(): boolean;
}

/** Makes one; what a callback throws ends it, too. @param onFault told once of that */
export function endingScheduler(
  scheduler: Scheduler,
  onFault: (thrown: unknown) => void = () => undefined,
): EndingScheduler {
  const running = new Set<Timer>();
  let ended = false;
  function end(): void {
    ended = true;
    for (const timer of running) scheduler.clearTimer(timer);
    running.clear();
  }
  function add(callback: () => void, make: (run: () => void) => Timer): Timer {
    const timer = make(() => {
      running.delete(timer);
      if (ended) return;
      try {
        callback();
      } catch (thrown) {
        end();
        onFault(thrown);
      }
    });
    running.add(timer);
    return timer;
  }
  return {
    nowMs: () => scheduler.nowMs(),
    setTimer: (callback, delayMs) => add(callback, (run) => scheduler.setTimer(run, delayMs)),
    setTimerAt: (callback, dueMs) => add(callback, (run) => scheduler.setTimerAt(run, dueMs)),
    clearTimer(timer) {
      running.delete(timer);
      scheduler.clearTimer(timer);
    },
    end,
    ended: () => ended,
  };
}

/** A display whose lines go to whoever asks for them. */
export function displayTo(onLines: (lines: string[]) => void = () => undefined): Display {
  return { show: onLines, draw: drawNothing, broken: () => false };
}

/** Neither LED nor buzzer. */
export const SILENT_INDICATOR: Indicator = {
  play: () => undefined,
  blink: () => undefined,
  announce: () => undefined,
  stop: () => undefined,
};

/** What makes keys, nonces and signatures as a board does. */
export interface SoftCrypto {
  natives: Natives;
  curve: CurveParts;
  maker: NonceMaker;
  signer: Signer;
}

/** Makes it; the table of the base point takes some 100 ms, once a process. */
export function createSoftCrypto(): SoftCrypto {
  const natives = createHostNatives({ checked: false });
  const scalars = createScalars(natives);
  const curve = createCurveParts(natives, scalars, baseTable());
  return { natives, curve, maker: createNonceMaker(natives, curve), signer: createSigner(natives, scalars) };
}
