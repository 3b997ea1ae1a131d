/**
 * One attempt at a board, which ends at once when its cable is pulled or somebody presses Ctrl-C, whatever is waited
 * for.
 */
import { failure, type TapcashError } from '../../host-bridge/base/errors.js';
import type { SerialDevice } from '../../host-bridge/serial/device.js';

export interface Attempt {
  /**
   * Waits for something of this attempt.
   * @throws TapcashError LINK_LOST, INTERRUPTED as soon as the attempt has ended
   */
  run<T>(work: Promise<T>): Promise<T>;
  /** Ends the attempt when this device is lost; what the device told before is told still. */
  watch(device: SerialDevice): void;
  /** Rests. */
  wait(ms: number): Promise<void>;
}

/** Begins an attempt. @param signal aborted by Ctrl-C */
export function createAttempt(signal?: AbortSignal): Attempt {
  let end: (why: TapcashError) => void;
  const ended = new Promise<never>((_, reject) => (end = reject));
  ended.catch(() => undefined); // each `run` tells it
  const interrupt = () => end(failure('INTERRUPTED'));
  if (signal?.aborted) interrupt();
  else signal?.addEventListener('abort', interrupt, { once: true });

  const run = <T>(work: Promise<T>): Promise<T> => {
    work.catch(() => undefined); // it may fail long after the attempt has ended
    return Promise.race([ended, work]);
  };
  return {
    run,
    watch(device) {
      const before = device.onLost;
      device.onLost = (why) => {
        end(why);
        before?.(why);
      };
    },
    wait: (ms) => run(new Promise((resolve) => setTimeout(resolve, ms))),
  };
}
