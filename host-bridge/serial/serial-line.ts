/**
 * An emulated serial cable: bytes written at one end arrive at the other after the time that the baud rate takes.
 *
 * Bytes travel as Espruino has them, in strings of character codes 0 to 255. Each write arrives as one string, in
 * order.
 */
import type { Scheduler, Timer } from '../base/scheduler.js';

/**
 * What an ESP32 does with bytes that have come: a task takes them from its UARTs now and then, and hands them to the
 * interpreter in events (targets/esp32/jshardwareUart.c). Of the console's port it first waits for the end of what
 * comes.
 */
export interface SerialTask {
  pollMs: number;
  afterSilence: boolean;
}

/** Most bytes in one event (src/jsdevices.h, IOEVENT_MAX_LEN). */
const EVENT_BYTES_MAX = 64;

/** One end of a cable. */
export interface SerialEnd {
  /** Sends character codes 0..255. */
  write(data: string): void;
  /** Bits a second of this end's UART, where it has told; bytes to an end at another rate are lost. */
  baud?: number;
  /** What brings bytes to the receiver; without it each write comes as one string, at its last byte. */
  task?: SerialTask;
  /** The one receiver of this end; until it is set, bytes are lost, as on a UART nobody has opened. */
  onData: ((data: string) => void) | null;
}

export interface SerialLine {
  a: SerialEnd;
  b: SerialEnd;
  /** Bits a second, both ways; 10 bits a byte. */
  baud: number;
  /** False while the cable is pulled: bytes vanish. */
  connected: boolean;
}

/** The bytes that have come to `to` since its task looked last. */
function createTaskQueue(scheduler: Scheduler, to: SerialEnd) {
  let waiting = '';
  let timer: Timer | null = null;
  let task: SerialTask | undefined;
  let fromMs = 0;

  /**
   * The first poll at `ms` or later; polls go on from the first byte after a start, as nothing is known of their phase.
   */
  function pollAfterMs(ms: number): number {
    const { pollMs } = to.task!;
    if (task !== to.task) fromMs = ms;
    task = to.task;
    return fromMs + Math.ceil((ms - fromMs) / pollMs) * pollMs;
  }

  function deliver(): void {
    const data = waiting;
    waiting = '';
    timer = null;
    for (let at = 0; at < data.length; at += EVENT_BYTES_MAX) to.onData?.(data.slice(at, at + EVENT_BYTES_MAX));
  }
  return {
    add(part: string): void {
      const { pollMs, afterSilence } = to.task!;
      waiting += part;
      if (timer && !afterSilence) return;
      if (timer) scheduler.clearTimer(timer);
      timer = scheduler.setTimer(deliver, afterSilence ? pollMs : pollAfterMs(scheduler.nowMs()) - scheduler.nowMs());
    },
    /**
     * How many of the bytes that end at startMs + byteMs, startMs + 2 byteMs ... come by the same poll as the one after
     * `at`.
     */
    together(at: number, startMs: number, byteMs: number): number {
      if (byteMs === 0) return Infinity;
      // Few, so that no silence is seen between the first and the last of a write.
      if (to.task!.afterSilence) return Math.ceil(to.task!.pollMs / byteMs / 4);
      return Math.max(1, Math.floor((pollAfterMs(startMs + (at + 1) * byteMs) - startMs) / byteMs) - at);
    },
  };
}

/** Makes a cable. `baud` 0 means that bytes take no time. */
export function createSerialLine(scheduler: Scheduler, baud = 115200): SerialLine {
  const line = { baud, connected: true } as SerialLine;
  function end(): SerialEnd {
    return { write: () => undefined, onData: null };
  }
  line.a = end();
  line.b = end();
  for (const [from, to] of [
    [line.a, line.b],
    [line.b, line.a],
  ]) {
    const queue = createTaskQueue(scheduler, to);
    let freeMs = 0;
    from.write = (data) => {
      const startMs = Math.max(scheduler.nowMs(), freeMs);
      const byteMs = line.baud > 0 ? 10_000 / line.baud : 0;
      freeMs = startMs + data.length * byteMs;
      for (let at = 0; at < data.length;) {
        const part = data.slice(at, at + (to.task ? queue.together(at, startMs, byteMs) : Infinity));
        at += part.length;
        // At a time and not after a delay: real time goes on between two looks at the clock, and a part whose delay was
        // taken a little later would be overtaken by the next one.
        scheduler.setTimerAt(
          () => {
            const heard = from.baud === undefined || to.baud === undefined || from.baud === to.baud;
            if (!line.connected || !heard) return;
            if (to.task) queue.add(part);
            else to.onData?.(part);
          },
          startMs + at * byteMs,
        );
      }
    };
  }
  return line;
}
